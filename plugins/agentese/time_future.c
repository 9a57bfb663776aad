/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* time.future: what the tenant's trace says about what comes.  Where there is no trace of
 * the target, the confidence is 0 and nothing is expected. */
#include "plugins/agentese/notes.h"
#include "plugins/agentese/trace_stats.h"
#include "plugins/agentese/when.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define HORIZON 3600 /* seconds */

struct future {
  kg_str target, horizon; /* the horizon as it was given, JSON */
  double seconds;
  int64_t steps, seed;
  struct ag_filter filter;
  const struct kg_json *trace;
  ag_result *result;
  /* As counted: */
  uint32_t n;
  double rate;         /* invocations per second */
  double early, late;  /* of the first and of the second half of the time */
};

/* Counts what there is of the target between its first invocation and now. */
static void
count (struct ag_call *c, struct future *f)
{
  const struct kg_json *j = f->trace;
  int64_t now = ag_now (c), first = now, at;
  double span;
  uint32_t i;
  f->n = 0;
  f->early = f->late = f->rate = 0;
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i))
    if (ag_filter_takes (&f->filter, j, i) && (at = ag_trace_at (j, i)) < first)
      first = at;
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i))
    if (ag_filter_takes (&f->filter, j, i)) {
      f->n++;
      *(ag_trace_at (j, i) - first < (now - first) / 2 ? &f->early : &f->late) += 1;
    }
  span = (double)(now - first) / 1e9;
  f->rate = f->n && span > 0 ? f->n / (span > 1 ? span : 1) : 0;
}

static const char *
trend_of (const struct future *f)
{
  if (f->n < 4)
    return f->n ? "stable" : "unknown";
  return f->late > 1.25 * f->early ? "rising" : f->early > 1.25 * f->late ? "falling" : "stable";
}

static double
confidence_of (const struct future *f)
{
  return f->n ? (double)f->n / (f->n + 10.0) : 0;
}

static void
scenario_write (const char *name, double probability, double expected, struct kg_out *out)
{
  kg_out_lit (out, "{\"name\":");
  kg_out_text (out, name);
  kg_out_lit (out, ",\"probability\":");
  ag_out_number (out, probability);
  kg_out_lit (out, ",\"expected\":");
  ag_out_number (out, expected);
  kg_out_lit (out, "}");
}

static void
forecast_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  struct future *f = arg;
  double expected, spread;
  count (c, f);
  expected = f->rate * f->seconds;
  spread = sqrt (expected);
  kg_out_lit (out, "{\"target\":");
  kg_out_str (out, f->target);
  kg_out_lit (out, ",\"horizon\":");
  kg_out_raw (out, f->horizon.ptr, f->horizon.len);
  kg_out_lit (out, ",\"forecast\":{\"trend\":");
  kg_out_text (out, trend_of (f));
  kg_out_lit (out, ",\"confidence\":");
  ag_out_number (out, confidence_of (f));
  kg_out_lit (out, ",\"scenarios\":[");
  scenario_write ("optimistic", 0.3, expected + spread, out);
  kg_out_lit (out, ",");
  scenario_write ("baseline", 0.4, expected, out);
  kg_out_lit (out, ",");
  scenario_write ("pessimistic", 0.3, expected > spread ? expected - spread : 0, out);
  kg_out_lit (out, "]},\"observed\":");
  kg_out_int (out, f->n);
  kg_out_lit (out, "}");
}

/* A step of a repeatable sequence, 0..1. */
static double
roll (uint64_t *state)
{
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* How many come in a step in which `mean` are to be expected. */
static int64_t
draw (double mean, uint64_t *state)
{
  double limit, product = 1;
  int64_t n = -1;
  if (mean > 50)
    return llround (mean + sqrt (mean) * (roll (state) + roll (state) + roll (state) - 1.5) * 2);
  limit = exp (-mean);
  do {
    product *= roll (state);
    n++;
  } while (product > limit);
  return n;
}

static void
simulate_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  struct future *f = arg;
  uint64_t state = (uint64_t)f->seed;
  int64_t i, n, sum = 0;
  count (c, f);
  kg_out_lit (out, "{\"target\":");
  kg_out_str (out, f->target);
  kg_out_lit (out, ",\"steps\":");
  kg_out_int (out, f->steps);
  kg_out_lit (out, ",\"step_seconds\":");
  ag_out_number (out, f->seconds);
  kg_out_lit (out, ",\"seed\":");
  kg_out_int (out, f->seed);
  kg_out_lit (out, ",\"simulation\":[");
  for (i = 0; i < f->steps; i++) {
    kg_out_lit (out, i ? "," : "");
    kg_out_int (out, n = draw (f->rate * f->seconds, &state));
    sum += n;
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, sum);
  kg_out_lit (out, ",\"observed\":");
  kg_out_int (out, f->n);
  kg_out_lit (out, "}");
}

