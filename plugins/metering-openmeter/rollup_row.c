/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Rows of the store: keys that sort by time within a subject, and values that can be
 * read without this code. */
#include "plugins/metering-openmeter/rollup.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_BYTES 16

static void
hash_write (char *out, kg_str text)
{
  static const char hex[] = "0123456789abcdef";
  unsigned char hash[EVP_MAX_MD_SIZE] = { 0 };
  int i;
  EVP_Digest (text.ptr, text.len, hash, NULL, EVP_sha256 (), NULL);
  for (i = 0; i < HASH_BYTES; i++) {
    *out++ = hex[hash[i] >> 4];
    *out++ = hex[hash[i] & 15];
  }
}

static int32_t
plain (unsigned char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
         || c == '_' || c == '.' || c == ':' || c == '@';
}

/* The subject as part of a key: other bytes as %XX; "%" and its hash when it is too
 * long, which no short one can look like. */
static uint32_t
subject_write (char out[ROW_SUBJECT_MAX + 4], kg_str subject)
{
  uint32_t n = 0;
  size_t i;
  for (i = 0; i < subject.len && n <= ROW_SUBJECT_MAX; i++) {
    unsigned char c = (unsigned char)subject.ptr[i];
    if (plain (c))
      out[n++] = (char)c;
    else
      n += (uint32_t)snprintf (out + n, 4, "%%%02X", c);
  }
  if (i == subject.len && n <= ROW_SUBJECT_MAX)
    return n;
  out[0] = out[1] = '%';
  hash_write (out + 2, subject);
  return 2 + 2 * HASH_BYTES;
}

uint32_t
row_prefix (enum unit unit, const struct meter *m, kg_str subject, const char *stamp,
            char out[KG_KEY_MAX])
{
  char name[ROW_SUBJECT_MAX + 8];
  uint32_t n = subject_write (name, subject);
  return (uint32_t)snprintf (out, KG_KEY_MAX, "%s/%s/%.*s/%s", unit_names[unit], m->id, (int)n,
                             name, stamp);
}

uint32_t
row_key (const struct meter *m, const struct cell *c, char out[KG_KEY_MAX])
{
  char stamp[STAMP_LEN + 1];
  uint32_t n;
  unit_stamp (c->unit, c->start, stamp);
  n = row_prefix (c->unit, m, c->subject, stamp, out);
  out[n++] = '/';
  hash_write (out + n, c->group);
  return n + 2 * HASH_BYTES;
}

/* ---- Values ----------------------------------------------------------------- */

static void
add_text (struct mt_text *t, const char *text)
{
  mt_text_add (t, text, strlen (text));
}

static void
add_int (struct mt_text *t, const char *name, int64_t v)
{
  char buf[24];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_int (&o, v);
  add_text (t, name);
  mt_text_add (t, buf, o.len);
}

/* As a string: not every reader has numbers of that size. */
static void
add_decimal (struct mt_text *t, const char *name, decimal v)
{
  char buf[DECIMAL_TEXT];
  size_t n = decimal_write (v, buf);
  add_text (t, name);
  add_text (t, "\"");
  mt_text_add (t, buf, n);
  add_text (t, "\"");
}

static void
add_string (struct mt_text *t, kg_str s)
{
  size_t cap = 6 * s.len + 2;
  char buf[1024], *p = cap <= sizeof buf ? buf : malloc (cap);
  struct kg_out o = { p, 0, cap };
  if (!p) {
    t->failed = 1;
    return;
  }
  kg_out_str (&o, s);
  mt_text_add (t, p, o.len);
  if (p != buf)
    free (p);
}

void
row_write (const struct meter *m, const struct cell *c, struct mt_text *t)
{
  add_text (t, "{\"subject\":");
  add_string (t, c->subject);
  add_text (t, ",\"group\":");
  mt_text_add (t, c->group.ptr, c->group.len);
  add_int (t, ",\"count\":", c->count);
  if (m->aggregation == METER_SUM || m->aggregation == METER_AVG)
    add_decimal (t, ",\"sum\":", c->sum);
  if (c->flags & CELL_EXTREMES) {
    add_decimal (t, ",\"min\":", c->min);
    add_decimal (t, ",\"max\":", c->max);
  }
  if (c->flags & CELL_LATEST) {
    add_decimal (t, ",\"latest\":", c->latest);
    add_int (t, ",\"at\":", c->at);
    add_int (t, ",\"sequence\":", (int64_t)c->sequence);
    add_int (t, ",\"k\":", c->k);
  }
  add_text (t, "}");
}

/* The number in a string, if the member is there: 1; 0 without; -EBADMSG. */
static int32_t
decimal_member (const struct kg_json *j, const char *name, decimal *ret)
{
  uint32_t i = kg_json_find (j, 0, name);
  if (!i)
    return 0;
  if (j->token[i].kind != KG_JSON_STRING || decimal_read (kg_json_raw (j, i), ret) < 0)
    return -EBADMSG;
  return 1;
}

static int32_t
numbers_read (const struct kg_json *j, struct cell *c)
{
  int32_t min = decimal_member (j, "min", &c->min), max = decimal_member (j, "max", &c->max);
  int32_t latest = decimal_member (j, "latest", &c->latest);
  if (decimal_member (j, "sum", &c->sum) < 0 || min < 0 || min != max || latest < 0)
    return -EBADMSG;
  c->flags = (min ? CELL_EXTREMES : 0) | (latest ? CELL_LATEST : 0);
  c->at = kg_json_int (j, kg_json_find (j, 0, "at"), 0);
  c->sequence = (uint64_t)kg_json_int (j, kg_json_find (j, 0, "sequence"), 0);
  c->k = (uint32_t)kg_json_int (j, kg_json_find (j, 0, "k"), 0);
  return 0;
}

/* The last but one part of the key says it. */
int64_t
row_start (kg_str key, enum unit unit)
{
  const char *end = key.ptr + key.len - (key.len > 2 * HASH_BYTES ? 2 * HASH_BYTES + 1 : 0);
  const char *p = end;
  if (end == key.ptr + key.len || *end != '/')
    return -1;
  while (p > key.ptr && p[-1] != '/')
    p--;
  return unit_of_stamp (unit, p, (uint32_t)(end - p));
}

int32_t
row_read (const struct kg_entry *e, struct record_read *read, struct mt_text *text,
          struct cell *ret)
{
  const struct kg_json *j = &read->json;
  int32_t r = record_scan (read, e->value);
  uint32_t subject, group, count;
  if (r < 0)
    return r;
  subject = kg_json_find (j, 0, "subject");
  group = kg_json_find (j, 0, "group");
  count = kg_json_find (j, 0, "count");
  if (kg_json_kind (j, 0) != KG_JSON_OBJECT || kg_json_kind (j, subject) != KG_JSON_STRING
      || kg_json_kind (j, group) != KG_JSON_ARRAY || kg_json_kind (j, count) != KG_JSON_INT)
    return -EBADMSG;
  ret->start = row_start (e->key, ret->unit);
  ret->group = kg_json_raw (j, group);
  ret->subject = kg_json_raw (j, subject);
  ret->count = kg_json_int (j, count, 0);
  if (j->token[subject].escaped) {
    text->len = 0;
    mt_text_add (text, ret->subject.ptr, ret->subject.len); /* room that is enough */
    if (text->failed)
      return -ENOMEM;
    ret->subject = (kg_str){ text->ptr, kg_json_decode (j, subject, text->ptr) };
  }
  return ret->start < 0 ? -EBADMSG : numbers_read (j, ret);
}
