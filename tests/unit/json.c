/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/util/json.h"

#include <errno.h>
#include <stdio.h>

#define TOKENS 20100

static struct kg_json_token tokens[TOKENS];
static struct kg_json json;
static struct json_error error;

static int32_t
scan (const char *text, size_t len)
{
  char *exact = malloc (len ? len : 1); /* so that a read beyond the end is seen */
  int32_t r;
  memcpy (exact, text, len);
  error.reason = "none";
  error.offset = 999999;
  r = json_scan (exact, len, tokens, json_tokens_bound (len), &json, &error);
  json.text = text;
  free (exact);
  return r;
}

static void
accept_text (const char *text)
{
  int32_t r = scan (text, strlen (text));
  ck_assert_msg (r == 0, "%s: %d, %s at %zu", text, r, error.reason, error.offset);
}

static void
refuse (const char *text, size_t offset, const char *reason)
{
  int32_t r = scan (text, strlen (text));
  ck_assert_msg (r == -EBADMSG || r == -E2BIG, "accepted: %s", text);
  ck_assert_msg (!strcmp (error.reason, reason) && error.offset == offset,
                 "%s: %s at %zu instead of %s at %zu", text, error.reason, error.offset, reason,
                 offset);
}

START_TEST (scalars)
{
  static const struct {
    const char *text;
    int kind;
  } good[] = { { "null", KG_JSON_NULL },     { "true", KG_JSON_TRUE },
               { "false", KG_JSON_FALSE },   { "\"\"", KG_JSON_STRING },
               { "0", KG_JSON_INT },         { "-0", KG_JSON_INT },
               { "12", KG_JSON_INT },        { "0.5", KG_JSON_DOUBLE },
               { "-1e3", KG_JSON_DOUBLE },   { "1E+3", KG_JSON_DOUBLE },
               { " \t\r\n7 ", KG_JSON_INT }, { "1.25e-7", KG_JSON_DOUBLE },
               { "[]", KG_JSON_ARRAY },      { "{ }", KG_JSON_OBJECT } };
  size_t i;
  for (i = 0; i < sizeof good / sizeof *good; i++) {
    accept_text (good[i].text);
    ck_assert_uint_eq (json.count, 1);
    ck_assert_int_eq (kg_json_kind (&json, 0), good[i].kind);
  }
}
END_TEST

START_TEST (tape)
{
  const char *text = "{ \"a\" : [1, {\"b\":\"x\"}, []],\"c\\n\":-5 }";
  uint32_t a, c, i;
  kg_str raw;
  accept_text (text);
  ck_assert_uint_eq (json.count, 10);
  ck_assert_uint_eq (json.token[0].next, 10);
  a = kg_json_find (&json, 0, "a");
  raw = kg_json_raw (&json, a);
  ck_assert_int_eq ((int)raw.len, 18);
  ck_assert_int_eq (memcmp (raw.ptr, "[1, {\"b\":\"x\"}, []]", 18), 0);
  i = kg_json_first (&json, a);
  ck_assert_int_eq (kg_json_int (&json, i, 0), 1);
  i = kg_json_next (&json, a, i);
  ck_assert_int_eq (kg_json_kind (&json, i), KG_JSON_OBJECT);
  ck_assert (kg_json_is (&json, kg_json_find (&json, i, "b"), "x"));
  i = kg_json_next (&json, a, i);
  ck_assert_int_eq (kg_json_kind (&json, i), KG_JSON_ARRAY);
  ck_assert_uint_eq (kg_json_next (&json, a, i), 0);
  c = kg_json_find (&json, 0, "c\n");
  ck_assert_int_eq (kg_json_int (&json, c, 0), -5);
}
END_TEST

START_TEST (grammar)
{
  refuse ("", 0, "unexpected end");
  refuse ("  ", 2, "unexpected end");
  refuse ("[1,]", 3, "unexpected character");
  refuse ("[,1]", 1, "unexpected character");
  refuse ("[1 2]", 3, "unexpected character");
  refuse ("[1", 2, "unexpected end");
  refuse ("[1}", 2, "unexpected character");
  refuse ("{\"a\":1]", 6, "unexpected character");
  refuse ("{\"a\"}", 4, "unexpected character");
  refuse ("{\"a\" 1}", 5, "unexpected character");
  refuse ("{\"a\":}", 5, "unexpected character");
  refuse ("{\"a\":1,}", 7, "unexpected character");
  refuse ("{1:1}", 1, "unexpected character");
  refuse ("{'a':1}", 1, "unexpected character");
  refuse ("TRUE", 0, "unexpected character");
  refuse ("tru", 0, "unexpected character");
  refuse ("truex", 4, "trailing bytes");
  refuse ("{} {}", 3, "trailing bytes");
  refuse ("{}//", 2, "trailing bytes");
  refuse ("/**/{}", 0, "unexpected character");
  refuse ("]", 0, "unexpected character");
  refuse ("\"abc", 4, "unexpected end");
  refuse ("\xEF\xBB\xBF{}", 0, "byte order mark");
  refuse ("\v1", 0, "unexpected character");
}
END_TEST

