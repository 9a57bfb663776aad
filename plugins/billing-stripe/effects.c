/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the ledger gets of Stripe's events: each under an id that is the same whoever
 * makes it and whenever, so that the log takes it once.  A checkout and the creation of
 * its subscription are one start, named after the subscription. */
#include "plugins/billing-stripe/engine.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS     INT64_C (1000000000)
#define EFFECT_SOURCE "kgents-api"

/* ---- The event ----------------------------------------------------------- */

static void
text_show (struct kg_out *out, const char *name, const char *text)
{
  kg_out_lit (out, name);
  kg_out_text (out, *text ? text : NULL);
}

static void
number_show (struct kg_out *out, const char *name, int64_t n, int64_t none)
{
  kg_out_lit (out, name);
  if (n == none)
    kg_out_lit (out, "null");
  else
    kg_out_int (out, n);
}

static void
money_show (struct kg_out *out, const struct sub_state *s)
{
  number_show (out, ",\"amount\":", s->amount, -1);
  text_show (out, ",\"currency\":", s->currency);
}

/* What comes of charges. */
static const struct {
  const char *type, *effect;
} charges[] = {
  { "charge.refunded", "payment.refunded" },
  { "refund.updated", "payment.refund_updated" },
  { "charge.dispute.created", "payment.disputed" },
  { "charge.dispute.closed", "payment.dispute_closed" },
  { "charge.dispute.funds_withdrawn", "payment.dispute_withdrawn" },
  { "charge.dispute.funds_reinstated", "payment.dispute_reinstated" },
};

/* Of which type the ledger's event is; NULL: there is none. */
static const char *
effect_type (const struct told *t)
{
  for (size_t i = 0; i < sizeof charges / sizeof charges[0]; i++)
    if (!strcmp (charges[i].type, t->type))
      return charges[i].effect;
  if (t->kind == TOLD_INVOICE)
    return t->paid ? "payment.success" : "payment.failed";
  if (t->kind == TOLD_CHECKOUT || (t->kind == TOLD_SUBSCRIPTION && t->event.first))
    return "subscription.started";
  if (!strcmp (t->type, "customer.subscription.updated"))
    return "subscription.updated";
  return strcmp (t->type, "customer.subscription.deleted") ? NULL : "subscription.ended";
}

int32_t
effect_is_start (const struct told *t)
{
  const char *type = effect_type (t);
  return type && !strcmp (type, "subscription.started");
}

static void
effect_id (const struct told *t, char ret[EFFECT_ID])
{
  if (effect_is_start (t))
    snprintf (ret, EFFECT_ID, "started-%s", t->object);
  else
    snprintf (ret, EFFECT_ID, "%s", t->event.id);
}

/* A checkout does not tell what was bought: then what is known of the subscription counts. */
static void
subscription_data (struct kg_out *out, struct engine *e, const struct told *t,
                   const struct projection *p)
{
  int32_t known = t->kind == TOLD_CHECKOUT && p && p->events;
  const struct sub_state *s = known ? &p->state : &t->state;
  enum sub_status status = known ? projection_status (p) : t->event.status;
  int32_t rank = state_rank (e, s);
  text_show (out, "{\"subscription_id\":", t->object);
  text_show (out, ",\"plan_id\":", s->items ? s->item[0].price : "");
  text_show (out, ",\"tier\":", rank >= 0 ? e->tiers.name[rank] : "");
  text_show (out, ",\"status\":", status ? sub_status_name (status) : "");
  number_show (out, ",\"quantity\":", t->kind == TOLD_CHECKOUT && !known ? -1 : s->quantity, -1);
  money_show (out, s);
  number_show (out, ",\"trial_end\":", s->trial_end, 0);
  if (!strcmp (t->type, "customer.subscription.updated"))
    kg_out_lit (out, s->cancel_at_period_end ? ",\"cancel_at_period_end\":true"
                                             : ",\"cancel_at_period_end\":false");
  if (!strcmp (t->type, "customer.subscription.deleted")) {
    number_show (out, ",\"canceled_at\":", s->canceled_at, 0);
    number_show (out, ",\"ended_at\":", s->ended_at, 0);
  }
  kg_out_lit (out, "}");
}

static void
refund_data (struct kg_out *out, const struct told *t)
{
  text_show (out, "{\"charge_id\":", t->object);
  text_show (out, ",\"invoice_id\":", t->invoice);
  money_show (out, &t->state);
  kg_out_lit (out, "}");
}

/* What refunds and disputes have in common: all but their own last members. */
static void
of_charge_data (struct kg_out *out, const struct told *t, const char *name)
{
  text_show (out, name, t->object);
  text_show (out, ",\"charge_id\":", t->charge);
  money_show (out, &t->state);
  text_show (out, ",\"status\":", t->status);
  text_show (out, ",\"reason\":", t->reason);
}

static void
refund_state_data (struct kg_out *out, const struct told *t)
{
  of_charge_data (out, t, "{\"refund_id\":");
  text_show (out, ",\"failure_reason\":", t->failure_reason);
  kg_out_lit (out, "}");
}

