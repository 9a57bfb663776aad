/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Chance: what a draw finds among the nodes of this host, and sentences that depend on
 * nothing but a seed and what was asked.  Each answer names its seed, so that it can be
 * had, and checked, again. */
#include "plugins/agentese/void.h"

#include <errno.h>
#include <string.h>

static const char *const oblique[] = {
  "What would this look like if it were easy?",
  "Leave out the part that you are proudest of.",
  "Do the last step first.",
  "Who would be glad if this failed?",
  "Make the exception the rule.",
  "Describe it without its usual words.",
  "Let the smallest part decide.",
  "What is repeated here that nobody asked for?",
  "Turn the question round and answer that.",
  "Use half of it.",
  "What did you stop noticing?",
  "Give the dull part the most room.",
  "Begin again with what is left over.",
  "Which rule was made for somebody else?",
  "Wait, and see what does itself.",
  "Say it to a child, then to a rival.",
};

static const char *const ways[] = {
  "taking its opposite for granted until it is dull",
  "measuring it in a unit that has yet to be named",
  "asking each exception for its own law",
  "letting the answer choose its question",
  "moving the border until nothing is outside",
  "counting what did not happen",
  "leaving it alone in good company",
  "solving the map, and bending the land to it",
};

static const char *const things[] = {
  "a clock that keeps the time of whoever asks",
  "a door that opens only for those who forgot it",
  "a ledger in which debts grow lighter with age",
  "a map as large as a promise",
  "a bridge built from its far end",
  "a library that lends its silences",
  "a lamp that shows only what moves",
  "a key cut from the lock's memory",
};

#define COUNT(list) (sizeof (list) / sizeof (list)[0])

/* A well-mixed number of a seed and a text. */
static uint64_t
mix (uint64_t seed, kg_str text)
{
  uint64_t h = seed ^ 0x9e3779b97f4a7c15u;
  size_t i;
  for (i = 0; i < text.len; i++)
    h = (h ^ (unsigned char)text.ptr[i]) * 0x100000001b3u;
  h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
  h = (h ^ h >> 27) * 0x94d049bb133111ebu;
  return h ^ h >> 31;
}

/* The number of an offering's seed, small enough for any reader of JSON. */
static int64_t
seed_of (const struct ag_offering *o)
{
  return (int64_t)(o->dice >> 11);
}

/* A node of this host, by chance: its handle into `out`. */
static void
node_write (const struct ag *ag, uint64_t dice, struct kg_out *out)
{
  const struct ag_entry *e = NULL;
  const struct ag_holon *h;
  uint64_t n = 0;
  while ((e = ag_entry_next (ag, e)))
    n += ag_entry_holon (e)->rest != NULL;
  n = n ? dice % n : 0;
  while ((e = ag_entry_next (ag, e))) {
    h = ag_entry_holon (e);
    if (!h->rest || n--)
      continue;
    kg_out_lit (out, "\"");
    kg_out_lit (out, ag_context_names[h->context]);
    kg_out_lit (out, ".");
    kg_out_lit (out, h->rest);
    kg_out_lit (out, "\"");
    return;
  }
  kg_out_lit (out, "null");
}

/* {"amount":0.05,"seed":n,"topic":... */
static void
begin_write (const struct ag_offering *o, const char *argument, struct kg_out *out)
{
  kg_out_lit (out, "{");
  ag_out_micro_member (out, "amount", o->entropy);
  kg_out_lit (out, ",\"seed\":");
  kg_out_int (out, seed_of (o));
  if (argument) {
    kg_out_lit (out, ",\"");
    kg_out_lit (out, argument);
    kg_out_lit (out, "\":");
    ag_out_text (out, o->text);
  }
}

static int32_t
chance (struct ag_call *c, int64_t amount, const char *argument, ag_result *result)
{
  struct ag_offering *o = ag_offering_new (c);
  if (!o)
    return -ENOMEM;
  o->entropy = amount;
  o->text = argument ? ag_arg_text (c, argument) : (kg_str){ NULL, 0 };
  o->result = result;
  return ag_offering_run (o);
}

/* ---- serendipity ---------------------------------------------------------------- */

static void
find_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  begin_write (o, NULL, out);
  kg_out_lit (out, ",\"source\":\"serendipity\",\"find\":");
  node_write (c->ag, o->dice, out);
  kg_out_lit (out, "}");
}

int32_t
ag_serendipity_sip (struct ag_call *c)
{
  return chance (c, AG_MICRO * 5 / 100, NULL, find_write);
}

static void
inspire_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  (void)c;
  begin_write (o, "topic", out);
  kg_out_lit (out, ",\"inspiration\":");
  kg_out_text (out, oblique[mix ((uint64_t)seed_of (o), o->text) % COUNT (oblique)]);
  kg_out_lit (out, "}");
}

