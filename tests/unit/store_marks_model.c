/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Many marks: what is marked stays so, for two processes, for readers meanwhile, and in the
 * filters of runs. */
#include "store_case.h"

#include <pthread.h>
#include <stdatomic.h>

#define IDS 3000
#define BATCH 40

static char known[IDS];

static void
id_of (uint32_t i, char out[40])
{
  snprintf (out, 40, "%08x-0000-4000-8000-%08x", i * 2654435761u, i);
}

/* Some marks in one write, which is refused for the first one that is known. */
static void
batch_write (struct test_store *to)
{
  struct kg_op ops[BATCH];
  char id[BATCH][40], mine[IDS] = { 0 };
  uint32_t n = 1 + (uint32_t) random () % BATCH, first = n, i, number[BATCH];
  struct kg_outcome o;
  int wild = random () % 3 == 0; /* also those that are known, maybe */
  for (i = 0; i < n; i++) {
    do
      number[i] = (uint32_t) random () % IDS;
    while (!wild && (known[number[i]] || mine[number[i]]));
    if (first == n && (known[number[i]] || mine[number[i]]))
      first = i;
    mine[number[i]] = 1;
    id_of (number[i], id[i]);
    ops[i] = (struct kg_op){ .kind = KG_OP_MARK, .log = to->webhooks, .key = test_str (id[i]),
                             .value = test_str (id[i] + 9) };
  }
  o = test_write (to, ops, n);
  ck_assert_int_eq (o.error, first < n ? -EEXIST : 0);
  if (o.error)
    ck_assert_uint_eq (o.op, first);
  for (i = 0; !o.error && i < n; i++)
    known[number[i]] = 1;
}

static void
model_note (uint32_t i, kg_str value, void *arg)
{
  char want[40];
  id_of (i, want);
  ck_assert_uint_eq (value.len, strlen (want + 9));
  ck_assert_mem_eq (value.ptr, want + 9, value.len);
  ((char *) arg)[i] = 1;
}

static void
model_check (struct test_store *of)
{
  static char id[IDS][40], seen[IDS];
  static kg_str ids[IDS];
  memset (seen, 0, sizeof seen);
  for (uint32_t i = 0; i < IDS; i++) {
    id_of (i, id[i]);
    ids[i] = test_str (id[i]);
  }
  ck_assert_int_ge (store_service.marks (of->webhooks, ids, IDS, model_note, seen), 0);
  ck_assert_mem_eq (seen, known, IDS);
}

static uint32_t
known_count (void)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < IDS; i++)
    n += known[i] != 0;
  return n;
}

/* Two processes write in turn, and make runs of what both have written; now and then one
 * starts anew. */
START_TEST (as_a_model_says)
{
  struct test_store two[2];
  int turn = 0;
  test_fresh_marks = 300; /* some parts */
  srandom ((unsigned) _i);
  memset (known, 0, sizeof known);
  for (int i = 0; i < 2; i++)
    ck_assert_msg (test_start (&two[i], dir, "process", 1) == 0, "%s", two[i].error);
  while (known_count () < IDS * 3 / 4) {
    struct test_store *one = &two[random () % 2];
    batch_write (one);
    if (++turn % 20)
      continue;
    model_check (one); /* it has just written, and so seen what the other one did */
    ck_assert_int_eq (test_stop (one), 0);
    ck_assert_msg (test_start (one, dir, "process", 1) == 0, "%s", one->error);
    model_check (one);
  }
  ck_assert_int_gt (test_rows (dir, "mark_run"), 2);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq (test_stop (&two[i]), 0);
  test_fresh_marks = 0;
}
END_TEST

#define STEP   64u /* ids of one look-up */
#define WRITES 600u

static _Atomic uint32_t written; /* ids below are marked */

static void
seen_note (uint32_t i, kg_str value, void *arg)
{
  (void) i;
  (void) value;
  ++*(uint32_t *) arg;
}

static void *
reader_main (void *arg)
{
  char id[STEP][40];
  kg_str ids[STEP];
  intptr_t missed = 0;
  for (uint32_t end = 0, at = 0, n, seen; end < WRITES; at = at + STEP < end ? at + STEP : 0) {
    end = written;
    n = end - at < STEP ? end - at : STEP;
    for (uint32_t i = 0; i < n; i++) {
      id_of (at + i, id[i]);
      ids[i] = test_str (id[i]);
    }
    seen = 0;
    if (n && store_service.marks (t.webhooks, ids, n, seen_note, &seen) != (int32_t) n)
      missed++;
    missed += seen != n;
  }
  (void) arg;
  return (void *) missed;
}

