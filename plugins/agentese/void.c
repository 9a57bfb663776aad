/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* void.*: budgets of chance and grace.  This file has the tables, and the aspects of
 * the pool itself. */
#include "plugins/agentese/common.h"
#include "plugins/agentese/void.h"

#include <errno.h>

#define SIP (AG_MICRO / 10)
#define TITHE (AG_MICRO / 10) /* what gratitude regenerates */
#define THANKS (AG_MICRO / 100) /* capital that an acknowledgement earns */

/* ---- entropy ------------------------------------------------------------------ */

static void
sip_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  (void)c;
  kg_out_lit (out, "{");
  ag_out_micro_member (out, "amount", o->entropy);
  kg_out_lit (out, ",\"seed\":");
  ag_out_seed (out, o->seed);
  kg_out_lit (out, ",\"source\":\"accursed_share\"}");
}

static int32_t
sip (struct ag_call *c)
{
  struct ag_offering *o = ag_offering_new (c);
  if (!o)
    return -ENOMEM;
  o->entropy = ag_micro_arg (c, "amount", SIP);
  o->result = sip_write;
  return ag_offering_run (o);
}

static void
pour_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  kg_out_lit (out, "{");
  ag_out_micro_member (out, "returned", ag_micro_arg (c, "amount", 0));
  ag_out_micro_member (out, "recovered", o->gained);
  ag_out_micro_member (out, "remaining", o->after.entropy);
  kg_out_lit (out, "}");
}

static int32_t
pour (struct ag_call *c)
{
  struct ag_offering *o = ag_offering_new (c);
  if (!o)
    return -ENOMEM;
  o->entropy = -(ag_micro_arg (c, "amount", SIP) / 2);
  o->result = pour_write;
  return ag_offering_run (o);
}

static void
sample_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = arg;
  int64_t i, n = ag_arg_int (c, "count", 1);
  uint64_t x = o->dice;
  kg_out_lit (out, "{\"samples\":[");
  for (i = 0; i < n; i++) {
    uint64_t z = x += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    kg_out_lit (out, i ? "," : "");
    ag_out_seed (out, (double)((z ^ z >> 31) >> 11) * 0x1p-53);
  }
  kg_out_lit (out, "]");
  ag_out_micro_member (out, "remaining", o->after.entropy);
  kg_out_lit (out, ",\"source\":\"accursed_share\"}");
}

/* Looks without drawing. */
static int32_t
sample (struct ag_call *c)
{
  struct ag_offering *o = ag_offering_new (c);
  int32_t r = o ? ag_pool_get (c, &o->after) : -ENOMEM;
  return r < 0 ? r : ag_answer (c, sample_write, o);
}

static void
status_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_pool *pool = arg;
  (void)c;
  kg_out_lit (out, "{");
  ag_out_micro_member (out, "remaining", pool->entropy);
  ag_out_micro_member (out, "total", AG_ENTROPY_MAX);
  ag_out_micro_member (out, "drawn", pool->drawn);
  ag_out_micro_member (out, "returned", pool->returned);
  kg_out_lit (out, "}");
}

static int32_t
status (struct ag_call *c)
{
  struct ag_pool pool;
  int32_t r = ag_pool_get (c, &pool);
  return r < 0 ? r : ag_answer (c, status_write, &pool);
}

/* ---- gratitude ------------------------------------------------------------------- */

static void
tithe_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  (void)c;
  kg_out_lit (out, "{\"tithed\":true");
  ag_out_micro_member (out, "regenerated", o->gained);
  ag_out_micro_member (out, "remaining", o->after.entropy);
  kg_out_lit (out, "}");
}

static int32_t
tithe (struct ag_call *c)
{
  struct ag_offering *o = ag_offering_new (c);
  if (!o)
    return -ENOMEM;
  o->entropy = -TITHE;
  o->result = tithe_write;
  return ag_offering_run (o);
}

static void
thank_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  kg_out_lit (out, ag_str_is (c->path.aspect, "thank") ? "{\"thanked\":" : "{\"acknowledged\":");
  ag_out_text (out, o->text);
  ag_out_micro_member (out, "earned", -o->capital);
  ag_out_micro_member (out, "capital", o->after.capital);
  kg_out_lit (out, "}");
}

static int32_t
thank (struct ag_call *c)
{
  struct ag_offering *o = ag_offering_new (c);
  if (!o)
    return -ENOMEM;
  o->text = ag_arg_text (c, "for");
  if (ag_str_is (c->path.aspect, "acknowledge"))
    o->capital = -THANKS;
  o->result = thank_write;
  return ag_offering_run (o);
}

/* ---- metabolism: the pool as a body ------------------------------------------------- */

#define FEVER (AG_MICRO * 8 / 10) /* of pressure */

