/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Request bodies: taken from the input until they are whole. */
#include "core/conn_io.h"
#include "core/conn_turn.h"
#include "core/reply.h"
#include "core/request.h"

#include <string.h>

/* Takes chunked input: 1 when the body is done, 0 for more, -1 when it was answered. */
static int
chunks_take (struct conn *c)
{
  uint64_t max = c->req->match.route->pub.body_max;
  const char *p, *data;
  size_t len, n;
  int done = 0;
  if (!max)
    max = (uint64_t) c->req->host->settings.http.body_max;
  while (p = conn_input (c, &len), len && !done) {
    int64_t used = chunked_feed (&c->chunked, p, len, &data, &n, &done);
    if (used < 0 || c->body_len + n > max) {
      c->req->close = CLOSE_AFTER;
      problem_set (c->req, used < 0 ? 400 : 413, NULL, "%s",
                   used < 0 ? "malformed chunked body" : "the body is too large");
      conn_respond (c);
      return -1;
    }
    if (c->body_len + n > c->body_cap) {
      char *more = arena_alloc (&c->req->arena, 2 * (c->body_len + n) + 1);
      if (!more) {
        problem_set (c->req, 503, NULL, "The server is out of memory.");
        conn_respond (c);
        return -1;
      }
      memcpy (more, c->body, c->body_len);
      c->body = more;
      c->body_cap = 2 * (c->body_len + n);
    }
    if (n)
      memcpy (c->body + c->body_len, data, n);
    c->body_len += n;
    conn_use (c, (size_t) used);
  }
  return done;
}

static int
bytes_take (struct conn *c)
{
  size_t len, want = c->body_cap - c->body_len;
  const char *p = conn_input (c, &len);
  if (len > want)
    len = want;
  memcpy (c->body + c->body_len, p, len);
  c->body_len += len;
  conn_use (c, len);
  return c->body_len == c->body_cap;
}

int
conn_body_take (struct conn *c)
{
  return c->req->gate.chunked ? chunks_take (c) : bytes_take (c);
}