/* What the tenant invoked right after the target, most often first. */
static void
after_count (const struct future *f, struct ag_counts *counts)
{
  const struct kg_json *j = f->trace;
  uint32_t i, later = 0;
  counts->n = 0;
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i)) {
    if (later && ag_filter_takes (&f->filter, j, i))
      ag_counts_add (counts, kg_json_text (j, kg_json_find (j, later, "path")), 0, 0);
    later = i;
  }
}

static void
predict_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  struct future *f = arg;
  struct ag_counts counts;
  uint32_t i, best = 0;
  int64_t all = 0;
  count (c, f);
  after_count (f, &counts);
  for (i = 0; i < counts.n; i++) {
    all += counts.count[i].n;
    best = counts.count[i].n > counts.count[best].n ? i : best;
  }
  kg_out_lit (out, "{\"target\":");
  kg_out_str (out, f->target);
  kg_out_lit (out, ",\"prediction\":{\"next_at\":");
  ag_out_time (out, f->rate > 0 ? ag_now (c) + (int64_t)(1e9 / f->rate) : 0);
  kg_out_lit (out, ",\"then\":");
  if (all)
    kg_out_raw (out, counts.count[best].name.ptr, counts.count[best].name.len);
  else
    kg_out_lit (out, "null");
  kg_out_lit (out, ",\"probability\":");
  ag_out_number (out, all ? (double)counts.count[best].n / (double)all : 0);
  kg_out_lit (out, ",\"confidence\":");
  ag_out_number (out, confidence_of (f));
  kg_out_lit (out, "},\"observed\":");
  kg_out_int (out, f->n);
  kg_out_lit (out, "}");
}

/* ---- Arguments ------------------------------------------------------------------------- */

/* Seconds: a number, or "30s", "15m", "12h", "7d". */
static int32_t
horizon_arg (struct ag_call *c, const char *name, double dflt, struct future *f)
{
  static const struct { char unit; double seconds; } units[]
      = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
  uint32_t i = ag_kwarg (c, name), k;
  double v = ag_arg_number (c, name, dflt);
  if (kg_json_kind (c->json, i) == KG_JSON_STRING) {
    kg_str text = kg_json_raw (c->json, i);
    double n = 0;
    for (v = 0, k = 0; k < text.len && text.ptr[k] >= '0' && text.ptr[k] <= '9' && n < 1e9; k++)
      n = n * 10 + (text.ptr[k] - '0');
    for (i = 0; k + 1 == text.len && i < sizeof units / sizeof units[0]; i++)
      if (text.ptr[k] == units[i].unit)
        v = n * units[i].seconds;
  }
  if (!(v > 0) || v > 1e10)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                      "Argument '%s' must be seconds, or a text like 30s, 15m, 12h, 7d", name);
  f->seconds = v;
  f->horizon = ag_kwarg (c, name) ? ag_arg_json (c, name) : ag_str ("3600");
  return f->horizon.ptr ? 0 : -ENOMEM;
}

static int32_t
loaded (struct ag_call *c, const struct kg_json *trace, void *arg)
{
  struct future *f = arg;
  f->trace = trace;
  return ag_answer (c, f->result, f);
}

static int32_t
future_run (struct ag_call *c, const char *horizon, double dflt, ag_result *result)
{
  struct future *f = c->ag->host->alloc (c->req, sizeof *f);
  struct ag_path path;
  int32_t r;
  if (!f)
    return -ENOMEM;
  memset (f, 0, sizeof *f);
  if ((r = ag_handle_arg (c, "target", &path)) || (r = horizon_arg (c, horizon, dflt, f)))
    return r;
  f->target = path.base;
  f->filter.topic = ag_arg_text (c, "target");
  f->filter.until_ns = INT64_MAX;
  f->steps = ag_arg_int (c, "steps", 10);
  f->seed = ag_arg_int (c, "seed", 0);
  f->result = result;
  return ag_notes_load (c, loaded, f);
}

int32_t
ag_future_forecast (struct ag_call *c)
{
  return future_run (c, "horizon", HORIZON, forecast_write);
}

int32_t
ag_future_simulate (struct ag_call *c)
{
  return future_run (c, "step", HORIZON, simulate_write);
}

int32_t
ag_future_predict (struct ag_call *c)
{
  return future_run (c, "horizon", HORIZON, predict_write);
}
