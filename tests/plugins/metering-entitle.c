/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Entitlements in the fake host: grants by operators, use by records of the log, and what
 * the budget is told; with kills and disks that fail in between. */
#include "tests/plugins/metering-usage.h"

#include <kgent/audit.h>
#include <kgent/budget.h>
#include <kgent/tenants.h>

#include <unistd.h>

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

static void attempt (struct task *t);

static void
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

static void
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

static int32_t
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

static int32_t
tenants_exists (kg_str id)
{
  return !(id.len == 6 && !memcmp (id.ptr, "nobody", 6));
}

static int64_t told_total[3], told_left[3];
static uint32_t told_month;
static int tellings;

static int32_t
budget_month (kg_str tenant, int64_t time_ns, struct kg_budget_month *ret)
{
  int64_t day = 86400 * S;
  (void)tenant;
  ret->number = (uint32_t)(time_ns / (30 * day));
  ret->from_ns = ret->number * 30 * day;
  ret->to_ns = ret->from_ns + 30 * day;
  return 0;
}

static int32_t
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

static int64_t
budget_left2 (kg_req *req, uint32_t kind)
{
  (void)req;
  return kind == KG_BUDGET_TOKENS ? 5 : -EACCES;
}

static int32_t
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

static void
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
static void
turn (void)
{
  for (int i = 0; i < 3; i++) {
    fake_advance (fake, 300);
    fake_run_jobs (fake);
    fake_store_commit (fake);
  }
}

static int
send (const char *method, const char *target, const char *body)
{
  fake_as (fake, NULL, 1, 1);
  asked = fake_request (fake, method, target, NULL, body);
  fake_store_commit (fake);
  fake_run_jobs (fake);
  said = fake_body (asked);
  return fake_status (asked);
}

static const char *
give (const char *body)
{
  ck_assert_msg (send ("POST", ACME, body) == 201, "%d %s", fake_status (asked), said);
  return fake_json (asked, "id");
}

static int
own (const char *target)
{
  as ("acme", 0);
  return ask (target);
}

static void
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
static void
used (const char *tenant, const char *n)
{
  append (tenant, clock_ns (), "{\"type\":\"t.a\",\"data\":{\"n\":%s}}", n);
}

/* ---- Cases ----------------------------------------------------------------------------------- */

START_TEST (grants_burn)
{
  open_all ();
  worth ("units", "0", "0", "0");
  used ("\"acme\"", "9"); /* before the grant */
  ck_assert_str_eq (give ("{\"feature\":\"units\",\"amount\":10.5}") ? "" : "?", "");
  ck_assert_str_eq (value ("amount"), "10.5");
  ck_assert_str_eq (value ("recurrence"), "NONE");
  ck_assert_str_eq (value ("expires_at"), "null");
  ck_assert_ptr_nonnull (strstr (audited, "grant.create"));
  worth ("units", "10.5", "0", "0");
  used ("\"acme\"", "4.25");
  used ("\"other\"", "100");
  turn ();
  worth ("units", "6.25", "4.25", "0");
  ck_assert_str_eq (value ("hasAccess"), "true");
  used ("\"acme\"", "7");
  used ("\"ac\\u006de\"", "1");
  turn ();
  worth ("units", "0", "12.25", "1.75");
  ck_assert_str_eq (value ("hasAccess"), "false");
  give ("{\"feature\":\"calls\",\"amount\":\"3\",\"priority\":1}");
  used ("\"acme\"", "1");
  turn ();
  worth ("calls", "2", "1", "0");
  ck_assert_int_eq (own ("/v1/entitlements"), 200);
  ck_assert_str_eq (value ("entitlements.0.feature"), "calls");
  ck_assert_str_eq (value ("entitlements.0.grants.0.balance"), "2");
  ck_assert_str_eq (value ("entitlements.1.feature"), "units");
  as ("other", 0);
  ck_assert_int_eq (ask ("/v1/entitlements"), 200);
  ck_assert_str_eq (said, "{\"entitlements\":[]}");
  end ();
}
END_TEST

