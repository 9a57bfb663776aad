/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Counting in a tenant's trace. */
#include "plugins/agentese/trace_stats.h"
#include "plugins/agentese/when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int32_t
ag_filter_args (struct ag_call *c, const char *topic, struct ag_filter *ret)
{
  int32_t r;
  memset (ret, 0, sizeof *ret);
  ret->topic = ag_arg_text (c, topic);
  ret->observer = ag_arg_text (c, "observer_name");
  ret->status = ag_arg_int (c, "status", 0);
  if ((r = ag_time_arg (c, "since", 0, &ret->since_ns)))
    return r;
  return ag_time_arg (c, "until", INT64_MAX, &ret->until_ns);
}

int64_t
ag_trace_at (const struct kg_json *j, uint32_t line)
{
  uint32_t at = kg_json_find (j, line, "at");
  int64_t ns = 0;
  if (at)
    ag_time_parse (kg_json_raw (j, at), &ns);
  return ns;
}

/* The topic itself, or something below it. */
static int32_t
below (kg_str path, kg_str topic)
{
  return path.len >= topic.len && !memcmp (path.ptr, topic.ptr, topic.len)
         && (path.len == topic.len || path.ptr[topic.len] == '.');
}

static int32_t
is_about (kg_str topic, const struct kg_json *j, uint32_t line)
{
  if (topic.len > 2 && !memcmp (topic.ptr + topic.len - 2, ".*", 2))
    topic.len -= 2;
  return !topic.len || below (kg_json_raw (j, kg_json_find (j, line, "path")), topic)
         || kg_json_is (j, kg_json_find (j, line, "span_id"), topic.ptr)
         || kg_json_is (j, kg_json_find (j, line, "trace_id"), topic.ptr);
}

int32_t
ag_filter_takes (const struct ag_filter *f, const struct kg_json *j, uint32_t line)
{
  int64_t at;
  if (!is_about (f->topic, j, line)
      || (f->observer.ptr
          && !kg_json_is (j, kg_json_find (j, line, "observer"), f->observer.ptr))
      || (f->status && kg_json_int (j, kg_json_find (j, line, "status"), 0) != f->status))
    return 0;
  if (!f->since_ns && f->until_ns == INT64_MAX)
    return 1;
  at = ag_trace_at (j, line);
  return at >= f->since_ns && at <= f->until_ns;
}

void
ag_counts_add (struct ag_counts *counts, kg_str name, int32_t error, double ms)
{
  uint32_t i = 0;
  while (i < counts->n
         && (counts->count[i].name.len != name.len
             || memcmp (counts->count[i].name.ptr, name.ptr, name.len)))
    i++;
  if (i == AG_COUNTS_MAX)
    return;
  if (i == counts->n)
    counts->count[counts->n++] = (struct ag_count){ .name = name };
  counts->count[i].n++;
  counts->count[i].errors += error;
  counts->count[i].ms += ms;
}

