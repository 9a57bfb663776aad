/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Who a caller is, and limits. */

#include "tests/plugins/auth-host.h"

/* ---- Who is it ----------------------------------------------------------- */

START_TEST (no_credential)
{
  kg_req *req = fake_request (fake, "GET", "/read", NULL, NULL);
  expect (req, 401, "API key required");
  ck_assert_str_eq (fake_header (req, "WWW-Authenticate"), "ApiKey realm=\"kgent\"");
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_denied_total", "missing"), 1);
  expect (fake_request (fake, "GET", "/read", HEADERS ("Authorization: Basic a2c6eA=="), NULL), 401,
          "API key required");
  ck_assert_ptr_null (fake_header (req, "X-RateLimit-Limit"));
}
END_TEST

START_TEST (wrong_credentials)
{
  kg_req *req = get_with ("/read", "sk_12345");
  expect (req, 401, "Invalid API key format. Keys must start with 'kg_'");
  ck_assert_ptr_nonnull (fake_header (req, "WWW-Authenticate"));
  expect (get_with ("/read", "kg_dev_mallory"), 401, INVALID);
  expect (get_with ("/read", "kg_dev_alice2"), 401, INVALID);
  expect (get_with ("/read", "kg_"), 401, INVALID);
  expect (fake_request (fake, "GET", "/read", HEADERS ("Authorization: Bearer kg_nope"), NULL), 401,
          INVALID);
}
END_TEST

START_TEST (identities)
{
  kg_req *req = fake_request (fake, "GET", "/read", HEADERS ("authorization: bearer kg_dev_bob"), NULL);
  const struct kg_identity *who = fake_identified (req);
  expect (req, 200, NULL);
  ck_assert_str_eq (who->subject, "user_bob");
  ck_assert_str_eq (who->tier, "PRO");
  ck_assert_str_eq (who->tenant, "00000000-0000-0000-0000-000000000001");
  ck_assert_str_eq (who->scopes[0], "read");
  ck_assert_str_eq (who->scopes[1], "write");
  ck_assert_ptr_null (who->scopes[2]);
  ck_assert_str_eq (who->archetypes[0], "developer");
  expect (fake_request (fake, "GET", "/read",
                        HEADERS ("X-API-Key: kg_dev_bob", "Authorization: Bearer kg_dev_bob"), NULL),
          200, NULL);
}
END_TEST

START_TEST (two_credentials)
{
  kg_req *req = fake_request (fake, "GET", "/read",
                              HEADERS ("X-API-Key: kg_dev_alice", "Authorization: Bearer kg_dev_bob"),
                              NULL);
  expect (req, 400, NULL);
  ck_assert_ptr_null (strstr (fake_body (req), "kg_dev"));
}
END_TEST

START_TEST (key_in_query)
{
  static const char *const targets[]
      = { "/read?api_key=kg_dev_alice", "/read?a=1&KEY=x",       "/read?token=abc",
          "/read?x=kg_dev_alice",       "/read?x=%6Bg_dev_alice", "/read?%6bey=1",
          "/read?kg_dev_alice",         "/public?key=abc" };
  for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
    kg_req *req = fake_request (fake, "GET", targets[i], ALICE, NULL);
    expect (req, 400, NULL);
    ck_assert_ptr_null (strstr (fake_body (req), "alice"));
  }
  ck_assert_ptr_null (strstr (fake_logged (fake), "alice\""));
  expect (fake_request (fake, "GET", "/read?path=a.b&monkey=1&key=&keys=2", ALICE, NULL), 200, NULL);
  expect (fake_request (fake, "GET", "/read?key=" ALICE_ID, ALICE, NULL), 200, NULL);
  expect (fake_request (fake, "GET", "/read?key=" ALICE_ID "0", ALICE, NULL), 400, NULL);
  expect (fake_request (fake, "GET", "/read?token=" ALICE_ID, ALICE, NULL), 400, NULL);
}
END_TEST

START_TEST (public_routes)
{
  kg_req *req = fake_request (fake, "GET", "/public", NULL, NULL);
  expect (req, 200, NULL);
  ck_assert_ptr_null (fake_identified (req));
  req = get_with ("/public", "kg_wrong");
  expect (req, 200, NULL);
  ck_assert_ptr_null (fake_identified (req));
  req = get_with ("/public", "kg_dev_alice");
  expect (req, 200, NULL);
  ck_assert_str_eq (fake_identified (req)->subject, "user_alice");
  ck_assert_ptr_null (fake_header (req, "X-RateLimit-Limit"));
}
END_TEST

