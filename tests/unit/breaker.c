/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* core/breaker.c. */

#include "core/breaker.h"
#include "core/util/clock.h"

#include <check.h>
#include <stdio.h>

static struct breaker b;

static void
setup (void)
{
  b = (struct breaker){ 0 };
}

/* One admitted call with its outcome. */
static void
call (int32_t outcome, int64_t now)
{
  int32_t admitted = breaker_admit (&b, now);
  ck_assert_int_ne (admitted, BREAKER_REFUSED);
  breaker_report (&b, admitted, outcome, now);
}

START_TEST (five_failures_in_a_row_open_it)
{
  int i;
  for (i = 0; i < 4; i++)
    call (BREAKER_FAILED, 0);
  ck_assert_int_eq (b.state, BREAKER_CLOSED);
  call (BREAKER_WORKED, 0);
  for (i = 0; i < 4; i++)
    call (BREAKER_FAILED, 0);
  ck_assert_int_eq (b.state, BREAKER_CLOSED);
  call (BREAKER_FAILED, 0);
  ck_assert_int_eq (b.state, BREAKER_OPEN);
  ck_assert_int_eq (breaker_admit (&b, 0), BREAKER_REFUSED);
}
END_TEST

START_TEST (more_than_half_of_twenty_open_it)
{
  int i;
  for (i = 0; i < 20; i++)
    call (i % 2 ? BREAKER_WORKED : BREAKER_FAILED, 0);
  ck_assert_int_eq (b.state, BREAKER_CLOSED); /* exactly half */
  call (BREAKER_FAILED, 0);                   /* pushes a failure out */
  ck_assert_int_eq (b.state, BREAKER_CLOSED);
  call (BREAKER_FAILED, 0); /* pushes a success out: 11 of 20 */
  ck_assert_int_eq (b.state, BREAKER_OPEN);
}
END_TEST

START_TEST (few_calls_decide_nothing)
{
  int i;
  for (i = 0; i < 19; i++)
    call (i % 4 ? BREAKER_FAILED : BREAKER_WORKED, 0);
  ck_assert_int_eq (b.state, BREAKER_CLOSED);
  call (BREAKER_FAILED, 0);
  ck_assert_int_eq (b.state, BREAKER_OPEN);
}
END_TEST

START_TEST (pauses_double_up_to_thirty_seconds)
{
  static const int64_t pauses[] = { 1, 2, 4, 8, 16, 30, 30 };
  int64_t now = 0;
  size_t i;
  for (i = 0; i < 5; i++)
    call (BREAKER_FAILED, now);
  for (i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
    ck_assert_int_eq (breaker_admit (&b, now + pauses[i] * CLOCK_SECOND - 1), BREAKER_REFUSED);
    now += pauses[i] * CLOCK_SECOND;
    ck_assert_int_eq (breaker_admit (&b, now), BREAKER_PROBE);
    ck_assert_int_eq (breaker_admit (&b, now), BREAKER_REFUSED); /* one probe at a time */
    breaker_report (&b, BREAKER_PROBE, BREAKER_FAILED, now);
  }
}
END_TEST

START_TEST (a_probe_that_works_closes_it)
{
  int i;
  for (i = 0; i < 5; i++)
    call (BREAKER_FAILED, 0);
  call (BREAKER_WORKED, CLOCK_SECOND);
  ck_assert_int_eq (b.state, BREAKER_CLOSED);
  for (i = 0; i < 4; i++)
    call (BREAKER_FAILED, 0);
  ck_assert_int_eq (b.state, BREAKER_CLOSED); /* it starts anew */
}
END_TEST

START_TEST (a_probe_without_a_verdict_is_followed_by_another)
{
  int i;
  for (i = 0; i < 5; i++)
    call (BREAKER_FAILED, 0);
  call (BREAKER_UNDECIDED, CLOCK_SECOND);
  ck_assert_int_eq (b.state, BREAKER_OPEN);
  ck_assert_int_eq (breaker_admit (&b, CLOCK_SECOND), BREAKER_PROBE);
}
END_TEST

START_TEST (late_outcomes_say_nothing)
{
  int i;
  for (i = 0; i < 5; i++)
    call (BREAKER_FAILED, 0);
  breaker_report (&b, BREAKER_ADMITTED, BREAKER_WORKED, 0);
  ck_assert_int_eq (b.state, BREAKER_OPEN);
  for (i = 0; i < 5; i++)
    breaker_report (&b, BREAKER_ADMITTED, BREAKER_FAILED, CLOCK_SECOND / 2);
  ck_assert_int_eq (breaker_admit (&b, CLOCK_SECOND), BREAKER_PROBE);
}
END_TEST

START_TEST (origins_are_apart)
{
  struct breakers *t = breakers_create ();
  struct breaker *one = breakers_use (t, "http://one:80"),
                 *two = breakers_use (t, "http://two:80");
  int i;
  ck_assert_ptr_ne (one, two);
  ck_assert_ptr_eq (breakers_use (t, "http://one:80"), one);
  for (i = 0; i < 5; i++)
    breaker_report (one, BREAKER_ADMITTED, BREAKER_FAILED, 0);
  ck_assert_uint_eq (breakers_open (t), 1);
  ck_assert_int_eq (breaker_admit (two, 0), BREAKER_ADMITTED);
  breakers_destroy (t);
}
END_TEST

START_TEST (closed_ones_are_forgotten)
{
  struct breakers *t = breakers_create ();
  struct breaker *open = breakers_use (t, "open"), *used = breakers_use (t, "used");
  char name[16];
  unsigned i;
  for (i = 0; i < 5; i++)
    breaker_report (open, BREAKER_ADMITTED, BREAKER_FAILED, 0);
  breakers_release (t, open);
  for (i = 0; i < 2 * BREAKER_MAX; i++) {
    snprintf (name, sizeof name, "n%u", i);
    breakers_release (t, breakers_use (t, name));
  }
  ck_assert_ptr_eq (breakers_use (t, "open"), open);
  ck_assert_ptr_eq (breakers_use (t, "used"), used);
  for (i = 0; i < BREAKER_MAX - 2; i++) {
    snprintf (name, sizeof name, "m%u", i);
    ck_assert_ptr_nonnull (breakers_use (t, name));
  }
  ck_assert_ptr_null (breakers_use (t, "one too many"));
  breakers_destroy (t);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("breaker");
  TCase *cases = tcase_create ("breaker");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_checked_fixture (cases, setup, NULL);
  tcase_add_test (cases, five_failures_in_a_row_open_it);
  tcase_add_test (cases, more_than_half_of_twenty_open_it);
  tcase_add_test (cases, few_calls_decide_nothing);
  tcase_add_test (cases, pauses_double_up_to_thirty_seconds);
  tcase_add_test (cases, a_probe_that_works_closes_it);
  tcase_add_test (cases, a_probe_without_a_verdict_is_followed_by_another);
  tcase_add_test (cases, late_outcomes_say_nothing);
  tcase_add_test (cases, origins_are_apart);
  tcase_add_test (cases, closed_ones_are_forgotten);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
