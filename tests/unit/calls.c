/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.calls/1: requests without a connection, on real workers. */

#include "calls_host.h"

#include "core/catalog.h"
#include "core/metrics.h"
#include "core/table.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct answer a;

static void
setup (void)
{
  calls_setup ();
  calls_serve ();
}

static void
get_wait (const char *target)
{
  struct kg_inner r = ask ("GET", target, NULL);
  call_wait (&r, &a);
}

/* ---- Answers ---------------------------------------------------------------- */

START_TEST (a_request_goes_the_way_of_every_other)
{
  get_wait ("/hello");
  ck_assert_int_eq (a.error, 0);
  ck_assert_int_eq (a.status, 200);
  ck_assert_str_eq (a.type, "text/plain");
  ck_assert_str_eq (a.body, "hello");
  ck_assert_str_eq (a.headers, "X-Extra: more\r\n");
  ck_assert_uint_eq (strlen (a.id), 36);
  ck_assert_int_eq (plugin.access, 1);
  ck_assert_int_eq (plugin.limits, 1);
  ck_assert_int_eq (plugin.commits, 1);
  ck_assert_int_eq (plugin.last_status, 200);
  ck_assert_int_eq (a.logs_before, 1); /* `done` comes last */
}
END_TEST

START_TEST (the_request_says_who_asks_and_how)
{
  static const char *const headers[]
      = { "Accept: text/event-stream", "X-Request-ID: my-own.1",
          "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL };
  struct kg_inner r = ask ("GET", "/who/me?q=a%20b", NULL);
  r.headers = headers;
  call_wait (&r, &a);
  ck_assert_str_eq (a.body, "ann t1 k1 developer|inner|text/event-stream|"
                            "0af7651916cd43dd8448eb211c80319c|a b|100");
  ck_assert_str_eq (a.id, "my-own.1");
}
END_TEST

/* The caller's memory is his own again as soon as `call` has returned. */
START_TEST (everything_is_copied)
{
  char *method = strdup ("POST"), *target = strdup ("/echo"), *body = strdup ("{\"a\":1}"),
       *subject = strdup ("bob"), *scope = strdup ("write");
  const char *scopes[] = { scope, NULL };
  struct kg_identity id = { .size = sizeof id, .subject = subject, .tenant = subject,
                            .key_id = subject, .scopes = scopes };
  struct kg_inner r = ask (method, target, body);
  r.identity = &id;
  call (&r, &a);
  free (method), free (target), free (body), free (subject), free (scope);
  memset (&id, 0x5a, sizeof id);
  answer_wait (&a);
  ck_assert_int_eq (a.status, 200);
  ck_assert_str_eq (a.body, "{\"a\":1}");
}
END_TEST

START_TEST (refusals_are_those_of_any_request)
{
  static const struct {
    const char *method, *target, *json;
    int32_t status, handlers;
  } t[] = { { "GET", "/billing", NULL, 403, 0 },   { "GET", "/nowhere", NULL, 404, 0 },
            { "DELETE", "/hello", NULL, 405, 0 },  { "GET", "/admin", NULL, 404, 0 },
            { "POST", "/echo", "{\"a\":", 400, 0 }, { "POST", "/echo", NULL, 415, 0 },
            { "POST", "/small", "{\"a\":\"0123456789\"}", 413, 0 } };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    struct kg_inner r = ask (t[i].method, t[i].target, t[i].json);
    call_wait (&r, &a);
    ck_assert_int_eq (a.error, 0);
    ck_assert_int_eq (a.status, t[i].status);
    ck_assert_str_eq (a.type, "application/problem+json");
  }
  ck_assert_int_eq (plugin.entered, 0);
}
END_TEST

