/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The requests of one worker that wait for the committer: a queue with one
 * producer (the worker) and one consumer (the committer).
 *
 * A waiter's record is in the worker's ring; or, when that was full, here. */
#ifndef CORE_WAITERS_H
#define CORE_WAITERS_H

#include "core/abi.h"

#include <stdatomic.h>
#include <stdint.h>

#define WAITERS_MAX 8192u /* per worker; a power of two */

struct waiter {
  kg_ticket *ticket;
  uint64_t sequence; /* of its record */
  char *data;        /* malloc'ed; NULL: the record is in the ring */
  uint32_t len, log;
  int64_t time_ns;
  _Atomic uint32_t state; /* with data: RING_LIVE, ... */
};

struct waiters {
  struct waiter *slot;
  _Alignas(64) _Atomic uint64_t head; /* ever pushed; the producer's   */
  uint64_t spilled;                   /* of these, with data           */
  _Alignas(64) _Atomic uint64_t tail; /* ever taken; the consumer's    */
  _Atomic uint64_t unspilled;         /* of these, with data           */
};

/* [producer] The slot to fill in, or NULL when there is none. */
static inline struct waiter *
waiters_slot (struct waiters *w)
{
  uint64_t head = atomic_load_explicit (&w->head, memory_order_relaxed);
  if (head - atomic_load_explicit (&w->tail, memory_order_acquire) >= WAITERS_MAX)
    return NULL;
  return &w->slot[head & (WAITERS_MAX - 1)];
}

/* [producer] Hands the filled slot over; returns its place. */
static inline uint64_t
waiters_push (struct waiters *w)
{
  uint64_t head = atomic_load_explicit (&w->head, memory_order_relaxed);
  atomic_store_explicit (&w->head, head + 1, memory_order_release);
  return head;
}

/* [producer] Whether records wait outside of the ring: later ones must, too. */
static inline int
waiters_spilling (struct waiters *w)
{
  return w->spilled != atomic_load_explicit (&w->unspilled, memory_order_acquire);
}

/* [producer] The waiter at a place, or NULL when the consumer is done with it. */
static inline struct waiter *
waiters_at (struct waiters *w, uint64_t place)
{
  if (place < atomic_load_explicit (&w->tail, memory_order_acquire))
    return NULL;
  return &w->slot[place & (WAITERS_MAX - 1)];
}

#endif