/* While they go from memory to runs. */
START_TEST (readers_miss_none)
{
  pthread_t readers[3];
  void *missed;
  test_fresh_marks = 20;
  written = 0;
  start ("power");
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq (pthread_create (&readers[i], NULL, reader_main, NULL), 0);
  for (uint32_t i = 0; i < WRITES; written = ++i) {
    char id[40];
    struct kg_op op = { .kind = KG_OP_MARK, .log = t.webhooks };
    id_of (i, id);
    op.key = test_str (id);
    ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  }
  for (int i = 0; i < 3; i++) {
    pthread_join (readers[i], &missed);
    ck_assert_int_eq ((intptr_t) missed, 0);
  }
  ck_assert_int_gt (test_rows (dir, "mark_run"), 10);
  test_fresh_marks = 0;
}
END_TEST

#define MANY 4200u /* marks of a run of many slices */

static void
many_write (int64_t ttl_ms)
{
  for (uint32_t at = 0; at < MANY; at += 100) {
    struct kg_op ops[100];
    char id[100][40];
    for (uint32_t i = 0; i < 100; i++) {
      id_of (at + i, id[i]);
      ops[i] = (struct kg_op){ .kind = KG_OP_MARK, .log = t.webhooks, .key = test_str (id[i]),
                               .ttl_ms = ttl_ms };
    }
    ck_assert_int_eq (test_write (&t, ops, 100).error, 0);
  }
}

/* To readers, and to a writer; each transaction writes a slice. */
static void
many_are_known (uint32_t which)
{
  struct kg_op op = { .kind = KG_OP_MARK, .log = t.webhooks };
  static char id[MANY][40];
  static kg_str ids[MANY];
  uint32_t seen = 0;
  for (uint32_t i = 0; i < MANY; i++) {
    id_of (i, id[i]);
    ids[i] = test_str (id[i]);
  }
  ck_assert_int_eq (store_service.marks (t.webhooks, ids, MANY, seen_note, &seen), MANY);
  ck_assert_uint_eq (seen, MANY);
  op.key = ids[which % MANY];
  ck_assert_int_eq (test_write (&t, &op, 1).error, -EEXIST);
}

/* Each of which finds it as far as the last one has left it. */
START_TEST (a_run_is_written_by_many_lives)
{
  uint32_t half = 0, rows = 0, lives = 0;
  test_fresh_marks = MANY;
  start ("process");
  many_write (0);
  do {
    ck_assert_int_eq (test_stop (&t), 0);
    half += test_rows (dir, "mark_part") && !test_rows (dir, "mark_run");
    rows += test_rows (dir, "mark_fresh") && test_rows (dir, "mark_run");
    start ("process");
    many_are_known (lives++ * 777);
  } while (!test_rows (dir, "mark_run") || test_rows (dir, "meta WHERE name = 'marks_run'"));
  ck_assert_uint_gt (half, 0);
  printf ("# %u times half a run, %u times one and rows of its marks\n", half, rows);
  ck_assert_int_eq (test_rows (dir, "mark_run WHERE count = 4200"), 1);
  ck_assert_int_eq (test_rows (dir, "mark_fresh"), 0);
  ck_assert_int_eq (test_stop (&t), 0);
  start ("process");
  many_are_known (7);
  test_fresh_marks = 0;
}
END_TEST

START_TEST (a_large_run_ends_in_slices)
{
  test_fresh_marks = MANY;
  start ("process");
  many_write (1000);
  while (!test_rows (dir, "mark_run"))
    sleep_ms (10);
  while (test_rows (dir, "mark_run") || test_rows (dir, "mark_fresh"))
    sleep_ms (10);
  ck_assert_int_eq (test_rows (dir, "mark_part"), 0);
  many_write (0);
  many_are_known (7);
  test_fresh_marks = 0;
}
END_TEST

START_TEST (filters_deny_what_was_never_added)
{
  struct marks_filter f;
  uint32_t wrong = 0;
  ck_assert_int_eq (marks_filter_init (&f, 10000), 0);
  for (uint64_t i = 1; i <= 10000; i++)
    marks_filter_add (&f, i * 0x2545f4914f6cdd1du ^ i << 40);
  for (uint64_t i = 1; i <= 10000; i++)
    ck_assert (marks_filter_has (&f, i * 0x2545f4914f6cdd1du ^ i << 40));
  for (uint64_t i = 20001; i <= 120000; i++)
    wrong += (uint32_t) marks_filter_has (&f, i * 0x2545f4914f6cdd1du ^ i << 40);
  ck_assert_uint_lt (wrong, 300); /* 3 of 1000 */
  marks_filter_finish (&f);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("store_marks_model");
  TCase *c = tcase_create ("store_marks_model");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 120);
  tcase_add_test (c, readers_miss_none);
  tcase_add_test (c, a_run_is_written_by_many_lives);
  tcase_add_test (c, a_large_run_ends_in_slices);
  tcase_add_test (c, filters_deny_what_was_never_added);
  tcase_add_loop_test (c, as_a_model_says, 1, 4);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
