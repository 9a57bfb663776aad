/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Cold buckets: everything a bucket does, without a copy in memory.  With ENTRIES
 * in the environment (1000000) the last case prints what they cost. */
#include "store_host.h"
#include "store_vfs.h"

#include "tests/unit.h"

#include "core/util/clock.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEPS   60
#define ENTRIES 100000
#define PORTION 1000
#define GROWTH  (10ll << 20) /* bytes that any number of entries may cost the store */

struct seen {
  _Atomic int puts, deletes;
  _Atomic uint64_t bytes;
};

static char dir[64];
static struct test_store t;
static struct seen seen;

static void
note (const struct kg_entry *e, void *arg)
{
  struct seen *s = arg;
  if (e->value.ptr)
    s->puts++;
  else
    s->deletes++;
  s->bytes += e->key.len + e->value.len;
}

/* A store whose bucket "keys" is cold, and watched. */
static void
begin (int watched)
{
  seen = (struct seen){ 0 };
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.bucket2 (&t.core, "cold", KG_BUCKET_COLD, &t.keys), 0);
  if (watched)
    ck_assert_int_eq (store_service.watch (t.keys, note, &seen), 0);
  ck_assert_int_eq (store_start (t.store, 1, t.error), 0);
}

static void
end (void)
{
  ck_assert_int_eq (test_stop (&t), 0);
}

static void
first (void)
{
  test_dir (dir);
  begin (1);
}

static void
last (void)
{
  end ();
  test_dir_remove (dir);
}

static int
get (const char *key, struct kg_entry *ret)
{
  return store_service.get (t.keys, test_str (key), ret);
}

static void
pause_ms (long ms)
{
  struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
  nanosleep (&ts, NULL);
}

/* Waits for a number, at most 1 s: what the other process changed is told by then. */
static void
until (const _Atomic int *what, int number)
{
  for (int i = 0; i < 1000 && *what < number; i++)
    pause_ms (1);
  ck_assert_int_eq (*what, number);
}

START_TEST (flags)
{
  kg_bucket *b;
  test_dir (dir);
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.bucket2 (&t.core, "a", 2, &b), -EINVAL);
  ck_assert_int_eq (store_service.bucket2 (&t.core, "A", 0, &b), -EINVAL);
  ck_assert_int_eq (store_service.bucket2 (&t.core, "a", KG_BUCKET_COLD, &b), 0);
  ck_assert_int_eq (store_service.bucket (&t.core, "a", &b), -EEXIST);
  ck_assert_int_eq (store_service.bucket2 (&t.core, "keys", 0, &b), 0);
  ck_assert_int_eq (store_service.bucket2 (&t.core, "keys", KG_BUCKET_COLD, &b), -EEXIST);
  ck_assert_int_eq (store_start (t.store, 1, t.error), 0);
  ck_assert_int_eq (store_service.bucket2 (&t.core, "b", 0, &b), -EPERM);
  last ();
}
END_TEST

START_TEST (reads_what_was_written)
{
  struct kg_entry e;
  struct kg_outcome o;
  first ();
  ck_assert_int_eq (get ("a", &e), -ENOENT);
  o = test_put (&t, "a", "one", KG_REV_NEW, 0);
  ck_assert_int_eq (o.error, 0);
  ck_assert_int_eq (get ("a", &e), 0);
  ck_assert_int_eq (e.key.len, 1);
  ck_assert_str_eq (e.value.ptr, "one");
  ck_assert_uint_eq (e.revision, o.revision);
  ck_assert_int_gt (e.changed_ns, 0);
  ck_assert_int_eq (test_put (&t, "a", "two", KG_REV_NEW, 0).error, -EEXIST);
  ck_assert_int_eq (test_put (&t, "a", "two", e.revision, 0).error, 0);
  ck_assert_int_eq (test_put (&t, "a", "three", e.revision, 0).error, -ESTALE);
  ck_assert_str_eq (test_get (&t, "a"), "two");
  ck_assert_int_eq (test_put (&t, "a", NULL, KG_REV_ANY, 0).error, 0);
  ck_assert_int_eq (get ("a", &e), -ENOENT);
  ck_assert_int_eq (seen.puts, 2);
  ck_assert_int_eq (seen.deletes, 1);
  ck_assert_uint_eq (t.keys->mirror.count, 0);
  last ();
}
END_TEST

static int32_t
collect (const struct kg_entry *e, void *arg)
{
  strncat (arg, e->value.ptr, e->value.len);
  return 0;
}

START_TEST (scans)
{
  char all[16] = "";
  first ();
  test_put (&t, "a/2", "2", KG_REV_ANY, 0);
  test_put (&t, "a/1", "1", KG_REV_ANY, 0);
  test_put (&t, "b/3", "3", KG_REV_ANY, 0);
  ck_assert_int_eq (store_service.scan (t.keys, test_str ("a/"), collect, all), 0);
  ck_assert_str_eq (all, "12");
  last ();
}
END_TEST

