/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* How often a spec was used, and how well: per tenant, in the bucket "agentese.uses".  After
 * 100 uses, of which four in five went well, a spec is promoted; it stays so while its text
 * is the same.
 *
 * Workers count into cells, without a lock; a timer carries them into the store.  What a
 * killed process counted in its last second is lost. */
#include "plugins/agentese/registry_entry.h"
#include "plugins/agentese/spec_tenant.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CELLS 1024u /* a power of two */
#define PROBES 8u
#define TURN_MS 1000
#define IDLE_TURNS 60 /* then a cell is free again: far longer than a worker is inside */
#define OPS 64u       /* in one write */
#define VALUE_MAX 256

/* A spec of a tenant whose uses are not in the store yet. */
struct cell {
  _Atomic uint64_t hash;   /* 0: free; 1: somebody takes it */
  _Atomic uint64_t counts; /* uses << 32 | successes */
  _Atomic int32_t gone;    /* the node is no spec any more */
  uint32_t idle;           /* turns; the timer's */
  uint64_t mark;           /* of the text */
  uint32_t key_len;
  char key[KG_KEY_MAX];
};

/* What the store knows. */
struct record {
  int64_t uses, successes;
  uint64_t mark;
  char promoted[AG_TIME_LEN + 1]; /* since when; empty: it is not */
};

/* One write under way. */
struct batch {
  struct ag_spec_uses *uses;
  uint32_t n;
  struct cell *cell[OPS];
  uint64_t counts[OPS];
  int32_t gone[OPS];
  struct kg_op op[OPS];
  char value[OPS][VALUE_MAX];
};

struct ag_spec_uses {
  struct ag *ag;
  kg_bucket *bucket;
  kg_timer *timer;
  kg_metric *lost;
  void (*noted) (struct ag_call *c, int32_t status, int64_t tokens); /* who was told before */
  pthread_mutex_t lock; /* of `under_way` */
  pthread_cond_t written;
  int32_t under_way;
  uint32_t from; /* the cell with which the next turn begins */
  struct cell cell[CELLS];
};

/* ---- Counting ------------------------------------------------------------------------------- */

/* The cell of a key and a text, taken if need be; NULL when there is no room. */
static struct cell *
cell_get (struct ag_spec_uses *u, kg_str key, uint64_t mark)
{
  uint64_t hash = ag_hash_text (mark, key) | 2, was;
  struct cell *cell;
  uint32_t i;
  for (i = 0; i < PROBES; i++) {
    cell = &u->cell[(uint32_t)(hash + i) & (CELLS - 1)];
    was = atomic_load_explicit (&cell->hash, memory_order_acquire);
    if (was == hash)
      return cell;
    if (was || !atomic_compare_exchange_strong (&cell->hash, &was, 1))
      continue; /* two may take a cell for one key: both are counted */
    memcpy (cell->key, key.ptr, key.len);
    cell->key_len = (uint32_t)key.len;
    cell->mark = mark;
    cell->idle = 0;
    atomic_store_explicit (&cell->hash, hash, memory_order_release);
    return cell;
  }
  return NULL;
}

static kg_str
key_make (char buf[KG_KEY_MAX], const char *tenant, kg_str handle)
{
  struct kg_out o = { buf, 0, KG_KEY_MAX };
  kg_out_lit (&o, tenant);
  kg_out_lit (&o, "/");
  kg_out_raw (&o, handle.ptr, handle.len);
  return (kg_str){ buf, kg_out_ok (&o) ? o.len : 0 };
}

/* What says something of the spec: that it answered, that it refused what it was given, or
 * that it failed. */
static int32_t
is_use (int32_t status)
{
  return status == 200 || status == 400 || status == 422 || status >= 500;
}

static void
noted (struct ag_call *c, int32_t status, int64_t tokens)
{
  struct ag_spec_uses *u = c->ag->spec_uses;
  char buf[KG_KEY_MAX];
  const struct ag_spec *spec;
  struct cell *cell;
  kg_str key;
  u->noted (c, status, tokens);
  if (!c->entry || !c->slot || ag_entry_holon (c->entry)->kind != AG_SPEC || !c->slot->aspect.data
      || !is_use (status))
    return;
  spec = ag_entry_holon (c->entry)->data;
  key = key_make (buf, c->who->tenant, c->path.handle);
  cell = key.len ? cell_get (u, key, spec->mark) : NULL;
  if (cell)
    atomic_fetch_add_explicit (&cell->counts, 1ull << 32 | (status == 200), memory_order_release);
  else
    c->ag->metrics->add (u->lost, 0, 1);
}