START_TEST (hooks_may_refuse)
{
  plugin.refuse_limit = 1;
  get_wait ("/hello");
  ck_assert_int_eq (a.status, 429);
  ck_assert_str_eq (a.headers, "Retry-After: 7\r\n");
  ck_assert_int_eq (plugin.commits, 1); /* refunds */
  plugin.refuse_access = 1;
  get_wait ("/hello");
  ck_assert_int_eq (a.status, 401);
  ck_assert_int_eq (plugin.limits, 1);
}
END_TEST

START_TEST (access_may_wait_and_say_who_it_is_now)
{
  struct kg_inner r = ask ("POST", "/echo", "[1]");
  plugin.wait_access = 1;
  call_wait (&r, &a);
  ck_assert_str_eq (a.body, "[1]");
  get_wait ("/who/me");
  ck_assert_int_eq (a.status, 403); /* the other one has no "read" */
}
END_TEST

START_TEST (a_commit_that_fails_is_an_answer)
{
  plugin.fail_commit = 1;
  get_wait ("/hello");
  ck_assert_int_eq (a.status, 503);
  get_wait ("/stream?n=2");
  ck_assert_int_eq (a.error, 0);
  ck_assert_int_eq (a.status, 503);
  ck_assert_str_eq (a.type, "application/problem+json");
  ck_assert_ptr_nonnull (strstr (a.body, "\"status\":503"));
}
END_TEST

START_TEST (bodies_of_any_size)
{
  size_t n = 1000000;
  char *big = malloc (n + 3);
  struct kg_inner r = ask ("POST", "/echo", NULL);
  memset (big, 'b', n + 2);
  big[0] = big[n + 1] = '"';
  r.content_type = "application/json; charset=utf-8";
  r.body = (kg_str){ big, n + 2 };
  call_wait (&r, &a);
  free (big);
  ck_assert_int_eq (a.status, 200);
  ck_assert_uint_eq (a.body_len, n + 2);
  get_wait ("/empty");
  ck_assert_int_eq (a.status, 204);
  ck_assert_uint_eq (a.body_len, 0);
  r = ask ("HEAD", "/hello", NULL);
  call_wait (&r, &a);
  ck_assert_int_eq (a.status, 200);
  ck_assert_uint_eq (a.body_len, 0);
}
END_TEST

static void
refused (struct kg_inner r)
{
  ck_assert_int_eq (inners_service.call (the_self, &r, answer_done, &a), -EINVAL);
}

START_TEST (what_no_client_could_send_is_refused)
{
  static const char *const bad[]
      = { "X-A: b\r\nX-C: d", "X-A", "X A: b", "X-A: b\n",
          "Content-Length: 1", "Transfer-Encoding: chunked", "Host: other", "Expect: 100-continue" };
  struct kg_inner r = ask ("GET", "/hello", NULL), ok = r;
  answer_init (&a);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *const headers[] = { "X-Good: 1", bad[i], NULL };
    r.headers = headers;
    refused (r);
  }
  refused (ask ("GET", "hello", NULL));
  refused (ask ("GET", "/hel lo", NULL));
  refused (ask ("GET", "/hello HTTP/1.1\r\nX-A: b\r\n\r\n", NULL));
  refused (ask ("GET", "/../hello", NULL));
  refused (ask ("GET", "", NULL));
  refused (ask ("GET", NULL, NULL));
  refused (ask ("TRACE", "/hello", NULL));
  refused (ask (NULL, "/hello", NULL));
  r = ok, r.identity = NULL, refused (r);
  r = ok, r.size = 8, refused (r);
  r = ok, r.flags = 0x80, refused (r);
  r = ok, r.content_type = "text/plain\r\n", refused (r);
  r = ok, r.body.len = 1, refused (r);
  ck_assert_int_eq (inners_service.call (the_self, &ok, NULL, NULL), -EINVAL);
  ck_assert_int_eq (a.times, 0);
  ck_assert_uint_eq (inners_waiting (the_host.inners), 0);
}
END_TEST

/* ---- Waiting ---------------------------------------------------------------- */

