/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.routes/1: what this host serves, and how it is.
 *
 * For plugins that describe or watch the host itself: an API document, a list
 * of plugins, probes.  All of it is read-only, and cheap enough for a request
 * thread. */
#ifndef KGENT_ROUTES_H
#define KGENT_ROUTES_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_ROUTES "kg.routes/1"

/* A loaded plugin, as it described itself.  Since 1.0. */
struct kg_plugin_view {
  uint32_t size;
  uint32_t abi;        /* what it was built for, KG_ABI (1, n) */
  const char *name;
  const char *version;
  const char *summary; /* "" without */
};

/* The host as of now; the caller fills `size`.  Since 1.0. */
struct kg_host_view {
  uint32_t size;
  uint32_t abi;        /* what it speaks */
  const char *name;    /* "kgentd" */
  const char *version;
  int64_t started_ns;  /* since the epoch, UTC; 0 until it serves */
  int32_t draining;    /* 1 from the signal to stop (or the handover) on */
  int32_t loopback;    /* 1 when only this machine can reach the public listener:
                          127.0.0.0/8, ::1 or a unix socket; known in open */
};

struct kg_routes {
  uint32_t size;
  uint32_t reserved;

  /* [any] Calls fn for each registered route, in the order of registration,
   * until it answers other than 0; returns that.  `plugin` is the name of its
   * owner.  Routes are complete once `start` is called, and what fn gets stays
   * valid until close.  Since 1.0. */
  int32_t (*routes) (kg_self *self,
                     int32_t (*fn) (const char *plugin, const struct kg_route *route, void *arg),
                     void *arg);

  /* [any] Calls fn for each loaded plugin, in the order of the configuration,
   * until it answers other than 0; returns that.  Since 1.0. */
  int32_t (*plugins) (kg_self *self, int32_t (*fn) (const struct kg_plugin_view *, void *arg),
                      void *arg);

  /* [any] Fills *ret up to ret->size; its texts stay valid until close.
   * -EINVAL when size is 0.  Since 1.0. */
  int32_t (*host) (kg_self *self, struct kg_host_view *ret);

  /* [any] 1 while every event loop of the host turns, else 0.  A few loads;
   * never looks at components.  Since 1.0. */
  int32_t (*live) (kg_self *self);

  /* [any] 1 while the host wants new requests: it is live, doesn't drain, and no
   * component that gates readiness is down, stale or starting.  Since 1.0. */
  int32_t (*ready) (kg_self *self);
};

#ifdef __cplusplus
}
#endif

#endif
