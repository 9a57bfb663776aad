/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Results as JSON, in the shape of OpenMeter's queries, or as CSV (RFC 4180). */
#include "plugins/metering-openmeter/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void
add (struct mt_text *t, const char *text)
{
  mt_text_add (t, text, strlen (text));
}

static void
add_json (struct mt_text *t, kg_str s)
{
  size_t cap = 6 * s.len + 2;
  char *p = malloc (cap);
  struct kg_out o = { p, 0, cap };
  if (!p) {
    t->failed = 1;
    return;
  }
  kg_out_str (&o, s);
  mt_text_add (t, p, o.len);
  free (p);
}

/* ---- Results ---------------------------------------------------------------------- */

/* How many distinct values there are instead of how often each was: cells whose last
 * part of the group is the value become one. */
static int32_t
unique_count (struct query *q, struct cells *into, const struct cell *c)
{
  struct kg_json *j = &q->group_read.json;
  struct cell key = *c, one = { .count = c->count > 0 };
  struct cell *cell;
  uint32_t i, last = 0;
  int32_t r = record_scan (&q->group_read, c->group);
  if (r < 0)
    return r;
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i))
    last = i;
  q->group_text.len = 0;
  if (last && kg_json_first (j, 0) != last)
    mt_text_add (&q->group_text, c->group.ptr,
                 (size_t)(kg_json_text (j, last).ptr - c->group.ptr - 1));
  else
    mt_text_add (&q->group_text, "[", 1);
  mt_text_add (&q->group_text, "]", 1);
  if (q->group_text.failed)
    return -ENOMEM;
  key.group = (kg_str){ q->group_text.ptr, q->group_text.len };
  cell = cells_get (into, &key);
  return cell ? cell_merge (cell, &one) : -ENOMEM;
}

static int32_t
unique_reduce (struct query *q)
{
  struct cells into = { 0 };
  const struct cell *c;
  int32_t r = 0;
  for (c = q->results.first; c && r >= 0; c = c->next) {
    struct cell *cell;
    if (q->rollup->meters.meter[c->meter].aggregation == METER_UNIQUE_COUNT)
      r = unique_count (q, &into, c);
    else
      r = (cell = cells_get (&into, c)) ? cell_merge (cell, c) : -ENOMEM;
  }
  cells_free (&q->results);
  q->results = into;
  if (r >= 0 && into.count > QUERY_ROWS_MAX)
    r = query_refuse (q, 422,
                      "the answer has more than %d rows: name a meter, let windowSize be larger, "
                      "or groupBy have fewer names",
                      QUERY_ROWS_MAX);
  return r;
}

/* One number for all of the time is there even if nothing was counted. */
static int32_t
totals_ensure (struct query *q)
{
  const struct query_args *a = &q->args;
  const struct meters *m = &q->rollup->meters;
  struct cell key = { .start = a->from, .subject = { "", 0 }, .group = { "[]", 2 } };
  if (a->unit < UNITS || a->dimensions || a->by_subject)
    return 0;
  for (; key.meter < m->count; key.meter++)
    if (!a->meter || a->meter == &m->meter[key.meter])
      if (!cells_get (&q->results, &key))
        return -ENOMEM;
  return 0;
}

static int
text_order (kg_str a, kg_str b)
{
  size_t n = a.len < b.len ? a.len : b.len;
  int d = n ? memcmp (a.ptr, b.ptr, n) : 0;
  return d ? d : (a.len > b.len) - (a.len < b.len);
}

static int
order (const void *x, const void *y)
{
  const struct cell *a = *(struct cell *const *)x, *b = *(struct cell *const *)y;
  int d = (a->meter > b->meter) - (a->meter < b->meter);
  if (!d)
    d = (a->start > b->start) - (a->start < b->start);
  if (!d)
    d = text_order (a->subject, b->subject);
  return d ? d : text_order (a->group, b->group);
}

