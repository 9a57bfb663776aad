/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* POST /v1/agentese/compose, and "a >> b" as the path of an invocation: one step after the
 * other, each with what the one before said.
 *
 * All steps are found, allowed and priced before the first runs, and what they can cost
 * together is reserved once.  A step may wait: whoever runs it calls `then` later, which
 * goes on with the next.  Steps that answer at once are run by a loop, so that the stack
 * does not grow with them.
 *
 * Under law_check a composition that only looks runs twice: from the left,
 * ((Id >> a) >> b) >> c, and from the right, a >> (b >> (c >> Id)). */
#include "plugins/agentese/compose.h"
#include "plugins/agentese/quote.h"
#include "plugins/agentese/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BIT(m) (1u << (m))
#define DETAIL_MAX 3584 /* of a refusal, with the step's path */

static int32_t step_then (struct ag_call *c, kg_str result);
static int32_t step_failed (struct ag_call *c, int32_t status, const char *detail);

/* ---- Before the first step ------------------------------------------------------ */

static struct ag_call *
call_new (struct ag_composition *m)
{
  struct ag_call *c = m->whole.ag->host->alloc (m->whole.req, sizeof *c);
  if (!c)
    return NULL;
  *c = m->whole;
  c->then = step_then;
  c->failed = step_failed;
  c->outer = m;
  c->kwargs = 0;
  c->cost = NULL;
  c->silent = c->quote;
  c->quote = 0; /* that of a composition is its own */
  return c;
}

/* Adds what a step costs to the sum. */
static void
cost_add (struct ag_cost *sum, const struct ag_cost *step, uint32_t times)
{
  if (!step)
    return;
  sum->requests += times * (step->requests > 1 ? step->requests - 1 : 0);
  sum->tokens_max += times * ag_cost_tokens_max (step);
  sum->money += times * step->money;
}

static int32_t
only_looks (const struct ag_call *c)
{
  return !(ag_quote_draw (c) > 0) && (c->category == AG_PERCEPTION || c->category == AG_INTROSPECTION);
}

/* How often the composition runs. */
static int32_t
passes_settle (struct ag_composition *m)
{
  uint32_t i;
  m->evaluate = m->law_check && m->n > 0;
  for (i = 0; i < m->n; i++)
    m->evaluate &= only_looks (m->step[i].call);
  if (m->evaluate && m->n > AG_LAW_STEPS_MAX)
    return ag_refuse (&m->whole, AG_BAD_ARGUMENT, 422,
                      "Under law_check a composition has at most %d steps", AG_LAW_STEPS_MAX);
  m->passes = m->evaluate ? AG_PASSES : 1;
  m->cost = (struct ag_cost){ .requests = 1, .per_token = 1 };
  for (i = 0; i < m->n; i++)
    cost_add (&m->cost, m->step[i].call->cost, m->passes);
  m->whole.cost = &m->cost;
  return 0;
}

/* Finds all steps, whatever they would get. */
static int32_t
steps_find (struct ag_composition *m)
{
  uint32_t i;
  int32_t r;
  for (i = 0; i < m->n; i++) {
    struct ag_call *c = call_new (m);
    if (!c)
      return -ENOMEM;
    c->kwargs = i ? 0 : m->kwargs;
    m->step[i].call = c;
    r = ag_call_find (c, m->step[i].path);
    if (r && !m->refused.ptr)
      return r;
    if (r) /* a quote tells the price of all */
      ag_price_find (c);
    m->law_check |= (c->path.flags & BIT (AG_LAW_CHECK)) != 0;
  }
  return passes_settle (m);
}

/* ---- A step --------------------------------------------------------------------- */

/* An id of its own, of 16 digits, from that of the request. */
static void
span_make (struct ag_composition *m, char ret[17])
{
  kg_str id = m->whole.ag->host->get (m->whole.req, KG_GET_SPAN_ID, NULL);
  uint64_t x = 0x9e3779b97f4a7c15u * (m->pass * AG_STEPS_MAX + m->at + 1);
  uint32_t i;
  for (i = 0; i < id.len; i++)
    x = (x ^ (unsigned char)id.ptr[i]) * 0x100000001b3u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  x = (x ^ x >> 31) | 1; /* never 0, which is none */
  for (i = 16; i--; x >>= 4)
    ret[i] = "0123456789abcdef"[x & 15];
  ret[16] = 0;
}

