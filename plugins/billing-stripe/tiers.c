/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tiers follow from what is stored and the time, whatever happened before: a tenant is
 * looked at after its subscriptions changed, when time alone changes something, and at
 * the start; so what a crash left undone is done then.
 *
 * What was touched goes first, and then those whose time has come; a sweep through all
 * goes on in slices behind them, so that nobody waits for 100,000 others. */
#include "plugins/billing-stripe/engine.h"
#include "plugins/billing-stripe/stored.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SWEEP_S   3600 /* all are looked at so often, at least */
#define SETTLE_S  5    /* after the first sweep, and then 12 times as long, all are looked at
                          again: until then a process before this one may have ended, and
                          what it had begun has arrived */
#define RETRY_S   60   /* after a sweep that failed */
#define SLICE_NS  INT64_C (100000000) /* of a sweep, before others have their turn */
#define MANUAL_S  60   /* until a tenant is looked at again whose tier is set by hand, and
                          would be another one: nobody tells when that ends */
#define SETTING   256 /* changes of tiers under way, at which a sweep waits */
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

/* ---- Gauges -------------------------------------------------------------- */

/* Counts of this process's own since the last sweep, which counts anew. */
void
gauges_add (struct engine *e, int64_t waiting, int64_t parked)
{
  const struct billing *b = e->billing;
  pthread_mutex_lock (&e->lock);
  e->waiting += waiting;
  e->parked_events += parked;
  waiting = e->waiting > 0 ? e->waiting : 0;
  parked = e->parked_events > 0 ? e->parked_events : 0;
  pthread_mutex_unlock (&e->lock);
  b->metrics->set (e->parked_count, 0, parked);
  b->metrics->set (e->waiting_count, 0, waiting);
}

static void
gauges_count (struct engine *e)
{
  const struct billing *b = e->billing;
  int64_t parked = keys_count (b, e->parked, ""), waiting = keys_count (b, e->objects, "wait/");
  pthread_mutex_lock (&e->lock);
  e->waiting = waiting;
  e->parked_events = parked;
  pthread_mutex_unlock (&e->lock);
  gauges_add (e, 0, 0);
}

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
waits_touch (struct engine *e, const char *customer)
{
  pthread_mutex_lock (&e->lock);
  if (e->freed.count >= ENGINE_DIRTY || texts_add (&e->freed, customer, strlen (customer)) < 0)
    e->all = 1;
  pthread_mutex_unlock (&e->lock);
}

static int32_t
op_is (const struct kg_op *op, const kg_bucket *bucket, uint32_t kind, const char *prefix)
{
  size_t n = strlen (prefix);
  return op->bucket == bucket && op->kind == kind && op->key.len >= n
         && !memcmp (op->key.ptr, prefix, n)
         && (kind == KG_OP_DELETE || op->revision == KG_REV_NEW);
}

/* What the batch made wait, and parked. */
static void
counts_add (struct engine *e, const struct batch *batch)
{
  int64_t waiting = 0, parked = 0;
  for (uint32_t i = 0; i < batch->ops; i++) {
    const struct kg_op *op = &batch->op[i];
    waiting += op_is (op, e->objects, KG_OP_PUT, "wait/");
    parked += op_is (op, e->parked, KG_OP_PUT, "");
    parked -= op_is (op, e->parked, KG_OP_DELETE, "");
  }
  gauges_add (e, waiting, parked);
}

void
tiers_written (struct engine *e, const struct batch *batch)
{
  for (uint32_t i = 0; i < batch->touches; i++)
    tiers_touch (e, batch->touched[i]);
  if (batch->all)
    tiers_touch (e, NULL);
  for (uint32_t i = 0; i < batch->freed.count; i++)
    waits_touch (e, batch->freed.text[i]);
  counts_add (e, batch);
  pthread_mutex_lock (&e->lock);
  if (e->timer)
    e->billing->jobs->kick (e->timer);
  pthread_mutex_unlock (&e->lock);
}

/* ---- One tenant ---------------------------------------------------------- */

/* A look at it. */
struct look {
  struct engine *engine;
  const char *tenant;
  struct verdict verdict;
  int64_t now;
  char reason[STRIPE_ID + 64];
  int32_t rank;   /* of the tier that it has, -1: an unknown one */
  int32_t manual;
};

/* Why nobody knows what it is for. */
static void
unknown_note (struct engine *e, const char *tenant, const struct projection *p)
{
  pthread_mutex_lock (&e->lock);
  TEXT_PUT (e->unknown_tenant, tenant);
  if (p->state.more)
    snprintf (e->unknown, sizeof e->unknown,
              "subscription %.200s has more prices than its events tell", p->id);
  else
    snprintf (e->unknown, sizeof e->unknown,
              "price %.200s of subscription %.200s belongs to no plan",
              p->state.items ? p->state.item[0].price : "", p->id);
  e->unknown_seen = 1;
  pthread_mutex_unlock (&e->lock);
}

