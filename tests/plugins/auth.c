/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The auth plugin as requests meet it. */
#include "tests/fake/fake-services.h"

#include <kgent/budget.h>
#include <kgent/routes.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct kg_plugin kg_plugin_1;

#define HEADERS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define ALICE        HEADERS ("X-API-Key: kg_dev_alice")
#define ALICE_ID     "00000000-0000-4000-8000-00000000000a"
#define BOB          HEADERS ("X-API-Key: kg_dev_bob")
#define CAROL        HEADERS ("X-API-Key: kg_dev_carol")
#define INVALID      "Invalid API key. Please check your credentials."

static struct fake *fake;
static int32_t loopback;

/* ---- A plugin with routes to protect ------------------------------------- */

static const struct kg_host *host;
static const struct kg_budget *budget;
static int64_t left;

static int32_t
route_ok (kg_req *req, void *data)
{
  (void) data;
  host->reply (req, 200, "text/plain", "ok", 2);
  return KG_DONE;
}

static int32_t
route_spends (kg_req *req, void *data)
{
  (void) data;
  ck_assert_int_eq (budget->spend (req, 4000), 0);
  left = budget->left (req);
  host->reply (req, host->get (req, KG_GET_QUERY, "fail").ptr ? 500 : 200, "text/plain", "ok", 2);
  return KG_DONE;
}

static int32_t
api_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route routes[] = {
    { .size = sizeof routes[0], .method = "GET", .pattern = "/public", .handler = route_ok,
      .flags = KG_PUBLIC },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/read", .handler = route_ok,
      .scope = "read" },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/write", .handler = route_ok,
      .scope = "write" },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/spend", .handler = route_spends,
      .scope = "read", .flags = KG_BILLABLE },
  };
  (void) conf;
  *ret_data = NULL;
  host = h;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
    ck_assert_int_eq (h->route (self, &routes[i]), 0);
  return h->need (self, KG_BUDGET, sizeof *budget, 0, (const void **) &budget);
}

static void
api_close (void *data)
{
  (void) data;
}

static const struct kg_plugin api = { .abi = KG_ABI_CURRENT,
                                      .size = sizeof api,
                                      .opt_size = sizeof (struct kg_opt),
                                      .name = "api",
                                      .version = "1",
                                      .summary = "",
                                      .open = api_open,
                                      .close = api_close };

static int32_t
view_host (kg_self *self, struct kg_host_view *ret)
{
  (void) self;
  ret->loopback = loopback;
  return 0;
}

static const struct kg_routes routes_service = { .size = sizeof routes_service, .host = view_host };

static void
host_new (void)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_ROUTES, &routes_service, sizeof routes_service);
  loopback = 1;
}

static void
serve (const char *const *conf)
{
  ck_assert_msg (fake_open (fake, &kg_plugin_1, conf) == 0, "%s", fake_error (fake));
  ck_assert_int_eq (fake_open (fake, &api, NULL), 0);
  ck_assert_msg (fake_start (fake) == 0, "%s", fake_error (fake));
}

static void
setup (void)
{
  host_new ();
  serve (HEADERS ("dev_keys=true"));
}

/* The host's order: stop, the store's last writes, close. */
static void
teardown (void)
{
  fake_stop (fake);
  fake_store_commit (fake);
  fake_free (fake);
}

/* Creates a key as the operator; its secret, and its id in *ret_id. */
static const char *
key_new (const char *body, const char **ret_id)
{
  kg_req *req;
  fake_as (fake, NULL, 1, 1);
  req = fake_request (fake, "POST", "/admin/v1/keys", NULL, body);
  fake_as (fake, NULL, 0, 0);
  fake_run_jobs (fake);
  ck_assert_msg (fake_status (req) == 201, "%d %s", fake_status (req), fake_body (req));
  if (ret_id)
    *ret_id = fake_json (req, "id");
  return fake_json (req, "key");
}

static kg_req *
get_with (const char *target, const char *secret)
{
  char line[128];
  snprintf (line, sizeof line, "X-API-Key: %s", secret);
  return fake_request (fake, "GET", target, HEADERS (line), NULL);
}

static void
expect (kg_req *req, int status, const char *detail)
{
  ck_assert_msg (fake_status (req) == status, "%d, not %d: %s", fake_status (req), status,
                 fake_body (req));
  if (detail)
    ck_assert_str_eq (fake_json (req, "detail"), detail);
}

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
