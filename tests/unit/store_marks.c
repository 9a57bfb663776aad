/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Marks: ids that are remembered without a record. */
#include "store_host.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char dir[64];
static struct test_store t;

static void
begin (void)
{
  if (!*dir)
    test_dir (dir);
  ck_assert_msg (test_start (&t, dir, "power", 1) == 0, "%s", t.error);
}

static void
end (void)
{
  ck_assert_int_eq (test_stop (&t), 0);
  test_dir_remove (dir);
}

static void
again (void)
{
  ck_assert_int_eq (test_stop (&t), 0);
  begin ();
}

static struct kg_op
mark (const char *id, const char *value, int64_t ttl_ms)
{
  return (struct kg_op){ .kind = KG_OP_MARK, .log = t.webhooks, .key = test_str (id),
                         .value = test_str (value), .ttl_ms = ttl_ms };
}

static struct kg_op
append (const char *data)
{
  return (struct kg_op){ .kind = KG_OP_APPEND, .log = t.webhooks, .value = test_str (data) };
}

static void
note (uint32_t i, kg_str value, void *arg)
{
  char *text = arg;
  snprintf (text + strlen (text), 64, "%u=%.*s ", i, (int)value.len, value.ptr);
}

/* What the store says to "a", "b", "c". */
static const char *
look (void)
{
  static char text[256];
  const kg_str ids[] = { { "a", 1 }, { "b", 1 }, { "c", 1 } };
  int n = 0;
  *text = 0;
  ck_assert_int_ge (n = store_service.marks (t.webhooks, ids, 3, note, text), 0);
  for (const char *p = text; *p; p++)
    n -= *p == '=';
  ck_assert_int_eq (n, 0);
  return text;
}

START_TEST (a_mark_is_made_once)
{
  struct kg_op ops[] = { mark ("a", "1", 0), mark ("b", "", 0), append ("two") };
  struct kg_op more[] = { mark ("c", "3", 0), mark ("b", "other", 0), append ("lost") };
  struct kg_outcome o;
  begin ();
  ops[0].log = ops[1].log = ops[2].log = more[0].log = more[1].log = more[2].log = t.webhooks;
  ck_assert_str_eq (look (), "");
  o = test_write (&t, ops, 3);
  ck_assert_int_eq (o.error, 0);
  ck_assert_uint_eq (o.revision, 1);
  o = test_write (&t, more, 3);
  ck_assert_int_eq (o.error, -EEXIST);
  ck_assert_uint_eq (o.op, 1);
  ck_assert_str_eq (look (), "0=1 1= ");
  ck_assert_int_eq (test_count (t.webhooks), 1);
  again ();
  ck_assert_str_eq (look (), "0=1 1= ");
  more[0].log = t.webhooks;
  ck_assert_int_eq (test_write (&t, more, 1).error, 0);
  ck_assert_str_eq (look (), "0=1 1= 2=3 ");
  end ();
}
END_TEST

START_TEST (twice_in_one_write)
{
  struct kg_op ops[2];
  struct kg_outcome o;
  begin ();
  ops[0] = mark ("a", "1", 0);
  ops[1] = mark ("a", "1", 0);
  o = test_write (&t, ops, 2);
  ck_assert_int_eq (o.error, -EEXIST);
  ck_assert_uint_eq (o.op, 1);
  ck_assert_str_eq (look (), "");
  end ();
}
END_TEST

START_TEST (ids_of_records_and_other_logs_are_others)
{
  struct kg_op op, record;
  begin ();
  op = mark ("a", "1", 0);
  record = append ("x");
  record.key = test_str ("a");
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert_int_eq (test_write (&t, &record, 1).error, 0);
  op.log = t.usage;
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, -EEXIST);
  end ();
}
END_TEST

/* ---- On the disk ----------------------------------------------------------------------- */

static void
sql (const char *text)
{
  sqlite3 *db;
  char path[128], *error = NULL;
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  ck_assert_int_eq (sqlite3_open (path, &db), SQLITE_OK);
  sqlite3_busy_timeout (db, 10000);
  ck_assert_msg (sqlite3_exec (db, text, NULL, NULL, &error) == SQLITE_OK, "%s", error);
  sqlite3_close (db);
}

