/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A price that was found stays in memory even when a later look finds another one, since
 * a worker may be reading it; they change so seldom that this is no leak. */
#include "plugins/billing-stripe/prices.h"
#include "plugins/billing-stripe/checkout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS  3600000
#define AGAIN_MS 30000

/* One that was found. */
struct found {
  struct price price;
  struct found *before; /* what was known before it */
};

/* Of one plan. */
struct row {
  struct billing *billing;
  const struct billing_plan *plan;
  _Atomic (struct found *) newest;
  atomic_int asking;  /* 1 while a request is under way */
  int32_t product;    /* 1: the answer is a product */
};

struct prices {
  kg_timer *timer;
  int64_t wait_ms; /* until the next look at all; counted by the timer */
  uint64_t count;
  struct row row[];
};

/* ---- Answers --------------------------------------------------------------- */

static int32_t
price_same (const struct price *a, const struct price *b)
{
  return !strcmp (a->id, b->id) && !strcmp (a->currency, b->currency)
         && !strcmp (a->interval, b->interval) && a->unit_amount == b->unit_amount;
}

static void
price_keep (struct row *row, json_object *o)
{
  struct found *found = calloc (1, sizeof *found), *before = atomic_load (&row->newest);
  json_object *amount = stripe_member (o, "unit_amount");
  const char *id = stripe_text (o, "id"), *currency = stripe_text (o, "currency"),
             *interval = stripe_text (o, "recurring.interval");
  if (!found || !stripe_id_ok (id)) {
    free (found);
    return;
  }
  TEXT_PUT (found->price.id, id);
  TEXT_PUT (found->price.currency, currency ? currency : "");
  TEXT_PUT (found->price.interval, interval ? interval : "");
  found->price.unit_amount = json_object_is_type (amount, json_type_int)
                                 ? json_object_get_int64 (amount)
                                 : -1;
  found->before = before;
  if (before && price_same (&before->price, &found->price))
    free (found);
  else
    atomic_store (&row->newest, found);
}

static void
price_told (const struct stripe_reply *r, void *arg)
{
  struct row *row = arg;
  json_object *o = row->product ? stripe_member (r->json, "default_price")
                                : stripe_member (r->json, "data.0");
  if (!row->product && !o)
    o = r->json;
  if (!r->error && r->status < 300)
    price_keep (row, o);
  else if (r->error != -ESHUTDOWN)
    row->billing->host->log (row->billing->self, KG_LOG_WARN,
                             "the price of plan %s is not known: %s", row->plan->tier, r->message);
  atomic_store (&row->asking, 0);
}

/* ---- Asking ---------------------------------------------------------------- */

static int32_t
price_ask (struct row *row)
{
  const char *price = plan_first (row->plan->prices), *key = plan_first (row->plan->lookup_keys),
             *product = plan_first (row->plan->products);
  struct form query = { 0 };
  char path[STRIPE_ID_MAX + 32];
  int32_t rc;
  if (stripe_id_ok (price)) {
    snprintf (path, sizeof path, "/v1/prices/%s", price);
    return stripe_get (row->billing, path, NULL, price_told, row);
  }
  if (key) {
    form_add (&query, "lookup_keys[]", key);
    form_add (&query, "active", "true");
    rc = stripe_get (row->billing, "/v1/prices", &query, price_told, row);
  } else if (stripe_id_ok (product)) {
    row->product = 1;
    snprintf (path, sizeof path, "/v1/products/%s", product);
    form_add (&query, "expand[]", "default_price");
    rc = stripe_get (row->billing, path, &query, price_told, row);
  } else
    rc = -ENOENT;
  form_free (&query);
  return rc;
}

/* Those that aren't known are asked for soon, all of them once an hour. */
static void
prices_look (void *arg)
{
  struct billing *b = arg;
  struct prices *p = b->prices;
  int32_t all = p->wait_ms <= 0;
  p->wait_ms = all ? LOOK_MS : p->wait_ms - AGAIN_MS;
  for (uint64_t i = 0; i < p->count; i++) {
    struct row *row = &p->row[i];
    if ((!all && atomic_load (&row->newest)) || atomic_exchange (&row->asking, 1))
      continue;
    if (price_ask (row) < 0)
      atomic_store (&row->asking, 0);
  }
}

const struct price *
prices_get (const struct billing *b, uint64_t i)
{
  struct found *found = b->prices && i < b->prices->count ? atomic_load (&b->prices->row[i].newest)
                                                          : NULL;
  return found ? &found->price : NULL;
}

/* ---- Life ------------------------------------------------------------------ */

int32_t
prices_open (struct billing *b)
{
  const struct billing_plan *plan = b->conf->plans.items;
  uint64_t count = b->conf->plans.count;
  b->prices = calloc (1, sizeof *b->prices + count * sizeof b->prices->row[0]);
  if (!b->prices)
    return -ENOMEM;
  b->prices->count = count;
  for (uint64_t i = 0; i < count; i++) {
    b->prices->row[i].billing = b;
    b->prices->row[i].plan = plan + i;
  }
  return 0;
}

int32_t
prices_start (struct billing *b)
{
  if (!b->prices->count || !b->conf->api_key || !*b->conf->api_key)
    return 0;
  return b->jobs->timer (b->self, 1, AGAIN_MS, prices_look, b, &b->prices->timer);
}

void
prices_stop (struct billing *b)
{
  b->jobs->cancel (b->prices->timer);
  b->prices->timer = NULL;
}

void
prices_close (struct billing *b)
{
  for (uint64_t i = 0; b->prices && i < b->prices->count; i++) {
    struct found *found = atomic_load (&b->prices->row[i].newest);
    while (found) {
      struct found *before = found->before;
      free (found);
      found = before;
    }
  }
  free (b->prices);
}
