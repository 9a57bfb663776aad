/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Memory that processes share, also with those that are killed. */
#include "core/util/region.h"

#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BYTES  100000u
#define WAIT   10000000000ll
#define ROUNDS 200

static char dir[64], path[96];
static struct region mine;
static int pipes[2];

static void
begin (void)
{
  strcpy (dir, "/tmp/kgent-region-XXXXXX");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  snprintf (path, sizeof path, "%s/x.map", dir);
  ck_assert_int_eq (pipe (pipes), 0);
}

static void
end (void)
{
  unlink (path);
  rmdir (dir);
  close (pipes[0]);
  close (pipes[1]);
}

static uint64_t *
number (const struct region *r)
{
  return (uint64_t *) (void *) region_contents (r);
}

static void
pause_ms (long ms)
{
  struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
  nanosleep (&t, NULL);
}

/* A process that opens the region, settles it if told to, says so, does `fn` and
 * waits to be killed. */
static pid_t
holder (int settle, void (*fn) (struct region *))
{
  struct region r;
  char c = 'x';
  pid_t pid = fork ();
  if (pid) {
    ck_assert_int_eq (read (pipes[0], &c, 1), 1);
    return pid;
  }
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (region_open (&r, path, BYTES, WAIT) < 0)
    _exit (2);
  if (settle)
    region_settle (&r, 1);
  if (write (pipes[1], &c, 1) != 1)
    _exit (3);
  if (fn)
    fn (&r);
  for (;;)
    pause ();
}

static void
killed (pid_t pid)
{
  kill (pid, SIGKILL);
  ck_assert_int_eq (waitpid (pid, NULL, 0), pid);
}

START_TEST (it_outlives_its_process)
{
  begin ();
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  ck_assert_uint_eq (mine.flags, REGION_NEW | REGION_ALONE);
  ck_assert_uint_eq (region_bytes (&mine), BYTES);
  ck_assert_uint_eq (*number (&mine), 0);
  *number (&mine) = 7;
  region_contents (&mine)[BYTES - 1] = 'z';
  region_settle (&mine, 1);
  region_close (&mine);
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  ck_assert_uint_eq (mine.flags, REGION_ALONE);
  ck_assert_uint_eq (*number (&mine), 7);
  ck_assert_int_eq (region_contents (&mine)[BYTES - 1], 'z');
  region_close (&mine);
  end ();
}
END_TEST

START_TEST (another_size_or_file_is_made_anew)
{
  struct stat st;
  int fd;
  begin ();
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  *number (&mine) = 7;
  region_settle (&mine, 1);
  region_close (&mine);
  ck_assert_int_eq (region_open (&mine, path, 2 * BYTES, 0), 0);
  ck_assert_uint_eq (mine.flags, REGION_NEW | REGION_ALONE);
  ck_assert_uint_eq (*number (&mine), 0);
  region_settle (&mine, 1);
  region_close (&mine);
  fd = open (path, O_WRONLY | O_TRUNC);
  ck_assert_int_eq (write (fd, "something else", 14), 14);
  close (fd);
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  ck_assert_uint_eq (mine.flags, REGION_NEW | REGION_ALONE);
  ck_assert_int_eq (stat (path, &st), 0);
  ck_assert_int_eq (st.st_mode & 0777, 0600);
  region_close (&mine);
  end ();
}
END_TEST

START_TEST (what_cannot_be_a_region)
{
  begin ();
  ck_assert_int_eq (region_open (&mine, path, 0, 0), -EINVAL);
  ck_assert_int_eq (region_open (&mine, path, REGION_BYTES_MAX + 1, 0), -EINVAL);
  ck_assert_int_eq (region_open (&mine, dir, BYTES, 0), -EISDIR);
  ck_assert_int_eq (mkfifo (path, 0600), 0);
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), -EINVAL);
  ck_assert_int_eq (mine.fd, -1);
  end ();
}
END_TEST

START_TEST (an_unsettled_one_is_made_anew)
{
  begin ();
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  *number (&mine) = 7;
  region_settle (&mine, 0);
  region_close (&mine);
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  ck_assert_uint_eq (mine.flags, REGION_NEW | REGION_ALONE);
  ck_assert_uint_eq (*number (&mine), 0);
  region_settle (&mine, 1);
  region_close (&mine);
  /* A later one that fails, however, keeps what was there. */
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  *number (&mine) = 8;
  region_settle (&mine, 0);
  region_close (&mine);
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  ck_assert_uint_eq (mine.flags, REGION_ALONE);
  ck_assert_uint_eq (*number (&mine), 8);
  region_close (&mine);
  end ();
}
END_TEST

