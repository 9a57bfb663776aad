/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/phase.h"

#include "core/account.h"
#include "core/body_check.h"
#include "core/conn.h"
#include "core/cors.h"
#include "core/idempotency.h"
#include "core/log.h"
#include "core/plugin.h"
#include "core/reply.h"
#include "core/self.h"
#include "core/stream.h"
#include "core/ticket.h"
#include "core/util/clock.h"
#include "core/worker_loop.h"

#include <errno.h>
#include <string.h>

static const char *const phase_names[] = { "", "ACCESS", "LIMIT", "HANDLER", "COMMIT", "LOG" };

/* ---- Calling plugins ---------------------------------------------------- */

static int32_t
call (struct kg_req *req, struct kg_self *self, kg_fn *fn, void *data)
{
  struct worker *w = req->worker;
  int32_t rc;
  worker_enter (w, self, req);
  rc = self_call (self, fn, req, data, req->match.route ? req->match.route->pub.pattern : "",
                  req->id);
  worker_leave (w);
  return rc;
}

/* At most one line a second and worker; each request's own line has its errno, too. */
static void
failure_log (const struct kg_req *req, const struct kg_self *self, int32_t phase, int32_t error)
{
  struct worker *w = req->worker;
  if (w->failure_logged && w->now - w->failure_logged < CLOCK_SECOND) {
    w->failures_silent++;
    return;
  }
  log_write (KG_LOG_WARN, self ? self->name : "core",
             "%s of request %s failed: %s (%u more failures since the last such line)",
             phase_names[phase], req->id, strerror (-error), w->failures_silent);
  w->failure_logged = w->now;
  w->failures_silent = 0;
}

/* A hook failed: says so in the log, and to the client in general terms. */
static void
fail (struct kg_req *req, const struct kg_self *self, int32_t phase, int32_t error)
{
  int32_t status = 500;
  const char *text = "The server met an error and could not answer.";
  if (error == -ENOMEM || error == -EAGAIN || error == -ENOSPC || error == -ESHUTDOWN
      || error == -EIO || error == -EROFS) {
    status = 503;
    text = "The server cannot take this request at the moment. Try again soon.";
  } else if (error == -ETIMEDOUT) {
    status = 504;
    text = "The answer took too long.";
  }
  failure_log (req, self, phase, error);
  req->failed = error;
  problem_set (req, status, NULL, "%s", text);
  if (status == 503)
    reply_field (req, "Retry-After", 11, "1", 1);
}

/* What a hook's answer means: go on with the next hook, to COMMIT, or wait. */
enum { GO, ANSWERED, WAITS };

static int
judge (struct kg_req *req, const struct kg_self *self, int32_t phase, int32_t rc)
{
  if (rc == KG_WAIT && req->ticket)
    return WAITS;
  if (req->ticket && !ticket_end (req)) /* it answered and yet resumed: that is on its way */
    return WAITS;
  if (rc == KG_NEXT && phase != KG_PHASE_HANDLER)
    return GO;
  if ((rc == KG_DONE || rc == KG_NEXT) && (req->response.status || req->stream))
    return ANSWERED;
  if (rc == -EPIPE && req->gone && req->streamed) { /* what was streamed was no failure */
    stream_cut (req);
    return ANSWERED;
  }
  fail (req, self, phase, rc < 0 ? rc : -EPROTO);
  return ANSWERED;
}

/* Runs the hooks of a phase from req->hook on. */
static int
run_hooks (struct kg_req *req, int32_t phase)
{
  struct host *host = req->host;
  for (; req->hook < host->nhooks[phase]; req->hook++) {
    struct hook *h = &host->hooks[phase][req->hook];
    int32_t rc = call (req, h->self, h->fn, h->self->data);
    int verdict = rc == KG_NEXT && !req->ticket ? GO : judge (req, h->self, phase, rc);
    if (verdict == WAITS || (verdict == ANSWERED && phase != KG_PHASE_COMMIT))
      return verdict;
  }
  req->hook = 0;
  return GO;
}

static int64_t
seconds (double s)
{
  return (int64_t) (s * CLOCK_SECOND);
}

