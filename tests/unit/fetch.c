/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Requests, and what comes of them when servers misbehave: core/fetch.c. */
#include "fetch_case.h"

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
  tcase_add_test (cases, pieces_come_as_they_arrive);
  tcase_add_test (cases, a_piece_may_be_the_last);
}

int
main (void)
{
  return fetch_cases ("fetch", add_tests);
}
