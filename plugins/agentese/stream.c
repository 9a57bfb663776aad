/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* An answer as an event stream: API, section 6.
 *
 * Pieces come on any thread, and are passed on at once; what a slow caller cannot take yet
 * waits here, in the memory where an answer that isn't streamed is collected, and leaves as
 * one chunk when there is room.  The stream is over when the answer is there and all was
 * said, or when the caller has left: then what it got is charged.  The last event leaves
 * behind COMMIT, so who reads it knows that its usage is kept. */
#include "plugins/agentese/stream.h"
#include "plugins/agentese/state.h"

#include <kgent/sse.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MAX 16384 /* bytes of text in one event */

struct ag_stream {
  struct ag_call *call;
  kg_stream *stream;
  pthread_mutex_t lock; /* of what follows: pieces come on any thread */
  size_t told;          /* bytes of call->pieces that were sent */
  uint64_t sent;        /* bytes of the stream */
  uint32_t chunks;
  int32_t ended, answered;
  int32_t tokens_said;  /* somebody told how many tokens were used */
  struct ag_marks marks;
  kg_str body, result;  /* of the answer */
};

/* ---- Chunks, on any thread; the lock is held ----------------------------------------------- */

static void
chunk_write (const struct ag_stream *s, kg_str text, struct kg_out *o)
{
  kg_out_lit (o, "id: ");
  kg_out_int (o, (int64_t)s->chunks + 1);
  kg_out_lit (o, "\nevent: chunk\ndata: {\"text\":");
  kg_out_str (o, text);
  kg_out_lit (o, ",\"index\":");
  kg_out_int (o, s->chunks);
  kg_out_lit (o, "}\n\n");
}

/* As host->send; *ret_len are the bytes of the event. */
static int32_t
chunk_send (struct ag_stream *s, kg_str text, size_t *ret_len)
{
  char buf[1024], *big = NULL;
  struct kg_out o = { buf, 0, sizeof buf };
  int32_t r;
  chunk_write (s, text, &o);
  if (!kg_out_ok (&o)) {
    big = malloc (o.len);
    if (!big)
      return -ENOMEM;
    o = (struct kg_out){ big, 0, o.len };
    chunk_write (s, text, &o);
  }
  *ret_len = o.len;
  r = s->call->ag->host->send (s->stream, o.ptr, o.len);
  free (big);
  return r;
}

/* What is to be said next: whole characters. */
static kg_str
piece_next (const struct ag_stream *s)
{
  const struct kg_out *all = &s->call->pieces;
  kg_str text = { all->ptr + s->told, all->len - s->told };
  if (text.len <= CHUNK_MAX)
    return text;
  text.len = CHUNK_MAX;
  while (text.len > CHUNK_MAX - 3 && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80)
    text.len--; /* a plugin may say what is no UTF-8, too */
  return text;
}

/* Says what was not said yet.  0; -EAGAIN: some of it waits; -EPIPE, -ENOMEM. */
static int32_t
flush (struct ag_stream *s)
{
  struct ag_call *c = s->call;
  int32_t r;
  while (s->told < c->pieces.len) {
    kg_str text = piece_next (s);
    size_t len = 0;
    if ((r = ag_marks_reserve (&s->marks)) < 0 || (r = chunk_send (s, text, &len)) < 0)
      return r;
    s->told += text.len;
    s->sent += len;
    s->chunks++;
    ag_marks_add (&s->marks, &(struct ag_mark){ s->sent, s->told, s->chunks, c->tokens_used });
    ag_marks_reach (&s->marks, (uint64_t)c->ag->host->taken (s->stream));
  }
  return 0;
}

/* All of the answer is there and was said, or will never be. */
static void
end (struct ag_stream *s)
{
  if (!s->ended)
    s->call->ag->host->end (s->stream);
  s->ended = 1;
}

/* ---- From the call -------------------------------------------------------------------------- */

static int32_t
piece (struct ag_call *c, kg_str text)
{
  struct ag_stream *s = c->stream;
  int32_t r = -E2BIG;
  pthread_mutex_lock (&s->lock);
  if (text.len <= c->pieces.cap - c->pieces.len) {
    kg_out_raw (&c->pieces, text.ptr, text.len);
    r = flush (s);
  }
  pthread_mutex_unlock (&s->lock);
  return r == -EAGAIN ? 0 : r;
}