static int64_t
rows (const char *table)
{
  sqlite3 *db;
  sqlite3_stmt *stmt;
  char text[128];
  int64_t n;
  snprintf (text, sizeof text, "%s/kgent.db", dir);
  ck_assert_int_eq (sqlite3_open_v2 (text, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  snprintf (text, sizeof text, "SELECT count (*) FROM %s", table);
  ck_assert_int_eq (sqlite3_prepare_v2 (db, text, -1, &stmt, NULL), SQLITE_OK);
  ck_assert_int_eq (sqlite3_step (stmt), SQLITE_ROW);
  n = sqlite3_column_int64 (stmt, 0);
  sqlite3_finalize (stmt);
  sqlite3_close (db);
  return n;
}

static int
rows_are (const char *table, int64_t n)
{
  const struct timespec ms = { 0, 1000000 };
  for (int i = 0; i < 10000 && rows (table) != n; i++)
    nanosleep (&ms, NULL);
  return rows (table) == n;
}

static int
look_is (const char *text)
{
  const struct timespec ms = { 0, 1000000 };
  for (int i = 0; i < 10000 && strcmp (look (), text); i++)
    nanosleep (&ms, NULL);
  return !strcmp (look (), text);
}

/* While it is fresh, and in a run. */
START_TEST (a_mark_is_forgotten_in_time)
{
  struct kg_op op;
  test_fresh_marks = _i;
  begin ();
  op = mark ("a", "1", 200);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert_str_eq (look (), "0=1 ");
  ck_assert (look_is (""));
  op = mark ("a", "2", 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert_str_eq (look (), "0=2 ");
  ck_assert_int_eq (test_write (&t, &op, 1).error, -EEXIST);
  if (_i) {
    ck_assert (rows_are ("mark_run", 1));
    ck_assert (rows_are ("mark_part", 1));
    ck_assert (rows_are ("mark_fresh", 0));
  }
  ck_assert_str_eq (look (), "0=2 ");
  again ();
  ck_assert_str_eq (look (), "0=2 ");
  end ();
  test_fresh_marks = 0;
}
END_TEST

START_TEST (those_that_are_over_leave_no_rows)
{
  struct kg_op op;
  test_fresh_marks = _i;
  begin ();
  op = mark ("a", "1", 100);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert (look_is (""));
  ck_assert (rows_are ("mark_run", 0));
  ck_assert (rows_are ("mark_part", 0));
  ck_assert (rows_are ("mark_fresh", 0));
  end ();
  test_fresh_marks = 0;
}
END_TEST

/* As the first format left it, with a mark that lasts and one that is over. */
static const char first_format[]
    = "DROP TABLE mark_fresh; DROP TABLE mark_run; DROP TABLE mark_part;"
      "DELETE FROM meta WHERE name IN ('marks', 'marks_key');"
      "CREATE TABLE mark (log INTEGER NOT NULL, id BLOB NOT NULL, value BLOB NOT NULL,"
      " expires_ns INTEGER NOT NULL, PRIMARY KEY (log, id)) WITHOUT ROWID;"
      "CREATE INDEX mark_expires ON mark (expires_ns) WHERE expires_ns > 0;"
      "INSERT INTO mark SELECT id, x'61', x'31', 0 FROM log WHERE name = 'webhooks';"
      "INSERT INTO mark SELECT id, x'62', x'32', 1 FROM log WHERE name = 'webhooks';"
      "PRAGMA user_version = 1";

START_TEST (an_older_store_keeps_its_marks)
{
  struct kg_op op;
  begin ();
  ck_assert_int_eq (test_stop (&t), 0);
  sql (first_format);
  begin ();
  ck_assert_str_eq (look (), "0=1 ");
  op = mark ("a", "3", 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, -EEXIST);
  op = mark ("b", "4", 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert (rows_are ("mark", 1));
  again ();
  ck_assert_str_eq (look (), "0=1 1=4 ");
  sql ("UPDATE mark SET expires_ns = 1");
  ck_assert_str_eq (look (), "1=4 ");
  ck_assert (rows_are ("mark", 0));
  op = mark ("a", "5", 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert_str_eq (look (), "0=5 1=4 ");
  end ();
}
END_TEST

/* A process that knows the first format only would not see what the new one marks. */
START_TEST (a_format_is_not_left_under_another_process)
{
  struct test_store first;
  begin ();
  first = t;
  sql (first_format);
  ck_assert_int_eq (test_start (&t, dir, "power", 1), -EBUSY);
  ck_assert_ptr_nonnull (strstr (t.error, "stop it first"));
  t = first;
  test_stop (&t);
  begin ();
  ck_assert_str_eq (look (), "0=1 ");
  end ();
}
END_TEST

/* Its number of marks has no checksum; its filter has. */
START_TEST (a_run_is_read_whatever_its_count_says)
{
  struct kg_op op[100];
  char id[100][16];
  test_fresh_marks = 100;
  begin ();
  for (int i = 0; i < 100; i++) {
    snprintf (id[i], sizeof id[i], "%d", i);
    op[i] = mark (id[i], "1", 0);
  }
  ck_assert_int_eq (test_write (&t, op, 100).error, 0);
  ck_assert (rows_are ("mark_run", 1));
  ck_assert_int_eq (test_stop (&t), 0);
  sql ("UPDATE mark_run SET count = 1");
  begin ();
  op[7].log = t.webhooks;
  ck_assert_int_eq (test_write (&t, &op[7], 1).error, -EEXIST);
  ck_assert_uint_eq (t.store->lost, 0);
  end ();
  test_fresh_marks = 0;
}
END_TEST

START_TEST (a_store_without_its_generation_does_not_start)
{
  begin ();
  ck_assert_int_eq (test_stop (&t), 0);
  sql ("DELETE FROM meta WHERE name = 'marks'");
  ck_assert_int_eq (test_start (&t, dir, "power", 1), -EBADMSG);
  sql ("INSERT INTO meta VALUES ('marks', 0)");
  begin ();
  end ();
}
END_TEST

/* As it is when no memory was left for what another process has written. */
START_TEST (what_is_read_in_part_says_nothing)
{
  const kg_str id = { "a", 1 };
  struct kg_op op;
  char text[64] = "";
  begin ();
  op = mark ("a", "1", 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  pthread_mutex_lock (&t.store->marks.lock);
  t.store->marks.generation = -1;
  pthread_mutex_unlock (&t.store->marks.lock);
  ck_assert_int_eq (store_service.marks (t.webhooks, &id, 1, note, text), -EAGAIN);
  ck_assert_str_eq (text, "");
  again ();
  ck_assert_str_eq (look (), "0=1 ");
  end ();
}
END_TEST

START_TEST (a_damaged_filter_denies_nothing)
{
  struct kg_op op;
  test_fresh_marks = 1;
  begin ();
  op = mark ("a", "1", 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert (rows_are ("mark_run", 1));
  ck_assert_int_eq (test_stop (&t), 0);
  sql ("UPDATE mark_run SET filter = zeroblob (64)");
  begin ();
  ck_assert_str_eq (look (), "0=1 ");
  op = mark ("a", "1", 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, -EEXIST);
  ck_assert_int_eq (test_stop (&t), 0);
  sql ("UPDATE mark_part SET data = zeroblob (20)");
  begin ();
  ck_assert_str_eq (look (), "");
  ck_assert_uint_gt (t.store->lost, 0);
  end ();
  test_fresh_marks = 0;
}
END_TEST

/* ---- Against a model ------------------------------------------------------------------- */

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
  test_fresh_marks = 100;
  srandom ((unsigned) _i);
  memset (known, 0, sizeof known);
  test_dir (dir);
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
  ck_assert_int_gt (rows ("mark_run"), 2);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq (test_stop (&two[i]), 0);
  test_dir_remove (dir);
  test_fresh_marks = 0;
  *dir = 0;
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
  begin ();
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq (pthread_create (&readers[i], NULL, reader_main, NULL), 0);
  for (uint32_t i = 0; i < WRITES; written = ++i) {
    char id[40];
    struct kg_op op;
    id_of (i, id);
    op = mark (id, "", 0);
    ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  }
  for (int i = 0; i < 3; i++) {
    pthread_join (readers[i], &missed);
    ck_assert_int_eq ((intptr_t) missed, 0);
  }
  ck_assert_int_gt (rows ("mark_run"), 10);
  end ();
  test_fresh_marks = 0;
}
END_TEST

START_TEST (bad_marks_are_refused)
{
  char large[KG_MARK_MAX + 1] = { 0 };
  struct kg_op op;
  begin ();
  op = mark ("", "1", 0);
  ck_assert_int_eq (store_service.write (&t.core, &op, 1, sizeof op, NULL, NULL), -EINVAL);
  op = mark ("a", "1", -1);
  ck_assert_int_eq (store_service.write (&t.core, &op, 1, sizeof op, NULL, NULL), -EINVAL);
  op = mark ("a", "1", 0);
  op.value = (kg_str){ large, sizeof large };
  ck_assert_int_eq (store_service.write (&t.core, &op, 1, sizeof op, NULL, NULL), -EINVAL);
  op.value.len--;
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  op.log = NULL;
  ck_assert_int_eq (store_service.write (&t.core, &op, 1, sizeof op, NULL, NULL), -EINVAL);
  end ();
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
  Suite *s = suite_create ("store_marks");
  TCase *c = tcase_create ("store_marks");
  SRunner *sr;
  int failed;
  tcase_set_timeout (c, 120);
  tcase_add_test (c, a_mark_is_made_once);
  tcase_add_test (c, twice_in_one_write);
  tcase_add_test (c, ids_of_records_and_other_logs_are_others);
  tcase_add_loop_test (c, a_mark_is_forgotten_in_time, 0, 2);
  tcase_add_loop_test (c, those_that_are_over_leave_no_rows, 0, 2);
  tcase_add_test (c, an_older_store_keeps_its_marks);
  tcase_add_test (c, a_format_is_not_left_under_another_process);
  tcase_add_test (c, a_run_is_read_whatever_its_count_says);
  tcase_add_test (c, a_store_without_its_generation_does_not_start);
  tcase_add_test (c, what_is_read_in_part_says_nothing);
  tcase_add_test (c, a_damaged_filter_denies_nothing);
  tcase_add_test (c, readers_miss_none);
  tcase_add_test (c, bad_marks_are_refused);
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
