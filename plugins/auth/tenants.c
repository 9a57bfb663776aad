/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tenants in memory: two open-addressing tables of pointers, by id and by slug, that
 * readers walk without a lock.  Nothing is ever taken out of them: a tenant that
 * changed its slug stays where the old one put it, and does not match there, until the
 * table is made anew. */
#include "plugins/auth/tenant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64 /* a power of two */

struct tenant_table {
  struct epoch_item item;
  struct tenant_table *next; /* of the outgrown ones */
  uint64_t mask, used;
  struct tenant *_Atomic slot[];
};

struct tenant_slug {
  struct epoch_item item;
  char text[];
};

/* A text that is kept once, for as long as the plugin is open. */
struct tenant_text {
  struct tenant_text *next;
  char text[];
};

/* FNV-1a; what is hashed comes from the operator's own store. */
static uint64_t
bytes_hash (const void *p, size_t len)
{
  const uint8_t *b = p;
  uint64_t h = 14695981039346656037u;
  while (len--)
    h = (h ^ *b++) * 1099511628211u;
  return h ^ h >> 32;
}

/* ---- Tables -------------------------------------------------------------- */

static struct tenant_table *
table_create (uint64_t slots)
{
  struct tenant_table *t = calloc (1, sizeof *t + slots * sizeof t->slot[0]);
  if (t)
    t->mask = slots - 1;
  return t;
}

static void
table_put (struct tenant_table *t, uint64_t place, struct tenant *tenant)
{
  while (atomic_load_explicit (&t->slot[place & t->mask], memory_order_relaxed))
    place++;
  t->used++;
  atomic_store_explicit (&t->slot[place & t->mask], tenant, memory_order_release);
}

static uint64_t
place_by_id (const struct tenant *t)
{
  return bytes_hash (t->id, sizeof t->id);
}

static uint64_t
place_by_slug (const struct tenant *t)
{
  const char *slug = atomic_load (&t->slug);
  return bytes_hash (slug, strlen (slug));
}

/* Whether the tenant belongs into this slot still: a table of slugs has stale ones, and
 * may have two of a tenant that took an old slug again. */
static int32_t
table_has (const struct tenant_table *t, const struct tenant *tenant, uint64_t place)
{
  const struct tenant *other;
  while ((other = atomic_load_explicit (&t->slot[place & t->mask], memory_order_relaxed))) {
    if (other == tenant)
      return 1;
    place++;
  }
  return 0;
}

/* A new table in which those of the old one have the place that they have now. */
static struct tenant_table *
table_again (const struct tenant_table *old, uint64_t slots,
             uint64_t (*place) (const struct tenant *))
{
  struct tenant_table *t = table_create (slots);
  uint64_t i;
  for (i = 0; t && old && i <= old->mask; i++) {
    struct tenant *tenant = atomic_load (&old->slot[i]);
    if (tenant && !table_has (t, tenant, place (tenant)))
      table_put (t, place (tenant), tenant);
  }
  return t;
}

static int32_t
is_full (const struct tenant_table *t)
{
  return !t || (t->used + 1) * 2 > t->mask + 1;
}

/* Room for one more; the outgrown table is kept, for readers come without a word. */
static int32_t
ids_reserve (struct tenants *ts)
{
  struct tenant_table *old = atomic_load (&ts->ids), *t;
  if (!is_full (old))
    return 0;
  t = table_again (old, old ? (old->mask + 1) * 2 : SLOTS_FIRST, place_by_id);
  if (!t)
    return -ENOMEM;
  if (old) {
    old->next = ts->old;
    ts->old = old;
  }
  atomic_store_explicit (&ts->ids, t, memory_order_release);
  return 0;
}

static void
item_destroy (struct epoch_item *item)
{
  free (item);
}

/* The same; stale ones are left behind, but those without any slug. */
static int32_t
slugs_reserve (struct tenants *ts)
{
  struct tenant_table *old = atomic_load (&ts->slugs), *t;
  uint64_t slots = SLOTS_FIRST;
  if (!is_full (old))
    return 0;
  while (slots < ((uint64_t) ts->slug_count + 1) * 4)
    slots *= 2;
  t = table_again (old, slots, place_by_slug);
  if (!t)
    return -ENOMEM;
  atomic_store_explicit (&ts->slugs, t, memory_order_release);
  if (old)
    epoch_retire (ts->epochs, &old->item, item_destroy);
  return 0;
}

