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

#define EFFECT_MAX    8192
#define RELEASE_MAX   256 /* of one turn */
#define SECOND_NS     INT64_C (1000000000)
#define EFFECT_ID     (STRIPE_ID + 16)
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

/* Of which type the ledger's event is; NULL: there is none. */
static const char *
effect_type (const struct told *t)
{
  if (t->kind == TOLD_INVOICE)
    return t->paid ? "payment.success" : "payment.failed";
  if (t->kind == TOLD_CHECKOUT || (t->kind == TOLD_SUBSCRIPTION && t->event.first))
    return "subscription.started";
  if (!strcmp (t->type, "customer.subscription.updated"))
    return "subscription.updated";
  return strcmp (t->type, "customer.subscription.deleted") ? NULL : "subscription.ended";
}

static void
effect_id (const struct told *t, char ret[EFFECT_ID])
{
  if (!strcmp (effect_type (t), "subscription.started"))
    snprintf (ret, EFFECT_ID, "started-%s", t->object);
  else
    snprintf (ret, EFFECT_ID, "%s", t->event.id);
}

static void
subscription_data (struct kg_out *out, const struct told *t)
{
  const struct sub_state *s = &t->state;
  text_show (out, "{\"subscription_id\":", t->object);
  text_show (out, ",\"plan_id\":", s->items ? s->item[0].price : "");
  text_show (out, ",\"status\":", t->event.status ? sub_status_name (t->event.status) : "");
  number_show (out, ",\"quantity\":", t->kind == TOLD_CHECKOUT ? -1 : s->quantity, -1);
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
event_show (struct kg_out *out, const struct told *t, const char *id)
{
  text_show (out, "{\"id\":", id);
  kg_out_lit (out, ",\"source\":\"" EFFECT_SOURCE "\",\"time\":");
  time_show (out, t->event.created);
  text_show (out, ",\"type\":", effect_type (t));
  kg_out_lit (out, ",\"data\":");
  if (t->kind == TOLD_INVOICE)
    invoice_data (out, t);
  else
    subscription_data (out, t);
  kg_out_lit (out, "}");
}

static void
record_show (struct kg_out *out, const char *tenant, int64_t created, const char *event)
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
wait_put (struct batch *batch, const struct told *t, const char *id, const char *named,
          const char *event)
{
  struct engine *e = batch->billing->engine;
  char key[2 * STRIPE_ID + 32], text[EFFECT_MAX + 2048];
  struct kg_out out = { text, 0, sizeof text };
  snprintf (key, sizeof key, "wait/%s/%s", t->state.customer, id);
  if (batch_get (batch, e->objects, key).ptr)
    return;
  kg_out_lit (&out, "{\"id\":");
  kg_out_text (&out, id);
  text_show (&out, ",\"customer\":", t->state.customer);
  text_show (&out, ",\"named\":", named);
  number_show (&out, ",\"created\":", t->event.created, -1);
  kg_out_lit (&out, ",\"event\":");
  kg_out_lit (&out, event);
  kg_out_lit (&out, "}");
  if (!kg_out_ok (&out))
    batch->error = -E2BIG;
  else
    batch_put (batch, e->objects, key, (kg_str){ text, out.len });
  batch->waits = 1;
}

void
effect_add (struct batch *batch, const struct told *t, const struct projection *p)
{
  struct engine *e = batch->billing->engine;
  const char *named = *t->state.tenant ? t->state.tenant : p ? projection_tenant (p) : "";
  char id[EFFECT_ID], tenant[PROJECTION_TENANT], event[EFFECT_MAX], text[EFFECT_MAX + 1024];
  struct kg_out out = { event, 0, sizeof event - 1 }, record = { text, 0, sizeof text };
  if (!effect_type (t))
    return;
  effect_id (t, id);
  event_show (&out, t, id);
  if (!kg_out_ok (&out)) {
    batch->error = -E2BIG;
    return;
  }
  event[out.len] = 0;
  customer_tenant (batch, t->state.customer, named, tenant);
  if (!*tenant) {
    wait_put (batch, t, id, named, event);
    return;
  }
  record_show (&record, tenant, t->event.created, event);
  batch_append (batch, e->usage, id, (kg_str){ text, record.len });
}

/* ---- Those that wait ----------------------------------------------------- */

/* One that goes into the ledger. */
struct release {
  struct billing *billing;
  struct kg_op op[2]; /* append, delete */
  char key[2 * STRIPE_ID + 32], id[EFFECT_ID], text[EFFECT_MAX + 1024];
};

/* On the committer's thread.  The ledger has it already: then only the waiting ends. */
static void
released (const struct kg_outcome *outcome, void *arg)
{
  struct release *r = arg;
  const struct billing *b = r->billing;
  int32_t rc = outcome->error;
  if (rc == -EEXIST && outcome->op == 0)
    rc = b->store->write (b->self, &r->op[1], 1, sizeof r->op[1], NULL, NULL);
  if (rc && rc != -ESTALE && rc != -ESHUTDOWN)
    waits_touch (b->engine);
  free (r);
}

static const char *
member_text (json_object *o, const char *name)
{
  json_object *v = NULL;
  return json_object_object_get_ex (o, name, &v) && v ? json_object_get_string (v) : "";
}

static void
release_write (struct release *r, json_object *o, const char *tenant, uint64_t revision)
{
  const struct billing *b = r->billing;
  struct kg_out out = { r->text, 0, sizeof r->text };
  json_object *created = NULL, *event = NULL;
  json_object_object_get_ex (o, "created", &created);
  json_object_object_get_ex (o, "event", &event);
  record_show (&out, tenant, json_object_get_int64 (created),
               json_object_to_json_string_ext (event, JSON_C_TO_STRING_PLAIN
                                                          | JSON_C_TO_STRING_NOSLASHESCAPE));
  snprintf (r->id, sizeof r->id, "%s", member_text (o, "id"));
  r->op[0] = (struct kg_op){ .kind = KG_OP_APPEND, .log = b->engine->usage,
                             .key = { r->id, strlen (r->id) }, .value = { r->text, out.len } };
  r->op[1] = (struct kg_op){ .kind = KG_OP_DELETE, .bucket = b->engine->objects,
                             .key = { r->key, strlen (r->key) }, .revision = revision };
  if (!kg_out_ok (&out) || b->store->write (b->self, r->op, 2, sizeof r->op[0], released, r) < 0) {
    waits_touch (b->engine);
    free (r);
  }
}

/* Takes the release over: 1 when it waits on. */
static uint32_t
release_try (struct release *r, struct batch *batch)
{
  struct kg_entry entry = { .size = sizeof entry };
  struct billing *b = r->billing;
  char tenant[PROJECTION_TENANT] = "";
  json_tokener *tok = json_tokener_new ();
  json_object *o = NULL;
  int32_t rc = b->store->get (b->engine->objects, (kg_str){ r->key, strlen (r->key) }, &entry);
  uint64_t revision = entry.revision;
  if (tok && rc == 0)
    o = json_tokener_parse_ex (tok, entry.value.ptr, (int) entry.value.len);
  if (o)
    customer_tenant (batch, member_text (o, "customer"), member_text (o, "named"), tenant);
  if (*tenant)
    release_write (r, o, tenant, revision);
  else
    free (r);
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
  return !*tenant;
}

/* A page of them. */
struct page {
  struct billing *billing;
  struct release *item[RELEASE_MAX];
  uint32_t count;
  char after[2 * STRIPE_ID + 32]; /* key of the last one */
};

static int32_t
page_add (const struct kg_entry *entry, void *arg)
{
  struct page *page = arg;
  char key[sizeof page->after];
  struct release *r;
  if (entry->key.len >= sizeof key)
    return 0;
  memcpy (key, entry->key.ptr, entry->key.len);
  key[entry->key.len] = 0;
  if (strcmp (key, page->after) <= 0)
    return 0;
  r = calloc (1, sizeof *r);
  if (!r)
    return 1;
  r->billing = page->billing;
  TEXT_PUT (r->key, key);
  page->item[page->count++] = r;
  return page->count == RELEASE_MAX;
}

/* How many there were; adds those that wait on. */
static uint32_t
page_release (struct page *page, struct batch *batch, uint32_t *waiting)
{
  struct billing *b = page->billing;
  uint32_t i;
  page->count = 0;
  b->store->scan (b->engine->objects, (kg_str){ "wait/", 5 }, page_add, page);
  if (page->count)
    TEXT_PUT (page->after, page->item[page->count - 1]->key);
  for (i = 0; i < page->count; i++)
    *waiting += release_try (page->item[i], batch);
  return i;
}

uint32_t
waits_release (struct engine *e)
{
  struct page page = { .billing = e->billing };
  struct batch *batch = batch_create (e->billing);
  uint32_t waiting = 0;
  while (batch && page_release (&page, batch, &waiting))
    ;
  batch_destroy (batch);
  return waiting;
}
