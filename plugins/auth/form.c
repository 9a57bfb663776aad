/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/form.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERRORS_MAX  16384
#define SUMMARY_MAX 700 /* of the detail */

static void
fault (struct form *f, const char *member, const char *type, const char *msg)
{
  struct kg_out *out = &f->errors;
  kg_out_lit (out, f->count ? ",{\"loc\":[\"body\"," : "[{\"loc\":[\"body\",");
  kg_out_text (out, member);
  kg_out_lit (out, "],\"type\":");
  kg_out_text (out, type);
  kg_out_lit (out, ",\"msg\":");
  kg_out_text (out, msg);
  kg_out_lit (out, "}");
  if (f->summary.len + strlen (member) + strlen (msg) + 8 < SUMMARY_MAX) {
    kg_out_lit (&f->summary, f->count ? "; " : "");
    kg_out_lit (&f->summary, member);
    kg_out_lit (&f->summary, ": ");
    kg_out_lit (&f->summary, msg);
  }
  f->count++;
}

/* The value of a member; 0 when it is absent or null. */
static uint32_t
member (const struct form *f, uint32_t object, const char *name)
{
  uint32_t i = kg_json_find (f->json, object, name);
  return kg_json_kind (f->json, i) == KG_JSON_NULL ? 0 : i;
}

/* The string at `i`, or NULL with a fault. */
static const char *
text_at (struct form *f, uint32_t i, const char *name)
{
  kg_str s;
  if (kg_json_kind (f->json, i) != KG_JSON_STRING) {
    fault (f, name, "string_type", "Input should be a valid string");
    return NULL;
  }
  s = kg_json_str (f->auth->host, f->req, f->json, i);
  if (!s.ptr)
    f->failed = -ENOMEM;
  else if (!s.len || s.len > KEY_TEXT) {
    fault (f, name, "range", "Input should have 1 to 128 bytes");
    s.ptr = NULL;
  }
  return s.ptr;
}

static const char *
text_read (struct form *f, const char *name, const char *dflt)
{
  uint32_t i = member (f, 0, name);
  return i ? text_at (f, i, name) : dflt;
}

/* ---- Members ------------------------------------------------------------- */

static const char *
name_read (struct form *f)
{
  uint32_t i = kg_json_find (f->json, 0, "name");
  if (i)
    return text_at (f, i, "name");
  fault (f, "name", "missing", "Field required");
  return NULL;
}

static const char *
tenant_form (struct form *f)
{
  const char *text = text_read (f, "tenant", AUTH_TENANT);
  char *uuid = text ? f->auth->host->alloc (f->req, TEXT_UUID) : NULL;
  if (text && !uuid)
    f->failed = -ENOMEM;
  else if (text && text_uuid (text, strlen (text), uuid) < 0)
    fault (f, "tenant", "uuid_parsing", "Input should be a valid UUID");
  return uuid;
}

static const char *
tier_read (struct form *f)
{
  const struct tiers *tiers = &f->auth->plans.tiers;
  const char *text = text_read (f, "tier", "FREE");
  char msg[512];
  struct kg_out out = { msg, 0, sizeof msg - 1 };
  uint64_t i;
  if (!text || tier_find (tiers, text))
    return text;
  kg_out_lit (&out, "Input should be");
  for (i = 0; i < tiers->count && out.len + KEY_TEXT + 8 < sizeof msg; i++) {
    kg_out_lit (&out, i ? ", '" : " '");
    kg_out_raw (&out, tiers->items[i].name, strnlen (tiers->items[i].name, KEY_TEXT));
    kg_out_lit (&out, "'");
  }
  msg[out.len] = 0;
  fault (f, "tier", "enum", msg);
  return NULL;
}

