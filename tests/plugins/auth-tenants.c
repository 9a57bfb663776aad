/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* tenants/1, as a plugin that bills uses it. */
#include "tests/plugins/auth-admin.h"

#include <kgent/tenants.h>

#include <errno.h>

#define TENANTS "/admin/v1/tenants"
#define NOBODY  "11111111-1111-4111-8111-111111111111"

static const struct kg_tenants *
service (void)
{
  return fake_service (fake, KG_TENANTS);
}

static kg_str
str (const char *s)
{
  return (kg_str){ s, strlen (s) };
}

/* A tenant with this slug; its id. */
static const char *
make (const char *slug, const char *more)
{
  kg_req *req = ask ("POST", TENANTS,
                     text ("{\"name\":\"%s\",\"slug\":\"%s\"%s}", slug, slug, more));
  return fake_json (expect (req, 201, NULL), "id");
}

struct end {
  int count;
  int32_t error;
};

static void
ended (int32_t error, void *arg)
{
  struct end *e = arg;
  e->count++;
  e->error = error;
}

static int32_t
begin_set (const char *id, const char *tier, const char *reason, struct end *end)
{
  const struct kg_tier_change change = { .size = sizeof change, .tenant = id, .tier = tier,
                                         .actor = "billing-stripe", .reason = reason };
  *end = (struct end){ 0 };
  return service ()->set_tier (&change, ended, end);
}

/* Sets and waits; what `done` was told. */
static int32_t
set (const char *id, const char *tier)
{
  struct end end;
  ck_assert_int_eq (begin_set (id, tier, "sub_1 is active", &end), 0);
  fake_run_jobs (fake);
  ck_assert_int_eq (end.count, 1);
  return end.error;
}

static int32_t
tier_seen (const struct kg_tenant *t, void *arg)
{
  snprintf (arg, 64, "%s", t->tier);
  return 7;
}

static void
tier_is (const char *tenant, const char *tier)
{
  char got[64] = "";
  ck_assert_int_eq (service ()->get (str (tenant), tier_seen, got), 7);
  ck_assert_str_eq (got, tier);
}

CASE (look)
{
  const char *id = make ("acme", "");
  char none[64];
  ck_assert_int_eq (service ()->exists (str (id)), 1);
  ck_assert_int_eq (service ()->exists (str (NOBODY)), 0);
  ck_assert_int_eq (service ()->exists (str ("acme")), 0);
  ck_assert_int_eq (service ()->exists ((kg_str){ NULL, 0 }), 0);
  tier_is (id, "FREE");
  tier_is ("acme", "FREE");
  ck_assert_int_eq (service ()->get (str ("other"), tier_seen, none), -ENOENT);
  ck_assert_int_eq (service ()->get (str (NOBODY), tier_seen, none), -ENOENT);
  ck_assert_str_eq (service ()->tier (0), "FREE");
  ck_assert_ptr_null (service ()->tier (1000));
}

static int32_t
count (const struct kg_tenant *t, void *arg)
{
  int *n = arg;
  ck_assert_str_eq (t->status, "active");
  return ++*n == 2 ? 5 : 0;
}

CASE (walk)
{
  int n = 0;
  ck_assert_int_eq (service ()->walk (count, &n), 0);
  make ("a", "");
  make ("b", "");
  make ("c", "");
  n = 0;
  ck_assert_int_eq (service ()->walk (count, &n), 5);
}

CASE (set_once)
{
  const char *id = make ("acme", "");
  int records = fake_log_count (fake, "auth.audit");
  const char *record;
  struct end end;
  ck_assert_int_eq (set (id, "PRO"), 0);
  tier_is (id, "PRO");
  ck_assert_int_eq (fake_log_count (fake, "auth.audit"), records + 1);
  record = fake_log_data (fake, "auth.audit", records);
  ck_assert_ptr_nonnull (strstr (record, "\"actor\":\"billing-stripe\",\"key\":null,"
                                         "\"action\":\"tenant.tier\""));
  ck_assert_ptr_nonnull (strstr (record, "\"before\":{\"tier\":\"FREE\"},\"after\":{\"tier\":"
                                         "\"PRO\",\"reason\":\"sub_1 is active\"}"));
  ck_assert_int_eq (set (id, "PRO"), 0);
  ck_assert_int_eq (fake_log_count (fake, "auth.audit"), records + 1);
  ck_assert_int_eq (begin_set (id, "TEAMS", NULL, &end), 0);
  fake_run_jobs (fake);
  record = fake_log_data (fake, "auth.audit", records + 1);
  ck_assert_ptr_nonnull (strstr (record, "\"after\":{\"tier\":\"TEAMS\"}"));
  ck_assert_int_eq (set (id, "PRO"), 0);
  restart ();
  tier_is (id, "PRO");
  has (ask ("GET", text (TENANTS "/%s", id), NULL), "tier_source", "billing");
}

