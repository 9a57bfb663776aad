/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* core/log.c with its rings and its writer. */

#include "core/log.h"
#include "core/log_ring.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "/tmp/kgent-log-XXXXXX";
static char content[4 << 20];

static void
open_log (const char *level, const char *format, int access)
{
  struct log_settings settings
      = { .level = level, .format = format, .file = path, .access = access };
  char error[256] = "";
  int32_t result = log_open (&settings, error, sizeof error);
  ck_assert_msg (result == 0, "%s", error);
}

static void
setup (void)
{
  int fd;
  memcpy (path + strlen (path) - 6, "XXXXXX", 6);
  fd = mkstemp (path);
  ck_assert_int_ge (fd, 0);
  close (fd);
}

static void
teardown (void)
{
  log_close ();
  unlink (path);
}

/* Closes the log and reads what it wrote; returns the number of lines. */
static size_t
read_log (void)
{
  FILE *f;
  size_t n, i, lines = 0;
  log_close ();
  f = fopen (path, "r");
  ck_assert_ptr_nonnull (f);
  n = fread (content, 1, sizeof content - 1, f);
  fclose (f);
  content[n] = 0;
  for (i = 0; i < n; i++)
    lines += content[i] == '\n';
  return lines;
}

#define STR(s)                                                                                 \
  {                                                                                            \
    s, sizeof (s) - 1                                                                          \
  }

static struct log_access
sample (void)
{
  struct log_access a = {
    .time_ns = 1767323045000006000ll,
    .duration_ns = 412345,
    .bytes_in = 12,
    .bytes_out = 3456,
    .status = 200,
    .request_id = STR ("01J0"),
    .method = STR ("GET"),
    .route = STR ("/v1/x/{id}"),
    .path = STR ("/v1/x/7"),
    .client = STR ("127.0.0.1"),
    .listener = STR ("public"),
    .subject = STR ("alice"),
    .tenant = STR ("acme"),
    .key_id = STR ("kg_ab1d2"),
    .trace_id = STR ("0af7651916cd43dd8448eb211c80319c"),
    .span_id = STR ("b7ad6b7169203331"),
  };
  return a;
}

START_TEST (a_message_is_one_object)
{
  open_log ("info", "json", 1);
  log_write (KG_LOG_WARN, "auth", "bad\nthing \"%s\" %d", "\x1b[0m", 7);
  ck_assert_uint_eq (read_log (), 1);
  ck_assert_int_eq (strncmp (content, "{\"ts\":\"20", 9), 0);
  ck_assert_str_eq (strchr (content, ',') + 1,
                    "\"level\":\"warn\",\"source\":\"auth\",\"msg\":\"bad\\nthing "
                    "\\\"\\u001b[0m\\\" 7\"}\n");
}
END_TEST

START_TEST (an_access_line_has_its_members)
{
  struct log_access a = sample ();
  open_log ("info", "json", 1);
  log_access (&a);
  ck_assert_uint_eq (read_log (), 1);
  ck_assert_str_eq (
      content,
      "{\"ts\":\"2026-01-02T03:04:05.000006Z\",\"level\":\"info\",\"source\":\"access\","
      "\"msg\":\"request\",\"request_id\":\"01J0\",\"method\":\"GET\",\"route\":\"/v1/x/{id}\","
      "\"path\":\"/v1/x/7\",\"status\":200,\"duration_ms\":0.412,\"bytes_in\":12,"
      "\"bytes_out\":3456,\"subject\":\"alice\",\"tenant\":\"acme\",\"key_id\":\"kg_ab1d2\","
      "\"client\":\"127.0.0.1\",\"listener\":\"public\","
      "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"span_id\":\"b7ad6b7169203331\"}\n");
}
END_TEST

START_TEST (text_is_short)
{
  struct log_access a = sample ();
  open_log ("debug", "text", 1);
  log_access (&a);
  log_write (KG_LOG_DEBUG, "auth", "hello");
  ck_assert_uint_eq (read_log (), 2);
  ck_assert_int_eq (strncmp (content,
                             "03:04:05.000 200 GET /v1/x/7 0.412 ms 3456 B 127.0.0.1 "
                             "acme/alice 01J0\n",
                             71),
                    0);
  ck_assert_str_eq (strchr (content, '\n') + 13, " debug auth         hello\n");
}
END_TEST

