/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Customers and subscriptions: the operator's, and a tenant's own. */
#include "plugins/billing-stripe/desk.h"
#include "plugins/billing-stripe/stored.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Pages of a bucket ----------------------------------------------------- */

/* Entries, copied: what they say is looked up in the store. */
struct page {
  struct desk *desk;
  char *key[DESK_LIMIT], *value[DESK_LIMIT];
  uint32_t count;
  size_t skip; /* bytes of the prefix */
};

static int32_t
page_add (const struct kg_entry *entry, void *arg)
{
  struct page *p = arg;
  char *value, *key = strndup (entry->key.ptr + p->skip, entry->key.len - p->skip);
  if (!key)
    return -ENOMEM;
  value = strndup (entry->value.ptr, entry->value.len);
  if (!value) {
    free (key);
    return -ENOMEM;
  }
  p->key[p->count] = key;
  p->value[p->count++] = value;
  return p->count == p->desk->limit;
}

static void
page_destroy (struct page *p)
{
  for (uint32_t i = 0; p && i < p->count; i++) {
    free (p->key[i]);
    free (p->value[i]);
  }
  free (p);
}

static struct page *
page_read (struct desk *d, kg_bucket *bucket, const char *prefix)
{
  struct page *p = calloc (1, sizeof *p);
  int32_t rc;
  if (!p) {
    d->error = -ENOMEM;
    return NULL;
  }
  p->desk = d;
  p->skip = strlen (prefix);
  rc = desk_scan (d, bucket, prefix, page_add, p);
  if (rc < 0)
    d->error = rc;
  return p;
}

static void
page_end (struct desk *d, struct page *p)
{
  desk_lit (d, "],\"next\":");
  desk_text (d, p->count == d->limit ? p->key[p->count - 1] : NULL);
  desk_lit (d, "}");
  page_destroy (p);
}

/* ---- Customers ------------------------------------------------------------- */

/* {"customer":"cus_1",<what is stored>}: the value is an object of ours. */
static int32_t
customers_run (struct desk *d)
{
  struct page *p = page_read (d, d->billing->engine->customers, "");
  if (!p)
    return d->error;
  desk_lit (d, "{\"customers\":[");
  for (uint32_t i = 0; i < p->count; i++) {
    desk_lit (d, i ? ",{\"customer\":" : "{\"customer\":");
    desk_text (d, p->key[i]);
    desk_lit (d, ",");
    desk_raw (d, p->value[i] + 1, strlen (p->value[i]) - 1);
  }
  page_end (d, p);
  return d->error;
}

static void
map_drop (struct desk *d)
{
  batch_destroy (d->mine);
}

static int32_t map_try (struct desk *d);

/* On the committer's thread. */
static void
map_done (const struct kg_outcome *outcome, void *arg)
{
  struct desk *d = arg;
  int32_t rc = outcome->error;
  if ((rc == -ESTALE || rc == -EEXIST) && (rc = desk_again (d, map_try)) == 0)
    return;
  if (rc < 0)
    desk_refuse (d, 503, "The customer's tenant could not be stored: %s", strerror (-rc));
  else {
    tiers_written (d->billing->engine, d->mine);
    desk_lit (d, "{\"customer\":");
    desk_text (d, d->id);
    desk_lit (d, ",\"tenant\":");
    desk_text (d, *d->of ? d->of : NULL);
    desk_lit (d, "}");
  }
  desk_end (d);
}

static int32_t
tenant_take (const struct kg_tenant *t, void *arg)
{
  struct desk *d = arg;
  TEXT_PUT (d->of, t->id);
  return 0;
}

static int32_t
tenant_refuse (struct desk *d, const char *name)
{
  char shown[65];
  TEXT_PUT (shown, name);
  return desk_refuse (d, 404, "There is no tenant '%s'", shown);
}

/* Reads {"customer","tenant"}: the tenant by id or slug, null takes the word back. */
static int32_t
map_read (struct desk *d, json_object *o)
{
  const struct kg_tenants *tenants = d->billing->tenants;
  json_object *customer = NULL, *tenant = NULL;
  const char *name;
  json_object_object_get_ex (o, "customer", &customer);
  if (!json_object_is_type (customer, json_type_string) || !json_object_get_string_len (customer)
      || json_object_get_string_len (customer) >= STRIPE_ID
      || !json_object_object_get_ex (o, "tenant", &tenant)
      || (tenant && !json_object_is_type (tenant, json_type_string)))
    return desk_refuse (d, 422, "The body should have customer, a text, and tenant, a text or null");
  TEXT_PUT (d->id, json_object_get_string (customer));
  *d->of = 0;
  name = tenant ? json_object_get_string (tenant) : "";
  if (tenants && tenant
      && tenants->get ((kg_str){ name, strlen (name) }, tenant_take, d) < 0)
    return tenant_refuse (d, name);
  if (!tenants)
    TEXT_PUT (d->of, name);
  return 0;
}

