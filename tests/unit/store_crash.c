/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A process is killed again and again while it records and writes; whatever it
 * was told is there afterwards, once, under the id that it was told. */
#include "store_host.h"
#include "store_vfs.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 3
#define ROUNDS 40
#define ACK_LEN 96

static char dir[64];
static struct test_store t;

/* What the child says through the pipe when something was acknowledged. */
struct ack {
  char data[40];
  char id[ACK_LEN - 40]; /* "" : of an append, whose id is its data */
};

struct acks {
  struct ack *list;
  size_t n, cap;
};

static struct acks all;

static void
setup (void)
{
  test_dir (dir);
}

static void
teardown (void)
{
  if (t.store)
    test_stop (&t);
  test_dir_remove (dir);
  free (all.list);
  memset (&all, 0, sizeof all);
}

/* ---- The child ---------------------------------------------------------------------- */

struct child {
  int fd, round, worker;
};

static void
tell (int fd, const char *data, const char *id)
{
  struct ack a = { { 0 }, { 0 } };
  snprintf (a.data, sizeof a.data, "%s", data);
  snprintf (a.id, sizeof a.id, "%s", id);
  if (write (fd, &a, sizeof a) != sizeof a)
    _exit (3);
}

/* Records of growing length, on one worker's ring. */
static void *
child_records (void *arg)
{
  struct child *c = arg;
  char data[600], id[RING_ID_MAX];
  for (int i = 0;; i++) {
    memset (data, '.', sizeof data);
    int n = snprintf (data, sizeof data, "%d/%d/%d", c->round, c->worker, i);
    if (test_record (&t, c->worker, data, (size_t) n + 1 + (size_t) (i * 37 % 500), id) == 0)
      tell (c->fd, data, id);
  }
  return NULL;
}

/* Appends, each with an entry that must be there exactly when the record is. */
static void *
child_appends (void *arg)
{
  struct child *c = arg;
  char data[40];
  for (int i = 0;; i++) {
    struct kg_op ops[2] = { { .kind = KG_OP_APPEND, .log = t.webhooks },
                            { .kind = KG_OP_PUT, .bucket = t.keys, .revision = KG_REV_NEW } };
    snprintf (data, sizeof data, "a%d/%d", c->round, i);
    ops[0].key = ops[0].value = ops[1].key = ops[1].value = test_str (data);
    if (test_write (&t, ops, 2).error == 0)
      tell (c->fd, data, "");
  }
  return NULL;
}

static void
child_main (int fd, int round, const char *commit)
{
  static struct child children[WORKERS + 1];
  pthread_t thread;
  if (test_start (&t, dir, commit, WORKERS) < 0)
    _exit (2);
  for (int i = 0; i <= WORKERS; i++) {
    children[i] = (struct child){ fd, round, i };
    pthread_create (&thread, NULL, i < WORKERS ? child_records : child_appends, &children[i]);
  }
  pthread_join (thread, NULL);
  _exit (0);
}

/* ---- The parent ----------------------------------------------------------------------- */

static void
acks_read (int fd)
{
  struct ack a;
  while (read (fd, &a, sizeof a) == sizeof a) {
    if (all.n == all.cap) {
      all.cap = all.cap ? 2 * all.cap : 1024;
      all.list = realloc (all.list, all.cap * sizeof *all.list);
    }
    all.list[all.n++] = a;
  }
}

static int
ack_compare (const void *a, const void *b)
{
  return strcmp (((const struct ack *) a)->data, ((const struct ack *) b)->data);
}

static void
pause_us (long us)
{
  struct timespec ts = { 0, us * 1000 };
  nanosleep (&ts, NULL);
}

