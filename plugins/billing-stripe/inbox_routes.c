/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The operator's look at the inbox: what came, what is parked, and trying again. */
#include "plugins/billing-stripe/desk.h"
#include "plugins/billing-stripe/inbox.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- One event ----------------------------------------------------------- */

/* Why an event is parked, or "" when it isn't. */
static void
reason_get (const struct billing *b, kg_str id, char *ret, size_t size)
{
  struct kg_entry entry = { .size = sizeof entry };
  json_tokener *tok;
  json_object *o, *v = NULL;
  *ret = 0;
  if (b->store->get (b->engine->parked, id, &entry) < 0 || !(tok = json_tokener_new ()))
    return;
  o = json_tokener_parse_ex (tok, entry.value.ptr, (int) entry.value.len);
  text_put (ret, size, json_object_object_get_ex (o, "reason", &v) ? json_object_get_string (v)
                                                                   : "unknown");
  json_object_put (o);
  json_tokener_free (tok);
}

static void
id_copy (kg_str id, char *ret, size_t size)
{
  size_t n = id.len < size ? id.len : size - 1;
  memcpy (ret, id.ptr, n);
  ret[n] = 0;
}

/* Members without braces. */
static void
record_show (struct desk *d, const struct kg_record *record)
{
  const struct billing *b = d->billing;
  struct told *t = calloc (1, sizeof *t);
  char id[KG_KEY_MAX + 1], reason[512];
  const char *why = NULL;
  if (!t) {
    d->error = -ENOMEM;
    return;
  }
  told_read (record->data.ptr, record->data.len, t, &why);
  id_copy (record->id, id, sizeof id);
  reason_get (b, record->id, reason, sizeof reason);
  desk_lit (d, "\"id\":");
  desk_text (d, id);
  desk_lit (d, ",\"sequence\":");
  desk_int (d, (int64_t) record->sequence);
  desk_lit (d, ",\"type\":");
  desk_text (d, *t->type ? t->type : NULL);
  desk_lit (d, ",\"created\":");
  desk_time (d, t->event.created);
  desk_lit (d, ",\"received\":");
  desk_time (d, record->time_ns / 1000000000);
  desk_lit (d, ",\"state\":");
  desk_text (d, *reason                                              ? "parked"
                : record->sequence <= b->store->position (b->cursor) ? "done"
                                                                     : "pending");
  desk_lit (d, ",\"reason\":");
  desk_text (d, *reason ? reason : NULL);
  free (t);
}

/* ---- List ---------------------------------------------------------------- */


/* Records are shown when all of them were read: what is shown is read from the store,
 * too, which must not be inside a read. */
struct kept {
  struct kg_record record;
  char *bytes;
};

struct keep {
  struct kept item[DESK_LIMIT];
  uint32_t count, max;
  const char *id;    /* only the one with this id or sequence, or NULL */
  uint64_t sequence, last;
};

static int32_t
keep_record (const struct kg_record *record, void *arg)
{
  struct keep *k = arg;
  struct kept *item = &k->item[k->count];
  k->last = record->sequence;
  if (k->id && record->sequence != k->sequence
      && (record->id.len != strlen (k->id) || memcmp (record->id.ptr, k->id, record->id.len)))
    return 0;
  item->bytes = malloc (record->id.len + record->data.len + 1);
  if (!item->bytes)
    return 1;
  item->record = *record;
  memcpy (item->bytes, record->id.ptr, record->id.len);
  memcpy (item->bytes + record->id.len, record->data.ptr, record->data.len);
  item->record.id.ptr = item->bytes;
  item->record.data.ptr = item->bytes + record->id.len;
  k->count++;
  return k->count == k->max;
}

static void
keep_destroy (struct keep *k)
{
  for (uint32_t i = 0; k && i < k->count; i++)
    free (k->item[i].bytes);
  free (k);
}

/* Reads on until enough is kept, or all up to `until` was read, or the log ends: 0 or -errno. */
static int32_t
keep_fill (const struct billing *b, struct keep *k, uint64_t after, uint64_t until)
{
  int32_t rc = 1;
  k->last = after;
  while (rc > 0 && k->count < k->max && k->last < until)
    rc = b->store->read (b->inbox, k->last, 1000, keep_record, k);
  return rc < 0 ? rc : 0;
}

/* The sequences of parked events, in their order. */
struct parked {
  uint64_t *sequence;
  uint32_t count, cap;
};

/* Of a parked event; 0: it does not say. */
static uint64_t
parked_sequence (const struct kg_entry *entry)
{
  char text[64 + 6 * KG_KEY_MAX];
  const char *at;
  size_t n = entry->value.len < sizeof text ? entry->value.len : sizeof text - 1;
  memcpy (text, entry->value.ptr, n);
  text[n] = 0;
  at = strstr (text, ",\"sequence\":");
  return at ? strtoull (at + 12, NULL, 10) : 0;
}

