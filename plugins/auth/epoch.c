/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/epoch.h"

#include <stddef.h>

void
epochs_init (struct epochs *e)
{
  atomic_store (&e->now, 1);
  pthread_mutex_init (&e->lock, NULL);
}

/* Destroys what is tagged with less than `end`: takes it out first, for destroying may
 * retire other things. */
static void
destroy_before (struct epochs *e, uint64_t end)
{
  struct epoch_item **at = &e->retired, *old = NULL, *item;
  pthread_mutex_lock (&e->lock);
  while ((item = *at)) {
    if (item->tag >= end) {
      at = &item->next;
      continue;
    }
    *at = item->next;
    item->next = old;
    old = item;
  }
  pthread_mutex_unlock (&e->lock);
  while ((item = old)) {
    old = item->next;
    item->destroy (item);
  }
}

void
epochs_finish (struct epochs *e)
{
  if (!atomic_load (&e->now))
    return;
  destroy_before (e, UINT64_MAX);
  pthread_mutex_destroy (&e->lock);
}

uint64_t
epoch_tag (struct epochs *e)
{
  uint64_t tag;
  pthread_mutex_lock (&e->lock);
  tag = atomic_load (&e->now);
  pthread_mutex_unlock (&e->lock);
  return tag;
}

void
epoch_retire (struct epochs *e, struct epoch_item *item, void (*destroy) (struct epoch_item *))
{
  item->destroy = destroy;
  pthread_mutex_lock (&e->lock);
  item->tag = atomic_load (&e->now);
  item->next = e->retired;
  e->retired = item;
  pthread_mutex_unlock (&e->lock);
}

uint64_t
epoch_sweep (struct epochs *e)
{
  uint64_t end;
  uint32_t i;
  pthread_mutex_lock (&e->lock);
  end = atomic_fetch_add (&e->now, 1) + 1;
  pthread_mutex_unlock (&e->lock);
  atomic_thread_fence (memory_order_seq_cst);
  for (i = 0; i < EPOCH_WORKERS; i++) {
    uint64_t at = atomic_load (&e->worker[i].at);
    if (at && at < end)
      end = at;
  }
  destroy_before (e, end);
  return end;
}
