/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* void.capital: an account that pays for exceptions.
 *
 * A bypass is a token for one check, which stands for a minute.  The check "entropy" is the
 * host's own: a call that names the token in the field Kgent-Bypass draws on it when the
 * pool has not enough, and uses it up.  Everything is the account of the caller's own tenant;
 * there is no other that could be named. */
#include "plugins/agentese/void.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define TITHE (AG_MICRO / 10)
#define BYPASS (AG_MICRO / 10)
#define SECOND 1000000000
#define WORTH 100 /* entropy for which a token pays, per capital that it cost */

/* Whose account is meant: one's own. */
static int32_t
account_check (struct ag_call *c)
{
  uint32_t i = ag_kwarg (c, "account");
  static const struct ag_advice advice
      = { "An account belongs to one tenant, and only its own keys move it.",
          "leave the argument 'account' out", NULL };
  if (!i || kg_json_is (c->json, i, c->who->tenant)
      || (c->who->subject && kg_json_is (c->json, i, c->who->subject)))
    return 0;
  return ag_refuse_why (c, AG_FORBIDDEN, 403, &advice, "Argument 'account' names another account");
}

/* ---- balance, history ----------------------------------------------------------- */

/* Writes the bypasses that still stand at that time; their number. */
static uint32_t
bypasses_write (const struct kg_json *j, int64_t now, struct kg_out *out)
{
  uint32_t i, n = 0;
  kg_out_lit (out, "[");
  for (i = j ? kg_json_first (j, 0) : 0; i; i = kg_json_next (j, 0, i)) {
    kg_str text = kg_json_text (j, i);
    if (kg_json_int (j, kg_json_find (j, i, "until"), 0) <= now)
      continue;
    kg_out_lit (out, n++ ? "," : "");
    kg_out_raw (out, text.ptr, text.len);
  }
  kg_out_lit (out, "]");
  return n;
}

struct balance {
  struct ag_pool pool;
  const struct kg_json *bypasses;
};

static void
open_write (struct ag_call *c, const struct kg_json *j, struct kg_out *out)
{
  uint32_t i, n = 0;
  for (i = j ? kg_json_first (j, 0) : 0; i; i = kg_json_next (j, 0, i)) {
    int64_t until = kg_json_int (j, kg_json_find (j, i, "until"), 0);
    kg_str check = kg_json_text (j, kg_json_find (j, i, "check"));
    if (until <= ag_now (c))
      continue;
    kg_out_lit (out, n++ ? ",{\"check\":" : "{\"check\":");
    kg_out_raw (out, check.ptr, check.len);
    kg_out_lit (out, ",\"expires_at\":");
    ag_out_time (out, until);
    kg_out_lit (out, "}");
  }
}

static void
balance_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct balance *b = arg;
  kg_out_lit (out, "{");
  ag_out_micro_member (out, "balance", b->pool.capital);
  ag_out_micro_member (out, "maximum", AG_CAPITAL_MAX);
  kg_out_lit (out, ",\"bypasses\":[");
  open_write (c, b->bypasses, out);
  kg_out_lit (out, "]}");
}

int32_t
ag_capital_balance (struct ag_call *c)
{
  struct balance b;
  int32_t r = account_check (c);
  if (r || (r = ag_pool_get (c, &b.pool)) < 0)
    return r;
  b.bypasses = c->ag->host->parse (c->req, b.pool.bypasses);
  return b.bypasses ? ag_answer (c, balance_write, &b) : -ENOMEM;
}

static void
history_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_trace *trace = arg;
  const struct kg_json *j = trace->json;
  uint32_t i, n = 0;
  (void)c;
  kg_out_lit (out, "{\"history\":[");
  for (i = j ? kg_json_first (j, trace->history) : 0; i; i = kg_json_next (j, trace->history, i)) {
    uint32_t moved = kg_json_find (j, i, "capital");
    kg_str line = kg_json_text (j, i);
    if (!moved || ag_json_number (j, moved, 0) == 0)
      continue;
    kg_out_lit (out, n++ ? "," : "");
    kg_out_raw (out, line.ptr, line.len);
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, n);
  kg_out_lit (out, "}");
}

int32_t
ag_capital_history (struct ag_call *c)
{
  struct ag_trace trace;
  int32_t r = account_check (c);
  if (r || (r = ag_trace_get (c, ag_str ("void.pool"), &trace)) < 0)
    return r;
  return ag_answer (c, history_write, &trace);
}

/* ---- tithe ------------------------------------------------------------------------ */

static void
tithe_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  (void)c;
  kg_out_lit (out, "{");
  ag_out_micro_member (out, "tithed", o->capital);
  ag_out_micro_member (out, "balance", o->after.capital);
  kg_out_lit (out, "}");
}

int32_t
ag_capital_tithe (struct ag_call *c)
{
  struct ag_offering *o = ag_offering_new (c);
  int32_t r = account_check (c);
  if (r || !o)
    return r ? r : -ENOMEM;
  o->capital = ag_micro_arg (c, "amount", TITHE);
  o->result = tithe_write;
  return ag_offering_run (o);
}

/* ---- bypass ----------------------------------------------------------------------- */

