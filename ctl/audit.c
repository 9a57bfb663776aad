/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* audit: what was changed, when, and by whom. */

#include "ctl/audit.h"
#include "ctl/diff.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define COLUMNS 6

static const struct option list_options[] = {
  { "after", 0, KIND_NUMBER, "SEQ", NULL, NULL, "only records behind this one" },
  { "limit", 0, KIND_NUMBER, "N", NULL, NULL, "at most so many" },
  { "follow", 'f', KIND_FLAG, NULL, NULL, NULL, "go on with new ones, until interrupted" },
  { 0 },
};

static const struct option verify_options[] = {
  { "expect", 0, KIND_TEXT, "SEQ:HASH", NULL, NULL,
    "a record that must be there, as an earlier verify has named it" },
  { 0 },
};

static const struct column columns[COLUMNS] = {
  { "seq", "seq", FORM_COUNT },        { "time", "time", FORM_TIME },
  { "actor", "actor", FORM_PLAIN },    { "action", "action", FORM_PLAIN },
  { "target", "target", FORM_PLAIN }, { "what", "what", FORM_PLAIN },
};

static const char *const said[] = { "id", "created_at", "updated_at" };

/* What is shown so far, and what may still be. */
struct reading {
  const struct args *args;
  struct grid *grid; /* NULL: as JSON */
  int64_t last;      /* number of the last record */
  int64_t left;      /* records that may still be shown */
  size_t count;
  int whole; /* one JSON document, which begins when the host has answered */
};

json_object *
audit_record (json_object *item)
{
  json_object *o = json_tokener_parse (text_of (item, "text"));
  if (json_object_is_type (o, json_type_object))
    return o;
  json_object_put (o);
  return NULL;
}

/* The change in words: the members' old and new values, or the detail.  Of what was
 * made, the target and time say some already. */
static void
what_derive (json_object *record)
{
  json_object *before = member_of (record, "before"), *after = member_of (record, "after");
  json_object *diff;
  char text[SHOW_MAX];
  size_t i;
  for (i = 0; after && !before && i < sizeof said / sizeof said[0]; i++)
    json_object_object_del (after, said[i]);
  diff = diff_make (before, after, 1);
  if (before || after)
    diff_text (diff, !before, text, sizeof text);
  else
    human_value (member_of (record, "detail"), text);
  json_object_object_add (record, "what", json_object_new_string (text));
  json_object_put (diff);
}

static void
row_show (struct reading *reading, json_object *item)
{
  json_object *record = audit_record (item);
  if (record)
    what_derive (record);
  else {
    record = json_object_new_object ();
    json_object_object_add (record, "seq", json_object_new_int64 (reading->last));
    json_object_object_add (record, "what", json_object_new_string ("damaged"));
  }
  table_add (reading->grid, columns, COLUMNS, record);
  json_object_put (record);
}

static void
json_show (struct reading *reading, json_object *item)
{
  if (args_given (reading->args, "follow"))
    show_json_line (item);
  else
    printf ("%s\n%s", reading->count ? "," : "",
            json_object_to_json_string_ext (item, JSON_C_TO_STRING_PLAIN
                                                      | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int
page_show (json_object *items, json_object *page, void *arg)
{
  struct reading *reading = arg;
  size_t i, n = length_of (items);
  (void)page;
  if (reading->whole && !reading->count)
    printf ("{\"records\":[");
  for (i = 0; i < n && reading->left; i++, reading->left--, reading->count++) {
    json_object *item = json_object_array_get_idx (items, i);
    reading->last = number_of (item, "seq", reading->last + 1);
    if (reading->grid)
      row_show (reading, item);
    else
      json_show (reading, item);
  }
  if (reading->grid)
    grid_flush (reading->grid);
  fflush (stdout);
  return reading->left ? 0 : PAGES_ENOUGH;
}

static int
records_show (const struct args *a, struct reading *reading)
{
  struct path path;
  char after[32];
  snprintf (after, sizeof after, "%" PRId64, reading->last);
  path_start (&path, AUDIT);
  return pages_each (a, &path, "records", reading->last ? after : NULL, page_show, reading);
}

static int
audit_run (const struct args *a)
{
  const struct timespec second = { 1, 0 };
  int follow = args_given (a, "follow"), r;
  struct reading reading = { .args = a, .whole = a->json && !follow };
  reading.last = args_number (a, "after", 0);
  reading.left = args_number (a, "limit", INT64_MAX);
  if (!a->json)
    reading.grid = table_create (columns, COLUMNS);
  r = records_show (a, &reading);
  while (!r && follow && reading.left) {
    nanosleep (&second, NULL);
    r = records_show (a, &reading);
  }
  if (!r && reading.whole)
    puts (reading.count ? "\n]}" : "]}");
  if (reading.grid)
    (r ? grid_drop : grid_finish) (reading.grid);
  return r;
}

const struct command audit_commands[] = {
  { "audit", "", "what was changed, when and by whom",
    "Shows the audit log: every change of tenants, users and keys.\n",
    { list_options }, 0, 0, audit_run },
  { "audit verify", "", "check the audit log's chain of hashes",
    "Recomputes the chain of hashes of the whole audit log, by itself, from the records'\n"
    "texts, and says where it breaks (exit code 1).  A chain can be replaced as a whole by\n"
    "one who owns the disk: keep the last record's SEQ:HASH elsewhere, and give it with\n"
    "--expect the next time.\n",
    { verify_options }, 0, 0, audit_verify },
  { 0 },
};
