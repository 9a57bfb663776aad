/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A request's way: routing, the phases, waiting and streams. */
#include "fake-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

_Thread_local int fake_on_worker;

int32_t
fake_worker_call (kg_fn *fn, kg_req *req, void *arg)
{
  int32_t verdict;
  fake_on_worker++;
  verdict = fn (req, arg);
  fake_on_worker--;
  return verdict;
}

/* ---- Routing ------------------------------------------------------------ */

/* Whether the path fits the pattern; fills the parameters, and ranks literal
 * segments before {parameters}, earlier ones first. */
static int
path_fits (kg_req *req, const char *pattern, unsigned *ret_rank)
{
  const char *p = pattern, *q = req->path;
  unsigned rank = 1;
  req->nparams = 0;
  while (*p == '/' && *q == '/') {
    size_t np = strcspn (++p, "/"), nq = strcspn (++q, "/");
    int open = *p == '{';
    if (open && nq && req->nparams < FAKE_PARTS) {
      struct fake_pair *pair = &req->params[req->nparams++];
      pair->name = fake_pool_copy (&req->pool, p + 1, np - 2);
      pair->value = fake_decode (&req->pool, q, nq, 0);
    } else if (np != nq || memcmp (p, q, np) || open)
      return 0;
    rank = rank * 2 + !open;
    p += np;
    q += nq;
  }
  *ret_rank = rank;
  return !*p && !*q;
}

static int
method_fits (const char *route, const char *method)
{
  return !strcmp (route, method) || (!strcmp (method, "HEAD") && !strcmp (route, "GET"));
}

/* Finds the route; returns whether the path exists with another method. */
static int
route_find (kg_req *req)
{
  struct fake *fake = req->fake;
  unsigned best = 0, rank, other = 0;
  for (uint32_t i = 0; i < fake->nroutes; i++) {
    const struct kg_route *r = &fake->routes[i].route;
    if ((r->flags & KG_ADMIN && !req->admin) || !path_fits (req, r->pattern, &rank))
      continue;
    if (!method_fits (r->method, req->method))
      other = 1;
    else if (rank > best) {
      best = rank;
      req->route = &fake->routes[i];
    }
  }
  if (req->route)
    path_fits (req, req->route->route.pattern, &rank);
  return (int)other;
}

/* ---- Phases ------------------------------------------------------------- */

static int
scope_has (const struct kg_identity *id, const char *scope)
{
  for (const char *const *s = id->scopes; s && *s; s++)
    if (!strcmp (*s, scope))
      return 1;
  return 0;
}

/* What the host itself demands after ACCESS. */
static int32_t
closed_by_default (kg_req *req)
{
  const struct kg_route *r = &req->route->route;
  if (r->flags & KG_PUBLIC)
    return KG_NEXT;
  if (!req->identity)
    return fake_table.problem (req, 401, NULL, "API key required");
  if (!r->scope || scope_has (req->identity, r->scope))
    return KG_NEXT;
  return fake_table.problem (req, 403, NULL, "API key requires '%s' scope", r->scope);
}

static int32_t
handler_run (kg_req *req)
{
  const struct kg_route *r = &req->route->route;
  const char *type = fake_request_header (req, "Content-Type");
  if (r->body_max && req->body.len > r->body_max)
    return fake_table.problem (req, 413, NULL, "The body is over %llu bytes",
                               (unsigned long long)r->body_max);
  if (r->flags & KG_JSON) {
    if (!type || strncasecmp (type, "application/json", 16))
      return fake_table.problem (req, 415, NULL, "The body must be application/json");
    req->json = fake_scan (&req->pool, req->body.ptr, req->body.len);
    if (!req->json)
      return fake_table.problem (req, 400, NULL, "The body is not valid JSON");
  }
  return fake_worker_call (r->handler, req, req->route->self->data);
}

/* Runs the next hook of the phase, or ends the phase: sets *ret_over. */
static int32_t
hook_run (kg_req *req, int *ret_over)
{
  struct fake *fake = req->fake;
  if (req->phase == KG_PHASE_HANDLER) {
    *ret_over = req->hook > 0;
    return req->hook++ ? KG_NEXT : handler_run (req);
  }
  if (req->hook < fake->nhooks[req->phase]) {
    const struct fake_hook *h = &fake->hooks[req->phase][req->hook++];
    return fake_worker_call (h->fn, req, h->self->data);
  }
  *ret_over = 1;
  return req->phase == KG_PHASE_ACCESS ? closed_by_default (req) : KG_NEXT;
}

