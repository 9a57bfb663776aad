/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The file sink of metering-openmeter.so against the fake host: each event is one line. */

#include "tests/plugins/metering.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void
turn (int64_t ms)
{
  fake_advance (fake, ms);
  fake_run_jobs (fake);
}

static char folder[64], dir_option[96];
static const char *files[] = { "sinks.0.name=archive",
                               "sinks.0.kind=file",
                               dir_option,
                               "sinks.0.batch_size=4",
                               "sinks.0.max_bytes=4096",
                               NULL };

static void
begin_files (void)
{
  strcpy (folder, "/tmp/kgent-files-XXXXXX");
  ck_assert_ptr_nonnull (mkdtemp (folder));
  snprintf (dir_option, sizeof dir_option, "sinks.0.dir=%s/usage", folder);
  begin_with (files);
}

static void
end_files (void)
{
  char command[128];
  end ();
  snprintf (command, sizeof command, "rm -rf %s", folder);
  ck_assert_int_eq (system (command), 0);
}

/* The name of the n-th file, in order; NULL beyond. */
static const char *
file_name (int n)
{
  static char name[400];
  char path[96];
  struct dirent **list;
  int count, i;
  snprintf (path, sizeof path, "%s/usage", folder);
  count = scandir (path, &list, NULL, alphasort);
  name[0] = 0;
  for (i = 0; i < count; i++) {
    size_t len = strlen (list[i]->d_name);
    if (len > 6 && !strcmp (list[i]->d_name + len - 6, ".jsonl") && !n--)
      snprintf (name, sizeof name, "%s/%s", path, list[i]->d_name);
    free (list[i]);
  }
  if (count >= 0)
    free (list);
  return name[0] ? name : NULL;
}

/* All lines of all files, one text. */
static const char *
all_lines (void)
{
  static char text[1000000];
  size_t len = 0;
  const char *name;
  int n;
  for (n = 0; (name = file_name (n)); n++) {
    int fd = open (name, O_RDONLY);
    ssize_t r;
    while ((r = read (fd, text + len, sizeof text - 1 - len)) > 0)
      len += (size_t)r;
    close (fd);
  }
  text[len] = 0;
  return text;
}

/* Each record's event is there once, in the order of the log, and nothing else. */
static void
all_once (int count)
{
  const char *p = all_lines ();
  char want[256];
  int i;
  ck_assert_int_eq (fake_log_count (fake, "usage"), count);
  for (i = 0; i < count; i++) {
    snprintf (want, sizeof want, "{\"specversion\":\"1.0\",\"id\":\"%s\",",
              fake_log_id (fake, "usage", i));
    ck_assert_msg (!strncmp (p, want, strlen (want)), "%d: %.200s", i, p);
    p = strchr (p, '\n');
    ck_assert_ptr_nonnull (p);
    p++;
  }
  ck_assert_str_eq (p, "");
}

static int
count_lines (void)
{
  const char *p = all_lines ();
  int n = 0;
  for (; *p; p++)
    n += *p == '\n';
  return n;
}

static int
count_files (void)
{
  char path[96];
  struct dirent *e;
  DIR *d;
  int n = 0;
  snprintf (path, sizeof path, "%s/usage", folder);
  d = opendir (path);
  ck_assert_ptr_nonnull (d);
  while ((e = readdir (d)))
    n += strcmp (e->d_name, ".") && strcmp (e->d_name, "..");
  closedir (d);
  return n;
}

static void
drain (void)
{
  int i;
  for (i = 0; i < 5; i++)
    turn (1100);
}

START_TEST (a_line_for_each_event)
{
  use_times (9);
  drain ();
  all_once (9);
  ck_assert_ptr_nonnull (strstr (file_name (0), "/archive-20"));
  ck_assert_ptr_nonnull (strstr (file_name (0), "-000001.jsonl"));
  ck_assert_int_eq (fake_health (fake, "sink_archive"), KG_HEALTH_OK);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_unaccounted", "archive"), 0);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_sink_events_total", "archive"), 9);
  ck_assert_ptr_null (file_name (1));
}
END_TEST

START_TEST (a_file_ends_by_its_size)
{
  use_times (60);
  drain ();
  all_once (60);
  ck_assert_ptr_nonnull (file_name (2));
  ck_assert_ptr_nonnull (strstr (file_name (2), "-000003.jsonl"));
}
END_TEST

