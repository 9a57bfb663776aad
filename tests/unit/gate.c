/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/gate.h"

#include <stdio.h>

static struct head head;

/* The gate's word about a head. */
static struct gate
gate_of (const char *text, int32_t allow_chunked)
{
  static const struct head_limits limits = { 4096, 8192, 64 };
  struct gate_rules rules = { allow_chunked };
  struct gate g;
  const char *why = "";
  if (head_parse (text, strlen (text), &limits, &head, &why) <= 0)
    ck_abort_msg ("%s: %s", text, why);
  gate_check (&head, &rules, &g);
  ck_assert_msg (!g.status || g.why, "%s", text);
  return g;
}

struct row {
  const char *text;
  int32_t status, chunked_status; /* the second with allow_chunked */
};

static void
rows_check (const struct row *rows, size_t n, const char *start, const char *end)
{
  char text[1024];
  for (size_t i = 0; i < n; i++) {
    struct gate g;
    snprintf (text, sizeof text, "%s%s%s", start, rows[i].text, end);
    g = gate_of (text, 0);
    ck_assert_msg (g.status == rows[i].status, "%d for %s", g.status, text);
    g = gate_of (text, 1);
    ck_assert_msg (g.status == rows[i].chunked_status, "%d for %s", g.status, text);
  }
}

#define CHECK(rows, start, end) rows_check (rows, sizeof rows / sizeof *rows, start, end)

