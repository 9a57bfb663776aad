/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The steps of a request with a key, and what they share. */
#include "core/idempotency.h"

#include "core/flight.h"
#include "core/jobs.h"
#include "core/metrics.h"
#include "core/plugin.h"
#include "core/reply.h"
#include "core/store.h"
#include "core/ticket.h"
#include "core/util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME "idempotency" /* of bucket and region */

struct idempotency {
  struct kg_self *core;
  struct store *store;
  kg_bucket *bucket;
  kg_metric *keys;
  struct flight flight;
  int32_t started;
};

/* ---- Refusals -------------------------------------------------------------- */

void
idempotency_count (const struct kg_req *req, enum idempotency_outcome what)
{
  metrics_add (req->host->idempotency->keys, what, 1);
}

int32_t
idempotency_refuse (struct kg_req *req, enum idempotency_outcome why, const char *detail)
{
  static const struct {
    int32_t status;
    const char *code, *detail;
  } list[IDEMPOTENCY_OUTCOMES] = {
    [IDEMPOTENCY_IN_FLIGHT] = { 409, "\"in_flight\"", "A request with this Idempotency-Key is still "
                                "being answered. Ask again for its answer." },
    [IDEMPOTENCY_MISMATCH] = { 422, "\"mismatch\"", "This Idempotency-Key belongs to another request: "
                               "method, path, query or body differ. Use a new key." },
    [IDEMPOTENCY_FULL] = { 503, "\"full\"", "Too many requests with an Idempotency-Key are being "
                           "answered. Try again soon." },
  };
  idempotency_count (req, why);
  problem_member (req, "idempotency", (kg_str){ list[why].code, strlen (list[why].code) });
  problem_set (req, list[why].status, NULL, "%s", detail ? detail : list[why].detail);
  if (why != IDEMPOTENCY_MISMATCH)
    reply_field (req, "Retry-After", 11, "1", 1);
  return KG_DONE;
}

/* Nothing is kept, and this request may not be the one that is answered. */
static int32_t
refuse_busy (struct kg_req *req)
{
  switch (req->claim->busy) {
  case -EEXIST:
    return idempotency_refuse (req, IDEMPOTENCY_MISMATCH, NULL);
  case -EAGAIN:
    return idempotency_refuse (req, IDEMPOTENCY_FULL, NULL);
  default:
    return idempotency_refuse (req, IDEMPOTENCY_IN_FLIGHT, NULL);
  }
}

/* ---- Begin ----------------------------------------------------------------- */

static kg_str
text (const char *s)
{
  return (kg_str){ s, s ? strlen (s) : 0 };
}

int32_t
idempotency_begin (struct kg_req *req)
{
  char key[IDEMPOTENCY_KEY_MAX + 1];
  int32_t n = idempotency_text (request_field (req, FIELD_IDEMPOTENCY_KEY), key);
  const struct kg_identity *who = req->identity;
  struct claim *c;
  if (n < 0)
    return problem_set (req, 400, NULL,
                        "Idempotency-Key must be a string in quotes, or a word without them, of 1 "
                        "to %u printable characters.",
                        IDEMPOTENCY_KEY_MAX);
  c = arena_alloc (&req->arena, sizeof *c);
  if (!c)
    return -ENOMEM;
  memset (c, 0, sizeof *c);
  c->last = &c->first;
  n = idempotency_hash ((kg_str[]){ text (who->tenant), text (who->subject), text (who->key_id),
                                    { key, (size_t) n } },
                        4, c->name);
  if (n < 0)
    return n;
  req->claim = c;
  return KG_NEXT;
}

/* ---- Find ------------------------------------------------------------------ */

/* A search, in memory of its own: the request may end before. */
struct search {
  struct idempotency *all;
  kg_ticket *ticket;
  uint8_t name[IDEMPOTENCY_HASH];
  int32_t error;
  char *kept;
  size_t len;
};

static void
search_free (void *arg)
{
  struct search *s = arg;
  free (s->kept);
  free (s);
}

static void
claim_release (struct claim *c)
{
  if (c->place)
    flight_release (c->place);
  c->place = NULL;
}

/* Errors of the store as a client shall see them: it can ask again, 503. */
static int32_t
unavailable (int32_t error)
{
  return error == -ENOENT || error == -ESTALE || error == -EACCES || error == -EBUSY ? -EIO : error;
}