START_TEST (what_a_thread_got_stays_its_own)
{
  struct kg_entry a, b;
  first ();
  test_put (&t, "a", "one", KG_REV_ANY, 0);
  ck_assert_int_eq (get ("a", &a), 0);
  test_put (&t, "a", "two", KG_REV_ANY, 0);
  ck_assert_str_eq (a.value.ptr, "one");
  ck_assert_int_eq (get ("a", &b), 0);
  ck_assert_str_eq (b.value.ptr, "two");
  last ();
}
END_TEST

START_TEST (time_to_live)
{
  struct kg_entry e;
  first ();
  test_put (&t, "a", "one", KG_REV_ANY, 3600000);
  ck_assert_int_eq (get ("a", &e), 0);
  ck_assert_int_gt (e.expires_ns, e.changed_ns);
  test_put (&t, "a", "one", KG_REV_ANY, 50);
  pause_ms (60);
  ck_assert_int_eq (get ("a", &e), -ENOENT);
  for (int i = 0; i < 5000 && !seen.deletes; i++)
    pause_ms (1);
  ck_assert_int_eq (seen.deletes, 1);
  last ();
}
END_TEST

#ifndef KG_DEBUG
START_TEST (not_for_workers)
{
  struct kg_entry e;
  first ();
  store_quiescent (t.store, 0);
  ck_assert_int_eq (get ("a", &e), -EDEADLK);
  store_worker_idle (t.store, 0);
  last ();
}
END_TEST
#endif

START_TEST (the_watch_shows_all_at_the_start)
{
  first ();
  test_put (&t, "a", "one", KG_REV_ANY, 0);
  test_put (&t, "b", "two", KG_REV_ANY, 0);
  test_put (&t, "c", "three", KG_REV_ANY, 0);
  test_put (&t, "c", NULL, KG_REV_ANY, 0);
  end ();
  begin (1);
  ck_assert_int_eq (seen.puts, 2);
  ck_assert_int_eq (seen.deletes, 0);
  ck_assert_str_eq (test_get (&t, "b"), "two");
  last ();
}
END_TEST

START_TEST (a_bucket_may_become_cold_and_back)
{
  test_dir (dir);
  ck_assert_int_eq (test_start (&t, dir, "power", 1), 0);
  test_put (&t, "a", "one", KG_REV_ANY, 0);
  end ();
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  t.keys->flags = KG_BUCKET_COLD; /* as if declared so */
  ck_assert_int_eq (store_start (t.store, 1, t.error), 0);
  ck_assert_uint_eq (t.keys->mirror.count, 0);
  ck_assert_str_eq (test_get (&t, "a"), "one");
  test_put (&t, "b", "two", KG_REV_ANY, 0);
  end ();
  ck_assert_int_eq (test_start (&t, dir, "power", 1), 0);
  ck_assert_uint_eq (t.keys->mirror.count, 2);
  ck_assert_str_eq (test_get (&t, "b"), "two");
  last ();
}
END_TEST

static void
fill (int n)
{
  static struct kg_op ops[PORTION];
  static char keys[PORTION][40], value[240];
  memset (value, 'v', sizeof value);
  for (int i = 0; i < n; i += PORTION) {
    for (int j = 0; j < PORTION; j++) {
      /* scattered over the tree, as random ids are */
      snprintf (keys[j], sizeof keys[j], "%08x-0000-4000-8000-%012x",
                (unsigned) (i + j) * 2654435761u, (unsigned) (i + j));
      ops[j] = (struct kg_op){ .kind = KG_OP_PUT, .bucket = t.keys };
      ops[j].key = test_str (keys[j]);
      ops[j].value = (kg_str){ value, sizeof value };
    }
    ck_assert_int_eq (test_write (&t, ops, PORTION).error, 0);
  }
}

/* The disk fails in the middle of the pass. */
static void
spoil (const struct kg_entry *e, void *arg)
{
  (void) e;
  if (++((struct seen *) arg)->puts == 10)
    vfs_plan (VFS_READ, 1, -1, VFS_ERROR, SQLITE_IOERR_READ);
}

/* An error is not taken for an absence. */
START_TEST (a_disk_that_cannot_be_read)
{
  struct kg_entry e;
  vfs_install ();
  first ();
  test_put (&t, "a", "one", KG_REV_ANY, 0);
  vfs_plan (VFS_READ | VFS_SHM, 1, -1, VFS_ERROR, SQLITE_IOERR_READ);
  ck_assert_int_eq (get ("a", &e), -EIO);
  vfs_clear ();
  ck_assert_int_eq (get ("a", &e), 0);
  for (int i = 0; i < 10000 && store_trouble (t.store); i++)
    pause_ms (1);
  last ();
}
END_TEST

START_TEST (a_start_that_cannot_read_it)
{
  vfs_install ();
  first ();
  fill (20 * PORTION); /* more than SQLite caches */
  end ();
  seen = (struct seen){ 0 };
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.bucket2 (&t.core, "cold", KG_BUCKET_COLD, &t.keys), 0);
  ck_assert_int_eq (store_service.watch (t.keys, spoil, &seen), 0);
  ck_assert_int_lt (store_start (t.store, 1, t.error), 0);
  ck_assert_ptr_nonnull (strstr (t.error, "kgent.db"));
  vfs_clear ();
  store_destroy (t.store);
  begin (1);
  ck_assert_int_eq (seen.puts, 20 * PORTION);
  last ();
}
END_TEST