/* All of them in the order of the answer; malloc'ed. */
static struct cell **
results_sort (struct query *q)
{
  struct cell **all = malloc ((q->results.count + 1) * sizeof *all), *c;
  uint32_t n = 0;
  if (!all)
    return NULL;
  for (c = q->results.first; c; c = c->next)
    all[n++] = c;
  if (n)
    qsort (all, n, sizeof *all, order);
  return all;
}

/* ---- Both shapes -------------------------------------------------------------------- */

static void
value_add (struct query *q, const struct cell *c)
{
  enum aggregation a = q->rollup->meters.meter[c->meter].aggregation;
  char buf[DECIMAL_TEXT];
  decimal v = c->sum;
  int32_t none = 0;
  switch (a) {
  case METER_COUNT:
  case METER_UNIQUE_COUNT:
    v = c->count * DECIMAL_ONE;
    break;
  case METER_AVG:
    none = c->count <= 0;
    v = none ? 0 : decimal_divide (c->sum, c->count);
    break;
  case METER_MIN:
  case METER_MAX:
    none = !(c->flags & CELL_EXTREMES);
    v = a == METER_MIN ? c->min : c->max;
    break;
  case METER_LATEST:
    none = !(c->flags & CELL_LATEST);
    v = c->latest;
    break;
  default:
    break;
  }
  decimal_write (v, buf);
  add (&q->text, none ? q->csv ? "" : "null" : buf);
}

static int64_t
window_end (const struct query *q, const struct cell *c)
{
  return q->args.unit < UNITS ? unit_next (q->args.unit, c->start) : q->args.to;
}

