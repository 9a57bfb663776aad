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

UNIT_MAIN ("auth-tenants", look, walk, set_once, by_hand, refusals, many)
