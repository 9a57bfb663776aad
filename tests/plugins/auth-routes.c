/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Development keys, and the routes of the auth plugin. */

#include "tests/plugins/auth-host.h"

/* ---- Development keys ---------------------------------------------------- */

START_TEST (dev_rows)
{
  static const struct {
    const char *key, *day, *minute;
  } rows[] = { { "kg_dev_alice", "100", "60" },
               { "kg_dev_bob", "1000", "600" },
               { "kg_dev_carol", "10000", "6000" } };
  for (size_t i = 0; i < 3; i++) {
    kg_req *req = get_with ("/v1/me", rows[i].key);
    expect (req, 200, NULL);
    ck_assert_str_eq (fake_json (req, "limits.requests_per_day"), rows[i].day);
    ck_assert_str_eq (fake_json (req, "limits.requests_per_minute"), rows[i].minute);
  }
}
END_TEST

START_TEST (dev_keys_need_loopback)
{
  host_new ();
  loopback = 0;
  ck_assert_int_lt (fake_open (fake, &kg_plugin_1, HEADERS ("dev_keys=true")), 0);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "not a loopback address"));
  fake_free (fake);
  host_new ();
  loopback = 0;
  serve (NULL);
  expect (fake_request (fake, "GET", "/read", ALICE, NULL), 401, INVALID);
  teardown ();
}
END_TEST

/* ---- Routes -------------------------------------------------------------- */

START_TEST (me)
{
  kg_req *req = fake_request (fake, "GET", "/v1/me", ALICE, NULL);
  expect (req, 200, NULL);
  ck_assert_str_eq (fake_json (req, "tenant"), "00000000-0000-0000-0000-000000000001");
  ck_assert_str_eq (fake_json (req, "key_prefix"), "kg_dev_a");
  ck_assert_str_eq (fake_json (req, "tier"), "FREE");
  ck_assert_str_eq (fake_json (req, "scopes"), "[\"read\"]");
  ck_assert_str_eq (fake_json (req, "left.requests_per_day"), "99");
  ck_assert_str_eq (fake_json (req, "left.tokens_per_month"), "10000");
  req = fake_request (fake, "GET", "/v1/me", CAROL, NULL);
  ck_assert_str_eq (fake_json (req, "left.tokens_per_month"), "null");
}
END_TEST

START_TEST (key_life)
{
  const char *id, *secret = key_new ("{\"name\":\"ci\"}", &id);
  char target[96];
  kg_req *req;
  ck_assert_uint_eq (strlen (secret), 52);
  ck_assert_int_eq (secret[8], '_');
  ck_assert_uint_eq (strspn (secret + 3, "abcdefghijklmnopqrstuvwxyz0123456789"), 5);
  expect (get_with ("/read", secret), 200, NULL);
  ck_assert_ptr_null (strstr (fake_store_get (fake, "auth.keys", id), secret));
  snprintf (target, sizeof target, "/admin/v1/keys/%s", id);
  fake_as (fake, NULL, 1, 1);
  req = fake_request (fake, "DELETE", target, NULL, NULL);
  fake_as (fake, NULL, 0, 0);
  fake_run_jobs (fake);
  expect (req, 204, NULL);
  expect (get_with ("/read", secret), 401, INVALID);
}
END_TEST

START_TEST (admin_is_closed)
{
  kg_req *req;
  fake_as (fake, NULL, 1, 0);
  expect (fake_request (fake, "GET", "/admin/v1/keys", NULL, NULL), 401, NULL);
  expect (fake_request (fake, "GET", "/admin/v1/keys", BOB, NULL), 403, NULL);
  req = fake_request (fake, "POST", "/admin/v1/keys", CAROL, "{\"name\":\"n\"}");
  fake_run_jobs (fake);
  expect (req, 201, NULL);
  fake_as (fake, NULL, 0, 0);
  expect (fake_request (fake, "GET", "/admin/v1/keys", CAROL, NULL), 404, NULL);
}
END_TEST

START_TEST (key_expires)
{
  char body[128];
  time_t at = (time_t) (fake_now (fake) / 1000000000) + 100;
  struct tm t;
  const char *secret;
  strftime (body, sizeof body, "{\"name\":\"n\",\"expires_at\":\"%Y-%m-%dT%H:%M:%SZ\"}",
            gmtime_r (&at, &t));
  secret = key_new (body, NULL);
  expect (get_with ("/read", secret), 200, NULL);
  fake_advance (fake, 101000);
  expect (get_with ("/read", secret), 401, INVALID);
}
END_TEST

START_TEST (last_used)
{
  const char *secret = key_new ("{\"name\":\"a\"}", NULL);
  kg_req *req;
  expect (get_with ("/read", secret), 200, NULL);
  fake_advance (fake, 1500);
  fake_run_jobs (fake);
  fake_as (fake, NULL, 1, 1);
  req = fake_request (fake, "GET", "/admin/v1/keys", NULL, NULL);
  fake_run_jobs (fake);
  ck_assert_int_eq (strncmp (fake_json (req, "keys.0.last_used_at"), "20", 2), 0);
}
END_TEST

START_TEST (change_from_outside)
{
  const char *id, *secret = key_new ("{\"name\":\"n\"}", &id);
  char *value = strdup (fake_store_get (fake, "auth.keys", id));
  fake_store_put (fake, "auth.keys", id, NULL);
  expect (get_with ("/read", secret), 401, INVALID);
  fake_store_put (fake, "auth.keys", id, value);
  expect (get_with ("/read", secret), 200, NULL);
  fake_store_put (fake, "auth.keys", "bad", "{\"id\":5}");
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "auth.keys: bad is not in force"));
  free (value);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("auth-routes");
  TCase *tc = tcase_create ("served"), *own = tcase_create ("own");
  SRunner *sr;
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, dev_rows);
  tcase_add_test (own, dev_keys_need_loopback);
  tcase_add_test (tc, me);
  tcase_add_test (tc, key_life);
  tcase_add_test (tc, admin_is_closed);
  tcase_add_test (tc, key_expires);
  tcase_add_test (tc, last_used);
  tcase_add_test (tc, change_from_outside);
  suite_add_tcase (s, tc);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  int failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
