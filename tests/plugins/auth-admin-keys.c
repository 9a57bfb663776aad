/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The operator's routes of the auth plugin: keys, the first and the last one too. */

#include "tests/plugins/auth-admin-ask.h"

/* ---- Keys ---------------------------------------------------------------- */

CASE (key_create)
{
  kg_req *req;
  const char *id, *secret;
  make (TENANTS, "{\"name\":\"acme\"}");
  req = make (KEYS, text ("{\"name\":\"ci\",\"tenant\":\"acme\",\"user\":\"ann\",\"tier\":\"PRO\","
                          "\"scopes\":[\"read\",\"invoke:world.house.*\",\"meter:write\"],"
                          "\"archetypes\":[\"poet\",\"*\"],"
                          "\"cidrs\":[\"192.0.2.0/24\",\"2001:db8::/32\",\"127.0.0.1\"],"
                          "\"limits\":{\"requests_per_minute\":5},\"expires_at\":\"%s\"}",
                          time_in (100)));
  secret = fake_json (req, "key");
  id = fake_json (req, "id");
  ck_assert_uint_eq (strlen (secret), 52);
  ck_assert_str_eq (fake_header (req, "Location"), text (KEYS "/%s", id));
  ck_assert_str_eq (fake_header (req, "Cache-Control"), "no-store");
  has (req, "user", "ann");
  has (req, "tier", "PRO");
  has (req, "scopes", "[\"read\",\"invoke:world.house.*\",\"meter:write\"]");
  has (req, "cidrs", "[\"192.0.2.0/24\",\"2001:db8::/32\",\"127.0.0.1\"]");
  has (req, "limits", "{\"requests_per_minute\":5}");
  req = ask ("GET", text (KEYS "/%s", id), NULL);
  has (expect (req, 200, NULL), "last_used_at", "null");
  has (req, "key", NULL);
  has (req, "hash", NULL);
  has (expect (ask ("GET", TENANTS "/acme", NULL), 200, NULL), "id", fake_json (req, "tenant"));
  ck_assert_ptr_null (strstr (fake_store_get (fake, "auth.keys", id), secret));
  ck_assert_ptr_null (strstr (fake_log_data (fake, "auth.audit", 1), secret + 9));
  ck_assert_ptr_null (strstr (fake_log_data (fake, "auth.audit", 1), "hash"));
  ck_assert_ptr_null (strstr (fake_logged (fake), secret + 9));
  req = make (KEYS, "{\"name\":\"plain\"}");
  has (req, "tenant", DEFAULT);
  has (req, "user", "plain");
  has (req, "scopes", "[\"read\"]");
  has (req, "archetypes", "[\"developer\"]");
  has (req, "cidrs", "[]");
}

CASE (key_faults)
{
  static const struct row rows[] = {
    { "{}", "[\"body\",\"name\"]", "missing" },
    { "[]", "[\"body\"]", "dict_type" },
    { "{\"name\":\"n\",\"tenant\":\"nobody\"}", "[\"body\",\"tenant\"]", "unknown" },
    { "{\"name\":\"n\",\"tenant\":7}", "[\"body\",\"tenant\"]", "string_type" },
    { "{\"name\":\"n\",\"tier\":\"GOLD\"}", "[\"body\",\"tier\"]", "enum" },
    { "{\"name\":\"n\",\"scopes\":\"read\"}", "[\"body\",\"scopes\"]", "list_type" },
    { "{\"name\":\"n\",\"scopes\":[7]}", "[\"body\",\"scopes\"]", "string_type" },
    { "{\"name\":\"n\",\"scopes\":[\"READ\"]}", "[\"body\",\"scopes\"]", "range" },
    { "{\"name\":\"n\",\"scopes\":[\"*\"]}", "[\"body\",\"scopes\"]", "range" },
    { "{\"name\":\"n\",\"scopes\":[\"a b\"]}", "[\"body\",\"scopes\"]", "range" },
    { "{\"name\":\"n\",\"scopes\":[\"invoke:\"]}", "[\"body\",\"scopes\"]", "range" },
    { "{\"name\":\"n\",\"scopes\":[\"invoke:a..b\"]}", "[\"body\",\"scopes\"]", "range" },
    { "{\"name\":\"n\",\"scopes\":[\"invoke:*.a\"]}", "[\"body\",\"scopes\"]", "range" },
    { "{\"name\":\"n\",\"scopes\":[\"invoke:a*\"]}", "[\"body\",\"scopes\"]", "range" },
    { "{\"name\":\"n\",\"archetypes\":[\"a/b\"]}", "[\"body\",\"archetypes\"]", "range" },
    { "{\"name\":\"n\",\"cidrs\":[\"10.0.0.1/8\"]}", "[\"body\",\"cidrs\"]", "range" },
    { "{\"name\":\"n\",\"cidrs\":[\"here\"]}", "[\"body\",\"cidrs\"]", "range" },
    { "{\"name\":\"n\",\"limits\":{\"requests_per_day\":1000000000001}}",
      "[\"body\",\"limits\",\"requests_per_day\"]", "range" },
    { "{\"name\":\"n\",\"expires_at\":\"tomorrow\"}", "[\"body\",\"expires_at\"]",
      "datetime_parsing" },
    { "{\"name\":\"n\",\"expires_at\":\"2001-01-01T00:00:00Z\"}", "[\"body\",\"expires_at\"]",
      "range" },
  };
  kg_req *req;
  char many[1024] = "{\"name\":\"n\",\"scopes\":[\"a\"";
  FAULTS ("POST", KEYS, rows);
  for (int i = 0; i < 32; i++)
    strcat (many, ",\"a\"");
  has (expect (ask ("POST", KEYS, strcat (many, "]}")), 422, NULL), "errors.0.type", "range");
  req = ask ("POST", KEYS, "{\"name\":\"\",\"tier\":7,\"limits\":{\"concurrent\":\"x\"},\"x\":1}");
  expect (req, 422,
          "name: Input should have 1 to 128 bytes; tier: Input should be a valid string; "
          "concurrent: Input should be a valid integer");
  has (req, "errors.2.loc", "[\"body\",\"limits\",\"concurrent\"]");
}

