/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* meter rebuild: has meters made anew, and waits for it. */

#include "ctl/meter.h"
#include "ctl/object.h"

#include <string.h>
#include <time.h>

const struct option rebuild_options[] = {
  { "from", 0, KIND_TEXT, "TIME", "from", NULL, "RFC 3339: only windows that do not begin before it [all]" },
  { "no-wait", 0, KIND_FLAG, NULL, NULL, NULL, "do not wait until it is done" },
  { 0 },
};

static const struct column columns[] = {
  { "meter", "meter", FORM_PLAIN },
  { "state", "state", FORM_PLAIN },
  { "counted", "position", FORM_COUNT },
  { "of", "until", FORM_COUNT },
  { "anew from", "from", FORM_TIME },
};

#define COLUMNS (sizeof columns / sizeof columns[0])

static int
begin (const struct args *a)
{
  json_object *body = args_body (a), *meters = json_object_new_array ();
  struct answer answer;
  uint32_t i;
  int r;
  for (i = 0; i < a->rest.count; i++)
    json_object_array_add (meters, json_object_new_string (a->rest.item[i]));
  if (a->rest.count)
    json_object_object_add (body, "meters", meters);
  else
    json_object_put (meters);
  r = call (a, "POST", METER_REBUILD, body, &answer);
  json_object_put (body);
  answer_finish (&answer);
  return r;
}

static int
is_done (json_object *meters)
{
  size_t i;
  for (i = 0; i < length_of (meters); i++)
    if (strcmp (text_of (json_object_array_get_idx (meters, i), "state"), "done"))
      return 0;
  return 1;
}

static void
result_print (json_object *meters)
{
  struct grid *g = table_create (columns, COLUMNS);
  size_t i, n = length_of (meters);
  char time[SHOW_MAX];
  for (i = 0; i < n; i++)
    table_add (g, columns, COLUMNS, json_object_array_get_idx (meters, i));
  grid_finish (g);
  for (i = 0; i < n; i++) {
    json_object *m = json_object_array_get_idx (meters, i);
    if (*text_of (m, "reason"))
      note ("%s: windows that begin before %s stay as they were: %s", text_of (m, "meter"),
            human_time (text_of (m, "from"), time), text_of (m, "reason"));
  }
}

int
meter_rebuild (const struct args *a)
{
  const struct timespec pause = { 0, 200000000 };
  int r = begin (a), done = 0;
  while (!r && !done) {
    struct answer answer;
    json_object *meters;
    r = call (a, "GET", METER_REBUILD, NULL, &answer);
    meters = member_of (answer.json, "meters");
    done = r || is_done (meters) || args_flag (a, "no-wait");
    if (!r && done && a->json)
      show_json (answer.json);
    else if (!r && done)
      result_print (meters);
    answer_finish (&answer);
    if (!done)
      nanosleep (&pause, NULL);
  }
  return r;
}
