/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* core/call.c and core/address.c: what is accepted, and what comes after a try. */

#include "core/address.h"
#include "core/breaker.h"
#include "core/call.h"
#include "core/fetch.h"
#include "core/util/clock.h"
#include "core/util/url.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
done (const struct kg_http_reply *reply, void *arg)
{
  (void) reply, (void) arg;
}

static struct kg_http_request request;

static void
setup (void)
{
  clock_fake (CLOCK_SECOND, CLOCK_SECOND);
  request = (struct kg_http_request){
    .size = sizeof request, .method = "POST", .url = "https://example.org/x", .done = done
  };
}

static void
teardown (void)
{
  clock_fake (0, 0);
}

static int32_t
try_request (void)
{
  kg_call *call = NULL;
  int32_t result = call_create (&request, &call);
  call_destroy (call);
  return result;
}

static const struct {
  const char *url, *origin;
} urls[] = {
  { "https://example.org", "https://example.org:443" },
  { "http://Example.ORG:8080/a?b=c", "http://example.org:8080" },
  { "http://[::1]:99/", "http://[::1]:99" },
  { "http://a:000080/", "http://a:80" },
  { "https://a_b.c?x", "https://a_b.c:443" },
  { "ftp://example.org/", NULL },
  { "HTTP://example.org/", NULL },
  { "file:///etc/passwd", NULL },
  { "http://user@example.org/", NULL },
  { "http://user:pw@example.org/", NULL },
  { "http://", NULL },
  { "http:///x", NULL },
  { "http://example.org:0/", NULL },
  { "http://example.org:65536/", NULL },
  { "http://example.org:99999999999999999999/", NULL },
  { "http://example.org:/", NULL },
  { "http://example.org:80x/", NULL },
  { "http://example.org/a b", NULL },
  { "http://example.org/\r\nX: y", NULL },
  { "http://example.org/#f", NULL },
  { "http://example.org\\@evil/", NULL },
  { "http://exa%6dple.org/", NULL },
  { "http://[::1/", NULL },
  { "http://\xc3\xbc.org/", NULL },
  { NULL, NULL },
};

START_TEST (urls_are_checked)
{
  kg_call *call = NULL;
  request.url = urls[_i].url;
  ck_assert_int_eq (call_create (&request, &call), urls[_i].origin ? 0 : -EINVAL);
  ck_assert_int_eq (fetch_service.check (urls[_i].url), urls[_i].origin ? 0 : -EINVAL);
  if (call)
    ck_assert_str_eq (call->origin, urls[_i].origin);
  call_destroy (call);
}
END_TEST

START_TEST (long_urls_are_refused)
{
  static char url[URL_MAX + 2] = "http://a/";
  memset (url + 9, 'x', URL_MAX - 9);
  request.url = url;
  ck_assert_int_eq (try_request (), 0);
  ck_assert_int_eq (fetch_service.check (url), 0);
  url[URL_MAX] = 'x';
  ck_assert_int_eq (try_request (), -EINVAL);
  ck_assert_int_eq (fetch_service.check (url), -EINVAL);
}
END_TEST

static const struct {
  const char *line;
  int32_t result;
} headers[] = {
  { "X-A: b", 0 },
  { "X-A:", 0 },
  { "X-A: \tb", 0 },
  { "X-A", -EINVAL },
  { ": b", -EINVAL },
  { "X A: b", -EINVAL },
  { "X-A : b", -EINVAL },
  { "X-A: b\r\nX-B: c", -EINVAL },
  { "X-A: b\n", -EINVAL },
  { "X-A: \x7f", -EINVAL },
  { "Host: x", -EINVAL },
  { "content-length: 3", -EINVAL },
  { "Connection: close", -EINVAL },
  { "Transfer-Encoding: chunked", -EINVAL },
  { "Expect: 100-continue", -EINVAL },
  { "", -EINVAL },
};

