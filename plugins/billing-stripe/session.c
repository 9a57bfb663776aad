/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The steps: the price, the customer, the subscriptions that it has, the session; each
 * one goes on where the one before has ended.
 *
 * The Idempotency-Key of a checkout is made of what is asked for and of the hour: who
 * asks twice gets one session.  The customer's newest subscription is in it, too, so that
 * a session that was paid is not offered again, and how often Stripe has failed. */
#include "plugins/billing-stripe/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HOUR_S 3600
#define LATER_S 5 /* Retry-After where Stripe names none */

/* ---- The end --------------------------------------------------------------- */

static void
session_refuse (struct session *s, int32_t status, const char *detail)
{
  s->status = status;
  TEXT_PUT (s->detail, detail);
  s->done (s);
}

static const struct {
  int32_t error, status;
  const char *detail;
} errors[] = {
  { -ENOKEY, 501, "This host has no key of Stripe's API (billing-stripe.api_key)" },
  { -ETIMEDOUT, 504, "Stripe did not answer in time" },
  { -EPROTO, 502, "Stripe's answer could not be read" },
  { -EMSGSIZE, 502, "Stripe's answer could not be read" },
  { 0, 503, "Stripe cannot be reached" },
};

static void
session_fail (struct session *s, int32_t error)
{
  size_t i = 0;
  while (errors[i].error && errors[i].error != error)
    i++;
  s->retry_after_s = errors[i].error ? 0 : LATER_S;
  session_refuse (s, errors[i].status, errors[i].detail);
}

/* {"status":400,"type":...,"code":...,"param":...,"message":...} */
static void
error_show (struct session *s, const struct stripe_reply *r)
{
  static const char *const names[] = { "type", "code", "param", "message" };
  struct kg_out out = { s->stripe, 0, sizeof s->stripe - 1 };
  kg_out_lit (&out, "{\"status\":");
  kg_out_int (&out, r->status);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char path[32];
    snprintf (path, sizeof path, "error.%s", names[i]);
    kg_out_lit (&out, ",\"");
    kg_out_lit (&out, names[i]);
    kg_out_lit (&out, "\":");
    kg_out_text (&out, stripe_text (r->json, path));
  }
  kg_out_lit (&out, "}");
  s->stripe[kg_out_ok (&out) ? out.len : 0] = 0;
}

/* Stripe's error as a problem of ours.  What it says of the key is not for tenants. */
static void
session_pass (struct session *s, const struct stripe_reply *r)
{
  static const char head[] = "Stripe refuses: ";
  const char *text = stripe_text (r->json, "error.message");
  char detail[sizeof s->detail];
  if (r->error) {
    session_fail (s, r->error);
    return;
  }
  if (r->status == 401 || r->status == 403) {
    session_refuse (s, 502, "Stripe refuses this host's key");
    return;
  }
  error_show (s, r);
  if (r->status == 429 || r->status == 409 || r->status >= 500) {
    s->retry_after_s = r->retry_after_s > 0 ? r->retry_after_s : LATER_S;
    session_refuse (s, 503, r->status >= 500 ? "Stripe has a failure" : "Stripe is busy");
    return;
  }
  memcpy (detail, head, sizeof head);
  text_put (detail + sizeof head - 1, sizeof detail - sizeof head + 1,
            text ? text : "no reason is given");
  session_refuse (s, r->status == 402 ? 402 : 502, detail);
}

/* ---- The session ----------------------------------------------------------- */

static void step_payer (struct session *s);

/* The customer was deleted at Stripe, or is one of its other mode: makes another, once. */
static int32_t
customer_gone (struct session *s, const struct stripe_reply *r)
{
  const char *code = stripe_text (r->json, "error.code");
  const char *param = stripe_text (r->json, "error.param");
  if (s->again || r->error || !code || strcmp (code, "resource_missing") || !param
      || strcmp (param, "customer"))
    return 0;
  s->again = 1;
  s->after[0] = 0;
  snprintf (s->payer.former, sizeof s->payer.former, "%s", s->payer.customer);
  return 1;
}

