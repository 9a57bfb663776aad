/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The operator's routes of the auth plugin: tenants, users, limits and lists. */

#include "tests/plugins/auth-admin-ask.h"

/* ---- Tenants ------------------------------------------------------------- */

CASE (tenant_life)
{
  kg_req *req = make (TENANTS, "{\"name\":\"Acme, Inc.\",\"unknown\":[1]}");
  const char *id = fake_json (req, "id");
  has (req, "slug", "acme-inc");
  has (req, "tier", "FREE");
  has (req, "status", "active");
  has (req, "anchor_day", "1");
  has (req, "metadata", "{}");
  has (req, "limits", "{}");
  ck_assert_str_eq (fake_header (req, "Location"), text (TENANTS "/%s", id));
  has (expect (ask ("GET", text (TENANTS "/%s", id), NULL), 200, NULL), "name", "Acme, Inc.");
  has (expect (ask ("GET", TENANTS "/acme-inc", NULL), 200, NULL), "id", id);
  req = ask ("PATCH", TENANTS "/acme-inc",
             "{\"status\":\"suspended\",\"tier\":\"PRO\",\"anchor_day\":31,\"slug\":\"acme\","
             "\"metadata\":{ \"a b\" : [1, \"x \\\" y\"] },"
             "\"limits\":{\"requests_per_day\":7,\"spend_per_month\":0}}");
  expect (req, 200, NULL);
  has (req, "status", "suspended");
  has (req, "metadata", "{\"a b\":[1,\"x \\\" y\"]}");
  has (req, "limits", "{\"requests_per_day\":7,\"spend_per_month\":0}");
  expect (ask ("GET", TENANTS "/acme-inc", NULL), 404, "Tenant not found");
  req = ask ("PATCH", TENANTS "/acme",
             "{\"metadata\":{\"a b\":null,\"c\":{\"d\":1.50,\"e\":null}}}");
  has (expect (req, 200, NULL), "metadata", "{\"c\":{\"d\":1.50}}");
  req = ask ("PATCH", TENANTS "/acme", "{\"metadata\":{\"c\":{\"f\":[]},\"g\":\"\"}}");
  has (expect (req, 200, NULL), "metadata", "{\"c\":{\"d\":1.50,\"f\":[]},\"g\":\"\"}");
  req = ask ("PATCH", TENANTS "/acme",
             "{\"slug\":null,\"limits\":{\"requests_per_day\":null,\"concurrent\":2},"
             "\"metadata\":null,\"tier\":null,\"status\":null,\"anchor_day\":null}");
  has (expect (req, 200, NULL), "limits", "{\"spend_per_month\":0,\"concurrent\":2}");
  has (req, "tier", "FREE");
  has (req, "status", "active");
  has (req, "anchor_day", "1");
  has (req, "metadata", "{}");
  expect (ask ("GET", TENANTS "/acme", NULL), 404, NULL);
  req = ask ("PATCH", text (TENANTS "/%s", id), "{\"limits\":null}");
  has (expect (req, 200, NULL), "limits", "{}");
  ck_assert_int_eq (audited (), 6);
}

CASE (tenant_forms_of_id)
{
  has (make (TENANTS, "{\"name\":\"x\",\"id\":\"{0123456789ABCDEF0123456789ABCDEF}\"}"), "id",
       "01234567-89ab-cdef-0123-456789abcdef");
  expect (ask ("GET", TENANTS "/0123456789ABCDEF0123456789ABCDEF", NULL), 200, NULL);
  expect (ask ("GET", TENANTS "/urn:uuid:01234567-89ab-cdef-0123-456789abcdef", NULL), 200, NULL);
  expect (ask ("GET", TENANTS "/" NOBODY, NULL), 404, "Tenant not found");
  expect (ask ("GET", TENANTS "/nobody", NULL), 404, "Tenant not found");
  expect (ask ("GET", TENANTS "/" DEFAULT, NULL), 404, "Tenant not found");
  expect (ask ("PATCH", TENANTS "/nobody", "{}"), 404, "Tenant not found");
}