CASE (key_of_role)
{
  static const struct row rows[] = {
    { "{\"name\":\"n\",\"user\":\"ann\",\"scopes\":[\"read\",\"write\"]}", "[\"body\",\"scopes\"]",
      "role" },
    { "{\"name\":\"n\",\"user\":\"bob\",\"scopes\":[\"admin\"]}", "[\"body\",\"scopes\"]", "role" },
    { "{\"name\":\"n\",\"user\":\"eve\"}", "[\"body\",\"user\"]", "unknown" },
    { "{\"name\":\"n\",\"user\":\"old\"}", "[\"body\",\"user\"]", "range" },
  };
  const char *id;
  make (TENANTS, "{\"name\":\"other\"}");
  make (USERS, "{\"id\":\"ann\",\"role\":\"readonly\"}");
  make (USERS, "{\"id\":\"bob\",\"role\":\"member\"}");
  make (USERS, "{\"id\":\"eve\",\"tenant\":\"other\"}");
  make (USERS, "{\"id\":\"old\",\"active\":false}");
  make (USERS, "{\"id\":\"own\",\"role\":\"owner\"}");
  FAULTS ("POST", KEYS, rows);
  id = fake_json (make (KEYS, "{\"name\":\"n\",\"user\":\"ann\",\"scopes\":[\"read\",\"invoke:a.*\"]}"),
                  "id");
  make (KEYS, "{\"name\":\"n\",\"user\":\"bob\",\"scopes\":[\"read\",\"write\",\"invoke:a.*\"]}");
  make (KEYS, "{\"name\":\"eve\"}");
  make (KEYS, "{\"name\":\"n\",\"user\":\"own\",\"scopes\":[\"admin\",\"billing\"]}");
  has (expect (ask ("PATCH", text (KEYS "/%s", id), "{\"scopes\":[\"write\"]}"), 422, NULL),
       "errors.0.type", "role");
  expect (ask ("PATCH", text (KEYS "/%s", id), "{\"name\":\"m\"}"), 200, NULL);
}

CASE (key_patch)
{
  kg_req *req = make (KEYS, "{\"name\":\"n\",\"tier\":\"PRO\",\"limits\":{\"requests_per_day\":5}}");
  const char *id = fake_json (req, "id"), *one = text (KEYS "/%s", id);
  int records;
  req = ask ("PATCH", one,
             text ("{\"name\":\"m\",\"scopes\":[\"write\"],\"archetypes\":null,\"cidrs\":[\"::1\"],"
                   "\"limits\":{\"requests_per_day\":null,\"concurrent\":1},\"tier\":null,"
                   "\"expires_at\":\"%s\"}",
                   time_in (60)));
  expect (req, 200, NULL);
  has (req, "name", "m");
  has (req, "scopes", "[\"write\"]");
  has (req, "archetypes", "[\"developer\"]");
  has (req, "cidrs", "[\"::1\"]");
  has (req, "limits", "{\"concurrent\":1}");
  ck_assert_str_ne (fake_json (req, "expires_at"), "null");
  records = audited ();
  expect (ask ("PATCH", one, "{\"name\":\"m\",\"nonsense\":true}"), 200, NULL);
  expect (ask ("PATCH", one, text ("{\"tenant\":\"" DEFAULT "\",\"id\":\"%s\"}", id)), 200, NULL);
  ck_assert_int_eq (audited (), records);
  has (expect (ask ("PATCH", one, "{\"tenant\":\"x\"}"), 422, NULL), "errors.0.type", "frozen");
  has (expect (ask ("PATCH", one, "{\"user\":null}"), 422, NULL), "errors.0.type", "frozen");
  has (expect (ask ("PATCH", one, "{\"expires_at\":null}"), 200, NULL), "expires_at", "null");
  expect (ask ("DELETE", one, NULL), 204, NULL);
  expect (ask ("PATCH", one, "{\"name\":\"x\"}"), 409, "The key is revoked");
  expect (ask ("PATCH", KEYS "/" NOBODY, "{}"), 404, "Key not found");
}

