/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The parts of the auth plugin that need no host: the limiter of guesses, nets,
 * stored values, texts. */
#include "plugins/auth/cidr.h"
#include "plugins/auth/guess.h"
#include "plugins/auth/keys.h"
#include "plugins/auth/tenant.h"
#include "plugins/auth/user.h"
#include "tests/unit.h"

#include <errno.h>
#include <stdio.h>

#define SECOND 1000000000ll

/* ---- Guesses ------------------------------------------------------------- */

static struct guess g;

static uint32_t
failed_at (const char *client, int64_t now_s)
{
  return guess_fail (&g, guess_address (&g, client, strlen (client)), now_s, NULL);
}

static int64_t
wait_of (const char *client, int64_t now_s)
{
  return guess_wait (&g, guess_address (&g, client, strlen (client)), now_s);
}

START_TEST (guess_window)
{
  memset (&g, 0, sizeof g);
  guess_init (&g, 12345);
  for (uint32_t i = 1; i <= GUESS_MAX; i++) {
    ck_assert_int_eq (wait_of ("192.0.2.7", 1000), 0);
    ck_assert_uint_eq (failed_at ("192.0.2.7", 1000), i);
  }
  ck_assert_int_eq (wait_of ("192.0.2.7", 1000), 60);
  ck_assert_int_eq (wait_of ("192.0.2.7", 1059), 1);
  ck_assert_int_eq (wait_of ("192.0.2.8", 1059), 0);
  ck_assert_int_eq (wait_of ("192.0.2.7", 1060), 0);
  ck_assert_uint_eq (failed_at ("192.0.2.7", 1060), 1);
}
END_TEST

START_TEST (guess_v6)
{
  memset (&g, 0, sizeof g);
  guess_init (&g, 99);
  failed_at ("2001:db8:1:2::1", 1000);
  ck_assert_uint_eq (failed_at ("2001:db8:1:2:ffff::9", 1000), 2);
  ck_assert_uint_eq (failed_at ("2001:db8:1:3::1", 1000), 1);
  ck_assert_uint_eq (failed_at ("::ffff:192.0.2.1", 1000), 1);
  ck_assert_uint_eq (failed_at ("::ffff:192.0.2.2", 1000), 1);
  ck_assert_uint_eq (failed_at ("192.0.2.2", 1000), 2); /* the same one */
  ck_assert_uint_eq (failed_at ("fe80::1%eth0", 1000), 1);
  ck_assert_uint_eq (failed_at ("fe80::2%eth1", 1000), 2);
  ck_assert_uint_eq (failed_at ("unknown", 1000), 1);
  ck_assert_uint_eq (failed_at ("", 1000), 1);
}
END_TEST

