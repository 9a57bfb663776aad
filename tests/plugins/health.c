/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* health.so against the fake host: exact shapes, and documents of routes that
 * the test makes up. */

#include "tests/fake/fake-services.h"

#include <kgent/routes.h>

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kg_plugin kg_plugin_1;

static struct fake *fake;
static const struct kg_health *health;

/* ---- kg.routes/1 as the test wants it ---------------------------------------- */

static int live, ready;
static struct kg_host_view view;
static const struct kg_route *table;
static size_t ntable;

static int32_t
walk_routes (kg_self *self, int32_t (*fn) (const char *, const struct kg_route *, void *),
             void *arg)
{
  int32_t r = 0;
  size_t i;
  (void)self;
  for (i = 0; i < ntable && !r; i++)
    r = fn (i ? "things" : "core", &table[i], arg);
  return r;
}

static int32_t
walk_plugins (kg_self *self, int32_t (*fn) (const struct kg_plugin_view *, void *), void *arg)
{
  static const struct kg_plugin_view things
      = { sizeof things, KG_ABI (1, 0), "things", "2", "Things for \"people\"" };
  (void)self;
  return fn (&things, arg);
}

static int32_t
get_host (kg_self *self, struct kg_host_view *ret)
{
  (void)self;
  *ret = view;
  return 0;
}

static int32_t
get_live (kg_self *self)
{
  (void)self;
  return live;
}

static int32_t
get_ready (kg_self *self)
{
  (void)self;
  return ready;
}

static const struct kg_routes routes = {
  .size = sizeof routes,
  .routes = walk_routes,
  .plugins = walk_plugins,
  .host = get_host,
  .live = get_live,
  .ready = get_ready,
};

static int32_t
nothing (kg_req *req, void *data)
{
  (void)req;
  (void)data;
  return KG_DONE;
}

static const struct kg_route sample[] = {
  { .size = sizeof (struct kg_route),
    .flags = KG_PUBLIC,
    .method = "GET",
    .pattern = "/odd",
    .handler = nothing,
    .summary = "Of the core",
    .response_schema = "{not json" },
  { .size = sizeof (struct kg_route),
    .flags = KG_JSON | KG_BILLABLE,
    .method = "POST",
    .pattern = "/v1/agentese/invoke",
    .scope = "read",
    .handler = nothing,
    .summary = "Invoke",
    .request_schema = "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}}}",
    .response_schema = "{\"type\":\"object\"}",
    .statuses = "201 404 422" },
  { .size = sizeof (struct kg_route),
    .flags = 0,
    .method = "GET",
    .pattern = "/v1/kgent/sessions/{session}",
    .handler = nothing,
    .summary = "One session",
    .parameters = "[{\"name\":\"deep\",\"in\":\"query\",\"schema\":{\"type\":\"boolean\"}}]" },
  { .size = sizeof (struct kg_route),
    .flags = KG_ADMIN,
    .method = "DELETE",
    .pattern = "/admin/v1/keys/{id}",
    .scope = "admin",
    .handler = nothing,
    .statuses = "204" },
  { .size = sizeof (struct kg_route),
    .flags = KG_PUBLIC | KG_HIDDEN,
    .method = "GET",
    .pattern = "/hidden",
    .handler = nothing },
};

/* ---- Driving ------------------------------------------------------------------ */

static kg_component *parts[8];
static const char *const part_names[]
    = { "nats", "soul", "openmeter", "llm", "auth", "metering" };

static int32_t
parts_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret)
{
  size_t i;
  (void)conf;
  (void)ret;
  host->need (self, KG_HEALTH, sizeof *health, 0, (const void **)&health);
  for (i = 0; i < sizeof part_names / sizeof part_names[0]; i++)
    health->add (self, part_names[i], i == 4 ? KG_HEALTH_ESSENTIAL : 0, &parts[i]);
  return 0;
}

static const struct kg_plugin parts_plugin = { .abi = KG_ABI (1, 0),
                                               .size = sizeof (struct kg_plugin),
                                               .opt_size = sizeof (struct kg_opt),
                                               .name = "parts",
                                               .version = "1",
                                               .summary = "components",
                                               .open = parts_open };

