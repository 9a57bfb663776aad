/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a refusal may offer.  It runs on workers, at every refusal for want of budget: it
 * asks nobody, and what it computes is one or two HMACs. */
#include "plugins/billing-stripe/offer.h"
#include "plugins/billing-stripe/prices.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX (REDIRECT_MAX + LINK_MAX + 16)

/* The service has no `data`: it works for the one open plugin. */
static struct billing *offer_billing;

EVP_MAC_CTX *
offer_mac (struct billing *b, const kg_req *req)
{
  uint32_t n = (uint32_t) b->host->num (req, KG_NUM_WORKER) % OFFER_WORKERS;
  if (!b->offer->mac[n])
    b->offer->mac[n] = link_mac (b->offer->key);
  return b->offer->mac[n];
}

/* ---- Which plan ------------------------------------------------------------ */

/* The place of a tier in the table of all tiers; -1: unknown, or nobody has a table. */
static int32_t
tier_place (const struct billing *b, const char *tier)
{
  const char *name;
  for (uint32_t i = 0; b->tenants && tier && (name = b->tenants->tier (i)); i++)
    if (!strcmp (name, tier))
      return (int32_t) i;
  return -1;
}

/* The least plan that is sold and is more than the tier, or -1.  Without a table of tiers the order
 * of plans tells. */
static int64_t
plan_above (const struct billing *b, const char *tier)
{
  const struct billing_plan *plan = b->conf->plans.items;
  int32_t place = tier_place (b, tier);
  int64_t after = -1;
  for (uint64_t i = 0; tier && i < b->conf->plans.count; i++)
    if (!strcmp (plan[i].tier, tier))
      after = (int64_t) i;
  for (int64_t i = after + 1; i < (int64_t) b->conf->plans.count; i++)
    if (plan_sold (&plan[i]) && (place < 0 || tier_place (b, plan[i].tier) > place))
      return i;
  return -1;
}

/* ---- Members --------------------------------------------------------------- */

static int32_t
member_add (const struct billing *b, kg_req *req, const char *name, const struct kg_out *out)
{
  if (!kg_out_ok (out))
    return -EMSGSIZE;
  return b->host->member (req, name, (kg_str){ out->ptr, out->len });
}

static int32_t
link_add (struct billing *b, kg_req *req, const char *name, enum link_kind kind,
          const char *tenant, const char *tier)
{
  const char *base = b->conf->public_url ? b->conf->public_url : "";
  struct link link = { .kind = kind };
  EVP_MAC_CTX *mac = offer_mac (b, req);
  char token[LINK_MAX], url[URL_MAX], text[URL_MAX + 2];
  struct kg_out out = { text, 0, sizeof text };
  size_t n = strlen (base);
  while (n && base[n - 1] == '/')
    n--;
  link.expires = b->host->num (req, KG_NUM_TIME) / 1000000000 + (int64_t) b->conf->link_ttl;
  if (!mac)
    return -ENOMEM;
  if (strlen (tenant) >= sizeof link.tenant || strlen (tier) >= sizeof link.tier)
    return -EMSGSIZE;
  strcpy (link.tenant, tenant);
  strcpy (link.tier, tier);
  if (link_write (mac, &link, token) < 0)
    return -EINVAL;
  snprintf (url, sizeof url, "%.*s/billing/go/%s", (int) n, base, token);
  kg_out_text (&out, url);
  return member_add (b, req, name, &out);
}

/* {"id":"price_1","unit_amount":1900,"currency":"usd","interval":"month"} */
static int32_t
price_add (struct billing *b, kg_req *req, uint64_t plan)
{
  const struct price *price = prices_get (b, plan);
  char text[6 * STRIPE_ID_MAX + 128];
  struct kg_out out = { text, 0, sizeof text };
  if (!price)
    return -ENOENT;
  kg_out_lit (&out, "{\"id\":");
  kg_out_text (&out, price->id);
  if (price->unit_amount >= 0) {
    kg_out_lit (&out, ",\"unit_amount\":");
    kg_out_int (&out, price->unit_amount);
  }
  kg_out_lit (&out, ",\"currency\":");
  kg_out_text (&out, price->currency);
  kg_out_lit (&out, ",\"interval\":");
  kg_out_text (&out, price->interval[0] ? price->interval : NULL);
  kg_out_lit (&out, "}");
  return member_add (b, req, "price", &out);
}

static int32_t
checkout_add (struct billing *b, kg_req *req, const char *tenant, uint64_t i)
{
  const struct billing_plan *plan = (const struct billing_plan *) b->conf->plans.items + i;
  char text[6 * LINK_TIER_MAX + 2];
  struct kg_out out = { text, 0, sizeof text };
  int32_t n = b->conf->success_url /* else there is nowhere to go from Stripe's page */
              && link_add (b, req, "checkout_url", LINK_CHECKOUT, tenant, plan->tier) == 0;
  kg_out_text (&out, plan->tier);
  n += member_add (b, req, "required_tier", &out) == 0;
  n += price_add (b, req, i) == 0;
  return n;
}

static int32_t
offer_add (kg_req *req, const char *tenant, const char *tier)
{
  struct billing *b = offer_billing;
  char customer[STRIPE_ID_MAX + 1];
  int64_t plan;
  int32_t n = 0;
  if (!b || !b->conf->api_key || !*b->conf->api_key || !tenant)
    return 0;
  plan = plan_above (b, tier);
  if (plan >= 0)
    n += checkout_add (b, req, tenant, (uint64_t) plan);
  if (payer_get (b, tenant, customer) == 0)
    n += link_add (b, req, "portal_url", LINK_PORTAL, tenant, tier && *tier ? tier : "-") == 0;
  return n;
}

/* ---- Life ------------------------------------------------------------------ */

int32_t
offer_open (struct billing *b)
{
  static const struct kg_offer service = { .size = sizeof service, .add = offer_add };
  int32_t rc;
  b->offer = calloc (1, sizeof *b->offer);
  if (!b->offer)
    return -ENOMEM;
  rc = link_key (b->conf->api_key ? b->conf->api_key : "", b->offer->key);
  if (rc == 0)
    rc = prices_open (b);
  if (rc == 0)
    rc = go_open (b);
  if (rc == 0)
    rc = b->host->provide (b->self, KG_OFFER, &service, sizeof service);
  if (rc == 0)
    offer_billing = b;
  return rc;
}

void
offer_close (struct billing *b)
{
  if (offer_billing == b)
    offer_billing = NULL;
  for (uint32_t i = 0; b->offer && i < OFFER_WORKERS; i++)
    EVP_MAC_CTX_free (b->offer->mac[i]);
  if (b->offer)
    explicit_bzero (b->offer->key, sizeof b->offer->key);
  free (b->offer);
  prices_close (b);
}
