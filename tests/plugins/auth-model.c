/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tenants, users and keys: whom they let in. */

#include "tests/plugins/auth-model.h"

/* ---- Tenants ------------------------------------------------------------- */

START_TEST (tenants_refuse)
{
  serve ();
  key_put ("");
  expect (get ("/any"), 200, NULL); /* no record: nobody is refused */
  tenant_put ("PRO", "suspended");
  expect (get ("/any"), 403, "Tenant is suspended");
  expect (get ("/any"), 403, "Tenant is suspended");
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_denied_total", "tenant"), 2);
  ck_assert_str_eq (fake_body (get ("/public")), "nobody");
  tenant_put ("PRO", "canceled");
  expect (get ("/any"), 403, "Tenant is canceled");
  tenant_put ("PRO", "past_due");
  expect (get ("/any"), 200, NULL);
  tenant_put ("PRO", "active");
  expect (get ("/any"), 200, NULL);
  tenant_put ("PRO", "suspended");
  fake_store_put (fake, "auth.tenants", TENANT, NULL);
  expect (get ("/any"), 200, NULL);
  for (int i = 0; i < 30; i++) /* no guesses */
    tenant_put ("PRO", "suspended"), expect (get ("/any"), 403, NULL);
  finish ();
}
END_TEST

START_TEST (tiers_are_inherited)
{
  serve ();
  key_put ("");
  expect_who ("ann FREE read write admin invoke:world.*"); /* the first tier */
  expect_day ("100");
  tenant_put ("TEAMS", "active");
  expect_who ("ann TEAMS read write admin invoke:world.*");
  expect_day ("100000");
  tenant_put ("PRO", "active");
  expect_who ("ann PRO read write admin invoke:world.*");
  key_put (",\"limits\":{\"requests_per_day\":7}");
  expect_day ("7");
  key_put (",\"tier\":\"ENTERPRISE\"");
  expect_who ("ann ENTERPRISE read write admin invoke:world.*");
  finish ();
}
END_TEST

START_TEST (malformed_records)
{
  serve ();
  key_put ("");
  tenant_put ("PRO", "active");
  fake_store_put (fake, "auth.tenants", TENANT, "{\"id\":1}");
  fake_store_put (fake, "auth.tenants", OTHER, "{\"id\":\"" TENANT "\",\"name\":\"n\",\"tier\":"
                                               "\"FREE\",\"status\":\"suspended\"}");
  fake_store_put (fake, "auth.users", "ann", "{}");
  key_put (",\"cidrs\":[\"10.0.0.1/8\"]");
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "auth.tenants: " TENANT " is not in force"));
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "auth.tenants: " OTHER " is not in force"));
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "auth.users: ann is not in force"));
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "auth.keys: " KEY_ID " is not in force"));
  expect_who ("ann PRO read write admin invoke:world.*"); /* what was in force is */
  finish ();
}
END_TEST

/* ---- Users --------------------------------------------------------------- */

START_TEST (roles_cap)
{
  serve ();
  key_put ("");
  user_put (TENANT, "readonly", "true");
  expect_who ("ann FREE read invoke:world.*");
  expect (get ("/admin"), 403, "API key requires 'admin' scope");
  user_put (TENANT, "member", "true");
  expect_who ("ann FREE read write invoke:world.*");
  user_put (TENANT, "admin", "true");
  expect_who ("ann FREE read write admin invoke:world.*");
  user_put (TENANT, "owner", "true");
  expect_who ("ann FREE read write admin invoke:world.*");
  user_put (OTHER, "readonly", "false"); /* another tenant's ann */
  expect_who ("ann FREE read write admin invoke:world.*");
  user_put (TENANT, "owner", "false");
  expect (get ("/any"), 401, INVALID);
  fake_store_put (fake, "auth.users", "ann", NULL);
  expect_who ("ann FREE read write admin invoke:world.*");
  key_put (",\"scopes\":[\"billing\"]");
  user_put (TENANT, "readonly", "true");
  expect_who ("ann FREE");
  finish ();
}
END_TEST

START_TEST (users_before_keys)
{
  serve ();
  user_put (TENANT, "readonly", "true");
  key_put ("");
  expect_who ("ann FREE read invoke:world.*");
  seconds (3);
  expect_who ("ann FREE read invoke:world.*");
  finish ();
}
END_TEST

/* ---- Keys ---------------------------------------------------------------- */

static void
expect_from (const char *address, int status)
{
  fake_client (fake, address);
  expect (get ("/any"), status, status == 401 ? INVALID : NULL);
}

START_TEST (nets)
{
  serve ();
  key_put (",\"cidrs\":[\"10.1.0.0/16\",\"2001:db8::/32\"]");
  expect_from ("10.1.2.3", 200);
  expect_from ("10.2.2.3", 401);
  expect_from ("2001:db8:5::1", 200);
  expect_from ("2001:db9::1", 401);
  expect_from ("::ffff:10.1.2.3", 200);
  expect_from ("unknown", 401);
  fake_client (fake, NULL);
  tenant_put ("PRO", "suspended"); /* not told to whom the key is not for */
  expect (get ("/any"), 401, INVALID);
  expect_from ("10.1.2.3", 403);
  finish ();
}
END_TEST

