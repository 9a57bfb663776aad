/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What becomes of events: ledger, tiers, and what cannot be processed. */
#include "tests/plugins/billing-served.h"

/* ---- A life -------------------------------------------------------------- */

CASE (paid)
{
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  tier_is ("t-1", "FREE"); /* what was bought isn't known yet */
  take (sub_text ("evt_2", "created", T0, "active", "price_pro", ""));
  tier_is ("t-1", "PRO");
  ck_assert_int_eq (ledger_count (), 1);
  ledger_has ("started-sub_1", "{\"tenant\":\"t-1\",\"time\":1700000000000000000,\"events\":[{"
                               "\"id\":\"started-sub_1\",\"source\":\"kgents-api\",\"time\":"
                               "\"2023-11-14T22:13:20Z\",\"type\":\"subscription.started\",");
  take (sub_text ("evt_3", "updated", T0 + 1, "active", "price_x",
                  ",\"cancel_at_period_end\":true,\"current_period_end\":1700086400"));
  ledger_has ("evt_3", "\"amount\":1200,\"currency\":\"jpy\",\"trial_end\":null,"
                       "\"cancel_at_period_end\":true");
  take (sub_text ("evt_4", "deleted", T0 + 2, "canceled", "price_pro", ",\"ended_at\":1700000002"));
  tier_is ("t-1", "FREE");
  ledger_has ("evt_4", "\"type\":\"subscription.ended\"");
  ledger_has ("evt_4", "\"canceled_at\":null,\"ended_at\":1700000002}");
  ck_assert_int_eq (ledger_count (), 3);
}

CASE (payments)
{
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (event_text ("evt_2", "invoice.paid", T0 + 1,
                    "\"id\":\"in_1\",\"customer\":\"cus_1\",\"subscription\":\"sub_1\","
                    "\"amount_paid\":12345,\"currency\":\"kwd\",\"billing_reason\":"
                    "\"subscription_create\""));
  ledger_has ("evt_2", "\"type\":\"payment.success\",\"data\":{\"invoice_id\":\"in_1\","
                       "\"subscription_id\":\"sub_1\",\"amount\":12345,\"currency\":\"kwd\","
                       "\"billing_reason\":\"subscription_create\"}");
  take (event_text ("evt_3", "invoice.payment_failed", T0 + 2,
                    "\"id\":\"in_2\",\"customer\":\"cus_1\",\"amount_due\":7,\"currency\":\"krw\","
                    "\"attempt_count\":2,\"next_payment_attempt\":1700086400"));
  ledger_has ("evt_3", "\"amount\":7,\"currency\":\"krw\",\"attempt_count\":2,"
                       "\"next_payment_attempt\":1700086400}");
}

/* ---- Every order --------------------------------------------------------- */

#define SIX 6
static const char *six[SIX];

static void
six_make (void)
{
  static char text[SIX][8192];
  const char *const made[SIX] = {
    event_text ("evt_a", "checkout.session.completed", T0, CHECKOUT),
    sub_text ("evt_b", "created", T0, "incomplete", "price_pro", ""),
    sub_text ("evt_c", "updated", T0, "active", "price_pro", ""),
    sub_text ("evt_d", "updated", T0 + 30 * DAY, "past_due", "price_pro", ""),
    event_text ("evt_e", "invoice.paid", T0 + 31 * DAY,
                "\"id\":\"in_1\",\"customer\":\"cus_1\",\"subscription\":\"sub_1\","
                "\"amount_paid\":1200,\"currency\":\"jpy\""),
    sub_text ("evt_f", "deleted", T0 + 60 * DAY, "canceled", "price_pro", ""),
  };
  for (int i = 0; i < SIX; i++) {
    TEXT_PUT (text[i], made[i]);
    six[i] = text[i];
  }
}