static kg_str
token_make (struct ag_call *c)
{
  static const char hex[] = "0123456789abcdef";
  uint8_t bytes[16];
  char *out = c->ag->host->alloc (c->req, 2 * sizeof bytes);
  uint32_t i;
  if (!out || getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    return (kg_str){ NULL, 0 };
  for (i = 0; i < sizeof bytes; i++) {
    out[2 * i] = hex[bytes[i] >> 4];
    out[2 * i + 1] = hex[bytes[i] & 15];
  }
  return (kg_str){ out, 2 * sizeof bytes };
}

/* Adds the token to those that still stand. */
static int32_t
bypass_step (struct ag_offering *o, struct ag_pool *pool)
{
  struct ag_call *c = o->call;
  const struct kg_json *j = c->ag->host->parse (c->req, pool->bypasses);
  struct kg_out out;
  uint32_t n;
  if (!j || ag_out_new (c, pool->bypasses.len + o->text.len + 128, &out) < 0)
    return -ENOMEM;
  n = bypasses_write (j, ag_now (c), &out);
  if (n >= AG_BYPASSES_MAX)
    return ag_over_limit (c, "agentese.bypasses", AG_BYPASSES_MAX, "open bypasses");
  out.len--;
  kg_out_lit (&out, n ? ",{\"token\":" : "{\"token\":");
  kg_out_str (&out, o->token);
  kg_out_lit (&out, ",\"check\":");
  kg_out_raw (&out, o->text.ptr, o->text.len);
  kg_out_lit (&out, ",\"cost\":");
  kg_out_int (&out, o->capital);
  kg_out_lit (&out, ",\"until\":");
  kg_out_int (&out, ag_now (c) + AG_BYPASS_SECONDS * (int64_t)SECOND);
  kg_out_lit (&out, "}]");
  pool->bypasses = (kg_str){ out.ptr, out.len };
  return kg_out_ok (&out) ? 0 : -ENOMEM;
}

/* ---- Its use -------------------------------------------------------------------------- */

static int32_t
pays (const struct ag_call *c, const struct kg_json *j, uint32_t bypass, int64_t entropy)
{
  return kg_json_is (j, kg_json_find (j, bypass, "check"), "entropy")
         && kg_json_int (j, kg_json_find (j, bypass, "until"), 0) > ag_now (c)
         && kg_json_int (j, kg_json_find (j, bypass, "cost"), 0) * WORTH >= entropy;
}

int32_t
ag_bypass_find (struct ag_call *c, const struct ag_pool *pool, int64_t entropy)
{
  kg_str token = c->ag->host->get (c->req, KG_GET_HEADER, "Kgent-Bypass");
  const struct kg_json *j;
  int32_t n = 0;
  uint32_t i;
  if (!token.ptr)
    return 0;
  j = c->ag->host->parse (c->req, pool->bypasses);
  if (!j)
    return -ENOMEM;
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i)) {
    kg_str is = kg_json_raw (j, kg_json_find (j, i, "token"));
    n++;
    if (is.len == token.len && !memcmp (is.ptr, token.ptr, is.len))
      return pays (c, j, i, entropy) ? n : 0;
  }
  return 0;
}

int32_t
ag_bypass_take (struct ag_call *c, struct ag_pool *pool, int32_t number)
{
  const struct kg_json *j = c->ag->host->parse (c->req, pool->bypasses);
  struct kg_out out;
  uint32_t i, n = 0;
  int32_t at = 0;
  if (!j || ag_out_new (c, pool->bypasses.len, &out) < 0)
    return -ENOMEM;
  kg_out_lit (&out, "[");
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i)) {
    kg_str text = kg_json_text (j, i);
    if (++at == number)
      continue;
    kg_out_lit (&out, n++ ? "," : "");
    kg_out_raw (&out, text.ptr, text.len);
  }
  kg_out_lit (&out, "]");
  pool->bypasses = (kg_str){ out.ptr, out.len };
  return kg_out_ok (&out) ? 0 : -ENOMEM;
}

static void
bypass_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  kg_out_lit (out, "{\"token\":");
  kg_out_str (out, o->token);
  kg_out_lit (out, ",\"check\":");
  kg_out_raw (out, o->text.ptr, o->text.len);
  ag_out_micro_member (out, "cost", o->capital);
  ag_out_micro_member (out, "balance", o->after.capital);
  kg_out_lit (out, ",\"ttl_seconds\":");
  kg_out_int (out, AG_BYPASS_SECONDS);
  kg_out_lit (out, ",\"expires_at\":");
  ag_out_time (out, ag_now (c) + AG_BYPASS_SECONDS * (int64_t)SECOND);
  kg_out_lit (out, "}");
}

int32_t
ag_capital_bypass (struct ag_call *c)
{
  struct ag_offering *o = ag_offering_new (c);
  int32_t r = account_check (c);
  if (r || !o)
    return r ? r : -ENOMEM;
  o->capital = ag_micro_arg (c, "cost", BYPASS);
  o->text = ag_arg_json (c, "check");
  o->token = token_make (c);
  if (!o->text.ptr || !o->token.ptr)
    return -ENOMEM;
  o->step = bypass_step;
  o->result = bypass_write;
  return ag_offering_run (o);
}
