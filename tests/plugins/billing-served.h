/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* For tests of what becomes of events: a host with the billing plugin, a plugin that has
 * tenants, and a Stripe that sends events. */
#ifndef TESTS_PLUGINS_BILLING_SERVED_H
#define TESTS_PLUGINS_BILLING_SERVED_H

#include "plugins/billing-stripe/engine.h"
#include "tests/fake/fake-services.h"
#include "tests/unit.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>

extern const struct kg_plugin kg_plugin_1;

#define SECRET "whsec_test"
#define DAY    INT64_C (86400)
#define T0     INT64_C (1700000000)

static struct fake *fake;
static int64_t the_time;

/* ---- Tenants ------------------------------------------------------------- */

static struct tenant {
  const char *id;
  char tier[32];
  uint32_t flags;
  int changes;
} tenants[] = { { .id = "t-1" }, { .id = "t-2" }, { .id = "t-3" } };
static int32_t set_error;

/* A change that is on its way, when `late` is not 0. */
static struct {
  int late;
  struct tenant *tenant;
  char tier[32];
  void (*done) (int32_t error, void *arg);
  void *arg;
} under_way;

static inline struct tenant *
tenant_of (const char *id, size_t len)
{
  for (size_t i = 0; i < sizeof tenants / sizeof tenants[0]; i++)
    if (strlen (tenants[i].id) == len && !memcmp (tenants[i].id, id, len))
      return &tenants[i];
  return NULL;
}

static inline int32_t
tenants_exists (kg_str id)
{
  return tenant_of (id.ptr, id.len) != NULL;
}

static inline int32_t
tenants_get (kg_str id, int32_t (*fn) (const struct kg_tenant *, void *), void *arg)
{
  const struct tenant *t = tenant_of (id.ptr, id.len);
  const struct kg_tenant view
      = { .size = sizeof view, .id = t ? t->id : "", .slug = "", .name = "n", .status = "active",
          .metadata = "{}", .tier = t ? t->tier : "", .flags = t ? t->flags : 0 };
  return t ? fn (&view, arg) : -ENOENT;
}

static inline int32_t
tenants_walk (int32_t (*fn) (const struct kg_tenant *, void *), void *arg)
{
  int32_t rc = 0;
  for (size_t i = 0; i < sizeof tenants / sizeof tenants[0] && !rc; i++)
    rc = tenants_get ((kg_str){ tenants[i].id, strlen (tenants[i].id) }, fn, arg);
  return rc;
}

static inline const char *
tenants_tier (uint32_t i)
{
  static const char *const names[] = { "FREE", "PRO", "TEAMS", "ENTERPRISE" };
  return i < 4 ? names[i] : NULL;
}

static inline int32_t
tenants_set (const struct kg_tier_change *c, void (*done) (int32_t, void *), void *arg)
{
  struct tenant *t = tenant_of (c->tenant, strlen (c->tenant));
  ck_assert_ptr_nonnull (t);
  ck_assert_str_eq (c->actor, "billing-stripe");
  if (under_way.late) {
    under_way.tenant = t;
    TEXT_PUT (under_way.tier, c->tier);
    under_way.done = done;
    under_way.arg = arg;
    return 0;
  }
  if (!set_error) {
    text_put (t->tier, sizeof t->tier, c->tier);
    t->changes++;
  }
  done (set_error, arg);
  return 0;
}

static const struct kg_tenants tenants_service
    = { .size = sizeof tenants_service, .exists = tenants_exists, .get = tenants_get,
        .walk = tenants_walk, .tier = tenants_tier, .set_tier = tenants_set };

/* The change that is on its way arrives; those behind it don't wait. */
static inline void
set_arrives (void)
{
  under_way.late = 0;
  TEXT_PUT (under_way.tenant->tier, under_way.tier);
  under_way.done (0, under_way.arg);
}

static inline void
tier_is (const char *id, const char *tier)
{
  ck_assert_str_eq (tenant_of (id, strlen (id))->tier, tier);
}

/* ---- Life ---------------------------------------------------------------- */

static inline int64_t
clock_fake (void)
{
  return the_time;
}

static inline void
open_with (const char *const *conf)
{
  ck_assert_msg (fake_open (fake, &kg_plugin_1, conf) == 0, "%s", fake_error (fake));
  ck_assert_msg (fake_start (fake) == 0, "%s", fake_error (fake));
}

static inline void
open_billing (void)
{
  static const char *const conf[]
      = { "webhook_secret=" SECRET, "plans.0.tier=PRO", "plans.0.prices=price_pro,price_pro_year",
          "plans.1.tier=TEAMS", "plans.1.lookup_keys=teams", "plans.1.products=prod_teams",
          "grace_days=7", "tries=3", NULL };
  open_with (conf);
  fake_run_jobs (fake);
}

static inline void
setup (void)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_TENANTS, &tenants_service, sizeof tenants_service);
  the_time = T0;
  engine_clock = clock_fake;
  set_error = under_way.late = 0;
  for (size_t i = 0; i < sizeof tenants / sizeof tenants[0]; i++) {
    TEXT_PUT (tenants[i].tier, "FREE");
    tenants[i].flags = 0;
    tenants[i].changes = 0;
  }
  open_billing ();
}

