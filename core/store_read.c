/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Reading: `get` from memory, without locks on a worker; `scan` and `read` from
 * the database, on a connection of their own. */
#include "core/store_state.h"

#include "core/log.h"
#include "core/util/clock.h"
#include "core/util/crc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The store whose worker the calling thread is, and which one. */
static _Thread_local struct store *my_store;
static _Thread_local uint32_t my_worker;

void
store_quiescent (struct store *s, uint32_t worker)
{
  my_store = s;
  my_worker = worker;
  epoch_quiescent (&s->epoch, worker);
}

void
store_worker_idle (struct store *s, uint32_t worker)
{
  epoch_idle (&s->epoch, worker);
}

/* ---- Connections ----------------------------------------------------------- */

/* Refuses to do I/O on an event loop. */
int32_t
store_reader_allowed (struct store *s, const char *what)
{
  if (atomic_load_explicit (&s->life, memory_order_acquire) == STORE_OPEN)
    return -EAGAIN;
  if (my_store != s)
    return 0;
  log_write (KG_LOG_ERROR, "store", "%s was called on an event loop, where it must not block",
             what);
#ifdef KG_DEBUG
  abort ();
#endif
  return -EDEADLK;
}

int32_t
store_reader_take (struct store *s, struct db **ret)
{
  struct db *db = NULL;
  pthread_mutex_lock (&s->readers_lock);
  if (s->nreaders)
    db = s->readers[--s->nreaders];
  pthread_mutex_unlock (&s->readers_lock);
  if (!db)
    return store_told (store_open_same (s, DB_READ, ret));
  *ret = db;
  return 0;
}

void
store_reader_give (struct store *s, struct db *db, int32_t result)
{
  pthread_mutex_lock (&s->readers_lock);
  if (result >= 0 && s->nreaders < STORE_READERS) {
    s->readers[s->nreaders++] = db;
    db = NULL;
  }
  pthread_mutex_unlock (&s->readers_lock);
  db_close (db);
}

void
store_readers_close (struct store *s)
{
  pthread_mutex_lock (&s->readers_lock);
  while (s->nreaders)
    db_close (s->readers[--s->nreaders]);
  pthread_mutex_unlock (&s->readers_lock);
}

struct kg_entry
store_row_entry (struct db_stmt *stmt)
{
  struct kg_entry e = { .size = sizeof e };
  e.key = db_str (stmt, 1);
  e.value = db_str (stmt, 2);
  e.revision = (uint64_t) db_int (stmt, 3);
  e.changed_ns = db_int (stmt, 4);
  e.expires_ns = db_int (stmt, 5);
  return e;
}

/* ---- get ------------------------------------------------------------------- */

static int32_t
entry_fill (const struct mirror_node *n, struct kg_entry *ret)
{
  struct kg_entry e = { .size = sizeof e };
  if (!n || (n->expires_ns && n->expires_ns <= clock_wall ()))
    return -ENOENT;
  e.key = mirror_key (n);
  e.value = mirror_value (n);
  e.revision = n->revision;
  e.changed_ns = n->changed_ns;
  e.expires_ns = n->expires_ns;
  *ret = e;
  return 0;
}

/* Keeps a node for the calling thread, which its next one frees: 0 or -ENOMEM. */
static int32_t
guest_keep (struct store *s, struct mirror_node *n)
{
  free (pthread_getspecific (s->guest_key));
  if (!pthread_setspecific (s->guest_key, n))
    return 0;
  pthread_setspecific (s->guest_key, NULL);
  free (n);
  return -ENOMEM;
}

static struct mirror_node *
node_copy (const struct mirror_node *n)
{
  size_t bytes = sizeof *n + n->key_len + n->value_len + 2;
  struct mirror_node *copy = malloc (bytes);
  /* Not the list's part, which the writer may be using. */
  if (copy)
    memcpy ((char *) copy + sizeof n->item, (const char *) n + sizeof n->item,
            bytes - sizeof n->item);
  return copy;
}

