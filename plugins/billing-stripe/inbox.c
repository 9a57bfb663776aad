/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The cursor over the inbox.
 *
 * A step reads some events, and writes what came of them together with the
 * cursor's new position in one transaction: so each event has its effect exactly once,
 * whatever crashes in between.  An event that cannot be processed is parked, with the
 * reason, and the cursor goes on. */
#include "plugins/billing-stripe/inbox.h"
#include "plugins/billing-stripe/refetch.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_OPS    (BATCH_OPS - 256) /* room for one event more, and the end */
#define RETRY_MS    200 /* after another process was faster, or a fault */

#define TOTALS_KEY  "inbox"
#define TOTALS_SIZE 1024

/* One step of the cursor. */
struct step {
  struct billing *billing;
  struct batch *batch;
  struct refetch *refetch; /* or NULL */
  struct totals before, add; /* by this step */
  uint64_t last;      /* sequence up to which it goes */
  uint32_t events;
  int32_t error;      /* of the first event */
};

/* ---- Totals as a value --------------------------------------------------- */

static int64_t
member_count (json_object *o, const char *name)
{
  json_object *v;
  return json_object_object_get_ex (o, name, &v) ? json_object_get_int64 (v) : 0;
}

/* Zeros when there are none yet. */
static void
totals_read (kg_str text, struct totals *ret)
{
  json_tokener *tok = text.ptr ? json_tokener_new () : NULL;
  json_object *o = tok ? json_tokener_parse_ex (tok, text.ptr, (int) text.len) : NULL;
  memset (ret, 0, sizeof *ret);
  for (uint32_t i = 0; o && i < EVENT_TYPES; i++)
    ret->type[i] = member_count (o, event_types[i]);
  ret->failed = o ? member_count (o, "failed") : 0;
  ret->upto = o ? member_count (o, "upto") : 0;
  ret->unnoted = o && json_object_object_get_ex (o, "unnoted", NULL) ? member_count (o, "unnoted")
                                                                     : ret->upto;
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
}

static void
totals_show (struct kg_out *out, const struct totals *t)
{
  uint32_t i;
  for (i = 0; i < EVENT_TYPES; i++) {
    kg_out_lit (out, i ? "," : "{");
    kg_out_text (out, event_types[i]);
    kg_out_lit (out, ":");
    kg_out_int (out, t->type[i]);
  }
  kg_out_lit (out, ",\"failed\":");
  kg_out_int (out, t->failed);
  kg_out_lit (out, ",\"upto\":");
  kg_out_int (out, t->upto);
  kg_out_lit (out, ",\"unnoted\":");
  kg_out_int (out, t->unnoted);
  kg_out_lit (out, "}");
}

static void
totals_add (struct totals *to, const struct totals *from)
{
  uint32_t i;
  for (i = 0; i < EVENT_TYPES; i++)
    to->type[i] += from->type[i];
  to->failed += from->failed;
}

/* Makes the timer run now; under the lock, since stop may be about to end it. */
static void
inbox_kick (struct billing *b)
{
  pthread_mutex_lock (&b->lock);
  if (b->timer)
    b->jobs->kick (b->timer);
  pthread_mutex_unlock (&b->lock);
}

/* ---- Parking ------------------------------------------------------------- */

void
inbox_park (struct batch *batch, const struct kg_record *record, const char *why, uint32_t tries)
{
  struct billing *b = batch->billing;
  char key[KG_KEY_MAX + 1], text[1024 + 6 * KG_KEY_MAX];
  struct kg_out out = { text, 0, sizeof text };
  size_t len = record->id.len < sizeof key ? record->id.len : sizeof key - 1;
  memcpy (key, record->id.ptr, len);
  key[len] = 0;
  kg_out_lit (&out, "{\"id\":");
  kg_out_text (&out, key);
  kg_out_lit (&out, ",\"sequence\":");
  kg_out_int (&out, (int64_t) record->sequence);
  kg_out_lit (&out, ",\"tries\":");
  kg_out_int (&out, tries);
  kg_out_lit (&out, ",\"reason\":");
  kg_out_text (&out, why);
  kg_out_lit (&out, "}");
  batch_put (batch, b->engine->parked, key, (kg_str){ text, out.len });
  b->host->log (b->self, KG_LOG_ERROR, "event %s is parked: %s", key, why);
}

/* ---- A step -------------------------------------------------------------- */

