/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Before a step of the inbox's cursor the subscriptions of its events are read from Stripe,
 * each once.  While Stripe does not answer the events wait, on the disk, and are tried
 * again; after refetch_wait they are taken as they are, in the order of their times, which
 * is logged, counted, and told by the component until all were compared. */
#include "plugins/billing-stripe/refetch.h"
#include "plugins/billing-stripe/engine.h"
#include "plugins/billing-stripe/inbox.h"
#include "plugins/billing-stripe/stripe_api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_S  1
#define LATEST_S 30 /* whatever Retry-After says */

enum { READ_OK, READ_MISSING, READ_FAILED, READ_FALLBACK };

/* ---- What is asked for ----------------------------------------------------- */

const struct reading *
refetch_find (const struct refetch *r, const char *id)
{
  for (uint32_t i = 0; r && i < r->count; i++)
    if (!strcmp (r->reading[i].id, id))
      return r->reading[i].there ? &r->reading[i] : NULL;
  return NULL;
}

static int32_t
is_asked (const struct refetch *r, const char *id)
{
  for (uint32_t i = 0; i < r->count; i++)
    if (!strcmp (r->reading[i].id, id))
      return 1;
  return 0;
}

/* 1: there is no room for more. */
static int32_t
record_look (const struct kg_record *record, void *arg)
{
  struct refetch *r = arg;
  struct told *t = malloc (sizeof *t);
  const char *why;
  int32_t rc = t ? 0 : -ENOMEM;
  if (t && told_read (record->data.ptr, record->data.len, t, &why) == 0
      && t->kind == TOLD_SUBSCRIPTION && stripe_id_ok (t->object) && !is_asked (r, t->object)) {
    r->full = r->count == READINGS_MAX;
    if (!r->full) {
      struct reading *reading = &r->reading[r->count++];
      *reading = (struct reading){ .refetch = r };
      TEXT_PUT (reading->id, t->object);
    }
  }
  free (t);
  if (rc < 0 || r->full)
    return rc < 0 ? rc : 1;
  r->upto = record->sequence;
  return 0;
}

/* ---- What is told ---------------------------------------------------------- */

static void
count (struct refetch *r, uint32_t outcome, uint64_t n)
{
  r->billing->metrics->add (r->outcomes, outcome, n);
}

static void
component_set (struct refetch *r)
{
  const struct billing *b = r->billing;
  if (r->since)
    b->health->set (r->component, KG_HEALTH_DEGRADED, 0,
                    "Stripe does not tell how subscriptions are: %s", r->why);
  else if (r->fallbacks)
    b->health->set (r->component, KG_HEALTH_DEGRADED, 0,
                    "%lld subscriptions were taken from their events while Stripe did not answer; "
                    "kgentctl billing reconcile compares them",
                    (long long) r->fallbacks);
  else
    b->health->set (r->component, KG_HEALTH_OK, 0, "%s", "");
}

static void
give_up (struct refetch *r)
{
  const struct billing *b = r->billing;
  uint32_t n = 0;
  for (uint32_t i = 0; i < r->count; i++)
    n += !r->reading[i].there;
  r->ready = 1;
  r->fallbacks += n;
  count (r, READ_FALLBACK, n);
  b->host->log (b->self, KG_LOG_ERROR,
                "%u subscriptions are taken from their events, in the order of these, since Stripe "
                "does not answer: %s; compare them later by kgentctl billing reconcile",
                n, r->why);
}

/* All have answered, or failed: 1: the step can go on. */
static int32_t
all_told (struct refetch *r)
{
  const struct billing *b = r->billing;
  int64_t now = engine_clock (), wait_s = r->wait_s;
  pthread_mutex_lock (&r->lock);
  if (!r->failed) {
    r->ready = 1;
    r->since = 0;
  } else {
    count (r, READ_FAILED, 1);
    if (!r->since)
      b->host->log (b->self, KG_LOG_WARN, "subscriptions cannot be read, and events wait: %s",
                    r->why);
    r->since = r->since && r->since <= now ? r->since : now;
    r->wait_until = now + (wait_s < AGAIN_S ? AGAIN_S : wait_s > LATEST_S ? LATEST_S : wait_s);
    if (now - r->since >= b->conf->refetch_wait)
      give_up (r);
  }
  component_set (r);
  pthread_mutex_unlock (&r->lock);
  return r->ready;
}

static int32_t
reading_take (struct reading *reading, json_object *subscription)
{
  json_object *event = subscription_event (subscription, "read", engine_clock ());
  struct told *t = malloc (sizeof *t);
  const char *why = NULL;
  int32_t rc = t ? told_take (event, t, &why) : -ENOMEM;
  if (rc == 0 && strcmp (t->object, reading->id))
    rc = -EBADMSG;
  if (rc == 0) {
    reading->there = 1;
    reading->status = t->event.status;
    reading->state = t->state;
  }
  json_object_put (event);
  free (t);
  return rc;
}

