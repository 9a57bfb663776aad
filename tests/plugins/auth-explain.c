/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* explain, what is left of limits, and /v1/me: they say what requests then meet. */
#include "tests/plugins/auth-budget.h"

#include "plugins/auth/auth.h"
#include "plugins/auth/explain.h"

#define FREE_OF_LIMITS \
  "\"requests_per_minute\":0,\"requests_per_day\":0,\"concurrent\":0,"

static struct auth *auth; /* the plugin's own */
static char answer[BUSIEST_MAX];

static int32_t
open_and_tell (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  int32_t rc = kg_plugin_1.open (h, self, conf, ret_data);
  auth = rc == 0 ? *ret_data : NULL;
  return rc;
}

/* The routes of the fake host, as far as they matter here. */
static int32_t
routes_list (kg_self *self, int32_t (*fn) (const char *, const struct kg_route *, void *),
             void *arg)
{
  static const struct kg_route routes[] = {
    { .size = sizeof routes[0], .method = "GET", .pattern = "/v1/me", .scope = "read" },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/do", .scope = "read" },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/billable", .scope = "read",
      .flags = KG_BILLABLE },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/buy", .scope = "billing" },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/public", .flags = KG_PUBLIC },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/things/{id}", .scope = "write" },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/things/all", .scope = "read" },
    { .size = sizeof routes[0], .method = "DELETE", .pattern = "/admin/v1/keys/{id}",
      .scope = "admin", .flags = KG_ADMIN },
    { .size = sizeof routes[0], .method = "POST", .pattern = "/v1/agentese/invoke",
      .scope = "read", .flags = KG_BILLABLE },
  };
  int32_t rc = 0;
  (void) self;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0] && rc == 0; i++)
    rc = fn ("plugin", &routes[i], arg);
  return rc;
}

static const struct kg_routes with_routes
    = { .size = sizeof with_routes, .routes = routes_list, .host = view_host };

static void
begin_explain (const char *const *conf)
{
  static struct kg_plugin plugin;
  plugin = kg_plugin_1;
  plugin.open = open_and_tell;
  plugin_now = &plugin;
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_ROUTES, &with_routes, sizeof with_routes);
  conf_now = conf;
  metering = 1;
  nwaiting = 0;
  serve ();
}

static const char *
explain (const char *id, const char *path, const char *method)
{
  struct kg_out out = { answer, 0, sizeof answer - 1 };
  kg_str m = { method, method ? strlen (method) : 0 };
  ck_assert_int_eq (
      explain_key (auth, (kg_str){ id, strlen (id) }, (kg_str){ path, strlen (path) }, m, &out), 0);
  answer[out.len] = 0;
  return answer;
}

static void
says (const char *id, const char *path, const char *method, int status, const char *detail)
{
  char want[400];
  snprintf (want, sizeof want, "{\"verdict\":\"%s\",\"status\":%d,\"detail\":\"%s\",\"checks\":[{",
            status == 200 ? "allow" : "deny", status, detail);
  explain (id, path, method);
  ck_assert_msg (!strncmp (answer, want, strlen (want)), "%s\nnot %s", answer, want);
}

START_TEST (routes)
{
  const char *id;
  begin_explain (NULL);
  key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":0", &id);
  says (id, "/do", NULL, 200, "");
  says (id, "/do?x=1", "HEAD", 200, "");
  says (id, "/do", "POST", 405, "Method Not Allowed");
  says (id, "/nowhere", NULL, 404, "Not Found");
  says (id, "/do/", NULL, 404, "Not Found");
  says (id, "/public", NULL, 200, "");
  says (id, "/things/all", NULL, 200, "");
  ck_assert_ptr_nonnull (strstr (answer, "GET /things/all"));
  says (id, "/things/some", NULL, 403, "API key requires 'write' scope");
  says (id, "/things/", NULL, 404, "Not Found");
  says (id, "/admin/v1/keys/5", "DELETE", 403, "API key requires 'admin' scope");
  ck_assert_ptr_nonnull (strstr (answer, "on the admin listener"));
  end ();
}
END_TEST

