/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* How far a sink is, kept in the store: the tally, the cursor, and what was parked,
 * in one write each.  A write is made on condition that the tally is as this process
 * knows it; where another one was faster, it is read again, and what this process
 * delivered meanwhile goes once more, with the same ids. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TALLY_MAX 512
#define STRANGE_MAX 10 /* looks at a cursor that is ahead of the tally */

/* ---- The text --------------------------------------------------------------------- */

/* Members of a tally in the text. */
static const struct {
  const char *name;
  size_t offset;
} members[] = { { "after", offsetof (struct sink_tally, after) },
                { "confirmed", offsetof (struct sink_tally, confirmed) },
                { "dropped", offsetof (struct sink_tally, dropped) },
                { "counted", offsetof (struct sink_tally, counted) },
                { "events", offsetof (struct sink_tally, events) },
                { "file", offsetof (struct sink_tally, file) },
                { "size", offsetof (struct sink_tally, size) },
                { "day", offsetof (struct sink_tally, day) },
                { "flight", offsetof (struct sink_tally, flight) } };

#define MEMBERS (sizeof members / sizeof members[0])

static uint64_t *
member_at (struct sink_tally *t, size_t i)
{
  return (uint64_t *)(void *)((char *)t + members[i].offset);
}

static size_t
tally_write (struct sink_tally t, char out[TALLY_MAX])
{
  struct kg_out o = { out, 0, TALLY_MAX };
  size_t i;
  kg_out_lit (&o, "{\"skip\":");
  kg_out_int (&o, t.skip);
  kg_out_lit (&o, ",\"dedupe\":");
  kg_out_int (&o, t.dedupe);
  for (i = 0; i < MEMBERS; i++) {
    kg_out_lit (&o, ",\"");
    kg_out_lit (&o, members[i].name);
    kg_out_lit (&o, "\":");
    kg_out_int (&o, (int64_t)*member_at (&t, i));
  }
  kg_out_lit (&o, "}");
  return o.len;
}

static int32_t
tally_read (kg_str text, struct sink_tally *ret)
{
  struct record_read r = { 0 };
  int32_t e = record_scan (&r, text);
  size_t i;
  memset (ret, 0, sizeof *ret);
  if (!e && kg_json_kind (&r.json, 0) != KG_JSON_OBJECT)
    e = -EBADMSG;
  if (!e) {
    ret->skip = (uint32_t)kg_json_int (&r.json, kg_json_find (&r.json, 0, "skip"), 0);
    ret->dedupe = (uint32_t)kg_json_int (&r.json, kg_json_find (&r.json, 0, "dedupe"), 0);
    for (i = 0; i < MEMBERS; i++)
      *member_at (ret, i) = (uint64_t)kg_json_int (
          &r.json, kg_json_find (&r.json, 0, members[i].name), 0);
  }
  record_read_free (&r);
  return e;
}

/* ---- Reading ---------------------------------------------------------------------- */

/* A cursor without a tally is that of a version which had none: what it counted is not
 * known. */
static void
tally_begin (struct sink *s, uint64_t position)
{
  s->tally = (struct sink_tally){ .after = position, .counted = position };
  s->rebase = position > 0;
  s->revision = KG_REV_NEW;
}

/* Another process's cursor is seen before its tally; but one that stays ahead was moved
 * by a version without. */
static int32_t
position_fits (struct sink *s, uint64_t position)
{
  if (position <= s->tally.after) {
    s->strange = 0;
    return 1;
  }
  if (++s->strange < STRANGE_MAX)
    return 0;
  s->tally.after = s->tally.counted = position;
  s->tally.skip = 0;
  s->rebase = 1;
  s->strange = 0;
  return 1;
}

