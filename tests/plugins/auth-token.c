/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Callers with a token as the whole plugin treats them: their tenant, their limits,
 * and what counts as a guess. */
#include "tests/plugins/auth-api.h"
#include "tests/plugins/auth-jwt.h"

#include <kgent/routes.h>

extern const struct kg_plugin kg_plugin_1;

#define ACME   "0123abcd-0000-4000-8000-00000000acce"
#define NOBODY "0123abcd-0000-4000-8000-00000000dead"

/* ---- A plugin with routes to protect ------------------------------------- */

static const struct kg_host *api_host;

static int32_t
route_ok (kg_req *req, void *data)
{
  const struct kg_identity *who = api_host->identity (req);
  (void) data;
  api_host->reply (req, 200, "text/plain", who ? who->subject : "nobody",
                   strlen (who ? who->subject : "nobody"));
  return KG_DONE;
}

static int32_t
api_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route routes[] = {
    { .size = sizeof routes[0], .method = "GET", .pattern = "/read", .handler = route_ok,
      .scope = "read" },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/public", .handler = route_ok,
      .flags = KG_PUBLIC },
  };
  (void) conf;
  *ret_data = NULL;
  api_host = h;
  ck_assert_int_eq (h->route (self, &routes[0]), 0);
  return h->route (self, &routes[1]);
}

static int32_t
view_host (kg_self *self, struct kg_host_view *ret)
{
  (void) self;
  ret->loopback = 1;
  return 0;
}

static const struct kg_routes routes_service = { .size = sizeof routes_service, .host = view_host };

/* ---- The plugin ---------------------------------------------------------- */

static void
tenant_write (const char *status)
{
  fake_store_put (fake, "auth.tenants", ACME,
                  issuer_print ("{\"v\":1,\"id\":\"" ACME "\",\"name\":\"Acme\",\"slug\":\"acme\","
                                "\"tier\":\"PRO\",\"status\":\"%s\"}", status));
}

static void
jwks_arrive (const char *keys)
{
  fake_advance (fake, 1001);
  fake_run_jobs (fake);
  fake_http_reply (fake, 200, NULL, keys, -1);
  fake_http_deliver (fake);
  fake_run_jobs (fake);
}

static void
begin (void)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_ROUTES, &routes_service, sizeof routes_service);
  ck_assert_msg (fake_open (fake, &kg_plugin_1,
                            HEADERS ("dev_keys=true", "jwt.issuer=" ISSUER, "jwt.audience=kgent",
                                     "jwt.jwks_url=" URL))
                     == 0,
                 "%s", fake_error (fake));
  ck_assert_int_eq (fake_open (fake, &api, NULL), 0);
  ck_assert_msg (fake_start (fake) == 0, "%s", fake_error (fake));
  tenant_write ("active");
  jwks_arrive (all_keys ());
}

static void
end (void)
{
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_store_commit (fake);
  fake_free (fake);
}

static char *
token_of (EVP_PKEY *key, const char *kid, const char *sub, const char *tenant, int64_t life_s)
{
  int64_t now = fake_now (fake) / SECOND;
  return issuer_token (
      key, issuer_print ("{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", kid),
      issuer_print ("{\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"sub\":\"%s\",\"tenant\":\"%s\","
                    "\"nbf\":%lld,\"exp\":%lld,\"scope\":\"read\"}",
                    sub, tenant, (long long) now - 1000, (long long) (now + life_s)));
}

static kg_req *
get (const char *target, const char *token)
{
  return fake_request (fake, "GET", target,
                       HEADERS (issuer_print ("Authorization: Bearer %s", token)), NULL);
}

static void
refused_with (const char *token, int status, const char *detail)
{
  kg_req *req = get ("/read", token);
  ck_assert_int_eq (fake_status (req), status);
  ck_assert_str_eq (fake_json (req, "detail"), detail);
}

/* ---- Cases --------------------------------------------------------------- */

START_TEST (a_caller_with_a_token)
{
  kg_req *req = get ("/read", token_of (ed, "d", "ann", ACME, 60));
  const struct kg_identity *who = fake_identified (req);
  ck_assert_msg (fake_status (req) == 200, "%s", fake_body (req));
  ck_assert_str_eq (who->subject, "ann");
  ck_assert_str_eq (who->tenant, ACME);
  ck_assert_str_eq (who->tier, "PRO");
  ck_assert_str_eq (who->scopes[0], "read");
  ck_assert_ptr_null (who->scopes[1]);
  ck_assert_str_eq (who->archetypes[0], "developer");
  ck_assert_uint_eq (strlen (who->key_id), 36);
}
END_TEST

START_TEST (a_tenant_by_its_slug)
{
  kg_req *req = get ("/read", token_of (ed, "d", "ann", "acme", 60));
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_identified (req)->tenant, ACME);
}
END_TEST

START_TEST (tenants_that_nobody_made)
{
  refused_with (token_of (ed, "d", "ann", NOBODY, 60), 403, "Tenant is unknown");
  refused_with (token_of (ed, "d", "ann", "nobody", 60), 403, "Tenant is unknown");
  refused_with (token_of (ed, "d", "ann", "ACME", 60), 403, "Tenant is unknown");
}
END_TEST

