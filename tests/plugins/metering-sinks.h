/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Sinks of metering-openmeter.so in the fake host: their answers, and how they are. */
#ifndef TESTS_PLUGINS_METERING_SINKS_H
#define TESTS_PLUGINS_METERING_SINKS_H

#include "tests/plugins/metering.h"

static const char *const one[]
    = { "url=http://127.0.0.1:9/", "api_key=secret", "batch_size=4", NULL };

static inline void
turn (int64_t ms)
{
  fake_advance (fake, ms);
  fake_run_jobs (fake);
}

static inline void
answer_with (int status, const char *body)
{
  fake_http_reply (fake, status, NULL, body, -1);
  ck_assert_int_eq (fake_http_deliver (fake), 1);
  fake_run_jobs (fake);
}

static inline void
answer (int status)
{
  answer_with (status, "");
}

static inline const struct fake_call *
last_call (void)
{
  return fake_http_call (fake, fake_http_count (fake) - 1);
}

/* An operator's request; jobs are run. */
static inline kg_req *
operate (const char *method, const char *target)
{
  static const char *const admin[] = { "admin", NULL };
  static const struct kg_identity who = {
    .size = sizeof who, .subject = "olga", .tenant = "ops", .key_id = "o", .scopes = admin
  };
  kg_req *req;
  fake_as (fake, &who, 1, 0);
  req = fake_request (fake, method, target, NULL, NULL);
  fake_run_jobs (fake);
  fake_as (fake, &tenant, 0, 0);
  return req;
}

static inline void
status_is (const char *path, const char *want)
{
  kg_req *req = operate ("GET", "/admin/v1/meter/status");
  const char *got;
  ck_assert_int_eq (fake_status (req), 200);
  got = fake_json (req, path);
  ck_assert_msg (got && !strcmp (got, want), "%s: %s in %s", path, got ? got : "none",
                 fake_body (req));
}

/* Everything is accounted for. */
static inline void
balanced (void)
{
  turn (1100);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_unaccounted", NULL), 0);
  status_is ("sinks.0.unaccounted", "0");
}

/* `n` events, each of which the server refuses. */
static inline void
park (int n)
{
  use_times (n);
  turn (2);
  while (!last_call ()->delivered)
    answer (strcmp (last_call ()->method, "POST") ? 200 : 400);
  turn (1100);
}

#endif
