/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/reply.h"

#include <errno.h>

static char memory[65536];
static struct kg_req req;

static void
begin (void)
{
  memset (&req, 0, sizeof req);
  arena_init (&req.arena, memory, sizeof memory);
}

START_TEST (fields_are_gathered)
{
  begin ();
  ck_assert_int_eq (reply_header (&req, "X-One", "1"), 0);
  ck_assert_int_eq (reply_header (&req, "X-Two", ""), 0);
  ck_assert_int_eq (reply_header (&req, "X-Three", "with\ta tab and more than eight bytes"), 0);
  ck_assert_uint_eq (req.response.fields.len, 11 + 9 + 46);
  ck_assert_int_eq (memcmp (req.response.fields.ptr, "X-One: 1\r\n", 10), 0);
  arena_finish (&req.arena);
}
END_TEST

START_TEST (ours_are_refused)
{
  static const char *const ours[]
      = { "Date", "date", "Upgrade", "TRAILER", "Connection", "Keep-Alive", "Content-Type",
          "X-Request-Id", "content-length", "X-Response-Time", "Transfer-Encoding",
          "X-Content-Type-Options" };
  static const char *const theirs[] = { "Data", "X-Request-IT", "Content-Language", "Location" };
  begin ();
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    ck_assert_int_eq (reply_header (&req, ours[i], "x"), -EINVAL);
  for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
    ck_assert_int_eq (reply_header (&req, theirs[i], "x"), 0);
  arena_finish (&req.arena);
}
END_TEST

/* Every byte at every place of values of 1 to 20 bytes. */
START_TEST (values_are_printable)
{
  char value[21];
  begin ();
  for (int byte = 1; byte < 256; byte++)
    for (size_t len = 1; len < sizeof value; len++)
      for (size_t at = 0; at < len; at++) {
        int good = byte == '\t' || (byte >= 0x20 && byte < 0x7f);
        memset (value, 'v', len);
        value[len] = 0;
        value[at] = (char) byte;
        req.response.fields.len = 0;
        ck_assert_int_eq (reply_header (&req, "X-A", value), good ? 0 : -EINVAL);
      }
  arena_finish (&req.arena);
}
END_TEST

START_TEST (names_are_tokens)
{
  begin ();
  ck_assert_int_eq (reply_header (&req, "", "x"), -EINVAL);
  ck_assert_int_eq (reply_header (&req, "X Y", "x"), -EINVAL);
  ck_assert_int_eq (reply_header (&req, "X:Y", "x"), -EINVAL);
  ck_assert_int_eq (reply_header (&req, "X\r\nY", "x"), -EINVAL);
  arena_finish (&req.arena);
}
END_TEST

UNIT_MAIN ("reply", fields_are_gathered, ours_are_refused, values_are_printable, names_are_tokens)
