/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* health.so against the fake host: probes and their exact shapes. */

#include "tests/plugins/health-host.h"

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

UNIT_MAIN_BETWEEN ("health", setup, teardown, livez_looks_at_the_loops_only,
                   readyz_is_the_hosts_verdict, verbose_is_for_the_admin_listener,
                   health_of_a_bare_host, health_names_four_first, health_says_the_worst,
                   health_shows_stale, saas_without_parts, saas_with_both, saas_in_trouble,
                   saas_words_of_other_states)
