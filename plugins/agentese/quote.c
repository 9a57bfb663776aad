/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a call would cost, before anybody pays it; and what a caller pays at most. */
#include "plugins/agentese/quote.h"
#include "plugins/agentese/void.h"

#include <kgent/accept.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define QUOTE_SIZE 20480 /* a refusal with all its characters escaped */

static const char *const kind_names[] = { "requests", "tokens", "money" };
static const uint32_t kinds[] = { KG_BUDGET_REQUESTS, KG_BUDGET_TOKENS, KG_BUDGET_MONEY };
#define KINDS 3

const char ag_quote_parameters[]
    = "[{\"name\":\"quote\",\"in\":\"query\",\"required\":false,"
      "\"description\":\"1: what it would cost at most; nothing is invoked.\","
      "\"schema\":{\"type\":\"string\",\"enum\":[\"0\",\"1\"]}}]";

/* ---- Whether a quote is asked ------------------------------------------------- */

static int32_t
prefers_quote (const struct ag_call *c)
{
  kg_str rest = c->ag->host->get (c->req, KG_GET_HEADER, "Prefer");
  while (rest.len) {
    kg_str item = kg_part_next (&rest, ','), name = kg_part_next (&item, ';');
    if (kg_part_is (name, "quote"))
      return 1;
  }
  return 0;
}

/* ---- What it would cost ---------------------------------------------------------- */

/* The most of each kind, in the order of `kinds`. */
static void
most (const struct ag_cost *cost, int64_t ret[KINDS])
{
  ret[0] = cost && cost->requests > 1 ? cost->requests : 1;
  ret[1] = cost ? ag_cost_tokens_max (cost) : 0;
  ret[2] = cost ? cost->money : 0;
}

void
ag_cost_write (const struct ag_cost *cost, struct kg_out *out)
{
  int64_t n[KINDS];
  uint32_t i;
  most (cost, n);
  for (i = 0; i < KINDS; i++) {
    kg_out_lit (out, i ? ",\"" : "{\"");
    kg_out_lit (out, kind_names[i]);
    kg_out_lit (out, "\":");
    kg_out_int (out, n[i]);
  }
  kg_out_lit (out, "}");
}

/* What is left of each kind; negative: as much as one likes. */
static void
left_find (const struct ag_call *c, int64_t ret[KINDS])
{
  const struct kg_budget *budget = c->ag->budget;
  uint32_t i;
  for (i = 0; i < KINDS; i++)
    ret[i] = budget && budget->left2 ? budget->left2 (c->req, kinds[i]) : KG_BUDGET_UNLIMITED;
}

static void
left_write (const int64_t left[KINDS], struct kg_out *out)
{
  uint32_t i;
  for (i = 0; i < KINDS; i++) {
    kg_out_lit (out, i ? ",\"" : "{\"");
    kg_out_lit (out, kind_names[i]);
    kg_out_lit (out, "\":");
    if (left[i] < 0)
      kg_out_lit (out, "null");
    else
      kg_out_int (out, left[i]);
  }
  kg_out_lit (out, "}");
}

/* The kind of which there is not enough, or NULL.  The request itself is counted already. */
static const char *
lacking (const struct ag_cost *cost, const int64_t left[KINDS], int64_t *ret_needed)
{
  int64_t n[KINDS];
  uint32_t i;
  most (cost, n);
  n[0]--;
  for (i = 0; i < KINDS; i++)
    if (left[i] >= 0 && n[i] > left[i]) {
      *ret_needed = n[i];
      return kind_names[i];
    }
  return NULL;
}

static void
refusal_write (int32_t status, const char *detail, struct kg_out *out)
{
  kg_out_lit (out, ",\"refusal\":");
  if (status == 200) {
    kg_out_lit (out, "null");
    return;
  }
  kg_out_lit (out, "{\"status\":");
  kg_out_int (out, status);
  kg_out_lit (out, ",\"detail\":");
  kg_out_text (out, detail);
  kg_out_lit (out, "}");
}

int32_t
ag_quote_reply (struct ag_call *c, kg_str subject, int32_t status, const char *detail)
{
  size_t size = QUOTE_SIZE + subject.len;
  char *buf = c->ag->host->alloc (c->req, size);
  struct kg_out o = { buf, 0, size };
  int64_t left[KINDS];
  int32_t r;
  if (!buf)
    return -ENOMEM;
  left_find (c, left);
  kg_out_lit (&o, "{");
  kg_out_raw (&o, subject.ptr, subject.len);
  kg_out_lit (&o, status == 200 ? ",\"allowed\":true,\"cost\":" : ",\"allowed\":false,\"cost\":");
  ag_cost_write (c->cost, &o);
  kg_out_lit (&o, ",\"left\":");
  left_write (left, &o);
  refusal_write (status, detail, &o);
  kg_out_lit (&o, "}");
  if (!kg_out_ok (&o))
    return -ENOMEM;
  r = c->ag->host->reply (c->req, 200, "application/json", o.ptr, o.len);
  return r < 0 ? r : KG_DONE;
}

