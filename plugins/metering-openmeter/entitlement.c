/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The life of entitlements: what the watch tells, a timer that burns what is new, and
 * the budget that is told what grants give. */
#include "plugins/metering-openmeter/entitlement.h"

#include "plugins/metering-openmeter/calendar.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define PERIOD_MS 250
#define SLOTS_AT_ONCE 64 /* of the table, under one lock */
#define SECOND_NS INT64_C (1000000000)
#define RETRY_NS SECOND_NS /* a tenant that the budget doesn't know */
#define TELL_NS (60 * SECOND_NS) /* the budget is told again, should a month have moved */

int64_t
entitlements_now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_REALTIME, &t);
  return t.tv_sec * SECOND_NS + t.tv_nsec;
}

static void
entitlements_unref (struct entitlements *e)
{
  if (atomic_fetch_sub (&e->refs, 1) > 1)
    return;
  table_free (&e->table);
  record_read_free (&e->read);
  pthread_mutex_destroy (&e->lock);
  free (e);
}

void
entitlements_kick (struct entitlements *e)
{
  pthread_mutex_lock (&e->lock);
  if (!e->stopped)
    e->mt->jobs->kick (e->timer);
  pthread_mutex_unlock (&e->lock);
}

/* ---- What there is ------------------------------------------------------------------ */

void
entitlements_month (const struct entitlements *e, kg_str tenant, int64_t now_ns,
                    struct kg_budget_month *ret)
{
  const struct kg_budget *budget = e->mt->budget;
  int64_t month = unit_floor (UNIT_MONTH, now_ns / MINUTE_NS);
  ret->size = sizeof *ret;
  if (budget && budget->month && budget->month (tenant, now_ns, ret) >= 0)
    return;
  ret->number = 0;
  ret->from_ns = month * MINUTE_NS;
  ret->to_ns = unit_next (UNIT_MONTH, month) * MINUTE_NS;
}

void
holding_stand (const struct entitlements *e, const struct holding *h, int64_t now_ns,
               struct account_at *ret, struct kg_budget_month *ret_month)
{
  const struct account *a = &h->account;
  struct account_at before = { .totals = a->totals };
  kg_str tenant = { h->holder->tenant, strlen (h->holder->tenant) };
  entitlements_month (e, tenant, now_ns, ret_month);
  account_at (a, now_ns, ret);
  if (ret_month->from_ns > a->base_ns)
    account_at (a, ret_month->from_ns - 1, &before);
  ret->totals.usage -= before.totals.usage;
  ret->totals.consumed -= before.totals.consumed;
  ret->totals.overage -= before.totals.overage;
}

/* ---- The budget ------------------------------------------------------------------------ */

