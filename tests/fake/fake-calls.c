/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.calls/1 for the fake host: inner requests, begun and answered in fake_run. */
#include "fake-services-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_MAX 1048576u /* where the caller says nothing */
#define INNER_MAX  1024     /* under way */

struct fake_inner {
  struct fake_inner *next;
  struct kg_inner request; /* its texts are copies */
  void (*done) (const struct kg_inner_reply *reply, void *arg);
  void *arg;
  kg_req *req; /* NULL: it has not begun */
  int64_t asked_ns;
  int told;
};

/* ---- Asking --------------------------------------------------------------- */

static int
line_ok (const char *s)
{
  return s && !strpbrk (s, "\r\n");
}

/* What the host refuses, as far as plugins get it wrong. */
static int
request_ok (const struct kg_inner *r)
{
  if (!line_ok (r->method) || !line_ok (r->target) || *r->target != '/' || strchr (r->target, ' ')
      || (r->content_type && !line_ok (r->content_type)) || (r->body.len && !r->body.ptr)
      || !r->identity || r->flags & ~KG_INNER_BACKGROUND)
    return 0;
  for (const char *const *h = r->headers; h && *h; h++)
    if (!line_ok (*h) || !strchr (*h, ':'))
      return 0;
  return 1;
}

static const char *const *
headers_copy (struct fake_pool *pool, const char *const *headers)
{
  size_t n = 0;
  const char **copy;
  while (headers && headers[n])
    n++;
  copy = fake_pool_alloc (pool, (n + 1) * sizeof *copy);
  while (n-- > 0)
    copy[n] = fake_pool_text (pool, "%s", headers[n]);
  return copy;
}

static void
request_copy (struct fake_pool *pool, const struct kg_inner *from, struct kg_inner *ret)
{
  *ret = *from;
  ret->method = fake_pool_text (pool, "%s", from->method);
  ret->target = fake_pool_text (pool, "%s", from->target);
  if (from->content_type)
    ret->content_type = fake_pool_text (pool, "%s", from->content_type);
  if (from->body.ptr)
    ret->body.ptr = fake_pool_copy (pool, from->body.ptr, from->body.len);
  ret->headers = headers_copy (pool, from->headers);
  ret->identity = fake_identity_copy (pool, from->identity);
}

static int
under_way (const struct fake_state *s)
{
  int n = 0;
  for (const struct fake_inner *in = s->inners; in; in = in->next)
    n += !in->told;
  return n;
}

static int32_t
calls_call (kg_self *self, const struct kg_inner *request,
            void (*done) (const struct kg_inner_reply *reply, void *arg), void *arg)
{
  struct fake_state *s = fake_state_of (self->fake);
  struct kg_inner r;
  struct fake_inner *in;
  memset (&r, 0, sizeof r);
  memcpy (&r, request, request->size < sizeof r ? request->size : sizeof r);
  if (!done || !request_ok (&r))
    return -EINVAL;
  if (s->serving < 0)
    return -ESHUTDOWN;
  if (s->calls_failing) {
    s->calls_failing -= s->calls_failing > 0;
    return s->calls_error;
  }
  if (!s->serving || under_way (s) >= INNER_MAX)
    return -EAGAIN;
  in = fake_pool_alloc (&s->pool, sizeof *in);
  request_copy (&s->pool, &r, &in->request);
  in->done = done;
  in->arg = arg;
  in->asked_ns = fake_now (self->fake);
  *s->inners_end = in;
  s->inners_end = &in->next;
  return 0;
}

const struct kg_calls fake_calls_service = { sizeof fake_calls_service, 0, calls_call };

/* ---- Answering ------------------------------------------------------------ */

static void
tell_error (struct fake_inner *in, int32_t error)
{
  struct kg_inner_reply reply = { .size = sizeof reply, .error = error };
  in->told = 1;
  in->done (&reply, in->arg);
}

static void
headers_write (const kg_req *req, struct fake_text *t)
{
  for (int i = 0; i < req->nout; i++) {
    const struct fake_pair *h = &req->out[i];
    if (!strcmp (h->name, "Content-Type"))
      continue;
    fake_text_add (t, h->name, strlen (h->name));
    fake_text_add (t, ": ", 2);
    fake_text_add (t, h->value, strlen (h->value));
    fake_text_add (t, "\r\n", 2);
  }
}

static void
tell_answer (struct fake_state *s, struct fake_inner *in)
{
  const kg_req *req = in->req;
  const char *type = fake_header (req, "Content-Type");
  struct fake_text headers = { NULL, 0 };
  struct kg_inner_reply reply = { .size = sizeof reply,
                                  .status = req->status,
                                  .content_type = { type, type ? strlen (type) : 0 },
                                  .body = { req->reply.ptr, req->reply.len },
                                  .request_id = { req->id, strlen (req->id) },
                                  .elapsed_ns = fake_now (s->fake) - in->asked_ns };
  headers_write (req, &headers);
  reply.headers.ptr = fake_pool_copy (&s->pool, headers.ptr, headers.len);
  reply.headers.len = headers.len;
  free (headers.ptr);
  in->told = 1;
  in->done (&reply, in->arg);
}

static void
tell (struct fake_state *s, struct fake_inner *in)
{
  uint64_t most = in->request.stream_max ? in->request.stream_max : STREAM_MAX;
  if (in->req->streaming && in->req->reply.len > most)
    tell_error (in, -EMSGSIZE);
  else if (in->req->streaming && in->req->gone)
    tell_error (in, -ECANCELED);
  else
    tell_answer (s, in);
}

int
fake_calls_turn (struct fake_state *s)
{
  int n = 0;
  for (struct fake_inner *in = s->inners; in; in = in->next) {
    const struct kg_inner *r = &in->request;
    if (in->told)
      continue;
    if (!in->req) {
      in->req = fake_request_make (s->fake, r->method, r->target, r->headers, r->content_type,
                                   r->body, r->identity, 1);
      n++;
    }
    if (in->req->done) {
      tell (s, in);
      n++;
    }
  }
  return n;
}

/* ---- The end --------------------------------------------------------------- */

void
fake_calls_end (struct fake_state *s)
{
  if (s->serving <= 0)
    return;
  s->serving = -1;
  for (struct fake_inner *in = s->inners; in; in = in->next) {
    if (in->told)
      continue;
    if (in->req)
      fake_leave (in->req);
    tell_error (in, -ESHUTDOWN);
  }
}

void
fake_calls_crash (struct fake_state *s)
{
  s->serving = -1;
  for (struct fake_inner *in = s->inners; in; in = in->next)
    in->told = 1;
}

/* ---- What a test may ask ---------------------------------------------------- */

int
fake_inner_count (struct fake *fake)
{
  int n = 0;
  for (struct fake_inner *in = fake_state_of (fake)->inners; in; in = in->next)
    n++;
  return n;
}

kg_req *
fake_inner (struct fake *fake, int i)
{
  struct fake_inner *in = fake_state_of (fake)->inners;
  while (in && i-- > 0)
    in = in->next;
  return in ? in->req : NULL;
}

void
fake_calls_fail (struct fake *fake, int error, int count)
{
  struct fake_state *s = fake_state_of (fake);
  s->calls_error = error;
  s->calls_failing = count;
}
