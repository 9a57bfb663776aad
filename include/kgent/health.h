/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.health/1: components and their states, pushed with a shelf life.
 *
 * The owner of a component sets its state from any thread whenever it learns
 * something; a probe only reads what was last set and never calls a plugin.  A
 * state that outlived its shelf life reads as down, "stale". */
#ifndef KGENT_HEALTH_H
#define KGENT_HEALTH_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_HEALTH "kg.health/1"

typedef struct kg_component kg_component;

/* States.  Since 1.0.   shown by /health as ... */
#define KG_HEALTH_OK         0 /* "ok"                                           */
#define KG_HEALTH_DEGRADED   1 /* "degraded: <detail>", works with less          */
#define KG_HEALTH_DOWN       2 /* "error: <detail>"                              */
#define KG_HEALTH_ABSENT     3 /* "not_configured"                               */
#define KG_HEALTH_STARTING   4 /* "starting"                                     */

/* Flags of a component.  Since 1.0. */
#define KG_HEALTH_READINESS 0x01u /* /readyz is 503 while it is down or starting  */
#define KG_HEALTH_ESSENTIAL 0x02u /* down makes the whole status "error", not
                                     "degraded"                                   */

/* What a walk sees; valid during the call.  Since 1.0. */
struct kg_health_view {
  uint32_t size;
  uint32_t flags;
  const char *name;
  const char *detail; /* "" without */
  const char *facts;  /* the JSON object last given to `facts`, or NULL           */
  int64_t age_ms;     /* since the last set; -1: never set                        */
  int32_t state;      /* KG_HEALTH_OK ..., staleness applied                      */
  int32_t stale;      /* 1 when the shelf life is over                            */
};

struct kg_health {
  uint32_t size;
  uint32_t reserved;

  /* [open], since 1.1 in `start`, too.  Adds a component in state STARTING.  The name is
   * copied, [a-z0-9_], unique: -EEXIST.  Since 1.0. */
  int32_t (*add) (kg_self *self, const char *name, uint32_t flags, kg_component **ret);

  /* [any] Sets state and detail; `ttl_ms` is the shelf life, 0: for ever.
   * Since 1.0. */
  void (*set) (kg_component *c, int32_t state, uint32_t ttl_ms, const char *detail, ...)
      KG_PRINTF (4, 5);

  /* [any] Attaches a JSON object with figures, at most 1,024 bytes; copies.
   * Since 1.0. */
  int32_t (*facts) (kg_component *c, const char *json, size_t len);

  /* [any] Calls fn for each component in the order of adding, until it answers
   * other than 0; returns that.  Since 1.0. */
  int32_t (*walk) (kg_self *self, int32_t (*fn) (const struct kg_health_view *, void *arg),
                   void *arg);
};

#ifdef __cplusplus
}
#endif

#endif
