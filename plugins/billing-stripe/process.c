/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One event: what it changes.  All of it is added to a batch, which is written with the
 * cursor's position: so it happens once, or not at all and again. */
#include "plugins/billing-stripe/engine.h"
#include "plugins/billing-stripe/refetch.h"
#include "plugins/billing-stripe/stored.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one event needs; too much for a stack. */
struct work {
  struct batch *batch;
  struct engine *engine;
  struct told told;
  struct projection p;
  char text[STORED_MAX];
};

/* ---- Subscriptions ------------------------------------------------------- */

static int32_t
subscription_load (struct work *w, const char *id)
{
  char key[STRIPE_ID + 8];
  kg_str text;
  snprintf (key, sizeof key, "sub/%s", id);
  text = batch_get (w->batch, w->engine->objects, key);
  if (text.ptr)
    return projection_load (text, &w->p);
  memset (&w->p, 0, sizeof w->p);
  TEXT_PUT (w->p.id, id);
  return 0;
}

static void
subscription_save (struct work *w)
{
  struct kg_out out = { w->text, 0, sizeof w->text };
  char key[2 * STRIPE_ID + 8];
  projection_store (&out, &w->p);
  if (!kg_out_ok (&out)) {
    w->batch->error = -E2BIG;
    return;
  }
  snprintf (key, sizeof key, "sub/%s", w->p.id);
  batch_put (w->batch, w->engine->objects, key, (kg_str){ w->text, out.len });
  snprintf (key, sizeof key, "cus/%s/%s", projection_customer (&w->p), w->p.id);
  if (!batch_get (w->batch, w->engine->objects, key).ptr)
    batch_put (w->batch, w->engine->objects, key, (kg_str){ "{}", 2 });
}

/* Whoever may have another tier now. */
static void
subscription_touch (struct work *w)
{
  char tenant[PROJECTION_TENANT];
  customer_tenant (w->batch, projection_customer (&w->p), projection_tenant (&w->p), tenant);
  if (*tenant)
    batch_touch (w->batch, tenant);
}

/* Whether the history has the event; it has not those that are too old, but then the ledger
 * has their ids. */
static int32_t
is_known (const struct work *w)
{
  for (uint32_t i = 0; i < w->p.events; i++)
    if (!strcmp (w->p.history[i].id, w->told.event.id))
      return 1;
  return 0;
}

/* {"created":n,"event":"...","tier":"..."} under a key: the newest counts. */
static void
note_put (struct work *w, const char *prefix, const char *id, const char *text)
{
  const struct told *t = &w->told;
  struct kg_out out = { w->text, 0, sizeof w->text };
  char key[STRIPE_ID + 8], event[STRIPE_ID] = "";
  long long created = -1;
  kg_str old;
  snprintf (key, sizeof key, "%s/%s", prefix, id);
  old = batch_get (w->batch, w->engine->objects, key);
  if (old.ptr && sscanf (old.ptr, "{\"created\":%lld,\"event\":\"%255[^\"]\"", &created, event) == 2
      && (created > t->event.created
          || (created == t->event.created && strcmp (event, t->event.id) >= 0)))
    return;
  kg_out_lit (&out, "{\"created\":");
  kg_out_int (&out, t->event.created);
  kg_out_lit (&out, ",\"event\":");
  kg_out_text (&out, t->event.id);
  kg_out_lit (&out, ",\"tier\":");
  kg_out_text (&out, text);
  kg_out_lit (&out, "}");
  batch_put (w->batch, w->engine->objects, key, (kg_str){ w->text, out.len });
}

/* The keys that prices have: they may be given to others, for whom comes later. */
static void
keys_note (struct work *w)
{
  const struct sub_state *s = &w->told.state;
  for (uint32_t i = 0; i < s->items; i++)
    if (*s->item[i].lookup_key)
      note_put (w, "key", s->item[i].price, s->item[i].lookup_key);
}

/* As it was read, or else as the event has it. */
static void
event_apply (struct work *w)
{
  const struct reading *reading = refetch_find (w->batch->refetch, w->told.object);
  struct sub_event event = w->told.event;
  if (!reading) {
    projection_add (&w->p, &event, &w->told.state);
    return;
  }
  event.read = 1;
  event.status = reading->status;
  projection_add (&w->p, &event, &reading->state);
}

