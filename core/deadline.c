/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Deadlines: how long a peer, a handler or a stream may take. */
#include "core/conn_io.h"
#include "core/conn_turn.h"
#include "core/inner.h"
#include "core/phase.h"
#include "core/reply.h"
#include "core/stream.h"
#include "core/ticket.h"
#include "core/util/clock.h"
#include "core/worker_loop.h"

#include <errno.h>

#define GONE_AFTER  (CLOCK_SECOND / 2) /* a half-closed peer that waits is taken for gone */
#define LINGER_TIME (2 * CLOCK_SECOND)
#define SILENT_TIME (2 * CLOCK_SECOND) /* idle while draining, then closed */
#define RATE_GRACE  (5 * CLOCK_SECOND)

static int64_t
seconds (double s)
{
  return (int64_t) (s * CLOCK_SECOND);
}

static void
sweep_head (struct conn *c, int64_t now)
{
  const struct http_settings *s = &c->worker->host->settings.http;
  int64_t since = c->since;
  char id[37];
  if (c->in) {
    if (now - since < seconds (s->header_timeout))
      return;
    trace_uuid (&c->worker->rng, id);
    conn_load (c);
    conn_refuse (c, 408, "the request head took too long", NULL, id);
    conn_turn_end (c);
    return;
  }
  if (c->worker->draining && since < c->worker->drain_since)
    since = c->worker->drain_since;
  if (now - since >= (c->worker->draining ? SILENT_TIME
                      : c->requests       ? seconds (s->idle_timeout)
                                          : seconds (s->header_timeout)))
    conn_close (c);
}

static void
sweep_body (struct conn *c, int64_t now)
{
  const struct http_settings *s = &c->worker->host->settings.http;
  int64_t age = now - c->since;
  if (age < seconds (s->body_timeout)
      && (age < RATE_GRACE || (double) c->body_len >= (double) s->body_rate * (double) age / 1e9))
    return;
  conn_load (c);
  c->req->close = CLOSE_AFTER;
  problem_set (c->req, 408, NULL, "the request body took too long");
  conn_respond (c);
  conn_turn_end (c);
}

static void
sweep_wait (struct conn *c, int64_t now)
{
  struct kg_req *req = c->req;
  if (c->half && !req->gone && now - c->half_since >= GONE_AFTER && req->step < STEP_COMMIT) {
    conn_close (c);
    return;
  }
  if (now >= req->deadline && ticket_end (req))
    conn_continue (c, (int) phase_abort (req, -ETIMEDOUT));
}

static void
sweep_stream (struct conn *c, int64_t now)
{
  if (c->fd < 0)
    return;
  if (c->half && now - c->half_since >= GONE_AFTER) {
    conn_close (c);
    return;
  }
  if (stream_expire (c->req, now)) {
    if (ticket_end (c->req))
      conn_continue (c, (int) phase_abort (c->req, -ETIMEDOUT));
    return;
  }
  conn_load (c);
  if (stream_revoked (c->req)) {
    stream_gone (c->req); /* first: whoever sees the end may ask the producer */
    stream_revoke (c->req);
    conn_close (c);
    return;
  }
  stream_sweep (c->req, now);
  conn_turn_end (c);
}

void
conn_sweep (struct conn *c)
{
  int64_t now = c->worker->now;
  const struct http_settings *s = &c->worker->host->settings.http;
  if (c->inner) {
    inner_sweep (c, now);
    return;
  }
  if (c->out && c->fd >= 0 && now - c->progress >= seconds (s->write_timeout)) {
    conn_close (c);
    return;
  }
  if (c->state == CONN_HEAD && !c->out)
    sweep_head (c, now);
  else if (c->state == CONN_BODY)
    sweep_body (c, now);
  else if (c->state == CONN_WAIT)
    sweep_wait (c, now);
  else if (c->state == CONN_STREAM)
    sweep_stream (c, now);
  else if (c->state == CONN_LINGER && now - c->since >= LINGER_TIME)
    conn_close (c);
}
