/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/told.h"

#include <errno.h>
#include <json-c/json.h>

#define TIER_MEMBER "kgent" "_tier" /* of metadata; no name of a metric */
#define PRICE_MEMBER "kgent" "_price" /* the same, of sessions that this host made */
#define CREATED_MAX INT64_C (9000000000) /* fits as nanoseconds */

/* ---- Members ------------------------------------------------------------- */

/* One event that is being read. */
struct reader {
  struct told *told;
  json_object *object; /* data.object */
  json_object *before; /* data.previous_attributes */
  const char *why;     /* the first fault */
};

static json_object *
member (json_object *o, const char *name)
{
  json_object *v = NULL;
  if (!json_object_is_type (o, json_type_object))
    return NULL;
  return json_object_object_get_ex (o, name, &v) ? v : NULL;
}

static json_object *
member2 (json_object *o, const char *a, const char *b)
{
  return member (member (o, a), b);
}

static void
fault (struct reader *r, const char *why)
{
  if (!r->why)
    r->why = why;
}

/* A text that fits; null and absent are "". */
static void
text_get (struct reader *r, json_object *v, char *ret, size_t size, const char *why)
{
  size_t n = v ? (size_t) json_object_get_string_len (v) : 0;
  *ret = 0;
  if (!v)
    return;
  if (!json_object_is_type (v, json_type_string) || n >= size
      || strlen (json_object_get_string (v)) != n)
    fault (r, why);
  else
    memcpy (ret, json_object_get_string (v), n + 1);
}

#define TEXT(r, v, ret, why) text_get (r, v, ret, sizeof (ret), why)

/* An id, or the object whose id it is. */
static json_object *
id_of (json_object *v)
{
  return json_object_is_type (v, json_type_object) ? member (v, "id") : v;
}

/* An integer; null and absent are `none`. */
static int64_t
number_get (struct reader *r, json_object *v, int64_t none, const char *why)
{
  if (!v)
    return none;
  if (!json_object_is_type (v, json_type_int)) {
    fault (r, why);
    return none;
  }
  return json_object_get_int64 (v);
}

/* A tenant or tier, unless there is one already: what cannot be one names none.  Others than
 * we write metadata and references, of up to 500 characters. */
static void
name_get (json_object *v, char *ret, size_t size)
{
  if (!*ret && json_object_is_type (v, json_type_string)
      && (size_t) json_object_get_string_len (v) < size)
    text_put (ret, size, json_object_get_string (v));
}

static void
metadata_get (json_object *o, const char *name, char *ret, size_t size)
{
  name_get (member2 (o, "metadata", name), ret, size);
}

#define TENANT_OF(o, told) metadata_get (o, "tenant_id", (told)->state.tenant, PROJECTION_TENANT)

/* ---- Subscriptions ------------------------------------------------------- */

/* A price, or the plan that older versions of the API have in its place. */
static void
item_read (struct reader *r, json_object *o, struct sub_item *item)
{
  json_object *price = member (o, "price") ? member (o, "price") : member (o, "plan");
  json_object *product = member (price, "product");
  TEXT (r, id_of (price), item->price, "a price's id is no text");
  TEXT (r, member (price, "lookup_key"), item->lookup_key, "a lookup key is no text");
  TEXT (r, id_of (product), item->product, "a product's id is no text");
  metadata_get (price, TIER_MEMBER, item->tier, sizeof item->tier);
  metadata_get (product, TIER_MEMBER, item->tier, sizeof item->tier);
}

/* Adds an item's price times its quantity.  What is metered has no price beforehand; one
 * without an amount that isn't has steps, or fractions, which the event does not tell. */
static void
amount_add (struct reader *r, json_object *o, struct sub_state *s)
{
  json_object *price = member (o, "price") ? member (o, "price") : member (o, "plan");
  json_object *unit = member (price, "unit_amount") ? member (price, "unit_amount")
                                                    : member (price, "amount");
  json_object *use = member (price, "usage_type") ? member (price, "usage_type")
                                                  : member2 (price, "recurring", "usage_type");
  int64_t each = number_get (r, unit, 0, "an amount is no integer"), part;
  int64_t count = number_get (r, member (o, "quantity"), 1, "a quantity is no integer");
  if (!unit && json_object_is_type (use, json_type_string)
      && !strcmp (json_object_get_string (use), "licensed"))
    s->amount = -1;
  if (s->amount >= 0
      && (__builtin_mul_overflow (each, count, &part)
          || __builtin_add_overflow (s->amount, part, &s->amount) || s->amount < 0))
    s->amount = -1;
  if (!*s->currency)
    TEXT (r, member (price, "currency"), s->currency, "a currency is no text");
}

