/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/index.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS_FIRST 64 /* a power of two, as all sizes */

struct index_table {
  uint64_t mask;
  int64_t retired_ns;
  struct index_table *next; /* of those that wait to be freed */
  struct key *_Atomic slot[];
};

/* Where a record was taken out: probes go on behind it. */
static struct key removed;

/* An id once seen keeps its cell for ever, so that counters survive a key's
 * being changed and requests may point at them. */
struct index_id {
  struct cell *cell; /* NULL: empty */
  struct key *key;   /* NULL: gone */
};

static int64_t
mono_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (int64_t) t.tv_sec * TEXT_SECOND + t.tv_nsec;
}

/* The first 8 bytes of a SHA-256 are as good a hash as any. */
static uint64_t
hash_place (const uint8_t hash[KEY_HASH])
{
  uint64_t v;
  memcpy (&v, hash, sizeof v);
  return v;
}

/* FNV-1a; ids come from the operator's own store. */
static uint64_t
id_place (const char *id, size_t len)
{
  uint64_t h = 14695981039346656037u;
  while (len--)
    h = (h ^ (uint8_t) *id++) * 1099511628211u;
  return h ^ h >> 32;
}

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
table_put (struct index_table *t, struct key *key)
{
  uint64_t i = hash_place (key->hash);
  while (atomic_load_explicit (&t->slot[i & t->mask], memory_order_relaxed))
    i++;
  atomic_store_explicit (&t->slot[i & t->mask], key, memory_order_release);
}

/* The slot that holds this record, or NULL. */
static struct key *_Atomic *
table_slot (struct index_table *t, const struct key *key)
{
  uint64_t i = hash_place (key->hash);
  struct key *at;
  for (; (at = atomic_load_explicit (&t->slot[i & t->mask], memory_order_relaxed)); i++)
    if (at == key)
      return &t->slot[i & t->mask];
  return NULL;
}

/* Makes room for one more; a new table leaves removed slots behind. */
static int32_t
table_reserve (struct index *index)
{
  struct index_table *old = index->table, *t;
  uint64_t i, live = 0, slots = old->mask + 1;
  if ((index->used + 1) * 2 <= slots)
    return 0;
  for (i = 0; i <= old->mask; i++)
    live += old->slot[i] && old->slot[i] != &removed;
  t = table_create ((live + 1) * 4 > slots ? slots * 2 : slots);
  if (!t)
    return -ENOMEM;
  for (i = 0; i <= old->mask; i++)
    if (old->slot[i] && old->slot[i] != &removed)
      table_put (t, old->slot[i]);
  index->used = live;
  old->retired_ns = mono_ns ();
  old->next = index->old_tables;
  index->old_tables = old;
  atomic_store_explicit (&index->table, t, memory_order_release);
  return 0;
}

/* ---- Table of ids -------------------------------------------------------- */

static struct index_id *
id_find (struct index_id *ids, uint64_t mask, const char *id, size_t len)
{
  uint64_t i = id_place (id, len);
  for (; ids[i & mask].cell; i++) {
    const char *have = ids[i & mask].cell->id;
    if (!strncmp (have, id, len) && !have[len])
      break;
  }
  return &ids[i & mask];
}

static int32_t
id_reserve (struct index *index)
{
  uint64_t i, mask = (index->id_mask + 1) * 2 - 1;
  struct index_id *ids;
  if ((index->id_count + 1) * 2 <= index->id_mask + 1)
    return 0;
  ids = calloc (mask + 1, sizeof *ids);
  if (!ids)
    return -ENOMEM;
  for (i = 0; i <= index->id_mask; i++) {
    struct index_id *from = &index->ids[i];
    if (from->cell)
      *id_find (ids, mask, from->cell->id, strlen (from->cell->id)) = *from;
  }
  free (index->ids);
  index->ids = ids;
  index->id_mask = mask;
  return 0;
}

/* A cell with its id behind it. */
static struct cell *
cell_create (const char *id)
{
  size_t len = strlen (id) + 1, size = (sizeof (struct cell) + len + 63) / 64 * 64;
  struct cell *c = aligned_alloc (64, size);
  if (!c)
    return NULL;
  memset (c, 0, sizeof *c);
  c->id = memcpy (c + 1, id, len);
  return c;
}

/* The entry of an id, made if there is none; NULL without memory. */
static struct index_id *
id_make (struct index *index, const char *id)
{
  struct index_id *e;
  if (id_reserve (index) < 0)
    return NULL;
  e = id_find (index->ids, index->id_mask, id, strlen (id));
  if (e->cell)
    return e;
  e->cell = cell_create (id);
  if (!e->cell)
    return NULL;
  index->id_count++;
  return e;
}

/* ---- Changes ------------------------------------------------------------- */

