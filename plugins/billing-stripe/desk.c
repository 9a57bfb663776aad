/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/desk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES 200 /* of one request; a replay has one for each part that the ledger has */

/* ---- Reading ------------------------------------------------------------- */

int32_t
desk_scan (struct desk *d, kg_bucket *bucket, const char *prefix,
           int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg)
{
  char after[sizeof d->after + 16];
  int n = snprintf (after, sizeof after, "%s%s", prefix, d->after);
  return d->billing->store->scan_after (bucket, (kg_str){ prefix, strlen (prefix) },
                                        (kg_str){ after, (size_t) n }, fn, arg);
}

/* ---- Writing ------------------------------------------------------------- */

void
desk_raw (struct desk *d, const char *text, size_t len)
{
  if (d->len + len > d->cap) {
    size_t cap = 2 * (d->len + len) + 1024;
    char *more = realloc (d->text, cap);
    if (!more) {
      d->error = -ENOMEM;
      return;
    }
    d->text = more;
    d->cap = cap;
  }
  if (len)
    memcpy (d->text + d->len, text, len);
  d->len += len;
}

void
desk_lit (struct desk *d, const char *text)
{
  desk_raw (d, text, strlen (text));
}

void
desk_text (struct desk *d, const char *text)
{
  size_t cap = text ? 6 * strlen (text) + 2 : 4;
  struct kg_out out = { malloc (cap), 0, cap };
  if (!out.ptr) {
    d->error = -ENOMEM;
    return;
  }
  kg_out_text (&out, text);
  desk_raw (d, out.ptr, out.len);
  free (out.ptr);
}

void
desk_int (struct desk *d, int64_t n)
{
  char text[24];
  desk_raw (d, text, (size_t) snprintf (text, sizeof text, "%lld", (long long) n));
}

