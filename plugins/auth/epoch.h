/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* When may that be freed which a worker without a lock could still be looking at?
 *
 * A worker reads shared structures between epoch_enter and epoch_leave, inside one
 * hook.  What was taken out of a structure is freed once every worker that was
 * inside then has left. */
#ifndef AUTH_EPOCH_H
#define AUTH_EPOCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define EPOCH_WORKERS 256 /* as many as the host has at most */

/* First member of what is retired. */
struct epoch_item {
  struct epoch_item *next;
  uint64_t tag;
  void (*destroy) (struct epoch_item *item);
};

struct epoch_worker {
  _Alignas (64) _Atomic uint64_t at; /* when it entered; 0: it is not inside */
};

struct epochs {
  _Alignas (64) _Atomic uint64_t now; /* > 0 */
  pthread_mutex_t lock;
  struct epoch_item *retired; /* newest first */
  struct epoch_worker worker[EPOCH_WORKERS];
};

void epochs_init (struct epochs *epochs); /* zeroed otherwise */
void epochs_finish (struct epochs *epochs); /* frees what is retired; nobody may be inside */

static inline void
epoch_enter (struct epochs *e, uint32_t worker)
{
  uint64_t now = atomic_load_explicit (&e->now, memory_order_acquire);
  atomic_store (&e->worker[worker].at, now); /* before anything is read */
}

static inline void
epoch_leave (struct epochs *e, uint32_t worker)
{
  atomic_store_explicit (&e->worker[worker].at, 0, memory_order_release);
}

/* [any, not a worker] The item was taken out; it will be destroyed. */
void epoch_retire (struct epochs *epochs, struct epoch_item *item,
                   void (*destroy) (struct epoch_item *item));

/* [any, not a worker] The tag of what is taken out now. */
uint64_t epoch_tag (struct epochs *epochs);

/* [any, not a worker] Destroys what nobody can look at; what is tagged with less than
 * is returned nobody can look at either. */
uint64_t epoch_sweep (struct epochs *epochs);

#endif