static int64_t
pressure_of (const struct ag_pool *pool)
{
  return (AG_ENTROPY_MAX - pool->entropy) / (AG_ENTROPY_MAX / AG_MICRO);
}

static void
pressure_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_pool *pool = arg;
  int64_t pressure = pressure_of (pool);
  kg_out_lit (out, "{");
  ag_out_micro_member (out, "pressure", pressure);
  if (!ag_str_is (c->path.aspect, "pressure")) {
    kg_out_lit (out, ",\"fever\":");
    ag_out_bool (out, pressure > FEVER);
    ag_out_micro_member (out, "threshold", FEVER);
  }
  if (ag_str_is (c->path.aspect, "status")) {
    ag_out_micro_member (out, "remaining", pool->entropy);
    ag_out_micro_member (out, "drawn", pool->drawn);
    ag_out_micro_member (out, "returned", pool->returned);
  }
  kg_out_lit (out, "}");
}

static int32_t
pressure (struct ag_call *c)
{
  struct ag_pool pool;
  int32_t r = ag_pool_get (c, &pool);
  return r < 0 ? r : ag_answer (c, pressure_write, &pool);
}

/* ---- The tables ---------------------------------------------------------------------- */

#define OBJECT(members) "{\"type\":\"object\",\"properties\":{" members "}}"
#define AMOUNT "\"amount\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1000000000}"
#define TEXT(name) "\"" name "\":{\"type\":\"string\",\"maxLength\":1024}"
#define SEED "\"seed\":{\"type\":\"integer\"}"

#define WITNESS                                                                                \
  { .name = "witness",                                                                         \
    .category = AG_INTROSPECTION,                                                              \
    .run = ag_void_witness,                                                                    \
    .summary = "The pool's history, newest first." },                                          \
  {                                                                                            \
    .name = "manifest", .category = AG_PERCEPTION, .run = ag_common_manifest,                  \
    .summary = "What this node is and offers."                                                 \
  }
#define END                                                                                    \
  {                                                                                            \
    .name = NULL                                                                               \
  }

static const struct ag_aspect entropy[] = {
  WITNESS,
  { .name = "sip",
    .category = AG_ENTROPIC,
    .run = sip,
    .summary = "Draw entropy.",
    .input = OBJECT (AMOUNT) },
  { .name = "pour",
    .category = AG_ENTROPIC,
    .run = pour,
    .summary = "Return entropy; half of it is recovered.",
    .input = OBJECT (AMOUNT) },
  { .name = "sample",
    .category = AG_ENTROPIC,
    .run = sample,
    .summary = "Random numbers, without drawing.",
    .input = OBJECT ("\"count\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100}") },
  { .name = "status", .category = AG_PERCEPTION, .run = status, .summary = "What is left." },
  END,
};

static const struct ag_aspect serendipity[] = {
  WITNESS,
  { .name = "sip",
    .category = AG_ENTROPIC,
    .run = ag_serendipity_sip,
    .summary = "Draw 0.05 and find a node by chance." },
  { .name = "inspire",
    .category = AG_ENTROPIC,
    .run = ag_serendipity_inspire,
    .summary = "Draw 0.03 and get a question about a topic.",
    .input = OBJECT (TEXT ("topic")) },
  { .name = "tangent",
    .category = AG_ENTROPIC,
    .run = ag_serendipity_tangent,
    .summary = "Draw 0.02 and get a path away from a topic.",
    .input = OBJECT (TEXT ("topic")) },
  END,
};

static const struct ag_aspect gratitude[] = {
  WITNESS,
  { .name = "tithe",
    .category = AG_ENTROPIC,
    .run = tithe,
    .summary = "Regenerate 0.1 of the pool." },
  { .name = "thank",
    .category = AG_ENTROPIC,
    .run = thank,
    .summary = "Thanks, noted in the pool's history.",
    .input = OBJECT (TEXT ("for")) },
  { .name = "acknowledge",
    .category = AG_ENTROPIC,
    .run = thank,
    .summary = "An acknowledgement, which earns 0.01 of capital.",
    .input = OBJECT (TEXT ("for")) },
  END,
};

static const struct ag_aspect capital[] = {
  WITNESS,
  { .name = "balance",
    .category = AG_PERCEPTION,
    .run = ag_capital_balance,
    .summary = "What the account holds, and which bypasses are open.",
    .input = OBJECT (TEXT ("account")) },
  { .name = "history",
    .category = AG_PERCEPTION,
    .run = ag_capital_history,
    .summary = "What moved the account, newest first.",
    .input = OBJECT (TEXT ("account")) },
  { .name = "tithe",
    .category = AG_ENTROPIC,
    .run = ag_capital_tithe,
    .summary = "Give capital away.",
    .input = OBJECT (AMOUNT "," TEXT ("account")) },
  { .name = "bypass",
    .category = AG_ENTROPIC,
    .run = ag_capital_bypass,
    .summary = "Pay for a token that stands for 60 seconds.",
    .input = "{\"type\":\"object\",\"required\":[\"check\"],\"properties\":{"
             "\"check\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":128},"
             "\"cost\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1000000000},"
             "\"account\":{\"type\":\"string\"}}}" },
  END,
};

