/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* core/fetch.c and core/fetch_client.c against servers that misbehave. */

#include "core/fetch.h"
#include "core/host.h"
#include "core/metrics.h"
#include "core/util/clock.h"
#include "tests/faults/badreplies.h"
#include "tests/faults/badserver.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct host host;
static struct kg_self self = { .magic = SELF_MAGIC, .host = &host };
static struct badserver *server;
static char base[64], url[96];

static char last_request[65537];

/* What came of one call. */
static struct outcome {
  pthread_mutex_t lock;
  pthread_cond_t come;
  int done; /* how often */
  int32_t error, status, tries;
  int64_t retry_after_ms, elapsed_ns;
  char body[4096], type[128], message[512], pieces[4096];
  int32_t piece_result;
} out = { .lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER };

static void
on_done (const struct kg_http_reply *r, void *arg)
{
  struct outcome *o = arg;
  pthread_mutex_lock (&o->lock);
  o->error = r->error;
  o->status = r->status;
  o->tries = r->tries;
  o->retry_after_ms = r->retry_after_ms;
  o->elapsed_ns = r->elapsed_ns;
  snprintf (o->body, sizeof o->body, "%.*s", (int) r->body.len, r->body.ptr);
  snprintf (o->type, sizeof o->type, "%.*s", (int) r->content_type.len, r->content_type.ptr);
  snprintf (o->message, sizeof o->message, "%s", r->message);
  o->done++;
  pthread_cond_signal (&o->come);
  pthread_mutex_unlock (&o->lock);
}

static int32_t
on_piece (const void *data, size_t len, void *arg)
{
  struct outcome *o = arg;
  size_t n = strlen (o->pieces);
  snprintf (o->pieces + n, sizeof o->pieces - n, "[%.*s]", (int) len, (const char *) data);
  return o->piece_result;
}

static void
await (void)
{
  pthread_mutex_lock (&out.lock);
  while (!out.done)
    pthread_cond_wait (&out.come, &out.lock);
  ck_assert_int_eq (out.done, 1);
  out.done = 0;
  pthread_mutex_unlock (&out.lock);
  badreplies_last (last_request, sizeof last_request);
}

static struct kg_http_request
make (const char *method, const char *path)
{
  snprintf (url, sizeof url, "%s%s", base, path);
  return (struct kg_http_request){ .size = sizeof (struct kg_http_request),
                                   .flags = KG_HTTP_PRIVATE_OK,
                                   .method = method,
                                   .url = url,
                                   .total_ms = 5000,
                                   .done = on_done,
                                   .arg = &out };
}

static void
run (const struct kg_http_request *r)
{
  ck_assert_int_eq (fetch_service.send (&self, r, NULL), 0);
  await ();
}

static void
run_path (const char *method, const char *path)
{
  struct kg_http_request r = make (method, path);
  run (&r);
}

static void
setup (void)
{
  out.done = 0;
  out.pieces[0] = 0;
  out.piece_result = 0;
  server = badserver_start (badreplies, NULL);
  ck_assert_ptr_nonnull (server);
  snprintf (base, sizeof base, "http://127.0.0.1:%d", badserver_port (server));
  ck_assert_int_eq (fetch_create (&host, &host.fetch), 0);
  ck_assert_int_eq (fetch_start (host.fetch), 0);
}

static void
teardown (void)
{
  fetch_stop (host.fetch);
  fetch_destroy (host.fetch);
  badserver_stop (server);
}

START_TEST (a_request_arrives_whole)
{
  static const char *const headers[]
      = { "X-Id: 7", "Content-Type: application/json", "X-Empty:", NULL };
  struct kg_http_request r = make ("POST", "/status/200?q=1");
  r.headers = headers;
  r.body = (kg_str){ "{\"a\":1}", 7 };
  run (&r);
  ck_assert_int_eq (out.error, 0);
  ck_assert_int_eq (out.status, 200);
  ck_assert_int_eq (out.tries, 1);
  ck_assert_str_eq (out.body, "ok");
  ck_assert_str_eq (out.type, "text/plain");
  ck_assert_int_eq (out.retry_after_ms, -1);
  ck_assert_int_eq (
      strncmp (last_request, "POST /status/200?q=1 HTTP/1.1\r\nHost: 127.0.0.1:", 47), 0);
  ck_assert_ptr_nonnull (strstr (last_request, "\r\nX-Id: 7\r\n"));
  ck_assert_ptr_nonnull (strstr (last_request, "\r\nX-Empty:"));
  ck_assert_ptr_nonnull (strstr (last_request, "\r\nUser-Agent: kgent/"));
  ck_assert_ptr_nonnull (strstr (last_request, "\r\nContent-Type: application/json\r\n"));
  ck_assert_ptr_nonnull (strstr (last_request, "\r\nContent-Length: 7\r\n"));
  ck_assert_ptr_nonnull (strstr (last_request, "\r\n\r\n{\"a\":1}"));
  ck_assert_ptr_null (strstr (last_request, "Expect"));
  ck_assert_ptr_null (strstr (last_request, "Accept-Encoding"));
}
END_TEST