START_TEST (space_is_reserved)
{
  struct stat before, after;
  begin ();
  ck_assert_int_eq (region_open (&mine, path, 10 << 20, 0), 0);
  ck_assert_int_eq (stat (path, &before), 0);
  ck_assert_int_lt (before.st_blocks, 1000);
  ck_assert_int_eq (region_ensure (&mine, 5 << 20, 5 << 20), 0);
  ck_assert_int_eq (stat (path, &after), 0);
  ck_assert_int_ge (after.st_blocks, 10 << 10);
  ck_assert_int_eq (after.st_size, before.st_size);
  ck_assert_int_eq (region_ensure (&mine, 0, 0), -EINVAL);
  ck_assert_int_eq (region_ensure (&mine, 5 << 20, (5 << 20) + 1), -EINVAL);
  ck_assert_int_eq (region_ensure (&mine, UINT64_MAX, 2), -EINVAL);
  region_close (&mine);
  end ();
}
END_TEST

START_TEST (a_boot_has_one_number)
{
  ck_assert (region_boot () == region_boot ());
  ck_assert (region_boot () != 0);
}
END_TEST

/* ---- Several processes ------------------------------------------------------ */

static void
set_nine (struct region *r)
{
  *number (r) = 9;
}

START_TEST (a_killed_process_gives_its_slot_back)
{
  pid_t pid;
  begin ();
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  region_settle (&mine, 1);
  pid = holder (1, set_nine);
  ck_assert_uint_eq (mine.slot, 0);
  ck_assert_int_eq (region_held (&mine, 0), 1);
  ck_assert_int_eq (region_held (&mine, 1), 1);
  ck_assert_int_eq (region_held (&mine, 2), 0);
  ck_assert_int_eq (region_held (&mine, REGION_SLOTS), 0);
  for (int i = 0; i < 10000 && __atomic_load_n (number (&mine), __ATOMIC_RELAXED) != 9; i++)
    pause_ms (1);
  killed (pid);
  ck_assert_int_eq (region_held (&mine, 1), 0);
  ck_assert_uint_eq (*number (&mine), 9);
  region_close (&mine);
  end ();
}
END_TEST

START_TEST (not_alone)
{
  pid_t pid;
  begin ();
  pid = holder (1, NULL);
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  ck_assert_uint_eq (mine.flags, 0);
  ck_assert_uint_eq (mine.slot, 1);
  region_close (&mine);
  ck_assert_int_eq (region_open (&mine, path, BYTES + 1, 0), -EBUSY);
  killed (pid);
  ck_assert_int_eq (region_open (&mine, path, BYTES + 1, 0), 0);
  region_close (&mine);
  end ();
}
END_TEST

START_TEST (who_is_alone_is_not_disturbed)
{
  pid_t pid;
  begin ();
  pid = holder (0, set_nine);
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), -EBUSY);
  ck_assert_int_eq (region_open (&mine, path, BYTES, 50000000), -EBUSY);
  killed (pid);
  /* It never came through its start. */
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  ck_assert_uint_eq (mine.flags, REGION_NEW | REGION_ALONE);
  ck_assert_uint_eq (*number (&mine), 0);
  region_close (&mine);
  end ();
}
END_TEST

START_TEST (the_seventeenth_waits)
{
  pid_t pids[REGION_SLOTS], killer;
  begin ();
  for (uint32_t i = 0; i < REGION_SLOTS; i++)
    pids[i] = holder (1, NULL);
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), -EAGAIN);
  killer = fork ();
  if (!killer) {
    pause_ms (100);
    kill (pids[5], SIGKILL);
    _exit (0);
  }
  ck_assert_int_eq (region_open (&mine, path, BYTES, WAIT), 0);
  ck_assert_uint_eq (mine.slot, 5);
  ck_assert_uint_eq (mine.flags, 0);
  region_close (&mine);
  waitpid (killer, NULL, 0);
  for (uint32_t i = 0; i < REGION_SLOTS; i++)
    killed (pids[i]);
  end ();
}
END_TEST

/* Counts in the region, and how far it has come in memory of the test. */
static _Atomic uint64_t *told;

static void
count (struct region *r)
{
  for (;;) {
    __atomic_add_fetch (number (r), 1, __ATOMIC_RELAXED);
    ++*told;
  }
}

START_TEST (no_count_is_lost_to_kills)
{
  unsigned random = 1;
  begin ();
  told = mmap (NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < ROUNDS; i++) {
    pid_t pid = holder (1, count);
    random = random * 1103515245 + 12345;
    pause_ms (random >> 16 & 3);
    killed (pid);
  }
  ck_assert_int_eq (region_open (&mine, path, BYTES, 0), 0);
  ck_assert_uint_eq (mine.slot, 0);
  ck_assert_uint_ge (*number (&mine), *told);
  ck_assert_uint_le (*number (&mine), *told + ROUNDS);
  region_close (&mine);
  munmap ((void *) told, sizeof *told);
  end ();
}
END_TEST

UNIT_MAIN ("region", it_outlives_its_process, another_size_or_file_is_made_anew,
           what_cannot_be_a_region, an_unsettled_one_is_made_anew, space_is_reserved,
           a_boot_has_one_number, a_killed_process_gives_its_slot_back, not_alone,
           who_is_alone_is_not_disturbed, the_seventeenth_waits, no_count_is_lost_to_kills)