static void
set (const char *name, int32_t state, const char *detail)
{
  size_t i = 0;
  while (strcmp (part_names[i], name))
    i++;
  health->set (parts[i], state, 0, "%s", detail);
}

static void
facts (const char *name, const char *json)
{
  size_t i = 0;
  while (strcmp (part_names[i], name))
    i++;
  ck_assert_int_eq (health->facts (parts[i], json, strlen (json)), 0);
}

static void
start (const char *const *conf, int with_parts)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_ROUTES, &routes, sizeof routes);
  if (with_parts)
    ck_assert_msg (fake_open (fake, &parts_plugin, NULL) == 0, "%s", fake_error (fake));
  ck_assert_msg (fake_open (fake, &kg_plugin_1, conf) == 0, "%s", fake_error (fake));
  ck_assert_msg (fake_start (fake) == 0, "%s", fake_error (fake));
}

static void
setup (void)
{
  live = ready = 1;
  table = sample;
  ntable = sizeof sample / sizeof sample[0];
  view = (struct kg_host_view){ .size = sizeof view,
                                .abi = KG_ABI (1, 0),
                                .name = "kgentd",
                                .version = "9.8.7",
                                .started_ns = 1 };
}

static void
teardown (void)
{
  fake_free (fake);
  fake = NULL;
}

static kg_req *
get (const char *target)
{
  return fake_request (fake, "GET", target, NULL, NULL);
}

#define BODY(target, text) ck_assert_str_eq (fake_body (get (target)), text)

/* ---- Probes ------------------------------------------------------------------- */

START_TEST (livez_looks_at_the_loops_only)
{
  kg_req *req;
  start (NULL, 1);
  set ("auth", KG_HEALTH_DOWN, "gone");
  ready = 0;
  req = get ("/livez");
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_body (req), "ok\n");
  ck_assert_int_eq (fake_status (get ("/live")), 200);
  live = 0;
  req = get ("/livez");
  ck_assert_int_eq (fake_status (req), 503);
  ck_assert_str_eq (fake_body (req), "stalled\n");
}
END_TEST

START_TEST (readyz_is_the_hosts_verdict)
{
  kg_req *req;
  start (NULL, 1);
  BODY ("/readyz", "ok\n");
  BODY ("/ready", "ok\n");
  ready = 0;
  req = get ("/readyz");
  ck_assert_int_eq (fake_status (req), 503);
  ck_assert_str_eq (fake_body (req), "unready\n");
}
END_TEST

START_TEST (verbose_is_for_the_admin_listener)
{
  const char *body;
  start (NULL, 1);
  set ("nats", KG_HEALTH_DOWN, "refused");
  BODY ("/readyz?verbose", "ok\n");
  fake_as (fake, NULL, 1, 0);
  body = fake_body (get ("/readyz?verbose"));
  ck_assert_ptr_nonnull (strstr (body, "nats error: refused"));
  ck_assert_ptr_nonnull (strstr (body, "soul starting\n"));
  BODY ("/readyz", "ok\n");
  BODY ("/readyz?terse", "ok\n");
}
END_TEST

/* ---- /health ------------------------------------------------------------------- */

START_TEST (health_of_a_bare_host)
{
  start (NULL, 0);
  BODY ("/health",
        "{\"status\":\"degraded\",\"version\":\"v1\",\"has_llm\":false,\"components\":{"
        "\"soul\":\"not_configured\",\"llm\":\"not_configured\","
        "\"auth\":\"not_configured\",\"metering\":\"not_configured\"}}");
}
END_TEST

START_TEST (health_names_four_first)
{
  size_t i;
  start (NULL, 1);
  for (i = 0; i < 6; i++)
    set (part_names[i], KG_HEALTH_OK, "");
  BODY ("/health", "{\"status\":\"ok\",\"version\":\"v1\",\"has_llm\":true,\"components\":{"
                   "\"soul\":\"ok\",\"llm\":\"ok\",\"auth\":\"ok\",\"metering\":\"ok\","
                   "\"nats\":\"ok\",\"openmeter\":\"ok\"}}");
  set ("llm", KG_HEALTH_ABSENT, "");
  BODY ("/health",
        "{\"status\":\"degraded\",\"version\":\"v1\",\"has_llm\":false,\"components\":{"
        "\"soul\":\"ok\",\"llm\":\"not_configured\",\"auth\":\"ok\",\"metering\":\"ok\","
        "\"nats\":\"ok\",\"openmeter\":\"ok\"}}");
}
END_TEST

