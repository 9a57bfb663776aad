/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/stripe_api.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX   4096
#define TRIES     4
#define TOTAL_MS  20000
#define REPLY_MAX 4194304 /* a page of 100 subscriptions */

/* A request under way, and then its reply. */
struct call {
  struct billing *billing;
  stripe_fn *fn;
  void *arg;
  int32_t error, status;
  int64_t retry_after_s;
  char message[256];
  char *body; /* of the reply; owned */
  size_t len;
};

/* Labels of kgent_stripe_api_requests_total. */
enum outcome { API_OK, API_REFUSED, API_DENIED, API_LIMITED, API_FAILED };

/* ---- Replies ------------------------------------------------------------- */

static void
call_free (struct call *c)
{
  free (c->body);
  free (c);
}

static enum outcome
outcome_of (const struct call *c)
{
  if (c->error || c->status >= 500 || c->status < 200)
    return API_FAILED;
  if (c->status < 300)
    return API_OK;
  if (c->status == 401 || c->status == 403)
    return API_DENIED;
  return c->status == 429 ? API_LIMITED : API_REFUSED;
}

/* A refusal of one request says nothing about the API's health. */
static void
health_tell (struct billing *b, const struct call *c, enum outcome o)
{
  if (o == API_OK || o == API_REFUSED)
    b->health->set (b->api_component, KG_HEALTH_OK, 0, "%s", "");
  else if (o == API_DENIED)
    b->health->set (b->api_component, KG_HEALTH_DOWN, 0,
                    "Stripe refuses the key (%d): check api_key and what it may", c->status);
  else
    b->health->set (b->api_component, KG_HEALTH_DEGRADED, 0, "%s", c->message);
}

/* The bytes of the character of UTF-8 at p (RFC 3629), or 0.  json-c's own check lets halves
 * of pairs pass, and what is longer than needed. */
static size_t
character_len (const unsigned char *p, size_t left)
{
  size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
  unsigned char low = *p == 0xe0 ? 0xa0 : *p == 0xf0 ? 0x90 : 0x80;
  unsigned char high = *p == 0xed ? 0x9f : *p == 0xf4 ? 0x8f : 0xbf;
  if (n > left || (n > 1 && (p[1] < low || p[1] > high)))
    return 0;
  for (size_t i = 2; i < n; i++)
    if ((p[i] & 0xc0) != 0x80)
      return 0;
  return n;
}

/* What it says is passed on, in JSON: so it must be UTF-8. */
static int32_t
is_utf8 (const char *text, size_t len)
{
  const unsigned char *p = (const unsigned char *) text;
  size_t n = 1;
  for (; len && n; p += n, len -= n)
    n = character_len (p, len);
  return n != 0;
}

json_object *
stripe_object (const char *text, size_t len)
{
  json_tokener *tok = json_tokener_new ();
  json_object *o = NULL;
  if (tok)
    json_tokener_set_flags (tok, JSON_TOKENER_STRICT);
  if (tok && len <= INT32_MAX && is_utf8 (text, len))
    o = json_tokener_parse_ex (tok, text, (int) len);
  if (tok)
    json_tokener_free (tok);
  if (o && json_object_is_type (o, json_type_object))
    return o;
  json_object_put (o);
  return NULL;
}

static void
call_finish (void *arg)
{
  struct call *c = arg;
  struct billing *b = c->billing;
  struct stripe_reply reply = { .error = c->error,
                                .status = c->status,
                                .retry_after_s = c->retry_after_s,
                                .message = c->message };
  enum outcome outcome = outcome_of (c);
  if (atomic_load (&b->stopped))
    reply.error = c->error = -ESHUTDOWN;
  if (!c->error)
    reply.json = stripe_object (c->body, c->len);
  if (!c->error && !reply.json && outcome == API_OK) {
    reply.error = -EPROTO;
    reply.message = "Stripe's answer was no JSON object";
  }
  if (c->error != -ESHUTDOWN) {
    b->metrics->add (b->api_requests, outcome, 1);
    health_tell (b, c, outcome);
  }
  c->fn (&reply, c->arg);
  json_object_put (reply.json);
  call_free (c);
}

/* On the client's thread: only hands over.  After `stop` no service may be asked for
 * anything, and whoever waits is told so. */
static void
call_done (const struct kg_http_reply *reply, void *arg)
{
  struct call *c = arg;
  struct billing *b = c->billing;
  c->error = reply->error;
  c->status = reply->status;
  c->retry_after_s = reply->retry_after_ms < 0 ? -1 : (reply->retry_after_ms + 999) / 1000;
  snprintf (c->message, sizeof c->message, "%s", reply->message ? reply->message : "");
  if (!c->error && reply->body.len) {
    c->body = malloc (reply->body.len);
    if (c->body)
      memcpy (c->body, reply->body.ptr, c->len = reply->body.len);
    else
      c->error = -ENOMEM;
  }
  if (atomic_load (&b->stopped) || b->jobs->run (b->self, call_finish, c) < 0)
    call_finish (c);
}