START_TEST (nothing_is_said_that_was_not_asked)
{
  run_path ("POST", "/status/200");
  ck_assert_ptr_null (strstr (last_request, "Content-Type"));
  ck_assert_ptr_nonnull (strstr (last_request, "\r\nContent-Length: 0\r\n"));
  run_path ("DELETE", "/status/200");
  ck_assert_int_eq (strncmp (last_request, "DELETE /status/200 HTTP/1.1\r\n", 29), 0);
  ck_assert_ptr_null (strstr (last_request, "Content-Length"));
}
END_TEST

START_TEST (statuses_are_told)
{
  static const int all[] = { 200, 201, 202, 204, 301, 400, 401, 403, 404, 429, 500, 503 };
  char path[32];
  size_t i;
  for (i = 0; i < sizeof all / sizeof all[0]; i++) {
    snprintf (path, sizeof path, "/status/%d", all[i]);
    run_path ("GET", path);
    ck_assert_int_eq (out.error, 0);
    ck_assert_int_eq (out.status, all[i]);
    ck_assert_int_eq (out.retry_after_ms, all[i] == 429 ? 7000 : -1);
  }
  ck_assert_int_eq (badserver_connections (server), 1); /* pooled */
}
END_TEST

static const struct {
  const char *path;
  int32_t error, status;
  const char *body;
} faults[] = {
  { "/truncated", -ECONNRESET, 0, "" }, { "/garbage", -EIO, 0, "" },
  { "/empty", -ECONNRESET, 0, "" },     { "/reset", -ECONNRESET, 0, "" },
  { "/huge", -EMSGSIZE, 0, "" },        { "/endless", -EMSGSIZE, 0, "" },
  { "/heads", -EMSGSIZE, 0, "" },       { "/gzip", 0, 200, "not gzip!" },
  { "/redirect", 0, 302, "" },          { "/interim", 0, 200, "ok" },
};

START_TEST (bad_replies_have_outcomes)
{
  run_path ("GET", faults[_i].path);
  ck_assert_msg (out.error == faults[_i].error, "%d: %s", out.error, out.message);
  ck_assert_int_eq (out.status, faults[_i].status);
  ck_assert_str_eq (out.body, faults[_i].body);
  ck_assert_int_eq (out.retry_after_ms, -1);
  ck_assert_str_eq (out.type, "");
  ck_assert_int_eq (badserver_requests (server), 1);
}
END_TEST

static const struct {
  const char *path;
  int32_t error, status;
} sizes[] = {
  { "/huge", 0, 200 },
  { "/endless", 0, 200 },
  { "/huge_503", 0, 503 },
  { "/heads", -EMSGSIZE, 0 },
  { "/truncated", -ECONNRESET, 0 },
};

START_TEST (a_status_may_be_what_counts)
{
  struct kg_http_request r = make ("GET", sizes[_i].path);
  r.flags |= KG_HTTP_STATUS;
  run (&r);
  ck_assert_msg (out.error == sizes[_i].error, "%d: %s", out.error, out.message);
  ck_assert_int_eq (out.status, sizes[_i].status);
  ck_assert_str_eq (out.body, "");
  r.piece = on_piece;
  ck_assert_int_eq (fetch_service.send (&self, &r, NULL), -EINVAL);
}
END_TEST

START_TEST (time_is_limited)
{
  static const char *const paths[] = { "/hang", "/drip" };
  struct kg_http_request r = make ("GET", paths[_i]);
  r.total_ms = 200;
  run (&r);
  ck_assert_int_eq (out.error, -ETIMEDOUT);
  ck_assert_int_ge (out.elapsed_ns, 190 * CLOCK_MS);
  ck_assert_int_lt (out.elapsed_ns, 2000 * CLOCK_MS);
}
END_TEST

START_TEST (idempotent_requests_are_tried_again)
{
  static const char *const paths[] = { "/flaky", "/once" };
  struct kg_http_request r = make ("POST", paths[_i]);
  r.body = (kg_str){ "same", 4 };
  r.flags |= KG_HTTP_IDEMPOTENT;
  r.tries = 3;
  run (&r);
  ck_assert_msg (out.status == 200, "%s", out.message);
  ck_assert_int_eq (out.tries, 2);
  ck_assert_int_eq (badserver_requests (server), 2);
  ck_assert_ptr_nonnull (strstr (last_request, "\r\n\r\nsame"));
}
END_TEST

