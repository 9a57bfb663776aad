/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The lane of changes: one at a time in this process, and one at a time among all
 * processes on the store, because each replaces the audit log's head.  Such as have nothing
 * to do with each other, many tenants' tiers, go into one write while they wait: each with
 * its own audit record.
 *
 * A change reads what is there, writes what shall be, with its audit record, in
 * one transaction, makes sure that it is in force here, and only then is answered.
 * When somebody else was faster it begins again. */
#ifndef AUTH_CHANGE_H
#define AUTH_CHANGE_H

#include "plugins/auth/admin.h"

#define LANE_MAX    320 /* changes that may wait */
#define LANE_APART  256 /* such as go together may: an operator's has room behind them */
#define GROUP_MAX   128 /* changes of one write */
#define CHANGE_DONE 0
#define CHANGE_GOES 1 /* there is something to write */

struct lane {
  pthread_mutex_t lock;
  struct task *first, **last; /* who waits */
  uint32_t count;             /* those at work included */
  int32_t busy;               /* 1: somebody is at work, whose is: */
  struct task *work;
};

/* What struct auth has of the operator's routes. */
struct admin {
  struct lane lane;
  kg_bucket *audit_bucket;
  kg_log *audit_log;
  kg_component *component;
};

void lane_init (struct lane *lane);
void lane_finish (struct lane *lane);

/* [worker] Suspends the request and puts the change into the lane.  `build` is
 * called on a job's thread, again after each time that somebody was faster: it
 * reads, refuses or adds operations, sets the answer, and returns CHANGE_GOES, or
 * CHANGE_DONE when nothing changes or it refused, or a negative errno.  Takes the
 * task, which may be NULL, over. */
int32_t change_start (struct task *task, kg_req *req, int32_t (*build) (struct task *task));

/* [any] The same for a change without a request: 0, and `end` will be called; -EAGAIN when
 * too many wait, and the task is still the caller's. */
int32_t change_enter (struct task *task, int32_t (*build) (struct task *task));

/* Adds an operation: puts `value` where `revision` was.  Both are copied. */
void change_put (struct task *task, kg_bucket *bucket, const char *id, kg_str value,
                 uint64_t revision, change_force *force);

/* The members of two objects that differ, for `before` and `after` of the audit
 * record; 1 when there are any, 0, or -errno. */
int32_t change_differ (struct task *task, kg_str before, kg_str after);

/* Reads an entry into the task's memory: 0 or -errno. */
int32_t change_get (struct task *task, kg_bucket *bucket, const char *id, kg_str *ret_value,
                    uint64_t *ret_revision);

#endif
