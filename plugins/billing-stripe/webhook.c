/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* POST /webhooks/stripe: verified over the raw bytes, durable before the 200.
 * Stripe sends again for days what was not answered with a 2xx, so nothing that
 * is not on disk is ever confirmed. */
#include "plugins/billing-stripe/event.h"
#include "plugins/billing-stripe/signature.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOORMAN_SLOTS 1024
#define MINUTE_S      60
#define SECRETS_MAX   8 /* that have a series of their own */

#define ANSWER_MAX (12 * EVENT_ID_MAX + 128) /* an escape has 6 characters */

/* An event on its way into the inbox; whoever answers frees it. */
struct delivery {
  struct billing *billing;
  kg_ticket *ticket;
  int32_t error;   /* of the write */
  uint32_t type;   /* index in event_types */
  char id[EVENT_ID_MAX + 1];
  char type_text[EVENT_ID_MAX + 1];
};

/* Minute << 32 | deliveries with a bad signature, of the addresses that share a slot: two
 * that do are told to wait together, which costs neither of them a good event. */
struct doorman {
  _Atomic uint64_t slot[DOORMAN_SLOTS];
  _Atomic int64_t logged;  /* in which second a refusal was, since 1970 */
  _Atomic uint64_t silent; /* refusals since then that were not */
};

/* At most one line a second. */
static void
refusal_log (struct billing *b, kg_req *req, const char *detail, const char *reason)
{
  struct doorman *d = b->doorman;
  int64_t second = b->host->num (req, KG_NUM_TIME) / 1000000000, last = atomic_load (&d->logged);
  if (last == second || !atomic_compare_exchange_strong (&d->logged, &last, second))
    atomic_fetch_add (&d->silent, 1);
  else
    b->host->log (b->self, KG_LOG_WARN, "refused a delivery: %s%s%s; %llu more since the last line",
                  detail, *reason ? ", " : "", reason,
                  (unsigned long long) atomic_exchange (&d->silent, 0));
}

/* The reason is for the operator alone: it stands in the log. */
static int32_t
refuse_for (struct billing *b, kg_req *req, enum billing_error why, int32_t status,
            const char *detail, const char *reason)
{
  b->metrics->add (b->errors, why, 1);
  refusal_log (b, req, detail, reason);
  return b->host->problem (req, status, NULL, "%s", detail);
}

static int32_t
refuse (struct billing *b, kg_req *req, enum billing_error why, int32_t status, const char *detail)
{
  return refuse_for (b, req, why, status, detail, "");
}

/* ---- Bad signatures, by address -------------------------------------------- */

static uint32_t
address_hash (kg_str address)
{
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < address.len; i++)
    h = (h ^ (unsigned char) address.ptr[i]) * 16777619u;
  return h % DOORMAN_SLOTS;
}

/* Counts one: how many there were in this minute. */
static uint64_t
doorman_count (struct billing *b, kg_req *req, int64_t now)
{
  _Atomic uint64_t *slot
      = &b->doorman->slot[address_hash (b->host->get (req, KG_GET_CLIENT, NULL))];
  uint64_t minute = (uint64_t) now / MINUTE_S << 32, old = atomic_load (slot), new;
  do
    new = (old >> 32 == minute >> 32 ? old : minute) + 1;
  while (!atomic_compare_exchange_weak (slot, &old, new));
  return new & UINT32_MAX;
}

static int32_t
refuse_signature (struct billing *b, kg_req *req, int32_t stale)
{
  const char *reason = stale ? "one of ours, but its time is too far from this host's clock"
                             : "malformed, or made with none of the secrets";
  int64_t now = b->host->num (req, KG_NUM_TIME) / 1000000000, max = b->conf->bad_per_minute;
  char wait[24];
  if (!max || doorman_count (b, req, now) <= (uint64_t) max)
    return refuse_for (b, req, BILLING_SIGNATURE, 400, "Invalid signature", reason);
  snprintf (wait, sizeof wait, "%lld", (long long) (MINUTE_S - now % MINUTE_S));
  b->host->header (req, "Retry-After", wait);
  return refuse (b, req, BILLING_LIMITED, 429, "Too many invalid signatures");
}