int32_t
sink_load (struct sink *s)
{
  struct mt *mt = s->mt;
  uint64_t position = mt->store->position (s->cursor), was = s->revision;
  kg_str key = { s->conf.name, strlen (s->conf.name) };
  struct kg_entry e = { .size = sizeof e };
  int32_t r = mt->store->get (s->all->tallies, key, &e);
  if (r == -ENOENT) {
    tally_begin (s, position);
  } else if (r < 0) {
    return r;
  } else if ((r = tally_read (e.value, &s->tally)) < 0) {
    mt->host->log (mt->self, KG_LOG_ERROR, "%s: its tally cannot be read, and begins anew",
                   s->conf.name);
    tally_begin (s, position);
    s->revision = e.revision;
  } else {
    s->revision = e.revision;
    if (!position_fits (s, position))
      return 0;
  }
  if (s->stale > 1 && s->revision == was && ++s->strange < STRANGE_MAX)
    return 0; /* what the other process wrote is not to be seen yet */
  s->strange = 0;
  s->stale = 0;
  s->launch = 0;
  s->lost = s->tally.dedupe != DEDUPE_NO ? 0 : s->tally.flight < 1000 ? (uint32_t)s->tally.flight : 1000;
  s->ready = 0;
  s->claim = CLAIM_NONE;
  s->park = 0;
  s->unsaved = 0;
  atomic_store (&s->parked_changed, 1);
  atomic_store (&s->due, 1);
  sink_kick (s);
  return 0;
}

/* ---- Writing ---------------------------------------------------------------------- */

enum sink_saving
sink_saving (struct sink *s)
{
  enum sink_saving saving;
  pthread_mutex_lock (&s->lock);
  saving = s->saving;
  pthread_mutex_unlock (&s->lock);
  return saving;
}

static void
on_saved (const struct kg_outcome *outcome, void *arg)
{
  struct sink *s = arg;
  pthread_mutex_lock (&s->lock);
  s->outcome = *outcome;
  s->saved = 1;
  if (!s->stopped)
    s->mt->jobs->kick (s->timer);
  pthread_mutex_unlock (&s->lock);
  sink_unref (s);
}

static void
saving_set (struct sink *s, enum sink_saving what)
{
  pthread_mutex_lock (&s->lock);
  s->saving = what;
  s->saved = 0;
  pthread_mutex_unlock (&s->lock);
}

/* Writes `n` operations, which have room for two more, and the tally. */
static int32_t
save (struct sink *s, enum sink_saving what, struct kg_op *ops, uint32_t n)
{
  struct mt *mt = s->mt;
  char text[TALLY_MAX];
  int32_t r;
  ops[n++] = (struct kg_op){ .kind = KG_OP_ACK, .cursor = s->cursor, .revision = s->tally.after };
  ops[n++] = (struct kg_op){ .kind = KG_OP_PUT,
                             .bucket = s->all->tallies,
                             .key = { s->conf.name, strlen (s->conf.name) },
                             .value = { text, tally_write (s->tally, text) },
                             .revision = s->revision };
  saving_set (s, what);
  atomic_fetch_add (&s->refs, 1);
  r = mt->store->write (mt->self, ops, n, sizeof *ops, on_saved, s);
  if (r < 0) {
    saving_set (s, SAVE_NONE);
    sink_unref (s);
  }
  return r;
}

/* One write at a time: what changes meanwhile is written behind it. */
void
sink_ack (struct sink *s)
{
  struct kg_op ops[2];
  s->unsaved = 1;
  if (!sink_saving (s) && save (s, SAVE_ACK, ops, 0) >= 0)
    s->unsaved = 0;
}

/* A write that changes the tally, unless it fails. */
static int32_t
save_or_undo (struct sink *s, enum sink_saving what, struct kg_op *ops, uint32_t n)
{
  int32_t r = save (s, what, ops, n);
  if (r < 0) {
    s->tally = s->undo;
    s->ready = 0;
  }
  return r;
}

/* An operation for each of n events of the batch, with room for its key, and for two
 * operations more. */
struct work {
  struct kg_op *ops;
  char (*key)[KG_KEY_MAX];
  struct mt_text text; /* all values, one behind the other */
};

static int32_t
work_begin (struct work *w, uint32_t n)
{
  memset (w, 0, sizeof *w);
  w->ops = calloc (n + 2, sizeof *w->ops);
  w->key = malloc (n * sizeof *w->key);
  return w->ops && w->key ? 0 : -ENOMEM;
}

static void
work_end (struct work *w)
{
  free (w->ops);
  free (w->key);
  mt_text_free (&w->text);
}

