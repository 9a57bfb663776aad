/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.jobs/1 and kg.http/1 for the fake host: run and answered by hand. */
#include "fake-services-internal.h"
#include "core/util/url.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static struct fake_state *
state_of (const kg_self *self)
{
  return fake_state_of (self->fake);
}

/* ---- kg.jobs/1 ---------------------------------------------------------- */

struct kg_timer {
  struct kg_timer *next;
  struct fake_state *state;
  void (*fn) (void *);
  void *arg;
  int64_t due_ns;
  uint32_t period_ms;
  int once, kicked, over;
};

static kg_timer *
timer_add (struct fake_state *s, void (*fn) (void *), void *arg, uint32_t delay_ms)
{
  kg_timer *t = fake_pool_alloc (&s->pool, sizeof *t), **end = &s->timers;
  t->state = s;
  t->fn = fn;
  t->arg = arg;
  t->due_ns = fake_now (s->fake) + delay_ms * 1000000ll;
  while (*end)
    end = &(*end)->next;
  return *end = t;
}

static int32_t
jobs_run (kg_self *self, void (*fn) (void *arg), void *arg)
{
  timer_add (state_of (self), fn, arg, 0)->once = 1;
  return 0;
}

static int32_t
jobs_timer (kg_self *self, uint32_t delay_ms, uint32_t period_ms, void (*fn) (void *arg),
            void *arg, kg_timer **ret)
{
  kg_timer *t = timer_add (state_of (self), fn, arg, delay_ms);
  t->period_ms = period_ms;
  *ret = t;
  return 0;
}

static void
jobs_cancel (kg_timer *t)
{
  if (t)
    t->over = 1;
}

static void
jobs_kick (kg_timer *t)
{
  t->kicked = 1;
}

const struct kg_jobs fake_jobs_service
    = { sizeof fake_jobs_service, 0, jobs_run, jobs_timer, jobs_cancel, jobs_kick };

/* The first job or timer that wants to run. */
static kg_timer *
timer_due (struct fake_state *s)
{
  kg_timer *t = s->timers;
  while (t && (t->over || !(t->kicked || t->due_ns <= fake_now (s->fake))))
    t = t->next;
  return t;
}

int
fake_run_jobs (struct fake *fake)
{
  struct fake_state *s = fake_state_of (fake);
  kg_timer *t;
  int n = 0;
  if (s->running)
    fake_die ("fake_run_jobs: called by a job");
  s->running = 1;
  while (n < 1000 && (t = timer_due (s))) {
    n++;
    t->kicked = 0;
    t->over = t->once || !t->period_ms;
    t->due_ns = INT64_MAX;
    t->fn (t->arg);
    if (t->due_ns == INT64_MAX && t->period_ms)
      t->due_ns = fake_now (fake) + t->period_ms * 1000000ll;
    fake_run (fake);
  }
  s->running = 0;
  fake_run (fake);
  return n;
}

/* ---- kg.http/1 ---------------------------------------------------------- */

struct kg_call {
  struct kg_call *next;
  struct fake_call pub;
  struct kg_http_request request;
};

struct fake_script {
  struct fake_script *next;
  int status;
  const char *type, *body;
  int64_t retry_after_ms, max_age_s;
};

static int32_t
http_check (const char *url)
{
  char origin[URL_ORIGIN_MAX];
  return url_origin (url, origin) ? 0 : -EINVAL;
}

static int32_t
http_send (kg_self *self, const struct kg_http_request *request, kg_call **ret_call)
{
  struct fake_state *s = state_of (self);
  kg_call *c;
  int n = 0;
  if (http_check (request->url) < 0 || !request->method || !request->done)
    return -EINVAL;
  c = fake_pool_alloc (&s->pool, sizeof *c);
  memcpy (&c->request, request,
          request->size < sizeof *request ? request->size : sizeof *request);
  c->pub.method = fake_pool_text (&s->pool, "%s", request->method);
  c->pub.url = fake_pool_text (&s->pool, "%s", request->url);
  c->pub.body = fake_pool_copy (&s->pool, request->body.ptr, request->body.len);
  c->pub.body_len = request->body.len;
  c->pub.flags = request->flags;
  c->pub.tries = request->tries;
  c->pub.total_ms = request->total_ms;
  while (request->headers && request->headers[n])
    n++;
  c->pub.headers = fake_pool_alloc (&s->pool, ((size_t)n + 1) * sizeof *c->pub.headers);
  while (n-- > 0)
    c->pub.headers[n] = fake_pool_text (&s->pool, "%s", request->headers[n]);
  *s->calls_end = c;
  s->calls_end = &c->next;
  if (ret_call)
    *ret_call = c;
  return 0;
}

