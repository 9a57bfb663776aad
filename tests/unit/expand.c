/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* expand.c: the environment, files, and what a file must be (FAULTS.md C04). */
#include "core/expand.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena arena;
static char first[1024];
static struct errors errors;
static char path[] = "/tmp/kgent-expand-XXXXXX";

static void
setup (void)
{
  int fd;
  strcpy (path, "/tmp/kgent-expand-XXXXXX");
  fd = mkstemp (path);
  ck_assert_int_ge (fd, 0);
  close (fd);
  arena_init (&arena, first, sizeof first);
  errors_init (&errors);
  setenv ("K_SET", "value", 1);
  setenv ("K_EMPTY", "", 1);
  unsetenv ("K_NONE");
  unsetenv ("K_NONE_FILE");
}

static void
teardown (void)
{
  unlink (path);
  errors_finish (&errors);
  arena_finish (&arena);
}

/* Expands; "" and a message in `errors` when it was refused. */
static struct expanded
expand (const char *text)
{
  struct expanded x = { "", NULL };
  struct conf_where where = { "f", 3 };
  if (expand_text (&arena, &errors, where, "a.b", text, &x) < 0)
    ck_assert_uint_eq (errors.count, 1);
  return x;
}

static const struct row {
  const char *text, *want;
} good[] = {
  { "plain", "plain" },
  { "", "" },
  { "${env:K_SET}", "value" },
  { "a${env:K_SET}b${env:K_SET}", "avaluebvalue" },
  { "${env:K_EMPTY}", "" },
  { "${env:K_EMPTY:-x}", "x" },
  { "${env:K_NONE:-x:-y}", "x:-y" },
  { "${env:K_NONE:-}", "" },
  { "$${env:K_SET}", "${env:K_SET}" },
  { "$5 {x} $$", "$5 {x} $$" },
};

START_TEST (expands)
{
  ck_assert_str_eq (expand (good[_i].text).text, good[_i].want);
  ck_assert_uint_eq (errors.count, 0);
}
END_TEST

static const struct row bad[] = {
  { "${env:K_NONE}", "f:3: a.b: environment variable K_NONE is not set; set it, or write "
                     "${env:K_NONE:-default}" },
  { "${env:A B}", "f:3: a.b: ${env:A B}: not the name of an environment variable" },
  { "${env:}", "f:3: a.b: ${env:}: not the name of an environment variable" },
  { "${K_SET}", "f:3: a.b: ${K_SET}: unknown; write ${env:NAME}, ${env:NAME:-default} or "
                "${file:/path}, and $${ for a literal ${" },
  { "${env:K_SET", "f:3: a.b: \"${\" without \"}\"; close it, or write $${ for a literal ${" },
  { "${file:x}", "f:3: a.b: ${file:x}: not an absolute path; begin it with /" },
  { "${file:/nowhere/x}", "f:3: a.b: /nowhere/x: No such file or directory" },
  { "${file:/tmp}", "f:3: a.b: /tmp: not a regular file; name one" },
};

START_TEST (refuses)
{
  expand (bad[_i].text);
  ck_assert_uint_eq (errors.count, 1);
  ck_assert_str_eq (errors.text[0], bad[_i].want);
}
END_TEST

START_TEST (tells_the_source)
{
  ck_assert_str_eq (expand ("${env:K_SET}").source, "environment variable K_SET");
  ck_assert_ptr_null (expand ("x").source);
  ck_assert_ptr_null (expand ("${env:K_NONE:-x}").source);
}
END_TEST

/* ---- Files ------------------------------------------------------------------ */

static const struct file_row {
  const char *text; /* NULL: that many x's */
  size_t len;
  mode_t mode;
  const char *want; /* the value, or the reason after the path */
  int32_t refused;
} files[] = {
  { "secret", 6, 0600, "secret", 0 },
  { "secret\n", 7, 0640, "secret", 0 },
  { "secret\r\n", 8, 0400, "secret", 0 },
  { "a\n\n", 3, 0600, "a\n", 0 },
  { "secret", 6, 0644, "others may use it; chmod o= it", 1 },
  { "secret", 6, 0602, "others may use it; chmod o= it", 1 },
  { "", 0, 0600, "empty; write the value into it", 1 },
  { "\r\n", 2, 0600, "empty; write the value into it", 1 },
  { "a\0b", 3, 0600, "holds a NUL byte; it must be text", 1 },
  { NULL, 1 << 20, 0600, "longer than 64 KiB; is it the right file?", 1 },
};

static void
file_write (const struct file_row *row)
{
  FILE *f = fopen (path, "w");
  size_t i;
  ck_assert_ptr_nonnull (f);
  for (i = 0; i < row->len; i++)
    fputc (row->text ? row->text[i] : 'x', f);
  ck_assert_int_eq (fclose (f), 0);
  ck_assert_int_eq (chmod (path, row->mode), 0);
}

START_TEST (reads_files)
{
  const struct file_row *row = &files[_i];
  char text[64], message[160];
  file_write (row);
  snprintf (text, sizeof text, "${file:%s}", path);
  if (!row->refused) {
    ck_assert_str_eq (expand (text).text, row->want);
    return;
  }
  expand (text);
  snprintf (message, sizeof message, "f:3: a.b: %s: %s", path, row->want);
  ck_assert_str_eq (errors.text[0], message);
}
END_TEST

START_TEST (reads_variable_file)
{
  file_write (&files[1]);
  setenv ("K_NONE_FILE", path, 1);
  ck_assert_str_eq (expand ("${env:K_NONE}").text, "secret");
  ck_assert_str_eq (expand ("${env:K_NONE:-x}").text, "secret");
  setenv ("K_NONE", "", 1);
  ck_assert_str_eq (expand ("${env:K_NONE}").text, "secret");
  setenv ("K_NONE", "both", 1);
  expand ("${env:K_NONE}");
  ck_assert_str_eq (errors.text[0], "f:3: a.b: both K_NONE and K_NONE_FILE are set in the "
                                    "environment; unset one");
}
END_TEST

START_TEST (waits_for_no_pipe)
{
  char text[64];
  unlink (path);
  ck_assert_int_eq (mkfifo (path, 0600), 0);
  snprintf (text, sizeof text, "${file:%s}", path);
  expand (text);
  ck_assert_uint_eq (errors.count, 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("expand");
  TCase *t = tcase_create ("expand");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_loop_test (t, expands, 0, sizeof good / sizeof *good);
  tcase_add_loop_test (t, refuses, 0, sizeof bad / sizeof *bad);
  tcase_add_test (t, tells_the_source);
  tcase_add_loop_test (t, reads_files, 0, sizeof files / sizeof *files);
  tcase_add_test (t, reads_variable_file);
  tcase_add_test (t, waits_for_no_pipe);
  suite_add_tcase (suite, t);
  sr = srunner_create (suite);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? 1 : 0;
}
