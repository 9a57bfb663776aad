/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/conn.h"

#include "core/account.h"
#include "core/conn_io.h"
#include "core/conn_turn.h"
#include "core/gate.h"
#include "core/inner.h"
#include "core/log.h"
#include "core/phase.h"
#include "core/reply.h"
#include "core/stream.h"
#include "core/ticket.h"
#include "core/util/clock.h"
#include "core/worker_loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define TURN_REQUESTS 64 /* answered in one turn, then others have theirs */

enum step_result { STEP_GO, STEP_BLOCK };

static void conn_outcome (struct conn *c, enum outcome o);

/* ---- The end of requests ------------------------------------------------ */

void
conn_state_set (struct conn *c, enum conn_state state)
{
  c->state = (uint8_t) state;
  c->since = c->worker->now;
}

/* Behind LOG nobody knows the request any more. */
static void
request_end (struct conn *c)
{
  struct kg_req *req = c->req;
  if (req->stream)
    stream_release (req);
  if (req->close)
    c->closing = 1;
  c->req = NULL;
  request_finish (req);
  worker_slab_put (c->worker, req);
  atomic_fetch_sub_explicit (&c->worker->busy_count, 1, memory_order_relaxed);
  conn_state_set (c, CONN_HEAD);
}

static void
request_over (struct conn *c)
{
  phase_log (c->req);
  request_end (c);
}

/* Settles what happens to a body that nobody read. */
static void
body_abandon (struct conn *c)
{
  size_t have;
  conn_input (c, &have);
  if (c->body_read)
    return;
  if (!c->req->gate.chunked && c->state != CONN_BODY && c->req->gate.length <= have)
    conn_use (c, (size_t) c->req->gate.length);
  else if (!c->req->close)
    c->req->close = CLOSE_AFTER;
}

/* The head of a stream leaves. */
static void
stream_begin (struct conn *c)
{
  struct kg_req *req = c->req;
  body_abandon (c);
  stream_head (req);
  if (c->fd >= 0) {
    if (req->old)
      req->close = CLOSE_ENDS_BODY;
    reply_put (req, 1);
  }
  req->streamed = 1;
  if (c->worker->draining)
    stream_drain (req);
}

/* The end of a stream's body.  An end that is none must not look like one. */
static void
stream_respond (struct conn *c)
{
  struct kg_req *req = c->req;
  if (phase_stream_last (req) < 0) {
    c->hung = 1;
    return;
  }
  if (!req->streamed)
    stream_begin (c);
  stream_put_rest (req);
  stream_finish (req);
}

/* There is no peer, or no more. */
static void
respond_to_nobody (struct conn *c)
{
  if (c->inner) {
    inner_respond (c);
    request_end (c);
  } else {
    c->req->gone = 1;
    request_over (c);
  }
  conn_bury (c);
}

void
conn_respond (struct conn *c)
{
  struct kg_req *req = c->req;
  int streams = req->stream && (req->streamed || stream_serves (req));
  body_abandon (c);
  if (c->worker->draining && !req->close)
    req->close = CLOSE_AFTER;
  if (streams && !req->gone)
    stream_respond (c);
  if (c->fd < 0 || req->gone) {
    respond_to_nobody (c);
    return;
  }
  if (!streams)
    reply_put (req, 0);
  request_over (c);
}

/* The answer to a head or body that cannot be taken, and the end of the connection. */
void
conn_refuse (struct conn *c, int32_t status, const char *why, const char *allow, const char *id)
{
  worker_log_refusal (c, status, why, id);
  account_refusal (c->worker->host, status);
  reply_put_refusal (c, status, why, allow, id);
  c->closing = 1;
  conn_state_set (c, CONN_HEAD);
}

/* The peer is gone: a request that waits is told, one that is being read ends. */
static void
conn_gone (struct conn *c)
{
  struct kg_req *req = c->req;
  conn_hang_up (c);
  if (!req) {
    conn_bury (c);
    return;
  }
  req->gone = 1;
  if (c->state == CONN_WAIT || c->state == CONN_STREAM) {
    if (c->state == CONN_STREAM) {
      stream_gone (req);
      conn_later (c); /* it may have ended before, and nobody will say so again */
    }
    if (req->ticket && req->step < STEP_COMMIT && ticket_end (req))
      conn_outcome (c, phase_abort (req, -EPIPE));
    return;
  }
  req->response.status = 499;
  request_over (c);
  conn_bury (c);
}

