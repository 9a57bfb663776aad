/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/mirror.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 16u

typedef _Atomic (struct mirror_node *) slot_t;

struct mirror_table {
  struct epoch_item item;
  uint64_t mask;
  uint64_t used; /* slots that are not empty, graves too */
  slot_t slots[];
};

/* What is left where a node was taken out: probing goes on past it. */
static struct mirror_node grave;

struct mirror_node *
mirror_node_create (uint64_t hash, kg_str key, kg_str value)
{
  struct mirror_node *n = calloc (1, sizeof *n + key.len + value.len + 2);
  if (!n)
    return NULL;
  n->hash = hash;
  n->key_len = (uint32_t) key.len;
  n->value_len = (uint32_t) value.len;
  if (key.len)
    memcpy (n->bytes, key.ptr, key.len);
  if (value.len)
    memcpy (n->bytes + key.len + 1, value.ptr, value.len);
  return n;
}

static int
node_is (const struct mirror_node *n, uint64_t hash, kg_str key)
{
  return n != &grave && n->hash == hash && n->key_len == key.len
         && !memcmp (n->bytes, key.ptr, key.len);
}

/* The slot of a key, or the empty one at which the search ended. */
static slot_t *
table_slot (struct mirror_table *t, uint64_t hash, kg_str key)
{
  for (uint64_t i = hash & t->mask;; i = (i + 1) & t->mask) {
    struct mirror_node *n = atomic_load_explicit (&t->slots[i], memory_order_acquire);
    if (!n || node_is (n, hash, key))
      return &t->slots[i];
  }
}

static struct mirror_table *
mirror_table (const struct mirror *m)
{
  return atomic_load_explicit (&m->table, memory_order_acquire);
}

const struct mirror_node *
mirror_find (const struct mirror *m, uint64_t hash, kg_str key)
{
  struct mirror_table *t = mirror_table (m);
  struct mirror_node *n;
  if (!t)
    return NULL;
  for (uint64_t i = hash & t->mask;; i = (i + 1) & t->mask) {
    n = atomic_load_explicit (&t->slots[i], memory_order_acquire);
    if (!n || node_is (n, hash, key))
      return n;
  }
}

/* Fills a new table from the old one, without its graves. */
static void
table_fill (struct mirror_table *t, const struct mirror_table *old)
{
  for (uint64_t i = 0; old && i <= old->mask; i++) {
    struct mirror_node *n = atomic_load_explicit (&old->slots[i], memory_order_relaxed);
    if (!n || n == &grave)
      continue;
    atomic_store_explicit (table_slot (t, n->hash, mirror_key (n)), n, memory_order_relaxed);
    t->used++;
  }
}

int
mirror_reserve (struct mirror *m, struct epoch *e, uint64_t more)
{
  struct mirror_table *old = mirror_table (m), *t;
  uint64_t n = SLOTS_MIN;
  if (old && (old->used + more) * 4 <= (old->mask + 1) * 3)
    return 0;
  while ((m->count + more) * 2 > n)
    n *= 2;
  t = calloc (1, sizeof *t + n * sizeof t->slots[0]);
  if (!t)
    return -ENOMEM;
  t->mask = n - 1;
  table_fill (t, old);
  atomic_store_explicit (&m->table, t, memory_order_release);
  if (old)
    epoch_retire (e, &old->item);
  return 0;
}

void
mirror_put (struct mirror *m, struct epoch *e, struct mirror_node *node)
{
  struct mirror_table *t = mirror_table (m);
  slot_t *slot = table_slot (t, node->hash, mirror_key (node));
  struct mirror_node *old = atomic_load_explicit (slot, memory_order_relaxed);
  atomic_store_explicit (slot, node, memory_order_release);
  if (old) {
    epoch_retire (e, &old->item);
    return;
  }
  t->used++;
  m->count++;
  assert (t->used <= t->mask); /* an empty slot ends every search */
}

void
mirror_delete (struct mirror *m, struct epoch *e, uint64_t hash, kg_str key)
{
  struct mirror_table *t = mirror_table (m);
  struct mirror_node *n;
  slot_t *slot;
  if (!t)
    return;
  slot = table_slot (t, hash, key);
  n = atomic_load_explicit (slot, memory_order_relaxed);
  if (!n)
    return;
  atomic_store_explicit (slot, &grave, memory_order_release);
  m->count--;
  epoch_retire (e, &n->item);
}

void
mirror_each (const struct mirror *m, void (*fn) (const struct mirror_node *, void *), void *arg)
{
  struct mirror_table *t = mirror_table (m);
  for (uint64_t i = 0; t && i <= t->mask; i++) {
    struct mirror_node *n = atomic_load_explicit (&t->slots[i], memory_order_relaxed);
    if (n && n != &grave)
      fn (n, arg);
  }
}

static void
node_free (const struct mirror_node *n, void *arg)
{
  (void) arg;
  free ((void *) (uintptr_t) n);
}

void
mirror_finish (struct mirror *m)
{
  mirror_each (m, node_free, NULL);
  free (mirror_table (m));
  atomic_store_explicit (&m->table, NULL, memory_order_relaxed);
  m->count = 0;
}
