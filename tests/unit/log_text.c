/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* core/log_text.c: escapes, cuts, secrets, numbers. */

#include "core/log_text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char out[LOG_TEXT_ROOM (LOG_TEXT_MAX)];

/* What becomes of a value that ends where its memory ends. */
static const char *
put_bytes (const char *s, size_t len, size_t limit, int plain)
{
  char *exact = malloc (len ? len : 1);
  ck_assert_ptr_nonnull (exact);
  memcpy (exact, s, len);
  *log_text_put (out, exact, len, limit, plain) = 0;
  free (exact);
  return out;
}

static const char *
put (const char *s)
{
  return put_bytes (s, strlen (s), 256, 0);
}

START_TEST (plain_values_are_copied)
{
  char s[300];
  size_t n;
  for (n = 0; n <= 256; n++) {
    size_t i;
    for (i = 0; i < n; i++)
      s[i] = (char) ('A' + i % 26);
    s[n] = 0;
    ck_assert_str_eq (put (s), s);
  }
}
END_TEST

START_TEST (every_odd_byte_is_seen_everywhere)
{
  static const char odd[] = { 1, 9, 31, '"', '\\', 127, (char) 128, (char) 255, 0 };
  char s[64], *found;
  size_t n, at, k;
  for (n = 1; n <= 40; n++)
    for (at = 0; at < n; at++)
      for (k = 0; k < sizeof odd; k++) {
        memset (s, 'a', n);
        s[at] = odd[k];
        put_bytes (s, n, 256, 0);
        found = strchr (out, '\\');
        ck_assert_msg (found == out + at, "byte %d at %zu of %zu: %s", odd[k], at, n, out);
      }
}
END_TEST

