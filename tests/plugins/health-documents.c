/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* health.so against the fake host: documents of routes that the test makes up. */

#include "tests/plugins/health-host.h"

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

UNIT_MAIN_BETWEEN ("health-documents", setup, teardown, index_shows_what_is_registered,
                   title_is_configurable, document_has_the_public_routes,
                   document_tells_bodies_and_statuses, document_makes_path_parameters,
                   document_offers_keys_where_calls_are_charged,
                   document_for_the_admin_listener, malformed_schema_is_logged,
                   entity_tags_save_the_body, page_is_self_contained,
                   metrics_are_for_the_admin_listener, metrics_can_be_public)
