/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.jobs/1: work off the event loops, and timers.
 *
 * A small pool of threads for work that may block.  Nothing here is durable:
 * what must survive a restart belongs into kg.store/1. */
#ifndef KGENT_JOBS_H
#define KGENT_JOBS_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_JOBS "kg.jobs/1"

typedef struct kg_timer kg_timer;

struct kg_jobs {
  uint32_t size;
  uint32_t reserved;

  /* [any] Runs fn (arg) on a pool thread, once.  -EAGAIN when 4,096 jobs wait,
   * -ESHUTDOWN after stop began.  Since 1.0. */
  int32_t (*run) (kg_self *self, void (*fn) (void *arg), void *arg);

  /* [any] Runs fn (arg) on a pool thread after `delay_ms`, then, when
   * `period_ms` is not 0, again and again: `period_ms` after each return, never
   * twice at a time.  The timer is the caller's until `cancel`.  Since 1.0. */
  int32_t (*timer) (kg_self *self, uint32_t delay_ms, uint32_t period_ms,
                    void (*fn) (void *arg), void *arg, kg_timer **ret);

  /* [any] Ends a timer and gives it up; waits for a run under way, except when
   * called from inside it.  NULL is allowed.  Since 1.0. */
  void (*cancel) (kg_timer *timer);

  /* [any] Makes a periodic timer run now (or again, when it is running).
   * Since 1.0. */
  void (*kick) (kg_timer *timer);
};

#ifdef __cplusplus
}
#endif

#endif
