/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* trace: what the tenant invoked, as time.trace.query tells it. */

#include "ctl/agentese.h"

#include "core/util/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIMIT 20
#define LIMIT_MAX 1000 /* of the host */
#define COLUMNS 6
#define EVERY_S 2
#define LATE_NS (10 * CLOCK_SECOND) /* how late a line may come into the trace */
#define WAIT_MAX_S 60
#define QUERY "time.trace.query"
#define OBSERVER "kgentctl trace" /* what this command calls itself */

const struct option trace_options[] = {
  { "limit", 0, KIND_NUMBER, "N", NULL, NULL, "at most so many, from 1 to 1000 [20]" },
  { "follow", 'f', KIND_FLAG, NULL, NULL, NULL, "go on with new ones, until interrupted" },
  { "every", 0, KIND_SPAN, "SPAN", NULL, "1s 2s 10s 1m",
    "how often --follow looks; each look counts as a request [2s]" },
  { 0 },
};

static const struct column columns[COLUMNS] = {
  { "time", "at", FORM_TIME },         { "status", "status", FORM_COUNT },
  { "ms", "duration_ms", FORM_PLAIN }, { "tokens", "units", FORM_COUNT },
  { "path", "path", FORM_PLAIN },      { "observer", "observer", FORM_PLAIN },
};

/* What is shown so far. */
struct reading {
  const struct args *args;
  struct grid *grid;  /* NULL: as JSON */
  json_object *seen;  /* the lines of the last answer, by name; NULL before the first */
  char first[64], last[64]; /* times of the oldest and newest line that was shown */
};

/* ---- Asking --------------------------------------------------------------------------- */

static json_object *
body_make (const struct reading *reading, int64_t limit, const char *since)
{
  const struct args *a = reading->args;
  json_object *body = json_object_new_object (), *kwargs = json_object_new_object ();
  member_put (body, "path", json_object_new_string (QUERY));
  member_put (body, "observer.name", json_object_new_string (OBSERVER));
  member_put (body, "kwargs", kwargs);
  member_put (kwargs, "limit", json_object_new_int64 (limit));
  if (a->rest.count)
    member_put (kwargs, "topic", json_object_new_string (a->rest.item[0]));
  if (since)
    member_put (kwargs, "since", json_object_new_string (since));
  return body;
}

static int
trace_ask (const struct reading *reading, int64_t limit, const char *since, struct told *ret)
{
  struct ask ask = { .method = "POST", .path = "/v1/agentese/invoke", .subject = QUERY };
  int r;
  ask.body = body_make (reading, limit, since);
  r = client_try (reading->args, &ask, ret);
  if (!r && ret->status / 100 != 2 && (ret->status != 429 || !since))
    r = client_refused (reading->args, &ask, ret);
  json_object_put (ask.body);
  return r;
}

/* ---- Showing ----------------------------------------------------------------------------- */

static void
line_add (struct grid *g, json_object *line)
{
  int64_t status = number_of (line, "status", 0);
  char text[SHOW_MAX];
  uint32_t i;
  for (i = 0; i < COLUMNS; i++) {
    grid_add (g, form_text (line, &columns[i], text));
    if (i == 1)
      grid_tint (g, status >= 500 ? TINT_RED : status >= 400 ? TINT_YELLOW : TINT_NONE);
  }
}

static struct grid *
table_start (void)
{
  struct grid *g = table_create (columns, COLUMNS);
  grid_right (g, 2);
  return g;
}

static int
is_own (json_object *line)
{
  return !strcmp (text_of (line, "path"), QUERY) && !strcmp (text_of (line, "observer"), OBSERVER);
}

static void
line_show (struct reading *reading, json_object *line)
{
  if (reading->grid)
    line_add (reading->grid, line);
  else
    show_json_line (line);
  snprintf (reading->last, sizeof reading->last, "%s", text_of (line, "at"));
}

/* The lines that weren't in the last answer, oldest first; what this command asked is left
 * out, and so is what is older than the first line that was shown. */
static void
lines_show (struct reading *reading, json_object *lines)
{
  json_object *seen = json_object_new_object ();
  size_t i;
  if (!reading->seen && length_of (lines))
    snprintf (reading->first, sizeof reading->first, "%s",
              text_of (json_object_array_get_idx (lines, length_of (lines) - 1), "at"));
  for (i = length_of (lines); i--;) {
    json_object *line = json_object_array_get_idx (lines, i);
    char name[256];
    snprintf (name, sizeof name, "%s %s", text_of (line, "at"), text_of (line, "span_id"));
    json_object_object_add (seen, name, NULL);
    if (!is_own (line) && strcmp (text_of (line, "at"), reading->first) >= 0
        && !json_object_object_get_ex (reading->seen, name, NULL))
      line_show (reading, line);
  }
  json_object_put (reading->seen);
  reading->seen = seen;
  if (reading->grid)
    grid_flush (reading->grid);
  fflush (stdout);
}

static void
trace_show (const struct args *a, json_object *result)
{
  json_object *lines = member_of (result, "traces");
  struct grid *g = a->json ? NULL : table_start ();
  size_t i;
  if (a->json)
    show_json (result);
  for (i = length_of (lines); g && i--;)
    line_add (g, json_object_array_get_idx (lines, i));
  if (g)
    grid_finish (g);
}

/* ---- The command ----------------------------------------------------------------------------- */

/* From when on to ask: lines come a little later than what they tell of. */
static const char *
since_make (const struct reading *reading, char out[CLOCK_RFC3339_LEN + 1])
{
  int64_t ns;
  if (!*reading->last || time_parse (reading->last, &ns))
    ns = clock_wall ();
  clock_rfc3339 (ns - LATE_NS, out);
  return out;
}

static int
look (struct reading *reading, int64_t limit, const char *since, int64_t *ret_wait_s)
{
  struct told told;
  int r = trace_ask (reading, limit, since, &told);
  *ret_wait_s = 0;
  if (!r && told.status == 429)
    *ret_wait_s = told.retry_after_s < WAIT_MAX_S ? told.retry_after_s : WAIT_MAX_S;
  else if (!r)
    lines_show (reading, member_of (member_of (told.json, "result"), "traces"));
  told_finish (&told);
  return r;
}

static int
follow (const struct args *a, int64_t limit, int64_t every_s)
{
  struct reading reading = { .args = a, .grid = a->json ? NULL : table_start () };
  char since[CLOCK_RFC3339_LEN + 1];
  int64_t wait_s;
  int r = look (&reading, limit, NULL, &wait_s);
  while (!r) {
    struct timespec pause = { (time_t)(wait_s > every_s ? wait_s : every_s), 0 };
    nanosleep (&pause, NULL);
    r = look (&reading, LIMIT_MAX, since_make (&reading, since), &wait_s);
  }
  if (reading.grid)
    grid_drop (reading.grid);
  json_object_put (reading.seen);
  return r;
}

int
trace_run (const struct args *a)
{
  int64_t limit = args_number (a, "limit", LIMIT), every = args_number (a, "every", EVERY_S);
  struct reading reading = { .args = a };
  struct told told;
  int r;
  if (limit < 1 || limit > LIMIT_MAX || every < 1) {
    complain ("trace: %s", every < 1 ? "--every is at least 1s" : "--limit is from 1 to 1000");
    return EXIT_USAGE;
  }
  if (args_flag (a, "follow"))
    return follow (a, limit, every);
  r = trace_ask (&reading, limit, NULL, &told);
  if (!r)
    trace_show (a, member_of (told.json, "result"));
  told_finish (&told);
  return r;
}