static int32_t
map_try (struct desk *d)
{
  int32_t rc;
  batch_reset (d->mine);
  customer_map (d->mine, d->id, d->of);
  rc = batch_write (d->mine, map_done, d);
  return rc < 0 ? rc : 1;
}

static int32_t
map_run (struct desk *d)
{
  json_tokener *tok = json_tokener_new ();
  json_object *o = tok ? json_tokener_parse_ex (tok, d->body, (int) d->body_len) : NULL;
  struct batch *batch = batch_create (d->billing);
  int32_t rc = tok && batch ? map_read (d, o) : -ENOMEM;
  d->mine = batch;
  d->drop = map_drop;
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
  return rc < 0 || d->status ? rc : map_try (d);
}

/* ---- Subscriptions --------------------------------------------------------- */

/* The tenant of a subscription, or null, behind its members. */
static void
owner_show (struct desk *d, struct batch *batch, const struct projection *p)
{
  char tenant[PROJECTION_TENANT];
  customer_tenant (batch, projection_customer (p), projection_tenant (p), tenant);
  desk_lit (d, ",\"tenant\":");
  desk_text (d, *tenant ? tenant : NULL);
}

static int32_t
subscriptions_run (struct desk *d)
{
  struct page *page = page_read (d, d->billing->engine->objects, "sub/");
  struct batch *batch = batch_create (d->billing);
  struct projection *p = malloc (sizeof *p);
  int32_t rc = page && batch && p ? 0 : -ENOMEM;
  desk_lit (d, "{\"subscriptions\":[");
  for (uint32_t i = 0; rc == 0 && i < page->count; i++) {
    rc = projection_load ((kg_str){ page->value[i], strlen (page->value[i]) }, p);
    desk_lit (d, i ? ",{" : "{");
    if (rc == 0) {
      desk_subscription (d, p);
      owner_show (d, batch, p);
    }
    desk_lit (d, "}");
  }
  if (page)
    page_end (d, page);
  free (p);
  batch_destroy (batch);
  return rc;
}

/* Of one tenant, without pages: there are few.  Operators get the members that they get of
 * all. */
static int32_t
tenant_add (const struct projection *p, int32_t own, void *arg)
{
  struct desk *d = arg;
  if (own) {
    desk_lit (d, d->text[d->len - 1] == '[' ? "{" : ",{");
    desk_subscription (d, p);
    if (*d->of) {
      desk_lit (d, ",\"tenant\":");
      desk_text (d, d->of);
    }
    desk_lit (d, "}");
  }
  return d->error;
}

static int32_t
tier_show (const struct kg_tenant *t, void *arg)
{
  struct desk *d = arg;
  desk_lit (d, ",\"tier\":");
  desk_text (d, t->tier);
  desk_lit (d, t->flags & KG_TENANT_MANUAL ? ",\"tier_source\":\"manual\""
                                           : ",\"tier_source\":\"billing\"");
  return 0;
}

static int32_t
tenant_run (struct desk *d)
{
  const struct kg_tenants *tenants = d->billing->tenants;
  int32_t rc;
  desk_lit (d, "{\"tenant\":");
  desk_text (d, d->tenant);
  if (!tenants
      || tenants->get ((kg_str){ d->tenant, strlen (d->tenant) }, tier_show, d) < 0)
    desk_lit (d, ",\"tier\":null,\"tier_source\":null");
  desk_lit (d, ",\"subscriptions\":[");
  rc = tenant_subscriptions (d->billing->engine, d->tenant, tenant_add, d);
  desk_lit (d, "],\"next\":null}");
  return rc;
}

static int32_t
subscriptions_of_run (struct desk *d)
{
  const struct kg_tenants *tenants = d->billing->tenants;
  if (!*d->of)
    return subscriptions_run (d);
  if (tenants && tenants->get ((kg_str){ d->of, strlen (d->of) }, tenant_take, d) < 0)
    return tenant_refuse (d, d->of);
  TEXT_PUT (d->tenant, d->of);
  return tenant_run (d);
}

