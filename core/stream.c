/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/stream.h"

#include "core/conn.h"
#include "core/idempotency.h"
#include "core/reply.h"
#include "core/util/clock.h"
#include "core/worker_loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_MAGIC   0x7374726du
#define SILENCE_MAX    (15 * CLOCK_SECOND) /* of an event stream, until a comment */

struct kg_stream {
  struct post post; /* first: the worker gets it back from the post */
  uint32_t magic;
  pthread_mutex_t lock; /* guards what follows, up to the line */
  char *buf;
  size_t len, cap;
  uint64_t taken;     /* bytes of the producer's that the kernel has */
  int ended, gone, posted;
  int refused;        /* something was too much, and the producer was not told of room */
  /* ---- the worker's own ---- */
  struct kg_req *req; /* NULL when the request is over */
  struct worker *worker;
  size_t limit;       /* bytes that may wait */
  int is_events;
  int64_t spoke;      /* ns, when something was last sent */
  const char *type;   /* the very pointer in the response, while the stream is that */
  uint64_t put;       /* bytes of the producer's in the connection's output so far */
  int is_lazy;        /* of stream2: the head leaves with the first bytes */
  int cut;            /* nobody waits for its end */
  int late;           /* it took too long */
  int over;           /* `ended` was called */
  struct stream_said said;
  struct kg_stream_def def; /* of stream2, else all zero */
};

/* ---- Any thread --------------------------------------------------------- */

/* Posts the stream unless it is already on its way; `lock` is held. */
static int
must_post (struct kg_stream *s)
{
  int must = !s->posted;
  s->posted = 1;
  return must;
}

static int
room (struct kg_stream *s, size_t more)
{
  size_t cap = s->cap ? s->cap : 1024;
  char *p;
  if (s->len + more <= s->cap)
    return 1;
  while (cap < s->len + more)
    cap *= 2;
  p = realloc (s->buf, cap);
  if (!p)
    return 0;
  s->buf = p;
  s->cap = cap;
  return 1;
}

int32_t
stream_send (kg_stream *s, const void *data, size_t len)
{
  int32_t rc = 0;
  int post = 0;
  if (s->magic != STREAM_MAGIC)
    abort ();
  pthread_mutex_lock (&s->lock);
  if (s->gone)
    rc = -EPIPE;
  else if (s->len && s->len + len > s->limit) {
    s->refused = 1;
    rc = -EAGAIN;
  } else if (!room (s, len))
    rc = -ENOMEM;
  else if (len) {
    memcpy (s->buf + s->len, data, len);
    s->len += len;
    post = must_post (s);
  }
  pthread_mutex_unlock (&s->lock);
  if (post)
    worker_post (s->worker, &s->post);
  return rc;
}

void
stream_end (kg_stream *s)
{
  int post;
  if (s->magic != STREAM_MAGIC)
    abort ();
  pthread_mutex_lock (&s->lock);
  s->ended = 1;
  post = must_post (s);
  pthread_mutex_unlock (&s->lock);
  if (post)
    worker_post (s->worker, &s->post);
}

int64_t
stream_taken (kg_stream *s)
{
  int64_t n;
  pthread_mutex_lock (&s->lock);
  n = (int64_t) s->taken;
  pthread_mutex_unlock (&s->lock);
  return n;
}

/* ---- Beginning ---------------------------------------------------------- */

static void
stream_free (struct kg_stream *s)
{
  pthread_mutex_destroy (&s->lock);
  free (s->buf);
  s->magic = 0;
  free (s);
}

/* A request may be over before its stream was ended: whoever holds it still ends it. */
static void
stream_handle (struct post *post)
{
  struct kg_stream *s = (struct kg_stream *) post;
  int ended;
  pthread_mutex_lock (&s->lock);
  s->posted = 0;
  ended = s->ended;
  pthread_mutex_unlock (&s->lock);
  if (s->req)
    conn_turn (s->req->conn);
  else if (ended)
    stream_free (s);
}