START_TEST (framing)
{
  static const struct row rows[] = {
    { "", 0, 0 },
    { "Content-Length: 5\r\n", 0, 0 },
    { "Content-Length: 0005\r\n", 0, 0 },
    { "Content-Length: 9223372036854775807\r\n", 0, 0 },
    { "Content-Length: 9223372036854775808\r\n", 413, 413 },
    { "Content-Length: 99999999999999999999999\r\n", 413, 413 },
    { "Content-Length: 9999999999999999999999x\r\n", 400, 400 },
    { "Content-Length: +5\r\n", 400, 400 },
    { "Content-Length: 5 \r\n", 400, 400 },
    { "Content-Length: \r\n", 400, 400 },
    { "Content-Length: 5, 5\r\n", 400, 400 },
    { "Content-Length: 5\r\nContent-Length: 5\r\n", 400, 400 },
    { "Content_Length: 5\r\n", 0, 0 },
    { "Content_Length: 5\r\nContent-Length: 5\r\n", 400, 400 },
    { "Transfer-Encoding: chunked\r\n", 411, 0 },
    { "Transfer-Encoding: Chunked\r\n", 411, 0 },
    { "Transfer-Encoding: chunked \r\n", 400, 400 },
    { "Transfer-Encoding: \r\n", 400, 400 },
    { "Transfer-Encoding: identity\r\n", 501, 501 },
    { "Transfer-Encoding: xchunked\r\n", 501, 501 },
    { "Transfer-Encoding: gzip, chunked\r\n", 501, 501 },
    { "Transfer-Encoding: gzip\r\n", 400, 400 },
    { "Transfer-Encoding: chunked, gzip\r\n", 400, 400 },
    { "Transfer-Encoding: chunked, chunked\r\n", 400, 400 },
    { "Transfer-Encoding: ,chunked\r\n", 400, 400 },
    { "Transfer-Encoding: chunked,\r\n", 400, 400 },
    { "Transfer-Encoding: chunked;a=b\r\n", 400, 400 },
    { "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, 400 },
    { "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, 400 },
    { "Expect: 100-Continue\r\n", 0, 0 },
    { "Expect: magic\r\n", 417, 417 },
    { "X-API-Key: a\r\nX-API-Key: a\r\n", 400, 400 },
    { "X-API-Key: a\r\nX_API_Key: a\r\n", 400, 400 },
    { "Cookie: =;,\"\r\nCookie: a\r\n", 0, 0 },
    { "Host: y\r\n", 400, 400 },
  };
  static const struct row old[]
      = { { "Transfer-Encoding: chunked\r\n", 400, 400 }, { "Content-Length: 5\r\n", 0, 0 } };
  CHECK (rows, "POST / HTTP/1.1\r\nHost: x\r\n", "\r\n");
  CHECK (old, "POST / HTTP/1.0\r\n", "\r\n");
}
END_TEST

START_TEST (hosts)
{
  static const struct row rows[] = {
    { "/ HTTP/1.1\r\n", 400, 400 },
    { "/ HTTP/1.0\r\n", 0, 0 },
    { "/ HTTP/1.1\r\nHost: \r\n", 400, 400 },
    { "/ HTTP/1.1\r\nHost: a, b\r\n", 400, 400 },
    { "/ HTTP/1.1\r\nHost: a:1\r\n", 0, 0 },
    { "http://a:1/ HTTP/1.1\r\nHost: A:1\r\n", 0, 0 },
    { "http://a/ HTTP/1.1\r\nHost: b\r\n", 400, 400 },
    { "http://a HTTP/1.1\r\nHost: a\r\n", 0, 0 },
    { "https://a?q HTTP/1.1\r\nHost: a\r\n", 0, 0 },
    { "* HTTP/1.1\r\nHost: a\r\n", 400, 400 },
  };
  CHECK (rows, "GET ", "\r\n");
}
END_TEST

START_TEST (methods)
{
  struct gate g = gate_of ("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 0);
  ck_assert_int_eq (g.status, 405);
  ck_assert_ptr_nonnull (g.allow);
  ck_assert_int_eq (gate_of ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 0).status, 405);
  ck_assert_int_eq (gate_of ("get / HTTP/1.1\r\nHost: x\r\n\r\n", 0).status, 501);
  g = gate_of ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0);
  ck_assert_int_eq (g.status, 0);
  ck_assert_int_eq (g.method, METHOD_OPTIONS);
}
END_TEST

START_TEST (bodies)
{
  struct gate g = gate_of (
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0042\r\nExpect: 100-continue\r\n\r\n", 0);
  ck_assert_int_eq (g.length, 42);
  ck_assert_int_eq (g.expect, 1);
  ck_assert_int_eq (g.chunked, 0);
  g = gate_of ("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", 0);
  ck_assert_int_eq (g.expect, 0);
  ck_assert_int_eq (
      gate_of ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 1).chunked,
      1);
}
END_TEST

static int
stays (int minor, const char *fields)
{
  char text[256];
  snprintf (text, sizeof text, "GET / HTTP/1.%d\r\nHost: x\r\n%s\r\n", minor, fields);
  return gate_of (text, 0).keep_alive;
}

START_TEST (codings)
{
  static const struct {
    const char *fields;
    int32_t encoded;
  } rows[] = {
    { "", 0 },
    { "Content-Encoding: gzip\r\n", 1 },
    { "content-encoding: GZIP, identity\r\n", 1 },
    { "Content-Encoding: x\r\n", 1 },
    { "Content-Encoding:\r\n", 0 },
    { "Content-Encoding: identity\r\n", 0 },
    { "Content-Encoding: , Identity ,\tidentity,\r\n", 0 },
    { "Content-Encoding: identity\r\nX: y\r\nContent-encoding: br\r\n", 1 },
    { "Content-Encodinx: gzip\r\nContent_Encoding: gzip\r\n", 0 },
  };
  char text[256];
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    snprintf (text, sizeof text, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n", rows[i].fields);
    ck_assert_int_eq (gate_of (text, 0).status, 0);
    ck_assert_msg (gate_of (text, 0).encoded == rows[i].encoded, "%s", text);
  }
}
END_TEST

START_TEST (connections)
{
  ck_assert_int_eq (stays (1, ""), 1);
  ck_assert_int_eq (stays (0, ""), 0);
  ck_assert_int_eq (stays (1, "Connection: CLOSE\r\n"), 0);
  ck_assert_int_eq (stays (1, "Connection: a ,\tclose\t, b\r\n"), 0);
  ck_assert_int_eq (stays (1, "Connection: closed\r\n"), 1);
  ck_assert_int_eq (stays (0, "Connection: keep-alive\r\n"), 1);
  ck_assert_int_eq (stays (0, "Connection: keep-alive\r\nConnection: close\r\n"), 0);
  ck_assert_int_eq (stays (1, "Connection: close\r\nConnection: keep-alive\r\n"), 0);
}
END_TEST

UNIT_MAIN ("gate", framing, hosts, methods, bodies, codings, connections)