/* The arguments of a step: the result of the one before as "input"; those of an invocation
 * are the first step's. */
static int32_t
kwargs_make (struct ag_composition *m, struct ag_call *c)
{
  kg_str value = m->value;
  struct kg_out o;
  c->kwargs = m->at ? 0 : m->kwargs;
  if (!value.ptr)
    return 0;
  if (ag_out_new (c, value.len + 32, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "{\"kwargs\":{\"input\":");
  kg_out_raw (&o, value.ptr, value.len);
  kg_out_lit (&o, "}}");
  c->json = c->ag->host->parse (c->req, (kg_str){ o.ptr, o.len });
  if (!c->json)
    return ag_refuse (c, AG_BAD_ARGUMENT, 422,
                      "What the step would get as 'input' is nested too deep");
  c->kwargs = kg_json_find (c->json, 0, "kwargs");
  return 0;
}

static struct ag_step *
step_now (struct ag_composition *m)
{
  return &m->step[m->order[m->at]];
}

static int32_t
step_run (struct ag_composition *m)
{
  struct ag_step *s = step_now (m);
  struct ag_call *c = call_new (m);
  int32_t r;
  if (!c)
    return -ENOMEM;
  c->path = s->call->path; /* for a refusal */
  if (!m->pass)
    s->call = c;
  span_make (m, s->span_id);
  c->span_id = (kg_str){ m->whole.ag->host->alloc (c->req, sizeof s->span_id), 16 };
  if (!c->span_id.ptr)
    return -ENOMEM;
  memcpy ((char *)c->span_id.ptr, s->span_id, sizeof s->span_id);
  ag_note_begin (c);
  r = kwargs_make (m, c);
  return r ? r : ag_call_run (c, s->path);
}

/* ---- One after the other ---------------------------------------------------------- */

static int32_t
pass_begin (struct ag_composition *m)
{
  struct ag_terms terms = { .n = 0 };
  const struct ag_term *id = ag_term_step (&terms, AG_ID), *term;
  if (m->pass)
    term = ag_term_right (&terms, m->list, m->listed);
  else
    term = ag_term_left (&terms, m->list, m->listed);
  term = m->pass ? ag_term_then (&terms, term, id) : ag_term_then (&terms, id, term);
  if (!term)
    return -ENOMEM;
  ag_term_order (term, m->order, AG_STEPS_MAX);
  m->at = 0;
  m->value = m->input;
  return 0;
}

/* Says which step failed, and how far it came. */
static void
blame (struct ag_composition *m, uint32_t step)
{
  struct ag_call *c = &m->whole;
  kg_str trace = ag_compose_trace (m);
  char buf[16], shown[AG_PATH_MAX + 1];
  struct kg_out number = { buf, 0, sizeof buf };
  kg_out_int (&number, step);
  ag_quote (shown, sizeof shown, m->step[step].path);
  c->ag->host->member (c->req, "failed_step", (kg_str){ buf, number.len });
  ag_member_text (c, "failed_path", shown);
  if (trace.ptr)
    c->ag->host->member (c->req, "pipeline_trace", trace);
}

/* Runs steps until one waits or fails, or all have answered. */
static int32_t
go_on (struct ag_composition *m)
{
  int32_t r = 0;
  while (m->pass < m->passes) {
    m->driving = 1;
    while (m->at < m->n) {
      m->answered = 0;
      r = step_run (m);
      if (r >= 0 && m->answered)
        continue;
      m->driving = 0;
      if (r < 0 && !m->answered) /* the host makes a problem of it */
        blame (m, m->order[m->at]);
      return r;
    }
    m->driving = 0;
    if (++m->pass < m->passes && (r = pass_begin (m)) < 0)
      return r;
  }
  return ag_compose_answer (m);
}

/* A single step has no groupings: what differs then is a >> Id. */
static enum ag_law
law_checked (const struct ag_composition *m)
{
  return m->n > 1 ? AG_ASSOCIATIVITY : AG_RIGHT_IDENTITY;
}

static int32_t
step_then (struct ag_call *c, kg_str result)
{
  struct ag_composition *m = c->outer;
  struct ag_step *s = step_now (m);
  m->whole.tokens_used += ag_price_tokens (c, result.len);
  if (m->pass && !ag_result_same (c, s->result, result))
    return ag_compose_unlawful (m, law_checked (m), m->order[m->at]);
  if (!m->pass) {
    s->result = result;
    s->took_ns = c->ag->host->num (c->req, KG_NUM_ELAPSED) - c->began_ns;
  }
  m->value = result;
  m->at++;
  m->answered = 1;
  return m->driving ? KG_DONE : go_on (m);
}

/* Which of the steps a call is. */
static uint32_t
step_number (const struct ag_composition *m, const struct ag_call *c)
{
  uint32_t i;
  for (i = 0; i < m->n; i++)
    if (m->step[i].call == c)
      return i;
  return m->order[m->at];
}

/* Keeps the first refusal of a step whose price is known. */
static int32_t
refusal_keep (struct ag_composition *m, int32_t status, const char *detail)
{
  size_t len = strlen (detail);
  char *copy;
  if (m->refused.ptr)
    return KG_DONE;
  copy = m->whole.ag->host->alloc (m->whole.req, len + 1);
  if (!copy)
    return -ENOMEM;
  memcpy (copy, detail, len + 1);
  m->refused = (kg_str){ copy, len };
  m->refused_status = status;
  return KG_DONE;
}

static int32_t
step_failed (struct ag_call *c, int32_t status, const char *detail)
{
  struct ag_composition *m = c->outer;
  uint32_t i = step_number (m, c);
  char shown[AG_PATH_MAX + 1], said[DETAIL_MAX];
  ag_quote (shown, sizeof shown, m->step[i].path);
  snprintf (said, sizeof said, "Step %u of %u ('%s'): %s", i + 1, m->n, shown, detail);
  if (m->whole.quote && c->slot)
    return refusal_keep (m, status, said);
  m->refused.ptr = NULL;
  blame (m, i);
  return c->ag->host->problem (c->req, status, NULL, "%s", said);
}

/* A refusal of the whole, whose price is asked. */
static int32_t
quote_failed (struct ag_call *c, int32_t status, const char *detail)
{
  struct ag_composition *m = c->outer;
  kg_str subject = { NULL, 0 };
  if (!c->cost)
    return c->ag->host->problem (c->req, status, NULL, "%s", detail);
  subject = ag_compose_subject (m);
  return subject.ptr ? ag_quote_reply (c, subject, status, detail) : -ENOMEM;
}

static int32_t
quote (struct ag_composition *m)
{
  kg_str subject = ag_compose_subject (m);
  double drawn = 0;
  uint32_t i;
  int32_t r;
  for (i = 0; i < m->n; i++)
    drawn += ag_quote_draw (m->step[i].call);
  if (!subject.ptr)
    return -ENOMEM;
  r = ag_quote_pool (&m->whole, drawn);
  return r ? r : ag_quote_of (&m->whole, subject);
}

/* ---- The route -------------------------------------------------------------------- */

/* Found, lawful, within what the caller pays: the first step runs. */
static int32_t
begin (struct ag_composition *m)
{
  struct ag_call *c = &m->whole;
  enum ag_law law = AG_ASSOCIATIVITY;
  uint32_t locus = 0;
  int32_t r = ag_laws_hold (m->list, m->listed, &law, &locus);
  if (r)
    return r < 0 ? r : ag_compose_unlawful (m, law, locus);
  if (m->refused.ptr)
    return quote_failed (c, m->refused_status, m->refused.ptr);
  if ((r = ag_call_asked (c)))
    return r;
  if (c->quote)
    return quote (m);
  if ((r = ag_price_reserve (c)) || (r = pass_begin (m)) < 0)
    return r;
  return go_on (m);
}

static struct ag_composition *
composition_new (const struct ag_call *whole)
{
  struct ag_composition *m = whole->ag->host->alloc (whole->req, sizeof *m);
  if (!m)
    return NULL;
  memset (m, 0, sizeof *m);
  m->whole = *whole;
  m->whole.outer = m;
  m->whole.silent = 1;
  if (whole->quote)
    m->whole.failed = quote_failed;
  return m;
}

static int32_t
compose (kg_req *req, void *data)
{
  struct ag *ag = data;
  struct ag_call c = { .ag = ag,
                       .req = req,
                       .who = ag->host->identity (req),
                       .json = ag->host->json (req),
                       .silent = 1 };
  struct ag_composition *m;
  int32_t r;
  if (!c.who || !c.who->tenant || !c.who->tenant[0])
    return ag_refuse (&c, AG_FORBIDDEN, 403, "This identity has no tenant to act for");
  if ((r = ag_quote_begin (&c)))
    return r;
  m = composition_new (&c);
  if (!m)
    return -ENOMEM;
  if ((r = ag_compose_read (m)) || (r = steps_find (m)))
    return r;
  return begin (m);
}

int32_t
ag_compose_invoke (struct ag_call *c, kg_str text)
{
  struct ag_call whole = { .ag = c->ag,
                           .req = c->req,
                           .who = c->who,
                           .json = c->json,
                           .archetype = c->archetype,
                           .archetype_name = c->archetype_name,
                           .observer = c->observer,
                           .can_define = c->can_define,
                           .deferred = c->deferred,
                           .quote = c->quote };
  struct ag_composition *m = composition_new (&whole);
  int32_t r;
  if (!m)
    return -ENOMEM;
  c->in_trace = 1; /* its steps are */
  m->invoked = text;
  m->kwargs = c->kwargs;
  m->emit = 1;
  if ((r = ag_compose_split (m, text, "path")) || (r = steps_find (m)))
    return r;
  return begin (m);
}

static const char schema[]
    = "{\"type\":\"object\",\"properties\":{"
      "\"paths\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":256},"
      "\"minItems\":1,\"maxItems\":16,"
      "\"examples\":[[\"world.house.manifest\",\"world.garden.manifest\"]]},"
      "\"pipeline\":{\"type\":\"string\","
      "\"description\":\"Instead of paths: a >> b >> c; Id is the identity.\"},"
      "\"initial_input\":{\"description\":\"What the first step gets as its argument input.\"},"
      "\"emit_law_check\":{\"type\":\"boolean\",\"default\":true},"
      "\"observer\":{\"type\":\"object\",\"properties\":{"
      "\"name\":{\"type\":\"string\",\"maxLength\":128,\"default\":\"api_user\"},"
      "\"archetype\":{\"type\":\"string\",\"default\":\"developer\"},"
      "\"capabilities\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}}}";