static void
restart (void)
{
  fake_stop (fake);
  fake_close (fake);
  open_with (files);
}

START_TEST (a_restart_goes_on)
{
  use_times (5);
  drain ();
  restart ();
  use_times (3);
  drain ();
  all_once (8);
  ck_assert_ptr_null (file_name (1));
}
END_TEST

static void
append (const char *name, const char *text)
{
  int fd = open (name, O_WRONLY | O_APPEND);
  ck_assert_int_eq (write (fd, text, strlen (text)), (ssize_t)strlen (text));
  close (fd);
}

START_TEST (a_torn_tail_is_cut)
{
  use_times (5);
  drain ();
  append (file_name (0), "{\"specversion\":\"1.0\",\"id\":\"h");
  restart ();
  use_times (1);
  drain ();
  all_once (6);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "are written again"));
}
END_TEST

/* The process dies when lines are on the disk and the cursor has not moved. */
START_TEST (a_crash_before_the_cursor_moves)
{
  use_times (2);
  drain ();
  use_times (6);
  fake_store_hold (fake, 1);
  drain ();
  all_once (8);
  fake_crash (fake);
  fake_stop (fake);
  fake_close (fake);
  fake_store_hold (fake, 0);
  open_with (files);
  use_times (2);
  drain ();
  all_once (10);
}
END_TEST

/* The same when these lines were the first ones of a file. */
START_TEST (a_crash_in_a_new_file)
{
  use_times (16);
  drain ();
  use_times (12);
  fake_store_hold (fake, 1);
  drain ();
  ck_assert_ptr_nonnull (file_name (1));
  fake_crash (fake);
  fake_stop (fake);
  fake_close (fake);
  fake_store_hold (fake, 0);
  open_with (files);
  drain ();
  all_once (28);
}
END_TEST

/* The same when they were the first ones of all. */
START_TEST (a_crash_in_the_first_file)
{
  drain ();
  use_times (6);
  fake_store_hold (fake, 1);
  drain ();
  all_once (6);
  fake_crash (fake);
  fake_stop (fake);
  fake_close (fake);
  fake_store_hold (fake, 0);
  open_with (files);
  use_times (2);
  drain ();
  all_once (8);
  ck_assert_ptr_null (file_name (1));
}
END_TEST

/* The day has changed until the next process begins that file. */
START_TEST (a_crash_in_a_new_file_before_midnight)
{
  char was[400], yesterday[400];
  use_times (16);
  drain ();
  use_times (12);
  fake_store_hold (fake, 1);
  drain ();
  ck_assert_ptr_nonnull (file_name (1));
  strcpy (was, file_name (1));
  strcpy (yesterday, was);
  memcpy (strstr (yesterday, "archive-") + 8, "20200101", 8);
  ck_assert_int_eq (rename (was, yesterday), 0);
  fake_crash (fake);
  fake_stop (fake);
  fake_close (fake);
  fake_store_hold (fake, 0);
  open_with (files);
  drain ();
  all_once (28);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "was never finished"));
}
END_TEST

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

int
main (void)
{
  Suite *s = suite_create ("metering-files");
  TCase *f = tcase_create ("files");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (f, begin_files, end_files);
  tcase_add_test (f, a_line_for_each_event);
  tcase_add_test (f, a_file_ends_by_its_size);
  tcase_add_test (f, a_restart_goes_on);
  tcase_add_test (f, a_torn_tail_is_cut);
  tcase_add_test (f, a_crash_before_the_cursor_moves);
  tcase_add_test (f, a_crash_in_a_new_file);
  tcase_add_test (f, a_crash_in_the_first_file);
  tcase_add_test (f, a_crash_in_a_new_file_before_midnight);
  tcase_add_test (f, a_file_that_lost_something);
  tcase_add_test (f, a_file_that_was_moved_away);
  tcase_add_test (f, a_file_that_is_deleted_under_it);
  tcase_add_test (f, a_file_that_is_moved_under_it);
  tcase_add_test (f, a_folder_that_is_deleted_under_it);
  tcase_add_test (f, a_lock_that_is_deleted);
  tcase_add_test (f, a_full_disk_gets_no_fuller);
  tcase_add_test (f, a_new_store_beside_old_files);
  tcase_add_test (f, one_process_at_a_time);
  tcase_add_test (f, a_folder_that_cannot_be);
  suite_add_tcase (s, f);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