/* ---- Routes ---------------------------------------------------------------- */

static int32_t
customers_get (kg_req *req, void *b)
{
  return desk_start (b, req, customers_run);
}

static int32_t
customers_post (kg_req *req, void *b)
{
  return desk_start (b, req, map_run);
}

static int32_t
subscriptions_get (kg_req *req, void *b)
{
  return desk_start (b, req, subscriptions_of_run);
}

static int32_t
simulate_post (kg_req *req, void *b)
{
  return desk_start (b, req, desk_simulate);
}

static int32_t
own_get (kg_req *req, void *b)
{
  return desk_start (b, req, tenant_run);
}

#define S_TEXT "{\"type\":[\"string\",\"null\"]}"
#define S_LIST(name)                                                                       \
  "{\"type\":\"object\",\"properties\":{\"" name "\":{\"type\":\"array\",\"items\":{\"type\":" \
  "\"object\"}},\"next\":" S_TEXT "}}"
#define P_PAGE                                                                      \
  "{\"name\":\"after\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}},"         \
  "{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\"}}"

static const struct kg_route routes[] = {
  { .size = sizeof routes[0], .flags = KG_ADMIN, .method = "GET",
    .pattern = "/admin/v1/billing/customers", .scope = "admin",
    .summary = "List Stripe's customers whose tenants are known", .handler = customers_get,
    .response_schema = S_LIST ("customers"), .parameters = "[" P_PAGE "]" },
  { .size = sizeof routes[0], .flags = KG_ADMIN | KG_JSON, .method = "POST",
    .pattern = "/admin/v1/billing/customers", .scope = "admin",
    .summary = "Say whose customer a customer of Stripe is, or take that back",
    .handler = customers_post, .body_max = 4096,
    .request_schema = "{\"type\":\"object\",\"required\":[\"customer\",\"tenant\"],\"properties\":{"
                      "\"customer\":{\"type\":\"string\"},\"tenant\":" S_TEXT "}}",
    .response_schema = "{\"type\":\"object\",\"properties\":{\"customer\":{\"type\":\"string\"},"
                       "\"tenant\":" S_TEXT "}}",
    .statuses = "404 422 503" },
  { .size = sizeof routes[0], .flags = KG_ADMIN, .method = "GET",
    .pattern = "/admin/v1/billing/subscriptions", .scope = "admin",
    .summary = "List subscriptions, of all tenants or of one", .handler = subscriptions_get,
    .response_schema = S_LIST ("subscriptions"),
    .parameters = "[{\"name\":\"tenant\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}}," P_PAGE
                  "]",
    .statuses = "404" },
  { .size = sizeof routes[0], .flags = KG_ADMIN /* not KG_JSON: events have many values */,
    .method = "POST", .pattern = "/admin/v1/billing/simulate", .scope = "admin",
    .summary = "Show what would come of events, in time, without doing it",
    .handler = simulate_post, .body_max = 4194304,
    .request_schema = "{\"type\":\"object\",\"required\":[\"events\"],\"properties\":{\"events\":{"
                      "\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"until\":{\"type\":"
                      "\"integer\"}}}",
    .response_schema = "{\"type\":\"object\",\"properties\":{\"timeline\":{\"type\":\"array\","
                       "\"items\":{\"type\":\"object\"}},\"converged\":{\"type\":\"boolean\"},"
                       "\"unused\":{\"type\":\"integer\"},"
                       "\"malformed\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}",
    .statuses = "400 422" },
  { .size = sizeof routes[0], .method = "GET", .pattern = "/v1/billing/subscription",
    .scope = "billing", .summary = "Show the caller's tier and subscriptions", .handler = own_get,
    .response_schema = "{\"type\":\"object\",\"properties\":{\"tenant\":{\"type\":\"string\"},"
                       "\"tier\":" S_TEXT ",\"tier_source\":" S_TEXT ",\"subscriptions\":{\"type\":"
                       "\"array\",\"items\":{\"type\":\"object\"}},\"next\":{\"type\":\"null\"}}}" },
};

int32_t
routes_open (struct billing *b)
{
  int32_t rc = inbox_routes_open (b);
  for (size_t i = 0; i < sizeof routes / sizeof routes[0] && rc == 0; i++)
    rc = b->host->route (b->self, &routes[i]);
  return rc;
}
