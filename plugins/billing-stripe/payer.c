/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The bucket "billing.payers" has {"customer":"cus_..."} by tenant.  What it doesn't know
 * is looked for in "billing.customers", which has {"tenant":"..."} by customer, from
 * events and from operators, whose word counts more than ours; and then at Stripe, so that
 * a lost store makes no second customer; and a customer is made under an Idempotency-Key of
 * the tenant's, so that two at once are one. */
#include "plugins/billing-stripe/engine.h"
#include "plugins/billing-stripe/payer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- The store ------------------------------------------------------------- */

/* The tenant of an entry of "billing.customers", quoted: whether it is this one. */
static int32_t
owner_is (kg_str value, const char *tenant)
{
  char text[TENANT_MAX + 16];
  int32_t n = snprintf (text, sizeof text, "\"tenant\":\"%s\"", tenant);
  size_t len = n > 0 ? (size_t) n : sizeof text;
  return len < sizeof text && memmem (value.ptr, value.len, text, len) != NULL;
}

/* Whether the customer has become somebody else's. */
static int32_t
is_others (const struct billing *b, const char *tenant, const char *customer)
{
  struct kg_entry entry = { .size = sizeof entry };
  if (b->store->get (b->owners, (kg_str){ customer, strlen (customer) }, &entry) < 0)
    return 0;
  return !owner_is (entry.value, tenant);
}

/* The customer that was noted for a tenant, whosever it is by now: 0, or -ENOENT. */
static int32_t
noted_get (const struct billing *b, const char *tenant, char ret[STRIPE_ID_MAX + 1])
{
  static const char head[] = "{\"customer\":\"";
  struct kg_entry entry = { .size = sizeof entry };
  size_t n = sizeof head - 1, len;
  if (b->store->get (b->payers, (kg_str){ tenant, strlen (tenant) }, &entry) < 0)
    return -ENOENT;
  if (entry.value.len < n + 3 || memcmp (entry.value.ptr, head, n))
    return -ENOENT;
  len = entry.value.len - n - 2; /* ids need no escapes: stripe_id_ok */
  if (len > STRIPE_ID_MAX)
    return -ENOENT;
  memcpy (ret, entry.value.ptr + n, len);
  ret[len] = 0;
  return 0;
}

int32_t
payer_get (struct billing *b, const char *tenant, char ret[STRIPE_ID_MAX + 1])
{
  return noted_get (b, tenant, ret) < 0 || is_others (b, tenant, ret) ? -ENOENT : 0;
}

static kg_str
note_show (char text[STRIPE_ID_MAX + 32], const char *customer)
{
  return (kg_str){ text, (size_t) snprintf (text, STRIPE_ID_MAX + 32, "{\"customer\":\"%s\"}",
                                            customer) };
}

void
payer_give (struct batch *batch, const char *tenant, const char *customer)
{
  char text[STRIPE_ID_MAX + 32];
  if (stripe_id_ok (customer))
    batch_put (batch, batch->billing->payers, tenant, note_show (text, customer));
}

void
payer_take_back (struct batch *batch, const char *tenant, const char *customer)
{
  char text[STRIPE_ID_MAX + 32];
  kg_str was = note_show (text, customer), is = batch_get (batch, batch->billing->payers, tenant);
  if (is.ptr && is.len == was.len && !memcmp (is.ptr, was.ptr, was.len))
    batch_delete (batch, batch->billing->payers, tenant);
}

/* Notes a customer for a tenant. */
static void
noted_put (const struct billing *b, const char *tenant, const char *customer,
           void (*done) (const struct kg_outcome *outcome, void *arg), void *arg)
{
  char text[STRIPE_ID_MAX + 32];
  struct kg_op op = { .kind = KG_OP_PUT, .bucket = b->payers, .revision = KG_REV_ANY,
                      .key = { tenant, strlen (tenant) } };
  struct kg_outcome failed = { .size = sizeof failed };
  op.value = note_show (text, customer);
  failed.error = b->store->write (b->self, &op, 1, sizeof op, done, arg);
  if (failed.error < 0)
    done (&failed, arg);
}

/* One of those that were ever named as the tenant's, and still are its, but not the one that
 * is gone; 0, -ENOENT, or another errno when that can't be read. */
static int32_t
owned_find (const struct billing *b, const char *tenant, const char *former,
            char ret[STRIPE_ID_MAX + 1])
{
  struct kg_entry entry = { .size = sizeof entry };
  struct texts customers;
  char prefix[TENANT_MAX + 8];
  int32_t rc;
  snprintf (prefix, sizeof prefix, "ten/%s/", tenant);
  rc = keys_scan (b->engine, prefix, 0, &customers);
  rc = rc < 0 ? rc : -ENOENT;
  for (uint32_t i = 0; rc == -ENOENT && i < customers.count; i++) {
    const char *id = customers.text[i];
    if (!stripe_id_ok (id) || !strcmp (id, former)
        || b->store->get (b->owners, (kg_str){ id, strlen (id) }, &entry) < 0
        || !owner_is (entry.value, tenant))
      continue;
    snprintf (ret, STRIPE_ID_MAX + 1, "%s", id);
    rc = 0;
  }
  texts_free (&customers);
  return rc;
}

/* What could not be noted is found again. */
static void
look_written (const struct kg_outcome *outcome, void *arg)
{
  (void) outcome;
  (void) arg;
}

int32_t
payer_look (struct billing *b, const char *tenant, char ret[STRIPE_ID_MAX + 1])
{
  int32_t rc;
  if (payer_get (b, tenant, ret) == 0)
    return 0;
  rc = owned_find (b, tenant, "", ret);
  if (rc < 0)
    return rc;
  noted_put (b, tenant, ret, look_written, NULL);
  return 0;
}

