/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From usage records to CloudEvents 1.0.  Runs on threads that may take their
 * time, hence json-c. */
#include "plugins/metering-openmeter/metering.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
mt_text_add (struct mt_text *t, const char *p, size_t n)
{
  if (t->failed)
    return;
  if (n > t->cap - t->len) {
    size_t cap = (t->len + n) * 2 + 256;
    char *more = realloc (t->ptr, cap);
    if (!more) {
      t->failed = 1;
      return;
    }
    t->ptr = more;
    t->cap = cap;
  }
  if (n) /* a text that is none has no address either */
    memcpy (t->ptr + t->len, p, n);
  t->len += n;
}

void
mt_text_free (struct mt_text *t)
{
  free (t->ptr);
  memset (t, 0, sizeof *t);
}

static void
lit (struct mt_text *t, const char *s)
{
  mt_text_add (t, s, strlen (s));
}

/* A JSON string with its quotes. */
static void
string (struct mt_text *t, kg_str s)
{
  char buf[1024], *p = 6 * s.len + 2 <= sizeof buf ? buf : malloc (6 * s.len + 2);
  struct kg_out o = { p, 0, p ? 6 * s.len + 2 : 0 };
  if (!p) {
    t->failed = 1;
    return;
  }
  kg_out_str (&o, s);
  mt_text_add (t, p, o.len);
  if (p != buf)
    free (p);
}

static void
digits (char *out, uint64_t v, int n)
{
  while (n--) {
    out[n] = (char)('0' + v % 10);
    v /= 10;
  }
}

void
mt_time (int64_t wall_ns, char out[MT_TIME_LEN + 1])
{
  uint64_t us = (uint64_t)(wall_ns > 0 ? wall_ns : 0) / 1000, s = us / 1000000;
  /* Days to a civil date, in eras of 400 years that begin on 1 March. */
  uint64_t z = s / 86400 + 719468, era = z / 146097, doe = z % 146097;
  uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  uint64_t month = mp < 10 ? mp + 3 : mp - 9;
  memcpy (out, "0000-00-00T00:00:00.000000+00:00", MT_TIME_LEN + 1);
  digits (out, yoe + era * 400 + (month <= 2), 4);
  digits (out + 5, month, 2);
  digits (out + 8, doy - (153 * mp + 2) / 5 + 1, 2);
  digits (out + 11, s % 86400 / 3600, 2);
  digits (out + 14, s % 3600 / 60, 2);
  digits (out + 17, s % 60, 2);
  digits (out + 20, us % 1000000, 6);
}

/* A record, taken apart; the objects belong to `root`.  Members that aren't named here
 * are for others, and no part of an event. */
struct parsed {
  struct json_object *root, *events;
  const char *tenant;
  int64_t time_ns;
};

static struct json_object *
member (struct json_object *o, const char *key, enum json_type type)
{
  struct json_object *v = NULL;
  if (!json_object_object_get_ex (o, key, &v) || !json_object_is_type (v, type))
    return NULL;
  return v;
}

/* None at all are good where something was charged. */
static int32_t
events_good (struct json_object *events, int32_t charged)
{
  size_t i, n = json_object_array_length (events);
  for (i = 0; i < n; i++) {
    struct json_object *e = json_object_array_get_idx (events, i);
    if (!json_object_is_type (e, json_type_object) || !member (e, "type", json_type_string)
        || !member (e, "data", json_type_object))
      return 0;
  }
  return n > 0 || charged;
}

