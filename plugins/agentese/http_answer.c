/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What an agent's answer means.  It is believed no more than a client is: JSON is read as
 * strictly as a request's body, and whatever isn't as agreed upon is a failure of the
 * agent, 502, which costs the caller nothing. */
#include "plugins/agentese/http.h"
#include "plugins/agentese/schema.h"
#include "plugins/agentese/state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- Failures ------------------------------------------------------------------------- */

static void
report (struct ag_http_call *h, enum ag_outcome outcome, enum ag_fault_kind fault,
        const char *message)
{
  ag_remote_report (h->node, h->admitted, outcome, fault, h->unsent ? -1 : h->elapsed_ns,
                    message);
}

static int32_t failed (struct ag_http_call *h, enum ag_fault_kind fault, const char *fmt, ...)
    KG_PRINTF (3, 4);

/* The agent failed: 502, or 504 for one that took too long. */
static int32_t
failed (struct ag_http_call *h, enum ag_fault_kind fault, const char *fmt, ...)
{
  int32_t late = fault == AG_FAULT_TIMEOUT;
  char text[384];
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (text, sizeof text, fmt, ap);
  va_end (ap);
  report (h, late ? AG_CALL_TIMEOUT : AG_CALL_FAILED, fault, h->error ? h->message : text);
  return ag_refuse (h->c, AG_UPSTREAM, late ? 504 : 502, "The agent of '%s' failed: %s",
                    h->node->conf->name, text);
}

/* Nothing that the agent is to blame for: 503. */
static int32_t
not_asked (struct ag_http_call *h, enum ag_outcome outcome, const char *why)
{
  report (h, outcome, AG_FAULT_NONE, NULL);
  h->c->ag->host->header (h->c->req, "Retry-After", "1");
  return ag_refuse (h->c, AG_UPSTREAM, 503, "The agent of '%s' was not asked: %s",
                    h->node->conf->name, why);
}

static int32_t
unsent (struct ag_http_call *h)
{
  if (h->error == -EAGAIN)
    return not_asked (h, AG_CALL_UNSENT, "too many calls are under way");
  if (h->error == -ESHUTDOWN)
    return not_asked (h, AG_CALL_UNSENT, "the host is stopping");
  if (h->error != -EINVAL) {
    report (h, AG_CALL_UNSENT, AG_FAULT_NONE, NULL);
    return h->error;
  }
  return failed (h, AG_FAULT_NETWORK, "its URL cannot be asked");
}

/* There is no whole answer. */
static int32_t
no_answer (struct ag_http_call *h)
{
  switch (h->error) {
  case -ETIMEDOUT:
    return failed (h, AG_FAULT_TIMEOUT, "it did not answer in time");
  case -EMSGSIZE:
    return failed (h, AG_FAULT_TOO_BIG, "it answered with more than %lld bytes",
                   (long long)h->node->conf->reply_max);
  case -EHOSTUNREACH:
    return failed (h, AG_FAULT_NETWORK, "its address is unknown, or not allowed");
  case -ECONNREFUSED:
    return failed (h, AG_FAULT_NETWORK, "it cannot be connected to");
  case -ECONNRESET:
    return failed (h, AG_FAULT_NETWORK, "it broke the connection");
  case -EPROTO:
    return failed (h, AG_FAULT_NETWORK, "TLS with it failed");
  case -ECANCELED:
    return not_asked (h, AG_CALL_CANCELED, "the host is stopping");
  default:
    return failed (h, AG_FAULT_NETWORK, "what it sent is no HTTP");
  }
}

/* It was broken off by us. */
static int32_t
broken_off (struct ag_http_call *h)
{
  if (h->broken == -EBADMSG)
    return failed (h, AG_FAULT_ANSWER, "its stream is no UTF-8 text");
  if (h->broken == -ERANGE)
    return failed (h, AG_FAULT_ANSWER, "its stream tells of a usage that is no number");
  if (h->broken == -E2BIG)
    return failed (h, AG_FAULT_TOO_BIG, "its stream is too long to be collected");
  report (h, AG_CALL_CANCELED, AG_FAULT_NONE, NULL);
  return h->broken; /* -EPIPE: the caller has left, and pays for what it got */
}

/* ---- JSON ------------------------------------------------------------------------------- */

