/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Reads rows and the log's tail into the results.
 *
 * Rows and tail must fit together: the state, which changes whenever rows do, is read
 * before and after, and if it is another one then, all begins again.  The rollup of
 * this process waits meanwhile, for a while. */
#include "plugins/metering-openmeter/query.h"

#include <errno.h>
#include <stdio.h>

#define TRIES 8

/* ---- One cell into the results ------------------------------------------------ */

static int32_t
wanted_subject (const struct query *q, kg_str subject)
{
  uint32_t i;
  for (i = 0; i < q->args.subjects; i++)
    if (q->args.subject[i].len == subject.len
        && !memcmp (q->args.subject[i].ptr, subject.ptr, subject.len))
      return 1;
  return !q->args.subjects;
}

/* The text of dimension n of the group that was read. */
static kg_str
group_text (const struct kg_json *j, int32_t n)
{
  uint32_t i = kg_json_first (j, 0);
  while (i && n--)
    i = kg_json_next (j, 0, i);
  return i ? kg_json_text (j, i) : (kg_str){ "null", 4 };
}

/* Every dimension that has filters must say what one of them does. */
static int32_t
filters_pass (const struct query *q)
{
  uint64_t asked = 0, passed = 0;
  uint32_t i;
  for (i = 0; i < q->args.filters; i++) {
    const struct query_filter *f = &q->args.filter[i];
    kg_str text = group_text (&q->group_read.json, f->dimension);
    asked |= UINT64_C (1) << f->dimension;
    if (text.len == f->value.len && !memcmp (text.ptr, f->value.ptr, text.len))
      passed |= UINT64_C (1) << f->dimension;
  }
  return asked == passed;
}

static void
group_add (struct query *q, kg_str text)
{
  if (q->group_text.len > 1)
    mt_text_add (&q->group_text, ",", 1);
  mt_text_add (&q->group_text, text.ptr, text.len);
}

/* What of the group is told apart; of UNIQUE_COUNT its value, too. */
static int32_t
group_choose (struct query *q, kg_str group, kg_str *ret)
{
  const struct query_args *a = &q->args;
  uint32_t i;
  int32_t r;
  q->group_text.len = 0;
  mt_text_add (&q->group_text, "[", 1);
  if (a->dimensions || a->filters || q->meter->aggregation == METER_UNIQUE_COUNT) {
    r = record_scan (&q->group_read, group);
    if (r < 0)
      return r;
    if (!filters_pass (q))
      return 0;
    for (i = 0; i < a->dimensions; i++)
      group_add (q, group_text (&q->group_read.json, a->dimension[i]));
    if (q->meter->aggregation == METER_UNIQUE_COUNT)
      group_add (q, group_text (&q->group_read.json, (int32_t)q->meter->dimensions));
  }
  mt_text_add (&q->group_text, "]", 1);
  *ret = (kg_str){ q->group_text.ptr, q->group_text.len };
  return q->group_text.failed ? -ENOMEM : 1;
}

static int32_t
results_check (struct query *q)
{
  int32_t values = q->values > QUERY_CELLS_MAX;
  if (q->rows <= QUERY_ROWS_MAX && !values)
    return 0;
  return query_refuse (q, 422,
                       "the answer has more than %d %s: let from and to be nearer to each "
                       "other, windowSize be larger, groupBy have fewer names, or filter",
                       values ? QUERY_CELLS_MAX : QUERY_ROWS_MAX,
                       values ? "distinct values" : "rows");
}

/* Adds what a cell of any size counted, if it is asked for. */
static int32_t
cell_take (struct query *q, const struct cell *c)
{
  const struct query_args *a = &q->args;
  struct cell key = { .meter = (uint32_t)(q->meter - q->rollup->meters.meter) };
  struct cell *cell;
  uint32_t before;
  int32_t r;
  if (c->start < a->from || c->start >= a->to || !wanted_subject (q, c->subject))
    return 0;
  r = group_choose (q, c->group, &key.group);
  if (r <= 0)
    return r;
  key.start = a->unit < UNITS ? unit_floor (a->unit, c->start) : a->from;
  key.subject = a->by_subject ? c->subject : (kg_str){ "", 0 };
  before = q->results.count;
  cell = cells_get (&q->results, &key);
  if (!cell)
    return -ENOMEM;
  *(q->meter->aggregation == METER_UNIQUE_COUNT ? &q->values : &q->rows)
      += q->results.count - before;
  return cell_merge (cell, c) < 0 ? -EOVERFLOW : results_check (q);
}

/* ---- Rows ---------------------------------------------------------------------- */

static int32_t
scanned_check (struct query *q)
{
  if (++q->scanned <= QUERY_SCAN_MAX)
    return 0;
  return query_refuse (q, 422,
                       "more than %d windows would have to be read: let from and to be nearer "
                       "to each other or at the beginning of days or months, or name subjects",
                       QUERY_SCAN_MAX);
}

