/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What an event counts for a meter.
 *
 * A correction (an event with the extension attribute `corrects`) adds its signed
 * value, and to counts what its data.count says, or nothing; it has no part in MIN,
 * MAX and LATEST, which cannot be taken back. */
#include "plugins/metering-openmeter/fold.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* Of one event; so that a million of the largest still have room in a sum. */
#define VALUE_END (DECIMAL_ONE * 10000000000 * 10000000000) /* 10^20 */

/* One event on its way into cells. */
struct counting {
  struct fold *fold;
  const struct kg_json *json;
  const struct record_event *event;
  uint64_t sequence;
  kg_str subject;
  size_t used; /* bytes of scratch */
};

static int32_t
scratch_ensure (struct fold *f, size_t n)
{
  char *more;
  if (n <= f->scratch_cap)
    return 0;
  more = realloc (f->scratch, n * 2);
  if (!more)
    return -ENOMEM;
  f->scratch = more;
  f->scratch_cap = n * 2;
  return 0;
}

/* ---- Texts ------------------------------------------------------------------ */

#define DIGEST_LEN 71

/* What stands for a text that is too long to be told apart by. */
static kg_str
digest_make (kg_str text, char out[DIGEST_LEN + 1])
{
  unsigned char hash[EVP_MAX_MD_SIZE];
  int i;
  if (!EVP_Digest (text.ptr, text.len, hash, NULL, EVP_sha256 (), NULL))
    memset (hash, 0, sizeof hash);
  memcpy (out, "sha256:", 7);
  for (i = 0; i < 32; i++)
    snprintf (out + 7 + 2 * i, 3, "%02x", hash[i]);
  return (kg_str){ out, DIGEST_LEN };
}

/* The value as a JSON string, the same for the same text however it was escaped; null
 * for null and for none.  What is escaped is decoded behind what `o` has room for. */
static void
member_write (const struct kg_json *j, uint32_t i, struct kg_out *o)
{
  char digest[DIGEST_LEN + 1], *decoded = o->ptr + o->cap;
  kg_str text;
  if (!i || j->token[i].kind == KG_JSON_NULL) {
    kg_out_raw (o, "null", 4);
    return;
  }
  text = kg_json_raw (j, i);
  if (j->token[i].kind == KG_JSON_STRING && j->token[i].escaped)
    text = (kg_str){ decoded, kg_json_decode (j, i, decoded) };
  if (text.len > FOLD_TEXT_MAX)
    text = digest_make (text, digest);
  kg_out_str (o, text);
}

/* The most bytes that a text of FOLD_TEXT_MAX can take, and a comma; and a whole group. */
#define MEMBER_BOUND (6 * FOLD_TEXT_MAX + 3)
#define GROUP_BOUND ((METER_DIMENSIONS_MAX + 1) * MEMBER_BOUND + 2)

/* Writes the event's group into the scratch memory, behind its subject. */
static kg_str
group_write (const struct counting *c, const struct meter *m)
{
  struct kg_out o = { c->fold->scratch + c->used, 0, GROUP_BOUND };
  uint32_t i;
  kg_out_raw (&o, "[", 1);
  for (i = 0; i < m->dimensions; i++) {
    uint32_t at = c->event->data ? record_member (c->json, c->event->data, m->dimension[i]) : 0;
    if (i)
      kg_out_raw (&o, ",", 1);
    member_write (c->json, at, &o);
  }
  if (m->aggregation == METER_UNIQUE_COUNT) {
    if (i)
      kg_out_raw (&o, ",", 1);
    member_write (c->json, record_member (c->json, c->event->data, m->value), &o);
  }
  kg_out_raw (&o, "]", 1);
  return (kg_str){ o.ptr, o.len };
}

/* Whom the event is for, decoded into the scratch memory if it has to be. */
static int32_t
subject_read (struct counting *c, const struct record_read *r)
{
  uint32_t i = record_subject (r, c->event);
  size_t n = r->json.token[i].len, longest = r->json.token[c->event->data].len;
  int32_t e = scratch_ensure (c->fold, n + DIGEST_LEN + 1 + GROUP_BOUND + longest);
  if (e < 0)
    return e;
  c->used = 0;
  c->subject = kg_json_raw (&r->json, i);
  if (r->json.token[i].escaped) {
    c->used = kg_json_decode (&r->json, i, c->fold->scratch);
    c->subject = (kg_str){ c->fold->scratch, c->used };
  }
  if (c->subject.len > FOLD_TEXT_MAX) {
    c->subject = digest_make (c->subject, c->fold->scratch + c->used);
    c->used += DIGEST_LEN;
  }
  return 0;
}

/* ---- Values ----------------------------------------------------------------- */

/* How many events it counts for. */
static int64_t
count_of (const struct counting *c)
{
  uint32_t i;
  if (!c->event->corrects)
    return 1;
  i = c->event->data ? record_member (c->json, c->event->data, (kg_str){ "count", 5 }) : 0;
  return i ? kg_json_int (c->json, i, 0) : 0;
}