static int64_t
whole (decimal v)
{
  decimal n = v / DECIMAL_ONE;
  return n < 0 ? 0 : n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* Tells the budget what grants give; sets when to tell it again. */
static void
holding_tell (struct entitlements *e, struct holding *h, int64_t now)
{
  kg_str tenant = { h->holder->tenant, strlen (h->holder->tenant) };
  struct kg_budget_month month;
  struct account_at at;
  int64_t next;
  int32_t r;
  account_settle (&h->account, now); /* so that there is never more to go through than days */
  holding_stand (e, h, now, &at, &month);
  r = e->mt->budget->raise (tenant, h->number + KG_BUDGET_TOKENS, month.number,
                            whole (at.totals.consumed + at.balance), whole (at.balance));
  next = account_next (&h->account, now);
  next = next < month.to_ns ? next : month.to_ns;
  h->due_ns = now + (r < 0 ? RETRY_NS : TELL_NS);
  h->due_ns = next < h->due_ns ? next : h->due_ns;
}

static void
holder_tell (struct entitlements *e, struct holder *holder, int64_t now)
{
  struct holding *h;
  for (h = holder->first; h; h = h->next)
    if (h->number < FEATURE_BUDGETS && (h->due_ns <= now || h->due_ns > now + TELL_NS))
      holding_tell (e, h, now);
}

/* All that are due.  The lock is given back now and then, for the watch waits for it; who
 * is missed because the table has grown meanwhile comes next time. */
static void
budget_tell (struct entitlements *e)
{
  int64_t now = entitlements_now ();
  struct holder *holder;
  uint32_t i;
  if (!e->mt->budget || !e->mt->budget->raise)
    return;
  pthread_mutex_lock (&e->lock);
  for (i = 0; i < e->table.slots; i++) {
    for (holder = e->table.slot[i]; holder; holder = holder->chain)
      holder_tell (e, holder, now);
    if (i % SLOTS_AT_ONCE == SLOTS_AT_ONCE - 1) {
      pthread_mutex_unlock (&e->lock);
      pthread_mutex_lock (&e->lock);
    }
  }
  pthread_mutex_unlock (&e->lock);
}

/* ---- The timer --------------------------------------------------------------------------- */

/* Says once that it doesn't work, and once that it does again. */
static void
failure_note (struct entitlements *e, int32_t error)
{
  const struct mt *mt = e->mt;
  int32_t was;
  if (error == -ESTALE || error == -EEXIST || error == -EAGAIN || error == -ESHUTDOWN)
    return; /* somebody else was first, or much is to be written: next time */
  was = atomic_exchange (&e->failing, error != 0);
  if (!error != !was)
    mt->host->log (mt->self, error ? KG_LOG_ERROR : KG_LOG_INFO,
                   error ? "grants are not burnt down: %s" : "grants are burnt down again%s",
                   error ? strerror (-error) : "");
}

/* The write ended; on the committer's thread, behind the watch. */
static void
written (const struct kg_outcome *outcome, void *arg)
{
  struct entitlements *e = arg;
  pthread_mutex_lock (&e->lock);
  e->busy = 0;
  if (!e->stopped && !outcome->error) /* after an error in a period */
    e->mt->jobs->kick (e->timer);
  pthread_mutex_unlock (&e->lock);
  failure_note (e, outcome->error);
  entitlements_unref (e);
}

static void
on_timer (void *arg)
{
  struct entitlements *e = arg;
  int32_t busy, r = 0;
  pthread_mutex_lock (&e->lock);
  busy = e->busy;
  e->busy = 1;
  pthread_mutex_unlock (&e->lock);
  if (!busy) {
    atomic_fetch_add (&e->refs, 1);
    r = entitlement_turn (e, written);
    if (r <= 0) {
      pthread_mutex_lock (&e->lock);
      e->busy = 0;
      pthread_mutex_unlock (&e->lock);
      entitlements_unref (e);
    }
    if (r < 0)
      failure_note (e, r);
  }
  budget_tell (e);
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* On the committer's thread, and at the start on the main one. */
static void
on_change (const struct kg_entry *entry, void *arg)
{
  struct entitlements *e = arg;
  int32_t r;
  if (!entry->value.ptr)
    return;
  pthread_mutex_lock (&e->lock);
  r = table_learn (&e->table, e->meters, entry);
  pthread_mutex_unlock (&e->lock);
  if (r < 0)
    e->mt->host->log (e->mt->self, KG_LOG_ERROR, "usage.accounts: the row %.*s: %s",
                      (int)entry->key.len, entry->key.ptr,
                      r == -EBADMSG ? "it is damaged" : strerror (-r));
}

static int32_t
metrics_define (struct entitlements *e)
{
  const struct kg_metric_def lag
      = { .size = sizeof lag, .kind = KG_GAUGE,
          .name = "kgent_metering_entitlement_lag_records",
          .help = "Records whose use was not yet burnt from grants." };
  const struct kg_metric_def lost
      = { .size = sizeof lost, .kind = KG_COUNTER, .name = "kgent_metering_unburnt_total",
          .help = "Events whose quantity no grant could be charged with." };
  int32_t r = e->mt->metrics->define (e->mt->self, &lag, &e->lag);
  return r < 0 ? r : e->mt->metrics->define (e->mt->self, &lost, &e->lost);
}

static int32_t
declare (struct entitlements *e)
{
  const struct mt *mt = e->mt;
  const struct kg_host *h = mt->host;
  int32_t r;
  if ((r = h->need (mt->self, KG_AUDIT, sizeof *e->audit, KG_NEED_OPTIONAL,
                    (const void **)&e->audit)) < 0
      || (r = h->need (mt->self, KG_TENANTS, sizeof *e->tenants, KG_NEED_OPTIONAL,
                       (const void **)&e->tenants)) < 0
      || (r = mt->store->cursor (mt->self, mt->usage, "entitlements", &e->cursor)) < 0
      || (r = mt->store->bucket2 (mt->self, "usage.accounts", KG_BUCKET_COLD, &e->bucket)) < 0
      || (r = mt->store->watch (e->bucket, on_change, e)) < 0 || (r = metrics_define (e)) < 0)
    return r;
  return entitlement_routes_open (e);
}

int32_t
entitlements_open (struct mt *mt, const struct meters *meters, struct entitlements **ret)
{
  struct entitlements *e = calloc (1, sizeof *e);
  int32_t r;
  if (!e)
    return -ENOMEM;
  e->mt = mt;
  e->meters = meters;
  e->stopped = 1;
  atomic_init (&e->refs, 1);
  pthread_mutex_init (&e->lock, NULL);
  *ret = e; /* closed with the plugin, also when this fails */
  r = declare (e);
  return r;
}

int32_t
entitlements_start (struct entitlements *e)
{
  int32_t r;
  budget_tell (e); /* before the first request */
  pthread_mutex_lock (&e->lock);
  r = e->mt->jobs->timer (e->mt->self, 1, PERIOD_MS, on_timer, e, &e->timer);
  e->stopped = r < 0;
  pthread_mutex_unlock (&e->lock);
  return r;
}

void
entitlements_stop (struct entitlements *e)
{
  pthread_mutex_lock (&e->lock);
  e->stopped = 1;
  pthread_mutex_unlock (&e->lock);
  e->mt->jobs->cancel (e->timer);
  e->timer = NULL;
}

void
entitlements_close (struct entitlements *e)
{
  if (e)
    entitlements_unref (e);
}