/* Takes one row of the run; 1 behind its end. */
static int32_t
row_take (const struct kg_entry *entry, void *arg)
{
  struct query *q = arg;
  struct cell c = { .unit = q->unit };
  int32_t r = row_read (entry, &q->read, &q->subject_text, &c);
  if (r >= 0)
    r = scanned_check (q);
  if (r >= 0 && c.start >= q->reading->start && c.start < q->reading->end)
    r = cell_take (q, &c);
  q->error = r;
  return r < 0;
}

static int32_t
rows_scan (struct query *q, const char *prefix, uint32_t len)
{
  const struct kg_store *store = q->rollup->mt->store;
  int32_t r = store->scan (q->rollup->rows, (kg_str){ prefix, len }, row_take, q);
  if (r > 0)
    r = q->error;
  q->error = 0;
  return r;
}

/* One run of one subject: as few scans as prefixes of the stamp allow. */
static int32_t
run_read (struct query *q, const struct query_run *run, kg_str subject)
{
  enum unit parent = run->unit + 1;
  char prefix[KG_KEY_MAX], stamp[STAMP_LEN + 1];
  int64_t t = run->start;
  int32_t r = 0;
  q->unit = run->unit;
  q->reading = run;
  if (run->unit == UNIT_MONTH)
    return rows_scan (q, prefix, row_prefix (run->unit, q->meter, subject, "", prefix));
  if (run->unit == UNIT_MINUTE && run->end - run->start > DAY_MINUTES)
    parent = UNIT_DAY;
  for (; t < run->end && r >= 0; t = unit_next (parent, t)) {
    unit_stamp (parent, t, stamp);
    r = rows_scan (q, prefix, row_prefix (run->unit, q->meter, subject, stamp, prefix));
  }
  return r;
}

static int32_t
subject_read (struct query *q, kg_str subject)
{
  int32_t r = 0;
  uint32_t i;
  for (i = 0; i < q->runs && r >= 0; i++)
    r = run_read (q, &q->run[i], subject);
  return r;
}

/* ---- Whose rows ------------------------------------------------------------------ */

/* Collects subjects that have something in the months that are asked about. */
struct collecting {
  struct query *q;
  struct cells subjects;
  int64_t from;
};

static int32_t
subject_take (const struct kg_entry *entry, void *arg)
{
  struct collecting *c = arg;
  struct query *q = c->q;
  struct cell cell = { .unit = UNIT_MONTH }, key = { .meter = 0 };
  int32_t r = row_read (entry, &q->read, &q->subject_text, &cell);
  if (r >= 0)
    r = scanned_check (q);
  if (r >= 0 && cell.start >= c->from && cell.start < q->args.to) {
    key.subject = cell.subject;
    r = cells_get (&c->subjects, &key) ? 0 : -ENOMEM;
  }
  q->error = r;
  return r < 0;
}

static int32_t
everybody_read (struct query *q)
{
  struct collecting c = { .q = q, .from = unit_floor (UNIT_MONTH, q->args.from) };
  const struct kg_store *store = q->rollup->mt->store;
  char prefix[KG_KEY_MAX];
  int n = snprintf (prefix, sizeof prefix, "%s/%s/", unit_names[UNIT_MONTH], q->meter->id);
  const struct cell *s;
  int32_t r = store->scan (q->rollup->rows, (kg_str){ prefix, (size_t)n }, subject_take, &c);
  if (r > 0)
    r = q->error;
  q->error = 0;
  for (s = c.subjects.first; s && r >= 0; s = s->next)
    r = subject_read (q, s->subject);
  cells_free (&c.subjects);
  return r;
}

static int32_t
rows_read (struct query *q)
{
  int32_t r = 0;
  uint32_t i;
  if (!q->args.subjects)
    return everybody_read (q);
  for (i = 0; i < q->args.subjects && r >= 0; i++)
    r = subject_read (q, q->args.subject[i]);
  return r;
}

/* ---- The tail ---------------------------------------------------------------------- */

struct tail {
  struct fold fold;
  uint64_t bound; /* the last record */
  uint32_t skip;
  int32_t error;
};

static int32_t
record_take (const struct kg_record *record, void *arg)
{
  struct tail *t = arg;
  if (record->sequence > t->bound)
    return 1;
  t->error = fold_record (&t->fold, record, t->skip);
  t->skip = 0;
  return t->error < 0;
}

/* The unit of the run that the minute is in; UNITS when it is in none. */
static enum unit
run_unit (const struct query *q, int64_t minute)
{
  uint32_t i;
  for (i = 0; i < q->runs; i++)
    if (minute >= q->run[i].start && minute < q->run[i].end)
      return q->run[i].unit;
  return UNITS;
}

/* Counts what is behind a place in the log, for those units that are as far, in windows
 * that don't begin before `floor`. */