/* It is known now; whether others are not, a sweep will tell. */
static void
unknown_end (struct engine *e, const char *tenant)
{
  pthread_mutex_lock (&e->lock);
  if (*e->unknown && !strcmp (e->unknown_tenant, tenant)) {
    *e->unknown = 0;
    e->all = 1;
  }
  pthread_mutex_unlock (&e->lock);
}

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
    unknown_note (l->engine, l->tenant, p);
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
  atomic_fetch_sub (&e->setting, 1);
  b->metrics->add (e->changes, error == -EPERM ? 2 : error ? 1 : 0, 1);
  /* Whoever looked meanwhile saw the tier before this one. */
  if (!error || failed)
    tiers_touch (e, s->tenant);
  pthread_mutex_lock (&e->lock);
  e->error = failed ? error : 0;
  if (!error && e->timer)
    b->jobs->kick (e->timer);
  pthread_mutex_unlock (&e->lock);
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
    atomic_fetch_add (&e->setting, 1);
    rc = e->billing->tenants->set_tier (&change, set_done, s);
  }
  if (rc < 0) {
    if (s)
      atomic_fetch_sub (&e->setting, 1);
    free (s);
    tiers_touch (e, tenant);
  }
  return rc;
}

/* Its tier is set by hand: when to look again.  All looks of a minute are at the same time. */
static int64_t
manual_leave (struct engine *e, int64_t next, int32_t touched, int64_t now)
{
  int64_t again = (now / MANUAL_S + 1) * MANUAL_S;
  if (touched)
    e->billing->metrics->add (e->changes, 2, 1);
  return next && next < again ? next : again;
}

/* When to look again, 0: never; or -errno. */
static int64_t
tenant_look (struct engine *e, const char *tenant, int32_t touched, int64_t now)
{
  struct look l = { .engine = e, .tenant = tenant, .verdict = VERDICT_NONE, .now = now,
                    .rank = -1 };
  int32_t rc = tenant_subscriptions (e, tenant, look_add, &l), rank;
  if (rc == 0 && !l.verdict.unknown)
    unknown_end (e, tenant);
  if (rc == 0)
    rc = e->billing->tenants->get ((kg_str){ tenant, strlen (tenant) }, look_tenant, &l);
  if (rc < 0)
    return rc == -ENOENT ? 0 : rc;
  rank = verdict_rank (&l.verdict, e->ended_rank, l.rank);
  if (rank >= 0 && rank != l.rank && l.manual)
    return manual_leave (e, l.verdict.next, touched, now);
  if (rank >= 0 && rank != l.rank)
    rc = tier_set (&l, tenant, rank);
  return rc < 0 ? rc : l.verdict.next;
}

/* ---- Sweeps --------------------------------------------------------------- */

/* Looks at a tenant, and remembers when to look again; `touched`: something has happened. */
static void
tenant_visit (struct engine *e, const char *tenant, int32_t touched, int64_t now)
{
  int64_t next = tenant_look (e, tenant, touched, now);
  if (next < 0 || (next && due_add (&e->due, next, tenant) < 0))
    tiers_touch (e, tenant);
}

/* Until the next sweep, after one that went well. */
static int64_t
sweep_pause (struct engine *e)
{
  static const int64_t first[] = { SETTLE_S, 12 * SETTLE_S };
  return e->sweeps < sizeof first / sizeof first[0] ? first[e->sweeps++] : SWEEP_S;
}

static void
sweep_begin (struct engine *e, int64_t now)
{
  int32_t rc = keys_scan (e, "wait/", 1, &e->sweep_customers);
  texts_sort (&e->sweep_customers); /* keys of one customer need not be neighbours */
  if (rc == 0)
    rc = keys_scan (e, "ten/", 1, &e->sweep_tenants);
  texts_sort (&e->sweep_tenants);
  if (rc < 0) {
    texts_free (&e->sweep_customers);
    texts_free (&e->sweep_tenants);
  }
  e->swept = 0;
  e->sweeping = rc == 0;
  e->sweep_at = now + (rc == 0 ? sweep_pause (e) : RETRY_S);
  e->unknown_seen = 0;
  due_free (&e->due);
  gauges_count (e);
}

static void
sweep_end (struct engine *e)
{
  pthread_mutex_lock (&e->lock);
  if (!e->unknown_seen)
    *e->unknown = 0;
  pthread_mutex_unlock (&e->lock);
  texts_free (&e->sweep_customers);
  texts_free (&e->sweep_tenants);
  e->sweeping = 0;
}

