/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The disk refuses: what is told to whom, what stays, and that it recovers by
 * itself. */
#include "store_host.h"
#include "store_vfs.h"

#include "core/util/clock.h"

#include <check.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char dir[64];
static struct test_store t;

static void
setup (void)
{
  vfs_install ();
  test_dir (dir);
}

static void
teardown (void)
{
  vfs_clear ();
  if (t.store)
    test_stop (&t);
  test_dir_remove (dir);
}

static void
start (const char *commit)
{
  ck_assert_msg (test_start (&t, dir, commit, 2) == 0, "%s", t.error);
}

static void
sleep_ms (long ms)
{
  struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
  nanosleep (&ts, NULL);
}

/* Waits until the store is well again; the milliseconds that it took. */
static int
until_well (void)
{
  int64_t begin = clock_mono ();
  while (store_trouble (t.store) && clock_mono () - begin < 10 * CLOCK_SECOND)
    sleep_ms (5);
  ck_assert_int_eq (store_trouble (t.store), 0);
  return (int) ((clock_mono () - begin) / CLOCK_MS);
}

static const struct {
  uint32_t ops;
  int code;
  int32_t error;
} faults[] = {
  { VFS_WRITE, SQLITE_FULL, -ENOSPC },     { VFS_WRITE, SQLITE_IOERR_WRITE, -EIO },
  { VFS_SYNC, SQLITE_IOERR_FSYNC, -EIO },  { VFS_WRITE, SQLITE_READONLY, -EROFS },
  { VFS_SHM, SQLITE_IOERR_SHMLOCK, -EIO },
};
#define NFAULTS (int) (sizeof faults / sizeof faults[0])

/* A request that was told of the failure is not charged, and nobody else loses
 * anything. */
START_TEST (power_refuses_voids_and_recovers)
{
  start ("power");
  ck_assert_int_eq (test_record (&t, 0, "before", 6, NULL), 0);
  vfs_plan (faults[_i].ops, 1, -1, VFS_ERROR, faults[_i].code);
  ck_assert_int_eq (test_record (&t, 0, "refused", 7, NULL), faults[_i].error);
  ck_assert_int_eq (store_trouble (t.store), faults[_i].error);
  for (int i = 0; i < 20; i++)
    ck_assert_int_lt (test_record (&t, i % 3, "refused", 7, NULL), 0);
  ck_assert_int_lt (test_put (&t, "k", "v", KG_REV_ANY, 0).error, 0);
  sleep_ms (400); /* at least one probe fails */
  vfs_clear ();
  ck_assert_int_le (until_well (), 1000);
  ck_assert_int_eq (test_record (&t, 0, "after", 5, NULL), 0);
  ck_assert_int_eq (test_count (t.usage), 2);
  ck_assert_ptr_null (test_get (&t, "k"));
  ck_assert_int_eq (test_put (&t, "k", "v", KG_REV_ANY, 0).error, 0);
  ck_assert_int_eq (test_stop (&t), 0);
  start ("power");
  ck_assert_int_eq (test_count (t.usage), 2);
}
END_TEST

/* What was acknowledged before the disk failed is committed afterwards. */
START_TEST (process_keeps_and_recovers)
{
  int n = 0;
  int32_t r = 0;
  start ("process");
  vfs_plan (faults[_i].ops, 1, -1, VFS_ERROR, faults[_i].code);
  for (int i = 0; i < 400 && !r; i++) {
    r = test_record (&t, 0, "x", 1, NULL);
    n += r == 0;
    sleep_ms (1);
  }
  if (faults[_i].ops == VFS_SYNC) { /* it does not sync at each commit */
    vfs_clear ();
    return;
  }
  ck_assert_int_eq (r, faults[_i].error);
  ck_assert_int_gt (n, 0);
  sleep_ms (300);
  vfs_clear ();
  ck_assert_int_le (until_well (), 1000);
  ck_assert (test_newest (&t, t.usage, (uint64_t) n));
  ck_assert_int_eq (test_count (t.usage), n);
}
END_TEST

/* Stopped while the disk is ill: the rings stay, and the next start takes them. */
START_TEST (process_stopped_in_trouble)
{
  int n = 0;
  start ("process");
  vfs_plan (VFS_WRITE, 1, -1, VFS_ERROR, SQLITE_FULL);
  for (; n < 50; n++)
    if (test_record (&t, n % 3, "x", 1, NULL) < 0)
      break;
  ck_assert_int_gt (n, 0);
  ck_assert_int_eq (test_stop (&t), -ENOSPC);
  vfs_clear ();
  start ("process");
  ck_assert_int_eq (test_count (t.usage), n);
}
END_TEST