void
ag_used (struct ag_call *c, int64_t tokens)
{
  struct ag_stream *s = c->stream;
  tokens = tokens < 0 ? 0 : tokens < AG_COST_MAX ? tokens : AG_COST_MAX;
  if (!s) {
    c->tokens_used = tokens;
    return;
  }
  pthread_mutex_lock (&s->lock);
  c->tokens_used = tokens;
  s->tokens_said = 1;
  pthread_mutex_unlock (&s->lock);
}

int32_t
ag_stream_answer (struct ag_call *c, kg_str body, kg_str result)
{
  struct ag_stream *s = c->stream;
  pthread_mutex_lock (&s->lock);
  s->body = body;
  s->result = result;
  s->answered = 1;
  if (flush (s) != -EAGAIN)
    end (s);
  pthread_mutex_unlock (&s->lock);
  return KG_DONE;
}

/* ---- The host's questions, on the worker ----------------------------------------------------- */

static int32_t
room (kg_req *req, void *arg)
{
  struct ag_stream *s = arg;
  (void)req;
  pthread_mutex_lock (&s->lock);
  if (!s->ended && flush (s) != -EAGAIN && s->answered)
    end (s);
  pthread_mutex_unlock (&s->lock);
  return KG_NEXT;
}

/* The caller left before it had all: it pays for what it got, and for nothing if that was
 * nothing. */
static int32_t
settle_part (struct ag_stream *s)
{
  struct ag_call *c = s->call;
  const struct ag_mark *got = &s->marks.reached;
  if (!got->chunks)
    return c->ag->host->reply (c->req, 499, NULL, NULL, 0);
  c->tokens_used = s->tokens_said ? got->tokens : got->chunks;
  return ag_settle (c, got->text + 2, 499);
}

/* What it costs.  Who set a problem has said all there is to say. */
static int32_t
settle (struct ag_stream *s)
{
  const struct kg_host *host = s->call->ag->host;
  kg_req *req = s->call->req;
  if (host->num (req, KG_NUM_STATUS) >= 400)
    return 0;
  if (s->answered && s->told == s->call->pieces.len && !s->marks.count)
    return ag_settle (s->call, s->result.len, 200);
  return host->num (req, KG_NUM_GONE) == 1 ? settle_part (s) : -EPROTO;
}

static int32_t
ended (kg_req *req, void *arg)
{
  struct ag_stream *s = arg;
  int32_t r;
  (void)req;
  ag_marks_reach (&s->marks, (uint64_t)s->call->ag->host->taken (s->stream));
  r = settle (s);
  end (s);
  ag_marks_finish (&s->marks);
  return r < 0 ? r : KG_NEXT;
}

/* ---- The last word --------------------------------------------------------------------------- */

/* The whole answer as text: what the pieces said; without any, the result. */
static void
text_write (const struct ag_call *c, kg_str result, struct kg_out *o)
{
  if (c->pieces.len)
    kg_out_str (o, (kg_str){ c->pieces.ptr, c->pieces.len });
  else if (*result.ptr == '"')
    kg_out_raw (o, result.ptr, result.len);
  else
    kg_out_str (o, result);
}

/* The receipt of a stream is a member of its last event: the head left before there was one. */
static void
receipt_write (const struct ag_call *c, struct kg_out *o)
{
  const struct kg_meter *meter = c->ag->meter;
  kg_str receipt;
  if (!meter || !meter->receipt || meter->receipt (c->req, &receipt) < 0)
    return;
  kg_out_lit (o, ",\"receipt\":");
  kg_out_str (o, receipt);
}

/* An event whose data the rest of `o` is going to be. */
static void
event_open (const char *name, uint32_t chunks, struct kg_out *o)
{
  kg_out_lit (o, "id: ");
  kg_out_int (o, (int64_t)chunks + 1);
  kg_out_lit (o, "\nevent: ");
  kg_out_lit (o, name);
  kg_out_lit (o, "\ndata: ");
}

/* The members of the answer, and how it was said.  No JSON of ours has line ends. */
static void
complete_write (const struct ag_call *c, kg_str body, kg_str result, uint32_t chunks,
                int32_t is_last, struct kg_out *o)
{
  event_open ("complete", chunks, o);
  kg_out_raw (o, body.ptr, body.len - 1);
  kg_out_lit (o, ",\"text\":");
  text_write (c, result, o);
  kg_out_lit (o, ",\"chunks\":");
  kg_out_int (o, chunks);
  if (is_last)
    receipt_write (c, o);
  kg_out_lit (o, "}\n\n");
}

/* An answer that is pretty JSON, as an http agent's may be, gets its line ends taken out: in
 * strict JSON they stand between tokens only.  -ENOMEM without memory. */