START_TEST (numbers)
{
  accept_text ("9223372036854775807");
  ck_assert_int_eq (kg_json_int (&json, 0, 0), INT64_MAX);
  accept_text ("-9223372036854775808");
  ck_assert_int_eq (kg_json_int (&json, 0, 0), INT64_MIN);
  refuse ("9223372036854775808", 0, "number out of range");
  refuse ("-9223372036854775809", 0, "number out of range");
  refuse ("18446744073709551616", 0, "number out of range");
  refuse ("01", 0, "invalid number");
  refuse ("-", 0, "invalid number");
  refuse ("-01", 0, "invalid number");
  refuse ("1.", 0, "invalid number");
  refuse ("1.e5", 0, "invalid number");
  refuse ("1e", 0, "invalid number");
  refuse ("1e+", 0, "invalid number");
  refuse (".5", 0, "unexpected character");
  refuse ("+1", 0, "unexpected character");
  refuse ("0x10", 1, "trailing bytes");
  refuse ("NaN", 0, "unexpected character");
  refuse ("[Infinity]", 1, "unexpected character");
  refuse ("-Infinity", 0, "invalid number");
  refuse ("1e999", 0, "number out of range");
  accept_text ("0e999");
  accept_text ("1e-999");
  accept_text ("1.7976931348623157e308");
  accept_text ("1.797693134862315807937289714053034150e308");
  accept_text ("1797693134862315807937289714053034150e272");
  refuse ("1.797693134862315807937289714053034151e308", 0, "number out of range");
  refuse ("0.17976931348623159e309", 0, "number out of range");
  accept_text ("0.00017976931348623157e312");
  refuse ("1e99999999999999999999", 0, "number out of range");
  accept_text ("0.123456789012345678901234567890123456789");
  refuse ("0.1234567890123456789012345678901234567890", 0, "number too long");
}
END_TEST

START_TEST (strings)
{
  char out[64];
  accept_text ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00 \xC3\xA9 \xF0\x9F\x98\x80 "
               "long enough\"");
  ck_assert_uint_eq (json.token[0].escaped, 1);
  ck_assert_uint_eq (kg_json_decode (&json, 0, out), 34);
  ck_assert_int_eq (memcmp (out, "\"\\/\b\f\n\r\t\xC3\xA9\xF0\x9F\x98\x80 \xC3\xA9 ", 18), 0);
  accept_text ("\"\x7F\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"");
  refuse ("\"a\nb\"", 2, "control character in a string");
  refuse ("\"a\\u0000b\"", 2, "NUL in a string");
  refuse ("{\"a\\u0000b\":1}", 3, "NUL in a string");
  refuse ("\"\\x\"", 1, "invalid escape");
  refuse ("\"\\u12g4\"", 1, "invalid escape");
  refuse ("\"\\u12", 1, "invalid escape");
  refuse ("\"\\", 1, "invalid escape");
  refuse ("\"\\ud800\"", 1, "lone surrogate");
  refuse ("\"\\ud800\\u0041\"", 1, "lone surrogate");
  refuse ("\"\\udc00\"", 1, "lone surrogate");
  ck_assert_int_eq (scan ("\"a\0b\"", 5), -EBADMSG);
  ck_assert_str_eq (error.reason, "NUL in a string");
}
END_TEST

START_TEST (utf8)
{
  static const char *const bad[] = {
    "\x80",         "\xC0\xAF",         "\xC1\xBF",         "\xE0\x9F\xBF",     "\xED\xA0\x80",
    "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
    "\xC3",         "\xE2\x82",         "\xF0\x9F\x98"
  };
  char text[64];
  size_t i;
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    snprintf (text, sizeof text, "\"%s\"", bad[i]);
    refuse (text, 1, "invalid UTF-8");
    snprintf (text, sizeof text, "\"sixteen characters %s and more behind them\"", bad[i]);
    refuse (text, 20, "invalid UTF-8");
    snprintf (text, sizeof text, "\"%s", bad[i]);
    refuse (text, 1, "invalid UTF-8");
  }
}
END_TEST

