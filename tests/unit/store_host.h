/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A host that is just big enough for the store: requests that know their worker,
 * and tickets that remember how they were used. */
#ifndef TESTS_STORE_HOST_H
#define TESTS_STORE_HOST_H

#include "core/store.h"
#include "core/store_state.h"

#include <pthread.h>

/* Where a request is. */
#define REQ_RUNNING 0
#define REQ_WAITING 1
#define REQ_RESUMED 2 /* `then` has been called by req_turn or may be */

struct kg_req {
  int64_t worker, gone;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int32_t state;
  int32_t waited; /* the test's own */
  kg_fn *then;
  void *arg;
  void (*on_gone) (void *);
  void *gone_arg;
  void *memory[16]; /* from alloc */
  uint32_t nmemory;
};

struct test_store {
  struct host host;
  struct kg_self core;
  struct store *store;
  kg_log *usage, *webhooks;
  kg_bucket *keys, *other;
  kg_cursor *cursor;
  char dir[64];
  char error[STORE_ERROR_MAX];
};

/* The setting fresh_marks; 0: the default. */
extern int64_t test_fresh_marks;

/* Makes a folder for a test. */
void test_dir (char dir[64]);

/* Removes it. */
void test_dir_remove (const char *dir);

/* How many rows a table of the database in the folder has. */
int64_t test_rows (const char *dir, const char *name);

/* store_create and the declarations; 0 or what store_create answers. */
int32_t test_create (struct test_store *t, const char *dir, const char *commit);

/* The same, and store_start with this many workers. */
int32_t test_start (struct test_store *t, const char *dir, const char *commit,
                    uint32_t workers);

/* store_stop and store_destroy. */
int32_t test_stop (struct test_store *t);

struct kg_req *req_create (int64_t worker);
void req_destroy (struct kg_req *req);

/* Waits until a waiting request is resumed, and answers what its continuation
 * did. */
int32_t req_wait (struct kg_req *req);

/* Records and waits if need be: 0 or -errno.  The id goes to `id` (RING_ID_MAX),
 * which may be NULL. */
int32_t test_record (struct test_store *t, int64_t worker, const char *data, size_t len,
                     char *id);

/* Writes and waits for the outcome. */
struct kg_outcome test_write (struct test_store *t, const struct kg_op *ops, uint32_t n);

kg_str test_str (const char *s);

/* One put; its outcome. */
struct kg_outcome test_put (struct test_store *t, const char *key, const char *value,
                            uint64_t revision, int64_t ttl_ms);

/* One append; its outcome. */
struct kg_outcome test_append (struct test_store *t, const char *id, const char *data);

/* The value of a key in `keys`, in a static buffer; NULL without. */
const char *test_get (struct test_store *t, const char *key);

/* How many records a log has, read in portions. */
int64_t test_count (kg_log *log);

/* Waits (at most 10 s) until a log's newest sequence is at least this. */
int test_newest (struct test_store *t, kg_log *log, uint64_t newest);

#endif
