/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The plans of the configuration: what is for which tier, and what a checkout sells; and the
 * time machine's order of events. */
#include "plugins/billing-stripe/checkout.h"
#include "plugins/billing-stripe/desk.h"
#include "plugins/billing-stripe/plans.h"
#include "tests/fuzz/billing-stub.h"
#include "tests/unit.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *const none[] = { NULL }, *const empty[] = { "", "", NULL };

/* ---- Which tier -------------------------------------------------------------------- */

static const char *
tier_of (const char *price, const char *key, const char *product, const char *metadata,
         const char *noted)
{
  const struct billing_plan plans[] = { { "FREE", empty, empty, empty },
                                        { "PRO", LIST ("", "price_1"), LIST ("pro"), none },
                                        { "TEAMS", none, none, LIST ("prod_1") } };
  const struct billing_conf conf = { .plans = { plans, 3 } };
  struct sub_item item = { 0 };
  const char *tier;
  TEXT_PUT (item.price, price);
  TEXT_PUT (item.lookup_key, key);
  TEXT_PUT (item.product, product);
  TEXT_PUT (item.tier, metadata);
  tier = plan_tier (&conf, &item, noted);
  return tier ? tier : "none";
}

/* What is empty, in the configuration as in an item, is like nothing. */
START_TEST (tiers)
{
  ck_assert_str_eq (tier_of ("price_1", "", "", "", NULL), "PRO");
  ck_assert_str_eq (tier_of ("price_2", "pro", "", "", NULL), "PRO");
  ck_assert_str_eq (tier_of ("price_2", "", "prod_1", "PRO", "PRO"), "TEAMS");
  ck_assert_str_eq (tier_of ("", "", "", "", NULL), "none");
  ck_assert_str_eq (tier_of ("", "", "", "", "TEAMS"), "TEAMS");
  ck_assert_str_eq (tier_of ("price_2", "", "", "PRO", "TEAMS"), "PRO");
  ck_assert_str_eq (tier_of ("PRICE_1", "Pro", "", "", NULL), "none");
}
END_TEST

/* ---- What is sold ------------------------------------------------------------------ */

/* Two plans of one tier, as by month and by year: the first that is sold is. */
START_TEST (sold)
{
  const struct billing_plan plans[]
      = { { "PRO", empty, empty, empty }, { "PRO", LIST ("price_m", "price_n"), none, none },
          { "PRO", LIST ("price_y"), none, none }, { "TEAMS", none, LIST ("", "teams"), none },
          { "MORE", empty, none, LIST ("prod_1") }, { "BAD", none, none, LIST ("a/b") } };
  struct billing_conf conf = { .plans = { plans, 6 } };
  struct billing b = stub_billing (&conf);
  struct session s = { 0 };
  ck_assert_int_eq (plan_sell (&b, "PRO", NULL, &s), 0);
  ck_assert_str_eq (s.price, "price_m");
  ck_assert_int_eq (plan_sell (&b, NULL, "price_n", &s), 0);
  ck_assert_str_eq (s.price, "price_n");
  ck_assert_int_eq (plan_sell (&b, NULL, "price_y", &s), 0);
  ck_assert_str_eq (s.price, "price_y");
  ck_assert_int_eq (plan_sell (&b, "TEAMS", NULL, &s), 0);
  ck_assert_str_eq (s.lookup_key, "teams");
  ck_assert_int_eq (plan_sell (&b, "MORE", NULL, &s), 0);
  ck_assert_str_eq (s.product, "prod_1");
  ck_assert_int_eq (plan_sell (&b, "BAD", NULL, &s), -ENOENT);
  ck_assert_int_eq (plan_sell (&b, "pro", NULL, &s), -ENOENT);
  ck_assert_int_eq (plan_sell (&b, NULL, "price_x", &s), -ENOENT);
}
END_TEST

/* ---- The time machine -------------------------------------------------------------- */

#define EVENT(id, type, object)                                                     \
  "{\"id\":\"" id "\",\"type\":\"" type "\",\"created\":1700000000,\"data\":{\"object\":{" object "}}}"