static int
by_size (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int
by_count (const void *a, const void *b)
{
  const struct ag_count *x = a, *y = b;
  size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
  if (x->n != y->n)
    return (x->n < y->n) - (x->n > y->n);
  return memcmp (x->name.ptr, y->name.ptr, n); /* the same order every time */
}

static void
stats_add (struct ag_stats *s, const struct kg_json *j, uint32_t line)
{
  uint32_t path = kg_json_find (j, line, "path"), status = kg_json_find (j, line, "status");
  double ms = ag_json_number (j, kg_json_find (j, line, "duration_ms"), 0);
  int32_t error = kg_json_int (j, status, 0) >= 400 || kg_json_int (j, status, 0) == 0;
  int64_t at = ag_trace_at (j, line);
  if (s->ms)
    s->ms[s->total] = ms;
  s->min_ms = !s->total || ms < s->min_ms ? ms : s->min_ms;
  s->max_ms = ms > s->max_ms ? ms : s->max_ms;
  s->last_ns = at > s->last_ns ? at : s->last_ns;
  s->first_ns = !s->total || at < s->first_ns ? at : s->first_ns;
  s->total++;
  s->errors += (uint32_t)error;
  s->sum_ms += ms;
  s->units += kg_json_int (j, kg_json_find (j, line, "units"), 0);
  ag_counts_add (&s->paths, kg_json_text (j, path), error, ms);
  ag_counts_add (&s->statuses, kg_json_text (j, status), error, ms);
}

void
ag_stats_make (struct ag_call *c, const struct kg_json *j, const struct ag_filter *f,
               struct ag_stats *ret)
{
  uint32_t i, n = 0;
  memset (ret, 0, sizeof *ret);
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i))
    n++;
  ret->ms = n ? c->ag->host->alloc (c->req, n * sizeof *ret->ms) : NULL;
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i))
    if (ag_filter_takes (f, j, i))
      stats_add (ret, j, i);
  if (ret->ms)
    qsort (ret->ms, ret->total, sizeof *ret->ms, by_size);
  qsort (ret->paths.count, ret->paths.n, sizeof ret->paths.count[0], by_count);
  qsort (ret->statuses.count, ret->statuses.n, sizeof ret->statuses.count[0], by_count);
}

double
ag_stats_mean (const struct ag_stats *s)
{
  return s->total ? s->sum_ms / s->total : 0;
}

static double
quantile (const struct ag_stats *s, double q)
{
  return s->ms && s->total ? s->ms[(uint32_t)(q * (s->total - 1) + 0.5)] : 0;
}

void
ag_stats_write (const struct ag_stats *s, struct kg_out *out)
{
  kg_out_lit (out, "\"total\":");
  kg_out_int (out, s->total);
  kg_out_lit (out, ",\"errors\":");
  kg_out_int (out, s->errors);
  kg_out_lit (out, ",\"error_rate\":");
  ag_out_number (out, s->total ? (double)s->errors / s->total : 0);
  kg_out_lit (out, ",\"units\":");
  kg_out_int (out, s->units);
  kg_out_lit (out, ",\"duration_ms\":{\"min\":");
  ag_out_number (out, s->min_ms);
  kg_out_lit (out, ",\"mean\":");
  ag_out_number (out, ag_stats_mean (s));
  kg_out_lit (out, ",\"p50\":");
  ag_out_number (out, quantile (s, 0.5));
  kg_out_lit (out, ",\"p95\":");
  ag_out_number (out, quantile (s, 0.95));
  kg_out_lit (out, ",\"max\":");
  ag_out_number (out, s->max_ms);
  kg_out_lit (out, "},\"first\":");
  ag_out_time (out, s->first_ns);
  kg_out_lit (out, ",\"last\":");
  ag_out_time (out, s->last_ns);
}

void
ag_stats_detail (const struct ag_stats *s, struct kg_out *out)
{
  const struct ag_count *n;
  uint32_t i;
  kg_out_lit (out, ",\"by_status\":{");
  for (i = 0; i < s->statuses.n; i++) {
    n = &s->statuses.count[i];
    kg_out_lit (out, i ? ",\"" : "\"");
    kg_out_raw (out, n->name.ptr, n->name.len);
    kg_out_lit (out, "\":");
    kg_out_int (out, n->n);
  }
  kg_out_lit (out, "},\"by_path\":[");
  for (i = 0; i < s->paths.n; i++) {
    n = &s->paths.count[i];
    kg_out_lit (out, i ? ",{\"path\":" : "{\"path\":");
    kg_out_raw (out, n->name.ptr, n->name.len);
    kg_out_lit (out, ",\"count\":");
    kg_out_int (out, n->n);
    kg_out_lit (out, ",\"errors\":");
    kg_out_int (out, n->errors);
    kg_out_lit (out, ",\"mean_ms\":");
    ag_out_number (out, n->ms / (double)n->n);
    kg_out_lit (out, "}");
  }
  kg_out_lit (out, "]");
}
