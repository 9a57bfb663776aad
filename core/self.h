/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin as the host sees it: its making, and the calling of its hooks. */
#ifndef CORE_SELF_H
#define CORE_SELF_H

#include "core/blame.h"
#include "core/host.h"

#include <pthread.h>

/* The lock of a KG_SERIAL plugin. */
struct serial {
  pthread_mutex_t lock;
};

/* Takes the next index of the host (host->nplugins grows).  The name must
 * outlive it.  NULL without memory. */
struct kg_self *self_create (struct host *host, const char *name, uint32_t flags);

/* Accepts NULL. */
void self_destroy (struct kg_self *self);

static inline void
self_lock (struct kg_self *self)
{
  if (self->serial)
    pthread_mutex_lock (&self->serial->lock);
}

static inline void
self_unlock (struct kg_self *self)
{
  if (self->serial)
    pthread_mutex_unlock (&self->serial->lock);
}

/* Runs a hook, handler or continuation: attributed, and one at a time where the
 * plugin wants it so.  `arg` is self->data, or a continuation's own. */
static inline int32_t
self_call (struct kg_self *self, kg_fn *fn, kg_req *req, void *arg, const char *route,
           const char *request)
{
  int32_t verdict;
  blame_set (self, route, request);
  self_lock (self);
  verdict = fn (req, arg);
  self_unlock (self);
  blame_clear ();
  return verdict;
}

#endif