/* The search has ended. */
static int32_t
found (kg_req *req, void *arg)
{
  struct search *s = arg;
  struct claim *c = req->claim;
  int32_t r = s->error;
  if (r == -ENOENT && c->place)
    r = KG_NEXT;
  else if (r == -ENOENT)
    r = refuse_busy (req);
  else if (r >= 0)
    r = idempotency_unpack (req, (kg_str){ s->kept, s->len });
  else
    r = unavailable (r);
  if (r != KG_NEXT)
    claim_release (c);
  search_free (s);
  return r;
}

static void
search_run (void *arg)
{
  struct search *s = arg;
  struct kg_entry e = { .size = sizeof e };
  s->error = store_service.get (s->all->bucket, (kg_str){ (char *) s->name, sizeof s->name }, &e);
  if (s->error == -ENOENT && store_trouble (s->all->store))
    s->error = -EIO; /* it may be the whole file that isn't there */
  if (s->error >= 0) {
    s->kept = malloc (e.value.len + 1);
    s->len = e.value.len;
    if (s->kept)
      memcpy (s->kept, e.value.ptr, e.value.len);
    else
      s->error = -ENOMEM;
  }
  ticket_resume (s->ticket, found, s, search_free);
}

static int32_t
search (struct kg_req *req)
{
  struct idempotency *all = req->host->idempotency;
  struct search *s = calloc (1, sizeof *s);
  int32_t r;
  if (!s)
    return -ENOMEM;
  s->all = all;
  memcpy (s->name, req->claim->name, sizeof s->name);
  s->ticket = ticket_suspend (req, NULL, NULL);
  if (!s->ticket) {
    free (s);
    return -ENOMEM;
  }
  r = jobs_service.run (all->core, search_run, s);
  if (r < 0) { /* else it is the job's by now */
    s->error = r;
    ticket_resume (s->ticket, found, s, search_free);
  }
  return KG_WAIT;
}

static uint64_t
word_of (const uint8_t hash[IDEMPOTENCY_HASH])
{
  uint64_t word;
  memcpy (&word, hash, sizeof word);
  return word;
}

int32_t
idempotency_find (struct kg_req *req)
{
  struct claim *c = req->claim;
  int32_t r = idempotency_hash ((kg_str[]){ req->method_text, req->gate.target.path,
                                            req->gate.target.query, req->body },
                                4, c->print);
  if (r < 0)
    return r;
  c->has_body = 1;
  c->busy = flight_claim (&req->host->idempotency->flight, word_of (c->name), word_of (c->print),
                          &c->place);
  return search (req); /* also when somebody has it: that may be over by now */
}

/* ---- Keep ------------------------------------------------------------------ */

/* Puts a usage record aside, of a request that has to keep its answer. */
static int32_t
record_aside (kg_log *log, kg_req *req, const void *data, size_t len, kg_str *ret_id)
{
  struct claim *c = req->claim;
  struct aside *a;
  char *id;
  if (!idempotency_keeps (req))
    return 1;
  a = arena_alloc (&req->arena, sizeof *a);
  id = arena_alloc (&req->arena, STORE_ID_MAX);
  if (!a || !id)
    return -ENOMEM;
  *a = (struct aside){ .log = log, .time_ns = clock_wall () };
  a->id = (kg_str){ id, store_record_id (req->host->store, id) };
  a->data = (kg_str){ arena_copy (&req->arena, data, len), len };
  if (!a->data.ptr)
    return -ENOMEM;
  *c->last = a;
  c->last = &a->next;
  c->asides++;
  if (ret_id)
    *ret_id = a->id;
  return 0;
}

/* What the committer needs; the request may end before. */
struct keeping {
  kg_ticket *ticket;
  struct flight_place *place;
};

/* The write is through, or was refused. */
static int32_t
kept (kg_req *req, void *arg)
{
  int32_t error = (int32_t) (intptr_t) arg;
  if (error >= 0) {
    idempotency_count (req, IDEMPOTENCY_KEPT);
    return KG_NEXT;
  }
  idempotency_unfield (req, "Kgent-Receipt");
  if (error == -EEXIST)
    return idempotency_refuse (req, IDEMPOTENCY_IN_FLIGHT,
                               "Another request with this Idempotency-Key was answered at the same "
                               "time. Ask again for its answer.");
  return unavailable (error);
}

/* On the committer's thread.  The place first: whoever takes it finds the answer. */
static void
written (const struct kg_outcome *outcome, void *arg)
{
  struct keeping k = *(struct keeping *) arg;
  free (arg);
  flight_release (k.place);
  ticket_resume (k.ticket, kept, (void *) (intptr_t) outcome->error, NULL);
}

