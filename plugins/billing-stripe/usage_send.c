/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From sums to parts, and from parts to Stripe.  A part leaves the store only when
 * Stripe has it, or says that it never will. */
#include "plugins/billing-stripe/payer.h"
#include "plugins/billing-stripe/texts.h"
#include "plugins/billing-stripe/usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_EVERY_S 5
#define CLOSE_AFTER_S 5   /* the end of the minute: what comes later is another part */
#define CUSTOMER_S    300 /* so long waits a sum whose tenant has no customer */
#define LACKING       256 /* tenants whose customers are looked for at once */
#define CLOSE_MAX     1000 /* in one write; a look goes through all sums */
#define PART_TTL_MS   (INT64_C (40) * 86400 * 1000)
#define REFUSED_S     60
#define AGAIN_S       5

/* ---- Minutes that are over -------------------------------------------------- */

struct sum {
  char key[USAGE_KEY], value[24];
  uint64_t revision;
};

struct closing {
  struct usage *usage;
  int64_t now;
  struct sum sum[CLOSE_MAX];
  uint32_t sums;
  struct texts lacking; /* tenants of which no customer is noted */
  /* of the write */
  struct kg_op ops[3 * CLOSE_MAX];
  char out[CLOSE_MAX][USAGE_KEY], part[CLOSE_MAX][USAGE_KEY], text[CLOSE_MAX][STRIPE_ID_MAX + 32],
      count[CLOSE_MAX][24];
  uint32_t nops;
};

/* A sum's customer is noted, or is looked for once the scan is over, for the next look. */
static int32_t
noted_look (struct closing *c, const char *tenant)
{
  struct texts *t = &c->lacking;
  char customer[STRIPE_ID_MAX + 1];
  if (payer_get (c->usage->billing, tenant, customer) == 0)
    return 1;
  if (t->count < LACKING && (!t->count || strcmp (t->text[t->count - 1], tenant)))
    texts_add (t, tenant, strlen (tenant));
  return 0;
}

static void
lacking_look (struct closing *c)
{
  char customer[STRIPE_ID_MAX + 1];
  texts_sort (&c->lacking);
  for (uint32_t i = 0; i < c->lacking.count; i++)
    payer_look (c->usage->billing, c->lacking.text[i], customer);
  texts_free (&c->lacking);
}

static int32_t
sum_look (const struct kg_entry *entry, void *arg)
{
  struct closing *c = arg;
  struct sum *sum = &c->sum[c->sums];
  struct usage_place place;
  int64_t end;
  if (usage_text (entry->key, sum->key, sizeof sum->key) < 0 || usage_place_read (sum->key, &place) < 0
      || usage_text (entry->value, sum->value, sizeof sum->value) < 0)
    return 0;
  end = (place.minute + 1) * 60 + CLOSE_AFTER_S;
  if (c->now < end || (c->now < end + CUSTOMER_S && !noted_look (c, place.tenant)))
    return 0;
  sum->revision = entry->revision;
  return ++c->sums == CLOSE_MAX;
}

static void
op_add (struct closing *c, uint32_t kind, const char *key, const char *value, uint64_t revision)
{
  struct kg_op *op = &c->ops[c->nops++];
  *op = (struct kg_op){ .kind = kind, .bucket = c->usage->bucket, .key = { key, strlen (key) },
                        .revision = revision };
  if (value)
    op->value = (kg_str){ value, strlen (value) };
}

/* The sum becomes a part, or is left out for want of a customer, which is counted; 0, or
 * -errno: it stays for the next look. */