START_TEST (headers_are_checked)
{
  const char *list[] = { "X-First: 1", headers[_i].line, NULL };
  request.headers = list;
  ck_assert_int_eq (try_request (), headers[_i].result);
}
END_TEST

START_TEST (the_rest_is_checked)
{
  request.method = "post";
  ck_assert_int_eq (try_request (), -EINVAL);
  request.method = "CONNECT";
  ck_assert_int_eq (try_request (), -EINVAL);
  request.method = "G ET";
  ck_assert_int_eq (try_request (), -EINVAL);
  request.method = "GET";
  request.flags = 0x80;
  ck_assert_int_eq (try_request (), -EINVAL);
  request.flags = 0;
  request.done = NULL;
  ck_assert_int_eq (try_request (), -EINVAL);
  request.done = done;
  request.size = 8;
  ck_assert_int_eq (try_request (), -EINVAL);
  ck_assert_int_eq (try_request (), -EINVAL);
}
END_TEST

START_TEST (everything_is_copied)
{
  char method[] = "PUT", url[] = "http://a/b", header[] = "X: y", body[] = "hello";
  const char *list[] = { header, NULL };
  kg_call *call;
  request.method = method;
  request.url = url;
  request.headers = list;
  request.body = (kg_str){ body, 5 };
  ck_assert_int_eq (call_create (&request, &call), 0);
  memset (method, 0, sizeof method);
  memset (url, 0, sizeof url);
  memset (header, 0, sizeof header);
  memset (body, 0, sizeof body);
  list[0] = NULL;
  ck_assert_str_eq (call->request.method, "PUT");
  ck_assert_str_eq (call->request.url, "http://a/b");
  ck_assert_str_eq (call->request.headers[0], "X: y");
  ck_assert_ptr_null (call->request.headers[1]);
  ck_assert_mem_eq (call->request.body.ptr, "hello", 5);
  ck_assert_uint_eq (call->request.total_ms, 30000);
  ck_assert_uint_eq (call->request.reply_max, 65536);
  call_destroy (call);
}
END_TEST

static const struct {
  const char *value;
  int64_t ms;
} afters[] = {
  { "0", 0 },
  { "12", 12000 },
  { "300", 300000 },
  { "301", 300000 },
  { "1000000000", 300000 },
  { "99999999999999999999999999999999999", 300000 },
  { "-1", -1 },
  { "1.5", -1 },
  { "soon", -1 },
  { "", -1 },
  { "12 s", -1 },
  { "Fri, 02 Jan 2026 03:04:07 GMT", 2000 },
  { "Fri, 02 Jan 2026 03:04:00 GMT", 0 },
  { "Sat, 02 Jan 2027 03:04:07 GMT", 300000 },
  { "Fri, 02 Jan 2026 03:04:07 UTC", -1 },
};

START_TEST (retry_after_is_read)
{
  ck_assert_int_eq (call_retry_after (afters[_i].value, strlen (afters[_i].value),
                                      1767323045ll * CLOCK_SECOND),
                    afters[_i].ms);
}
END_TEST

static const struct {
  const char *value;
  int64_t s;
} ages[] = {
  { "max-age=300", 300 },
  { "public, max-age=19845, must-revalidate, no-transform", 19845 },
  { "Max-Age=7\t,private", 7 },
  { "max-age=0", 0 },
  { "max-age=2147483648", 2147483648 },
  { "max-age=99999999999999999999999", 2147483648 },
  { "no-store", 0 },
  { "No-Cache, max-age=300", 0 },
  { "max-age=9, max-age=8", 8 },
  { "max-age=", -1 },
  { "max-age=-1", -1 },
  { "max-age=1s", -1 },
  { "s-maxage=5, public", -1 },
  { "", -1 },
  { ",,", -1 },
};

START_TEST (max_age_is_read)
{
  ck_assert_int_eq (call_max_age (ages[_i].value, strlen (ages[_i].value)), ages[_i].s);
}
END_TEST

