/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* time.trace: what the tenant invoked, looked at in several ways.  All of them read the
 * trace of notes.h and count what it says; nothing is invoked again. */
#include "plugins/agentese/notes.h"
#include "plugins/agentese/trace_stats.h"
#include "plugins/agentese/when.h"

#include <errno.h>
#include <string.h>

/* What is asked for, in the request's memory. */
struct look {
  struct ag_filter filter;
  const struct kg_json *trace;
  int64_t limit;
  int32_t (*answer) (struct ag_call *c, struct look *look);
  ag_result *result;
};

static int32_t
loaded (struct ag_call *c, const struct kg_json *trace, void *arg)
{
  struct look *look = arg;
  look->trace = trace;
  return ag_answer (c, look->result, look);
}

static int32_t
look_run (struct ag_call *c, ag_result *result)
{
  struct look *look = c->ag->host->alloc (c->req, sizeof *look);
  int32_t r;
  if (!look)
    return -ENOMEM;
  memset (look, 0, sizeof *look);
  if ((r = ag_filter_args (c, "topic", &look->filter)))
    return r;
  look->limit = ag_arg_int (c, "limit", 100);
  look->result = result;
  return ag_notes_load (c, loaded, look);
}

/* ---- query, witness, replay, collect ------------------------------------------------- */

static void
topic_write (const struct look *look, struct kg_out *out)
{
  kg_out_lit (out, "{\"topic\":");
  ag_out_text (out, look->filter.topic);
}

static void
traces_write (const struct look *look, struct kg_out *out)
{
  const struct kg_json *j = look->trace;
  int64_t n = 0, total = 0;
  uint32_t i;
  kg_out_lit (out, ",\"traces\":[");
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i)) {
    kg_str line = kg_json_text (j, i);
    if (!ag_filter_takes (&look->filter, j, i) || ++total > look->limit)
      continue;
    kg_out_lit (out, n++ ? "," : "");
    kg_out_raw (out, line.ptr, line.len);
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, total);
}

static void
query_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)c;
  topic_write (arg, out);
  traces_write (arg, out);
  kg_out_lit (out, "}");
}

int32_t
ag_trace_query (struct ag_call *c)
{
  return look_run (c, query_write);
}

int32_t
ag_trace_witness (struct ag_call *c)
{
  return look_run (c, query_write);
}

/* The same, oldest first, with the time since the first. */
static void
replay_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct look *look = arg;
  const struct kg_json *j = look->trace;
  uint32_t *taken = c->ag->host->alloc (c->req, (j->token[0].next + 1) * sizeof *taken);
  int64_t first = 0;
  uint32_t i, n = 0, k;
  for (i = kg_json_first (j, 0); i && taken; i = kg_json_next (j, 0, i))
    if (n < (uint32_t)look->limit && ag_filter_takes (&look->filter, j, i))
      taken[n++] = i;
  topic_write (look, out);
  kg_out_lit (out, ",\"traces\":[");
  for (k = n; k--;) {
    kg_str line = kg_json_text (j, taken[k]);
    int64_t at = ag_trace_at (j, taken[k]);
    first = k + 1 == n ? at : first;
    kg_out_raw (out, line.ptr, line.len - 1);
    kg_out_lit (out, ",\"step\":");
    kg_out_int (out, n - k);
    kg_out_lit (out, ",\"offset_ms\":");
    ag_out_number (out, (double)(at - first) / 1e6);
    kg_out_lit (out, k ? "}," : "}");
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, n);
  kg_out_lit (out, "}");
}

int32_t
ag_trace_replay (struct ag_call *c)
{
  return look_run (c, replay_write);
}

static void
collect_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct look *look = arg;
  struct ag_counts counts = { .n = 0 };
  uint32_t i, collected = 0;
  const struct kg_json *j = look->trace;
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i))
    if (ag_filter_takes (&look->filter, j, i)) {
      collected++;
      ag_counts_add (&counts, kg_json_text (j, kg_json_find (j, i, "observer")), 0, 0);
    }
  topic_write (look, out);
  kg_out_lit (out, ",\"collected\":");
  kg_out_int (out, collected);
  kg_out_lit (out, ",\"max\":");
  kg_out_int (out, c->ag->conf->trace_max);
  kg_out_lit (out, ",\"observers\":[");
  for (i = 0; i < counts.n; i++) {
    kg_out_lit (out, i ? ",{\"observer\":" : "{\"observer\":");
    kg_out_raw (out, counts.count[i].name.ptr, counts.count[i].name.len);
    kg_out_lit (out, ",\"count\":");
    kg_out_int (out, counts.count[i].n);
    kg_out_lit (out, "}");
  }
  kg_out_lit (out, "]}");
}

