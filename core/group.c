/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One transaction: everybody's writes and usage records, their ids and effects.
 *
 * A write that fails by itself (an id or revision was there) is undone alone;
 * when the disk fails, so does the whole group.  Nothing is visible in memory
 * before the commit: changes of buckets wait in a list, records in their logs'
 * batches. */
#include "core/store_state.h"

#include "core/util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DAY_NS (86400 * CLOCK_SECOND)

/* Nothing is in the transaction, and nothing of our rings. */
void
group_reset (struct store *s)
{
  struct store_group *g = &s->group;
  g->writes = NULL;
  g->last = &g->writes;
  g->nchanges = 0;
  g->events = 0;
  g->rows = 0;
  g->now = clock_wall ();
  for (uint32_t i = 0; s->ring && i < s->rings.count; i++) {
    struct store_ring *r = &s->ring[i];
    r->head = r->tail;
    r->taken = r->committed;
    r->last = 0;
    r->waiting = atomic_load_explicit (&r->waiters.tail, memory_order_relaxed);
  }
}

/* Takes the write lock, catching up with what another process did. */
int32_t
group_begin (struct store *s)
{
  int64_t version = 0;
  int32_t r;
  group_reset (s);
  r = db_check (s->db);
  if (r >= 0)
    r = db_run (s->db, SQL_BEGIN, "");
  if (r >= 0)
    r = db_number (s->db, &version, SQL_VERSION, "");
  if (r >= 0 && version != s->version) {
    r = sync_foreign (s);
    s->version = r < 0 ? s->version : version;
  }
  for (struct kg_log *l = s->logs; r >= 0 && l; l = l->next) {
    l->last = atomic_load_explicit (&l->newest, memory_order_relaxed);
    batch_clear (&l->batch);
  }
  return r < 0 ? r : 0;
}

/* ---- Buckets ------------------------------------------------------------- */

/* Notes what the mirror and the watches must learn after the commit. */
static int32_t
group_change (struct store *s, kg_bucket *b, kg_str key, kg_str value, int64_t expires_ns)
{
  struct store_group *g = &s->group;
  struct mirror_node *node;
  if (!store_must_learn (b))
    return 0;
  node = mirror_node_create (store_hash (s, key), key, value);
  if (!node)
    return -ENOMEM;
  if (g->nchanges == g->cap) {
    size_t cap = g->cap ? 2 * g->cap : 64;
    struct store_change *p = realloc (g->changes, cap * sizeof *p);
    if (!p) {
      free (node);
      return -ENOMEM;
    }
    g->changes = p;
    g->cap = cap;
  }
  node->revision = s->revision;
  node->changed_ns = g->now;
  node->expires_ns = expires_ns;
  g->changes[g->nchanges++] = (struct store_change){ b, node, value.ptr == NULL };
  return 0;
}

/* Writes an entry's row, or its tombstone when value.ptr is NULL. */
int32_t
group_put_row (struct store *s, uint32_t bucket, kg_str key, kg_str value, int64_t expires_ns)
{
  int32_t r;
  s->revision++;
  s->group.rows = 1;
  r = db_run (s->db, SQL_ENTRY_PUT, "ibbiii", (int64_t) bucket, key, value,
              (int64_t) s->revision, s->group.now, expires_ns);
  return r < 0 ? r : 0;
}

/* The same, and what the mirror must learn. */
int32_t
group_put (struct store *s, kg_bucket *b, kg_str key, kg_str value, int64_t expires_ns)
{
  int32_t r = group_put_row (s, b->id, key, value, expires_ns);
  return r < 0 ? r : group_change (s, b, key, value, expires_ns);
}

/* The revision that is there, 0 without; or -errno. */
static int64_t
group_revision (struct store *s, kg_bucket *b, kg_str key)
{
  struct db_stmt *stmt = db_bind (s->db, SQL_ENTRY_GET, "ib", (int64_t) b->id, key);
  int32_t r = db_step (s->db, stmt);
  int64_t revision = r;
  if (r == 1) {
    int64_t expires = db_int (stmt, 1);
    revision = expires && expires <= s->group.now ? 0 : db_int (stmt, 0);
  }
  db_reset (stmt);
  return revision;
}

/* 0; 1 when there is nothing to delete; -EEXIST, -ESTALE in *ret_refusal. */
static int32_t
group_expect (struct store *s, const struct kg_op *op, int32_t *ret_refusal)
{
  int64_t there;
  if (op->kind == KG_OP_PUT && op->revision == KG_REV_ANY)
    return 0;
  there = group_revision (s, op->bucket, op->key);
  if (there < 0)
    return (int32_t) there;
  if (op->revision == KG_REV_NEW && there)
    *ret_refusal = -EEXIST;
  else if (op->revision != KG_REV_ANY && op->revision != (uint64_t) there)
    *ret_refusal = -ESTALE;
  return op->kind == KG_OP_DELETE && !there;
}

static int32_t
op_entry (struct store *s, const struct kg_op *op, struct kg_outcome *o)
{
  const kg_str nothing = { NULL, 0 };
  int64_t expires = op->ttl_ms ? s->group.now + op->ttl_ms * CLOCK_MS : 0;
  int32_t r = group_expect (s, op, &o->error);
  if (r || o->error)
    return r < 0 ? r : 0;
  if (op->kind == KG_OP_DELETE)
    return group_put (s, op->bucket, op->key, nothing, 0);
  r = group_put (s, op->bucket, op->key, op->value, expires);
  o->revision = s->revision;
  return r;
}