static int32_t
tail_part (struct query *q, const struct rollup_at *at, enum unit unit, struct rollup_at from,
           uint64_t bound, int64_t floor)
{
  struct mt *mt = q->rollup->mt;
  struct tail t = { .fold = { .meters = &q->rollup->meters,
                              .mask = UINT64_C (1) << (q->meter - q->rollup->meters.meter) },
                    .bound = bound,
                    .skip = from.skip };
  const struct cell *c;
  int32_t r;
  if (q->args.subjects == 1)
    t.fold.subject = q->args.subject[0];
  r = mt->store->read (mt->usage, from.position, QUERY_TAIL_MAX, record_take, &t);
  if (r >= 0 && t.error < 0)
    r = t.error;
  for (c = t.fold.cells.first; c && r >= 0; c = c->next) {
    enum unit u = run_unit (q, c->start);
    if (u < UNITS && !rollup_at_cmp (&at[u], &at[unit]) && unit_floor (u, c->start) >= floor)
      r = cell_take (q, c);
  }
  fold_free (&t.fold);
  return r;
}

/* Of a meter that is made anew, rows of older windows have a part of it. */
static int32_t
tail_read (struct query *q, const struct rollup_at *at, enum unit unit)
{
  const struct rollup_rebuild *b = q->rebuild;
  struct rollup_at from = at[unit];
  int32_t r = 0;
  if (b->step == REBUILD_FILL && from.position < b->until) {
    r = tail_part (q, at, unit, from, b->until, b->from);
    from = (struct rollup_at){ b->until, 0 };
  }
  return r < 0 ? r : tail_part (q, at, unit, from, UINT64_MAX, 0);
}

/* Whether a run of that unit is there, and no smaller unit that is equally far. */
static int32_t
tail_due (const struct query *q, const struct rollup_at *at, enum unit unit)
{
  int32_t due = 0;
  uint32_t i;
  for (i = 0; i < q->runs; i++) {
    due |= q->run[i].unit == unit;
    if (q->run[i].unit < unit && !rollup_at_cmp (&at[q->run[i].unit], &at[unit]))
      return 0;
  }
  return due;
}

/* Counts what no row has yet, of one meter.  While rows are written, units differ in how
 * far they are. */
static int32_t
tails_read (struct query *q, const struct rollup_at *at)
{
  enum unit unit;
  int32_t r = 0;
  for (unit = 0; unit < UNITS && r >= 0; unit++)
    if (tail_due (q, at, unit))
      r = tail_read (q, at, unit);
  return r;
}

/* ---- All of it ---------------------------------------------------------------------- */

static int32_t
tail_check (struct query *q, const struct meter *m, const struct rollup_at *at)
{
  uint64_t newest = q->rollup->mt->store->newest (q->rollup->mt->usage);
  uint32_t i;
  for (i = 0; i < q->runs; i++)
    if (newest > at[q->run[i].unit].position + QUERY_TAIL_MAX)
      return query_refuse (q, 503,
                           "meter %s is still being made from the log: %llu of %llu records",
                           m->slug, (unsigned long long)at[q->run[i].unit].position,
                           (unsigned long long)newest);
  return 0;
}

static int32_t
meter_read (struct query *q, const struct meter *m, const struct rollup_state *state)
{
  const struct rollup_at *at = state->at[m - q->rollup->meters.meter];
  int32_t r = tail_check (q, m, at);
  q->meter = m;
  q->rebuild = &state->rebuild[m - q->rollup->meters.meter];
  if (q->rebuild->step == REBUILD_CLEAR)
    return query_refuse (q, 503, "meter %s is made anew from the log: try again in a moment",
                         m->slug);
  if (r >= 0)
    r = rows_read (q);
  if (r == -EBADMSG)
    return query_refuse (q, 503,
                         "a row of meter %s is damaged: an operator can have it made anew from "
                         "the log, kgentctl meter rebuild %s; see kgentctl verify where that "
                         "leaves it",
                         m->slug, m->slug);
  return r < 0 ? r : tails_read (q, at);
}

static int32_t
meters_read_all (struct query *q, const struct rollup_state *state)
{
  const struct meters *m = &q->rollup->meters;
  int32_t r = 0;
  uint32_t i;
  if (q->args.meter)
    return meter_read (q, q->args.meter, state);
  for (i = 0; i < m->count && r >= 0; i++)
    r = meter_read (q, &m->meter[i], state);
  return r;
}

/* One try: 1 when it fits together, 0 when it doesn't. */
static int32_t
try (struct query *q)
{
  struct rollup_state before = { 0 }, after = { 0 };
  int32_t r = rollup_state_load (q->rollup, &before);
  cells_free (&q->results);
  q->scanned = 0;
  q->rows = q->values = 0;
  if (r >= 0)
    r = meters_read_all (q, &before);
  if (r >= 0)
    r = rollup_state_load (q->rollup, &after);
  if (r >= 0)
    r = before.revision == after.revision;
  rollup_state_free (&before);
  rollup_state_free (&after);
  return r;
}

int32_t
query_run (struct query *q)
{
  int32_t r = 0, i;
  atomic_fetch_add (&q->rollup->reading, 1);
  for (i = 0; i < TRIES && !r; i++)
    r = try (q);
  atomic_fetch_sub (&q->rollup->reading, 1);
  if (!r)
    r = query_refuse (q, 503, "usage changes faster than it can be read: try again");
  return r < 0 ? r : 0;
}