/* Every byte in every position of a string, against the plain meaning of the rules. */
START_TEST (bytes)
{
  char text[40];
  size_t at;
  int c;
  for (at = 1; at < 39; at++)
    for (c = 0; c < 256; c++) {
      int good = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
      memset (text, 'x', sizeof text);
      text[0] = text[39] = '"';
      text[at] = (char)c;
      ck_assert_msg ((scan (text, sizeof text) == 0) == good, "byte %d at %zu", c, at);
    }
}
END_TEST

START_TEST (duplicates)
{
  refuse ("{\"a\":1,\"a\":2}", 7, "duplicate key");
  refuse ("{\"a\":1,\"\\u0061\":2}", 7, "duplicate key");
  refuse ("{\"x\":{\"k\":[],\"j\":{},\"k\":0}}", 20, "duplicate key");
  refuse ("{\"\":1,\"\":2}", 6, "duplicate key");
  refuse ("{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}", 18, "duplicate key");
  accept_text ("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}");
  accept_text ("{\"a\":1,\"A\":1,\"aa\":1,\"\\\\a\":1,\"\\u0061a\\u0061\":1}");
}
END_TEST

/* An object of `n` keys, the last one equal to key `same` if that is >= 0. */
static char *
object_make (int n, int same)
{
  char *text = malloc ((size_t)n * 24 + 8), *p = text;
  int i, k;
  *p++ = '{';
  for (i = 0; i < n; i++) {
    k = i == n - 1 && same >= 0 ? same : i;
    p += sprintf (p, k % 3 ? "%s\"key%d\":1" : "%s\"k\\u0065y%d\":1", i ? "," : "", k);
  }
  strcpy (p, "}");
  return text;
}

START_TEST (duplicates_among_many)
{
  static const int sizes[] = { 2, 3, 15, 16, 17, 18, 100, 9999 };
  size_t i;
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    int n = sizes[i];
    char *text = object_make (n, -1);
    accept_text (text);
    free (text);
    text = object_make (n, n / 2 == n - 1 ? 0 : n / 2);
    ck_assert_int_eq (scan (text, strlen (text)), -EBADMSG);
    ck_assert_str_eq (error.reason, "duplicate key");
    ck_assert_int_eq (text[error.offset], '"');
    ck_assert_ptr_eq (strchr (text + error.offset, ','), NULL);
    free (text);
  }
}
END_TEST

START_TEST (depth)
{
  char text[100001];
  int i;
  for (i = 30; i <= 34; i++) {
    memset (text, '[', (size_t)i);
    memset (text + i, ']', (size_t)i);
    ck_assert_int_eq (scan (text, 2 * (size_t)i), i <= 32 ? 0 : -E2BIG);
  }
  ck_assert_str_eq (error.reason, "nesting too deep");
  memset (text, '[', 100000);
  ck_assert_int_eq (scan (text, 100000), -E2BIG);
  ck_assert_str_eq (error.reason, "nesting too deep");
}
END_TEST

START_TEST (values)
{
  char text[20100];
  size_t n;
  for (n = 9998; n <= 10000; n++) {
    text[0] = '[';
    memset (text + 1, '1', 2 * n);
    for (size_t i = 2; i < 2 * n; i += 2)
      text[i] = ',';
    text[2 * n] = ']';
    ck_assert_int_eq (scan (text, 2 * n + 1), n < 10000 ? 0 : -E2BIG);
  }
  ck_assert_str_eq (error.reason, "too many values");
  ck_assert_int_eq (json_scan ("[1,2]", 5, tokens, 2, &json, NULL), -E2BIG);
}
END_TEST

/* No prefix of a text is read beyond its end, and none is accepted. */
START_TEST (prefixes)
{
  const char *text
      = "{\"a\":[1.5e3,\"\\u00e9\\ud83d\\ude00\",null,true],\"b\":{\"c\":\"\xE2\x82\xAC\"}}";
  size_t n, len = strlen (text);
  accept_text (text);
  for (n = 0; n < len; n++)
    ck_assert_int_eq (scan (text, n), -EBADMSG);
}
END_TEST

UNIT_MAIN ("json", scalars, tape, grammar, numbers, strings, utf8, bytes, duplicates,
           duplicates_among_many, depth, values, prefixes)
