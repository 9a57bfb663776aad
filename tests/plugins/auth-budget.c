/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* budget/1: reservations, what is charged, refusals and notices. */
#include "tests/plugins/auth-budget.h"

#include <time.h>

#define FREE_OF_LIMITS \
  "\"requests_per_minute\":0,\"requests_per_day\":0,\"concurrent\":0,"

START_TEST (reserves_and_settles)
{
  const char *key;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100", NULL);
  ck_assert_int_eq (run (key, "T60,s25"), 200);
  ck_assert_int_eq (left_last[TOKENS], 75);
  ck_assert_int_eq (run (key, "T60,T15,s15"), 200); /* the first one is never settled */
  ck_assert_int_eq (left_last[TOKENS], 0);
  ck_assert_int_eq (left_of (key, TOKENS), 60);
  ck_assert_int_eq (run (key, "T60,x"), 200);
  ck_assert_int_eq (left_last[TOKENS], 60);
  ck_assert_int_eq (run (key, "T60,s60"), 200);
  ck_assert_int_eq (left_of (key, TOKENS), 0);
  ck_assert_str_eq (fake_header (ask (key, "/do?s="), "X-Tokens-Month"), "100");
  ck_assert_str_eq (fake_header (ask (key, "/do?s="), "X-Tokens-Today"), "100");
  end ();
}
END_TEST

START_TEST (counts_at_once)
{
  const char *key;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100", NULL);
  ck_assert_int_eq (run (key, "T70,w"), 0);
  ck_assert_int_eq (left_of (key, TOKENS), 30);
  ck_assert_int_eq (run (key, "T31"), 402);
  ck_assert_int_eq (run (key, "T30,w"), 0);
  ck_assert_int_eq (run (key, "T1"), 402);
  fake_resume (0);
  ck_assert_int_eq (left_of (key, TOKENS), 70);
  fake_resume (1);
  ck_assert_int_eq (left_of (key, TOKENS), 100);
  end ();
}
END_TEST

START_TEST (tenant_and_key)
{
  const char *tenant, *a, *b;
  kg_req *req;
  begin (CONF ("upgrade_url=https://example.com/plans"));
  tenant = tenant_new (FREE_OF_LIMITS "\"tokens_per_month\":100");
  a = key_new (tenant, "\"tokens_per_month\":50", NULL);
  b = key_new (tenant, "", NULL);
  ck_assert_int_eq (run (a, "T50,s50"), 200);
  ck_assert_int_eq (left_of (b, TOKENS), 50);
  req = ask (a, "/do?s=T1");
  ck_assert_int_eq (fake_status (req), 402);
  ck_assert_str_eq (fake_json (req, "violated_policies"), "[\"tokens\"]");
  ck_assert_str_eq (fake_json (req, "detail"),
                    "Monthly token quota exceeded. 50 tokens per month allowed, 50 used.");
  req = ask (b, "/do?s=T51");
  ck_assert_int_eq (fake_status (req), 402);
  ck_assert_str_eq (fake_json (req, "violated_policies"), "[\"tenant-tokens\"]");
  ck_assert_str_eq (fake_json (req, "needed"), "51");
  ck_assert_str_eq (fake_json (req, "left"), "50");
  ck_assert_str_eq (fake_json (req, "upgrade_url"), "https://example.com/plans");
  ck_assert_str_eq (fake_json (req, "detail"), "Monthly token quota exceeded. 100 tokens per "
                                               "month allowed, 50 used.");
  ck_assert_str_eq (fake_json (ask (b, "/v1/me"), "used.tokens_month"), "0"); /* of the key */
  ck_assert_int_eq (run (b, "T50,s50"), 200);
  ck_assert_int_eq (left_of (b, TOKENS), 0);
  end ();
}
END_TEST

START_TEST (failures_cost_nothing)
{
  const char *key;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100,\"spend_per_month\":9", NULL);
  ck_assert_int_eq (run (key, "T60,s60,M5,p3,q500"), 500);
  ck_assert_int_eq (run (key, "T60,s60,M5,s5,q404"), 404);
  fake_store_fail (fake, -ENOSPC, 1); /* what it costs cannot be recorded */
  ck_assert_int_eq (run (key, "T60,s60"), 503);
  ck_assert_int_eq (left_of (key, TOKENS), 100);
  ck_assert_int_eq (left_of (key, MONEY), 9);
  end ();
}
END_TEST