/* Whether the event has something to tell the ledger, which refuses a second start; but
 * each refusal costs the whole step, so it is better not asked. */
static int32_t
effect_wanted (struct work *w)
{
  int32_t known = w->p.started;
  if (!effect_is_start (&w->told))
    return 1;
  w->p.started = 1;
  return !known;
}

static int32_t
subscription_take (struct work *w)
{
  int32_t rc = subscription_load (w, w->told.object), wanted;
  char former[PROJECTION_TENANT];
  if (rc < 0)
    return rc;
  if (is_known (w))
    return 0;
  TEXT_PUT (former, projection_tenant (&w->p));
  event_apply (w);
  wanted = effect_wanted (w);
  subscription_save (w);
  keys_note (w);
  if (wanted)
    effect_add (w->batch, &w->told, &w->p);
  subscription_touch (w);
  if (*former && strcmp (former, projection_tenant (&w->p))) /* it has lost what it had */
    batch_touch (w->batch, former);
  return 0;
}

static int32_t
checkout_take (struct work *w)
{
  const struct told *t = &w->told;
  int32_t rc = subscription_load (w, t->object), wanted;
  if (rc < 0)
    return rc;
  wanted = effect_wanted (w);
  if (projection_refer (&w->p, &t->event, t->state.customer, t->state.tenant) || wanted)
    subscription_save (w);
  if (wanted)
    effect_add (w->batch, t, &w->p);
  subscription_touch (w);
  return 0;
}

static int32_t
invoice_take (struct work *w)
{
  const struct told *t = &w->told;
  int32_t rc = *t->subscription ? subscription_load (w, t->subscription) : 0;
  if (rc == 0)
    effect_add (w->batch, t, *t->subscription ? &w->p : NULL);
  return rc;
}

/* ---- Products ------------------------------------------------------------ */

static int32_t
product_take (struct work *w)
{
  note_put (w, "tier", w->told.object, w->told.tier);
  if (*w->told.lookup_key)
    note_put (w, "key", w->told.object, w->told.lookup_key);
  batch_touch (w->batch, NULL);
  return 0;
}

/* ---- Charges ------------------------------------------------------------- */

/* Whose it is: what waits for that goes on. */
static void
charge_note (struct work *w)
{
  const struct told *t = &w->told;
  if (!*t->charge || !*t->state.customer)
    return;
  note_put (w, "pay", t->charge, t->state.customer);
  if (texts_add (&w->batch->freed, t->charge, strlen (t->charge)) < 0)
    w->batch->all = 1;
}

/* ---- All ----------------------------------------------------------------- */

/* Whose it is, too, is as Stripe says when it was asked. */
static void
reading_name (struct work *w)
{
  const struct reading *reading = refetch_find (w->batch->refetch, w->told.object);
  if (w->told.kind == TOLD_SUBSCRIPTION && reading && *reading->state.tenant)
    TEXT_PUT (w->told.state.tenant, reading->state.tenant);
}

static int32_t
told_process (struct work *w)
{
  reading_name (w);
  customer_learn (w->batch, &w->told);
  charge_note (w);
  switch (w->told.kind) {
  case TOLD_SUBSCRIPTION:
    return subscription_take (w);
  case TOLD_CHECKOUT:
    return checkout_take (w);
  case TOLD_INVOICE:
    return invoice_take (w);
  case TOLD_PRODUCT:
    return product_take (w);
  case TOLD_REFUND:
  case TOLD_REFUND_STATE:
  case TOLD_DISPUTE:
    effect_add (w->batch, &w->told, NULL);
    return 0;
  default:
    return 0;
  }
}

int32_t
process_event (struct batch *batch, kg_str text, uint32_t *ret_type, const char **ret_why)
{
  struct work *w = malloc (sizeof *w);
  int32_t rc;
  if (!w)
    return -ENOMEM;
  w->batch = batch;
  w->engine = batch->billing->engine;
  *w->told.type = 0;
  rc = told_read (text.ptr, text.len, &w->told, ret_why);
  *ret_type = event_type_find (w->told.type, strlen (w->told.type));
  if (rc == 0)
    rc = told_process (w);
  if (rc == -EBADMSG && !*ret_why)
    *ret_why = "what is stored of its object is malformed";
  free (w);
  return rc < 0 ? rc : batch->error;
}