kg_stream *
stream_open (kg_req *req, int32_t status, const char *type)
{
  struct kg_stream *s;
  if (req->stream || status < 200 || status > 599 || !type)
    return NULL;
  s = calloc (1, sizeof *s);
  if (!s)
    return NULL;
  if (reply_set (req, status, type, NULL, 0) < 0) {
    free (s);
    return NULL;
  }
  s->post.handle = stream_handle;
  s->magic = STREAM_MAGIC;
  pthread_mutex_init (&s->lock, NULL);
  s->req = req;
  s->worker = req->worker;
  s->limit = (size_t) req->host->settings.http.stream_buffer;
  s->is_events = !strncmp (type, "text/event-stream", 17);
  s->spoke = worker_now (req->worker);
  s->type = req->response.type;
  s->gone = req->gone; /* a continuation may begin it behind its client's back */
  return req->stream = s;
}

kg_stream *
stream_open2 (kg_req *req, const struct kg_stream_def *def)
{
  struct kg_stream *s;
  if (req->step != STEP_HANDLER || def->size < offsetof (struct kg_stream_def, room))
    return NULL;
  s = stream_open (req, def->status, def->type);
  if (!s)
    return NULL;
  memcpy (&s->def, def, def->size < sizeof s->def ? def->size : sizeof s->def);
  s->is_lazy = 1;
  return s;
}

/* ---- What it is to the request ------------------------------------------ */

int
stream_serves (const struct kg_req *req)
{
  const struct kg_stream *s = req->stream;
  return s && !s->cut && s->type == req->response.type;
}

int
stream_is_due (const struct kg_req *req)
{
  struct kg_stream *s = req->stream;
  int due;
  if (req->streamed || !s->is_lazy)
    return !req->streamed;
  pthread_mutex_lock (&s->lock);
  due = s->len > 0;
  pthread_mutex_unlock (&s->lock);
  return due;
}

const struct kg_stream_def *
stream_def (const struct kg_req *req)
{
  return &req->stream->def;
}

int
stream_is_over (struct kg_req *req)
{
  int was = req->stream->over;
  req->stream->over = 1;
  return was;
}

void
stream_cut (struct kg_req *req)
{
  req->stream->cut = 1;
}

int
stream_is_late (const struct kg_req *req)
{
  return req->stream->late;
}

void
stream_head (struct kg_req *req)
{
  if (!req->stream->is_events)
    return;
  reply_field (req, "Cache-Control", 13, "no-store", 8);
  reply_field (req, "X-Accel-Buffering", 17, "no", 2);
}

/* ---- Sending ------------------------------------------------------------ */

/* Notes how much the kernel has.  What it has not is counted with its frames, so this is a little
 * less than the truth, but never more. */
static void
account (struct kg_req *req)
{
  struct kg_stream *s = req->stream;
  uint64_t waits = req->conn->out_len - req->conn->out_pos;
  uint64_t taken = s->put > waits ? s->put - waits : 0;
  pthread_mutex_lock (&s->lock);
  if (taken > s->taken)
    s->taken = taken;
  pthread_mutex_unlock (&s->lock);
}

/* Puts a piece of the body, framed. */
static void
put_piece (struct kg_req *req, const char *p, size_t len)
{
  char size[24];
  int n = snprintf (size, sizeof size, "%zx\r\n", len);
  if (!len || req->gate.method == METHOD_HEAD)
    return;
  if (req->close == CLOSE_ENDS_BODY)
    conn_put (req->conn, p, len);
  else {
    conn_put (req->conn, size, (size_t) n);
    conn_put (req->conn, p, len);
    conn_put (req->conn, "\r\n", 2);
  }
  req->sent += len;
  req->stream->spoke = worker_now (req->worker);
}

/* Puts what is queued; how much that was. */
static size_t
put_queue (struct kg_req *req, int *ret_ended)
{
  struct kg_stream *s = req->stream;
  char *buf;
  size_t len;
  pthread_mutex_lock (&s->lock);
  buf = s->buf;
  len = s->len;
  *ret_ended = s->ended;
  s->buf = NULL;
  s->len = s->cap = 0;
  pthread_mutex_unlock (&s->lock);
  if (!req->gone) {
    put_piece (req, buf, len);
    s->put += len;
    if (req->claim)
      idempotency_take (req, buf, len);
  }
  free (buf);
  return len;
}

