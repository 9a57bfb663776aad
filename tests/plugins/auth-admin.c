/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The operator's routes of the auth plugin: tenants, users, keys. */
#include "tests/plugins/auth-admin.h"

#include <errno.h>
#include <time.h>

#define TENANTS "/admin/v1/tenants"
#define USERS   "/admin/v1/users"
#define KEYS    "/admin/v1/keys"
#define INIT    "/admin/v1/init"
#define DEFAULT "00000000-0000-0000-0000-000000000001"
#define NOBODY  "11111111-1111-4111-8111-111111111111"

/* A time of day, that many seconds from now. */
static const char *
time_in (int64_t seconds)
{
  time_t at = (time_t) (fake_now (fake) / 1000000000 + seconds);
  char buf[32];
  struct tm t;
  strftime (buf, sizeof buf, "%Y-%m-%dT%H:%M:%SZ", gmtime_r (&at, &t));
  return text ("%s", buf);
}

static int
audited (void)
{
  return fake_log_count (fake, "auth.audit");
}

/* Creates, and returns the answer. */
static kg_req *
make (const char *where, const char *body)
{
  return expect (ask ("POST", where, body), 201, NULL);
}

/* Whether a key works, on a route with scope admin. */
static int
works (const char *secret)
{
  int status = fake_status (ask_with (secret, "GET", KEYS "?limit=1", NULL));
  ck_assert (status == 200 || status == 401 || status == 403);
  return status != 401;
}

struct row {
  const char *body, *loc, *type;
};

static void
expect_faults (const char *method, const char *where, const struct row *rows, size_t count)
{
  int records = audited ();
  for (size_t i = 0; i < count; i++) {
    kg_req *req = ask (method, where, rows[i].body);
    expect (req, 422, NULL);
    has (req, "errors.0.loc", rows[i].loc);
    has (req, "errors.0.type", rows[i].type);
    has (req, "errors.1.loc", NULL);
  }
  ck_assert_int_eq (audited (), records);
}

#define FAULTS(method, where, rows) \
  expect_faults (method, where, rows, sizeof (rows) / sizeof (rows)[0])

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
  kg_req *req;
  ck_assert_int_eq (walk (KEYS, "keys", 3), 0);
  make (TENANTS, "{\"name\":\"acme\"}");
  for (int i = 0; i < 50; i++)
    make (KEYS, i % 10 ? "{\"name\":\"n\"}" : "{\"name\":\"n\",\"tenant\":\"acme\"}");
  for (size_t i = 0; i < 9; i++)
    make (USERS, text ("{\"id\":\"%s\"}", users[i]));
  ck_assert_int_eq (walk (KEYS, "keys", 7), 50);
  ck_assert_int_eq (walk (KEYS, "keys", 1), 50);
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

/* ---- Changes ------------------------------------------------------------- */

CASE (disk_full)
{
  kg_req *req;
  const char *one = text (KEYS "/%s", fake_json (make (KEYS, "{\"name\":\"n\"}"), "id"));
  fake_store_fail (fake, -ENOSPC, 4);
  req = expect (ask ("POST", KEYS, "{\"name\":\"n\"}"), 503,
                "The change could not be stored: No space left on device");
  ck_assert_ptr_null (strstr (fake_body (req), "kg_"));
  expect (ask ("DELETE", one, NULL), 503, NULL);
  expect (ask ("PATCH", one, "{\"name\":\"m\"}"), 503, NULL);
  expect (ask ("POST", TENANTS, "{\"name\":\"m\"}"), 503, NULL);
  ck_assert_int_eq (audited (), 1);
  has (expect (ask ("GET", one, NULL), 200, NULL), "active", "true");
  fake_store_fail (fake, -EAGAIN, 1);
  expect (ask ("PATCH", one, "{\"name\":\"m\"}"), 503, NULL);
  expect (ask ("PATCH", one, "{\"name\":\"m\"}"), 200, NULL);
  ck_assert_int_eq (audited (), 2);
}

CASE (answer_waits_for_disk)
{
  kg_req *req;
  fake_store_hold (fake, 1);
  req = ask ("POST", KEYS, "{\"name\":\"n\"}");
  ck_assert_int_eq (fake_status (req), 0);
  fake_store_commit (fake);
  ck_assert_int_eq (fake_status (req), 0); /* and until it is in force */
  fake_run_jobs (fake);
  expect (req, 201, NULL);
  ck_assert (works (fake_json (req, "key")));
}

