/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The tenant's own routes to Stripe's pages.  What is sold and where a page leads back
 * to is the configuration's choice; a request picks from it. */
#include "plugins/billing-stripe/checkout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUANTITY_MAX  1000000
#define QUANTITY_TEXT "1000000"
#define ANSWER_MAX   8192

/* ---- Plans ----------------------------------------------------------------- */

static int32_t
list_has (const char *const *list, const char *text)
{
  for (; *list; list++)
    if (!strcmp (*list, text))
      return 1;
  return 0;
}

const char *
plan_first (const char *const *list)
{
  while (*list && !**list)
    list++;
  return *list;
}

int32_t
plan_sold (const struct billing_plan *plan)
{
  return plan_first (plan->prices) || plan_first (plan->lookup_keys)
         || stripe_id_ok (plan_first (plan->products));
}

static void
plan_take (const struct billing_plan *plan, const char *price, struct session *ret)
{
  const char *key = plan_first (plan->lookup_keys);
  price = price ? price : plan_first (plan->prices);
  if (price)
    snprintf (ret->price, sizeof ret->price, "%s", price);
  else if (key)
    snprintf (ret->lookup_key, sizeof ret->lookup_key, "%s", key);
  else
    snprintf (ret->product, sizeof ret->product, "%s", plan_first (plan->products));
}

int32_t
plan_sell (const struct billing *b, const char *name, const char *price, struct session *ret)
{
  const struct billing_plan *plan = b->conf->plans.items;
  for (uint64_t i = 0; i < b->conf->plans.count; i++, plan++) {
    int32_t meant = price ? list_has (plan->prices, price) : !strcmp (plan->tier, name);
    if (!meant || !plan_sold (plan))
      continue;
    plan_take (plan, price, ret);
    return 0;
  }
  return -ENOENT;
}

/* The names of the plans that are sold, as a member of the next problem. */
static void
plans_tell (const struct billing *b, kg_req *req)
{
  const struct billing_plan *plan = b->conf->plans.items;
  char text[1024];
  struct kg_out out = { text, 0, sizeof text };
  kg_out_lit (&out, "[");
  for (uint64_t i = 0; i < b->conf->plans.count; i++, plan++)
    if (plan_sold (plan)) {
      kg_out_lit (&out, out.len > 1 ? "," : "");
      kg_out_text (&out, plan->tier);
    }
  kg_out_lit (&out, "]");
  if (kg_out_ok (&out))
    b->host->member (req, "plans", (kg_str){ text, out.len });
}

/* ---- Answers --------------------------------------------------------------- */

static void
member_text (const struct billing *b, kg_req *req, const char *name, const char *value)
{
  char text[2 * REDIRECT_MAX];
  struct kg_out out = { text, 0, sizeof text };
  kg_out_text (&out, value);
  if (kg_out_ok (&out))
    b->host->member (req, name, (kg_str){ text, out.len });
}

int32_t
session_problem (kg_req *req, struct session *s)
{
  const struct billing *b = s->billing;
  char seconds[24];
  if (s->retry_after_s) {
    snprintf (seconds, sizeof seconds, "%lld", (long long) s->retry_after_s);
    b->host->header (req, "Retry-After", seconds);
  }
  if (s->stripe[0])
    b->host->member (req, "stripe", (kg_str){ s->stripe, strlen (s->stripe) });
  if (s->subscription[0])
    member_text (b, req, "subscription", s->subscription);
  return b->host->problem (req, s->status, NULL, "%s", s->detail);
}

static int32_t
session_show (kg_req *req, const struct session *s)
{
  const struct billing *b = s->billing;
  struct kg_out out = { b->host->alloc (req, ANSWER_MAX), 0, ANSWER_MAX };
  if (!out.ptr)
    return -ENOMEM;
  kg_out_lit (&out, "{\"id\":");
  kg_out_text (&out, s->id);
  kg_out_lit (&out, ",\"url\":");
  kg_out_text (&out, s->url);
  kg_out_lit (&out, ",\"customer\":");
  kg_out_text (&out, s->payer.customer);
  if (s->expires_at) {
    kg_out_lit (&out, ",\"expires_at\":");
    kg_out_int (&out, s->expires_at);
  }
  kg_out_lit (&out, "}");
  if (!kg_out_ok (&out))
    return -EMSGSIZE;
  b->host->header (req, "Cache-Control", "no-store");
  b->host->reply (req, 200, "application/json", out.ptr, out.len);
  return KG_DONE;
}

