/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Timers in the order of their deadlines: a binary heap.  Not thread-safe. */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "core/abi.h"
#include <kgent/jobs.h>

#include <pthread.h>
#include <stdint.h>

#define TIMER_MAGIC 0x54494d45u
#define TIMER_OUT UINT32_MAX /* not in the heap */

struct kg_timer {
  uint32_t magic;
  uint32_t place;   /* in the heap, or TIMER_OUT */
  int64_t deadline; /* monotonic ns */
  int64_t period;   /* ns between a return and the next run; 0: once */
  kg_self *self;       /* whose it is */
  void (*fn) (void *arg);
  void *arg;
  struct jobs *jobs;
  int running;
  int again; /* kicked while it ran */
  int cancelled;
  pthread_t runner; /* while running */
};

struct timer_heap {
  kg_timer **items;
  uint32_t count, size;
};

/* Makes room for `count` timers, so that timer_add cannot fail; -ENOMEM. */
int32_t timer_reserve (struct timer_heap *heap, uint32_t count);

void timer_add (struct timer_heap *heap, kg_timer *timer);

/* Does nothing for a timer that is not in it. */
void timer_remove (struct timer_heap *heap, kg_timer *timer);

/* The one with the earliest deadline; NULL when empty. */
kg_timer *timer_first (const struct timer_heap *heap);

/* Frees the array, not the timers. */
void timer_finish (struct timer_heap *heap);

#endif