CASE (by_hand)
{
  const char *id = make ("acme", ",\"tier_source\":\"manual\",\"tier\":\"TEAMS\"");
  ck_assert_int_eq (set (id, "TEAMS"), 0);
  ck_assert_int_eq (set (id, "PRO"), -EPERM);
  tier_is (id, "TEAMS");
  restart ();
  has (ask ("GET", text (TENANTS "/%s", id), NULL), "tier_source", "manual");
  expect (ask ("PATCH", text (TENANTS "/%s", id), "{\"tier_source\":\"me\"}"), 422, NULL);
  expect (ask ("PATCH", text (TENANTS "/%s", id), "{\"tier_source\":null}"), 200, NULL);
  ck_assert_int_eq (set (id, "PRO"), 0);
  tier_is (id, "PRO");
}

CASE (refusals)
{
  const char *id = make ("acme", "");
  struct end end;
  ck_assert_int_eq (set (NOBODY, "PRO"), -ENOENT);
  ck_assert_int_eq (begin_set (id, "GOLD", NULL, &end), -EINVAL);
  ck_assert_int_eq (begin_set ("acme", "PRO", NULL, &end), -EINVAL);
  fake_store_fail (fake, -ENOSPC, -1);
  ck_assert_int_eq (set (id, "PRO"), -ENOSPC);
  fake_store_fail (fake, 0, 0);
  tier_is (id, "FREE");
  ck_assert_int_eq (begin_set (id, "PRO", NULL, &end), 0);
  fake_stop (fake);
  fake_run_jobs (fake);
  ck_assert_int_eq (end.count, 1);
}

/* Those who wait get their turn, in order, among the operator's changes. */
CASE (many)
{
  static struct end end[300];
  const char *id = make ("acme", "");
  int taken = 0, told = 0;
  for (int i = 0; i < 300; i++)
    taken += begin_set (id, i % 2 ? "FREE" : "PRO", "x", &end[i]) == 0;
  ck_assert_int_eq (taken, 256);
  while (fake_run_jobs (fake))
    ;
  for (int i = 0; i < 300; i++)
    told += end[i].count == 1 && end[i].error == 0;
  ck_assert_int_eq (told, 256);
  tier_is (id, "FREE");
}

/* ---- Many at once --------------------------------------------------------- */

#define CROWD 200

static struct end crowd_end[CROWD];
static char crowd_id[CROWD][64];

/* So many tenants whose tiers are on their way. */
static void
crowd_begin (int n)
{
  for (int i = 0; i < n; i++)
    snprintf (crowd_id[i], sizeof crowd_id[i], "%s", make (text ("t%d", i), ""));
  fake_store_hold (fake, 1);
  for (int i = 0; i < n; i++)
    ck_assert_int_eq (begin_set (crowd_id[i], "PRO", "x", &crowd_end[i]), 0);
}

static int
crowd_told (int n, int32_t error)
{
  int told = 0;
  for (int i = 0; i < n; i++)
    told += crowd_end[i].count == 1 && crowd_end[i].error == error;
  return told;
}

/* Runs what there is until nothing waits for the disk: how often that was written to. */
static int
writes (void)
{
  int n = 0;
  fake_run_jobs (fake);
  for (; fake_store_commit (fake); n++)
    fake_run_jobs (fake);
  return n;
}

