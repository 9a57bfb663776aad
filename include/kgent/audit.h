/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* audit/1: changes by operators, written together with a record of who made them.
 *
 * Provided by the plugin that keeps the audit log (auth), for those that have entries
 * of their own which operators change.  Changes are made one after the other, in all
 * processes on the store: what a build reads, and writes on condition of its revision,
 * is never half of somebody else's change. */
#ifndef KGENT_AUDIT_H
#define KGENT_AUDIT_H

#include <kgent/store.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_AUDIT "audit/1"

#if KG_ABI_TARGET >= KG_ABI (1, 1)

#define KG_AUDIT_OPS 4 /* operations of one change, at most.  Since 1.1. */

/* A change in the making; all that it points to is the builder's, and is read before the
 * call that made it returns, or is asked for again.  Since 1.1. */
struct kg_audit_change {
  uint32_t size;
  uint32_t nops;
  const struct kg_op *ops; /* none of them an ACK                                */
  uint32_t op_size;        /* sizeof (struct kg_op), as the builder knows it      */
  uint32_t reserved;
  const char *action;      /* "grant.create"                                     */
  const char *target;      /* whose id                                           */
  kg_str before, after;    /* JSON objects; ptr NULL: null                       */
};

struct kg_audit {
  uint32_t size;
  uint32_t reserved;

  /* [any] Makes a change.  `build` is called on a job's thread, again after each time
   * that somebody was faster: it answers 1 and *ret, or 0 when there is nothing to change,
   * or a negative errno.  `done` is called once, on any thread, and must not block: 0 when
   * the change is durable, or there was none; what build said; -ESTALE when others were
   * always faster; or what the disk said, and nothing was changed.  `actor` is the subject
   * of who asks, `key` the id of its key or NULL; both are copied.  -EAGAIN when too many
   * changes wait, -EINVAL, -ENOMEM: nothing was taken, `done` is not called.  Since 1.1. */
  int32_t (*change) (const char *actor, const char *key,
                     int32_t (*build) (struct kg_audit_change *ret, void *arg),
                     void (*done) (int32_t error, void *arg), void *arg);
};

#endif

#ifdef __cplusplus
}
#endif

#endif
