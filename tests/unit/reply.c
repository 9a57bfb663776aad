/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/reply.h"
#include "core/util/str.h"

#include <errno.h>
#include <stdio.h>

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

static const char *const names[] = { "X-One", "X-A-Name-Of-More-Than-Thirty-Two-Bytes", "X-Three", NULL };

START_TEST (fields_are_set_together)
{
  static const char wanted[] = "X-One: 1\r\nX-A-Name-Of-More-Than-Thirty-Two-Bytes: \r\n"
                               "X-Three: nine byte\r\nX-Three: \t\r\n";
  const struct kg_value all[] = { { "1", 1 }, { "", 0 }, { "nine bytes", 9 } };
  const struct kg_value last[] = { { NULL, -1 }, { NULL, -1 }, { "\t", 1 } };
  struct kg_fields *list = NULL;
  const kg_fields *set;
  begin ();
  ck_assert_int_eq (fields_create (names, &list, &set), 0);
  ck_assert_int_eq (fields_set (&req, set, all), 0);
  ck_assert_int_eq (fields_set (&req, set, last), 0);
  ck_assert_uint_eq (req.response.fields.len, sizeof wanted - 1);
  ck_assert_mem_eq (req.response.fields.ptr, wanted, sizeof wanted - 1);
  fields_destroy_all (list);
  arena_finish (&req.arena);
}
END_TEST

/* A bad value, wherever it is, and as if nothing had been asked. */
START_TEST (fields_are_all_good)
{
  struct kg_fields *list = NULL;
  const kg_fields *set;
  char value[53];
  begin ();
  ck_assert_int_eq (fields_create (names, &list, &set), 0);
  for (int byte = 0; byte < 256; byte++)
    for (size_t len = 1; len < sizeof value; len++)
      for (size_t at = 0; at < len; at++) {
        const struct kg_value values[] = { { "v", 1 }, { NULL, -1 }, { value, (int64_t) len } };
        int good = byte == '\t' || (byte >= 0x20 && byte < 0x7f);
        memset (value, 'v', sizeof value);
        value[at] = (char) byte;
        req.response.fields.len = 0;
        ck_assert_int_eq (fields_set (&req, set, values), good ? 0 : -EINVAL);
        ck_assert_uint_eq (req.response.fields.len, good ? 10 + 11 + len : 0);
      }
  fields_destroy_all (list);
  arena_finish (&req.arena);
}
END_TEST

/* Every number of digits. */
START_TEST (fields_are_numbers)
{
  static const char *const one[] = { "A", NULL };
  struct kg_fields *list = NULL;
  const kg_fields *set;
  char wanted[40];
  begin ();
  ck_assert_int_eq (fields_create (one, &list, &set), 0);
  for (uint64_t u = 0; u <= INT64_MAX; u = u < 1200 ? u + 1 : u * 7 / 3) {
    for (int64_t d = -1; d <= 1; d++) {
      struct kg_value v = { NULL, (int64_t) u + d };
      int n = v.n < 0 ? 0 : snprintf (wanted, sizeof wanted, "A: %lld\r\n", (long long) v.n);
      req.response.fields.len = 0;
      ck_assert_int_eq (fields_set (&req, set, &v), 0);
      ck_assert_uint_eq (req.response.fields.len, (unsigned) n);
      ck_assert_mem_eq (req.response.fields.ptr, wanted, (size_t) n);
    }
    if (u > INT64_MAX / 7 * 3)
      break;
  }
  req.response.fields.len = 0;
  ck_assert_int_eq (fields_set (&req, set, &(const struct kg_value){ NULL, INT64_MAX }), 0);
  ck_assert_mem_eq (req.response.fields.ptr, "A: 9223372036854775807\r\n", 24);
  ck_assert_int_eq (fields_set (&req, set, &(const struct kg_value){ "x", -5 }), -EINVAL);
  fields_destroy_all (list);
  arena_finish (&req.arena);
}
END_TEST

START_TEST (names_of_fields_are_good)
{
  static const char *const bad[][2] = { { "Date" }, { "X Y" }, { "" }, { "X-\r\n" } };
  const char *many[KG_FIELDS_MAX + 2] = { NULL };
  struct kg_fields *list = NULL;
  const kg_fields *set;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_int_eq (fields_create (bad[i], &list, &set), -EINVAL);
  for (size_t i = 0; i <= KG_FIELDS_MAX; i++)
    many[i] = "X-Many";
  ck_assert_int_eq (fields_create (many, &list, &set), -EINVAL);
  ck_assert_ptr_null (list);
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
  char value[53];
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

static char long_text[5000];

/* What is said of a refusal is JSON, whatever it was made of. */
START_TEST (problems_are_text)
{
  kg_str body;
  begin ();
  memcpy (long_text, "a\xff" "b\xc3 ", 5);
  for (size_t i = 5; i + 3 < sizeof long_text; i += 3)
    memcpy (long_text + i, "\xe2\x82\xac", 3);
  problem_set (&req, 400, NULL, "%s", long_text);
  body = (kg_str){ req.response.body, req.response.len };
  ck_assert_int_eq (str_utf8_valid (body.ptr, body.len), 1);
  ck_assert_ptr_nonnull (memmem (body.ptr, body.len, "\"detail\":\"a?b? \xe2\x82\xac", 18));
  arena_finish (&req.arena);
}
END_TEST

UNIT_MAIN ("reply", fields_are_gathered, fields_are_set_together, fields_are_all_good,
           fields_are_numbers,
           names_of_fields_are_good, ours_are_refused, values_are_printable, names_are_tokens,
           problems_are_text)
