/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* meter reconcile: what the log has against what OpenMeter has, by id, day and type. */

#include "ctl/meter_reconcile.h"
#include "ctl/transfer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IDS_SHOWN 20 /* of each kind, unless --ids says otherwise */

const struct option reconcile_options[] = {
  { "openmeter", 0, KIND_TEXT, "URL", NULL, NULL,
    "where OpenMeter is; its key comes from $OPENMETER_API_KEY" },
  { "sink", 0, KIND_TEXT, "NAME", NULL, NULL, "the sink that sends there [the first]" },
  { "from", 0, KIND_TEXT, "TIME", NULL, NULL, "RFC 3339, or a date [yesterday]" },
  { "to", 0, KIND_TEXT, "TIME", NULL, NULL, "not included [now]" },
  { "ids", 0, KIND_NUMBER, "N", NULL, NULL, "show so many ids of each kind [20]" },
  { 0 },
};

/* ---- The command line ---------------------------------------------------------------------- */

/* Rounded up to the second. */
static int
time_option (const struct args *a, const char *name, int64_t dflt, int64_t *ret)
{
  const char *text = args_text (a, name);
  char full[64];
  int64_t ns;
  *ret = dflt;
  if (!text)
    return 0;
  snprintf (full, sizeof full, "%s%s", text, strlen (text) == 10 ? "T00:00:00Z" : "");
  if (time_parse (full, &ns)) {
    complain ("--%s: '%s' is neither a time of RFC 3339 nor a date", name, text);
    return EXIT_USAGE;
  }
  *ret = (ns + SECOND_NS - 1) / SECOND_NS;
  return 0;
}

int
reconcile_span (struct reconcile *r)
{
  int64_t now = (int64_t)time (NULL);
  int e = time_option (r->args, "from", now - now % DAY_SECONDS - DAY_SECONDS, &r->from);
  if (!e)
    e = time_option (r->args, "to", now + 1, &r->to);
  if (!e && r->to <= r->from) {
    complain ("--to is not behind --from");
    e = EXIT_USAGE;
  }
  return e;
}

static int
options_read (struct reconcile *r)
{
  const struct args *a = r->args;
  r->url = args_text (a, "openmeter");
  r->sink = args_text (a, "sink");
  if (!r->url || !url_valid (r->url)) {
    complain ("meter reconcile: where is OpenMeter? name it by --openmeter http://... or "
              "https://...");
    return EXIT_USAGE;
  }
  return reconcile_span (r);
}

/* ---- What differs ----------------------------------------------------------------------------- */

enum flaw { MISSING, DOUBLED, CHANGED, REFUSED, UNEXPECTED, UNTOLD, FLAWS };
static const char *const flaw_names[FLAWS] = { "missing", "doubled", "changed", "refused", "parked_and_there",
                                              "untold" };

static int
has_flaw (const struct sent *s, enum flaw flaw)
{
  switch (flaw) {
  case MISSING:
    return !s->there && !s->parked && !s->pending && !s->untold;
  case DOUBLED:
    return s->there > 1;
  case CHANGED:
    return s->changed;
  case REFUSED:
    return s->refused;
  case UNTOLD:
    return s->untold && !s->there;
  default:
    return s->there && s->parked;
  }
}

/* A row for each day and type. */
static json_object *
row_of (json_object *rows, const struct sent *s)
{
  char day[32], key[512];
  json_object *row;
  reconcile_time (s->time_ns / SECOND_NS, day);
  day[10] = 0;
  snprintf (key, sizeof key, "%s %s", day, s->type);
  row = member_of (rows, key);
  if (row)
    return row;
  row = json_object_new_object ();
  json_object_object_add (row, "day", json_object_new_string (day));
  json_object_object_add (row, "type", json_object_new_string (s->type));
  json_object_object_add (rows, key, row);
  return row;
}

static void
row_count (json_object *row, const char *name, int64_t n)
{
  json_object_object_add (row, name, json_object_new_int64 (number_of (row, name, 0) + n));
}

static json_object *
rows_make (const struct reconcile *r)
{
  json_object *rows = json_object_new_object (), *list = json_object_new_array ();
  size_t i;
  for (i = 0; i < r->count; i++) {
    const struct sent *s = &r->event[i];
    json_object *row = row_of (rows, s);
    enum flaw flaw;
    row_count (row, "here", 1);
    row_count (row, "there", s->there);
    row_count (row, "pending", s->pending && !s->there);
    row_count (row, "parked", s->parked);
    for (flaw = 0; flaw < FLAWS; flaw++)
      row_count (row, flaw_names[flaw], has_flaw (s, flaw));
  }
  json_object_object_foreach (rows, key, row)
  {
    (void)key;
    json_object_array_add (list, json_object_get (row));
  }
  json_object_put (rows);
  return list;
}

static json_object *
ids_of (const struct reconcile *r, enum flaw flaw)
{
  json_object *ids = json_object_new_array ();
  size_t i;
  for (i = 0; i < r->count; i++)
    if (has_flaw (&r->event[i], flaw))
      json_object_array_add (ids, json_object_new_string (r->event[i].id));
  return ids;
}