START_TEST (others_are_not)
{
  struct kg_http_request r = make ("POST", "/flaky");
  r.tries = 3;
  run (&r);
  ck_assert_int_eq (out.status, 503);
  ck_assert_int_eq (out.tries, 1);
}
END_TEST

START_TEST (the_last_reply_is_told)
{
  struct kg_http_request r = make ("GET", "/status/500");
  r.flags |= KG_HTTP_IDEMPOTENT;
  r.tries = 3;
  run (&r);
  ck_assert_int_eq (out.error, 0);
  ck_assert_int_eq (out.status, 500);
  ck_assert_int_eq (out.tries, 3);
  ck_assert_str_eq (out.body, "ok");
}
END_TEST

/* A pooled connection dies: libcurl would send the POST a second time. */
START_TEST (a_dead_connection_sends_nothing_twice)
{
  struct kg_http_request r = make ("GET", "/status/200");
  run (&r);
  r = make ("POST", "/reset");
  run (&r);
  ck_assert_int_eq (out.error, -ECONNRESET);
  ck_assert_int_eq (badserver_requests (server), 2);
  ck_assert_int_eq (badserver_connections (server), 2);
}
END_TEST

START_TEST (private_addresses_need_permission)
{
  struct kg_http_request r = make ("GET", "/status/200");
  r.flags = 0;
  run (&r);
  ck_assert_int_eq (out.error, -EHOSTUNREACH);
  ck_assert_ptr_nonnull (strstr (out.message, "private"));
  ck_assert_int_eq (badserver_connections (server), 0);
  r.flags = KG_HTTP_PRIVATE_OK;
  run (&r);
  ck_assert_int_eq (out.status, 200);
  r.flags = 0; /* the pooled connection is no way in */
  run (&r);
  ck_assert_int_eq (out.error, -EHOSTUNREACH);
  ck_assert_int_eq (badserver_requests (server), 1);
}
END_TEST

START_TEST (link_local_addresses_are_never_called)
{
  static const char *const urls[]
      = { "http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/",
          "http://2852039166/" };
  struct kg_http_request r = make ("GET", "");
  r.url = urls[_i];
  run (&r);
  ck_assert_msg (out.error == -EHOSTUNREACH, "%d %s", out.error, out.message);
}
END_TEST

START_TEST (unknown_names_are_unreachable)
{
  struct kg_http_request r = make ("GET", "");
  r.url = "http://name.invalid/";
  run (&r);
  ck_assert_msg (out.error == -EHOSTUNREACH || out.error == -ETIMEDOUT, "%s", out.message);
}
END_TEST

START_TEST (messages_have_no_paths)
{
  run_path ("GET", "/reset?key=sk_live_secret");
  ck_assert_ptr_null (strstr (out.message, "secret"));
  ck_assert_ptr_nonnull (strstr (out.message, "GET http://127.0.0.1:"));
}
END_TEST

/* A port where nobody listens. */
static void
closed_port (void)
{
  struct badserver *other = badserver_start (badreplies, NULL);
  snprintf (base, sizeof base, "http://127.0.0.1:%d", badserver_port (other));
  badserver_stop (other);
}

START_TEST (a_breaker_opens)
{
  struct kg_http_request r;
  int i;
  closed_port ();
  r = make ("GET", "/");
  for (i = 0; i < 5; i++) {
    run (&r);
    ck_assert_int_eq (out.error, -ECONNREFUSED);
  }
  run (&r);
  ck_assert_int_eq (out.error, -EBUSY);
  ck_assert_int_eq (out.tries, 0);
  r.flags |= KG_HTTP_NO_BREAKER;
  run (&r);
  ck_assert_int_eq (out.error, -ECONNREFUSED);
  snprintf (base, sizeof base, "http://127.0.0.1:%d", badserver_port (server));
  run_path ("GET", "/status/200"); /* another origin */
  ck_assert_int_eq (out.status, 200);
}
END_TEST

START_TEST (cancel_ends_a_call)
{
  struct kg_http_request r = make ("GET", "/hang");
  kg_call *call = NULL;
  ck_assert_int_eq (fetch_service.send (&self, &r, &call), 0);
  while (_i && badserver_requests (server) == 0) /* 0: at once; 1: when it runs */
    usleep (1000);
  fetch_service.cancel (call);
  await ();
  ck_assert_int_eq (out.error, -ECANCELED);
}
END_TEST

START_TEST (pieces_come_as_they_arrive)
{
  struct kg_http_request r = make ("GET", "/status/200");
  r.piece = on_piece;
  run (&r);
  ck_assert_str_eq (out.pieces, "[ok]");
  ck_assert_str_eq (out.body, "");
  r = make ("GET", "/status/500"); /* no 2xx: a body */
  r.piece = on_piece;
  run (&r);
  ck_assert_str_eq (out.pieces, "[ok]");
  ck_assert_str_eq (out.body, "ok");
}
END_TEST