/* ---- Two processes ----------------------------------------------------------- */

/* Adds one to the counter, whoever else does the same. */
static void
count_up (void)
{
  for (;;) {
    struct kg_entry e;
    char value[16];
    int r = get ("n", &e);
    snprintf (value, sizeof value, "%d", r < 0 ? 1 : atoi (e.value.ptr) + 1);
    r = test_put (&t, "n", value, r < 0 ? KG_REV_NEW : e.revision, 0).error;
    if (!r)
      return;
    if (r != -ESTALE && r != -EEXIST)
      abort ();
  }
}

static void
counts (void)
{
  for (int i = 0; i < STEPS; i++)
    count_up ();
}

/* Another process on the same store, which does `fn`. */
static pid_t
other (void (*fn) (void))
{
  pid_t pid = fork ();
  if (pid)
    return pid;
  begin (0);
  fn ();
  _exit (test_stop (&t) < 0 ? 3 : 0);
}

static void
ended_well (pid_t pid)
{
  int status;
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  ck_assert_int_eq (status, 0);
}

START_TEST (two_processes_count)
{
  char expected[16];
  pid_t pid;
  test_dir (dir);
  pid = other (counts);
  begin (1);
  counts ();
  ended_well (pid);
  snprintf (expected, sizeof expected, "%d", 2 * STEPS);
  ck_assert_str_eq (test_get (&t, "n"), expected); /* read from the disk: no delay */
  last ();
}
END_TEST

static void
changes (void)
{
  test_put (&t, "a", "one", KG_REV_ANY, 0);
  test_put (&t, "b", "two", KG_REV_ANY, 0);
  pause_ms (300); /* so that the other sees it before */
  test_put (&t, "a", NULL, KG_REV_ANY, 0);
}

START_TEST (the_other_one_is_told)
{
  pid_t pid;
  test_dir (dir);
  begin (1);
  end ();
  pid = other (changes);
  begin (1);
  ended_well (pid);
  until (&seen.deletes, 1);
  ck_assert_int_ge (seen.puts, 2);
  last ();
}
END_TEST

/* ---- Many ------------------------------------------------------------------------ */

/* Checkers of memory need a lot of it themselves. */
static int
checked (void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  return 1;
#else
  const char *preload = getenv ("LD_PRELOAD");
  return preload && strstr (preload, "vgpreload");
#endif
}

static int64_t
resident (void)
{
  char line[256];
  int64_t kib = 0;
  FILE *f = fopen ("/proc/self/status", "r");
  while (f && fgets (line, sizeof line, f))
    if (!strncmp (line, "VmRSS:", 6))
      kib = atoll (line + 6);
  if (f)
    fclose (f);
  return kib << 10;
}

static void
read_some (int n)
{
  struct kg_entry e;
  char key[40];
  for (unsigned i = 0; i < 10000; i++) {
    unsigned k = i * 7919 % (unsigned) n;
    snprintf (key, sizeof key, "%08x-0000-4000-8000-%012x", k * 2654435761u, k);
    ck_assert_int_eq (get (key, &e), 0);
    ck_assert_uint_eq (e.value.len, 240);
  }
}

START_TEST (many_cost_no_memory)
{
  int n = getenv ("ENTRIES") ? atoi (getenv ("ENTRIES")) : ENTRIES;
  int64_t before, start, pass, grown, reads;
  pid_t pid;
  test_dir (dir);
  pid = fork ();
  if (!pid) {
    begin (0);
    fill (n);
    _exit (test_stop (&t) < 0);
  }
  ended_well (pid);
  before = resident ();
  start = clock_mono ();
  begin (1);
  pass = clock_mono () - start;
  ck_assert_int_eq (seen.puts, n);
  ck_assert_uint_eq (seen.bytes, (uint64_t) n * (36 + 240));
  start = clock_mono ();
  read_some (n);
  reads = clock_mono () - start;
  grown = resident () - before;
  printf ("# %d entries: the store starts in %lld ms and has grown by %lld KiB, "
          "with 10,000 reads in %lld ms\n",
          n, (long long) (pass / CLOCK_MS), (long long) (grown >> 10),
          (long long) (reads / CLOCK_MS));
  ck_assert_int_lt (checked () ? 0 : grown, GROWTH);
  last ();
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    flags,
    reads_what_was_written,
    scans,
    what_a_thread_got_stays_its_own,
    time_to_live,
#ifndef KG_DEBUG
    not_for_workers,
#endif
    the_watch_shows_all_at_the_start,
    a_disk_that_cannot_be_read,
    a_start_that_cannot_read_it,
    a_bucket_may_become_cold_and_back,
    two_processes_count,
    the_other_one_is_told,
    many_cost_no_memory,
  };
  return unit_run ("store_cold", tests, sizeof tests / sizeof *tests);
}
