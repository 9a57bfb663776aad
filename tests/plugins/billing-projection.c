/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From events to a subscription's state, in every order; and from that and the time to
 * what a tenant may have. */
#include "plugins/billing-stripe/dunning.h"
#include "plugins/billing-stripe/stored.h"
#include "plugins/billing-stripe/told.h"
#include "tests/unit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define DAY INT64_C (86400)
#define T0  INT64_C (1700000000)

/* ---- Events -------------------------------------------------------------- */

static struct told
tell (const char *json)
{
  struct told t;
  const char *why = NULL;
  ck_assert_msg (told_read (json, strlen (json), &t, &why) == 0, "%s: %s", why, json);
  return t;
}

__attribute__ ((format (printf, 4, 5))) static struct told
event (const char *id, const char *type, int64_t created, const char *object, ...)
{
  static char json[8192];
  va_list args;
  int n = snprintf (json, sizeof json, "{\"id\":\"%s\",\"type\":\"%s\",\"created\":%lld,"
                    "\"livemode\":false,\"data\":{\"object\":{", id, type, (long long) created);
  va_start (args, object);
  n += vsnprintf (json + n, sizeof json - (size_t) n, object, args);
  va_end (args);
  snprintf (json + n, sizeof json - (size_t) n, "}}}");
  return tell (json);
}

static struct told
sub (const char *id, const char *what, int64_t created, const char *status, const char *more)
{
  char type[64];
  snprintf (type, sizeof type, "customer.subscription.%s", what);
  return event (id, type, created,
                "\"id\":\"sub_1\",\"customer\":\"cus_1\",\"status\":\"%s\",\"currency\":\"jpy\","
                "\"items\":{\"data\":[{\"quantity\":3,\"price\":{\"id\":\"price_pro\",\"product\":"
                "\"prod_1\",\"unit_amount\":1200,\"currency\":\"jpy\"}}]}%s",
                status, more);
}

static void
take (struct projection *p, const struct told *t)
{
  if (t->kind == TOLD_CHECKOUT)
    projection_refer (p, &t->event, t->state.customer, t->state.tenant);
  else
    projection_add (p, &t->event, &t->state);
}

static const char *
text_of (const struct projection *p)
{
  static char text[2][STORED_MAX];
  static int at;
  struct kg_out out = { text[at ^= 1], 0, STORED_MAX };
  projection_store (&out, p);
  ck_assert (kg_out_ok (&out));
  text[at][out.len] = 0;
  return text[at];
}

/* ---- All orders ---------------------------------------------------------- */

#define SIX 6

static struct told six[SIX];
static char expected[STORED_MAX];
static int orders;

static void
six_make (void)
{
  six[0] = event ("evt_a", "checkout.session.completed", T0,
                  "\"id\":\"cs_1\",\"customer\":\"cus_1\",\"subscription\":\"sub_1\","
                  "\"client_reference_id\":\"tenant-1\",\"amount_total\":3600,\"currency\":\"jpy\"");
  six[1] = sub ("evt_f", "created", T0, "incomplete", "");
  six[2] = sub ("evt_b", "updated", T0, "active", "");
  six[3] = sub ("evt_e", "updated", T0 + 30 * DAY, "past_due", "");
  six[4] = sub ("evt_d", "updated", T0 + 33 * DAY, "active", ",\"cancel_at_period_end\":true");
  six[5] = sub ("evt_c", "deleted", T0 + 60 * DAY, "canceled", ",\"ended_at\":1705184000");
}

static void
order_try (const int *order)
{
  struct projection p = { .id = "sub_1" }, again;
  for (int i = 0; i < SIX; i++) {
    take (&p, &six[order[i]]);
    for (int k = rand () % 3; k > 0; k--) /* duplicates of what came */
      take (&p, &six[order[rand () % (i + 1)]]);
    /* and it is the same after a restart */
    ck_assert_int_eq (
        projection_load ((kg_str){ text_of (&p), strlen (text_of (&p)) }, &again), 0);
    ck_assert_str_eq (text_of (&again), text_of (&p));
    p = again;
  }
  if (!orders++)
    text_put (expected, sizeof expected, text_of (&p));
  ck_assert_str_eq (text_of (&p), expected);
}

static void
permute (int *order, int from)
{
  if (from == SIX)
    order_try (order);
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
  ck_assert_ptr_nonnull (strstr (expected, "\"status\":\"canceled\",\"due_since\":0"));
  ck_assert_ptr_nonnull (strstr (expected, "\"reference\":\"tenant-1\""));
  ck_assert_ptr_nonnull (strstr (expected, "\"amount\":3600,\"currency\":\"jpy\""));
  ck_assert_ptr_nonnull (strstr (expected, "\"ended_at\":1705184000"));
}
END_TEST

