/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Folders that a store must not begin with. */
#include "store_case.h"

#include <sqlite3.h>
#include <sys/stat.h>

/* A database with a table, without marks of whose it is. */
START_TEST (a_foreign_database_is_refused_untouched)
{
  char path[128];
  sqlite3 *db;
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  ck_assert_int_eq (sqlite3_open (path, &db), SQLITE_OK);
  ck_assert_int_eq (sqlite3_exec (db, "CREATE TABLE theirs (x)", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close (db);
  ck_assert_int_eq (test_create (&t, dir, "power"), -EBADMSG);
  ck_assert_ptr_nonnull (strstr (t.error, "a database of another program"));
  ck_assert_int_eq (test_rows (dir, "sqlite_master"), 1);
}
END_TEST

/* It would begin anew without a word. */
START_TEST (a_database_that_was_emptied_is_refused)
{
  char path[128], ring[128];
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  snprintf (ring, sizeof ring, "%s/rings/00000001.ring", dir);
  start ("power");
  ck_assert_int_eq (test_stop (&t), 0);
  fclose (fopen (path, "w"));
  start ("power"); /* as a first start that was killed at once leaves it */
  ck_assert_int_eq (test_stop (&t), 0);
  fclose (fopen (path, "w"));
  fclose (fopen (ring, "w"));
  ck_assert_int_eq (test_create (&t, dir, "power"), -EBADMSG);
  ck_assert_ptr_nonnull (strstr (t.error, "kgent.db: empty, but not what lies beside it"));
}
END_TEST

/* SQLite deletes the log of a database that is not there. */
START_TEST (a_log_without_its_database_is_kept)
{
  char path[128], log[128];
  struct stat st;
  FILE *f;
  int lost;
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  snprintf (log, sizeof log, "%s/kgent.db-wal", dir);
  for (lost = 0; lost < 2; lost++) {
    f = fopen (log, "w");
    fputs ("frames", f);
    fclose (f);
    if (lost)
      unlink (path);
    else
      fclose (fopen (path, "w"));
    ck_assert_int_eq (test_create (&t, dir, "power"), -EBADMSG);
    ck_assert_int_eq (stat (log, &st), 0);
    ck_assert_int_eq (st.st_size, 6);
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("store_boot");
  TCase *c = tcase_create ("store_boot");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (c, setup, teardown);
  tcase_add_test (c, a_foreign_database_is_refused_untouched);
  tcase_add_test (c, a_database_that_was_emptied_is_refused);
  tcase_add_test (c, a_log_without_its_database_is_kept);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
