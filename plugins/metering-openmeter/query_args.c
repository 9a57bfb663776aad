/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Parameters of a query, under our names and OpenMeter's. */
#include "plugins/metering-openmeter/query.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

int32_t
query_refuse (struct query *q, int32_t status, const char *fmt, ...)
{
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (q->problem, sizeof q->problem, fmt, ap);
  va_end (ap);
  q->status = status;
  return -EINVAL;
}

static int32_t
is (kg_str s, const char *text)
{
  return s.len == strlen (text) && !memcmp (s.ptr, text, s.len);
}

static int32_t
hex (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes p..end in its place; -EINVAL for a bad escape, a NUL, or what is no text. */
static int32_t
decode (char *p, char *end, kg_str *ret)
{
  char *o = p;
  ret->ptr = p;
  for (; p < end; p++) {
    char c = *p == '+' ? ' ' : *p;
    if (c == '%') {
      if (end - p < 3 || hex (p[1]) < 0 || hex (p[2]) < 0)
        return -EINVAL;
      c = (char)(hex (p[1]) << 4 | hex (p[2]));
      p += 2;
    }
    if (!c)
      return -EINVAL;
    *o++ = c;
  }
  ret->len = (size_t)(o - ret->ptr);
  return 0;
}

/* ---- Single parameters ------------------------------------------------------- */

/* A time, or a date, which is its first minute. */
static int32_t
time_take (struct query *q, const char *name, kg_str v, int32_t up, int64_t *ret,
           int32_t *given)
{
  char buf[32];
  int64_t ns;
  if (*given)
    return query_refuse (q, 422, "%s is there twice", name);
  if (v.len == 10) {
    snprintf (buf, sizeof buf, "%.10sT00:00:00Z", v.ptr);
    v = (kg_str){ buf, strlen (buf) };
  }
  if (record_time (v, &ns) < 0)
    return query_refuse (q, 422, "%s is no time of RFC 3339, such as 2026-11-01T00:00:00Z",
                         name);
  *ret = (ns + (up ? MINUTE_NS - 1 : 0)) / MINUTE_NS;
  *given = 1;
  return 0;
}

static int32_t
window_take (struct query *q, kg_str v)
{
  enum unit u = UNIT_MINUTE;
  while (u < UNITS
         && (strlen (unit_labels[u]) != v.len || strncasecmp (unit_labels[u], v.ptr, v.len)))
    u++;
  if (u == UNITS)
    return query_refuse (q, 422, "windowSize must be MINUTE, HOUR, DAY or MONTH");
  q->args.unit = u;
  return 0;
}

/* Names, separated by commas. */
static int32_t
groups_take (struct query *q, kg_str v)
{
  while (v.len) {
    const char *comma = memchr (v.ptr, ',', v.len);
    size_t n = comma ? (size_t)(comma - v.ptr) : v.len;
    if (q->args.groups == METER_DIMENSIONS_MAX + 1)
      return query_refuse (q, 422, "there are more names in groupBy than dimensions");
    if (n)
      q->args.group[q->args.groups++] = (kg_str){ v.ptr, n };
    v = (kg_str){ v.ptr + n + (comma != NULL), v.len - n - (comma != NULL) };
  }
  return 0;
}

static int32_t
subject_take (struct query *q, kg_str v)
{
  if (q->args.subjects == QUERY_FILTERS_MAX || !v.len)
    return query_refuse (q, 422, v.len ? "there are more than %d subjects" : "subject is empty",
                         QUERY_FILTERS_MAX);
  q->args.subject[q->args.subjects++] = v;
  return 0;
}

static int32_t
filter_take (struct query *q, kg_str name, kg_str v)
{
  struct query_filter *f = &q->args.filter[q->args.filters];
  if (q->args.filters == QUERY_FILTERS_MAX)
    return query_refuse (q, 422, "there are more than %d filters", QUERY_FILTERS_MAX);
  *f = (struct query_filter){ .name = name, .value = v };
  q->args.filters++;
  return 0;
}

/* What stands in the brackets of "filterGroupBy[...]", if it is one. */
static int32_t
filter_name (kg_str name, kg_str *ret)
{
  static const char *const heads[] = { "filterGroupBy[", "filter_group_by[" };
  uint32_t i;
  for (i = 0; i < 2; i++) {
    size_t n = strlen (heads[i]);
    if (name.len > n + 1 && !memcmp (name.ptr, heads[i], n) && name.ptr[name.len - 1] == ']') {
      *ret = (kg_str){ name.ptr + n, name.len - n - 1 };
      return 1;
    }
  }
  return 0;
}

static int32_t
meter_take (struct query *q, kg_str v)
{
  q->args.meter = meters_find (&q->rollup->meters, v);
  return q->args.meter ? 0 : query_refuse (q, 422, "meter: there is none of that name");
}

static int32_t
parameter_take (struct query *q, kg_str name, kg_str v)
{
  kg_str dimension;
  if (is (name, "from"))
    return time_take (q, "from", v, 0, &q->args.from, &q->args.from_given);
  if (is (name, "to"))
    return time_take (q, "to", v, 1, &q->args.to, &q->args.to_given);
  if (is (name, "window") || is (name, "windowSize"))
    return window_take (q, v);
  if (is (name, "group_by") || is (name, "groupBy"))
    return groups_take (q, v);
  if (is (name, "subject"))
    return subject_take (q, v);
  if (filter_name (name, &dimension))
    return filter_take (q, dimension, v);
  if (is (name, "meter") && !q->slug.ptr)
    return meter_take (q, v);
  if (is (name, "windowTimeZone"))
    return is (v, "UTC") ? 0
                         : query_refuse (q, 422, "windowTimeZone: windows are those of UTC");
  if (is (name, "clientId")) /* of OpenMeter's clients: for progress, which isn't told */
    return 0;
  return query_refuse (q, 422, "%.*s is no parameter of usage",
                       (int)(name.len < 64 ? name.len : 64), name.ptr);
}

/* ---- All together ------------------------------------------------------------- */

static int32_t
parameters_take (struct query *q, char *p, char *end)
{
  int32_t r = 0;
  while (p < end && r >= 0) {
    char *stop = memchr (p, '&', (size_t)(end - p)), *equal;
    kg_str name, value = { "", 0 };
    if (!stop)
      stop = end;
    equal = memchr (p, '=', (size_t)(stop - p));
    if (decode (p, equal ? equal : stop, &name) < 0
        || (equal && decode (equal + 1, stop, &value) < 0))
      return query_refuse (q, 422, "the query cannot be decoded");
    if (name.len)
      r = parameter_take (q, name, value);
    p = stop + 1;
  }
  return r;
}

/* Names of dimensions become their numbers. */
static int32_t
groups_resolve (struct query *q)
{
  struct query_args *a = &q->args;
  uint32_t i, k;
  for (i = 0; i < a->groups; i++) {
    int32_t n = a->meter ? meter_dimension (a->meter, a->group[i]) : -ENOENT;
    if (is (a->group[i], "subject")) {
      a->by_subject = 1;
      continue;
    }
    if (n < 0)
      return query_refuse (q, 422, a->meter ? "groupBy: the meter has no %.*s"
                                            : "groupBy: %.*s needs one meter to be named",
                           (int)(a->group[i].len < 64 ? a->group[i].len : 64), a->group[i].ptr);
    for (k = 0; k < a->dimensions && a->dimension[k] != n; k++)
      ;
    if (k == a->dimensions)
      a->dimension[a->dimensions++] = n;
  }
  return 0;
}

/* The filters' values become texts that can be compared with those of groups. */
static int32_t
filters_resolve (struct query *q, char *memory, size_t cap)
{
  struct query_args *a = &q->args;
  struct kg_out o = { memory, 0, cap };
  uint32_t i;
  for (i = 0; i < a->filters; i++) {
    struct query_filter *f = &a->filter[i];
    size_t at = o.len;
    f->dimension = a->meter ? meter_dimension (a->meter, f->name) : -ENOENT;
    if (f->dimension < 0)
      return query_refuse (q, 422, a->meter ? "filterGroupBy: the meter has no %.*s"
                                            : "filterGroupBy: %.*s needs one meter to be named",
                           (int)(f->name.len < 64 ? f->name.len : 64), f->name.ptr);
    kg_out_str (&o, f->value);
    f->value = (kg_str){ memory + at, o.len - at };
  }
  return kg_out_ok (&o) ? 0 : -E2BIG;
}

/* What wasn't said: our routes mean this month, OpenMeter's all that there is; as far
 * back as such windows are kept. */
static void
times_complete (struct query *q, int64_t now)
{
  struct query_args *a = &q->args;
  int64_t first = query_first_kept (q, a->unit < UNITS ? a->unit : UNIT_MONTH, now), last = now;
  if (!a->to_given)
    a->to = unit_next (UNIT_MONTH, q->slug.ptr ? unit_next (UNIT_MONTH, now) : now);
  if (a->from_given)
    return;
  if (a->to_given && a->to <= now)
    last = a->to ? a->to - 1 : 0;
  a->from = q->slug.ptr ? 0 : unit_floor (UNIT_MONTH, last);
  if (a->from < first)
    a->from = first;
}

int32_t
query_args_read (struct query *q, kg_str raw, int64_t now)
{
  size_t cap = raw.len * 6 + 2 * QUERY_FILTERS_MAX + 2;
  int32_t r;
  q->args.unit = UNITS;
  q->memory = malloc (raw.len + cap + 1);
  if (!q->memory)
    return -ENOMEM;
  if (raw.len)
    memcpy (q->memory, raw.ptr, raw.len);
  if (q->slug.ptr) {
    q->args.meter = meters_find (&q->rollup->meters, q->slug);
    if (!q->args.meter)
      return query_refuse (q, 404, "there is no meter of that name");
  }
  if ((r = parameters_take (q, q->memory, q->memory + raw.len)) < 0
      || (r = groups_resolve (q)) < 0
      || (r = filters_resolve (q, q->memory + raw.len, cap)) < 0)
    return r;
  times_complete (q, now);
  if (q->args.from >= q->args.to)
    return query_refuse (q, 422, "from must be before to");
  return 0;
}