CASE (tenant_conflicts)
{
  kg_req *req = make (TENANTS, "{\"name\":\"Acme\"}");
  const char *id = fake_json (req, "id");
  has (make (TENANTS, "{\"name\":\"Acme\"}"), "slug", "");
  has (make (TENANTS, "{\"name\":\"1234\"}"), "slug", "");
  has (make (TENANTS, "{\"name\":\"abcdefabcdefabcdefabcdefabcdefab\"}"), "slug", "");
  expect (ask ("POST", TENANTS, "{\"name\":\"x\",\"slug\":\"acme\"}"), 409,
          "The slug 'acme' is taken");
  expect (ask ("POST", TENANTS, text ("{\"name\":\"x\",\"id\":\"%s\"}", id)), 409,
          "The id is taken");
  make (TENANTS, "{\"name\":\"Other\"}");
  expect (ask ("PATCH", TENANTS "/other", "{\"slug\":\"acme\"}"), 409, "The slug 'acme' is taken");
  expect (ask ("PATCH", TENANTS "/other", "{\"slug\":\"other\"}"), 200, NULL);
  ck_assert_int_eq (audited (), 5);
}

CASE (tenant_faults)
{
  static const struct row rows[] = {
    { "{}", "[\"body\",\"name\"]", "missing" },
    { "[]", "[\"body\"]", "dict_type" },
    { "{\"name\":null}", "[\"body\",\"name\"]", "missing" },
    { "{\"name\":5}", "[\"body\",\"name\"]", "string_type" },
    { "{\"name\":\"\"}", "[\"body\",\"name\"]", "range" },
    { "{\"name\":\"a\\nb\"}", "[\"body\",\"name\"]", "range" },
    { "{\"name\":\"n\",\"slug\":\"Acme\"}", "[\"body\",\"slug\"]", "range" },
    { "{\"name\":\"n\",\"slug\":\"abcdefabcdefabcdefabcdefabcdefab\"}", "[\"body\",\"slug\"]",
      "range" },
    { "{\"name\":\"n\",\"tier\":\"GOLD\"}", "[\"body\",\"tier\"]", "enum" },
    { "{\"name\":\"n\",\"tier\":\"\"}", "[\"body\",\"tier\"]", "enum" },
    { "{\"name\":\"n\",\"tier\":1}", "[\"body\",\"tier\"]", "string_type" },
    { "{\"name\":\"n\",\"status\":\"gone\"}", "[\"body\",\"status\"]", "enum" },
    { "{\"name\":\"n\",\"anchor_day\":32}", "[\"body\",\"anchor_day\"]", "range" },
    { "{\"name\":\"n\",\"anchor_day\":\"1\"}", "[\"body\",\"anchor_day\"]", "int_parsing" },
    { "{\"name\":\"n\",\"anchor_day\":1.0}", "[\"body\",\"anchor_day\"]", "int_parsing" },
    { "{\"name\":\"n\",\"metadata\":[]}", "[\"body\",\"metadata\"]", "dict_type" },
    { "{\"name\":\"n\",\"limits\":[]}", "[\"body\",\"limits\"]", "dict_type" },
    { "{\"name\":\"n\",\"limits\":{\"concurrent\":-1}}", "[\"body\",\"limits\",\"concurrent\"]",
      "range" },
    { "{\"name\":\"n\",\"limits\":{\"tokens_per_month\":true}}",
      "[\"body\",\"limits\",\"tokens_per_month\"]", "int_parsing" },
    { "{\"name\":\"n\",\"id\":\"nope\"}", "[\"body\",\"id\"]", "uuid_parsing" },
  };
  static const struct row patches[] = {
    { "[]", "[\"body\"]", "dict_type" },
    { "{\"name\":null}", "[\"body\",\"name\"]", "missing" },
    { "{\"id\":\"" NOBODY "\"}", "[\"body\",\"id\"]", "frozen" },
    { "{\"status\":3}", "[\"body\",\"status\"]", "string_type" },
  };
  char large[5000];
  FAULTS ("POST", TENANTS, rows);
  snprintf (large, sizeof large, "{\"name\":\"n\",\"metadata\":{\"a\":\"%04200d\"}}", 0);
  has (expect (ask ("POST", TENANTS, large), 422, NULL), "errors.0.type", "range");
  make (TENANTS, "{\"name\":\"n\"}");
  FAULTS ("PATCH", TENANTS "/n", patches);
}

