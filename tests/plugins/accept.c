/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/abi.h"

#include <kgent/accept.h>

#include <stdio.h>

static char *text;

/* Its memory ends where it ends, so that a sanitizer sees who reads on. */
static kg_str
str (const char *s)
{
  size_t n = strlen (s);
  free (text);
  text = malloc (n ? n : 1);
  ck_assert_ptr_nonnull (text);
  memcpy (text, s, n);
  return (kg_str){ text, n };
}

/* The parts in brackets. */
static const char *
parts (const char *list, char separator)
{
  static char out[256];
  kg_str rest = str (list);
  size_t n = 0;
  out[0] = 0;
  while (rest.len) {
    kg_str part = kg_part_next (&rest, separator);
    n += (size_t)snprintf (out + n, sizeof out - n, "[%.*s]", (int)part.len, part.ptr);
  }
  return out;
}

/* The ranges with their weights. */
static const char *
ranges (const char *field)
{
  static char out[256];
  kg_str rest = str (field), range = { "untouched", 9 };
  size_t n = 0;
  int32_t weight;
  out[0] = 0;
  while ((weight = kg_accept_next (&rest, &range)) >= 0)
    n += (size_t)snprintf (out + n, sizeof out - n, "%.*s=%d ", (int)range.len, range.ptr,
                           (int)weight);
  ck_assert_int_eq (weight, -ENOENT);
  ck_assert_int_eq (kg_accept_next (&rest, &range), -ENOENT);
  ck_assert_uint_ne (range.len, 0);
  return out;
}

START_TEST (lists)
{
  ck_assert_str_eq (parts ("", ','), "");
  ck_assert_str_eq (parts ("a", ','), "[a]");
  ck_assert_str_eq (parts ("a,b;c ,\td e\t", ','), "[a][b;c][d e]");
  ck_assert_str_eq (parts ("a,b;c ,d", ';'), "[a,b][c ,d]");
  ck_assert_str_eq (parts (",, \t,a,", ','), "[][][][a]");
}
END_TEST

START_TEST (quoted_strings)
{
  ck_assert_str_eq (parts ("a;b=\"c, d\" , e", ','), "[a;b=\"c, d\"][e]");
  ck_assert_str_eq (parts ("\"a\\\", b\",c", ','), "[\"a\\\", b\"][c]");
  ck_assert_str_eq (parts ("\"a\\\\\", b", ','), "[\"a\\\\\"][b]");
  ck_assert_str_eq (parts ("a\\,\"\",b", ','), "[a\\][\"\"][b]");
  ck_assert_str_eq (parts ("a, \"b, c", ','), "[a][\"b, c]");
  ck_assert_str_eq (parts ("a, \"b, c\\", ','), "[a][\"b, c\\]");
}
END_TEST

START_TEST (comparison)
{
  ck_assert (kg_part_is (str ("text/csv"), "text/csv"));
  ck_assert (kg_part_is (str ("TEXT/cSv"), "text/csv"));
  ck_assert (kg_part_is (str ("*/*"), "*/*"));
  ck_assert (kg_part_is (str (""), ""));
  ck_assert (!kg_part_is (str ("text/cs"), "text/csv"));
  ck_assert (!kg_part_is (str ("text/csvx"), "text/csv"));
  ck_assert (!kg_part_is (str (""), "a"));
  ck_assert (!kg_part_is (str ("a"), ""));
  ck_assert (!kg_part_is (str ("@["), "`{"));
  ck_assert (!kg_part_is ((kg_str){ "a\0b", 3 }, "a"));
}
END_TEST

static const struct {
  const char *said;
  int32_t weight;
} weights[] = {
  { "", 1000 },           { ";q=0", 0 },           { ";q=0.", 0 },
  { ";q=0.000", 0 },      { ";q=0.001", 1 },       { ";q=0.5", 500 },
  { ";q=0.25", 250 },     { ";q=0.999", 999 },     { ";q=1", 1000 },
  { ";q=1.", 1000 },      { ";q=1.000", 1000 },    { " ;\tQ=0.7 ", 700 },
  { ";v=1;q=0.3;x", 300 }, { ";q=0.1;q=0.2", 100 }, { ";a=\";q=0.1\";q=0.2", 200 },
  { ";;q=0.4", 400 },     { ";qq=0.1", 1000 },
  /* None of these is a weight. */
  { ";q", 1000 },         { ";q=", 1000 },         { ";q =0.1", 1000 },
  { ";q= 0.1", 1000 },    { ";q=0.0001", 1000 },   { ";q=0x5", 1000 },
  { ";q=0.5x", 1000 },    { ";q=.5", 1000 },       { ";q=00.5", 1000 },
  { ";q=-0.5", 1000 },    { ";q=1.001", 1000 },    { ";q=2", 1000 },
  { ";q=\"0.5\"", 1000 },
};

START_TEST (weighed)
{
  char field[64];
  size_t i;
  for (i = 0; i < sizeof weights / sizeof *weights; i++) {
    kg_str rest, range = { NULL, 0 };
    snprintf (field, sizeof field, "text/csv%s", weights[i].said);
    rest = str (field);
    ck_assert_msg (kg_accept_next (&rest, &range) == weights[i].weight, "%s", field);
    ck_assert (kg_part_is (range, "text/csv"));
    ck_assert_uint_eq (rest.len, 0);
  }
}
END_TEST

START_TEST (fields)
{
  kg_str none = { NULL, 0 }, range;
  ck_assert_int_eq (kg_accept_next (&none, &range), -ENOENT);
  ck_assert_str_eq (ranges ("a/b"), "a/b=1000 ");
  ck_assert_str_eq (ranges (" a/b ; q=0.1,\tText/* , */*;q=0"), "a/b=100 Text/*=1000 */*=0 ");
  ck_assert_str_eq (ranges ("a/b;c=\"d, e/f;q=0\", g/h;q=0.2"), "a/b=1000 g/h=200 ");
  ck_assert_str_eq (ranges (",, ;q=0 ,a/b, ,"), "a/b=1000 ");
}
END_TEST

UNIT_MAIN ("accept", lists, quoted_strings, comparison, weighed, fields)