static int32_t
sum_close (struct closing *c, uint32_t i)
{
  struct usage *u = c->usage;
  struct billing *b = u->billing;
  struct kg_entry entry = { .size = sizeof entry };
  struct sum *sum = &c->sum[i];
  struct usage_place place;
  char customer[STRIPE_ID_MAX + 1], parts[24] = "0", rest[USAGE_KEY - 32];
  long long part, value = strtoll (sum->value, NULL, 10);
  int32_t rc;
  snprintf (rest, sizeof rest, "%s", sum->key + 5);
  usage_place_read (sum->key, &place);
  rc = payer_look (b, place.tenant, customer);
  if (rc == -ENOENT) {
    op_add (c, KG_OP_DELETE, sum->key, NULL, sum->revision);
    b->metrics->add (u->outcomes, USAGE_NO_CUSTOMER, 1);
    return 0;
  }
  if (rc < 0)
    return rc;
  snprintf (c->part[i], USAGE_KEY, "part/%s", rest);
  rc = b->store->get (u->bucket, (kg_str){ c->part[i], strlen (c->part[i]) }, &entry);
  if (rc < 0 && rc != -ENOENT)
    return rc;
  if (rc == 0)
    usage_text (entry.value, parts, sizeof parts);
  part = strtoll (parts, NULL, 10);
  snprintf (c->out[i], USAGE_KEY, "out/%s/%lld", rest, part);
  snprintf (c->text[i], sizeof c->text[i], "%lld %s", value, customer);
  snprintf (c->count[i], sizeof c->count[i], "%lld", part + 1);
  op_add (c, KG_OP_DELETE, sum->key, NULL, sum->revision);
  op_add (c, KG_OP_PUT, c->out[i], c->text[i], KG_REV_NEW);
  op_add (c, KG_OP_PUT, c->part[i], c->count[i], entry.revision);
  c->ops[c->nops - 1].ttl_ms = PART_TTL_MS;
  return 0;
}

int32_t
usage_close_minutes (struct usage *u, int64_t now)
{
  struct billing *b = u->billing;
  struct closing *c;
  int32_t rc, failed, error = 0;
  if (now < u->close_at)
    return 0;
  c = calloc (1, sizeof *c);
  if (!c)
    return -ENOMEM;
  c->usage = u;
  c->now = now;
  rc = b->store->scan (u->bucket, (kg_str){ "open/", 5 }, sum_look, c);
  lacking_look (c);
  for (uint32_t i = 0; rc >= 0 && i < c->sums; i++)
    if ((failed = sum_close (c, i)) < 0)
      error = failed;
  u->close_at = c->sums < CLOSE_MAX ? now + CLOSE_EVERY_S : now;
  if (rc >= 0 && c->nops) {
    rc = b->store->write (b->self, c->ops, c->nops, sizeof c->ops[0], usage_written, u);
    rc = rc < 0 ? rc : 1;
  } else if (rc >= 0)
    rc = error;
  free (c);
  return rc;
}

/* ---- Sending ---------------------------------------------------------------- */

static int32_t
is_held (const struct usage *u, const char *key, int64_t now)
{
  for (uint32_t i = 0; i < USAGE_HELD; i++)
    if (u->held[i].until > now && !strcmp (u->held[i].key, key))
      return 1;
  return 0;
}

/* Refused for a reason that may pass; others go first meanwhile.  Should there be very many, as
 * when a meter is gone, those behind them have their turn before it begins anew. */
static void
item_hold (struct usage *u, const struct usage_item *item, int64_t now)
{
  for (uint32_t i = 0; i < USAGE_HELD; i++)
    if (u->held[i].until <= now) {
      memcpy (u->held[i].key, item->key, sizeof item->key);
      u->held[i].until = now + REFUSED_S;
      return;
    }
  if (!*u->after)
    u->anew_at = now + REFUSED_S;
  if (strcmp (item->key, u->after) > 0)
    memcpy (u->after, item->key, sizeof item->key);
}

struct picking {
  struct usage *usage;
  int64_t now;
};

static int32_t
part_pick (const struct kg_entry *entry, void *arg)
{
  struct picking *p = arg;
  struct usage *u = p->usage;
  struct usage_item *item = &u->item[u->items];
  char text[STRIPE_ID_MAX + 64], *space, *retries;
  if (usage_text (entry->key, item->key, sizeof item->key) < 0 || is_held (u, item->key, p->now)
      || usage_text (entry->value, text, sizeof text) < 0 || !(space = strchr (text, ' ')))
    return 0;
  item->usage = u;
  item->value = strtoll (text, NULL, 10);
  item->retries = 0;
  item->result = item->held = 0;
  item->wait_s = 0;
  if ((retries = strchr (space + 1, ' '))) {
    *retries = 0;
    item->retries = strtoll (retries + 1, NULL, 10);
  }
  snprintf (item->customer, sizeof item->customer, "%s", space + 1);
  return ++u->items == USAGE_SENDS;
}

