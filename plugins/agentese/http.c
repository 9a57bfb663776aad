/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A call of an agent over HTTP, from the worker to the HTTP client's thread and back.
 *
 * The request waits meanwhile, and may end before: then `gone` runs on the worker, and
 * from its return on nothing of the request is touched.  Only pieces of a stream are
 * handed over on the client's thread, under the call's lock for that reason. */
#include "plugins/agentese/http.h"
#include "plugins/agentese/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
unref (struct ag_http_call *h)
{
  if (atomic_fetch_sub (&h->refs, 1) > 1)
    return;
  free (h->body.ptr);
  ag_events_finish (&h->events);
  pthread_mutex_destroy (&h->lock);
  free (h);
}

/* ---- What arrives, on the client's thread ------------------------------------------- */

static enum ag_began
began_with (const unsigned char *p, size_t len)
{
  size_t i = 0;
  while (i < len && (p[i] == '\n' || p[i] == '\r'))
    i++;
  if (i == len)
    return AG_NOT_BEGUN;
  return strchr ("deir:\xEF", p[i]) && p[i] ? AG_BEGAN_EVENTS : AG_BEGAN_JSON;
}

/* A caller who takes pieces gets this one. */
static int32_t
pass_on (const char *text, size_t len, void *arg)
{
  struct ag_http_call *h = arg;
  if (h->events.tokens_said)
    ag_used (h->c, h->events.tokens);
  return ag_chunk (h->c, (kg_str){ text, len });
}

static int32_t
piece (const void *data, size_t len, void *arg)
{
  struct ag_http_call *h = arg;
  int32_t stop;
  pthread_mutex_lock (&h->lock);
  if (h->began == AG_NOT_BEGUN)
    h->began = began_with (data, len);
  if (!h->gone && !h->broken)
    h->broken = h->began == AG_BEGAN_EVENTS ? ag_events_feed (&h->events, data, len)
                                            : ag_bytes_add (&h->body, data, len);
  stop = h->gone || h->broken || h->events.end != AG_EVENTS_OPEN;
  pthread_mutex_unlock (&h->lock);
  return stop;
}

static void
text_keep (char *to, size_t size, kg_str from)
{
  size_t n = from.len < size - 1 ? from.len : size - 1;
  if (n)
    memcpy (to, from.ptr, n);
  to[n] = 0;
}

static int32_t arrived (kg_req *req, void *arg);
static void dropped (void *arg);

static void
done (const struct kg_http_reply *reply, void *arg)
{
  struct ag_http_call *h = arg;
  pthread_mutex_lock (&h->lock);
  h->over = 1;
  h->call = NULL;
  h->error = reply->error;
  h->status = reply->status;
  h->retry_after_ms = reply->retry_after_ms;
  h->elapsed_ns = reply->elapsed_ns;
  text_keep (h->type, sizeof h->type, reply->content_type);
  text_keep (h->message, sizeof h->message, ag_str (reply->message ? reply->message : ""));
  if (reply->body.len && !h->gone
      && ag_bytes_add (&h->body, reply->body.ptr, reply->body.len) < 0)
    h->broken = -ENOMEM;
  pthread_mutex_unlock (&h->lock);
  h->node->ag->host->resume (h->ticket, arrived, h, dropped);
}

/* ---- Back on the worker ---------------------------------------------------------------- */

/* The request ended before: on its worker. */
static void
gone (void *arg)
{
  struct ag_http_call *h = arg;
  pthread_mutex_lock (&h->lock);
  h->gone = 1;
  if (!h->over && h->call)
    h->node->ag->remotes->http->cancel (h->call);
  pthread_mutex_unlock (&h->lock);
  unref (h);
}

/* The call ended behind the request. */
static void
dropped (void *arg)
{
  struct ag_http_call *h = arg;
  ag_remote_report (h->node, h->admitted, AG_CALL_CANCELED, AG_FAULT_NONE, -1, NULL);
  unref (h);
}

static int32_t
arrived (kg_req *req, void *arg)
{
  struct ag_http_call *h = arg;
  int32_t r;
  (void)req;
  r = ag_http_answer (h);
  unref (h);
  unref (h);
  return r;
}

/* ---- Sending -------------------------------------------------------------------------- */

static void
body_write (struct ag_call *c, struct kg_out *o)
{
  kg_str none = { "{}", 2 }, kwargs = c->kwargs ? kg_json_text (c->json, c->kwargs) : none;
  kg_out_lit (o, "{\"path\":");
  kg_out_str (o, c->path.base);
  kg_out_lit (o, ",\"aspect\":");
  kg_out_str (o, c->path.aspect);
  if ((c->path.clauses | c->path.annotations) >> AG_PHASE & 1) {
    kg_out_lit (o, ",\"phase\":");
    kg_out_str (o, c->path.value[AG_PHASE]);
  }
  kg_out_lit (o, ",\"observer\":{\"name\":");
  kg_out_raw (o, c->observer.ptr, c->observer.len);
  kg_out_lit (o, ",\"archetype\":");
  kg_out_str (o, c->archetype_name);
  kg_out_lit (o, "},\"kwargs\":");
  kg_out_raw (o, kwargs.ptr, kwargs.len);
  kg_out_lit (o, ",\"request_id\":");
  kg_out_str (o, c->ag->host->get (c->req, KG_GET_REQUEST_ID, NULL));
  kg_out_lit (o, ",\"tenant\":");
  kg_out_text (o, c->who->tenant);
  kg_out_lit (o, "}");
}