static kg_call *
tried (int32_t error, int32_t status, uint32_t times)
{
  kg_call *call;
  request.tries = 3;
  ck_assert_int_eq (call_create (&request, &call), 0);
  call_reset (call);
  call->error = error;
  call->status = status;
  call->tried = times;
  return call;
}

static const struct {
  int32_t error, status;
  int again, outcome;
} verdicts[] = {
  { 0, 200, 0, BREAKER_WORKED },           { 0, 204, 0, BREAKER_WORKED },
  { 0, 301, 0, BREAKER_WORKED },           { 0, 400, 0, BREAKER_WORKED },
  { 0, 429, 1, BREAKER_WORKED },           { 0, 500, 1, BREAKER_FAILED },
  { 0, 501, 0, BREAKER_FAILED },           { 0, 503, 1, BREAKER_FAILED },
  { -ETIMEDOUT, 0, 1, BREAKER_FAILED },    { -ECONNREFUSED, 0, 1, BREAKER_FAILED },
  { -ECONNRESET, 0, 1, BREAKER_FAILED },   { -EHOSTUNREACH, 0, 1, BREAKER_FAILED },
  { -EPROTO, 0, 0, BREAKER_FAILED },       { -EMSGSIZE, 0, 0, BREAKER_WORKED },
  { -ECANCELED, 0, 0, BREAKER_UNDECIDED },
};

START_TEST (what_is_tried_again)
{
  kg_call *call;
  request.flags = KG_HTTP_IDEMPOTENT;
  call = tried (verdicts[_i].error, verdicts[_i].status, 1);
  ck_assert_int_eq (call_again (call, clock_mono (), 7) >= 0, verdicts[_i].again);
  ck_assert_int_eq (call_outcome (call), verdicts[_i].outcome);
  call->tried = 3;
  ck_assert_int_eq (call_again (call, clock_mono (), 7), -1);
  call_destroy (call);
  request.flags = 0; /* not idempotent: never */
  call = tried (verdicts[_i].error, verdicts[_i].status, 1);
  ck_assert_int_eq (call_again (call, clock_mono (), 7), -1);
  call_destroy (call);
}
END_TEST

static const struct {
  const char *line;
  int32_t status;
  int again;
} said[] = {
  { "Should-Retry: true", 409, 1 },  { "should-retry:FALSE", 503, 0 },
  { "Should-Retry: maybe", 503, 1 }, { "Should-Retry: maybe", 409, 0 },
  { "Should-Retry-X: true", 409, 0 },
};

START_TEST (a_header_says_whether_again)
{
  kg_call *call;
  request.flags = KG_HTTP_IDEMPOTENT;
  request.retry_header = "Should-Retry";
  call = tried (0, said[_i].status, 1);
  call_header (call, said[_i].line, strlen (said[_i].line), 0);
  ck_assert_int_eq (call_again (call, clock_mono (), 7) >= 0, said[_i].again);
  call_destroy (call);
  request.retry_header = NULL;
  call = tried (0, 409, 1);
  call_header (call, said[_i].line, strlen (said[_i].line), 0);
  ck_assert_int_eq (call_again (call, clock_mono (), 7), -1);
  call_destroy (call);
}
END_TEST

START_TEST (waits_grow_with_full_jitter)
{
  int64_t now = clock_mono ();
  kg_call *call;
  request.flags = KG_HTTP_IDEMPOTENT;
  call = tried (0, 503, 1);
  ck_assert_int_eq (call_again (call, now, 0), now);
  ck_assert_int_eq (call_again (call, now, 100), now + 100 * CLOCK_MS);
  ck_assert_int_eq (call_again (call, now, 101), now);
  call->tried = 2;
  ck_assert_int_eq (call_again (call, now, 200), now + 200 * CLOCK_MS);
  call->retry_after_ms = 5000;
  ck_assert_int_eq (call_again (call, now, 0), now + 5000 * CLOCK_MS);
  call->retry_after_ms = 30000; /* beyond the deadline */
  ck_assert_int_eq (call_again (call, now, 0), -1);
  call_destroy (call);
}
END_TEST

