/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One write: a mark for each event, and their record.
 *
 * Nobody looks first whether events are known, for nearly always they aren't.  A write
 * that is refused for one of them has a job look all of them up, and what is left is
 * written again.  Several requests with the same events may meet, so that may happen
 * more than once; each time there are fewer. */
#include "plugins/metering-openmeter/ingest.h"

#include <errno.h>
#include <stdlib.h>

#define DAY_MS INT64_C (86400000)

static int32_t write_start (struct ingesting *g);

/* Hands the request back; g is the continuation's. */
static void
finish (struct ingesting *g, int32_t error)
{
  const struct mt *mt = g->ingest->mt;
  g->error = error;
  mt->host->resume (g->ticket, g->then, g, ingest_free);
}

static void
count (const struct ingesting *g)
{
  const struct mt *mt = g->ingest->mt;
  uint32_t i;
  for (i = 0; i < g->count; i++) {
    mt->metrics->add (g->ingest->results, g->event[i].status, 1);
    if (g->event[i].status == INGEST_ACCEPTED)
      mt->metrics->add (mt->recorded, g->event[i].type, 1);
  }
}

/* ---- Those that are known --------------------------------------------------------------- */

/* The events that are written, by the places of their marks. */
static struct ingest_event *
event_at (struct ingesting *g, uint32_t place)
{
  struct ingest_event *e = g->event;
  for (;; e++)
    if (e->status == INGEST_ACCEPTED && !place--)
      return e;
}

struct looking {
  struct ingesting *g;
  struct ingest_event **event;
};

static void
known (uint32_t i, kg_str value, void *arg)
{
  struct looking *l = arg;
  struct ingest_event *e = l->event[i];
  e->status = value.len == sizeof e->digest && !memcmp (value.ptr, e->digest, sizeof e->digest)
                  ? INGEST_DUPLICATE
                  : INGEST_OTHER;
}

static int32_t
look_up (struct ingesting *g)
{
  struct looking l = { g, calloc (g->fresh, sizeof *l.event) };
  kg_str *ids = calloc (g->fresh, sizeof *ids);
  uint32_t i, n = 0;
  int32_t r = -ENOMEM;
  for (i = 0; ids && l.event && i < g->count; i++)
    if (g->event[i].status == INGEST_ACCEPTED) {
      l.event[n] = &g->event[i];
      ids[n++] = (kg_str){ (const char *)g->event[i].key, g->event[i].key_len };
    }
  if (n)
    r = g->ingest->mt->store->marks (g->ingest->mt->usage, ids, n, known, &l);
  free (ids);
  free (l.event);
  return r;
}

/* [job] Writes what is left. */
static void
look (void *arg)
{
  struct ingesting *g = arg;
  int32_t r = look_up (g);
  if (r >= 0)
    ingest_compact (g);
  if (r >= 0 && g->fresh)
    r = g->tries < INGEST_TRIES ? write_start (g) : -EAGAIN;
  else if (r >= 0) {
    count (g);
    finish (g, 0);
  }
  if (r < 0)
    finish (g, r);
}

/* ---- Writing ------------------------------------------------------------------------------ */

/* [committer] */
static void
written (const struct kg_outcome *outcome, void *arg)
{
  struct ingesting *g = arg;
  const struct mt *mt = g->ingest->mt;
  int32_t r = outcome->error;
  if (r == -EEXIST && g->fresh == 1 && !g->detail) {
    event_at (g, 0)->status = INGEST_DUPLICATE;
    r = 0;
  }
  if (r == -EEXIST) {
    r = mt->jobs->run (mt->self, look, g);
    if (r >= 0)
      return;
  }
  if (r >= 0)
    count (g);
  finish (g, r);
}

static int32_t
write_start (struct ingesting *g)
{
  const struct mt *mt = g->ingest->mt;
  uint32_t i, n = 0;
  for (i = 0; i < g->count; i++) {
    const struct ingest_event *e = &g->event[i];
    if (e->status == INGEST_ACCEPTED)
      g->op[n++] = (struct kg_op){ .kind = KG_OP_MARK,
                                   .log = mt->usage,
                                   .key = { (const char *)e->key, e->key_len },
                                   .value = { (const char *)e->digest, sizeof e->digest },
                                   .ttl_ms = g->ingest->conf->dedup_days * DAY_MS };
  }
  g->op[n++] = (struct kg_op){ .kind = KG_OP_APPEND,
                               .log = mt->usage,
                               .value = { g->record.ptr, g->record.len } };
  g->tries++;
  return mt->store->write (mt->self, g->op, n, sizeof *g->op, written, g);
}

int32_t
ingest_write (struct ingesting *g, kg_req *req, kg_fn *then)
{
  int32_t r;
  g->then = then;
  g->ticket = g->ingest->mt->host->suspend (req, NULL, NULL);
  if (!g->ticket) {
    ingest_free (g);
    return -ENOMEM;
  }
  r = write_start (g);
  if (r < 0)
    finish (g, r);
  return KG_WAIT;
}