/* ---- Users --------------------------------------------------------------- */

CASE (user_life)
{
  kg_req *req;
  const char *id;
  make (TENANTS, "{\"name\":\"acme\"}");
  req = make (USERS, "{\"id\":\"ann@acme.org\",\"tenant\":\"acme\",\"email\":\"ann@acme.org\"}");
  has (req, "role", "member");
  has (req, "active", "true");
  has (expect (ask ("GET", TENANTS "/acme", NULL), 200, NULL), "id", fake_json (req, "tenant"));
  expect (ask ("GET", USERS "/ann@acme.org", NULL), 200, NULL);
  expect (ask ("GET", USERS "/ann%40acme.org", NULL), 200, NULL);
  req = ask ("PATCH", USERS "/ann@acme.org", "{\"role\":\"readonly\",\"email\":null,\"active\":false}");
  has (expect (req, 200, NULL), "role", "readonly");
  has (req, "active", "false");
  req = make (USERS, "{}");
  id = fake_json (req, "id");
  ck_assert_uint_eq (strlen (id), 36);
  has (req, "tenant", DEFAULT);
  expect (ask ("GET", text (USERS "/%s", id), NULL), 200, NULL);
  expect (ask ("GET", USERS "/nobody", NULL), 404, "User not found");
  expect (ask ("PATCH", USERS "/nobody", "{}"), 404, "User not found");
  expect (ask ("POST", USERS, text ("{\"id\":\"%s\"}", id)), 409, "The id is taken");
}

CASE (user_faults)
{
  static const struct row rows[] = {
    { "{\"id\":\"a/b\"}", "[\"body\",\"id\"]", "range" },
    { "{\"id\":7}", "[\"body\",\"id\"]", "string_type" },
    { "{\"email\":\"nobody\"}", "[\"body\",\"email\"]", "range" },
    { "{\"email\":\"@x\"}", "[\"body\",\"email\"]", "range" },
    { "{\"role\":\"king\"}", "[\"body\",\"role\"]", "enum" },
    { "{\"active\":1}", "[\"body\",\"active\"]", "bool_type" },
    { "{\"tenant\":\"nobody\"}", "[\"body\",\"tenant\"]", "unknown" },
    { "{\"tenant\":\"" NOBODY "\"}", "[\"body\",\"tenant\"]", "unknown" },
  };
  static const struct row patches[] = {
    { "{\"tenant\":\"" NOBODY "\"}", "[\"body\",\"tenant\"]", "frozen" },
    { "{\"id\":\"bob\"}", "[\"body\",\"id\"]", "frozen" },
  };
  FAULTS ("POST", USERS, rows);
  make (USERS, "{\"id\":\"ann\"}");
  FAULTS ("PATCH", USERS "/ann", patches);
}

/* ---- Limits and reasons -------------------------------------------------- */