START_TEST (controls_become_escapes)
{
  ck_assert_str_eq (put ("a\r\nb\tc"), "a\\r\\nb\\tc");
  ck_assert_str_eq (put ("\x1b[31m"), "\\u001b[31m");
  ck_assert_str_eq (put_bytes ("a\0b", 3, 256, 0), "a\\u0000b");
  ck_assert_str_eq (put ("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029");
  ck_assert_str_eq (put ("\xc2\x9b"), "\\u009b");
  ck_assert_str_eq (put ("\xe2\x80\xae"), "\\u202e");
  ck_assert_str_eq (put ("say \"hi\\\""), "say \\\"hi\\\\\\\"");
  ck_assert_str_eq (put_bytes ("say \"hi\\\"", 9, 256, 1), "say \"hi\\\"");
}
END_TEST

START_TEST (invalid_utf8_is_replaced)
{
  ck_assert_str_eq (put ("gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8d"),
                    "gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8d");
  ck_assert_str_eq (put ("\xff"), "\\ufffd");
  ck_assert_str_eq (put ("\xc0\xaf"), "\\ufffd\\ufffd");
  ck_assert_str_eq (put ("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");
  ck_assert_str_eq (put ("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");
  ck_assert_str_eq (put ("x\xe2\x82"), "x\\ufffd\\ufffd");
}
END_TEST

START_TEST (long_values_are_cut)
{
  char s[10001];
  memset (s, 'x', 10000);
  s[10000] = 0;
  put (s);
  ck_assert_uint_eq (strlen (out), 259);
  ck_assert_str_eq (out + 253, "xxx...");
  memset (s, 'y', 255);
  memcpy (s + 255, "\xc3\xbc zz", 6); /* the cut would go through a character */
  put (s);
  ck_assert_uint_eq (strlen (out), 258);
  ck_assert_str_eq (out + 252, "yyy...");
  memset (s, 1, 10000); /* the most that may come out */
  put_bytes (s, 10000, LOG_TEXT_MAX, 0);
  ck_assert_uint_eq (strlen (out), 6 * LOG_TEXT_MAX + 3);
}
END_TEST

static const struct {
  const char *in, *out;
} secrets[] = {
  { "kg_ab1d2_Zm9vYmFyYmF6cXV4", "kg_ab1d2_***" },
  { "/v1/keys/kg_ab1d2_Zm9v-_Yg/x", "/v1/keys/kg_ab1d2_***/x" },
  { "kg_Zm9vYmFyYmF6cXV4Zm9vYmFy", "kg_***" },
  { "sk_live_abc", "sk_live_***" },
  { "key=sk_test_abc&x=1", "key=sk_test_***&x=1" },
  { "rk_live_0", "rk_live_***" },
  { "whsec_MfKQ9r8G+/=,", "whsec_***," },
  { "om_0123456789abcdefXYZ", "om_***" },
  { "Authorization: Bearer abc.DEF-123", "Authorization: Bearer ***" },
  { "bearer 0123456789", "bearer ***" },
  { "two kg_ab1d2_a and whsec_b", "two kg_ab1d2_*** and whsec_***" },
  { "/v1/eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIiwiZXhwIjoxfQ.MfKQ9r8GMfKQ9r8GMfKQ9r8GMfKQ9r8GMfKQ9r8GMfKQ9r8GMfKQ9r8GMfKQ/x",
    "/v1/eyJ***/x" },
  { "eyJhbGciOiJFZERTQSJ9", "eyJhbGciOiJFZERTQSJ9" },
  { "kg_ab1d2", "kg_ab1d2" },
  { "kg_dev_alice", "kg_dev_alice" },
  { "Bearer token is missing", "Bearer token is missing" },
  { "room_0123456789abcdefgh", "room_0123456789abcdefgh" },
  { "kgent_requests_total", "kgent_requests_total" },
};

START_TEST (secrets_are_replaced)
{
  ck_assert_str_eq (put (secrets[_i].in), secrets[_i].out);
}
END_TEST

START_TEST (a_secret_across_the_cut_is_replaced)
{
  char s[600];
  size_t at, n;
  for (at = 200; at < 300; at++) {
    memset (s, ' ', sizeof s);
    n = at + 9;
    memcpy (s + at, "kg_ab1d2_", 9);
    memset (s + n, 'S', sizeof s - n);
    put_bytes (s, sizeof s, 256, 0);
    ck_assert_ptr_null (strstr (out, "S"));
  }
}
END_TEST

START_TEST (numbers_are_decimal)
{
  static const struct {
    uint64_t n;
    const char *text;
  } cases[] = { { 0, "0" },
                { 9, "9" },
                { 10, "10" },
                { 99, "99" },
                { 100, "100" },
                { 12345, "12345" },
                { UINT64_MAX, "18446744073709551615" } };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    *log_text_number (out, cases[i].n) = 0;
    ck_assert_str_eq (out, cases[i].text);
  }
  *log_text_ms (out, 1234567) = 0;
  ck_assert_str_eq (out, "1.234");
  *log_text_ms (out, 5000) = 0;
  ck_assert_str_eq (out, "0.005");
  *log_text_ms (out, -1) = 0;
  ck_assert_str_eq (out, "0.000");
}
END_TEST

START_TEST (stamps_are_rfc_3339)
{
  struct log_stamp stamp = { .second = -1 };
  int64_t t = 1767323045000006000ll;
  *log_text_stamp (out, &stamp, t) = 0;
  ck_assert_str_eq (out, "2026-01-02T03:04:05.000006Z");
  *log_text_stamp (out, &stamp, t + 999993000) = 0;
  ck_assert_str_eq (out, "2026-01-02T03:04:05.999999Z");
  *log_text_stamp (out, &stamp, t + 60 * CLOCK_SECOND) = 0;
  ck_assert_str_eq (out, "2026-01-02T03:05:05.000006Z");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("log_text");
  TCase *cases = tcase_create ("log_text");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_test (cases, plain_values_are_copied);
  tcase_add_test (cases, every_odd_byte_is_seen_everywhere);
  tcase_add_test (cases, controls_become_escapes);
  tcase_add_test (cases, invalid_utf8_is_replaced);
  tcase_add_test (cases, long_values_are_cut);
  tcase_add_loop_test (cases, secrets_are_replaced, 0,
                       (int) (sizeof secrets / sizeof secrets[0]));
  tcase_add_test (cases, a_secret_across_the_cut_is_replaced);
  tcase_add_test (cases, numbers_are_decimal);
  tcase_add_test (cases, stamps_are_rfc_3339);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