static int
crash_once (int round, const char *commit, void (*plan) (int), int arg)
{
  int fds[2], status;
  pid_t pid;
  ck_assert_int_eq (pipe (fds), 0);
  pid = fork ();
  if (!pid) {
    close (fds[0]);
    if (plan)
      plan (arg);
    child_main (fds[1], round, commit);
  }
  close (fds[1]);
  if (!plan) {
    pause_us (20000 + rand () % 60000);
    kill (pid, SIGKILL);
  }
  acks_read (fds[0]);
  close (fds[0]);
  waitpid (pid, &status, 0);
  ck_assert_msg (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL,
                 "child ended with status %x", status);
  return 0;
}

struct found {
  struct acks list; /* what is in the logs */
};

static int32_t
found_note (const struct kg_record *r, void *arg)
{
  struct acks *l = arg;
  if (l->n == l->cap) {
    l->cap = l->cap ? 2 * l->cap : 1024;
    l->list = realloc (l->list, l->cap * sizeof *l->list);
  }
  memset (&l->list[l->n], 0, sizeof *l->list);
  snprintf (l->list[l->n].data, sizeof l->list->data, "%.*s", (int) r->data.len, r->data.ptr);
  if (*r->data.ptr != 'a')
    snprintf (l->list[l->n].id, sizeof l->list->id, "%.*s", (int) r->id.len, r->id.ptr);
  l->n++;
  return 0;
}

static void
found_read (struct acks *found, kg_log *log)
{
  uint64_t newest = store_service.newest (log);
  size_t before = found->n;
  ck_assert_int_ge (store_service.read (log, 0, UINT32_MAX, found_note, found), 0);
  ck_assert_uint_eq (found->n - before, newest); /* without a gap */
}

/* Everything that was acknowledged is there, under its id; nothing twice; each
 * append with its entry. */
static void
check_all (const char *commit)
{
  struct acks found = { NULL, 0, 0 };
  ck_assert_msg (test_start (&t, dir, commit, WORKERS) == 0, "%s", t.error);
  ck_assert_uint_eq (atomic_load (&t.store->lost), 0);
  found_read (&found, t.usage);
  found_read (&found, t.webhooks);
  if (found.n)
    qsort (found.list, found.n, sizeof *found.list, ack_compare);
  for (size_t i = 1; i < found.n; i++)
    ck_assert_str_ne (found.list[i - 1].data, found.list[i].data);
  for (size_t i = 0; i < all.n; i++) {
    struct ack *a = bsearch (&all.list[i], found.list, found.n, sizeof *a, ack_compare);
    ck_assert_msg (a != NULL, "lost: %s %s", all.list[i].data, all.list[i].id);
    ck_assert_str_eq (a->id, all.list[i].id);
  }
  for (size_t i = 0; i < found.n; i++)
    if (found.list[i].data[0] == 'a')
      ck_assert_ptr_nonnull (test_get (&t, found.list[i].data));
  free (found.list);
  ck_assert_int_eq (test_stop (&t), 0);
}

/* A process that is still among the rows has its rings: who finds none knows that records
 * are lost. */
static void
check_rings (void)
{
  char path[160];
  sqlite3 *db;
  sqlite3_stmt *stmt;
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  ck_assert_int_eq (sqlite3_open (path, &db), SQLITE_OK);
  ck_assert_int_eq (sqlite3_prepare_v2 (db, "SELECT epoch FROM process JOIN ring USING (epoch)",
                                        -1, &stmt, NULL),
                    SQLITE_OK);
  while (sqlite3_step (stmt) == SQLITE_ROW) {
    snprintf (path, sizeof path, "%s/rings/%08llx.ring", dir,
              (unsigned long long) sqlite3_column_int64 (stmt, 0));
    ck_assert_msg (access (path, F_OK) == 0, "%s is gone", path);
  }
  sqlite3_finalize (stmt);
  sqlite3_close (db);
}

static const char *const modes[] = { "power", "process" };

START_TEST (killed_at_random)
{
  srand (4711);
  for (int i = 0; i < ROUNDS; i++) {
    crash_once (i, modes[_i], NULL, 0);
    if (i % 4 == 3) /* sometimes several dead processes have left rings */
      check_all (modes[_i]);
  }
  ck_assert_uint_gt (all.n, 0);
}
END_TEST

