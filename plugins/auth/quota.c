/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* LIMIT: may it, now?  Takes from the key's windows before work begins; LOG,
 * which sees how the request ended, settles or gives back. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- Headers ------------------------------------------------------------- */

/* A number as text: formatted by hand, for it is done seven times a request. */
struct number {
  const char *text; /* in `digits`: must not be moved */
  size_t len;
  char digits[24];
};

static void
number_make (struct number *n, int64_t value)
{
  static const char pairs[] = "0001020304050607080910111213141516171819"
                              "2021222324252627282930313233343536373839"
                              "4041424344454647484950515253545556575859"
                              "6061626364656667686970717273747576777879"
                              "8081828384858687888990919293949596979899";
  char *p = n->digits + sizeof n->digits - 1;
  uint64_t u = value > 0 ? (uint64_t) value : 0;
  *p = 0;
  for (; u >= 10; u /= 100)
    memcpy (p -= 2, pairs + u % 100 * 2, 2);
  if (u || !*p)
    *--p = (char) ('0' + u);
  n->text = p;
  n->len = (size_t) (n->digits + sizeof n->digits - 1 - p);
}

static char *
text_add (char *end, const char *text, size_t len)
{
  memcpy (end, text, len);
  return end + len;
}

/* `"name";r=LEFT;t=RESET` at `end`. */
static char *
state_add (char *end, const char *name, size_t len, const struct number *left, int64_t reset_s)
{
  struct number reset;
  number_make (&reset, reset_s);
  end = text_add (end, name, len);
  end = text_add (end, left->text, left->len);
  end = text_add (end, ";t=", 3);
  return text_add (end, reset.text, reset.len);
}

/* draft-ietf-httpapi-ratelimit-headers-11: where each policy stands. */
static void
show_state (const struct auth *auth, kg_req *req, const struct limits *l, const struct standing *s,
            const struct number *minute_left, const struct number *day_left)
{
  static const char minute[] = "\"minute\";r=", day[] = "\"day\";r=";
  char text[160], *end = text;
  if (l->per_minute)
    end = state_add (end, minute, sizeof minute - 1, minute_left, s->minute_reset_s);
  if (l->per_minute && l->per_day)
    end = text_add (end, ", ", 2);
  if (l->per_day)
    end = state_add (end, day, sizeof day - 1, day_left, s->day_reset_s);
  *end = 0;
  auth->host->header (req, "RateLimit", text);
}

static void
show_number (const struct auth *auth, kg_req *req, const char *name, int64_t value)
{
  struct number n;
  number_make (&n, value);
  auth->host->header (req, name, n.text);
}

/* The end of the day is the same for a whole day. */
static void
show_midnight (const struct auth *auth, kg_req *req, int64_t at_s)
{
  static _Thread_local struct number midnight;
  static _Thread_local int64_t midnight_s;
  if (midnight_s != at_s)
    number_make (&midnight, midnight_s = at_s);
  auth->host->header (req, "X-RateLimit-Reset", midnight.text);
}

/* The legacy fields speak of the day, or of the minute where days are free;
 * Reset is a time in seconds since the epoch. */
static void
show_limits (const struct auth *auth, kg_req *req, const struct pass *pass,
             const struct standing *s)
{
  const struct plan *plan = pass->plan;
  struct number minute_left, day_left;
  number_make (&minute_left, s->minute_left);
  number_make (&day_left, s->day_left);
  auth->host->header (req, "X-RateLimit-Limit", plan->limit);
  if (plan->limits.per_day) {
    auth->host->header (req, "X-RateLimit-Remaining", day_left.text);
    show_midnight (auth, req, pass->at.wall_s + s->day_reset_s);
  } else {
    auth->host->header (req, "X-RateLimit-Remaining", minute_left.text);
    show_number (auth, req, "X-RateLimit-Reset", pass->at.wall_s + s->minute_reset_s);
  }
  auth->host->header (req, "RateLimit-Policy", plan->policy);
  show_state (auth, req, &plan->limits, s, &minute_left, &day_left);
}

static void
show (const struct auth *auth, kg_req *req, struct pass *pass)
{
  struct standing s;
  limit_look (pass->cell, &pass->plan->limits, &pass->at, &s);
  pass->shown = 1;
  if (*pass->plan->limit)
    show_limits (auth, req, pass, &s);
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
  const struct limits *l = &pass->plan->limits;
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
    denied = limit_tokens (pass->cell, &pass->plan->limits, &pass->at);
  if (denied == LIMIT_OK) {
    denied = limit_take (pass->cell, &pass->plan->limits, &pass->at);
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
    limit_refund (pass->cell, &pass->plan->limits, &pass->at);
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
  if (!pass->plan->limits.tokens)
    return KG_BUDGET_UNLIMITED;
  limit_look (pass->cell, &pass->plan->limits, &pass->at, &s);
  left = pass->plan->limits.tokens - s.tokens_month;
  return left > 0 && (uint64_t) left > pass->tokens ? left - (int64_t) pass->tokens : 0;
}

const struct kg_budget quota_budget = {
  .size = sizeof (struct kg_budget),
  .spend = budget_spend,
  .left = budget_left,
};
