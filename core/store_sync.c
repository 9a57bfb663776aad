/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From the database into memory: everything at the start, and later what another
 * process on the same folder has written (during a handover there are two). */
#include "core/store_state.h"

#include "core/util/hash.h"

#include <errno.h>
#include <stdlib.h>

uint64_t
store_hash (const struct store *s, kg_str key)
{
  return hash_sip (s->key, key.ptr, key.len);
}

static struct kg_entry
node_entry (const struct mirror_node *n, int deleted)
{
  struct kg_entry e = { .size = sizeof e };
  e.key = mirror_key (n);
  if (!deleted)
    e.value = mirror_value (n);
  e.revision = n->revision;
  e.changed_ns = n->changed_ns;
  e.expires_ns = n->expires_ns;
  return e;
}

static void
entry_tell (const kg_bucket *b, const struct kg_entry *e)
{
  for (const struct store_watch *w = b->watches; w; w = w->next)
    w->fn (e, w->arg);
}

static void
node_tell (const kg_bucket *b, const struct mirror_node *n, int deleted)
{
  struct kg_entry e = node_entry (n, deleted);
  entry_tell (b, &e);
}

/* Puts a change into the mirror, for which there must be room, and tells the
 * watches.  The node becomes the mirror's. */
void
sync_apply (struct store *s, kg_bucket *b, struct mirror_node *node, int deleted)
{
  if (store_is_cold (b)) {
    node_tell (b, node, deleted);
    free (node);
    return;
  }
  if (!deleted) {
    mirror_put (&b->mirror, &s->epoch, node);
    node_tell (b, node, 0);
    return;
  }
  mirror_delete (&b->mirror, &s->epoch, node->hash, mirror_key (node));
  node_tell (b, node, 1);
  free (node);
}

/* Frees what no reader holds.  Guests read under the lock and keep nothing. */
void
sync_reclaim (struct store *s)
{
  if (!epoch_pending (&s->epoch))
    return;
  pthread_mutex_lock (&s->guests);
  epoch_reclaim (&s->epoch);
  pthread_mutex_unlock (&s->guests);
}

void
sync_newest (struct kg_log *l, uint64_t newest)
{
  if (newest <= atomic_load_explicit (&l->newest, memory_order_relaxed))
    return;
  atomic_store_explicit (&l->newest, newest, memory_order_release);
  for (const struct store_notify *n = l->notifies; n; n = n->next)
    n->fn (n->arg);
}

static kg_bucket *
sync_bucket (struct store *s, uint32_t id)
{
  kg_bucket *b = s->buckets;
  while (b && b->id != id)
    b = b->next;
  return b;
}

/* The entry that a statement stands at, as a node: 0, or -ENOMEM. */
static int32_t
row_node (struct store *s, struct db_stmt *stmt, kg_bucket *b, struct mirror_node **ret)
{
  kg_str key = db_str (stmt, 1);
  struct mirror_node *n = mirror_node_create (store_hash (s, key), key, db_str (stmt, 2));
  if (!n || (!store_is_cold (b) && mirror_reserve (&b->mirror, &s->epoch, 1) < 0)) {
    free (n);
    return -ENOMEM;
  }
  n->revision = (uint64_t) db_int (stmt, 3);
  n->changed_ns = db_int (stmt, 4);
  n->expires_ns = db_int (stmt, 5);
  *ret = n;
  return 0;
}

/* Takes all rows of a statement into the mirrors. */
static int32_t
sync_rows (struct store *s, struct db_stmt *stmt, int tell)
{
  struct mirror_node *n;
  int32_t r;
  while ((r = db_step (s->db, stmt)) == 1) {
    kg_bucket *b = sync_bucket (s, (uint32_t) db_int (stmt, 0));
    if (!b || !store_must_learn (b))
      continue; /* of a plugin that isn't loaded here; or nobody asks */
    r = row_node (s, stmt, b, &n);
    if (r < 0)
      break;
    if (tell)
      sync_apply (s, b, n, db_str (stmt, 2).ptr == NULL);
    else
      mirror_put (&b->mirror, &s->epoch, n);
  }
  if (stmt)
    db_reset (stmt);
  return r;
}

