/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The log has no index by id, and needs none: a receipt has the time of its request,
 * and records lie nearly in the order of time.  So the place is found by halving, and
 * what lies around it is read; the whole log only where that fails, as for a record
 * that was taken over late from a process that had died. */
#include "plugins/metering-openmeter/ledger.h"
#include "plugins/metering-openmeter/record_read.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000000ll
#define BEFORE SECOND         /* a record is no earlier than its request; others may be */
#define BEHIND (900 * SECOND) /* a stream may take that long */
#define CHUNK 4096u           /* records that are read at once */

struct search {
  struct mt *mt;
  kg_str id;
  uint64_t after;   /* read so far */
  int64_t until_ns; /* records behind this time are too late; INT64_MAX */
  int64_t end;      /* monotonic, of the search */
  int32_t found;    /* 1, or -errno */
  struct record_read read;
  struct json_object *record;
};

static int64_t
now (clockid_t clock)
{
  struct timespec t;
  clock_gettime (clock, &t);
  return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

/* ---- A record as an object ------------------------------------------------------- */

static struct json_object *
text_new (const struct kg_json *j, uint32_t i, char *buf)
{
  return i ? json_object_new_string_len (buf, (int)kg_json_decode (j, i, buf)) : NULL;
}

static void
int_add (struct json_object *o, const char *name, const struct kg_json *j, uint32_t from)
{
  int64_t n = from ? kg_json_int (j, kg_json_find (j, from, name), 0) : 0;
  json_object_object_add (o, name, json_object_new_int64 (n));
}

static void
charge_add (struct json_object *o, const struct record_read *r)
{
  uint32_t tokens = r->charge ? kg_json_find (&r->json, r->charge, "tokens") : 0;
  json_object_object_add (o, "units",
                          json_object_new_int64 (kg_json_int (&r->json, tokens, 0)));
  int_add (o, "money", &r->json, r->charge);
  int_add (o, "requests", &r->json, r->charge);
}

static struct json_object *
types_new (struct record_read *r, char *buf)
{
  struct json_object *list = json_object_new_array ();
  struct record_event e;
  while (record_next (r, &e))
    json_object_array_add (list, text_new (&r->json, e.type, buf));
  return list;
}

static struct json_object *
record_new (const struct kg_record *record, struct record_read *r, char *buf)
{
  struct json_object *o = json_object_new_object ();
  uint32_t seq = kg_json_find (&r->json, 0, "seq");
  char at[MT_TIME_LEN + 1];
  mt_time (r->time_ns, at);
  json_object_object_add (o, "id",
                          json_object_new_string_len (record->id.ptr, (int)record->id.len));
  json_object_object_add (o, "sequence", json_object_new_int64 ((int64_t)record->sequence));
  json_object_object_add (o, "time", json_object_new_string (at));
  json_object_object_add (o, "tenant", text_new (&r->json, r->tenant, buf));
  json_object_object_add (o, "key", text_new (&r->json, r->key, buf));
  charge_add (o, r);
  json_object_object_add (
      o, "seq", seq ? json_object_new_int64 (kg_json_int (&r->json, seq, 0)) : NULL);
  json_object_object_add (o, "events", types_new (r, buf));
  return o;
}

/* ---- Searching --------------------------------------------------------------------- */

static int32_t
record_look (const struct kg_record *record, void *arg)
{
  struct search *s = arg;
  char buf[MT_RECORD_MAX];
  s->after = record->sequence;
  if (record->time_ns > s->until_ns)
    return 1;
  if (record->id.len != s->id.len || memcmp (record->id.ptr, s->id.ptr, s->id.len))
    return 0;
  s->found = record->data.len > sizeof buf ? -EBADMSG : record_read (&s->read, record->data);
  if (s->found < 0)
    return 1;
  s->record = record_new (record, &s->read, buf);
  s->found = 1;
  return 1;
}

/* Reads on behind `after`: 1 when it is found, 0 when it isn't there, or -errno. */
static int32_t
search_forward (struct search *s)
{
  int32_t n;
  do {
    uint64_t after = s->after;
    n = s->mt->store->read (s->mt->usage, s->after, CHUNK, record_look, s);
    if (n < 0 || s->found)
      return n < 0 ? n : s->found;
    if (s->after == after)
      return 0;
    if (now (CLOCK_MONOTONIC) > s->end)
      return -ETIMEDOUT;
  } while (n == (int32_t)CHUNK);
  return 0;
}

struct probe {
  uint64_t sequence;
  int64_t time_ns;
};

static int32_t
record_probe (const struct kg_record *record, void *arg)
{
  *(struct probe *)arg = (struct probe){ record->sequence, record->time_ns };
  return 1;
}

/* The place behind which records are of that time or later, as far as they are in order. */
static int32_t
place_find (struct mt *mt, int64_t time_ns, uint64_t *ret)
{
  uint64_t low = 0, high = mt->store->newest (mt->usage);
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    struct probe p = { high, INT64_MAX };
    int32_t n = mt->store->read (mt->usage, middle, 1, record_probe, &p);
    if (n < 0)
      return n;
    if (n && p.time_ns < time_ns)
      low = p.sequence;
    else
      high = middle;
  }
  *ret = low;
  return 0;
}

static int32_t
search (struct search *s, int64_t time_s, int32_t whole)
{
  int32_t found;
  s->until_ns = INT64_MAX;
  if (time_s >= 0 && time_s < INT64_MAX / SECOND / 2) {
    found = place_find (s->mt, time_s * SECOND - BEFORE, &s->after);
    s->until_ns = time_s * SECOND + BEHIND;
    if (found >= 0)
      found = search_forward (s);
    if (found || !whole)
      return found;
  }
  s->after = 0;
  s->until_ns = INT64_MAX;
  return search_forward (s);
}

int32_t
ledger_find (struct mt *mt, kg_str id, int64_t time_s, int32_t whole, struct json_object **ret)
{
  struct search s = { .mt = mt, .id = id };
  int32_t found;
  s.end = now (CLOCK_MONOTONIC) + LEDGER_S * SECOND;
  found = search (&s, time_s, whole);
  record_read_free (&s.read);
  *ret = s.record;
  return found > 0 ? 0 : found < 0 ? found : -ENOENT;
}
