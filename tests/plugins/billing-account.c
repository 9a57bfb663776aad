/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What real accounts send: many prices, none bought, keys that move, refunds, events of
 * others; and what is done for many customers. */
#include "plugins/billing-stripe/due.h"
#include "tests/plugins/billing-served.h"

static const char *
items_text (const char *id, const char *what, int64_t created, const char *items, const char *more)
{
  char object[8000], type[64];
  snprintf (type, sizeof type, "customer.subscription.%s", what);
  snprintf (object, sizeof object,
            "\"id\":\"sub_1\",\"customer\":\"cus_1\",\"status\":\"active\",\"currency\":\"usd\","
            "\"metadata\":{\"tenant_id\":\"t-1\"},\"items\":{%s\"data\":[%s]}",
            more, items);
  return event_text (id, type, created, object);
}

/* ---- Prices --------------------------------------------------------------- */

CASE (many_prices)
{
  char items[7000] = "";
  for (int i = 0; i < 19; i++)
    snprintf (items + strlen (items), sizeof items - strlen (items),
              "{\"price\":{\"id\":\"price_%d\",\"unit_amount\":1}},", i);
  strcat (items, "{\"price\":{\"id\":\"price_pro\",\"unit_amount\":1}}");
  take (items_text ("evt_1", "created", T0, items, ""));
  tier_is ("t-1", "PRO"); /* the last of twenty */
}

/* An event has not all of them: what is there counts, and nothing is lowered. */
CASE (left_out)
{
  TEXT_PUT (tenants[0].tier, "TEAMS");
  take (items_text ("evt_1", "created", T0, "{\"price\":{\"id\":\"price_pro\"}}",
                    "\"has_more\":true,"));
  tier_is ("t-1", "TEAMS");
  ck_assert_int_eq (fake_health (fake, "billing_tiers"), KG_HEALTH_DEGRADED);
  TEXT_PUT (tenants[0].tier, "FREE");
  take (items_text ("evt_2", "updated", T0 + 1, "{\"price\":{\"id\":\"price_pro\"}}",
                    "\"has_more\":true,"));
  tier_is ("t-1", "PRO");
}

CASE (no_seats)
{
  take (items_text ("evt_1", "created", T0,
                    "{\"quantity\":2,\"price\":{\"id\":\"price_pro\",\"unit_amount\":5}},"
                    "{\"quantity\":0,\"price\":{\"id\":\"p\",\"product\":\"prod_teams\","
                    "\"unit_amount\":7}}", ""));
  tier_is ("t-1", "PRO");
  ledger_has ("started-sub_1", "\"amount\":10,");
  take (items_text ("evt_2", "updated", T0 + 1,
                    "{\"quantity\":0,\"price\":{\"id\":\"price_pro\",\"unit_amount\":5}}", ""));
  tier_is ("t-1", "FREE"); /* nothing is paid for */
  ledger_has ("evt_2", "\"plan_id\":\"price_pro\"");
  settle ();
  ck_assert_int_eq (fake_health (fake, "billing_tiers"), KG_HEALTH_OK);
  restart ();
  settle ();
  tier_is ("t-1", "FREE");
  take (items_text ("evt_3", "updated", T0 + 2,
                    "{\"quantity\":1,\"price\":{\"id\":\"price_pro\",\"unit_amount\":5}}", ""));
  tier_is ("t-1", "PRO");
}

/* A price in steps has no amount of its own; one by use costs nothing beforehand. */
CASE (steps)
{
  take (items_text ("evt_1", "created", T0,
                    "{\"quantity\":2,\"price\":{\"id\":\"price_pro\",\"unit_amount\":null,"
                    "\"recurring\":{\"usage_type\":\"licensed\"}}}", ""));
  ledger_has ("started-sub_1", "\"amount\":null,");
  take (items_text ("evt_2", "updated", T0 + 1,
                    "{\"quantity\":2,\"price\":{\"id\":\"price_pro\",\"unit_amount\":3}},"
                    "{\"price\":{\"id\":\"p\",\"unit_amount\":null,"
                    "\"recurring\":{\"usage_type\":\"metered\"}}}", ""));
  ledger_has ("evt_2", "\"amount\":6,");
}

