/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* LIMIT: may it, now?  Takes from the key's windows before work begins; LOG,
 * which sees how the request ended, settles or gives back. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- Headers ------------------------------------------------------------- */

/* A header's value in the making; every one of ours is far shorter. */
struct value {
  char text[160];
  char *end;
};

static inline void
value_text (struct value *v, const char *text, size_t len)
{
  memcpy (v->end, text, len);
  v->end += len;
}

#define VALUE_LIT(v, lit) value_text (v, lit, sizeof (lit) - 1)

static inline void
value_number (struct value *v, int64_t n)
{
  char digits[20], *p = digits + sizeof digits;
  uint64_t u = n > 0 ? (uint64_t) n : 0;
  do
    *--p = (char) ('0' + u % 10);
  while (u /= 10);
  value_text (v, p, (size_t) (digits + sizeof digits - p));
}

static void
show_number (const struct auth *auth, kg_req *req, const char *name, int64_t n)
{
  struct value v = { .end = v.text };
  value_number (&v, n);
  *v.end = 0;
  auth->host->header (req, name, v.text);
}

/* draft-ietf-httpapi-ratelimit-headers-11: the policies and where they stand. */
static void
show_fields (const struct auth *auth, kg_req *req, const struct limits *l,
             const struct standing *s)
{
  struct value policy = { .end = policy.text }, state = { .end = state.text };
  if (l->per_minute) {
    VALUE_LIT (&policy, "\"minute\";q=");
    value_number (&policy, l->per_minute);
    VALUE_LIT (&policy, ";w=60");
    VALUE_LIT (&state, "\"minute\";r=");
    value_number (&state, s->minute_left);
    VALUE_LIT (&state, ";t=");
    value_number (&state, s->minute_reset_s);
  }
  if (l->per_day) {
    if (l->per_minute) {
      VALUE_LIT (&policy, ", ");
      VALUE_LIT (&state, ", ");
    }
    VALUE_LIT (&policy, "\"day\";q=");
    value_number (&policy, l->per_day);
    VALUE_LIT (&policy, ";w=86400");
    VALUE_LIT (&state, "\"day\";r=");
    value_number (&state, s->day_left);
    VALUE_LIT (&state, ";t=");
    value_number (&state, s->day_reset_s);
  }
  *policy.end = *state.end = 0;
  auth->host->header (req, "RateLimit-Policy", policy.text);
  auth->host->header (req, "RateLimit", state.text);
}

/* The legacy fields speak of the day, or of the minute where days are free;
 * Reset is a time in seconds since the epoch. */
static void
show (const struct auth *auth, kg_req *req, struct pass *pass)
{
  const struct limits *l = &pass->limits;
  int32_t by_day = l->per_day != 0;
  struct standing s;
  limit_look (pass->cell, l, &pass->at, &s);
  pass->shown = 1;
  if (l->per_day || l->per_minute) {
    show_number (auth, req, "X-RateLimit-Limit", by_day ? l->per_day : l->per_minute);
    show_number (auth, req, "X-RateLimit-Remaining", by_day ? s.day_left : s.minute_left);
    show_number (auth, req, "X-RateLimit-Reset",
                 pass->at.wall_s + (by_day ? s.day_reset_s : s.minute_reset_s));
    show_fields (auth, req, l, &s);
  }
  show_number (auth, req, "X-RateLimit-Requests-Today", s.day_used);
  show_number (auth, req, "X-Tokens-Today", s.tokens_today);
  show_number (auth, req, "X-Tokens-Month", s.tokens_month);
}

/* ---- Refusals ------------------------------------------------------------ */

static int32_t
refuse (const struct auth *auth, kg_req *req, const struct pass *pass, int32_t denied)
{
  static const char *const name[LIMIT_KINDS] = { "", "[\"minute\"]", "[\"day\"]", "[\"tokens\"]" };
  static const enum auth_reason reason[LIMIT_KINDS]
      = { AUTH_REASONS, AUTH_MINUTE, AUTH_DAY, AUTH_TOKENS };
  const struct limits *l = &pass->limits;
  struct standing s;
  char detail[160];
  kg_str policies = { name[denied], strlen (name[denied]) };
  limit_look (pass->cell, l, &pass->at, &s);
  if (denied == LIMIT_TOKENS)
    snprintf (detail, sizeof detail,
              "Monthly token quota exceeded. %lld tokens per month allowed, %lld used.",
              (long long) l->tokens, (long long) s.tokens_month);
  else
    snprintf (detail, sizeof detail, "Rate limit exceeded. %lld requests per %s allowed.",
              (long long) (denied == LIMIT_DAY ? l->per_day : l->per_minute),
              denied == LIMIT_DAY ? "day" : "minute");
  auth->host->member (req, "violated_policies", policies);
  return auth_deny (auth, req, reason[denied], 429,
                    limit_retry (pass->cell, l, &pass->at, denied), detail);
}