START_TEST (kinds)
{
  const char *key;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":0,\"spend_per_month\":1000,"
                                     "\"requests_per_month\":10", NULL);
  ck_assert_int_eq (run (key, "M400,s399,R3,s3"), 200);
  ck_assert_int_eq (left_last[TOKENS], KG_BUDGET_UNLIMITED);
  ck_assert_int_eq (left_last[MONEY], 601);
  ck_assert_int_eq (left_last[REQUESTS], 6); /* itself, and three */
  ck_assert_int_eq (run (key, "M602"), 402);
  ck_assert_int_eq (run (key, "R6"), 402); /* its own is the seventh */
  ck_assert_int_eq (run (key, "R5,s5"), 200);
  ck_assert_int_eq (run (key, ""), 429);
  end ();
}
END_TEST

START_TEST (wrong_calls)
{
  const char *key;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100", NULL);
  ck_assert_int_eq (run (key, "T10,s11"), 200);
  ck_assert_int_eq (rc_last, -ERANGE);
  ck_assert_int_eq (run (key, "T10,s10,s10"), 200);
  ck_assert_int_eq (rc_last, -EINVAL);
  ck_assert_int_eq (run (key, "T-1"), 200);
  ck_assert_int_eq (rc_last, -EINVAL);
  ck_assert_int_eq (left_of (key, TOKENS), 90);
  /* nobody there */
  ck_assert_int_eq (fake_status (fake_request (fake, "GET", "/public?s=T1", NULL, NULL)), 200);
  ck_assert_int_eq (rc_last, -EACCES);
  ck_assert_int_eq (left_last[TOKENS], -EACCES);
  end ();
}
END_TEST

START_TEST (spends_afterwards)
{
  const char *key;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100", NULL);
  ck_assert_int_eq (run (key, "p70"), 200);
  ck_assert_int_eq (left_last[TOKENS], 30);
  ck_assert_int_eq (charged, 1);
  ck_assert_int_eq (charge.tokens, 70);
  ck_assert_int_eq (run (key, "T20,s20,p70"), 200); /* nobody asked before */
  ck_assert_int_eq (charge.tokens, 90);
  ck_assert_int_eq (left_of (key, TOKENS), 0);
  ck_assert_int_eq (run (key, "T1"), 402);
  ck_assert_int_eq (fake_status (ask (key, "/billable?s=")), 429);
  end ();
}
END_TEST

/* What others have only reserved may come back: that is no reason to refuse a request
 * for the rest of the month. */
START_TEST (reserved_is_not_spent)
{
  const char *key;
  kg_req *req;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100", NULL);
  ck_assert_int_eq (run (key, "T100,w"), 0);
  ck_assert_int_eq (fake_status (ask (key, "/billable?s=")), 200);
  ck_assert_int_eq (fake_status (ask (key, "/billable?s=T1")), 402);
  fake_resume (0);
  ck_assert_int_eq (run (key, "T100,s100"), 200);
  req = ask (key, "/billable?s=");
  ck_assert_int_eq (fake_status (req), 429);
  ck_assert_str_eq (fake_json (req, "detail"),
                    "Monthly token quota exceeded. 100 tokens per month allowed, 100 used.");
  end ();
}
END_TEST

START_TEST (what_is_charged)
{
  const char *key, *id, *record;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100", &id);
  ck_assert_int_eq (run (key, ""), 200);
  ck_assert_int_eq (charged, 0); /* nothing */
  ck_assert_int_eq (run (key, "T60,s25,M9,s8,R2,s1"), 200);
  ck_assert_int_eq (charged, 1);
  ck_assert_int_eq (charge.tokens, 25);
  ck_assert_int_eq (charge.money, 8);
  ck_assert_int_eq (charge.requests, 1);
  record = fake_log_data (fake, "usage", 0);
  ck_assert_ptr_nonnull (strstr (record, id));
  ck_assert_ptr_nonnull (strstr (record, ",\"tokens\":25,\"money\":8,\"requests\":1}"));
  ck_assert_int_eq (run (key, "T60,s0"), 200);
  ck_assert_int_eq (charged, 0);
  ck_assert_int_eq (fake_log_count (fake, "usage"), 1);
  end ();
}
END_TEST

START_TEST (shadow)
{
  const char *key;
  begin (CONF ("shadow=tokens,money"));
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100,\"requests_per_month\":2", NULL);
  ck_assert_int_eq (run (key, "T99,s99"), 200);
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_shadow_denials_total", NULL), 0);
  ck_assert_int_eq (run (key, "T2,s2"), 200);
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_shadow_denials_total", "tokens"), 1);
  ck_assert_int_eq (run (key, "T2"), 429); /* the month's requests are not in shadow */
  end ();
}
END_TEST

START_TEST (no_such_policy)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_ROUTES, &routes_service, sizeof routes_service);
  ck_assert_int_lt (fake_open (fake, &kg_plugin_1, CONF ("shadow=minute,hour")), 0);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "there is no policy \"hour\""));
  fake_free (fake);
}
END_TEST

/* A disk that is stuck: whether the record is there nobody knows when the answer must be
 * given. */