START_TEST (health_says_the_worst)
{
  size_t i;
  kg_req *req;
  start (NULL, 1);
  for (i = 0; i < 6; i++)
    set (part_names[i], KG_HEALTH_OK, "");
  set ("nats", KG_HEALTH_DOWN, "say \"no\"");
  req = get ("/health");
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_json (req, "status"), "degraded");
  ck_assert_str_eq (fake_json (req, "components.nats"), "error: say \"no\"");
  set ("nats", KG_HEALTH_OK, "");
  set ("auth", KG_HEALTH_DEGRADED, "slow");
  ck_assert_str_eq (fake_json (get ("/health"), "status"), "degraded");
  ck_assert_str_eq (fake_json (get ("/health"), "components.auth"), "degraded: slow");
  set ("auth", KG_HEALTH_DOWN, "");
  ck_assert_str_eq (fake_json (get ("/health"), "status"), "error");
  ck_assert_str_eq (fake_json (get ("/health"), "components.auth"), "error");
}
END_TEST

START_TEST (health_shows_stale)
{
  start (NULL, 1);
  health->set (parts[1], KG_HEALTH_OK, 1000, "fine");
  ck_assert_str_eq (fake_json (get ("/health"), "components.soul"), "ok");
  fake_advance (fake, 1001);
  ck_assert_str_eq (fake_json (get ("/health"), "components.soul"), "error: stale");
}
END_TEST

/* ---- /health/saas --------------------------------------------------------------- */

START_TEST (saas_without_parts)
{
  start (NULL, 0);
  BODY ("/health/saas", "{\"status\":\"ok\",\"started\":true,"
                        "\"openmeter\":{\"configured\":false,\"status\":\"disabled\"},"
                        "\"nats\":{\"configured\":false,\"status\":\"disabled\"}}");
  view.started_ns = 0;
  BODY ("/health/saas", "{\"status\":\"not_started\",\"started\":false,"
                        "\"openmeter\":{\"configured\":false,\"status\":\"disabled\"},"
                        "\"nats\":{\"configured\":false,\"status\":\"disabled\"}}");
}
END_TEST

START_TEST (saas_with_both)
{
  start (NULL, 1);
  set ("openmeter", KG_HEALTH_OK, "");
  set ("nats", KG_HEALTH_OK, "");
  facts ("openmeter", "{\"events_sent\":7,\"events_failed\":0,\"events_buffered\":2,"
                      "\"last_flush\":\"2026-01-02T03:04:05.000006+00:00\"}");
  facts ("nats", "{\"mode\":\"jetstream\"}");
  BODY ("/health/saas",
        "{\"status\":\"ok\",\"started\":true,\"openmeter\":{\"configured\":true,"
        "\"status\":\"healthy\",\"metrics\":{\"configured\":true,\"running\":true,"
        "\"events_sent\":7,\"events_failed\":0,\"events_buffered\":2,"
        "\"last_flush\":\"2026-01-02T03:04:05.000006+00:00\"}},"
        "\"nats\":{\"configured\":true,\"status\":\"healthy\",\"mode\":\"jetstream\"}}");
}
END_TEST

