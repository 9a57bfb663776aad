/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Rings in memory and in files: order, room, voids, damage. */
#include "core/rings.h"
#include "store_host.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE RING_SIZE_MIN

static char dir[64];
static struct ring ring;
static struct ring_control *control;
static char *memory;

static void
setup (void)
{
  test_dir (dir);
  control = aligned_alloc (64, RINGS_PAGE);
  memory = aligned_alloc (64, SIZE);
  memset (control, 0, RINGS_PAGE);
  memset (memory, 0, SIZE);
  ring_init (&ring, control, memory, SIZE, 12345);
}

static void
teardown (void)
{
  free (control);
  free (memory);
  test_dir_remove (dir);
}

static int
put (const char *data, size_t len)
{
  uint64_t position;
  return ring_put (&ring, 1, 77, data, (uint32_t) len, &position);
}

/* Fills the ring with records of many lengths; how many fit. */
static int
fill (void)
{
  char data[2000];
  int n = 0;
  memset (data, 'x', sizeof data);
  while (put (data, (size_t) (n * 131 % 2000)) == 0)
    n++;
  return n;
}

START_TEST (records_come_out_as_they_went_in)
{
  uint64_t position = 0;
  struct ring_record *rec;
  ck_assert_int_eq (put ("one", 3), 0);
  ck_assert_int_eq (put ("", 0), 0);
  rec = ring_next (&ring, &position, atomic_load (&control->head));
  ck_assert_uint_eq (rec->sequence, 1);
  ck_assert_mem_eq (rec->data, "one", 3);
  ck_assert_int_eq (rec->time_ns, 77);
  rec = ring_next (&ring, &position, atomic_load (&control->head));
  ck_assert_uint_eq (rec->sequence, 2);
  ck_assert_uint_eq (rec->len, 0);
  ck_assert_ptr_null (ring_next (&ring, &position, atomic_load (&control->head)));
  ck_assert_uint_eq (position, atomic_load (&control->head));
}
END_TEST

START_TEST (many_laps)
{
  uint64_t position = 0, expected = 0;
  struct ring_record *rec;
  for (int lap = 0; lap < 50; lap++) {
    ck_assert_int_gt (fill (), 60);
    ck_assert_int_eq (put ("x", RING_RECORD_MAX), -EAGAIN);
    while ((rec = ring_next (&ring, &position, atomic_load (&control->head))))
      ck_assert_uint_eq (rec->sequence, ++expected);
    ring_release (&ring, position);
    ck_assert_uint_eq (ring_fill (&ring), 0);
  }
  ck_assert_uint_eq (ring.damaged, 0);
}
END_TEST

START_TEST (a_record_is_voided_until_it_is_taken)
{
  uint64_t a, b, position = 0;
  struct ring_record *rec;
  uint32_t live = RING_LIVE;
  ring_put (&ring, 1, 0, "a", 1, &a);
  ring_put (&ring, 1, 0, "b", 1, &b);
  ck_assert_int_eq (ring_void (&ring, a), 1);
  ck_assert_int_eq (ring_void (&ring, a), 0);
  rec = ring_next (&ring, &position, atomic_load (&control->head));
  ck_assert_uint_eq (atomic_load (&rec->state), RING_VOID);
  rec = ring_next (&ring, &position, atomic_load (&control->head));
  ck_assert (atomic_compare_exchange_strong (&rec->state, &live, RING_TAKEN));
  ck_assert_int_eq (ring_void (&ring, b), 0);
  ring_release (&ring, position);
  ck_assert_int_eq (ring_void (&ring, b), 0); /* another record may be there */
}
END_TEST

/* The sequences that a scan finds. */
static size_t
scan (uint64_t after, uint64_t *out, uint64_t *missing)
{
  struct ring_record **records;
  size_t n;
  ck_assert_int_eq (ring_scan (&ring, after, &records, &n, missing), 0);
  for (size_t i = 0; i < n; i++)
    out[i] = records[i]->sequence;
  free (records);
  return n;
}

