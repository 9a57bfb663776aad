/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The cursor over the inbox.
 *
 * A step reads some events, and writes what came of them together with the
 * cursor's new position in one transaction: so each event counts exactly once,
 * whatever crashes in between.  What comes of an event today is its place in the
 * totals by type; events without a type of ours count as skipped. */
#include "plugins/billing-stripe/billing.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#define STEP_EVENTS 100
#define RETRY_MS    1000

#define TOTALS_KEY  ((kg_str){ "inbox", 5 })
#define TOTALS_SIZE 1024

/* One step of the cursor. */
struct step {
  struct billing *billing;
  struct totals add;   /* by this step */
  uint64_t last;       /* sequence up to which it goes */
};

/* ---- Totals as a value --------------------------------------------------- */

static int64_t
member_count (json_object *o, const char *name)
{
  json_object *v;
  return json_object_object_get_ex (o, name, &v) ? json_object_get_int64 (v) : 0;
}

/* The stored totals and their revision; zeros when there are none yet. */
static uint64_t
totals_load (const struct billing *b, struct totals *ret)
{
  struct kg_entry entry = { .size = sizeof entry };
  json_tokener *tok = json_tokener_new ();
  json_object *o = NULL;
  uint32_t i;
  memset (ret, 0, sizeof *ret);
  if (tok && b->store->get (b->bucket, TOTALS_KEY, &entry) == 0)
    o = json_tokener_parse_ex (tok, entry.value.ptr, (int) entry.value.len);
  for (i = 0; o && i < EVENT_TYPES; i++)
    ret->type[i] = member_count (o, event_types[i]);
  ret->failed = o ? member_count (o, "failed") : 0;
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
  return entry.revision;
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

/* ---- A step -------------------------------------------------------------- */

static int32_t
step_record (const struct kg_record *record, void *arg)
{
  struct step *step = arg;
  json_tokener *tok = json_tokener_new ();
  json_object *o = NULL, *type = NULL;
  if (!tok)
    return -ENOMEM;
  o = json_tokener_parse_ex (tok, record->data.ptr, (int) record->data.len);
  if (o && json_object_object_get_ex (o, "type", &type))
    step->add.type[event_type_find (json_object_get_string (type),
                                    (size_t) json_object_get_string_len (type))]++;
  else
    step->add.failed++;
  step->last = record->sequence;
  json_object_put (o);
  json_tokener_free (tok);
  return 0;
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

/* On the committer's thread.  -ESTALE: another process was faster, and this one
 * reads on from where that one is. */
static void
step_done (const struct kg_outcome *outcome, void *arg)
{
  struct step *step = arg;
  struct billing *b = step->billing;
  if (!outcome->error)
    step_account (step);
  if (outcome->error != -ESTALE)
    billing_health (b, outcome->error);
  atomic_store (&b->busy, 0);
  if (!outcome->error)
    inbox_kick (b);
  free (step);
}

static int32_t
step_write (struct step *step)
{
  struct billing *b = step->billing;
  struct kg_op ops[2] = { { .kind = KG_OP_PUT, .bucket = b->bucket, .key = TOTALS_KEY },
                          { .kind = KG_OP_ACK, .cursor = b->cursor, .revision = step->last } };
  char text[TOTALS_SIZE];
  struct kg_out out = { text, 0, sizeof text };
  struct totals totals;
  ops[0].revision = totals_load (b, &totals);
  totals_add (&totals, &step->add);
  totals_show (&out, &totals);
  ops[0].value = (kg_str){ text, out.len };
  return b->store->write (b->self, ops, 2, sizeof ops[0], step_done, step);
}

/* The timer's function, on a thread of the pool. */
static void
inbox_run (void *arg)
{
  struct billing *b = arg;
  struct step *step;
  int32_t rc;
  if (atomic_exchange (&b->busy, 1))
    return;
  step = calloc (1, sizeof *step);
  rc = step ? 0 : -ENOMEM;
  if (step) {
    step->billing = b;
    rc = b->store->read (b->inbox, b->store->position (b->cursor), STEP_EVENTS, step_record, step);
  }
  if (rc > 0 && (rc = step_write (step)) == 0)
    return; /* step_done goes on */
  free (step);
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
  totals_load (b, ret);
}
