/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "store_host.h"

#include <errno.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- The host's functions ---------------------------------------------------- */

static int64_t
host_num (const kg_req *req, int32_t what)
{
  switch (what) {
  case KG_NUM_WORKER:
    return req->worker;
  case KG_NUM_GONE:
    return req->gone;
  default:
    return -ENOENT;
  }
}

static void *
host_alloc (kg_req *req, size_t size)
{
  void *p = malloc (size);
  if (req->nmemory == 16 || !p)
    abort ();
  return req->memory[req->nmemory++] = p;
}

static kg_ticket *
host_suspend (kg_req *req, void (*gone) (void *), void *arg)
{
  pthread_mutex_lock (&req->lock);
  req->state = REQ_WAITING;
  req->on_gone = gone;
  req->gone_arg = arg;
  pthread_mutex_unlock (&req->lock);
  return (kg_ticket *) req;
}

static void
host_resume (kg_ticket *ticket, kg_fn *then, void *arg, void (*drop) (void *))
{
  kg_req *req = (kg_req *) ticket;
  (void) drop;
  pthread_mutex_lock (&req->lock);
  if (req->state != REQ_WAITING)
    abort (); /* used twice */
  req->state = REQ_RESUMED;
  req->then = then;
  req->arg = arg;
  pthread_cond_signal (&req->changed);
  pthread_mutex_unlock (&req->lock);
}

static const struct kg_host table = {
  .abi = KG_ABI_CURRENT,
  .size = sizeof table,
  .num = host_num,
  .alloc = host_alloc,
  .suspend = host_suspend,
  .resume = host_resume,
};

/* ---- Requests ------------------------------------------------------------------ */

struct kg_req *
req_create (int64_t worker)
{
  struct kg_req *req = calloc (1, sizeof *req);
  if (!req)
    abort ();
  req->worker = worker;
  pthread_mutex_init (&req->lock, NULL);
  pthread_cond_init (&req->changed, NULL);
  return req;
}

void
req_destroy (struct kg_req *req)
{
  while (req->nmemory)
    free (req->memory[--req->nmemory]);
  pthread_mutex_destroy (&req->lock);
  pthread_cond_destroy (&req->changed);
  free (req);
}

int32_t
req_wait (struct kg_req *req)
{
  pthread_mutex_lock (&req->lock);
  while (req->state == REQ_WAITING)
    pthread_cond_wait (&req->changed, &req->lock);
  pthread_mutex_unlock (&req->lock);
  return req->then (req, req->arg);
}

int64_t test_fresh_marks;

/* ---- Stores ---------------------------------------------------------------------- */

void
test_dir (char dir[64])
{
  const char *tmp = getenv ("TMPDIR");
  snprintf (dir, 64, "%s/kgent-store-XXXXXX", tmp && strlen (tmp) < 40 ? tmp : "/tmp");
  if (!mkdtemp (dir))
    abort ();
}

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void) st;
  (void) type;
  (void) ftw;
  return remove (path);
}