START_TEST (a_scan_finds_all_in_order_after_a_lap)
{
  static uint64_t found[4000];
  uint64_t position = 0, missing, done = 0;
  struct ring_record *rec;
  fill ();
  for (int i = 0; i < 40; i++) {
    rec = ring_next (&ring, &position, atomic_load (&control->head));
    done = rec->sequence;
  }
  ring_release (&ring, position);
  fill ();
  size_t n = scan (done, found, &missing);
  ck_assert_uint_eq (missing, 0);
  ck_assert_uint_eq (n, ring.sequence - done);
  for (size_t i = 0; i < n; i++)
    ck_assert_uint_eq (found[i], done + 1 + i);
}
END_TEST

/* Whatever bit flips, all records but the one that it hits are found. */
START_TEST (a_flipped_bit_costs_one_record)
{
  static uint64_t found[4000];
  uint64_t missing;
  uint32_t n = (uint32_t) fill ();
  srand (1);
  for (int i = 0; i < 3000; i++) {
    size_t at = (size_t) rand () % SIZE;
    char bit = (char) (1 << rand () % 8);
    memory[at] ^= bit;
    size_t m = scan (0, found, &missing);
    ck_assert_uint_ge (m, n - 1);
    ck_assert_uint_eq (missing, n - m);
    memory[at] ^= bit;
  }
  ck_assert_uint_eq (scan (0, found, &missing), n);
}
END_TEST

/* The last bytes written are torn off at every offset. */
START_TEST (a_torn_tail_costs_what_was_torn)
{
  static uint64_t found[4000];
  static char copy[SIZE];
  uint64_t missing, head = 0;
  for (int i = 0; i < 300; i++) {
    char data[200];
    memset (data, i, sizeof data);
    ck_assert_int_eq (put (data, (size_t) (i * 13 % 200)), 0);
  }
  head = atomic_load (&control->head);
  memcpy (copy, memory, SIZE);
  for (uint64_t cut = 0; cut < 2000; cut++) {
    memory[head - 1 - cut] = 0;
    size_t n = scan (0, found, &missing);
    ck_assert_uint_eq (n + missing, 300);
    for (size_t i = 0; i < n; i++)
      ck_assert_uint_eq (found[i], i + 1);
  }
  ck_assert_uint_gt (missing, 5);
  memcpy (memory, copy, SIZE);
}
END_TEST

/* Any subset of sectors is missing, as after a power failure: what is whole is
 * found, and nothing that never was. */
START_TEST (lost_sectors)
{
  static uint64_t found[4000];
  static char copy[SIZE];
  uint64_t missing;
  uint32_t n = (uint32_t) fill ();
  memcpy (copy, memory, SIZE);
  srand (2);
  for (int round = 0; round < 500; round++) {
    int chance = rand () % 64 + 1;
    for (size_t at = 0; at < SIZE; at += 512)
      if (rand () % chance == 0)
        memset (memory + at, 0, 512);
    size_t m = scan (0, found, &missing);
    ck_assert_uint_le (m, n);
    for (size_t i = 1; i < m; i++)
      ck_assert_uint_lt (found[i - 1], found[i]);
    memcpy (memory, copy, SIZE);
  }
}
END_TEST

START_TEST (the_live_reader_skips_damage)
{
  uint64_t position = 0, sum = 0;
  struct ring_record *rec;
  for (int i = 0; i < 10; i++)
    put ("0123456789", 10);
  memory[3 * 56 + 45] ^= 1; /* in the fourth record's data */
  while ((rec = ring_next (&ring, &position, atomic_load (&control->head))))
    sum += rec->sequence;
  ck_assert_uint_eq (sum, 55 - 4);
  ck_assert_uint_gt (ring.damaged, 0);
}
END_TEST

START_TEST (ids)
{
  char id[RING_ID_MAX];
  struct rings rs;
  ck_assert_int_eq (rings_create (&rs, dir, 0x2a, 3, SIZE, "eu-1"), 0);
  ck_assert_uint_eq (ring_id (&rs.ring[2], 0x1234, id), strlen (id));
  ck_assert_str_eq (id, "eu-1-0000002a-02-000000001234");
  rings_close (&rs, 1);
}
END_TEST

START_TEST (a_living_process_s_file_is_left_alone)
{
  struct rings rs, other;
  ck_assert_int_eq (rings_create (&rs, dir, 1, 2, SIZE, "r"), 0);
  ck_assert_int_eq (rings_open (&other, dir, "00000001.ring"), -EBUSY);
  rings_close (&rs, 0);
  ck_assert_int_eq (rings_open (&other, dir, "00000001.ring"), 0);
  ck_assert_uint_eq (other.count, 2);
  rings_close (&other, 1);
  ck_assert_int_eq (rings_open (&other, dir, "00000001.ring"), -ENOENT);
}
END_TEST