START_TEST (saas_in_trouble)
{
  kg_req *req;
  start (NULL, 1);
  set ("openmeter", KG_HEALTH_DOWN, "401 from the server");
  set ("nats", KG_HEALTH_DOWN, "no route");
  facts ("nats", "{\"status\":\"circuit_open\",\"mode\":\"fallback\"}");
  req = get ("/health/saas");
  ck_assert_str_eq (fake_json (req, "status"), "degraded");
  ck_assert_str_eq (fake_json (req, "openmeter.status"), "unhealthy");
  ck_assert_str_eq (fake_json (req, "openmeter.error"), "401 from the server");
  ck_assert_str_eq (fake_json (req, "openmeter.metrics.running"), "false");
  ck_assert_str_eq (fake_json (req, "openmeter.metrics.last_flush"), "null");
  ck_assert_str_eq (fake_json (req, "nats.status"), "circuit_open");
  ck_assert_str_eq (fake_json (req, "nats.mode"), "fallback");
  ck_assert_ptr_null (fake_json (req, "nats.error"));
  facts ("nats", "{\"status\":\"party\"}");
  ck_assert_str_eq (fake_json (get ("/health/saas"), "nats.status"), "unhealthy");
  ck_assert_str_eq (fake_json (get ("/health/saas"), "nats.error"), "no route");
}
END_TEST

START_TEST (saas_words_of_other_states)
{
  kg_req *req;
  start (NULL, 1);
  req = get ("/health/saas");
  ck_assert_str_eq (fake_json (req, "openmeter.status"), "not_started");
  ck_assert_str_eq (fake_json (req, "nats.status"), "not_started");
  ck_assert_str_eq (fake_json (req, "status"), "degraded");
  set ("openmeter", KG_HEALTH_DEGRADED, "retrying");
  set ("nats", KG_HEALTH_DEGRADED, "fallback");
  req = get ("/health/saas");
  ck_assert_str_eq (fake_json (req, "openmeter.status"), "degraded");
  ck_assert_str_eq (fake_json (req, "nats.status"), "unhealthy");
  facts ("nats", "{\"status\":\"disconnected\"}");
  ck_assert_str_eq (fake_json (get ("/health/saas"), "nats.status"), "disconnected");
}
END_TEST

/* ---- / ---------------------------------------------------------------------------- */

START_TEST (index_shows_what_is_registered)
{
  start (NULL, 0);
  BODY ("/", "{\"name\":\"kgents SaaS API\",\"version\":\"v1\","
             "\"description\":\"Agents by path: authenticated, limited, metered, billed.\","
             "\"docs\":\"/docs\",\"health\":\"/health\",\"endpoints\":{\"soul\":{},"
             "\"agentese\":{\"invoke\":\"/v1/agentese/invoke\"},"
             "\"kgent\":{\"session\":\"/v1/kgent/sessions/{session}\"},\"webhooks\":{}}}");
}
END_TEST

START_TEST (title_is_configurable)
{
  kg_req *req;
  start ((const char *const[]){ "title=Mine \"x\"", "docs=false", NULL }, 0);
  req = get ("/");
  ck_assert_str_eq (fake_json (req, "name"), "Mine \"x\"");
  ck_assert_str_eq (fake_json (req, "docs"), "null");
  ck_assert_int_eq (fake_status (get ("/docs")), 404);
  ck_assert_int_eq (fake_status (get ("/openapi.json")), 404);
}
END_TEST

/* ---- Documents ---------------------------------------------------------------------- */

#define OP "paths./v1/agentese/invoke.post."

START_TEST (document_has_the_public_routes)
{
  kg_req *req;
  start (NULL, 0);
  req = get ("/openapi.json");
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_header (req, "Content-Type"), "application/json");
  ck_assert_str_eq (fake_json (req, "openapi"), "3.1.0");
  ck_assert_str_eq (fake_json (req, "info.x-kgent-version"), "9.8.7");
  ck_assert_ptr_nonnull (fake_json (req, OP "operationId"));
  ck_assert_str_eq (fake_json (req, OP "operationId"), "postV1AgenteseInvoke");
  ck_assert_str_eq (fake_json (req, OP "tags.0"), "things");
  ck_assert_str_eq (fake_json (req, OP "security.0"), "{\"ApiKey\":[\"read\"]}");
  ck_assert_str_eq (fake_json (req, OP "security.1"), "{\"Bearer\":[\"read\"]}");
  ck_assert_str_eq (fake_json (req, "paths./odd.get.security"), "[]");
  ck_assert_ptr_null (fake_json (req, "paths./hidden"));
  ck_assert_ptr_null (fake_json (req, "paths./admin/v1/keys/{id}"));
  ck_assert_str_eq (fake_json (req, "tags"),
                    "[{\"name\":\"things\",\"description\":\"Things for \\\"people\\\"\"},"
                    "{\"name\":\"core\",\"description\":\"The host itself.\"}]");
}
END_TEST

