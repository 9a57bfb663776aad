/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The engine's life. */
#include "plugins/billing-stripe/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK_MS 1000

static int32_t
open_metrics (struct engine *e)
{
  static const char *const results[] = { "set", "failed", "manual", NULL };
  const struct kg_label label = { "result", results };
  const struct kg_metric_def changes
      = { .size = sizeof changes, .kind = KG_COUNTER, .name = "kgent_stripe_tier_changes_total",
          .help = "Changes of tenants' tiers that subscriptions asked for", .labels = &label,
          .nlabels = 1 };
  const struct kg_metric_def parked
      = { .size = sizeof parked, .kind = KG_GAUGE, .name = "kgent_stripe_parked",
          .help = "Events that could not be processed" };
  const struct kg_metric_def waiting
      = { .size = sizeof waiting, .kind = KG_GAUGE, .name = "kgent_stripe_waiting",
          .help = "Events for the ledger whose tenant is not known yet" };
  const struct kg_metrics *m = e->billing->metrics;
  int32_t rc = m->define (e->billing->self, &changes, &e->changes);
  if (rc == 0)
    rc = m->define (e->billing->self, &parked, &e->parked_count);
  return rc == 0 ? m->define (e->billing->self, &waiting, &e->waiting_count) : rc;
}

static int32_t
open_store (struct engine *e)
{
  const struct billing *b = e->billing;
  const struct kg_store *s = b->store;
  int32_t rc = s->bucket2 (b->self, "billing.objects", KG_BUCKET_COLD, &e->objects);
  if (rc == 0)
    rc = s->bucket (b->self, "billing.customers", &e->customers);
  if (rc == 0)
    rc = s->bucket2 (b->self, "billing.parked", KG_BUCKET_COLD, &e->parked);
  return rc == 0 ? s->log (b->self, "usage", 0, 1, &e->usage) : rc;
}

int32_t
engine_open (struct billing *b)
{
  struct engine *e = calloc (1, sizeof *e);
  int32_t rc;
  if (!e)
    return -ENOMEM;
  b->engine = e;
  e->billing = b;
  e->all = 1;
  pthread_mutex_init (&e->lock, NULL);
  rc = open_store (e);
  if (rc == 0)
    rc = open_metrics (e);
  if (rc == 0)
    rc = b->health->add (b->self, "billing_tiers", 0, &e->component);
  return rc;
}

/* From the table of tiers, or without one from the order of the plans. */
static void
tiers_load (struct engine *e)
{
  const struct billing_plan *plans = e->billing->conf->plans.items;
  struct tier_names *t = &e->tiers;
  const char *name;
  while (e->billing->tenants && t->count < TIERS_MAX && (name = e->billing->tenants->tier (t->count)))
    t->name[t->count++] = name;
  if (!e->billing->tenants)
    t->name[t->count++] = e->billing->conf->ended_tier;
  for (uint64_t i = 0; !e->billing->tenants && i < e->billing->conf->plans.count; i++)
    if (t->count < TIERS_MAX && tier_rank (t, plans[i].tier) < 0)
      t->name[t->count++] = plans[i].tier;
}

static int32_t
tier_missing (struct engine *e, const char *option, const char *tier)
{
  const struct billing *b = e->billing;
  char names[512];
  tier_names_show (&e->tiers, names, sizeof names);
  b->host->log (b->self, KG_LOG_ERROR, "billing-stripe.%s: auth.tiers has no \"%s\"; there are %s",
                option, tier, names);
  return -EINVAL;
}

int32_t
engine_start (struct billing *b)
{
  struct engine *e = b->engine;
  const struct billing_plan *plans = b->conf->plans.items;
  kg_timer *timer = NULL;
  char option[64];
  int32_t rc;
  tiers_load (e);
  e->ended_rank = tier_rank (&e->tiers, b->conf->ended_tier);
  if (e->ended_rank < 0)
    return tier_missing (e, "ended_tier", b->conf->ended_tier);
  for (uint64_t i = 0; i < b->conf->plans.count; i++)
    if (tier_rank (&e->tiers, plans[i].tier) < 0) {
      snprintf (option, sizeof option, "plans[%llu].tier", (unsigned long long) i);
      return tier_missing (e, option, plans[i].tier);
    }
  rc = b->jobs->timer (b->self, 0, TICK_MS, tiers_run, e, &timer);
  pthread_mutex_lock (&e->lock);
  e->timer = rc == 0 ? timer : NULL;
  pthread_mutex_unlock (&e->lock);
  return rc;
}

void
engine_stop (struct billing *b)
{
  struct engine *e = b->engine;
  kg_timer *timer;
  pthread_mutex_lock (&e->lock);
  timer = e->timer;
  e->timer = NULL;
  pthread_mutex_unlock (&e->lock);
  b->jobs->cancel (timer);
}

void
engine_close (struct billing *b)
{
  if (!b->engine)
    return;
  batch_destroy (b->engine->batch);
  texts_free (&b->engine->freed);
  texts_free (&b->engine->sweep_customers);
  texts_free (&b->engine->sweep_tenants);
  due_free (&b->engine->due);
  pthread_mutex_destroy (&b->engine->lock);
  free (b->engine);
}