static void
session_made (const struct stripe_reply *r, void *arg)
{
  struct session *s = arg;
  const char *url = stripe_text (r->json, "url"), *id = stripe_text (r->json, "id");
  stripe_failed (s->billing, s->payer.tenant, r);
  if (customer_gone (s, r)) {
    step_payer (s);
    return;
  }
  if (r->error || r->status > 299) {
    session_pass (s, r);
    return;
  }
  if (!url || !id || !*id || !redirect_entry_ok (url) || strlen (id) > STRIPE_ID_MAX) {
    session_fail (s, -EPROTO);
    return;
  }
  snprintf (s->url, sizeof s->url, "%s", url);
  snprintf (s->id, sizeof s->id, "%s", id);
  s->expires_at = json_object_get_int64 (stripe_member (r->json, "expires_at"));
  s->status = 200;
  s->done (s);
}

static int32_t
key_make (const struct session *s, const char *kind, char ret[STRIPE_ID_MAX])
{
  char hour[24], quantity[24], failures[STRIPE_COUNT], hash[STRIPE_HASH];
  int32_t rc;
  stripe_failures (s->billing, s->payer.tenant, failures);
  snprintf (hour, sizeof hour, "%lld", (long long) (time (NULL) / HOUR_S));
  snprintf (quantity, sizeof quantity, "%lld", (long long) s->quantity);
  rc = stripe_hash ((const char *const[]){ s->payer.tenant, s->payer.customer, s->price, quantity,
                                           s->success_url, s->cancel_url, s->newest,
                                           s->kind == SESSION_PORTAL ? s->nonce : "", hour,
                                           failures, NULL },
                    hash);
  if (rc == 0)
    snprintf (ret, STRIPE_ID_MAX, "kgent-%s-%s", kind, hash);
  return rc;
}

static void
checkout_write (const struct session *s, struct form *form)
{
  form_add (form, "mode", "subscription");
  form_add (form, "customer", s->payer.customer);
  form_add (form, "client_reference_id", s->payer.tenant);
  form_add (form, "line_items[0][price]", s->price);
  if (s->quantity)
    form_add_int (form, "line_items[0][quantity]", s->quantity);
  form_add (form, "success_url", s->success_url);
  form_add (form, "cancel_url", s->cancel_url[0] ? s->cancel_url : NULL);
  form_add (form, "metadata[tenant_id]", s->payer.tenant);
  form_add (form, "metadata[kgent_price]", s->price);
  form_add (form, "subscription_data[metadata][tenant_id]", s->payer.tenant);
}

static void
step_session (struct session *s)
{
  int32_t checkout = s->kind == SESSION_CHECKOUT;
  struct form form = { 0 };
  char key[STRIPE_ID_MAX];
  int32_t rc = key_make (s, checkout ? "checkout" : "portal", key);
  if (checkout)
    checkout_write (s, &form);
  else {
    form_add (&form, "customer", s->payer.customer);
    form_add (&form, "return_url", s->success_url[0] ? s->success_url : NULL);
  }
  if (rc == 0)
    rc = stripe_post (s->billing,
                      checkout ? "/v1/checkout/sessions" : "/v1/billing_portal/sessions", &form,
                      key, session_made, s);
  form_free (&form);
  if (rc < 0)
    session_fail (s, rc);
}

/* ---- What the customer has ------------------------------------------------- */

/* One that is paid for, or to be paid for: a second one would be paid twice. */
static int32_t
is_held (const char *status)
{
  static const char *const held[] = { "active", "trialing", "past_due", "unpaid", "paused", NULL };
  for (const char *const *h = held; status && *h; h++)
    if (!strcmp (*h, status))
      return 1;
  return 0;
}

