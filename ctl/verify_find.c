/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What verify finds. */

#include "ctl/verify_store.h"

#include <stdarg.h>
#include <string.h>

#define FINDINGS_MAX 50 /* of one check; the others are counted */

const char cure_copy[]
    = "stop the host and restore kgent.db from a copy; without one, sqlite3 kgent.db .recover "
      "writes what can still be read into a new database";
const char cure_batch[]
    = "restore kgent.db from a copy, or take these records for lost: what they said may be at a "
      "sink, see kgentctl meter reconcile";
const char cure_rollup[]
    = "have the host count anew what the log still has: kgentctl meter rebuild; if that does not "
      "help, for windows whose records are all kept: stop the host, and sqlite3 kgent.db \"DELETE "
      "FROM entry WHERE bucket IN (SELECT id FROM bucket WHERE name IN ('usage.rollups', "
      "'usage.meters'))\"";
const char cure_lost[]
    = "its window began before the first record that the log still has, so kgentctl meter rebuild "
      "leaves it as it is, and queries that need it are 503: restore kgent.db from a copy; without "
      "one what it counted is lost, but for what rows of shorter and longer windows say of that "
      "time: note these (kgentctl usage --window), then stop the host and give it up: sqlite3 "
      "kgent.db \"DELETE FROM entry WHERE bucket IN (SELECT id FROM bucket WHERE name = "
      "'usage.rollups') AND key = X'"; /* and the rest */
const char cure_ring[]
    = "start the host: it takes every record that is whole, and counts the others as lost; copy "
      "the file first to look at it";
const char cure_report[] = "keep a copy of the state folder and report it: it is a fault of kgentd";

const char *
place (struct verify *v, const char *fmt, ...)
{
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (v->place, sizeof v->place, fmt, ap);
  va_end (ap);
  return v->place;
}

void
found (struct verify *v, const char *check, const char *cure, const char *where,
       const char *fmt, ...)
{
  int64_t before = number_of (v->by_check, check, 0);
  char what[1024];
  json_object *o;
  va_list ap;
  v->damaged++;
  json_object_object_add (v->by_check, check, json_object_new_int64 (before + 1));
  if (before >= FINDINGS_MAX)
    return;
  va_start (ap, fmt);
  vsnprintf (what, sizeof what, fmt, ap);
  va_end (ap);
  o = json_object_new_object ();
  json_object_object_add (o, "check", json_object_new_string (check));
  json_object_object_add (o, "place", json_object_new_string (where));
  json_object_object_add (o, "what", json_object_new_string (what));
  json_object_object_add (o, "cure", json_object_new_string (cure));
  json_object_array_add (v->findings, o);
}

void
remarked (struct verify *v, const char *fmt, ...)
{
  char text[1024];
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (text, sizeof text, fmt, ap);
  va_end (ap);
  json_object_array_add (v->notes, json_object_new_string (text));
}

const char *
shown (struct piece text)
{
  static char ring[4][160];
  static unsigned turn;
  char *out = ring[turn++ % 4];
  size_t i, n = 0;
  for (i = 0; i < text.n && n + 5 < sizeof ring[0]; i++) {
    unsigned char c = (unsigned char)text.p[i];
    if (c >= ' ' && c < 0x7f)
      out[n++] = (char)c;
    else
      n += (size_t)snprintf (out + n, 5, "\\x%02x", c);
  }
  snprintf (out + n, sizeof ring[0] - n, "%s", i < text.n ? "..." : "");
  return out;
}
