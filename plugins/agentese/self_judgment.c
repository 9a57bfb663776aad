/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.judgment: how new a text is, by its words, and whether that is to one's taste.
 *
 * Novelty is the share of a text's distinct words that were not there before: in `prior`,
 * or else in what is expected.  The Wundt score 4n(1-n) is highest halfway between the
 * known and the strange.
 *
 * State: {"low","high","expectations":[text...]}. */
#include "plugins/agentese/self.h"

#include <errno.h>
#include <string.h>

#define LOW 0.15 /* what is no newer bores, unless it is calibrated */
#define HIGH 0.95
#define EXPECTATIONS_MAX 64

struct judgment {
  struct ag_node node;
  double low, high;
  uint32_t expected; /* token of the array, or 0 */
  struct ag_words content, prior;
  double novelty, complexity, surprise;
  kg_str nearest; /* of the expectations */
};

static int32_t
judgment_of (const struct ag_node *node, struct judgment *ret)
{
  const struct kg_json *j = node->json;
  ret->low = j ? ag_json_number (j, kg_json_find (j, node->state, "low"), LOW) : LOW;
  ret->high = j ? ag_json_number (j, kg_json_find (j, node->state, "high"), HIGH) : HIGH;
  ret->expected = j ? kg_json_find (j, node->state, "expectations") : 0;
  return 0;
}

static struct judgment *
judgment_new (struct ag_call *c, int32_t *ret_error)
{
  struct judgment *g = c->ag->host->alloc (c->req, sizeof *g);
  *ret_error = -ENOMEM;
  if (!g)
    return NULL;
  memset (g, 0, sizeof *g);
  *ret_error = ag_node_get (c, c->path.handle, &g->node);
  if (*ret_error < 0 && *ret_error != -ENOENT)
    return NULL;
  *ret_error = judgment_of (&g->node, g);
  return g;
}

/* ---- taste --------------------------------------------------------------------- */

/* Adds the words of a text, or of each text of a list. */
static int32_t
words_of (struct ag_call *c, const struct kg_json *j, uint32_t value, struct ag_words *w)
{
  uint32_t i;
  kg_str text;
  if (kg_json_kind (j, value) == KG_JSON_STRING) {
    text = kg_json_str (c->ag->host, c->req, j, value);
    if (!text.ptr)
      return -ENOMEM;
    ag_words_add (w, text);
    return 0;
  }
  if (kg_json_kind (j, value) != KG_JSON_ARRAY)
    return 0;
  for (i = kg_json_first (j, value); i; i = kg_json_next (j, value, i))
    if (kg_json_kind (j, i) == KG_JSON_STRING && words_of (c, j, i, w) < 0)
      return -ENOMEM;
  return 0;
}

/* What is judged: a text, or any value as it is written. */
static int32_t
content_read (struct ag_call *c, struct judgment *g)
{
  uint32_t i = ag_kwarg (c, ag_arg_or_input (c, "content"));
  if (!i)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument 'content' is required");
  if (kg_json_kind (c->json, i) == KG_JSON_STRING)
    return words_of (c, c->json, i, &g->content);
  ag_words_add (&g->content, kg_json_text (c->json, i));
  return 0;
}

static double
newness (const struct ag_words *content, const struct ag_words *prior)
{
  if (!content->distinct)
    return 0;
  return 1 - (double)ag_words_common (content, prior) / content->distinct;
}

static int32_t
weigh (struct ag_call *c, struct judgment *g)
{
  uint32_t prior = ag_kwarg (c, "prior");
  int32_t r = content_read (c, g);
  if (r)
    return r;
  r = prior ? words_of (c, c->json, prior, &g->prior)
            : words_of (c, g->node.json, g->expected, &g->prior);
  if (r < 0)
    return r;
  g->novelty = newness (&g->content, &g->prior);
  g->complexity = g->content.all ? (double)g->content.distinct / g->content.all : 0;
  return 0;
}

