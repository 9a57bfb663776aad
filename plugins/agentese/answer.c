/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The end of a call that ran: its result, what it used, and the response. */
#include "plugins/agentese/state.h"
#include "plugins/agentese/stream.h"
#include "plugins/agentese/vital.h"

#include <errno.h>

#define ANSWER_SIZE 1024 /* first guess; a bigger one is written twice */
#define BIT(m) (1u << (m))

/* Names, which the grammar accepted, need no escaping. */
static void
quoted (struct kg_out *o, kg_str text)
{
  kg_out_raw (o, "\"", 1);
  kg_out_raw (o, text.ptr, text.len);
  kg_out_raw (o, "\"", 1);
}

/* Writes the whole body; the result, as it lies in there. */
static kg_str
answer_write (struct ag_call *c, ag_result *result, void *arg, struct kg_out *o)
{
  size_t at, len;
  kg_out_lit (o, "{\"path\":");
  if (c->path.text.len == c->path.base.len)
    quoted (o, c->path.text);
  else
    kg_out_str (o, c->path.text); /* a clause may hold a tab */
  kg_out_lit (o, ",\"result\":");
  at = o->len;
  result (c, arg, o);
  len = o->len - at;
  kg_out_lit (o, ",\"tokens_used\":");
  kg_out_int (o, ag_price_tokens (c, len));
  kg_out_lit (o, c->cached ? ",\"cached\":true" : ",\"cached\":false");
  if (c->path.flags & BIT (AG_ROLLBACK)) {
    kg_out_lit (o, ",\"rollback_token\":");
    if (c->undo.len)
      kg_out_str (o, c->undo);
    else
      kg_out_lit (o, "null");
  }
  kg_out_lit (o, "}");
  return (kg_str){ o->ptr + at, len };
}

static int32_t
usage_note (struct ag_call *c, int64_t tokens)
{
  char buf[2 * AG_PATH_MAX + 96];
  struct kg_out o = { buf, 0, sizeof buf };
  if (!c->ag->meter)
    return 0;
  kg_out_lit (&o, "{\"path\":");
  quoted (&o, c->path.base);
  kg_out_lit (&o, ",\"aspect\":");
  quoted (&o, c->path.aspect);
  kg_out_lit (&o, ",\"tokens_used\":");
  kg_out_int (&o, tokens);
  kg_out_lit (&o, "}");
  return c->ag->meter->note (c->req, "agentese.invoke", (kg_str){ buf, o.len });
}

int32_t
ag_settle (struct ag_call *c, size_t result_len, int32_t status)
{
  int64_t tokens = ag_price_tokens (c, result_len);
  int32_t r;
  if (!c->then && (r = ag_price_settle (c, result_len)) < 0)
    return r;
  if ((r = usage_note (c, tokens)) < 0)
    return r;
  c->ag->metrics->add (c->ag->invocations,
                       (uint32_t)(c->path.ctx * AG_CATEGORIES + c->category), 1);
  ag_vital_note (c, 200);
  if (c->ag->noted)
    c->ag->noted (c, status, tokens);
  return 0;
}

/* It ran: the body, of which `result` is a part, goes to whoever asked. */
static int32_t
answer_give (struct ag_call *c, kg_str body, kg_str result)
{
  int32_t r;
  if (c->stream)
    return ag_stream_answer (c, body, result);
  if ((r = ag_settle (c, result.len, 200)) < 0)
    return r;
  if (c->then)
    return c->then (c, result);
  if (ag_stream_wanted (c))
    return ag_stream_once (c, body, result);
  r = c->ag->host->reply (c->req, 200, "application/json", body.ptr, body.len);
  return r < 0 ? r : KG_DONE;
}

int32_t
ag_answer (struct ag_call *c, ag_result *result, void *arg)
{
  struct kg_out o;
  kg_str text;
  int32_t r = ag_out_new (c, ANSWER_SIZE, &o);
  if (r < 0)
    return r;
  text = answer_write (c, result, arg, &o);
  if (!kg_out_ok (&o)) {
    if ((r = ag_out_new (c, o.len, &o)) < 0)
      return r;
    text = answer_write (c, result, arg, &o);
    if (!kg_out_ok (&o)) /* it was not the same twice */
      return -EIO;
  }
  if (c->path.flags & BIT (AG_MINIMAL_OUTPUT) && *text.ptr == '[') {
    ag_member_text (c, "law", "minimal_output");
    return ag_refuse (c, AG_LAW, 422, "Law 'minimal_output' violated: the result is an array");
  }
  return answer_give (c, (kg_str){ o.ptr, o.len }, text);
}

static void
text_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const kg_str *json = arg;
  (void)c;
  kg_out_raw (out, json->ptr, json->len);
}

int32_t
ag_answer_text (struct ag_call *c, kg_str json)
{
  return ag_answer (c, text_write, &json);
}

int32_t
ag_chunk (struct ag_call *c, kg_str text)
{
  if (!(c->slot->aspect.flags & AG_STREAMS))
    return -EINVAL;
  if (c->piece)
    return c->piece (c, text);
  if (text.len > c->pieces.cap - c->pieces.len)
    return -E2BIG;
  kg_out_raw (&c->pieces, text.ptr, text.len);
  return 0;
}

static void
pieces_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  kg_str none = { "", 0 }, all = { c->pieces.ptr, c->pieces.len };
  (void)arg;
  kg_out_str (out, all.len ? all : none);
}

int32_t
ag_answer_pieces (struct ag_call *c)
{
  return ag_answer (c, pieces_write, NULL);
}
