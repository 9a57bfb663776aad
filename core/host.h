/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One running host, and a plugin as the host sees it.
 *
 * Everything that the core knows hangs on struct host; there are no globals but
 * the logger.  A core service gets at its own part through the kg_self that its
 * caller passes. */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include "core/abi.h"
#include "core/settings.h"

#include <stdint.h>

struct catalog;
struct fetch;
struct health;
struct idempotency;
struct inners;
struct jobs;
struct metrics;
struct pipeline;
struct plugins;
struct router;
struct services;
struct store;
struct workers;

#define HOOKS_MAX 64 /* per phase */

/* A hook in the order of its phase. */
struct hook {
  struct kg_self *self;
  kg_fn *fn;
};

struct host {
  struct settings settings;
  const struct kg_host *table; /* what plugins get, core/table.c */
  struct services *services;
  struct plugins *plugins;
  struct router *router;
  struct pipeline *pipeline; /* its metrics, core/account.c */
  struct metrics *metrics;
  struct health *health;
  struct catalog *catalog;
  struct jobs *jobs;
  struct fetch *fetch;
  struct store *store;
  struct workers *workers;
  struct inners *inners;     /* requests without a connection */
  struct idempotency *idempotency; /* NULL: no route is KG_BILLABLE */
  struct hook hooks[KG_PHASE_LOG + 1][HOOKS_MAX];
  uint32_t nhooks[KG_PHASE_LOG + 1];
  uint32_t nplugins;
  int32_t starting; /* 1 while plugins start: they may add metrics and components */
};

#define SELF_MAGIC 0x53454c46u

/* A loaded plugin.  The core registers itself as one too ("core", index 0), so
 * that it can own routes, metrics and components. */
struct kg_self {
  uint32_t magic;
  uint32_t index;              /* of its slot in every request */
  uint32_t flags;              /* KG_SERIAL */
  int32_t opening;             /* 1 while its open runs: [open] functions are allowed */
  int32_t stopped;             /* atomic; 1 from stop on: functions are -ESHUTDOWN */
  const char *name;
  struct host *host;
  void *data;                  /* what open returned */
  struct serial *serial;       /* the lock of KG_SERIAL, or NULL */
  struct kg_fields *fields;    /* all sets of header names that it has made */
};

#endif
