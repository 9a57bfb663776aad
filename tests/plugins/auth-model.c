/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What keys, tenants and users in the store do to requests: written there as another
 * process would, so that the watches bring them. */
#include "tests/fake/fake-services.h"
#include "tests/unit.h"

#include <kgent/routes.h>

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>

extern const struct kg_plugin kg_plugin_1;

#define HEADERS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define INVALID      "Invalid API key. Please check your credentials."
#define WAIT         "Too many failed authentication attempts. Try again later."
#define TENANT       "11111111-0000-4000-8000-000000000001"
#define OTHER        "11111111-0000-4000-8000-000000000002"
#define SECRET       "kg_abcde_0123456789012345678901234567890123456789012"
#define KEY_ID       "22222222-0000-4000-8000-000000000001"

static struct fake *fake;
static const struct kg_host *host;
static kg_stream *stream;

/* ---- Routes to protect --------------------------------------------------- */

/* Who the caller is: subject, tier, scopes, archetypes. */
static int32_t
route_who (kg_req *req, void *data)
{
  const struct kg_identity *who = host->identity (req);
  char text[512] = "nobody";
  size_t n = 0;
  (void) data;
  if (who)
    n = (size_t) snprintf (text, sizeof text, "%s %s", who->subject, who->tier);
  for (const char *const *s = who ? who->scopes : NULL; s && *s; s++)
    n += (size_t) snprintf (text + n, sizeof text - n, " %s", *s);
  host->reply (req, 200, "text/plain", text, strlen (text));
  return KG_DONE;
}

static int32_t
route_stream (kg_req *req, void *data)
{
  (void) data;
  stream = host->stream (req, 200, "text/event-stream");
  return KG_DONE;
}

static int32_t
api_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route routes[] = {
    { .size = sizeof routes[0], .method = "GET", .pattern = "/public", .handler = route_who,
      .flags = KG_PUBLIC },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/any", .handler = route_who },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/admin", .handler = route_who,
      .scope = "admin" },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/stream", .handler = route_stream },
  };
  (void) conf;
  *ret_data = NULL;
  host = h;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
    ck_assert_int_eq (h->route (self, &routes[i]), 0);
  return 0;
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

static void
serve (void)
{
  fake = fake_new ();
  fake_services (fake);
  ck_assert_msg (fake_open (fake, &kg_plugin_1, NULL) == 0, "%s", fake_error (fake));
  ck_assert_int_eq (fake_open (fake, &api, NULL), 0);
  ck_assert_msg (fake_start (fake) == 0, "%s", fake_error (fake));
}

static void
finish (void)
{
  fake_stop (fake);
  fake_store_commit (fake);
  fake_free (fake);
}

/* ---- Records ------------------------------------------------------------- */

static const char *
text_of (const char *fmt, ...)
{
  static char text[4096];
  va_list args;
  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  return text;
}

static const char *
hash_of (const char *secret)
{
  static char hex[65];
  uint8_t hash[32];
  EVP_Digest (secret, strlen (secret), hash, NULL, EVP_sha256 (), NULL);
  for (int i = 0; i < 32; i++)
    snprintf (hex + 2 * i, 3, "%02x", hash[i]);
  return hex;
}

/* A key of user "ann" in TENANT with all scopes; `more` are members that come last, and
 * so win. */
static void
key_put_as (const char *id, const char *secret, const char *more)
{
  fake_store_put (fake, "auth.keys", id,
                  text_of ("{\"id\":\"%s\",\"prefix\":\"%.8s\",\"name\":\"n\",\"tenant\":\"" TENANT
                           "\",\"user\":\"ann\",\"tier\":\"\",\"scopes\":[\"read\",\"write\","
                           "\"admin\",\"invoke:world.*\"],\"archetypes\":[\"developer\"],"
                           "\"active\":true,\"hash\":\"%s\"%s}",
                           id, secret, hash_of (secret), more));
}

static void
key_put (const char *more)
{
  key_put_as (KEY_ID, SECRET, more);
}

static void
tenant_put (const char *tier, const char *status)
{
  fake_store_put (fake, "auth.tenants", TENANT,
                  text_of ("{\"id\":\"" TENANT "\",\"name\":\"Acme\",\"slug\":\"acme\",\"tier\":"
                           "\"%s\",\"status\":\"%s\"}",
                           tier, status));
}

static void
user_put (const char *tenant, const char *role, const char *active)
{
  fake_store_put (fake, "auth.users", "ann",
                  text_of ("{\"id\":\"ann\",\"tenant\":\"%s\",\"role\":\"%s\",\"active\":%s}",
                           tenant, role, active));
}

/* ---- Requests ------------------------------------------------------------ */

static kg_req *
get_with (const char *target, const char *secret)
{
  return fake_request (fake, "GET", target, HEADERS (text_of ("X-API-Key: %s", secret)), NULL);
}

static kg_req *
get (const char *target)
{
  return get_with (target, SECRET);
}

static void
expect (kg_req *req, int status, const char *detail)
{
  ck_assert_msg (fake_status (req) == status, "%d, not %d: %s", fake_status (req), status,
                 fake_body (req));
  if (detail)
    ck_assert_str_eq (fake_json (req, "detail"), detail);
}