/* Takes back what was added of an event, and parks it. */
static void
step_park (struct step *step, const struct kg_record *record, uint32_t ops, const char *why)
{
  batch_truncate (step->batch, ops);
  step->batch->error = 0;
  inbox_park (step->batch, record, why, step->billing->engine->tries + 1);
  step->add.failed++;
}

/* Where the inbox has it: whoever asks for one event by its id need not read them all. */
static void
step_note (struct step *step, const struct kg_record *record)
{
  char key[KG_KEY_MAX + 1] = INBOX_NOTE, text[24];
  int n = snprintf (text, sizeof text, "%llu", (unsigned long long) record->sequence);
  if (record->id.len >= sizeof key - sizeof INBOX_NOTE)
    return;
  memcpy (key + sizeof INBOX_NOTE - 1, record->id.ptr, record->id.len);
  key[sizeof INBOX_NOTE - 1 + record->id.len] = 0;
  batch_note (step->batch, step->billing->engine->objects, key, (kg_str){ text, (size_t) n });
}

/* 1: the step ends before this event, or behind it. */
static int32_t
step_record (const struct kg_record *record, void *arg)
{
  struct step *step = arg;
  struct engine *e = step->billing->engine;
  uint32_t before = step->batch->ops, ops, type = EVENT_OTHER;
  const char *why = NULL;
  int32_t rc = 0;
  if (step->refetch && record->sequence > step->refetch->upto)
    return 1;
  step_note (step, record);
  ops = step->batch->ops;
  if (e->tries >= (uint32_t) step->billing->conf->tries)
    step_park (step, record, ops, strerror (-e->cause));
  else {
    rc = process_event (step->batch, record->data, &type, &why);
    if (rc == -EBADMSG)
      step_park (step, record, ops, why);
    else if (rc == -E2BIG && !step->events)
      step_park (step, record, ops, "it makes too many changes");
    else if (rc < 0) {
      batch_truncate (step->batch, before);
      step->batch->error = 0;
      step->error = rc;
      return 1;
    } else
      step->add.type[type]++;
  }
  step->last = record->sequence;
  step->events++;
  return e->single || step->batch->ops > STEP_OPS;
}

/* Tells the metrics what is on disk now. */
static void
step_account (struct step *step)
{
  struct billing *b = step->billing;
  uint32_t i;
  for (i = 0; i < EVENT_TYPES; i++)
    b->metrics->add (b->processed, i, (uint64_t) step->add.type[i]);
  b->metrics->add (b->errors, BILLING_PROCESS, (uint64_t) step->add.failed);
}

/* Whether the disk, or the host, is at fault, and not the events. */
static int32_t
is_outage (int32_t error)
{
  return error == -ENOSPC || error == -EDQUOT || error == -EIO || error == -EROFS
         || error == -EAGAIN || error == -ENOMEM || error == -ESHUTDOWN;
}

/* What follows from the outcome; 1: go on at once.  -ESTALE, or -EEXIST of what is no effect:
 * another process was faster, and this one reads on from where that one is. */
static int32_t
step_judge (struct step *step, const struct kg_outcome *outcome)
{
  struct engine *e = step->billing->engine;
  if (!outcome->error) {
    step_account (step);
    tiers_written (e, step->batch);
    step->batch->skips = 0;
    e->single = 0;
    e->tries = 0;
    return 1;
  }
  if (outcome->error == -EEXIST && batch_skip (step->batch, outcome->op) == 0)
    return 1;
  if (outcome->error == -EEXIST || outcome->error == -ESTALE)
    refetch_drop (step->refetch);
  if (outcome->error == -EEXIST || outcome->error == -ESTALE || is_outage (outcome->error))
    return 0;
  e->cause = outcome->error;
  e->tries += e->single != 0;
  e->single = 1;
  return 0;
}

/* On the committer's thread. */
static void
step_done (const struct kg_outcome *outcome, void *arg)
{
  struct step *step = arg;
  struct billing *b = step->billing;
  int32_t go_on = step_judge (step, outcome);
  if (outcome->error != -ESTALE && outcome->error != -EEXIST)
    billing_health (b, outcome->error);
  atomic_store (&b->busy, 0);
  if (go_on)
    inbox_kick (b);
  free (step);
}