/* Every part of a lifecycle, too: the state depends on the set of events alone. */
START_TEST (every_part)
{
  six_make ();
  for (int set = 1; set < 1 << SIX; set++) {
    struct projection up = { .id = "sub_1" }, down = { .id = "sub_1" };
    for (int i = 0; i < SIX; i++) {
      if (set >> i & 1)
        take (&up, &six[i]);
      if (set >> (SIX - 1 - i) & 1)
        take (&down, &six[SIX - 1 - i]);
    }
    ck_assert_str_eq (text_of (&up), text_of (&down));
  }
}
END_TEST

/* More events than are remembered: the newest are, whatever the order. */
START_TEST (long_life)
{
  static struct told many[3 * PROJECTION_HISTORY];
  char first[STORED_MAX];
  const int n = sizeof many / sizeof many[0];
  for (int i = 0; i < n; i++) {
    char id[32];
    snprintf (id, sizeof id, "evt_%d", i * 7919 % 1000);
    many[i] = sub (id, "updated", T0 + i / 2 * DAY, i % 5 ? "active" : "past_due", "");
  }
  for (int round = 0; round < 50; round++) {
    struct projection p = { .id = "sub_1" };
    for (int i = 0; i < n; i++) {
      int k = i + rand () % (n - i);
      struct told t = many[i];
      many[i] = many[k];
      many[k] = t;
    }
    for (int i = 0; i < n; i++)
      take (&p, &many[i]);
    ck_assert_uint_eq (p.events, PROJECTION_HISTORY);
    if (!round)
      text_put (first, sizeof first, text_of (&p));
    ck_assert_str_eq (text_of (&p), first);
  }
}
END_TEST

START_TEST (ties)
{
  struct projection p = { .id = "sub_1" };
  struct told a = sub ("evt_1", "updated", T0, "past_due", ""),
              b = sub ("evt_2", "updated", T0, "active", ""),
              c = sub ("evt_3", "created", T0, "incomplete", "");
  take (&p, &c);
  take (&p, &b);
  ck_assert_uint_eq (projection_ties (&p), 0);
  take (&p, &a);
  ck_assert_uint_eq (projection_ties (&p), 2);
  ck_assert_int_eq (projection_status (&p), SUB_PAST_DUE);
  ck_assert_uint_eq (p.events, 3);
}
END_TEST

/* Ended is for ever: an event of an open subscription with a later time changes nothing. */
START_TEST (ended)
{
  struct projection p = { .id = "sub_1" };
  struct told a = sub ("evt_1", "deleted", T0, "canceled", ""),
              b = sub ("evt_2", "updated", T0 + 5, "active", "");
  take (&p, &a);
  take (&p, &b);
  ck_assert_int_eq (projection_status (&p), SUB_CANCELED);
  ck_assert_int_eq (dunning_at (&p, DAY, T0).served, 0);
}
END_TEST

/* ---- What is read -------------------------------------------------------- */

START_TEST (bad_events)
{
  static const char *const bad[] = {
    "", "{", "[]", "{}", "{\"id\":\"e\",\"type\":\"x\",\"created\":1}",
    "{\"id\":1,\"type\":\"x\",\"created\":1,\"data\":{\"object\":{}}}",
    "{\"id\":\"e\",\"type\":\"x\",\"created\":1.5,\"data\":{\"object\":{}}}",
    "{\"id\":\"e\",\"type\":\"invoice.paid\",\"created\":1,\"data\":{\"object\":{}}}",
    "{\"id\":\"e\",\"type\":\"invoice.paid\",\"created\":1,\"data\":{\"object\":{\"id\":\"in_1\","
    "\"customer\":\"cus_1\",\"amount_paid\":10.5}}}",
    "{\"id\":\"e\",\"type\":\"customer.subscription.updated\",\"created\":1,\"data\":{\"object\":{"
    "\"id\":\"sub_1\",\"status\":\"active\"}}}",
    "{\"id\":\"e\",\"type\":\"customer.subscription.updated\",\"created\":1,\"data\":{\"object\":{"
    "\"id\":\"sub_1\",\"customer\":\"cus_1\",\"status\":7}}}",
  };
  struct told t;
  const char *why;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    why = NULL;
    ck_assert_msg (told_read (bad[i], strlen (bad[i]), &t, &why) == -EBADMSG, "%s", bad[i]);
    ck_assert_ptr_nonnull (why);
  }
}
END_TEST

/* Any currency: units are what Stripe says, never divided. */
START_TEST (money)
{
  static const struct {
    const char *currency, *unit;
    int64_t quantity, amount;
  } rows[] = { { "jpy", "500", 2, 1000 },   { "krw", "9900", 1, 9900 },
               { "kwd", "12345", 3, 37035 }, { "usd", "9007199254740993", 1, 9007199254740993 },
               { "usd", "9223372036854775807", 2, -1 } };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct told t = event ("evt_1", "customer.subscription.created", T0,
                           "\"id\":\"sub_1\",\"customer\":{\"id\":\"cus_9\"},\"status\":\"active\","
                           "\"items\":{\"data\":[{\"quantity\":%lld,\"current_period_end\":99,"
                           "\"price\":{\"id\":\"p\",\"unit_amount\":%s,\"currency\":\"%s\","
                           "\"product\":{\"id\":\"prod\",\"metadata\":{\"kgent_tier\":\"PRO\"}}}}]}",
                           (long long) rows[i].quantity, rows[i].unit, rows[i].currency);
    ck_assert_int_eq (t.state.amount, rows[i].amount);
    ck_assert_int_eq (t.state.quantity, rows[i].quantity);
    ck_assert_int_eq (t.state.period_end, 99);
    ck_assert_str_eq (t.state.currency, rows[i].currency);
    ck_assert_str_eq (t.state.customer, "cus_9");
    ck_assert_str_eq (t.state.item[0].product, "prod");
    ck_assert_str_eq (t.state.item[0].tier, "PRO");
  }
}
END_TEST