START_TEST (no_second_fsync_after_a_failed_one)
{
  start ("power");
  vfs_plan (VFS_SYNC, 1, 1, VFS_ERROR, SQLITE_IOERR_FSYNC); /* once, then success */
  ck_assert_int_lt (test_record (&t, 0, "x", 1, NULL), 0);
  until_well ();
  ck_assert_int_eq (test_record (&t, 0, "y", 1, NULL), 0);
  ck_assert_int_eq (vfs_syncs_after_failure (), 0);
  ck_assert_int_eq (test_count (t.usage), 1);
}
END_TEST

struct done {
  _Atomic int n;
  int32_t error;
};

static void
done_note (const struct kg_outcome *o, void *arg)
{
  struct done *d = arg;
  d->error = o->error;
  d->n++;
}

/* Each file operation of a transaction fails once: one answer per write, and the
 * entry is there exactly when it was promised. */
START_TEST (each_operation_fails_once)
{
  static const uint32_t kinds[] = { VFS_WRITE, VFS_SYNC, VFS_READ, VFS_SHM };
  start ("power");
  for (int kind = 0; kind < 4; kind++)
    for (int nth = 1; nth < 25; nth++) {
      struct done done = { 0, 0 };
      char key[32];
      struct kg_op op = { .kind = KG_OP_PUT, .bucket = t.keys, .revision = KG_REV_NEW };
      snprintf (key, sizeof key, "%d/%d", kind, nth);
      op.key = op.value = test_str (key);
      vfs_plan (kinds[kind], nth, 1, VFS_ERROR, SQLITE_IOERR);
      if (store_service.write (&t.core, &op, 1, sizeof op, done_note, &done) == 0)
        while (!done.n)
          sleep_ms (1);
      else
        done.error = -EAGAIN;
      vfs_clear ();
      until_well ();
      ck_assert_int_eq (done.error == 0, test_get (&t, key) != NULL);
    }
  ck_assert_int_eq (test_stop (&t), 0);
  start ("power");
  for (int kind = 0; kind < 4; kind++)
    for (int nth = 1; nth < 25; nth++) {
      char key[32];
      struct kg_entry e;
      snprintf (key, sizeof key, "%d/%d", kind, nth);
      store_service.get (t.keys, test_str (key), &e);
    }
}
END_TEST

START_TEST (a_slow_disk_blocks_no_worker)
{
  struct kg_req *req = req_create (0);
  int64_t begin;
  start ("power");
  vfs_plan (VFS_SYNC, 1, 1, VFS_SLOW, 700);
  begin = clock_mono ();
  ck_assert_int_eq (store_service.record (t.usage, req, "x", 1, NULL), KG_WAIT);
  ck_assert_int_lt (clock_mono () - begin, 100 * CLOCK_MS);
  ck_assert_int_eq (req_wait (req), 0);
  ck_assert_int_ge (clock_mono () - begin, 600 * CLOCK_MS);
  req_destroy (req);
}
END_TEST

/* Its deadline passes while it waits: refused, so not charged.  A client that
 * left is charged. */
START_TEST (a_request_that_expires_is_not_charged)
{
  struct kg_req *first = req_create (0), *req = req_create (0);
  start ("power");
  vfs_plan (VFS_SYNC, 1, 1, VFS_SLOW, 500);
  ck_assert_int_eq (store_service.record (t.usage, first, "x", 1, NULL), KG_WAIT);
  sleep_ms (100); /* the first one's transaction is being written */
  ck_assert_int_eq (store_service.record (t.usage, req, "y", 1, NULL), KG_WAIT);
  req->gone = _i;
  req->on_gone (req->gone_arg);
  ck_assert_int_eq (req_wait (first), 0);
  req_wait (req);
  ck_assert_int_eq (test_count (t.usage), 1 + _i);
  req_destroy (first);
  req_destroy (req);
}
END_TEST