START_TEST (a_suspended_tenant)
{
  char *token = token_of (ed, "d", "ann", ACME, 60);
  ck_assert_int_eq (fake_status (get ("/read", token)), 200);
  tenant_write ("suspended");
  refused_with (token, 403, "Tenant is suspended");
  tenant_write ("canceled");
  refused_with (token, 403, "Tenant is canceled");
  tenant_write ("past_due");
  ck_assert_int_eq (fake_status (get ("/read", token)), 200);
}
END_TEST

START_TEST (subjects_are_counted_apart)
{
  char *ann = token_of (ed, "d", "ann", ACME, 60), *again = token_of (ed, "d", "ann", ACME, 90);
  const struct kg_identity *who = fake_identified (get ("/read", ann));
  char *id = issuer_print ("%s", who->key_id);
  ck_assert_str_eq (fake_identified (get ("/read", again))->key_id, id);
  who = fake_identified (get ("/read", token_of (ed, "d", "bob", ACME, 60)));
  ck_assert_str_ne (who->key_id, id);
}
END_TEST

static int32_t inner_status;

static void
inner_done (const struct kg_inner_reply *reply, void *arg)
{
  (void) arg;
  inner_status = reply->status;
}

/* The status of a request from inside, for whoever had this identity. */
static int32_t
inner_as (const struct kg_identity *who)
{
  const struct kg_calls *calls = fake_service (fake, KG_CALLS);
  const struct kg_inner r = { .size = sizeof r, .method = "GET", .target = "/read",
                              .identity = who };
  inner_status = 0;
  ck_assert_int_eq (calls->call (fake_self (fake), &r, inner_done, NULL), 0);
  fake_run (fake);
  fake_run_jobs (fake);
  return inner_status;
}

START_TEST (from_inside_for_a_caller_with_a_token)
{
  struct kg_identity who = *fake_identified (get ("/read", token_of (ed, "d", "ann", ACME, 60)));
  const struct kg_identity *is;
  fake_advance (fake, 3600000); /* the token has expired since */
  ck_assert_int_eq (inner_as (&who), 200);
  is = fake_identified (fake_inner (fake, 0));
  ck_assert_str_eq (is->subject, "ann");
  ck_assert_str_eq (is->key_id, who.key_id);
  ck_assert_str_eq (is->tier, "PRO");
  tenant_write ("suspended");
  ck_assert_int_eq (inner_as (&who), 403);
  tenant_write ("active");
  who.subject = "bob";
  ck_assert_int_eq (inner_as (&who), 401); /* it was not he */
}
END_TEST

START_TEST (the_challenge)
{
  kg_req *req = get ("/read", "a.b.c");
  ck_assert_int_eq (fake_status (req), 401);
  ck_assert_str_eq (fake_header (req, "WWW-Authenticate"), JWT_CHALLENGE);
  ck_assert_str_eq (fake_json (req, "detail"), JWT_DETAIL);
}
END_TEST

/* Whoever shows tokens without a signature has to wait; an old token, or one by a
 * key that is not here yet, is no guess. */
START_TEST (what_counts_as_a_guess)
{
  char *good_one = token_of (ed, "d", "ann", ACME, 60);
  char *over = token_of (ed, "d", "ann", ACME, -60), *new = token_of (other_ed, "n", "a", ACME, 60);
  for (int i = 0; i < 50; i++) {
    refused_with (over, 401, JWT_DETAIL);
    refused_with (new, 401, JWT_DETAIL);
  }
  ck_assert_int_eq (fake_status (get ("/read", good_one)), 200);
  for (int i = 0; i < 20; i++)
    refused_with (token_of (other_ed, "d", "ann", ACME, 60), 401, JWT_DETAIL);
  ck_assert_int_eq (fake_status (get ("/read", good_one)), 429);
}
END_TEST

START_TEST (on_a_public_route)
{
  kg_req *req = get ("/public", token_of (ed, "d", "ann", ACME, 60));
  ck_assert_str_eq (fake_body (req), "ann");
  req = get ("/public", token_of (ed, "d", "ann", ACME, -60));
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_body (req), "nobody");
  req = get ("/public", token_of (ed, "d", "ann", NOBODY, 60));
  ck_assert_str_eq (fake_body (req), "nobody");
}
END_TEST

START_TEST (keys_are_no_tokens)
{
  kg_req *req = get ("/read", "kg_dev_alice");
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_identified (req)->subject, "user_alice");
  req = get ("/read", "kg_a.b.c");
  ck_assert_str_eq (fake_json (req, "detail"), "Invalid API key. Please check your credentials.");
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("token");
  TCase *c = tcase_create ("token");
  tcase_add_checked_fixture (c, begin, end);
  tcase_add_test (c, a_caller_with_a_token);
  tcase_add_test (c, a_tenant_by_its_slug);
  tcase_add_test (c, tenants_that_nobody_made);
  tcase_add_test (c, a_suspended_tenant);
  tcase_add_test (c, subjects_are_counted_apart);
  tcase_add_test (c, from_inside_for_a_caller_with_a_token);
  tcase_add_test (c, the_challenge);
  tcase_add_test (c, what_counts_as_a_guess);
  tcase_add_test (c, on_a_public_route);
  tcase_add_test (c, keys_are_no_tokens);
  tcase_set_timeout (c, 60);
  suite_add_tcase (s, c);
  return s;
}

int
main (void)
{
  return issuer_run (suite ());
}