/* What Stripe will say of this part for ever.  A meter that is missing may be made. */
static int32_t
is_final (const struct stripe_reply *r)
{
  static const char *const codes[]
      = { "timestamp_too_far_in_past", "timestamp_in_future", "meter_event_customer_not_found",
          "meter_event_value_invalid", "meter_event_invalid_value", NULL };
  const char *code = stripe_text (r->json, "error.code");
  const char *param = stripe_text (r->json, "error.param");
  for (const char *const *c = codes; code && *c; c++)
    if (!strcmp (*c, code))
      return 1;
  return code && !strcmp (code, "resource_missing") && (!param || strstr (param, "customer"));
}

static int32_t
is_known (const struct stripe_reply *r)
{
  const char *code = stripe_text (r->json, "error.code");
  const char *text = stripe_text (r->json, "error.message");
  return (code && !strcmp (code, "duplicate_meter_event"))
         || (text && strstr (text, "already exists with identifier"));
}

static void
item_wait (struct usage_item *item, const struct stripe_reply *r)
{
  struct usage *u = item->usage;
  item->wait_s = r->retry_after_s > 0 ? r->retry_after_s : AGAIN_S;
  if (r->status == 401 || r->status == 403)
    item->wait_s = REFUSED_S;
  u->billing->health->set (u->component, KG_HEALTH_DEGRADED, 0, "usage is kept and sent again: %s",
                           r->message);
}

static void
item_refused (struct usage_item *item, const struct stripe_reply *r)
{
  struct usage *u = item->usage;
  const char *text = stripe_text (r->json, "error.message");
  TEXT_PUT (item->why, text ? text : r->message);
  u->billing->health->set (u->component, KG_HEALTH_DEGRADED, 0, "Stripe refuses usage: %s",
                           item->why);
  if (is_final (r))
    item->result = -1;
  else
    item->held = 1;
}

/* What the refusals of all say, by whoever was told last. */
static void
items_wait (struct usage *u, int64_t now)
{
  for (uint32_t i = 0; i < u->items; i++) {
    const struct usage_item *item = &u->item[i];
    if (item->held)
      item_hold (u, item, now);
    if (now + item->wait_s > u->wait_until)
      u->wait_until = now + item->wait_s;
  }
}

/* Whether Stripe has them all, and none that it refused waits: else it would seem well as
 * often as another one is taken. */
static int32_t
items_well (const struct usage *u, int64_t now)
{
  for (uint32_t i = 0; i < u->items; i++)
    if (u->item[i].result <= 0)
      return 0;
  for (uint32_t i = 0; i < USAGE_HELD; i++)
    if (u->held[i].until > now)
      return 0;
  return !*u->after;
}

static void
items_save (struct usage *u)
{
  struct kg_op ops[2 * USAGE_SENDS];
  char keys[USAGE_SENDS][USAGE_KEY + 8], text[USAGE_SENDS][2048];
  struct billing *b = u->billing;
  struct kg_outcome failed = { .size = sizeof failed };
  uint32_t n = 0;
  for (uint32_t i = 0; i < u->items; i++) {
    struct usage_item *item = &u->item[i];
    struct kg_out out = { text[i], 0, sizeof text[i] };
    if (!item->result)
      continue;
    ops[n++] = (struct kg_op){ .kind = KG_OP_DELETE, .bucket = u->bucket, .revision = KG_REV_ANY,
                               .key = { item->key, strlen (item->key) } };
    if (item->result > 0)
      continue;
    b->host->log (b->self, KG_LOG_ERROR, "parked usage %s: %s", item->key, item->why);
    snprintf (keys[i], sizeof keys[i], "parked/%s", item->key + 4);
    kg_out_lit (&out, "{\"customer\":");
    kg_out_text (&out, item->customer);
    kg_out_lit (&out, ",\"value\":");
    kg_out_int (&out, item->value);
    kg_out_lit (&out, ",\"retries\":");
    kg_out_int (&out, item->retries);
    kg_out_lit (&out, ",\"error\":");
    kg_out_text (&out, item->why);
    kg_out_lit (&out, "}");
    ops[n++] = (struct kg_op){ .kind = KG_OP_PUT, .bucket = u->bucket, .revision = KG_REV_ANY,
                               .key = { keys[i], strlen (keys[i]) }, .value = { text[i], out.len } };
  }
  if (!n)
    usage_ready (u);
  else if ((failed.error = b->store->write (b->self, ops, n, sizeof ops[0], usage_written, u)) < 0)
    usage_written (&failed, u);
}