/* Takes, or says which policy is against it.  Tokens are asked for first: they
 * take nothing here. */
static int32_t
take (const struct auth *auth, kg_req *req, struct pass *pass)
{
  int32_t denied = LIMIT_OK;
  if (auth->host->num (req, KG_NUM_ROUTE_FLAGS) & KG_BILLABLE)
    denied = limit_tokens (pass->cell, &pass->limits, &pass->at);
  if (denied == LIMIT_OK) {
    denied = limit_take (pass->cell, &pass->limits, &pass->at);
    pass->taken = denied == LIMIT_OK;
  }
  return denied;
}

/* ---- Hooks --------------------------------------------------------------- */

int32_t
quota_limit (kg_req *req, void *data)
{
  struct auth *auth = data;
  struct pass *pass = pass_of (auth, req);
  int32_t denied;
  if (!pass || auth->host->num (req, KG_NUM_ROUTE_FLAGS) & KG_PUBLIC)
    return KG_NEXT;
  denied = take (auth, req, pass);
  show (auth, req, pass);
  if (pass->taken)
    usage_mark (auth, pass->cell);
  if (denied == LIMIT_OK)
    return KG_NEXT;
  if (auth->shadow) {
    auth->metrics->add (auth->shadowed, (uint32_t) denied - 1, 1);
    return KG_NEXT;
  }
  return refuse (auth, req, pass, denied);
}

/* Answers that never came as far as LIMIT, as for a missing scope, have the
 * headers too. */
int32_t
quota_commit (kg_req *req, void *data)
{
  struct auth *auth = data;
  struct pass *pass = pass_of (auth, req);
  if (pass && !pass->shown && !(auth->host->num (req, KG_NUM_ROUTE_FLAGS) & KG_PUBLIC))
    show (auth, req, pass);
  return KG_NEXT;
}

/* The server's own failures are not charged, nor what another limit refused. */
static int32_t
status_refunds (int64_t status)
{
  return status >= 500 || status == 429 || status == 402 || status == 0;
}

int32_t
quota_log (kg_req *req, void *data)
{
  struct auth *auth = data;
  struct pass *pass = pass_of (auth, req);
  int64_t status;
  if (!pass || (!pass->taken && !pass->tokens))
    return KG_NEXT;
  status = auth->host->num (req, KG_NUM_STATUS);
  if (pass->taken && status_refunds (status))
    limit_refund (pass->cell, &pass->limits, &pass->at);
  if (pass->tokens && status < 400)
    limit_spend (pass->cell, pass->tokens, &pass->at);
  usage_mark (auth, pass->cell);
  return KG_NEXT;
}

/* ---- budget/1 ------------------------------------------------------------ */

static const struct auth *budget_auth;

void
quota_attach (const struct auth *auth)
{
  budget_auth = auth;
}

static int32_t
budget_spend (kg_req *req, uint64_t tokens)
{
  struct pass *pass = budget_auth ? pass_of (budget_auth, req) : NULL;
  if (!pass)
    return -EACCES;
  if (__builtin_add_overflow (pass->tokens, tokens, &pass->tokens))
    pass->tokens = UINT64_MAX;
  return 0;
}

static int64_t
budget_left (kg_req *req)
{
  struct pass *pass = budget_auth ? pass_of (budget_auth, req) : NULL;
  struct standing s;
  int64_t left;
  if (!pass)
    return -EACCES;
  if (!pass->limits.tokens)
    return KG_BUDGET_UNLIMITED;
  limit_look (pass->cell, &pass->limits, &pass->at, &s);
  left = pass->limits.tokens - s.tokens_month;
  return left > 0 && (uint64_t) left > pass->tokens ? left - (int64_t) pass->tokens : 0;
}

const struct kg_budget quota_budget = {
  .size = sizeof (struct kg_budget),
  .spend = budget_spend,
  .left = budget_left,
};
