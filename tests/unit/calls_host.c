/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "calls_host.h"

#include "core/account.h"
#include "core/catalog.h"
#include "core/metrics.h"
#include "core/self.h"
#include "core/table.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct host the_host;
struct plugin plugin;
kg_self *the_self;
struct workers *the_workers;

static const struct kg_host *const table = &host_table;

/* ---- Routes ---------------------------------------------------------------- */

static int32_t
text_reply (kg_req *req, const char *s)
{
  table->reply (req, 200, "text/plain", s, strlen (s));
  return KG_DONE;
}

static int32_t
hello (kg_req *req, void *data)
{
  (void) data;
  table->header (req, "X-Extra", "more");
  return text_reply (req, "hello");
}

/* Who asks, and how. */
static int32_t
who (kg_req *req, void *data)
{
  const struct kg_identity *id = table->identity (req);
  kg_str client = table->get (req, KG_GET_CLIENT, NULL);
  kg_str accept = table->get (req, KG_GET_HEADER, "Accept");
  kg_str trace = table->get (req, KG_GET_TRACE_ID, NULL);
  kg_str q = table->get (req, KG_GET_QUERY, "q");
  char s[512];
  (void) data;
  snprintf (s, sizeof s, "%s %s %s %s|%.*s|%.*s|%.*s|%.*s|%d%d%d", id->subject, id->tenant,
            id->key_id, id->archetypes ? id->archetypes[0] : "-", (int) client.len, client.ptr,
            (int) accept.len, accept.ptr, (int) trace.len, trace.ptr, (int) q.len, q.ptr,
            (int) table->num (req, KG_NUM_INNER), (int) table->num (req, KG_NUM_LOCAL),
            (int) table->num (req, KG_NUM_ADMIN));
  return text_reply (req, s);
}

static int32_t
echo (kg_req *req, void *data)
{
  kg_str body = table->get (req, KG_GET_BODY, NULL);
  (void) data;
  plugin.entered++;
  table->reply (req, 200, "application/json", body.ptr, body.len);
  return KG_DONE;
}

static int32_t
resumed (kg_req *req, void *arg)
{
  (void) arg;
  return text_reply (req, "resumed");
}

static void
gone (void *arg)
{
  (void) arg;
  plugin.gone++;
}

static int32_t
waits (kg_req *req, void *data)
{
  (void) data;
  plugin.ticket = table->suspend (req, gone, NULL);
  sem_post (&plugin.waits);
  return KG_WAIT;
}

void
wait_resume (void)
{
  table->resume (plugin.ticket, resumed, NULL, NULL);
}

/* ?n pieces of 1,000 bytes; with `hold` it is not ended. */
static int32_t
streams (kg_req *req, void *data)
{
  kg_str n = table->get (req, KG_GET_QUERY, "n");
  kg_stream *s = table->stream (req, 200, "text/event-stream");
  char piece[1000];
  (void) data;
  memset (piece, 'p', sizeof piece);
  for (int i = n.ptr ? atoi (n.ptr) : 0; i > 0; i--)
    table->send (s, piece, sizeof piece);
  if (!plugin.hold) {
    table->end (s);
    return KG_DONE;
  }
  plugin.stream = s;
  sem_post (&plugin.waits);
  return KG_DONE;
}

static int32_t
blocks (kg_req *req, void *data)
{
  struct timespec t = { 6, 0 };
  (void) data;
  plugin.entered++;
  nanosleep (&t, NULL);
  return text_reply (req, "too late");
}

static int32_t
empty (kg_req *req, void *data)
{
  (void) data;
  table->reply (req, 204, NULL, NULL, 0);
  return KG_DONE;
}

/* ---- Hooks ------------------------------------------------------------------ */

static int32_t
access_then (kg_req *req, void *arg)
{
  static const char *const scopes[] = { "write", NULL };
  struct kg_identity other = { .size = sizeof other, .subject = "other", .tenant = "t2",
                               .key_id = "k2", .scopes = scopes };
  (void) arg;
  return table->identify (req, &other) == 0 ? KG_NEXT : -EIO;
}

static int32_t
access_hook (kg_req *req, void *data)
{
  (void) data;
  plugin.access++;
  ck_assert_ptr_nonnull (table->identity (req));
  if (plugin.refuse_access)
    return table->problem (req, 401, NULL, "no more");
  if (!plugin.wait_access)
    return KG_NEXT;
  table->resume (table->suspend (req, NULL, NULL), access_then, NULL, NULL);
  return KG_WAIT;
}

static int32_t
limit_hook (kg_req *req, void *data)
{
  (void) data;
  plugin.limits++;
  if (!plugin.refuse_limit)
    return KG_NEXT;
  table->header (req, "Retry-After", "7");
  return table->problem (req, 429, NULL, "too many");
}

static int32_t
commit_hook (kg_req *req, void *data)
{
  (void) req, (void) data;
  plugin.commits++;
  return plugin.fail_commit ? -ENOSPC : KG_NEXT;
}

static int32_t
log_hook (kg_req *req, void *data)
{
  (void) data;
  plugin.last_status = (int32_t) table->num (req, KG_NUM_STATUS);
  plugin.logs++;
  return KG_NEXT;
}

