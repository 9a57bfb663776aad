/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The registry.  Each entry has a small hash table of its aspects; the table of
 * entries is published whole, and an old one is kept until close, because a worker
 * may still look into it. */
#include "plugins/agentese/registry_entry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_FIRST 128u /* slots of the first table; a power of two */

struct table {
  struct table *older;
  uint32_t mask, count;
  _Atomic (struct ag_entry *) entry[];
};

struct ag_registry {
  pthread_mutex_t lock; /* of those who register */
  _Atomic (struct table *) table;
  _Atomic (struct ag_entry *) first;
  struct ag_entry *last;
  struct ag_entry *others[AG_CONTEXTS]; /* set before anybody is served */
  _Atomic uint64_t version;
};

/* ---- Finding --------------------------------------------------------------- */

static int32_t
entry_is (const struct ag_entry *e, uint64_t hash, int32_t ctx, kg_str rest)
{
  return e->hash == hash && e->holon->context == ctx && ag_str_is (rest, e->holon->rest);
}

const struct ag_entry *
ag_entry_exact (const struct ag *ag, int32_t ctx, kg_str rest)
{
  const struct table *t = atomic_load_explicit (&ag->registry->table, memory_order_acquire);
  uint64_t hash = ag_hash_text ((uint64_t)ctx, rest);
  uint32_t i = (uint32_t)hash & t->mask;
  const struct ag_entry *e;
  for (;; i = (i + 1) & t->mask) {
    e = atomic_load_explicit (&t->entry[i], memory_order_acquire);
    if (!e || entry_is (e, hash, ctx, rest))
      return e;
  }
}

const struct ag_entry *
ag_entry_find (const struct ag *ag, int32_t ctx, kg_str rest)
{
  const struct ag_entry *e = ag_entry_exact (ag, ctx, rest);
  return e ? e : ag->registry->others[ctx];
}

const struct ag_holon *
ag_entry_holon (const struct ag_entry *entry)
{
  return entry->holon;
}

/* Whether somebody has taken the place of the entry. */
static int32_t
is_replaced (const struct ag *ag, const struct ag_entry *e)
{
  const struct ag_holon *h = e->holon;
  return h->flags & AG_STANDS_IN && ag_entry_exact (ag, h->context, ag_str (h->rest)) != e;
}

const struct ag_entry *
ag_entry_next (const struct ag *ag, const struct ag_entry *entry)
{
  do
    entry = atomic_load_explicit (entry ? &entry->next : &ag->registry->first,
                                  memory_order_acquire);
  while (entry && is_replaced (ag, entry));
  return entry;
}

const struct ag_slot *
ag_slot_find (const struct ag_entry *entry, kg_str aspect)
{
  uint32_t i = (uint32_t)ag_hash_text (0, aspect) & entry->mask;
  for (; entry->index[i]; i = (i + 1) & entry->mask)
    if (ag_str_is (aspect, entry->slots[entry->index[i] - 1].aspect.name))
      return &entry->slots[entry->index[i] - 1];
  return NULL;
}

const struct ag_slot *
ag_slot_at (const struct ag_entry *entry, uint32_t i)
{
  return i < entry->nslots ? &entry->slots[i] : NULL;
}

uint32_t
ag_slot_number (const struct ag_entry *entry, const struct ag_slot *slot)
{
  return (uint32_t)(slot - entry->slots);
}

int32_t
ag_is_verb (const struct ag *ag, kg_str name)
{
  const struct ag_entry *e = NULL;
  while ((e = ag_entry_next (ag, e)))
    if (ag_slot_find (e, name))
      return 1;
  return 0;
}

uint64_t
ag_registry_version (const struct ag *ag)
{
  return atomic_load_explicit (&ag->registry->version, memory_order_acquire);
}

/* ---- Registering --------------------------------------------------------------- */

static void
table_put (struct table *t, struct ag_entry *e)
{
  uint32_t i = (uint32_t)e->hash & t->mask;
  while (atomic_load_explicit (&t->entry[i], memory_order_relaxed))
    i = (i + 1) & t->mask;
  atomic_store_explicit (&t->entry[i], e, memory_order_release);
  t->count++;
}

