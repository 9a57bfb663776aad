/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tiers follow from what is stored and the time, whatever happened before: a tenant is
 * looked at after its subscriptions changed, when time alone changes something, and at
 * the start; so what a crash left undone is done then. */
#include "plugins/billing-stripe/engine.h"
#include "plugins/billing-stripe/stored.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SWEEP_S   3600 /* all are looked at so often, at least */
#define RETRY_S   60   /* while something is wrong */
#define DAY_S     INT64_C (86400)
#define ACTOR     "billing-stripe"

static int64_t
clock_real (void)
{
  struct timespec t;
  clock_gettime (CLOCK_REALTIME, &t);
  return t.tv_sec;
}

int64_t (*engine_clock) (void) = clock_real;

/* ---- What others leave --------------------------------------------------- */

void
tiers_touch (struct engine *e, const char *tenant)
{
  pthread_mutex_lock (&e->lock);
  for (uint32_t i = 0; tenant && i < e->dirties; i++)
    if (!strcmp (e->dirty[i], tenant)) {
      pthread_mutex_unlock (&e->lock);
      return;
    }
  if (!tenant || e->dirties == ENGINE_DIRTY)
    e->all = 1;
  else
    TEXT_PUT (e->dirty[e->dirties++], tenant);
  pthread_mutex_unlock (&e->lock);
}

void
waits_touch (struct engine *e)
{
  pthread_mutex_lock (&e->lock);
  e->waits = 1;
  pthread_mutex_unlock (&e->lock);
}

void
tiers_written (struct engine *e, const struct batch *batch)
{
  for (uint32_t i = 0; i < batch->touches; i++)
    tiers_touch (e, batch->touched[i]);
  if (batch->all)
    tiers_touch (e, NULL);
  if (batch->waits)
    waits_touch (e);
  pthread_mutex_lock (&e->lock);
  if (e->timer)
    e->billing->jobs->kick (e->timer);
  pthread_mutex_unlock (&e->lock);
}

/* ---- Names --------------------------------------------------------------- */

/* Last parts of keys, copied because a scan must not be inside another one. */
struct names {
  char **name;
  uint32_t count, cap;
  size_t skip;   /* bytes of the prefix */
  int32_t first; /* 1: the part behind the prefix, each once; 0: all that is behind it */
  int32_t error;
};

static void
names_free (struct names *n)
{
  for (uint32_t i = 0; i < n->count; i++)
    free (n->name[i]);
  free (n->name);
}

static int32_t
names_room (struct names *n)
{
  uint32_t cap = n->cap ? 2 * n->cap : 16;
  char **more;
  if (n->count < n->cap)
    return 0;
  more = realloc (n->name, cap * sizeof *more);
  if (!more)
    return -ENOMEM;
  n->name = more;
  n->cap = cap;
  return 0;
}

static int32_t
names_add (const struct kg_entry *entry, void *arg)
{
  struct names *n = arg;
  const char *p = entry->key.ptr + n->skip;
  size_t len = entry->key.len - n->skip;
  const char *slash = n->first ? memchr (p, '/', len) : NULL;
  char *copy;
  if (slash)
    len = (size_t) (slash - p);
  if (n->count && strlen (n->name[n->count - 1]) == len && !memcmp (n->name[n->count - 1], p, len))
    return 0;
  copy = names_room (n) == 0 ? strndup (p, len) : NULL;
  if (!copy)
    n->error = -ENOMEM;
  else
    n->name[n->count++] = copy;
  return n->error;
}

static int32_t
names_scan (struct engine *e, const char *prefix, int32_t first, struct names *ret)
{
  int32_t rc;
  *ret = (struct names){ .skip = strlen (prefix), .first = first };
  rc = e->billing->store->scan (e->objects, (kg_str){ prefix, strlen (prefix) }, names_add, ret);
  return rc < 0 ? rc : ret->error;
}

/* ---- A tenant's subscriptions ---------------------------------------------- */

/* The tier that is noted of a product or price: 1 when there is one. */
static int32_t
noted_get (struct engine *e, const char *id, char ret[PROJECTION_TIER])
{
  struct kg_entry entry = { .size = sizeof entry };
  char key[STRIPE_ID + 8], text[2 * STRIPE_ID + PROJECTION_TIER + 64];
  const char *at;
  *ret = 0;
  snprintf (key, sizeof key, "tier/%s", id);
  if (!*id || e->billing->store->get (e->objects, (kg_str){ key, strlen (key) }, &entry) < 0
      || entry.value.len >= sizeof text)
    return 0;
  memcpy (text, entry.value.ptr, entry.value.len);
  text[entry.value.len] = 0;
  at = strstr (text, ",\"tier\":\"");
  return at && sscanf (at, ",\"tier\":\"%64[^\"\\]\"", ret) == 1;
}