/* Whether the media type is `want`; or, for "+json", whether it ends so. */
static int32_t
type_is (const struct ag_http_call *h, const char *want)
{
  size_t n = strcspn (h->type, "; \t"), len = strlen (want);
  if (*want == '+')
    return n > len && !strncasecmp (h->type, "application/", 12)
           && !strncasecmp (h->type + n - len, want, len);
  return n == len && !strncasecmp (h->type, want, len);
}

/* The member tokens_used of an object.  0, or KG_DONE with the failure answered. */
static int32_t
tokens_take (struct ag_http_call *h, const struct kg_json *j)
{
  uint32_t token = j ? kg_json_find (j, 0, "tokens_used") : 0;
  int64_t n = kg_json_int (j, token, -1);
  if (!token && h->events.tokens_said) {
    ag_used (h->c, h->events.tokens);
    return 0;
  }
  if (!token && !(h->c->cost && h->c->cost->per_token))
    return 0;
  if (!token)
    return failed (h, AG_FAULT_ANSWER, "it does not say tokens_used, which it is paid by");
  if (n < 0 || n > AG_COST_MAX)
    return failed (h, AG_FAULT_ANSWER, "its tokens_used is no number from 0 to %d",
                   AG_COST_MAX);
  ag_used (h->c, n);
  return 0;
}

/* The result against the aspect's schema; 0, or KG_DONE. */
static int32_t
result_check (struct ag_http_call *h, const struct kg_json *j, uint32_t token)
{
  static const struct ag_loc result = { NULL, { "result", 6 }, 0 };
  struct ag_findings f;
  if (!h->aspect->output)
    return 0;
  ag_findings_init (&f);
  ag_schema_check (h->aspect->output, j, token, &result, &f);
  if (!f.count)
    return 0;
  return failed (h, AG_FAULT_ANSWER, "its result is not as its schema says: %.*s",
                 (int)(kg_out_ok (&f.summary) ? f.summary.len : 0), f.summary.ptr);
}

static int32_t
result_answer (struct ag_http_call *h, const struct kg_json *j, uint32_t token)
{
  int32_t r = result_check (h, j, token);
  if (r)
    return r;
  report (h, AG_CALL_OK, AG_FAULT_NONE, NULL);
  return ag_answer_text (h->c, kg_json_text (j, token));
}

static int32_t
json_answer (struct ag_http_call *h)
{
  const struct ag *ag = h->c->ag;
  const struct kg_json *j = ag->host->parse (h->c->req, (kg_str){ h->body.ptr, h->body.len });
  uint32_t token = 0;
  int32_t r;
  if (!h->body.len || !j)
    return failed (h, AG_FAULT_ANSWER, "it answered with what is no strict JSON");
  if (strcmp (h->node->conf->answer, "result") != 0)
    return result_answer (h, j, 0);
  if (!(token = kg_json_find (j, 0, "result")))
    return failed (h, AG_FAULT_ANSWER, "its answer is no object with a member \"result\"");
  r = tokens_take (h, j);
  return r ? r : result_answer (h, j, token);
}

/* ---- Streams -------------------------------------------------------------------------- */

/* What was streamed, as one JSON string, against the aspect's schema; 0, or KG_DONE. */
static int32_t
text_check (struct ag_http_call *h)
{
  const struct ag_bytes *text = &h->events.text;
  const struct kg_json *j;
  struct kg_out o;
  if (!h->aspect->output)
    return 0;
  if (ag_out_new (h->c, 6 * text->len + 2, &o) < 0)
    return -ENOMEM;
  kg_out_str (&o, (kg_str){ text->ptr, text->len });
  j = h->c->ag->host->parse (h->c->req, (kg_str){ o.ptr, o.len });
  return j ? result_check (h, j, 0) : -ENOMEM;
}

static int32_t
stream_result (struct ag_http_call *h)
{
  const struct ag_bytes *text = &h->events.text;
  int32_t r = text_check (h);
  if (r)
    return r;
  if (!h->streamed && text->len)
    r = ag_chunk (h->c, (kg_str){ text->ptr, text->len });
  if (r < 0) {
    h->broken = r;
    return broken_off (h);
  }
  report (h, AG_CALL_OK, AG_FAULT_NONE, NULL);
  return ag_answer_pieces (h->c);
}