void
desk_time (struct desk *d, int64_t seconds)
{
  time_t at = (time_t) seconds;
  char text[40];
  struct tm tm;
  if (seconds && gmtime_r (&at, &tm) && strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
    desk_text (d, text);
  else
    desk_lit (d, "null");
}

static void
member_text (struct desk *d, const char *name, const char *text)
{
  desk_lit (d, name);
  desk_text (d, *text ? text : NULL);
}

static void
member_time (struct desk *d, const char *name, int64_t seconds)
{
  desk_lit (d, name);
  desk_time (d, seconds);
}

void
desk_subscription (struct desk *d, const struct projection *p)
{
  struct engine *e = d->billing->engine;
  const struct sub_state *s = &p->state;
  int64_t grace = d->billing->conf->grace_days * 86400;
  struct standing standing = dunning_at (p, grace, engine_clock ());
  int32_t rank = projection_rank (e, p);
  member_text (d, "\"id\":", p->id);
  member_text (d, ",\"customer\":", projection_customer (p));
  member_text (d, ",\"status\":", sub_status_name (projection_status (p)));
  member_text (d, ",\"standing\":", dunning_name (standing.dunning));
  desk_lit (d, standing.served ? ",\"served\":true" : ",\"served\":false");
  member_time (d, ",\"until\":", standing.next);
  member_text (d, ",\"tier\":", rank >= 0 ? e->tiers.name[rank] : "");
  member_text (d, ",\"price\":", s->items ? s->item[0].price : "");
  desk_lit (d, ",\"quantity\":");
  desk_int (d, s->quantity);
  desk_lit (d, ",\"amount\":");
  if (s->amount >= 0 && p->events)
    desk_int (d, s->amount);
  else
    desk_lit (d, "null");
  member_text (d, ",\"currency\":", s->currency);
  member_time (d, ",\"current_period_end\":", s->period_end);
  member_time (d, ",\"trial_end\":", s->trial_end);
  desk_lit (d, s->cancel_at_period_end ? ",\"cancel_at_period_end\":true"
                                       : ",\"cancel_at_period_end\":false");
  member_time (d, ",\"cancel_at\":", s->cancel_at);
  member_time (d, ",\"ended_at\":", s->ended_at);
  member_time (d, ",\"due_since\":", projection_due_since (p));
  desk_lit (d, ",\"ties\":");
  desk_int (d, projection_ties (p));
}

/* ---- Life ---------------------------------------------------------------- */

int32_t
desk_refuse (struct desk *d, int32_t status, const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  vsnprintf (d->detail, sizeof d->detail, fmt, args);
  va_end (args);
  d->status = status;
  return 0;
}

static void
desk_destroy (void *arg)
{
  struct desk *d = arg;
  if (d->drop)
    d->drop (d);
  free (d->body);
  free (d->text);
  free (d);
}

static int32_t
desk_answer (kg_req *req, void *arg)
{
  struct desk *d = arg;
  const struct kg_host *host = d->billing->host;
  int32_t rc = d->error;
  if (rc == 0 && d->status >= 400)
    rc = host->problem (req, d->status, NULL, "%s", d->detail);
  else if (rc == 0) {
    host->header (req, "Cache-Control", "no-store");
    host->reply (req, 200, "application/json", d->text ? d->text : "", d->len);
    rc = KG_DONE;
  }
  desk_destroy (d);
  return rc;
}

void
desk_end (struct desk *d)
{
  d->billing->host->resume (d->ticket, desk_answer, d, desk_destroy);
}

static void
desk_job (void *arg)
{
  struct desk *d = arg;
  int32_t rc = d->run (d);
  if (rc < 0)
    d->error = rc;
  if (rc <= 0)
    desk_end (d);
}

int32_t
desk_again (struct desk *d, int32_t (*run) (struct desk *))
{
  if (++d->tries == TRIES)
    return -ESTALE;
  d->run = run;
  return d->billing->jobs->run (d->billing->self, desk_job, d);
}

static void
text_of (const struct billing *b, kg_req *req, int32_t what, const char *key, char *ret, size_t size)
{
  kg_str s = b->host->get (req, what, key);
  *ret = 0;
  if (s.ptr && s.len < size && !memchr (s.ptr, 0, s.len)) {
    memcpy (ret, s.ptr, s.len);
    ret[s.len] = 0;
  }
}

static int64_t
number_of (const struct billing *b, kg_req *req, const char *key)
{
  char text[24], *end;
  long long n;
  text_of (b, req, KG_GET_QUERY, key, text, sizeof text);
  n = strtoll (text, &end, 10);
  return *text && !*end ? n : -1;
}

static int32_t
desk_fill (struct desk *d, kg_req *req)
{
  const struct billing *b = d->billing;
  const struct kg_identity *who = b->host->identity (req);
  kg_str body = b->host->get (req, KG_GET_BODY, NULL);
  char limit[16];
  text_of (b, req, KG_GET_PARAM, "id", d->id, sizeof d->id);
  text_of (b, req, KG_GET_QUERY, "after", d->after, sizeof d->after);
  text_of (b, req, KG_GET_QUERY, "tenant", d->of, sizeof d->of);
  text_of (b, req, KG_GET_QUERY, "state", d->state, sizeof d->state);
  text_of (b, req, KG_GET_QUERY, "meter", d->meter, sizeof d->meter);
  text_of (b, req, KG_GET_QUERY, "limit", limit, sizeof limit);
  d->from = number_of (b, req, "from");
  d->to = number_of (b, req, "to");
  TEXT_PUT (d->by, who && who->subject ? who->subject : "nobody");
  d->limit = *limit ? (uint32_t) strtoul (limit, NULL, 10) : 100;
  if (d->limit < 1 || d->limit > DESK_LIMIT)
    d->limit = DESK_LIMIT;
  if (who && who->tenant)
    TEXT_PUT (d->tenant, who->tenant);
  if (body.len && (d->body = malloc (body.len)))
    memcpy (d->body, body.ptr, d->body_len = body.len);
  return body.len && !d->body ? -ENOMEM : 0;
}

int32_t
desk_start (struct billing *b, kg_req *req, int32_t (*run) (struct desk *))
{
  struct desk *d = calloc (1, sizeof *d);
  int32_t rc;
  if (!d)
    return -ENOMEM;
  d->billing = b;
  d->run = run;
  rc = desk_fill (d, req);
  if (rc == 0 && !(d->ticket = b->host->suspend (req, NULL, NULL)))
    rc = -ENOMEM;
  if (rc < 0) {
    desk_destroy (d);
    return rc;
  }
  rc = b->jobs->run (b->self, desk_job, d);
  if (rc < 0) {
    d->error = rc;
    desk_end (d);
  }
  return KG_WAIT;
}
