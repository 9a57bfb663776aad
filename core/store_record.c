/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* `record`: a usage event into the ring of the request's worker.
 *
 * commit = "process": that is all; no lock, no system call, no allocation.
 * commit = "power": the request waits until the committer's transaction is on
 * disk.  A full ring makes it wait in either mode; its record then travels with
 * the waiter.
 *
 * A request that is answered with a failure must not be charged: its record is
 * voided before, by the committer when the disk refused, and here when the
 * deadline passed.  A client that merely left is charged, for the work was done. */
#include "core/store_state.h"

#include "core/util/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a waiting request needs to take its record back; in its own memory. */
struct pending {
  kg_req *req;
  struct store *store;
  struct store_ring *ring;
  uint64_t place; /* of the waiter, if spilled; else position in the ring */
  int32_t spilled;
  int32_t there; /* whether it was recorded at all */
};

static void
ring_lock (struct store_ring *r)
{
  if (r->lock)
    pthread_mutex_lock (r->lock);
}

static void
ring_unlock (struct store_ring *r)
{
  if (r->lock)
    pthread_mutex_unlock (r->lock);
}

static struct store_ring *
record_ring (struct store *s, kg_req *req)
{
  int64_t worker = s->table->num (req, KG_NUM_WORKER);
  return &s->ring[worker >= 0 && worker < s->workers ? (uint32_t) worker : s->workers];
}

static int32_t
record_name (struct store *s, kg_req *req, struct store_ring *r, uint64_t sequence, kg_str *ret)
{
  char *id;
  if (!ret)
    return 0;
  id = s->table->alloc (req, RING_ID_MAX);
  if (!id)
    return -ENOMEM;
  *ret = (kg_str){ id, ring_id (r->ring, sequence, id) };
  return 0;
}

/* The request ends before its record is on disk. */
static void
pending_gone (void *arg)
{
  struct pending *p = arg;
  struct waiter *w;
  uint32_t live = RING_LIVE;
  if (!p->there || p->store->table->num (p->req, KG_NUM_GONE) == 1)
    return;
  ring_lock (p->ring);
  if (!p->spilled)
    ring_void (p->ring->ring, p->place);
  else if ((w = waiters_at (&p->ring->waiters, p->place)))
    atomic_compare_exchange_strong (&w->state, &live, RING_VOID);
  ring_unlock (p->ring);
}

struct event {
  uint32_t log, len;
  int64_t time_ns;
  const void *data;
};

/* Puts the record and its waiter in place. */
static int32_t
pending_put (struct pending *p, const struct event *e, struct waiter *w)
{
  struct store_ring *r = p->ring;
  w->data = NULL;
  p->spilled = waiters_spilling (&r->waiters)
               || ring_put (r->ring, e->log, e->time_ns, e->data, e->len, &p->place) < 0;
  if (p->spilled) {
    w->data = malloc (e->len + 1u);
    if (!w->data)
      return -ENOMEM;
    memcpy (w->data, e->data, e->len);
    w->len = e->len;
    w->log = e->log;
    w->time_ns = e->time_ns;
    atomic_store_explicit (&w->state, RING_LIVE, memory_order_relaxed);
    r->waiters.spilled++;
    r->ring->sequence++;
    p->place = atomic_load_explicit (&r->waiters.head, memory_order_relaxed);
  }
  w->sequence = r->ring->sequence;
  p->there = 1;
  return 0;
}

/* Suspends the request first, so that nothing is in the ring when that fails. */
static int32_t
record_wait_locked (struct store *s, struct pending *p, const struct event *e, kg_str *ret_id)
{
  struct waiter *w = waiters_slot (&p->ring->waiters);
  int32_t error;
  if (!w)
    return -EAGAIN;
  /* The next number is this record's: nobody else puts meanwhile. */
  error = record_name (s, p->req, p->ring, p->ring->ring->sequence + 1, ret_id);
  if (error)
    return error;
  w->ticket = s->table->suspend (p->req, pending_gone, p);
  if (!w->ticket)
    return -ENOMEM;
  error = pending_put (p, e, w);
  if (error) {
    s->table->resume (w->ticket, store_resumed, (void *) (intptr_t) error, NULL);
    return 0;
  }
  waiters_push (&p->ring->waiters);
  return 0;
}

/* Rare, where it isn't the rule: apart from the way without it. */
__attribute__ ((noinline)) static int32_t
record_wait (struct store *s, kg_req *req, struct store_ring *r, const struct event *e,
             kg_str *ret_id)
{
  struct pending *p = s->table->alloc (req, sizeof *p);
  int32_t error;
  if (!p)
    return -ENOMEM;
  *p = (struct pending){ .req = req, .store = s, .ring = r };
  ring_lock (r);
  error = record_wait_locked (s, p, e, ret_id);
  ring_unlock (r);
  if (error)
    return error;
  committer_wake (s);
  return KG_WAIT;
}

/* The committer looks by itself every 50 ms; it is called only when the ring
 * might fill up before that. */
static int32_t
record_process (struct store *s, kg_req *req, struct store_ring *r, const struct event *e,
                kg_str *ret_id)
{
  uint64_t position;
  int32_t error;
  ring_lock (r);
  if (waiters_spilling (&r->waiters))
    error = -EAGAIN;
  else
    error = record_name (s, req, r, r->ring->sequence + 1, ret_id);
  if (!error)
    error = ring_put (r->ring, e->log, e->time_ns, e->data, e->len, &position);
  ring_unlock (r);
  if (!error && ring_fill (r->ring) > s->ring_bytes / 2)
    committer_wake (s);
  return error;
}

int32_t
store_record (kg_log *log, kg_req *req, const void *data, size_t len, kg_str *ret_id)
{
  struct store *s = log->store;
  struct event e = { log->id, (uint32_t) len, 0, data };
  struct store_ring *r;
  int32_t error = atomic_load_explicit (&s->trouble, memory_order_relaxed);
  assert (log->magic == LOG_MAGIC);
  if (atomic_load_explicit (&s->life, memory_order_relaxed) != STORE_RUNNING)
    return -ESHUTDOWN;
  if (error)
    return store_told (error);
  if (len > RING_RECORD_MAX)
    return -E2BIG;
  if (s->defer) {
    error = s->defer (log, req, data, len, ret_id);
    if (error <= 0)
      return error;
  }
  e.time_ns = clock_wall ();
  r = record_ring (s, req);
  if (!s->power) {
    error = record_process (s, req, r, &e, ret_id);
    if (error != -EAGAIN)
      return error;
  }
  return record_wait (s, req, r, &e, ret_id);
}

int32_t
store_resumed (kg_req *req, void *arg)
{
  (void) req;
  return (int32_t) (intptr_t) arg; /* KG_NEXT or -errno */
}

void
store_defer_to (struct store *s, store_defer_fn *fn)
{
  s->defer = fn;
}

/* As if of a ring more than there are. */
uint32_t
store_record_id (struct store *s, char out[STORE_ID_MAX])
{
  unsigned long long n = atomic_fetch_add_explicit (&s->deferred, 1, memory_order_relaxed) + 1;
  return (uint32_t) snprintf (out, STORE_ID_MAX, "%s-%08x-%02x-%012llx", s->rings.replica,
                              s->rings.epoch, s->rings.count, n);
}