/* Scopes and archetypes are words; a scope may be a path pattern. */
static int32_t
word_ok (const char *s)
{
  return !s[strspn (s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:*-")];
}

static void
list_read (struct form *f, const char *name, const char *dflt, const char **ret)
{
  uint32_t list = member (f, 0, name), i, n = 0;
  ret[0] = dflt;
  ret[1] = NULL;
  if (!list)
    return;
  if (kg_json_kind (f->json, list) != KG_JSON_ARRAY) {
    fault (f, name, "list_type", "Input should be a valid list");
    return;
  }
  for (i = kg_json_first (f->json, list); i; i = kg_json_next (f->json, list, i)) {
    if (n == KEY_LIST) {
      fault (f, name, "range", "Input should have at most 32 elements");
      return;
    }
    ret[n] = text_at (f, i, name);
    if (!ret[n])
      return;
    if (!word_ok (ret[n]))
      fault (f, name, "range", "An element should be of letters, digits and _ . : * - only");
    n++;
  }
  ret[n] = NULL;
}

static int64_t
limit_read (struct form *f, uint32_t limits, const char *name)
{
  uint32_t i = member (f, limits, name);
  int64_t n;
  if (!i)
    return -1;
  n = kg_json_int (f->json, i, -1);
  if (kg_json_kind (f->json, i) != KG_JSON_INT)
    fault (f, name, "int_parsing", "Input should be a valid integer");
  else if (n < 0 || n > 1000000000)
    fault (f, name, "range", "Input should be between 0 (unlimited) and 1000000000");
  return n;
}

static struct limits
limits_read (struct form *f)
{
  struct limits l = LIMITS_UNSET;
  uint32_t limits = member (f, 0, "limits");
  if (!limits)
    return l;
  if (kg_json_kind (f->json, limits) != KG_JSON_OBJECT) {
    fault (f, "limits", "dict_type", "Input should be a valid dictionary");
    return l;
  }
  l.per_minute = limit_read (f, limits, "requests_per_minute");
  l.per_day = limit_read (f, limits, "requests_per_day");
  l.tokens = limit_read (f, limits, "tokens_per_month");
  return l;
}

static int64_t
expires_read (struct form *f)
{
  const char *text = text_read (f, "expires_at", NULL);
  int64_t ns = 0;
  if (text && text_time_parse (text, strlen (text), &ns) < 0)
    fault (f, "expires_at", "datetime_parsing", "Input should be an RFC 3339 time");
  else if (text && ns <= f->auth->host->num (f->req, KG_NUM_TIME))
    fault (f, "expires_at", "range", "Input should be in the future");
  return ns;
}

/* ---- All of it ----------------------------------------------------------- */

static void
members_read (struct form *f, struct key_spec *ret)
{
  ret->name = name_read (f);
  ret->tenant = tenant_form (f);
  ret->user = text_read (f, "user", ret->name);
  ret->tier = tier_read (f);
  list_read (f, "scopes", "read", ret->scopes);
  list_read (f, "archetypes", "developer", ret->archetypes);
  ret->limits = limits_read (f);
  ret->expires_ns = expires_read (f);
}

int32_t
form_read (const struct auth *auth, kg_req *req, struct key_spec *ret)
{
  struct form f = { .auth = auth, .req = req, .json = auth->host->json (req) };
  char summary[SUMMARY_MAX];
  f.errors = (struct kg_out){ auth->host->alloc (req, ERRORS_MAX), 0, ERRORS_MAX };
  f.summary = (struct kg_out){ summary, 0, SUMMARY_MAX };
  if (!f.errors.ptr || !f.json)
    return -ENOMEM;
  if (kg_json_kind (f.json, 0) != KG_JSON_OBJECT)
    fault (&f, "", "dict_type", "Input should be a valid dictionary");
  else
    members_read (&f, ret);
  if (f.failed)
    return f.failed;
  if (!f.count)
    return 0;
  kg_out_lit (&f.errors, "]");
  if (kg_out_ok (&f.errors))
    auth->host->member (req, "errors", (kg_str){ f.errors.ptr, f.errors.len });
  auth->host->problem (req, 422, NULL, "%.*s", (int) f.summary.len, summary);
  return -EINVAL;
}