static void
plan_kill (int nth)
{
  vfs_install ();
  vfs_plan (VFS_WRITE | VFS_SYNC | VFS_TRUNCATE | VFS_OPEN | VFS_DELETE, nth, -1, VFS_KILL, 0);
}

static void
plan_torn (int nth)
{
  vfs_install ();
  vfs_plan (VFS_WRITE, nth, -1, VFS_TORN, 0);
}

START_TEST (killed_before_every_file_operation)
{
  for (int i = 1; i <= 60; i++) {
    crash_once (i, modes[_i], plan_kill, i);
    if (i % 5 == 0)
      check_all (modes[_i]);
  }
}
END_TEST

START_TEST (killed_in_the_middle_of_every_write)
{
  for (int i = 1; i <= 60; i++) {
    crash_once (i, modes[_i], plan_torn, i);
    if (i % 5 == 0)
      check_all (modes[_i]);
  }
}
END_TEST

/* In good order it has written everything and gives its files up: nothing of them may
 * look like work that was left over. */
static void
ending_main (int fd, int round, const char *commit, int nth)
{
  char data[40], id[RING_ID_MAX];
  vfs_install ();
  if (test_start (&t, dir, commit, WORKERS) < 0)
    _exit (2);
  for (int i = 0; i < 5; i++) {
    int n = snprintf (data, sizeof data, "%d/%d/%d", round, i % WORKERS, i);
    if (test_record (&t, i % WORKERS, data, (size_t) n + 1, id) == 0)
      tell (fd, data, id);
  }
  vfs_plan (VFS_WRITE | VFS_SYNC | VFS_TRUNCATE | VFS_OPEN | VFS_DELETE, nth, -1, VFS_KILL, 0);
  test_stop (&t);
  _exit (0);
}

START_TEST (killed_while_it_ends)
{
  for (int i = 1; i <= 40; i++) {
    int status, fd[2];
    pid_t pid;
    ck_assert_int_eq (pipe (fd), 0);
    pid = fork ();
    if (!pid)
      ending_main (fd[1], i, modes[_i], i);
    close (fd[1]);
    acks_read (fd[0]);
    close (fd[0]);
    waitpid (pid, &status, 0);
    check_rings ();
    check_all (modes[_i]);
  }
}
END_TEST

/* A commit whose sync failed lies complete in the WAL; its requests were told of
 * a failure, so it must not come back with the next process. */
static void
refused_main (int sync_fails_again)
{
  vfs_install ();
  if (test_start (&t, dir, "power", 1) < 0 || test_record (&t, 0, "good", 5, NULL) < 0)
    _exit (2);
  vfs_plan (VFS_SYNC, 1, sync_fails_again ? -1 : 1, VFS_ERROR, 1034 /* IOERR_FSYNC */);
  if (test_record (&t, 0, "refused", 8, NULL) >= 0)
    _exit (3);
  raise (SIGKILL);
}

START_TEST (killed_after_a_refusal)
{
  int status;
  pid_t pid = fork ();
  if (!pid)
    refused_main (_i);
  waitpid (pid, &status, 0);
  ck_assert_msg (WIFSIGNALED (status), "child ended with status %x", status);
  ck_assert_int_eq (test_start (&t, dir, "power", 1), 0);
  ck_assert_int_eq (test_count (t.usage), 1);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("store_crash");
  TCase *c = tcase_create ("store_crash");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 300);
  tcase_add_loop_test (c, killed_at_random, 0, 2);
  tcase_add_loop_test (c, killed_before_every_file_operation, 0, 2);
  tcase_add_loop_test (c, killed_in_the_middle_of_every_write, 0, 2);
  tcase_add_loop_test (c, killed_while_it_ends, 0, 2);
  tcase_add_loop_test (c, killed_after_a_refusal, 0, 2);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