/* ---- Answers ------------------------------------------------------------- */

static int32_t
answer_stored (kg_req *req, const struct delivery *d)
{
  const struct billing *b = d->billing;
  struct kg_out out = { b->host->alloc (req, ANSWER_MAX), 0, ANSWER_MAX };
  if (!out.ptr)
    return -ENOMEM;
  kg_out_lit (&out, d->error == -EEXIST ? "{\"status\":\"duplicate\",\"event_id\":"
                                        : "{\"status\":\"received\",\"event_id\":");
  kg_out_text (&out, d->id);
  kg_out_lit (&out, ",\"event_type\":");
  kg_out_text (&out, d->type_text);
  kg_out_lit (&out, "}");
  if (!kg_out_ok (&out))
    return -EMSGSIZE;
  b->host->reply (req, 200, "application/json", out.ptr, out.len);
  return KG_DONE;
}

static int32_t
delivery_answer (kg_req *req, void *arg)
{
  struct delivery *d = arg;
  int32_t rc;
  if (!d->error || d->error == -EEXIST)
    rc = answer_stored (req, d);
  else {
    d->billing->host->header (req, "Retry-After", "5");
    rc = refuse (d->billing, req, BILLING_STORE, 503, "The event could not be stored durably");
  }
  free (d);
  return rc;
}

/* On the committer's thread. */
static void
delivery_done (const struct kg_outcome *outcome, void *arg)
{
  struct delivery *d = arg;
  struct billing *b = d->billing;
  int32_t duplicate = outcome->error == -EEXIST;
  d->error = outcome->error;
  if (!outcome->error || duplicate)
    b->metrics->add (b->received, d->type, 1);
  if (duplicate)
    b->metrics->add (b->duplicates, d->type, 1);
  billing_health (b, duplicate ? 0 : outcome->error);
  b->host->resume (d->ticket, delivery_answer, d, free);
}

/* ---- The decisions, in their order --------------------------------------- */

static struct delivery *
delivery_create (struct billing *b, const struct event *e)
{
  struct delivery *d = calloc (1, sizeof *d);
  if (!d)
    return NULL;
  d->billing = b;
  memcpy (d->id, e->id.ptr, e->id.len);
  memcpy (d->type_text, e->type.ptr, e->type.len);
  d->type = event_type_find (e->type.ptr, e->type.len);
  return d;
}

/* Appends the raw body under the event's id, which the log knows for 30 days. */
static int32_t
event_store (struct billing *b, kg_req *req, const struct event *e, kg_str body)
{
  struct kg_op op = { .kind = KG_OP_APPEND, .log = b->inbox, .key = e->id, .value = body };
  struct delivery *d = delivery_create (b, e);
  int32_t rc;
  if (d)
    d->ticket = b->host->suspend (req, NULL, NULL);
  if (!d || !d->ticket) {
    free (d);
    return -ENOMEM;
  }
  /* a write that was taken owns the delivery, and may have answered already */
  rc = b->store->write (b->self, &op, 1, sizeof op, delivery_done, d);
  if (rc < 0) {
    d->error = rc;
    b->host->resume (d->ticket, delivery_answer, d, free);
  }
  return KG_WAIT;
}

/* 0; -EACCES for any fault of the signature; -ETIME for one of ours of another time; -ENOMEM. */
static int32_t
signature_check (const struct billing *b, const kg_req *req, kg_str header, kg_str body)
{
  struct signature s;
  int64_t now = b->host->num (req, KG_NUM_TIME) / 1000000000;
  int32_t rc;
  if (signature_parse (header.ptr, header.len, &s) < 0)
    return -EACCES;
  rc = signature_match (&s, b->conf->secrets, body.ptr, body.len);
  if (rc < 0)
    return rc;
  if (!signature_fresh (&s, now, (int64_t) b->conf->tolerance))
    return -ETIME;
  b->metrics->add (b->secrets, rc < SECRETS_MAX ? (uint32_t) rc : SECRETS_MAX, 1);
  return 0;
}