static int32_t
parked_add (const struct kg_entry *entry, void *arg)
{
  struct parked *p = arg;
  uint64_t *more, sequence = parked_sequence (entry);
  if (!sequence)
    return 0;
  if (p->count == p->cap) {
    more = realloc (p->sequence, (2 * p->cap + 16) * sizeof *more);
    if (!more)
      return -ENOMEM;
    p->sequence = more;
    p->cap = 2 * p->cap + 16;
  }
  p->sequence[p->count++] = sequence;
  return 0;
}

static int
sequence_order (const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
  return (x > y) - (x < y);
}

static int32_t
parked_fill (const struct billing *b, struct keep *k, uint64_t after)
{
  struct parked p = { 0 };
  int32_t rc = b->store->scan (b->engine->parked, (kg_str){ "", 0 }, parked_add, &p);
  qsort (p.sequence, p.count, sizeof *p.sequence, sequence_order);
  for (uint32_t i = 0; rc >= 0 && i < p.count && k->count < k->max; i++)
    if (p.sequence[i] > after)
      rc = b->store->read (b->inbox, p.sequence[i] - 1, 1, keep_record, k);
  free (p.sequence);
  return rc < 0 ? rc : 0;
}

static int32_t
list_run (struct desk *d)
{
  struct billing *b = d->billing;
  struct keep *k = calloc (1, sizeof *k);
  uint64_t after = strtoull (d->after, NULL, 10);
  int32_t rc;
  if (!k)
    return -ENOMEM;
  k->max = d->limit;
  rc = strcmp (d->state, "parked") ? keep_fill (b, k, after, UINT64_MAX) : parked_fill (b, k, after);
  desk_lit (d, "{\"events\":[");
  for (uint32_t i = 0; i < k->count; i++) {
    desk_lit (d, i ? ",{" : "{");
    record_show (d, &k->item[i].record);
    desk_lit (d, "}");
  }
  desk_lit (d, "],\"next\":");
  if (k->count == k->max)
    desk_int (d, (int64_t) k->item[k->count - 1].record.sequence);
  else
    desk_lit (d, "null");
  desk_lit (d, "}");
  keep_destroy (k);
  return rc;
}

/* ---- Show ---------------------------------------------------------------- */

/* The sequence that the path names, or that is noted of the event which it names; 0: none is. */
static uint64_t
named_sequence (const struct desk *d)
{
  const struct billing *b = d->billing;
  struct kg_entry entry = { .size = sizeof entry };
  char *end, key[sizeof d->id + sizeof INBOX_NOTE], text[24];
  uint64_t sequence = strtoull (d->id, &end, 10);
  size_t n;
  if (!*end)
    return sequence;
  if (b->store->get (b->engine->parked, (kg_str){ d->id, strlen (d->id) }, &entry) == 0)
    return parked_sequence (&entry);
  snprintf (key, sizeof key, INBOX_NOTE "%s", d->id);
  if (b->store->get (b->engine->objects, (kg_str){ key, strlen (key) }, &entry) < 0)
    return 0;
  n = entry.value.len < sizeof text ? entry.value.len : sizeof text - 1;
  memcpy (text, entry.value.ptr, n);
  text[n] = 0;
  return strtoull (text, NULL, 10);
}

/* Keeps the event that the path names, by its id or sequence.  An id that is noted nowhere may be
 * that of an event which the cursor is still to come to, or had passed before any was noted. */
static int32_t
named_keep (struct desk *d, struct keep *k)
{
  const struct billing *b = d->billing;
  struct totals totals;
  int32_t rc;
  inbox_totals (b, &totals); /* before what is noted: what comes then is behind it */
  k->sequence = named_sequence (d);
  if (k->sequence)
    return b->store->read (b->inbox, k->sequence - 1, 1, keep_record, k);
  if (!d->id[strspn (d->id, "0123456789")])
    return 0;
  rc = keep_fill (b, k, (uint64_t) totals.upto, UINT64_MAX);
  if (rc == 0 && !k->count)
    rc = keep_fill (b, k, 0, (uint64_t) totals.unnoted);
  return rc;
}

/* The event that the path names: NULL with a refusal or error. */
static struct keep *
named_find (struct desk *d)
{
  struct keep *k = calloc (1, sizeof *k);
  int32_t rc;
  if (!k) {
    d->error = -ENOMEM;
    return NULL;
  }
  k->max = 1;
  k->id = d->id;
  rc = named_keep (d, k);
  if (rc >= 0 && k->count)
    return k;
  keep_destroy (k);
  if (rc < 0)
    d->error = rc;
  else
    desk_refuse (d, 404, "There is no such event");
  return NULL;
}

static int32_t
show_run (struct desk *d)
{
  struct keep *k = named_find (d);
  if (!k)
    return d->error;
  desk_lit (d, "{");
  record_show (d, &k->item[0].record);
  desk_lit (d, ",\"event\":");
  desk_raw (d, k->item[0].record.data.ptr, k->item[0].record.data.len);
  desk_lit (d, "}");
  keep_destroy (k);
  return 0;
}

/* ---- Replay -------------------------------------------------------------- */

