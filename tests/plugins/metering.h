/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the tests of metering-openmeter.so share: the fake host, and a plugin that
 * uses something. */
#ifndef TESTS_PLUGINS_METERING_H
#define TESTS_PLUGINS_METERING_H

#include "tests/fake/fake-services.h"

#include <kgent/budget.h>
#include <kgent/json.h>
#include <kgent/meter.h>

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kg_plugin kg_plugin_1;

static struct fake *fake;

/* ---- A plugin that uses something ------------------------------------------- */

static const struct kg_host *host;
static const struct kg_meter *meter;
static int32_t last_note;

static inline int64_t
query (kg_req *req, const char *name, int64_t dflt)
{
  kg_str s = host->get (req, KG_GET_QUERY, name);
  return s.len ? atoi (s.ptr) : dflt;
}

static inline int32_t
use (kg_req *req, void *data)
{
  static char big[9000];
  int64_t i, n = query (req, "n", 1), size = query (req, "size", 0);
  kg_str d = { "{\"path\":\"a/b\",\"x\":1.50}", 23 };
  (void)data;
  if (size) {
    memset (big, ' ', sizeof big);
    big[0] = '{';
    big[size - 1] = '}';
    d = (kg_str){ big, (size_t)size };
  }
  for (i = 0; i < n; i++)
    last_note = meter->note (req, i ? "session.message" : "agentese.invoke", d);
  host->reply (req, (int32_t)query (req, "status", 200), "text/plain", "ok", 2);
  return KG_DONE;
}

static inline int32_t
user_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route billed = { .size = sizeof billed,
                                          .flags = KG_BILLABLE,
                                          .method = "GET",
                                          .pattern = "/use",
                                          .handler = use };
  static const struct kg_route ungated = { .size = sizeof ungated,
                                           .flags = KG_PUBLIC,
                                           .method = "GET",
                                           .pattern = "/free",
                                           .handler = use };
  static const struct kg_route cheap
      = { .size = sizeof cheap, .method = "GET", .pattern = "/cheap", .handler = use };
  (void)conf;
  host = h;
  *ret_data = NULL;
  h->route (self, &billed);
  h->route (self, &ungated);
  h->route (self, &cheap);
  return h->need (self, KG_METER, sizeof *meter, 0, (const void **)&meter);
}

static const struct kg_plugin user
    = { KG_ABI_TARGET,  sizeof user,    sizeof (struct kg_opt), 0,
        .name = "user", .version = "1", .summary = "uses",      .open = user_open };

/* ---- A budget ----------------------------------------------------------------- */

static int32_t charge_result; /* of the next `charged` */
static int charge_asked;
static int64_t charge_money, charge_left;

static inline int32_t
charge (kg_req *req, struct kg_charge *ret)
{
  (void)req;
  charge_asked++;
  ret->tokens = 7;
  ret->money = charge_money;
  ret->key = "0a\"b";
  ret->json = (kg_str){ "{\"tokens\":7}", 12 };
  return charge_result;
}

static inline int64_t
left (kg_req *req, uint32_t kind)
{
  (void)req;
  return kind == KG_BUDGET_TOKENS ? charge_left : KG_BUDGET_UNLIMITED;
}

static inline void
provide_budget (void)
{
  static const struct kg_budget budget
      = { .size = sizeof budget, .left2 = left, .charged = charge };
  charge_result = charge_asked = 0;
  charge_money = 0;
  charge_left = 93;
  fake_provide (fake, KG_BUDGET, &budget, sizeof budget);
}

/* ---- Beginning and end ------------------------------------------------------- */

static const char *const scopes[] = { "read", NULL };
static const struct kg_identity tenant = {
  .size = sizeof tenant, .subject = "u", .tenant = "t\"1", .key_id = "k", .scopes = scopes
};

static inline void
open_with (const char *const *conf)
{
  ck_assert_msg (!fake_open (fake, &kg_plugin_1, conf), "%s", fake_error (fake));
  ck_assert_msg (!fake_open (fake, &user, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
  fake_as (fake, &tenant, 0, 0);
}

static inline void
begin_with (const char *const *conf)
{
  fake = fake_new ();
  fake_services (fake);
  open_with (conf);
}

/* Requests under way are cancelled by stop and must come back. */
static inline void
end (void)
{
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_free (fake);
}

static inline int
get (const char *target)
{
  return fake_status (fake_request (fake, "GET", target, NULL, NULL));
}

static inline void
use_times (int n)
{
  while (n--)
    ck_assert_int_eq (get ("/use"), 200);
}

#endif
