/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* void.hypnagogia: what can be seen in the tenant's trace while nothing happens. */
#include "plugins/agentese/notes.h"
#include "plugins/agentese/trace_stats.h"
#include "plugins/agentese/void.h"
#include "plugins/agentese/when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_SECONDS 60
#define PATTERNS 20 /* that are told */

struct idle {
  struct ag_pool pool;
  const struct kg_json *trace;
  ag_result *result;
};

static int32_t
loaded (struct ag_call *c, const struct kg_json *trace, void *arg)
{
  struct idle *idle = arg;
  idle->trace = trace;
  return ag_answer (c, idle->result, idle);
}

static int32_t
idle_run (struct ag_call *c, ag_result *result)
{
  struct idle *idle = c->ag->host->alloc (c->req, sizeof *idle);
  int32_t r = idle ? ag_pool_get (c, &idle->pool) : -ENOMEM;
  if (r < 0)
    return r;
  idle->result = result;
  return ag_notes_load (c, loaded, idle);
}

/* ---- status, wake ------------------------------------------------------------------ */

static void
status_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct idle *idle = arg;
  uint32_t newest = kg_json_first (idle->trace, 0);
  int64_t last = newest ? ag_trace_at (idle->trace, newest) : 0;
  double seconds = last ? (double)(ag_now (c) - last) / 1e9 : 0;
  kg_out_lit (out, "{\"state\":");
  kg_out_text (out, !last || seconds > IDLE_SECONDS ? "dreaming" : "awake");
  kg_out_lit (out, ",\"idle_seconds\":");
  ag_out_number (out, seconds > 0 ? seconds : 0);
  kg_out_lit (out, ",\"last_invocation\":");
  ag_out_time (out, last);
  kg_out_lit (out, ",\"woken\":");
  kg_out_raw (out, idle->pool.woken.ptr, idle->pool.woken.len);
  kg_out_lit (out, "}");
}

int32_t
ag_hypnagogia_status (struct ag_call *c)
{
  return idle_run (c, status_write);
}

static int32_t
wake_step (struct ag_offering *o, struct ag_pool *pool)
{
  struct kg_out out;
  if (ag_out_new (o->call, AG_TIME_LEN + 2, &out) < 0)
    return -ENOMEM;
  ag_out_time (&out, ag_now (o->call));
  pool->woken = (kg_str){ out.ptr, out.len };
  return 0;
}

static void
wake_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)arg;
  kg_out_lit (out, "{\"awake\":true,\"woken\":");
  ag_out_time (out, ag_now (c));
  kg_out_lit (out, "}");
}

int32_t
ag_hypnagogia_wake (struct ag_call *c)
{
  struct ag_offering *o = ag_offering_new (c);
  if (!o)
    return -ENOMEM;
  o->step = wake_step;
  o->result = wake_write;
  return ag_offering_run (o);
}

/* ---- report ---------------------------------------------------------------------------- */

static void
report_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct idle *idle = arg;
  struct ag_filter filter = { .until_ns = INT64_MAX };
  struct ag_stats stats;
  kg_str woken = idle->pool.woken;
  if (woken.len == AG_TIME_LEN + 2)
    ag_time_parse ((kg_str){ woken.ptr + 1, AG_TIME_LEN }, &filter.since_ns);
  ag_stats_make (c, idle->trace, &filter, &stats);
  kg_out_lit (out, "{\"since\":");
  kg_out_raw (out, woken.ptr, woken.len);
  kg_out_lit (out, ",");
  ag_stats_write (&stats, out);
  ag_stats_detail (&stats, out);
  kg_out_lit (out, "}");
}

int32_t
ag_hypnagogia_report (struct ag_call *c)
{
  return idle_run (c, report_write);
}

/* ---- patterns --------------------------------------------------------------------------- */

static int
by_count (const void *a, const void *b)
{
  const struct ag_count *x = a, *y = b;
  return (x->n < y->n) - (x->n > y->n);
}

/* Pairs of paths, one invoked right after the other, that came more than once. */
static void
patterns_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct idle *idle = arg;
  const struct kg_json *j = idle->trace;
  struct ag_counts pairs = { .n = 0 };
  uint32_t i, later = 0, n = 0;
  for (i = kg_json_first (j, 0); i; later = i, i = kg_json_next (j, 0, i)) {
    struct kg_out pair;
    kg_str from, to;
    if (!later || ag_out_new (c, 4 * AG_PATH_MAX + 32, &pair) < 0)
      continue;
    from = kg_json_text (j, kg_json_find (j, i, "path"));
    to = kg_json_text (j, kg_json_find (j, later, "path"));
    kg_out_lit (&pair, "\"first\":");
    kg_out_raw (&pair, from.ptr, from.len);
    kg_out_lit (&pair, ",\"then\":");
    kg_out_raw (&pair, to.ptr, to.len);
    if (kg_out_ok (&pair))
      ag_counts_add (&pairs, (kg_str){ pair.ptr, pair.len }, 0, 0);
  }
  qsort (pairs.count, pairs.n, sizeof pairs.count[0], by_count);
  kg_out_lit (out, "{\"patterns\":[");
  for (i = 0; i < pairs.n && n < PATTERNS; i++) {
    if (pairs.count[i].n < 2)
      continue;
    kg_out_lit (out, n++ ? ",{" : "{");
    kg_out_raw (out, pairs.count[i].name.ptr, pairs.count[i].name.len);
    kg_out_lit (out, ",\"count\":");
    kg_out_int (out, pairs.count[i].n);
    kg_out_lit (out, "}");
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, n);
  kg_out_lit (out, "}");
}

int32_t
ag_hypnagogia_patterns (struct ag_call *c)
{
  return idle_run (c, patterns_write);
}