START_TEST (records_that_are_in_doubt)
{
  const char *key;
  kg_req *req;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100", NULL);
  fake_store_hold (fake, 1);
  req = ask (key, "/do?s=T30,s30");
  ck_assert_int_eq (fake_status (req), 0);
  fake_expire (req); /* at once: it is not written */
  ck_assert_int_ge (fake_status (req), 500);
  req = ask (key, "/do?s=T40,s40");
  for (int i = 0; i < 6; i++) {
    fake_advance (fake, 1100);
    fake_run_jobs (fake);
  }
  fake_expire (req);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "may have been written: 40 tokens"));
  ck_assert_int_eq (run (key, "T61"), 402);
  fake_store_hold (fake, 0);
  fake_store_commit (fake);
  restart (0);
  ck_assert_int_eq (fake_log_count (fake, "usage"), 2); /* as this host has it */
  ck_assert_int_eq (left_of (key, TOKENS), 30);
  end ();
}
END_TEST

/* ---- Ends ------------------------------------------------------------------ */

/* A process that is killed takes its reservations with it. */
START_TEST (killed_with_reservations)
{
  const char *tenant, *key;
  begin (NULL);
  tenant = tenant_new (FREE_OF_LIMITS "\"tokens_per_month\":100,\"spend_per_month\":50,"
                                      "\"requests_per_month\":20");
  key = key_new (tenant, "", NULL);
  ck_assert_int_eq (run (key, "T30,s30,M7,s7"), 200);
  ck_assert_int_eq (run (key, "T60,T5,s5,M20,R5,w"), 0);
  ck_assert_int_eq (run (key, "T6"), 402);
  restart (1);
  ck_assert_int_eq (left_of (key, TOKENS), 70);
  ck_assert_int_eq (left_last[MONEY], 43);
  /* requests were counted as they came: the two that were let in, and this one */
  ck_assert_int_eq (left_last[REQUESTS], 17);
  end ();
}
END_TEST

START_TEST (stopped_in_good_order)
{
  const char *key;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100", NULL);
  ck_assert_int_eq (run (key, "T30,s30"), 200);
  restart (0);
  ck_assert_int_eq (left_of (key, TOKENS), 70);
  restart (0);
  ck_assert_int_eq (left_of (key, TOKENS), 70);
  end ();
}
END_TEST

/* Without anybody who records, the region alone knows. */
START_TEST (without_records)
{
  const char *key;
  begin (NULL);
  metering = 0;
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":100,\"spend_per_month\":50", NULL);
  ck_assert_int_eq (run (key, "T30,s30,M4,s4"), 200);
  metering = 1;
  ck_assert_int_eq (run (key, "T5,s5"), 200);
  restart (1);
  ck_assert_int_eq (left_of (key, TOKENS), 65);
  ck_assert_int_eq (left_last[MONEY], 46);
  end ();
}
END_TEST

/* ---- Notices --------------------------------------------------------------- */

static int
notices (void)
{
  fake_advance (fake, 1500);
  fake_run_jobs (fake);
  return fake_log_count (fake, "auth.notices");
}

START_TEST (thresholds)
{
  const char *tenant, *key, *id;
  begin (NULL);
  tenant = tenant_new (FREE_OF_LIMITS "\"tokens_per_month\":100");
  key = key_new (tenant, "\"spend_per_month\":1000", &id);
  ck_assert_int_eq (run (key, "T49,s49"), 200);
  ck_assert_int_eq (notices (), 0);
  ck_assert_int_eq (run (key, "T51,s1"), 200); /* what was reserved doesn't count */
  ck_assert_int_eq (notices (), 1);
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.notices", 0), tenant));
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.notices", 0),
                                 "\"key\":null,\"policy\":\"tokens\",\"percent\":50,"
                                 "\"limit\":100,\"used\":50,"));
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "has used 50 % of the month's tokens"));
  ck_assert_int_eq (run (key, "T10,s10"), 200);
  ck_assert_int_eq (notices (), 1); /* once */
  ck_assert_int_eq (run (key, "T40,s40"), 200);
  ck_assert_int_eq (notices (), 3); /* two at a time */
  ck_assert_int_eq (run (key, "M800,s800"), 200);
  ck_assert_int_eq (notices (), 5);
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.notices", 4), id));
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_notices_total", "tokens,100"), 1);
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_notices_total", "money,80"), 1);
  restart (1);
  ck_assert_int_eq (run (key, "M1,s1"), 200);
  ck_assert_int_eq (notices (), 5); /* they are known by their ids */
  fake_advance (fake, (int64_t) 32 * 86400 * 1000);
  ck_assert_int_eq (run (key, "T60,s60"), 200);
  ck_assert_int_eq (notices (), 6); /* another month */
  end ();
}
END_TEST