CASE (key_revoke)
{
  kg_req *req = make (KEYS, "{\"name\":\"n\"}"), *unknown;
  const char *secret = fake_json (req, "key"), *one = text (KEYS "/%s", fake_json (req, "id"));
  int records = audited ();
  ck_assert (works (secret));
  expect (ask ("DELETE", one, NULL), 204, NULL);
  ck_assert (!works (secret));
  expect (ask ("DELETE", one, NULL), 204, NULL);
  ck_assert_int_eq (audited (), records + 1);
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.audit", records),
                                 "\"before\":{\"active\":true},\"after\":{\"active\":false}"));
  has (expect (ask ("GET", one, NULL), 200, NULL), "active", "false");
  expect (ask ("DELETE", KEYS "/nope", NULL), 404, "Key not found");
  unknown = expect (ask ("DELETE", KEYS "/" NOBODY, NULL), 404, "Key not found");
  ck_assert_ptr_null (strstr (fake_body (unknown), "1111"));
  expect (ask ("GET", KEYS "/" NOBODY, NULL), 404, "Key not found");
}

CASE (key_rotate)
{
  kg_req *req = make (KEYS, "{\"name\":\"n\",\"scopes\":[\"read\",\"write\"],"
                            "\"limits\":{\"requests_per_day\":9}}");
  const char *old = fake_json (req, "id"), *old_secret = fake_json (req, "key"), *new, *secret;
  req = ask ("POST", text (KEYS "/%s/rotate", old), "{\"grace_s\":100}");
  expect (req, 201, NULL);
  new = fake_json (req, "id");
  secret = fake_json (req, "key");
  ck_assert_str_ne (old, new);
  ck_assert_str_ne (old_secret, secret);
  has (req, "replaces", old);
  has (req, "name", "n");
  has (req, "scopes", "[\"read\",\"write\"]");
  has (req, "limits", "{\"requests_per_day\":9}");
  has (req, "sunset_at", "null");
  req = expect (ask ("GET", text (KEYS "/%s", old), NULL), 200, NULL);
  has (req, "replaced_by", new);
  ck_assert_str_eq (fake_json (req, "expires_at"), fake_json (req, "sunset_at"));
  ck_assert_str_ne (fake_json (req, "sunset_at"), "null");
  ck_assert (works (old_secret) && works (secret));
  expect (ask ("POST", text (KEYS "/%s/rotate", old), "{}"), 409,
          text ("The key was already rotated, to %s", new));
  has (expect (ask ("PATCH", text (KEYS "/%s", old), "{\"expires_at\":null}"), 422, NULL),
       "errors.0.loc", "[\"body\",\"expires_at\"]");
  fake_advance (fake, 101000);
  ck_assert (!works (old_secret) && works (secret));
  ck_assert_ptr_null (strstr (fake_log_data (fake, "auth.audit", 1), secret + 9));
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.audit", 1), "key.rotate"));
}

CASE (key_rotate_grace)
{
  kg_req *req = make (KEYS, text ("{\"name\":\"n\",\"expires_at\":\"%s\"}", time_in (50)));
  const char *id = fake_json (req, "id"), *end = fake_json (req, "expires_at"), *secret;
  static const struct row rows[]
      = { { "{\"grace_s\":-1}", "[\"body\",\"grace_s\"]", "range" },
          { "{\"grace_s\":\"1h\"}", "[\"body\",\"grace_s\"]", "int_parsing" },
          { "{\"expires_at\":\"2001-01-01T00:00:00Z\"}", "[\"body\",\"expires_at\"]", "range" } };
  FAULTS ("POST", text (KEYS "/%s/rotate", id), rows);
  req = expect (ask ("POST", text (KEYS "/%s/rotate", id), "{\"expires_at\":null}"), 201, NULL);
  has (req, "expires_at", "null");
  has (ask ("GET", text (KEYS "/%s", id), NULL), "sunset_at", end); /* no later than it was */
  id = fake_json (req, "id");
  secret = fake_json (req, "key");
  ck_assert (works (secret));
  req = expect (ask ("POST", text (KEYS "/%s/rotate", id), "{\"grace_s\":0}"), 201, NULL);
  ck_assert (!works (secret) && works (fake_json (req, "key")));
  has (ask ("GET", text (KEYS "/%s", id), NULL), "active", "false");
  expect (ask ("POST", text (KEYS "/%s/rotate", id), "{}"), 409, "The key is revoked");
  req = make (KEYS, text ("{\"name\":\"n\",\"expires_at\":\"%s\"}", time_in (5)));
  fake_advance (fake, 6000);
  expect (ask ("POST", text (KEYS "/%s/rotate", fake_json (req, "id")), "{}"), 409,
          "The key has expired");
  expect (ask ("POST", KEYS "/" NOBODY "/rotate", "{}"), 404, "Key not found");
}