CASE (limits_show)
{
  kg_req *req;
  const char *id, *key;
  make (TENANTS, "{\"name\":\"acme\",\"limits\":{\"requests_per_day\":7}}");
  req = make (KEYS, "{\"name\":\"n\",\"tenant\":\"acme\",\"limits\":{\"requests_per_day\":3}}");
  id = fake_json (req, "id");
  key = fake_json (req, "key");
  expect (ask_with (key, "GET", "/v1/me", NULL), 200, NULL);
  req = expect (ask ("GET", text ("/admin/v1/limits?key=%s", id), NULL), 200, NULL);
  ck_assert_ptr_nonnull (strstr (fake_body (req), "\"name\":\"day\",\"of\":\"key\",\"limit\":3,"
                                                  "\"used\":1,\"left\":2"));
  ck_assert_ptr_nonnull (strstr (fake_body (req), "\"of\":\"tenant\",\"limit\":7,\"used\":1"));
  req = expect (ask ("GET", "/admin/v1/limits?tenant=acme", NULL), 200, NULL);
  ck_assert_ptr_nonnull (strstr (fake_body (req), "\"limit\":7,\"used\":1"));
  has (expect (ask ("GET", "/admin/v1/limits", NULL), 200, NULL), "tenants.0.requests_today", "1");
  expect (ask ("GET", "/admin/v1/limits?key=" NOBODY, NULL), 404, "Key not found");
  expect (ask ("GET", "/admin/v1/limits?key=x", NULL), 404, "Key not found");
  expect (ask ("GET", "/admin/v1/limits?tenant=" NOBODY, NULL), 404, "Tenant not found");
  expect (ask ("GET", "/admin/v1/limits?tenant=x", NULL), 404, "Tenant not found");
  has (expect (ask ("GET", "/admin/v1/limits?tenant=x&key=y", NULL), 422, NULL), "errors.0.loc",
       "[\"query\",\"tenant\"]");
  expect (ask ("DELETE", text (KEYS "/%s", id), NULL), 204, NULL);
  expect (ask ("GET", text ("/admin/v1/limits?key=%s", id), NULL), 200, NULL);
}

CASE (explain)
{
  kg_req *req = make (KEYS, "{\"name\":\"n\"}");
  const char *id = fake_json (req, "id"), *one = text (KEYS "/%s", id);
  req = ask ("GET", text ("/admin/v1/explain?key=%s&path=/v1/me", id), NULL);
  has (expect (req, 200, NULL), "verdict", "allow");
  req = ask ("GET", text ("/admin/v1/explain?key=%s&path=%s&method=DELETE", id, one), NULL);
  has (expect (req, 200, NULL), "verdict", "deny");
  has (req, "status", "403");
  has (req, "detail", "API key requires 'admin' scope");
  req = ask ("GET", text ("/admin/v1/explain?key=%s&path=world.house.manifest", id), NULL);
  has (expect (req, 200, NULL), "status", "404"); /* there is no such route here */
  expect (ask ("GET", "/admin/v1/explain?key=" NOBODY "&path=/", NULL), 404, "Key not found");
  req = expect (ask ("GET", "/admin/v1/explain?method=get", NULL), 422, NULL);
  has (req, "errors.0.loc", "[\"query\",\"key\"]");
  has (req, "errors.1.type", "missing");
  has (req, "errors.2.loc", "[\"query\",\"method\"]");
  expect (ask ("DELETE", one, NULL), 204, NULL);
  req = ask ("GET", text ("/admin/v1/explain?key=%s&path=/v1/me", id), NULL);
  has (expect (req, 200, NULL), "status", "401");
  restart ();
  req = ask ("GET", text ("/admin/v1/explain?key=%s&path=/v1/me", id), NULL);
  has (expect (req, 200, NULL), "status", "401");
  ck_assert_int_eq (audited (), 2);
}

/* ---- Lists --------------------------------------------------------------- */

/* Walks all pages of `limit`; how many entries there were, each behind the last. */
static int
walk (const char *where, const char *member, int limit)
{
  char after[600] = "", last[600] = "";
  int count = 0;
  for (;;) {
    kg_req *req = ask ("GET", text ("%s?limit=%d%s%s", where, limit, *after ? "&after=" : "", after),
                       NULL);
    int i = 0;
    const char *id;
    expect (req, 200, NULL);
    while ((id = fake_json (req, text ("%s.%d.id", member, i)))) {
      ck_assert_int_gt (strcmp (id, last), 0);
      snprintf (last, sizeof last, "%s", id);
      i++;
    }
    ck_assert_int_le (i, limit);
    count += i;
    if (!strcmp (fake_json (req, "next"), "null"))
      return count;
    ck_assert_int_eq (i, limit);
    ck_assert_str_eq (fake_json (req, "next"), last);
    snprintf (after, sizeof after, "%s", last);
  }
}

