/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* For tests of budgets: a host with auth, a plugin that does with them what a request
 * says, and one that meters. */
#ifndef TESTS_PLUGINS_AUTH_BUDGET_H
#define TESTS_PLUGINS_AUTH_BUDGET_H

#include "tests/fake/fake-services.h"
#include "tests/unit.h"

#include <kgent/budget.h>
#include <kgent/json.h>
#include <kgent/routes.h>

#include <errno.h>
#include <stdio.h>

extern const struct kg_plugin kg_plugin_1;
static struct fake *fake;
static const struct kg_host *host;
static const struct kg_budget *budget;
static const struct kg_store *store;

#define CONF(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- A shop ---------------------------------------------------------------- */

static int32_t rc_last;      /* of the budget's last function */
static int64_t left_last[4]; /* by kind, at the end of the last request */
static kg_ticket *waiting[8];
static int nwaiting;

static int32_t
shop_end (kg_req *req, void *arg)
{
  (void) arg;
  host->reply (req, 200, "text/plain", "ok", 2);
  return KG_DONE;
}

/* GET /do?s=T10,s7: reserves 10 tokens (M: money, R: requests), settles 7; x releases,
 * p spends, w waits for fake_resume, q answers with a status. */
static int32_t
shop_do (kg_req *req, void *data)
{
  kg_str s = host->get (req, KG_GET_QUERY, "s");
  kg_reservation *stack[8] = { NULL }, **top = stack;
  char script[128];
  (void) data;
  snprintf (script, sizeof script, "%.*s", (int) s.len, s.ptr);
  for (char *step = strtok (script, ","); step; step = strtok (NULL, ",")) {
    int64_t n = atoll (step + 1);
    const char *kind = strchr ("TMR", *step);
    rc_last = 0;
    if (kind) {
      rc_last = budget->reserve (req, (uint32_t) (kind - "TMR") + 1, n, top + 1);
      if (rc_last == -EDQUOT)
        return budget->refuse (req, (uint32_t) (kind - "TMR") + 1, n);
      top += rc_last == 0;
    } else if (*step == 's')
      rc_last = budget->settle (req, *top, n);
    else if (*step == 'x')
      budget->release (req, *top--);
    else if (*step == 'p')
      rc_last = budget->spend (req, (uint64_t) n);
    else if (*step == 'q')
      return host->problem (req, (int32_t) n, NULL, "as you like");
    else if (*step == 'w') {
      waiting[nwaiting++] = host->suspend (req, NULL, NULL);
      return KG_WAIT;
    }
  }
  for (uint32_t i = 1; i <= 3; i++)
    left_last[i] = budget->left2 (req, i);
  return shop_end (req, NULL);
}

static inline void
fake_resume (int i)
{
  host->resume (waiting[i], shop_end, NULL, NULL);
  fake_run (fake);
}

static int32_t
shop_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route routes[]
      = { { .size = sizeof routes[0], .method = "GET", .pattern = "/do", .handler = shop_do,
            .scope = "read" },
          { .size = sizeof routes[0], .method = "GET", .pattern = "/billable",
            .handler = shop_do, .scope = "read", .flags = KG_BILLABLE },
          { .size = sizeof routes[0], .method = "GET", .pattern = "/buy", .handler = shop_do,
            .scope = "billing" },
          { .size = sizeof routes[0], .method = "GET", .pattern = "/public",
            .handler = shop_do, .flags = KG_PUBLIC } };
  (void) conf;
  *ret_data = NULL;
  host = h;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
    ck_assert_int_eq (h->route (self, &routes[i]), 0);
  return h->need (self, KG_BUDGET, sizeof *budget, 0, (const void **) &budget);
}

static void
nothing (void *data)
{
  (void) data;
}

static const struct kg_plugin shop
    = { .abi = KG_ABI_CURRENT, .size = sizeof shop, .opt_size = sizeof (struct kg_opt),
        .name = "shop", .version = "1", .summary = "", .open = shop_open, .close = nothing };

/* ---- A meter --------------------------------------------------------------- */

static int metering;            /* 1: records what is charged */
static int32_t charged;         /* what the last question was answered */
static struct kg_charge charge; /* and with what */
static kg_log *usage;

static int32_t
meter_commit (kg_req *req, void *data)
{
  char text[512];
  int64_t status = host->num (req, KG_NUM_STATUS);
  (void) data;
  charge = (struct kg_charge){ .size = sizeof charge };
  charged = 0;
  if (!metering || status < 200 || status > 299 || !host->identity (req))
    return KG_NEXT;
  charged = budget->charged (req, &charge);
  if (charged != 1)
    return charged == -EACCES ? KG_NEXT : charged;
  snprintf (text, sizeof text, "{\"tenant\":\"%s\",\"key\":\"%s\",\"time\":1,\"charge\":%.*s,"
            "\"events\":[]}", host->identity (req)->tenant, charge.key, (int) charge.json.len,
            charge.json.ptr);
  return store->record (usage, req, text, strlen (text), NULL);
}

