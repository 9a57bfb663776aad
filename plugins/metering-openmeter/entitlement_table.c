/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Accounts in memory, by tenant: as the store said last. */
#include "plugins/metering-openmeter/entitlement.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_MIN 64

/* ---- Features ---------------------------------------------------------------------- */

static const char *const budgets[FEATURE_BUDGETS] = { "budget.tokens", "budget.money" };

const char *
feature_name (const struct meters *m, uint32_t number)
{
  const struct meter *meter;
  if (number < FEATURE_BUDGETS)
    return budgets[number];
  if (number - FEATURE_BUDGETS >= m->count)
    return NULL;
  meter = &m->meter[number - FEATURE_BUDGETS];
  return meter->aggregation <= METER_COUNT ? meter->slug : "";
}

uint32_t
feature_number (const struct meters *m, kg_str name)
{
  const char *there;
  uint32_t i;
  for (i = 0; (there = feature_name (m, i)); i++)
    if (*there && strlen (there) == name.len && !memcmp (there, name.ptr, name.len))
      return i;
  return FEATURE_NONE;
}

/* ---- Finding ------------------------------------------------------------------------- */

static uint64_t
name_hash (kg_str name)
{
  uint64_t h = 0xcbf29ce484222325u;
  size_t i;
  for (i = 0; i < name.len; i++)
    h = (h ^ (unsigned char)name.ptr[i]) * 0x100000001b3u;
  return h ^ h >> 32;
}

struct holder *
holder_find (const struct entitlement_table *t, kg_str tenant)
{
  uint64_t hash = name_hash (tenant);
  struct holder *h = t->slots ? t->slot[hash % t->slots] : NULL;
  for (; h; h = h->chain)
    if (h->hash == hash && strlen (h->tenant) == tenant.len
        && !memcmp (h->tenant, tenant.ptr, tenant.len))
      return h;
  return NULL;
}

static struct holding *
holding_of (const struct holder *holder, kg_str feature)
{
  struct holding *h = holder ? holder->first : NULL;
  while (h && (strlen (h->feature) != feature.len || memcmp (h->feature, feature.ptr, feature.len)))
    h = h->next;
  return h;
}

struct holding *
holding_find (const struct entitlement_table *t, kg_str tenant, kg_str feature)
{
  return holding_of (holder_find (t, tenant), feature);
}

/* ---- Making ------------------------------------------------------------------------------ */

static int32_t
table_grow (struct entitlement_table *t)
{
  uint32_t slots = t->slots ? 2 * t->slots : SLOTS_MIN, i;
  struct holder **slot, *h, *next;
  if (t->holders < t->slots)
    return 0;
  slot = calloc (slots, sizeof *slot);
  if (!slot)
    return -ENOMEM;
  for (i = 0; i < t->slots; i++)
    for (h = t->slot[i]; h; h = next) {
      next = h->chain;
      h->chain = slot[h->hash % slots];
      slot[h->hash % slots] = h;
    }
  free (t->slot);
  t->slot = slot;
  t->slots = slots;
  return 0;
}

static struct holder *
holder_make (struct entitlement_table *t, kg_str tenant)
{
  struct holder *h = holder_find (t, tenant);
  if (h || table_grow (t) < 0 || !(h = calloc (1, sizeof *h)))
    return h;
  h->hash = name_hash (tenant);
  memcpy (h->tenant, tenant.ptr, tenant.len);
  h->chain = t->slot[h->hash % t->slots];
  t->slot[h->hash % t->slots] = h;
  t->holders++;
  return h;
}

static struct holding *
holding_make (struct entitlement_table *t, const struct meters *m, kg_str tenant, kg_str feature)
{
  struct holder *holder = holder_make (t, tenant);
  struct holding *h = holding_of (holder, feature);
  if (!holder || h || !(h = calloc (1, sizeof *h)))
    return h;
  memcpy (h->feature, feature.ptr, feature.len);
  h->number = feature_number (m, feature);
  h->holder = holder;
  h->next = holder->first;
  holder->first = h;
  t->holdings++;
  return h;
}

/* ---- Learning ------------------------------------------------------------------------------ */

static int32_t
state_learn (struct entitlement_table *t, const struct kg_entry *e, struct record_read *read)
{
  int32_t r = record_scan (read, e->value);
  int64_t position = r < 0 ? -1 : kg_json_int (&read->json, kg_json_find (&read->json, 0, "position"), -1);
  if (position < 0)
    return r < 0 ? r : -EBADMSG;
  t->position = (uint64_t)position;
  t->revision = e->revision;
  return 0;
}

int32_t
table_learn (struct entitlement_table *t, const struct meters *m, const struct kg_entry *e)
{
  const char *slash = e->key.len ? memchr (e->key.ptr, '/', e->key.len) : NULL;
  struct record_read read = { 0 };
  struct account account = { 0 };
  struct holding *h;
  kg_str tenant, feature;
  int32_t r;
  if (!slash) {
    r = state_learn (t, e, &read);
    record_read_free (&read);
    return r;
  }
  tenant = (kg_str){ e->key.ptr, (size_t)(slash - e->key.ptr) };
  feature = (kg_str){ slash + 1, e->key.len - tenant.len - 1 };
  if (tenant.len > TENANT_MAX || feature.len > FEATURE_MAX)
    return -EBADMSG;
  r = account_read (e->value, &read, &account);
  record_read_free (&read);
  h = r < 0 ? NULL : holding_make (t, m, tenant, feature);
  if (!h) {
    account_finish (&account);
    return r < 0 ? r : -ENOMEM;
  }
  account_finish (&h->account);
  h->account = account;
  h->due_ns = 0;
  return 0;
}

void
table_free (struct entitlement_table *t)
{
  struct holder *h, *next;
  struct holding *one, *after;
  uint32_t i;
  for (i = 0; i < t->slots; i++)
    for (h = t->slot[i]; h; h = next) {
      next = h->chain;
      for (one = h->first; one; one = after) {
        after = one->next;
        account_finish (&one->account);
        free (one);
      }
      free (h);
    }
  free (t->slot);
  *t = (struct entitlement_table){ 0 };
}
