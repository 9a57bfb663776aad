/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The export's life: one timer, one thing at a time. */
#include "plugins/billing-stripe/usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_MS  1000
#define FULL_MAX 50 /* turns of the cursor, after which others have theirs */

int64_t
usage_now (void)
{
  return time (NULL);
}

void
usage_kick (struct usage *u)
{
  pthread_mutex_lock (&u->lock);
  if (u->timer)
    u->billing->jobs->kick (u->timer);
  pthread_mutex_unlock (&u->lock);
}

void
usage_ready (struct usage *u)
{
  atomic_store (&u->busy, 0);
  usage_kick (u);
}

/* On the committer's thread.  -ESTALE: another process did it. */
void
usage_written (const struct kg_outcome *outcome, void *arg)
{
  struct usage *u = arg;
  if (outcome->error && outcome->error != -ESTALE && outcome->error != -EEXIST
      && outcome->error != -ESHUTDOWN) {
    atomic_store (&u->unwritten, 1);
    u->billing->health->set (u->component, KG_HEALTH_DEGRADED, 0, "usage cannot be stored: %s",
                             strerror (-outcome->error));
  } else if (!outcome->error && atomic_exchange (&u->unwritten, 0))
    u->billing->health->set (u->component, KG_HEALTH_OK, 0, "%s", "");
  if (outcome->error)
    atomic_store (&u->busy, 0); /* the timer comes by itself */
  else
    usage_ready (u);
}

/* Records that the cursor has before it. */
static void
lag_tell (struct usage *u)
{
  const struct kg_store *s = u->billing->store;
  uint64_t newest = s->newest (u->log), at = s->position (u->cursor);
  u->billing->metrics->set (u->lag, 0, newest > at ? (int64_t) (newest - at) : 0);
}

/* The component tells as long as something of it cannot be read. */
static int32_t
read_tell (struct usage *u, uint32_t what, int32_t rc)
{
  uint32_t before = u->unread;
  u->unread = rc < 0 ? before | what : before & ~what;
  if (rc < 0)
    u->billing->health->set (u->component, KG_HEALTH_DEGRADED, 0, "usage cannot be read: %s",
                             strerror (-rc));
  else if (before && !u->unread)
    u->billing->health->set (u->component, KG_HEALTH_OK, 0, "%s", "");
  return rc;
}

/* A clock that was set back ends all waiting, which was until times of before. */
static void
clock_look (struct usage *u, int64_t now)
{
  if (now < u->looked_at) {
    u->close_at = u->wait_until = u->anew_at = 0;
    for (uint32_t i = 0; i < USAGE_HELD; i++)
      u->held[i].until = 0;
  }
  u->looked_at = now;
}

static int32_t
turn (struct usage *u)
{
  int64_t now = usage_now ();
  int32_t rc = 0, full = 0;
  clock_look (u, now);
  if (!u->tallied && (rc = read_tell (u, USAGE_LEDGER, usage_tally (u, &full))) != 0) {
    u->full = full ? u->full + 1 : 0;
    u->tallied = !full || u->full % FULL_MAX == 0;
    return rc;
  }
  u->tallied = 0;
  rc = usage_close_minutes (u, now);
  return read_tell (u, USAGE_PARTS, rc == 0 ? usage_send (u, now) : rc);
}

static void
usage_run (void *arg)
{
  struct usage *u = arg;
  if (atomic_exchange (&u->busy, 1))
    return;
  lag_tell (u);
  if (turn (u) <= 0)
    atomic_store (&u->busy, 0);
}

/* ---- Keys ------------------------------------------------------------------ */

int32_t
usage_place_read (const char *key, struct usage_place *ret)
{
  char *at[5] = { ret->text, NULL, NULL, NULL, NULL };
  snprintf (ret->text, sizeof ret->text, "%s", key);
  for (int i = 1; i < 5 && at[i - 1]; i++) {
    at[i] = strchr (at[i - 1], '/');
    if (at[i])
      *at[i]++ = 0;
  }
  if (!at[3])
    return -EINVAL;
  ret->meter = at[1];
  ret->tenant = at[2];
  ret->minute = strtoll (at[3], NULL, 10);
  ret->part = at[4];
  return 0;
}

int32_t
usage_text (kg_str s, char *ret, size_t size)
{
  if (s.len >= size)
    return -EINVAL;
  memcpy (ret, s.ptr, s.len);
  ret[s.len] = 0;
  return 0;
}

/* ---- Life ------------------------------------------------------------------ */

static int32_t
metrics_open (struct usage *u)
{
  static const char *const outcomes[USAGE_OUTCOMES + 1]
      = { "sent", "duplicate", "parked", "no_customer", "not_integer", NULL };
  const struct kg_label outcome = { "outcome", outcomes };
  const struct kg_metric_def sent
      = { .size = sizeof sent, .kind = KG_COUNTER, .name = "kgent_stripe_usage_total",
          .help = "Sums of usage by what became of them; not_integer: events",
          .labels = &outcome, .nlabels = 1 };
  const struct kg_metric_def lag
      = { .size = sizeof lag, .kind = KG_GAUGE, .name = "kgent_stripe_usage_lag_records",
          .help = "Usage records that were not yet looked at for Stripe" };
  struct billing *b = u->billing;
  int32_t rc = b->metrics->define (b->self, &sent, &u->outcomes);
  return rc == 0 ? b->metrics->define (b->self, &lag, &u->lag) : rc;
}

static int32_t
store_open (struct usage *u)
{
  struct billing *b = u->billing;
  int32_t rc = b->store->bucket2 (b->self, "billing.usage", KG_BUCKET_COLD, &u->bucket);
  if (rc == 0)
    rc = b->store->log (b->self, "usage", 0, 1, &u->log);
  if (rc < 0 || !b->conf->usage.count)
    return rc;
  return b->store->cursor (b->self, u->log, USAGE_CURSOR, &u->cursor);
}

int32_t
usage_open (struct billing *b)
{
  struct usage *u = b->usage = calloc (1, sizeof *u);
  int32_t rc;
  if (!u)
    return -ENOMEM;
  u->billing = b;
  pthread_mutex_init (&u->lock, NULL);
  rc = metrics_open (u);
  if (rc == 0 && b->conf->usage.count)
    rc = b->health->add (b->self, "stripe_usage", 0, &u->component);
  if (rc == 0)
    rc = store_open (u);
  if (rc == 0)
    rc = usage_routes_open (b);
  return rc == 0 ? usage_days_open (b) : rc;
}

int32_t
usage_start (struct billing *b)
{
  struct usage *u = b->usage;
  kg_timer *timer = NULL;
  int32_t rc;
  if (!b->conf->usage.count)
    return usage_left_start (b);
  b->health->set (u->component, KG_HEALTH_OK, 0, "%s", "");
  rc = b->jobs->timer (b->self, TICK_MS, TICK_MS, usage_run, u, &timer);
  pthread_mutex_lock (&u->lock);
  u->timer = rc == 0 ? timer : NULL;
  pthread_mutex_unlock (&u->lock);
  return rc;
}

void
usage_stop (struct billing *b)
{
  struct usage *u = b->usage;
  kg_timer *timer;
  pthread_mutex_lock (&u->lock);
  timer = u->timer;
  u->timer = NULL;
  pthread_mutex_unlock (&u->lock);
  b->jobs->cancel (timer);
  usage_left_stop (b);
}

void
usage_close (struct billing *b)
{
  if (b->usage)
    pthread_mutex_destroy (&b->usage->lock);
  free (b->usage);
}