/* From a thread that is no worker: from memory, under a lock. */
static int32_t
guest_get (struct store *s, kg_bucket *b, uint64_t hash, kg_str key, struct kg_entry *ret)
{
  const struct mirror_node *n;
  struct mirror_node *copy = NULL;
  pthread_mutex_lock (&s->guests);
  n = mirror_find (&b->mirror, hash, key);
  if (n)
    copy = node_copy (n);
  pthread_mutex_unlock (&s->guests);
  if (n && (!copy || guest_keep (s, copy) < 0))
    return -ENOMEM;
  return entry_fill (copy, ret);
}

/* The row of a key as a node: 1 when there is one, else 0, or -errno. */
static int32_t
cold_fetch (struct db *db, const kg_bucket *b, kg_str key, struct mirror_node **ret)
{
  struct db_stmt *stmt = db_bind (db, SQL_ENTRY_FETCH, "ib", (int64_t) b->id, key);
  int32_t r = db_step (db, stmt);
  if (r == 1) {
    struct kg_entry e = store_row_entry (stmt);
    *ret = mirror_node_create (0, e.key, e.value);
    if (*ret) {
      (*ret)->revision = e.revision;
      (*ret)->changed_ns = e.changed_ns;
      (*ret)->expires_ns = e.expires_ns;
    }
  }
  if (stmt)
    db_reset (stmt);
  return r == 1 && !*ret ? -ENOMEM : r;
}

static int32_t
cold_get (struct store *s, kg_bucket *b, kg_str key, struct kg_entry *ret)
{
  struct mirror_node *n = NULL;
  struct db *db;
  int32_t r = store_reader_allowed (s, "get of a cold bucket");
  if (r >= 0)
    r = store_reader_take (s, &db);
  if (r < 0)
    return r;
  r = cold_fetch (db, b, key, &n);
  store_reader_give (s, db, r);
  if (n)
    r = guest_keep (s, n);
  return r < 0 ? r : entry_fill (n, ret);
}

int32_t
store_get (kg_bucket *b, kg_str key, struct kg_entry *ret)
{
  struct store *s = b->store;
  uint64_t hash;
  assert (b->magic == BUCKET_MAGIC);
  if (store_is_cold (b))
    return cold_get (s, b, key, ret);
  hash = store_hash (s, key);
  if (my_store != s)
    return guest_get (s, b, hash, key, ret);
  return entry_fill (mirror_find (&b->mirror, hash, key), ret);
}

/* ---- scan ------------------------------------------------------------------ */

static int
key_begins (kg_str key, kg_str prefix)
{
  return key.len >= prefix.len && !memcmp (key.ptr, prefix.ptr, prefix.len);
}

/* In the order in which SQLite has keys. */
static int
key_is_behind (kg_str key, kg_str other)
{
  size_t len = key.len < other.len ? key.len : other.len;
  int order = len ? memcmp (key.ptr, other.ptr, len) : 0;
  return order > 0 || (!order && key.len > other.len);
}

struct scanning {
  kg_str prefix, after;
  int32_t (*fn) (const struct kg_entry *, void *);
  void *arg;
  int32_t answer; /* of fn */
};

static int32_t
scan_rows (struct scanning *sc, struct db *db, struct db_stmt *stmt)
{
  int64_t now = clock_wall ();
  int32_t r = 0;
  while (!sc->answer && (r = db_step (db, stmt)) == 1) {
    struct kg_entry e = store_row_entry (stmt);
    if (!key_begins (e.key, sc->prefix))
      return 0;
    if (key_is_behind (e.key, sc->after) && (!e.expires_ns || e.expires_ns > now))
      sc->answer = sc->fn (&e, sc->arg);
  }
  return sc->answer ? 0 : r;
}

