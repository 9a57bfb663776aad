/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* metering-openmeter.so with its grants in the fake host, beside what auth does; and use. */
#ifndef TESTS_PLUGINS_METERING_ENTITLE_H
#define TESTS_PLUGINS_METERING_ENTITLE_H

#include "tests/plugins/metering-usage.h"

#include <kgent/audit.h>
#include <kgent/budget.h>
#include <kgent/tenants.h>

#define S INT64_C (1000000000)
#define ACME "/admin/v1/tenants/acme/grants"

/* ---- What auth does ----------------------------------------------------------------- */

static int records; /* of audit */
static char audited[2048];

struct task {
  int32_t (*build) (struct kg_audit_change *, void *);
  void (*done) (int32_t, void *);
  void *arg;
  int tries;
};

static inline void attempt (struct task *t);

static inline void
audit_written (const struct kg_outcome *outcome, void *arg)
{
  struct task *t = arg;
  struct task copy = *t;
  if (outcome->error == -ESTALE || outcome->error == -EEXIST) {
    if (t->tries++ < 4) {
      attempt (t);
      return;
    }
  }
  records += !outcome->error;
  free (t);
  copy.done (outcome->error, copy.arg);
}

static inline void
attempt (struct task *t)
{
  struct kg_audit_change c = { .size = sizeof c };
  int32_t r = t->build (&c, t->arg);
  if (r > 0) {
    snprintf (audited, sizeof audited, "%s %s %.*s %.*s", c.action, c.target, (int)c.before.len,
              c.before.ptr ? c.before.ptr : "", (int)c.after.len, c.after.ptr);
    ck_assert_int_eq (store->write (appender_self, c.ops, c.nops, c.op_size, audit_written, t), 0);
    return;
  }
  t->done (r, t->arg);
  free (t);
}

static inline int32_t
audit_change (const char *actor, const char *key,
              int32_t (*build) (struct kg_audit_change *, void *), void (*done) (int32_t, void *),
              void *arg)
{
  struct task *t = malloc (sizeof *t);
  ck_assert (actor && (key || !strcmp (actor, "local")));
  *t = (struct task){ build, done, arg, 0 };
  attempt (t);
  return 0;
}

static inline int32_t
tenants_exists (kg_str id)
{
  return !(id.len == 6 && !memcmp (id.ptr, "nobody", 6));
}

static int64_t told_total[3], told_left[3];
static uint32_t told_month;
static int tellings;

static inline int32_t
budget_month (kg_str tenant, int64_t time_ns, struct kg_budget_month *ret)
{
  int64_t day = 86400 * S;
  (void)tenant;
  ret->number = (uint32_t)(time_ns / (30 * day));
  ret->from_ns = ret->number * 30 * day;
  ret->to_ns = ret->from_ns + 30 * day;
  return 0;
}

static inline int32_t
budget_raise (kg_str tenant, uint32_t kind, uint32_t month, int64_t total, int64_t left)
{
  if (tenant.len != 4 || memcmp (tenant.ptr, "acme", 4))
    return -ENOENT;
  tellings++;
  told_month = month;
  told_total[kind] = total;
  told_left[kind] = left;
  return 0;
}

static inline int64_t
budget_left2 (kg_req *req, uint32_t kind)
{
  (void)req;
  return kind == KG_BUDGET_TOKENS ? 5 : -EACCES;
}

static inline int32_t
budget_charged (kg_req *req, struct kg_charge *ret)
{
  (void)req, (void)ret;
  return -EACCES;
}

static const struct kg_audit audit_service = { .size = sizeof audit_service, .change = audit_change };
static const struct kg_tenants tenants_service
    = { .size = sizeof tenants_service, .exists = tenants_exists };
static const struct kg_budget budget_service = { .size = sizeof budget_service,
                                                 .left2 = budget_left2,
                                                 .charged = budget_charged,
                                                 .month = budget_month,
                                                 .raise = budget_raise };

/* ---- Tools -------------------------------------------------------------------------------- */

static const char *const conf[]
    = { "meters.0.slug=units", "meters.0.type=t.a", "meters.0.aggregation=SUM", "meters.0.value=n",
        "meters.1.slug=calls", "meters.1.type=t.a", "meters.1.aggregation=COUNT",
        "meters.2.slug=most",  "meters.2.type=t.a", "meters.2.aggregation=MAX", "meters.2.value=n",
        NULL };

static inline void
open_all (void)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_AUDIT, &audit_service, sizeof audit_service);
  fake_provide (fake, KG_TENANTS, &tenants_service, sizeof tenants_service);
  fake_provide (fake, KG_BUDGET, &budget_service, sizeof budget_service);
  tellings = records = 0;
  memset (told_total, 0, sizeof told_total);
  up (conf);
}

/* The timer runs, and what it wrote is there. */
static inline void
turn (void)
{
  for (int i = 0; i < 3; i++) {
    fake_advance (fake, 300);
    fake_run_jobs (fake);
    fake_store_commit (fake);
  }
}

static inline int
send (const char *method, const char *target, const char *body)
{
  fake_as (fake, NULL, 1, 1);
  asked = fake_request (fake, method, target, NULL, body);
  fake_store_commit (fake);
  fake_run_jobs (fake);
  said = fake_body (asked);
  return fake_status (asked);
}

static inline const char *
give (const char *body)
{
  ck_assert_msg (send ("POST", ACME, body) == 201, "%d %s", fake_status (asked), said);
  return fake_json (asked, "id");
}

static inline int
own (const char *target)
{
  as ("acme", 0);
  return ask (target);
}

static inline void
worth (const char *feature, const char *balance, const char *usage, const char *overage)
{
  char target[128];
  snprintf (target, sizeof target, "/v1/entitlements/%s/value", feature);
  ck_assert_int_eq (own (target), 200);
  ck_assert_msg (!strcmp (value ("balance"), balance) && !strcmp (value ("usage"), usage)
                     && !strcmp (value ("overage"), overage),
                 "%s", said);
}

/* What is recorded now. */
static inline void
used (const char *tenant, const char *n)
{
  append (tenant, clock_ns (), "{\"type\":\"t.a\",\"data\":{\"n\":%s}}", n);
}

#endif