/* The operations: the answer, then the records; NULL without memory. */
static struct kg_op *
operations (struct kg_req *req)
{
  struct claim *c = req->claim;
  struct kg_op *ops = arena_alloc (&req->arena, (c->asides + 1) * sizeof *ops), *op = ops;
  kg_str answer = idempotency_pack (req);
  if (!ops || !answer.ptr)
    return NULL;
  *op++ = (struct kg_op){ .kind = KG_OP_PUT, .bucket = req->host->idempotency->bucket,
                          .key = { (char *) c->name, sizeof c->name }, .value = answer,
                          .revision = KG_REV_NEW, .ttl_ms = IDEMPOTENCY_KEEP_MS };
  for (const struct aside *a = c->first; a; a = a->next)
    *op++ = (struct kg_op){ .kind = STORE_OP_RECORD, .log = a->log, .key = a->id,
                            .value = a->data, .ttl_ms = a->time_ns };
  return ops;
}

/* The time is up, and nobody knows whether the record will be written. */
static void
keep_gone (void *arg)
{
  idempotency_unfield (arg, "Kgent-Receipt");
}

int32_t
idempotency_keep (struct kg_req *req)
{
  struct claim *c = req->claim;
  struct kg_op *ops;
  struct keeping *k;
  int32_t r;
  if (!idempotency_keeps (req))
    return KG_NEXT;
  ops = operations (req);
  k = malloc (sizeof *k);
  if (!ops || !k) {
    free (k);
    return kept (req, (void *) (intptr_t) -ENOMEM);
  }
  *k = (struct keeping){ ticket_suspend (req, keep_gone, req), c->place };
  c->place = NULL; /* the committer's, from the write on */
  r = k->ticket ? store_write_own (req->host->store, ops, c->asides + 1, written, k) : -ENOMEM;
  if (r < 0) {
    flight_release (k->place);
    if (k->ticket)
      ticket_resume (k->ticket, kept, (void *) (intptr_t) r, NULL);
    r = k->ticket ? KG_WAIT : kept (req, (void *) (intptr_t) r);
    free (k);
    return r;
  }
  return KG_WAIT;
}

void
idempotency_end (struct kg_req *req)
{
  claim_release (req->claim);
}

/* ---- Life ------------------------------------------------------------------ */

static int32_t
is_billable (const char *plugin, const struct kg_route *route, void *arg)
{
  (void) plugin;
  (void) arg;
  return route->flags & KG_BILLABLE && !strcmp (route->method, "POST");
}

static int32_t
metric_define (struct host *host, kg_metric **ret)
{
  static const char *const outcomes[]
      = { "kept", "replayed", "in_flight", "mismatch", "not_kept", "full", NULL };
  static const struct kg_label labels[] = { { "outcome", outcomes } };
  struct kg_metric_def def
      = { sizeof def, KG_COUNTER, "kgent_idempotency_keys_total",
          "Requests with an Idempotency-Key, by what became of them.", labels, NULL, 1, 0 };
  return metrics_define (host->metrics, &def, ret);
}

int32_t
idempotency_create (struct host *host)
{
  struct idempotency *all;
  int32_t r;
  if (!route_walk (host->router, is_billable, NULL))
    return 0;
  all = calloc (1, sizeof *all);
  if (!all)
    return -ENOMEM;
  host->idempotency = all;
  all->core = plugins_core (host->plugins);
  all->store = host->store;
  r = store_service.bucket2 (all->core, NAME, KG_BUCKET_COLD, &all->bucket);
  if (r >= 0)
    r = metric_define (host, &all->keys);
  if (r >= 0)
    store_defer_to (host->store, record_aside);
  return r;
}

static int32_t
owner_lives (void *arg, uint32_t owner)
{
  struct idempotency *all = arg;
  return store_service.region_held (all->core, NAME, owner);
}

int32_t
idempotency_start (struct host *host)
{
  struct idempotency *all = host->idempotency;
  struct kg_region region = { .size = sizeof region };
  int32_t r;
  if (!all)
    return 0;
  r = store_service.region (all->core, NAME, FLIGHT_BYTES, &region);
  if (r >= 0)
    r = store_service.region_ensure (all->core, NAME, 0, FLIGHT_BYTES);
  if (r < 0)
    return r;
  flight_init (&all->flight, region.ptr, region.slot, owner_lives, all);
  all->started = 1;
  return 0;
}

void
idempotency_destroy (struct host *host)
{
  struct idempotency *all = host->idempotency;
  if (all && all->started)
    flight_finish (&all->flight);
  free (all);
  host->idempotency = NULL;
}