static void
dispute_data (struct kg_out *out, const struct told *t)
{
  of_charge_data (out, t, "{\"dispute_id\":");
  number_show (out, ",\"due_by\":", t->due_by, 0);
  kg_out_lit (out, "}");
}

static void
invoice_data (struct kg_out *out, const struct told *t)
{
  text_show (out, "{\"invoice_id\":", t->object);
  text_show (out, ",\"subscription_id\":", t->subscription);
  money_show (out, &t->state);
  if (t->paid)
    text_show (out, ",\"billing_reason\":", t->billing_reason);
  else {
    number_show (out, ",\"attempt_count\":", t->attempt_count, -1);
    number_show (out, ",\"next_payment_attempt\":", t->next_payment_attempt, -1);
  }
  kg_out_lit (out, "}");
}

static void
time_show (struct kg_out *out, int64_t seconds)
{
  time_t at = (time_t) seconds;
  char text[40];
  struct tm tm;
  if (gmtime_r (&at, &tm) && strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
    kg_out_text (out, text);
  else
    kg_out_lit (out, "\"1970-01-01T00:00:00Z\"");
}

static void
event_show (struct kg_out *out, struct engine *e, const struct told *t, const struct projection *p,
            const char *id)
{
  text_show (out, "{\"id\":", id);
  kg_out_lit (out, ",\"source\":\"" EFFECT_SOURCE "\",\"time\":");
  time_show (out, t->event.created);
  text_show (out, ",\"type\":", effect_type (t));
  kg_out_lit (out, ",\"data\":");
  if (t->kind == TOLD_INVOICE)
    invoice_data (out, t);
  else if (t->kind == TOLD_REFUND)
    refund_data (out, t);
  else if (t->kind == TOLD_REFUND_STATE)
    refund_state_data (out, t);
  else if (t->kind == TOLD_DISPUTE)
    dispute_data (out, t);
  else
    subscription_data (out, e, t, p);
  kg_out_lit (out, "}");
}

void
effect_record (struct kg_out *out, const char *tenant, int64_t created, const char *event)
{
  text_show (out, "{\"tenant\":", tenant);
  number_show (out, ",\"time\":", created * SECOND_NS, -1);
  kg_out_lit (out, ",\"events\":[");
  kg_out_lit (out, event);
  kg_out_lit (out, "]}");
}

/* ---- Into the ledger, or waiting ------------------------------------------- */

/* What is needed to find the tenant later. */
static void
wait_put (struct batch *batch, const struct told *t, const char *customer, const char *id,
          const char *named, const char *event)
{
  struct engine *e = batch->billing->engine;
  char key[2 * STRIPE_ID + 32], text[EFFECT_MAX + 2048];
  struct kg_out out = { text, 0, sizeof text };
  snprintf (key, sizeof key, "wait/%s/%s", customer, id);
  if (batch_get (batch, e->objects, key).ptr)
    return;
  kg_out_lit (&out, "{\"id\":");
  kg_out_text (&out, id);
  text_show (&out, ",\"customer\":", t->state.customer);
  text_show (&out, ",\"charge\":", t->charge);
  text_show (&out, ",\"named\":", named);
  number_show (&out, ",\"created\":", t->event.created, -1);
  kg_out_lit (&out, ",\"event\":");
  kg_out_lit (&out, event);
  kg_out_lit (&out, "}");
  if (!kg_out_ok (&out))
    batch->error = -E2BIG;
  else
    batch_put (batch, e->objects, key, (kg_str){ text, out.len });
  /* An operator may be saying right now whose that is. */
  if (texts_add (&batch->freed, customer, strlen (customer)) < 0)
    batch->error = -ENOMEM;
}

void
effect_add (struct batch *batch, const struct told *t, const struct projection *p)
{
  struct engine *e = batch->billing->engine;
  const char *named = *t->state.tenant ? t->state.tenant : p ? projection_tenant (p) : "";
  char id[EFFECT_ID], customer[STRIPE_ID], tenant[PROJECTION_TENANT];
  char event[EFFECT_MAX], text[EFFECT_MAX + 1024];
  struct kg_out out = { event, 0, sizeof event - 1 }, record = { text, 0, sizeof text };
  if (!effect_type (t))
    return;
  effect_id (t, id);
  event_show (&out, e, t, p, id);
  if (!kg_out_ok (&out)) {
    batch->error = -E2BIG;
    return;
  }
  event[out.len] = 0;
  TEXT_PUT (customer, t->state.customer);
  if (!*customer && *t->charge)
    charge_customer (batch, t->charge, customer);
  customer_tenant (batch, customer, named, tenant);
  if (!*tenant) {
    wait_put (batch, t, customer, id, named, event);
    return;
  }
  effect_record (&record, tenant, t->event.created, event);
  batch_append (batch, e->usage, id, (kg_str){ text, record.len });
}
