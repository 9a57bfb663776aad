/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The pool: how it is kept, what takes from it, and what that left behind. */
#include "plugins/agentese/common.h"
#include "plugins/agentese/void.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

#define POOL "void.pool"

/* ---- Numbers ------------------------------------------------------------------ */

int64_t
ag_micro_arg (const struct ag_call *c, const char *name, int64_t dflt)
{
  int64_t v;
  if (!ag_kwarg (c, name))
    return dflt;
  v = llround (ag_arg_number (c, name, 0) * AG_MICRO);
  return v > 0 ? v : 1;
}

void
ag_out_micro (struct kg_out *out, int64_t v)
{
  uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v, rest = u % AG_MICRO;
  char digits[7] = ".000000";
  size_t n = 7;
  uint32_t i;
  if (v < 0)
    kg_out_lit (out, "-");
  kg_out_int (out, (int64_t)(u / AG_MICRO));
  for (i = 6; i; i--, rest /= 10)
    digits[i] = (char)('0' + rest % 10);
  while (n > 2 && digits[n - 1] == '0')
    n--;
  kg_out_raw (out, digits, n);
}

void
ag_out_micro_member (struct kg_out *out, const char *name, int64_t v)
{
  if (out->len && out->len <= out->cap && out->ptr[out->len - 1] != '{')
    kg_out_lit (out, ",");
  else if (out->len > out->cap)
    kg_out_lit (out, ","); /* it is written again anyway */
  kg_out_text (out, name);
  kg_out_lit (out, ":");
  ag_out_micro (out, v);
}

void
ag_out_seed (struct kg_out *out, double seed)
{
  uint64_t v = (uint64_t)(seed * 1e15);
  char digits[15];
  uint32_t i;
  for (i = 15; i--; v /= 10)
    digits[i] = (char)('0' + v % 10);
  kg_out_lit (out, "0.");
  kg_out_raw (out, digits, sizeof digits);
}

/* ---- Reading and writing -------------------------------------------------------- */

static void
pool_read (const struct ag_node *node, struct ag_pool *ret)
{
  const struct kg_json *j = node->json;
  uint32_t s = node->state, bypasses, woken;
  *ret = (struct ag_pool){ .entropy = AG_ENTROPY_MAX,
                           .capital = AG_CAPITAL_START,
                           .bypasses = { "[]", 2 },
                           .woken = { "null", 4 } };
  if (!j)
    return;
  ret->entropy = kg_json_int (j, kg_json_find (j, s, "entropy"), 0);
  ret->capital = kg_json_int (j, kg_json_find (j, s, "capital"), 0);
  ret->drawn = kg_json_int (j, kg_json_find (j, s, "drawn"), 0);
  ret->returned = kg_json_int (j, kg_json_find (j, s, "returned"), 0);
  bypasses = kg_json_find (j, s, "bypasses");
  woken = kg_json_find (j, s, "woken");
  if (bypasses)
    ret->bypasses = kg_json_text (j, bypasses);
  if (woken)
    ret->woken = kg_json_text (j, woken);
}

int32_t
ag_pool_get (struct ag_call *c, struct ag_pool *ret)
{
  struct ag_node node;
  int32_t r = ag_node_get (c, ag_str (POOL), &node);
  if (r < 0 && r != -ENOENT)
    return r;
  pool_read (&node, ret);
  return 0;
}