static void
order_try (const int *order)
{
  setup ();
  for (int i = 0; i < SIX; i++) {
    take (six[order[i]]);
    for (int k = rand () % 3; k > 0; k--)
      take (six[order[rand () % (i + 1)]]);
    if (rand () % 8 == 0)
      restart ();
  }
  settle ();
  tier_is ("t-1", "FREE");
  ck_assert_int_eq (ledger_count (), 5);
  ledger_has ("started-sub_1", "\"tenant\":\"t-1\"");
  ledger_has ("evt_c", "subscription.updated");
  ledger_has ("evt_d", "subscription.updated");
  ledger_has ("evt_e", "payment.success");
  ledger_has ("evt_f", "subscription.ended");
  teardown ();
}

static int orders;

static void
permute (int *order, int from)
{
  if (from == SIX) {
    orders++;
    order_try (order);
  }
  for (int i = from; i < SIX; i++) {
    int t = order[from];
    order[from] = order[i];
    order[i] = t;
    permute (order, from + 1);
    order[i] = order[from];
    order[from] = t;
  }
}

START_TEST (every_order)
{
  int order[SIX] = { 0, 1, 2, 3, 4, 5 };
  six_make ();
  permute (order, 0);
  ck_assert_int_eq (orders, 720);
}
END_TEST

/* ---- Who pays ------------------------------------------------------------ */

/* Nobody knows whose customer it is, until an event says so. */
CASE (unknown_customer)
{
  take (sub_text ("evt_1", "created", T0, "active", "price_pro", ""));
  take (sub_text ("evt_2", "updated", T0 + 1, "active", "price_pro", ""));
  ck_assert_int_eq (ledger_count (), 0);
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_waiting", NULL), 2);
  take (event_text ("evt_3", "customer.updated", T0 + 2,
                    "\"id\":\"cus_1\",\"metadata\":{\"tenant_id\":\"t-2\"}"));
  tier_is ("t-2", "PRO");
  ck_assert_int_eq (ledger_count (), 2);
  ledger_has ("started-sub_1", "\"tenant\":\"t-2\"");
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_waiting", NULL), 0);
  settle ();
  ck_assert_int_eq (ledger_count (), 2);
}

/* A tenant that isn't there yet. */
CASE (unknown_tenant)
{
  take (sub_text ("evt_1", "created", T0, "active", "price_pro",
                  ",\"metadata\":{\"tenant_id\":\"t-9\"}"));
  ck_assert_int_eq (ledger_count (), 0);
  tenants[2].id = "t-9";
  the_time += 3601;
  settle ();
  tenants[2].id = "t-3";
  ledger_has ("started-sub_1", "\"tenant\":\"t-9\"");
  tier_is ("t-3", "PRO");
}

/* Of two words about a customer the newer counts, in either order. */
CASE (two_words)
{
  const char *a = "\"id\":\"cus_1\",\"metadata\":{\"tenant_id\":\"t-1\"}",
             *b = "\"id\":\"cus_1\",\"metadata\":{\"tenant_id\":\"t-2\"}";
  take (sub_text ("evt_1", "created", T0, "active", "price_pro", ""));
  take (event_text ("evt_3", "customer.updated", T0 + 3, b));
  take (event_text ("evt_2", "customer.created", T0 + 2, a));
  tier_is ("t-2", "PRO");
  tier_is ("t-1", "FREE");
  take (event_text ("evt_4", "customer.updated", T0 + 4, a));
  tier_is ("t-1", "PRO");
  tier_is ("t-2", "FREE");
}

/* ---- Tiers --------------------------------------------------------------- */

/* A crash between the step and the change of the tier, and a change that fails. */
CASE (repaired)
{
  set_error = -ENOSPC;
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (sub_text ("evt_2", "created", T0, "active", "price_pro", ""));
  tier_is ("t-1", "FREE");
  ck_assert_int_eq (fake_health (fake, "billing_tiers"), KG_HEALTH_DEGRADED);
  set_error = 0;
  settle ();
  tier_is ("t-1", "PRO");
  ck_assert_int_eq (tenants[0].changes, 1);
  TEXT_PUT (tenants[0].tier, "FREE");
  restart ();
  tier_is ("t-1", "PRO");
  ck_assert_int_eq (fake_health (fake, "billing_tiers"), KG_HEALTH_OK);
}

