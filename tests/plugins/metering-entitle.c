/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Entitlements in the fake host: grants by operators, use by records of the log, and what
 * the budget is told. */
#include "tests/plugins/metering-entitle.h"

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

UNIT_MAIN ("metering-entitle", grants_burn, a_second_account,
           subjects_late_ones_and_corrections, an_escaped_subject, budgets_are_told, grants_end,
           what_is_no_grant, nobody_keeps_an_audit)