/* The value's number: 0; -ENOENT when it has none; -EINVAL, -ERANGE.  A string that
 * says a number is one. */
static int32_t
number_read (const struct counting *c, const struct meter *m, decimal *ret)
{
  uint32_t i = c->event->data ? record_member (c->json, c->event->data, m->value) : 0;
  uint32_t kind = i ? c->json->token[i].kind : KG_JSON_NULL;
  int32_t r;
  if (kind == KG_JSON_NULL)
    return -ENOENT;
  if (kind != KG_JSON_INT && kind != KG_JSON_DOUBLE && kind != KG_JSON_STRING)
    return -EINVAL;
  r = decimal_read (kg_json_raw (c->json, i), ret);
  return r >= 0 && (*ret >= VALUE_END || *ret <= -VALUE_END) ? -ERANGE : r;
}

static int32_t
is_said (const struct counting *c, const struct meter *m)
{
  uint32_t i = c->event->data ? record_member (c->json, c->event->data, m->value) : 0;
  return i && c->json->token[i].kind != KG_JSON_NULL;
}

/* What the event adds: 0, or why it adds nothing. */
static int32_t
addend_make (const struct counting *c, const struct meter *m, struct cell *a)
{
  decimal v = 0;
  int32_t r = 0;
  a->count = count_of (c);
  if (m->aggregation == METER_COUNT)
    return 0;
  if (m->aggregation == METER_UNIQUE_COUNT)
    return is_said (c, m) ? 0 : -ENOENT;
  if (c->event->corrects && m->aggregation >= METER_MIN)
    return 1; /* no part in it */
  r = number_read (c, m, &v);
  if (r < 0 && (r != -ENOENT || !c->event->corrects))
    return r;
  if (m->aggregation <= METER_AVG)
    a->sum = v;
  else if (m->aggregation != METER_LATEST) {
    a->min = a->max = v;
    a->flags = CELL_EXTREMES;
  } else {
    a->latest = v;
    a->at = c->event->time_ns;
    a->sequence = c->sequence;
    a->k = c->event->k;
    a->flags = CELL_LATEST;
  }
  return 0;
}

/* ---- Events ----------------------------------------------------------------- */

static int32_t
event_count (const struct counting *c, uint32_t number)
{
  const struct meter *m = &c->fold->meters->meter[number];
  struct cell a = { .meter = number, .unit = UNIT_MINUTE, .subject = c->subject };
  struct cell *cell;
  int32_t r = addend_make (c, m, &a);
  if (r) {
    if (r < 0)
      c->fold->lost[r == -ERANGE ? FOLD_RANGE : FOLD_VALUE]++;
    return 0;
  }
  a.start = c->event->time_ns / MINUTE_NS;
  a.group = group_write (c, m);
  cell = cells_get (&c->fold->cells, &a);
  if (!cell)
    return -ENOMEM;
  if (cell_merge (cell, &a) < 0)
    c->fold->lost[FOLD_RANGE]++;
  return 0;
}

/* All meters of the event's type. */
static int32_t
event_fold (struct counting *c)
{
  const struct meters *m = c->fold->meters;
  int32_t r = -1;
  uint32_t i;
  for (i = 0; i < m->count; i++) {
    if (!(c->fold->mask >> i & 1) || !kg_json_is (c->json, c->event->type, m->meter[i].type))
      continue;
    if (r < 0) /* for the first of them only */
      r = subject_read (c, &c->fold->read);
    if (r >= 0 && c->fold->subject.ptr
        && (c->subject.len != c->fold->subject.len
            || memcmp (c->subject.ptr, c->fold->subject.ptr, c->subject.len)))
      return 0;
    if (r >= 0)
      r = event_count (c, i);
    if (r < 0)
      return r;
  }
  return 0;
}

int32_t
fold_record (struct fold *f, const struct kg_record *record, uint32_t skip)
{
  struct record_event e;
  struct counting c
      = { .fold = f, .json = &f->read.json, .event = &e, .sequence = record->sequence };
  int32_t r = record_read (&f->read, record->data);
  if (r == -EBADMSG) {
    f->lost[FOLD_BROKEN]++;
    return 0;
  }
  while (r >= 0 && record_next (&f->read, &e)) {
    if (e.k < skip)
      continue;
    r = event_fold (&c);
    if (r >= 0 && fold_full (f) && f->read.at)
      return (int32_t)e.k + 1;
  }
  return r < 0 ? r : 0;
}

void
fold_free (struct fold *f)
{
  cells_free (&f->cells);
  record_read_free (&f->read);
  free (f->scratch);
  f->scratch = NULL;
  f->scratch_cap = 0;
}

int32_t
fold_quantity (const struct record_read *r, const struct record_event *e, const struct meter *m,
               decimal *ret)
{
  const struct counting c = { .json = &r->json, .event = e };
  struct cell a = { 0 };
  int32_t error = addend_make (&c, m, &a);
  *ret = m->aggregation == METER_COUNT ? a.count * DECIMAL_ONE : a.sum;
  return error;
}
