/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Cells into rows: what is there is read, added to, and put back, the rows of a meter
 * and unit and the state in one write.  Nobody else changes rows without changing the
 * state, too.  A write for each, because everybody else's waits meanwhile. */
#include "plugins/metering-openmeter/rollup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define STATE_OPS 3u /* of the state, at most */
#define TTL_MAX (INT64_C (36500) * 86400 * 1000) /* ms; the store takes no longer ones */

/* One write in the making.  Its texts move while they grow, so operations have
 * offsets at first. */
struct writing {
  struct rollup *rollup;
  struct cells rows;
  struct mt_text text; /* keys and values */
  struct kg_op *op;
  size_t *at; /* where key and value of each operation begin */
  uint32_t nops;
  int64_t now;
  struct record_read read;
  struct mt_text subject;
};

/* The cells of the unit that the minutes' are part of. */
static int32_t
unit_fill (struct writing *w, const struct cells *minutes, const uint8_t *units, enum unit unit)
{
  const struct cell *c;
  for (c = minutes->first; c; c = c->next) {
    struct cell key = *c, *cell;
    if (!(units[c->meter] >> unit & 1))
      continue;
    key.unit = unit;
    key.start = unit_floor (unit, c->start);
    if (key.start < w->rollup->turn.floor[c->meter])
      continue;
    cell = cells_get (&w->rows, &key);
    if (!cell)
      return -ENOMEM;
    if (cell_merge (cell, c) < 0)
      w->rollup->mt->metrics->add (w->rollup->lost, FOLD_RANGE, 1);
  }
  return 0;
}

/* For how long the row is kept, ms; 0: for ever; -1: not any more. */
static int64_t
row_ttl (const struct writing *w, const struct cell *c)
{
  int64_t days = w->rollup->conf->keep[c->unit], end;
  if (!days)
    return 0;
  end = (unit_next (c->unit, c->start) + days * DAY_MINUTES) * (MINUTE_NS / 1000000);
  end -= w->now / 1000000;
  return end < 1 ? -1 : end < TTL_MAX ? end : TTL_MAX;
}

static void
op_add (struct writing *w, const struct kg_op *op, size_t key_at, size_t value_at)
{
  struct kg_op *o = &w->op[w->nops];
  *o = *op;
  o->key.len = value_at - key_at;
  o->value.len = w->text.len - value_at;
  w->at[2 * w->nops] = key_at;
  w->at[2 * w->nops + 1] = value_at;
  w->nops++;
}

/* Adds what is there already. */
static int32_t
row_merge (struct writing *w, kg_str key, struct cell *c)
{
  const struct mt *mt = w->rollup->mt;
  struct kg_entry entry = { .size = sizeof entry };
  struct cell old = { .unit = c->unit };
  int32_t r = mt->store->get (w->rollup->rows, key, &entry);
  if (r == -ENOENT)
    return 0;
  if (r >= 0)
    r = row_read (&entry, &w->read, &w->subject, &old);
  if (r == -EBADMSG && !w->rollup->failing)
    mt->host->log (mt->self, KG_LOG_ERROR, "usage.rollups: the row %.*s is damaged; have the meter made anew from the log: "
                   "kgentctl meter rebuild %s",
                   (int)key.len, key.ptr, w->rollup->meters.meter[c->meter].slug);
  if (r >= 0 && cell_merge (c, &old) < 0) {
    mt->metrics->add (w->rollup->lost, FOLD_RANGE, 1);
    return 1; /* stays as it is */
  }
  return r;
}

static int32_t
row_add (struct writing *w, struct cell *c)
{
  const struct meter *m = &w->rollup->meters.meter[c->meter];
  struct kg_op op = { .kind = KG_OP_PUT, .bucket = w->rollup->rows, .revision = KG_REV_ANY };
  int64_t ttl = row_ttl (w, c);
  size_t key_at = w->text.len, value_at;
  char key[KG_KEY_MAX];
  uint32_t n;
  int32_t r;
  if (ttl < 0)
    return 0;
  n = row_key (m, c, key);
  r = row_merge (w, (kg_str){ key, n }, c);
  if (r)
    return r < 0 ? r : 0;
  op.ttl_ms = ttl;
  mt_text_add (&w->text, key, n);
  value_at = w->text.len;
  row_write (m, c, &w->text);
  op_add (w, &op, key_at, value_at);
  return 0;
}

