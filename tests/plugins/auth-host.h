/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The auth plugin in the fake host, and routes to protect. */
#ifndef TESTS_PLUGINS_AUTH_HOST_H
#define TESTS_PLUGINS_AUTH_HOST_H

#include "tests/plugins/auth-api.h"

#include <kgent/budget.h>
#include <kgent/routes.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct kg_plugin kg_plugin_1;

#define ALICE    HEADERS ("X-API-Key: kg_dev_alice")
#define ALICE_ID "00000000-0000-4000-8000-00000000000a"
#define BOB      HEADERS ("X-API-Key: kg_dev_bob")
#define CAROL    HEADERS ("X-API-Key: kg_dev_carol")

static struct fake *fake;
static int32_t loopback;

/* ---- A plugin with routes to protect ------------------------------------- */

static const struct kg_host *host;
static const struct kg_budget *budget;
static int64_t left;

static inline int32_t
route_ok (kg_req *req, void *data)
{
  (void) data;
  host->reply (req, 200, "text/plain", "ok", 2);
  return KG_DONE;
}

static inline int32_t
route_spends (kg_req *req, void *data)
{
  (void) data;
  ck_assert_int_eq (budget->spend (req, 4000), 0);
  left = budget->left (req);
  host->reply (req, host->get (req, KG_GET_QUERY, "fail").ptr ? 500 : 200, "text/plain", "ok", 2);
  return KG_DONE;
}

static int32_t
api_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route routes[] = {
    { .size = sizeof routes[0], .method = "GET", .pattern = "/public", .handler = route_ok,
      .flags = KG_PUBLIC },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/read", .handler = route_ok,
      .scope = "read" },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/write", .handler = route_ok,
      .scope = "write" },
    { .size = sizeof routes[0], .method = "GET", .pattern = "/spend", .handler = route_spends,
      .scope = "read", .flags = KG_BILLABLE },
  };
  (void) conf;
  *ret_data = NULL;
  host = h;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
    ck_assert_int_eq (h->route (self, &routes[i]), 0);
  return h->need (self, KG_BUDGET, sizeof *budget, 0, (const void **) &budget);
}

static inline int32_t
view_host (kg_self *self, struct kg_host_view *ret)
{
  (void) self;
  ret->loopback = loopback;
  return 0;
}

static const struct kg_routes routes_service = { .size = sizeof routes_service, .host = view_host };

static inline void
host_new (void)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_ROUTES, &routes_service, sizeof routes_service);
  loopback = 1;
}

static inline void
serve (const char *const *conf)
{
  ck_assert_msg (fake_open (fake, &kg_plugin_1, conf) == 0, "%s", fake_error (fake));
  ck_assert_int_eq (fake_open (fake, &api, NULL), 0);
  ck_assert_msg (fake_start (fake) == 0, "%s", fake_error (fake));
}

static inline void
setup (void)
{
  host_new ();
  serve (HEADERS ("dev_keys=true"));
}

/* The host's order: stop, the store's last writes, close. */
static inline void
teardown (void)
{
  fake_stop (fake);
  fake_store_commit (fake);
  fake_free (fake);
}

/* Creates a key as the operator; its secret, and its id in *ret_id. */
static inline const char *
key_new (const char *body, const char **ret_id)
{
  kg_req *req;
  fake_as (fake, NULL, 1, 1);
  req = fake_request (fake, "POST", "/admin/v1/keys", NULL, body);
  fake_as (fake, NULL, 0, 0);
  fake_run_jobs (fake);
  ck_assert_msg (fake_status (req) == 201, "%d %s", fake_status (req), fake_body (req));
  if (ret_id)
    *ret_id = fake_json (req, "id");
  return fake_json (req, "key");
}

static inline kg_req *
get_with (const char *target, const char *secret)
{
  char line[128];
  snprintf (line, sizeof line, "X-API-Key: %s", secret);
  return fake_request (fake, "GET", target, HEADERS (line), NULL);
}

#endif