void
test_dir_remove (const char *dir)
{
  nftw (dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int64_t
test_rows (const char *dir, const char *name)
{
  sqlite3 *db;
  sqlite3_stmt *stmt;
  char text[128];
  int64_t n;
  snprintf (text, sizeof text, "%s/kgent.db", dir);
  if (sqlite3_open_v2 (text, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
    abort ();
  snprintf (text, sizeof text, "SELECT count (*) FROM %s", name);
  if (sqlite3_prepare_v2 (db, text, -1, &stmt, NULL) != SQLITE_OK
      || sqlite3_step (stmt) != SQLITE_ROW)
    abort ();
  n = sqlite3_column_int64 (stmt, 0);
  sqlite3_finalize (stmt);
  sqlite3_close (db);
  return n;
}

int32_t
test_create (struct test_store *t, const char *dir, const char *commit)
{
  struct store_settings settings
      = { "sqlite", dir, commit, "r1", RING_SIZE_MIN, test_fresh_marks };
  int32_t r;
  memset (t, 0, sizeof *t);
  snprintf (t->dir, sizeof t->dir, "%s", dir);
  t->host.table = &table;
  t->core = (struct kg_self){ .magic = SELF_MAGIC, .name = "core", .host = &t->host };
  r = store_create (&t->host, &t->core, &settings, &t->store, t->error);
  if (r < 0)
    return r;
  if (store_service.bucket (&t->core, "keys", &t->keys)
      || store_service.bucket (&t->core, "other", &t->other)
      || store_service.log (&t->core, "usage", 0, 0, &t->usage)
      || store_service.log (&t->core, "webhooks", 30, 0, &t->webhooks)
      || store_service.cursor (&t->core, t->usage, "export", &t->cursor))
    abort ();
  return 0;
}

int32_t
test_start (struct test_store *t, const char *dir, const char *commit, uint32_t workers)
{
  int32_t r = test_create (t, dir, commit);
  if (r < 0)
    return r;
  r = store_start (t->store, workers, t->error);
  if (r < 0) {
    store_destroy (t->store);
    t->store = NULL;
  }
  return r;
}

int32_t
test_stop (struct test_store *t)
{
  int32_t r = store_stop (t->store);
  store_destroy (t->store);
  t->store = NULL;
  return r;
}

int32_t
test_record (struct test_store *t, int64_t worker, const char *data, size_t len, char *id)
{
  struct kg_req *req = req_create (worker);
  kg_str name = { NULL, 0 };
  int32_t r = store_service.record (t->usage, req, data, len, &name);
  if (id && name.ptr)
    memcpy (id, name.ptr, name.len + 1);
  if (r == KG_WAIT)
    r = req_wait (req);
  req_destroy (req);
  return r;
}

struct waiting {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int done;
  struct kg_outcome outcome;
};

static void
write_done (const struct kg_outcome *outcome, void *arg)
{
  struct waiting *w = arg;
  pthread_mutex_lock (&w->lock);
  w->outcome = *outcome;
  w->done = 1;
  pthread_cond_signal (&w->changed);
  pthread_mutex_unlock (&w->lock);
}

struct kg_outcome
test_write (struct test_store *t, const struct kg_op *ops, uint32_t n)
{
  struct waiting w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, { 0 } };
  int32_t r = store_service.write (&t->core, ops, n, sizeof *ops, write_done, &w);
  if (r < 0) {
    w.outcome.error = r;
    return w.outcome;
  }
  pthread_mutex_lock (&w.lock);
  while (!w.done)
    pthread_cond_wait (&w.changed, &w.lock);
  pthread_mutex_unlock (&w.lock);
  return w.outcome;
}

kg_str
test_str (const char *s)
{
  return (kg_str){ s, strlen (s) };
}

struct kg_outcome
test_put (struct test_store *t, const char *key, const char *value, uint64_t revision,
          int64_t ttl_ms)
{
  struct kg_op op = { .kind = value ? KG_OP_PUT : KG_OP_DELETE,
                      .bucket = t->keys,
                      .key = test_str (key),
                      .revision = revision,
                      .ttl_ms = ttl_ms };
  if (value)
    op.value = test_str (value);
  return test_write (t, &op, 1);
}

struct kg_outcome
test_append (struct test_store *t, const char *id, const char *data)
{
  struct kg_op op = {
    .kind = KG_OP_APPEND, .log = t->webhooks, .key = test_str (id), .value = test_str (data)
  };
  return test_write (t, &op, 1);
}

const char *
test_get (struct test_store *t, const char *key)
{
  static char value[4096];
  struct kg_entry e;
  if (store_service.get (t->keys, test_str (key), &e) < 0)
    return NULL;
  snprintf (value, sizeof value, "%.*s", (int) e.value.len, e.value.ptr);
  return value;
}

struct counting {
  int64_t n;
  uint64_t last;
};

static int32_t
count_one (const struct kg_record *record, void *arg)
{
  struct counting *c = arg;
  if (record->sequence <= c->last)
    abort (); /* out of order */
  c->last = record->sequence;
  c->n++;
  return 0;
}

int64_t
test_count (kg_log *log)
{
  struct counting c = { 0, 0 };
  int32_t r;
  while ((r = store_service.read (log, c.last, 100, count_one, &c)) > 0)
    ;
  return r < 0 ? r : c.n;
}

int
test_newest (struct test_store *t, kg_log *log, uint64_t newest)
{
  (void) t;
  for (int i = 0; i < 10000; i++) {
    struct timespec ms = { 0, 1000000 };
    if (store_service.newest (log) >= newest)
      return 1;
    nanosleep (&ms, NULL);
  }
  return 0;
}
