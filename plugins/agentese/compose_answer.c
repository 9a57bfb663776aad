/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a composition answers, or how far it came. */
#include "plugins/agentese/compose.h"
#include "plugins/agentese/quote.h"
#include "plugins/agentese/state.h"
#include "plugins/agentese/stream.h"

#include <errno.h>

#define ANSWER_SIZE 2048 /* first guess; a bigger one is written twice */
#define BIT(m) (1u << (m))

/* Writes a text until it fits; { NULL, 0 } without memory. */
static kg_str
written (struct ag_composition *m, void (*write) (struct ag_composition *m, struct kg_out *out))
{
  struct kg_out o = { NULL, ANSWER_SIZE, 0 };
  do
    if (ag_out_new (&m->whole, o.len, &o) < 0)
      return (kg_str){ NULL, 0 };
    else
      write (m, &o);
  while (!kg_out_ok (&o));
  return (kg_str){ o.ptr, o.len };
}

static const char *
type_of (kg_str json)
{
  switch (*json.ptr) {
  case '{':
    return "object";
  case '[':
    return "array";
  case '"':
    return "string";
  case 't':
  case 'f':
    return "boolean";
  case 'n':
    return "null";
  default:
    return "number";
  }
}

/* Milliseconds with three decimals. */
static void
duration_write (int64_t ns, struct kg_out *out)
{
  int64_t us = ns > 0 ? ns / 1000 : 0;
  char digits[4] = { '.', (char)('0' + us % 1000 / 100), (char)('0' + us % 100 / 10),
                     (char)('0' + us % 10) };
  kg_out_int (out, us / 1000);
  kg_out_raw (out, digits, sizeof digits);
}

static void
step_write (const struct ag_step *s, struct kg_out *out)
{
  kg_out_lit (out, "{\"path\":");
  kg_out_str (out, s->path);
  kg_out_lit (out, ",\"span_id\":");
  if (s->call->path.value[AG_SPAN].len)
    kg_out_str (out, s->call->path.value[AG_SPAN]);
  else
    kg_out_str (out, s->call->span_id);
  kg_out_lit (out, ",\"duration_ms\":");
  duration_write (s->took_ns, out);
  kg_out_lit (out, ",\"output_type\":");
  kg_out_text (out, type_of (s->result));
  if (s->call->path.flags & BIT (AG_ROLLBACK) && s->call->undo.len) {
    kg_out_lit (out, ",\"rollback_token\":");
    kg_out_str (out, s->call->undo);
  }
  kg_out_lit (out, "}");
}

static void
trace_write (struct ag_composition *m, struct kg_out *out)
{
  uint32_t i, n = m->pass ? m->n : m->at;
  kg_out_lit (out, "[");
  for (i = 0; i < n; i++) {
    if (i)
      kg_out_lit (out, ",");
    step_write (&m->step[i], out);
  }
  kg_out_lit (out, "]");
}

kg_str
ag_compose_trace (struct ag_composition *m)
{
  return written (m, trace_write);
}

static void
subject_write (struct ag_composition *m, struct kg_out *out)
{
  uint32_t i;
  if (m->invoked.ptr) {
    kg_out_lit (out, "\"path\":");
    kg_out_str (out, m->invoked);
    return;
  }
  kg_out_lit (out, "\"paths\":[");
  for (i = 0; i < m->listed; i++) {
    if (i)
      kg_out_lit (out, ",");
    kg_out_str (out, m->list[i] == AG_ID ? ag_str ("Id") : m->step[m->list[i]].path);
  }
  kg_out_lit (out, "]");
}

kg_str
ag_compose_subject (struct ag_composition *m)
{
  return written (m, subject_write);
}

/* What the answer to an invocation has besides. */
static void
invoked_write (struct ag_composition *m, struct kg_out *out)
{
  int32_t cached = 1;
  uint32_t i;
  for (i = 0; i < m->n; i++)
    cached &= m->step[i].call->cached;
  kg_out_lit (out, "\"path\":");
  kg_out_str (out, m->invoked);
  kg_out_lit (out, cached ? ",\"cached\":true," : ",\"cached\":false,");
}

static void
answer_write (struct ag_composition *m, struct kg_out *out)
{
  uint32_t i;
  kg_out_lit (out, "{");
  if (m->invoked.ptr)
    invoked_write (m, out);
  kg_out_lit (out, "\"result\":");
  kg_out_raw (out, m->value.ptr, m->value.len);
  kg_out_lit (out, ",\"pipeline_trace\":");
  trace_write (m, out);
  kg_out_lit (out, ",\"laws_verified\":[");
  for (i = 0; m->emit && i < AG_LAWS; i++) {
    kg_out_lit (out, i ? "," : "");
    kg_out_text (out, ag_law_names[i]);
  }
  kg_out_lit (out, m->evaluate ? "],\"laws_verified_by\":\"evaluation\",\"tokens_used\":"
                               : "],\"laws_verified_by\":\"structure\",\"tokens_used\":");
  kg_out_int (out, ag_price_tokens (&m->whole, 0));
  kg_out_lit (out, "}");
}

int32_t
ag_compose_answer (struct ag_composition *m)
{
  struct ag_call *c = &m->whole;
  kg_str text;
  int32_t r;
  if (!m->value.ptr)
    m->value = ag_str ("null");
  if ((r = ag_price_settle (c, 0)) < 0)
    return r;
  text = written (m, answer_write);
  if (!text.ptr)
    return -ENOMEM;
  if (ag_stream_wanted (c))
    return ag_stream_once (c, text, m->value);
  r = c->ag->host->reply (c->req, 200, "application/json", text.ptr, text.len);
  return r < 0 ? r : KG_DONE;
}

int32_t
ag_compose_unlawful (struct ag_composition *m, enum ag_law law, uint32_t step)
{
  static const struct ag_advice advice
      = { "Whoever looks twice must see the same; a step that does not has an effect, or "
          "something else changed it meanwhile.",
          "the composition without [law_check]", NULL };
  struct ag_call *c = &m->whole;
  kg_str trace = ag_compose_trace (m), path = m->step[step].path;
  char buf[16], shown[AG_PATH_MAX + 1];
  struct kg_out number = { buf, 0, sizeof buf };
  kg_out_int (&number, step);
  ag_quote (shown, sizeof shown, path);
  ag_member_text (c, "law", ag_law_names[law]);
  ag_member_text (c, "locus", shown);
  c->ag->host->member (c->req, "failed_step", (kg_str){ buf, number.len });
  if (trace.ptr)
    c->ag->host->member (c->req, "pipeline_trace", trace);
  return ag_refuse_why (c, AG_LAW, 422, &advice,
                        "Law '%s' violated: step %u of %u ('%s') answered differently in the "
                        "other grouping",
                        ag_law_names[law], step + 1, m->n, shown);
}
