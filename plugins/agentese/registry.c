/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The registry.  Each entry has a small hash table of its aspects; the table of
 * entries is published whole, and an old one is kept until close, because a worker
 * may still look into it. */
#include "plugins/agentese/agentese.h"
#include "plugins/agentese/common.h"
#include "plugins/agentese/schema.h"
#include "plugins/agentese/state.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_FIRST 128u /* slots of the first table; a power of two */

struct ag_entry {
  const struct ag_holon *holon;
  _Atomic (struct ag_entry *) next; /* in the order of registration */
  uint64_t hash;
  uint32_t nslots, mask;
  struct ag_slot *slots;
  uint16_t *index; /* mask + 1 of them: number of a slot, from 1 on; 0: empty */
};

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

static uint64_t
hash_text (uint64_t h, kg_str s)
{
  const char *p = s.ptr;
  size_t n = s.len;
  uint64_t w;
  for (; n >= 8; p += 8, n -= 8) {
    memcpy (&w, p, 8);
    h = (h ^ w) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
  }
  w = 0;
  if (n) /* a path without aspect has no name at all */
    memcpy (&w, p, n);
  h = (h ^ w ^ (uint64_t)s.len << 56) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

static int32_t
entry_is (const struct ag_entry *e, uint64_t hash, int32_t ctx, kg_str rest)
{
  return e->hash == hash && e->holon->context == ctx && ag_str_is (rest, e->holon->rest);
}

const struct ag_entry *
ag_entry_exact (const struct ag *ag, int32_t ctx, kg_str rest)
{
  const struct table *t = atomic_load_explicit (&ag->registry->table, memory_order_acquire);
  uint64_t hash = hash_text ((uint64_t)ctx, rest);
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
  uint32_t i = (uint32_t)hash_text (0, aspect) & entry->mask;
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

/* ---- Making an entry --------------------------------------------------------- */

static void
entry_free (struct ag_entry *e)
{
  uint32_t i;
  if (!e)
    return;
  for (i = 0; i < e->nslots; i++) {
    ag_schema_free ((struct ag_schema *)e->slots[i].schema);
    free ((char *)e->slots[i].input);
    free ((char *)e->slots[i].output);
  }
  free (e->slots);
  free (e->index);
  free (e);
}

static int32_t
index_make (struct ag_entry *e)
{
  uint32_t i, at, size = 8;
  while (size < 2 * e->nslots)
    size *= 2;
  e->mask = size - 1;
  e->index = calloc (size, sizeof *e->index);
  if (!e->index)
    return -ENOMEM;
  for (i = 0; i < e->nslots; i++) {
    at = (uint32_t)hash_text (0, ag_str (e->slots[i].aspect.name)) & e->mask;
    while (e->index[at])
      at = (at + 1) & e->mask;
    e->index[at] = (uint16_t)(i + 1);
  }
  return 0;
}

/* Before there is an index. */
static struct ag_slot *
slot_search (struct ag_entry *e, const char *name)
{
  uint32_t i;
  for (i = 0; i < e->nslots; i++)
    if (!strcmp (e->slots[i].aspect.name, name))
      return &e->slots[i];
  return NULL;
}

static int32_t
invalid (struct ag *ag, const struct ag_holon *holon, const char *what, const char *why)
{
  ag->host->log (ag->self, KG_LOG_ERROR, "node %s.%s%s%s: %s",
                 holon->context >= 0 && holon->context < AG_CONTEXTS
                     ? ag_context_names[holon->context]
                     : "?",
                 holon->rest ? holon->rest : "*", what ? "." : "", what ? what : "", why);
  return -EINVAL;
}

static int32_t
slot_schemas (struct ag *ag, const struct ag_holon *holon, struct ag_slot *slot)
{
  const struct ag_aspect *a = &slot->aspect;
  const char *why = "";
  int32_t r = 0;
  if (a->input && !(r = ag_schema_text (a->input, (char **)&slot->input, &why))
      && !(a->flags & AG_CHECKS))
    r = ag_schema_compile (a->input, (struct ag_schema **)&slot->schema, &why);
  if (!r && a->output)
    r = ag_schema_text (a->output, (char **)&slot->output, &why);
  return r == -EINVAL ? invalid (ag, holon, a->name, why) : r;
}

/* Adds an aspect, unless the name is there already. */
static int32_t
slot_add (struct ag *ag, struct ag_entry *e, const struct ag_aspect *a, const char *name)
{
  struct ag_slot *slot;
  if (slot_search (e, name))
    return 0;
  if (e->nslots == AG_VERBS_MAX)
    return invalid (ag, e->holon, NULL, "too many aspects");
  if (!ag_is_name (ag_str (name)) || a->category < 0 || a->category >= AG_CATEGORIES)
    return invalid (ag, e->holon, name, "no name of the path language, or no category");
  slot = &e->slots[e->nslots];
  memset (slot, 0, sizeof *slot);
  slot->aspect = *a;
  slot->aspect.name = name;
  e->nslots++;
  return slot_schemas (ag, e->holon, slot);
}

/* The aspects that every node has, its own ones first. */
static int32_t
slots_common (struct ag *ag, struct ag_entry *e)
{
  const struct ag_aspect *a, *own;
  int32_t r = 0;
  for (a = ag_common_aspects (e->holon->kind); a->name && !r; a++) {
    for (own = e->holon->aspects; own && own->name && strcmp (own->name, a->name);)
      own++;
    if (!own || !own->name)
      own = a;
    r = slot_add (ag, e, own, a->name);
  }
  return r;
}

/* The verbs that the holon lists to an archetype: aspects are made of those that
 * are none so far, and each is marked as offered. */
static int32_t
slots_offer (struct ag *ag, struct ag_entry *e, int32_t archetype)
{
  static const struct ag_aspect unbuilt = { .category = AG_MUTATION };
  const struct ag_aspect *other = e->holon->other ? e->holon->other : &unbuilt;
  const char *verbs[AG_VERBS_MAX + 1];
  uint32_t i, n = ag_verbs (ag, e->holon, archetype, verbs, AG_VERBS_MAX + 1);
  struct ag_slot *slot;
  int32_t r = 0;
  for (i = 0; i < n && !r; i++)
    if (!(r = slot_add (ag, e, other, verbs[i])) && (slot = slot_search (e, verbs[i])))
      slot->offered |= 1ull << (archetype + 1);
  return r;
}

static int32_t
slots_make (struct ag *ag, struct ag_entry *e)
{
  const struct ag_aspect *a;
  uint32_t i;
  int32_t archetype, r = slots_common (ag, e);
  for (a = e->holon->aspects; a && a->name && !r; a++)
    r = slot_add (ag, e, a, a->name);
  for (archetype = -1; !r && (archetype < 0 || ag_archetype_name (ag, archetype)); archetype++)
    r = slots_offer (ag, e, archetype);
  for (i = 0; i < e->nslots; i++)
    if (e->slots[i].aspect.flags & AG_UNLISTED)
      e->slots[i].offered = ~0ull;
  return r;
}

static int32_t
holon_check (struct ag *ag, const struct ag_holon *h)
{
  char buf[AG_PATH_MAX + 32];
  struct kg_out o = { buf, 0, sizeof buf };
  struct ag_path path;
  struct ag_error error;
  if (h->context < 0 || h->context >= AG_CONTEXTS || h->kind < 0 || h->kind >= AG_KINDS)
    return invalid (ag, h, NULL, "no such context or kind");
  if (!h->rest)
    return 0;
  kg_out_lit (&o, ag_context_names[h->context]);
  kg_out_lit (&o, ".");
  kg_out_lit (&o, h->rest);
  if (!kg_out_ok (&o) || ag_path_parse ((kg_str){ buf, o.len }, &path, &error) < 0
      || path.base.len != o.len || o.len > AG_HANDLE_MAX)
    return invalid (ag, h, NULL, "no name of the path language");
  return 0;
}

static int32_t
entry_fill (struct ag *ag, struct ag_entry *e)
{
  struct ag_slot *fitting;
  int32_t r;
  e->slots = calloc (AG_VERBS_MAX, sizeof *e->slots);
  if (!e->slots)
    return -ENOMEM;
  r = slots_make (ag, e);
  if (r < 0)
    return r;
  fitting = realloc (e->slots, e->nslots * sizeof *e->slots);
  e->slots = fitting ? fitting : e->slots;
  return index_make (e);
}

/* NULL with the error. */
static struct ag_entry *
entry_make (struct ag *ag, const struct ag_holon *holon, int32_t *ret_error)
{
  struct ag_entry *e;
  *ret_error = holon_check (ag, holon);
  if (*ret_error < 0)
    return NULL;
  *ret_error = -ENOMEM;
  e = calloc (1, sizeof *e);
  if (!e)
    return NULL;
  e->holon = holon;
  e->hash = holon->rest ? hash_text ((uint64_t)holon->context, ag_str (holon->rest)) : 0;
  *ret_error = entry_fill (ag, e);
  if (*ret_error >= 0)
    return e;
  entry_free (e);
  return NULL;
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
    invalid (ag, h, NULL, "it is registered already");
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
  struct ag_entry *e = entry_make (ag, holon, &r);
  if (!e)
    return r;
  pthread_mutex_lock (&ag->registry->lock);
  r = entry_put (ag, e);
  pthread_mutex_unlock (&ag->registry->lock);
  if (r < 0)
    entry_free (e);
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
    entry_free (e);
  }
  for (t = atomic_load (&g->table); t; t = older) {
    older = t->older;
    free (t);
  }
  pthread_mutex_destroy (&g->lock);
  free (g);
}
