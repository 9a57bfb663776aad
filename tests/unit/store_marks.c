/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Marks: ids that are remembered without a record. */
#include "store_host.h"

#include "tests/unit.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
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

static int64_t
rows (void)
{
  sqlite3 *db;
  sqlite3_stmt *stmt;
  char path[128];
  int64_t n;
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  ck_assert_int_eq (sqlite3_open_v2 (path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  ck_assert_int_eq (sqlite3_prepare_v2 (db, "SELECT count (*) FROM mark", -1, &stmt, NULL),
                    SQLITE_OK);
  ck_assert_int_eq (sqlite3_step (stmt), SQLITE_ROW);
  n = sqlite3_column_int64 (stmt, 0);
  sqlite3_finalize (stmt);
  sqlite3_close (db);
  return n;
}

START_TEST (a_mark_is_forgotten_in_time)
{
  const struct timespec ms = { 0, 1000000 };
  struct kg_op op;
  begin ();
  op = mark ("a", "1", 50);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert_str_eq (look (), "0=1 ");
  for (int i = 0; i < 10000 && *look (); i++)
    nanosleep (&ms, NULL);
  ck_assert_str_eq (look (), "");
  op.value = test_str ("2");
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert_str_eq (look (), "0=2 ");
  for (int i = 0; i < 10000 && rows (); i++)
    nanosleep (&ms, NULL);
  ck_assert_int_eq (rows (), 0);
  end ();
}
END_TEST

START_TEST (an_older_store_gets_the_table)
{
  sqlite3 *db;
  char path[128];
  struct kg_op op;
  begin ();
  ck_assert_int_eq (test_stop (&t), 0);
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  ck_assert_int_eq (sqlite3_open (path, &db), SQLITE_OK);
  ck_assert_int_eq (sqlite3_exec (db, "DROP TABLE mark", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close (db);
  begin ();
  op = mark ("a", "1", 0);
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert_str_eq (look (), "0=1 ");
  end ();
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

UNIT_MAIN ("store_marks", a_mark_is_made_once, twice_in_one_write,
           ids_of_records_and_other_logs_are_others, a_mark_is_forgotten_in_time,
           an_older_store_gets_the_table, bad_marks_are_refused)