static const char *
verdict (const struct judgment *g)
{
  return g->novelty <= g->low ? "boring" : g->novelty >= g->high ? "chaotic" : "interesting";
}

static void
scores_write (const struct judgment *g, struct kg_out *out)
{
  kg_out_lit (out, "{\"novelty\":");
  ag_out_number (out, g->novelty);
  kg_out_lit (out, ",\"complexity\":");
  ag_out_number (out, g->complexity);
  kg_out_lit (out, ",\"wundt_score\":");
  ag_out_number (out, 4 * g->novelty * (1 - g->novelty));
  kg_out_lit (out, ",\"verdict\":");
  kg_out_text (out, verdict (g));
  kg_out_lit (out, ",\"is_acceptable\":");
  ag_out_bool (out, g->novelty > g->low && g->novelty < g->high);
}

static void
taste_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)c;
  scores_write (arg, out);
  kg_out_lit (out, "}");
}

static int32_t
taste (struct ag_call *c)
{
  int32_t r;
  struct judgment *g = judgment_new (c, &r);
  if (!g || (r = weigh (c, g)))
    return r;
  return ag_answer (c, taste_write, g);
}

/* ---- critique -------------------------------------------------------------------- */

static void
remark (struct kg_out *out, uint32_t *n, const char *text)
{
  kg_out_lit (out, (*n)++ ? "," : "");
  kg_out_text (out, text);
}

static void
critique_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct judgment *g = arg;
  uint32_t n = 0;
  (void)c;
  scores_write (g, out);
  kg_out_lit (out, ",\"critique\":[");
  if (!g->content.all)
    remark (out, &n, "There is no word in it.");
  else if (g->novelty <= g->low)
    remark (out, &n, "It says little that was not said before.");
  else if (g->novelty >= g->high)
    remark (out, &n, "It has hardly a word in common with what came before.");
  else
    remark (out, &n, "It joins what is known with what is new.");
  if (g->content.all >= 8 && g->complexity < 0.5)
    remark (out, &n, "It repeats itself: over half of its words were used before.");
  if (!g->prior.all)
    remark (out, &n, "There was nothing to compare it with.");
  kg_out_lit (out, "],\"source\":\"rules\"}");
}

static int32_t
critique (struct ag_call *c)
{
  int32_t r;
  struct judgment *g = judgment_new (c, &r);
  if (!g || (r = weigh (c, g)))
    return r;
  return ag_answer (c, critique_write, g);
}

/* ---- surprise, expectations ------------------------------------------------------------ */

static void
surprise_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct judgment *g = arg;
  (void)c;
  kg_out_lit (out, "{\"surprise\":");
  ag_out_number (out, g->surprise);
  kg_out_lit (out, ",\"expected\":");
  ag_out_text (out, g->nearest);
  kg_out_lit (out, ",\"is_surprising\":");
  ag_out_bool (out, g->surprise >= g->high);
  kg_out_lit (out, "}");
}

/* The expectation that the content is nearest to. */
static int32_t
surprise (struct ag_call *c)
{
  int32_t r;
  struct judgment *g = judgment_new (c, &r);
  const struct kg_json *j = g ? g->node.json : NULL;
  uint32_t i;
  if (!g || (r = content_read (c, g)))
    return r;
  g->surprise = g->content.distinct ? 1 : 0;
  for (i = g->expected ? kg_json_first (j, g->expected) : 0; i;
       i = kg_json_next (j, g->expected, i)) {
    double s;
    memset (&g->prior, 0, sizeof g->prior);
    if ((r = words_of (c, j, i, &g->prior)) < 0)
      return r;
    s = newness (&g->content, &g->prior);
    if (s < g->surprise) {
      g->surprise = s;
      g->nearest = kg_json_str (c->ag->host, c->req, j, i);
      if (!g->nearest.ptr)
        return -ENOMEM;
    }
  }
  return ag_answer (c, surprise_write, g);
}

