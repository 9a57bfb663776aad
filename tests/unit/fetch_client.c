/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Which calls are made, and how they end: core/fetch_client.c. */
#include "fetch_case.h"

#include "core/metrics.h"

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

static void
add_tests (TCase *cases)
{
  tcase_add_test (cases, private_addresses_need_permission);
  LOOP (link_local_addresses_are_never_called, 3);
  tcase_add_test (cases, unknown_names_are_unreachable);
  tcase_add_test (cases, messages_have_no_paths);
  tcase_add_test (cases, a_breaker_opens);
  LOOP (cancel_ends_a_call, 2);
  tcase_add_test (cases, stop_cancels_all);
  tcase_add_test (cases, calls_are_limited);
  tcase_add_test (cases, it_is_measured);
}

int
main (void)
{
  return fetch_cases ("fetch_client", add_tests);
}