START_TEST (agentese)
{
  kg_req *req;
  const char *id;
  begin_explain (NULL);
  req = create ("/admin/v1/keys", "{\"name\":\"k\",\"scopes\":[\"read\",\"invoke:world.house.*\"]}");
  id = fake_json (req, "id");
  says (id, "world.house.door.manifest", NULL, 200, "");
  ck_assert_ptr_nonnull (strstr (answer, "need the scope write"));
  says (id, "world.house.door.manifest[a.b=1]", NULL, 200, "");
  says (id, "world.garden.manifest", NULL, 403,
        "API key requires 'invoke:world.garden' scope");
  key_new (NULL, "", &id);
  says (id, "world.garden.manifest", NULL, 200, "");
  end ();
}
END_TEST

/* What explain says is what the next request gets. */
START_TEST (limits)
{
  const char *tenant, *key, *id;
  kg_req *req;
  begin_explain (NULL);
  tenant = tenant_new (FREE_OF_LIMITS "\"tokens_per_month\":50");
  key = key_new (tenant, "\"requests_per_day\":3,\"requests_per_minute\":10", &id);
  for (int i = 0; i < 3; i++) {
    says (id, "/do", NULL, 200, "");
    ck_assert_int_eq (run (key, "T20,s20"), i < 2 ? 200 : 402);
  }
  ck_assert_int_eq (run (key, "T10,s10"), 200);
  says (id, "/do", NULL, 429, "Rate limit exceeded. 3 requests per day allowed.");
  req = ask (key, "/do?s=");
  ck_assert_int_eq (fake_status (req), 429);
  ck_assert_str_eq (fake_json (req, "detail"), "Rate limit exceeded. 3 requests per day allowed.");
  says (id, "/billable", NULL, 429, "Rate limit exceeded. 3 requests per day allowed.");
  ck_assert_ptr_nonnull (strstr (answer, "{\"check\":\"tenant-tokens\",\"verdict\":\"deny\",\"detail\":"
                                         "\"Monthly token quota exceeded. 50 tokens per month "
                                         "allowed, 50 used.\",\"of\":\"tenant\","
                                         "\"limit\":50,\"used\":50,\"left\":0,"));
  ck_assert_ptr_nonnull (strstr (answer, "{\"check\":\"minute\",\"verdict\":\"allow\","
                                         "\"detail\":\"3 of 10 used\""));
  end ();
}
END_TEST

/* Who has used up the day can still buy more, as fast as the minute allows. */
START_TEST (buying)
{
  const char *key, *id;
  kg_req *req;
  begin_explain (NULL);
  req = create ("/admin/v1/keys", "{\"name\":\"k\",\"scopes\":[\"read\",\"billing\"],\"limits\":"
                                  "{\"requests_per_day\":1,\"requests_per_minute\":3}}");
  id = fake_json (req, "id");
  key = fake_json (req, "key");
  ck_assert_int_eq (run (key, ""), 200);
  ck_assert_int_eq (run (key, ""), 429);
  says (id, "/do", NULL, 429, "Rate limit exceeded. 1 requests per day allowed.");
  for (int i = 0; i < 2; i++) {
    says (id, "/buy", NULL, 200, "");
    ck_assert_int_eq (fake_status (ask (key, "/buy?s=")), 200);
  }
  ck_assert_ptr_nonnull (strstr (answer, "But for routes where a tenant buys more."));
  req = ask (key, "/buy?s=");
  ck_assert_int_eq (fake_status (req), 429);
  ck_assert_str_eq (fake_json (req, "violated_policies"), "[\"minute\"]");
  ck_assert_int_eq (run (key, ""), 429);
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_shadow_denials_total", "day"), 0);
  end ();
}
END_TEST