void
ag_spec_uses_forget (struct ag *ag, kg_str key)
{
  struct cell *cell = ag->spec_uses && key.len <= KG_KEY_MAX ? cell_get (ag->spec_uses, key, 0) : NULL;
  if (cell)
    atomic_store_explicit (&cell->gone, 1, memory_order_release);
}

/* ---- Records ---------------------------------------------------------------------------------- */

static void
record_read (const struct kg_entry *e, struct record *r)
{
  char text[VALUE_MAX];
  memset (r, 0, sizeof *r);
  if (e->value.len >= sizeof text)
    return;
  memcpy (text, e->value.ptr, e->value.len);
  text[e->value.len] = 0;
  if (sscanf (text,
              "{\"uses\":%" SCNd64 ",\"successes\":%" SCNd64 ",\"mark\":\"%" SCNx64
              "\",\"promoted\":\"%32[^\"]",
              &r->uses, &r->successes, &r->mark, r->promoted)
      < 3)
    memset (r, 0, sizeof *r);
}

static kg_str
record_write (const struct record *r, char out[VALUE_MAX])
{
  int n = snprintf (out, VALUE_MAX,
                    "{\"uses\":%" PRId64 ",\"successes\":%" PRId64 ",\"mark\":\"%016" PRIx64
                    "\",\"promoted\":%s%s%s}",
                    r->uses, r->successes, r->mark, r->promoted[0] ? "\"" : "",
                    r->promoted[0] ? r->promoted : "null", r->promoted[0] ? "\"" : "");
  return (kg_str){ out, (size_t)n };
}

/* Adds counts of a text to what was known. */
static void
record_add (struct record *r, uint64_t mark, uint64_t counts)
{
  struct timespec now;
  if (r->mark != mark)
    *r = (struct record){ .mark = mark }; /* another text begins anew */
  r->uses += (int64_t)(counts >> 32);
  r->successes += (int64_t)(counts & UINT32_MAX);
  if (r->promoted[0] || r->uses < AG_SPEC_PROMOTED_USES
      || r->successes * 100 < r->uses * AG_SPEC_PROMOTED_PERCENT)
    return;
  clock_gettime (CLOCK_REALTIME, &now);
  ag_time (now.tv_sec * (int64_t)1000000000 + now.tv_nsec, r->promoted);
}

/* ---- Into the store --------------------------------------------------------------------------- */

static void
batch_add (struct batch *b, struct cell *cell, uint64_t counts, int32_t gone)
{
  struct ag_spec_uses *u = b->uses;
  struct kg_entry e = { .size = sizeof e };
  struct kg_op *op = &b->op[b->n];
  struct record r = { 0 };
  *op = (struct kg_op){ .kind = gone ? KG_OP_DELETE : KG_OP_PUT,
                        .bucket = u->bucket,
                        .key = { cell->key, cell->key_len },
                        .revision = KG_REV_ANY };
  if (!gone) {
    if (!u->ag->store->get (u->bucket, op->key, &e)) {
      record_read (&e, &r);
      op->revision = e.revision;
    } else
      op->revision = KG_REV_NEW;
    record_add (&r, cell->mark, counts);
    op->value = record_write (&r, b->value[b->n]);
  }
  b->cell[b->n] = cell;
  b->counts[b->n] = counts;
  b->gone[b->n++] = gone;
}

/* Whether the batch has the key already: the store sees it once at a time. */
static int32_t
batch_has (const struct batch *b, const struct cell *cell)
{
  uint32_t i;
  for (i = 0; i < b->n; i++)
    if (b->cell[i]->key_len == cell->key_len
        && !memcmp (b->cell[i]->key, cell->key, cell->key_len))
      return 1;
  return 0;
}

static void
cell_collect (struct batch *b, struct cell *cell)
{
  uint64_t counts;
  int32_t gone;
  if (atomic_load_explicit (&cell->hash, memory_order_acquire) < 2 || batch_has (b, cell))
    return;
  counts = atomic_exchange (&cell->counts, 0);
  gone = atomic_exchange (&cell->gone, 0);
  if (counts || gone) {
    cell->idle = 0;
    batch_add (b, cell, counts, gone);
  } else if (++cell->idle > IDLE_TURNS)
    atomic_store_explicit (&cell->hash, 0, memory_order_release);
}

static void
batch_done (const struct kg_outcome *outcome, void *arg)
{
  struct batch *b = arg;
  struct ag_spec_uses *u = b->uses;
  uint32_t i;
  for (i = 0; outcome->error && i < b->n; i++) { /* again in the next turn */
    atomic_fetch_add (&b->cell[i]->counts, b->counts[i]);
    if (b->gone[i])
      atomic_store (&b->cell[i]->gone, 1);
  }
  pthread_mutex_lock (&u->lock);
  u->under_way = 0;
  pthread_cond_broadcast (&u->written);
  pthread_mutex_unlock (&u->lock);
  free (b);
}

