/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The end of one transaction: what becomes visible, who is told, and what
 * happens when the disk refused. */
#include "core/store_state.h"

#include "core/util/clock.h"

#include <errno.h>
#include <stdlib.h>

/* ---- Commit ---------------------------------------------------------------- */

static int32_t
commit_logs (struct store *s)
{
  int32_t r = 0;
  for (struct kg_log *l = s->logs; r >= 0 && l; l = l->next) {
    if (l->last == atomic_load_explicit (&l->newest, memory_order_relaxed))
      continue;
    r = group_log_flush (s, l);
    if (r >= 0)
      r = db_run (s->db, SQL_LOG_SET, "ii", (int64_t) l->id, (int64_t) l->last);
  }
  return r;
}

/* Room for the changes, so that nothing can fail after the commit. */
static int32_t
commit_reserve (struct store *s)
{
  struct store_group *g = &s->group;
  int32_t r = 0;
  for (size_t i = 0; r >= 0 && i < g->nchanges; i++)
    if (!store_is_cold (g->changes[i].bucket))
      r = mirror_reserve (&g->changes[i].bucket->mirror, &s->epoch, g->nchanges);
  return r;
}

/* Ends the transaction: 0 once it is as durable as configured.  After an error
 * it is unknown whether it took place. */
int32_t
group_commit (struct store *s)
{
  int64_t start;
  int32_t r = commit_logs (s);
  if (r >= 0)
    r = marks_commit (s);
  if (r >= 0 && s->revision != s->seen)
    r = db_run (s->db, SQL_META_SET, "ti", "revision", (int64_t) s->revision);
  if (r >= 0)
    r = commit_reserve (s);
  if (r < 0)
    return r;
  if (!s->group.rows) {
    r = db_run (s->db, SQL_ROLLBACK, "");
    return r < 0 ? r : 0;
  }
  r = db_run (s->db, SQL_PROCESS_SET, "ii", (int64_t) s->rings.epoch,
              (int64_t) (s->groups + 1));
  if (r < 0)
    return r;
  start = clock_mono ();
  r = db_run (s->db, SQL_COMMIT, "");
  if (r < 0)
    return r;
  pulse_commit (s, clock_mono () - start);
  return 0;
}

/* ---- Those who wait -------------------------------------------------------- */

/* What became of a record in this transaction, which ended with `error`. */
static int32_t
record_error (const struct store_ring *r, uint64_t sequence, int32_t error)
{
  if (error)
    return error;
  return sequence >= r->lost_from && sequence <= r->lost_to ? -EIO : 0;
}

static int32_t
waiter_error (const struct store_ring *r, const struct waiter *w, int32_t error)
{
  if (w->data)
    return error;
  return w->sequence == r->limbo ? r->limbo_error : record_error (r, w->sequence, error);
}

/* The newest record of the ring has been decided, and its waiter was not seen. */
static void
limbo_note (struct store_ring *r, int32_t error)
{
  if (r->last <= r->answered || r->last <= r->limbo)
    return;
  r->limbo = r->last;
  r->limbo_error = record_error (r, r->last, error);
}

static void
waiters_answer (struct store *s, struct store_ring *r, int32_t error)
{
  struct waiters *w = &r->waiters;
  uint64_t i = atomic_load_explicit (&w->tail, memory_order_relaxed);
  for (; i != r->waiting; i++) {
    struct waiter *one = &w->slot[i & (WAITERS_MAX - 1)];
    kg_ticket *ticket = one->ticket;
    intptr_t answer = waiter_error (r, one, error);
    r->answered = one->sequence;
    if (one->data) {
      free (one->data);
      one->data = NULL;
      atomic_fetch_add_explicit (&w->unspilled, 1, memory_order_release);
    }
    atomic_store_explicit (&w->tail, i + 1, memory_order_release);
    s->table->resume (ticket, store_resumed, (void *) answer, NULL);
  }
  limbo_note (r, error);
}

/* ---- Publish --------------------------------------------------------------- */

static void
publish_rings (struct store *s)
{
  for (uint32_t i = 0; i < s->rings.count; i++) {
    struct store_ring *r = &s->ring[i];
    r->committed = r->taken;
    r->tail = r->head;
    ring_release (r->ring, r->tail);
    waiters_answer (s, r, 0);
  }
}

static void
publish_acks (const struct store_write *w)
{
  for (uint32_t i = 0; i < w->nops; i++) {
    struct kg_cursor *c = w->ops[i].cursor;
    uint64_t position = w->ops[i].revision, newest;
    if (w->ops[i].kind != KG_OP_ACK)
      continue;
    newest = atomic_load_explicit (&c->log->newest, memory_order_relaxed);
    if (position > newest)
      position = newest;
    if (position > atomic_load_explicit (&c->position, memory_order_relaxed))
      atomic_store_explicit (&c->position, position, memory_order_release);
  }
}

static void
publish_writes (struct store *s, int32_t error)
{
  struct store_write *w = s->group.writes, *next;
  s->group.writes = NULL;
  for (; w; w = next) {
    next = w->next;
    if (error) {
      w->outcome.error = error;
      w->outcome.revision = 0;
    } else if (!w->outcome.error)
      publish_acks (w);
    store_write_end (s, w);
  }
}

/* Makes a committed transaction visible and tells everybody. */
void
group_publish (struct store *s)
{
  struct store_group *g = &s->group;
  s->groups += g->rows ? 1 : 0;
  s->seen = s->revision;
  for (size_t i = 0; i < g->nchanges; i++)
    sync_apply (s, g->changes[i].bucket, g->changes[i].node, g->changes[i].deleted);
  g->nchanges = 0;
  for (struct kg_log *l = s->logs; l; l = l->next)
    sync_newest (l, l->last); /* first: who is told may read at once */
  marks_publish (s);
  publish_rings (s);
  publish_writes (s, 0);
  sync_reclaim (s);
}

/* ---- Abandon --------------------------------------------------------------- */

/* Takes records out of the transaction.  Whose request is answered with an error
 * must never be recorded: void.  In process mode the requests are long gone, and
 * the records stay until the disk is well. */
static void
abandon_records (struct store *s, struct store_ring *r)
{
  uint64_t position = r->tail;
  struct ring_record *rec;
  while ((rec = ring_next (r->ring, &position, r->head))) {
    r->last = rec->sequence;
    if (s->power)
      atomic_store_explicit (&rec->state, RING_VOID, memory_order_release);
    else {
      uint32_t taken = RING_TAKEN;
      atomic_compare_exchange_strong (&rec->state, &taken, RING_LIVE);
    }
  }
}

static void
abandon_rings (struct store *s, int32_t error)
{
  for (uint32_t i = 0; i < s->rings.count; i++) {
    struct store_ring *r = &s->ring[i];
    abandon_records (s, r);
    r->taken = r->committed;
    waiters_answer (s, r, error);
  }
}

/* Undoes a transaction that failed, and tells those who waited for it. */
void
group_abandon (struct store *s, int32_t error)
{
  struct store_group *g = &s->group;
  if (s->db && db_in_transaction (s->db))
    db_run (s->db, SQL_ROLLBACK, "");
  while (g->nchanges)
    free (g->changes[--g->nchanges].node);
  s->revision = s->seen;
  marks_abandon (s);
  for (struct kg_log *l = s->logs; l; l = l->next) {
    l->last = atomic_load_explicit (&l->newest, memory_order_relaxed);
    batch_clear (&l->batch);
  }
  abandon_rings (s, error);
  publish_writes (s, error);
}