/* ---- Logs ---------------------------------------------------------------- */

static int32_t
op_append (struct store *s, const struct kg_op *op, struct kg_outcome *o)
{
  struct kg_log *l = op->log;
  int64_t now = s->group.now;
  int64_t expires = l->dedup_days ? now + l->dedup_days * DAY_NS : 0;
  int32_t r;
  if (op->key.len) {
    r = db_run (s->db, SQL_DEDUP_ADD, "ibii", (int64_t) l->id, op->key, expires, now);
    if (r <= 0) {
      o->error = r ? 0 : -EEXIST;
      return r;
    }
  }
  r = group_log_add (s, l, now, op->key, op->value);
  o->revision = l->last;
  return r;
}

/* A usage record that was put aside; its id is of our own making. */
static int32_t
op_record (struct store *s, const struct kg_op *op, struct kg_outcome *o)
{
  int32_t r = group_log_add (s, op->log, op->ttl_ms, op->key, op->value);
  o->revision = op->log->last;
  s->group.events++;
  return r;
}

static int32_t
op_ack (struct store *s, const struct kg_op *op)
{
  const struct kg_cursor *c = op->cursor;
  uint64_t position = op->revision < c->log->last ? op->revision : c->log->last;
  int32_t r;
  s->group.rows = 1;
  r = db_run (s->db, SQL_CURSOR_SET, "iti", (int64_t) c->log->id, c->name, (int64_t) position);
  return r < 0 ? r : 0;
}

/* ---- Writes ---------------------------------------------------------------- */

/* Where the memory stood before a write, to go back to. */
struct undo {
  uint64_t revision, events;
  size_t nchanges, marks;
};

static void
group_undo (struct store *s, const struct undo *m)
{
  struct store_group *g = &s->group;
  while (g->nchanges > m->nchanges)
    free (g->changes[--g->nchanges].node);
  s->revision = m->revision;
  g->events = m->events;
  marks_undo (s, m->marks);
}

static int32_t
write_ops (struct store *s, struct store_write *w)
{
  int32_t r = 0;
  for (uint32_t i = 0; !r && !w->outcome.error && i < w->nops; i++) {
    const struct kg_op *op = &w->ops[i];
    w->outcome.op = i;
    if (op->kind == KG_OP_APPEND)
      r = op_append (s, op, &w->outcome);
    else if (op->kind == STORE_OP_RECORD)
      r = op_record (s, op, &w->outcome);
    else if (op->kind == KG_OP_MARK)
      r = marks_op (s, op, &w->outcome);
    else if (op->kind == KG_OP_ACK)
      r = op_ack (s, op);
    else
      r = op_entry (s, op, &w->outcome);
  }
  return r;
}

/* The records that a write appends go to the batches first here, so that they
 * can be taken back. */
struct append_mark {
  struct kg_log *log;
  size_t len;
  uint32_t count;
  uint64_t last;
};

static uint32_t
appends_mark (const struct store_write *w, struct append_mark *marks)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < w->nops; i++) {
    struct kg_log *l = w->ops[i].log;
    if (store_op_adds (&w->ops[i]))
      marks[n++] = (struct append_mark){ l, l->batch.len, l->batch.count, l->last };
  }
  return n;
}

static void
appends_undo (const struct append_mark *marks, uint32_t n)
{
  for (uint32_t i = 0; i < n; i++) {
    marks[i].log->batch.len = marks[i].len;
    marks[i].log->batch.count = marks[i].count;
    marks[i].log->last = marks[i].last;
  }
}

static int32_t
write_flush (struct store *s, const struct store_write *w)
{
  int32_t r = 0;
  for (uint32_t i = 0; r >= 0 && i < w->nops; i++)
    if (store_op_adds (&w->ops[i]) && w->ops[i].log->batch.len > GROUP_BATCH_BYTES)
      r = group_log_flush (s, w->ops[i].log);
  return r < 0 ? r : 0;
}

/* Several operations: under a savepoint, which undoes all of them. */
static int32_t
write_many (struct store *s, struct store_write *w)
{
  struct undo undo = { s->revision, s->group.events, s->group.nchanges,
                       s->marks.fresh.bytes.len };
  struct append_mark *marks = calloc (w->nops, sizeof *marks);
  uint32_t nmarks;
  int32_t r;
  if (!marks)
    return -ENOMEM;
  nmarks = appends_mark (w, marks);
  r = db_run (s->db, SQL_SAVE, "");
  if (r >= 0)
    r = write_ops (s, w);
  if (r >= 0 && w->outcome.error) {
    r = db_run (s->db, SQL_UNDO, "");
    group_undo (s, &undo);
    appends_undo (marks, nmarks);
  }
  if (r >= 0)
    r = db_run (s->db, SQL_RELEASE, "");
  free (marks);
  return r;
}

/* Executes a write, which becomes the group's: 0, or -errno when the group must
 * be abandoned.  A refusal is in its outcome. */
int32_t
group_write (struct store *s, struct store_write *w)
{
  int32_t r;
  w->next = NULL;
  w->outcome.error = 0;
  w->outcome.revision = 0;
  *s->group.last = w;
  s->group.last = &w->next;
  r = w->nops > 1 ? write_many (s, w) : write_ops (s, w);
  if (w->outcome.error)
    w->outcome.revision = 0;
  return r < 0 ? r : write_flush (s, w);
}