START_TEST (a_body_is_capped)
{
  char piece[1000] = "";
  kg_call *call;
  int i;
  request.reply_max = 10000;
  ck_assert_int_eq (call_create (&request, &call), 0);
  for (i = 0; i < 10; i++)
    ck_assert_int_eq (call_body (call, piece, sizeof piece), 0);
  ck_assert_int_ne (call_body (call, piece, 1), 0);
  ck_assert_int_eq (call->over, 1);
  ck_assert_uint_eq (call->len, 10000);
  call_destroy (call);
}
END_TEST

static const struct {
  const char *ip;
  int32_t kind;
} addresses[] = {
  { "8.8.8.8", ADDRESS_PUBLIC },
  { "127.0.0.1", ADDRESS_PRIVATE },
  { "127.255.1.2", ADDRESS_PRIVATE },
  { "10.1.2.3", ADDRESS_PRIVATE },
  { "172.15.255.255", ADDRESS_PUBLIC },
  { "172.16.0.0", ADDRESS_PRIVATE },
  { "172.31.255.255", ADDRESS_PRIVATE },
  { "172.32.0.0", ADDRESS_PUBLIC },
  { "192.168.0.1", ADDRESS_PRIVATE },
  { "100.64.0.1", ADDRESS_PRIVATE },
  { "0.0.0.0", ADDRESS_PRIVATE },
  { "169.254.169.254", ADDRESS_NEVER },
  { "224.0.0.1", ADDRESS_NEVER },
  { "255.255.255.255", ADDRESS_NEVER },
  { "::1", ADDRESS_PRIVATE },
  { "::", ADDRESS_PRIVATE },
  { "fd00:ec2::254", ADDRESS_PRIVATE },
  { "fe80::1", ADDRESS_NEVER },
  { "febf::1", ADDRESS_NEVER },
  { "fec0::1", ADDRESS_PRIVATE },
  { "ff02::1", ADDRESS_NEVER },
  { "2001:db8::1", ADDRESS_PUBLIC },
  { "::ffff:169.254.169.254", ADDRESS_NEVER },
  { "::ffff:127.0.0.1", ADDRESS_PRIVATE },
  { "64:ff9b::a9fe:a9fe", ADDRESS_NEVER },
  { "2002:7f00:1::", ADDRESS_PRIVATE },
  { "::7f00:1", ADDRESS_NEVER },
  { "localhost", ADDRESS_NEVER },
  { "", ADDRESS_NEVER },
};

START_TEST (addresses_have_kinds)
{
  ck_assert_int_eq (address_class_text (addresses[_i].ip), addresses[_i].kind);
}
END_TEST

#define LOOP(test, table)                                                                      \
  tcase_add_loop_test (cases, test, 0, (int) (sizeof table / sizeof table[0]))

int
main (void)
{
  Suite *suite = suite_create ("call");
  TCase *cases = tcase_create ("call");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_checked_fixture (cases, setup, teardown);
  LOOP (urls_are_checked, urls);
  tcase_add_test (cases, long_urls_are_refused);
  LOOP (headers_are_checked, headers);
  tcase_add_test (cases, the_rest_is_checked);
  tcase_add_test (cases, everything_is_copied);
  LOOP (retry_after_is_read, afters);
  LOOP (max_age_is_read, ages);
  LOOP (a_header_says_whether_again, said);
  LOOP (what_is_tried_again, verdicts);
  tcase_add_test (cases, waits_grow_with_full_jitter);
  tcase_add_test (cases, a_body_is_capped);
  LOOP (addresses_have_kinds, addresses);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
