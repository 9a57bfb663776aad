/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The power goes while a store is written to (FAULTS.md D02, D03): any of the states that the
 * disk may be left in can be opened.  With commit = "power" whatever was acknowledged is there,
 * once, under its id; with "process" nothing is there twice or by half.
 *
 * KGENT_STATES: how many states of each (200). */
#include "store_disk.h"
#include "store_host.h"

#include <check.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 3
#define EACH    40 /* records of each worker, and appends, of one life */
#define STATES  20 /* that one life is caught in */
#define MAX     (EACH * (WORKERS + 1))
#define FOUND   (MAX + STATES)

struct ack {
  char data[24], id[RING_ID_MAX]; /* id "": of an append, whose id is its data */
};

struct state {
  char dir[100];
  uint32_t acks; /* that had been given before */
  uint64_t seed;
};

static struct test_store t;
static char dir[64];
static struct ack acks[MAX];
static _Atomic uint32_t nacks, ntaken, threads;
static struct state states[STATES];
static struct kg_region region;

static void
pause_us (long us)
{
  struct timespec ts = { 0, us * 1000 };
  nanosleep (&ts, NULL);
}

/* ---- A life ----------------------------------------------------------------- */

/* An entry of the list is complete when nacks is behind it. */
static void
ack_note (const char *data, const char *id)
{
  uint32_t i = atomic_fetch_add (&ntaken, 1);
  snprintf (acks[i].data, sizeof acks[i].data, "%s", data);
  snprintf (acks[i].id, sizeof acks[i].id, "%s", id);
  while (atomic_load (&nacks) != i)
    pause_us (1);
  atomic_store (&nacks, i + 1);
}

static void *
records_main (void *arg)
{
  int worker = (int) (intptr_t) arg;
  char data[700] = { 0 }, id[RING_ID_MAX];
  for (int i = 0; i < EACH; i++) {
    int n = snprintf (data, sizeof data, "%d/%d", worker, i);
    if (test_record (&t, worker, data, (size_t) n + 1 + (size_t) (i * 37 % 600), id) == 0)
      ack_note (data, id);
    ((char *) region.ptr)[16384 * worker + i * 512 % 16384]++; /* its own part */
  }
  atomic_fetch_sub (&threads, 1);
  return NULL;
}

/* Each with an entry and a mark that must be there exactly when the record is. */
static void *
appends_main (void *arg)
{
  char data[24];
  (void) arg;
  for (int i = 0; i < EACH; i++) {
    struct kg_op ops[3] = { { .kind = KG_OP_APPEND, .log = t.webhooks },
                            { .kind = KG_OP_PUT, .bucket = t.keys, .revision = KG_REV_NEW },
                            { .kind = KG_OP_MARK, .log = t.webhooks } };
    snprintf (data, sizeof data, "a%d", i);
    ops[0].key = ops[0].value = ops[1].key = ops[1].value = ops[2].key = test_str (data);
    if (test_write (&t, ops, 3).error == 0)
      ack_note (data, "");
  }
  atomic_fetch_sub (&threads, 1);
  return NULL;
}

static void
state_take (struct state *s, const char *base, int i, uint64_t seed)
{
  snprintf (s->dir, sizeof s->dir, "%s.%d", base, i);
  s->seed = seed;
  s->acks = atomic_load (&nacks);
  disk_state (s->dir, seed);
}

static void
life_start (const char *commit)
{
  region = (struct kg_region){ .size = sizeof region };
  ck_assert_msg (test_start (&t, dir, commit, WORKERS) == 0, "%s", t.error);
  ck_assert_int_eq (store_service.region (&t.core, "torture", 65536, &region), 0);
  store_started (t.store, 1);
}

/* The last states are of its end. */
static void
life (const char *commit, uint64_t seed)
{
  pthread_t thread[WORKERS + 1];
  int n = 0;
  nacks = ntaken = 0;
  threads = WORKERS + 1;
  test_dir (dir);
  disk_watch (dir);
  life_start (commit);
  for (intptr_t i = 0; i <= WORKERS; i++)
    pthread_create (&thread[i], NULL, i < WORKERS ? records_main : appends_main, (void *) i);
  while (n < STATES - 2) {
    if (atomic_load (&threads))
      pause_us ((long) (random () % 1500));
    state_take (&states[n], dir, n, seed * STATES + (uint64_t) n);
    n++;
  }
  for (int i = 0; i <= WORKERS; i++)
    pthread_join (thread[i], NULL);
  state_take (&states[n], dir, n, seed * STATES + (uint64_t) n);
  n++;
  ck_assert_int_eq (test_stop (&t), 0);
  state_take (&states[n], dir, n, seed * STATES + (uint64_t) n);
  disk_watch (NULL);
  test_dir_remove (dir);
}

/* ---- What is left of it ------------------------------------------------------- */

struct found {
  struct ack list[FOUND];
  size_t n;
};

static struct found found;