int32_t
projection_rank (struct engine *e, const struct projection *p)
{
  int32_t best = -1;
  for (uint32_t i = 0; i < p->state.items; i++) {
    const struct sub_item *item = &p->state.item[i];
    char noted[PROJECTION_TIER];
    const char *tier;
    int32_t rank;
    if (!noted_get (e, item->price, noted))
      noted_get (e, item->product, noted);
    tier = plan_tier (e->billing->conf, item, *noted ? noted : NULL);
    rank = tier ? tier_rank (&e->tiers, tier) : -1;
    best = rank > best ? rank : best;
  }
  return best;
}

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

static int32_t
customer_subscriptions (struct batch *batch, const char *tenant, const char *customer,
                        subscription_fn *fn, void *arg)
{
  char prefix[STRIPE_ID + 8];
  struct names subs;
  int32_t rc;
  snprintf (prefix, sizeof prefix, "cus/%s/", customer);
  rc = names_scan (batch->billing->engine, prefix, 0, &subs);
  for (uint32_t i = 0; rc == 0 && i < subs.count; i++)
    rc = subscription_with (batch, tenant, customer, subs.name[i], fn, arg);
  names_free (&subs);
  return rc;
}

int32_t
tenant_subscriptions (struct engine *e, const char *tenant,
                      subscription_fn *fn, void *arg)
{
  struct batch *batch = batch_create (e->billing);
  char prefix[PROJECTION_TENANT + 8];
  struct names customers = { 0 };
  int32_t rc = batch ? 0 : -ENOMEM;
  snprintf (prefix, sizeof prefix, "ten/%s/", tenant);
  if (rc == 0)
    rc = names_scan (e, prefix, 0, &customers);
  for (uint32_t i = 0; rc == 0 && i < customers.count; i++)
    rc = customer_subscriptions (batch, tenant, customers.name[i], fn, arg);
  if (rc == 0 && batch)
    rc = batch->error;
  names_free (&customers);
  batch_destroy (batch);
  return rc;
}

/* ---- One tenant ---------------------------------------------------------- */

/* A look at it. */
struct look {
  struct engine *engine;
  struct verdict verdict;
  int64_t now;
  char reason[STRIPE_ID + 64];
  int32_t rank;   /* of the tier that it has, -1: an unknown one */
  int32_t manual;
};

static int32_t
look_add (const struct projection *p, int32_t own, void *arg)
{
  struct look *l = arg;
  struct verdict *v = &l->verdict;
  int64_t grace = l->engine->billing->conf->grace_days * DAY_S;
  struct standing s = dunning_at (p, grace, l->now);
  int32_t rank = projection_rank (l->engine, p), before = v->rank, unknown = v->unknown;
  if (!own) /* it was named as this tenant's, and is another one's now */
    s = (struct standing){ DUNNING_ENDED, 0, 0 };
  verdict_add (v, p, &s, rank);
  if (v->rank > before || (v->rank < 0 && v->over))
    snprintf (l->reason, sizeof l->reason, "%s is %s", p->id, dunning_name (s.dunning));
  if (v->unknown && !unknown) {
    pthread_mutex_lock (&l->engine->lock);
    snprintf (l->engine->unknown, sizeof l->engine->unknown,
              "price %.200s of subscription %.200s belongs to no plan",
              p->state.items ? p->state.item[0].price : "", p->id);
    pthread_mutex_unlock (&l->engine->lock);
  }
  return 0;
}

static int32_t
look_tenant (const struct kg_tenant *t, void *arg)
{
  struct look *l = arg;
  l->rank = tier_rank (&l->engine->tiers, t->tier);
  l->manual = (t->flags & KG_TENANT_MANUAL) != 0;
  return 0;
}

/* A change on its way. */
struct setting {
  struct engine *engine;
  char tenant[PROJECTION_TENANT];
};

static void
set_done (int32_t error, void *arg)
{
  struct setting *s = arg;
  struct engine *e = s->engine;
  const struct billing *b = e->billing;
  int32_t failed = error && error != -EPERM && error != -ENOENT;
  b->metrics->add (e->changes, error == -EPERM ? 2 : error ? 1 : 0, 1);
  pthread_mutex_lock (&e->lock);
  e->error = failed ? error : 0;
  pthread_mutex_unlock (&e->lock);
  if (failed)
    tiers_touch (e, s->tenant);
  free (s);
}