static void
wait_begin (struct kg_inner *r, uint32_t deadline_ms)
{
  r->deadline_ms = deadline_ms;
  call (r, &a);
  sem_wait (&plugin.waits);
}

START_TEST (a_handler_may_wait)
{
  struct kg_inner r = ask ("GET", "/wait", NULL);
  wait_begin (&r, 0);
  ck_assert_uint_eq (inners_waiting (the_host.inners), 1);
  wait_resume ();
  answer_wait (&a);
  ck_assert_str_eq (a.body, "resumed");
  ck_assert_uint_eq (inners_waiting (the_host.inners), 0);
}
END_TEST

START_TEST (a_deadline_ends_the_waiting)
{
  struct kg_inner r = ask ("GET", "/wait", NULL);
  wait_begin (&r, 50);
  answer_wait (&a);
  ck_assert_int_eq (a.error, 0);
  ck_assert_int_eq (a.status, 504);
  ck_assert_int_eq (plugin.gone, 1);
  ck_assert_int_eq (plugin.commits, 1);
  wait_resume (); /* late: nothing comes of it */
  get_wait ("/hello");
  ck_assert_str_eq (a.body, "hello");
}
END_TEST

/* ---- Streams ---------------------------------------------------------------- */

START_TEST (streams_are_collected)
{
  get_wait ("/stream?n=3");
  ck_assert_int_eq (a.status, 200);
  ck_assert_str_eq (a.type, "text/event-stream");
  ck_assert_uint_eq (a.body_len, 3000);
  ck_assert_uint_eq (strspn (a.body, "p"), 3000);
  get_wait ("/stream");
  ck_assert_int_eq (a.status, 200);
  ck_assert_uint_eq (a.body_len, 0);
}
END_TEST

START_TEST (too_long_a_stream_is_an_error)
{
  struct kg_inner r = ask ("GET", "/stream?n=3", NULL);
  r.stream_max = 3000;
  call_wait (&r, &a);
  ck_assert_int_eq (a.error, 0);
  ck_assert_uint_eq (a.body_len, 3000);
  r.stream_max = 2999;
  call_wait (&r, &a);
  ck_assert_int_eq (a.error, -EMSGSIZE);
  ck_assert_int_eq (a.status, 0);
  ck_assert_uint_eq (a.body_len, 0);
  ck_assert_int_eq (plugin.logs, 2);
}
END_TEST

/* Sends until it is told that nobody takes it. */
static void
stream_until_cut (void)
{
  struct timespec t = { 0, 1000000 };
  while (host_table.send (plugin.stream, "x", 1) != -EPIPE)
    nanosleep (&t, NULL);
  host_table.end (plugin.stream);
}

static void
logs_await (int n)
{
  struct timespec t = { 0, 1000000 };
  while (plugin.logs < n)
    nanosleep (&t, NULL);
}

START_TEST (whoever_asked_does_not_wait_for_a_producer)
{
  struct kg_inner r = ask ("GET", "/stream?n=1", NULL);
  plugin.hold = 1;
  wait_begin (&r, 50);
  answer_wait (&a);
  ck_assert_int_eq (a.error, -ETIMEDOUT);
  ck_assert_int_eq (plugin.logs, 0); /* it is not over */
  ck_assert_uint_eq (inners_waiting (the_host.inners), 0);
  stream_until_cut ();
  logs_await (1);
  ck_assert_int_eq (plugin.commits, 1);
  calls_stop ();
  ck_assert_int_eq (a.times, 1);
}
END_TEST

START_TEST (an_identity_that_has_ended_ends_its_streams)
{
  int32_t ended = 0;
  struct kg_identity id = somebody;
  struct kg_inner r = ask ("GET", "/stream?n=1", NULL);
  id.ended = &ended;
  r.identity = &id;
  plugin.hold = 1;
  wait_begin (&r, 0);
  __atomic_store_n (&ended, 1, __ATOMIC_RELAXED);
  answer_wait (&a);
  ck_assert_int_eq (a.error, -ECANCELED);
  stream_until_cut ();
  logs_await (1);
}
END_TEST