static json_object *
result_make (const struct reconcile *r, json_object *meters, json_object *notes)
{
  json_object *o = json_object_new_object ();
  char text[32];
  enum flaw flaw;
  int equal = !r->strange && !length_of (meters);
  json_object_object_add (o, "sink", json_object_new_string (r->sink));
  json_object_object_add (o, "from", json_object_new_string (reconcile_time (r->from, text)));
  json_object_object_add (o, "to", json_object_new_string (reconcile_time (r->to, text)));
  json_object_object_add (o, "events", rows_make (r));
  for (flaw = 0; flaw < FLAWS; flaw++) {
    json_object *ids = ids_of (r, flaw);
    equal &= !length_of (ids);
    json_object_object_add (o, flaw_names[flaw], ids);
  }
  json_object_object_add (o, "unknown_here", json_object_get (r->strangers));
  json_object_object_add (o, "of_other_sources", json_object_new_int64 (r->foreign));
  json_object_object_add (o, "meters", json_object_get (meters));
  json_object_object_add (o, "notes", json_object_get (notes));
  json_object_object_add (o, "equal", json_object_new_boolean (equal));
  return o;
}

/* ---- Showing ----------------------------------------------------------------------------------- */

static void
events_print (json_object *rows)
{
  static const struct column columns[] = {
    { "day", "day", FORM_PLAIN },         { "type", "type", FORM_PLAIN },
    { "here", "here", FORM_COUNT },       { "there", "there", FORM_COUNT },
    { "missing", "missing", FORM_COUNT }, { "doubled", "doubled", FORM_COUNT },
    { "changed", "changed", FORM_COUNT }, { "parked", "parked", FORM_COUNT },
    { "pending", "pending", FORM_COUNT },
  };
  struct grid *g = table_create (columns, 9);
  size_t i;
  for (i = 0; i < length_of (rows); i++)
    table_add (g, columns, 9, json_object_array_get_idx (rows, i));
  grid_finish (g);
}

static void
ids_print (json_object *result, const char *name, const char *what, int64_t most)
{
  json_object *ids = member_of (result, name);
  size_t i, n = length_of (ids);
  if (!n)
    return;
  complain ("%zu %s:", n, what);
  for (i = 0; i < n && (int64_t)i < most; i++)
    complain_more ("%s", json_object_get_string (json_object_array_get_idx (ids, i)));
  if ((int64_t)n > most)
    complain_more ("and %zu more; --json has them all", n - (size_t)most);
}

static void
result_print (json_object *result, int64_t most)
{
  json_object *meters = member_of (result, "meters"), *notes = member_of (result, "notes");
  size_t i;
  events_print (member_of (result, "events"));
  ids_print (result, "missing", "events are not there", most);
  ids_print (result, "doubled", "events are there more than once", most);
  ids_print (result, "changed", "events are not the same there", most);
  ids_print (result, "refused", "events are there, but count nothing", most);
  ids_print (result, "parked_and_there", "events are parked, and there all the same: drop them",
             most);
  ids_print (result, "untold",
             "events may be there: their second has too many with ids that have theirs in them", most);
  ids_print (result, "unknown_here", "events there are not in the log", most);
  for (i = 0; i < length_of (meters); i++) {
    json_object *m = json_object_array_get_idx (meters, i);
    complain ("%s of %s: %.15g here, %.15g there", text_of (m, "meter"), text_of (m, "day"),
              json_object_get_double (member_of (m, "here")),
              json_object_get_double (member_of (m, "there")));
  }
  for (i = 0; i < length_of (notes); i++)
    note ("%s", json_object_get_string (json_object_array_get_idx (notes, i)));
  if (json_object_get_boolean (member_of (result, "equal")))
    say ("both are equal");
}

static void
full_note (const struct reconcile *r, json_object *notes)
{
  char text[128];
  snprintf (text, sizeof text,
            "%lld seconds have 100 events and more: of them only what the log has was asked for",
            (long long)r->full);
  json_object_array_add (notes, json_object_new_string (text));
}

static void
reconcile_free (struct reconcile *r)
{
  while (r->count)
    free (r->event[--r->count].id);
  free (r->event);
  free (r->order);
  map_free (&r->ids);
  json_object_put (r->texts);
  json_object_put (r->sources);
  json_object_put (r->strangers);
}

int
meter_reconcile (const struct args *a)
{
  struct reconcile r = { .args = a };
  json_object *meters = json_object_new_array (), *notes = json_object_new_array (), *result;
  int e = options_read (&r);
  r.texts = json_object_new_object ();
  r.sources = json_object_new_object ();
  r.strangers = json_object_new_array ();
  if (!e && !(e = reconcile_here (&r)) && !(e = reconcile_there (&r)))
    e = reconcile_meters (&r, meters, notes);
  if (!e && r.full)
    full_note (&r, notes);
  if (!e) {
    result = result_make (&r, meters, notes);
    if (a->json)
      show_json (result);
    else
      result_print (result, args_number (a, "ids", IDS_SHOWN));
    e = json_object_get_boolean (member_of (result, "equal")) ? EXIT_OK : EXIT_REFUSED;
    json_object_put (result);
  }
  json_object_put (meters);
  json_object_put (notes);
  reconcile_free (&r);
  return e;
}