CASE (by_hand)
{
  tenants[0].flags = KG_TENANT_MANUAL;
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (sub_text ("evt_2", "created", T0, "active", "price_pro", ""));
  settle ();
  tier_is ("t-1", "FREE");
  for (int i = 0; i < 5; i++) {
    the_time += 60;
    settle ();
  }
  tier_is ("t-1", "FREE");
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_tier_changes_total", "manual"), 1);
  tenants[0].flags = 0; /* it follows within a minute once it is billing's again */
  the_time += 60;
  settle ();
  tier_is ("t-1", "PRO");
}

/* A payment is due: the clock alone ends the tier, and a payment brings it back. */
CASE (dunning)
{
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (sub_text ("evt_2", "created", T0, "active", "price_pro", ""));
  take (sub_text ("evt_3", "updated", T0 + DAY, "past_due", "price_pro", ""));
  tier_is ("t-1", "PRO");
  the_time = T0 + 8 * DAY - 1;
  settle ();
  tier_is ("t-1", "PRO");
  the_time = T0 + 8 * DAY;
  settle ();
  tier_is ("t-1", "FREE");
  take (sub_text ("evt_4", "updated", T0 + 9 * DAY, "active", "price_pro", ""));
  tier_is ("t-1", "PRO");
}

/* What was canceled for the period's end ends then, whether or not Stripe says so. */
CASE (period_ends)
{
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (sub_text ("evt_2", "created", T0, "active", "price_pro",
                  ",\"cancel_at_period_end\":true,\"current_period_end\":1700086400"));
  tier_is ("t-1", "PRO");
  the_time = T0 + DAY;
  settle ();
  tier_is ("t-1", "FREE");
}

CASE (prices)
{
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (sub_text ("evt_2", "created", T0, "active", "price_new", ""));
  tier_is ("t-1", "FREE");
  ck_assert_int_eq (fake_health (fake, "billing_tiers"), KG_HEALTH_DEGRADED);
  ck_assert_ptr_nonnull (strstr (fake_health_detail (fake, "billing_tiers"), "price_new"));
  /* the product says, now */
  take (event_text ("evt_3", "product.updated", T0 + 1,
                    "\"id\":\"prod_1\",\"metadata\":{\"kgent_tier\":\"TEAMS\"}"));
  settle ();
  tier_is ("t-1", "TEAMS");
  ck_assert_int_eq (fake_health (fake, "billing_tiers"), KG_HEALTH_OK);
  take (sub_text ("evt_4", "updated", T0 + 2, "active", "price_pro_year", ""));
  tier_is ("t-1", "PRO");
}

/* The best of several subscriptions counts. */
CASE (several)
{
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (sub_text ("evt_2", "created", T0, "active", "price_pro", ""));
  take (event_text ("evt_3", "customer.subscription.created", T0,
                    "\"id\":\"sub_2\",\"customer\":\"cus_2\",\"status\":\"trialing\",\"metadata\":{"
                    "\"tenant_id\":\"t-1\"},\"items\":{\"data\":[{\"price\":{\"id\":\"p\","
                    "\"lookup_key\":\"teams\"}}]}"));
  tier_is ("t-1", "TEAMS");
  take (event_text ("evt_4", "customer.subscription.deleted", T0 + 1,
                    "\"id\":\"sub_2\",\"customer\":\"cus_2\",\"status\":\"canceled\",\"metadata\":{"
                    "\"tenant_id\":\"t-1\"}"));
  tier_is ("t-1", "PRO");
}

/* ---- Faults -------------------------------------------------------------- */

/* The disk is full for a while: nothing is lost, nothing happens twice. */
CASE (disk_full)
{
  ck_assert_int_eq (fake_status (send (event_text ("evt_1", "checkout.session.completed", T0,
                                                   CHECKOUT))), 200);
  fake_store_fail (fake, -ENOSPC, -1);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_health (fake, "billing"), KG_HEALTH_DOWN);
  settle ();
  ck_assert_int_eq (ledger_count (), 0);
  fake_store_fail (fake, 0, 0);
  settle ();
  ck_assert_int_eq (ledger_count (), 1);
  ck_assert_int_eq (fake_health (fake, "billing"), KG_HEALTH_OK);
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_parked", NULL), 0);
}