/* The state is the last that is put, so that the outcome has its revision; behind it
 * the cursor, which only holds records back. */
static void
state_add (struct writing *w, const struct rollup_state *s)
{
  struct kg_op put
      = { .kind = KG_OP_PUT, .bucket = w->rollup->states, .revision = s->revision };
  const int64_t *keep = w->rollup->conf->keep;
  struct kg_op *ack, any = { .kind = KG_OP_PUT, .bucket = put.bucket, .revision = KG_REV_ANY };
  size_t key_at = w->text.len, value_at;
  char days[128];
  uint64_t least = UINT64_MAX;
  uint32_t i;
  if (w->rollup->keep_due) {
    int n = snprintf (days, sizeof days, "keep[%lld,%lld,%lld,%lld]", (long long)keep[0],
                      (long long)keep[1], (long long)keep[2], (long long)keep[3]);
    mt_text_add (&w->text, days, (size_t)n);
    op_add (w, &any, key_at, key_at + 4);
    key_at = w->text.len;
  }
  mt_text_add (&w->text, "state", 5);
  value_at = w->text.len;
  rollup_state_write (w->rollup, s, &w->text);
  op_add (w, &put, key_at, value_at);
  for (i = 0; i < w->rollup->meters.count * UNITS; i++) {
    const struct rollup_at *at = &s->at[i / UNITS][i % UNITS];
    least = at->position < least ? at->position : least;
  }
  ack = &w->op[w->nops++];
  *ack = (struct kg_op){ .kind = KG_OP_ACK, .cursor = w->rollup->cursor, .revision = least };
}

static void
texts_settle (struct writing *w)
{
  uint32_t i;
  for (i = 0; i + 1 < w->nops; i++) {
    w->op[i].key.ptr = w->text.ptr + w->at[2 * i];
    w->op[i].value.ptr = w->text.ptr + w->at[2 * i + 1];
  }
}

static int32_t
ops_make (struct writing *w, const struct rollup_state *state)
{
  struct cell *c;
  int32_t r = 0;
  w->op = calloc (w->rows.count + STATE_OPS, sizeof *w->op);
  w->at = calloc (w->rows.count + STATE_OPS, 2 * sizeof *w->at);
  if (!w->op || !w->at)
    return -ENOMEM;
  for (c = w->rows.first; c && r >= 0; c = c->next)
    r = row_add (w, c);
  if (r < 0)
    return r;
  state_add (w, state);
  texts_settle (w);
  return w->text.failed ? -ENOMEM : 0;
}

int32_t
rollup_state_put (struct rollup *r, const struct kg_op *ops, uint32_t nops,
                  void (*done) (const struct kg_outcome *outcome, void *arg))
{
  struct writing w = { .rollup = r };
  struct kg_op *all;
  int32_t e = -ENOMEM;
  w.op = calloc (STATE_OPS, sizeof *w.op);
  w.at = calloc (STATE_OPS, 2 * sizeof *w.at);
  all = calloc (nops + STATE_OPS, sizeof *all);
  if (w.op && w.at && all) {
    state_add (&w, &r->state);
    texts_settle (&w);
    if (nops)
      memcpy (all, ops, nops * sizeof *all);
    memcpy (all + nops, w.op, w.nops * sizeof *all);
    e = w.text.failed ? -ENOMEM
                      : r->mt->store->write (r->mt->self, all, nops + w.nops, sizeof *all, done, r);
  }
  mt_text_free (&w.text);
  free (w.op);
  free (w.at);
  free (all);
  return e;
}

int32_t
rollup_write (struct rollup *r, const struct cells *minutes, const uint8_t *units,
              const struct rollup_state *state,
              void (*done) (const struct kg_outcome *outcome, void *arg))
{
  struct mt *mt = r->mt;
  struct writing w = { .rollup = r, .now = rollup_now () };
  enum unit unit;
  int32_t e = 0;
  for (unit = 0; unit < UNITS && e >= 0; unit++)
    e = unit_fill (&w, minutes, units, unit);
  if (e >= 0)
    e = ops_make (&w, state);
  if (e >= 0)
    e = mt->store->write (mt->self, w.op, w.nops, sizeof *w.op, done, r);
  cells_free (&w.rows);
  mt_text_free (&w.text);
  mt_text_free (&w.subject);
  record_read_free (&w.read);
  free (w.op);
  free (w.at);
  return e;
}
