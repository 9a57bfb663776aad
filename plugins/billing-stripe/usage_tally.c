/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From the ledger to sums by minute.  A turn reads some records, and adds what they say
 * to the sums in one transaction with the cursor: each event counts once. */
#include "plugins/billing-stripe/usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECORDS 500
#define SUMS    200 /* in a turn; more only by its last record */

struct sum {
  char key[USAGE_KEY];
  int64_t add;
};

struct turn {
  struct usage *usage;
  struct sum *sum; /* room for `cap` */
  uint32_t sums, cap, records;
  uint64_t last; /* sequence up to which it goes */
};

/* ---- One event ------------------------------------------------------------- */

/* RFC 3339 to seconds since the epoch: 0 or -EINVAL.  It allows for a small t and a blank, and
 * so does who takes events in; a leap second belongs to the minute before. */
static int32_t
time_read (const char *text, int64_t *ret)
{
  struct tm tm = { 0 };
  const char *p = text ? strptime (text, "%Y-%m-%d", &tm) : NULL;
  int hours, minutes;
  char sign;
  p = p && *p && strchr ("Tt ", *p) ? strptime (p + 1, "%H:%M:%S", &tm) : NULL;
  if (!p)
    return -EINVAL;
  tm.tm_sec = tm.tm_sec < 60 ? tm.tm_sec : 59;
  *ret = timegm (&tm);
  if (*p == '.')
    p += 1 + strspn (p + 1, "0123456789");
  if (!strcmp (p, "Z") || !strcmp (p, "z"))
    return 0;
  if (sscanf (p, "%c%2d:%2d", &sign, &hours, &minutes) != 3 || (sign != '+' && sign != '-'))
    return -EINVAL;
  *ret -= (sign == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
  return 0;
}

/* How much the event counts: 1, 0 when it has no such member, -EINVAL for what is no
 * integer.  A correction of a count says by how much. */
static int32_t
value_read (json_object *event, const char *path, int64_t *ret)
{
  json_object *data = stripe_member (event, "data"), *v;
  int32_t correction = stripe_text (event, "ext.corrects") != NULL;
  v = stripe_member (data, *path ? path : "count");
  if (!*path && !(correction && json_object_is_type (v, json_type_int))) {
    *ret = 1;
    return 1;
  }
  if (!v)
    return 0;
  if (!json_object_is_type (v, json_type_int))
    return -EINVAL;
  *ret = json_object_get_int64 (v);
  return 1;
}

static int32_t
sums_grow (struct turn *t)
{
  uint32_t cap = t->cap ? 2 * t->cap : 16;
  struct sum *more = realloc (t->sum, cap * sizeof *more);
  if (!more)
    return -ENOMEM;
  t->sum = more;
  t->cap = cap;
  return 0;
}

/* NULL without memory. */
static struct sum *
sum_find (struct turn *t, const char *key)
{
  for (uint32_t i = t->sums; i-- > 0;)
    if (!strcmp (t->sum[i].key, key))
      return &t->sum[i];
  if (t->sums == t->cap && sums_grow (t) < 0)
    return NULL;
  memcpy (t->sum[t->sums].key, key, strlen (key) + 1);
  t->sum[t->sums].add = 0;
  return &t->sum[t->sums++];
}

/* A sum that would not fit into 64 bits stays as it is; 0 or -ENOMEM. */
static int32_t
event_count (struct turn *t, const struct usage_meter *m, json_object *event, const char *tenant,
             int64_t time_s)
{
  struct billing *b = t->usage->billing;
  char key[USAGE_KEY];
  struct sum *sum;
  int64_t n = 0;
  int32_t rc = value_read (event, m->value, &n);
  if (rc < 0)
    b->metrics->add (t->usage->outcomes, USAGE_NOT_INTEGER, 1);
  if (rc <= 0 || !n)
    return 0;
  rc = snprintf (key, sizeof key, "open/%s/%s/%lld", m->meter, tenant, (long long) (time_s / 60));
  if (rc >= USAGE_KEY - 32) /* parts have more */
    return 0;
  sum = sum_find (t, key);
  if (!sum)
    return -ENOMEM;
  if (!__builtin_add_overflow (sum->add, n, &n))
    sum->add = n;
  else
    b->metrics->add (t->usage->outcomes, USAGE_NOT_INTEGER, 1);
  return 0;
}

static int32_t
event_take (struct turn *t, json_object *event, const char *tenant, int64_t time_s)
{
  const struct billing_conf *conf = t->usage->billing->conf;
  const struct usage_meter *m = conf->usage.items;
  const char *type = stripe_text (event, "type"), *subject = stripe_text (event, "subject");
  int32_t rc = 0;
  subject = subject ? subject : tenant;
  if (!type || !subject || !*subject || strchr (subject, '/'))
    return 0;
  if (stripe_member (event, "time") && time_read (stripe_text (event, "time"), &time_s) < 0)
    return 0;
  for (uint64_t i = 0; rc == 0 && i < conf->usage.count; i++)
    if (!strcmp (m[i].type, type))
      rc = event_count (t, &m[i], event, subject, time_s);
  return rc;
}

/* ---- A turn ---------------------------------------------------------------- */

static int32_t
record_take (const struct kg_record *record, void *arg)
{
  struct turn *t = arg;
  json_tokener *tok = json_tokener_new ();
  json_object *o = tok ? json_tokener_parse_ex (tok, record->data.ptr, (int) record->data.len)
                       : NULL;
  json_object *events = stripe_member (o, "events");
  size_t n = json_object_is_type (events, json_type_array) ? json_object_array_length (events) : 0;
  int32_t rc = tok ? 0 : -ENOMEM;
  for (size_t i = 0; rc == 0 && i < n; i++)
    rc = event_take (t, json_object_array_get_idx (events, i), stripe_text (o, "tenant"),
                     record->time_ns / 1000000000);
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
  if (rc < 0)
    return rc; /* and nothing is written */
  t->records++;
  t->last = record->sequence;
  return t->sums >= SUMS;
}

/* The sum as it will be. */
static void
sum_op (struct usage *u, const struct sum *sum, char text[24], struct kg_op *ret)
{
  struct kg_entry entry = { .size = sizeof entry };
  char before[24] = "0";
  int64_t n;
  *ret = (struct kg_op){ .kind = KG_OP_PUT, .bucket = u->bucket, .revision = KG_REV_NEW,
                         .key = { sum->key, strlen (sum->key) } };
  if (u->billing->store->get (u->bucket, ret->key, &entry) == 0) {
    ret->revision = entry.revision;
    if (entry.value.len < sizeof before) {
      memcpy (before, entry.value.ptr, entry.value.len);
      before[entry.value.len] = 0;
    }
  }
  if (__builtin_add_overflow (strtoll (before, NULL, 10), sum->add, &n)) {
    n = strtoll (before, NULL, 10);
    u->billing->metrics->add (u->outcomes, USAGE_NOT_INTEGER, 1);
  }
  ret->value.ptr = text;
  ret->value.len = (size_t) snprintf (text, 24, "%lld", (long long) n);
}

static int32_t
turn_write (struct turn *t)
{
  struct usage *u = t->usage;
  struct kg_op *ops = calloc (t->sums + 1, sizeof *ops);
  char (*text)[24] = calloc (t->sums + 1, sizeof *text);
  int32_t rc = ops && text ? 0 : -ENOMEM;
  for (uint32_t i = 0; rc == 0 && i < t->sums; i++)
    sum_op (u, &t->sum[i], text[i], &ops[i]);
  if (rc == 0) {
    ops[t->sums] = (struct kg_op){ .kind = KG_OP_ACK, .cursor = u->cursor, .revision = t->last };
    rc = u->billing->store->write (u->billing->self, ops, t->sums + 1, sizeof *ops, usage_written,
                                   u);
  }
  free (ops);
  free (text);
  return rc;
}

/* On the committer's thread.  Nothing is counted before. */
static void
begin_written (const struct kg_outcome *outcome, void *arg)
{
  struct usage *u = arg;
  u->begun = !outcome->error;
  usage_written (outcome, u);
}

/* A cursor that was forgotten once begins where it had been, for what is before it was
 * counted: 1: that is being written; 0; -errno. */
static int32_t
tally_begin (struct usage *u)
{
  const struct billing *b = u->billing;
  struct kg_entry entry = { .size = sizeof entry };
  struct kg_op op = { .kind = KG_OP_ACK, .cursor = u->cursor };
  char text[24];
  int32_t rc = b->store->get (u->bucket, (kg_str){ USAGE_FROM, sizeof USAGE_FROM - 1 }, &entry);
  if (rc == 0 && usage_text (entry.value, text, sizeof text) == 0)
    op.revision = strtoull (text, NULL, 10);
  if (rc < 0 && rc != -ENOENT)
    return rc;
  if (op.revision <= b->store->position (u->cursor)) {
    u->begun = 1;
    return 0;
  }
  rc = b->store->write (b->self, &op, 1, sizeof op, begin_written, u);
  return rc < 0 ? rc : 1;
}

int32_t
usage_tally (struct usage *u, int32_t *ret_full)
{
  struct billing *b = u->billing;
  struct turn t = { .usage = u };
  int32_t rc = u->begun ? 0 : tally_begin (u);
  if (rc != 0)
    return rc;
  rc = b->store->read (u->log, b->store->position (u->cursor), RECORDS, record_take, &t);
  if (rc >= 0 && t.records) {
    *ret_full = t.records >= RECORDS || t.sums >= SUMS;
    rc = turn_write (&t);
    rc = rc < 0 ? rc : 1;
  }
  free (t.sum);
  return rc;
}