START_TEST (guess_flood)
{
  char client[32];
  memset (&g, 0, sizeof g);
  guess_init (&g, 7);
  for (int i = 0; i < GUESS_MAX; i++)
    failed_at ("198.51.100.1", 1000);
  for (int i = 0; i < 200000; i++) { /* far more than there are slots */
    snprintf (client, sizeof client, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
    failed_at (client, 1001);
  }
  ck_assert_int_gt (wait_of ("198.51.100.1", 1002), 0); /* the worst one is not forgotten */
}
END_TEST

START_TEST (guess_before)
{
  uint32_t before = 9;
  uint64_t who;
  memset (&g, 0, sizeof g);
  guess_init (&g, 3);
  who = guess_bytes (&g, "kg_abcde", 8);
  ck_assert_int_eq (guess_any (&g, 1000), 0);
  ck_assert_uint_eq (guess_fail (&g, who, 1000, &before), 1);
  ck_assert_uint_eq (before, 0);
  ck_assert_int_eq (guess_any (&g, 1059), 1);
  ck_assert_int_eq (guess_any (&g, 1060), 0);
  ck_assert_uint_eq (guess_fail (&g, who, 1001, &before), 2);
  ck_assert_uint_eq (before, 0);
  ck_assert_uint_eq (guess_fail (&g, who, 1100, &before), 1);
  ck_assert_uint_eq (before, 2);
}
END_TEST

START_TEST (guess_lines)
{
  struct guess_log log = { 0 };
  ck_assert_uint_eq (guess_log_left (&log, 1000), 0);
  for (int i = 0; i < GUESS_LINES; i++)
    ck_assert_int_eq (guess_log_take (&log, 1000), 1);
  for (int i = 0; i < 5; i++)
    ck_assert_int_eq (guess_log_take (&log, 1059), 0);
  ck_assert_uint_eq (guess_log_left (&log, 1059), 0);
  ck_assert_int_eq (guess_log_take (&log, 1061), 0); /* not before it was told */
  ck_assert_uint_eq (guess_log_left (&log, 1062), 6);
  ck_assert_uint_eq (guess_log_left (&log, 1063), 0);
  ck_assert_int_eq (guess_log_take (&log, 1063), 1);
  ck_assert_int_eq (guess_log_take (&log, 1200), 1);
  ck_assert_uint_eq (guess_log_left (&log, 1300), 0);
}
END_TEST

/* ---- Addresses ----------------------------------------------------------- */

static int32_t
in_net (const char *net, const char *address)
{
  struct cidr cidr;
  uint8_t bytes[16];
  ck_assert_msg (cidr_parse (net, strlen (net), &cidr) == 0, "%s", net);
  ck_assert_msg (address_parse (address, strlen (address), bytes) == 0, "%s", address);
  return cidr_has (&cidr, bytes);
}

START_TEST (nets)
{
  static const char *const bad[]
      = { "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.1/8",
          "10.0.0/8", "10.0.0.0.0/8", "2001:db8::1/32", "2001:db8::/129", "2001:db8::/1x",
          "[2001:db8::]/32", "fe80::%eth0/64", "example.com", "10.0.0.0/8 ", " 10.0.0.0/8" };
  struct cidr cidr;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg (cidr_parse (bad[i], strlen (bad[i]), &cidr) == -EINVAL, "%s", bad[i]);
  ck_assert_int_eq (in_net ("10.0.0.0/8", "10.255.0.1"), 1);
  ck_assert_int_eq (in_net ("10.0.0.0/8", "11.0.0.1"), 0);
  ck_assert_int_eq (in_net ("10.0.0.0/8", "::ffff:10.1.2.3"), 1);
  ck_assert_int_eq (in_net ("10.0.0.0/8", "::10.1.2.3"), 0);
  ck_assert_int_eq (in_net ("192.0.2.7", "192.0.2.7"), 1);
  ck_assert_int_eq (in_net ("192.0.2.7", "192.0.2.6"), 0);
  ck_assert_int_eq (in_net ("192.0.2.0/31", "192.0.2.1"), 1);
  ck_assert_int_eq (in_net ("192.0.2.0/31", "192.0.2.2"), 0);
  ck_assert_int_eq (in_net ("0.0.0.0/0", "203.0.113.9"), 1);
  ck_assert_int_eq (in_net ("0.0.0.0/0", "2001:db8::1"), 0);
  ck_assert_int_eq (in_net ("::/0", "203.0.113.9"), 1);
  ck_assert_int_eq (in_net ("2001:db8::/33", "2001:db8:7fff::1"), 1);
  ck_assert_int_eq (in_net ("2001:db8::/33", "2001:db8:8000::1"), 0);
  ck_assert_int_eq (in_net ("fe80::/10", "[fe80::1%eth0]"), 1);
}
END_TEST

/* ---- Stored values ------------------------------------------------------- */

static int32_t
copy_key (const struct key_spec *spec, void *arg)
{
  struct kg_out *out = arg;
  key_store (out, spec);
  return 7;
}

/* Reads the value and writes it again; the text is the caller's buffer. */
static int32_t
key_again (const char *json, char *text, size_t size)
{
  struct kg_out out = { text, 0, size };
  int32_t rc = key_read ((kg_str){ json, strlen (json) }, copy_key, &out);
  if (rc >= 0)
    text[out.len] = 0;
  return rc;
}

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KEY(more)                                                                              \
  "{\"v\":1,\"id\":\"i\",\"prefix\":\"kg_\",\"name\":\"n\",\"tenant\":\"t\",\"user\":\"u\","        \
  "\"tier\":\"\",\"scopes\":[\"read\"],\"archetypes\":[],\"active\":true,\"hash\":\"" HASH "\"" more "}"

START_TEST (keys_round_trip)
{
  static const char *const texts[] = {
    KEY (""),
    KEY (",\"cidrs\":[\"10.0.0.0/8\",\"::1\"],\"limits\":{\"requests_per_day\":0,\"concurrent\":5,"
         "\"spend_per_month\":1000000000000}"),
    KEY (",\"expires_at\":\"2030-01-02T03:04:05.678901+00:00\",\"sunset_at\":null,"
         "\"deprecated_at\":\"2029-01-02T03:04:05Z\",\"replaces\":\"x\",\"replaced_by\":null"),
    KEY (",\"name\":\"a \\\"b\\\" \\\\ \\u00e9 \\ud83d\\ude00 \\n\\/\""),
    KEY (",\"unknown\":[1,-2.5e10,{\"a\":[true,false,null,\"x\\\"}\"]},{}],\"b\":{}"),
    " \n" KEY (" , \"limits\" : { } ") "\t",
  };
  char once[4096], twice[4096];
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    ck_assert_msg (key_again (texts[i], once, sizeof once) == 7, "%s", texts[i]);
    ck_assert_int_eq (key_again (once, twice, sizeof twice), 7);
    ck_assert_str_eq (once, twice);
  }
  ck_assert_int_eq (key_again (texts[3], once, sizeof once), 7);
  ck_assert_ptr_nonnull (strstr (once, "\"a \\\"b\\\" \\\\ \xc3\xa9 \xf0\x9f\x98\x80 \\n/\""));
  ck_assert_int_eq (key_again (texts[2], once, sizeof once), 7);
  ck_assert_ptr_nonnull (strstr (once, "\"expires_at\":\"2030-01-02T03:04:05.678901+00:00\""));
  ck_assert_ptr_nonnull (strstr (once, "\"sunset_at\":null,\"replaces\":\"x\",\"replaced_by\":null"));
}
END_TEST