CASE (malformed)
{
  take (event_text ("evt_1", "invoice.paid", T0, "\"id\":\"in_1\",\"amount_paid\":1.5"));
  take (event_text ("evt_2", "checkout.session.completed", T0, CHECKOUT));
  ck_assert_int_eq (ledger_count (), 1);
  ck_assert_str_eq (fake_store_get (fake, "billing.parked", "evt_1"),
                    "{\"id\":\"evt_1\",\"sequence\":1,\"tries\":1,"
                    "\"reason\":\"an amount is no integer\"}");
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_parked", NULL), 1);
}

/* Writes of one event fail and fail: it is tried, parked, and the others come. */
CASE (poison)
{
  fake_store_hold (fake, 1);
  send (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  send (sub_text ("evt_2", "created", T0, "active", "price_pro", ""));
  fake_store_commit (fake);
  fake_store_hold (fake, 0);
  fake_store_fail (fake, -EINVAL, 4); /* both together, then the first three times */
  settle ();
  ck_assert_ptr_nonnull (fake_store_get (fake, "billing.parked", "evt_1"));
  ck_assert_ptr_null (fake_store_get (fake, "billing.parked", "evt_2"));
  ck_assert_ptr_nonnull (fake_store_get (fake, "billing.objects", "sub/sub_1"));
}

/* The ledger has an event already, from a time that the inbox has forgotten. */
CASE (known_to_the_ledger)
{
  const struct kg_store *store = fake_service (fake, KG_STORE);
  struct kg_op op = { .kind = KG_OP_APPEND, .key = { "started-sub_1", 13 }, .value = { "{}", 2 } };
  kg_log *log;
  ck_assert_int_eq (store->log (fake_self (fake), "usage", 0, 1, &log), 0);
  op.log = log;
  store->write (fake_self (fake), &op, 1, sizeof op, NULL, NULL);
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (sub_text ("evt_2", "updated", T0, "active", "price_pro", ""));
  settle ();
  ck_assert_int_eq (ledger_count (), 2);
  ck_assert_str_eq (ledger_find ("started-sub_1"), "{}");
  tier_is ("t-1", "PRO");
}

/* Ended while its tier was still on its way: it is looked at again when it has arrived. */
CASE (a_tier_that_arrives_late)
{
  under_way.late = 1;
  take (sub_text ("evt_1", "created", T0, "active", "price_pro", ",\"metadata\":{\"tenant_id\":"
                                                                "\"t-1\"}"));
  tier_is ("t-1", "FREE");
  take (sub_text ("evt_2", "deleted", T0 + 1, "canceled", "price_pro", ""));
  set_arrives ();
  tier_is ("t-1", "PRO");
  settle ();
  tier_is ("t-1", "FREE");
}

/* The process before this one ends some seconds after this one has begun. */
CASE (what_the_process_before_has_left)
{
  take (sub_text ("evt_1", "created", T0, "active", "price_pro", ",\"metadata\":{\"tenant_id\":"
                                                                "\"t-1\"}"));
  restart ();
  TEXT_PUT (tenants[0].tier, "FREE");
  settle ();
  tier_is ("t-1", "FREE");
  the_time += 6;
  settle ();
  tier_is ("t-1", "PRO");
  TEXT_PUT (tenants[0].tier, "FREE");
  the_time += 60;
  settle ();
  tier_is ("t-1", "PRO");
}

UNIT_MAIN ("billing-engine", a_tier_that_arrives_late, what_the_process_before_has_left, paid, payments, every_order, unknown_customer, unknown_tenant,
           two_words, repaired, by_hand, dunning, period_ends, prices, several, disk_full,
           malformed, poison, known_to_the_ledger)