/* What was used before the grant is none of it, also where others have accounts. */
START_TEST (a_second_account)
{
  open_all ();
  ck_assert_int_eq (send ("POST", "/admin/v1/tenants/other/grants",
                          "{\"feature\":\"units\",\"amount\":100}"), 201);
  used ("\"other\"", "1");
  turn ();
  used ("\"acme\"", "9");
  used ("\"acme\"", "9");
  turn ();
  give ("{\"feature\":\"units\",\"amount\":10}");
  turn ();
  worth ("units", "10", "0", "0");
  used ("\"acme\"", "4");
  turn ();
  worth ("units", "6", "4", "0");
  as ("other", 0);
  ck_assert_int_eq (ask ("/v1/entitlements/units/value"), 200);
  ck_assert_str_eq (value ("balance"), "99");
  end ();
}
END_TEST

START_TEST (subjects_late_ones_and_corrections)
{
  open_all ();
  give ("{\"feature\":\"units\",\"amount\":100}");
  used ("\"acme\"", "10");
  append ("\"admin\"", clock_ns (), /* for another one's account; of now, and of last week */
          "{\"type\":\"t.a\",\"subject\":\"acme\",\"data\":{\"n\":5}},"
          "{\"type\":\"t.a\",\"id\":\"1\",\"source\":\"s\",\"time\":\"2020-01-01T00:00:00Z\","
          "\"subject\":\"acme\",\"data\":{\"n\":30}}");
  used ("\"acme\"", "\"no number\"");
  turn ();
  worth ("units", "85", "15", "0"); /* overage of 2020 is not of this month */
  append ("\"acme\"", clock_ns (),
          "{\"type\":\"t.a\",\"id\":\"2\",\"source\":\"s\",\"ext\":{\"corrects\":\"1\"},"
          "\"data\":{\"n\":-4}}");
  turn ();
  worth ("units", "89", "11", "0");
  end ();
}
END_TEST

/* However its letters are written. */
START_TEST (an_escaped_subject)
{
  open_all ();
  ck_assert_int_eq (send ("POST", "/admin/v1/tenants/elevator-elevator-elevator/grants", "{\"feature\":\"units\",\"amount\":9}"), 201);
  append ("\"admin\"", clock_ns (),
          "{\"type\":\"t.a\",\"subject\":\""
          "\\u0065\\u006c\\u0065\\u0076\\u0061\\u0074\\u006f\\u0072\\u002d\\u0065"
          "\\u006c\\u0065\\u0076\\u0061\\u0074\\u006f\\u0072\\u002d\\u0065\\u006c"
          "\\u0065\\u0076\\u0061\\u0074\\u006f\\u0072"
          "\",\"data\":{\"n\":5}}");
  turn ();
  as ("elevator-elevator-elevator", 0);
  ck_assert_int_eq (ask ("/v1/entitlements/units/value"), 200);
  ck_assert_str_eq (value ("balance"), "4");
  end ();
}
END_TEST

START_TEST (budgets_are_told)
{
  open_all ();
  ck_assert_int_eq (tellings, 0);
  give ("{\"feature\":\"budget.tokens\",\"amount\":100}");
  fake_run_jobs (fake);
  ck_assert_int_eq (told_total[1], 100);
  ck_assert_int_eq (told_left[1], 100);
  charge (30, 7);
  turn ();
  ck_assert_int_eq (told_total[1], 100);
  ck_assert_int_eq (told_left[1], 70);
  ck_assert_int_eq (told_total[2], 0);
  worth ("budget.tokens", "70", "30", "0");
  ck_assert_str_eq (value ("hasAccess"), "true"); /* as the budget says */
  give ("{\"feature\":\"budget.money\",\"amount\":5}");
  fake_run_jobs (fake);
  ck_assert_int_eq (told_total[2], 5);
  memset (told_total, 0, sizeof told_total);
  fake_stop (fake);
  fake_store_commit (fake);
  fake_close (fake);
  up (conf); /* before any timer */
  ck_assert_int_eq (told_total[1], 100);
  ck_assert_int_eq (told_left[1], 70);
  end ();
}
END_TEST

