/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What Stripe's API answers, and what becomes of it: its errors as problems of ours, ids and
 * prices that are none, texts that are cut. */
#include "plugins/billing-stripe/engine.h"
#include "plugins/billing-stripe/prices.h"
#include "plugins/billing-stripe/session.h"
#include "tests/fuzz/billing-stub.h"
#include "tests/unit.h"

#include <stdio.h>

#define CUSTOMER "a{\"data\":[{\"id\":\"cus_1\"}]}\n"
#define NOTHING  "a{\"data\":[]}\n"
#define PAGE     "a{\"id\":\"cs_1\",\"url\":\"https://checkout.stripe.com/c/1#x\",\"expires_at\":1700000000}\n"

static struct billing_conf conf;
static struct engine engine;
static struct billing billing;
static int ended;

static void
served (void)
{
  conf = (struct billing_conf){ 0 };
  billing = stub_billing (&conf);
  engine = (struct engine){ .billing = &billing };
  billing.engine = &engine;
}

static void
session_ended (struct session *s)
{
  (void) s;
  ended++;
}

/* A session of price_1, with these answers; the caller frees it. */
static struct session *
session_of (enum session_kind kind, const char *answers)
{
  struct session *s = calloc (1, sizeof *s);
  served ();
  s->billing = &billing;
  s->kind = kind;
  s->done = session_ended;
  s->quantity = 1;
  strcpy (s->payer.tenant, "acme");
  strcpy (s->success_url, "https://app.example.com/paid");
  strcpy (s->price, "price_1");
  stub_answers = (struct input){ answers, answers + strlen (answers) };
  stub_asked = ended = 0;
  session_begin (s);
  ck_assert_int_eq (ended, 1);
  return s;
}

static void
session_is (const char *answers, int status, const char *detail, int64_t retry_after)
{
  struct session *s = session_of (SESSION_CHECKOUT, answers);
  ck_assert_msg (s->status == status, "%d, not %d: %s", s->status, status, s->detail);
  ck_assert_str_eq (s->detail, detail);
  ck_assert_int_eq (s->retry_after_s, retry_after);
  free (s);
}

START_TEST (good)
{
  struct session *s = session_of (SESSION_CHECKOUT, CUSTOMER NOTHING PAGE);
  ck_assert_int_eq (s->status, 200);
  ck_assert_str_eq (s->id, "cs_1");
  ck_assert_str_eq (s->url, "https://checkout.stripe.com/c/1#x");
  ck_assert_str_eq (s->payer.customer, "cus_1");
  ck_assert_int_eq (s->expires_at, 1700000000);
  ck_assert_int_eq (stub_asked, 3);
  free (s);
  s = session_of (SESSION_PORTAL, NOTHING);
  ck_assert_int_eq (s->status, 404);
  free (s);
}
END_TEST

START_TEST (refusals)
{
  session_is ("d{\"error\":{\"message\":\"no\"}}\na{\"id\":\"cus_1\"}\nd{\"error\":{\"message\":"
              "\"no such price\"}}\n", 502, "Stripe refuses: no such price", 0);
  session_is (CUSTOMER "d{}\n", 502, "Stripe refuses: no reason is given", 0);
  session_is (CUSTOMER "d<html>\n", 502, "Stripe refuses: no reason is given", 0);
  session_is (CUSTOMER NOTHING "f{\"error\":{\"message\":\"declined\"}}\n", 402,
              "Stripe refuses: declined", 0);
  session_is ("e{\"error\":{\"message\":\"Invalid API Key provided: rk_1\"}}\n", 502,
              "Stripe refuses this host's key", 0);
  session_is ("g{}\n", 502, "Stripe refuses this host's key", 0);
  session_is ("j{}\n", 503, "Stripe is busy", 2); /* Retry-After: 1.5 s */
  session_is ("i{}\n", 503, "Stripe is busy", 5);
  session_is ("k{}\n", 503, "Stripe has a failure", 5);
  session_is ("n\n", 504, "Stripe did not answer in time", 0);
  session_is ("o\n", 503, "Stripe cannot be reached", 5);
  session_is ("p\n", 502, "Stripe's answer could not be read", 0);
}
END_TEST

/* A status alone is no good answer. */
START_TEST (unreadable)
{
  static const char *const pages[]
      = { "a\n", "a[]\n", "a{\n", "a{\"id\":\"cs_1\"}\n", "a{\"url\":\"https://x/\"}\n",
          "a{\"id\":1,\"url\":\"https://x/\"}\n", "a{\"id\":\"\",\"url\":\"https://x/\"}\n",
          "a{\"id\":\"cs_1\",\"url\":\"javascript:x\"}\n",
          "a{\"id\":\"cs_1\",\"url\":\"https://x/\\r\\nSet-Cookie: a\"}\n" };
  char answers[512];
  for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
    strcat (strcpy (answers, CUSTOMER NOTHING), pages[i]);
    session_is (answers, 502, "Stripe's answer could not be read", 0);
  }
}
END_TEST

START_TEST (subscribed)
{
  struct session *s = session_of (SESSION_CHECKOUT, CUSTOMER "a{\"data\":[{\"id\":\"sub_2\","
                                  "\"status\":\"canceled\"},{\"id\":\"sub_1\",\"status\":"
                                  "\"past_due\"}]}\n");
  ck_assert_int_eq (s->status, 409);
  ck_assert_str_eq (s->subscription, "sub_1");
  free (s);
}
END_TEST

