/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/head.h"

#include <stdio.h>

static const struct head_limits limits = { 64, 256, 8 };

/* Parses a copy that ends where the text ends, so that a byte too far is seen. */
static int32_t
parse (const char *text, size_t len, struct head *h)
{
  const char *why = NULL;
  char *exact = malloc (len ? len : 1);
  int32_t rc;
  memcpy (exact, text, len);
  rc = head_parse (exact, len, &limits, h, &why);
  ck_assert ((rc < 0) == (why != NULL));
  free (exact);
  return rc;
}

static int32_t
verdict (const char *text)
{
  struct head h;
  return parse (text, strlen (text), &h);
}

#define GET "GET / HTTP/1.1\r\n"

START_TEST (whole)
{
  static const char text[]
      = "\r\nPOST /a?b HTTP/1.0\r\nHost:x \r\nX-Y:\t a b \r\nEmpty:\r\n\r\nrest";
  struct head h;
  const char *why;
  ck_assert_int_eq (head_parse (text, sizeof text - 1, &limits, &h, &why), sizeof text - 5);
  ck_assert_int_eq (h.minor, 0);
  ck_assert_int_eq (h.nfields, 3);
  ck_assert_mem_eq (h.method.ptr, "POST", h.method.len);
  ck_assert_int_eq (h.target.len, 4);
  ck_assert_int_eq (head_value (&h, FIELD_HOST).len, 1);
  ck_assert_mem_eq (h.fields[1].value.ptr, "a b", h.fields[1].value.len);
  ck_assert_int_eq (h.fields[1].value.len, 3);
  ck_assert_int_eq (h.fields[2].value.len, 0);
  ck_assert_ptr_null (head_value (&h, FIELD_ORIGIN).ptr);
  ck_assert_int_eq (h.padded, 1 << FIELD_HOST);
}
END_TEST

/* Each beginning of a good head asks for more, whatever it ends in. */
START_TEST (beginnings)
{
  static const char text[] = GET "Host: x\r\nX-API-Key: y\r\n\r\n";
  struct head h;
  for (size_t n = 0; n < sizeof text - 1; n++)
    ck_assert_int_eq (parse (text, n, &h), 0);
  ck_assert_int_eq (parse (text, sizeof text - 1, &h), sizeof text - 1);
}
END_TEST

START_TEST (refused)
{
  static const struct {
    const char *text;
    int32_t rc;
  } rows[] = {
    { "GET\t/ HTTP/1.1\r\n", -400 },
    { " GET / HTTP/1.1\r\n", -400 },
    { "G(T / HTTP/1.1\r\n", -400 },
    { "GET  / HTTP/1.1\r\n", -400 },
    { "GET /\x80 HTTP/1.1\r\n", -400 },
    { "GET / http/1.1\r\n", -400 },
    { "GET / HTTP/1.1 \r\n", -400 },
    { "GET / HTTP/1.1\n", -400 },
    { "GET / HTTP/2.0\r\n", -505 },
    { "GET / HTTP/1.2\r\n", -505 },
    { "GET / HTTP/0.9\r\n", -505 },
    { "GET /\r\n", -400 },
    { "\r\n\r\n\r\n\r\n\r\n", -400 },
    { "\rx", -400 },
    { GET " X: y\r\n", -400 },
    { GET "X : y\r\n", -400 },
    { GET ": y\r\n", -400 },
    { GET "X\r\n", -400 },
    { GET "X: y\n\r\n", -400 },
    { GET "X: y\rz\r\n", -400 },
    { GET "X: y\x01\r\n", -400 },
    { GET "X: y\x7f\r\n", -400 },
    { GET "X: a\r\n b\r\n\r\n", -400 },
    { GET "\r\r\n", -400 },
    { GET "X\xe4: y\r\n", -400 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (verdict (rows[i].text) != rows[i].rc)
      ck_abort_msg ("%d for %s", verdict (rows[i].text), rows[i].text);
}
END_TEST

START_TEST (nul)
{
  struct head h;
  ck_assert_int_eq (parse ("\0GET / HTTP/1.1\r\n", 17, &h), -400);
  ck_assert_int_eq (parse (GET "X: a\0b\r\n\r\n", 26, &h), -400);
  ck_assert_int_eq (parse (GET "\0\r\n\r\n", 21, &h), -400);
}
END_TEST

START_TEST (limited)
{
  char text[1024];
  snprintf (text, sizeof text, "GET /%050d HTTP/1.1\r\n\r\n", 0);
  ck_assert_int_eq (verdict (text), -414);
  snprintf (text, sizeof text, "GET /%0100d", 0);
  ck_assert_int_eq (verdict (text), -414);
  snprintf (text, sizeof text, GET "X: %0249d\r\n\r\n", 0);
  ck_assert_int_eq (verdict (text), (int32_t)strlen (text));
  snprintf (text, sizeof text, GET "X: %0250d\r\n\r\n", 0);
  ck_assert_int_eq (verdict (text), -431);
  snprintf (text, sizeof text, GET "X: %0300d", 0);
  ck_assert_int_eq (verdict (text), -431);
  ck_assert_int_gt (
      verdict (GET "A:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\n\r\n"), 0);
  ck_assert_int_eq (
      verdict (GET "A:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\n\r\n"),
      -431);
}
END_TEST

START_TEST (known)
{
  struct head h;
  const char *text = GET "hOST: x\r\nX_API_KEY: a\r\nx-api-key: b\r\nX-API-Key: c\r\n\r\n";
  ck_assert_int_gt (parse (text, strlen (text), &h), 0);
  ck_assert_int_eq (h.seen, 1 << FIELD_HOST | 1 << FIELD_API_KEY);
  ck_assert_int_eq (h.under, 1 << FIELD_API_KEY);
  ck_assert_int_eq (h.twice, 1 << FIELD_API_KEY);
  ck_assert_int_eq (h.at[FIELD_API_KEY], 2);
}
END_TEST

START_TEST (tokens)
{
  ck_assert (head_is_token ((kg_str){ "a!#$%&'*+-.^_`|~9Z", 18 }));
  ck_assert (!head_is_token ((kg_str){ "", 0 }));
  ck_assert (!head_is_token ((kg_str){ "a b", 3 }));
  ck_assert (!head_is_token ((kg_str){ "a\0", 2 }));
}
END_TEST

UNIT_MAIN ("head", whole, beginnings, refused, nul, limited, known, tokens)