/* Killed between the spending and the telling: the next one who spends tells. */
START_TEST (killed_before_it_told)
{
  const char *key;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":10", NULL);
  ck_assert_int_eq (run (key, "T5,s5"), 200);
  restart (1);
  ck_assert_int_eq (notices (), 0);
  ck_assert_int_eq (run (key, "T1,s1"), 200);
  ck_assert_int_eq (notices (), 1);
  end ();
}
END_TEST

START_TEST (notices_wait_for_disk)
{
  const char *key;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"tokens_per_month\":10", NULL);
  ck_assert_int_eq (run (key, "T5,s5"), 200);
  fake_store_fail (fake, -ENOSPC, -1);
  ck_assert_int_eq (notices (), 0);
  fake_store_fail (fake, 0, 0);
  ck_assert_int_eq (notices (), 1);
  ck_assert_int_eq (notices (), 1);
  end ();
}
END_TEST

START_TEST (requests_are_told_of)
{
  const char *key;
  begin (NULL);
  key = key_new (NULL, FREE_OF_LIMITS "\"requests_per_month\":4", NULL);
  ck_assert_int_eq (run (key, ""), 200);
  ck_assert_int_eq (notices (), 0);
  ck_assert_int_eq (run (key, ""), 200);
  ck_assert_int_eq (notices (), 1);
  ck_assert_int_eq (run (key, ""), 200);
  ck_assert_int_eq (run (key, ""), 200);
  ck_assert_int_eq (notices (), 3);
  end ();
}
END_TEST

/* Grants add to the tenant's limit, in their month and in others. */
START_TEST (raised_by_grants)
{
  struct kg_budget_month month = { .size = sizeof month }, later = { .size = sizeof later };
  const char *tenant, *secret;
  kg_str id;
  begin (NULL);
  tenant = tenant_new ("\"tokens_per_month\":10,\"spend_per_month\":5");
  secret = key_new (tenant, "", NULL);
  id = (kg_str){ tenant, strlen (tenant) };
  ck_assert_int_eq (budget->month (id, INT64_C (1735689600) * 1000000000, &month), 0);
  ck_assert (month.from_ns <= INT64_C (1735689600) * 1000000000 && month.to_ns > month.from_ns);
  ck_assert_int_eq (budget->month (id, month.to_ns, &later), 0);
  ck_assert (later.from_ns == month.to_ns && later.number == month.number + 1);
  ck_assert_int_eq (budget->month (id, time (NULL) * INT64_C (1000000000), &month), 0);
  ck_assert_int_eq (run (secret, "T10,s10"), 200);
  ck_assert_int_eq (run (secret, "T1"), 402);
  ck_assert_int_eq (budget->raise (id, TOKENS, month.number, 7, 3), 0);
  ck_assert_int_eq (left_of (secret, TOKENS), 7);
  ck_assert_int_eq (left_of (secret, MONEY), 5);
  ck_assert_int_eq (run (secret, "T8"), 402);
  ck_assert_int_eq (run (secret, "T7,s7"), 200);
  ck_assert_int_eq (run (secret, "T1"), 402);
  ck_assert_int_eq (budget->raise (id, TOKENS, month.number + 1, 30, 9), 0); /* another month */
  ck_assert_int_eq (left_of (secret, TOKENS), 2);
  ck_assert_int_eq (budget->raise (id, KG_BUDGET_MONEY, month.number, 1, 1), 0);
  ck_assert_int_eq (run (secret, "M6,s6"), 200);
  ck_assert_int_eq (budget->raise (id, REQUESTS, month.number, 1, 1), -EINVAL);
  ck_assert_int_eq (budget->raise (id, TOKENS, month.number, -1, 1), -EINVAL);
  ck_assert_int_eq (budget->raise ((kg_str){ "acme", 4 }, TOKENS, 1, 1, 1), -ENOENT);
  tenant = tenant_new ("\"tokens_per_month\":0"); /* unlimited stays so */
  id = (kg_str){ tenant, strlen (tenant) };
  secret = key_new (tenant, "", NULL);
  ck_assert_int_eq (budget->raise (id, TOKENS, month.number, 1, 1), 0);
  ck_assert_int_eq (left_of (secret, TOKENS), KG_BUDGET_UNLIMITED);
  end ();
}
END_TEST

UNIT_MAIN ("auth-budget", raised_by_grants, reserves_and_settles, counts_at_once, tenant_and_key,
           failures_cost_nothing, kinds, wrong_calls, spends_afterwards, reserved_is_not_spent,
           what_is_charged, records_that_are_in_doubt, shadow, no_such_policy, killed_with_reservations,
           stopped_in_good_order, without_records, thresholds, killed_before_it_told,
           notices_wait_for_disk,
           requests_are_told_of)