static void
spoil (const char *path, long at)
{
  FILE *f = fopen (path, "r+");
  fseek (f, at, at < 0 ? SEEK_END : SEEK_SET);
  fputc ('X', f);
  fclose (f);
}

START_TEST (one_broken_head_is_enough)
{
  char path[128];
  struct rings rs;
  uint64_t position;
  ck_assert_int_eq (rings_create (&rs, dir, 1, 1, SIZE, "r"), 0);
  ring_put (&rs.ring[0], 1, 0, "x", 1, &position);
  rings_close (&rs, 0);
  snprintf (path, sizeof path, "%s/00000001.ring", dir);
  spoil (path, 20);
  ck_assert_int_eq (rings_open (&rs, dir, "00000001.ring"), 0);
  ck_assert_uint_eq (((struct ring_record *) (void *) rs.ring[0].data)->len, 1);
  rings_close (&rs, 0);
  spoil (path, -(long) RINGS_PAGE + 30);
  ck_assert_int_eq (rings_open (&rs, dir, "00000001.ring"), -EBADMSG);
  rings_close (&rs, 0);
  ck_assert_int_eq (truncate (path, 5000), 0);
  ck_assert_int_eq (rings_open (&rs, dir, "00000001.ring"), -EBADMSG);
  rings_close (&rs, 1);
}
END_TEST

static _Noreturn void
make_for_ever (void)
{
  struct rings rs;
  for (uint32_t epoch = 1;; epoch++) {
    rings_create (&rs, dir, epoch, 1, SIZE, "r");
    rings_close (&rs, 1);
  }
}

static int
open_one (const char *name, void *arg)
{
  struct rings rs;
  (void) arg;
  ck_assert_int_eq (rings_open (&rs, dir, name), 0);
  rings_close (&rs, 1);
  return 0;
}

START_TEST (whoever_is_killed_while_making_one_leaves_none_that_is_damaged)
{
  for (unsigned i = 0; i < 100; i++) {
    pid_t child = fork ();
    if (!child)
      make_for_ever ();
    usleep (i * 21 % 1000);
    kill (child, SIGKILL);
    ck_assert_int_eq (waitpid (child, NULL, 0), child);
    ck_assert_int_eq (rings_each (dir, open_one, NULL), 0);
  }
}
END_TEST

static int
count_one (const char *name, void *arg)
{
  ck_assert_str_eq (name, "00000001.ring");
  ++*(int *) arg;
  return 1;
}

START_TEST (a_walk_removes_half_made_files)
{
  char path[128];
  struct rings rs;
  int n = 0;
  FILE *f;
  ck_assert_int_eq (rings_create (&rs, dir, 1, 1, SIZE, "r"), 0);
  snprintf (path, sizeof path, "%s/00000000.ring.tmp", dir);
  f = fopen (path, "w");
  fclose (f);
  ck_assert_int_eq (rings_each (dir, count_one, &n), 1);
  ck_assert_int_eq (n, 1);
  ck_assert_int_ne (access (path, F_OK), 0);
  rings_close (&rs, 1);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("ring");
  TCase *c = tcase_create ("ring");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 120);
  tcase_add_test (c, records_come_out_as_they_went_in);
  tcase_add_test (c, many_laps);
  tcase_add_test (c, a_record_is_voided_until_it_is_taken);
  tcase_add_test (c, a_scan_finds_all_in_order_after_a_lap);
  tcase_add_test (c, a_flipped_bit_costs_one_record);
  tcase_add_test (c, a_torn_tail_costs_what_was_torn);
  tcase_add_test (c, lost_sectors);
  tcase_add_test (c, the_live_reader_skips_damage);
  tcase_add_test (c, ids);
  tcase_add_test (c, a_living_process_s_file_is_left_alone);
  tcase_add_test (c, one_broken_head_is_enough);
  tcase_add_test (c, a_walk_removes_half_made_files);
  tcase_add_test (c, whoever_is_killed_while_making_one_leaves_none_that_is_damaged);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
