/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/chunked.h"

#include <stdio.h>

/* Decodes in pieces of `step` bytes; the length of the body, -1 when it is malformed, -2 when
 * it does not end; *ret_rest is what follows it. */
static long
decode (const char *text, size_t len, size_t step, char *out, size_t *ret_rest)
{
  struct chunked c;
  size_t at = 0, got = 0;
  chunked_init (&c);
  while (at < len) {
    size_t n = len - at < step ? len - at : step, run;
    const char *data;
    char *exact = malloc (n);
    int done;
    int64_t used;
    memcpy (exact, text + at, n);
    used = chunked_feed (&c, exact, n, &data, &run, &done);
    if (used > 0 && run)
      memcpy (out + got, data, run);
    free (exact);
    if (used < 0)
      return -1;
    ck_assert (used > 0 && (size_t)used <= n);
    got += run;
    at += (size_t)used;
    if (done) {
      *ret_rest = len - at;
      return (long)got;
    }
  }
  return -2;
}

START_TEST (good)
{
  static const char text[] = "5\r\nhello\r\n00000001;a=\"b\"\r\n \r\n5 \r\n";
  static const char whole[]
      = "00000005\r\nhello\r\nA;x\r\n0123456789\r\n00;y\r\nT: u\r\nV:\r\n\r\nGET";
  char out[64];
  size_t rest = 0;
  for (size_t step = 1; step < sizeof whole; step++) {
    ck_assert_int_eq (decode (whole, sizeof whole - 1, step, out, &rest), 15);
    ck_assert_mem_eq (out, "hello0123456789", 15);
    ck_assert_int_eq (rest, 3);
    ck_assert_int_eq (decode (text, sizeof text - 1, step, out, &rest), -1);
  }
  ck_assert_int_eq (decode ("0\r\n\r\n", 5, 5, out, &rest), 0);
}
END_TEST

START_TEST (malformed)
{
  static const char *const rows[] = { "\r\n",          "g\r\n",
                                      "0x1\r\n",       "+1\r\n",
                                      "-1\r\n",        " 1\r\n",
                                      "1 \r\n",        "1_\r\n",
                                      "123456789\r\n", "1\nx",
                                      "1\r\r\n",       "1\rx",
                                      "1\r\nab",       "1\r\na\n",
                                      "1\r\na\r\r",    "1;\nx",
                                      "1;\x01\r\n",    "1;\x7f\r\n",
                                      "0\r\nX\n",      "0\r\n\rx",
                                      "0\r\nX: y\r\r", "ffffffffffffffff\r\n",
                                      "0\r\n\n" };
  char out[64];
  size_t rest;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (size_t step = 1; step < 20; step++)
      ck_assert_msg (decode (rows[i], strlen (rows[i]), step, out, &rest) == -1, "%s by %zu",
                     rows[i], step);
}
END_TEST

START_TEST (unfinished)
{
  static const char text[] = "3;a\r\nabc\r\n0\r\nX: y\r\n\r\n";
  char out[64];
  size_t rest;
  for (size_t n = 1; n < sizeof text - 1; n++)
    ck_assert_int_eq (decode (text, n, n, out, &rest), -2);
}
END_TEST

/* Extensions and trailers are bounded, over the whole body. */
START_TEST (bounded)
{
  char text[4096], out[1024];
  size_t rest, n = 0;
  for (int i = 0; i < 200; i++)
    n += (size_t)sprintf (text + n, "1;123456789\r\nx\r\n");
  ck_assert_int_eq (decode (text, n, n, out, &rest), -1);
  n = (size_t)sprintf (text, "0\r\nX: %01100d\r\n\r\n", 0);
  ck_assert_int_eq (decode (text, n, n, out, &rest), -1);
  n = (size_t)sprintf (text, "0\r\nX: %0900d\r\n\r\n", 0);
  ck_assert_int_eq (decode (text, n, n, out, &rest), 0);
}
END_TEST

UNIT_MAIN ("chunked", good, malformed, unfinished, bounded)