static const struct ag_aspect pataphysics[] = {
  WITNESS,
  { .name = "solve",
    .category = AG_ENTROPIC,
    .run = ag_pataphysics_solve,
    .summary = "Draw 0.08 for an imaginary solution.",
    .input = OBJECT (TEXT ("problem")) },
  { .name = "melt",
    .category = AG_ENTROPIC,
    .run = ag_pataphysics_melt,
    .summary = "Draw 0.05 and see a constraint as a question.",
    .input = OBJECT (TEXT ("constraint")) },
  { .name = "verify",
    .category = AG_PERCEPTION,
    .run = ag_pataphysics_verify,
    .summary = "Whether a solution is the one of its seed and problem.",
    .input = "{\"type\":\"object\",\"required\":[\"seed\",\"solution\"],\"properties\":{" SEED
             "," TEXT ("problem") "," TEXT ("solution") "}}" },
  { .name = "imagine",
    .category = AG_ENTROPIC,
    .run = ag_pataphysics_imagine,
    .summary = "Draw 0.05 for something that is not.",
    .input = OBJECT (TEXT ("topic")) },
  END,
};

static const struct ag_aspect metabolism[] = {
  WITNESS,
  { .name = "pressure",
    .category = AG_PERCEPTION,
    .run = pressure,
    .summary = "How much of the pool is gone, 0 to 1." },
  { .name = "fever",
    .category = AG_PERCEPTION,
    .run = pressure,
    .summary = "Whether the pressure is over 0.8." },
  { .name = "oblique",
    .category = AG_ENTROPIC,
    .run = ag_metabolism_oblique,
    .summary = "A sideways question: always the same for a seed, by a draw of 0.01 without.",
    .input = OBJECT (SEED) },
  { .name = "dream",
    .category = AG_ENTROPIC,
    .run = ag_metabolism_dream,
    .summary = "Draw 0.05 and bring two nodes together." },
  { .name = "tithe",
    .category = AG_ENTROPIC,
    .run = tithe,
    .summary = "Regenerate 0.1 of the pool." },
  { .name = "status", .category = AG_PERCEPTION, .run = pressure, .summary = "All of it." },
  END,
};

static const struct ag_aspect hypnagogia[] = {
  WITNESS,
  { .name = "status",
    .category = AG_PERCEPTION,
    .run = ag_hypnagogia_status,
    .summary = "Since when nobody invoked, and when it was last woken." },
  { .name = "wake",
    .category = AG_ENTROPIC,
    .run = ag_hypnagogia_wake,
    .summary = "Reports begin here." },
  { .name = "report",
    .category = AG_PERCEPTION,
    .run = ag_hypnagogia_report,
    .summary = "What was invoked since it was woken." },
  { .name = "patterns",
    .category = AG_PERCEPTION,
    .run = ag_hypnagogia_patterns,
    .summary = "What is invoked after what." },
  END,
};

static const struct ag_aspect any[] = {
  WITNESS,
  { .name = "sip",
    .category = AG_ENTROPIC,
    .run = sip,
    .summary = "Draw entropy.",
    .input = OBJECT (AMOUNT) },
  { .name = "tithe",
    .category = AG_ENTROPIC,
    .run = tithe,
    .summary = "Regenerate 0.1 of the pool." },
  END,
};

#define HOLON(name, text)                                                                      \
  {                                                                                            \
    .context = AG_VOID, .kind = AG_BUILT_IN, .rest = #name, .summary = text, .aspects = name   \
  }

static const struct ag_holon holons[] = {
  HOLON (entropy, "The pool of entropy."),
  HOLON (serendipity, "Chance finds."),
  HOLON (gratitude, "What gives entropy back."),
  HOLON (capital, "The account that grants exceptions."),
  HOLON (pataphysics, "Imaginary solutions."),
  HOLON (metabolism, "The pressure of the pool."),
  HOLON (hypnagogia, "What the idle host finds."),
  { .context = AG_VOID,
    .kind = AG_BUILT_IN,
    .summary = "Any other part of the void.",
    .aspects = any },
};

int32_t
ag_void_open (struct ag *ag)
{
  ag->draw = ag_pool_draw;
  return ag_register_all (ag, holons, sizeof holons / sizeof holons[0]);
}
