/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What an operator says of a new grant. */
#include "plugins/metering-openmeter/entitlement_form.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>

#define PAST_NS INT64_C (60000000000) /* so far back, a time is still now */
#define BUDGET_END (DECIMAL_ONE << 40) /* what auth can count */

/* ---- Refusals ------------------------------------------------------------------------ */

static int32_t
refuse (struct grant_form *f, const char *member, const char *msg)
{
  f->member = member;
  f->msg = msg;
  return -EINVAL;
}

int32_t
grant_form_refuse (const struct mt *mt, kg_req *req, const struct grant_form *f)
{
  char buf[512];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_lit (&o, "[{\"loc\":[\"body\",");
  kg_out_text (&o, f->member);
  kg_out_lit (&o, "],\"type\":\"value_error\",\"msg\":");
  kg_out_text (&o, f->msg);
  kg_out_lit (&o, "}]");
  if (kg_out_ok (&o))
    mt->host->member (req, "errors", (kg_str){ buf, o.len });
  return mt->host->problem (req, 422, NULL, "%s: %s", f->member, f->msg);
}

/* ---- Members --------------------------------------------------------------------------- */

static int32_t
given (const struct kg_json *j, uint32_t i)
{
  return i && kg_json_kind (j, i) != KG_JSON_NULL;
}

/* A feature's name has no escapes, and whoever writes some names none. */
static int32_t
feature_take (struct grant_form *f, const struct meters *m, uint32_t i)
{
  kg_str name;
  if (kg_json_kind (f->json, i) != KG_JSON_STRING)
    return refuse (f, "feature", "the slug of a meter, budget.tokens or budget.money");
  name = kg_json_raw (f->json, i);
  f->number = feature_number (m, name);
  if (f->number == FEATURE_NONE || name.len > FEATURE_MAX)
    return refuse (f, "feature",
                   "is no meter that sums or counts, budget.tokens or budget.money");
  memcpy (f->feature, name.ptr, name.len);
  f->feature[name.len] = 0;
  return 0;
}

static int32_t
quantity_take (struct grant_form *f, const char *member, uint32_t i, decimal *ret)
{
  uint32_t kind = kg_json_kind (f->json, i);
  if ((kind != KG_JSON_INT && kind != KG_JSON_DOUBLE && kind != KG_JSON_STRING)
      || decimal_read (kg_json_raw (f->json, i), ret) < 0 || *ret < 0 || *ret >= GRANT_END)
    return refuse (f, member, "a number from 0 on, below 10^18");
  if (f->number < FEATURE_BUDGETS && (*ret % DECIMAL_ONE || *ret >= BUDGET_END))
    return refuse (f, member, "of a budget: a whole number below 2^40");
  return 0;
}

static int32_t
time_take (struct grant_form *f, const char *member, uint32_t i, int64_t *ret)
{
  if (!given (f->json, i))
    return 0;
  if (kg_json_kind (f->json, i) != KG_JSON_STRING
      || record_time (kg_json_raw (f->json, i), ret) < 0 || *ret >= TIME_END_NS)
    return refuse (f, member, "a time such as 2027-01-31T00:00:00Z");
  return 0;
}

static int32_t
priority_take (struct grant_form *f, uint32_t i)
{
  int64_t n = given (f->json, i) ? kg_json_int (f->json, i, -1) : 100;
  if (n < 0 || n > GRANT_PRIORITY_MAX)
    return refuse (f, "priority", "a number from 0, which burns first, to 255");
  f->grant.priority = (uint32_t)n;
  return 0;
}

static int32_t
recurrence_take (struct grant_form *f, uint32_t i)
{
  f->grant.recurrence = GRANT_ONCE;
  if (!given (f->json, i))
    return 0;
  while (f->grant.recurrence < RECURRENCES
         && !kg_json_is (f->json, i, recurrence_names[f->grant.recurrence]))
    f->grant.recurrence++;
  return f->grant.recurrence < RECURRENCES
             ? 0
             : refuse (f, "recurrence", "NONE, DAY, WEEK, MONTH or YEAR");
}

/* ---- All of it ---------------------------------------------------------------------------- */

static int32_t
times_check (struct grant_form *f, int64_t now)
{
  const struct grant *g = &f->grant;
  int64_t from = g->effective_ns > now ? g->effective_ns : now;
  if (g->effective_ns && g->effective_ns < now - PAST_NS)
    return refuse (f, "effective", "is over: what was used before a grant burns none of it");
  if (g->expires_ns && g->expires_ns <= from)
    return refuse (f, "expires", "must be behind the effective time, and now");
  if (g->rollover && !g->recurrence)
    return refuse (f, "rollover", "is of grants with a recurrence");
  return 0;
}

static int32_t
names_check (struct grant_form *f)
{
  static const char *const names[]
      = { "feature", "amount", "priority", "effective", "expires", "recurrence", "rollover" };
  uint32_t i, n;
  for (i = kg_json_first (f->json, 0); i; i = kg_json_next (f->json, 0, i + 1)) {
    for (n = 0; n < sizeof names / sizeof names[0] && !kg_json_is (f->json, i, names[n]); n++)
      ;
    if (n == sizeof names / sizeof names[0])
      return refuse (f, "body", "has a member that grants don't have");
  }
  return 0;
}

/* A UUID of version 4. */
static int32_t
id_make (char out[GRANT_ID + 1])
{
  unsigned char b[16];
  int i, n = 0;
  if (RAND_bytes (b, sizeof b) != 1)
    return -EIO;
  b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
  b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
  for (i = 0; i < 16; i++)
    n += snprintf (out + n, (size_t)(GRANT_ID + 1 - n), "%s%02x",
                   i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
  return 0;
}

int32_t
grant_form_read (struct grant_form *f, const struct meters *m, const struct kg_json *json,
                 int64_t now)
{
  struct grant *g = &f->grant;
  int32_t r;
  *f = (struct grant_form){ .json = json };
#define MEMBER(name) kg_json_find (json, 0, name)
  if (!json || kg_json_kind (json, 0) != KG_JSON_OBJECT)
    return refuse (f, "body", "must be an object");
  if ((r = names_check (f)) < 0 || (r = feature_take (f, m, MEMBER ("feature"))) < 0
      || (r = quantity_take (f, "amount", MEMBER ("amount"), &g->amount)) < 0
      || (given (json, MEMBER ("rollover"))
          && (r = quantity_take (f, "rollover", MEMBER ("rollover"), &g->rollover)) < 0)
      || (r = priority_take (f, MEMBER ("priority"))) < 0
      || (r = recurrence_take (f, MEMBER ("recurrence"))) < 0
      || (r = time_take (f, "effective", MEMBER ("effective"), &g->effective_ns)) < 0
      || (r = time_take (f, "expires", MEMBER ("expires"), &g->expires_ns)) < 0
      || (r = times_check (f, now)) < 0)
    return r;
#undef MEMBER
  return id_make (g->id);
}