#define SUB(id, what, status)                                    \
  EVENT (id, "customer.subscription." what,                      \
         "\"id\":\"sub_1\",\"customer\":\"cus_1\",\"status\":\"" status "\"")
#define CHECKOUT(id) \
  EVENT (id, "checkout.session.completed", "\"id\":\"cs_1\",\"subscription\":\"sub_1\"")

/* The answer, malloc'ed; `rows` gets how many there are. */
static char *
simulated (const char *body, int *rows)
{
  static struct engine engine = { .tiers = { { "FREE", "PRO" }, 2 } };
  struct billing_conf conf = { .ended_tier = "FREE", .grace_days = 7 };
  struct billing b = stub_billing (&conf);
  struct desk d = { .billing = &b, .body = (char *) (uintptr_t) body, .body_len = strlen (body) };
  b.engine = &engine;
  ck_assert_int_eq (desk_simulate (&d), 0);
  *rows = 0;
  if (d.status) {
    /* what is no object, or no UTF-8, has no members that could be wrong */
    ck_assert_int_eq (d.status, *body == '{' && !strchr (body, '\xff') ? 422 : 400);
    free (d.text);
    return NULL;
  }
  desk_raw (&d, "", 1);
  for (const char *p = d.text; (p = strstr (p, "{\"time\":")); p++)
    ++*rows;
  return d.text;
}

/* In one second a creation goes before an update though its id is behind; between such two a
 * checkout's id may be anywhere, and what comes twice has one row. */
START_TEST (simulate_order)
{
  static const char *const events[]
      = { SUB ("evt_3", "created", "incomplete"), CHECKOUT ("evt_2"),
          SUB ("evt_1", "updated", "active") };
  static const int orders[][6] = { { 0, 1, 2, 0, 1, 2 }, { 2, 1, 0, 0, 2, 1 }, { 1, 0, 2, 2, 0, 1 },
                                   { 1, 2, 0, 1, 2, 0 }, { 0, 2, 1, 1, 0, 2 }, { 2, 0, 1, 2, 1, 0 } };
  char body[8192], *first = NULL, *text;
  int rows;
  for (int i = 0; i < 6; i++) {
    strcpy (body, "{\"events\":[");
    for (int k = 0; k < 6; k++)
      strcat (strcat (body, k ? "," : ""), events[orders[i][k]]);
    text = simulated (strcat (body, "]}"), &rows);
    ck_assert_int_eq (rows, 3);
    ck_assert_ptr_nonnull (strstr (text, "\"converged\":true"));
    if (first)
      ck_assert_str_eq (text, first);
    free (first);
    first = text;
  }
  free (first);
}
END_TEST

START_TEST (simulate_refuses)
{
  static const char *const bad[] = { "[]", "{}", "1", "{\"events\":1}", "{\"events\":[],\"until\":1.5}",
                                     "{\"events\":[],\"until\":\"x\"}" };
  int rows;
  char *text;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg (!simulated (bad[i], &rows), "%s", bad[i]);
  ck_assert (!simulated ("{\"events\":[\"\xff\"]}", &rows));
  text = simulated ("{\"events\":[1,null,{},[]]}", &rows);
  ck_assert_ptr_nonnull (strstr (text, "{\"index\":3,\"reason\":"));
  ck_assert_int_eq (rows, 0);
  free (text);
}
END_TEST

START_TEST (simulate_many)
{
  char *body = malloc (16384), *text;
  int rows;
  for (int n = 4000; n < 4002; n++) {
    strcpy (body, "{\"events\":[1");
    for (int i = 1; i < n; i++)
      memcpy (body + 10 + 2 * i, ",1", 3);
    text = simulated (strcat (body, "]}"), &rows);
    ck_assert_int_eq (text != NULL, n == 4000);
    free (text);
  }
  free (body);
}
END_TEST

UNIT_MAIN ("billing-plans", tiers, sold, simulate_order, simulate_refuses, simulate_many)