/* A lookup key is given to another price: who has the old one keeps its tier. */
static void
key_moves (int late)
{
  const char *before = items_text ("evt_1", "created", T0,
                                   "{\"price\":{\"id\":\"price_a\",\"lookup_key\":\"teams\"}}", "");
  const char *after = items_text ("evt_2", "updated", T0 + 9,
                                  "{\"price\":{\"id\":\"price_a\",\"lookup_key\":null}}", "");
  take (late ? after : before);
  take (late ? before : after);
  tier_is ("t-1", "TEAMS");
  settle ();
  ck_assert_int_eq (fake_health (fake, "billing_tiers"), KG_HEALTH_OK);
}

CASE (key_moved)
{
  key_moves (0);
}

CASE (key_moved_late)
{
  key_moves (1);
}

CASE (key_of_a_price)
{
  take (event_text ("evt_1", "price.created", T0,
                    "\"id\":\"price_a\",\"product\":\"p\",\"lookup_key\":\"teams\""));
  take (items_text ("evt_2", "created", T0 + 9, "{\"price\":{\"id\":\"price_a\"}}", ""));
  tier_is ("t-1", "TEAMS");
}

/* ---- Others --------------------------------------------------------------- */

/* A connected account sells, and writes into metadata, what it likes. */
CASE (connected)
{
  char text[4096];
  const char *e = items_text ("evt_1", "created", T0, "{\"price\":{\"id\":\"price_pro\"}}", "");
  snprintf (text, sizeof text, "{\"account\":\"acct_1\",%s", e + 1);
  take (text);
  settle ();
  tier_is ("t-1", "FREE");
  ck_assert_int_eq (ledger_count (), 0);
}

CASE (never_paid)
{
  TEXT_PUT (tenants[0].tier, "PRO");
  take (sub_text ("evt_1", "created", T0, "incomplete", "price_pro",
                  ",\"metadata\":{\"tenant_id\":\"t-1\"}"));
  take (sub_text ("evt_2", "deleted", T0 + 9, "incomplete_expired", "price_pro",
                  ",\"metadata\":{\"tenant_id\":\"t-1\"}"));
  settle ();
  tier_is ("t-1", "PRO");
}

/* Changes while a payment is due give no more days of grace, however many they are. */
CASE (busy_while_due)
{
  char id[64];
  take (sub_text ("evt_0", "created", T0, "active", "price_pro",
                  ",\"metadata\":{\"tenant_id\":\"t-1\"}"));
  for (int i = 0; i < 80; i++) {
    the_time = T0 + 100 + i * 3600;
    snprintf (id, sizeof id, "evt_u%d", i);
    take (sub_text (id, "updated", the_time, "past_due", "price_pro", ""));
  }
  tier_is ("t-1", "PRO");
  the_time = T0 + 100 + 7 * DAY;
  settle ();
  tier_is ("t-1", "FREE");
  take (sub_text ("evt_p", "updated", the_time, "active", "price_pro", ""));
  tier_is ("t-1", "PRO");
  take (sub_text ("evt_q", "updated", the_time + 9, "past_due", "price_pro", ""));
  the_time += DAY;
  settle ();
  tier_is ("t-1", "PRO"); /* it is due anew */
}

#define CHARGE "\"id\":\"ch_1\",\"customer\":\"cus_1\",\"invoice\":\"in_1\",\"currency\":\"jpy\","

