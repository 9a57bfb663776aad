/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Two processes on one folder, as during a handover; and workers that read while
 * others write. */
#include "store_host.h"

#include "core/util/clock.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RECORDS 500
#define STEPS 60

static char dir[64];
static struct test_store t;
static pid_t child;
static int to_child[2], to_parent[2];

static void
setup (void)
{
  test_dir (dir);
  child = 0;
  ck_assert_int_eq (pipe (to_child), 0);
  ck_assert_int_eq (pipe (to_parent), 0);
}

static void
teardown (void)
{
  if (child) {
    kill (child, SIGKILL);
    waitpid (child, NULL, 0);
  }
  if (t.store)
    test_stop (&t);
  test_dir_remove (dir);
}

static void
sleep_ms (long ms)
{
  struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
  nanosleep (&ts, NULL);
}

static void
say (int fd)
{
  if (write (fd, "x", 1) != 1)
    abort ();
}

static void
hear (int fd)
{
  char c;
  if (read (fd, &c, 1) != 1)
    abort ();
}

/* ---- What a process does ------------------------------------------------------------ */

/* Adds one to the counter, whoever else does the same. */
static void
count_up (void)
{
  for (;;) {
    struct kg_entry e;
    char value[16];
    struct kg_op op = { .kind = KG_OP_PUT, .bucket = t.keys, .key = { "n", 1 } };
    int32_t r = store_service.get (t.keys, test_str ("n"), &e);
    snprintf (value, sizeof value, "%d", r < 0 ? 1 : atoi (e.value.ptr) + 1);
    op.value = test_str (value);
    op.revision = r < 0 ? KG_REV_NEW : e.revision;
    r = test_write (&t, &op, 1).error;
    if (!r)
      return;
    if (r != -ESTALE && r != -EEXIST)
      abort ();
    sleep_ms (1);
  }
}

static void
work (char who)
{
  for (int i = 0; i < RECORDS; i++) {
    char data[32];
    int n = snprintf (data, sizeof data, "%c%d", who, i);
    if (test_record (&t, i % 2, data, (size_t) n, NULL) != 0)
      abort ();
  }
  for (int i = 0; i < STEPS; i++)
    count_up ();
}

static void
fork_child (const char *commit, void (*fn) (void))
{
  child = fork ();
  if (child) {
    close (to_child[0]);
    close (to_parent[1]); /* so that its death is heard */
    return;
  }
  if (test_start (&t, dir, commit, 2) < 0) {
    fprintf (stderr, "%s\n", t.error);
    _exit (2);
  }
  say (to_parent[1]);
  hear (to_child[0]);
  fn ();
  _exit (test_stop (&t) < 0 ? 3 : 0);
}

static void
child_works (void)
{
  work ('c');
}

static void
child_ended (void)
{
  int status;
  waitpid (child, &status, 0);
  child = 0;
  ck_assert_int_eq (status, 0);
}

/* ---- Cases ---------------------------------------------------------------------------- */

static const char *const modes[] = { "power", "process" };

START_TEST (both_write)
{
  char expected[16];
  fork_child (modes[_i], child_works);
  ck_assert_int_eq (test_start (&t, dir, modes[_i], 2), 0);
  hear (to_parent[0]);
  say (to_child[1]);
  work ('p');
  child_ended ();
  ck_assert (test_newest (&t, t.usage, 2 * RECORDS));
  ck_assert_int_eq (test_count (t.usage), 2 * RECORDS);
  snprintf (expected, sizeof expected, "%d", 2 * STEPS);
  for (int i = 0; i < 1000 && strcmp (test_get (&t, "n"), expected); i++)
    sleep_ms (1);
  ck_assert_str_eq (test_get (&t, "n"), expected);
}
END_TEST

struct seen {
  _Atomic int puts, deletes;
};

static void
watch_note (const struct kg_entry *e, void *arg)
{
  struct seen *s = arg;
  if (e->value.ptr)
    s->puts++;
  else
    s->deletes++;
}

static void
child_changes (void)
{
  struct kg_op ack = { .kind = KG_OP_ACK, .cursor = t.cursor, .revision = 1 };
  test_put (&t, "a", "1", KG_REV_ANY, 0);
  hear (to_child[0]);
  test_put (&t, "a", NULL, KG_REV_ANY, 0);
  test_record (&t, 0, "x", 1, NULL);
  test_write (&t, &ack, 1);
  hear (to_child[0]);
}

static void
until (_Atomic int *what)
{
  int64_t begin = clock_mono ();
  while (!*what && clock_mono () - begin < 5 * CLOCK_SECOND)
    sleep_ms (1);
  ck_assert_int_le (clock_mono () - begin, CLOCK_SECOND);
}