/* ---- Texts --------------------------------------------------------------- */

static const char *
text_share (struct tenants *ts, const char *text)
{
  size_t len = strlen (text);
  struct tenant_text *t = ts->texts;
  while (t && strcmp (t->text, text))
    t = t->next;
  if (t || !(t = malloc (sizeof *t + len + 1)))
    return t ? t->text : NULL;
  memcpy (t->text, text, len + 1);
  t->next = ts->texts;
  ts->texts = t;
  return t->text;
}

/* The text of a slug; "" for none; NULL without memory. */
static const char *
slug_create (const char *text)
{
  size_t len = strlen (text);
  struct tenant_slug *slug = len ? malloc (sizeof *slug + len + 1) : NULL;
  if (!len)
    return "";
  return slug ? memcpy (slug->text, text, len + 1) : NULL;
}

static struct tenant_slug *
slug_of (const char *text)
{
  return (struct tenant_slug *) (void *) ((uintptr_t) text - offsetof (struct tenant_slug, text));
}

/* ---- Tenants ------------------------------------------------------------- */

static struct tenant *
make_locked (struct tenants *ts, const uint8_t id[16])
{
  struct tenant *t = tenant_find (ts, id);
  if (t || ids_reserve (ts) < 0)
    return t;
  t = calloc (1, sizeof *t);
  if (!t)
    return NULL;
  memcpy (t->id, id, sizeof t->id);
  text_uuid_show (id, t->text);
  t->number = ++ts->count;
  atomic_store (&t->anchor_day, 1);
  atomic_store (&t->tier, "");
  atomic_store (&t->slug, "");
  table_put (atomic_load (&ts->ids), place_by_id (t), t);
  return t;
}

static void
slug_replace (struct tenants *ts, struct tenant *t, const char *text)
{
  const char *old = atomic_exchange (&t->slug, text);
  if (*old)
    epoch_retire (ts->epochs, &slug_of (old)->item, item_destroy);
  ts->slug_count += (*text != 0) - (*old != 0);
}

/* The new slug counts at once; the old one no more. */
static int32_t
slug_set (struct tenants *ts, struct tenant *t, const char *slug)
{
  struct tenant_table *table;
  const char *text;
  if (!strcmp (atomic_load (&t->slug), slug))
    return 0;
  if (slugs_reserve (ts) < 0 || !(text = slug_create (slug)))
    return -ENOMEM;
  slug_replace (ts, t, text);
  table = atomic_load (&ts->slugs);
  if (*text && !table_has (table, t, place_by_slug (t)))
    table_put (table, place_by_slug (t), t);
  return 0;
}

static int32_t
put_locked (struct tenants *ts, const struct tenant_spec *spec, const uint8_t id[16],
            uint64_t revision)
{
  const struct tier *tier = tier_find (&ts->tiers, spec->tier);
  const char *name = tier ? tier->name : *spec->tier ? text_share (ts, spec->tier) : "";
  struct limits l = limits_merge (&spec->limits, tier ? &tier->limits : &ts->tiers.items->limits);
  const struct limits *limits = numbers_share (ts->numbers, &l);
  struct tenant *t = make_locked (ts, id);
  if (!t || !name || !limits)
    return -ENOMEM;
  if (atomic_load (&t->revision) > revision)
    return 0;
  if (slug_set (ts, t, spec->slug) < 0)
    return -ENOMEM;
  atomic_store (&t->anchor_day, spec->anchor_day);
  atomic_store (&t->tier, name);
  atomic_store (&t->limits, limits);
  atomic_store (&t->revision, revision);
  atomic_store (&t->status, (int32_t) spec->status);
  atomic_store (&t->ended, spec->status == TENANT_SUSPENDED || spec->status == TENANT_CANCELED);
  return 0;
}

/* ---- Public functions ---------------------------------------------------- */

