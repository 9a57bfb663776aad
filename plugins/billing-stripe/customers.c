/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Whose customer is it?  {"tenant":"...","event":"evt_...","created":n} from events, of
 * which the newest counts, in whatever order they come; {"tenant":"...","by":"admin"}
 * from an operator, whose word stays. */
#include "plugins/billing-stripe/engine.h"
#include "plugins/billing-stripe/payer.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#define KEY_SIZE (2 * STRIPE_ID + 16)

/* Who a customer is said to be. */
struct owner {
  char tenant[PROJECTION_TENANT];
  char event[STRIPE_ID]; /* "": an operator said so */
  int64_t created;
  int32_t admin;
};

static void
member_text (json_object *o, const char *name, char *ret, size_t size)
{
  json_object *v = NULL;
  json_object_object_get_ex (o, name, &v);
  text_put (ret, size, v ? json_object_get_string (v) : "");
}

/* 1 when somebody has said. */
static int32_t
owner_load (kg_str text, struct owner *ret)
{
  json_tokener *tok = text.ptr ? json_tokener_new () : NULL;
  json_object *o = tok ? json_tokener_parse_ex (tok, text.ptr, (int) text.len) : NULL, *v = NULL;
  char by[16];
  memset (ret, 0, sizeof *ret);
  if (o) {
    member_text (o, "tenant", ret->tenant, sizeof ret->tenant);
    member_text (o, "event", ret->event, sizeof ret->event);
    member_text (o, "by", by, sizeof by);
    ret->admin = !strcmp (by, "admin");
    ret->created = json_object_object_get_ex (o, "created", &v) ? json_object_get_int64 (v) : 0;
  }
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
  return *ret->tenant != 0;
}

static void
owner_put (struct batch *batch, const char *customer, const struct owner *owner)
{
  char text[6 * (PROJECTION_TENANT + STRIPE_ID) + 64];
  struct kg_out out = { text, 0, sizeof text };
  kg_out_lit (&out, "{\"tenant\":");
  kg_out_text (&out, owner->tenant);
  if (owner->admin)
    kg_out_lit (&out, ",\"by\":\"admin\"");
  else {
    kg_out_lit (&out, ",\"event\":");
    kg_out_text (&out, owner->event);
    kg_out_lit (&out, ",\"created\":");
    kg_out_int (&out, owner->created);
  }
  kg_out_lit (&out, "}");
  batch_put (batch, batch->billing->engine->customers, customer, (kg_str){ text, out.len });
}

/* So that the tenant's customers are found. */
static void
index_put (struct batch *batch, const char *tenant, const char *customer)
{
  struct engine *e = batch->billing->engine;
  char key[KEY_SIZE];
  snprintf (key, sizeof key, "ten/%s/%s", tenant, customer);
  if (!batch_get (batch, e->objects, key).ptr)
    batch_put (batch, e->objects, key, (kg_str){ "{}", 2 });
}

/* Who had the customer, and who has it now. */
static void
owner_touch (struct batch *batch, const struct owner *old, const char *customer,
             const char *tenant)
{
  if (*old->tenant && strcmp (old->tenant, tenant))
    batch_touch (batch, old->tenant);
  if (*tenant)
    batch_touch (batch, tenant);
  if (texts_add (&batch->freed, customer, strlen (customer)) < 0)
    batch->all = 1;
}

void
customer_learn (struct batch *batch, const struct told *t)
{
  struct engine *e = batch->billing->engine;
  struct owner now = { .created = t->event.created }, old;
  const char *customer = t->state.customer;
  if (!*customer || !*t->state.tenant)
    return;
  index_put (batch, t->state.tenant, customer);
  TEXT_PUT (now.tenant, t->state.tenant);
  TEXT_PUT (now.event, t->event.id);
  if (owner_load (batch_get (batch, e->customers, customer), &old)
      && (old.admin || old.created > now.created
          || (old.created == now.created && strcmp (old.event, now.event) >= 0)))
    return;
  owner_put (batch, customer, &now);
  owner_touch (batch, &old, customer, now.tenant);
}

static int32_t
named_touch (const struct projection *p, int32_t own, void *arg)
{
  const char *tenant = projection_tenant (p);
  (void) own;
  if (*tenant)
    batch_touch (arg, tenant);
  return 0;
}

void
customer_map (struct batch *batch, const char *customer, const char *tenant)
{
  struct engine *e = batch->billing->engine;
  struct owner owner = { .admin = 1 }, old;
  /* Those that subscriptions name lose what they had, or have it again. */
  if (customer_subscriptions (batch, "", customer, named_touch, batch) < 0)
    batch->all = 1;
  owner_load (batch_get (batch, e->customers, customer), &old);
  owner_touch (batch, &old, customer, tenant);
  if (!*tenant) {
    batch_delete (batch, e->customers, customer);
    if (*old.tenant) /* else it would go on paying, and be shown to it */
      payer_take_back (batch, old.tenant, customer);
  } else {
    payer_give (batch, tenant, customer);
    TEXT_PUT (owner.tenant, tenant);
    owner_put (batch, customer, &owner);
    index_put (batch, tenant, customer);
  }
}

void
charge_customer (struct batch *batch, const char *charge, char ret[STRIPE_ID])
{
  char key[STRIPE_ID + 8];
  json_tokener *tok = json_tokener_new ();
  json_object *o = NULL;
  kg_str text;
  snprintf (key, sizeof key, "pay/%s", charge);
  text = batch_get (batch, batch->billing->engine->objects, key);
  if (tok && text.ptr)
    o = json_tokener_parse_ex (tok, text.ptr, (int) text.len);
  member_text (o, "tier", ret, STRIPE_ID);
  if (!*ret)
    text_put (ret, STRIPE_ID, charge);
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
}

static int32_t
tenant_there (const struct engine *e, const char *tenant)
{
  const struct kg_tenants *tenants = e->billing->tenants;
  return *tenant && (!tenants || tenants->exists ((kg_str){ tenant, strlen (tenant) }));
}

void
customer_tenant (struct batch *batch, const char *customer, const char *named,
                 char ret[PROJECTION_TENANT])
{
  struct engine *e = batch->billing->engine;
  struct owner owner = { 0 };
  const char *tenant = named;
  if (*customer)
    owner_load (batch_get (batch, e->customers, customer), &owner);
  if (owner.admin || !tenant_there (e, named))
    tenant = owner.tenant;
  text_put (ret, PROJECTION_TENANT, tenant_there (e, tenant) ? tenant : "");
}