START_TEST (levels_are_thresholds)
{
  struct log_access a = sample ();
  open_log ("warn", "json", 1);
  ck_assert (!log_enabled (KG_LOG_INFO));
  log_write (KG_LOG_INFO, "x", "not this");
  log_access (&a);
  a.status = 502;
  log_access (&a);
  log_write (KG_LOG_ERROR, "x", "this");
  ck_assert_uint_eq (read_log (), 2);
  ck_assert_ptr_nonnull (strstr (content, "\"status\":502"));
}
END_TEST

START_TEST (no_access_lines_when_off)
{
  struct log_access a = sample ();
  open_log ("info", "json", 0);
  ck_assert (!log_access_enabled ());
  log_access (&a);
  ck_assert_uint_eq (read_log (), 0);
}
END_TEST

START_TEST (bad_settings_are_refused)
{
  struct log_settings s = { .level = "loud", .format = "json", .file = path };
  char error[256];
  ck_assert_int_eq (log_open (&s, error, sizeof error), -EINVAL);
  ck_assert_str_eq (error, "log.level \"loud\": one of error, warn, info, debug");
  s.level = "info";
  s.format = "xml";
  ck_assert_int_eq (log_open (&s, error, sizeof error), -EINVAL);
  ck_assert_str_eq (error, "log.format \"xml\": one of auto, text, json");
  s.format = "auto";
  s.file = "/nonexistent/x";
  ck_assert_int_eq (log_open (&s, error, sizeof error), -ENOENT);
  ck_assert_str_eq (error, "log.file \"/nonexistent/x\": No such file or directory");
}
END_TEST

START_TEST (the_worst_line_fits)
{
  static char worst[300];
  kg_str w = { worst, sizeof worst };
  struct log_access a = { .status = -1,
                          .error = INT32_MIN,
                          .duration_ns = INT64_MAX,
                          .bytes_in = UINT64_MAX,
                          .bytes_out = UINT64_MAX,
                          .request_id = w,
                          .method = w,
                          .route = w,
                          .path = w,
                          .client = w,
                          .listener = w,
                          .subject = w,
                          .tenant = w,
                          .key_id = w,
                          .user_agent = w,
                          .plugin = w };
  memset (worst, 1, sizeof worst);
  open_log ("info", "json", 1);
  log_access (&a);
  ck_assert_uint_eq (read_log (), 1);
  ck_assert_uint_gt (strlen (content), 11u * 6 * 224);
  ck_assert_uint_lt (strlen (content), LOG_STAGE_SIZE);
  ck_assert_ptr_nonnull (strstr (content, "\"errno\":2147483648"));
}
END_TEST

#define PRODUCERS 4
#define EACH 2000

static void *
produce (void *arg)
{
  int i;
  for (i = 0; i < EACH; i++)
    log_write (KG_LOG_INFO, "test", "thread %d line %d.", *(int *) arg, i);
  return NULL;
}

START_TEST (threads_do_not_mix_lines)
{
  pthread_t threads[PRODUCERS];
  int ids[PRODUCERS], next[PRODUCERS] = { 0 }, i, line;
  uint64_t before = log_dropped ();
  size_t lines;
  char *p;
  open_log ("info", "json", 0);
  for (i = 0; i < PRODUCERS; i++) {
    ids[i] = i;
    ck_assert_int_eq (pthread_create (threads + i, NULL, produce, ids + i), 0);
  }
  for (i = 0; i < PRODUCERS; i++)
    pthread_join (threads[i], NULL);
  lines = read_log ();
  ck_assert_uint_ge (lines + (log_dropped () - before), PRODUCERS * EACH);
  for (p = content; (p = strstr (p, "\"msg\":\"thread ")); p++) {
    ck_assert_int_eq (sscanf (p, "\"msg\":\"thread %d line %d.", &i, &line), 2);
    ck_assert_int_ge (line, next[i]); /* in order; a drop leaves a gap */
    next[i] = line + 1;
  }
  if (log_dropped () == before)
    for (i = 0; i < PRODUCERS; i++)
      ck_assert_int_eq (next[i], EACH);
}
END_TEST