/* ---- The steps ---------------------------------------------------------- */

/* Calls one of the stream's own functions. */
static int32_t
stream_call (struct kg_req *req, kg_fn *fn)
{
  return fn ? call (req, req->match.route->self, fn, stream_def (req)->arg) : KG_NEXT;
}

/* Nothing more comes of the stream: what it was is settled before COMMIT. */
static void
stream_over (struct kg_req *req)
{
  int32_t rc;
  if (stream_is_over (req))
    return;
  rc = stream_call (req, stream_def (req)->ended);
  if (rc < 0)
    fail (req, req->match.route->self, KG_PHASE_HANDLER, rc);
}

static void
go (struct kg_req *req, enum step step)
{
  req->step = step;
  req->hook = 0;
  if (step == STEP_COMMIT) {
    if (req->stream)
      stream_over (req);
    req->deadline = worker_now (req->worker) + seconds (req->host->settings.http.handler_timeout);
  }
}

/* The core's own verdict: closed by default. */
static int
verdict_passes (struct kg_req *req)
{
  const struct kg_route *r = &req->match.route->pub;
  kg_str json;
  char quoted[80];
  if (r->flags & KG_PUBLIC)
    return 1;
  if (!req->identity) {
    reply_header (req, "WWW-Authenticate", "ApiKey realm=\"kgent\"");
    problem_set (req, 401, NULL, "API key required");
    return 0;
  }
  if (!r->scope || request_has_scope (req, r->scope))
    return 1;
  json.ptr = quoted;
  json.len = strlen (r->scope) + 2;
  if (json.len < sizeof quoted) {
    quoted[0] = quoted[json.len - 1] = '"';
    memcpy (quoted + 1, r->scope, json.len - 2);
    problem_member (req, "required_scope", json);
  }
  problem_set (req, 403, NULL, "API key requires '%s' scope", r->scope);
  return 0;
}

static int
run_handler (struct kg_req *req)
{
  const struct route *r = req->match.route;
  uint32_t ms = r->pub.timeout_ms;
  int32_t passes = body_check (req);
  if (passes < 0)
    fail (req, r->self, KG_PHASE_HANDLER, passes);
  if (passes <= 0)
    return ANSWERED;
  req->deadline = worker_now (req->worker)
                  + (ms ? ms * CLOCK_MS
                        : seconds (req->host->settings.http.handler_timeout));
  return judge (req, r->self, KG_PHASE_HANDLER, call (req, r->self, r->pub.handler, r->self->data));
}

/* What a request with an Idempotency-Key does besides.  It stands beside the steps, as nobody
 * else shall pay for it, and goes on as if from another one: here with the body, before LIMIT. */
static int
key_begin (struct kg_req *req)
{
  int verdict = judge (req, NULL, KG_PHASE_LIMIT, idempotency_begin (req));
  if (verdict == GO)
    req->step = STEP_LIMIT;
  return verdict;
}

/* STEP_FIND, and then LIMIT; or STEP_KEEP, and the answer leaves. */
static __attribute__ ((noinline)) int
run_key (struct kg_req *req)
{
  int finds = req->step == STEP_FIND;
  int verdict = (int) req->hook - 1; /* of what waited; see proceed */
  if (!req->hook) {
    req->deadline = worker_now (req->worker) + seconds (req->host->settings.http.handler_timeout);
    if (!finds && idempotency_keeps (req) && stream_serves (req) && !req->gone)
      phase_stream_last (req); /* what is kept is whole; it leaves behind that */
    verdict = finds ? judge (req, NULL, KG_PHASE_LIMIT, idempotency_find (req))
                    : judge (req, NULL, KG_PHASE_COMMIT, idempotency_keep (req));
  }
  if (verdict == WAITS)
    return verdict;
  if (finds && verdict == GO)
    req->step = STEP_VERDICT;
  else if (!finds || req->claim->replayed)
    req->step = STEP_COMMIT;
  return verdict;
}