static int32_t
pool_write (struct ag_call *c, const struct ag_pool *pool, kg_str *ret)
{
  struct kg_out o;
  if (ag_out_new (c, 256 + pool->bypasses.len + pool->woken.len, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "{\"entropy\":");
  kg_out_int (&o, pool->entropy);
  kg_out_lit (&o, ",\"capital\":");
  kg_out_int (&o, pool->capital);
  kg_out_lit (&o, ",\"drawn\":");
  kg_out_int (&o, pool->drawn);
  kg_out_lit (&o, ",\"returned\":");
  kg_out_int (&o, pool->returned);
  kg_out_lit (&o, ",\"bypasses\":");
  kg_out_raw (&o, pool->bypasses.ptr, pool->bypasses.len);
  kg_out_lit (&o, ",\"woken\":");
  kg_out_raw (&o, pool->woken.ptr, pool->woken.len);
  kg_out_lit (&o, "}");
  *ret = (kg_str){ o.ptr, o.len };
  return kg_out_ok (&o) ? 0 : -ENOMEM;
}

/* ---- Taking ---------------------------------------------------------------------- */

/* More is asked than there is. */
static int32_t
exhausted (struct ag_call *c, const char *what, int64_t asked, int64_t left,
           const struct ag_advice *advice)
{
  char buf[64];
  struct kg_out o = { buf, 0, sizeof buf - 1 };
  ag_out_micro (&o, asked);
  kg_out_lit (&o, " asked, ");
  ag_out_micro (&o, left);
  kg_out_lit (&o, " left");
  buf[kg_out_ok (&o) ? o.len : 0] = 0;
  return ag_refuse_why (c, AG_UNAFFORDABLE, 402, advice, "%s exhausted: %s", what, buf);
}

/* The pool has not enough: a token may pay for it. */
static int32_t
bypass (struct ag_offering *o, struct ag_pool *pool, const struct ag_advice *pour)
{
  static const char *const related[] = { "void.capital.bypass", "void.capital.balance", NULL };
  static const struct ag_advice spent
      = { "The token of Kgent-Bypass is used or over, is for another check, or cost less than a "
          "hundredth of what is drawn.",
          "void.capital.bypass with the check 'entropy' pays for a new one", related };
  struct ag_call *c = o->call;
  int32_t r = ag_bypass_find (c, pool, o->entropy);
  if (r > 0)
    return ag_bypass_take (c, pool, r);
  if (r < 0)
    return r;
  return exhausted (c, "Entropy", o->entropy, pool->entropy,
                    c->ag->host->get (c->req, KG_GET_HEADER, "Kgent-Bypass").ptr ? &spent : pour);
}

static int32_t
take (struct ag_offering *o, struct ag_pool *pool)
{
  static const char *const entropy[] = { "void.entropy.pour", "void.gratitude.tithe",
                                         "void.entropy.status", "void.capital.bypass", NULL };
  static const char *const capital[]
      = { "void.gratitude.acknowledge", "void.capital.balance", NULL };
  static const struct ag_advice pour
      = { "A pool gives what it has, never more: it is not negative.",
          "void.entropy.pour returns what was drawn, and half of it is recovered", entropy };
  static const struct ag_advice earn = { "An account gives what it has, never more.",
                                         "void.gratitude.acknowledge earns capital", capital };
  int32_t r;
  o->bypassed = o->entropy > pool->entropy;
  if (o->bypassed && (r = bypass (o, pool, &pour)))
    return r;
  if (o->capital > pool->capital)
    return exhausted (o->call, "Capital", o->capital, pool->capital, &earn);
  o->gained = 0;
  if (o->entropy < 0) {
    int64_t room = AG_ENTROPY_MAX - pool->entropy;
    o->gained = -o->entropy < room ? -o->entropy : room;
    pool->returned += o->gained;
    pool->entropy += o->gained;
  } else if (!o->bypassed) {
    pool->drawn += o->entropy;
    pool->entropy -= o->entropy;
  }
  pool->capital -= o->capital;
  if (pool->capital > AG_CAPITAL_MAX)
    pool->capital = AG_CAPITAL_MAX;
  return 0;
}

/* What the line in the history says besides. */
static int32_t
note_make (struct ag_change *ch, const struct ag_pool *before, const struct ag_pool *after)
{
  struct ag_call *c = ch->call;
  struct kg_out o;
  if (ag_out_new (c, c->path.base.len + 160, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, ",\"path\":");
  kg_out_str (&o, c->path.base);
  ag_out_micro_member (&o, "entropy", after->entropy - before->entropy);
  ag_out_micro_member (&o, "capital", after->capital - before->capital);
  ag_out_micro_member (&o, "remaining", after->entropy);
  if (((const struct ag_offering *)ch->extra)->bypassed)
    kg_out_lit (&o, ",\"bypass\":\"entropy\"");
  ch->note = (kg_str){ o.ptr, o.len };
  return kg_out_ok (&o) ? 0 : -ENOMEM;
}

static int32_t
prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct ag_offering *o = ch->extra;
  struct ag_pool before;
  int32_t r;
  pool_read (old, &before);
  o->after = before;
  if ((r = take (o, &o->after)) || (o->step && (r = o->step (o, &o->after))))
    return r;
  ch->bump = 1;
  r = pool_write (ch->call, &o->after, &ch->state);
  return r ? r : note_make (ch, &before, &o->after);
}

struct ag_offering *
ag_offering_new (struct ag_call *c)
{
  struct ag_offering *o = c->ag->host->alloc (c->req, sizeof *o);
  if (!o)
    return NULL;
  memset (o, 0, sizeof *o);
  o->call = c;
  if (getrandom (&o->dice, sizeof o->dice, 0) != sizeof o->dice)
    return NULL; /* never after the system has booted */
  o->seed = (double)(o->dice >> 11) * 0x1p-53;
  return o;
}

static int32_t
drawn (struct ag_change *ch)
{
  const struct ag_offering *o = ch->extra;
  return o->next (ch->call);
}

const struct ag_offering *
ag_offering_of (const void *change)
{
  return ((const struct ag_change *)change)->extra;
}

int32_t
ag_offering_run (struct ag_offering *o)
{
  struct ag_change *ch = ag_change_new (o->call);
  if (!ch)
    return -ENOMEM;
  ch->handle = ag_str (POOL);
  ch->prepare = prepare;
  ch->result = o->result;
  ch->done = o->next ? drawn : NULL;
  ch->extra = o;
  return ag_change_run (ch);
}

int32_t
ag_pool_draw (struct ag_call *c, double amount, int32_t (*next) (struct ag_call *c))
{
  struct ag_offering *o;
  char scope[AG_PATH_MAX + 8];
  if (!ag_may_invoke (c->who, c->path.base, 1, scope))
    return ag_no_scope (c, scope); /* a draw changes the pool, whatever the aspect does */
  o = ag_offering_new (c);
  if (!o)
    return -ENOMEM;
  o->entropy = llround (amount * AG_MICRO);
  o->next = next;
  return ag_offering_run (o);
}

/* ---- witness ----------------------------------------------------------------------- */

int32_t
ag_void_witness (struct ag_call *c)
{
  return ag_witness_of (c, ag_str (POOL));
}
