/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Streams: what is sent, what the client takes, and when they are over. */
#include "fake-internal.h"

#include <errno.h>
#include <string.h>

/* Where a stream's bytes go: those of `stream` are the response's body. */
static struct fake_text *
text_of (kg_req *req)
{
  return req->stream.lazy ? &req->stream.said : &req->reply;
}

/* ---- What a plugin calls ------------------------------------------------ */

kg_stream *
fake_host_stream (kg_req *req, int32_t status, const char *type)
{
  if (req->streaming)
    fake_die ("stream: the response is a stream already");
  if (fake_table.reply (req, status, type, "", 0) < 0)
    return NULL;
  req->stream.req = req;
  req->streaming = 1;
  return &req->stream;
}

kg_stream *
fake_host_stream2 (kg_req *req, const struct kg_stream_def *def)
{
  kg_stream *s;
  if (req->streaming || req->phase != KG_PHASE_HANDLER)
    return NULL;
  s = fake_host_stream (req, def->status, def->type);
  if (!s)
    return NULL;
  memcpy (&s->def, def, def->size < sizeof s->def ? def->size : sizeof s->def);
  s->lazy = 1;
  return s;
}

/* Cuts the stream of an identity that has ended; the lock is held. */
static void
look (kg_req *req)
{
  static const char event[] = "event: error\ndata: {\"error\":\"The access was revoked.\","
                              "\"type\":\"revoked\"}\n\n";
  const int32_t *ended = req->identity ? req->identity->ended : NULL;
  const char *type = fake_header (req, "Content-Type");
  if (!fake_stream_begun (req) || req->stream.ended || req->gone || !ended
      || !__atomic_load_n (ended, __ATOMIC_RELAXED))
    return;
  req->gone = 1;
  if (type && !strncmp (type, "text/event-stream", 17))
    fake_text_add (text_of (req), event, sizeof event - 1);
}

int32_t
fake_host_send (kg_stream *s, const void *data, size_t len)
{
  struct fake *fake = s->req->fake;
  int32_t e = 0;
  if (s->ended && !s->last)
    fake_die ("send: the stream has ended");
  pthread_mutex_lock (&fake->lock);
  look (s->req);
  if (s->req->gone)
    e = -EPIPE;
  else if (fake->stream_max && s->turn + len > fake->stream_max) {
    s->refused = 1;
    e = -EAGAIN;
  } else {
    s->turn += len;
    fake_text_add (text_of (s->req), data, len);
  }
  pthread_mutex_unlock (&fake->lock);
  return e;
}

int64_t
fake_host_taken (kg_stream *s)
{
  struct fake *fake = s->req->fake;
  size_t n;
  pthread_mutex_lock (&fake->lock);
  n = text_of (s->req)->len;
  pthread_mutex_unlock (&fake->lock);
  return (int64_t)(s->req->takes && s->req->takes < n ? s->req->takes : n);
}

void
fake_host_end (kg_stream *s)
{
  struct fake *fake = s->req->fake;
  pthread_mutex_lock (&fake->lock);
  if (s->ended)
    fake_die ("end: the stream has ended before");
  s->ended = 1;
  pthread_mutex_unlock (&fake->lock);
}

/* ---- What the request's way asks ---------------------------------------- */

int
fake_stream_begun (const kg_req *req)
{
  return req->streaming && (!req->stream.lazy || req->stream.said.len > 0);
}

int
fake_stream_serves (const kg_req *req)
{
  return req->streaming && !req->stream.replaced && !req->stream.cut;
}

int32_t
fake_stream_over (kg_req *req)
{
  kg_stream *s = &req->stream;
  if (!req->streaming || !s->def.ended || s->over)
    return KG_NEXT;
  s->over = 1;
  return fake_worker_call (s->def.ended, req, s->def.arg);
}

void
fake_stream_last (kg_req *req)
{
  kg_stream *s = &req->stream;
  if (!req->streaming || req->gone || !s->def.last || !(fake_stream_begun (req) || fake_stream_serves (req)))
    return;
  req->fake->stream_max = 0;
  s->last = 1;
  fake_worker_call (s->def.last, req, s->def.arg);
  s->last = 0;
}

/* Begins the next turn of a stream; 1 when its producer has to hear of room. */
static int
turn (kg_req *req)
{
  int refused = req->stream.refused && req->stream.def.room && !req->gone && !req->done;
  req->stream.turn = 0;
  req->stream.refused = 0;
  look (req);
  return refused;
}

kg_req *
fake_stream_next (struct fake *fake)
{
  kg_req *req;
  int room = 0;
  pthread_mutex_lock (&fake->lock);
  for (req = fake->requests; req; req = req->next) {
    if (!req->streaming)
      continue;
    room = turn (req);
    if (room
        || (req->stream.ended && !req->waiting && req->phase < KG_PHASE_COMMIT
            && fake_stream_serves (req)))
      break;
  }
  pthread_mutex_unlock (&fake->lock);
  if (room)
    fake_worker_call (req->stream.def.room, req, req->stream.def.arg);
  return req;
}