START_TEST (expiry)
{
  serve ();
  key_put (",\"expires_at\":\"2020-01-01T00:00:00Z\"");
  expect (get ("/any"), 401, INVALID);
  key_put (",\"expires_at\":\"2100-01-01T00:00:00Z\"");
  expect (get ("/any"), 200, NULL);
  fake_advance (fake, (int64_t) 80 * 366 * 86400 * 1000);
  expect (get ("/any"), 401, INVALID);
  finish ();
}
END_TEST

START_TEST (rotation)
{
  kg_req *req;
  serve ();
  key_put (",\"deprecated_at\":\"2026-11-28T12:00:00Z\",\"sunset_at\":\"2099-01-02T03:04:05Z\","
           "\"expires_at\":\"2099-01-02T03:04:05Z\"");
  req = get ("/any");
  expect (req, 200, NULL);
  ck_assert_str_eq (fake_header (req, "Deprecation"), "@1795867200");
  ck_assert_str_eq (fake_header (req, "Sunset"), "Fri, 02 Jan 2099 03:04:05 GMT");
  req = get ("/admin?x=1");
  ck_assert_ptr_nonnull (fake_header (req, "Sunset"));
  key_put ("");
  req = get ("/any");
  ck_assert_ptr_null (fake_header (req, "Deprecation"));
  ck_assert_ptr_null (fake_header (req, "Sunset"));
  finish ();
}
END_TEST

START_TEST (remembered_and_revoked)
{
  serve ();
  key_put ("");
  for (int i = 0; i < 3; i++)
    expect (get ("/any"), 200, NULL);
  key_put (",\"scopes\":[\"read\"]"); /* a change counts at once */
  expect_who ("ann FREE read");
  key_put (",\"active\":false");
  expect (get ("/any"), 401, INVALID);
  key_put ("");
  expect (get ("/any"), 200, NULL);
  fake_store_put (fake, "auth.keys", KEY_ID, NULL);
  expect (get ("/any"), 401, INVALID);
  seconds (3);
  expect (get ("/any"), 401, INVALID);
  finish ();
}
END_TEST

/* All that can be wrong, and one answer. */
START_TEST (one_answer)
{
  static const char *const more[]
      = { ",\"active\":false", ",\"expires_at\":\"2020-01-01T00:00:00Z\"",
          ",\"cidrs\":[\"10.0.0.0/8\"]", ",\"user\":\"bob\"" };
  static const char *const others[]
      = { "kg_", "kg_x", "kg_abcde_", SECRET "x", "kg_abcde_012345678901234567890123456789012345678901X",
          "kg_\xc3\xa9", "kg_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
  char body[512];
  kg_req *req;
  serve ();
  user_put (TENANT, "owner", "true");
  fake_store_put (fake, "auth.users", "bob",
                  "{\"id\":\"bob\",\"tenant\":\"" TENANT "\",\"role\":\"owner\",\"active\":false}");
  req = get ("/any"); /* there is none */
  expect (req, 401, INVALID);
  snprintf (body, sizeof body, "%s", fake_body (req));
  *strstr (body, "\"instance\"") = 0;
  for (size_t i = 0; i < 4 + sizeof others / sizeof others[0]; i++) {
    if (i < 4)
      key_put (more[i]);
    req = i < 4 ? get ("/any") : get_with ("/any", others[i - 4]);
    expect (req, 401, INVALID);
    ck_assert_int_eq (strncmp (fake_body (req), body, strlen (body)), 0);
    ck_assert_str_eq (fake_header (req, "WWW-Authenticate"), "ApiKey realm=\"kgent\"");
    ck_assert_ptr_null (fake_header (req, "Sunset"));
    ck_assert_ptr_null (fake_header (req, "X-RateLimit-Limit"));
  }
  finish ();
}
END_TEST

START_TEST (survives_a_restart)
{
  serve ();
  key_put ("");
  tenant_put ("PRO", "active");
  user_put (TENANT, "member", "true");
  fake_stop (fake);
  fake_close (fake);
  ck_assert_int_eq (fake_open (fake, &kg_plugin_1, NULL), 0);
  ck_assert_int_eq (fake_open (fake, &api, NULL), 0);
  ck_assert_int_eq (fake_start (fake), 0);
  expect_who ("ann PRO read write invoke:world.*");
  finish ();
}
END_TEST

UNIT_MAIN ("auth-model", tenants_refuse, tiers_are_inherited, malformed_records, roles_cap,
           users_before_keys, nets, expiry, rotation, remembered_and_revoked, one_answer,
           survives_a_restart)