/* Takes the request on from its step until it needs something. */
static enum outcome
run (struct kg_req *req)
{
  int verdict = GO;
  for (;;) {
    switch (req->step) {
    case STEP_ACCESS:
      verdict = run_hooks (req, KG_PHASE_ACCESS);
      break;
    case STEP_VERDICT:
      verdict = verdict_passes (req) ? GO : ANSWERED;
      if (verdict == GO && idempotency_asked (req))
        verdict = key_begin (req);
      break;
    case STEP_LIMIT:
      verdict = run_hooks (req, KG_PHASE_LIMIT);
      break;
    case STEP_BODY:
      if (!req->claim || !req->claim->has_body)
        return OUTCOME_BODY;
      break;
    case STEP_HANDLER:
      verdict = run_handler (req);
      break;
    case STEP_COMMIT:
      verdict = run_hooks (req, KG_PHASE_COMMIT);
      if (verdict == WAITS || !req->claim)
        break;
      req->step = STEP_KEEP;
      __attribute__ ((fallthrough));
    case STEP_FIND:
    case STEP_KEEP:
      verdict = run_key (req);
      break;
    case STEP_RELEASE:
      return OUTCOME_REPLY;
    }
    if (verdict != GO && req->step < STEP_COMMIT && stream_serves (req))
      return OUTCOME_STREAM;
    if (verdict == WAITS)
      return OUTCOME_WAIT;
    go (req, verdict == ANSWERED && req->step < STEP_COMMIT ? STEP_COMMIT : req->step + 1);
  }
}

/* ---- Routing ------------------------------------------------------------ */

/* Answers for a path with one '/' too many at its end, when it exists without. */
static int
slash_redirects (struct kg_req *req)
{
  kg_str path = req->gate.target.path, query = req->gate.target.query;
  struct route_match m;
  char *to;
  if (path.len < 2 || path.ptr[path.len - 1] != '/')
    return 0;
  path.len--;
  route_match (req->host->router, req->gate.method, path, req->conn->admin, &m);
  to = arena_alloc (&req->arena, path.len + query.len + 2);
  if (!m.allowed || !to || (path.len > 1 && path.ptr[1] == '/'))
    return 0;
  memcpy (to, path.ptr, path.len);
  if (query.ptr) {
    to[path.len++] = '?';
    memcpy (to + path.len, query.ptr, query.len);
  }
  reply_field (req, "Location", 8, to, path.len + query.len);
  req->response.status = 307;
  return 1;
}

/* Finds the route, or answers. */
static int
routed (struct kg_req *req)
{
  char methods[64];
  if (*req->gate.target.path.ptr == '*') {
    cors_options (req, ~0u);
    return 0;
  }
  route_match (req->host->router, req->gate.method, req->gate.target.path, req->conn->admin,
               &req->match);
  cors_answer (req);
  if (req->match.route)
    return 1;
  if (req->match.allowed && req->gate.method == METHOD_OPTIONS)
    cors_options (req, req->match.allowed);
  else if (req->match.allowed) {
    cors_methods (req->match.allowed | 1u << METHOD_OPTIONS, methods);
    reply_field (req, "Allow", 5, methods, strlen (methods));
    problem_set (req, 405, NULL, "Method Not Allowed");
  } else if (!slash_redirects (req))
    problem_set (req, 404, NULL, "Not Found");
  return 0;
}

static uint64_t
body_max (const struct kg_req *req)
{
  uint64_t max = req->match.route->pub.body_max;
  return max ? max : (uint64_t) req->host->settings.http.body_max;
}

enum outcome
phase_begin (struct kg_req *req)
{
  static const char *const scopes[] = { "admin", "read", "write", "billing", NULL };
  static const struct kg_identity local
      = { .size = sizeof local, .subject = "local", .tenant = "", .key_id = "local",
          .scopes = scopes };
  req->deadline = worker_now (req->worker)
                  + seconds (req->host->settings.http.handler_timeout);
  if (!routed (req)) {
    go (req, STEP_RELEASE);
    return OUTCOME_REPLY;
  }
  if (req->gate.length > body_max (req)) {
    req->close = CLOSE_AFTER;
    problem_set (req, 413, NULL, "The body is over %llu bytes.",
                 (unsigned long long) body_max (req));
    go (req, STEP_RELEASE);
    return OUTCOME_REPLY;
  }
  go (req, STEP_ACCESS);
  if (req->conn->local && request_identify (req, &local) < 0) {
    fail (req, NULL, KG_PHASE_ACCESS, -ENOMEM);
    go (req, STEP_RELEASE);
  }
  return run (req);
}