START_TEST (shadow)
{
  const char *key, *id;
  begin_explain (CONF ("shadow=day"));
  key = key_new (NULL, "\"requests_per_day\":1", &id);
  ck_assert_int_eq (run (key, ""), 200);
  says (id, "/do", NULL, 200, "");
  ck_assert_ptr_nonnull (strstr (answer, "In shadow: only counted."));
  ck_assert_int_eq (run (key, ""), 200);
  end ();
}
END_TEST

static void
operate (const char *method, const char *target, const char *body)
{
  kg_req *req;
  fake_as (fake, NULL, 1, 1);
  req = fake_request (fake, method, target, NULL, body);
  fake_as (fake, NULL, 0, 0);
  fake_run_jobs (fake);
  ck_assert_int_lt (fake_status (req), 300);
}

START_TEST (keys_and_tenants)
{
  const char *tenant, *id;
  char target[128];
  struct kg_out out = { answer, 0, sizeof answer };
  begin_explain (NULL);
  tenant = tenant_new (FREE_OF_LIMITS "\"tokens_per_month\":0");
  key_new (tenant, "", &id);
  snprintf (target, sizeof target, "/admin/v1/tenants/%s", tenant);
  operate ("PATCH", target, "{\"status\":\"suspended\"}");
  says (id, "/do", NULL, 403, "Tenant is suspended");
  operate ("PATCH", target, "{\"status\":\"active\"}");
  says (id, "/do", NULL, 200, "");
  snprintf (target, sizeof target, "/admin/v1/keys/%s", id);
  operate ("DELETE", target, NULL);
  explain (id, "/do", NULL);
  ck_assert_ptr_nonnull (strstr (answer, "{\"verdict\":\"deny\",\"status\":401,"));
  ck_assert_int_eq (explain_key (auth, (kg_str){ "x", 1 }, (kg_str){ "/", 1 }, (kg_str){ NULL, 0 },
                                 &out),
                    -EINVAL);
  ck_assert_int_eq (explain_key (auth, (kg_str){ "00000000-0000-4000-8000-00000000ffff", 36 },
                                 (kg_str){ "/", 1 }, (kg_str){ NULL, 0 }, &out),
                    -ENOENT);
  end ();
}
END_TEST

/* ---- What is left ----------------------------------------------------------- */

static const char *
left_as_text (int32_t (*fn) (struct auth *, kg_str, struct kg_out *), const char *id)
{
  struct kg_out out = { answer, 0, sizeof answer - 1 };
  ck_assert_int_eq (fn (auth, (kg_str){ id, strlen (id) }, &out), 0);
  answer[out.len] = 0;
  return answer;
}

START_TEST (what_is_left)
{
  const char *tenant, *key, *id, *text;
  begin_explain (NULL);
  tenant = tenant_new ("\"requests_per_day\":100,\"requests_per_minute\":0,\"concurrent\":0,"
                       "\"tokens_per_month\":50");
  key = key_new (tenant, "\"requests_per_day\":3", &id);
  text = left_as_text (limits_show_key, id); /* never used */
  ck_assert_ptr_nonnull (strstr (text, "{\"name\":\"day\",\"of\":\"key\",\"limit\":3,\"used\":0,"
                                       "\"left\":3,\"reset_s\":"));
  ck_assert_int_eq (run (key, "T20,s20"), 200);
  text = left_as_text (limits_show_key, id);
  ck_assert_ptr_nonnull (strstr (text, "{\"name\":\"day\",\"of\":\"key\",\"limit\":3,\"used\":1,"
                                       "\"left\":2,\"reset_s\":"));
  ck_assert_ptr_nonnull (strstr (text, "{\"name\":\"tokens\",\"of\":\"tenant\",\"limit\":50,"
                                       "\"used\":20,\"left\":30,\"reset_s\":"));
  text = left_as_text (limits_show_tenant, tenant);
  ck_assert_ptr_null (strstr (text, "\"of\":\"key\""));
  ck_assert_ptr_nonnull (strstr (text, "{\"name\":\"concurrent\",\"of\":\"tenant\",\"limit\":0,"
                                       "\"used\":0,\"left\":null,\"reset_s\":0}"));
  end ();
}
END_TEST