/* ---- Requests ------------------------------------------------------------ */

/* The URL; 0 when it is too long.  Slashes at the base's end don't count. */
static int32_t
url_make (const struct billing *b, const char *path, const struct form *query, char out[URL_MAX])
{
  const char *base = b->conf->api_base;
  size_t n = strlen (base);
  int32_t len;
  while (n && base[n - 1] == '/')
    n--;
  len = snprintf (out, URL_MAX, "%.*s%s%s%s", (int) n, base, path, query && query->len ? "?" : "",
                  query && query->len ? query->ptr : "");
  return len > 0 && len < URL_MAX;
}

static int32_t
call_send (struct billing *b, struct call *c, struct kg_http_request *r, const char *key)
{
  char authorization[512], version[128], idempotency[STRIPE_ID_MAX + 32];
  const char *headers[5] = { authorization, version, NULL };
  int32_t rc;
  if (snprintf (authorization, sizeof authorization, "Authorization: Bearer %s", b->conf->api_key)
      >= (int) sizeof authorization)
    return -EINVAL;
  snprintf (version, sizeof version, "Stripe-Version: %s", b->conf->api_version);
  if (key) {
    snprintf (idempotency, sizeof idempotency, "Idempotency-Key: %s", key);
    headers[2] = idempotency;
    headers[3] = "Content-Type: application/x-www-form-urlencoded";
    headers[4] = NULL;
  }
  r->size = sizeof *r;
  r->flags = KG_HTTP_IDEMPOTENT | KG_HTTP_PRIVATE_OK;
  r->headers = headers;
  r->total_ms = TOTAL_MS;
  r->tries = TRIES;
  r->reply_max = REPLY_MAX;
  r->retry_header = "Stripe-Should-Retry";
  r->done = call_done;
  r->arg = c;
  rc = b->http->send (b->self, r, NULL);
  explicit_bzero (authorization, sizeof authorization);
  return rc;
}

static int32_t
call_begin (struct billing *b, struct kg_http_request *r, const char *path,
            const struct form *query, const char *key, stripe_fn *fn, void *arg)
{
  char url[URL_MAX];
  struct call *c;
  int32_t rc;
  if (!b->conf->api_key || !*b->conf->api_key)
    return -ENOKEY;
  if (atomic_load (&b->stopped))
    return -ESHUTDOWN;
  if (!url_make (b, path, query, url))
    return -EINVAL;
  c = calloc (1, sizeof *c);
  if (!c)
    return -ENOMEM;
  c->billing = b;
  c->fn = fn;
  c->arg = arg;
  r->url = url;
  rc = call_send (b, c, r, key);
  if (rc < 0)
    call_free (c);
  return rc;
}

int32_t
stripe_get (struct billing *b, const char *path, const struct form *query, stripe_fn *fn, void *arg)
{
  struct kg_http_request r = { .method = "GET" };
  if (query && query->failed)
    return -ENOMEM;
  return call_begin (b, &r, path, query, NULL, fn, arg);
}

int32_t
stripe_post (struct billing *b, const char *path, const struct form *form,
             const char *idempotency_key, stripe_fn *fn, void *arg)
{
  struct kg_http_request r = { .method = "POST" };
  if (form && form->failed)
    return -ENOMEM;
  if (form && form->len)
    r.body = (kg_str){ form->ptr, form->len };
  return call_begin (b, &r, path, NULL, idempotency_key, fn, arg);
}

/* ---- Small things -------------------------------------------------------- */

json_object *
stripe_member (json_object *o, const char *path)
{
  char name[64];
  while (o && *path) {
    size_t n = strcspn (path, ".");
    json_object *next = NULL;
    if (n >= sizeof name)
      return NULL;
    memcpy (name, path, n);
    name[n] = 0;
    if (json_object_is_type (o, json_type_array))
      next = json_object_array_get_idx (o, strtoul (name, NULL, 10));
    else if (json_object_is_type (o, json_type_object))
      json_object_object_get_ex (o, name, &next);
    o = next;
    path += n + (path[n] == '.');
  }
  return o;
}

const char *
stripe_text (json_object *o, const char *path)
{
  json_object *v = stripe_member (o, path);
  return v && json_object_is_type (v, json_type_string) ? json_object_get_string (v) : NULL;
}

/* A page that says nothing of others and is not full is the last one. */
int32_t
stripe_page (json_object *page, const char *after, json_object **ret_list, const char **ret_last)
{
  json_object *more = stripe_member (page, "has_more");
  size_t n;
  *ret_list = stripe_member (page, "data");
  *ret_last = NULL;
  if (!json_object_is_type (*ret_list, json_type_array)
      || (more && !json_object_is_type (more, json_type_boolean)))
    return -EPROTO;
  n = json_object_array_length (*ret_list);
  if (!more && n >= STRIPE_PAGE)
    return -EPROTO;
  if (!json_object_get_boolean (more))
    return 0;
  *ret_last = n ? stripe_text (json_object_array_get_idx (*ret_list, n - 1), "id") : NULL;
  return *ret_last && strcmp (*ret_last, after) ? 1 : -EPROTO;
}