int32_t
ag_serendipity_inspire (struct ag_call *c)
{
  return chance (c, AG_MICRO * 3 / 100, "topic", inspire_write);
}

static void
tangent_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  begin_write (o, "topic", out);
  kg_out_lit (out, ",\"tangent\":");
  node_write (c->ag, mix ((uint64_t)seed_of (o), o->text), out);
  kg_out_lit (out, "}");
}

int32_t
ag_serendipity_tangent (struct ag_call *c)
{
  return chance (c, AG_MICRO * 2 / 100, "topic", tangent_write);
}

/* ---- pataphysics ----------------------------------------------------------------- */

static const char *
solution_of (int64_t seed, kg_str problem)
{
  return ways[mix ((uint64_t)seed, problem) % COUNT (ways)];
}

static void
solve_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  (void)c;
  begin_write (o, "problem", out);
  kg_out_lit (out, ",\"solution\":");
  kg_out_text (out, solution_of (seed_of (o), o->text));
  kg_out_lit (out, ",\"imaginary\":true}");
}

int32_t
ag_pataphysics_solve (struct ag_call *c)
{
  return chance (c, AG_MICRO * 8 / 100, "problem", solve_write);
}

static void
melt_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  (void)c;
  begin_write (o, "constraint", out);
  kg_out_lit (out, ",\"melted\":true,\"question\":");
  kg_out_text (out, oblique[mix ((uint64_t)seed_of (o), o->text) % COUNT (oblique)]);
  kg_out_lit (out, "}");
}

int32_t
ag_pataphysics_melt (struct ag_call *c)
{
  return chance (c, AG_MICRO * 5 / 100, "constraint", melt_write);
}

static void
imagine_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  (void)c;
  begin_write (o, "topic", out);
  kg_out_lit (out, ",\"imagined\":");
  kg_out_text (out, things[mix ((uint64_t)seed_of (o), o->text) % COUNT (things)]);
  kg_out_lit (out, ",\"imaginary\":true}");
}

int32_t
ag_pataphysics_imagine (struct ag_call *c)
{
  return chance (c, AG_MICRO * 5 / 100, "topic", imagine_write);
}

struct proof {
  int64_t seed;
  int32_t verified;
};

static void
verify_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct proof *p = arg;
  (void)c;
  kg_out_lit (out, "{\"verified\":");
  ag_out_bool (out, p->verified);
  kg_out_lit (out, ",\"seed\":");
  kg_out_int (out, p->seed);
  kg_out_lit (out, "}");
}

int32_t
ag_pataphysics_verify (struct ag_call *c)
{
  struct proof p = { .seed = ag_arg_int (c, "seed", 0) };
  kg_str solution = ag_arg_text (c, "solution");
  if (!solution.ptr)
    return -ENOMEM;
  p.verified = ag_str_is (solution, solution_of (p.seed, ag_arg_text (c, "problem")));
  return ag_answer (c, verify_write, &p);
}

/* ---- metabolism ------------------------------------------------------------------ */

static void
oblique_say (int64_t seed, struct kg_out *out)
{
  kg_out_lit (out, "{\"seed\":");
  kg_out_int (out, seed);
  kg_out_lit (out, ",\"strategy\":");
  kg_out_text (out, oblique[mix ((uint64_t)seed, (kg_str){ NULL, 0 }) % COUNT (oblique)]);
}

static void
seeded_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)arg;
  oblique_say (ag_arg_int (c, "seed", 0), out);
  kg_out_lit (out, "}");
}

static void
drawn_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  (void)c;
  oblique_say (seed_of (o), out);
  ag_out_micro_member (out, "amount", o->entropy);
  kg_out_lit (out, "}");
}

int32_t
ag_metabolism_oblique (struct ag_call *c)
{
  if (ag_kwarg (c, "seed"))
    return ag_answer (c, seeded_write, NULL); /* no chance in it: nothing is drawn */
  return chance (c, AG_MICRO / 100, NULL, drawn_write);
}

static void
dream_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_offering *o = ag_offering_of (arg);
  begin_write (o, NULL, out);
  kg_out_lit (out, ",\"dream\":{\"nodes\":[");
  node_write (c->ag, o->dice, out);
  kg_out_lit (out, ",");
  node_write (c->ag, mix (o->dice, (kg_str){ "second", 6 }), out);
  kg_out_lit (out, "],\"image\":");
  kg_out_text (out, things[o->dice % COUNT (things)]);
  kg_out_lit (out, "}}");
}

int32_t
ag_metabolism_dream (struct ag_call *c)
{
  return chance (c, AG_MICRO * 5 / 100, NULL, dream_write);
}
