/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/util/str.h"

START_TEST (distance)
{
  ck_assert_uint_eq (str_distance ("", ""), 0);
  ck_assert_uint_eq (str_distance ("listen", "listen"), 0);
  ck_assert_uint_eq (str_distance ("lisen", "listen"), 1);
  ck_assert_uint_eq (str_distance ("lsiten", "listen"), 1);
  ck_assert_uint_eq (str_distance ("kitten", "sitting"), 3);
  ck_assert_uint_eq (str_distance ("", "abc"), 3);
  ck_assert_uint_eq (str_distance ("abc", ""), 3);
}
END_TEST

START_TEST (distance_of_long_words)
{
  char a[200];
  memset (a, 'a', sizeof a);
  a[199] = 0;
  ck_assert_uint_eq (str_distance (a, "a"), 199);
  ck_assert_ptr_eq (str_closest (a, (const char *const[]){ "a", NULL }), NULL);
  a[63] = 0;
  ck_assert_uint_eq (str_distance (a, a), 0);
}
END_TEST

START_TEST (closest)
{
  static const char *const words[] = { "listen", "threads", "cors_origins", "url", NULL };
  ck_assert_str_eq (str_closest ("lisen", words), "listen");
  ck_assert_str_eq (str_closest ("thread", words), "threads");
  ck_assert_str_eq (str_closest ("cors-orgins", words), "cors_origins");
  ck_assert_str_eq (str_closest ("ulr", words), "url");
  ck_assert_ptr_eq (str_closest ("zebra", words), NULL);
  ck_assert_ptr_eq (str_closest ("abc", words), NULL);
  ck_assert_ptr_eq (str_closest ("", words), NULL);
}
END_TEST

START_TEST (utf8)
{
  ck_assert (str_utf8_valid ("", 0));
  ck_assert (str_utf8_valid ("a\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 14));
  ck_assert (!str_utf8_valid ("\xC0\xAF", 2));
  ck_assert (!str_utf8_valid ("\xE0\x9F\x80", 3));
  ck_assert (!str_utf8_valid ("\xED\xA0\x80", 3));
  ck_assert (!str_utf8_valid ("\xF0\x8F\x80\x80", 4));
  ck_assert (!str_utf8_valid ("\xF4\x90\x80\x80", 4));
  ck_assert (!str_utf8_valid ("ab\xE2\x82", 4));
  ck_assert (!str_utf8_valid ("\x80", 1));
}
END_TEST

static void
escapes (const char *in, size_t len, const char *out)
{
  char buf[256];
  ck_assert_uint_eq (str_escape_line (buf, sizeof buf, in, len), strlen (out));
  ck_assert_str_eq (buf, out);
}

START_TEST (escape)
{
  escapes ("plain \xC3\xA9", 8, "plain \xC3\xA9");
  escapes ("a\nb\r\tc\\", 7, "a\\nb\\r\\tc\\\\");
  escapes ("\x1B[0m\x7F", 5, "\\x1b[0m\\x7f");
  escapes ("a\0b", 3, "a\\x00b");
  escapes ("\xC2\x85\xE2\x80\xA8\xE2\x80\xAE\xE2\x81\xA6", 11, "\\u0085\\u2028\\u202e\\u2066");
  escapes ("\xFF\xC3", 2, "\\xff\\xc3");
}
END_TEST

START_TEST (escape_is_bounded)
{
  char buf[8];
  size_t size;
  for (size = 1; size < sizeof buf; size++) {
    memset (buf, '#', sizeof buf);
    ck_assert_uint_lt (str_escape_line (buf, size, "a\xE2\x82\xAC\nb", 6), size);
    ck_assert_uint_eq (strlen (buf), strspn (buf, "a\xE2\x82\xAC\\nb"));
    ck_assert_int_eq (buf[size], '#');
  }
  ck_assert_uint_eq (str_escape_line (buf, 4, "a\xE2\x82\xAC", 4), 1);
  ck_assert_uint_eq (str_escape_line (NULL, 0, "a", 1), 0);
}
END_TEST

UNIT_MAIN ("str", distance, distance_of_long_words, closest, utf8, escape, escape_is_bounded)