int32_t
tenants_init (struct tenants *ts, const struct tiers *tiers, struct numbers *numbers,
              struct epochs *epochs)
{
  memset (ts, 0, sizeof *ts);
  ts->tiers = *tiers;
  ts->numbers = numbers;
  pthread_mutex_init (&ts->lock, NULL);
  ts->epochs = epochs;
  return ids_reserve (ts) < 0 || slugs_reserve (ts) < 0 ? -ENOMEM : 0;
}

static void
tenant_free (struct tenant *t)
{
  if (t && *atomic_load (&t->slug))
    free (slug_of (atomic_load (&t->slug)));
  free (t);
}

static void
tables_free (struct tenants *ts)
{
  struct tenant_table *t;
  free (atomic_load (&ts->ids));
  free (atomic_load (&ts->slugs));
  while ((t = ts->old)) {
    ts->old = t->next;
    free (t);
  }
}

void
tenants_finish (struct tenants *ts)
{
  struct tenant_table *ids = atomic_load (&ts->ids);
  struct tenant_text *text;
  uint64_t i;
  for (i = 0; ids && i <= ids->mask; i++)
    tenant_free (atomic_load (&ids->slot[i]));
  tables_free (ts);
  while ((text = ts->texts)) {
    ts->texts = text->next;
    free (text);
  }
  if (ts->numbers)
    pthread_mutex_destroy (&ts->lock);
}

struct tenant *
tenant_find (const struct tenants *ts, const uint8_t id[16])
{
  struct tenant_table *t = atomic_load_explicit (&ts->ids, memory_order_acquire);
  uint64_t place = bytes_hash (id, 16);
  struct tenant *tenant;
  while ((tenant = atomic_load_explicit (&t->slot[place & t->mask], memory_order_acquire))
         && memcmp (tenant->id, id, sizeof tenant->id))
    place++;
  return tenant;
}

struct tenant *
tenant_by_slug (const struct tenants *ts, kg_str slug)
{
  struct tenant_table *t = atomic_load_explicit (&ts->slugs, memory_order_acquire);
  uint64_t place = bytes_hash (slug.ptr, slug.len);
  struct tenant *tenant;
  for (;; place++) {
    const char *have;
    tenant = atomic_load_explicit (&t->slot[place & t->mask], memory_order_acquire);
    if (!tenant)
      return NULL;
    have = atomic_load_explicit (&tenant->slug, memory_order_acquire);
    if (slug.len && strlen (have) == slug.len && !memcmp (have, slug.ptr, slug.len))
      return tenant;
  }
}

struct tenant *
tenant_of_slug (struct tenants *ts, kg_str slug)
{
  struct tenant *t;
  pthread_mutex_lock (&ts->lock);
  t = tenant_by_slug (ts, slug);
  pthread_mutex_unlock (&ts->lock);
  return t;
}

struct tenant *
tenant_get (struct tenants *ts, const uint8_t id[16])
{
  struct tenant *t = tenant_find (ts, id);
  if (t)
    return t;
  pthread_mutex_lock (&ts->lock);
  t = make_locked (ts, id);
  pthread_mutex_unlock (&ts->lock);
  return t;
}

int32_t
tenant_put (struct tenants *ts, const struct tenant_spec *spec, uint64_t revision)
{
  uint8_t id[16];
  int32_t rc = text_uuid_read (spec->id, strlen (spec->id), id);
  if (rc < 0)
    return rc;
  pthread_mutex_lock (&ts->lock);
  rc = put_locked (ts, spec, id, revision);
  pthread_mutex_unlock (&ts->lock);
  return rc;
}

void
tenant_remove (struct tenants *ts, const uint8_t id[16])
{
  struct tenant *t;
  pthread_mutex_lock (&ts->lock);
  t = tenant_find (ts, id);
  if (t) {
    atomic_store (&t->status, TENANT_UNKNOWN);
    atomic_store (&t->ended, 0);
    atomic_store (&t->limits, NULL);
    atomic_store (&t->tier, "");
    slug_replace (ts, t, "");
    atomic_store (&t->anchor_day, 1);
    atomic_store (&t->revision, 0);
  }
  pthread_mutex_unlock (&ts->lock);
}