/* ---- What the pipeline wants -------------------------------------------- */

static void
body_begin (struct conn *c)
{
  struct kg_req *req = c->req;
  size_t have;
  c->body_len = 0;
  c->body = NULL;
  if (!req->gate.length && !req->gate.chunked) {
    c->body_read = 1;
    conn_outcome (c, phase_body (req));
    return;
  }
  if (c->inner) {
    req->body = inner_body (c);
    conn_outcome (c, phase_body (req));
    return;
  }
  chunked_init (&c->chunked);
  c->body_cap = req->gate.chunked ? 4096 : (size_t) req->gate.length;
  c->body = arena_alloc (&req->arena, c->body_cap + 1);
  conn_state_set (c, CONN_BODY);
  conn_input (c, &have);
  if (req->gate.expect && (req->gate.chunked || have < req->gate.length))
    conn_put (c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
  if (!c->body) {
    problem_set (req, 503, NULL, "The server is out of memory.");
    conn_respond (c);
  }
}

static void
conn_outcome (struct conn *c, enum outcome o)
{
  switch (o) {
  case OUTCOME_BODY:
    body_begin (c);
    break;
  case OUTCOME_WAIT:
    conn_state_set (c, CONN_WAIT);
    break;
  case OUTCOME_STREAM:
    if (c->state != CONN_STREAM)
      conn_state_set (c, CONN_STREAM);
    if (stream_is_due (c->req))
      stream_begin (c);
    break;
  case OUTCOME_REPLY:
    conn_respond (c);
    break;
  }
}

/* ---- Steps of a turn ---------------------------------------------------- */

static void
request_begin (struct conn *c, const char *bytes, size_t len)
{
  struct worker *w = c->worker;
  struct gate gate;
  struct kg_req *req;
  void *slab;
  char id[REQUEST_ID_MAX + 1];
  gate_check (&w->head, &w->rules, &gate);
  if (gate.status) {
    kg_str theirs = head_value (&w->head, FIELD_REQUEST_ID);
    trace_uuid (&w->rng, id);
    if (theirs.ptr && trace_id_ok (theirs)) {
      memcpy (id, theirs.ptr, theirs.len);
      id[theirs.len] = 0;
    }
    conn_refuse (c, gate.status, gate.why, gate.allow, id);
    return;
  }
  slab = worker_slab_get (w);
  req = slab ? request_init (slab, w->host, w, c, &w->head, bytes, len, &gate) : NULL;
  if (!req) {
    if (slab)
      worker_slab_put (w, slab);
    trace_uuid (&w->rng, id);
    conn_refuse (c, 503, "The server is out of memory.", NULL, id);
    return;
  }
  conn_use (c, len);
  c->req = req;
  c->body_read = 0;
  c->requests++;
  atomic_fetch_add_explicit (&w->busy_count, 1, memory_order_relaxed);
  if (!gate.keep_alive || c->requests >= w->host->settings.http.pipeline_max)
    req->close = CLOSE_AFTER;
  conn_outcome (c, phase_begin (req));
}

/* The input has ended, or is broken. */
static enum step_result
step_end (struct conn *c, int rc)
{
  if (rc == -EAGAIN)
    return STEP_BLOCK;
  conn_use (c, c->worker->in_len - c->worker->in_pos);
  if (rc == 0 && !c->req)
    c->closing = 1; /* what was answered may still be on its way */
  else
    conn_gone (c);
  return STEP_BLOCK;
}

static enum step_result
step_head (struct conn *c)
{
  struct worker *w = c->worker;
  const char *why = "", *p;
  size_t len;
  int32_t rc;
  char id[37];
  if (c->closing)
    return STEP_BLOCK;
  p = conn_input (c, &len);
  rc = len ? head_parse (p, len, &w->limits, &w->head, &why) : 0;
  if (rc > 0)
    request_begin (c, p, (size_t) rc);
  else if (rc < 0) {
    trace_uuid (&w->rng, id);
    conn_refuse (c, -rc, why, NULL, id);
  } else {
    int n = c->readable ? conn_fill (c) : -EAGAIN;
    if (n <= 0)
      return step_end (c, n);
    if (!len)
      c->since = w->now;
  }
  return STEP_GO;
}

static enum step_result
step_body (struct conn *c)
{
  struct kg_req *req = c->req;
  int done = conn_body_take (c);
  int n;
  if (done < 0)
    return STEP_GO;
  if (done) {
    c->body[c->body_len] = 0;
    c->body_read = 1;
    req->body = (kg_str){ c->body, c->body_len };
    conn_outcome (c, phase_body (req));
    return STEP_GO;
  }
  conn_flush (c);
  if (!c->readable)
    return STEP_BLOCK;
  if (req->gate.chunked)
    n = conn_fill (c);
  else if ((n = conn_read (c, c->body + c->body_len, c->body_cap - c->body_len)) > 0)
    c->body_len += (size_t) n;
  return n > 0 ? STEP_GO : step_end (c, n);
}

static enum step_result
step_stream (struct conn *c)
{
  struct kg_req *req = c->req;
  int ended;
  if (stream_is_due (req) && !req->gone)
    stream_begin (c);
  while (!(ended = stream_pump (req)) && stream_has_room (req))
    phase_stream_room (req);
  if (ended <= 0 || req->ticket)
    return STEP_BLOCK;
  conn_outcome (c, phase_stream_end (req));
  return c->state == CONN_WAIT ? STEP_BLOCK : STEP_GO;
}

static enum step_result
step_linger (struct conn *c)
{
  int n;
  while (c->readable) {
    n = conn_read (c, c->worker->in, WORKER_IN);
    if (n <= 0 && n != -EAGAIN) {
      conn_bury (c);
      break;
    }
  }
  return STEP_BLOCK;
}

static enum step_result
step (struct conn *c)
{
  if (c->out && c->fd >= 0 && conn_flush (c))
    return STEP_BLOCK;
  switch (c->state) {
  case CONN_HEAD:
    return step_head (c);
  case CONN_BODY:
    return step_body (c);
  case CONN_STREAM:
    return step_stream (c);
  case CONN_LINGER:
    return step_linger (c);
  default:
    return STEP_BLOCK;
  }
}

/* All is answered and the connection is to end: at once when nothing more can come, else the
 * peer gets a moment to read the answer before its own bytes would make the kernel reset it. */
static void
conn_finish (struct conn *c)
{
  size_t len;
  conn_input (c, &len);
  if (!len && !c->readable && !c->in_len) {
    conn_bury (c);
    return;
  }
  shutdown (c->fd, SHUT_WR);
  conn_state_set (c, CONN_LINGER);
  step_linger (c);
}

/* The end of every turn: output leaves, input that is left is kept.  When the kernel takes here
 * what held the turn up, there is no edge to come that would continue it. */
void
conn_turn_end (struct conn *c)
{
  int held = c->out != NULL;
  int rc = c->state == CONN_CLOSED || c->fd < 0 ? 0 : conn_flush (c);
  if (rc == -EPIPE)
    conn_gone (c);
  else if (held && !c->out && c->state != CONN_CLOSED)
    conn_later (c);
  if (c->closing && !rc && c->state == CONN_HEAD && c->fd >= 0)
    conn_finish (c);
  if (conn_keep (c) < 0)
    conn_gone (c);
  conn_settle (c);
}

static void
turn (struct conn *c)
{
  int budget = TURN_REQUESTS;
  while (c->state != CONN_CLOSED && step (c) == STEP_GO)
    if (c->state == CONN_HEAD && !--budget) {
      conn_later (c);
      break;
    }
  conn_turn_end (c);
}

void
conn_turn (struct conn *c)
{
  if (c->state == CONN_CLOSED)
    return;
  conn_not_later (c);
  conn_load (c);
  turn (c);
}

void
conn_continue (struct conn *c, int outcome)
{
  if (c->state == CONN_CLOSED)
    return;
  conn_load (c);
  conn_outcome (c, (enum outcome) outcome);
  turn (c);
}

/* ---- News --------------------------------------------------------------- */

void
conn_close (struct conn *c)
{
  if (c->state == CONN_CLOSED)
    return;
  conn_load (c);
  conn_gone (c);
  conn_settle (c);
}

void
conn_event (struct conn *c, uint32_t events)
{
  if (c->state == CONN_CLOSED)
    return;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
    c->readable = 1;
  if (events & EPOLLRDHUP && !c->half) {
    c->half = 1;
    c->half_since = c->worker->now;
  }
  if (events & (EPOLLHUP | EPOLLERR)) {
    c->half = c->hung = 1;
    if (c->state == CONN_WAIT || c->state == CONN_STREAM) {
      conn_close (c);
      return;
    }
  }
  conn_turn (c);
}