static int32_t
step_write (struct step *step)
{
  struct billing *b = step->billing;
  char text[TOTALS_SIZE];
  struct kg_out out = { text, 0, sizeof text };
  struct kg_outcome refused = { .size = sizeof refused };
  struct totals totals = step->before;
  totals_add (&totals, &step->add);
  totals.upto = (int64_t) step->last;
  totals_show (&out, &totals);
  batch_put (step->batch, b->bucket, TOTALS_KEY, (kg_str){ text, out.len });
  batch_ack (step->batch, b->cursor, step->last);
  refused.error = batch_write (step->batch, step_done, step);
  if (refused.error < 0)
    step_judge (step, &refused);
  return refused.error;
}

/* The engine keeps the batch, and in it what the next try needs to know.  The totals are held
 * before all else: every step of every process puts them, so one that another was faster with
 * fails as a whole.  They say how far they go, too, since the cursor's position is another
 * process's news, which comes at another moment. */
static int32_t
step_read (struct step *step)
{
  struct billing *b = step->billing;
  struct engine *e = b->engine;
  uint64_t from;
  int32_t rc;
  if (!e->batch && !(e->batch = batch_create (b)))
    return -ENOMEM;
  step->batch = e->batch;
  batch_reset (step->batch);
  step->batch->refetch = step->refetch;
  totals_read (batch_hold (step->batch, b->bucket, TOTALS_KEY), &step->before);
  from = b->store->position (b->cursor);
  if (from < (uint64_t) step->before.upto)
    from = (uint64_t) step->before.upto;
  rc = b->store->read (b->inbox, from, INBOX_STEP, step_record, step);
  return rc < 0 ? rc : step->events ? 1 : step->error;
}

/* One step, while `busy` is ours. */
static void
step_run (struct billing *b)
{
  struct step *step = calloc (1, sizeof *step);
  int32_t rc = step ? 0 : -ENOMEM;
  if (step) {
    step->billing = b;
    step->refetch = b->refetch;
    rc = step_read (step);
  }
  if (rc > 0 && (rc = step_write (step)) == 0)
    return; /* step_done goes on */
  free (step);
  atomic_store (&b->busy, 0);
  if (rc < 0)
    billing_health (b, rc);
}

void
inbox_go_on (struct billing *b, int32_t ready)
{
  if (ready && !atomic_load (&b->stopped))
    step_run (b);
  else
    atomic_store (&b->busy, 0);
}

/* The timer's function, on a thread of the pool. */
static void
inbox_run (void *arg)
{
  struct billing *b = arg;
  int32_t rc;
  if (atomic_exchange (&b->busy, 1))
    return;
  rc = b->refetch ? refetch_begin (b->refetch) : 0;
  if (rc == 0)
    step_run (b);
  else if (rc != 1)
    atomic_store (&b->busy, 0);
  if (rc < 0)
    billing_health (b, rc);
}

/* On the committer's thread: there is something new. */
static void
inbox_grown (void *arg)
{
  inbox_kick (arg);
}

/* ---- Life ---------------------------------------------------------------- */

int32_t
inbox_open (struct billing *b)
{
  int32_t rc = b->store->log (b->self, "stripe.inbox", INBOX_DAYS, 0, &b->inbox);
  if (rc == 0)
    rc = b->store->cursor (b->self, b->inbox, "billing", &b->cursor);
  if (rc == 0)
    rc = b->store->bucket (b->self, "billing.totals", &b->bucket);
  return rc == 0 ? b->store->notify (b->inbox, inbox_grown, b) : rc;
}

int32_t
inbox_start (struct billing *b)
{
  kg_timer *timer = NULL;
  int32_t rc;
  rc = b->jobs->timer (b->self, 0, RETRY_MS, inbox_run, b, &timer);
  pthread_mutex_lock (&b->lock);
  b->timer = rc == 0 ? timer : NULL;
  pthread_mutex_unlock (&b->lock);
  return rc;
}

void
inbox_stop (struct billing *b)
{
  kg_timer *timer;
  pthread_mutex_lock (&b->lock);
  timer = b->timer;
  b->timer = NULL;
  pthread_mutex_unlock (&b->lock);
  b->jobs->cancel (timer);
}

/* From the store: another process may have counted, too. */
void
inbox_totals (const struct billing *b, struct totals *ret)
{
  struct kg_entry entry = { .size = sizeof entry };
  kg_str key = { TOTALS_KEY, sizeof TOTALS_KEY - 1 };
  if (b->store->get (b->bucket, key, &entry) < 0)
    entry.value = (kg_str){ NULL, 0 };
  totals_read (entry.value, ret);
}
