/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Accounts as rows of the store, and grants as people see them. */
#include "plugins/metering-openmeter/entitlement.h"

#include "plugins/metering-openmeter/calendar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Writing ---------------------------------------------------------------------- */

static void
text_int (struct mt_text *t, const char *name, int64_t v)
{
  char buf[24];
  int n = snprintf (buf, sizeof buf, "%" PRId64, v);
  mt_text_add (t, name, strlen (name));
  mt_text_add (t, buf, (size_t)n);
}

void
text_decimal (struct mt_text *t, const char *name, decimal v)
{
  char buf[DECIMAL_TEXT];
  size_t n = decimal_write (v, buf);
  mt_text_add (t, name, strlen (name));
  mt_text_add (t, buf, n);
}

/* As a string: rows keep all digits whoever reads them. */
static void
text_quantity (struct mt_text *t, const char *name, decimal v)
{
  mt_text_add (t, name, strlen (name));
  text_decimal (t, "\"", v);
  mt_text_add (t, "\"", 1);
}

static void
text_name (struct mt_text *t, const char *name, const char *value)
{
  char buf[6 * (FEATURE_MAX + 1)];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_text (&o, value);
  mt_text_add (t, name, strlen (name));
  mt_text_add (t, buf, kg_out_ok (&o) ? o.len : 0);
  t->failed |= !kg_out_ok (&o);
}

static void
grant_write (const struct grant *g, struct mt_text *t)
{
  text_name (t, "{\"id\":", g->id);
  text_quantity (t, ",\"amount\":", g->amount);
  text_int (t, ",\"priority\":", g->priority);
  text_name (t, ",\"recurrence\":", recurrence_names[g->recurrence]);
  text_quantity (t, ",\"rollover\":", g->rollover);
  text_int (t, ",\"created\":", g->created_ns);
  text_int (t, ",\"effective\":", g->effective_ns);
  text_int (t, ",\"expires\":", g->expires_ns);
  text_int (t, ",\"voided\":", g->voided_ns);
  text_quantity (t, ",\"balance\":", g->balance);
  mt_text_add (t, "}", 1);
}

void
account_write (const struct account *a, struct mt_text *t)
{
  uint32_t i;
  text_int (t, "{\"base\":", a->base_ns);
  text_int (t, ",\"settled\":", a->settled_ns);
  text_quantity (t, ",\"usage\":", a->totals.usage);
  text_quantity (t, ",\"consumed\":", a->totals.consumed);
  text_quantity (t, ",\"overage\":", a->totals.overage);
  text_quantity (t, ",\"credit\":", a->totals.credit);
  mt_text_add (t, ",\"grants\":[", 11);
  for (i = 0; i < a->grants; i++) {
    if (i)
      mt_text_add (t, ",", 1);
    grant_write (&a->grant[i], t);
  }
  mt_text_add (t, "],\"points\":[", 12);
  for (i = 0; i < a->points; i++) {
    text_int (t, i ? ",[" : "[", a->point[i].time_ns);
    text_quantity (t, ",", a->point[i].quantity);
    mt_text_add (t, "]", 1);
  }
  mt_text_add (t, "]}", 2);
}

/* ---- Reading ------------------------------------------------------------------------ */

/* Members of one object; `bad` once one isn't there. */
struct reading {
  const struct kg_json *j;
  uint32_t object;
  int32_t bad;
};

static int64_t
take_int (struct reading *r, const char *name)
{
  uint32_t i = kg_json_find (r->j, r->object, name);
  int64_t v = kg_json_int (r->j, i, -1);
  r->bad |= v < 0 || v >= TIME_END_NS;
  return v;
}

static decimal
quantity_at (struct reading *r, uint32_t i)
{
  decimal v = 0;
  r->bad |= kg_json_kind (r->j, i) != KG_JSON_STRING
            || decimal_read (kg_json_raw (r->j, i), &v) < 0;
  return v;
}

static decimal
take_quantity (struct reading *r, const char *name)
{
  return quantity_at (r, kg_json_find (r->j, r->object, name));
}

static void
grant_read (struct reading *r, struct grant *g)
{
  uint32_t id = kg_json_find (r->j, r->object, "id");
  uint32_t recurrence = kg_json_find (r->j, r->object, "recurrence");
  int64_t priority = take_int (r, "priority");
  *g = (struct grant){ .priority = (uint32_t)priority,
                       .amount = take_quantity (r, "amount"),
                       .rollover = take_quantity (r, "rollover"),
                       .created_ns = take_int (r, "created"),
                       .effective_ns = take_int (r, "effective"),
                       .expires_ns = take_int (r, "expires"),
                       .voided_ns = take_int (r, "voided"),
                       .balance = take_quantity (r, "balance") };
  r->bad |= g->amount < 0 || g->amount >= GRANT_END || g->rollover < 0
            || g->rollover >= GRANT_END || g->balance < 0 || g->balance >= 2 * GRANT_END;
  r->bad |= !id || r->j->token[id].len > GRANT_ID || r->j->token[id].escaped || !recurrence;
  if (r->bad)
    return;
  memcpy (g->id, r->j->text + r->j->token[id].start, r->j->token[id].len);
  r->bad |= g->id[strspn (g->id, "0123456789abcdefghijklmnopqrstuvwxyz-")] != 0;
  while (g->recurrence < RECURRENCES
         && !kg_json_is (r->j, recurrence, recurrence_names[g->recurrence]))
    g->recurrence++;
  r->bad |= g->recurrence == RECURRENCES;
}