static void
item_told (const struct stripe_reply *r, void *arg)
{
  struct usage_item *item = arg;
  struct usage *u = item->usage;
  enum usage_outcome outcome = USAGE_OUTCOMES;
  int64_t now = usage_now ();
  if (!r->error && r->status < 300) {
    item->result = 1;
    outcome = USAGE_SENT;
  } else if (!r->error && r->status == 400 && is_known (r)) {
    item->result = 1;
    outcome = USAGE_DUPLICATE;
  } else if (r->error == -ESHUTDOWN)
    return; /* the plugin ends; the part is sent again by the next process */
  else if (!r->error && r->status >= 400 && r->status < 500 && r->status != 429 && r->status != 409
           && r->status != 401 && r->status != 403) {
    item_refused (item, r);
    outcome = item->result < 0 ? USAGE_PARKED : USAGE_OUTCOMES;
  } else
    item_wait (item, r);
  if (outcome != USAGE_OUTCOMES)
    u->billing->metrics->add (u->outcomes, outcome, 1);
  if (atomic_fetch_sub (&u->flying, 1) != 1)
    return;
  items_wait (u, now);
  if (items_well (u, now))
    u->billing->health->set (u->component, KG_HEALTH_OK, 0, "%s", "");
  items_save (u);
}

/* The identifier keeps a part from counting twice.  The key of the request is another one each
 * hour, and when an operator has it sent again: Stripe answers what it refused with the same
 * answer for a day. */
static int32_t
item_send (struct usage_item *item)
{
  struct form form = { 0 };
  struct usage_place place;
  char hash[STRIPE_HASH], minute[24], key[STRIPE_HASH + 16], request[STRIPE_HASH + 64];
  int32_t rc = usage_place_read (item->key, &place);
  if (rc == 0) {
    snprintf (minute, sizeof minute, "%lld", (long long) place.minute);
    rc = stripe_hash ((const char *const[]){ place.tenant, place.meter, minute, place.part, NULL },
                      hash);
  }
  if (rc < 0)
    return rc;
  snprintf (key, sizeof key, "kgent-%s", hash);
  snprintf (request, sizeof request, "%s-%lld-%lld", key, (long long) (usage_now () / 3600),
            (long long) item->retries);
  form_add (&form, "event_name", place.meter);
  form_add (&form, "identifier", key);
  form_add_int (&form, "timestamp", place.minute * 60);
  form_add (&form, "payload[stripe_customer_id]", item->customer);
  form_add_int (&form, "payload[value]", item->value);
  rc = stripe_post (item->usage->billing, "/v1/billing/meter_events", &form, request, item_told,
                    item);
  form_free (&form);
  return rc;
}

int32_t
usage_send (struct usage *u, int64_t now)
{
  struct billing *b = u->billing;
  struct picking picking = { u, now };
  int32_t scanned;
  if (now < u->wait_until)
    return 0;
  u->items = 0;
  scanned = b->store->scan_after (u->bucket, (kg_str){ "out/", 4 },
                                  (kg_str){ u->after, strlen (u->after) }, part_pick, &picking);
  if (scanned >= 0 && !u->items && now >= u->anew_at)
    *u->after = 0; /* for the next look */
  if (scanned < 0 || !u->items)
    return scanned < 0 ? scanned : 0;
  atomic_store (&u->flying, u->items);
  for (uint32_t i = 0; i < u->items; i++) {
    int32_t rc = item_send (&u->item[i]);
    const struct stripe_reply r = { .error = rc, .retry_after_s = -1, .message = strerror (-rc) };
    if (rc < 0)
      item_told (&r, &u->item[i]);
  }
  return 1;
}
