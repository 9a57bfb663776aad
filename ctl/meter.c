/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* meter status, meter parked: sinks, and the events that one of them could not take. */

#include "ctl/meter.h"
#include "ctl/object.h"

#include <stdlib.h>
#include <string.h>

static const struct option parked_options[] = {
  { "sink", 0, KIND_TEXT, "NAME", NULL, NULL, "list: only those of this sink" },
  { 0 },
};

/* ---- Status ----------------------------------------------------------------------------- */

static const struct column status_columns[] = {
  { "sink", "name", FORM_PLAIN },
  { "kind", "kind", FORM_PLAIN },
  { "state", "state", FORM_PLAIN },
  { "behind", "lag_records", FORM_COUNT },
  { "since", "lag_seconds", FORM_SPAN },
  { "confirmed", "confirmed", FORM_COUNT },
  { "parked", "parked", FORM_COUNT },
  { "dropped", "dropped", FORM_COUNT },
  { "unaccounted", "unaccounted", FORM_COUNT },
  { "breaker", "breaker", FORM_PLAIN },
  { "last success", "last_success", FORM_TIME },
};

#define STATUS_COLUMNS (sizeof status_columns / sizeof status_columns[0])

static int
is_well (json_object *sink)
{
  const char *state = text_of (sink, "state");
  return (!strcmp (state, "ok") || !strcmp (state, "starting"))
         && number_of (sink, "unaccounted", 0) == 0;
}

/* 1 when one of the sinks isn't well. */
static int
status_print (json_object *sinks)
{
  struct grid *g = table_create (status_columns, STATUS_COLUMNS);
  size_t i, n = length_of (sinks);
  int ill = 0;
  for (i = 0; i < n; i++)
    table_add (g, status_columns, STATUS_COLUMNS, json_object_array_get_idx (sinks, i));
  grid_finish (g);
  for (i = 0; i < n; i++) {
    json_object *sink = json_object_array_get_idx (sinks, i);
    if (!is_well (sink))
      complain ("%s: %s%s%s", text_of (sink, "name"), text_of (sink, "state"),
                *text_of (sink, "reason") ? ": " : "", text_of (sink, "reason"));
    if (number_of (sink, "unaccounted", 0))
      complain ("%s: %lld events of the log are neither confirmed nor parked nor dropped; "
                "kgentctl meter reconcile says which",
                text_of (sink, "name"), (long long)number_of (sink, "unaccounted", 0));
    ill |= !is_well (sink);
  }
  return ill;
}

/* Sinks that are no longer configured, for which the log is kept. */
static void
left_print (json_object *left)
{
  size_t i, n = length_of (left);
  for (i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (left, i);
    complain ("cursor %s: its sink or plugin is not configured any more, and %lld records are kept "
              "for it; configure it again, or, for a sink, kgentctl meter forget %s",
              text_of (item, "cursor"), (long long)number_of (item, "lag_records", 0),
              text_of (item, "cursor"));
  }
}

static int
status_run (const struct args *a)
{
  struct answer answer;
  int r = call (a, "GET", METER_STATUS, NULL, &answer);
  json_object *sinks = member_of (answer.json, "sinks");
  size_t i;
  if (!r && a->json) {
    show_json (answer.json);
    for (i = 0; i < length_of (sinks); i++)
      r |= is_well (json_object_array_get_idx (sinks, i)) ? EXIT_OK : EXIT_REFUSED;
  } else if (!r && !length_of (sinks))
    say ("usage is recorded and goes nowhere else: no sink is configured");
  else if (!r)
    r = status_print (sinks) ? EXIT_REFUSED : EXIT_OK;
  if (!a->json)
    left_print (member_of (answer.json, "left"));
  answer_finish (&answer);
  return r;
}

static int
forget_run (const struct args *a)
{
  const char *name = a->rest.item[0];
  struct answer answer;
  struct path path;
  int r;
  path_start (&path, METER_CURSORS);
  r = path_id (&path, "cursor", name);
  if (r)
    return r;
  r = call (a, "DELETE", path.text, NULL, &answer);
  answer_finish (&answer);
  if (!r && !a->json)
    say ("usage is no longer kept for %s", name);
  return r;
}

/* ---- Parked ------------------------------------------------------------------------------ */

/* Its name for the other verbs. */
static void
parked_derive (json_object *item)
{
  json_object *event = member_of (item, "event");
  char name[256];
  snprintf (name, sizeof name, "%s/%s", text_of (item, "sink"), text_of (item, "place"));
  json_object_object_add (item, "name", json_object_new_string (name));
  json_object_object_add (item, "type", json_object_new_string (
                                            event ? text_of (event, "type") : "(damaged)"));
  json_object_object_add (item, "subject", json_object_new_string (text_of (event, "subject")));
}

static int
parked_list (const struct args *a)
{
  static const struct column columns[] = {
    { "event", "name", FORM_PLAIN },      { "status", "status", FORM_PLAIN },
    { "type", "type", FORM_PLAIN },       { "subject", "subject", FORM_PLAIN },
    { "parked", "time", FORM_TIME },      { "reason", "reason", FORM_PLAIN },
  };
  static const struct list list = { METER_PARKED, "parked", columns, 6, parked_derive };
  return list_run (a, &list, args_given (a, "sink") ? "sink" : NULL);
}

