/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.calls/1 of the fake host, by a plugin that asks itself. */
#define KG_ABI_TARGET KG_ABI (1, 1)
#include "tests/fake/fake-services.h"

#include "tests/unit.h"

#include <errno.h>
#include <stdio.h>

static const struct kg_host *host;
static const struct kg_calls *calls;
static kg_self *me;
static kg_ticket *ticket;
static kg_stream *stream;
static int commits, logs, told, early;
static int32_t error, status;
static char body[256], headers[256];

/* ---- The plugin ------------------------------------------------------------ */

static int32_t
echo (kg_req *req, void *data)
{
  kg_str b = host->get (req, KG_GET_BODY, NULL);
  (void) data;
  ck_assert_int_eq (host->num (req, KG_NUM_INNER), 1);
  ck_assert_str_eq (host->get (req, KG_GET_CLIENT, NULL).ptr, "inner");
  ck_assert_str_eq (host->identity (req)->tenant, "t1");
  ck_assert_str_eq (host->get (req, KG_GET_HEADER, "accept").ptr, "*/*");
  host->header (req, "X-A", "1");
  host->reply (req, 201, "text/plain", b.ptr, b.len);
  return KG_DONE;
}

static int32_t
waits (kg_req *req, void *data)
{
  (void) data;
  ticket = host->suspend (req, NULL, NULL);
  return KG_WAIT;
}

static int32_t
then (kg_req *req, void *arg)
{
  (void) arg;
  host->reply (req, 200, "text/plain", "then", 4);
  return KG_DONE;
}

static int32_t
streams (kg_req *req, void *data)
{
  (void) data;
  stream = host->stream (req, 200, "text/event-stream");
  host->send (stream, "data: 1\n\n", 9);
  return KG_DONE;
}

static int32_t
count (kg_req *req, void *data)
{
  (void) req;
  ++*(int *) data;
  return KG_NEXT;
}

static int32_t
commit (kg_req *req, void *data)
{
  (void) data;
  return count (req, &commits);
}

static int32_t
log_hook (kg_req *req, void *data)
{
  (void) data;
  return count (req, &logs);
}

static int32_t
calls_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route all[]
      = { { .size = sizeof all[0], .method = "POST", .pattern = "/echo", .handler = echo,
            .scope = "write" },
          { .size = sizeof all[0], .method = "GET", .pattern = "/wait", .handler = waits },
          { .size = sizeof all[0], .method = "GET", .pattern = "/stream", .handler = streams } };
  (void) conf, (void) ret_data;
  host = h;
  me = self;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    ck_assert_int_eq (h->route (self, &all[i]), 0);
  h->hook (self, KG_PHASE_COMMIT, commit);
  h->hook (self, KG_PHASE_LOG, log_hook);
  return h->need (self, KG_CALLS, sizeof *calls, 0, (const void **) &calls);
}

static void
done (const struct kg_inner_reply *reply, void *arg)
{
  ck_assert_ptr_eq (arg, &told);
  told++;
  error = reply->error;
  status = reply->status;
  snprintf (body, sizeof body, "%.*s", (int) reply->body.len, reply->body.ptr);
  snprintf (headers, sizeof headers, "%.*s", (int) reply->headers.len, reply->headers.ptr);
}

static int32_t
ask (const char *method, const char *target, const char *text)
{
  static const char *const scopes[] = { "read", "write", NULL }, *const fields[]
                                        = { "Accept: */*", NULL };
  const struct kg_identity who = { .size = sizeof who, .subject = "ann", .tenant = "t1",
                                   .key_id = "k", .scopes = scopes };
  struct kg_inner r = { .size = sizeof r, .method = method, .target = target, .identity = &who,
                        .headers = fields };
  if (text) {
    r.content_type = "text/plain";
    r.body = (kg_str){ text, strlen (text) };
  }
  return calls->call (me, &r, done, &told);
}

static int32_t
calls_start (void *data)
{
  (void) data;
  early = ask ("GET", "/wait", NULL);
  return 0;
}

static const struct kg_plugin plugin
    = { .abi = KG_ABI_TARGET, .size = sizeof plugin, .opt_size = sizeof (struct kg_opt),
        .name = "calls", .version = "1", .open = calls_open, .start = calls_start };