static int32_t
stream_done (struct ag_http_call *h)
{
  const struct ag_bytes *last = &h->events.last;
  const struct kg_json *j = NULL;
  uint32_t token;
  int32_t r;
  if (last->len) {
    j = h->c->ag->host->parse (h->c->req, (kg_str){ last->ptr, last->len });
    if (kg_json_kind (j, 0) != KG_JSON_OBJECT)
      return failed (h, AG_FAULT_ANSWER, "its stream ends with what is no JSON object");
  }
  if ((r = tokens_take (h, j)))
    return r;
  token = j ? kg_json_find (j, 0, "result") : 0;
  return token ? result_answer (h, j, token) : stream_result (h);
}

static int32_t
stream_answer (struct ag_http_call *h)
{
  char shown[200];
  int32_t r = ag_events_close (&h->events);
  if (r < 0) {
    h->broken = r;
    return broken_off (h);
  }
  if (!type_is (h, "text/event-stream"))
    return failed (h, AG_FAULT_ANSWER, "it answered with an event stream of another type");
  if (h->events.end == AG_EVENTS_OPEN && h->error && h->error != -ECONNRESET)
    return no_answer (h);
  if (h->events.end == AG_EVENTS_OPEN)
    return failed (h, AG_FAULT_STREAM, "its stream broke off before its end");
  if (h->events.end == AG_EVENTS_ERROR)
    return failed (h, AG_FAULT_STREAM, "it says: %s",
                   ag_quote (shown, sizeof shown,
                             (kg_str){ h->events.last.ptr, h->events.last.len }));
  return stream_done (h);
}

/* ---- Statuses ------------------------------------------------------------------------- */

static int32_t
busy (struct ag_http_call *h)
{
  char text[24];
  int64_t s = h->retry_after_ms > 0 ? (h->retry_after_ms + 999) / 1000 : 1;
  report (h, AG_CALL_REFUSED, AG_FAULT_NONE, NULL);
  snprintf (text, sizeof text, "%lld", (long long)s);
  h->c->ag->host->header (h->c->req, "Retry-After", text);
  return ag_refuse (h->c, AG_UPSTREAM, 503, "The agent of '%s' is busy", h->node->conf->name);
}

/* The detail of a problem by which an agent refuses a call; { NULL, 0 } for anything else. */
static kg_str
problem_detail (struct ag_http_call *h)
{
  static const int32_t statuses[] = { 400, 404, 409, 422 };
  kg_str none = { NULL, 0 };
  const struct kg_json *j;
  uint32_t i, token;
  for (i = 0; i < 4 && statuses[i] != h->status;)
    i++;
  if (i == 4 || !type_is (h, "application/problem+json") || !h->body.len)
    return none;
  j = h->c->ag->host->parse (h->c->req, (kg_str){ h->body.ptr, h->body.len });
  token = j ? kg_json_find (j, 0, "detail") : 0;
  return token ? kg_json_str (h->c->ag->host, h->c->req, j, token) : none;
}

static int32_t
status_answer (struct ag_http_call *h)
{
  enum ag_refusal why = h->status == 404   ? AG_NOT_FOUND
                        : h->status == 409 ? AG_CONFLICTING
                                           : AG_BAD_ARGUMENT;
  char shown[256];
  kg_str detail;
  if (h->status == 429)
    return busy (h);
  detail = problem_detail (h);
  if (!detail.len)
    return failed (h, AG_FAULT_STATUS, "it answered with status %d", h->status);
  report (h, AG_CALL_REFUSED, AG_FAULT_NONE, NULL);
  return ag_refuse (h->c, why, h->status, "The agent of '%s' refused: %s", h->node->conf->name,
                    ag_quote (shown, sizeof shown, detail));
}

int32_t
ag_http_answer (struct ag_http_call *h)
{
  if (h->unsent)
    return unsent (h);
  if (h->broken)
    return broken_off (h);
  if (h->began == AG_BEGAN_EVENTS)
    return stream_answer (h);
  if (h->error)
    return no_answer (h);
  if (h->status < 200 || h->status > 299)
    return status_answer (h);
  if (type_is (h, "text/event-stream"))
    return failed (h, AG_FAULT_STREAM, h->aspect->conf->streams
                                           ? "its stream ended before it began"
                                           : "it answered with a stream, which it must not");
  if (!type_is (h, "application/json") && !type_is (h, "+json"))
    return failed (h, AG_FAULT_ANSWER, "its answer has a type that is not JSON");
  return json_answer (h);
}