int
stream_pump (struct kg_req *req)
{
  int ended, held;
  while (put_queue (req, &ended))
    if (!req->gone && (held = conn_flush (req->conn))) {
      if (held > 0)
        account (req);
      return -1;
    }
  if (req->gone)
    return ended;
  if (req->conn->out)
    return -1;
  account (req);
  return ended;
}

int
stream_has_room (struct kg_req *req)
{
  struct kg_stream *s = req->stream;
  int refused;
  if (!s->def.room || req->gone)
    return 0;
  pthread_mutex_lock (&s->lock);
  refused = s->refused;
  s->refused = 0;
  pthread_mutex_unlock (&s->lock);
  return refused;
}

void
stream_put_rest (struct kg_req *req)
{
  int ended;
  put_queue (req, &ended);
}

struct stream_said *
stream_said (struct kg_req *req)
{
  return &req->stream->said;
}

int
stream_is_whole (struct kg_req *req, kg_str *ret_rest)
{
  struct kg_stream *s = req->stream;
  int gone;
  if (!stream_serves (req) || req->gone || s->late || !s->said.status || s->said.rc < 0)
    return 0;
  pthread_mutex_lock (&s->lock);
  gone = s->gone;
  *ret_rest = (kg_str){ s->buf, s->len };
  pthread_mutex_unlock (&s->lock);
  return !gone;
}

void
stream_gone (struct kg_req *req)
{
  if (!req->conn->hung)
    account (req);
  pthread_mutex_lock (&req->stream->lock);
  req->stream->gone = 1;
  pthread_mutex_unlock (&req->stream->lock);
}

/* Whether it has lasted too long, or not begun in time. */
static int
is_overdue (const struct kg_req *req, int64_t now)
{
  int64_t most = (int64_t) (req->host->settings.http.stream_timeout * CLOCK_SECOND);
  return now - req->start_mono > most
         || (req->stream->is_lazy && !req->streamed && now >= req->deadline);
}

int
stream_expire (struct kg_req *req, int64_t now)
{
  if (req->stream->late || !is_overdue (req, now))
    return 0;
  if (req->stream->is_lazy && req->ticket)
    return 1;
  req->stream->late = req->stream->is_lazy;
  stream_gone (req);
  return 0;
}

void
stream_sweep (struct kg_req *req, int64_t now)
{
  if (!req->streamed)
    return;
  if (req->stream->is_events && now - req->stream->spoke >= SILENCE_MAX && !req->conn->out) {
    put_piece (req, ":\n\n", 3);
    conn_flush (req->conn);
  }
}

void
stream_drain (struct kg_req *req)
{
  static const char event[] = "event: drain\nretry: 1000\ndata: {}\n\n";
  if (req->stream->is_events && req->streamed && !req->conn->out && !req->gone && !req->conn->inner)
    put_piece (req, event, sizeof event - 1);
}

int
stream_revoked (const struct kg_req *req)
{
  const int32_t *ended = req->identity ? req->identity->ended : NULL;
  return req->streamed && ended && __atomic_load_n (ended, __ATOMIC_RELAXED);
}

void
stream_revoke (struct kg_req *req)
{
  static const char event[] = "event: error\ndata: {\"error\":\"The access was revoked.\","
                              "\"type\":\"revoked\"}\n\n";
  if (!req->stream->is_events)
    return; /* cut off: nobody may take a part for the whole */
  put_piece (req, event, sizeof event - 1);
  stream_finish (req);
  conn_flush (req->conn);
}

void
stream_finish (struct kg_req *req)
{
  if (req->close != CLOSE_ENDS_BODY && !req->gone && req->gate.method != METHOD_HEAD)
    conn_put (req->conn, "0\r\n\r\n", 5);
}

void
stream_release (struct kg_req *req)
{
  struct kg_stream *s = req->stream;
  int free_now;
  req->stream = NULL;
  s->req = NULL;
  pthread_mutex_lock (&s->lock);
  s->gone = 1;
  free_now = s->ended && !s->posted;
  pthread_mutex_unlock (&s->lock);
  if (free_now)
    stream_free (s);
}