/* Each has its record, in their order, and these hang together. */
static void
crowd_audited (int n, int first)
{
  for (int i = 0; i < n; i++)
    ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.audit", first + i),
                                   text ("\"action\":\"tenant.tier\",\"target\":\"%s\"",
                                         crowd_id[i])));
  ck_assert_int_eq (fake_log_count (fake, "auth.audit"), first + n);
  restart ();
  ck_assert_int_eq (fake_health (fake, "audit"), KG_HEALTH_OK);
  for (int i = 0; i < n; i++)
    tier_is (crowd_id[i], "PRO");
}

CASE (together)
{
  crowd_begin (CROWD);
  ck_assert_int_le (writes (), 4);
  ck_assert_int_eq (crowd_told (CROWD, 0), CROWD);
  crowd_audited (CROWD, CROWD);
}

/* Another process writes a record meanwhile: nobody is lost, nobody is changed twice. */
CASE (together_overtaken)
{
  int n = 0;
  crowd_begin (CROWD);
  fake_run_jobs (fake);
  for (int i = 1; i <= 40 && n < CROWD; i++) {
    if (i <= 20)
      fake_store_put (fake, "auth.audit", "head",
                      text ("{\"seq\":%d,\"hash\":\"%064d\"}", 1000 * i, i));
    fake_store_commit (fake);
    fake_run_jobs (fake);
    n = crowd_told (CROWD, 0);
    ck_assert_int_eq (fake_log_count (fake, "auth.audit"), CROWD + n);
  }
  ck_assert_int_eq (n, CROWD);
}

CASE (together_no_disk)
{
  crowd_begin (100);
  fake_store_fail (fake, -ENOSPC, -1);
  writes ();
  ck_assert_int_eq (crowd_told (100, -ENOSPC), 100);
  fake_store_fail (fake, 0, 0);
  ck_assert_int_eq (fake_log_count (fake, "auth.audit"), 100);
  fake_store_hold (fake, 0);
  for (int i = 0; i < 100; i++)
    tier_is (crowd_id[i], "FREE");
}

/* Some have it, some are nobody's business, one is changed twice, and the operator comes in
 * between: each is told what happened, in order. */
CASE (together_mixed)
{
  struct end end[7];
  const char *id[4] = { make ("a", ""), make ("b", ""), make ("c", ""),
                        make ("d", ",\"tier_source\":\"manual\"") };
  static const char *const tiers[] = { "PRO", "TEAMS", "FREE", "PRO", "TEAMS", "PRO", "PRO" };
  static const int32_t errors[] = { 0, 0, 0, -EPERM, 0, -ENOENT, -EPERM };
  kg_req *req;
  fake_store_hold (fake, 1);
  for (int i = 0; i < 4; i++) /* c has it, d is set by hand */
    ck_assert_int_eq (begin_set (id[i], tiers[i], "x", &end[i]), 0);
  ck_assert_int_eq (begin_set (id[0], tiers[4], "x", &end[4]), 0);
  ck_assert_int_eq (begin_set (NOBODY, tiers[5], "x", &end[5]), 0);
  req = begin ("PATCH", text (TENANTS "/%s", id[1]), "{\"tier_source\":\"manual\"}");
  ck_assert_int_eq (begin_set (id[1], tiers[6], "x", &end[6]), 0);
  ck_assert_int_eq (writes (), 3);
  expect (req, 200, NULL);
  for (int i = 0; i < 7; i++) {
    ck_assert_int_eq (end[i].count, 1);
    ck_assert_int_eq (end[i].error, errors[i]);
  }
  ck_assert_int_eq (fake_log_count (fake, "auth.audit"), 4 + 4);
  tier_is (id[0], "TEAMS");
  tier_is (id[1], "TEAMS");
  tier_is (id[2], "FREE");
}

/* However many wait, the operator is not refused. */
CASE (room_for_operator)
{
  struct end end;
  kg_req *req;
  crowd_begin (CROWD);
  while (begin_set (crowd_id[0], "PRO", "x", &crowd_end[0]) == 0)
    ;
  ck_assert_int_eq (begin_set (crowd_id[1], "PRO", "x", &end), -EAGAIN);
  req = begin ("POST", TENANTS, "{\"name\":\"late\"}");
  writes ();
  expect (req, 201, NULL);
}

UNIT_MAIN ("auth-tenants", look, walk, set_once, by_hand, refusals, many, together,
           together_overtaken, together_no_disk, together_mixed, room_for_operator)