CASE (refunds)
{
  char text[4096];
  const char *e;
  take (event_text ("evt_1", "checkout.session.completed", T0, CHECKOUT));
  take (event_text ("evt_2", "charge.refunded", T0 + 1, CHARGE "\"amount_refunded\":300"));
  ledger_has ("evt_2", "\"type\":\"payment.refunded\",\"data\":{\"charge_id\":\"ch_1\","
                       "\"invoice_id\":\"in_1\",\"amount\":300,\"currency\":\"jpy\"}");
  e = event_text ("evt_3", "charge.refunded", T0 + 2, CHARGE "\"amount_refunded\":1000");
  snprintf (text, sizeof text, "%.*s,\"previous_attributes\":{\"amount_refunded\":300}}}",
            (int) strlen (e) - 2, e);
  take (text);
  ledger_has ("evt_3", "\"amount\":700,");
  take (event_text ("evt_4", "charge.refunded", T0 + 3, "\"id\":\"ch_2\",\"amount_refunded\":5"));
  ck_assert_int_eq (ledger_count (), 3);
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_waiting", NULL), 0);
}

/* ---- The start ------------------------------------------------------------ */

#define SESSION                                                                           \
  "\"id\":\"cs_1\",\"customer\":\"cus_1\",\"subscription\":\"sub_1\",\"amount_total\":1450," \
  "\"currency\":\"jpy\",\"metadata\":{\"tenant_id\":\"t-1\",\"kgent_price\":\"price_pro\"}"

CASE (started_by_checkout)
{
  take (event_text ("evt_1", "checkout.session.completed", T0, SESSION));
  ledger_has ("started-sub_1", "{\"subscription_id\":\"sub_1\",\"plan_id\":\"price_pro\",\"tier\":"
                               "\"PRO\",\"status\":null,\"quantity\":null,\"amount\":1450,"
                               "\"currency\":\"jpy\",\"trial_end\":null}");
  take (sub_text ("evt_2", "created", T0, "active", "price_pro", ""));
  ck_assert_int_eq (ledger_count (), 1);
}

/* Something else had told what was bought. */
CASE (started_late)
{
  take (sub_text ("evt_2", "updated", T0 + 1, "trialing", "price_pro", ",\"trial_end\":1700086400"));
  take (event_text ("evt_1", "checkout.session.completed", T0, SESSION));
  ledger_has ("started-sub_1", "{\"subscription_id\":\"sub_1\",\"plan_id\":\"price_pro\",\"tier\":"
                               "\"PRO\",\"status\":\"trialing\",\"quantity\":1,\"amount\":1200,"
                               "\"currency\":\"jpy\",\"trial_end\":1700086400}");
}

/* ---- Many ----------------------------------------------------------------- */

/* Those of another customer wait on, and are counted. */
CASE (waits_by_customer)
{
  char object[512], id[64];
  for (int i = 0; i < 40; i++) {
    snprintf (object, sizeof object, "\"id\":\"in_%d\",\"customer\":\"cus_%d\",\"amount_paid\":1,"
              "\"currency\":\"usd\"", i, i % 2);
    snprintf (id, sizeof id, "evt_%d", i);
    take (event_text (id, "invoice.paid", T0, object));
  }
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_waiting", NULL), 40);
  take (event_text ("evt_c", "customer.updated", T0 + 2,
                    "\"id\":\"cus_1\",\"metadata\":{\"tenant_id\":\"t-2\"}"));
  ck_assert_int_eq (ledger_count (), 20);
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_waiting", NULL), 20);
  restart ();
  ck_assert_int_eq ((int) fake_metric (fake, "kgent_stripe_waiting", NULL), 20);
}

/* Open once more, to read subscriptions from Stripe. */
static void
open_refetch (void)
{
  static const char *const conf[] = { STRIPE_CONF, "refetch=true", NULL };
  reopen (conf);
}

static void
stripe_fails (void)
{
  fake_http_reply (fake, 500, NULL, "{}", -1);
  fake_http_deliver (fake);
  fake_run_jobs (fake);
}

/* One of two subscriptions is refused for a while, and the other one is told after it: the
 * longest wait holds. */
