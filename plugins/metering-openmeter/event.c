/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From usage records to CloudEvents 1.0: texts of the record are copied as they are. */
#include "plugins/metering-openmeter/metering.h"

#include <errno.h>
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

/* A member's JSON text as it is in the record. */
static void
copy (struct mt_text *t, const struct kg_json *j, uint32_t i)
{
  kg_str s = kg_json_text (j, i);
  mt_text_add (t, s.ptr, s.len);
}

/* Writes the id of the host's own event k.  A record that somebody appended without
 * one is named by its place in this log. */
static void
id_write (struct mt_text *t, const struct kg_record *record, uint32_t k)
{
  char buf[32];
  mt_text_add (t, record->id.ptr, record->id.len);
  if (!record->id.len) {
    snprintf (buf, sizeof buf, "record-%llu", (unsigned long long)record->sequence);
    lit (t, buf);
  }
  if (k) {
    snprintf (buf, sizeof buf, "-%u", k);
    lit (t, buf);
  }
}

/* The id, which an event that was sent to us has brought along; notes where it lies. */
static void
id_add (const struct kg_record *record, const struct kg_json *j, const struct record_event *e,
        struct mt_text *t, struct mt_event *ret)
{
  kg_str id = e->id ? kg_json_raw (j, e->id) : (kg_str){ NULL, 0 };
  ret->id_at = t->len;
  if (e->id)
    mt_text_add (t, id.ptr, id.len);
  else
    id_write (t, record, e->k);
  ret->id_len = t->len - ret->id_at;
}

/* Bytes that stand in a source for themselves. */
static int32_t
is_plain (char c, const char *also)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
         || (c && strchr (also, c));
}

/* A string's text, all but those bytes with percent. */
static void
encoded_add (struct mt_text *t, const struct kg_json *j, uint32_t i, const char *also)
{
  kg_str s = kg_json_raw (j, i);
  char buf[1024], hex[4], *p = s.len <= sizeof buf ? buf : malloc (s.len);
  size_t n = p ? kg_json_decode (j, i, p) : 0, k;
  t->failed |= !p;
  for (k = 0; k < n; k++) {
    if (is_plain (p[k], also)) {
      mt_text_add (t, p + k, 1);
      continue;
    }
    snprintf (hex, sizeof hex, "%%%02X", (unsigned char)p[k]);
    lit (t, hex);
  }
  if (p != buf)
    free (p);
}

/* The source under which the event leaves.  That of others gets their tenant in front: a
 * server that tells events by source and id must not take one tenant's for another's, or for
 * the host's.  OpenMeter joins the two by a hyphen, so behind the # there is none.  The host's
 * own is for nobody to send (texts_check): what has it is a plugin's, such as a payment. */
static void
source_add (const struct record_read *r, const struct record_event *e, const char *source,
            struct mt_text *t)
{
  string (t, (kg_str){ source, strlen (source) });
  if (!e->source || t->failed || kg_json_is (&r->json, e->source, source))
    return;
  t->len--; /* the quote */
  lit (t, "/");
  encoded_add (t, &r->json, r->tenant, "-._~");
  lit (t, "#");
  encoded_add (t, &r->json, e->source, "._~/:@?=&+,;!$()*");
  lit (t, "\",\"originsource\":");
  copy (t, &r->json, e->source);
}

/* The time as it was sent, but for forms of RFC 3339 that many readers don't know: they would
 * refuse the event for ever.  A second that was inserted is the one before, as meters have it. */
static void
time_copy (const struct kg_json *j, uint32_t i, struct mt_text *t)
{
  size_t at = t->len + 1; /* behind the quote */
  char *p;
  copy (t, j, i);
  if (t->failed || t->len < at + sizeof "2026-11-28T12:00:00Z")
    return;
  p = t->ptr + at;
  p[10] = 'T';
  if (!memcmp (p + 17, "60", 2))
    memcpy (p + 17, "59", 2);
  if (t->ptr[t->len - 2] == 'z')
    t->ptr[t->len - 2] = 'Z';
}

static void
time_add (const struct kg_json *j, const struct record_event *e, struct mt_text *t)
{
  char time[MT_TIME_LEN + 1];
  if (e->time) {
    time_copy (j, e->time, t);
    return;
  }
  mt_time (e->time_ns, time);
  lit (t, "\"");
  lit (t, time);
  lit (t, "\"");
}

