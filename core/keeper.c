/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Housekeeping: entries whose time is over, ids and tombstones that nobody needs
 * any more, old records, rings of processes that died; and checkpoints, on a
 * thread of their own, because they take many times a transaction's time. */
#include "core/store_state.h"

#include "core/util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_NS (86400 * CLOCK_SECOND)
#define TOMBSTONE_NS (3600 * CLOCK_SECOND) /* another process must have seen it by then */
#define EXPIRED_MAX 256
#define REPLAY_EVERY 5 /* rounds */

struct expired {
  uint32_t id;
  kg_bucket *bucket; /* NULL: of a plugin that isn't loaded here */
  char key[KG_KEY_MAX];
  size_t len;
};

static kg_bucket *
house_bucket (struct store *s, uint32_t id)
{
  kg_bucket *b = s->buckets;
  while (b && b->id != id)
    b = b->next;
  return b;
}

static int32_t
expired_find (struct store *s, struct expired *found, int *ret_n)
{
  struct db_stmt *stmt = db_bind (s->db, SQL_ENTRY_EXPIRED, "i", s->group.now);
  int32_t r;
  while ((r = db_step (s->db, stmt)) == 1 && *ret_n < EXPIRED_MAX) {
    struct expired *e = &found[*ret_n];
    kg_str key = db_str (stmt, 1);
    if (key.len > sizeof e->key)
      continue;
    e->id = (uint32_t) db_int (stmt, 0);
    e->bucket = house_bucket (s, e->id);
    e->len = key.len;
    memcpy (e->key, key.ptr, key.len);
    ++*ret_n;
  }
  if (stmt)
    db_reset (stmt);
  return r < 0 ? r : 0;
}

static int32_t
expired_delete (struct store *s, const struct expired *e)
{
  const kg_str key = { e->key, e->len }, nothing = { NULL, 0 };
  if (!e->bucket)
    return group_put_row (s, e->id, key, nothing, 0);
  return group_put (s, e->bucket, key, nothing, 0);
}

/* Deletes entries whose time to live is over; watches see that as a deletion. */
static int32_t
house_expired (struct store *s)
{
  struct expired *found = calloc (EXPIRED_MAX, sizeof *found);
  int n = 0;
  int32_t r = found ? expired_find (s, found, &n) : -ENOMEM;
  for (int i = 0; r >= 0 && i < n; i++)
    r = expired_delete (s, &found[i]);
  free (found);
  return r < 0 ? r : n == EXPIRED_MAX;
}

/* Notes what a deletion did: 1 when it reached its limit. */
static int32_t
house_purged (struct store *s, int32_t changes, int32_t limit)
{
  if (changes <= 0)
    return changes;
  s->group.rows = 1;
  return changes >= limit;
}

/* Records that are old enough and behind every cursor. */
static int32_t
house_log (struct store *s, const struct kg_log *l)
{
  int64_t base = (int64_t) ((uint64_t) l->id << 48);
  int64_t done = (int64_t) l->last;
  struct db_stmt *stmt;
  int32_t r;
  if (!l->keep_days)
    return 0;
  stmt = db_bind (s->db, SQL_LOG_DONE, "i", (int64_t) l->id);
  r = db_step (s->db, stmt);
  if (r == 1 && db_str (stmt, 0).ptr)
    done = db_int (stmt, 0);
  if (stmt)
    db_reset (stmt);
  if (r < 0)
    return r;
  return house_purged (s,
                       db_run (s->db, SQL_BATCH_PURGE, "iii", base, base | done,
                               s->group.now - l->keep_days * DAY_NS),
                       1000);
}

static int32_t
house_tasks (struct store *s)
{
  int32_t more = house_expired (s);
  int32_t r = more;
  if (r >= 0)
    r = house_purged (s, db_run (s->db, SQL_ENTRY_PURGE, "i", s->group.now - TOMBSTONE_NS),
                      256);
  more |= r > 0;
  if (r >= 0)
    r = house_purged (s, db_run (s->db, SQL_DEDUP_PURGE, "i", s->group.now), 1000);
  more |= r > 0;
  if (r >= 0)
    r = marks_house (s);
  more |= r > 0;
  for (struct kg_log *l = s->logs; r >= 0 && l; l = l->next) {
    r = house_log (s, l);
    more |= r > 0;
  }
  return r < 0 ? r : more;
}

/* Unless another process is at it. */
static int32_t
house_replay (struct store *s)
{
  int fd = boot_lock (s, 0);
  int32_t r;
  if (fd < 0)
    return 0;
  r = replay_all (s);
  close (fd);
  return r;
}

int32_t
keep_house (struct store *s)
{
  int32_t r = group_begin (s), more = 0;
  if (r >= 0)
    more = r = house_tasks (s);
  if (r >= 0)
    r = group_commit (s);
  if (r < 0)
    return r;
  group_publish (s);
  if (s->rounds++ % REPLAY_EVERY == 0)
    r = house_replay (s);
  return r < 0 ? r : more;
}

/* ---- Checkpoints ------------------------------------------------------------ */

static struct db *
keeper_checkpoint (struct store *s, struct db *db)
{
  if (!db && store_open_same (s, 0, &db) < 0)
    return NULL;
  if (db_checkpoint (db, 0) >= 0)
    return db;
  db_close (db); /* the committer meets the same trouble, and tells it */
  return NULL;
}

void *
keeper_main (void *store)
{
  struct store *s = store;
  struct db *db = NULL;
  while (atomic_load_explicit (&s->life, memory_order_acquire) == STORE_RUNNING) {
    store_futex_wait (&s->work, 0, CLOCK_SECOND);
    if (atomic_exchange (&s->work, 0)
        && atomic_load_explicit (&s->life, memory_order_acquire) == STORE_RUNNING)
      db = keeper_checkpoint (s, db);
  }
  db_close (db);
  return NULL;
}
