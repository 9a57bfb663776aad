/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Once a second: what was replaced becomes usable again, and streams end. */
#include "plugins/auth/index_inner.h"

#define TRACE_S 60 /* how long a revoked key is remembered */

static void
record_free (struct index *index, uint32_t number)
{
  const struct key *key = key_at (index, number);
  profile_drop (&index->profiles, key->profile);
  users_drop (&index->users, key->user);
  index->unused[index->unused_count++] = number;
}

/* Whether what waits can go.  A trace may have been replaced: then it was retired too. */
static int32_t
old_ready (struct index *index, struct index_old *o, uint64_t end)
{
  uint32_t state;
  if (o->is_user)
    return o->tag < end;
  state = atomic_load_explicit (key_state (index, o->number), memory_order_acquire);
  if (o->is_trace)
    return !(state & KEY_CURRENT) || ++o->sweeps > TRACE_S;
  return o->tag < end && !(state & KEY_PINS);
}

static void
old_free (struct index *index, const struct index_old *o)
{
  uint32_t state;
  if (o->is_user) {
    users_drop (&index->users, o->number);
    return;
  }
  if (!o->is_trace) {
    record_free (index, o->number);
    return;
  }
  state = atomic_load (key_state (index, o->number));
  if (state & KEY_CURRENT) {
    ids_forget (index, ids_slot (index, key_at (index, o->number)->id));
    record_retire (index, o->number);
  }
}

/* Keeps what is not ready, in its order. */
static void
old_sweep (struct index *index, uint64_t end)
{
  uint32_t i, count = index->old_count;
  index->old_count = 0; /* retiring a trace appends again: into room that is free by then */
  for (i = 0; i < count; i++) {
    struct index_old o = index->old[i];
    if (old_ready (index, &o, end))
      old_free (index, &o);
    else
      index->old[index->old_count++] = o;
  }
}

/* Whether the newest record of this record's id works; a pinned one may be older. */
static int32_t
still_works (const struct index *index, uint32_t number, int64_t now_ns)
{
  uint32_t newest = *ids_slot (index, key_at (index, number)->id);
  enum role role;
  return newest && index_verdict (index, newest, now_ns, &role) == VERDICT_OK;
}

/* Sets what streams look at.  Most states are 0 pins. */
static void
slab_sweep (struct index *index, uint32_t from, int64_t now_ns)
{
  struct slab *slab = index->slab[from / KEY_SLAB];
  uint32_t i;
  for (i = 0; i < KEY_SLAB; i++) {
    struct key *key = &slab->key[i];
    uint32_t state = atomic_load_explicit (&slab->state[i], memory_order_relaxed);
    if (!(state & KEY_PINS) || atomic_load (&key->ended) & ENDED_REVOKED)
      continue;
    if (still_works (index, from + i, now_ns))
      atomic_fetch_and (&key->ended, ~ENDED_PAUSED);
    else
      atomic_fetch_or (&key->ended, ENDED_PAUSED);
  }
}

void
index_sweep (struct index *index, int64_t now_ns)
{
  uint64_t end = epoch_sweep (index->epochs);
  uint32_t from;
  pthread_mutex_lock (&index->lock);
  old_sweep (index, end);
  for (from = 0; from <= index->count; from += KEY_SLAB)
    slab_sweep (index, from, now_ns);
  pthread_mutex_unlock (&index->lock);
}
