/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* POST /admin/v1/billing/reconcile: do we know what Stripe knows?
 *
 * All subscriptions of Stripe's are listed and compared with ours, and then the tiers of
 * their tenants with what they should be.  With `fix` what differs is put into the inbox
 * as an event of now, which goes the way of all events: so a repair is as durable, and as
 * often told, as any of them; and all tiers are looked at. */
#include "plugins/billing-stripe/reconcile.h"
#include "plugins/billing-stripe/desk.h"
#include "plugins/billing-stripe/refetch.h"
#include "plugins/billing-stripe/stored.h"
#include "plugins/billing-stripe/stripe_api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S INT64_C (86400)

struct reconcile {
  struct desk *desk;
  struct batch *batch; /* what customer_tenant reads with */
  int32_t fix;
  char after[STRIPE_ID];  /* last one of the page before */
  int64_t asked;          /* when for this page: what it says is not older, and what changed
                             since then has events of its own, which are newer */
  struct texts seen, tenants; /* sorted once all are there */
  int64_t checked, differences, fixed;
  atomic_uint pending;  /* writes under way, and 1 until all was looked at */
  atomic_int unwritten; /* why one of them failed, or 0 */
  struct told told;
  struct projection ours;
};

/* ---- Differences ----------------------------------------------------------- */

static void
member_show (struct desk *d, const char *name, const char *text)
{
  desk_lit (d, name);
  desk_text (d, text && *text ? text : NULL);
}

static void
difference (struct reconcile *r, const char *what, const char *subscription, const char *tenant,
            const char *stripe, const char *kgent)
{
  struct desk *d = r->desk;
  desk_lit (d, r->differences++ ? ",{" : "{");
  member_show (d, "\"what\":", what);
  member_show (d, ",\"subscription\":", subscription);
  member_show (d, ",\"tenant\":", tenant);
  member_show (d, ",\"stripe\":", stripe);
  member_show (d, ",\"kgent\":", kgent);
  desk_lit (d, "}");
}

/* Answers, once all is looked at and what differs is on disk.  A refusal stays one. */
static void
reconcile_leave (struct reconcile *r)
{
  struct desk *d = r->desk;
  int32_t rc;
  if (atomic_fetch_sub (&r->pending, 1) != 1)
    return;
  rc = atomic_load (&r->unwritten);
  if (rc && !d->status)
    desk_refuse (d, 503, "What Stripe says could not be stored: %s", strerror (-rc));
  desk_end (d);
}

/* On the committer's thread.  -EEXIST: it is there already, from a moment ago. */
static void
fix_written (const struct kg_outcome *outcome, void *arg)
{
  struct reconcile *r = arg;
  if (outcome->error && outcome->error != -EEXIST)
    atomic_store (&r->unwritten, outcome->error);
  reconcile_leave (r);
}

/* Puts the subscription as it is at Stripe into the inbox. */
static void
subscription_fix (struct reconcile *r, json_object *event)
{
  struct billing *b = r->desk->billing;
  const char *text = json_object_to_json_string_ext (event, JSON_C_TO_STRING_PLAIN);
  struct kg_op op = { .kind = KG_OP_APPEND, .log = b->inbox,
                      .key = { r->told.event.id, strlen (r->told.event.id) },
                      .value = { text, strlen (text) } };
  int32_t rc;
  atomic_fetch_add (&r->pending, 1);
  rc = b->store->write (b->self, &op, 1, sizeof op, fix_written, r);
  if (rc < 0)
    fix_written (&(struct kg_outcome){ .size = sizeof (struct kg_outcome), .error = rc }, r);
  else
    r->fixed++;
}

/* ---- One subscription ------------------------------------------------------ */

/* Ours, or nothing: 1, 0, or -errno. */
static int32_t
ours_load (struct reconcile *r, const char *id)
{
  char key[STRIPE_ID + 8];
  kg_str text;
  int32_t rc;
  snprintf (key, sizeof key, "sub/%s", id);
  text = batch_get (r->batch, r->desk->billing->engine->objects, key);
  if (!text.ptr)
    return 0;
  rc = projection_load (text, &r->ours);
  return rc < 0 ? rc : 1;
}

static int32_t
prices_differ (const struct sub_state *a, const struct sub_state *b)
{
  int32_t differ = a->items != b->items;
  for (uint32_t i = 0; !differ && i < a->items; i++)
    differ = strcmp (a->item[i].price, b->item[i].price) != 0;
  return differ;
}