START_TEST (missing_scope)
{
  kg_req *req = fake_request (fake, "GET", "/write", ALICE, NULL);
  expect (req, 403, "API key requires 'write' scope");
  ck_assert_str_eq (fake_header (req, "X-RateLimit-Remaining"), "100");
  expect (fake_request (fake, "GET", "/write", BOB, NULL), 200, NULL);
}
END_TEST

START_TEST (guessing)
{
  kg_req *req;
  for (int i = 0; i < 20; i++)
    expect (get_with (i % 2 ? "/read" : "/public", "kg_wrong"), i % 2 ? 401 : 200, NULL);
  req = get_with ("/read", "kg_wrong");
  expect (req, 429, NULL);
  ck_assert_int_ge (atoi (fake_header (req, "Retry-After")), 58);
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_denied_total", "guessing"), 1);
  expect (get_with ("/read", "kg_dev_alice"), 429, NULL);
  req = get_with ("/public", "kg_dev_alice");
  expect (req, 200, NULL);
  ck_assert_ptr_null (fake_identified (req));
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "192.0.2.1 has failed to authenticate"));
}
END_TEST

/* ---- Limits -------------------------------------------------------------- */

START_TEST (headers)
{
  kg_req *req = fake_request (fake, "GET", "/read", ALICE, NULL);
  long midnight = 86400 - (long) (fake_now (fake) / 1000000000 % 86400);
  char text[128];
  expect (req, 200, NULL);
  ck_assert_str_eq (fake_header (req, "X-RateLimit-Limit"), "100");
  ck_assert_str_eq (fake_header (req, "X-RateLimit-Remaining"), "99");
  ck_assert_int_eq (atol (fake_header (req, "X-RateLimit-Reset")) % 86400, 0);
  ck_assert_str_eq (fake_header (req, "X-RateLimit-Requests-Today"), "1");
  ck_assert_str_eq (fake_header (req, "X-Tokens-Today"), "0");
  ck_assert_str_eq (fake_header (req, "X-Tokens-Month"), "0");
  ck_assert_str_eq (fake_header (req, "RateLimit-Policy"),
                    "\"minute\";q=60;w=60, \"day\";q=100;w=86400");
  snprintf (text, sizeof text, "\"minute\";r=59;t=1, \"day\";r=99;t=%ld", midnight);
  ck_assert_str_eq (fake_header (req, "RateLimit"), text);
}
END_TEST

START_TEST (day_limit)
{
  const char *secret = key_new ("{\"name\":\"n\",\"limits\":{\"requests_per_day\":10}}", NULL);
  kg_req *req;
  for (int i = 0; i < 10; i++)
    expect (get_with ("/read", secret), 200, NULL);
  req = get_with ("/read", secret);
  expect (req, 429, "Rate limit exceeded. 10 requests per day allowed.");
  ck_assert_str_eq (fake_json (req, "violated_policies"), "[\"day\"]");
  ck_assert_str_eq (fake_header (req, "X-RateLimit-Remaining"), "0");
  ck_assert_str_eq (fake_header (req, "X-RateLimit-Requests-Today"), "10");
  ck_assert_int_gt (atoi (fake_header (req, "Retry-After")), 0);
  fake_advance (fake, 86400 * 1000);
  expect (get_with ("/read", secret), 200, NULL);
}
END_TEST

START_TEST (minute_limit)
{
  const char *secret = key_new ("{\"name\":\"n\",\"limits\":{\"requests_per_minute\":3}}", NULL);
  kg_req *req;
  for (int i = 0; i < 3; i++)
    expect (get_with ("/read", secret), 200, NULL);
  req = get_with ("/read", secret);
  expect (req, 429, "Rate limit exceeded. 3 requests per minute allowed.");
  ck_assert_str_eq (fake_json (req, "violated_policies"), "[\"minute\"]");
  ck_assert_int_eq (atoi (fake_header (req, "Retry-After")), 20);
  ck_assert_str_eq (fake_header (req, "X-RateLimit-Requests-Today"), "3");
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_denied_total", "minute"), 1);
}
END_TEST