/* Whether the record is a text of ours; *ret then has it. */
static int32_t
record_parse (kg_str data, struct parsed *ret)
{
  struct json_tokener *tok = json_tokener_new ();
  struct json_object *tenant, *time;
  memset (ret, 0, sizeof *ret);
  if (!tok)
    return 0;
  json_tokener_set_flags (tok, JSON_TOKENER_STRICT);
  ret->root = json_tokener_parse_ex (tok, data.ptr, (int)data.len);
  /* A text that ends early, or goes on behind the object, is none of ours. */
  if (json_tokener_get_error (tok) != json_tokener_success
      || json_tokener_get_parse_end (tok) != data.len) {
    json_object_put (ret->root);
    ret->root = NULL;
  }
  json_tokener_free (tok);
  if (!ret->root)
    return 0;
  tenant = member (ret->root, "tenant", json_type_string);
  time = member (ret->root, "time", json_type_int);
  ret->events = member (ret->root, "events", json_type_array);
  ret->tenant = tenant ? json_object_get_string (tenant) : "";
  ret->time_ns = time ? json_object_get_int64 (time) : 0;
  if (ret->tenant[0] && time && ret->events
      && events_good (ret->events, member (ret->root, "charge", json_type_object) != NULL))
    return 1;
  json_object_put (ret->root);
  return 0;
}

/* Writes the id of event k; notes where it lies.  A record that somebody appended
 * without one is named by its place in this log. */
static void
id_write (struct mt_text *t, const struct kg_record *record, uint32_t k, struct mt_event *ret)
{
  char buf[32];
  ret->id_at = t->len;
  mt_text_add (t, record->id.ptr, record->id.len);
  if (!record->id.len) {
    snprintf (buf, sizeof buf, "record-%llu", (unsigned long long)record->sequence);
    lit (t, buf);
  }
  if (k) {
    snprintf (buf, sizeof buf, "-%u", k);
    lit (t, buf);
  }
  ret->id_len = t->len - ret->id_at;
}

static void
event_write (const struct kg_record *record, const struct parsed *p, const char *source,
             struct mt_text *t, struct mt_event *ret)
{
  struct json_object *e = json_object_array_get_idx (p->events, ret->k);
  const char *type = json_object_get_string (member (e, "type", json_type_string));
  char time[MT_TIME_LEN + 1];
  mt_time (p->time_ns, time);
  lit (t, "{\"specversion\":\"1.0\",\"id\":\"");
  id_write (t, record, ret->k, ret);
  lit (t, "\",\"source\":");
  string (t, (kg_str){ source, strlen (source) });
  lit (t, ",\"type\":");
  string (t, (kg_str){ type, strlen (type) });
  lit (t, ",\"subject\":");
  string (t, (kg_str){ p->tenant, strlen (p->tenant) });
  lit (t, ",\"time\":\"");
  lit (t, time);
  lit (t, "\",\"datacontenttype\":\"application/json\",\"data\":");
  lit (t, json_object_to_json_string_ext (member (e, "data", json_type_object),
                                          JSON_C_TO_STRING_PLAIN
                                              | JSON_C_TO_STRING_NOSLASHESCAPE));
  lit (t, "}");
  ret->type = mt_type_index (type);
}

/* A record that is no text of ours, as one event that cannot be sent. */
static uint32_t
broken_write (const struct kg_record *record, struct mt_text *t, struct mt_event *ret)
{
  ret->broken = 1;
  ret->last = 1;
  id_write (t, record, 0, ret);
  ret->at = t->len;
  string (t, record->data);
  ret->len = t->len - ret->at;
  return 1;
}

uint32_t
mt_events_write (const struct kg_record *record, const char *source, uint32_t skip,
                 struct mt_text *text, struct mt_event *ret, uint32_t max)
{
  struct parsed p;
  uint32_t n = 0, k, count;
  if (!max)
    return 0;
  if (!record_parse (record->data, &p)) {
    memset (ret, 0, sizeof *ret);
    ret->sequence = record->sequence;
    return broken_write (record, text, ret);
  }
  count = (uint32_t)json_object_array_length (p.events);
  for (k = skip; k < count && n < max; k++, n++) {
    if (text->len && text->ptr[text->len - 1] == '}')
      lit (text, ",");
    memset (&ret[n], 0, sizeof ret[n]);
    ret[n].sequence = record->sequence;
    ret[n].k = k;
    ret[n].last = k + 1 == count;
    ret[n].at = text->len;
    event_write (record, &p, source, text, &ret[n]);
    ret[n].len = text->len - ret[n].at;
  }
  json_object_put (p.root);
  return n;
}