static void
failed (kg_req *req, int32_t error)
{
  int32_t status = error == -ENOMEM || error == -EAGAIN || error == -ENOSPC ? 503
                   : error == -ETIMEDOUT                                    ? 504
                                                                            : 500;
  fake_host_log (&req->fake->self, KG_LOG_ERROR, "phase %d of request %s: %s", req->phase,
                 req->id, strerror (-error));
  fake_table.problem (req, status, NULL, "The request failed");
}

static void
phase_enter (kg_req *req, int32_t phase)
{
  int32_t rc;
  req->phase = phase;
  req->hook = 0;
  if (phase == KG_PHASE_COMMIT && (rc = fake_stream_over (req)) < 0)
    failed (req, rc);
}

/* LOG: every hook, once. */
static void
finish (kg_req *req)
{
  struct fake *fake = req->fake;
  fake_stream_last (req);
  req->phase = KG_PHASE_LOG;
  for (uint32_t i = 0; i < fake->nhooks[KG_PHASE_LOG]; i++) {
    const struct fake_hook *h = &fake->hooks[KG_PHASE_LOG][i];
    if (fake_worker_call (h->fn, req, h->self->data) != KG_NEXT)
      fake_die ("LOG hook of %s: it can only answer KG_NEXT", h->self->name);
  }
  req->done = 1;
}

/* Where a request goes on after a verdict; 0 when it must stop here. */
static int
verdict_apply (kg_req *req, int32_t verdict, int over)
{
  if (verdict == KG_WAIT) {
    if (!req->ticket)
      fake_die ("KG_WAIT without suspend");
    req->waiting = 1;
    return 0;
  }
  if (req->ticket)
    fake_die ("a ticket was taken, but the hook answered %d, not KG_WAIT", verdict);
  if (verdict == -EPIPE && req->gone && fake_stream_begun (req))
    req->stream.cut = 1;
  else if (verdict < 0)
    failed (req, verdict);
  if (verdict != KG_NEXT && req->phase < KG_PHASE_COMMIT) {
    if (!req->status)
      fake_die ("KG_DONE without a response");
    if (fake_stream_serves (req) && !req->stream.ended)
      return 0;
    phase_enter (req, KG_PHASE_COMMIT);
  } else if (over)
    phase_enter (req, req->phase + 1);
  return 1;
}

static void
drive (kg_req *req, int32_t verdict)
{
  int over = 0;
  while (verdict_apply (req, verdict, over)) {
    if (req->phase == KG_PHASE_LOG) {
      finish (req);
      return;
    }
    if (req->phase == KG_PHASE_COMMIT && !req->status)
      fake_die ("the handler of %s answered KG_NEXT without a response",
                req->route->route.pattern);
    over = 0;
    verdict = hook_run (req, &over);
  }
}

/* ---- Requests ----------------------------------------------------------- */

static void
header_add (kg_req *req, const char *name, size_t len, const char *value)
{
  if (req->nheaders == FAKE_HEADERS)
    fake_die ("too many headers");
  req->headers[req->nheaders].name = fake_pool_copy (&req->pool, name, len);
  req->headers[req->nheaders++].value = fake_pool_text (&req->pool, "%s", value);
}

static kg_req *
request_new (struct fake *fake, const char *method, const char *target)
{
  kg_req *req = calloc (1, sizeof *req);
  size_t len = strcspn (target, "?");
  if (!req)
    fake_die ("out of memory");
  req->fake = fake;
  req->next = fake->requests;
  fake->requests = req;
  req->method = fake_pool_text (&req->pool, "%s", method);
  req->path = fake_pool_copy (&req->pool, target, len);
  req->query = target[len] ? fake_pool_text (&req->pool, "%s", target + len + 1) : NULL;
  req->id = fake_pool_text (&req->pool, "req-%u", ++fake->counter);
  req->arrived = fake_now (fake);
  return req;
}

