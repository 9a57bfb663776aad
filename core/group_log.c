/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The records of one transaction: into their logs' batches, from writes and from
 * rings. */
#include "core/store_state.h"

#include "core/util/crc.h"

#include <errno.h>
#include <stdlib.h>

/* ---- Logs ---------------------------------------------------------------- */

/* Writes the batch out. */
int32_t
group_log_flush (struct store *s, struct kg_log *l)
{
  struct batch *b = &l->batch;
  kg_str blob = { b->buf, b->len };
  int64_t place = (int64_t) ((uint64_t) l->id << 48 | l->last);
  int32_t r;
  if (!b->count)
    return 0;
  r = db_run (s->db, SQL_BATCH_ADD, "iiiiiib", place, (int64_t) (l->last - b->count + 1),
              (int64_t) b->count, b->time_ns, (int64_t) BATCH_FORMAT,
              (int64_t) crc32c (0, b->buf, b->len), blob);
  batch_clear (b);
  return r;
}

/* Adds a record to the batch, under the next sequence number. */
int32_t
group_log_add (struct store *s, struct kg_log *l, int64_t time_ns, kg_str id, kg_str data)
{
  int32_t r = batch_add (&l->batch, time_ns, id, data);
  if (r < 0)
    return r;
  l->last++;
  s->group.rows = 1;
  return 0;
}

/* ---- Rings ----------------------------------------------------------------- */

static struct kg_log *
group_log (struct store *s, uint32_t id)
{
  struct kg_log *l = s->logs;
  while (l && l->id != id)
    l = l->next;
  return l;
}

static int32_t
group_event (struct store *s, struct ring *ring, uint32_t log, uint64_t sequence,
             int64_t time_ns, kg_str data)
{
  struct kg_log *l = group_log (s, log);
  char id[RING_ID_MAX];
  int32_t r;
  if (!l) { /* logs are never removed: a damaged record, or a damaged database */
    atomic_fetch_add (&s->lost, 1);
    return 0;
  }
  r = group_log_add (s, l, time_ns, (kg_str){ id, ring_id (ring, sequence, id) }, data);
  if (r >= 0 && l->batch.len > GROUP_BATCH_BYTES)
    r = group_log_flush (s, l);
  s->group.events++;
  return r < 0 ? r : 0;
}

/* Takes a record, unless its request has failed meanwhile. */
static int
state_take (_Atomic uint32_t *state)
{
  uint32_t was = RING_LIVE;
  return atomic_compare_exchange_strong (state, &was, RING_TAKEN) || was != RING_VOID;
}

/* Something wrote into our memory: the records after `taken` up to `last` are
 * broken.  Whoever waits for one of them gets an error. */
static void
ring_lost (struct store *s, struct store_ring *r, uint64_t last)
{
  r->lost_from = r->taken + 1;
  r->lost_to = last;
  atomic_fetch_add (&s->lost, last - r->taken);
}

static int32_t
group_ring_records (struct store *s, struct store_ring *r)
{
  uint64_t position = r->tail, damaged = r->ring->damaged;
  struct ring_record *rec;
  int32_t error = 0;
  while (!error && (rec = ring_next (r->ring, &position, r->head))) {
    if (r->ring->damaged != damaged)
      ring_lost (s, r, rec->sequence - 1);
    damaged = r->ring->damaged;
    r->taken = r->last = rec->sequence;
    if (state_take (&rec->state))
      error = group_event (s, r->ring, rec->log, rec->sequence, rec->time_ns,
                           (kg_str){ rec->data, rec->len });
  }
  if (!error && r->ring->damaged != damaged)
    ring_lost (s, r, r->taken + 1);
  return error;
}

static int32_t
group_ring_spilled (struct store *s, struct store_ring *r)
{
  struct waiters *w = &r->waiters;
  int32_t error = 0;
  for (uint64_t i = atomic_load_explicit (&w->tail, memory_order_relaxed);
       !error && i != r->waiting; i++) {
    struct waiter *waiter = &w->slot[i & (WAITERS_MAX - 1)];
    if (!waiter->data)
      continue;
    r->taken = waiter->sequence;
    if (state_take (&waiter->state))
      error = group_event (s, r->ring, waiter->log, waiter->sequence, waiter->time_ns,
                           (kg_str){ waiter->data, waiter->len });
  }
  return error;
}

static int32_t
group_ring_mark (struct store *s, uint32_t epoch, uint32_t index, uint64_t sequence)
{
  int32_t r = db_run (s->db, SQL_RING_SET, "iii", (int64_t) epoch, (int64_t) index,
                      (int64_t) sequence);
  s->group.rows = 1;
  return r < 0 ? r : 0;
}

/* Everything that one of our rings holds. */
int32_t
group_ring (struct store *s, struct store_ring *r)
{
  int32_t error;
  r->taken = r->committed;
  error = group_ring_records (s, r);
  if (!error)
    error = group_ring_spilled (s, r);
  if (!error && r->taken > r->committed)
    error = group_ring_mark (s, s->rings.epoch, (uint32_t) (r - s->ring), r->taken);
  return error;
}

/* Records of a dead process's ring, sorted; at least one. */
int32_t
group_records (struct store *s, struct rings *rings, uint32_t index,
               struct ring_record *const *records, size_t n)
{
  struct ring *ring = &rings->ring[index];
  int32_t error = 0;
  for (size_t i = 0; !error && i < n; i++)
    if (atomic_load_explicit (&records[i]->state, memory_order_relaxed) != RING_VOID)
      error = group_event (s, ring, records[i]->log, records[i]->sequence, records[i]->time_ns,
                           (kg_str){ records[i]->data, records[i]->len });
  return error ? error : group_ring_mark (s, rings->epoch, index, records[n - 1]->sequence);
}