/* None of it is bought: 0 seats. */
static int32_t
item_none (json_object *item)
{
  json_object *v = member (item, "quantity");
  return json_object_is_type (v, json_type_int) && json_object_get_int64 (v) == 0;
}

static int32_t
items_bought (json_object *list, size_t n)
{
  int32_t some = 0;
  for (size_t i = 0; i < n; i++)
    some |= !item_none (json_object_array_get_idx (list, i));
  return some;
}

static void
items_read (struct reader *r, struct sub_state *s)
{
  json_object *list = member2 (r->object, "items", "data");
  size_t n = json_object_is_type (list, json_type_array) ? json_object_array_length (list) : 0;
  int32_t some = items_bought (list, n);
  s->none = n && !some && !json_object_get_boolean (member2 (r->object, "items", "has_more"));
  s->more = n > PROJECTION_ITEMS || json_object_get_boolean (member2 (r->object, "items", "has_more"));
  for (size_t i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (list, i);
    if (s->items < PROJECTION_ITEMS && !(some && item_none (item)))
      item_read (r, item, &s->item[s->items++]);
    amount_add (r, item, s);
    if (!s->period_end)
      s->period_end = number_get (r, member (item, "current_period_end"), 0, "a time is no integer");
  }
  if (n)
    s->quantity = number_get (r, member (json_object_array_get_idx (list, 0), "quantity"), 1,
                              "a quantity is no integer");
  else if (member (r->object, "plan")) {
    item_read (r, r->object, &s->item[s->items++]);
    amount_add (r, r->object, s);
    s->none = item_none (r->object);
  }
}

static void
subscription_read (struct reader *r)
{
  struct told *t = r->told;
  struct sub_state *s = &t->state;
  json_object *o = r->object;
  const char *time = "a time is no integer";
  char status[64];
  TEXT (r, member (o, "status"), status, "the status is no text");
  t->event.status = sub_status_find (status);
  t->event.first = !strcmp (t->type, "customer.subscription.created");
  if (!strcmp (t->type, "customer.subscription.deleted")
      && t->event.status != SUB_INCOMPLETE_EXPIRED)
    t->event.status = SUB_CANCELED;
  s->quantity = number_get (r, member (o, "quantity"), 1, "a quantity is no integer");
  s->period_end = number_get (r, member (o, "current_period_end"), 0, time);
  s->trial_end = number_get (r, member (o, "trial_end"), 0, time);
  s->canceled_at = number_get (r, member (o, "canceled_at"), 0, time);
  s->ended_at = number_get (r, member (o, "ended_at"), 0, time);
  s->cancel_at = number_get (r, member (o, "cancel_at"), 0, time);
  s->cancel_at_period_end = json_object_get_boolean (member (o, "cancel_at_period_end"));
  TEXT (r, member (o, "currency"), s->currency, "a currency is no text");
  items_read (r, s);
  TENANT_OF (o, t);
  if (!*s->customer)
    fault (r, "the subscription has no customer");
}

/* ---- Others -------------------------------------------------------------- */

/* Only a session that made a subscription tells something. */
static void
checkout_read (struct reader *r)
{
  struct told *t = r->told;
  TEXT (r, id_of (member (r->object, "subscription")), t->object, "a subscription's id is no text");
  if (!*t->object) {
    t->kind = TOLD_NOTHING;
    return;
  }
  t->state.amount = number_get (r, member (r->object, "amount_total"), -1, "an amount is no integer");
  TEXT (r, member (r->object, "currency"), t->state.currency, "a currency is no text");
  metadata_get (r->object, PRICE_MEMBER, t->state.item[0].price, STRIPE_ID);
  t->state.items = *t->state.item[0].price != 0;
  TENANT_OF (r->object, t);
  name_get (member (r->object, "client_reference_id"), t->state.tenant, PROJECTION_TENANT);
}