static struct fake *
begin (void)
{
  struct fake *fake = fake_new ();
  fake_services (fake);
  ck_assert_int_eq (fake_open (fake, &plugin, NULL), 0);
  ck_assert_int_eq (fake_start (fake), 0);
  ck_assert_int_eq (early, -EAGAIN);
  return fake;
}

/* ---- Cases ------------------------------------------------------------------ */

START_TEST (it_begins_and_is_answered_in_fake_run)
{
  struct fake *fake = begin ();
  ck_assert_int_eq (ask ("POST", "/echo", "hi"), 0);
  ck_assert_int_eq (fake_inner_count (fake), 1);
  ck_assert_ptr_null (fake_inner (fake, 0));
  ck_assert_int_eq (told, 0);
  fake_run (fake);
  ck_assert_int_eq (told, 1);
  ck_assert_int_eq (error, 0);
  ck_assert_int_eq (status, 201);
  ck_assert_str_eq (body, "hi");
  ck_assert_str_eq (headers, "X-A: 1\r\n");
  ck_assert_int_eq (commits, 1);
  ck_assert_int_eq (logs, 1);
  ck_assert_int_eq (fake_status (fake_inner (fake, 0)), 201);
  ask ("GET", "/nowhere", NULL);
  fake_run (fake);
  ck_assert_int_eq (status, 404);
  fake_free (fake);
  ck_assert_int_eq (told, 2);
}
END_TEST

START_TEST (it_may_wait_and_stream)
{
  struct fake *fake = begin ();
  ask ("GET", "/wait", NULL);
  ask ("GET", "/stream", NULL);
  fake_run (fake);
  ck_assert_int_eq (told, 0);
  host->resume (ticket, then, NULL, NULL);
  fake_run (fake);
  ck_assert_str_eq (body, "then");
  host->send (stream, "data: 2\n\n", 9);
  host->end (stream);
  fake_run (fake);
  ck_assert_str_eq (body, "data: 1\n\ndata: 2\n\n");
  ck_assert_int_eq (told, 2);
  fake_free (fake);
}
END_TEST

START_TEST (a_deadline_is_the_tests)
{
  struct fake *fake = begin ();
  ask ("GET", "/wait", NULL);
  fake_run (fake);
  fake_expire (fake_inner (fake, 0));
  host->resume (ticket, then, NULL, NULL);
  fake_run (fake);
  ck_assert_int_eq (told, 1);
  ck_assert_int_eq (status, 504);
  fake_free (fake);
}
END_TEST

START_TEST (it_is_refused)
{
  struct fake *fake = begin ();
  ck_assert_int_eq (ask ("GET", "wait", NULL), -EINVAL);
  ck_assert_int_eq (ask ("GET", "/wait\r\n", NULL), -EINVAL);
  fake_calls_fail (fake, -EAGAIN, 1);
  ck_assert_int_eq (ask ("GET", "/wait", NULL), -EAGAIN);
  ck_assert_int_eq (ask ("GET", "/nowhere", NULL), 0);
  fake_stop (fake);
  ck_assert_int_eq (told, 1);
  ck_assert_int_eq (error, -ESHUTDOWN);
  ck_assert_int_eq (ask ("GET", "/wait", NULL), -ESHUTDOWN);
  ck_assert_int_eq (fake_start (fake), 0);
  ck_assert_int_eq (ask ("GET", "/nowhere", NULL), 0);
  fake_free (fake);
  ck_assert_int_eq (told, 2);
}
END_TEST

START_TEST (a_killed_process_tells_nobody)
{
  struct fake *fake = begin ();
  ask ("GET", "/nowhere", NULL);
  fake_crash (fake);
  fake_run (fake);
  fake_stop (fake);
  fake_close (fake);
  ck_assert_int_eq (told, 0);
  ck_assert_int_eq (fake_open (fake, &plugin, NULL), 0);
  ck_assert_int_eq (fake_start (fake), 0);
  ask ("POST", "/echo", "again");
  fake_run (fake);
  ck_assert_int_eq (told, 1);
  ck_assert_str_eq (body, "again");
  fake_free (fake);
}
END_TEST

UNIT_MAIN ("fake-calls", it_begins_and_is_answered_in_fake_run, it_may_wait_and_stream,
           a_deadline_is_the_tests, it_is_refused, a_killed_process_tells_nobody)