START_TEST (unlimited)
{
  const char *secret
      = key_new ("{\"name\":\"n\",\"limits\":{\"requests_per_minute\":0,\"requests_per_day\":0}}", NULL);
  kg_req *req = get_with ("/read", secret);
  expect (req, 200, NULL);
  ck_assert_ptr_null (fake_header (req, "X-RateLimit-Limit"));
  ck_assert_ptr_null (fake_header (req, "RateLimit"));
  ck_assert_str_eq (fake_header (req, "X-RateLimit-Requests-Today"), "1");
}
END_TEST

START_TEST (failures_refund)
{
  expect (fake_request (fake, "GET", "/spend?fail=1", ALICE, NULL), 500, NULL);
  kg_req *req = fake_request (fake, "GET", "/read", ALICE, NULL);
  ck_assert_str_eq (fake_header (req, "X-RateLimit-Requests-Today"), "1");
  ck_assert_str_eq (fake_header (req, "X-Tokens-Month"), "0");
}
END_TEST

START_TEST (tokens)
{
  kg_req *req;
  expect (fake_request (fake, "GET", "/spend", ALICE, NULL), 200, NULL);
  ck_assert_int_eq (left, 6000);
  expect (fake_request (fake, "GET", "/spend", ALICE, NULL), 200, NULL);
  expect (fake_request (fake, "GET", "/spend", ALICE, NULL), 200, NULL);
  ck_assert_int_eq (left, 0);
  req = fake_request (fake, "GET", "/spend", ALICE, NULL);
  expect (req, 429, "Monthly token quota exceeded. 10000 tokens per month allowed, 12000 used.");
  ck_assert_str_eq (fake_json (req, "violated_policies"), "[\"tokens\"]");
  req = fake_request (fake, "GET", "/read", ALICE, NULL);
  expect (req, 200, NULL);
  ck_assert_str_eq (fake_header (req, "X-Tokens-Today"), "12000");
  ck_assert_str_eq (fake_header (req, "X-Tokens-Month"), "12000");
  expect (fake_request (fake, "GET", "/spend", CAROL, NULL), 200, NULL);
  ck_assert_int_eq (left, KG_BUDGET_UNLIMITED);
}
END_TEST

START_TEST (shadow)
{
  const char *secret;
  host_new ();
  serve (HEADERS ("enforce=shadow"));
  secret = key_new ("{\"name\":\"n\",\"limits\":{\"requests_per_day\":2}}", NULL);
  for (int i = 0; i < 5; i++)
    expect (get_with ("/read", secret), 200, NULL);
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_shadow_denials_total", "day"), 3);
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_denied_total", NULL), 0);
  teardown ();
}
END_TEST

/* Whatever became of the process. */
START_TEST (counters_survive)
{
  kg_req *req;
  for (int killed = 0; killed < 2; killed++) {
    expect (fake_request (fake, "GET", "/spend", ALICE, NULL), 200, NULL);
    expect (fake_request (fake, "GET", "/read", ALICE, NULL), 200, NULL);
    if (killed)
      fake_crash (fake);
    fake_stop (fake);
    fake_close (fake);
    serve (HEADERS ("dev_keys=true"));
  }
  req = fake_request (fake, "GET", "/read", ALICE, NULL);
  ck_assert_str_eq (fake_header (req, "X-RateLimit-Requests-Today"), "5");
  ck_assert_str_eq (fake_header (req, "X-Tokens-Month"), "8000");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("auth");
  TCase *tc = tcase_create ("served"), *own = tcase_create ("own");
  SRunner *sr;
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, no_credential);
  tcase_add_test (tc, wrong_credentials);
  tcase_add_test (tc, identities);
  tcase_add_test (tc, two_credentials);
  tcase_add_test (tc, key_in_query);
  tcase_add_test (tc, public_routes);
  tcase_add_test (tc, missing_scope);
  tcase_add_test (tc, guessing);
  tcase_add_test (tc, headers);
  tcase_add_test (tc, day_limit);
  tcase_add_test (tc, minute_limit);
  tcase_add_test (tc, unlimited);
  tcase_add_test (tc, failures_refund);
  tcase_add_test (tc, tokens);
  tcase_add_test (own, shadow);
  tcase_add_test (tc, counters_survive);
  suite_add_tcase (s, tc);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  int failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