static int32_t
meter_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  int32_t rc = h->need (self, KG_STORE, sizeof *store, 0, (const void **) &store);
  (void) conf;
  *ret_data = NULL;
  if (rc == 0)
    rc = store->log (self, "usage", 30, 30, &usage);
  return rc == 0 ? h->hook (self, KG_PHASE_COMMIT, meter_commit) : rc;
}

static const struct kg_plugin meter
    = { .abi = KG_ABI_CURRENT, .size = sizeof meter, .opt_size = sizeof (struct kg_opt),
        .name = "meter", .version = "1", .summary = "", .open = meter_open, .close = nothing };

/* ---- The host -------------------------------------------------------------- */

static inline int32_t
view_host (kg_self *self, struct kg_host_view *ret)
{
  (void) self;
  ret->loopback = 1;
  return 0;
}

static const struct kg_routes routes_service = { .size = sizeof routes_service, .host = view_host };
static const char *const *conf_now;
static const struct kg_plugin *plugin_now = &kg_plugin_1;

static inline void
serve (void)
{
  ck_assert_msg (fake_open (fake, plugin_now, conf_now) == 0, "%s", fake_error (fake));
  ck_assert_int_eq (fake_open (fake, &shop, NULL), 0);
  ck_assert_int_eq (fake_open (fake, &meter, NULL), 0);
  ck_assert_msg (fake_start (fake) == 0, "%s\n%s", fake_error (fake), fake_logged (fake));
}

static inline void
begin (const char *const *conf)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_ROUTES, &routes_service, sizeof routes_service);
  conf_now = conf;
  metering = 1;
  nwaiting = 0;
  serve ();
}

/* Of a killed process nothing reaches the store any more: what its requests do is to
 * clear up. */
static inline void
restart (int killed)
{
  if (killed)
    fake_crash (fake);
  for (int i = 0; i < nwaiting; i++)
    fake_resume (i);
  fake_stop (fake);
  fake_store_commit (fake);
  fake_close (fake);
  nwaiting = 0;
  serve ();
}

static inline void
end (void)
{
  fake_stop (fake);
  fake_store_commit (fake);
  fake_free (fake);
}

/* Creates something as the operator. */
static inline kg_req *
create (const char *target, const char *body)
{
  kg_req *req;
  fake_as (fake, NULL, 1, 1);
  req = fake_request (fake, "POST", target, NULL, body);
  fake_as (fake, NULL, 0, 0);
  fake_run_jobs (fake);
  ck_assert_msg (fake_status (req) == 201, "%d %s", fake_status (req), fake_body (req));
  return req;
}

/* A tenant's id, with these limits ("" or "\"tokens_per_month\":5"). */
static inline const char *
tenant_new (const char *limits)
{
  static int n;
  char body[256];
  snprintf (body, sizeof body, "{\"name\":\"t%d\",\"tier\":\"ENTERPRISE\",\"limits\":{%s}}", n++,
            limits);
  return fake_json (create ("/admin/v1/tenants", body), "id");
}

/* A key's secret; tenant NULL: the one where keys go that name none. */
static inline const char *
key_new (const char *tenant, const char *limits, const char **ret_id)
{
  char body[512], of[64] = "";
  kg_req *req;
  if (tenant)
    snprintf (of, sizeof of, ",\"tenant\":\"%s\"", tenant);
  snprintf (body, sizeof body, "{\"name\":\"k\"%s,\"limits\":{%s}}", of, limits);
  req = create ("/admin/v1/keys", body);
  if (ret_id)
    *ret_id = fake_json (req, "id");
  return fake_json (req, "key");
}

static inline kg_req *
ask (const char *secret, const char *target)
{
  char line[128];
  snprintf (line, sizeof line, "X-API-Key: %s", secret);
  return fake_request (fake, "GET", target, CONF (line), NULL);
}

/* Runs a script of shop_do; the status. */
static inline int
run (const char *secret, const char *script)
{
  char target[160];
  snprintf (target, sizeof target, "/do?s=%s", script);
  return fake_status (ask (secret, target));
}

static inline int64_t
left_of (const char *secret, uint32_t kind)
{
  ck_assert_int_eq (run (secret, ""), 200);
  return left_last[kind];
}

#define TOKENS   KG_BUDGET_TOKENS
#define MONEY    KG_BUDGET_MONEY
#define REQUESTS KG_BUDGET_REQUESTS

#endif