/* Whose usage the row is; ptr NULL: of several. */
static kg_str
row_subject (const struct query *q, const struct cell *c)
{
  if (q->args.by_subject)
    return c->subject;
  return q->args.subjects == 1 ? q->args.subject[0] : (kg_str){ NULL, 0 };
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void
json_time (struct query *q, const char *name, int64_t minute)
{
  char buf[MINUTE_TEXT + 1];
  minute_text (minute, buf);
  add (&q->text, name);
  add (&q->text, "\"");
  add (&q->text, buf);
  add (&q->text, "\"");
}

static void
json_group (struct query *q, const struct cell *c)
{
  const struct meter *m = &q->rollup->meters.meter[c->meter];
  struct kg_json *j = &q->group_read.json;
  uint32_t i, n = 0;
  add (&q->text, ",\"groupBy\":{");
  if (q->args.dimensions && record_scan (&q->group_read, c->group) >= 0)
    for (i = kg_json_first (j, 0); i && n < q->args.dimensions;
         i = kg_json_next (j, 0, i), n++) {
      kg_str text = kg_json_text (j, i);
      if (n)
        add (&q->text, ",");
      add_json (&q->text, m->dimension[q->args.dimension[n]]);
      add (&q->text, ":");
      mt_text_add (&q->text, text.ptr, text.len);
    }
  add (&q->text, "}");
}

static void
json_row (struct query *q, const struct cell *c)
{
  kg_str subject = row_subject (q, c);
  add (&q->text, "{\"value\":");
  value_add (q, c);
  json_time (q, ",\"windowStart\":", c->start);
  json_time (q, ",\"windowEnd\":", window_end (q, c));
  add (&q->text, ",\"subject\":");
  if (subject.ptr)
    add_json (&q->text, subject);
  else
    add (&q->text, "null");
  json_group (q, c);
  if (!q->args.meter) {
    add (&q->text, ",\"meter\":\"");
    add (&q->text, q->rollup->meters.meter[c->meter].slug);
    add (&q->text, "\",\"aggregation\":\"");
    add (&q->text, meter_aggregations[q->rollup->meters.meter[c->meter].aggregation]);
    add (&q->text, "\"");
  }
  add (&q->text, "}");
}

static void
json_write (struct query *q, struct cell *const *all)
{
  const struct query_args *a = &q->args;
  uint32_t i;
  add (&q->text, "{");
  if (a->meter) {
    add (&q->text, "\"meter\":\"");
    add (&q->text, a->meter->slug);
    add (&q->text, "\",\"aggregation\":\"");
    add (&q->text, meter_aggregations[a->meter->aggregation]);
    add (&q->text, "\",");
  }
  json_time (q, "\"from\":", a->from);
  json_time (q, ",\"to\":", a->to);
  add (&q->text, ",\"windowSize\":");
  add (&q->text, a->unit < UNITS ? "\"" : "null");
  add (&q->text, a->unit < UNITS ? unit_labels[a->unit] : "");
  add (&q->text, a->unit < UNITS ? "\",\"data\":[" : ",\"data\":[");
  for (i = 0; i < q->results.count; i++) {
    if (i)
      add (&q->text, ",");
    json_row (q, all[i]);
  }
  add (&q->text, "]}");
}

/* ---- CSV -------------------------------------------------------------------------------- */

/* A text that a spreadsheet would take for a formula: what a tenant wrote must not be
 * computed where an operator opens it. */
static int32_t
is_formula (kg_str s)
{
  return s.len && strchr ("=+-@\t\r", s.ptr[0]) != NULL;
}

static void
csv_field (struct mt_text *t, kg_str s)
{
  const char *mark = is_formula (s) ? "'" : "";
  size_t i;
  if (!s.len || !(memchr (s.ptr, '"', s.len) || memchr (s.ptr, ',', s.len)
                  || memchr (s.ptr, '\n', s.len) || memchr (s.ptr, '\r', s.len))) {
    add (t, mark);
    mt_text_add (t, s.ptr, s.len);
    return;
  }
  add (t, "\"");
  add (t, mark);
  for (i = 0; i < s.len; i++) {
    if (s.ptr[i] == '"')
      add (t, "\"");
    mt_text_add (t, s.ptr + i, 1);
  }
  add (t, "\"");
}

static void
csv_group (struct query *q, const struct cell *c)
{
  struct kg_json *j = &q->group_read.json;
  uint32_t i, n = 0;
  if (!q->args.dimensions || record_scan (&q->group_read, c->group) < 0)
    return;
  for (i = kg_json_first (j, 0); i && n < q->args.dimensions; i = kg_json_next (j, 0, i), n++) {
    char *text = malloc (j->token[i].len + 1);
    add (&q->text, ",");
    if (text && j->token[i].kind == KG_JSON_STRING)
      csv_field (&q->text, (kg_str){ text, kg_json_decode (j, i, text) });
    q->text.failed |= !text;
    free (text);
  }
}

static void
csv_row (struct query *q, const struct cell *c)
{
  char buf[MINUTE_TEXT + 1];
  kg_str subject = row_subject (q, c);
  if (!q->args.meter) {
    add (&q->text, q->rollup->meters.meter[c->meter].slug);
    add (&q->text, ",");
  }
  minute_text (c->start, buf);
  add (&q->text, buf);
  add (&q->text, ",");
  minute_text (window_end (q, c), buf);
  add (&q->text, buf);
  add (&q->text, ",");
  csv_field (&q->text, subject.ptr ? subject : (kg_str){ "", 0 });
  csv_group (q, c);
  add (&q->text, ",");
  value_add (q, c);
  add (&q->text, "\r\n");
}

static void
csv_write (struct query *q, struct cell *const *all)
{
  const struct query_args *a = &q->args;
  uint32_t i;
  add (&q->text, a->meter ? "" : "meter,");
  add (&q->text, "window_start,window_end,subject");
  for (i = 0; i < a->dimensions; i++) {
    add (&q->text, ",");
    csv_field (&q->text, a->meter->dimension[a->dimension[i]]);
  }
  add (&q->text, ",value\r\n");
  for (i = 0; i < q->results.count; i++)
    csv_row (q, all[i]);
}

int32_t
query_answer (struct query *q)
{
  struct cell **all;
  int32_t r = unique_reduce (q);
  if (r >= 0)
    r = totals_ensure (q);
  if (r < 0)
    return r;
  all = results_sort (q);
  if (!all)
    return -ENOMEM;
  if (q->csv)
    csv_write (q, all);
  else
    json_write (q, all);
  free (all);
  return q->text.failed ? -ENOMEM : 0;
}