/* Whether an extension attribute must not be written, for there is such a member. */
static int32_t
taken (const struct kg_json *j, uint32_t key)
{
  static const char *const names[]
      = { "specversion", "id",   "source", "originsource", "type",
          "subject",     "time", "data",   NULL };
  uint32_t i;
  for (i = 0; names[i] && !kg_json_is (j, key, names[i]); i++)
    ;
  return names[i] != NULL;
}

/* What the data are, the data, and extension attributes as members beside them. */
static void
rest_add (const struct kg_json *j, const struct record_event *e, struct mt_text *t)
{
  uint32_t i;
  if (e->data && !(e->ext && kg_json_find (j, e->ext, "datacontenttype")))
    lit (t, ",\"datacontenttype\":\"application/json\"");
  for (i = e->ext ? kg_json_first (j, e->ext) : 0; i; i = kg_json_next (j, e->ext, i + 1)) {
    if (taken (j, i))
      continue;
    lit (t, ",");
    copy (t, j, i);
    lit (t, ":");
    copy (t, j, i + 1);
  }
  if (e->data) {
    lit (t, ",\"data\":");
    copy (t, j, e->data);
  }
}

static uint32_t
type_index (const struct kg_json *j, uint32_t type)
{
  uint32_t i = 0;
  while (mt_types[i + 1] && !kg_json_is (j, type, mt_types[i]))
    i++;
  return i;
}

static void
event_write (const struct kg_record *record, const struct record_read *r,
             const struct record_event *e, const char *source, struct mt_text *t,
             struct mt_event *ret)
{
  const struct kg_json *j = &r->json;
  ret->at = t->len;
  lit (t, "{\"specversion\":\"1.0\",\"id\":\"");
  id_add (record, j, e, t, ret);
  lit (t, "\",\"source\":");
  source_add (r, e, source, t);
  lit (t, ",\"type\":");
  copy (t, j, e->type);
  lit (t, ",\"subject\":");
  copy (t, j, record_subject (r, e));
  lit (t, ",\"time\":");
  time_add (j, e, t);
  rest_add (j, e, t);
  lit (t, "}");
  ret->len = t->len - ret->at;
  ret->type = type_index (j, e->type);
}

/* Bytes as a JSON string, each of them the character of that number. */
static void
bytes_add (struct mt_text *t, kg_str s)
{
  char buf[8];
  size_t i;
  lit (t, "\"");
  for (i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
      mt_text_add (t, s.ptr + i, 1);
      continue;
    }
    snprintf (buf, sizeof buf, "\\u%04x", c);
    mt_text_add (t, buf, 6);
  }
  lit (t, "\"");
}

/* A record that is no text of ours, as one event that cannot be sent. */
static uint32_t
broken_write (const struct kg_record *record, struct mt_text *t, struct mt_event *ret)
{
  memset (ret, 0, sizeof *ret);
  ret->sequence = record->sequence;
  ret->broken = 1;
  ret->last = 1;
  ret->id_at = t->len;
  id_write (t, record, 0);
  ret->id_len = t->len - ret->id_at;
  ret->at = t->len;
  bytes_add (t, record->data);
  ret->len = t->len - ret->at;
  return 1;
}

uint32_t
mt_events_write (struct record_read *read, const struct kg_record *record, const char *source,
                 uint32_t skip, struct mt_text *text, struct mt_event *ret, uint32_t max)
{
  struct record_event e;
  uint32_t n = 0;
  int32_t r;
  if (!max)
    return 0;
  r = record_read (read, record->data);
  if (r == -ENOMEM)
    text->failed = 1;
  if (r < 0)
    return broken_write (record, text, ret);
  while (n < max && record_next (read, &e)) {
    if (e.k < skip)
      continue;
    if (text->len && text->ptr[text->len - 1] == '}')
      lit (text, ",");
    memset (&ret[n], 0, sizeof ret[n]);
    ret[n].sequence = record->sequence;
    ret[n].k = e.k;
    ret[n].last = !read->at;
    event_write (record, read, &e, source, text, &ret[n]);
    n++;
  }
  return n;
}