/* "SINK/PLACE", or "SINK" alone if that is allowed, as a path. */
static int
parked_path (const char *name, int whole, struct path *path)
{
  const char *slash = strchr (name, '/');
  char sink[128];
  int r;
  if ((!slash && !whole) || (slash && (size_t)(slash - name) >= sizeof sink)) {
    complain ("'%s' names no parked event, which is SINK/PLACE as kgentctl meter parked list "
              "shows it",
              name);
    return EXIT_USAGE;
  }
  snprintf (sink, sizeof sink, "%.*s", slash ? (int)(slash - name) : 100, name);
  path_start (path, METER_PARKED);
  r = path_id (path, "sink", sink);
  if (!r && slash)
    r = path_id (path, "parked event", slash + 1);
  return r;
}

static int
parked_show (const struct args *a, const char *name)
{
  struct answer answer;
  struct path path;
  json_object *page, *item;
  int r = parked_path (name, 0, &path);
  if (r)
    return r;
  r = call (a, "GET", path.text, NULL, &answer);
  page = member_of (answer.json, "parked");
  item = length_of (page) ? json_object_array_get_idx (page, 0) : answer.json;
  if (!r && a->json)
    show_json (item);
  else if (!r)
    record_print (item);
  answer_finish (&answer);
  return r;
}

static int
parked_change (const struct args *a, const char *name, const char *method, const char *did)
{
  struct answer answer;
  struct path path;
  int r = parked_path (name, !strcmp (method, "POST"), &path);
  if (r)
    return r;
  r = call (a, method, path.text, NULL, &answer);
  answer_finish (&answer);
  if (!r && !a->json)
    say ("%s %s", did, name);
  return r;
}

/* Each of the names behind the verb. */
static int
parked_each (const struct args *a, const char *verb)
{
  int worst = 0, r = 0;
  uint32_t i;
  if (a->rest.count < 2) {
    complain ("meter parked %s: which? kgentctl meter parked list shows them", verb);
    return EXIT_USAGE;
  }
  for (i = 1; i < a->rest.count && r != EXIT_CONNECT; i++) {
    const char *name = a->rest.item[i];
    r = !strcmp (verb, "show")    ? parked_show (a, name)
        : !strcmp (verb, "retry") ? parked_change (a, name, "POST", "sent again:")
                                  : parked_change (a, name, "DELETE", "dropped");
    worst = r > worst ? r : worst;
  }
  return worst;
}

static int
parked_run (const struct args *a)
{
  static const char *const verbs[] = { "list", "show", "retry", "drop" };
  const char *verb = a->rest.item[0];
  size_t i;
  for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
    if (!strcmp (verb, verbs[i]))
      break;
  if (i == sizeof verbs / sizeof verbs[0]) {
    complain ("meter parked: '%s' is none of list, show, retry, drop", verb);
    return EXIT_USAGE;
  }
  if (i)
    return parked_each (a, verb);
  if (a->rest.count == 1)
    return parked_list (a);
  complain ("meter parked list: too many arguments; a sink is named by --sink");
  return EXIT_USAGE;
}

const struct command meter_commands[] = {
  { "meter status", "", "where usage goes, how far it is, and what waits",
    "Shows each sink: how far behind the log it is, what it confirmed, and what is parked.\n"
    "The exit code is 1 when a sink is stopped or retries, or events are unaccounted for.\n",
    { NULL }, 0, 0, status_run },
  { "meter forget", "CURSOR", "keep usage no longer for a sink that is gone",
    "A sink that is taken out of the configuration leaves its cursor, and the log is kept from there\n"
    "on, so that it can come back.  This puts an end to that.  A sink that comes back all the same\n"
    "goes on where it was, but what it has not got may have been deleted after keep_days.\n"
    "meter status names such cursors.\n",
    { NULL }, 1, 1, forget_run },
  { "meter parked", "list | show EVENT... | retry SINK|EVENT... | drop EVENT...",
    "events that a sink could not take",
    "Lists them, shows them whole, has them sent again with the ids that they have, or gives\n"
    "them up for ever.  An event is named SINK/PLACE, as list shows it; retry SINK takes all.\n",
    { parked_options }, 1, ANY_NUMBER, parked_run },
  { "meter rebuild", "[METER...]", "count usage anew from the log",
    "Removes what was counted, of these meters or of all, and counts it once more, as far back as\n"
    "the log has all records; older windows stay as they are, and it says which and why.  Meanwhile\n"
    "the host serves, and a query of usage that cannot be answered yet is 503.\n"
    "For rows that verify has found to be damaged.\n",
    { rebuild_options }, 0, ANY_NUMBER, meter_rebuild },
  { "meter verify", "", "as verify",
    "The same as kgentctl verify: reads the whole store, and names what is damaged.\n",
    { store_verify_options }, 0, 0, store_verify },
  { "meter reconcile", "", "compare the log with what OpenMeter has",
    "Compares events by id, day and type, and meters by day, and names what is missing there,\n"
    "there twice, or not the same.  The exit code is 1 when something differs.\n",
    { reconcile_options }, 0, 0, meter_reconcile },
  { 0 },
};
