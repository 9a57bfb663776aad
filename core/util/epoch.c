/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/util/epoch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Orders a store before later loads.  ThreadSanitizer doesn't know fences; the
 * happens-before that it checks comes from the acquire and release pairs. */
#if defined __SANITIZE_THREAD__
#define epoch_fence() ((void) 0)
#else
#define epoch_fence() atomic_thread_fence (memory_order_seq_cst)
#endif

int
epoch_init (struct epoch *e, uint32_t nslots)
{
  size_t bytes = sizeof (struct epoch_slot) * (nslots ? nslots : 1);
  memset (e, 0, sizeof *e);
  e->slots = aligned_alloc (64, bytes);
  if (!e->slots)
    return -ENOMEM;
  memset (e->slots, 0, bytes);
  e->nslots = nslots;
  atomic_init (&e->now, 1);
  e->last = &e->first;
  return 0;
}

static void
epoch_free (struct epoch_item *item)
{
  free (item);
}

void
epoch_finish (struct epoch *e)
{
  struct epoch_item *item = e->first, *next;
  for (; item; item = next) {
    next = item->next;
    epoch_free (item);
  }
  free (e->slots);
  memset (e, 0, sizeof *e);
}

void
epoch_quiescent (struct epoch *e, uint32_t slot)
{
  _Atomic uint64_t *seen = &e->slots[slot].seen;
  uint64_t now = atomic_load_explicit (&e->now, memory_order_acquire);
  uint64_t old = atomic_load_explicit (seen, memory_order_relaxed);
  if (old == now)
    return;
  if (old) { /* still online: a smaller number only delays the writer */
    atomic_store_explicit (seen, now, memory_order_release);
    return;
  }
  atomic_exchange_explicit (seen, now, memory_order_seq_cst);
  epoch_fence ();
}

void
epoch_idle (struct epoch *e, uint32_t slot)
{
  atomic_store_explicit (&e->slots[slot].seen, 0, memory_order_release);
}

void
epoch_retire (struct epoch *e, struct epoch_item *item)
{
  item->next = NULL;
  item->tag = atomic_fetch_add_explicit (&e->now, 1, memory_order_seq_cst) + 1;
  *e->last = item;
  e->last = &item->next;
}

int
epoch_pending (const struct epoch *e)
{
  return e->first != NULL;
}

/* The oldest moment that a reader may still hold something of. */
static uint64_t
epoch_oldest (struct epoch *e)
{
  uint64_t oldest = UINT64_MAX;
  epoch_fence ();
  for (uint32_t i = 0; i < e->nslots; i++) {
    uint64_t seen = atomic_load_explicit (&e->slots[i].seen, memory_order_seq_cst);
    if (seen && seen < oldest)
      oldest = seen;
  }
  return oldest;
}

uint32_t
epoch_reclaim (struct epoch *e)
{
  uint32_t n = 0;
  uint64_t oldest;
  if (!e->first)
    return 0;
  oldest = epoch_oldest (e);
  while (e->first && e->first->tag <= oldest) {
    struct epoch_item *item = e->first;
    e->first = item->next;
    epoch_free (item);
    n++;
  }
  if (!e->first)
    e->last = &e->first;
  return n;
}