static inline void
teardown (void)
{
  fake_stop (fake);
  fake_run_jobs (fake);
  fake_store_commit (fake);
  fake_free (fake);
}

static inline void
restart (void)
{
  fake_stop (fake);
  fake_run_jobs (fake);
  fake_store_commit (fake);
  fake_close (fake);
  open_billing ();
}

/* Options of a host that asks Stripe, too. */
#define STRIPE_CONF \
  "webhook_secret=" SECRET, "api_key=rk_test_1", "api_base=http://stripe.test"

/* Opens it once more, with other options. */
static inline void
reopen (const char *const *conf)
{
  fake_stop (fake);
  fake_close (fake);
  open_with (conf);
}

/* Stripe answers what it was asked, whatever that was: nobody waits when the host ends. */
static inline void
answer_all (void)
{
  for (int i = fake_http_count (fake); i-- > 0;)
    if (!fake_http_call (fake, i)->delivered)
      fake_http_reply (fake, 404, NULL, "{}", -1);
  fake_http_deliver (fake);
  fake_run_jobs (fake);
}

/* What an operator asks for. */
static inline kg_req *
ask (const char *method, const char *target, const char *body)
{
  kg_req *req;
  fake_as (fake, NULL, 1, 1);
  req = fake_request (fake, method, target, NULL, body);
  fake_as (fake, NULL, 0, 0);
  fake_run_jobs (fake);
  return req;
}

/* Some ticks of the timers. */
static inline void
settle (void)
{
  for (int i = 0; i < 6; i++) {
    fake_advance (fake, 1100);
    fake_run_jobs (fake);
  }
}

/* ---- Events -------------------------------------------------------------- */

static inline const char *
event_text (const char *id, const char *type, int64_t created, const char *object)
{
  static char text[16][8192];
  static int at;
  at = (at + 1) % 16;
  snprintf (text[at], sizeof text[at],
            "{\"id\":\"%s\",\"type\":\"%s\",\"created\":%lld,\"livemode\":false,"
            "\"data\":{\"object\":{%s}}}",
            id, type, (long long) created, object);
  return text[at];
}

/* An event of sub_1 of cus_1, in yen. */
static inline const char *
sub_text (const char *id, const char *what, int64_t created, const char *status, const char *price,
          const char *more)
{
  char object[4096], type[64];
  snprintf (type, sizeof type, "customer.subscription.%s", what);
  snprintf (object, sizeof object,
            "\"id\":\"sub_1\",\"customer\":\"cus_1\",\"status\":\"%s\",\"currency\":\"jpy\","
            "\"items\":{\"data\":[{\"quantity\":1,\"price\":{\"id\":\"%s\",\"product\":\"prod_1\","
            "\"unit_amount\":1200,\"currency\":\"jpy\"}}]}%s",
            status, price, more);
  return event_text (id, type, created, object);
}

#define CHECKOUT                                                                          \
  "\"id\":\"cs_1\",\"customer\":\"cus_1\",\"subscription\":\"sub_1\",\"amount_total\":1200," \
  "\"currency\":\"jpy\",\"client_reference_id\":\"t-1\""

static inline kg_req *
send (const char *body)
{
  char header[256], *signed_text = malloc (strlen (body) + 32);
  unsigned char mac[EVP_MAX_MD_SIZE];
  int64_t t = fake_now (fake) / 1000000000;
  int n = snprintf (signed_text, strlen (body) + 32, "%lld.%s", (long long) t, body);
  size_t len;
  HMAC (EVP_sha256 (), SECRET, sizeof SECRET - 1, (unsigned char *) signed_text, (size_t) n, mac,
        NULL);
  len = (size_t) snprintf (header, sizeof header, "Stripe-Signature: t=%lld,v1=", (long long) t);
  for (int i = 0; i < 32; i++)
    len += (size_t) snprintf (header + len, sizeof header - len, "%02x", mac[i]);
  free (signed_text);
  return fake_request (fake, "POST", "/webhooks/stripe", (const char *const[]){ header, NULL },
                       body);
}

/* Sends and lets it have its effect. */
static inline void
take (const char *body)
{
  kg_req *req = send (body);
  ck_assert_msg (fake_status (req) == 200, "%d: %s", fake_status (req), fake_body (req));
  fake_run_jobs (fake);
}

/* ---- The ledger ---------------------------------------------------------- */

static inline int
ledger_count (void)
{
  return fake_log_count (fake, "usage");
}

/* The record with this id, or NULL; there is one at most. */
static inline const char *
ledger_find (const char *id)
{
  const char *found = NULL;
  for (int i = 0; i < ledger_count (); i++)
    if (!strcmp (fake_log_id (fake, "usage", i), id)) {
      ck_assert_ptr_null (found);
      found = fake_log_data (fake, "usage", i);
    }
  return found;
}

static inline void
ledger_has (const char *id, const char *text)
{
  const char *record = ledger_find (id);
  ck_assert_msg (record != NULL, "no record %s", id);
  ck_assert_msg (strstr (record, text) != NULL, "%s is not in %s", text, record);
}

/* Begins a case with a fresh host, and ends it. */
#define CASE(name)                 \
  static void name##_case (void);  \
  START_TEST (name)                \
  {                                \
    setup ();                      \
    name##_case ();                \
    teardown ();                   \
  }                                \
  END_TEST                         \
  static void name##_case (void)

#endif