START_TEST (grants_end)
{
  char target[128];
  const char *id;
  open_all ();
  id = give ("{\"feature\":\"budget.tokens\",\"amount\":100}");
  snprintf (target, sizeof target, ACME "/%s", id);
  charge (40, 0);
  turn ();
  ck_assert_int_eq (send ("DELETE", target, NULL), 200);
  ck_assert_str_ne (value ("voided_at"), "null");
  ck_assert_ptr_nonnull (strstr (audited, "grant.void"));
  ck_assert_int_eq (records, 2);
  fake_run_jobs (fake);
  ck_assert_int_eq (told_total[1], 40); /* what was used of it stays allowed */
  ck_assert_int_eq (told_left[1], 0);
  ck_assert_int_eq (send ("DELETE", target, NULL), 409);
  ck_assert_int_eq (send ("DELETE", ACME "/11111111-1111-4111-8111-111111111111", NULL), 404);
  ck_assert_int_eq (send ("DELETE", "/admin/v1/tenants/else/grants/x", NULL), 404);
  ck_assert_int_eq (send ("GET", ACME, NULL), 200);
  ck_assert_str_eq (value ("entitlements.0.grants.0.balance"), "0");
  end ();
}
END_TEST

START_TEST (what_is_no_grant)
{
  static const char *const bad[][2]
      = { { "[]", "body" },
          { "{\"amount\":1}", "feature" },
          { "{\"feature\":\"most\",\"amount\":1}", "feature" },
          { "{\"feature\":\"\",\"amount\":1}", "feature" },
          { "{\"feature\":\"units\"}", "amount" },
          { "{\"feature\":\"units\",\"amount\":-1}", "amount" },
          { "{\"feature\":\"units\",\"amount\":1e18}", "amount" },
          { "{\"feature\":\"units\",\"amount\":true}", "amount" },
          { "{\"feature\":\"budget.tokens\",\"amount\":1.5}", "amount" },
          { "{\"feature\":\"budget.money\",\"amount\":1099511627776}", "amount" },
          { "{\"feature\":\"units\",\"amount\":1,\"priority\":256}", "priority" },
          { "{\"feature\":\"units\",\"amount\":1,\"recurrence\":\"HOUR\"}", "recurrence" },
          { "{\"feature\":\"units\",\"amount\":1,\"rollover\":1}", "rollover" },
          { "{\"feature\":\"units\",\"amount\":1,\"effective\":\"2020-01-01T00:00:00Z\"}", "effective" },
          { "{\"feature\":\"units\",\"amount\":1,\"effective\":5}", "effective" },
          { "{\"feature\":\"units\",\"amount\":1,\"expires\":\"2020-01-01T00:00:00Z\"}", "expires" },
          { "{\"feature\":\"units\",\"amount\":1,\"x\":1}", "body" } };
  open_all ();
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    ck_assert_msg (send ("POST", ACME, bad[i][0]) == 422, "%s: %s", bad[i][0], said);
    ck_assert_str_eq (value ("errors.0.loc.1"), bad[i][1]);
  }
  ck_assert_int_eq (send ("POST", "/admin/v1/tenants/nobody/grants",
                          "{\"feature\":\"units\",\"amount\":1}"), 404);
  ck_assert_int_eq (send ("GET", "/admin/v1/tenants/nobody/grants", NULL), 404);
  ck_assert_int_eq (own ("/v1/entitlements/most/value"), 404);
  ck_assert_int_eq (records, 0);
  for (int i = 0; i < 64; i++)
    give ("{\"feature\":\"units\",\"amount\":1,\"recurrence\":\"MONTH\",\"rollover\":2}");
  ck_assert_int_eq (send ("POST", ACME, "{\"feature\":\"units\",\"amount\":1}"), 409);
  worth ("units", "64", "0", "0");
  end ();
}
END_TEST

START_TEST (nobody_keeps_an_audit)
{
  fake = fake_new ();
  fake_services (fake);
  up (conf);
  ck_assert_int_eq (send ("POST", ACME, "{\"feature\":\"units\",\"amount\":1}"), 501);
  ck_assert_int_eq (send ("GET", ACME, NULL), 200);
  end ();
}
END_TEST

