/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tenants, users and keys of a store, and routes to protect. */
#ifndef TESTS_PLUGINS_AUTH_MODEL_H
#define TESTS_PLUGINS_AUTH_MODEL_H

#include "tests/plugins/auth-api.h"
#include "tests/unit.h"

#include <kgent/routes.h>

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>

extern const struct kg_plugin kg_plugin_1;

#define WAIT   "Too many failed authentication attempts. Try again later."
#define TENANT "11111111-0000-4000-8000-000000000001"
#define OTHER  "11111111-0000-4000-8000-000000000002"
#define SECRET "kg_abcde_0123456789012345678901234567890123456789012"
#define KEY_ID "22222222-0000-4000-8000-000000000001"

static struct fake *fake;
static const struct kg_host *host;
static kg_stream *stream;

/* ---- Routes to protect --------------------------------------------------- */

/* Who the caller is: subject, tier, scopes, archetypes. */
static inline int32_t
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

static inline int32_t
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

static inline void
serve (void)
{
  fake = fake_new ();
  fake_services (fake);
  ck_assert_msg (fake_open (fake, &kg_plugin_1, NULL) == 0, "%s", fake_error (fake));
  ck_assert_int_eq (fake_open (fake, &api, NULL), 0);
  ck_assert_msg (fake_start (fake) == 0, "%s", fake_error (fake));
}

static inline void
finish (void)
{
  fake_stop (fake);
  fake_store_commit (fake);
  fake_free (fake);
}

/* ---- Records ------------------------------------------------------------- */

static inline const char *
text_of (const char *fmt, ...)
{
  static char text[4096];
  va_list args;
  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  return text;
}

static inline const char *
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
static inline void
key_put_as (const char *id, const char *secret, const char *more)
{
  fake_store_put (fake, "auth.keys", id,
                  text_of ("{\"id\":\"%s\",\"prefix\":\"%.8s\",\"name\":\"n\",\"tenant\":\"" TENANT
                           "\",\"user\":\"ann\",\"tier\":\"\",\"scopes\":[\"read\",\"write\","
                           "\"admin\",\"invoke:world.*\"],\"archetypes\":[\"developer\"],"
                           "\"active\":true,\"hash\":\"%s\"%s}",
                           id, secret, hash_of (secret), more));
}

static inline void
key_put (const char *more)
{
  key_put_as (KEY_ID, SECRET, more);
}

static inline void
tenant_put (const char *tier, const char *status)
{
  fake_store_put (fake, "auth.tenants", TENANT,
                  text_of ("{\"id\":\"" TENANT "\",\"name\":\"Acme\",\"slug\":\"acme\",\"tier\":"
                           "\"%s\",\"status\":\"%s\"}",
                           tier, status));
}

static inline void
user_put (const char *tenant, const char *role, const char *active)
{
  fake_store_put (fake, "auth.users", "ann",
                  text_of ("{\"id\":\"ann\",\"tenant\":\"%s\",\"role\":\"%s\",\"active\":%s}",
                           tenant, role, active));
}

/* ---- Requests ------------------------------------------------------------ */

static inline kg_req *
get_with (const char *target, const char *secret)
{
  return fake_request (fake, "GET", target, HEADERS (text_of ("X-API-Key: %s", secret)), NULL);
}

static inline kg_req *
get (const char *target)
{
  return get_with (target, SECRET);
}

static inline void
expect_who (const char *who)
{
  kg_req *req = get ("/any");
  expect (req, 200, NULL);
  ck_assert_str_eq (fake_body (req), who);
}

/* The limit of the day that is in force. */
static inline void
expect_day (const char *limit)
{
  const char *have = fake_header (get ("/any"), "X-RateLimit-Limit");
  ck_assert_ptr_nonnull (have);
  ck_assert_str_eq (have, limit);
}

static inline void
seconds (int n)
{
  while (n--) {
    fake_advance (fake, 1000);
    fake_run_jobs (fake);
  }
}

#endif