/* The same, when the ring is full and the record travels with the waiter. */
START_TEST (an_expired_one_outside_of_the_ring_is_not_charged)
{
  static char data[8000];
  struct kg_req *reqs[20];
  int waiting = 0;
  start ("process");
  vfs_plan (VFS_WRITE, 1, 1, VFS_SLOW, 500);
  for (int i = 0; i < 20; i++) {
    reqs[i] = req_create (0);
    if (store_service.record (t.usage, reqs[i], data, sizeof data, NULL) != KG_WAIT)
      continue;
    waiting++;
    reqs[i]->waited = 1;
    sleep_ms (waiting == 1 ? 100 : 0); /* the committer is at the first ones now */
    if (waiting == 2)
      reqs[i]->on_gone (reqs[i]->gone_arg);
  }
  ck_assert_int_ge (waiting, 3);
  for (int i = 0; i < 20; i++) {
    if (reqs[i]->waited)
      ck_assert_int_eq (req_wait (reqs[i]), 0);
    req_destroy (reqs[i]);
  }
  ck_assert_int_eq (test_stop (&t), 0);
  start ("process");
  ck_assert_int_eq (test_count (t.usage), 19);
}
END_TEST

START_TEST (the_database_is_removed_and_put_back)
{
  char path[128], aside[128];
  int64_t n = 0;
  start ("power");
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  snprintf (aside, sizeof aside, "%s/aside", dir);
  ck_assert_int_eq (test_record (&t, 0, "x", 1, NULL), 0);
  ck_assert_int_eq (rename (path, aside), 0);
  ck_assert_int_lt (test_record (&t, 0, "x", 1, NULL), 0);
  sleep_ms (300);
  ck_assert_int_lt (test_record (&t, 0, "x", 1, NULL), 0);
  ck_assert_int_ne (access (path, F_OK), 0); /* no new, empty one */
  ck_assert_int_eq (rename (aside, path), 0);
  until_well ();
  for (int i = 0; i < 10; i++)
    n += test_record (&t, 0, "x", 1, NULL) == 0;
  ck_assert_int_eq (test_count (t.usage), n + 1);
}
END_TEST

/* Marks with large keys, in one write: its error. */
static int32_t
marks_write (uint32_t first, uint32_t n)
{
  static char key[2000][KG_KEY_MAX];
  static struct kg_op op[2000];
  for (uint32_t i = 0; i < n; i++) {
    memset (key[i], 'k', KG_KEY_MAX);
    snprintf (key[i], KG_KEY_MAX, "%u", first + i);
    op[i] = (struct kg_op){ .kind = KG_OP_MARK, .log = t.webhooks, .key = { key[i], KG_KEY_MAX } };
  }
  return test_write (&t, op, n).error;
}

static int64_t
file_size (const char *name)
{
  char path[128];
  struct stat st;
  snprintf (path, sizeof path, "%s/%s", dir, name);
  ck_assert_int_eq (stat (path, &st), 0);
  return st.st_size;
}

static uint32_t
runs (void)
{
  uint32_t n;
  pthread_mutex_lock (&t.store->marks.lock);
  n = t.store->marks.runs;
  pthread_mutex_unlock (&t.store->marks.lock);
  return n;
}

/* On a disk that has room for what others write, and not for a run of marks. */
START_TEST (a_run_that_finds_no_room_stops_nobody)
{
  int64_t begin;
  test_fresh_marks = 2000;
  start ("power");
  ck_assert_int_eq (marks_write (0, 1999), 0);
  vfs_room (file_size ("kgent.db-wal") + 400000);
  ck_assert_int_eq (marks_write (1999, 1), 0);
  begin = clock_mono ();
  for (int i = 0; clock_mono () - begin < 500 * CLOCK_MS; i++) {
    ck_assert_int_eq (i < 10 ? test_put (&t, "k", "v", KG_REV_ANY, 0).error : 0, 0);
    ck_assert_int_eq (store_trouble (t.store), 0);
    sleep_ms (20);
  }
  ck_assert_int_eq (runs (), 0);
  ck_assert_int_eq (marks_write (7, 1), -EEXIST);
  vfs_clear ();
  while (!runs () && clock_mono () - begin < 20 * CLOCK_SECOND)
    sleep_ms (20);
  ck_assert_int_eq (runs (), 1);
  ck_assert_int_eq (marks_write (7, 1), -EEXIST);
  ck_assert_int_eq (marks_write (2000, 1), 0);
  test_fresh_marks = 0;
}
END_TEST

/* On the committer's thread: as if there were so many that they cannot wait any longer. */
static void
marks_swell (const struct kg_entry *entry, void *arg)
{
  (void) entry;
  (void) arg;
  pthread_mutex_lock (&t.store->marks.lock);
  t.store->marks.fresh.count += MARKS_LATE;
  pthread_mutex_unlock (&t.store->marks.lock);
}

/* Marks that cannot wait any longer: as ill as with any other write,
 * though what tries the disk finds room. */