/* ---- Many -------------------------------------------------------------------- */

START_TEST (their_number_is_bounded)
{
  static struct answer all[INNER_MAX];
  static kg_ticket *tickets[INNER_MAX];
  struct kg_inner r = ask ("GET", "/wait", NULL);
  for (uint32_t i = 0; i < INNER_MAX; i++) {
    call (&r, &all[i]);
    sem_wait (&plugin.waits);
    tickets[i] = plugin.ticket;
  }
  ck_assert_int_eq (inners_service.call (the_self, &r, answer_done, &a), -EAGAIN);
  ck_assert_uint_eq (workers_busy (the_workers), INNER_MAX);
  for (uint32_t i = 0; i < INNER_MAX; i++) {
    plugin.ticket = tickets[i];
    wait_resume ();
  }
  for (uint32_t i = 0; i < INNER_MAX; i++)
    answer_wait (&all[i]);
  get_wait ("/hello");
  ck_assert_int_eq (a.status, 200);
  calls_stop (); /* whoever is told may be ahead of the worker */
  ck_assert_uint_eq (workers_busy (the_workers), 0);
}
END_TEST

#define THREADS 4
#define EACH    3000

static _Atomic int good, bad;

static void
count_done (const struct kg_inner_reply *reply, void *arg)
{
  (void) arg;
  if (!reply->error && reply->status == 200 && reply->body.len == 3
      && !memcmp (reply->body.ptr, "[1]", 3))
    good++;
  else
    bad++;
}

static void *
calls_many (void *arg)
{
  struct kg_inner r = ask ("POST", "/echo", "[1]");
  struct timespec t = { 0, 100000 };
  (void) arg;
  for (int i = 0; i < EACH; i++)
    while (inners_service.call (the_self, &r, count_done, NULL) == -EAGAIN)
      nanosleep (&t, NULL);
  return NULL;
}

START_TEST (threads_call_at_once)
{
  pthread_t t[THREADS];
  good = bad = 0;
  for (int i = 0; i < THREADS; i++)
    pthread_create (&t[i], NULL, calls_many, NULL);
  for (int i = 0; i < THREADS; i++)
    pthread_join (t[i], NULL);
  logs_await (THREADS * EACH);
  calls_stop ();
  ck_assert_int_eq (good, THREADS * EACH);
  ck_assert_int_eq (bad, 0);
}
END_TEST

static sem_t chained;
static _Atomic int left;

static void
chain (const struct kg_inner_reply *reply, void *arg)
{
  struct kg_inner r = ask ("GET", "/hello", NULL);
  ck_assert_int_eq (reply->status, 200);
  if (--left && inners_service.call (the_self, &r, chain, arg) == 0)
    return;
  sem_post (&chained);
}

START_TEST (an_answer_may_call_again)
{
  struct kg_inner r = ask ("GET", "/hello", NULL);
  sem_init (&chained, 0, 0);
  left = 100;
  ck_assert_int_eq (inners_service.call (the_self, &r, chain, NULL), 0);
  sem_wait (&chained);
  ck_assert_int_eq (left, 0);
}
END_TEST

/* ---- Beginning and end --------------------------------------------------------- */

START_TEST (a_host_that_does_not_serve_takes_none)
{
  struct kg_inner r = ask ("GET", "/hello", NULL), background = r;
  background.flags = KG_INNER_BACKGROUND;
  ck_assert_int_eq (inners_service.call (the_self, &r, answer_done, &a), -EAGAIN);
  calls_serve ();
  call_wait (&background, &a);
  catalog_drain (the_host.catalog);
  ck_assert_int_eq (inners_service.call (the_self, &background, answer_done, &a), -ESHUTDOWN);
  get_wait ("/hello");
  ck_assert_int_eq (a.status, 200);
  calls_stop ();
  ck_assert_int_eq (inners_service.call (the_self, &r, answer_done, &a), -ESHUTDOWN);
}
END_TEST