void
stripe_why (const struct stripe_reply *reply, char *ret, size_t size)
{
  const char *own = stripe_text (reply->json, "error.message"), *advice = "";
  char text[180], status[16] = "";
  if (reply->status == 401 || reply->status == 403)
    advice = "; see billing-stripe.api_key";
  else if (reply->status >= 300 && reply->status < 400)
    advice = "; it leads elsewhere: see billing-stripe.api_base";
  if (own)
    snprintf (status, sizeof status, " (%d)", reply->status);
  TEXT_PUT (text, own ? own : reply->message);
  snprintf (ret, size, "%s%s%s", text, status, advice);
}

int32_t
stripe_hash (const char *const *texts, char ret[STRIPE_HASH])
{
  unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
  EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
  int32_t good = ctx && EVP_DigestInit_ex (ctx, EVP_sha256 (), NULL);
  for (; good && *texts; texts++)
    good = EVP_DigestUpdate (ctx, *texts, strlen (*texts) + 1);
  good = good && EVP_DigestFinal_ex (ctx, digest, NULL);
  EVP_MD_CTX_free (ctx);
  if (!good)
    return -ENOMEM;
  for (size_t i = 0; i < (STRIPE_HASH - 1) / 2; i++)
    snprintf (ret + 2 * i, 3, "%02x", digest[i]);
  return 0;
}

static atomic_uint *
failures_of (struct billing *b, const char *tenant)
{
  uint32_t h = 2166136261u;
  for (; *tenant; tenant++)
    h = (h ^ (unsigned char) *tenant) * 16777619u;
  return &b->failures[h % BILLING_FAILURES];
}

void
stripe_failures (struct billing *b, const char *tenant, char ret[STRIPE_COUNT])
{
  snprintf (ret, STRIPE_COUNT, "%u", atomic_load (failures_of (b, tenant)));
}

/* 409 and 429 are not kept, nor is what never came to Stripe: then the same key is the safe
 * one. */
void
stripe_failed (struct billing *b, const char *tenant, const struct stripe_reply *r)
{
  if (!r->error && r->status >= 400 && r->status != 409 && r->status != 429
      && stripe_text (r->json, "error.type"))
    atomic_fetch_add (failures_of (b, tenant), 1);
}

int32_t
stripe_id_ok (const char *id)
{
  static const char set[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  size_t n = id ? strspn (id, set) : 0;
  return n && n <= STRIPE_ID_MAX && !id[n];
}

json_object *
subscription_event (json_object *subscription, const char *maker, int64_t now)
{
  json_object *event = json_object_new_object (), *data = json_object_new_object ();
  const char *id = stripe_text (subscription, "id"), *status = stripe_text (subscription, "status");
  const char *type = status && !strcmp (status, "canceled") ? "customer.subscription.deleted"
                                                            : "customer.subscription.updated";
  char name[STRIPE_ID_MAX + 64];
  snprintf (name, sizeof name, "%s-%s-%lld", maker, id ? id : "", (long long) now);
  json_object_object_add (event, "id", json_object_new_string (name));
  json_object_object_add (event, "object", json_object_new_string ("event"));
  json_object_object_add (event, "type", json_object_new_string (type));
  json_object_object_add (event, "created", json_object_new_int64 (now));
  json_object_object_add (event, "livemode",
                          json_object_get (stripe_member (subscription, "livemode")));
  json_object_object_add (data, "object", json_object_get (subscription));
  json_object_object_add (event, "data", data);
  return event;
}

/* ---- Life ---------------------------------------------------------------- */

int32_t
stripe_open (struct billing *b)
{
  static const char *const outcomes[] = { "ok", "refused", "denied", "limited", "failed", NULL };
  const struct kg_label outcome = { "outcome", outcomes };
  const struct kg_metric_def def
      = { .size = sizeof def, .kind = KG_COUNTER, .name = "kgent_stripe_api_requests_total",
          .help = "Requests to Stripe's API, by what came of them", .labels = &outcome,
          .nlabels = 1 };
  int32_t rc = b->metrics->define (b->self, &def, &b->api_requests);
  return rc == 0 ? b->health->add (b->self, "stripe", 0, &b->api_component) : rc;
}

void
stripe_start (struct billing *b)
{
  if (!b->conf->api_key || !*b->conf->api_key)
    b->health->set (b->api_component, KG_HEALTH_ABSENT, 0, "%s", "");
  else
    b->health->set (b->api_component, KG_HEALTH_OK, 0, "%s", "");
}