static int32_t
tier_set (const struct look *l, const char *tenant, int32_t rank)
{
  struct engine *e = l->engine;
  const struct kg_tier_change change = { .size = sizeof change,
                                         .tenant = tenant,
                                         .tier = e->tiers.name[rank],
                                         .actor = ACTOR,
                                         .reason = l->reason };
  struct setting *s = malloc (sizeof *s);
  int32_t rc = s ? 0 : -ENOMEM;
  if (s) {
    s->engine = e;
    TEXT_PUT (s->tenant, tenant);
    rc = e->billing->tenants->set_tier (&change, set_done, s);
  }
  if (rc < 0) {
    free (s);
    tiers_touch (e, tenant);
  }
  return rc;
}

/* When to look again, 0: never; or -errno. */
static int64_t
tenant_look (struct engine *e, const char *tenant, int64_t now)
{
  struct look l = { .engine = e, .verdict = VERDICT_NONE, .now = now, .rank = -1 };
  int32_t rc = tenant_subscriptions (e, tenant, look_add, &l), rank;
  if (rc == 0)
    rc = e->billing->tenants->get ((kg_str){ tenant, strlen (tenant) }, look_tenant, &l);
  if (rc < 0)
    return rc == -ENOENT ? 0 : rc;
  rank = verdict_rank (&l.verdict, e->ended_rank, l.rank);
  if (rank >= 0 && rank != l.rank && !l.manual)
    rc = tier_set (&l, tenant, rank);
  return rc < 0 ? rc : l.verdict.next;
}

/* ---- The timer ----------------------------------------------------------- */

/* Looks at each: the earliest time of the next change, 0: never. */
static int64_t
names_look (struct engine *e, const struct names *n, int64_t now)
{
  int64_t due = 0;
  for (uint32_t i = 0; i < n->count; i++) {
    int64_t next = tenant_look (e, n->name[i], now);
    if (next < 0) {
      tiers_touch (e, n->name[i]);
      next = 0;
    }
    if (next && (!due || next < due))
      due = next;
  }
  return due;
}

static void
sweep (struct engine *e, int64_t now)
{
  struct names tenants;
  int32_t rc = names_scan (e, "ten/", 1, &tenants);
  int64_t due = rc == 0 ? names_look (e, &tenants, now) : now + RETRY_S;
  int64_t latest = now + (*e->unknown ? RETRY_S : SWEEP_S);
  e->due = due && due < latest ? due : latest;
  names_free (&tenants);
}

/* Takes over what others left. */
static int32_t
dirty_take (struct engine *e, struct names *ret, int32_t *ret_waits)
{
  int32_t all;
  *ret = (struct names){ 0 };
  pthread_mutex_lock (&e->lock);
  all = e->all || e->due <= engine_clock ();
  *ret_waits = e->waits || all;
  for (uint32_t i = 0; !all && i < e->dirties && !all; i++) {
    char *copy = names_room (ret) == 0 ? strdup (e->dirty[i]) : NULL;
    if (copy)
      ret->name[ret->count++] = copy;
    else
      all = 1;
  }
  e->dirties = 0;
  e->all = e->waits = 0;
  if (all)
    *e->unknown = 0;
  pthread_mutex_unlock (&e->lock);
  return all;
}

static int32_t
count_one (const struct kg_entry *entry, void *arg)
{
  (void) entry;
  ++*(int64_t *) arg;
  return 0;
}

static void
gauges_set (struct engine *e, uint32_t waiting)
{
  const struct billing *b = e->billing;
  int64_t parked = 0;
  b->store->scan (e->parked, (kg_str){ "", 0 }, count_one, &parked);
  b->metrics->set (e->parked_count, 0, parked);
  b->metrics->set (e->waiting_count, 0, waiting);
}

static void
health_set (struct engine *e)
{
  char unknown[sizeof e->unknown];
  int32_t error;
  pthread_mutex_lock (&e->lock);
  TEXT_PUT (unknown, e->unknown);
  error = e->error;
  pthread_mutex_unlock (&e->lock);
  if (error)
    e->billing->health->set (e->component, KG_HEALTH_DEGRADED, 0, "tiers cannot be set: %s",
                             strerror (-error));
  else if (*unknown)
    e->billing->health->set (e->component, KG_HEALTH_DEGRADED, 0, "%s", unknown);
  else
    e->billing->health->set (e->component, e->billing->tenants ? KG_HEALTH_OK : KG_HEALTH_ABSENT, 0, "%s",
                             "");
}

void
tiers_run (void *arg)
{
  struct engine *e = arg;
  struct names dirty;
  int64_t now = engine_clock (), next;
  int32_t waits, all = dirty_take (e, &dirty, &waits);
  if (waits)
    gauges_set (e, waits_release (e));
  if (e->billing->tenants && all)
    sweep (e, now);
  else if (e->billing->tenants && dirty.count) {
    next = names_look (e, &dirty, now);
    if (next && next < e->due)
      e->due = next;
  } else if (all)
    e->due = now + SWEEP_S;
  if (all || dirty.count)
    health_set (e);
  names_free (&dirty);
}