struct replay {
  struct keep *keep;
  struct batch *batch;
};

static void
replay_drop (struct desk *d)
{
  struct replay *r = d->mine;
  keep_destroy (r->keep);
  batch_destroy (r->batch);
  free (r);
}

static int32_t replay_try (struct desk *d);

/* On the committer's thread. */
static void
replay_done (const struct kg_outcome *outcome, void *arg)
{
  struct desk *d = arg;
  struct billing *b = d->billing;
  struct replay *r = d->mine;
  int32_t rc = outcome->error;
  if (!rc) {
    tiers_written (b->engine, r->batch);
    desk_lit (d, "{\"id\":");
    desk_text (d, d->id);
    desk_lit (d, ",\"replayed\":true}");
  } else if (rc == -EEXIST || rc == -ESTALE) {
    if (rc == -EEXIST)
      batch_skip (r->batch, outcome->op);
    rc = desk_again (d, replay_try);
    if (rc == 0)
      return;
  }
  if (rc < 0)
    desk_refuse (d, 503, "What comes of the event could not be stored: %s", strerror (-rc));
  desk_end (d);
}

static int32_t
replay_try (struct desk *d)
{
  struct replay *r = d->mine;
  const struct kg_record *record = &r->keep->item[0].record;
  const char *why = NULL;
  char id[KG_KEY_MAX + 1];
  uint32_t type;
  int32_t rc;
  batch_reset (r->batch);
  id_copy (record->id, id, sizeof id);
  TEXT_PUT (d->id, id);
  rc = process_event (r->batch, record->data, &type, &why);
  if (rc == -EBADMSG)
    return desk_refuse (d, 422, "It still cannot be processed: %s", why);
  if (rc < 0)
    return rc;
  batch_delete (r->batch, d->billing->engine->parked, id);
  rc = batch_write (r->batch, replay_done, d);
  return rc < 0 ? rc : 1;
}

static int32_t
replay_run (struct desk *d)
{
  struct replay *r = calloc (1, sizeof *r);
  if (!r)
    return -ENOMEM;
  d->mine = r;
  d->drop = replay_drop;
  r->batch = batch_create (d->billing);
  r->keep = r->batch ? named_find (d) : NULL;
  if (!r->batch)
    return -ENOMEM;
  if (!r->keep)
    return d->error;
  if (r->keep->item[0].record.sequence > d->billing->store->position (d->billing->cursor))
    return desk_refuse (d, 409, "The event's turn is still to come");
  return replay_try (d);
}

/* ---- Routes -------------------------------------------------------------- */

static int32_t
list_get (kg_req *req, void *b)
{
  return desk_start (b, req, list_run);
}

static int32_t
one_get (kg_req *req, void *b)
{
  return desk_start (b, req, show_run);
}

static int32_t
replay_post (kg_req *req, void *b)
{
  return desk_start (b, req, replay_run);
}

#define EVENT_SCHEMA                                                                          \
  "\"id\":{\"type\":\"string\"},\"sequence\":{\"type\":\"integer\"},\"type\":{\"type\":["       \
  "\"string\",\"null\"]},\"created\":{\"type\":[\"string\",\"null\"]},\"received\":{\"type\":" \
  "\"string\"},\"state\":{\"enum\":[\"done\",\"pending\",\"parked\"]},\"reason\":{\"type\":["  \
  "\"string\",\"null\"]}"

static const struct kg_route routes[] = {
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/billing/inbox",
    .scope = "admin",
    .summary = "List Stripe's events in the order in which they came",
    .handler = list_get,
    .response_schema = "{\"type\":\"object\",\"properties\":{\"events\":{\"type\":\"array\","
                       "\"items\":{\"type\":\"object\",\"properties\":{" EVENT_SCHEMA "}}},"
                       "\"next\":{\"type\":[\"integer\",\"null\"]}}}",
    .parameters = "[{\"name\":\"state\",\"in\":\"query\",\"schema\":{\"enum\":[\"parked\"]}},"
                  "{\"name\":\"after\",\"in\":\"query\",\"schema\":{\"type\":\"integer\"}},"
                  "{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\"}}]" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/billing/inbox/{id}",
    .scope = "admin",
    .summary = "Show one of Stripe's events, by its id or sequence",
    .handler = one_get,
    .response_schema = "{\"type\":\"object\",\"properties\":{" EVENT_SCHEMA
                       ",\"event\":{\"type\":\"object\"}}}",
    .statuses = "404" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "POST",
    .pattern = "/admin/v1/billing/inbox/{id}/replay",
    .scope = "admin",
    .summary = "Process one of Stripe's events again; what came of it before comes not again",
    .handler = replay_post,
    .body_max = 1024,
    .response_schema = "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},"
                       "\"replayed\":{\"type\":\"boolean\"}}}",
    .statuses = "404 409 422 503" },
};

int32_t
inbox_routes_open (struct billing *b)
{
  int32_t rc = 0;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0] && rc == 0; i++)
    rc = b->host->route (b->self, &routes[i]);
  return rc;
}