START_TEST (a_run_that_must_find_room_stops_all)
{
  int64_t begin;
  test_fresh_marks = 2000;
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.watch (t.keys, marks_swell, NULL), 0);
  ck_assert_int_eq (store_start (t.store, 1, t.error), 0);
  ck_assert_int_eq (marks_write (0, 1999), 0);
  vfs_room (file_size ("kgent.db-wal") + 400000);
  ck_assert_int_eq (marks_write (1999, 1), 0);
  ck_assert_int_eq (test_put (&t, "k", "v", KG_REV_ANY, 0).error, 0);
  begin = clock_mono ();
  while (!store_trouble (t.store) && clock_mono () - begin < 20 * CLOCK_SECOND)
    sleep_ms (1);
  for (begin = clock_mono (); clock_mono () - begin < CLOCK_SECOND; sleep_ms (1))
    ck_assert_int_eq (store_trouble (t.store), -ENOSPC);
  vfs_clear ();
  while (store_trouble (t.store) && clock_mono () - begin < 20 * CLOCK_SECOND)
    sleep_ms (20);
  ck_assert_int_eq (store_trouble (t.store), 0);
  ck_assert_int_eq (runs (), 1);
  ck_assert_int_eq (marks_write (7, 1), -EEXIST);
  test_fresh_marks = 0;
}
END_TEST

static void *
waiter_main (void *arg)
{
  int64_t n = 0;
  for (int i = 0; i < 100; i++)
    n += test_record (&t, (intptr_t) arg, "x", 1, NULL) == 0;
  return (void *) (intptr_t) n;
}

/* 64 threads that wait, while syncs fail now and then: as many records as
 * successes. */
START_TEST (many_waiters_and_failing_syncs)
{
  pthread_t threads[64];
  int64_t n = 0;
  start ("power");
  vfs_plan (VFS_SYNC, 20, 3, VFS_ERROR, SQLITE_IOERR_FSYNC);
  for (intptr_t i = 0; i < 64; i++) /* 2 and above: the ring that has a lock */
    pthread_create (&threads[i], NULL, waiter_main, (void *) (i < 2 ? i : 2));
  for (int i = 0; i < 64; i++) {
    void *ok;
    pthread_join (threads[i], &ok);
    n += (intptr_t) ok;
  }
  vfs_clear ();
  until_well ();
  ck_assert_int_gt (n, 0);
  ck_assert_int_lt (n, 6400);
  ck_assert_int_eq (test_count (t.usage), n);
  ck_assert_int_eq (test_stop (&t), 0);
  start ("power");
  ck_assert_int_eq (test_count (t.usage), n);
}
END_TEST

/* A bit flips in the database: that batch is skipped and reported, the others
 * are read. */
START_TEST (a_damaged_batch_is_skipped_and_reported)
{
  char path[128];
  sqlite3 *db;
  start ("power");
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq (test_record (&t, 0, "abc", 3, NULL), 0);
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  ck_assert_int_eq (sqlite3_open (path, &db), SQLITE_OK);
  ck_assert_int_eq (sqlite3_exec (db,
                                  "UPDATE batch SET data = substr (data, 1, length (data) - 1)"
                                  " || x'00' WHERE first = 2",
                                  NULL, NULL, NULL),
                    SQLITE_OK);
  sqlite3_close (db);
  ck_assert_int_eq (test_count (t.usage), 2);
  ck_assert_uint_eq (atomic_load (&t.store->lost), 1);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("store_faults");
  TCase *c = tcase_create ("store_faults");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 120);
  tcase_add_loop_test (c, power_refuses_voids_and_recovers, 0, NFAULTS);
  tcase_add_loop_test (c, process_keeps_and_recovers, 0, NFAULTS);
  tcase_add_test (c, process_stopped_in_trouble);
  tcase_add_test (c, no_second_fsync_after_a_failed_one);
  tcase_add_test (c, each_operation_fails_once);
  tcase_add_test (c, a_slow_disk_blocks_no_worker);
  tcase_add_loop_test (c, a_request_that_expires_is_not_charged, 0, 2);
  tcase_add_test (c, an_expired_one_outside_of_the_ring_is_not_charged);
  tcase_add_test (c, a_run_that_finds_no_room_stops_nobody);
  tcase_add_test (c, a_run_that_must_find_room_stops_all);
  tcase_add_test (c, the_database_is_removed_and_put_back);
  tcase_add_test (c, many_waiters_and_failing_syncs);
  tcase_add_test (c, a_damaged_batch_is_skipped_and_reported);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