int32_t
ag_quote_of (struct ag_call *c, kg_str subject)
{
  int64_t left[KINDS], needed = 0;
  const char *kind;
  char detail[160];
  left_find (c, left);
  kind = lacking (c->cost, left, &needed);
  if (!kind)
    return ag_quote_reply (c, subject, 200, NULL);
  snprintf (detail, sizeof detail, "What is left of the month's %s doesn't cover %lld", kind,
            (long long)needed);
  return ag_quote_reply (c, subject, 402, detail);
}

static kg_str
path_member (struct ag_call *c, char buf[6 * AG_PATH_MAX + 16])
{
  struct kg_out o = { buf, 0, 6 * AG_PATH_MAX + 16 };
  kg_out_lit (&o, "\"path\":");
  kg_out_str (&o, c->path.text);
  return (kg_str){ buf, o.len };
}

/* The call would be refused.  What names no aspect has no price, and is refused here, too. */
static int32_t
quote_failed (struct ag_call *c, int32_t status, const char *detail)
{
  char buf[6 * AG_PATH_MAX + 16];
  if (!c->slot)
    return c->ag->host->problem (c->req, status, NULL, "%s", detail);
  ag_price_find (c);
  return ag_quote_reply (c, path_member (c, buf), status, detail);
}

double
ag_quote_draw (const struct ag_call *c)
{
  return c->path.clauses & 1u << AG_ENTROPY ? c->path.entropy : 0;
}

int32_t
ag_quote_pool (struct ag_call *c, double amount)
{
  struct ag_pool pool;
  int64_t micro = llround (amount * AG_MICRO);
  int32_t r = micro > 0 ? ag_pool_get (c, &pool) : 0;
  if (r || micro <= 0 || micro <= pool.entropy || (r = ag_bypass_find (c, &pool, micro)))
    return r < 0 ? r : 0;
  return ag_refuse (c, AG_UNAFFORDABLE, 402, "Entropy exhausted: void.entropy.pour returns some");
}

int32_t
ag_quote_answer (struct ag_call *c)
{
  char buf[6 * AG_PATH_MAX + 16];
  int32_t r = ag_quote_within (c);
  if (r || (r = ag_quote_pool (c, ag_quote_draw (c))))
    return r;
  return ag_quote_of (c, path_member (c, buf));
}

int32_t
ag_quote_begin (struct ag_call *c)
{
  const struct kg_host *host = c->ag->host;
  kg_str said = { NULL, 0 };
  char shown[64];
  if (host->get (c->req, KG_GET_QUERY, NULL).len)
    said = host->get (c->req, KG_GET_QUERY, "quote");
  if (said.ptr && (ag_str_is (said, "1") || ag_str_is (said, "true")))
    c->quote = 1;
  else if (said.ptr && !ag_str_is (said, "0") && !ag_str_is (said, "false"))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Parameter 'quote' is 1 or 0, not '%s'",
                      ag_quote (shown, sizeof shown, said));
  else if (!said.ptr && prefers_quote (c)) {
    c->quote = 1;
    host->header (c->req, "Preference-Applied", "quote");
  }
  c->silent |= c->quote;
  if (c->quote)
    c->failed = quote_failed;
  return 0;
}

/* ---- Kgent-Max-Cost ---------------------------------------------------------------- */

/* A decimal number of at most 18 digits, or -1. */
static int64_t
number (kg_str s)
{
  int64_t n = 0;
  size_t i;
  for (i = 0; i < s.len; i++) {
    if (s.ptr[i] < '0' || s.ptr[i] > '9')
      return -1;
    n = n * 10 + (s.ptr[i] - '0');
  }
  return s.len ? n : -1;
}

int32_t
ag_quote_within (struct ag_call *c)
{
  kg_str field = c->ag->host->get (c->req, KG_GET_HEADER, "Kgent-Max-Cost");
  int64_t n[KINDS], max = 0;
  char buf[128];
  struct kg_out o = { buf, 0, sizeof buf };
  uint32_t i;
  if (!field.ptr)
    return 0;
  if (field.len > 18 || (max = number (field)) < 0)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                      "Kgent-Max-Cost is a decimal number of at most 18 digits");
  most (c->cost, n);
  n[0]--;
  for (i = 0; i < KINDS && n[i] <= max; i++)
    continue;
  if (i == KINDS)
    return 0;
  ag_cost_write (c->cost, &o);
  if (kg_out_ok (&o))
    c->ag->host->member (c->req, "cost", (kg_str){ buf, o.len });
  return ag_refuse (c, AG_UNAFFORDABLE, 402, "It can cost %lld %s, and Kgent-Max-Cost is %lld",
                    (long long)n[i], kind_names[i], (long long)max);
}