START_TEST (invoices)
{
  struct told t = event ("evt_1", "invoice.payment_failed", T0,
                         "\"id\":\"in_1\",\"customer\":\"cus_1\",\"amount_due\":4200,\"currency\":"
                         "\"krw\",\"attempt_count\":2,\"next_payment_attempt\":null,\"parent\":{"
                         "\"subscription_details\":{\"subscription\":\"sub_7\",\"metadata\":{"
                         "\"tenant_id\":\"t-7\"}}}");
  ck_assert_int_eq (t.paid, 0);
  ck_assert_int_eq (t.state.amount, 4200);
  ck_assert_int_eq (t.attempt_count, 2);
  ck_assert_int_eq (t.next_payment_attempt, -1);
  ck_assert_str_eq (t.subscription, "sub_7");
  ck_assert_str_eq (t.state.tenant, "t-7");
}
END_TEST

/* ---- Dunning, with a clock of the test's own ------------------------------- */

static void
stands (const struct projection *p, int64_t now, enum dunning dunning, int32_t served, int64_t next)
{
  struct standing s = dunning_at (p, 7 * DAY, now);
  ck_assert_str_eq (dunning_name (s.dunning), dunning_name (dunning));
  ck_assert_int_eq (s.served, served);
  ck_assert_int_eq (s.next, next);
}

START_TEST (grace)
{
  struct projection p = { .id = "sub_1" };
  struct told a = sub ("evt_1", "updated", T0, "active", ""),
              b = sub ("evt_2", "updated", T0 + 2 * DAY, "past_due", ""),
              c = sub ("evt_3", "updated", T0 + 4 * DAY, "past_due", ""),
              d = sub ("evt_4", "updated", T0 + 3 * DAY, "active", ""),
              e = sub ("evt_5", "updated", T0 + 12 * DAY, "unpaid", "");
  stands (&p, T0, DUNNING_UNKNOWN, 0, 0);
  take (&p, &a);
  stands (&p, T0 + 99 * DAY, DUNNING_PAID, 1, 0);
  take (&p, &c);
  take (&p, &b);
  stands (&p, T0 + 4 * DAY, DUNNING_GRACE, 1, T0 + 9 * DAY);
  stands (&p, T0 + 9 * DAY - 1, DUNNING_GRACE, 1, T0 + 9 * DAY);
  stands (&p, T0 + 9 * DAY, DUNNING_OVERDUE, 0, 0);
  take (&p, &d); /* it was paid in between: it is due since later */
  stands (&p, T0 + 9 * DAY, DUNNING_GRACE, 1, T0 + 11 * DAY);
  take (&p, &e);
  stands (&p, T0 + 4 * DAY, DUNNING_OVERDUE, 0, 0);
}
END_TEST

START_TEST (endings)
{
  static const struct {
    const char *status, *more;
    enum dunning before, after;
  } rows[] = {
    { "active", ",\"cancel_at_period_end\":true,\"current_period_end\":1700086400", DUNNING_ENDING,
      DUNNING_ENDED },
    { "active", ",\"cancel_at\":1700086400", DUNNING_ENDING, DUNNING_ENDED },
    { "active", ",\"current_period_end\":1700086400", DUNNING_PAID, DUNNING_PAID },
    { "trialing", ",\"trial_end\":1700086400", DUNNING_TRIAL, DUNNING_TRIAL },
    { "incomplete", "", DUNNING_OPEN, DUNNING_OPEN },
    { "paused", "", DUNNING_PAUSED, DUNNING_PAUSED },
    { "incomplete_expired", "", DUNNING_ENDED, DUNNING_ENDED },
    { "new_in_2030", "", DUNNING_UNKNOWN, DUNNING_UNKNOWN },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct projection p = { .id = "sub_1" };
    struct told t = sub ("evt_1", "updated", T0, rows[i].status, rows[i].more);
    take (&p, &t);
    ck_assert_int_eq (dunning_at (&p, DAY, T0 + DAY - 1).dunning, rows[i].before);
    ck_assert_int_eq (dunning_at (&p, DAY, T0 + DAY).dunning, rows[i].after);
  }
}
END_TEST

UNIT_MAIN ("billing-projection", every_order, every_part, long_life, ties, ended, bad_events, money,
           invoices, grace, endings)