/* A reader that does not read: producers go on, drops are counted, and a line
 * tells of them when the reader is back. */
START_TEST (a_blocked_pipe_blocks_nobody)
{
  struct log_settings s = { .level = "info", .format = "json", .file = path, .access = 0 };
  char error[256], *p;
  uint64_t before = log_dropped ();
  size_t n = 0;
  ssize_t got;
  int fd, i;
  unlink (path);
  ck_assert_int_eq (mkfifo (path, 0600), 0);
  fd = open (path, O_RDONLY | O_NONBLOCK);
  ck_assert_int_eq (log_open (&s, error, sizeof error), 0);
  for (i = 0; i < 20000; i++)
    log_write (KG_LOG_INFO, "test", "line %d with some more text to fill the pipe", i);
  ck_assert_uint_gt (log_dropped (), before);
  fcntl (fd, F_SETFL, 0);
  while (!strstr (content, "lines were dropped") && n + 65536 < sizeof content) {
    got = read (fd, content + n, 65536);
    ck_assert_int_gt (got, 0);
    n += (size_t) got;
    content[n] = 0;
  }
  p = strstr (content, "log lines were dropped: the output was blocked");
  ck_assert_ptr_nonnull (p);
  log_close ();
  close (fd);
}
END_TEST

START_TEST (close_gives_a_blocked_pipe_up)
{
  struct log_settings s = { .level = "info", .format = "json", .file = path, .access = 0 };
  char error[256];
  uint64_t before = log_dropped ();
  int fd, i;
  unlink (path);
  ck_assert_int_eq (mkfifo (path, 0600), 0);
  fd = open (path, O_RDONLY | O_NONBLOCK);
  ck_assert_int_eq (log_open (&s, error, sizeof error), 0);
  for (i = 0; i < 1500; i++)
    log_write (KG_LOG_INFO, "test", "line %d with some more text to fill the pipe", i);
  log_close ();
  ck_assert_uint_gt (log_dropped (), before);
  close (fd);
}
END_TEST

START_TEST (a_full_disk_only_drops)
{
  struct log_settings s
      = { .level = "info", .format = "json", .file = "/dev/full", .access = 0 };
  char error[256];
  uint64_t before = log_dropped ();
  ck_assert_int_eq (log_open (&s, error, sizeof error), 0);
  log_write (KG_LOG_INFO, "test", "lost");
  log_close ();
  ck_assert_uint_eq (log_dropped (), before + 1);
}
END_TEST

START_TEST (a_forked_child_writes_directly)
{
  pid_t pid;
  int status, fd;
  open_log ("info", "json", 0);
  pid = fork ();
  if (pid == 0) {
    fd = open (path, O_WRONLY | O_APPEND);
    dup2 (fd, STDERR_FILENO);
    log_write (KG_LOG_INFO, "child", "hello");
    _exit (0);
  }
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  log_write (KG_LOG_INFO, "parent", "hello");
  ck_assert_uint_eq (read_log (), 2);
  ck_assert_ptr_nonnull (strstr (content, "\"child\""));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("log");
  TCase *cases = tcase_create ("log");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_checked_fixture (cases, setup, teardown);
  tcase_set_timeout (cases, 30);
  tcase_add_test (cases, a_message_is_one_object);
  tcase_add_test (cases, an_access_line_has_its_members);
  tcase_add_test (cases, text_is_short);
  tcase_add_test (cases, levels_are_thresholds);
  tcase_add_test (cases, no_access_lines_when_off);
  tcase_add_test (cases, bad_settings_are_refused);
  tcase_add_test (cases, the_worst_line_fits);
  tcase_add_test (cases, threads_do_not_mix_lines);
  tcase_add_test (cases, a_blocked_pipe_blocks_nobody);
  tcase_add_test (cases, close_gives_a_blocked_pipe_up);
  tcase_add_test (cases, a_full_disk_only_drops);
  tcase_add_test (cases, a_forked_child_writes_directly);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