static void
hook_add (int32_t phase, kg_fn *fn)
{
  the_host.hooks[phase][the_host.nhooks[phase]++] = (struct hook){ the_self, fn };
}

/* ---- Life ------------------------------------------------------------------- */

static void
routes_add (void)
{
  static const struct kg_route all[] = {
    { .method = "GET", .pattern = "/hello", .handler = hello },
    { .method = "GET", .pattern = "/who/{x}", .handler = who, .scope = "read" },
    { .method = "POST", .pattern = "/echo", .handler = echo, .scope = "write", .flags = KG_JSON },
    { .method = "POST", .pattern = "/small", .handler = echo, .body_max = 10 },
    { .method = "GET", .pattern = "/billing", .handler = hello, .scope = "billing" },
    { .method = "GET", .pattern = "/admin", .handler = hello, .flags = KG_ADMIN },
    { .method = "GET", .pattern = "/wait", .handler = waits },
    { .method = "GET", .pattern = "/stream", .handler = streams, .flags = KG_STREAMS },
    { .method = "GET", .pattern = "/block", .handler = blocks },
    { .method = "GET", .pattern = "/empty", .handler = empty },
  };
  char error[256];
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct kg_route r = all[i];
    r.size = sizeof r;
    ck_assert_int_eq (route_add (the_host.router, the_self, &r, error, sizeof error), 0);
  }
}

void
calls_setup (void)
{
  struct http_settings *s = &the_host.settings.http;
  memset (&the_host, 0, sizeof the_host);
  memset (&plugin, 0, sizeof plugin);
  sem_init (&plugin.waits, 0, 0);
  *s = (struct http_settings){ .threads = 2, .line_max = 4096, .header_max = 8192,
                               .headers_max = 64, .body_max = 1 << 20, .connections = 10,
                               .stream_buffer = 262144, .handler_timeout = 30,
                               .stream_timeout = 30 };
  the_host.table = &host_table;
  the_host.router = router_create ();
  the_host.metrics = metrics_create ();
  the_host.catalog = catalog_create ("1");
  the_self = self_create (&the_host, "t", 0);
  ck_assert_int_eq (inners_create (&the_host.inners), 0);
  routes_add ();
  hook_add (KG_PHASE_ACCESS, access_hook);
  hook_add (KG_PHASE_LIMIT, limit_hook);
  hook_add (KG_PHASE_COMMIT, commit_hook);
  hook_add (KG_PHASE_LOG, log_hook);
  ck_assert_int_eq (account_create (&the_host), 0);
  metrics_freeze (the_host.metrics);
  the_workers = NULL;
}

void
calls_serve (void)
{
  const struct listener none = { .fd = -1 };
  ck_assert_int_eq (workers_create (&the_host, &none, 0, &the_workers), 0);
  inners_serve (the_host.inners, the_workers);
}

void
calls_stop (void)
{
  inners_close (the_host.inners);
  if (the_workers)
    workers_stop (the_workers);
  inners_stop (the_host.inners);
}

void
calls_teardown (void)
{
  calls_stop ();
  if (the_workers && workers_stuck (the_workers))
    return; /* its thread knows all of this */
  workers_destroy (the_workers);
  inners_destroy (the_host.inners);
  account_destroy (&the_host);
  catalog_destroy (the_host.catalog);
  metrics_destroy (the_host.metrics);
  router_destroy (the_host.router);
  self_destroy (the_self);
}

/* ---- Calling ---------------------------------------------------------------- */

static const char *const scopes[] = { "read", "write", NULL };
static const char *const archetypes[] = { "developer", NULL };
const struct kg_identity somebody
    = { .size = sizeof somebody, .subject = "ann", .tenant = "t1", .key_id = "k1",
        .scopes = scopes, .archetypes = archetypes };

struct kg_inner
ask (const char *method, const char *target, const char *json)
{
  struct kg_inner r = { .size = sizeof r, .method = method, .target = target,
                        .identity = &somebody };
  if (json) {
    r.content_type = "application/json";
    r.body = (kg_str){ json, strlen (json) };
  }
  return r;
}

static void
keep (char *to, size_t size, kg_str s)
{
  size_t n = s.len < size ? s.len : size - 1;
  if (n)
    memcpy (to, s.ptr, n);
  to[n] = 0;
}

void
answer_init (struct answer *a)
{
  memset (a, 0, sizeof *a);
  sem_init (&a->told, 0, 0);
}

void
answer_done (const struct kg_inner_reply *reply, void *arg)
{
  struct answer *a = arg;
  a->logs_before = plugin.logs;
  a->error = reply->error;
  a->status = reply->status;
  a->body_len = reply->body.len;
  keep (a->type, sizeof a->type, reply->content_type);
  keep (a->body, sizeof a->body, reply->body);
  keep (a->headers, sizeof a->headers, reply->headers);
  keep (a->id, sizeof a->id, reply->request_id);
  a->times++;
  sem_post (&a->told);
}

void
answer_wait (struct answer *a)
{
  while (sem_wait (&a->told))
    ;
}

void
call (const struct kg_inner *request, struct answer *a)
{
  answer_init (a);
  ck_assert_int_eq (inners_service.call (the_self, request, answer_done, a), 0);
}

void
call_wait (const struct kg_inner *request, struct answer *a)
{
  call (request, a);
  answer_wait (a);
}