static void
invoice_read (struct reader *r)
{
  struct told *t = r->told;
  json_object *o = r->object, *details = member2 (o, "parent", "subscription_details");
  if (!details)
    details = member (o, "subscription_details");
  t->paid = !strcmp (t->type, "invoice.paid");
  t->state.amount = number_get (r, member (o, t->paid ? "amount_paid" : "amount_due"), -1,
                                "an amount is no integer");
  TEXT (r, member (o, "currency"), t->state.currency, "a currency is no text");
  TEXT (r, member (o, "billing_reason"), t->billing_reason, "billing_reason is no text");
  t->attempt_count = number_get (r, member (o, "attempt_count"), -1, "attempt_count is no integer");
  t->next_payment_attempt
      = number_get (r, member (o, "next_payment_attempt"), -1, "a time is no integer");
  TEXT (r, id_of (member (o, "subscription") ? member (o, "subscription")
                                             : member (details, "subscription")),
        t->subscription, "a subscription's id is no text");
  TEXT (r, id_of (member (o, "charge")), t->charge, "a charge's id is no text");
  TENANT_OF (details, t);
  TENANT_OF (o, t);
}

static void
customer_read (struct reader *r)
{
  TEXT_PUT (r->told->state.customer, r->told->object);
  TENANT_OF (r->object, r->told);
}

static void
product_read (struct reader *r)
{
  TEXT (r, member (r->object, "lookup_key"), r->told->lookup_key, "a lookup key is no text");
  metadata_get (r->object, TIER_MEMBER, r->told->tier, sizeof r->told->tier);
}

/* A charge, or what has one: whose it is. */
static void
charge_read (struct reader *r)
{
  struct told *t = r->told;
  int32_t intent = !strncmp (t->type, "payment_intent.", 15);
  TEXT (r, intent ? id_of (member (r->object, "latest_charge")) : member (r->object, "id"),
        t->charge, "a charge's id is no text");
  if (!*t->state.customer || !*t->charge)
    t->kind = TOLD_NOTHING;
}

/* What refunds and disputes have in common: the charge, which alone says whose they are. */
static void
of_charge_read (struct reader *r)
{
  struct told *t = r->told;
  json_object *charge = member (r->object, "charge");
  t->state.amount = number_get (r, member (r->object, "amount"), -1, "an amount is no integer");
  TEXT (r, member (r->object, "currency"), t->state.currency, "a currency is no text");
  TEXT (r, id_of (charge), t->charge, "a charge's id is no text");
  TEXT (r, member (r->object, "status"), t->status, "the status is no text");
  TEXT (r, member (r->object, "reason"), t->reason, "the reason is no text");
  TENANT_OF (r->object, t);
  if (!*t->state.customer)
    TEXT (r, id_of (member (charge, "customer")), t->state.customer,
          "the customer's id is no text");
  if (!*t->state.customer && !*t->charge && !*t->state.tenant)
    t->kind = TOLD_NOTHING; /* nobody will ever know whose */
}

static void
refund_state_read (struct reader *r)
{
  of_charge_read (r);
  TEXT (r, member (r->object, "failure_reason"), r->told->failure_reason,
        "failure_reason is no text");
}

static void
dispute_read (struct reader *r)
{
  of_charge_read (r);
  r->told->due_by = number_get (r, member2 (r->object, "evidence_details", "due_by"), 0,
                                "a time is no integer");
}

/* What this event is about: `amount_refunded` is the sum of all refunds of the charge. */
static void
refund_read (struct reader *r)
{
  struct told *t = r->told;
  const char *why = "an amount is no integer";
  int64_t sum = number_get (r, member (r->object, "amount_refunded"), -1, why);
  int64_t before = number_get (r, member (r->before, "amount_refunded"), 0, why);
  t->state.amount = sum >= before && before >= 0 ? sum - before : -1;
  TEXT (r, member (r->object, "currency"), t->state.currency, "a currency is no text");
  TEXT (r, id_of (member (r->object, "invoice")), t->invoice, "an invoice's id is no text");
  TEXT_PUT (t->charge, t->object);
  TENANT_OF (r->object, t);
  if (!*t->state.customer && !*t->state.tenant)
    t->kind = TOLD_NOTHING; /* nobody will ever know whose */
}

/* ---- The event ----------------------------------------------------------- */