static const char answer[]
    = "{\"type\":\"object\","
      "\"required\":[\"result\",\"pipeline_trace\",\"laws_verified\",\"tokens_used\"],"
      "\"properties\":{\"result\":{},\"pipeline_trace\":{\"type\":\"array\",\"items\":{"
      "\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},"
      "\"span_id\":{\"type\":\"string\"},\"duration_ms\":{\"type\":\"number\"},"
      "\"output_type\":{\"type\":\"string\"},\"rollback_token\":{\"type\":\"string\"}}}},"
      "\"laws_verified\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"laws_verified_by\":{\"type\":\"string\",\"enum\":[\"structure\",\"evaluation\"]},"
      "\"tokens_used\":{\"type\":\"integer\"}}}";

int32_t
ag_compose_open (struct ag *ag)
{
  static const struct kg_route route
      = { .size = sizeof route,
          .flags = KG_JSON | KG_BILLABLE | KG_STREAMS,
          .method = "POST",
          .pattern = "/v1/agentese/compose",
          .scope = "read",
          .handler = compose,
          .summary = "Invoke one path after the other, each with the result before it",
          .request_schema = schema,
          .response_schema = answer,
          .parameters = ag_quote_parameters,
          .statuses = "400 402 403 404 409 422 501 502 503 504 507" };
  return ag->host->route (ag->self, &route);
}
