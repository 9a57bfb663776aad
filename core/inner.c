/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* An inner request on its worker, from the post to the answer. */
#include "core/inner.h"

#include "core/blame.h"
#include "core/phase.h"
#include "core/reply.h"
#include "core/stream.h"
#include "core/ticket.h"
#include "core/util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct inner *
inner_of (const struct conn *c)
{
  return (struct inner *) (uintptr_t) c;
}

static kg_str
text (const char *s)
{
  return (kg_str){ s, s ? strlen (s) : 0 };
}

/* ---- Telling ------------------------------------------------------------- */

/* Calls `done`, unless it was called; with a request that is `watched`, so that code that
 * blocks there is noticed, too. */
static void
tell (struct inner *in, struct kg_inner_reply *reply, struct kg_req *watched)
{
  if (!inner_claim (in))
    return;
  reply->size = sizeof *reply;
  reply->elapsed_ns = clock_mono () - in->begun;
  if (watched)
    worker_enter (watched->worker, in->self, watched);
  blame_set (in->self, "inner reply", NULL);
  in->done (reply, in->arg);
  blame_clear ();
  if (watched)
    worker_leave (watched->worker);
}

static void
tell_error (struct inner *in, int32_t error, struct kg_req *watched)
{
  struct kg_inner_reply reply = { .error = error };
  if (watched)
    reply.request_id = (kg_str){ watched->id, watched->id_len };
  tell (in, &reply, watched);
}

/* Why what the request ended with is no answer, or 0. */
static int32_t
error_of (const struct inner *in, const struct kg_req *req)
{
  if (in->error)
    return in->error;
  return req->gone && (req->streamed || req->response.status == 499) ? -ESHUTDOWN : 0;
}

/* The body that a client would have got.  COMMIT may have put a problem in a stream's place. */
static kg_str
body_of (const struct inner *in, const struct kg_req *req)
{
  const struct response *r = &req->response;
  if (req->gate.method == METHOD_HEAD || r->status == 204 || r->status == 304)
    return (kg_str){ NULL, 0 };
  if (req->streamed && !r->len)
    return (kg_str){ in->text, in->text_len };
  return (kg_str){ r->body, r->len };
}

static void
tell_answer (struct inner *in, struct kg_req *req)
{
  const struct response *r = &req->response;
  struct kg_inner_reply reply = {
    .status = r->status,
    .content_type = text (r->type),
    .body = body_of (in, req),
    .headers = { r->fields.ptr, r->fields.len },
    .request_id = { req->id, req->id_len },
  };
  tell (in, &reply, req);
}

/* ---- Beginning ------------------------------------------------------------ */

/* It never became a request. */
static void
refuse (struct inner *in, int32_t error)
{
  atomic_fetch_sub_explicit (&in->conn.worker->busy_count, 1, memory_order_relaxed);
  tell_error (in, error, NULL);
  inner_leave (in);
  inner_free (in);
}

static struct kg_req *
request_make (struct inner *in)
{
  struct worker *w = in->conn.worker;
  const char *why;
  struct gate gate;
  struct kg_req *req;
  void *slab = worker_slab_get (w);
  if (!slab)
    return NULL;
  head_parse (in->head.ptr, in->head.len, &w->limits, &w->head, &why);
  gate_check (&w->head, &w->rules, &gate);
  req = request_init (slab, w->host, w, &in->conn, &w->head, in->head.ptr, in->head.len, &gate);
  if (!req)
    worker_slab_put (w, slab);
  return req;
}

void
inner_begin (struct post *post)
{
  struct inner *in = (struct inner *) (void *) ((char *) post - offsetof (struct inner, post));
  struct worker *w = in->conn.worker;
  struct kg_req *req;
  if (atomic_load (&w->all->stopping)) {
    refuse (in, -ESHUTDOWN);
    return;
  }
  if (in->deadline && w->now >= in->deadline) {
    refuse (in, -ETIMEDOUT);
    return;
  }
  req = request_make (in);
  if (!req) {
    refuse (in, -ENOMEM);
    return;
  }
  req->close = CLOSE_ENDS_BODY; /* pieces of a stream come as they are */
  req->identity = in->identity;
  in->conn.req = req;
  in->conn.body_read = 1;
  conn_continue (&in->conn, (int) phase_begin (req));
}