START_TEST (malformed_values)
{
  static const char *const bad[] = {
    "", "{", "{}", "[]", "null", "7", "\"x\"", "{\"id\":5}", KEY ("") "x", KEY ("") KEY (""),
    KEY (","), KEY (",\"a\""), KEY (",\"a\":"), KEY (",\"a\":1,"), KEY (",\"a\":tru"),
    KEY (",\"a\":[1,]"), KEY (",\"a\":[1"), KEY (",\"a\":{\"b\":1"), KEY (",\"a\":\"x"),
    KEY (",\"name\":5"), KEY (",\"name\":null"), KEY (",\"name\":[]"), KEY (",\"active\":1"),
    KEY (",\"name\":\"\\x\""), KEY (",\"name\":\"\\u12\""), KEY (",\"name\":\"\\u0000\""),
    KEY (",\"name\":\"\\ud83d\""), KEY (",\"name\":\"\\ude00\""),
    KEY (",\"name\":\"\\ud83dx\\ude00\""), KEY (",\"name\":\"a\nb\""), KEY (",\"name\":\"\\\""),
    KEY (",\"hash\":\"0123\""), KEY (",\"hash\":\"" HASH "00\""), KEY (",\"scopes\":\"read\""),
    KEY (",\"scopes\":[1]"), KEY (",\"scopes\":null"), KEY (",\"expires_at\":\"tomorrow\""),
    KEY (",\"expires_at\":5"), KEY (",\"limits\":[]"), KEY (",\"limits\":{\"concurrent\":-1}"),
    KEY (",\"limits\":{\"concurrent\":1.5}"), KEY (",\"limits\":{\"concurrent\":\"5\"}"),
    KEY (",\"limits\":{\"concurrent\":1000000000001}"),
    KEY (",\"limits\":{\"concurrent\":99999999999999999999}"),
    KEY (",\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
  };
  char text[4096];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg (key_again (bad[i], text, sizeof text) == -EINVAL, "%s", bad[i]);
}
END_TEST

/* A value that is cut anywhere, or has a byte changed, is read safely. */
START_TEST (damaged_values)
{
  static const char good[] = KEY (",\"name\":\"\\u00e9\",\"limits\":{\"concurrent\":5}");
  char text[4096], cut[sizeof good];
  for (size_t i = 0; i < sizeof good - 1; i++) {
    char *exact = malloc (i + 1); /* for the sanitizer to see the end */
    memcpy (exact, good, i);
    ck_assert_int_eq (key_read ((kg_str){ exact, i }, copy_key, NULL), -EINVAL);
    free (exact);
    for (int c = 1; c < 128; c += 3) {
      memcpy (cut, good, sizeof good);
      cut[i] = (char) c;
      key_again (cut, text, sizeof text);
    }
  }
}
END_TEST

static int32_t
copy_tenant (const struct tenant_spec *spec, void *arg)
{
  tenant_store (arg, spec);
  return 0;
}

static int32_t
copy_user (const struct user_spec *spec, void *arg)
{
  user_store (arg, spec);
  return 0;
}

START_TEST (tenants_round_trip)
{
  static const char text[]
      = "{\"v\":1,\"id\":\"i\",\"name\":\"Acme\",\"slug\":\"acme\",\"tier\":\"PRO\","
        "\"tier_source\":\"manual\",\"status\":\"past_due\",\"anchor_day\":31,\"metadata\":{\"a\": [1, {\"b\":\"}\"}]},"
        "\"limits\":{\"tokens_per_month\":5},\"created_at\":null,\"updated_at\":null}";
  static const char *const bad[] = {
    "{\"id\":\"i\",\"name\":\"n\",\"tier\":\"\",\"status\":\"dead\"}",
    "{\"id\":\"i\",\"name\":\"n\",\"tier\":\"\"}",
    "{\"id\":\"i\",\"name\":\"n\",\"tier\":\"\",\"status\":\"active\",\"tier_source\":\"me\"}",
    "{\"id\":\"i\",\"name\":\"n\",\"tier\":\"\",\"status\":\"active\",\"anchor_day\":32}",
    "{\"id\":\"i\",\"name\":\"n\",\"tier\":\"\",\"status\":\"active\",\"anchor_day\":0}",
    "{\"id\":\"i\",\"name\":\"n\",\"tier\":\"\",\"status\":\"active\",\"metadata\":[]}",
  };
  char out_text[1024];
  struct kg_out out = { out_text, 0, sizeof out_text };
  ck_assert_int_eq (tenant_read ((kg_str){ text, sizeof text - 1 }, copy_tenant, &out), 0);
  ck_assert_uint_eq (out.len, sizeof text - 1);
  ck_assert_mem_eq (out_text, text, out.len);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_int_eq (tenant_read ((kg_str){ bad[i], strlen (bad[i]) }, copy_tenant, &out),
                      -EINVAL);
}
END_TEST

START_TEST (users_round_trip)
{
  static const char text[]
      = "{\"v\":1,\"id\":\"ann\",\"tenant\":\"t\",\"email\":\"a@example.com\",\"role\":\"member\","
        "\"active\":false,\"created_at\":null,\"updated_at\":null}";
  static const char bad[] = "{\"id\":\"ann\",\"tenant\":\"t\",\"role\":\"king\",\"active\":true}";
  char out_text[1024];
  struct kg_out out = { out_text, 0, sizeof out_text };
  ck_assert_int_eq (user_read ((kg_str){ text, sizeof text - 1 }, copy_user, &out), 0);
  ck_assert_uint_eq (out.len, sizeof text - 1);
  ck_assert_mem_eq (out_text, text, out.len);
  ck_assert_int_eq (user_read ((kg_str){ bad, sizeof bad - 1 }, copy_user, &out), -EINVAL);
}
END_TEST

START_TEST (slugs)
{
  static const char *const good[] = { "a", "acme", "a-1", "x9" };
  static const char *const bad[] = { "", "Acme", "9a", "-a", "a-", "a_b", "a.b", "\xc3\xa9",
                                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    ck_assert_msg (tenant_slug_ok (good[i]), "%s", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg (!tenant_slug_ok (bad[i]), "%s", bad[i]);
}
END_TEST

/* ---- Texts --------------------------------------------------------------- */

START_TEST (times)
{
  static const struct {
    const char *text;
    int64_t ns; /* -1: refused */
  } rows[] = { { "1970-01-01T00:00:00Z", 0 },
               { "2024-02-29T23:59:59.5+00:00", 1709251199 * SECOND + 500000000 },
               { "2024-03-01T01:29:59+01:30", 1709251199 * SECOND },
               { "2024-02-29 23:59:59.123456789123Z", 1709251199 * SECOND + 123456789 },
               { "2023-02-29T00:00:00Z", -1 },
               { "1900-01-01T00:00:00Z", -1 },
               { "2024-13-01T00:00:00Z", -1 },
               { "2024-01-01T24:00:00Z", -1 },
               { "2024-01-01T00:00:00", -1 },
               { "2024-01-01T00:00:00Zx", -1 },
               { "2024-01-01T00:00:00.Z", -1 },
               { "2024-01-01", -1 },
               { "", -1 },
               { "9999-12-31T00:00:00Z", -1 } };
  char out[TEXT_TIME];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t ns = -1;
    ck_assert_int_eq (text_time_parse (rows[i].text, strlen (rows[i].text), &ns),
                      rows[i].ns < 0 ? -EINVAL : 0);
    ck_assert_int_eq (ns, rows[i].ns);
  }
  text_time (1709251199 * SECOND + 123456789, out);
  ck_assert_str_eq (out, "2024-02-29T23:59:59.123456+00:00");
}
END_TEST

START_TEST (http_dates)
{
  char out[TEXT_HTTP];
  text_http (784111777, out);
  ck_assert_str_eq (out, "Sun, 06 Nov 1994 08:49:37 GMT");
  text_http (951827696, out);
  ck_assert_str_eq (out, "Tue, 29 Feb 2000 12:34:56 GMT");
}
END_TEST

START_TEST (uuids)
{
  static const char *const good[]
      = { "01234567-89ab-cdef-0123-456789abcdef", "0123456789ABCDEF0123456789abcdef",
          "{01234567-89AB-CDEF-0123-456789ABCDEF}",
          "urn:uuid:01234567-89ab-cdef-0123-456789abcdef" };
  static const char *const bad[]
      = { "", "{}", "01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdeg",
          "0123456-789ab-cdef-0123-456789abcdef", "urn:uuid:" };
  char out[TEXT_UUID];
  for (size_t i = 0; i < 4; i++) {
    ck_assert_int_eq (text_uuid (good[i], strlen (good[i]), out), 0);
    ck_assert_str_eq (out, good[0]);
  }
  for (size_t i = 0; i < 6; i++)
    ck_assert_int_eq (text_uuid (bad[i], strlen (bad[i]), out), -EINVAL);
}
END_TEST

START_TEST (base64url)
{
  uint8_t in[32];
  char out[44];
  memset (in, 0xff, sizeof in);
  text_base64url (in, out);
  ck_assert_str_eq (out, "__________________________________________8");
  memset (in, 0, sizeof in);
  text_base64url (in, out);
  ck_assert_str_eq (out, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}
END_TEST

UNIT_MAIN ("auth-parts", guess_window, guess_v6, guess_flood, guess_before, guess_lines, nets,
           keys_round_trip, malformed_values, damaged_values, tenants_round_trip, users_round_trip,
           slugs, times, http_dates, uuids, base64url)