static void
http_cancel (kg_call *c)
{
  if (c->pub.delivered)
    fake_die ("kg.http/1 cancel: the request is done");
  c->pub.cancelled = 1;
}

const struct kg_http fake_http_service
    = { sizeof fake_http_service, 0, http_send, http_cancel, http_check };

void
fake_http_reply (struct fake *fake, int status_or_error, const char *content_type,
                 const char *body, int64_t retry_after_ms)
{
  struct fake_state *s = fake_state_of (fake);
  struct fake_script *r = fake_pool_alloc (&s->pool, sizeof *r);
  r->status = status_or_error;
  r->type = fake_pool_text (&s->pool, "%s", content_type ? content_type : "application/json");
  r->body = fake_pool_text (&s->pool, "%s", body ? body : "");
  r->retry_after_ms = retry_after_ms;
  r->max_age_s = -1;
  *s->script_end = r;
  s->script_end = &r->next;
}

void
fake_http_max_age (struct fake *fake, int64_t max_age_s)
{
  struct fake_script *r = fake_state_of (fake)->script;
  while (r && r->next)
    r = r->next;
  if (!r)
    fake_die ("fake_http_max_age: no reply is scripted");
  r->max_age_s = max_age_s;
}

static void
call_deliver (kg_call *c, const struct fake_script *r)
{
  struct kg_http_reply reply = { .size = sizeof reply, .tries = 1, .retry_after_ms = -1,
                                 .max_age_s = -1 };
  size_t len = r ? strlen (r->body) : 0;
  c->pub.delivered = 1;
  reply.message = "scripted";
  reply.error = !r ? -ECANCELED : r->status < 0 ? r->status : 0;
  if (!reply.error) {
    reply.status = r->status;
    reply.content_type.ptr = r->type;
    reply.content_type.len = strlen (r->type);
    reply.retry_after_ms = r->retry_after_ms;
    reply.max_age_s = r->max_age_s;
    reply.body.ptr = r->body;
    reply.body.len = len;
  }
  if (!reply.error && r->status / 100 == 2 && c->request.piece) {
    reply.body.len = 0;
    if (len && c->request.piece (r->body, len, c->request.arg))
      reply.error = -ECANCELED;
  }
  c->request.done (&reply, c->request.arg);
}

int
fake_http_deliver (struct fake *fake)
{
  struct fake_state *s = fake_state_of (fake);
  int n = 0;
  for (kg_call *c = s->calls; c; c = c->next) {
    struct fake_script *r = s->script;
    if (c->pub.delivered || (!c->pub.cancelled && !r))
      continue;
    if (!c->pub.cancelled && !(s->script = r->next))
      s->script_end = &s->script;
    call_deliver (c, c->pub.cancelled ? NULL : r);
    n++;
  }
  fake_run (fake);
  return n;
}

int32_t
fake_http_piece (struct fake *fake, const char *text)
{
  kg_call *c = fake_state_of (fake)->calls;
  int32_t rc;
  while (c && (c->pub.delivered || !c->request.piece))
    c = c->next;
  if (!c)
    return -ENOENT;
  rc = c->request.piece (text, strlen (text), c->request.arg);
  fake_run (fake);
  return rc;
}

int
fake_http_count (struct fake *fake)
{
  int n = 0;
  for (kg_call *c = fake_state_of (fake)->calls; c; c = c->next)
    n++;
  return n;
}

const struct fake_call *
fake_http_call (struct fake *fake, int i)
{
  kg_call *c = fake_state_of (fake)->calls;
  while (c && i--)
    c = c->next;
  return c ? &c->pub : NULL;
}

const char *
fake_http_header (const struct fake_call *call, const char *name)
{
  size_t n = strlen (name);
  for (char **h = call->headers; *h; h++)
    if (!strncasecmp (*h, name, n) && (*h)[n] == ':')
      return *h + n + 1 + strspn (*h + n + 1, " ");
  return NULL;
}