/* ---- The first and the last key ------------------------------------------ */

CASE (init)
{
  kg_req *req;
  const char *secret, *id;
  expect (ask ("POST", INIT, "{}"), 201, NULL);
  req = ask ("POST", INIT, "{}");
  expect (req, 409, "There is an active key with scope 'admin' already");
  req = ask ("GET", KEYS, NULL);
  id = fake_json (req, "keys.0.id");
  has (req, "keys.0.scopes", "[\"admin\",\"read\",\"write\",\"billing\"]");
  expect (ask ("DELETE", text (KEYS "/%s", id), NULL), 204, NULL); /* local: no force needed */
  secret = fake_json (make (INIT, "{}"), "key");
  ck_assert (works (secret));
  expect (ask_with (secret, "POST", INIT, "{}"), 403,
          "The first key is made over the operator's socket only");
}

CASE (init_looks_at_what_works)
{
  kg_req *req = make (KEYS, text ("{\"name\":\"n\",\"scopes\":[\"admin\"],\"expires_at\":\"%s\"}",
                                  time_in (10)));
  expect (ask ("POST", INIT, "{}"), 409, NULL);
  fake_advance (fake, 11000);
  req = make (INIT, "{}");
  expect (ask ("DELETE", text (KEYS "/%s", fake_json (req, "id")), NULL), 204, NULL);
  make (USERS, "{\"id\":\"ann\",\"role\":\"admin\"}");
  make (KEYS, "{\"name\":\"n\",\"user\":\"ann\",\"scopes\":[\"admin\"]}");
  expect (ask ("POST", INIT, "{}"), 409, NULL);
  expect (ask ("PATCH", USERS "/ann", "{\"role\":\"member\"}"), 200, NULL);
  make (INIT, "{}");
}

CASE (last_admin_key)
{
  static const char why[] = "This is the last active key with scope 'admin': without it only the "
                            "operator's socket is left. Say ?force=1 if that is meant.";
  kg_req *req = make (INIT, "{}");
  const char *secret = fake_json (req, "key"), *one = text (KEYS "/%s", fake_json (req, "id"));
  const char *second;
  expect (ask_with (secret, "DELETE", one, NULL), 409, why);
  expect (ask_with (secret, "PATCH", one, "{\"scopes\":[\"read\"]}"), 409, why);
  expect (ask_with (secret, "PATCH", one, "{\"name\":\"boss\"}"), 200, NULL);
  req = ask_with (secret, "POST", KEYS, "{\"name\":\"second\",\"scopes\":[\"admin\"]}");
  second = text (KEYS "/%s", fake_json (expect (req, 201, NULL), "id"));
  expect (ask_with (secret, "DELETE", second, NULL), 204, NULL);
  expect (ask_with (secret, "DELETE", one, NULL), 409, why);
  expect (ask_with (secret, "DELETE", text ("%s?force=0", one), NULL), 409, why);
  expect (ask_with (secret, "DELETE", text ("%s?force=1", one), NULL), 204, NULL);
  ck_assert (!works (secret));
}

CASE (actors)
{
  kg_req *req = make (INIT, "{}");
  const char *secret = fake_json (req, "key"), *id = fake_json (req, "id");
  expect (ask_with (secret, "POST", TENANTS, "{\"name\":\"n\"}"), 201, NULL);
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.audit", 0),
                                 "\"actor\":\"local\",\"key\":null,\"action\":\"init\""));
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.audit", 1),
                                 text ("\"actor\":\"admin\",\"key\":\"%s\","
                                       "\"action\":\"tenant.create\"",
                                       id)));
}

UNIT_MAIN ("auth-admin-keys", key_create, key_faults, key_of_role, key_patch, key_revoke,
           key_rotate, key_rotate_grace, init, init_looks_at_what_works, last_admin_key, actors)