static int
ack_compare (const void *a, const void *b)
{
  return strcmp (((const struct ack *) a)->data, ((const struct ack *) b)->data);
}

static int32_t
found_note (const struct kg_record *r, void *arg)
{
  struct ack *a = &found.list[found.n++];
  (void) arg;
  ck_assert_uint_lt (found.n, FOUND);
  snprintf (a->data, sizeof a->data, "%.*s", (int) r->data.len, r->data.ptr);
  snprintf (a->id, sizeof a->id, "%.*s", *r->data.ptr == 'a' ? 0 : (int) r->id.len, r->id.ptr);
  return 0;
}

static void
found_read (kg_log *log)
{
  size_t before = found.n;
  ck_assert_int_ge (store_service.read (log, 0, UINT32_MAX, found_note, NULL), 0);
  ck_assert_uint_eq (found.n - before, store_service.newest (log)); /* without a gap */
}

static void
intact_check (const struct state *s)
{
  char path[160];
  sqlite3 *db;
  sqlite3_stmt *stmt;
  snprintf (path, sizeof path, "%.99s/kgent.db", s->dir);
  ck_assert_int_eq (sqlite3_open (path, &db), SQLITE_OK);
  ck_assert_int_eq (sqlite3_prepare_v2 (db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
  ck_assert_int_eq (sqlite3_step (stmt), SQLITE_ROW);
  ck_assert_str_eq ((const char *) sqlite3_column_text (stmt, 0), "ok");
  sqlite3_finalize (stmt);
  sqlite3_close (db);
}

static void
acks_check (const struct state *s)
{
  for (uint32_t i = 0; i < s->acks; i++) {
    struct ack *a = bsearch (&acks[i], found.list, found.n, sizeof *a, ack_compare);
    ck_assert_msg (a != NULL, "seed %llu: lost: %s %s", (unsigned long long) s->seed, acks[i].data,
                   acks[i].id);
    ck_assert_str_eq (a->id, acks[i].id);
  }
}

static void
mark_note (uint32_t i, kg_str value, void *arg)
{
  ck_assert_uint_eq (value.len, 0);
  ((char *) arg)[i] = 1;
}

/* An append, its entry and its mark are there together. */
static void
pairs_check (void)
{
  char marked[EACH] = { 0 };
  struct ack want[EACH] = { 0 };
  kg_str ids[EACH];
  for (int i = 0; i < EACH; i++) {
    snprintf (want[i].data, sizeof want[i].data, "a%d", i);
    ids[i] = test_str (want[i].data);
  }
  ck_assert_int_ge (store_service.marks (t.webhooks, ids, EACH, mark_note, marked), 0);
  for (int i = 0; i < EACH; i++) {
    int there = bsearch (&want[i], found.list, found.n, sizeof want[i], ack_compare) != NULL;
    ck_assert_int_eq (there, test_get (&t, want[i].data) != NULL);
    ck_assert_int_eq (there, marked[i]);
  }
}

static void
state_check (const struct state *s, const char *commit)
{
  int32_t r;
  found.n = 0;
  region = (struct kg_region){ .size = sizeof region };
  r = test_start (&t, s->dir, commit, WORKERS);
  ck_assert_msg (r == 0, "seed %llu: %s", (unsigned long long) s->seed, t.error);
  ck_assert_int_eq (store_service.region (&t.core, "torture", 65536, &region), 0);
  store_started (t.store, 1);
  found_read (t.usage);
  found_read (t.webhooks);
  if (found.n)
    qsort (found.list, found.n, sizeof *found.list, ack_compare);
  for (size_t i = 1; i < found.n; i++)
    ck_assert_msg (strcmp (found.list[i - 1].data, found.list[i].data) != 0,
                   "seed %llu: twice: %s", (unsigned long long) s->seed, found.list[i].data);
  if (!strcmp (commit, "power"))
    acks_check (s);
  pairs_check ();
  ck_assert_int_eq (test_record (&t, 0, "new", 4, NULL), 0);
  ck_assert_int_eq (test_stop (&t), 0);
  intact_check (s);
  test_dir_remove (s->dir);
}

static const char *const modes[] = { "power", "process" };

START_TEST (the_power_goes)
{
  const char *env = getenv ("KGENT_STATES");
  long wanted = env ? atol (env) : 200, done = 0;
  disk_install ();
  test_fresh_marks = 7; /* so that runs are made */
  srandom (1);
  for (uint64_t seed = 1; done < wanted; seed++, done += STATES) {
    life (modes[_i], seed);
    for (int i = 0; i < STATES; i++)
      state_check (&states[i], modes[_i]);
    if (env && seed % 50 == 0)
      printf ("# %s: %ld states\n", modes[_i], done + STATES);
  }
  printf ("# %s: %ld states checked\n", modes[_i], done);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("store_power");
  TCase *c = tcase_create ("store_power");
  SRunner *sr;
  int failed;
  tcase_set_timeout (c, 0);
  tcase_add_loop_test (c, the_power_goes, 0, 2);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
