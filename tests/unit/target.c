/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/target.h"

static kg_str
str (const char *s)
{
  return (kg_str){ s, strlen (s) };
}

static int
is (kg_str s, const char *want)
{
  return want ? s.ptr && s.len == strlen (want) && !memcmp (s.ptr, want, s.len) : !s.ptr;
}

START_TEST (split)
{
  static const struct {
    const char *raw, *authority, *path, *query;
  } rows[] = {
    { "/", NULL, "/", NULL },
    { "/a/b?c=d?e", NULL, "/a/b", "c=d?e" },
    { "/a?", NULL, "/a", "" },
    { "*", NULL, "*", NULL },
    { "http://h:1/a?b", "h:1", "/a", "b" },
    { "https://h", "h", "/", NULL },
    { "http://h?q", "h", "/", "q" },
    { "/a.b/..c/.../%2ea", NULL, "/a.b/..c/.../%2ea", NULL },
    { "//a//", NULL, "//a//", NULL },
    { "/%E2%82%AC?%e2%82%ac&x=%0a", NULL, "/%E2%82%AC", "%e2%82%ac&x=%0a" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct target t;
    const char *why = target_parse (str (rows[i].raw), &t);
    ck_assert_msg (!why, "%s: %s", rows[i].raw, why);
    ck_assert_msg (is (t.authority, rows[i].authority) && is (t.path, rows[i].path)
                       && is (t.query, rows[i].query),
                   "%s", rows[i].raw);
  }
}
END_TEST

START_TEST (refused)
{
  static const char *const rows[]
      = { "a",         "http:/a", "ftp://h/",      "/a#b",       "/%",     "/%4",
          "/%zz",      "/%00",    "/%0a",          "/%7F",       "/%2f",   "/%5C",
          "/.",        "/..",     "/a/./b",        "/a/..",      "/%2e",   "/.%2E/",
          "/%2e%2e/a", "/%ff",    "/%c0%af",       "/%ed%a0%80", "/a?%00", "/a?%",
          "/a?b=%zz",  "/a?%ff",  "/%f4%90%80%80", "**" };
  struct target t;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    ck_assert_msg (target_parse (str (rows[i]), &t) != NULL, "%s", rows[i]);
}
END_TEST

START_TEST (authorities)
{
  static const char *const good[]
      = { "a", "a.b-c_d~e", "1.2.3.4", "a:80", "a:", "[::1]", "[::1]:8000", "[1:2::3.4.5.6]" };
  static const char *const bad[]
      = { "",     ":80", "a b", "a,b",    "a/b", "a@b",  "a:x",  "a:123456",
          "[::1", "[]",  "[g]", "[::1]x", "::1", "a\\b", "a%41", "\xe4" };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    ck_assert_msg (target_authority_ok (str (good[i])), "%s", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg (!target_authority_ok (str (bad[i])), "%s", bad[i]);
}
END_TEST

START_TEST (decoded)
{
  static const struct {
    const char *raw, *plain, *plus;
  } rows[] = { { "a+b%20c", "a+b c", "a b c" },
               { "%41%6a", "Aj", "Aj" },
               { "%", "%", "%" },
               { "%4", "%4", "%4" },
               { "%zz", "%zz", "%zz" },
               { "", "", "" } };
  char out[32];
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    size_t n = target_decode (str (rows[i].raw), 0, out);
    ck_assert (is ((kg_str){ out, n }, rows[i].plain));
    n = target_decode (str (rows[i].raw), 1, out);
    ck_assert (is ((kg_str){ out, n }, rows[i].plus));
  }
}
END_TEST

START_TEST (queries)
{
  kg_str q = str ("a=1&b&c=&%64=4&a=2&=x&e%20f=6&g=h=i");
  ck_assert (is (target_query (q, "a"), "1"));
  ck_assert (is (target_query (q, "b"), ""));
  ck_assert (is (target_query (q, "c"), ""));
  ck_assert (is (target_query (q, "d"), "4"));
  ck_assert (is (target_query (q, "e f"), "6"));
  ck_assert (is (target_query (q, "g"), "h=i"));
  ck_assert (is (target_query (q, "h"), NULL));
  ck_assert (is (target_query ((kg_str){ NULL, 0 }, "a"), NULL));
}
END_TEST

UNIT_MAIN ("target", split, refused, authorities, decoded, queries)