static uint32_t
elements (const struct kg_json *j, uint32_t array)
{
  uint32_t i, n = 0;
  if (kg_json_kind (j, array) == KG_JSON_ARRAY)
    for (i = kg_json_first (j, array); i; i = kg_json_next (j, array, i))
      n++;
  return n;
}

static void
grants_read (struct reading *r, uint32_t array, struct account *a)
{
  uint32_t i;
  if (kg_json_kind (r->j, array) != KG_JSON_ARRAY) {
    r->bad = 1;
    return;
  }
  for (i = kg_json_first (r->j, array); i && !r->bad; i = kg_json_next (r->j, array, i)) {
    r->object = i;
    grant_read (r, &a->grant[a->grants++]);
  }
}

static void
points_read (struct reading *r, uint32_t array, struct account *a)
{
  uint32_t i, time, quantity;
  if (kg_json_kind (r->j, array) != KG_JSON_ARRAY) {
    r->bad = 1;
    return;
  }
  for (i = kg_json_first (r->j, array); i && !r->bad; i = kg_json_next (r->j, array, i)) {
    time = kg_json_kind (r->j, i) == KG_JSON_ARRAY ? kg_json_first (r->j, i) : 0;
    quantity = time ? kg_json_next (r->j, i, time) : 0;
    a->point[a->points].time_ns = kg_json_int (r->j, time, -1);
    a->point[a->points++].quantity = quantity_at (r, quantity);
    r->bad |= !time || kg_json_int (r->j, time, -1) < 0
              || kg_json_int (r->j, time, -1) >= TIME_END_NS;
  }
}

static int32_t
account_fill (struct reading *r, struct account *a)
{
  uint32_t grants = kg_json_find (r->j, 0, "grants"), points = kg_json_find (r->j, 0, "points");
  a->base_ns = take_int (r, "base");
  a->settled_ns = take_int (r, "settled");
  a->totals = (struct totals){ .usage = take_quantity (r, "usage"),
                               .consumed = take_quantity (r, "consumed"),
                               .overage = take_quantity (r, "overage"),
                               .credit = take_quantity (r, "credit") };
  r->bad |= a->totals.consumed < 0 || a->totals.overage < 0 || a->totals.credit < 0;
  a->grants_cap = elements (r->j, grants);
  a->points_cap = elements (r->j, points);
  if (r->bad || a->grants_cap > GRANTS_MAX)
    return -EBADMSG;
  a->grant = calloc (a->grants_cap + 1, sizeof *a->grant);
  a->point = calloc (a->points_cap + 1, sizeof *a->point);
  if (!a->grant || !a->point)
    return -ENOMEM;
  grants_read (r, grants, a);
  points_read (r, points, a);
  return r->bad ? -EBADMSG : 0;
}

int32_t
account_read (kg_str text, struct record_read *read, struct account *ret)
{
  int32_t e = record_scan (read, text);
  struct reading r = { .j = &read->json };
  *ret = (struct account){ 0 };
  if (e >= 0)
    e = kg_json_kind (r.j, 0) == KG_JSON_OBJECT ? account_fill (&r, ret) : -EBADMSG;
  if (e < 0)
    account_finish (ret);
  return e;
}

/* ---- For people ------------------------------------------------------------------------ */

static void
text_time (struct mt_text *t, const char *name, int64_t ns)
{
  char buf[MT_TIME_LEN + 1];
  mt_text_add (t, name, strlen (name));
  if (!ns) {
    mt_text_add (t, "null", 4);
    return;
  }
  mt_time (ns, buf);
  mt_text_add (t, "\"", 1);
  mt_text_add (t, buf, strlen (buf));
  mt_text_add (t, "\"", 1);
}

void
grant_show (const struct grant *g, const char *feature, decimal balance, struct mt_text *t)
{
  text_name (t, "{\"id\":", g->id);
  text_name (t, ",\"feature\":", feature);
  text_decimal (t, ",\"amount\":", g->amount);
  text_decimal (t, ",\"balance\":", balance);
  text_int (t, ",\"priority\":", g->priority);
  text_name (t, ",\"recurrence\":", recurrence_names[g->recurrence]);
  text_decimal (t, ",\"rollover\":", g->rollover);
  text_time (t, ",\"created_at\":", g->created_ns);
  text_time (t, ",\"effective_at\":", g->effective_ns);
  text_time (t, ",\"expires_at\":", g->expires_ns);
  text_time (t, ",\"voided_at\":", g->voided_ns);
  mt_text_add (t, "}", 1);
}