/* Stripe's words go into JSON: whole characters, or none of it. */
START_TEST (words)
{
  char answers[2048] = CUSTOMER "d{\"error\":{\"message\":\"x";
  struct session *s;
  size_t n;
  for (int i = 0; i < 400; i++)
    strcat (answers, "\xc3\xa9");
  strcat (answers, "\"}}\n");
  s = session_of (SESSION_CHECKOUT, answers);
  n = strlen (s->detail);
  ck_assert_uint_ge (n, sizeof s->detail - 3);
  ck_assert_str_eq (s->detail + n - 2, "\xc3\xa9");
  ck_assert_ptr_nonnull (strstr (s->stripe, "\"message\":\"x\xc3\xa9"));
  free (s);
}
END_TEST

START_TEST (bytes)
{
  static const char *const bad[]
      = { "\xff", "\xc3", "\xc3(", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
          "\xf8\x88\x80\x80\x80", "\xe2\x82" };
  char answers[512];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct session *s;
    snprintf (answers, sizeof answers, CUSTOMER "d{\"error\":{\"message\":\"a%sb\"}}\n", bad[i]);
    s = session_of (SESSION_CHECKOUT, answers);
    ck_assert_str_eq (s->detail, "Stripe refuses: no reason is given");
    ck_assert_ptr_null (strstr (s->stripe, bad[i]));
    free (s);
  }
  session_is (CUSTOMER "d{\"error\":{\"message\":\"\xf0\x9f\x99\x82 \xe2\x82\xac\"}}\n", 502,
              "Stripe refuses: \xf0\x9f\x99\x82 \xe2\x82\xac", 0);
}
END_TEST

START_TEST (members)
{
  json_object *o = json_tokener_parse ("{\"a\":[{\"b\":\"x\"},[\"y\"]],\"n\":1,\"z\":null}");
  char deep[200];
  ck_assert_str_eq (stripe_text (o, "a.0.b"), "x");
  ck_assert_str_eq (stripe_text (o, "a.1.0"), "y");
  ck_assert_ptr_null (stripe_text (o, "a.2.0"));
  ck_assert_ptr_null (stripe_text (o, "a.99999999999999999999"));
  ck_assert_ptr_null (stripe_text (o, "n"));
  ck_assert_ptr_null (stripe_text (o, "n.0"));
  ck_assert_ptr_null (stripe_text (o, "z.b"));
  ck_assert_ptr_null (stripe_text (o, ""));
  ck_assert_ptr_null (stripe_text (NULL, "a"));
  memset (deep, 'a', sizeof deep - 1);
  deep[sizeof deep - 1] = 0;
  ck_assert_ptr_null (stripe_member (o, deep));
  json_object_put (o);
}
END_TEST

START_TEST (ids)
{
  char id[STRIPE_ID_MAX + 2], a[STRIPE_HASH], b[STRIPE_HASH];
  memset (id, 'a', sizeof id);
  id[STRIPE_ID_MAX + 1] = 0;
  ck_assert (!stripe_id_ok (id));
  id[STRIPE_ID_MAX] = 0;
  ck_assert (stripe_id_ok (id) && stripe_id_ok ("cus_1Ab"));
  ck_assert (!stripe_id_ok (NULL) && !stripe_id_ok ("") && !stripe_id_ok ("a/b"));
  ck_assert (!stripe_id_ok ("a-b") && !stripe_id_ok ("..") && !stripe_id_ok ("a\xc3\xa9"));
  /* each text with its end: so none is another's continuation */
  ck_assert_int_eq (stripe_hash ((const char *const[]){ "a", "bc", NULL }, a), 0);
  ck_assert_int_eq (stripe_hash ((const char *const[]){ "ab", "c", NULL }, b), 0);
  ck_assert_str_ne (a, b);
  ck_assert_uint_eq (strlen (a), STRIPE_HASH - 1);
}
END_TEST

/* ---- Prices ------------------------------------------------------------------------ */

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

START_TEST (prices)
{
  const char *const none[] = { NULL };
  const struct billing_plan plans[]
      = { { "A", LIST ("price_1"), none, none }, { "B", none, LIST ("key"), none },
          { "C", none, none, LIST ("prod_1") }, { "D", LIST ("price_4"), none, none } };
  const char *answers
      = "a{\"id\":\"price_1\",\"unit_amount\":9007199254740993,\"currency\":\"jpy\",\"recurring\":"
        "{\"interval\":\"month\"}}\na{\"data\":[{\"id\":\"price_2\",\"unit_amount\":1.5,\"currency\":"
        "\"kwd\"}]}\na{\"default_price\":{\"id\":\"price_3\",\"unit_amount\":null,\"currency\":"
        "\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\"}}\nd{\"error\":{}}\n";
  served ();
  conf.plans = (struct kg_list){ plans, 4 };
  stub_answers = (struct input){ answers, answers + strlen (answers) };
  ck_assert_int_eq (prices_open (&billing), 0);
  ck_assert_int_eq (prices_start (&billing), 0);
  stub_timed (&billing);
  ck_assert_int_eq (prices_get (&billing, 0)->unit_amount, 9007199254740993);
  ck_assert_str_eq (prices_get (&billing, 0)->currency, "jpy");
  ck_assert_str_eq (prices_get (&billing, 0)->interval, "month");
  ck_assert_int_eq (prices_get (&billing, 1)->unit_amount, -1);
  ck_assert_int_eq (prices_get (&billing, 2)->unit_amount, -1);
  ck_assert_str_eq (prices_get (&billing, 2)->currency, "\xe2\x82\xac\xe2\x82\xac"); /* 7 bytes */
  ck_assert_ptr_null (prices_get (&billing, 3));
  ck_assert_ptr_null (prices_get (&billing, 4));
  prices_stop (&billing);
  prices_close (&billing);
}
END_TEST

UNIT_MAIN ("billing-answers", good, refusals, unreadable, subscribed, words, bytes, members, ids,
           prices)