static int32_t
sync_revision (struct store *s)
{
  int64_t revision = 0;
  int32_t r = db_number (s->db, &revision, SQL_META_GET, "t", "revision");
  if (r < 1)
    return r < 0 ? r : -EBADMSG;
  s->revision = s->seen = (uint64_t) revision;
  return 0;
}

static int32_t
sync_logs (struct store *s)
{
  struct db_stmt *stmt = db_bind (s->db, SQL_LOG_ALL, "");
  int32_t r;
  while ((r = db_step (s->db, stmt)) == 1)
    for (struct kg_log *l = s->logs; l; l = l->next)
      if (l->id == (uint32_t) db_int (stmt, 0))
        sync_newest (l, (uint64_t) db_int (stmt, 1));
  if (stmt)
    db_reset (stmt);
  return r;
}

static int32_t
sync_cursors (struct store *s)
{
  struct db_stmt *stmt = db_bind (s->db, SQL_CURSOR_ALL, "");
  int32_t r;
  while ((r = db_step (s->db, stmt)) == 1) {
    struct kg_cursor *c = store_cursor_find (s, (uint32_t) db_int (stmt, 0), db_str (stmt, 1));
    if (c)
      atomic_store_explicit (&c->position, (uint64_t) db_int (stmt, 2), memory_order_release);
  }
  if (stmt)
    db_reset (stmt);
  return r;
}

/* What is newer than what we have seen.  Inside of a transaction. */
int32_t
sync_foreign (struct store *s)
{
  int32_t r = sync_rows (s, db_bind (s->db, SQL_ENTRY_SINCE, "i", (int64_t) s->seen), 1);
  if (r >= 0)
    r = sync_revision (s);
  if (r >= 0)
    r = sync_logs (s);
  if (r >= 0)
    r = sync_cursors (s);
  if (r >= 0)
    r = marks_sync (s);
  return r;
}

/* Everything that is mirrored; inside of a transaction, before any reader. */
int32_t
sync_load (struct store *s)
{
  int32_t r = 0;
  for (kg_bucket *b = s->buckets; r >= 0 && b; b = b->next)
    if (!store_is_cold (b))
      r = sync_rows (s, db_bind (s->db, SQL_ENTRY_LOAD, "i", (int64_t) b->id), 0);
  if (r >= 0)
    r = sync_revision (s);
  if (r >= 0)
    r = sync_logs (s);
  if (r >= 0)
    r = sync_cursors (s);
  if (r >= 0)
    r = marks_sync (s);
  return r;
}

/* Looks whether another process has committed something. */
int32_t
sync_poll (struct store *s)
{
  int64_t version = 0;
  int32_t r = db_number (s->db, &version, SQL_VERSION, "");
  if (r < 0 || version == s->version)
    return r < 0 ? r : 0;
  r = group_begin (s);
  if (db_in_transaction (s->db))
    db_run (s->db, SQL_ROLLBACK, "");
  sync_reclaim (s);
  return r;
}

static void
watch_each (const struct mirror_node *n, void *bucket)
{
  node_tell (bucket, n, 0);
}

/* Row by row: the bucket may be larger than the memory. */
static int32_t
watch_cold (struct store *s, const kg_bucket *b)
{
  struct db_stmt *stmt = db_bind (s->db, SQL_ENTRY_LOAD, "i", (int64_t) b->id);
  int32_t r;
  while ((r = db_step (s->db, stmt)) == 1) {
    struct kg_entry e = store_row_entry (stmt);
    entry_tell (b, &e);
  }
  if (stmt)
    db_reset (stmt);
  return r;
}

/* Shows the watches what is there at the start. */
int32_t
sync_watch_all (struct store *s)
{
  int32_t r = 0;
  for (kg_bucket *b = s->buckets; r >= 0 && b; b = b->next)
    if (b->watches && store_is_cold (b))
      r = watch_cold (s, b);
    else if (b->watches)
      mirror_each (&b->mirror, watch_each, b);
  return r;
}
