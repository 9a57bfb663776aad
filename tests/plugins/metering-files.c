/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The file sink of metering-openmeter.so against the fake host: each event is one line, also
 * over restarts and crashes. */

#include "tests/plugins/metering-files.h"

#include <fcntl.h>
#include <unistd.h>

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

/* The process dies; the store has nothing of what it held back. */
static void
die (void)
{
  fake_crash (fake);
  fake_stop (fake);
  fake_close (fake);
  fake_store_hold (fake, 0);
  open_with (files);
}

/* The process dies when lines are on the disk and the cursor has not moved. */
START_TEST (a_crash_before_the_cursor_moves)
{
  use_times (2);
  drain ();
  use_times (6);
  fake_store_hold (fake, 1);
  drain ();
  all_once (8);
  die ();
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
  die ();
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
  die ();
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
  die ();
  drain ();
  all_once (28);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "was never finished"));
}
END_TEST

UNIT_MAIN_BETWEEN ("metering-files", begin_files, end_files, a_line_for_each_event,
                   a_file_ends_by_its_size, a_restart_goes_on, a_torn_tail_is_cut,
                   a_crash_before_the_cursor_moves, a_crash_in_a_new_file,
                   a_crash_in_the_first_file, a_crash_in_a_new_file_before_midnight)