static int64_t
nanoseconds (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C (1000000000) + t.tv_nsec;
}

/* A slice: 1 when there is more, and no need to wait until tiers are set. */
static int32_t
sweep_go_on (struct engine *e, int64_t now)
{
  int64_t end = nanoseconds () + SLICE_NS;
  uint32_t customers = e->sweep_customers.count, all = customers + e->sweep_tenants.count;
  if (!e->billing->tenants)
    all = customers;
  for (; e->swept < all && nanoseconds () < end && atomic_load (&e->setting) < SETTING; e->swept++)
    if (e->swept < customers)
      waits_release (e, e->sweep_customers.text[e->swept]);
    else
      tenant_visit (e, e->sweep_tenants.text[e->swept - customers], 0, now);
  if (e->swept < all)
    return atomic_load (&e->setting) < SETTING;
  sweep_end (e);
  return 0;
}

/* ---- The timer ------------------------------------------------------------ */

/* Takes over what others left: 1 when a sweep is asked for. */
static int32_t
dirty_take (struct engine *e, struct texts *ret_dirty, struct texts *ret_freed)
{
  int32_t all;
  *ret_dirty = (struct texts){ 0 };
  pthread_mutex_lock (&e->lock);
  for (uint32_t i = 0; i < e->dirties; i++)
    if (texts_add (ret_dirty, e->dirty[i], strlen (e->dirty[i])) < 0)
      e->all = 1;
  e->dirties = 0;
  *ret_freed = e->freed;
  e->freed = (struct texts){ 0 };
  all = e->all && !e->sweeping; /* else once that one has ended */
  if (all)
    e->all = 0;
  pthread_mutex_unlock (&e->lock);
  return all;
}

static void
health_set (struct engine *e)
{
  const struct billing *b = e->billing;
  char unknown[sizeof e->unknown];
  int32_t error;
  pthread_mutex_lock (&e->lock);
  TEXT_PUT (unknown, e->unknown);
  error = e->error;
  pthread_mutex_unlock (&e->lock);
  if (error)
    b->health->set (e->component, KG_HEALTH_DEGRADED, 0, "tiers cannot be set: %s",
                    strerror (-error));
  else if (*unknown)
    b->health->set (e->component, KG_HEALTH_DEGRADED, 0, "%s", unknown);
  else
    b->health->set (e->component, b->tenants ? KG_HEALTH_OK : KG_HEALTH_ABSENT, 0, "%s", "");
}

/* Those whose time has come, each once: how many there were. */
static uint32_t
due_run (struct engine *e, int64_t now)
{
  struct texts due = { 0 };
  uint32_t n;
  char *tenant;
  while ((tenant = due_take (&e->due, now))) {
    if (texts_add (&due, tenant, strlen (tenant)) < 0)
      tiers_touch (e, tenant);
    free (tenant);
  }
  texts_sort (&due);
  for (uint32_t i = 0; i < due.count; i++)
    tenant_visit (e, due.text[i], 0, now);
  n = due.count;
  texts_free (&due);
  return n;
}

/* What goes before a sweep: how many there were. */
static uint32_t
dirty_run (struct engine *e, struct texts *dirty, struct texts *freed, int64_t now)
{
  uint32_t n = dirty->count;
  texts_sort (freed);
  for (uint32_t i = 0; i < freed->count; i++)
    waits_release (e, freed->text[i]);
  for (uint32_t i = 0; e->billing->tenants && i < dirty->count; i++)
    tenant_visit (e, dirty->text[i], 1, now);
  if (e->billing->tenants)
    n += due_run (e, now);
  texts_free (dirty);
  texts_free (freed);
  return n;
}

/* A clock that was set back: what its time has ended may go on, and nothing else would look
 * at that before it has come so far again. */
static void
clock_look (struct engine *e, int64_t now)
{
  if (now + SETTLE_S < e->looked_at)
    e->sweep_at = now;
  e->looked_at = now;
}

void
tiers_run (void *arg)
{
  struct engine *e = arg;
  struct texts dirty, freed;
  int64_t now = engine_clock ();
  int32_t all = dirty_take (e, &dirty, &freed), more = 0;
  uint32_t n = dirty_run (e, &dirty, &freed, now);
  clock_look (e, now);
  if (!e->sweeping && (all || e->sweep_at <= now))
    sweep_begin (e, now);
  if (e->sweeping) {
    more = sweep_go_on (e, now);
    n++;
  }
  if (n)
    health_set (e);
  pthread_mutex_lock (&e->lock);
  if (more && e->timer)
    e->billing->jobs->kick (e->timer);
  pthread_mutex_unlock (&e->lock);
}