kg_req *
fake_request_make (struct fake *fake, const char *method, const char *target,
                   const char *const *headers, const char *type, kg_str body,
                   const struct kg_identity *identity, int inner)
{
  kg_req *req = request_new (fake, method, target);
  int other;
  req->inner = inner;
  req->admin = !inner && fake->as_admin;
  req->local = !inner && fake->as_local;
  req->client = inner ? "inner" : fake->client;
  for (; headers && *headers; headers++) {
    size_t n = strcspn (*headers, ":");
    header_add (req, *headers, n, *headers + n + 1 + strspn (*headers + n + 1, " "));
  }
  if (body.ptr)
    req->body = (kg_str){ fake_pool_copy (&req->pool, body.ptr, body.len), body.len };
  if (type && !fake_request_header (req, "Content-Type"))
    header_add (req, "Content-Type", 12, type);
  if (identity)
    req->identity = fake_identity_copy (&req->pool, identity);
  other = route_find (req);
  if (req->route) {
    phase_enter (req, KG_PHASE_ACCESS);
    drive (req, KG_NEXT);
  } else {
    fake_table.problem (req, other ? 405 : 404, NULL,
                        other ? "Method Not Allowed" : "Not Found");
    finish (req);
  }
  return req;
}

kg_req *
fake_request (struct fake *fake, const char *method, const char *target,
              const char *const *headers, const char *body)
{
  static const char *const scopes[] = { "admin", NULL };
  const struct kg_identity local
      = { .size = sizeof local, .subject = "local", .tenant = "", .scopes = scopes };
  kg_str b = { body, body ? strlen (body) : 0 };
  kg_req *req = fake_request_make (fake, method, target, headers, body ? "application/json" : NULL,
                                   b, fake->as ? fake->as : fake->as_local ? &local : NULL, 0);
  fake_run (fake);
  return req;
}

/* ---- Waiting and streams ------------------------------------------------ */

void
fake_host_resume (kg_ticket *t, kg_fn *then, void *arg, void (*drop) (void *arg))
{
  struct fake *fake;
  if (t->state == FAKE_RESUMED)
    fake_die ("resume: this ticket is used up");
  if (t->state == FAKE_DEAD) {
    free (t);
    if (drop)
      drop (arg);
    return;
  }
  fake = t->req->fake;
  t->state = FAKE_RESUMED;
  t->then = then;
  t->arg = arg;
  t->drop = drop;
  t->next = NULL;
  pthread_mutex_lock (&fake->lock);
  *fake->ready_end = t;
  fake->ready_end = &t->next;
  pthread_mutex_unlock (&fake->lock);
}

static kg_ticket *
ready_pop (struct fake *fake)
{
  kg_ticket *t;
  pthread_mutex_lock (&fake->lock);
  t = fake->ready;
  if (t && !(fake->ready = t->next))
    fake->ready_end = &fake->ready;
  pthread_mutex_unlock (&fake->lock);
  return t;
}

static void
ticket_run (kg_ticket *t)
{
  kg_req *req = t->req;
  kg_fn *then = t->then;
  void *arg = t->arg;
  if (!req->waiting)
    fake_die ("resume: the hook that suspended did not answer KG_WAIT");
  req->ticket = NULL;
  req->waiting = 0;
  free (t);
  drive (req, fake_worker_call (then, req, arg));
}

int
fake_run (struct fake *fake)
{
  int n = 0;
  for (;; n++) {
    kg_ticket *t = ready_pop (fake);
    kg_req *req = t ? NULL : fake_stream_next (fake);
    if (t)
      ticket_run (t);
    else if (req && req->stream.ended && !req->waiting && req->phase < KG_PHASE_COMMIT)
      drive (req, KG_DONE);
    else if (req)
      continue;
    else if (!fake->turn || !fake->turn (fake->state))
      return n;
  }
}

/* A waiting request ends before its ticket is resumed. */
static void
abandon (kg_req *req, int32_t status, const char *why)
{
  kg_ticket *t = req->ticket;
  if (!t || t->state != FAKE_ARMED)
    return;
  t->state = FAKE_DEAD;
  req->ticket = NULL;
  req->waiting = 0;
  if (t->gone)
    t->gone (t->gone_arg);
  req->stream.cut = 1;
  if (status != 499 || !fake_stream_begun (req)) /* what was streamed has its status */
    fake_table.problem (req, status, NULL, "%s", why);
  if (req->phase == KG_PHASE_COMMIT) /* goes on with the next hook */
    drive (req, KG_NEXT);
  else
    drive (req, KG_DONE);
}

void
fake_expire (kg_req *req)
{
  abandon (req, 504, "The request took too long");
}

void
fake_leave (kg_req *req)
{
  req->gone = 1;
  abandon (req, 499, "The client has left");
}

void
fake_take (kg_req *req, size_t bytes)
{
  req->takes = bytes;
}
