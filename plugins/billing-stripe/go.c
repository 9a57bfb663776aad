/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /billing/go/{token}: where the links of refusals lead.  The page is made now, and
 * the browser sent to it; whoever has a subscription already comes to the portal. */
#include "plugins/billing-stripe/offer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOING_MAX 32 /* pages made at one time: links are public */

static int32_t
go_show (kg_req *req, struct session *s)
{
  const struct billing *b = s->billing;
  if (s->status != 200)
    return session_problem (req, s);
  b->host->header (req, "Location", s->url);
  b->host->reply (req, 303, "text/plain; charset=utf-8", "", 0);
  return KG_DONE;
}

static int32_t
go_answer (kg_req *req, void *arg)
{
  struct session *s = arg;
  int32_t rc = go_show (req, s);
  free (s);
  return rc;
}

static void
go_done (struct session *s)
{
  if (s->kind == SESSION_CHECKOUT && s->status == 409 && s->subscription[0]) {
    s->kind = SESSION_PORTAL;
    s->subscription[0] = s->success_url[0] = 0;
    if (s->billing->conf->return_url)
      snprintf (s->success_url, sizeof s->success_url, "%s", s->billing->conf->return_url);
    session_begin (s);
    return;
  }
  atomic_fetch_sub (&s->billing->offer->going, 1);
  s->billing->host->resume (s->arg, go_answer, s, free);
}

/* What the link says, as a session. */
static int32_t
go_fill (struct billing *b, kg_req *req, const struct link *link, struct session *s)
{
  const char *back = b->conf->return_url;
  s->billing = b;
  s->done = go_done;
  snprintf (s->payer.tenant, sizeof s->payer.tenant, "%s", link->tenant);
  snprintf (s->nonce, sizeof s->nonce, "%lld %.60s", (long long) b->host->num (req, KG_NUM_TIME),
            b->host->get (req, KG_GET_REQUEST_ID, NULL).ptr);
  s->kind = link->kind == LINK_CHECKOUT ? SESSION_CHECKOUT : SESSION_PORTAL;
  if (s->kind == SESSION_CHECKOUT) {
    s->quantity = 1;
    back = b->conf->success_url;
    if (!back || plan_sell (b, link->tier, NULL, s) < 0)
      return -ENOENT;
    if (b->conf->cancel_url)
      snprintf (s->cancel_url, sizeof s->cancel_url, "%s", b->conf->cancel_url);
  }
  if (back)
    snprintf (s->success_url, sizeof s->success_url, "%s", back);
  return 0;
}

static int32_t
go_begin (struct billing *b, kg_req *req, const struct link *link)
{
  struct session *s = calloc (1, sizeof *s);
  if (!s)
    return -ENOMEM;
  if (go_fill (b, req, link, s) < 0) {
    free (s);
    return b->host->problem (req, 410, NULL, "What this link is for is not sold any more");
  }
  if (atomic_fetch_add (&b->offer->going, 1) >= GOING_MAX
      || !(s->arg = b->host->suspend (req, NULL, NULL))) {
    atomic_fetch_sub (&b->offer->going, 1);
    free (s);
    b->host->header (req, "Retry-After", "1");
    return b->host->problem (req, 503, NULL, "Too many pages are being made");
  }
  session_begin (s);
  return KG_WAIT;
}

/* Whoever only looks (HEAD, as previews of links do) makes no page. */
static int32_t
go_get (kg_req *req, void *data)
{
  struct billing *b = data;
  kg_str token = b->host->get (req, KG_GET_PARAM, "token");
  kg_str method = b->host->get (req, KG_GET_METHOD, NULL);
  EVP_MAC_CTX *mac = offer_mac (b, req);
  char text[LINK_MAX];
  struct link link;
  int32_t rc = -EINVAL;
  if (!mac)
    return -ENOMEM;
  b->host->header (req, "Cache-Control", "no-store");
  b->host->header (req, "Referrer-Policy", "no-referrer");
  if (b->conf->api_key && *b->conf->api_key && token.len < sizeof text) {
    memcpy (text, token.ptr, token.len);
    text[token.len] = 0;
    rc = link_read (mac, text, b->host->num (req, KG_NUM_TIME) / 1000000000, &link);
  }
  if (rc == -ETIME)
    return b->host->problem (req, 410, NULL, "This link has ended; ask again for one");
  if (rc < 0)
    return b->host->problem (req, 404, NULL, "Not Found");
  if (method.len == 4 && !memcmp (method.ptr, "HEAD", 4)) {
    b->host->reply (req, 204, "text/plain", "", 0);
    return KG_DONE;
  }
  return go_begin (b, req, &link);
}

int32_t
go_open (struct billing *b)
{
  static const struct kg_route route = {
    .size = sizeof route,
    .flags = KG_PUBLIC,
    .method = "GET",
    .pattern = "/billing/go/{token}",
    .summary = "From the link of a refusal to Stripe's page",
    .handler = go_get,
    .timeout_ms = 60000,
    .parameters = "[{\"name\":\"token\",\"in\":\"path\",\"required\":true,"
                  "\"schema\":{\"type\":\"string\"}}]",
    .statuses = "303 402 404 410 502 503 504",
  };
  return b->host->route (b->self, &route);
}
