/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Files that somebody else cuts, moves or deletes, and folders and disks that take nothing: what
 * the file sink makes of them. */

#include "tests/plugins/metering-files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST (a_file_that_lost_something)
{
  use_times (4);
  drain ();
  ck_assert_int_eq (truncate (file_name (0), 10), 0);
  restart ();
  use_times (1);
  drain ();
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "has 10 bytes, and had"));
  ck_assert_ptr_nonnull (file_name (1));
}
END_TEST

/* The same while it is written: no line goes on with half of another, nor behind one that is
 * somebody else's. */
START_TEST (a_file_that_is_cut_or_added_to_under_it)
{
  const char *second;
  FILE *f;
  use_times (4);
  drain ();
  ck_assert_int_eq (truncate (file_name (0), 10), 0);
  use_times (3);
  drain ();
  second = file_name (1);
  ck_assert_ptr_nonnull (second);
  ck_assert_ptr_nonnull (strstr (second, "-000002.jsonl"));
  ck_assert_int_eq (strncmp (all_lines () + 10, "{\"specversion\":\"1.0\"", 20), 0);
  ck_assert_int_eq (count_lines (), 3);
  f = fopen (file_name (1), "a");
  fputs ("{\"mine\"", f);
  fclose (f);
  use_times (2);
  drain ();
  ck_assert_ptr_nonnull (strstr (file_name (2), "-000003.jsonl"));
  ck_assert_int_eq (count_lines (), 5);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "has 10 bytes, and had"));
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_unaccounted", "archive"), 0);
}
END_TEST

START_TEST (a_file_that_was_moved_away)
{
  use_times (4);
  drain ();
  ck_assert_int_eq (unlink (file_name (0)), 0);
  restart ();
  use_times (1);
  drain ();
  ck_assert_ptr_nonnull (strstr (file_name (0), "-000002.jsonl"));
}
END_TEST

/* The same while it is written: what comes then is in the next one, and nowhere else. */
START_TEST (a_file_that_is_deleted_under_it)
{
  use_times (4);
  drain ();
  ck_assert_int_eq (unlink (file_name (0)), 0);
  use_times (3);
  drain ();
  ck_assert_ptr_nonnull (strstr (file_name (0), "-000002.jsonl"));
  ck_assert_int_eq (count_lines (), 3);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "is gone, and the next one is begun"));
  ck_assert_int_eq (fake_health (fake, "sink_archive"), KG_HEALTH_OK);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_unaccounted", "archive"), 0);
}
END_TEST

START_TEST (a_file_that_is_moved_under_it)
{
  char to[128];
  use_times (4);
  drain ();
  snprintf (to, sizeof to, "%s/usage/0.jsonl", folder);
  ck_assert_int_eq (rename (file_name (0), to), 0);
  use_times (3);
  drain ();
  all_once (7);
  ck_assert_ptr_nonnull (strstr (file_name (1), "-000002.jsonl"));
}
END_TEST

START_TEST (a_folder_that_is_deleted_under_it)
{
  char command[128];
  use_times (4);
  drain ();
  snprintf (command, sizeof command, "rm -rf %s/usage", folder);
  ck_assert_int_eq (system (command), 0);
  use_times (3);
  drain ();
  ck_assert_int_eq (count_lines (), 3);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "No such file or directory: /tmp/"));
  ck_assert_int_eq (fake_health (fake, "sink_archive"), KG_HEALTH_OK);
}
END_TEST

/* Nobody else has the folder because the lock has gone. */
START_TEST (a_lock_that_is_deleted)
{
  char path[128];
  int fd;
  use_times (4);
  drain ();
  snprintf (path, sizeof path, "%s/usage/.archive.lock", folder);
  ck_assert_int_eq (unlink (path), 0);
  fd = open (path, O_RDWR | O_CREAT, 0600);
  ck_assert_int_eq (flock (fd, LOCK_EX), 0);
  use_times (3);
  drain ();
  ck_assert_int_eq (count_lines (), 4);
  ck_assert_int_eq (fake_health (fake, "sink_archive"), KG_HEALTH_DEGRADED);
  close (fd);
  turn (61000);
  drain ();
  all_once (7);
}
END_TEST