static void
key_retire (struct index *index, struct key *key)
{
  struct key *_Atomic *slot = table_slot (index->table, key);
  if (slot)
    atomic_store_explicit (slot, &removed, memory_order_release);
  if (key->active)
    atomic_fetch_sub (&index->active, 1);
  key->retired_ns = mono_ns ();
  key->retired = index->retired;
  index->retired = key;
}

/* The new record takes the old one's slot, so that no reader misses both. */
static void
key_replace (struct index *index, struct key *old, struct key *key)
{
  struct key *_Atomic *slot = old ? table_slot (index->table, old) : NULL;
  if (slot && !memcmp (old->hash, key->hash, KEY_HASH))
    atomic_store_explicit (slot, key, memory_order_release);
  else {
    table_put (index->table, key);
    index->used++;
  }
  if (key->active)
    atomic_fetch_add (&index->active, 1);
  if (old)
    key_retire (index, old);
}

static int32_t
put_locked (struct index *index, struct key *key)
{
  struct index_id *e;
  if (table_reserve (index) < 0)
    return -ENOMEM;
  e = id_make (index, key->identity.key_id);
  if (!e)
    return -ENOMEM;
  if (e->key && e->key->revision >= key->revision && key->revision) {
    key_destroy (key);
    return 0;
  }
  key->cell = e->cell;
  key_replace (index, e->key, key);
  e->key = key;
  return 0;
}

/* ---- Public functions ---------------------------------------------------- */

int32_t
index_init (struct index *index)
{
  memset (index, 0, sizeof *index);
  pthread_mutex_init (&index->lock, NULL);
  index->table = table_create (SLOTS_FIRST);
  index->ids = calloc (SLOTS_FIRST, sizeof *index->ids);
  index->id_mask = SLOTS_FIRST - 1;
  return index->table && index->ids ? 0 : -ENOMEM;
}

/* Frees retired records and tables from before `before_ns`. */
static void
retired_free (struct index *index, int64_t before_ns)
{
  struct key **k = &index->retired;
  struct index_table **t = &index->old_tables;
  while (*k) { /* newest first: the rest of the list is older */
    struct key *old = *k;
    if (old->retired_ns > before_ns) {
      k = &old->retired;
      continue;
    }
    *k = old->retired;
    key_destroy (old);
  }
  while (*t) {
    struct index_table *old = *t;
    if (old->retired_ns > before_ns) {
      t = &old->next;
      continue;
    }
    *t = old->next;
    free (old);
  }
}

void
index_finish (struct index *index)
{
  uint64_t i;
  retired_free (index, INT64_MAX);
  for (i = 0; index->ids && i <= index->id_mask; i++) {
    key_destroy (index->ids[i].key);
    free (index->ids[i].cell);
  }
  free (index->ids);
  free (index->table);
  pthread_mutex_destroy (&index->lock);
}

const struct key *
index_find (const struct index *index, const uint8_t hash[KEY_HASH])
{
  static const uint8_t nobody[KEY_HASH];
  struct index_table *t = atomic_load_explicit (&index->table, memory_order_acquire);
  uint64_t i, place = hash_place (hash);
  const struct key *key;
  for (i = place;; i++) {
    key = atomic_load_explicit (&t->slot[i & t->mask], memory_order_acquire);
    if (!key || (key != &removed && hash_place (key->hash) == place))
      break;
  }
  /* the same work for a miss */
  return CRYPTO_memcmp (key ? key->hash : nobody, hash, KEY_HASH) ? NULL : key;
}

int32_t
index_put (struct index *index, struct key *key)
{
  int32_t rc;
  pthread_mutex_lock (&index->lock);
  rc = put_locked (index, key);
  pthread_mutex_unlock (&index->lock);
  return rc;
}

int32_t
index_remove (struct index *index, const char *id, size_t len)
{
  struct index_id *e;
  struct key *key;
  pthread_mutex_lock (&index->lock);
  e = id_find (index->ids, index->id_mask, id, len);
  key = e->cell ? e->key : NULL;
  if (key) {
    e->key = NULL;
    key_retire (index, key);
  }
  pthread_mutex_unlock (&index->lock);
  return key ? 0 : -ENOENT;
}

struct cell *
index_cell (struct index *index, const char *id, size_t len)
{
  struct cell *cell;
  pthread_mutex_lock (&index->lock);
  cell = id_find (index->ids, index->id_mask, id, len)->cell;
  pthread_mutex_unlock (&index->lock);
  return cell;
}

void
index_sweep (struct index *index)
{
  pthread_mutex_lock (&index->lock);
  retired_free (index, mono_ns () - INDEX_GRACE_S * TEXT_SECOND);
  pthread_mutex_unlock (&index->lock);
}
