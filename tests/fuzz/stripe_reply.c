/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What Stripe's API answers, whatever it is: a session ends once, with what it promises, in
 * JSON where it says JSON; and prices are whole numbers, or not told. */
#include "plugins/billing-stripe/engine.h"
#include "plugins/billing-stripe/prices.h"
#include "plugins/billing-stripe/session.h"
#include "tests/fuzz/billing-stub.h"

#undef KG_ABI_TARGET /* core has its own */
#include "core/util/json.h"
#include "core/util/str.h"

static int ended;

/* What goes into an answer as it is. */
static void
json_check (const char *text)
{
  struct kg_json_token tokens[512];
  struct kg_json j;
  must (!json_scan (text, strlen (text), tokens, 512, &j, NULL));
}

static void
session_check (struct session *s)
{
  ended++;
  must (str_utf8_valid (s->detail, strlen (s->detail)));
  must (str_utf8_valid (s->id, strlen (s->id)) && s->retry_after_s >= 0);
  if (s->stripe[0])
    json_check (s->stripe);
  if (s->status != 200) {
    must (s->status >= 400 && s->status < 600 && s->detail[0]);
    return;
  }
  must (redirect_entry_ok (s->url) && s->id[0] && stripe_id_ok (s->payer.customer));
}

static void
session_try (struct billing *b, int what)
{
  struct session *s = calloc (1, sizeof *s);
  must (s != NULL);
  s->billing = b;
  s->kind = what & 1 ? SESSION_PORTAL : SESSION_CHECKOUT;
  s->done = session_check;
  s->quantity = 1;
  strcpy (s->payer.tenant, "acme");
  strcpy (s->nonce, "1 req-1");
  strcpy (s->success_url, "https://app.example.com/paid");
  strcpy (what & 2 ? s->price : what & 4 ? s->lookup_key : s->product, "pro_1");
  ended = 0;
  session_begin (s);
  must (ended == 1);
  free (s);
}

static void
prices_try (struct billing *b)
{
  must (!prices_open (b) && !prices_start (b));
  stub_timed (b);
  stub_timed (b);
  for (uint64_t i = 0; i < b->conf->plans.count; i++) {
    const struct price *p = prices_get (b, i);
    must (!p || stripe_id_ok (p->id));
    must (!p || str_utf8_valid (p->currency, strlen (p->currency)));
    must (!p || str_utf8_valid (p->interval, strlen (p->interval)));
  }
  prices_stop (b);
  prices_close (b);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* A letter: what is asked for; and lines: what Stripe answers. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *const none[] = { NULL };
  const struct billing_plan plans[] = { { "PRO", LIST ("price_1"), none, none },
                                        { "TEAMS", none, LIST ("teams"), none },
                                        { "MORE", none, none, LIST ("prod_1") } };
  struct billing_conf conf = { .plans = { plans, 3 } };
  struct billing b = stub_billing (&conf);
  struct engine engine = { .billing = &b };
  b.engine = &engine;
  if (!size)
    return 0;
  stub_answers = (struct input){ (const char *) data + 1, (const char *) data + size };
  if (data[0] & 8)
    prices_try (&b);
  else
    session_try (&b, data[0]);
  return 0;
}