/* No file can have more bytes; pieces of what does not fit are not left behind. */
START_TEST (a_full_disk_gets_no_fuller)
{
  struct rlimit was, limit;
  struct stat st;
  int i, count = 0;
  do { /* until the next batch begins a file */
    use_times (4);
    drain ();
    count += 4;
    ck_assert_int_eq (stat (file_name (0), &st), 0);
  } while (st.st_size < 4096);
  ck_assert_int_eq (getrlimit (RLIMIT_FSIZE, &was), 0);
  limit = was;
  limit.rlim_cur = 700;
  signal (SIGXFSZ, SIG_IGN);
  ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &limit), 0);
  use_times (4);
  for (i = 0; i < 5; i++)
    turn (61000);
  ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &was), 0);
  ck_assert_int_eq (fake_health (fake, "sink_archive"), KG_HEALTH_DEGRADED);
  ck_assert_int_eq (count_lines (), count);
  ck_assert_int_eq (count_files (), 2); /* the lock, and one that is whole */
  turn (61000);
  drain ();
  all_once (count + 4);
  ck_assert_ptr_null (strstr (fake_logged (fake), "was never finished"));
}
END_TEST

/* Files that the store doesn't know of stay as they are. */
START_TEST (a_new_store_beside_old_files)
{
  use_times (4);
  drain ();
  fake_stop (fake);
  fake_free (fake);
  begin_with (files);
  use_times (1);
  drain ();
  ck_assert_ptr_nonnull (strstr (file_name (1), "-000002.jsonl"));
}
END_TEST

START_TEST (one_process_at_a_time)
{
  char path[128];
  int fd;
  fake_stop (fake);
  fake_close (fake);
  snprintf (path, sizeof path, "%s/usage", folder);
  mkdir (path, 0700);
  snprintf (path, sizeof path, "%s/usage/.archive.lock", folder);
  fd = open (path, O_RDWR | O_CREAT, 0600);
  ck_assert_int_eq (flock (fd, LOCK_EX), 0);
  open_with (files);
  use_times (2);
  drain ();
  ck_assert_ptr_null (file_name (0));
  ck_assert_int_eq (fake_health (fake, "sink_archive"), KG_HEALTH_DEGRADED);
  /* how old that is what waits is known, though it was never read */
  ck_assert_double_ne (fake_metric (fake, "kgent_metering_sink_lag_seconds", "archive"), 0);
  close (fd);
  turn (61000);
  drain ();
  all_once (2);
}
END_TEST

START_TEST (a_folder_that_cannot_be)
{
  FILE *f;
  char path[128];
  fake_stop (fake);
  fake_close (fake);
  snprintf (path, sizeof path, "rm -rf %s/usage", folder);
  ck_assert_int_eq (system (path), 0);
  snprintf (path, sizeof path, "%s/usage", folder);
  f = fopen (path, "w");
  fclose (f);
  open_with (files);
  use_times (2);
  drain ();
  ck_assert_int_eq (fake_health (fake, "sink_archive"), KG_HEALTH_DEGRADED);
  ck_assert_int_eq (unlink (path), 0);
  turn (61000);
  drain ();
  all_once (2);
}
END_TEST

UNIT_MAIN_BETWEEN ("metering-files-bad", begin_files, end_files, a_file_that_lost_something,
                   a_file_that_is_cut_or_added_to_under_it,
                   a_file_that_was_moved_away, a_file_that_is_deleted_under_it,
                   a_file_that_is_moved_under_it, a_folder_that_is_deleted_under_it,
                   a_lock_that_is_deleted, a_full_disk_gets_no_fuller,
                   a_new_store_beside_old_files, one_process_at_a_time, a_folder_that_cannot_be)