START_TEST (busiest)
{
  struct kg_out out = { answer, 0, sizeof answer - 1 };
  const char *tenant[3], *key[3];
  char want[256];
  begin_explain (NULL);
  for (int i = 0; i < 3; i++) {
    tenant[i] = tenant_new ("\"requests_per_day\":3");
    key[i] = key_new (tenant[i], "", NULL);
    for (int n = 0; n < 2 * i; n++)
      ck_assert_int_eq (run (key[i], n ? "" : "w"), n == 3 ? 429 : n ? 200 : 0);
  }
  ck_assert_int_eq (limits_show_busiest (auth, &out), 0);
  answer[out.len] = 0;
  snprintf (want, sizeof want,
            "{\"tenants\":[{\"tenant\":\"%s\",\"requests_today\":3,\"denied_today\":1,"
            "\"concurrent\":1},{\"tenant\":\"%s\",\"requests_today\":2,\"denied_today\":0,"
            "\"concurrent\":1}]}", tenant[2], tenant[1]);
  ck_assert_str_eq (answer, want);
  for (int i = 0; i < nwaiting; i++)
    fake_resume (i);
  end ();
}
END_TEST

START_TEST (me)
{
  const char *tenant, *key;
  kg_req *req;
  begin_explain (NULL);
  tenant = tenant_new ("\"requests_per_day\":100,\"tokens_per_month\":50,\"spend_per_month\":9");
  key = key_new (tenant, "\"requests_per_month\":3", NULL);
  ck_assert_int_eq (run (key, "T20,s20,M2,s2"), 200);
  req = ask (key, "/v1/me");
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_json (req, "limits.requests_per_month"), "3");
  ck_assert_str_eq (fake_json (req, "limits.requests_per_day"), "null");
  ck_assert_str_eq (fake_json (req, "left.requests_per_month"), "1");
  ck_assert_str_eq (fake_json (req, "used.tokens_month"), "20");
  ck_assert_str_eq (fake_json (req, "used.spend_month"), "2");
  ck_assert_str_eq (fake_json (req, "of_tenant.limits.requests_per_day"), "100");
  ck_assert_str_eq (fake_json (req, "of_tenant.left.requests_per_day"), "98");
  ck_assert_str_eq (fake_json (req, "of_tenant.left.spend_per_month"), "7");
  ck_assert_str_eq (fake_json (req, "of_tenant.used.tokens_today"), "20");
  ck_assert_uint_eq (strlen (fake_json (req, "month_ends_at")), TEXT_TIME - 1);
  end ();
}
END_TEST

/* More keys than there are counters: who has none is not let in uncounted. */
START_TEST (all_cells_are_taken)
{
  const char *key, *other;
  uint8_t id[16] = { 0 };
  begin_explain (CONF ("cells=1024"));
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":0", NULL);
  other = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":0", NULL);
  ck_assert_int_eq (run (key, ""), 200);
  for (int i = 0; i < 1022; i++) { /* one is the key's, one its tenant's */
    memcpy (id, &i, sizeof i);
    ck_assert_uint_ne (cells_number (&auth->cells, id, CELL_KEY), 0);
  }
  ck_assert_int_eq (run (other, ""), 503);
  ck_assert_int_eq (run (key, ""), 200);
  fake_advance (fake, 1500);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_health (fake, "auth"), KG_HEALTH_DEGRADED);
  ck_assert_str_eq (fake_health_detail (fake, "auth"),
                    "no room for counters: all are taken; raise auth.cells");
  end ();
}
END_TEST

UNIT_MAIN ("auth-explain", routes, agentese, limits, buying, shadow, keys_and_tenants, what_is_left, busiest,
           me, all_cells_are_taken)