static void
bounds_write (const struct judgment *g, struct kg_out *out)
{
  kg_out_lit (out, "\"low\":");
  ag_out_number (out, g->low);
  kg_out_lit (out, ",\"high\":");
  ag_out_number (out, g->high);
}

static void
expectations_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct judgment *g = arg;
  const struct kg_json *j = g->node.json;
  kg_str list = g->expected ? kg_json_text (j, g->expected) : ag_str ("[]");
  uint32_t i, n = 0;
  (void)c;
  for (i = g->expected ? kg_json_first (j, g->expected) : 0; i;
       i = kg_json_next (j, g->expected, i))
    n++;
  kg_out_lit (out, "{\"expectations\":");
  kg_out_raw (out, list.ptr, list.len);
  kg_out_lit (out, ",\"total\":");
  kg_out_int (out, n);
  kg_out_lit (out, ",");
  bounds_write (g, out);
  kg_out_lit (out, "}");
}

static int32_t
expectations (struct ag_call *c)
{
  int32_t r;
  struct judgment *g = judgment_new (c, &r);
  return g ? ag_answer (c, expectations_write, g) : r;
}

/* ---- calibrate, refine ------------------------------------------------------------------- */

static kg_str
number_text (struct ag_call *c, double v)
{
  struct kg_out o;
  if (ag_out_new (c, 64, &o) < 0)
    return (kg_str){ NULL, 0 };
  ag_out_number (&o, v);
  return (kg_str){ o.ptr, o.len };
}

static int32_t
calibrate_prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct ag_call *c = ch->call;
  struct judgment *g = ch->extra;
  struct ag_member m[2] = { { "low", { NULL, 0 } }, { "high", { NULL, 0 } } };
  m[0].value = number_text (c, g->low);
  m[1].value = number_text (c, g->high);
  if (!m[0].value.ptr || !m[1].value.ptr)
    return -ENOMEM;
  ch->bump = 1;
  return ag_state_with (c, old, m, 2, &ch->state);
}

static void
calibrate_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  (void)c;
  kg_out_lit (out, "{");
  bounds_write (ch->extra, out);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, ch->version);
  kg_out_lit (out, "}");
}

static int32_t
calibrate (struct ag_call *c)
{
  static const struct ag_advice advice
      = { "Between the two lies what is neither boring nor chaotic.",
          "{\"low\":0.15,\"high\":0.95}", NULL };
  struct ag_change *ch = ag_change_new (c);
  struct judgment *g = c->ag->host->alloc (c->req, sizeof *g);
  if (!ch || !g)
    return -ENOMEM;
  memset (g, 0, sizeof *g);
  g->low = ag_arg_number (c, "low", LOW);
  g->high = ag_arg_number (c, "high", HIGH);
  if (g->low >= g->high)
    return ag_refuse_why (c, AG_BAD_ARGUMENT, 400, &advice,
                          "Argument 'low' must be less than 'high'");
  ch->extra = g;
  ch->prepare = calibrate_prepare;
  ch->result = calibrate_write;
  return ag_change_run (ch);
}