CASE (two_at_once)
{
  const char *one = text (KEYS "/%s", fake_json (make (KEYS, "{\"name\":\"n\"}"), "id"));
  kg_req *first = begin ("PATCH", one, "{\"name\":\"a\"}");
  kg_req *second = begin ("PATCH", one, "{\"limits\":{\"concurrent\":3}}"), *third;
  third = begin ("DELETE", one, NULL);
  fake_run_jobs (fake);
  has (expect (first, 200, NULL), "name", "a");
  has (expect (second, 200, NULL), "name", "a"); /* the second one saw the first */
  has (second, "limits", "{\"concurrent\":3}");
  expect (third, 204, NULL);
  ck_assert_int_eq (audited (), 4);
}

/* Another process has written a record meanwhile. */
static void
foreign_change (int seq)
{
  fake_store_put (fake, "auth.audit", "head", text ("{\"seq\":%d,\"hash\":\"%064d\"}", seq, seq));
}

CASE (others_are_faster)
{
  kg_req *req;
  make (KEYS, "{\"name\":\"n\"}");
  fake_store_hold (fake, 1);
  req = ask ("POST", KEYS, "{\"name\":\"n\"}");
  foreign_change (7);
  fake_store_commit (fake);
  ck_assert_int_eq (audited (), 1);
  ck_assert_int_eq (fake_status (req), 0);
  fake_run_jobs (fake);
  fake_store_commit (fake);
  fake_run_jobs (fake);
  expect (req, 201, NULL);
  ck_assert (works (fake_json (req, "key")));
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.audit", 1), "{\"seq\":8,"));
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.audit", 1),
                                 text ("\"prev\":\"%064d\"}", 7)));
}

CASE (others_are_always_faster)
{
  kg_req *req;
  fake_store_hold (fake, 1);
  req = ask ("POST", KEYS, "{\"name\":\"n\"}");
  for (int i = 1; i < 100 && !fake_status (req); i++) {
    foreign_change (i);
    fake_store_commit (fake);
    fake_run_jobs (fake);
  }
  expect (req, 409, "Others changed it at the same time. Try again.");
  ck_assert_int_eq (audited (), 0);
}

CASE (slug_race)
{
  kg_req *first, *second;
  first = begin ("POST", TENANTS, "{\"name\":\"a\",\"slug\":\"same\"}");
  second = begin ("POST", TENANTS, "{\"name\":\"b\",\"slug\":\"same\"}");
  fake_run_jobs (fake);
  expect (first, 201, NULL);
  expect (second, 409, "The slug 'same' is taken");
}

CASE (client_leaves)
{
  kg_req *req = begin ("POST", TENANTS, "{\"name\":\"a\"}"), *listing = begin ("GET", KEYS, NULL);
  kg_req *late = begin ("POST", TENANTS, "{\"name\":\"b\"}");
  fake_leave (req);
  fake_leave (listing);
  fake_expire (late);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_status (late), 504);
  expect (ask ("GET", TENANTS "/a", NULL), 200, NULL);
  expect (ask ("GET", TENANTS "/b", NULL), 200, NULL);
  ck_assert_int_eq (audited (), 2);
}

CASE (survives)
{
  kg_req *req = make (KEYS, "{\"name\":\"n\"}");
  const char *secret = fake_json (req, "key"), *one = text (KEYS "/%s", fake_json (req, "id"));
  make (TENANTS, "{\"name\":\"acme\"}");
  restart ();
  ck_assert (works (secret));
  expect (ask ("GET", TENANTS "/acme", NULL), 200, NULL);
  expect (ask ("DELETE", one, NULL), 204, NULL);
  restart ();
  ck_assert (!works (secret));
  ck_assert_int_eq (audited (), 3);
}

UNIT_MAIN ("auth-admin", tenant_life, tenant_forms_of_id, tenant_conflicts, tenant_faults,
           user_life, user_faults, key_create, key_faults, key_of_role, key_patch, key_revoke,
           key_rotate, key_rotate_grace, init, init_looks_at_what_works, last_admin_key, actors,
           limits_show, explain, lists, closed, disk_full, answer_waits_for_disk, two_at_once, others_are_faster,
           others_are_always_faster, slug_race, client_leaves, survives)