int32_t
ag_trace_collect (struct ag_call *c)
{
  return look_run (c, collect_write);
}

/* ---- analyze, diff ------------------------------------------------------------------------ */

static void
analyze_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct look *look = arg;
  struct ag_stats stats;
  ag_stats_make (c, look->trace, &look->filter, &stats);
  topic_write (look, out);
  kg_out_lit (out, ",");
  ag_stats_write (&stats, out);
  ag_stats_detail (&stats, out);
  kg_out_lit (out, "}");
}

int32_t
ag_trace_analyze (struct ag_call *c)
{
  return look_run (c, analyze_write);
}

/* Two topics against each other. */
struct both {
  struct ag_filter a, b;
  const struct kg_json *trace;
};

static void
side_write (const char *name, const struct ag_filter *f, const struct ag_stats *s,
            struct kg_out *out)
{
  kg_out_lit (out, "\"");
  kg_out_lit (out, name);
  kg_out_lit (out, "\":{\"topic\":");
  ag_out_text (out, f->topic);
  kg_out_lit (out, ",");
  ag_stats_write (s, out);
  kg_out_lit (out, "},");
}

static void
diff_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct both *both = arg;
  struct ag_stats a, b;
  ag_stats_make (c, both->trace, &both->a, &a);
  ag_stats_make (c, both->trace, &both->b, &b);
  kg_out_lit (out, "{");
  side_write ("a", &both->a, &a, out);
  side_write ("b", &both->b, &b, out);
  kg_out_lit (out, "\"diff\":{\"total\":");
  kg_out_int (out, (int64_t)b.total - a.total);
  kg_out_lit (out, ",\"errors\":");
  kg_out_int (out, (int64_t)b.errors - a.errors);
  kg_out_lit (out, ",\"units\":");
  kg_out_int (out, b.units - a.units);
  kg_out_lit (out, ",\"mean_ms\":");
  ag_out_number (out, ag_stats_mean (&b) - ag_stats_mean (&a));
  kg_out_lit (out, "}}");
}

static int32_t
both_loaded (struct ag_call *c, const struct kg_json *trace, void *arg)
{
  struct both *both = arg;
  both->trace = trace;
  return ag_answer (c, diff_write, both);
}

int32_t
ag_trace_diff (struct ag_call *c)
{
  struct both *both = c->ag->host->alloc (c->req, sizeof *both);
  int32_t r;
  if (!both)
    return -ENOMEM;
  if ((r = ag_filter_args (c, "a", &both->a)) || (r = ag_filter_args (c, "b", &both->b)))
    return r;
  return ag_notes_load (c, both_loaded, both);
}

/* ---- render --------------------------------------------------------------------------------- */

/* The text of a member as JSON has it, so that a name with a line end in it, or with
 * what moves a terminal's cursor, stays in its line. */
static void
visible_write (kg_str text, struct kg_out *out)
{
  size_t i, from = 0;
  for (i = 0; i < text.len; i++) {
    if (text.ptr[i] != '\\' && text.ptr[i] != '"')
      continue;
    kg_out_raw (out, text.ptr + from, i - from);
    kg_out_lit (out, "\\");
    from = i;
  }
  kg_out_raw (out, text.ptr + from, text.len - from);
}

/* One line of text for each, oldest last; all of it one JSON string. */
static void
render_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  static const char *const members[] = { "at", "path", "status", "duration_ms", "observer" };
  const struct look *look = arg;
  const struct kg_json *j = look->trace;
  int64_t n = 0;
  uint32_t i, k;
  (void)c;
  topic_write (look, out);
  kg_out_lit (out, ",\"format\":\"text\",\"rendering\":\"");
  for (i = kg_json_first (j, 0); i && n < look->limit; i = kg_json_next (j, 0, i)) {
    if (!ag_filter_takes (&look->filter, j, i))
      continue;
    for (k = 0; k < sizeof members / sizeof members[0]; k++) {
      kg_str text = kg_json_raw (j, kg_json_find (j, i, members[k]));
      kg_out_lit (out, k ? "  " : "");
      visible_write (text, out);
    }
    kg_out_lit (out, "\\n");
    n++;
  }
  kg_out_lit (out, "\",\"lines\":");
  kg_out_int (out, n);
  kg_out_lit (out, "}");
}

int32_t
ag_trace_render (struct ag_call *c)
{
  return look_run (c, render_write);
}