static int32_t
lines_join (struct ag_call *c, kg_str *text)
{
  char *flat = c->ag->host->alloc (c->req, text->len);
  size_t i;
  if (!flat)
    return -ENOMEM;
  memcpy (flat, text->ptr, text->len);
  for (i = 0; i < text->len; i++)
    if (flat[i] == '\n' || flat[i] == '\r')
      flat[i] = ' ';
  text->ptr = flat;
  return 0;
}

static int32_t
complete_make (struct ag_call *c, kg_str body, kg_str result, uint32_t chunks, int32_t is_last,
               struct kg_out *o)
{
  int32_t r;
  if ((r = lines_join (c, &body)) < 0 || (r = lines_join (c, &result)) < 0
      || (r = ag_out_new (c, 1024, o)) < 0)
    return r;
  complete_write (c, body, result, chunks, is_last, o);
  if (kg_out_ok (o))
    return 0;
  if ((r = ag_out_new (c, o->len, o)) < 0)
    return r;
  complete_write (c, body, result, chunks, is_last, o);
  return kg_out_ok (o) ? 0 : -EIO;
}

static const char *
failure_name (int64_t status)
{
  return status == 402   ? "unaffordable"
         : status == 502 ? "upstream"
         : status == 503 ? "unavailable"
         : status == 504 ? "timeout"
         : status >= 500 ? "internal"
                         : "refused";
}

/* The problem that took the answer's place. */
static int32_t
error_make (struct ag_stream *s, int64_t status, struct kg_out *o)
{
  struct ag_call *c = s->call;
  kg_str problem = c->ag->host->get (c->req, KG_GET_REPLY, NULL);
  const struct kg_json *j = problem.len ? c->ag->host->parse (c->req, problem) : NULL;
  uint32_t detail = kg_json_kind (j, 0) == KG_JSON_OBJECT ? kg_json_find (j, 0, "detail") : 0;
  int32_t r = ag_out_new (c, 2 * problem.len + 512, o);
  if (r < 0)
    return r;
  event_open ("error", s->chunks, o);
  kg_out_lit (o, "{\"error\":");
  if (detail)
    kg_out_raw (o, kg_json_text (j, detail).ptr, kg_json_text (j, detail).len);
  else
    kg_out_lit (o, "\"The call failed\"");
  kg_out_lit (o, ",\"type\":");
  kg_out_text (o, failure_name (status));
  kg_out_lit (o, ",\"status\":");
  kg_out_int (o, status);
  kg_out_lit (o, ",\"problem\":");
  if (detail)
    kg_out_raw (o, problem.ptr, problem.len);
  else
    kg_out_lit (o, "null");
  kg_out_lit (o, "}\n\n");
  return kg_out_ok (o) ? 0 : -EIO;
}

static int32_t
last (kg_req *req, void *arg)
{
  struct ag_stream *s = arg;
  const struct kg_host *host = s->call->ag->host;
  int64_t status = host->num (req, KG_NUM_STATUS);
  struct kg_out o;
  int32_t r = status < 400
                  ? complete_make (s->call, s->body, s->result, s->chunks, 1, &o)
                  : error_make (s, status, &o);
  return r < 0 ? r : host->send (s->stream, o.ptr, o.len);
}

/* ---- Beginning --------------------------------------------------------------------------------- */

int32_t
ag_stream_begin (struct ag_call *c)
{
  struct ag_stream *s = c->ag->host->alloc (c->req, sizeof *s);
  struct kg_stream_def def = { .size = sizeof def,
                               .status = 200,
                               .type = KG_SSE_TYPE,
                               .room = room,
                               .ended = ended,
                               .last = last,
                               .arg = s };
  if (!s)
    return -ENOMEM;
  *s = (struct ag_stream){ .call = c };
  pthread_mutex_init (&s->lock, NULL);
  s->stream = c->ag->host->stream2 (c->req, &def);
  if (!s->stream)
    return -ENOMEM;
  c->stream = s;
  c->piece = piece;
  return 0;
}

int32_t
ag_stream_once (struct ag_call *c, kg_str body, kg_str result)
{
  struct kg_out o;
  int32_t r = complete_make (c, body, result, 0, 0, &o);
  if (r >= 0)
    r = c->ag->host->header (c->req, "Cache-Control", "no-store");
  if (r >= 0)
    r = c->ag->host->header (c->req, "X-Accel-Buffering", "no");
  if (r >= 0)
    r = c->ag->host->reply (c->req, 200, KG_SSE_TYPE, o.ptr, o.len);
  return r < 0 ? r : KG_DONE;
}