static void
subscription_compare (struct reconcile *r, const char *tenant, int32_t *ret_differs)
{
  const struct told *t = &r->told;
  const struct projection *p = &r->ours;
  const char *theirs = sub_status_name (t->event.status);
  int64_t before = r->differences;
  if (t->event.status != projection_status (p))
    difference (r, "status", t->object, tenant, theirs, sub_status_name (projection_status (p)));
  if (prices_differ (&t->state, &p->state))
    difference (r, "price", t->object, tenant, t->state.items ? t->state.item[0].price : "",
                p->state.items ? p->state.item[0].price : "");
  if (t->state.cancel_at_period_end != p->state.cancel_at_period_end)
    difference (r, "cancel_at_period_end", t->object, tenant,
                t->state.cancel_at_period_end ? "true" : "false",
                p->state.cancel_at_period_end ? "true" : "false");
  if (strcmp (t->state.customer, projection_customer (p)))
    difference (r, "customer", t->object, tenant, t->state.customer, projection_customer (p));
  *ret_differs = r->differences > before;
}

static int32_t
subscription_look (struct reconcile *r, json_object *subscription)
{
  json_object *event = subscription_event (subscription, "reconcile", r->asked);
  char tenant[PROJECTION_TENANT];
  const char *why;
  int32_t differs = 1, known, rc = told_take (event, &r->told, &why);
  r->checked++;
  if (rc < 0) {
    difference (r, "malformed", stripe_text (subscription, "id"), NULL, why, NULL);
    json_object_put (event);
    return 0;
  }
  known = ours_load (r, r->told.object);
  customer_tenant (r->batch, r->told.state.customer, r->told.state.tenant, tenant);
  if (known == 0)
    difference (r, "missing", r->told.object, tenant, sub_status_name (r->told.event.status), NULL);
  else if (known > 0)
    subscription_compare (r, tenant, &differs);
  if (!*tenant)
    difference (r, "tenant", r->told.object, NULL, r->told.state.customer, NULL);
  if (known >= 0 && differs && r->fix)
    subscription_fix (r, event);
  json_object_put (event);
  rc = texts_add (&r->seen, r->told.object, strlen (r->told.object));
  if (rc == 0 && *tenant)
    rc = texts_add (&r->tenants, tenant, strlen (tenant));
  return known < 0 ? known : rc;
}

/* ---- Tiers ----------------------------------------------------------------- */

struct look {
  struct reconcile *reconcile;
  struct verdict verdict;
  const char *tier;
  char has[PROJECTION_TIER];
  int32_t manual;
};

static int32_t
look_add (const struct projection *p, int32_t own, void *arg)
{
  struct look *l = arg;
  struct billing *b = l->reconcile->desk->billing;
  struct standing s = dunning_at (p, b->conf->grace_days * DAY_S, engine_clock ());
  if (!own)
    s = (struct standing){ DUNNING_ENDED, 0, 0 };
  verdict_add (&l->verdict, p, &s, projection_rank (b->engine, p));
  return 0;
}

static int32_t
look_tenant (const struct kg_tenant *t, void *arg)
{
  struct look *l = arg;
  TEXT_PUT (l->has, t->tier);
  l->manual = (t->flags & KG_TENANT_MANUAL) != 0;
  return 0;
}

static int32_t
tenant_look (struct reconcile *r, const char *tenant)
{
  struct billing *b = r->desk->billing;
  struct engine *e = b->engine;
  struct look l = { .reconcile = r, .verdict = VERDICT_NONE };
  int32_t rc = tenant_subscriptions (e, tenant, look_add, &l), now, rank;
  if (rc < 0)
    return rc;
  if (b->tenants->get ((kg_str){ tenant, strlen (tenant) }, look_tenant, &l) < 0) {
    difference (r, "no_tenant", NULL, tenant, NULL, NULL);
    return 0;
  }
  now = tier_rank (&e->tiers, l.has);
  rank = verdict_rank (&l.verdict, e->ended_rank, now);
  if (rank >= 0 && rank != now)
    difference (r, l.manual ? "tier_by_hand" : "tier", NULL, tenant, e->tiers.name[rank], l.has);
  return 0;
}

/* ---- The end --------------------------------------------------------------- */

/* A subscription of ours that Stripe did not list. */
static int32_t
gone_look (const struct kg_entry *entry, void *arg)
{
  struct reconcile *r = arg;
  char id[STRIPE_ID];
  if (entry->key.len - 4 >= sizeof id)
    return 0;
  memcpy (id, entry->key.ptr + 4, entry->key.len - 4);
  id[entry->key.len - 4] = 0;
  if (!texts_has (&r->seen, id))
    difference (r, "unlisted", id, NULL, NULL, "known");
  return r->desk->error;
}