CASE (refetch_waits)
{
  open_refetch ();
  fake_store_hold (fake, 1);
  send (sub_text ("evt_1", "created", T0, "active", "price_pro", ""));
  send (event_text ("evt_2", "customer.subscription.created", T0,
                    "\"id\":\"sub_2\",\"customer\":\"cus_1\",\"status\":\"active\""));
  fake_store_commit (fake);
  fake_store_hold (fake, 0);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_http_count (fake), 2);
  fake_http_reply (fake, 429, NULL, "{}", 20000);
  fake_http_deliver (fake);
  fake_run_jobs (fake);
  fake_http_reply (fake, 200, NULL,
                   "{\"id\":\"sub_2\",\"customer\":\"cus_1\",\"status\":\"active\"}", -1);
  fake_http_deliver (fake);
  fake_run_jobs (fake);
  the_time += 19;
  settle ();
  ck_assert_int_eq (fake_http_count (fake), 2);
  ck_assert_int_eq (fake_health (fake, "stripe_refetch"), KG_HEALTH_DEGRADED);
  the_time += 1;
  settle ();
  ck_assert_int_eq (fake_http_count (fake), 4);
  answer_all ();
}

/* What was waited for until a time of before is not, once the clock was set back. */
CASE (refetch_set_back)
{
  open_refetch ();
  take (sub_text ("evt_1", "created", T0, "active", "price_pro", ""));
  stripe_fails ();
  the_time -= 3600;
  settle ();
  ck_assert_int_eq (fake_http_count (fake), 2);
  stripe_fails ();
  the_time += 61; /* of refetch_wait */
  settle ();
  ck_assert_int_eq (fake_http_count (fake), 3);
  stripe_fails ();
  ck_assert_ptr_nonnull (fake_store_get (fake, "billing.objects", "sub/sub_1"));
}

/* ---- Operators ------------------------------------------------------------- */

/* What changed while a page of Stripe's was on its way is newer than the page. */
CASE (reconcile_stale)
{
  static const char *const conf[]
      = { STRIPE_CONF, "plans.0.tier=PRO", "plans.0.prices=price_pro", NULL };
  const char *page = "{\"data\":[{\"id\":\"sub_1\",\"customer\":\"cus_1\",\"status\":\"active\","
                     "\"items\":{\"data\":[{\"price\":{\"id\":\"price_pro\"}}]}}],"
                     "\"has_more\":false}";
  kg_req *req;
  reopen (conf);
  take (sub_text ("evt_1", "created", T0 - 9, "active", "price_pro",
                  ",\"metadata\":{\"tenant_id\":\"t-1\"}"));
  tier_is ("t-1", "PRO");
  fake_advance (fake, 10); /* what plans cost is asked for */
  fake_run_jobs (fake);
  answer_all ();
  fake_http_reply (fake, 200, NULL, page, -1);
  req = ask ("POST", "/admin/v1/billing/reconcile", "{\"fix\":true}");
  the_time = T0 + 2;
  take (sub_text ("evt_2", "updated", T0 + 1, "unpaid", "price_pro", ""));
  tier_is ("t-1", "FREE");
  fake_http_deliver (fake);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_json (req, "fixed"), "1");
  settle ();
  tier_is ("t-1", "FREE");
}

#define CUSTOMERS "/admin/v1/billing/customers"

static void
payer_is (const char *value)
{
  const char *is = fake_store_get (fake, "billing.payers", "t-1");
  ck_assert_msg (value ? is && !strcmp (is, value) : !is, "%s", is ? is : "nobody");
}

/* Whom the operator gives a customer pays with it, whoever paid before; until it is taken back. */
CASE (given_and_taken)
{
  fake_store_put (fake, "billing.payers", "t-1", "{\"customer\":\"cus_old\"}");
  ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":\"t-1\"}");
  payer_is ("{\"customer\":\"cus_1\"}");
  ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":null}");
  payer_is (NULL);
  ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":\"t-1\"}");
  fake_store_put (fake, "billing.payers", "t-1", "{\"customer\":\"cus_new\"}");
  ask ("POST", CUSTOMERS, "{\"customer\":\"cus_1\",\"tenant\":null}");
  payer_is ("{\"customer\":\"cus_new\"}");
}