/* ---- At Stripe ------------------------------------------------------------- */

static void
payer_end (struct payer *p, const struct stripe_reply *refusal)
{
  p->done (refusal, p->arg);
}

static void
payer_go_on (void *arg)
{
  payer_end (arg, NULL);
}

/* On the committer's thread, which does not wait for what comes next.  What could not be
 * noted is found at Stripe again. */
static void
payer_written (const struct kg_outcome *outcome, void *arg)
{
  struct payer *p = arg;
  struct billing *b = p->billing;
  if (outcome->error)
    b->host->log (b->self, KG_LOG_WARN, "customer %s of tenant %s cannot be noted: %s",
                  p->customer, p->tenant, strerror (-outcome->error));
  if (b->jobs->run (b->self, payer_go_on, p) < 0)
    payer_go_on (p);
}

static void
payer_take (struct payer *p, const char *customer)
{
  snprintf (p->customer, sizeof p->customer, "%s", customer);
  noted_put (p->billing, p->tenant, p->customer, payer_written, p);
}

static void
payer_fail (struct payer *p, int32_t error)
{
  const struct stripe_reply r = { .error = error, .retry_after_s = -1,
                                  .message = strerror (-error) };
  payer_end (p, &r);
}

static void
made (const struct stripe_reply *r, void *arg)
{
  struct payer *p = arg;
  const char *id = stripe_text (r->json, "id");
  stripe_failed (p->billing, p->tenant, r);
  if (r->error || r->status > 299)
    payer_end (p, r);
  else if (!stripe_id_ok (id))
    payer_fail (p, -EPROTO);
  else
    payer_take (p, id);
}

static int32_t
payer_make (struct payer *p)
{
  char key[STRIPE_ID_MAX], failures[STRIPE_COUNT], hash[STRIPE_HASH];
  struct form form = { 0 };
  int32_t rc;
  stripe_failures (p->billing, p->tenant, failures);
  rc = stripe_hash ((const char *const[]){ p->tenant, p->former, failures, NULL }, hash);
  if (rc < 0)
    return rc;
  snprintf (key, sizeof key, "kgent-customer-%s", hash);
  form_add (&form, "metadata[tenant_id]", p->tenant);
  form_add (&form, "description", p->tenant);
  rc = stripe_post (p->billing, "/v1/customers", &form, key, made, p);
  form_free (&form);
  return rc;
}

/* The first that was found and isn't the one that is gone, as the index of Stripe's search
 * runs behind by some seconds; nor somebody else's by now, whatever its metadata says. */
static const char *
found_pick (const struct payer *p, json_object *json)
{
  json_object *list = stripe_member (json, "data");
  size_t n = list && json_object_is_type (list, json_type_array) ? json_object_array_length (list)
                                                                 : 0;
  for (size_t i = 0; i < n; i++) {
    const char *id = stripe_text (json_object_array_get_idx (list, i), "id");
    if (stripe_id_ok (id) && strcmp (id, p->former) && !is_others (p->billing, p->tenant, id))
      return id;
  }
  return NULL;
}

/* Search is not everywhere (404; 400 in some regions): then the Idempotency-Key alone
 * keeps apart. */
static void
searched (const struct stripe_reply *r, void *arg)
{
  struct payer *p = arg;
  const char *id = !r->error && r->status < 300 ? found_pick (p, r->json) : NULL;
  int32_t rc;
  if (r->error || (r->status > 299 && r->status != 400 && r->status != 404)) {
    payer_end (p, r);
    return;
  }
  if (id) {
    p->known = 1;
    payer_take (p, id);
  } else if (!p->make)
    payer_end (p, NULL);
  else if ((rc = payer_make (p)) < 0)
    payer_fail (p, rc);
}

/* It stands between quotes in the query of a search. */
static int32_t
tenant_ok (const char *tenant)
{
  return *tenant && !strpbrk (tenant, "'\"\\");
}

static int32_t
payer_search (struct payer *p)
{
  char query[128];
  struct form form = { 0 };
  int32_t rc;
  snprintf (query, sizeof query, "metadata['tenant_id']:'%s'", p->tenant);
  form_add (&form, "query", query);
  rc = stripe_get (p->billing, "/v1/customers/search", &form, searched, p);
  form_free (&form);
  return rc;
}

/* On a thread of the pool. */
static void
owners_look (void *arg)
{
  struct payer *p = arg;
  char id[STRIPE_ID_MAX + 1];
  int32_t rc = owned_find (p->billing, p->tenant, p->former, p->customer);
  if (rc == 0) {
    memcpy (id, p->customer, sizeof id);
    p->known = 1;
    payer_take (p, id);
  } else if (rc != -ENOENT || (rc = payer_search (p)) < 0)
    payer_fail (p, rc);
}

int32_t
payer_find (struct payer *p)
{
  struct billing *b = p->billing;
  if (!tenant_ok (p->tenant))
    return -EINVAL;
  if (!b->conf->api_key || !*b->conf->api_key)
    return -ENOKEY;
  p->known = !p->former[0] && payer_get (b, p->tenant, p->customer) == 0;
  if (p->known) {
    payer_end (p, NULL);
    return 0;
  }
  if (!p->former[0])
    noted_get (b, p->tenant, p->former); /* if it is there, it was given away */
  p->customer[0] = 0;
  return b->jobs->run (b->self, owners_look, p);
}

int32_t
payer_open (struct billing *b)
{
  int32_t rc = b->store->bucket (b->self, "billing.customers", &b->owners);
  return rc == 0 ? b->store->bucket (b->self, "billing.payers", &b->payers) : rc;
}