START_TEST (document_tells_bodies_and_statuses)
{
  kg_req *req;
  start (NULL, 0);
  req = get ("/openapi.json");
  ck_assert_str_eq (
      fake_json (req, OP "requestBody.content.application/json.schema.properties.path.type"),
      "string");
  ck_assert_ptr_nonnull (fake_json (req, OP "responses.201"));
  ck_assert_ptr_null (fake_json (req, OP "responses.200"));
  ck_assert_str_eq (fake_json (req, OP "responses.402"),
                    "{\"$ref\":\"#/components/responses/PaymentRequired\"}");
  ck_assert_ptr_nonnull (fake_json (req, OP "responses.400"));
  ck_assert_ptr_nonnull (fake_json (req, OP "responses.401"));
  ck_assert_ptr_nonnull (fake_json (req, OP "responses.404"));
  ck_assert_ptr_nonnull (fake_json (req, OP "responses.413"));
  ck_assert_ptr_nonnull (fake_json (req, OP "responses.422"));
  ck_assert_ptr_null (fake_json (req, "paths./odd.get.responses.401"));
  ck_assert_ptr_null (fake_json (req, "paths./odd.get.responses.415"));
  ck_assert_ptr_null (fake_json (req, "components.responses.BadGateway"));
  ck_assert_ptr_nonnull (fake_json (req, "components.responses.PaymentRequired"));
}
END_TEST

START_TEST (document_makes_path_parameters)
{
  kg_req *req;
  start (NULL, 0);
  req = get ("/openapi.json");
  ck_assert_str_eq (fake_json (req, "paths./v1/kgent/sessions/{session}.get.parameters"),
                    "[{\"name\":\"deep\",\"in\":\"query\",\"schema\":{\"type\":\"boolean\"}},"
                    "{\"name\":\"session\",\"in\":\"path\",\"required\":true,\"schema\":{"
                    "\"type\":\"string\"}}]");
}
END_TEST

START_TEST (document_offers_keys_where_calls_are_charged)
{
  kg_req *req;
  start (NULL, 0);
  req = get ("/openapi.json");
  ck_assert_str_eq (fake_json (req, OP "parameters.0.name"), "Idempotency-Key");
  ck_assert_str_eq (fake_json (req, OP "parameters.0.in"), "header");
  ck_assert_ptr_nonnull (fake_json (req, OP "responses.409"));
  ck_assert_ptr_null (fake_json (req, "paths./v1/kgent/sessions/{session}.get.responses.409"));
}
END_TEST

START_TEST (document_for_the_admin_listener)
{
  kg_req *req;
  start (NULL, 0);
  fake_as (fake, NULL, 1, 0);
  req = get ("/openapi.json");
  ck_assert_str_eq (fake_json (req, "paths./admin/v1/keys/{id}.delete.operationId"),
                    "deleteAdminV1KeysId");
  ck_assert_str_eq (fake_json (req, "paths./admin/v1/keys/{id}.delete.x-kgent-listener"),
                    "admin");
}
END_TEST

START_TEST (malformed_schema_is_logged)
{
  kg_req *req;
  start (NULL, 0);
  ck_assert_ptr_nonnull (
      strstr (fake_logged (fake), "the response schema of GET /odd (core) is not JSON"));
  req = get ("/openapi.json");
  ck_assert_ptr_null (fake_json (req, "paths./odd.get.responses.200.content"));
}
END_TEST