static const struct kind {
  const char *type;
  enum told_kind kind;
  void (*read) (struct reader *r);
} kinds[] = {
  { "customer.subscription.created", TOLD_SUBSCRIPTION, subscription_read },
  { "customer.subscription.updated", TOLD_SUBSCRIPTION, subscription_read },
  { "customer.subscription.deleted", TOLD_SUBSCRIPTION, subscription_read },
  { "customer.subscription.paused", TOLD_SUBSCRIPTION, subscription_read },
  { "customer.subscription.resumed", TOLD_SUBSCRIPTION, subscription_read },
  { "checkout.session.completed", TOLD_CHECKOUT, checkout_read },
  { "invoice.paid", TOLD_INVOICE, invoice_read },
  { "invoice.payment_failed", TOLD_INVOICE, invoice_read },
  { "customer.created", TOLD_CUSTOMER, customer_read },
  { "customer.updated", TOLD_CUSTOMER, customer_read },
  { "product.created", TOLD_PRODUCT, product_read },
  { "product.updated", TOLD_PRODUCT, product_read },
  { "price.created", TOLD_PRODUCT, product_read },
  { "price.updated", TOLD_PRODUCT, product_read },
  { "charge.succeeded", TOLD_CHARGE, charge_read },
  { "charge.updated", TOLD_CHARGE, charge_read },
  { "payment_intent.succeeded", TOLD_CHARGE, charge_read },
  { "charge.refunded", TOLD_REFUND, refund_read },
  { "refund.updated", TOLD_REFUND_STATE, refund_state_read },
  { "charge.dispute.created", TOLD_DISPUTE, dispute_read },
  { "charge.dispute.closed", TOLD_DISPUTE, dispute_read },
  { "charge.dispute.funds_withdrawn", TOLD_DISPUTE, dispute_read },
  { "charge.dispute.funds_reinstated", TOLD_DISPUTE, dispute_read },
};

static const struct kind *
kind_find (const char *type)
{
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (!strcmp (kinds[i].type, type))
      return &kinds[i];
  return NULL;
}

static void
envelope_read (struct reader *r, json_object *event)
{
  struct told *t = r->told;
  json_object *live = member (event, "livemode");
  if (!json_object_is_type (event, json_type_object))
    fault (r, "the event is no object");
  TEXT (r, member (event, "id"), t->event.id, "the event's id is no text");
  TEXT (r, member (event, "type"), t->type, "the event's type is no text");
  t->event.created = number_get (r, member (event, "created"), -1, "created is no integer");
  t->livemode = live ? json_object_get_boolean (live) : -1;
  r->object = member2 (event, "data", "object");
  r->before = member2 (event, "data", "previous_attributes");
  if (!*t->event.id || !*t->type)
    fault (r, "the event has no id or no type");
  if (t->event.created < 0 || t->event.created > CREATED_MAX)
    fault (r, "the event has no time");
  if (!json_object_is_type (r->object, json_type_object))
    fault (r, "the event has no data.object");
}

/* Events of connected accounts have an account.  What it sells, and what it writes into
 * metadata, is its own: it makes nobody's tier. */
int32_t
told_take (json_object *event, struct told *ret, const char **ret_why)
{
  struct reader r = { .told = ret };
  const struct kind *kind;
  memset (ret, 0, sizeof *ret);
  envelope_read (&r, event);
  kind = r.why || member (event, "account") ? NULL : kind_find (ret->type);
  if (kind) {
    ret->kind = kind->kind;
    TEXT (&r, member (r.object, "id"), ret->object, "the object's id is no text");
    TEXT (&r, id_of (member (r.object, "customer")), ret->state.customer,
          "the customer's id is no text");
    kind->read (&r);
    if (!*ret->object && ret->kind != TOLD_NOTHING)
      fault (&r, "the object has no id");
  }
  *ret_why = r.why;
  return r.why ? -EBADMSG : 0;
}

int32_t
told_read (const char *text, size_t len, struct told *ret, const char **ret_why)
{
  json_tokener *tok = json_tokener_new ();
  json_object *o;
  int32_t rc;
  if (!tok)
    return -ENOMEM;
  json_tokener_set_flags (tok, JSON_TOKENER_STRICT);
  o = json_tokener_parse_ex (tok, text, (int) len);
  *ret_why = "it is not JSON";
  rc = json_object_is_type (o, json_type_object) ? told_take (o, ret, ret_why) : -EBADMSG;
  json_object_put (o);
  json_tokener_free (tok);
  return rc;
}