START_TEST (changes_reach_the_other_within_a_second)
{
  struct seen seen = { 0 };
  fork_child ("power", child_changes);
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.watch (t.keys, watch_note, &seen), 0);
  ck_assert_int_eq (store_start (t.store, 2, t.error), 0);
  hear (to_parent[0]);
  say (to_child[1]);
  until (&seen.puts);
  ck_assert_str_eq (test_get (&t, "a"), "1");
  say (to_child[1]);
  until (&seen.deletes);
  ck_assert_ptr_null (test_get (&t, "a"));
  for (int i = 0; i < 1000 && !store_service.position (t.cursor); i++)
    sleep_ms (1);
  ck_assert_uint_eq (store_service.position (t.cursor), 1);
  ck_assert_uint_eq (store_service.newest (t.usage), 1);
  say (to_child[1]);
  child_ended ();
}
END_TEST

static void
child_dies (void)
{
  for (int i = 0; i < 100; i++)
    test_record (&t, 0, "x", 1, NULL);
  raise (SIGKILL);
}

START_TEST (the_survivor_takes_what_the_other_left)
{
  int status;
  fork_child ("process", child_dies);
  ck_assert_int_eq (test_start (&t, dir, "process", 2), 0);
  hear (to_parent[0]);
  say (to_child[1]);
  waitpid (child, &status, 0);
  child = 0;
  ck_assert (WIFSIGNALED (status));
  ck_assert (test_newest (&t, t.usage, 100));
  ck_assert_int_eq (test_count (t.usage), 100);
}
END_TEST

/* ---- Workers that read ------------------------------------------------------------------ */

static _Atomic int stop;

static void *
worker_main (void *arg)
{
  uint32_t worker = (uint32_t) (intptr_t) arg;
  int64_t wrong = 0;
  while (!stop) {
    store_quiescent (t.store, worker);
    for (int i = 0; i < 20; i++) {
      struct kg_entry e;
      char key[16];
      snprintf (key, sizeof key, "k%d", i);
      if (store_service.get (t.keys, test_str (key), &e) == 0)
        wrong += memcmp (e.value.ptr, key, strlen (key)) != 0;
    }
    store_worker_idle (t.store, worker);
    sched_yield ();
  }
  store_worker_idle (t.store, worker);
  return (void *) (intptr_t) wrong;
}

START_TEST (workers_read_while_others_write)
{
  pthread_t threads[2];
  ck_assert_int_eq (test_start (&t, dir, "process", 2), 0);
  stop = 0;
  for (intptr_t i = 0; i < 2; i++)
    pthread_create (&threads[i], NULL, worker_main, (void *) i);
  for (int i = 0; i < 2000; i++) {
    char key[16], value[32];
    snprintf (key, sizeof key, "k%d", i % 25);
    snprintf (value, sizeof value, "%s=%d", key, i);
    test_put (&t, key, i % 7 ? value : NULL, KG_REV_ANY, 0);
  }
  stop = 1;
  for (int i = 0; i < 2; i++) {
    void *wrong;
    pthread_join (threads[i], &wrong);
    ck_assert_ptr_null (wrong);
  }
}
END_TEST

/* Holds the lock of checkpoints, as one does that takes its time: byte 121 of the WAL's
 * index, as SQLite's "WAL-mode File Format" has it. */
static void
child_checkpoints (void)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 121, .l_len = 1 };
  char path[128];
  int fd;
  snprintf (path, sizeof path, "%s/kgent.db-shm", dir);
  fd = open (path, O_RDWR | O_CLOEXEC);
  if (fd < 0 || fcntl (fd, F_SETLKW, &lock) < 0)
    abort ();
  say (to_parent[1]);
  hear (to_child[0]);
}

START_TEST (one_starts_while_the_other_checkpoints)
{
  fork_child (modes[_i], child_checkpoints);
  hear (to_parent[0]);
  say (to_child[1]);
  hear (to_parent[0]);
  ck_assert_msg (!test_start (&t, dir, modes[_i], 2), "%s", t.error);
  ck_assert_int_eq (test_record (&t, 0, "x", 1, NULL), 0);
  ck_assert (test_newest (&t, t.usage, 1));
  say (to_child[1]);
  child_ended ();
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("store_two");
  TCase *c = tcase_create ("store_two");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 120);
  tcase_add_loop_test (c, both_write, 0, 2);
  tcase_add_loop_test (c, one_starts_while_the_other_checkpoints, 0, 2);
  tcase_add_test (c, changes_reach_the_other_within_a_second);
  tcase_add_test (c, the_survivor_takes_what_the_other_left);
  tcase_add_test (c, workers_read_while_others_write);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
