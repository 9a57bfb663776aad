/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Requests to Stripe's API.
 *
 * All name the configured version, and what changes something carries an
 * Idempotency-Key: so kg.http/1 may send it again after a reset, a timeout, 429 or
 * 5xx, or not, when Stripe's answer says so.  The key of the API is in one header
 * and nowhere else. */
#ifndef BILLING_STRIPE_API_H
#define BILLING_STRIPE_API_H

#include "plugins/billing-stripe/billing.h"
#include "plugins/billing-stripe/form.h"
#include "plugins/billing-stripe/projection.h"

#include <json-c/json.h>

#define STRIPE_ID_MAX  255 /* bytes of Stripe's ids, and of an Idempotency-Key */
#define STRIPE_COUNT   12  /* bytes of a count's text with its NUL */
#define STRIPE_PAGE    100 /* items that a list is asked for at once: as many as there may be */
#define STRIPE_HASH    33  /* bytes of stripe_hash's text with its NUL */

/* What came of a request; valid during the callback. */
struct stripe_reply {
  int32_t error;  /* 0: a status with a JSON object arrived; -ETIMEDOUT, -ECONNRESET ...;
                     -EPROTO: a 2xx that was no JSON object; -ESHUTDOWN */
  int32_t status; /* or 0 */
  json_object *json;     /* of any status, or NULL */
  int64_t retry_after_s; /* -1: not said */
  const char *message;   /* one line for the log */
};

/* On a thread of the pool; at the plugin's end on another.  Once for each request
 * that was taken. */
typedef void stripe_fn (const struct stripe_reply *reply, void *arg);

/* GET of "/v1/...", with a query or NULL; and POST of a form, or NULL, with an
 * Idempotency-Key of at most STRIPE_ID_MAX printable bytes.  The form is the
 * caller's.  0; -ENOKEY without a key of the API, -ENOMEM, -EAGAIN, -ESHUTDOWN: then
 * `fn` is not called. */
int32_t stripe_get (struct billing *b, const char *path, const struct form *query, stripe_fn *fn,
                    void *arg);
int32_t stripe_post (struct billing *b, const char *path, const struct form *form,
                     const char *idempotency_key, stripe_fn *fn, void *arg);

/* An object from the whole of a text, which must be UTF-8; owned by the caller; or NULL. */
json_object *stripe_object (const char *text, size_t len);

/* A text by a dotted path of members and places, "data.0.id"; NULL for any other
 * value.  UTF-8, and as long as the object. */
const char *stripe_text (json_object *o, const char *path);
json_object *stripe_member (json_object *o, const char *path);

/* A page of a list: 1 when another one comes behind it, which begins after the id in ret_last;
 * 0: it was the last; -EPROTO: it is none, or does not go on as it says.  `after` is where it
 * began, or "". */
int32_t stripe_page (json_object *page, const char *after, json_object **ret_list,
                     const char **ret_last);

/* Why an answer is of no use: in Stripe's own words, or the client's, with the status and what
 * can be done about it. */
void stripe_why (const struct stripe_reply *reply, char *ret, size_t size);

/* A subscription as an event of now, whose id begins with its maker's name; the caller's. */
json_object *subscription_event (json_object *subscription, const char *maker, int64_t now);

/* 32 hexadecimal digits of the SHA-256 of texts, each with its end, up to NULL: 0 or
 * -ENOMEM. */
int32_t stripe_hash (const char *const *texts, char ret[STRIPE_HASH]);

/* Stripe answers an Idempotency-Key for a day with what it said first, be that a failure.  So a
 * key has in it how often something has failed for its tenant; tenants may share a count.
 * [any] */
void stripe_failures (struct billing *b, const char *tenant, char ret[STRIPE_COUNT]);

/* Counts a reply that Stripe keeps and that is a failure.  [any] */
void stripe_failed (struct billing *b, const char *tenant, const struct stripe_reply *r);

/* A text that can stand in a path of the API: letters, digits and underscores. */
int32_t stripe_id_ok (const char *id);

/* 0; -EINVAL for a key that may not travel to api_base (logged). */
int32_t stripe_open (struct billing *b);
void stripe_start (struct billing *b);

#endif