CASE (lists)
{
  static const char *const users[] = { "a", "a!", "a.b", "aa", "ab", "b", "B", "~", "zz@x.org" };
  uint64_t scanned;
  kg_req *req;
  ck_assert_int_eq (walk (KEYS, "keys", 3), 0);
  make (TENANTS, "{\"name\":\"acme\"}");
  for (int i = 0; i < 50; i++)
    make (KEYS, i % 10 ? "{\"name\":\"n\"}" : "{\"name\":\"n\",\"tenant\":\"acme\"}");
  for (size_t i = 0; i < 9; i++)
    make (USERS, text ("{\"id\":\"%s\"}", users[i]));
  ck_assert_int_eq (walk (KEYS, "keys", 7), 50);
  scanned = fake_store_scanned (fake);
  ck_assert_int_eq (walk (KEYS, "keys", 1), 50);
  scanned = fake_store_scanned (fake) - scanned; /* of each page: it, and its neighbours */
  ck_assert_uint_le (scanned, 3 * 50);
  ck_assert_int_eq (walk (KEYS, "keys", 50), 50);
  ck_assert_int_eq (walk (USERS, "users", 1), 9);
  ck_assert_int_eq (walk (USERS, "users", 2), 9);
  ck_assert_int_eq (walk (TENANTS, "tenants", 1), 1);
  req = expect (ask ("GET", KEYS "?tenant=acme", NULL), 200, NULL);
  ck_assert_ptr_nonnull (fake_json (req, "keys.4.id"));
  ck_assert_ptr_null (fake_json (req, "keys.5.id"));
  has (expect (ask ("GET", KEYS "?tenant=" NOBODY, NULL), 200, NULL), "keys", "[]");
  expect (ask ("GET", KEYS "?tenant=nobody", NULL), 404, "Tenant not found");
  req = expect (ask ("GET", KEYS "?limit=0&after=x", NULL), 422, NULL);
  has (req, "errors.0.loc", "[\"query\",\"limit\"]");
  has (req, "errors.1.loc", "[\"query\",\"after\"]");
  has (expect (ask ("GET", KEYS "?limit=ten", NULL), 422, NULL), "errors.0.type", "int_parsing");
  expect (ask ("GET", USERS "?after=\xc3\xa4", NULL), 200, NULL);
}

/* ---- Closed -------------------------------------------------------------- */

CASE (closed)
{
  static const char *const rows[][2]
      = { { "GET", TENANTS },     { "POST", TENANTS },     { "GET", TENANTS "/x" },
          { "PATCH", TENANTS "/x" }, { "GET", USERS },     { "POST", USERS },
          { "GET", USERS "/x" },  { "PATCH", USERS "/x" }, { "GET", KEYS },
          { "POST", KEYS },       { "GET", KEYS "/x" },    { "PATCH", KEYS "/x" },
          { "DELETE", KEYS "/x" }, { "POST", KEYS "/x/rotate" }, { "POST", INIT },
          { "GET", "/admin/v1/audit" }, { "GET", "/admin/v1/limits" },
          { "GET", "/admin/v1/explain?path=/" } };
  const char *secret = fake_json (make (KEYS, "{\"name\":\"n\",\"scopes\":[\"read\",\"write\"]}"), "key");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *body = *rows[i][0] == 'P' ? "{\"name\":\"n\"}" : NULL;
    kg_req *req = ask_with (secret, rows[i][0], rows[i][1], body);
    expect (req, 403, "API key requires 'admin' scope");
    fake_as (fake, NULL, 1, 0);
    expect (fake_request (fake, rows[i][0], rows[i][1], NULL, body), 401, "API key required");
    fake_as (fake, NULL, 0, 0);
    expect (fake_request (fake, rows[i][0], rows[i][1], NULL, body), 404, NULL);
  }
  ck_assert_int_eq (audited (), 1);
}

UNIT_MAIN ("auth-admin", tenant_life, tenant_forms_of_id, tenant_conflicts, tenant_faults,
           user_life, user_faults, limits_show, explain, lists, closed)