static void
fail (struct refetch *r, const char *why, int64_t wait_s)
{
  pthread_mutex_lock (&r->lock);
  r->failed = 1;
  r->wait_s = wait_s > r->wait_s ? wait_s : r->wait_s;
  snprintf (r->why, sizeof r->why, "%s", why ? why : "");
  pthread_mutex_unlock (&r->lock);
}

static void
reading_told (const struct stripe_reply *reply, void *arg)
{
  struct reading *reading = arg;
  struct refetch *r = reading->refetch;
  struct billing *b = r->billing;
  const char *text = stripe_text (reply->json, "error.message");
  if (!reply->error && reply->status == 404) {
    count (r, READ_MISSING, 1);
    b->host->log (b->self, KG_LOG_WARN, "Stripe has no subscription %s: its events alone count",
                  reading->id);
  } else if (reply->error || reply->status > 299)
    fail (r, text ? text : reply->message, reply->retry_after_s);
  else if (reading_take (reading, reply->json) < 0)
    fail (r, "what Stripe answers is no such subscription", AGAIN_S);
  else
    count (r, READ_OK, 1);
  if (atomic_fetch_sub (&r->flying, 1) != 1)
    return;
  inbox_go_on (b, !atomic_load (&b->stopped) && all_told (r));
}

/* ---- A step ---------------------------------------------------------------- */

static void
reading_ask (struct reading *reading)
{
  char path[STRIPE_ID + 32];
  int32_t rc;
  snprintf (path, sizeof path, "/v1/subscriptions/%s", reading->id);
  rc = stripe_get (reading->refetch->billing, path, NULL, reading_told, reading);
  if (rc < 0)
    reading_told (&(struct stripe_reply){ .error = rc, .retry_after_s = -1,
                                          .message = strerror (-rc) }, reading);
}

int32_t
refetch_begin (struct refetch *r)
{
  struct billing *b = r->billing;
  uint64_t position = b->store->position (b->cursor);
  int64_t now;
  int32_t rc;
  if (r->ready && r->after == position && r->upto > position)
    return 0;
  now = engine_clock ();
  if (now < r->wait_until && r->wait_until - now <= LATEST_S) /* else the clock was set back */
    return 2;
  r->ready = r->full = r->failed = 0;
  r->count = 0;
  r->wait_s = 0;
  r->after = r->upto = position;
  rc = b->store->read (b->inbox, position, INBOX_STEP, record_look, r);
  if (rc < 0)
    return rc;
  if (!r->count) {
    r->ready = 1;
    return 0;
  }
  atomic_store (&r->flying, r->count);
  for (uint32_t i = 0, n = r->count; i < n; i++)
    reading_ask (&r->reading[i]);
  return 1;
}

void
refetch_drop (struct refetch *r)
{
  if (r)
    r->ready = 0;
}

void
refetch_repaired (struct billing *b)
{
  struct refetch *r = b->refetch;
  if (!r)
    return;
  pthread_mutex_lock (&r->lock);
  if (r->fallbacks) {
    r->fallbacks = 0;
    component_set (r);
  }
  pthread_mutex_unlock (&r->lock);
}

/* ---- Life ------------------------------------------------------------------ */

int32_t
refetch_open (struct billing *b)
{
  static const char *const outcomes[] = { "ok", "missing", "failed", "fallback", NULL };
  const struct kg_label label = { "outcome", outcomes };
  const struct kg_metric_def def
      = { .size = sizeof def, .kind = KG_COUNTER, .name = "kgent_stripe_refetch_total",
          .help = "Subscriptions that were read from Stripe; failed: attempts to",
          .labels = &label, .nlabels = 1 };
  struct refetch *r;
  int32_t rc;
  if (!b->conf->refetch)
    return 0;
  b->refetch = r = calloc (1, sizeof *r);
  if (!r || !(r->reading = calloc (READINGS_MAX, sizeof *r->reading)))
    return -ENOMEM;
  r->billing = b;
  pthread_mutex_init (&r->lock, NULL);
  rc = b->metrics->define (b->self, &def, &r->outcomes);
  return rc == 0 ? b->health->add (b->self, "stripe_refetch", 0, &r->component) : rc;
}

void
refetch_close (struct billing *b)
{
  struct refetch *r = b->refetch;
  if (!r)
    return;
  if (r->reading)
    pthread_mutex_destroy (&r->lock);
  free (r->reading);
  free (r);
}