START_TEST (a_piece_may_be_the_last)
{
  struct kg_http_request r = make ("GET", "/endless");
  r.piece = on_piece;
  r.flags |= KG_HTTP_IDEMPOTENT;
  r.tries = 3;
  out.piece_result = 1;
  run (&r);
  ck_assert_int_eq (out.error, -ECANCELED);
  ck_assert_int_eq (out.tries, 1);
}
END_TEST

START_TEST (stop_cancels_all)
{
  struct kg_http_request r = make ("GET", "/hang");
  ck_assert_int_eq (fetch_service.send (&self, &r, NULL), 0);
  while (badserver_requests (server) == 0)
    usleep (1000);
  fetch_stop (host.fetch);
  ck_assert_int_eq (out.done, 1);
  ck_assert_int_eq (out.error, -ECANCELED);
  ck_assert_int_eq (fetch_service.send (&self, &r, NULL), -ESHUTDOWN);
}
END_TEST

START_TEST (calls_are_limited)
{
  struct host other = { 0 };
  struct kg_self plugin = { .magic = SELF_MAGIC, .host = &other };
  struct kg_http_request r = make ("GET", "/status/200");
  int i;
  ck_assert_int_eq (fetch_create (&other, &other.fetch), 0);
  for (i = 0; i < FETCH_CALLS_MAX; i++)
    ck_assert_int_eq (fetch_service.send (&plugin, &r, NULL), 0);
  ck_assert_int_eq (fetch_service.send (&plugin, &r, NULL), -EAGAIN);
  fetch_stop (other.fetch); /* without a thread, too */
  ck_assert_int_eq (out.done, FETCH_CALLS_MAX);
  fetch_destroy (other.fetch);
}
END_TEST

START_TEST (it_is_measured)
{
  struct host measured = { .metrics = metrics_create () };
  struct kg_self plugin = { .magic = SELF_MAGIC, .host = &measured };
  struct kg_http_request r = make ("GET", "/status/200");
  char *text = NULL;
  size_t len;
  ck_assert_int_eq (fetch_create (&measured, &measured.fetch), 0);
  ck_assert_int_eq (fetch_start (measured.fetch), 0);
  ck_assert_int_eq (fetch_service.send (&plugin, &r, NULL), 0);
  await ();
  fetch_stop (measured.fetch);
  ck_assert_int_eq (metrics_service.render (&plugin, 0, &text, &len), 0);
  ck_assert_ptr_nonnull (strstr (text, "kgent_http_calls_total{outcome=\"ok\"} 1\n"));
  ck_assert_ptr_nonnull (strstr (text, "\nkgent_http_calls_under_way 0\n"));
  ck_assert_ptr_nonnull (strstr (text, "\nkgent_http_breakers_open 0\n"));
  free (text);
  fetch_destroy (measured.fetch);
  metrics_destroy (measured.metrics);
}
END_TEST

#define LOOP(test, n) tcase_add_loop_test (cases, test, 0, n)

static void
add_tests (TCase *cases)
{
  tcase_add_test (cases, a_request_arrives_whole);
  tcase_add_test (cases, nothing_is_said_that_was_not_asked);
  tcase_add_test (cases, statuses_are_told);
  LOOP (bad_replies_have_outcomes, (int) (sizeof faults / sizeof faults[0]));
  LOOP (a_status_may_be_what_counts, (int) (sizeof sizes / sizeof sizes[0]));
  LOOP (time_is_limited, 2);
  LOOP (idempotent_requests_are_tried_again, 2);
  tcase_add_test (cases, others_are_not);
  tcase_add_test (cases, the_last_reply_is_told);
  tcase_add_test (cases, a_dead_connection_sends_nothing_twice);
  tcase_add_test (cases, private_addresses_need_permission);
  LOOP (link_local_addresses_are_never_called, 3);
  tcase_add_test (cases, unknown_names_are_unreachable);
  tcase_add_test (cases, messages_have_no_paths);
  tcase_add_test (cases, a_breaker_opens);
  LOOP (cancel_ends_a_call, 2);
  tcase_add_test (cases, pieces_come_as_they_arrive);
  tcase_add_test (cases, a_piece_may_be_the_last);
  tcase_add_test (cases, stop_cancels_all);
  tcase_add_test (cases, calls_are_limited);
  tcase_add_test (cases, it_is_measured);
}

int
main (void)
{
  Suite *suite = suite_create ("fetch");
  TCase *cases = tcase_create ("fetch");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_checked_fixture (cases, setup, teardown);
  tcase_set_timeout (cases, 30);
  add_tests (cases);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