/* The expectations with one more, or without one. */
static int32_t
refine_list (struct ag_call *c, const struct judgment *g, kg_str *ret)
{
  const struct kg_json *j = g->node.json;
  kg_str expect = ag_arg_text (c, "expect"), without = ag_arg_text (c, "without");
  uint32_t i, n = expect.ptr ? 1 : 0;
  struct kg_out o;
  if (ag_arg_lost (c, "expect", expect) || ag_arg_lost (c, "without", without)
      || ag_out_new (c, g->node.bytes + 6 * expect.len + 16, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "[");
  for (i = g->expected ? kg_json_first (j, g->expected) : 0; i;
       i = kg_json_next (j, g->expected, i)) {
    if ((expect.ptr && kg_json_is (j, i, expect.ptr))
        || (without.ptr && kg_json_is (j, i, without.ptr)))
      continue;
    kg_out_lit (&o, o.len > 1 ? "," : "");
    kg_out_raw (&o, kg_json_text (j, i).ptr, kg_json_text (j, i).len);
    n++;
  }
  if (expect.ptr) {
    kg_out_lit (&o, o.len > 1 ? "," : "");
    kg_out_str (&o, expect);
  }
  kg_out_lit (&o, "]");
  *ret = (kg_str){ o.ptr, o.len };
  return n <= EXPECTATIONS_MAX ? 0
                               : ag_over_limit (c, "agentese.expectations", EXPECTATIONS_MAX,
                                                "expectations of this tenant");
}

static int32_t
refine_prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct judgment *g = ch->extra;
  struct ag_member m = { "expectations", { NULL, 0 } };
  int32_t r;
  g->node = *old;
  judgment_of (old, g);
  if ((r = refine_list (ch->call, g, &m.value)))
    return r;
  g->nearest = m.value;
  ch->bump = 1;
  return ag_state_with (ch->call, old, &m, 1, &ch->state);
}

static void
refine_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  const struct judgment *g = ch->extra;
  (void)c;
  kg_out_lit (out, "{\"expectations\":");
  kg_out_raw (out, g->nearest.ptr, g->nearest.len);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, ch->version);
  kg_out_lit (out, "}");
}

static int32_t
refine (struct ag_call *c)
{
  struct ag_change *ch = ag_change_new (c);
  struct judgment *g = c->ag->host->alloc (c->req, sizeof *g);
  if (!ch || !g)
    return -ENOMEM;
  if (!ag_kwarg (c, "expect") && !ag_kwarg (c, "without"))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument 'expect' or 'without' is required");
  memset (g, 0, sizeof *g);
  ch->extra = g;
  ch->prepare = refine_prepare;
  ch->result = refine_write;
  return ag_change_run (ch);
}

#define JUDGED                                                                                  \
  "{\"type\":\"object\",\"properties\":{\"content\":{\"type\":"                               \
  "\"string\",\"maxLength\":20000},\"input\":{},\"prior\":{\"type\":[\"string\",\"array\"],\"items\":"       \
  "{\"type\":\"string\"}}}}"
#define TEXT "{\"type\":\"string\",\"minLength\":1,\"maxLength\":500}"
#define SHARE "{\"type\":\"number\",\"minimum\":0,\"maximum\":1}"

const struct ag_aspect ag_judgment_aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = expectations,
    .summary = "What is expected, and what is acceptable." },
  { .name = "taste",
    .category = AG_PERCEPTION,
    .run = taste,
    .summary = "How new a text is, and whether that is acceptable.",
    .input = JUDGED,
    .output = "{\"type\":\"object\",\"required\":[\"novelty\",\"complexity\",\"wundt_score\","
              "\"verdict\",\"is_acceptable\"]}" },
  { .name = "surprise",
    .category = AG_PERCEPTION,
    .run = surprise,
    .summary = "How far a text is from what is expected.",
    .input = JUDGED },
  { .name = "expectations",
    .category = AG_PERCEPTION,
    .run = expectations,
    .summary = "What is expected." },
  { .name = "calibrate",
    .category = AG_MUTATION,
    .run = calibrate,
    .summary = "Say what novelty is acceptable.",
    .input = "{\"type\":\"object\",\"required\":[\"low\",\"high\"],\"properties\":{\"low\":" SHARE
             ",\"high\":" SHARE "}}" },
  { .name = "critique",
    .category = AG_PERCEPTION,
    .run = critique,
    .summary = "The taste of a text, in sentences.",
    .input = JUDGED },
  { .name = "refine",
    .category = AG_MUTATION,
    .run = refine,
    .summary = "Expect something, or no longer.",
    .input = "{\"type\":\"object\",\"properties\":{\"expect\":" TEXT ",\"without\":" TEXT "}}" },
  { .name = NULL },
};