int32_t
store_scan_after (kg_bucket *b, kg_str prefix, kg_str after,
                  int32_t (*fn) (const struct kg_entry *, void *), void *arg)
{
  struct scanning sc = { .prefix = prefix, .after = after, .fn = fn, .arg = arg };
  struct store *s = b->store;
  struct db_stmt *stmt;
  struct db *db;
  int32_t r = store_reader_allowed (s, "scan");
  if (r >= 0)
    r = store_reader_take (s, &db);
  if (r < 0)
    return r;
  if (!prefix.ptr)
    sc.prefix = (kg_str){ "", 0 };
  stmt = db_bind (db, SQL_ENTRY_SCAN, "ib", (int64_t) b->id,
                  key_is_behind (after, sc.prefix) ? after : sc.prefix);
  r = scan_rows (&sc, db, stmt);
  if (stmt)
    db_reset (stmt);
  store_reader_give (s, db, r);
  return r < 0 ? r : sc.answer;
}

int32_t
store_scan (kg_bucket *b, kg_str prefix, int32_t (*fn) (const struct kg_entry *, void *),
            void *arg)
{
  return store_scan_after (b, prefix, (kg_str){ "", 0 }, fn, arg);
}

/* ---- read ------------------------------------------------------------------ */

struct reading {
  struct kg_log *log;
  uint64_t after;
  uint32_t left;
  int32_t calls, answer;
  int32_t (*fn) (const struct kg_record *, void *);
  void *arg;
};

static void
batch_broken (struct kg_log *l, uint64_t first, uint64_t last)
{
  atomic_fetch_add (&l->store->lost, last - first + 1);
  log_write (KG_LOG_ERROR, "store",
             "log %s: records %llu to %llu are damaged and were skipped; "
             "restore them from a copy of kgent.db",
             l->name, (unsigned long long) first, (unsigned long long) last);
}

/* Hands out one batch, from a copy, so that no transaction stays open while the
 * caller works. */
static int32_t
read_batch (struct reading *rd, struct db_stmt *stmt)
{
  uint64_t last = (uint64_t) db_int (stmt, 0) & ((1ull << 48) - 1);
  uint64_t first = (uint64_t) db_int (stmt, 1);
  uint32_t count = (uint32_t) db_int (stmt, 2);
  kg_str blob = db_str (stmt, 5);
  int good = db_int (stmt, 3) == BATCH_FORMAT && last - first + 1 == count
             && db_int (stmt, 4) == crc32c (0, blob.ptr, blob.len);
  char *copy = malloc (blob.len + 1);
  int32_t n = -EBADMSG;
  if (!copy)
    return -ENOMEM;
  memcpy (copy, blob.ptr ? blob.ptr : "", blob.len);
  db_reset (stmt);
  if (good)
    n = batch_each ((kg_str){ copy, blob.len }, first, count, rd->after, rd->left, rd->fn,
                    rd->arg, &rd->answer);
  free (copy);
  if (n < 0)
    batch_broken (rd->log, rd->after + 1, last);
  rd->calls += n < 0 ? 0 : n;
  rd->left -= n < 0 ? 0 : (uint32_t) n;
  rd->after = last;
  return 0;
}

static int32_t
read_batches (struct reading *rd, struct db *db)
{
  int64_t base = (int64_t) ((uint64_t) rd->log->id << 48);
  int32_t r = 1;
  while (r == 1 && rd->left && !rd->answer) {
    struct db_stmt *stmt = db_bind (db, SQL_BATCH_NEXT, "ii", base | (int64_t) rd->after,
                                    base | (int64_t) ((1ull << 48) - 1));
    r = db_step (db, stmt);
    if (r == 1) {
      int32_t error = read_batch (rd, stmt);
      r = error ? error : 1;
    } else if (stmt)
      db_reset (stmt);
  }
  return r < 0 ? r : 0;
}

int32_t
store_read (kg_log *l, uint64_t after, uint32_t max,
            int32_t (*fn) (const struct kg_record *, void *), void *arg)
{
  struct reading rd = { .log = l, .after = after, .left = max, .fn = fn, .arg = arg };
  struct db *db;
  int32_t r;
  if (after >= atomic_load_explicit (&l->newest, memory_order_acquire))
    return 0;
  r = store_reader_allowed (l->store, "read");
  if (r >= 0)
    r = store_reader_take (l->store, &db);
  if (r < 0)
    return r;
  r = read_batches (&rd, db);
  store_reader_give (l->store, db, r);
  return r < 0 ? r : rd.calls;
}