static void
expect_who (const char *who)
{
  kg_req *req = get ("/any");
  expect (req, 200, NULL);
  ck_assert_str_eq (fake_body (req), who);
}

/* The limit of the day that is in force. */
static void
expect_day (const char *limit)
{
  const char *have = fake_header (get ("/any"), "X-RateLimit-Limit");
  ck_assert_ptr_nonnull (have);
  ck_assert_str_eq (have, limit);
}

static void
seconds (int n)
{
  while (n--) {
    fake_advance (fake, 1000);
    fake_run_jobs (fake);
  }
}

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

/* ---- Streams ------------------------------------------------------------- */

/* The number that the host looks at while it streams. */
static int32_t
ended (kg_req *req)
{
  return *fake_identified (req)->ended;
}

static kg_req *
stream_begin (void)
{
  kg_req *req = get ("/stream");
  expect (req, 200, NULL);
  ck_assert_int_eq (ended (req), 0);
  return req;
}

static void
stream_end (void)
{
  host->end (stream);
  fake_run (fake);
}

START_TEST (streams_end)
{
  kg_req *req;
  serve ();
  key_put ("");
  req = stream_begin ();
  key_put (",\"name\":\"changed\"");
  seconds (2);
  ck_assert_int_eq (ended (req), 0); /* changed, not revoked */
  key_put (",\"active\":false");
  seconds (1);
  ck_assert_int_ne (ended (req), 0);
  seconds (100);
  ck_assert_int_ne (ended (req), 0); /* the record waits for it */
  stream_end ();
  key_put ("");
  req = stream_begin ();
  fake_store_put (fake, "auth.keys", KEY_ID, NULL);
  ck_assert_int_ne (ended (req), 0);
  stream_end ();
  finish ();
}
END_TEST

START_TEST (streams_of_tenants_end)
{
  kg_req *req;
  serve ();
  key_put (",\"expires_at\":\"2100-01-01T00:00:00Z\"");
  req = stream_begin ();
  tenant_put ("PRO", "suspended");
  seconds (1);
  ck_assert_int_ne (ended (req), 0);
  tenant_put ("PRO", "active");
  stream_end ();
  req = stream_begin (); /* at once, whatever the last second was */
  user_put (TENANT, "member", "false");
  seconds (1);
  ck_assert_int_ne (ended (req), 0);
  user_put (TENANT, "member", "true");
  seconds (1);
  ck_assert_int_eq (ended (req), 0);
  stream_end ();
  finish ();
}
END_TEST

/* ---- Guesses ------------------------------------------------------------- */

START_TEST (guesses_at_a_prefix)
{
  static const char wrong[] = "kg_abcde_012345678901234567890123456789012345678901X";
  kg_req *req;
  serve ();
  key_put ("");
  for (int i = 0; i < 20; i++) {
    fake_client (fake, text_of ("198.51.100.%d", i));
    expect (get_with ("/any", wrong), 401, INVALID);
  }
  fake_client (fake, "203.0.113.1");
  req = get_with ("/any", wrong);
  expect (req, 429, WAIT);
  ck_assert_int_ge (atoi (fake_header (req, "Retry-After")), 50);
  expect (get ("/any"), 200, NULL); /* whoever has the right one */
  expect (get_with ("/any", "kg_other_012345678901234567890123456789012345678901X"), 401, INVALID);
  ck_assert_str_eq (fake_body (get_with ("/public", wrong)), "nobody");
  finish ();
}
END_TEST

/* Lines of the log that have a text. */
static int
lines_with (const char *text)
{
  int n = 0;
  for (const char *p = fake_logged (fake); (p = strstr (p, text)); p++)
    n++;
  return n;
}

START_TEST (log_by_sample)
{
  static const char wrong[] = "kg_abcde_secret";
  serve ();
  for (int i = 0; i < 25; i++)
    get_with (i % 2 ? "/any" : "/public", wrong);
  ck_assert_int_eq (lines_with ("192.0.2.1 has failed to authenticate: there is no such key, "
                                "kg_abcde; "),
                    1);
  ck_assert_int_eq (lines_with ("secret"), 0);
  get_with ("/any", "hunter2-is-a-password"); /* 429 by now; and from elsewhere: */
  fake_client (fake, "198.51.100.250");
  get_with ("/any", "hunter2-is-a-password");
  ck_assert_int_eq (lines_with ("198.51.100.250 has failed to authenticate: this is no API key; "),
                    1);
  ck_assert_int_eq (lines_with ("hunter2"), 0);
  for (int i = 0; i < 100; i++) {
    fake_client (fake, text_of ("198.51.100.%d", i));
    get_with ("/any", "kg_x");
  }
  ck_assert_int_eq (lines_with ("has failed to authenticate"), 30);
  finish ();
}
END_TEST

UNIT_MAIN ("auth-model", tenants_refuse, tiers_are_inherited, malformed_records, roles_cap,
           users_before_keys, nets, expiry, rotation, remembered_and_revoked, one_answer,
           survives_a_restart, streams_end, streams_of_tenants_end, guesses_at_a_prefix,
           log_by_sample)