static int32_t
session_answer (kg_req *req, void *arg)
{
  struct session *s = arg;
  int32_t rc = s->status == 200 ? session_show (req, s) : session_problem (req, s);
  free (s);
  return rc;
}

static void
session_done (struct session *s)
{
  s->billing->host->resume (s->arg, session_answer, s, free);
}

/* ---- Requests -------------------------------------------------------------- */

/* 422 with the one fault of the body. */
static int32_t
body_refuse (const struct billing *b, kg_req *req, const char *name, const char *type,
             const char *message)
{
  char text[512];
  struct kg_out out = { text, 0, sizeof text };
  kg_out_lit (&out, "[{\"loc\":[\"body\",");
  kg_out_text (&out, name);
  kg_out_lit (&out, "],\"type\":");
  kg_out_text (&out, type);
  kg_out_lit (&out, ",\"msg\":");
  kg_out_text (&out, message);
  kg_out_lit (&out, "}]");
  if (kg_out_ok (&out))
    b->host->member (req, "errors", (kg_str){ text, out.len });
  return b->host->problem (req, 422, NULL, "%s: %s", name, message);
}

/* A member that is text: 1, 0 when it isn't there, -EINVAL for another value, -ENOENT for
 * a text that is empty or too long for anything that there is. */
static int32_t
body_text (const struct billing *b, kg_req *req, const char *name, char *ret, size_t size)
{
  const struct kg_json *j = b->host->json (req);
  uint32_t at = kg_json_find (j, 0, name);
  kg_str s = { NULL, 0 };
  if (!at || kg_json_kind (j, at) == KG_JSON_NULL)
    return 0;
  if (kg_json_kind (j, at) != KG_JSON_STRING)
    return -EINVAL;
  s = kg_json_str (b->host, req, j, at);
  if (!s.ptr || !s.len || s.len >= size || strlen (s.ptr) != s.len)
    return -ENOENT;
  memcpy (ret, s.ptr, s.len + 1);
  return 1;
}

/* A URL of the request, else the configuration's, "" without either; 0, or what was
 * answered. */
static int32_t
body_url (const struct billing *b, kg_req *req, const char *name, const char *dflt,
          char ret[REDIRECT_MAX])
{
  int32_t rc = body_text (b, req, name, ret, REDIRECT_MAX);
  if (rc == 0 && dflt)
    snprintf (ret, REDIRECT_MAX, "%s", dflt);
  if (rc == -EINVAL)
    return body_refuse (b, req, name, "string_type", "Input should be a valid string");
  if (rc < 0 || (rc > 0 && !redirect_ok (b->conf->redirects, ret)))
    return b->host->problem (req, 400, NULL,
                             "%s is none of the addresses that this host may lead back to", name);
  return 0;
}

static struct session *
session_new (struct billing *b, kg_req *req, enum session_kind kind)
{
  const struct kg_identity *who = b->host->identity (req);
  struct session *s = who && who->tenant ? calloc (1, sizeof *s) : NULL;
  if (!s)
    return NULL;
  s->billing = b;
  s->kind = kind;
  s->done = session_done;
  snprintf (s->payer.tenant, sizeof s->payer.tenant, "%s", who->tenant);
  return s;
}

/* From here on the session answers. */
static int32_t
session_go (kg_req *req, struct session *s)
{
  s->arg = s->billing->host->suspend (req, NULL, NULL);
  if (!s->arg) {
    free (s);
    return -ENOMEM;
  }
  session_begin (s);
  return KG_WAIT;
}

/* With the plans that there are. */
static int32_t
plan_refuse (struct billing *b, kg_req *req, const char *name, const char *type,
             const char *message)
{
  plans_tell (b, req);
  return body_refuse (b, req, name, type, message);
}

static int32_t
checkout_plan (struct billing *b, kg_req *req, struct session *s)
{
  char plan[64], price[STRIPE_ID_MAX + 1];
  int32_t named = body_text (b, req, "plan", plan, sizeof plan);
  int32_t priced = body_text (b, req, "price", price, sizeof price);
  const char *name = priced ? "price" : "plan";
  if (!named && !priced)
    return plan_refuse (b, req, name, "missing", "Field required, or price");
  if (named && priced)
    return plan_refuse (b, req, name, "enum", "Only one of plan and price can be bought");
  if (named == -EINVAL || priced == -EINVAL)
    return plan_refuse (b, req, name, "string_type", "Input should be a valid string");
  if (named < 0 || priced < 0 || plan_sell (b, named ? plan : NULL, priced ? price : NULL, s) < 0)
    return plan_refuse (b, req, name, "enum", "This is not sold");
  return 0;
}