static void
work_key (struct sink *s, struct work *w, uint32_t i, uint32_t kind)
{
  uint32_t len = sink_parked_key (s, &s->batch.event[i], w->key[i]);
  w->ops[i] = (struct kg_op){ .kind = kind,
                              .bucket = s->all->parked,
                              .key = { w->key[i], len },
                              .revision = KG_REV_ANY };
}

/* The values' places are known only when the text doesn't grow any more. */
static int32_t
work_park (struct sink *s, struct work *w, uint32_t n)
{
  size_t at = 0;
  uint32_t i;
  for (i = 0; i < n; i++) {
    size_t from = w->text.len;
    work_key (s, w, i, KG_OP_PUT);
    sink_parked_text (s, i, &w->text);
    w->ops[i].value.len = w->text.len - from;
  }
  for (i = 0; i < n; at += w->ops[i++].value.len)
    w->ops[i].value.ptr = w->text.ptr + at;
  return w->text.failed ? -ENOMEM : 0;
}

int32_t
sink_park (struct sink *s)
{
  struct work w;
  uint32_t n = (uint32_t)s->park;
  int32_t r = work_begin (&w, n);
  s->undo = s->tally;
  if (!r && !(r = work_park (s, &w, n))) {
    sink_advance (s, n);
    s->tally.flight = 0;
    r = save_or_undo (s, SAVE_PARK, w.ops, n);
  }
  work_end (&w);
  s->unparked = r < 0;
  return r;
}

int32_t
sink_unpark (struct sink *s)
{
  struct work w;
  uint32_t i, n = s->batch.count;
  int32_t r = work_begin (&w, n);
  for (i = 0; !r && i < n; i++)
    work_key (s, &w, i, KG_OP_DELETE);
  s->undo = s->tally;
  if (!r) {
    s->tally.confirmed += n;
    if (s->kind->sent)
      s->kind->sent (s);
    r = save_or_undo (s, SAVE_UNPARK, w.ops, n);
  }
  work_end (&w);
  return r;
}

/* ---- Dropping --------------------------------------------------------------------- */

static int32_t
drop_answer (kg_req *req, void *arg)
{
  struct sink_drop *d = arg;
  struct mt *mt = d->mt;
  int32_t r = d->error, error = d->error;
  if (!error)
    r = mt->host->reply (req, 204, NULL, NULL, 0);
  free (d);
  if (error == -ENOENT)
    return mt->host->problem (req, 404, NULL, "no such event is parked");
  return r < 0 ? r : KG_DONE;
}

static void
drop_end (struct sink_drop *d, int32_t error)
{
  d->error = error;
  d->mt->host->resume (d->ticket, drop_answer, d, free);
}

/* The wish goes in front again, for the tally as another process has left it. */
static void
drop_again (struct sink *s, struct sink_drop *d)
{
  pthread_mutex_lock (&s->lock);
  d->next = s->drops;
  s->drops = d;
  pthread_mutex_unlock (&s->lock);
}

int32_t
sink_drop_next (struct sink *s)
{
  struct kg_op ops[3];
  struct kg_entry e = { .size = sizeof e };
  char key[KG_KEY_MAX];
  struct sink_drop *d;
  int32_t r;
  pthread_mutex_lock (&s->lock);
  d = s->drops;
  s->drops = d ? d->next : NULL;
  pthread_mutex_unlock (&s->lock);
  if (!d)
    return 0;
  ops[0] = (struct kg_op){ .kind = KG_OP_DELETE, .bucket = s->all->parked };
  ops[0].key.ptr = key;
  ops[0].key.len = (size_t)snprintf (key, sizeof key, "%s/%s", s->conf.name, d->place);
  r = s->mt->store->get (s->all->parked, ops[0].key, &e);
  if (!r) {
    ops[0].revision = e.revision;
    s->undo = s->tally;
    s->tally.dropped++;
    s->dropping = d;
    r = save_or_undo (s, SAVE_DROP, ops, 1);
  }
  if (r < 0) {
    s->dropping = NULL;
    drop_end (d, r);
    sink_kick (s);
  }
  return 1;
}

