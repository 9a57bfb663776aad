/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Marks: ids that are remembered without a record. */
#include "store_host.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
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
  *dir = 0; /* for the next case, with CK_FORK=no */
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

static int
rows_are (const char *table, int64_t n)
{
  const struct timespec ms = { 0, 1000000 };
  for (int i = 0; i < 10000; i++, nanosleep (&ms, NULL))
    if (test_rows (dir, table) == n)
      return 1;
  return 0;
}

static int
look_is (const char *text)
{
  const struct timespec ms = { 0, 1000000 };
  for (int i = 0; i < 10000; i++, nanosleep (&ms, NULL))
    if (!strcmp (look (), text))
      return 1;
  return 0;
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
    ck_assert (rows_are ("mark_fresh", 0)); /* first: there may be no run yet */
    ck_assert (rows_are ("mark_run", 1));
    ck_assert (rows_are ("mark_part", 1));
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
  ck_assert (rows_are ("mark_fresh", 0)); /* first: there may be no run yet */
  ck_assert (rows_are ("mark_run", 0));
  ck_assert (rows_are ("mark_part", 0));
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

START_TEST (a_format_is_not_left_where_rings_cannot_be_read)
{
  char path[128];
  begin ();
  ck_assert_int_eq (test_stop (&t), 0);
  sql (first_format);
  snprintf (path, sizeof path, "%s/rings/00000001.ring", dir);
  ck_assert_int_eq (mkdir (path, 0700), 0);
  ck_assert_int_eq (test_start (&t, dir, "power", 1), -EISDIR);
  ck_assert_int_eq (test_rows (dir, "pragma_user_version WHERE user_version = 1"), 1);
  ck_assert_int_eq (rmdir (path), 0);
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

/* An older release made a run of all that was fresh, also of what another process had begun
 * to write: what that has written is of no use. */
START_TEST (half_a_run_without_its_marks_is_dropped)
{
  struct kg_op op;
  begin ();
  ck_assert_int_eq (test_stop (&t), 0);
  sql ("UPDATE meta SET value = 2 WHERE name = 'marks';"
       "INSERT INTO meta VALUES ('marks_run', '1 256 100 1000');"
       "WITH RECURSIVE n (i) AS (SELECT 0 UNION SELECT i + 1 FROM n WHERE i < 99)"
       " INSERT INTO mark_part SELECT (1 << 20) + i, 0, x'00' FROM n");
  begin ();
  op = mark ("a", "1", 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert (rows_are ("mark_part", 0));
  ck_assert (rows_are ("meta WHERE name = 'marks_run'", 0));
  ck_assert_uint_eq (t.store->lost, 0);
  ck_assert_str_eq (look (), "0=1 ");
  again ();
  ck_assert_str_eq (look (), "0=1 ");
  end ();
}
END_TEST

/* Marks are in their rows until they are in a run that has a row. */
START_TEST (how_far_a_run_is_may_be_lost)
{
  static const char *const bad[] = { "", "x", "1", "9 1 0 0", "0 1 0 0", "1 3 0 0", "1 1 3 0" };
  struct kg_op op;
  char text[128];
  begin ();
  op = mark ("a", "1", 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert_int_eq (test_stop (&t), 0);
  snprintf (text, sizeof text,
            "UPDATE meta SET value = 1 WHERE name = 'marks';"
            "INSERT INTO meta VALUES ('marks_run', '%s')", bad[_i]);
  sql (text);
  test_fresh_marks = 1;
  begin ();
  ck_assert_str_eq (look (), "0=1 ");
  ck_assert (rows_are ("mark_fresh", 0));
  ck_assert (rows_are ("meta WHERE name = 'marks_run'", 0));
  ck_assert (rows_are ("mark_run", 1));
  again ();
  ck_assert_str_eq (look (), "0=1 ");
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
  ck_assert_ptr_nonnull (strstr (t.error, "restore it from a copy"));
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
  ck_assert_str_eq (look (), "");
  ck_assert_uint_eq (t.store->lost, 2); /* the filter and the part, each once */
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
  tcase_add_test (c, a_format_is_not_left_where_rings_cannot_be_read);
  tcase_add_test (c, a_run_is_read_whatever_its_count_says);
  tcase_add_test (c, half_a_run_without_its_marks_is_dropped);
  tcase_add_loop_test (c, how_far_a_run_is_may_be_lost, 0, 7);
  tcase_add_test (c, a_store_without_its_generation_does_not_start);
  tcase_add_test (c, what_is_read_in_part_says_nothing);
  tcase_add_test (c, a_damaged_filter_denies_nothing);
  tcase_add_test (c, bad_marks_are_refused);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