static int32_t
checkout_quantity (struct billing *b, kg_req *req, struct session *s)
{
  const struct kg_json *j = b->host->json (req);
  uint32_t at = kg_json_find (j, 0, "quantity");
  s->quantity = 1;
  if (!at || kg_json_kind (j, at) == KG_JSON_NULL)
    return 0;
  if (kg_json_kind (j, at) != KG_JSON_INT)
    return body_refuse (b, req, "quantity", "int_parsing", "Input should be a valid integer");
  s->quantity = kg_json_int (j, at, -1);
  if (s->quantity < 1 || s->quantity > QUANTITY_MAX)
    return body_refuse (b, req, "quantity", "range", "Input should be from 1 to " QUANTITY_TEXT);
  return 0;
}

static int32_t
checkout_read (struct billing *b, kg_req *req, struct session *s)
{
  int32_t rc = checkout_plan (b, req, s);
  if (rc == 0)
    rc = checkout_quantity (b, req, s);
  if (rc == 0)
    rc = body_url (b, req, "success_url", b->conf->success_url, s->success_url);
  if (rc == 0)
    rc = body_url (b, req, "cancel_url", b->conf->cancel_url, s->cancel_url);
  if (rc == 0 && !s->success_url[0])
    rc = body_refuse (b, req, "success_url", "missing", "Field required");
  return rc;
}

static int32_t
page_post (struct billing *b, kg_req *req, enum session_kind kind)
{
  struct session *s = session_new (b, req, kind);
  int32_t rc;
  if (!s)
    return -ENOMEM;
  if (kind == SESSION_CHECKOUT)
    rc = checkout_read (b, req, s);
  else
    rc = body_url (b, req, "return_url", b->conf->return_url, s->success_url);
  if (rc != 0) {
    free (s);
    return rc;
  }
  if (kind == SESSION_PORTAL)
    snprintf (s->nonce, sizeof s->nonce, "%lld %.60s", (long long) b->host->num (req, KG_NUM_TIME),
              b->host->get (req, KG_GET_REQUEST_ID, NULL).ptr);
  return session_go (req, s);
}

static int32_t
checkout_post (kg_req *req, void *data)
{
  return page_post (data, req, SESSION_CHECKOUT);
}

static int32_t
portal_post (kg_req *req, void *data)
{
  return page_post (data, req, SESSION_PORTAL);
}

/* ---- Life ------------------------------------------------------------------ */

#define S_PAGE                                                                              \
  "{\"type\":\"object\",\"required\":[\"id\",\"url\",\"customer\"],\"properties\":{"         \
  "\"id\":{\"type\":\"string\"},\"url\":{\"type\":\"string\"},"                              \
  "\"customer\":{\"type\":\"string\"},\"expires_at\":{\"type\":\"integer\"}}}"

int32_t
checkout_open (struct billing *b)
{
  static const struct kg_route checkout = {
    .size = sizeof checkout,
    .flags = KG_JSON,
    .method = "POST",
    .pattern = "/v1/billing/checkout",
    .scope = "billing",
    .summary = "A page of Stripe's where the tenant buys a plan",
    .handler = checkout_post,
    .timeout_ms = 60000,
    .request_schema
    = "{\"type\":\"object\",\"properties\":{\"plan\":{\"type\":\"string\"},"
      "\"price\":{\"type\":\"string\"},\"quantity\":{\"type\":\"integer\",\"minimum\":1},"
      "\"success_url\":{\"type\":\"string\"},\"cancel_url\":{\"type\":\"string\"}}}",
    .response_schema = S_PAGE,
    .statuses = "400 402 409 422 501 502 503 504",
  };
  static const struct kg_route portal = {
    .size = sizeof portal,
    .flags = KG_JSON,
    .method = "POST",
    .pattern = "/v1/billing/portal",
    .scope = "billing",
    .summary = "A page of Stripe's where the tenant looks after its subscription",
    .handler = portal_post,
    .timeout_ms = 60000,
    .request_schema
    = "{\"type\":\"object\",\"properties\":{\"return_url\":{\"type\":\"string\"}}}",
    .response_schema = S_PAGE,
    .statuses = "400 404 422 501 502 503 504",
  };
  int32_t rc = payer_open (b);
  if (rc == 0)
    rc = b->host->route (b->self, &checkout);
  return rc == 0 ? b->host->route (b->self, &portal) : rc;
}