static int32_t
begin (struct ag_spec_uses *u)
{
  int32_t busy;
  pthread_mutex_lock (&u->lock);
  busy = u->under_way;
  u->under_way = 1;
  pthread_mutex_unlock (&u->lock);
  return !busy;
}

static void
turn (void *arg)
{
  struct ag_spec_uses *u = arg;
  struct batch *b = calloc (1, sizeof *b);
  uint32_t i;
  int32_t r = 0;
  if (!b || !begin (u)) {
    free (b);
    return;
  }
  b->uses = u;
  for (i = 0; i < CELLS && b->n < OPS; i++)
    cell_collect (b, &u->cell[(u->from + i) & (CELLS - 1)]);
  u->from += i; /* so that none waits for ever for others that are busy */
  if (b->n && !(r = u->ag->store->write (u->ag->self, b->op, b->n, sizeof b->op[0], batch_done, b)))
    return; /* it may be done, and gone, already */
  batch_done (&(struct kg_outcome){ .size = sizeof (struct kg_outcome), .error = r }, b);
}

/* ---- Telling ---------------------------------------------------------------------------------- */

void
ag_spec_uses_write (struct ag_call *c, const struct ag_spec *spec, struct kg_out *out)
{
  struct kg_entry e = { .size = sizeof e };
  struct record r = { 0 };
  char buf[KG_KEY_MAX];
  kg_str key = key_make (buf, c->who->tenant, c->path.handle);
  if (key.len && !c->ag->store->get (c->ag->spec_uses->bucket, key, &e))
    record_read (&e, &r);
  if (r.mark != spec->mark)
    memset (&r, 0, sizeof r);
  kg_out_lit (out, ",\"uses\":");
  kg_out_int (out, r.uses);
  kg_out_lit (out, ",\"successes\":");
  kg_out_int (out, r.successes);
  kg_out_lit (out, r.promoted[0] ? ",\"promoted\":true,\"promoted_at\":"
                                 : ",\"promoted\":false,\"promoted_at\":");
  kg_out_text (out, r.promoted[0] ? r.promoted : NULL);
}

/* ---- Life --------------------------------------------------------------------------------------- */

int32_t
ag_spec_uses_open (struct ag *ag)
{
  struct kg_metric_def lost = { .size = sizeof lost,
                                .kind = KG_COUNTER,
                                .name = "kgent_agentese_spec_uses_lost_total",
                                .help = "Uses of specs that were not counted." };
  struct ag_spec_uses *u = calloc (1, sizeof *u);
  int32_t r;
  if (!u)
    return -ENOMEM;
  ag->spec_uses = u;
  u->ag = ag;
  pthread_mutex_init (&u->lock, NULL);
  pthread_cond_init (&u->written, NULL);
  if ((r = ag->metrics->define (ag->self, &lost, &u->lost)) < 0
      || (r = ag->store->bucket (ag->self, "agentese.uses", &u->bucket)) < 0)
    return r;
  u->noted = ag->noted;
  ag->noted = noted;
  return 0;
}

int32_t
ag_spec_uses_start (struct ag *ag)
{
  return ag->jobs->timer (ag->self, TURN_MS, TURN_MS, turn, ag->spec_uses, &ag->spec_uses->timer);
}

/* A clean end loses nothing but what the store does not take within five seconds. */
void
ag_spec_uses_stop (struct ag *ag)
{
  struct ag_spec_uses *u = ag->spec_uses;
  struct timespec end;
  uint32_t i;
  int32_t r = 0;
  ag->jobs->cancel (u->timer);
  u->timer = NULL;
  clock_gettime (CLOCK_REALTIME, &end);
  end.tv_sec += 5;
  for (i = 0; i < 2 + CELLS / OPS; i++) {
    if (i)
      turn (u);
    pthread_mutex_lock (&u->lock);
    while (u->under_way && r != ETIMEDOUT)
      r = pthread_cond_timedwait (&u->written, &u->lock, &end);
    pthread_mutex_unlock (&u->lock);
  }
}

void
ag_spec_uses_close (struct ag *ag)
{
  struct ag_spec_uses *u = ag->spec_uses;
  ag->spec_uses = NULL;
  if (!u || u->under_way) /* the store never answered, and still may */
    return;
  pthread_cond_destroy (&u->written);
  pthread_mutex_destroy (&u->lock);
  free (u);
}