/* ---- Each event once ---------------------------------------------------------------------------- */

static uint64_t seed;

static uint32_t
rnd (uint32_t n)
{
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(seed >> 33) % n;
}

static int64_t foreign; /* what another process has counted for acme */

/* Another process changes an account while our turn is written. */
static void
foreigner (void)
{
  const char *old = fake_store_get (fake, "usage.accounts", "acme/units"), *at, *rest;
  char text[16384], state[64];
  at = strstr (old, "\"usage\":\"") + 9;
  rest = strchr (at, '"');
  snprintf (text, sizeof text, "%.*s%lld%s", (int)(at - old), old, atoll (at) + 7, rest);
  snprintf (state, sizeof state, "%s", fake_store_get (fake, "usage.accounts", "state"));
  fake_store_put (fake, "usage.accounts", "acme/units", text);
  fake_store_put (fake, "usage.accounts", "state", state);
  foreign += 7;
}

static void
trouble (void)
{
  switch (rnd (7)) {
  case 6:
    fake_store_hold (fake, 1);
    fake_advance (fake, 300);
    fake_run_jobs (fake);
    foreigner ();
    fake_store_hold (fake, 0);
    fake_store_commit (fake);
    fake_run_jobs (fake);
    break;
  case 0: /* killed while it writes */
    fake_store_hold (fake, 1);
    turn ();
    fall (conf);
    fake_store_hold (fake, 0);
    break;
  case 1: /* killed behind it */
    turn ();
    fall (conf);
    break;
  case 2:
    fake_store_fail (fake, -EIO, 1 + (int)rnd (3));
    turn ();
    fake_store_fail (fake, 0, 0);
    break;
  case 3: /* a grant while a turn is written */
    fake_store_hold (fake, 1);
    fake_advance (fake, 300);
    fake_run_jobs (fake);
    fake_as (fake, NULL, 1, 1);
    asked = fake_request (fake, "POST", ACME, NULL, "{\"feature\":\"calls\",\"amount\":1}");
    fake_store_hold (fake, 0);
    fake_store_commit (fake);
    fake_run_jobs (fake);
    break;
  default:
    turn ();
  }
}

START_TEST (each_event_once)
{
  const char *s = getenv ("SEED"), *r = getenv ("ROUNDS");
  int rounds = r ? atoi (r) : 60;
  int64_t sum[2] = { 0 };
  char text[32];
  seed = s ? strtoull (s, NULL, 10) : (uint64_t)time (NULL) ^ (uint64_t)getpid () << 32;
  printf ("# SEED=%llu\n", (unsigned long long)seed);
  fflush (stdout);
  open_all ();
  give ("{\"feature\":\"units\",\"amount\":1000000}");
  ck_assert_int_eq (send ("POST", "/admin/v1/tenants/b/grants",
                          "{\"feature\":\"units\",\"amount\":1000000}"), 201);
  while (rounds--) {
    for (uint32_t n = rnd (5); n; n--) {
      uint32_t who = rnd (2), k = rnd (100);
      snprintf (text, sizeof text, "%u", k);
      used (who ? "\"b\"" : "\"acme\"", text);
      sum[who] += k;
    }
    trouble ();
  }
  turn ();
  turn ();
  ck_assert_int_eq (atoll (strstr (fake_store_get (fake, "usage.accounts", "acme/units"),
                                   "\"usage\":\"") + 9), foreign);
  for (int who = 0; who < 2; who++) {
    as (who ? "b" : "acme", 0);
    ck_assert_int_eq (ask ("/v1/entitlements/units/value"), 200);
    snprintf (text, sizeof text, "%" PRId64, sum[who]);
    ck_assert_str_eq (value ("usage"), text);
    snprintf (text, sizeof text, "%" PRId64, 1000000 - sum[who]);
    ck_assert_str_eq (value ("balance"), text);
  }
  end ();
}
END_TEST

UNIT_MAIN ("metering-entitle", grants_burn, a_second_account, subjects_late_ones_and_corrections,
           an_escaped_subject, budgets_are_told,
           grants_end, what_is_no_grant, nobody_keeps_an_audit, each_event_once)
