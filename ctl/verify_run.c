/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* verify: reads the store, and says whether it holds. */

#include "ctl/verify_store.h"

#include <string.h>
#include <time.h>

const struct option store_verify_options[] = {
  { "dir", 'd', KIND_TEXT, "DIR", NULL, "@folder", "the store's folder [that of --state]" },
  { "config", 'c', KIND_TEXT, "FILE", NULL, "@file",
    "the host's configuration, with conf.d/ beside it, for meters of its own" },
  { 0 },
};

static int64_t
wall_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_REALTIME, &t);
  return t.tv_sec * INT64_C (1000000000) + t.tv_nsec;
}

/* In an order in which each has what it needs; 0 or EXIT_USAGE. */
static int
verify_all (struct verify *v, const char *config)
{
  int r;
  verify_regions_before (v);
  if (verify_open (v) < 0)
    return 0;
  verify_meta (v);
  verify_logs (v);
  r = rollups_open (v, config);
  if (r)
    return r;
  verify_sinks_before (v);
  verify_marks_before (v);
  verify_accounts_before (v);
  verify_batches (v);
  verify_cursors (v);
  verify_dedup (v);
  verify_entries (v);
  rollups_end (v);
  verify_sinks (v);
  verify_marks (v);
  verify_accounts (v);
  verify_rings (v);
  verify_regions (v);
  return 0;
}

/* ---- The result -------------------------------------------------------------------------------- */

static void
result_json (const struct verify *v)
{
  const struct {
    const char *name;
    int64_t n;
  } counts[] = { { "batches", v->batches },       { "records", v->records },
                 { "events", v->events },         { "waiting_in_rings", v->waiting },
                 { "entries", v->entries },       { "kept_answers", v->answers },
                 { "rollup_rows", v->rows },      { "sinks", v->sinks },
                 { "marks", (int64_t)v->marks.count },
                 { "receipts", (int64_t)v->numbers.count } };
  json_object *o = json_object_new_object (), *checked = json_object_new_object ();
  size_t i;
  for (i = 0; i < sizeof counts / sizeof counts[0]; i++)
    json_object_object_add (checked, counts[i].name, json_object_new_int64 (counts[i].n));
  json_object_object_add (o, "valid", json_object_new_boolean (!v->damaged));
  json_object_object_add (o, "checked", checked);
  json_object_object_add (o, "damage", json_object_new_int64 (v->damaged));
  json_object_object_add (o, "findings", json_object_get (v->findings));
  json_object_object_add (o, "by_check", json_object_get (v->by_check));
  json_object_object_add (o, "notes", json_object_get (v->notes));
  show_json (o);
  json_object_put (o);
}

static void
result_text (const struct verify *v)
{
  char records[SHOW_MAX], events[SHOW_MAX], rows[SHOW_MAX], entries[SHOW_MAX];
  size_t i, n = length_of (v->findings);
  for (i = 0; i < n; i++) {
    json_object *f = json_object_array_get_idx (v->findings, i);
    complain ("%s: %s", text_of (f, "place"), text_of (f, "what"));
    complain_more ("cure: %s", text_of (f, "cure"));
  }
  if ((int64_t)n < v->damaged)
    complain ("and %lld more", (long long)v->damaged - (int64_t)n);
  for (i = 0; i < length_of (v->notes); i++)
    note ("%s", json_object_get_string (json_object_array_get_idx (v->notes, i)));
  say ("%s records with %s events, %s rows of rollups, %s entries: %s",
       human_count (v->records, records), human_count (v->events, events),
       human_count (v->rows, rows), human_count (v->entries, entries),
       v->damaged ? "damaged" : "sound");
}

static void
verify_start (struct verify *v, const struct args *a)
{
  const char *dir = args_text (a, "dir");
  v->dir = dir ? dir : a->state;
  v->now_ns = wall_ns ();
  v->findings = json_object_new_array ();
  v->notes = json_object_new_array ();
  v->by_check = json_object_new_object ();
  v->tenants = json_object_new_object ();
}

static void
verify_finish (struct verify *v)
{
  verify_accounts_free (v);
  rollups_close (v);
  verify_close (v);
  map_free (&v->ids);
  map_free (&v->numbers);
  map_free (&v->marks);
  map_free (&v->marked);
  map_free (&v->cells);
  json_object_put (v->findings);
  json_object_put (v->notes);
  json_object_put (v->by_check);
  json_object_put (v->tenants);
}

int
store_verify (const struct args *a)
{
  static struct verify v;
  int r;
  verify_start (&v, a);
  r = verify_all (&v, args_text (a, "config"));
  if (!r && v.unread)
    r = EXIT_USAGE;
  else if (!r) {
    if (a->json)
      result_json (&v);
    else
      result_text (&v);
    r = v.damaged ? EXIT_REFUSED : EXIT_OK;
  }
  verify_finish (&v);
  return r;
}

const struct command verify_commands[] = {
  { "verify", "", "check the store: each record, number and row",
    "Reads the whole store, of a host that runs or of one that doesn't, and names what is\n"
    "damaged, where, and how to cure it.  Nothing is written.  The exit code is 0 when all is\n"
    "sound, 1 when something is damaged, 2 when the store cannot be read.\n",
    { store_verify_options }, 0, 0, store_verify },
  { 0 },
};