/* ---- Tenants and time ------------------------------------------------------ */

/* Whoever a subscription was named for loses it, also when the customer was another one's. */
CASE (named_anew)
{
  take (sub_text ("evt_1", "created", T0, "active", "price_pro",
                  ",\"metadata\":{\"tenant_id\":\"t-1\"}"));
  take (event_text ("evt_2", "customer.updated", T0 + 1,
                    "\"id\":\"cus_1\",\"metadata\":{\"tenant_id\":\"t-2\"}"));
  tier_is ("t-1", "PRO");
  take (sub_text ("evt_3", "updated", T0 + 2, "active", "price_pro",
                  ",\"metadata\":{\"tenant_id\":\"t-3\"}"));
  tier_is ("t-3", "PRO");
  tier_is ("t-1", "FREE");
}

/* What a clock that ran ahead has ended goes on once it is right again. */
CASE (clock_set_back)
{
  take (sub_text ("evt_1", "created", T0, "past_due", "price_pro",
                  ",\"metadata\":{\"tenant_id\":\"t-1\"}"));
  tier_is ("t-1", "PRO");
  the_time = T0 + 3650 * DAY;
  settle ();
  tier_is ("t-1", "FREE");
  the_time = T0 + 10;
  settle ();
  tier_is ("t-1", "PRO");
  the_time = T0 + 7 * DAY;
  settle ();
  tier_is ("t-1", "FREE");
}

/* A reference that no tenant can have is somebody else's, and nothing is wrong with it. */
CASE (long_reference)
{
  char object[512];
  snprintf (object, sizeof object,
            "\"id\":\"cs_1\",\"customer\":\"cus_1\",\"subscription\":\"sub_1\","
            "\"amount_total\":1200,\"currency\":\"jpy\",\"client_reference_id\":\"%0200d\"", 7);
  take (event_text ("evt_1", "checkout.session.completed", T0, object));
  ck_assert_ptr_null (fake_store_get (fake, "billing.parked", "evt_1"));
  take (event_text ("evt_2", "customer.updated", T0 + 2,
                    "\"id\":\"cus_1\",\"metadata\":{\"tenant_id\":\"t-1\"}"));
  ledger_has ("started-sub_1", "\"amount\":1200,");
}

START_TEST (due_in_order)
{
  struct due due = { 0 };
  char *t;
  for (int i = 0; i < 500; i++) {
    char name[16];
    int at = i * 7919 % 500;
    snprintf (name, sizeof name, "t-%03d", at);
    ck_assert_int_eq (due_add (&due, at, name), 0);
  }
  ck_assert_ptr_null (due_take (&due, -1));
  for (int i = 0; i < 400; i++) {
    t = due_take (&due, 399);
    ck_assert_int_eq (atoi (t + 2), i);
    free (t);
  }
  ck_assert_ptr_null (due_take (&due, 399));
  due_free (&due);
}
END_TEST

START_TEST (texts_once)
{
  static const char *const some[] = { "b", "a", "b", "", "c", "a" };
  struct texts t = { 0 };
  ck_assert (!texts_has (&t, "a"));
  for (int i = 0; i < 6; i++)
    texts_add (&t, some[i], strlen (some[i]));
  texts_sort (&t);
  ck_assert_uint_eq (t.count, 4);
  ck_assert (texts_has (&t, "") && texts_has (&t, "a") && texts_has (&t, "c"));
  ck_assert (!texts_has (&t, "d"));
  texts_free (&t);
}
END_TEST

UNIT_MAIN ("billing-account", many_prices, left_out, no_seats, steps, key_moved, key_moved_late,
           key_of_a_price, connected, never_paid, busy_while_due, refunds, started_by_checkout, started_late,
           waits_by_customer, refetch_waits, refetch_set_back, reconcile_stale, given_and_taken,
           named_anew, clock_set_back, long_reference, due_in_order, texts_once)
