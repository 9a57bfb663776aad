/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* agentese.so against the fake host: what calls cost. */

#include "tests/plugins/agentese.h"

static const char *const prices[]
    = { "prices.0.path=world.house.manifest", "prices.0.tokens=10",
        "prices.1.path=world.house.*",        "prices.1.tokens=3",
        "prices.1.tokens_per_kb=5",           "prices.1.money=2",
        "prices.2.path=world.barn.*",         "prices.2.tokens_per_kb=5",
        "prices.2.tokens_max=7",              NULL };

static void
begin_priced (void)
{
  begin_with (prices);
  budget_left[KG_BUDGET_TOKENS] = budget_left[KG_BUDGET_MONEY] = 100000;
}

START_TEST (a_fixed_price)
{
  kg_req *req = invoke ("world.house.manifest", NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "tokens_used", "10");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 10);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 10);
  ck_assert_ptr_nonnull (strstr (note_data, "\"tokens_used\":10}"));
  ck_assert_int_eq (held[KG_BUDGET_MONEY].kind, 0); /* the first that covers it counts */
}
END_TEST

START_TEST (a_price_by_size)
{
  char changes[3300];
  kg_req *req = invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"a\":1}}");
  HAS (req, "tokens_used", "8"); /* 3, and one begun KiB */
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 3 + 64 * 5);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 8);
  ck_assert_int_eq (held[KG_BUDGET_MONEY].settled, 2);
  snprintf (changes, sizeof changes, ",\"kwargs\":{\"changes\":{\"a\":\"%0*d\"}}", 2500, 0);
  HAS (invoke ("world.house.transform", changes), "tokens_used", "18");
  HAS (invoke ("world.barn.transform", changes), "tokens_used", "7"); /* the maximum */
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 7);
}
END_TEST

START_TEST (the_rest_is_free)
{
  budget_left[KG_BUDGET_TOKENS] = budget_left[KG_BUDGET_MONEY] = 0;
  HAS (invoke ("world.tree.manifest", NULL), "tokens_used", "0");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].kind, 0);
}
END_TEST

START_TEST (nothing_is_done_without_a_budget)
{
  budget_left[KG_BUDGET_TOKENS] = 322; /* one less than it may cost */
  ck_assert_int_eq (
      fake_status (invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"a\":1}}")), 402);
  ck_assert_ptr_null (fake_store_get (fake, "agentese.nodes", "t1/world.house"));
  ck_assert_int_eq (noted, 0);
  budget_left[KG_BUDGET_TOKENS] = 323;
  budget_left[KG_BUDGET_MONEY] = 1;
  HAS (invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"a\":1}}"), "detail",
       "kind 2: 2");
  ck_assert_ptr_null (fake_store_get (fake, "agentese.nodes", "t1/world.house"));
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_refusals_total", "unaffordable"), 2);
}
END_TEST

START_TEST (failures_settle_nothing)
{
  ck_assert_int_eq (fake_status (invoke ("world.house.transform", NULL)), 400);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, -1);
  fake_store_fail (fake, -ENOSPC, 1);
  ck_assert_int_eq (
      fake_status (invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"a\":1}}")), 503);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, -1);
  ck_assert_int_eq (fake_status (invoke ("world.house.witness[minimal_output=true]", NULL)), 200);
  ck_assert_int_eq (
      fake_status (invoke ("world.house.affordances[minimal_output=true]", NULL)), 422);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, -1);
}
END_TEST

START_TEST (what_is_refused_reserves_nothing)
{
  act_as ("t1", read_only, any);
  ck_assert_int_eq (fake_status (invoke ("world.house.transform", NULL)), 403);
  ck_assert_int_eq (fake_status (invoke ("world.house.dance", NULL)), 403);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].kind, 0);
}
END_TEST

START_TEST (callers_without_a_budget_are_served)
{
  budget_error = -EACCES;
  HAS (invoke ("world.house.manifest", NULL), "tokens_used", "10");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].kind, 0);
}
END_TEST

static const struct {
  const char *conf;
  int result;
} patterns[] = {
  { "prices.0.path=*", 0 },
  { "prices.0.path=world.*", 0 },
  { "prices.0.path=world.house.manifest", 0 },
  { "prices.0.path=World.*", -EINVAL },
  { "prices.0.path=.*", -EINVAL },
  { "prices.0.path=world", -EINVAL },
  { "prices.0.path=moon.house.*", -EINVAL },
  { "prices.0.path=world.house.manifest[phase=PLAN]", -EINVAL },
  { "prices.0.path=", -EINVAL },
};

START_TEST (patterns_are_checked)
{
  const char *conf[] = { patterns[_i].conf, NULL };
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_BUDGET, &budget, sizeof budget);
  ck_assert_int_eq (fake_open (fake, &kg_plugin_1, conf), patterns[_i].result);
  fake_free (fake);
}
END_TEST

START_TEST (prices_need_a_budget)
{
  static const struct kg_budget old = { .size = offsetof (struct kg_budget, reserve) };
  static const char *const conf[] = { "prices.0.path=*", "prices.0.tokens=1", NULL };
  fake = fake_new ();
  fake_services (fake);
  ck_assert_int_lt (fake_open (fake, &kg_plugin_1, conf) || fake_start (fake) ? -1 : 0, 0);
  fake_free (fake);
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_BUDGET, &old, sizeof old);
  ck_assert_int_eq (fake_open (fake, &kg_plugin_1, conf), 0);
  ck_assert_int_eq (fake_start (fake), -ENOTSUP);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "speaks 1.0"));
  fake_free (fake);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("agentese-price");
  TCase *t = tcase_create ("prices"), *own = tcase_create ("configurations");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin_priced, end);
  tcase_add_test (t, a_fixed_price);
  tcase_add_test (t, a_price_by_size);
  tcase_add_test (t, the_rest_is_free);
  tcase_add_test (t, nothing_is_done_without_a_budget);
  tcase_add_test (t, failures_settle_nothing);
  tcase_add_test (t, what_is_refused_reserves_nothing);
  tcase_add_test (t, callers_without_a_budget_are_served);
  tcase_add_loop_test (own, patterns_are_checked, 0, (int)(sizeof patterns / sizeof *patterns));
  tcase_add_test (own, prices_need_a_budget);
  suite_add_tcase (s, t);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