static int32_t
livemode_ok (const struct billing *b, const struct event *e)
{
  if (!strcmp (b->conf->livemode, "any"))
    return 1;
  return e->livemode == !strcmp (b->conf->livemode, "live");
}

static int32_t
refuse_livemode (struct billing *b, kg_req *req)
{
  static const char live[] = "\"this endpoint takes live events only\"",
                    test[] = "\"this endpoint takes test events only\"";
  const char *reason = strcmp (b->conf->livemode, "live") ? test : live;
  b->host->member (req, "reason", (kg_str){ reason, strlen (reason) });
  return refuse_for (b, req, BILLING_LIVEMODE, 400, "Invalid payload",
                     "its livemode is not that of this endpoint");
}

static int32_t
webhook_post (kg_req *req, void *data)
{
  struct billing *b = data;
  kg_str header = b->host->get (req, KG_GET_HEADER, "Stripe-Signature");
  kg_str body = b->host->get (req, KG_GET_BODY, NULL);
  struct event event;
  int32_t rc;
  if (!b->configured)
    return refuse (b, req, BILLING_NOT_CONFIGURED, 503, "Stripe webhook secret not configured");
  if (!header.ptr)
    return refuse (b, req, BILLING_MISSING_HEADER, 400, "Missing Stripe-Signature header");
  rc = signature_check (b, req, header, body);
  if (rc == -EACCES || rc == -ETIME)
    return refuse_signature (b, req, rc == -ETIME);
  if (rc < 0)
    return rc;
  if (event_read (b->host, req, body, &event) < 0)
    return refuse (b, req, BILLING_PAYLOAD, 400, "Invalid payload");
  if (!livemode_ok (b, &event))
    return refuse_livemode (b, req);
  return event_store (b, req, &event, body);
}

static int32_t
secrets_define (struct billing *b)
{
  static const char *const places[]
      = { "0", "1", "2", "3", "4", "5", "6", "7", "other", NULL };
  const struct kg_label label = { "secret", places };
  const struct kg_metric_def def
      = { .size = sizeof def, .kind = KG_COUNTER, .name = "kgent_stripe_signatures_total",
          .help = "Good signatures, by the place of the secret that made them", .labels = &label,
          .nlabels = 1 };
  return b->metrics->define (b->self, &def, &b->secrets);
}

void
webhook_close (struct billing *b)
{
  free (b->doorman);
}

int32_t
webhook_open (struct billing *b)
{
  static const struct kg_route route = {
    .size = sizeof route,
    .flags = KG_PUBLIC,
    .method = "POST",
    .pattern = "/webhooks/stripe",
    .summary = "Take an event from Stripe; answers 200 once it is on disk",
    .handler = webhook_post,
    .body_max = INBOX_BODY_MAX,
    .request_schema
    = "{\"type\":\"object\",\"required\":[\"id\",\"type\",\"created\",\"data\"],\"properties\":{"
      "\"id\":{\"type\":\"string\"},\"type\":{\"type\":\"string\"},"
      "\"created\":{\"type\":\"integer\"},\"data\":{\"type\":\"object\"}}}",
    .response_schema
    = "{\"type\":\"object\",\"properties\":{"
      "\"status\":{\"type\":\"string\",\"enum\":[\"received\",\"duplicate\"]},"
      "\"event_id\":{\"type\":\"string\"},\"event_type\":{\"type\":\"string\"}}}",
    .parameters = "[{\"name\":\"Stripe-Signature\",\"in\":\"header\",\"required\":true,"
                  "\"schema\":{\"type\":\"string\"}}]",
    .statuses = "400 413 429 503",
  };
  int32_t rc = secrets_define (b);
  b->doorman = calloc (1, sizeof *b->doorman);
  if (rc == 0 && !b->doorman)
    rc = -ENOMEM;
  return rc == 0 ? b->host->route (b->self, &route) : rc;
}