static void
subscriptions_look (struct session *s, json_object *list)
{
  for (size_t i = 0; i < json_object_array_length (list); i++) {
    json_object *o = json_object_array_get_idx (list, i);
    const char *id = stripe_text (o, "id");
    if (!stripe_id_ok (id))
      continue;
    if (i == 0 && !s->after[0])
      snprintf (s->newest, sizeof s->newest, "%s", id);
    if (is_held (stripe_text (o, "status")))
      snprintf (s->subscription, sizeof s->subscription, "%s", id);
  }
}

static void step_subscriptions (struct session *s);

/* What is no whole list does not say that there is none. */
static void
subscriptions_listed (const struct stripe_reply *r, void *arg)
{
  struct session *s = arg;
  json_object *list;
  const char *last;
  int32_t more = stripe_page (r->json, s->after, &list, &last);
  if (customer_gone (s, r))
    step_payer (s);
  else if (r->error || r->status > 299)
    session_pass (s, r);
  else if (more < 0)
    session_fail (s, more);
  else {
    subscriptions_look (s, list);
    snprintf (s->after, sizeof s->after, "%s", last ? last : "");
    if (s->subscription[0])
      session_refuse (s, 409, "This tenant has a subscription; it is changed in the portal");
    else if (more)
      step_subscriptions (s);
    else
      step_session (s);
  }
}

static void
step_subscriptions (struct session *s)
{
  struct form query = { 0 };
  int32_t rc;
  form_add (&query, "customer", s->payer.customer);
  form_add (&query, "status", "all");
  form_add_int (&query, "limit", STRIPE_PAGE);
  form_add (&query, "starting_after", s->after[0] ? s->after : NULL);
  rc = stripe_get (s->billing, "/v1/subscriptions", &query, subscriptions_listed, s);
  form_free (&query);
  if (rc < 0)
    session_fail (s, rc);
}

/* ---- Customer and price ---------------------------------------------------- */

static void
payer_found (const struct stripe_reply *refusal, void *arg)
{
  struct session *s = arg;
  if (refusal)
    session_pass (s, refusal);
  else if (!s->payer.customer[0])
    session_refuse (s, 404, "This tenant has no customer yet; check out first");
  else if (s->kind == SESSION_CHECKOUT && s->payer.known)
    step_subscriptions (s);
  else
    step_session (s);
}

static void
step_payer (struct session *s)
{
  int32_t rc;
  s->payer.billing = s->billing;
  s->payer.make = s->kind == SESSION_CHECKOUT;
  s->payer.done = payer_found;
  s->payer.arg = s;
  rc = payer_find (&s->payer);
  if (rc < 0)
    session_fail (s, rc);
}

static void
price_found (const struct stripe_reply *r, void *arg)
{
  struct session *s = arg;
  const char *id = stripe_text (r->json, s->product[0] ? "default_price" : "data.0.id");
  if (r->error || r->status > 299)
    session_pass (s, r);
  else if (!stripe_id_ok (id))
    session_refuse (s, 502, "Stripe has no price for this plan");
  else {
    snprintf (s->price, sizeof s->price, "%s", id);
    step_payer (s);
  }
}

static int32_t
price_ask (struct session *s)
{
  struct form query = { 0 };
  char path[STRIPE_ID_MAX + 32];
  int32_t rc;
  if (s->product[0]) {
    snprintf (path, sizeof path, "/v1/products/%s", s->product);
    return stripe_get (s->billing, path, NULL, price_found, s);
  }
  form_add (&query, "lookup_keys[]", s->lookup_key);
  form_add (&query, "active", "true");
  rc = stripe_get (s->billing, "/v1/prices", &query, price_found, s);
  form_free (&query);
  return rc;
}

void
session_begin (struct session *s)
{
  int32_t rc;
  if (s->kind == SESSION_PORTAL || s->price[0])
    step_payer (s);
  else if ((rc = price_ask (s)) < 0)
    session_fail (s, rc);
}