START_TEST (at_the_end_all_are_told)
{
  static struct answer waits, holds;
  struct kg_inner r = ask ("GET", "/wait", NULL);
  call (&r, &waits);
  sem_wait (&plugin.waits);
  r = ask ("GET", "/stream?n=1", NULL);
  plugin.hold = 1;
  call (&r, &holds);
  sem_wait (&plugin.waits);
  calls_stop ();
  ck_assert_int_eq (waits.times, 1);
  ck_assert_int_eq (waits.error, -ESHUTDOWN);
  ck_assert_int_eq (waits.logs_before, 1);
  ck_assert_int_eq (plugin.gone, 1);
  ck_assert_int_eq (holds.times, 1);
  ck_assert_int_eq (holds.error, -ESHUTDOWN);
}
END_TEST

START_TEST (code_that_blocks_is_given_up)
{
  struct kg_inner r = ask ("GET", "/block", NULL);
  the_host.settings.http.handler_timeout = 2;
  calls_serve ();
  call_wait (&r, &a);
  ck_assert_int_eq (a.error, -ETIMEDOUT);
  ck_assert_int_eq (plugin.entered, 1);
  ck_assert_uint_eq (inners_waiting (the_host.inners), 0);
  for (int i = 0; i < 4; i++) { /* both workers go on */
    get_wait ("/hello");
    ck_assert_int_eq (a.status, 200);
  }
}
END_TEST

START_TEST (metrics_of_their_own)
{
  char *text;
  size_t len;
  get_wait ("/hello");
  get_wait ("/nowhere");
  ck_assert_int_eq (metrics_service.render (the_self, 0, &text, &len), 0);
  ck_assert_ptr_nonnull (
      strstr (text, "kgent_inner_requests_total{endpoint=\"/hello\",status=\"200\"} 1\n"));
  ck_assert_ptr_nonnull (
      strstr (text, "kgent_inner_requests_total{endpoint=\"unmatched\",status=\"404\"} 1\n"));
  ck_assert_ptr_nonnull (
      strstr (text, "kgent_inner_request_latency_seconds_count{endpoint=\"/hello\"} 1\n"));
  ck_assert_ptr_null (strstr (text, "\nkgents_api_requests_total{"));
  free (text);
}
END_TEST

static void
add (Suite *s, const char *name, void (*begin) (void), const TTest *const *tests, size_t count)
{
  TCase *c = tcase_create (name);
  tcase_add_checked_fixture (c, begin, calls_teardown);
  tcase_set_timeout (c, 60);
  for (size_t i = 0; i < count; i++)
    tcase_add_test (c, tests[i]);
  suite_add_tcase (s, c);
}

int
main (void)
{
  const TTest *const serving[]
      = { a_request_goes_the_way_of_every_other, the_request_says_who_asks_and_how,
          everything_is_copied, refusals_are_those_of_any_request, hooks_may_refuse,
          access_may_wait_and_say_who_it_is_now, a_commit_that_fails_is_an_answer,
          bodies_of_any_size, what_no_client_could_send_is_refused, a_handler_may_wait,
          a_deadline_ends_the_waiting, streams_are_collected, too_long_a_stream_is_an_error,
          whoever_asked_does_not_wait_for_a_producer, an_identity_that_has_ended_ends_its_streams,
          their_number_is_bounded, threads_call_at_once, an_answer_may_call_again,
          at_the_end_all_are_told, metrics_of_their_own };
  const TTest *const beginning[]
      = { a_host_that_does_not_serve_takes_none, code_that_blocks_is_given_up };
  Suite *s = suite_create ("calls");
  SRunner *sr;
  int failed;
  add (s, "serving", setup, serving, sizeof serving / sizeof *serving);
  add (s, "beginning", calls_setup, beginning, sizeof beginning / sizeof *beginning);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
