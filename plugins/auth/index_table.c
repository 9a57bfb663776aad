/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The two tables of the index: by secret, for readers without a lock, and by id. */
#include "plugins/auth/index_inner.h"

#include <errno.h>
#include <stdlib.h>

/* ---- Table of secrets ---------------------------------------------------- */

static struct index_table *
table_create (uint64_t slots)
{
  struct index_table *t = calloc (1, sizeof *t + slots * sizeof t->slot[0]);
  if (t)
    t->mask = slots - 1;
  return t;
}

static void
table_destroy (struct epoch_item *item)
{
  free (item);
}

void
secrets_put (struct index_table *t, const uint8_t hash[KEY_HASH], uint32_t number)
{
  uint64_t i = hash_place (hash);
  while (atomic_load_explicit (&t->slot[i & t->mask], memory_order_relaxed))
    i++;
  t->used++;
  atomic_store_explicit (&t->slot[i & t->mask], entry_make (hash, number), memory_order_release);
}

_Atomic uint32_t *
secrets_slot (struct index_table *t, const uint8_t hash[KEY_HASH], uint32_t number)
{
  uint64_t i = hash_place (hash);
  uint32_t want = entry_make (hash, number), e;
  while ((e = atomic_load_explicit (&t->slot[i & t->mask], memory_order_relaxed))) {
    if (e == want)
      return &t->slot[i & t->mask];
    i++;
  }
  return NULL;
}

/* Makes room for one more, and leaves removed ones behind. */
int32_t
secrets_reserve (struct index *index)
{
  struct index_table *old = atomic_load (&index->secrets), *t;
  uint64_t slots = INDEX_SLOTS, i;
  if (old && (old->used + 1) * 2 <= old->mask + 1)
    return 0;
  while (slots < (index->live + 1) * 2 + index->live / 2)
    slots *= 2;
  t = table_create (slots);
  if (!t)
    return -ENOMEM;
  for (i = 0; old && i <= old->mask; i++) {
    uint32_t n = atomic_load_explicit (&old->slot[i], memory_order_relaxed) & KEY_NUMBER;
    if (n)
      secrets_put (t, key_at (index, n)->hash, n);
  }
  atomic_store_explicit (&index->secrets, t, memory_order_release);
  if (old)
    epoch_retire (index->epochs, &old->item, table_destroy);
  return 0;
}

/* ---- Table of ids -------------------------------------------------------- */

static uint64_t
id_place (const uint8_t id[16])
{
  uint64_t a, b;
  memcpy (&a, id, sizeof a);
  memcpy (&b, id + sizeof a, sizeof b);
  a = (a ^ b) * 0x9e3779b97f4a7c15u;
  return a ^ a >> 32;
}

uint32_t *
ids_slot (const struct index *index, const uint8_t id[16])
{
  uint64_t i;
  for (i = id_place (id);; i++) {
    uint32_t n = index->ids[i & index->ids_mask];
    if (!n || (n != INDEX_REMOVED && !memcmp (key_at (index, n)->id, id, 16)))
      return &index->ids[i & index->ids_mask];
  }
}

int32_t
ids_reserve (struct index *index)
{
  uint64_t slots = INDEX_SLOTS, i, mask = index->ids_mask;
  uint32_t *old = index->ids;
  if (old && (index->ids_filled + 1) * 2 <= mask + 1)
    return 0;
  while (slots < (index->ids_live + 1) * 2 + index->ids_live / 2)
    slots *= 2;
  index->ids = calloc (slots, sizeof *index->ids);
  if (!index->ids) {
    index->ids = old;
    return -ENOMEM;
  }
  index->ids_mask = slots - 1;
  index->ids_filled = index->ids_live;
  for (i = 0; old && i <= mask; i++)
    if (old[i] && old[i] != INDEX_REMOVED)
      *ids_slot (index, key_at (index, old[i])->id) = old[i];
  free (old);
  return 0;
}

void
ids_forget (struct index *index, uint32_t *slot)
{
  *slot = INDEX_REMOVED;
  index->ids_live--;
}
