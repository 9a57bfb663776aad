/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Sinks: what their tallies say against the events that the log has up to there, and
 * parked events against their records. */

#include "ctl/verify_store.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET "metering.sinks"

static const char cure_tally[]
    = "kgentctl meter reconcile names the events that are missing or doubled at the sink";

static struct verify_sink *
sink_find (struct verify *v, struct piece name)
{
  uint32_t i;
  for (i = 0; i < v->sinks; i++)
    if (strlen (v->sink[i].name) == name.n && !memcmp (v->sink[i].name, name.p, name.n))
      return &v->sink[i];
  return NULL;
}

static void
sink_read (struct verify *v, struct piece name, struct piece tally)
{
  struct verify_sink *s = &v->sink[v->sinks];
  const char *where = place (v, "bucket " BUCKET ", key %s", shown (name));
  if (v->sinks == VERIFY_SINKS || !doc_valid (tally) || doc_kind (tally) != '{'
      || !doc_int (doc_member (tally, "after"), &s->after)
      || !doc_int (doc_member (tally, "skip"), &s->skip)
      || !doc_int (doc_member (tally, "confirmed"), &s->confirmed)
      || !doc_int (doc_member (tally, "dropped"), &s->dropped) || name.n >= sizeof s->name) {
    found (v, "sink", cure_tally, where, "it is no tally");
    return;
  }
  memcpy (s->name, name.p, name.n);
  v->sinks++;
}

void
verify_sinks_before (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT key, value FROM entry JOIN bucket b ON b.id = bucket"
                                 " WHERE b.name = '" BUCKET "' AND value IS NOT NULL");
  while (query_row (v, stmt))
    sink_read (v, query_piece (stmt, 0), query_piece (stmt, 1));
}

/* A record's events, of which there is one when it is damaged. */
void
verify_sinks_count (struct verify *v, int64_t sequence, int64_t events)
{
  uint32_t i;
  for (i = 0; i < v->sinks; i++) {
    struct verify_sink *s = &v->sink[i];
    if (sequence <= s->after)
      s->events += events;
    else if (sequence == s->after + 1)
      s->events += s->skip < events ? s->skip : events;
  }
}

/* ---- Parked ------------------------------------------------------------------------------- */

/* "SINK/SEQUENCE-K" */
static struct verify_sink *
parked_place (struct verify *v, struct piece key, int64_t *ret_sequence)
{
  const char *slash = memchr (key.p, '/', key.n);
  struct piece name = { key.p, slash ? (size_t)(slash - key.p) : 0 };
  char text[32];
  unsigned k;
  long long sequence;
  int n = 0;
  size_t left = key.n - name.n - 1;
  if (!slash || left >= sizeof text)
    return NULL;
  memcpy (text, slash + 1, left);
  text[left] = 0;
  if (sscanf (text, "%20lld-%5u%n", &sequence, &k, &n) != 2 || text[n])
    return NULL;
  *ret_sequence = sequence;
  return sink_find (v, name);
}

void
verify_parked (struct verify *v, struct piece key, struct piece value)
{
  const char *where = place (v, "bucket metering.parked, key %s", shown (key));
  int64_t sequence = 0;
  struct verify_sink *s = parked_place (v, key, &sequence);
  struct piece event, record;
  if (s)
    s->parked++;
  if (!doc_valid (value) || doc_kind (value) != '{') {
    found (v, "parked", cure_copy, where, "it is no JSON: the event cannot be sent again");
    return;
  }
  event = doc_member (value, "event");
  record = doc_member (value, "record");
  if (doc_kind (event) != '{' && doc_kind (record) != '"')
    found (v, "parked", cure_copy, where, "it has neither an event nor a record");
  else if (!s)
    found (v, "parked", "kgentctl meter parked drop, or configure that sink again", where,
           "no sink of that name has a tally");
  else if (sequence > s->after + 1)
    found (v, "parked", cure_tally, where, "its sink has come to record %lld only",
           (long long)s->after);
}

/* ---- The account ---------------------------------------------------------------------------- */

static void
cursor_check (struct verify *v, const struct verify_sink *s)
{
  sqlite3_stmt *stmt = query (v, "SELECT position FROM cursor WHERE name IN (?1, 'sink.' || ?1)");
  int64_t position;
  sqlite3_bind_text (stmt, 1, s->name, -1, SQLITE_STATIC);
  while (query_row (v, stmt)) {
    position = sqlite3_column_int64 (stmt, 0);
    if (position > s->after)
      found (v, "sink", cure_tally, place (v, "cursor of sink %s", s->name),
             "it is at %lld, and the tally at %lld: records between were passed over",
             (long long)position, (long long)s->after);
  }
}

static int
log_whole (const struct verify *v)
{
  uint32_t i;
  for (i = 0; i < v->logs; i++)
    if (!strcmp (v->log[i].name, "usage"))
      return v->log[i].first == 1 && !number_of (v->by_check, "batch", 0)
             && !number_of (v->by_check, "gap", 0);
  return 0;
}

void
verify_sinks (struct verify *v)
{
  uint32_t i;
  for (i = 0; i < v->sinks; i++) {
    const struct verify_sink *s = &v->sink[i];
    int64_t known = s->confirmed + s->dropped + s->parked;
    cursor_check (v, s);
    if (log_whole (v) && known != s->events)
      found (v, "sink", cure_tally, place (v, "sink %s", s->name),
             "up to record %lld the log has %lld events, and %lld were confirmed, %lld are parked, "
             "%lld dropped: %lld are unaccounted for",
             (long long)s->after, (long long)s->events, (long long)s->confirmed,
             (long long)s->parked, (long long)s->dropped, (long long)(s->events - known));
  }
}