static struct table *
table_new (uint32_t size)
{
  struct table *t = calloc (1, sizeof *t + size * sizeof t->entry[0]);
  if (t)
    t->mask = size - 1;
  return t;
}

/* Makes room for one more; the lock is held. */
static int32_t
table_grow (struct ag_registry *g)
{
  struct table *t = atomic_load_explicit (&g->table, memory_order_relaxed), *bigger;
  uint32_t i;
  if (2 * (t->count + 1) <= t->mask + 1)
    return 0;
  bigger = table_new (2 * (t->mask + 1));
  if (!bigger)
    return -ENOMEM;
  for (i = 0; i <= t->mask; i++) {
    struct ag_entry *e = atomic_load_explicit (&t->entry[i], memory_order_relaxed);
    if (e)
      table_put (bigger, e);
  }
  bigger->older = t;
  atomic_store_explicit (&g->table, bigger, memory_order_release);
  return 0;
}

/* Puts an entry where another one of its handle is. */
static void
table_replace (struct table *t, const struct ag_entry *old, struct ag_entry *e)
{
  uint32_t i = (uint32_t)e->hash & t->mask;
  while (atomic_load_explicit (&t->entry[i], memory_order_relaxed) != old)
    i = (i + 1) & t->mask;
  atomic_store_explicit (&t->entry[i], e, memory_order_release);
}

/* Puts a good entry in; the lock is held. */
static int32_t
entry_put (struct ag *ag, struct ag_entry *e)
{
  struct ag_registry *g = ag->registry;
  const struct ag_holon *h = e->holon;
  const struct ag_entry *old = h->rest ? ag_entry_exact (ag, h->context, ag_str (h->rest))
                                       : g->others[h->context];
  if (old && !(old->holon->flags & AG_STANDS_IN)) {
    ag_entry_invalid (ag, h, NULL, "it is registered already");
    return -EEXIST;
  }
  if (old)
    table_replace (atomic_load_explicit (&g->table, memory_order_relaxed), old, e);
  else if (h->rest) {
    if (table_grow (g) < 0)
      return -ENOMEM;
    table_put (atomic_load_explicit (&g->table, memory_order_relaxed), e);
  } else
    g->others[h->context] = e;
  atomic_store_explicit (g->last ? &g->last->next : &g->first, e, memory_order_release);
  g->last = e;
  atomic_fetch_add_explicit (&g->version, 1, memory_order_release);
  return 0;
}

int32_t
ag_register (struct ag *ag, const struct ag_holon *holon)
{
  int32_t r;
  struct ag_entry *e = ag_entry_make (ag, holon, &r);
  if (!e)
    return r;
  pthread_mutex_lock (&ag->registry->lock);
  r = entry_put (ag, e);
  pthread_mutex_unlock (&ag->registry->lock);
  if (r < 0)
    ag_entry_free (e);
  return r;
}

int32_t
ag_register_all (struct ag *ag, const struct ag_holon *holons, uint32_t n)
{
  uint32_t i;
  int32_t r = 0;
  for (i = 0; i < n && r >= 0; i++)
    r = ag_register (ag, &holons[i]);
  return r;
}

struct ag_registry *
ag_registry_new (void)
{
  struct ag_registry *g = calloc (1, sizeof *g);
  struct table *t = g ? table_new (ENTRIES_FIRST) : NULL;
  if (!g)
    return NULL;
  pthread_mutex_init (&g->lock, NULL);
  atomic_init (&g->table, t);
  if (t)
    return g;
  ag_registry_free (g);
  return NULL;
}

void
ag_registry_free (struct ag_registry *g)
{
  struct ag_entry *e, *next;
  struct table *t, *older;
  if (!g)
    return;
  for (e = atomic_load (&g->first); e; e = next) {
    next = atomic_load (&e->next);
    ag_entry_free (e);
  }
  for (t = atomic_load (&g->table); t; t = older) {
    older = t->older;
    free (t);
  }
  pthread_mutex_destroy (&g->lock);
  free (g);
}