kg_str
inner_body (const struct conn *c)
{
  return inner_of (c)->body;
}

/* ---- Streams -------------------------------------------------------------- */

/* Nobody takes any more of the stream: its producer hears of it. */
static void
cut (struct inner *in, int32_t error)
{
  struct kg_req *req = in->conn.req;
  if (!in->error)
    in->error = error;
  req->gone = 1;
  stream_gone (req);
}

static int
room_make (struct inner *in, size_t more)
{
  size_t cap = in->text_cap ? in->text_cap : 4096;
  char *p;
  if (in->text_len + more <= in->text_cap)
    return 1;
  while (cap < in->text_len + more)
    cap *= 2;
  p = arena_alloc (&in->conn.req->arena, cap);
  if (!p)
    return 0;
  if (in->text_len)
    memcpy (p, in->text, in->text_len);
  in->text = p;
  in->text_cap = cap;
  return 1;
}

void
inner_take (struct conn *c, const void *data, size_t len)
{
  struct inner *in = inner_of (c);
  if (in->error || !len)
    return;
  if (len > in->stream_max - in->text_len)
    cut (in, -EMSGSIZE);
  else if (!room_make (in, len))
    cut (in, -ENOMEM);
  else {
    memcpy (in->text + in->text_len, data, len);
    in->text_len += len;
  }
}

/* ---- Ending --------------------------------------------------------------- */

void
inner_respond (struct conn *c)
{
  struct inner *in = inner_of (c);
  struct kg_req *req = c->req;
  int32_t error = error_of (in, req);
  if (!req->streamed && !error)
    req->sent = body_of (in, req).len;
  phase_log (req);
  if (error)
    tell_error (in, error, req);
  else
    tell_answer (in, req);
  inner_leave (in);
}

static int
is_late (const struct inner *in, int64_t now)
{
  return in->deadline && now >= in->deadline;
}

static void
wait_sweep (struct inner *in, int64_t now)
{
  struct kg_req *req = in->conn.req;
  if (now < req->deadline && (!is_late (in, now) || req->step >= STEP_COMMIT))
    return;
  if (ticket_end (req))
    conn_continue (&in->conn, (int) phase_abort (req, -ETIMEDOUT));
}

/* Its producer may take its time: who asked is told now. */
static void
collect_sweep (struct inner *in, int64_t now)
{
  struct kg_req *req = in->conn.req;
  double most = req->host->settings.http.stream_timeout * CLOCK_SECOND;
  if (stream_revoked (req))
    cut (in, -ECANCELED);
  else if (is_late (in, now) || (double) (now - req->start_mono) > most)
    cut (in, -ETIMEDOUT);
  else if (!in->error && !stream_expire (req, now))
    return;
  if (in->error)
    tell_error (in, in->error, req);
  if (req->ticket && ticket_end (req))
    conn_continue (&in->conn, (int) phase_abort (req, in->error ? -EPIPE : -ETIMEDOUT));
}

void
inner_sweep (struct conn *c, int64_t now)
{
  if (c->state == CONN_WAIT)
    wait_sweep (inner_of (c), now);
  else if (c->state == CONN_STREAM)
    collect_sweep (inner_of (c), now);
}

/* The request, and our memory with it, belong to that code for ever. */
void
inner_lost (struct conn *c)
{
  tell_error (inner_of (c), -ETIMEDOUT, NULL);
  inner_leave (inner_of (c));
}

void
inner_free (struct inner *in)
{
  arena_finish (&in->arena);
  in->conn.magic = 0;
  free (in);
}