static void
reconcile_end (struct reconcile *r)
{
  struct desk *d = r->desk;
  struct billing *b = d->billing;
  int32_t rc;
  texts_sort (&r->seen);
  texts_sort (&r->tenants);
  rc = b->store->scan (b->engine->objects, (kg_str){ "sub/", 4 }, gone_look, r);
  for (uint32_t i = 0; rc >= 0 && b->tenants && i < r->tenants.count; i++)
    rc = tenant_look (r, r->tenants.text[i]);
  if (r->fix) {
    r->batch->all = 1;
    tiers_written (b->engine, r->batch);
  }
  if (rc >= 0)
    refetch_repaired (b);
  desk_lit (d, "],\"checked\":");
  desk_int (d, r->checked);
  desk_lit (d, ",\"fixed\":");
  desk_int (d, r->fixed);
  desk_lit (d, "}");
  if (rc < 0)
    d->error = rc;
  reconcile_leave (r);
}

static int32_t page_ask (struct reconcile *r);

static void
page_refuse (struct reconcile *r, const char *why)
{
  desk_refuse (r->desk, 502, "%s", why);
  reconcile_leave (r);
}

static void
page_told (const struct stripe_reply *reply, void *arg)
{
  struct reconcile *r = arg;
  json_object *list;
  const char *last;
  char why[280] = "Stripe cannot be asked: ";
  int32_t rc = 0, more = stripe_page (reply->json, r->after, &list, &last);
  if (reply->error || reply->status > 299) {
    stripe_why (reply, why + strlen (why), sizeof why - strlen (why));
    page_refuse (r, why);
    return;
  }
  if (more < 0) {
    page_refuse (r, json_object_is_type (list, json_type_array)
                        ? "Stripe's list of subscriptions does not go on"
                        : "Stripe cannot be asked: its list of subscriptions is none");
    return;
  }
  for (size_t i = 0; rc == 0 && i < json_object_array_length (list); i++)
    rc = subscription_look (r, json_object_array_get_idx (list, i));
  if (last)
    TEXT_PUT (r->after, last);
  if (rc == 0 && more && (rc = page_ask (r)) == 0)
    return;
  if (rc < 0) {
    r->desk->error = rc;
    reconcile_leave (r);
  } else
    reconcile_end (r);
}

static int32_t
page_ask (struct reconcile *r)
{
  struct form query = { 0 };
  int32_t rc;
  form_add (&query, "status", "all");
  form_add_int (&query, "limit", STRIPE_PAGE);
  form_add (&query, "starting_after", *r->after ? r->after : NULL);
  r->asked = engine_clock ();
  rc = stripe_get (r->desk->billing, "/v1/subscriptions", &query, page_told, r);
  form_free (&query);
  return rc;
}

/* ---- The request ----------------------------------------------------------- */

static void
reconcile_drop (struct desk *d)
{
  struct reconcile *r = d->mine;
  texts_free (&r->seen);
  texts_free (&r->tenants);
  batch_destroy (r->batch);
  free (r);
}

static int32_t
reconcile_run (struct desk *d)
{
  struct reconcile *r = calloc (1, sizeof *r);
  json_tokener *tok = json_tokener_new ();
  json_object *o = tok && d->body ? json_tokener_parse_ex (tok, d->body, (int) d->body_len) : NULL;
  int32_t rc;
  if (r) {
    r->desk = d;
    atomic_init (&r->pending, 1);
    r->batch = batch_create (d->billing);
    r->fix = json_object_get_boolean (stripe_member (o, "fix"));
    d->mine = r;
    d->drop = reconcile_drop;
  }
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
  if (!r || !r->batch || !tok)
    return -ENOMEM;
  desk_lit (d, "{\"differences\":[");
  rc = page_ask (r);
  if (rc == -ENOKEY)
    return desk_refuse (d, 501, "This host has no key of Stripe's API (billing-stripe.api_key)");
  return rc < 0 ? rc : 1;
}

static int32_t
reconcile_post (kg_req *req, void *b)
{
  return desk_start (b, req, reconcile_run);
}

int32_t
reconcile_open (struct billing *b)
{
  static const struct kg_route route = {
    .size = sizeof route,
    .flags = KG_ADMIN | KG_JSON,
    .method = "POST",
    .pattern = "/admin/v1/billing/reconcile",
    .scope = "admin",
    .summary = "Compare subscriptions and tiers with what Stripe says",
    .handler = reconcile_post,
    .body_max = 4096,
    .timeout_ms = 600000,
    .request_schema = "{\"type\":\"object\",\"properties\":{\"fix\":{\"type\":\"boolean\"}}}",
    .response_schema = "{\"type\":\"object\",\"properties\":{\"differences\":{\"type\":\"array\","
                       "\"items\":{\"type\":\"object\"}},\"checked\":{\"type\":\"integer\"},"
                       "\"fixed\":{\"type\":\"integer\"}}}",
    .statuses = "501 502 503",
  };
  return b->host->route (b->self, &route);
}