START_TEST (entity_tags_save_the_body)
{
  kg_req *req;
  char line[128];
  start (NULL, 0);
  req = get ("/openapi.json");
  ck_assert_ptr_nonnull (fake_header (req, "ETag"));
  snprintf (line, sizeof line, "If-None-Match: \"x\", W/%s", fake_header (req, "ETag"));
  req = fake_request (fake, "GET", "/openapi.json", (const char *const[]){ line, NULL }, NULL);
  ck_assert_int_eq (fake_status (req), 304);
  ck_assert_uint_eq (fake_body_len (req), 0);
  req = fake_request (fake, "GET", "/openapi.json",
                      (const char *const[]){ "If-None-Match: \"x\"", NULL }, NULL);
  ck_assert_int_eq (fake_status (req), 200);
  req = fake_request (fake, "GET", "/docs", (const char *const[]){ "If-None-Match: *", NULL },
                      NULL);
  ck_assert_int_eq (fake_status (req), 304);
}
END_TEST

START_TEST (page_is_self_contained)
{
  kg_req *req;
  const char *policy;
  start (NULL, 0);
  req = get ("/docs");
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_ptr_null (strstr (fake_body (req), "http://"));
  ck_assert_ptr_null (strstr (fake_body (req), "https://"));
  ck_assert_ptr_null (strstr (fake_body (req), "innerHTML"));
  policy = fake_header (req, "Content-Security-Policy");
  ck_assert_ptr_nonnull (policy);
  ck_assert_ptr_nonnull (strstr (policy, "default-src 'none'; script-src 'sha256-"));
  ck_assert_ptr_null (strstr (policy, "unsafe"));
  ck_assert_ptr_nonnull (strstr (policy, "frame-ancestors 'none'"));
}
END_TEST

/* ---- /metrics ------------------------------------------------------------------------ */

START_TEST (metrics_are_for_the_admin_listener)
{
  kg_req *req;
  start (NULL, 0);
  ck_assert_int_eq (fake_status (get ("/metrics")), 404);
  fake_as (fake, NULL, 1, 0);
  req = get ("/metrics");
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_header (req, "Content-Type"),
                    "text/plain; version=0.0.4; charset=utf-8");
  req = fake_request (
      fake, "GET", "/metrics",
      (const char *const[]){ "Accept: application/openmetrics-text;version=1.0.0", NULL },
      NULL);
  ck_assert_str_eq (fake_header (req, "Content-Type"),
                    "application/openmetrics-text; version=1.0.0; charset=utf-8");
}
END_TEST

START_TEST (metrics_can_be_public)
{
  start ((const char *const[]){ "public_metrics=true", NULL }, 0);
  ck_assert_int_eq (fake_status (get ("/metrics")), 200);
}
END_TEST

static TCase *
probes_case (void)
{
  TCase *t = tcase_create ("probes");
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, livez_looks_at_the_loops_only);
  tcase_add_test (t, readyz_is_the_hosts_verdict);
  tcase_add_test (t, verbose_is_for_the_admin_listener);
  tcase_add_test (t, health_of_a_bare_host);
  tcase_add_test (t, health_names_four_first);
  tcase_add_test (t, health_says_the_worst);
  tcase_add_test (t, health_shows_stale);
  tcase_add_test (t, saas_without_parts);
  tcase_add_test (t, saas_with_both);
  tcase_add_test (t, saas_in_trouble);
  tcase_add_test (t, saas_words_of_other_states);
  return t;
}

static TCase *
documents_case (void)
{
  TCase *t = tcase_create ("documents");
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, index_shows_what_is_registered);
  tcase_add_test (t, title_is_configurable);
  tcase_add_test (t, document_has_the_public_routes);
  tcase_add_test (t, document_tells_bodies_and_statuses);
  tcase_add_test (t, document_makes_path_parameters);
  tcase_add_test (t, document_offers_keys_where_calls_are_charged);
  tcase_add_test (t, document_for_the_admin_listener);
  tcase_add_test (t, malformed_schema_is_logged);
  tcase_add_test (t, entity_tags_save_the_body);
  tcase_add_test (t, page_is_self_contained);
  tcase_add_test (t, metrics_are_for_the_admin_listener);
  tcase_add_test (t, metrics_can_be_public);
  return t;
}

int
main (void)
{
  Suite *suite = suite_create ("health");
  SRunner *sr;
  int failed;
  suite_add_tcase (suite, probes_case ());
  suite_add_tcase (suite, documents_case ());
  sr = srunner_create (suite);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
