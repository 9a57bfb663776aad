/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A tenant's subscriptions, and what they are for. */
#include "plugins/billing-stripe/engine.h"
#include "plugins/billing-stripe/stored.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Keys ---------------------------------------------------------------- */

/* Last parts of keys, copied because a scan must not be inside another one. */
struct keys {
  struct texts *texts;
  size_t skip;   /* bytes of the prefix */
  int32_t first; /* 1: the part behind the prefix, each once; 0: all that is behind it */
  int32_t error;
};

static int32_t
keys_add (const struct kg_entry *entry, void *arg)
{
  struct keys *k = arg;
  struct texts *t = k->texts;
  const char *p = entry->key.ptr + k->skip;
  size_t len = entry->key.len - k->skip;
  const char *slash = k->first ? memchr (p, '/', len) : NULL;
  if (slash)
    len = (size_t) (slash - p);
  if (!t->count || strlen (t->text[t->count - 1]) != len || memcmp (t->text[t->count - 1], p, len))
    k->error = texts_add (t, p, len);
  return k->error;
}

int32_t
keys_scan (struct engine *e, const char *prefix, int32_t first, struct texts *ret)
{
  struct keys k = { .texts = ret, .skip = strlen (prefix), .first = first };
  int32_t rc;
  *ret = (struct texts){ 0 };
  rc = e->billing->store->scan (e->objects, (kg_str){ prefix, k.skip }, keys_add, &k);
  return rc < 0 ? rc : k.error;
}

static int32_t
count_one (const struct kg_entry *entry, void *arg)
{
  (void) entry;
  ++*(int64_t *) arg;
  return 0;
}

int64_t
keys_count (const struct billing *b, kg_bucket *bucket, const char *prefix)
{
  int64_t n = 0;
  b->store->scan (bucket, (kg_str){ prefix, strlen (prefix) }, count_one, &n);
  return n;
}

/* ---- What is bought ------------------------------------------------------ */

/* What is noted of a product or price under the prefix ("tier", "key"): 1 when there is
 * something. */
static int32_t
noted_get (struct engine *e, const char *prefix, const char *id, char *ret, size_t size)
{
  struct kg_entry entry = { .size = sizeof entry };
  char key[STRIPE_ID + 8], text[3 * STRIPE_ID + 64];
  const char *at, *end;
  *ret = 0;
  snprintf (key, sizeof key, "%s/%s", prefix, id);
  if (!*id || e->billing->store->get (e->objects, (kg_str){ key, strlen (key) }, &entry) < 0
      || entry.value.len >= sizeof text)
    return 0;
  memcpy (text, entry.value.ptr, entry.value.len);
  text[entry.value.len] = 0;
  at = strstr (text, ",\"tier\":\"");
  end = at ? strpbrk (at + 9, "\"\\") : NULL;
  if (!end || *end != '"' || (size_t) (end - at - 9) >= size)
    return 0;
  memcpy (ret, at + 9, (size_t) (end - at - 9));
  ret[end - at - 9] = 0;
  return *ret != 0;
}

/* The tier of an item, or NULL.  A lookup key that a price has lost to another one still says
 * what those bought who have that price. */
static const char *
item_tier (struct engine *e, const struct sub_item *item, char noted[PROJECTION_TIER])
{
  const char *tier;
  struct sub_item former = { 0 };
  if (!noted_get (e, "tier", item->price, noted, PROJECTION_TIER))
    noted_get (e, "tier", item->product, noted, PROJECTION_TIER);
  tier = plan_tier (e->billing->conf, item, *noted ? noted : NULL);
  if (!tier && noted_get (e, "key", item->price, former.lookup_key, sizeof former.lookup_key))
    tier = plan_tier (e->billing->conf, &former, NULL);
  return tier;
}

int32_t
state_rank (struct engine *e, const struct sub_state *state)
{
  int32_t best = -1;
  for (uint32_t i = 0; i < state->items; i++) {
    char noted[PROJECTION_TIER];
    const char *tier = item_tier (e, &state->item[i], noted);
    int32_t rank = tier ? tier_rank (&e->tiers, tier) : -1;
    best = rank > best ? rank : best;
  }
  return best;
}

int32_t
projection_rank (struct engine *e, const struct projection *p)
{
  return state_rank (e, &p->state);
}

/* ---- A tenant's ---------------------------------------------------------- */

/* Calls fn with the subscription if it is this customer's. */
static int32_t
subscription_with (struct batch *batch, const char *tenant, const char *customer, const char *id,
                   subscription_fn *fn, void *arg)
{
  struct projection *p = malloc (sizeof *p);
  char key[STRIPE_ID + 8], owner[PROJECTION_TENANT];
  kg_str text;
  int32_t rc = p ? 0 : -ENOMEM;
  snprintf (key, sizeof key, "sub/%s", id);
  text = batch_get (batch, batch->billing->engine->objects, key);
  if (rc == 0 && text.ptr)
    rc = projection_load (text, p);
  if (rc == 0 && text.ptr && !strcmp (projection_customer (p), customer)) {
    customer_tenant (batch, customer, projection_tenant (p), owner);
    rc = fn (p, !strcmp (owner, tenant), arg);
  }
  free (p);
  return rc;
}

int32_t
customer_subscriptions (struct batch *batch, const char *tenant, const char *customer,
                        subscription_fn *fn, void *arg)
{
  char prefix[STRIPE_ID + 8];
  struct texts subs;
  int32_t rc;
  snprintf (prefix, sizeof prefix, "cus/%s/", customer);
  rc = keys_scan (batch->billing->engine, prefix, 0, &subs);
  for (uint32_t i = 0; rc == 0 && i < subs.count; i++)
    rc = subscription_with (batch, tenant, customer, subs.text[i], fn, arg);
  texts_free (&subs);
  return rc;
}

int32_t
tenant_subscriptions (struct engine *e, const char *tenant,
                      subscription_fn *fn, void *arg)
{
  struct batch *batch = batch_create (e->billing);
  char prefix[PROJECTION_TENANT + 8];
  struct texts customers = { 0 };
  int32_t rc = batch ? 0 : -ENOMEM;
  snprintf (prefix, sizeof prefix, "ten/%s/", tenant);
  if (rc == 0)
    rc = keys_scan (e, prefix, 0, &customers);
  for (uint32_t i = 0; rc == 0 && i < customers.count; i++)
    rc = customer_subscriptions (batch, tenant, customers.text[i], fn, arg);
  if (rc == 0 && batch)
    rc = batch->error;
  texts_free (&customers);
  batch_destroy (batch);
  return rc;
}
