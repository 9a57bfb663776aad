/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What every libcheck test needs: its includes, and a main that speaks TAP.
 *
 *   START_TEST (adds_up) { ck_assert_int_eq (1 + 1, 2); } END_TEST
 *   UNIT_MAIN ("sums", adds_up, another)
 *
 * CK_FORK=no runs the cases in one process, for debuggers and valgrind. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

static inline int
unit_run (const char *name, const TTest *const *tests, size_t count)
{
  Suite *suite = suite_create (name);
  TCase *cases = tcase_create (name);
  SRunner *runner;
  int failed;
  size_t i;
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

#define UNIT_MAIN(name, ...)                                                                   \
  int main (void)                                                                              \
  {                                                                                            \
    const TTest *const tests[] = { __VA_ARGS__ };                                              \
    return unit_run (name, tests, sizeof tests / sizeof *tests);                               \
  }

#endif