enum outcome
phase_body (struct kg_req *req)
{
  go (req, req->claim ? STEP_FIND : STEP_HANDLER);
  return run (req);
}

/* ---- Waiting ------------------------------------------------------------ */

/* Which plugin's hook waits, and in which phase. */
static struct kg_self *
waiter (const struct kg_req *req, int32_t *ret_phase)
{
  if (req->step == STEP_FIND || req->step == STEP_KEEP) {
    *ret_phase = req->step == STEP_FIND ? KG_PHASE_LIMIT : KG_PHASE_COMMIT;
    return plugins_core (req->host->plugins);
  }
  *ret_phase = req->step == STEP_ACCESS   ? KG_PHASE_ACCESS
               : req->step == STEP_LIMIT  ? KG_PHASE_LIMIT
               : req->step == STEP_COMMIT ? KG_PHASE_COMMIT
                                          : KG_PHASE_HANDLER;
  return *ret_phase == KG_PHASE_HANDLER ? req->match.route->self
                                        : req->host->hooks[*ret_phase][req->hook].self;
}

/* A hook that waited has its verdict: on to what follows it. */
static enum outcome
proceed (struct kg_req *req, int verdict)
{
  if (verdict != GO && req->step < STEP_COMMIT && stream_serves (req))
    return OUTCOME_STREAM;
  if (verdict == WAITS)
    return OUTCOME_WAIT;
  if (req->step == STEP_FIND || req->step == STEP_KEEP)
    req->hook = 1 + (uint32_t) verdict; /* for run_key */
  else if (req->step == STEP_COMMIT || verdict == GO)
    req->hook++;
  else
    go (req, STEP_COMMIT);
  return run (req);
}

enum outcome
phase_resume (struct kg_req *req, kg_fn *then, void *arg)
{
  int32_t phase;
  struct kg_self *self = waiter (req, &phase);
  return proceed (req, judge (req, self, phase, call (req, self, then, arg)));
}

enum outcome
phase_abort (struct kg_req *req, int32_t error)
{
  int32_t phase;
  struct kg_self *self = waiter (req, &phase);
  if (req->stream)
    stream_cut (req);
  if (error == -EPIPE && !req->streamed) {
    req->response.status = 499;
    req->response.len = 0;
  } else if (error != -EPIPE) /* what was streamed until then has its status */
    fail (req, self, phase, phase == KG_PHASE_COMMIT ? -EAGAIN : error);
  return proceed (req, ANSWERED);
}

enum outcome
phase_stream_end (struct kg_req *req)
{
  if (stream_is_late (req) && !req->gone)
    fail (req, req->match.route->self, KG_PHASE_HANDLER, -ETIMEDOUT);
  go (req, STEP_COMMIT);
  return run (req);
}

void
phase_stream_room (struct kg_req *req)
{
  stream_call (req, stream_def (req)->room);
}

int32_t
phase_stream_last (struct kg_req *req)
{
  kg_fn *last = stream_def (req)->last;
  struct stream_said *said = stream_said (req);
  if (said->status) /* before its answer was kept: that has failed, or not */
    return said->status == req->response.status ? said->rc : -EIO;
  said->status = req->response.status;
  said->rc = last ? stream_call (req, last) : said->status >= 500 ? -EIO : 0;
  if (said->rc < 0 && last)
    failure_log (req, req->match.route->self, KG_PHASE_HANDLER, said->rc);
  return said->rc;
}

void
phase_log (struct kg_req *req)
{
  if (req->match.route)
    for (uint32_t i = 0; i < req->host->nhooks[KG_PHASE_LOG]; i++) {
      struct hook *h = &req->host->hooks[KG_PHASE_LOG][i];
      call (req, h->self, h->fn, h->self->data);
    }
  if (req->claim)
    idempotency_end (req);
  account_request (req);
}