void
sink_drops_end (struct sink *s)
{
  struct sink_drop *d, *next;
  pthread_mutex_lock (&s->lock);
  d = s->drops;
  s->drops = NULL;
  pthread_mutex_unlock (&s->lock);
  for (; d; d = next) {
    next = d->next;
    drop_end (d, -ESHUTDOWN);
  }
  if (s->dropping)
    drop_end (s->dropping, -ESHUTDOWN);
  s->dropping = NULL;
}

/* ---- Outcomes --------------------------------------------------------------------- */

static void
parked (struct sink *s)
{
  const struct mt_event *e = s->batch.event;
  uint32_t n = (uint32_t)s->park;
  if (n == 1)
    s->mt->host->log (s->mt->self, KG_LOG_ERROR, "%s: parked event %.*s: %s", s->conf.name,
                      (int)e->id_len, s->batch.text.ptr + e->id_at,
                      e->broken ? "its record cannot be read" : s->reason);
  else
    s->mt->host->log (s->mt->self, KG_LOG_ERROR,
                      "%s: parked %u events from %.*s on, which may have arrived: %s",
                      s->conf.name, n, (int)e->id_len, s->batch.text.ptr + e->id_at, s->reason);
  s->mt->metrics->add (s->all->parkings, 0, n);
  s->park = 0;
  s->parked_in_row += n == 1;
  atomic_store (&s->due, 1);
}

static void
saved_well (struct sink *s, enum sink_saving what)
{
  if (what == SAVE_PARK)
    parked (s);
  if (what == SAVE_UNPARK)
    sink_parked_tried (s, s->batch.count);
  if (what == SAVE_DROP && s->dropping) {
    s->mt->host->log (s->mt->self, KG_LOG_WARN, "%s: parked event %s was dropped by %s",
                      s->conf.name, s->dropping->place, s->dropping->by);
    drop_end (s->dropping, 0);
    s->dropping = NULL;
  }
  if (what != SAVE_ACK) {
    atomic_store (&s->parked_changed, 1);
    atomic_store (&s->count_due, 1);
  }
  if (s->claim == CLAIM_ASKED)
    s->claim = CLAIM_GOOD;
  if (s->unsaved)
    sink_ack (s);
}

static void
saved_badly (struct sink *s, enum sink_saving what, const struct kg_outcome *outcome)
{
  int32_t error = outcome->error, entry = what == SAVE_DROP && !outcome->op;
  int32_t overtaken = !entry && (error == -ESTALE || error == -EEXIST);
  struct sink_reply none = { .error = error, .retry_after_ms = -1 };
  if (what != SAVE_ACK)
    s->tally = s->undo;
  s->unsaved |= what == SAVE_ACK;
  s->claim = CLAIM_NONE;
  s->ready = 0;
  if (what == SAVE_DROP && s->dropping) {
    if (overtaken)
      drop_again (s, s->dropping);
    else
      drop_end (s->dropping, error == -ESTALE ? -ENOENT : error);
    s->dropping = NULL;
  }
  if (overtaken) {
    s->stale = 2;
    atomic_store (&s->due, 1);
    return;
  }
  if (what != SAVE_PARK && what != SAVE_UNPARK)
    return;
  s->unparked = what == SAVE_PARK;
  if (what == SAVE_PARK && s->park_status >= 400 && s->park_status < 500)
    s->park = 0; /* it was refused for certain: it may go once more */
  snprintf (s->reason, sizeof s->reason, "cannot %s events: %s",
            what == SAVE_PARK ? "park" : "unpark", strerror (-error));
  sink_retry_later (s, &none);
}

void
sink_settle_save (struct sink *s)
{
  struct kg_outcome outcome;
  enum sink_saving what;
  pthread_mutex_lock (&s->lock);
  what = s->saving;
  if (what == SAVE_NONE || !s->saved) {
    pthread_mutex_unlock (&s->lock);
    return;
  }
  outcome = s->outcome;
  s->saving = SAVE_NONE;
  s->saved = 0;
  pthread_mutex_unlock (&s->lock);
  if (outcome.error) {
    saved_badly (s, what, &outcome);
    return;
  }
  s->revision = outcome.revision;
  saved_well (s, what);
}
