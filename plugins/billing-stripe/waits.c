/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Events for the ledger whose tenant isn't known yet: they wait by customer, and once it is
 * said whose that is, those of this customer alone are looked at.  What is of a charge waits by
 * that while nobody knows whose it is, and then by the customer. */
#include "plugins/billing-stripe/engine.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One that goes into the ledger, or from a charge to its customer. */
struct release {
  struct billing *billing;
  struct kg_op op[2]; /* append, or put; delete */
  char key[2 * STRIPE_ID + 32], customer[STRIPE_ID], id[EFFECT_ID], text[EFFECT_MAX + 2048];
  char next[STRIPE_ID]; /* the customer by whom it waits then, or "" */
  char next_key[2 * STRIPE_ID + 32];
};

/* On the committer's thread.  The ledger has it already: then only the waiting ends.  What moved
 * is looked at where it is now, for that customer's tenant may have become known meanwhile. */
static void
released (const struct kg_outcome *outcome, void *arg)
{
  struct release *r = arg;
  const struct billing *b = r->billing;
  int32_t rc = outcome->error;
  if (rc == -EEXIST && outcome->op == 0)
    rc = b->store->write (b->self, &r->op[1], 1, sizeof r->op[1], NULL, NULL);
  if (!rc && *r->next)
    waits_touch (b->engine, r->next);
  else if (!rc)
    gauges_add (b->engine, -1, 0);
  else if (rc != -ESTALE && rc != -ESHUTDOWN)
    waits_touch (b->engine, r->customer);
  free (r);
}

static const char *
member_text (json_object *o, const char *name)
{
  json_object *v = NULL;
  return json_object_object_get_ex (o, name, &v) && v ? json_object_get_string (v) : "";
}

static const char *
json_text (json_object *o)
{
  return json_object_to_json_string_ext (o, JSON_C_TO_STRING_PLAIN
                                                | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* Into the ledger. */
static void
release_append (struct release *r, json_object *o, const char *tenant)
{
  struct kg_out out = { r->text, 0, sizeof r->text };
  json_object *created = NULL, *event = NULL;
  json_object_object_get_ex (o, "created", &created);
  json_object_object_get_ex (o, "event", &event);
  effect_record (&out, tenant, json_object_get_int64 (created), json_text (event));
  snprintf (r->id, sizeof r->id, "%s", member_text (o, "id"));
  r->op[0] = (struct kg_op){ .kind = KG_OP_APPEND, .log = r->billing->engine->usage,
                             .key = { r->id, strlen (r->id) },
                             .value = { r->text, kg_out_ok (&out) ? out.len : 0 } };
}

/* To the customer whose charge it is. */
static void
release_move (struct release *r, json_object *o, const char *customer)
{
  int n;
  json_object_object_add (o, "customer", json_object_new_string (customer));
  n = snprintf (r->text, sizeof r->text, "%s", json_text (o));
  TEXT_PUT (r->next, customer);
  snprintf (r->next_key, sizeof r->next_key, "wait/%s/%s", customer, member_text (o, "id"));
  r->op[0] = (struct kg_op){ .kind = KG_OP_PUT, .bucket = r->billing->engine->objects,
                             .key = { r->next_key, strlen (r->next_key) },
                             .revision = KG_REV_ANY,
                             .value = { r->text, n < (int) sizeof r->text ? (size_t) n : 0 } };
}

static void
release_write (struct release *r, uint64_t revision)
{
  const struct billing *b = r->billing;
  r->op[1] = (struct kg_op){ .kind = KG_OP_DELETE, .bucket = b->engine->objects,
                             .key = { r->key, strlen (r->key) }, .revision = revision };
  if (!r->op[0].value.len
      || b->store->write (b->self, r->op, 2, sizeof r->op[0], released, r) < 0) {
    waits_touch (b->engine, r->customer);
    free (r);
  }
}

/* The customer whose it is, or the charge. */
static void
customer_of (struct batch *batch, json_object *o, char ret[STRIPE_ID])
{
  text_put (ret, STRIPE_ID, member_text (o, "customer"));
  if (!*ret && *member_text (o, "charge"))
    charge_customer (batch, member_text (o, "charge"), ret);
}

/* Takes the release over. */
static void
release_try (struct release *r, struct batch *batch)
{
  struct kg_entry entry = { .size = sizeof entry };
  struct billing *b = r->billing;
  char tenant[PROJECTION_TENANT] = "", customer[STRIPE_ID] = "";
  json_tokener *tok = json_tokener_new ();
  json_object *o = NULL;
  int32_t rc = b->store->get (b->engine->objects, (kg_str){ r->key, strlen (r->key) }, &entry);
  uint64_t revision = entry.revision;
  if (tok && rc == 0)
    o = json_tokener_parse_ex (tok, entry.value.ptr, (int) entry.value.len);
  if (o) {
    customer_of (batch, o, customer);
    customer_tenant (batch, customer, member_text (o, "named"), tenant);
  }
  if (*tenant)
    release_append (r, o, tenant);
  else if (o && strcmp (customer, r->customer))
    release_move (r, o, customer);
  if (r->op[0].kind)
    release_write (r, revision);
  else
    free (r);
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
}

void
waits_release (struct engine *e, const char *customer)
{
  struct batch *batch = batch_create (e->billing);
  char prefix[STRIPE_ID + 8];
  struct texts ids = { 0 };
  int32_t rc = batch ? 0 : -ENOMEM;
  snprintf (prefix, sizeof prefix, "wait/%s/", customer);
  if (rc == 0)
    rc = keys_scan (e, prefix, 0, &ids);
  for (uint32_t i = 0; i < ids.count; i++) {
    struct release *r = calloc (1, sizeof *r);
    if (!r) {
      rc = -ENOMEM;
      break;
    }
    r->billing = e->billing;
    TEXT_PUT (r->customer, customer);
    snprintf (r->key, sizeof r->key, "%s%s", prefix, ids.text[i]);
    release_try (r, batch);
  }
  if (rc < 0)
    waits_touch (e, customer);
  texts_free (&ids);
  batch_destroy (batch);
}
