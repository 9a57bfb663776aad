/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What every libcheck test needs: its includes, and a main that speaks TAP.
 *
 *   START_TEST (adds_up) { ck_assert_int_eq (1 + 1, 2); } END_TEST
 *   UNIT_MAIN ("sums", adds_up, another)
 *
 * UNIT_MAIN_BETWEEN ("sums", begin, end, adds_up, another) calls begin before each case and end
 * behind it.
 *
 * CK_FORK=no runs the cases in one process, for debuggers and valgrind. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

static inline int
unit_run_between (const char *name, SFun call_before, SFun call_behind,
                  const TTest *const *tests, size_t count)
{
  Suite *suite = suite_create (name);
  TCase *cases = tcase_create (name);
  SRunner *runner;
  int failed;
  size_t i;
  tcase_add_checked_fixture (cases, call_before, call_behind);
  for (i = 0; i < count; i++)
    tcase_add_test (cases, tests[i]);
  tcase_set_timeout (cases, 60);
  suite_add_tcase (suite, cases);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static inline int
unit_run (const char *name, const TTest *const *tests, size_t count)
{
  return unit_run_between (name, NULL, NULL, tests, count);
}

#define UNIT_MAIN_BETWEEN(name, begin, end, ...)                                               \
  int main (void)                                                                              \
  {                                                                                            \
    const TTest *const tests[] = { __VA_ARGS__ };                                              \
    return unit_run_between (name, begin, end, tests, sizeof tests / sizeof *tests);           \
  }

#define UNIT_MAIN(name, ...) UNIT_MAIN_BETWEEN (name, NULL, NULL, __VA_ARGS__)

#endif