/* The body in the request's memory. */
static int32_t
body_make (struct ag_call *c, kg_str *ret)
{
  struct kg_out o;
  int32_t r = ag_out_new (c, 1024, &o);
  if (r < 0)
    return r;
  body_write (c, &o);
  if (!kg_out_ok (&o)) {
    if ((r = ag_out_new (c, o.len, &o)) < 0)
      return r;
    body_write (c, &o);
  }
  *ret = (kg_str){ o.ptr, o.len };
  return 0;
}

static const char *
accept_of (const struct ag_http_call *h)
{
  if (!h->aspect->conf->streams)
    return "Accept: application/json";
  return h->streamed ? "Accept: text/event-stream, application/json;q=0.5"
                     : "Accept: application/json, text/event-stream;q=0.5";
}

/* What is sent is copied before send returns. */
static int32_t
request_send (struct ag_http_call *h, const char *url, kg_str body)
{
  const struct ag_remote_conf *conf = h->node->conf;
  const struct kg_host *host = h->node->ag->host;
  const char *headers[AG_HEADERS_MAX + 5];
  char trace[96], id[160];
  struct kg_http_request q = { .size = sizeof q,
                               .flags = KG_HTTP_NO_BREAKER,
                               .method = conf->method,
                               .url = url,
                               .headers = headers,
                               .body = body,
                               .connect_ms = (uint32_t)(conf->connect_timeout * 1000),
                               .total_ms = (uint32_t)(conf->timeout * 1000),
                               .tries = 1,
                               .reply_max = (uint64_t)conf->reply_max,
                               .done = done,
                               .arg = h };
  uint32_t n = 0, i;
  kg_str value = host->get (h->c->req, KG_GET_TRACEPARENT, NULL);
  snprintf (trace, sizeof trace, "traceparent: %.*s", (int)value.len, value.ptr);
  value = host->get (h->c->req, KG_GET_REQUEST_ID, NULL);
  snprintf (id, sizeof id, "X-Request-ID: %.*s", (int)value.len, value.ptr);
  headers[n++] = "Content-Type: application/json";
  headers[n++] = accept_of (h);
  headers[n++] = trace;
  headers[n++] = id;
  for (i = 0; i < h->node->nheaders; i++)
    headers[n++] = h->node->headers[i];
  headers[n] = NULL;
  if (conf->private_ok)
    q.flags |= KG_HTTP_PRIVATE_OK;
  if (h->aspect->conf->idempotent) {
    q.flags |= KG_HTTP_IDEMPOTENT;
    q.tries = (uint32_t)conf->tries;
  }
  if (h->aspect->conf->streams)
    q.piece = piece;
  return h->node->ag->remotes->http->send (h->node->ag->self, &q, &h->call);
}

static struct ag_http_call *
call_new (struct ag_call *c, enum ag_admission admitted)
{
  const struct ag_remote_aspect *aspect = c->slot->aspect.data;
  struct ag_http_call *h = calloc (1, sizeof *h);
  if (!h)
    return NULL;
  h->c = c;
  h->aspect = aspect;
  h->node = aspect->node;
  h->admitted = admitted;
  h->streamed = c->piece != NULL;
  h->events.piece = h->streamed ? pass_on : NULL;
  h->events.arg = h;
  h->retry_after_ms = -1;
  atomic_init (&h->refs, 2);
  pthread_mutex_init (&h->lock, NULL);
  h->ticket = c->ag->host->suspend (c->req, gone, h);
  if (h->ticket)
    return h;
  atomic_init (&h->refs, 1);
  unref (h);
  return NULL;
}

int32_t
ag_http_run (struct ag_call *c)
{
  struct ag_remote *n = ((const struct ag_remote_aspect *)c->slot->aspect.data)->node;
  enum ag_admission admitted;
  struct ag_http_call *h;
  char url[AG_URL_MAX];
  kg_str body;
  int32_t r;
  if ((r = ag_url_make (c, n->conf->url, url)) || (r = body_make (c, &body))
      || (r = ag_remote_admit (c, n, &admitted)))
    return r;
  h = call_new (c, admitted);
  if (!h) {
    ag_remote_report (n, admitted, AG_CALL_UNSENT, AG_FAULT_NONE, -1, NULL);
    return -ENOMEM;
  }
  pthread_mutex_lock (&h->lock);
  r = request_send (h, url, body);
  pthread_mutex_unlock (&h->lock);
  if (r < 0) { /* the ticket must be used up in any case */
    h->error = r;
    h->unsent = h->over = 1;
    c->ag->host->resume (h->ticket, arrived, h, dropped);
  }
  return KG_WAIT;
}
