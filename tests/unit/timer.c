/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* core/timer.c: the heap against a slow model. */

#include "core/timer.h"

#include <check.h>
#include <stdlib.h>

#define TIMERS 200

static kg_timer timers[TIMERS];
static struct timer_heap heap;

static int64_t
earliest (void)
{
  int64_t least = INT64_MAX;
  size_t i;
  for (i = 0; i < TIMERS; i++)
    if (timers[i].place != TIMER_OUT && timers[i].deadline < least)
      least = timers[i].deadline;
  return least;
}

START_TEST (the_first_is_the_earliest)
{
  size_t i, step;
  srand (7);
  ck_assert_int_eq (timer_reserve (&heap, TIMERS), 0);
  for (i = 0; i < TIMERS; i++)
    timers[i].place = TIMER_OUT;
  for (step = 0; step < 20000; step++) {
    kg_timer *t = timers + rand () % TIMERS;
    if (t->place == TIMER_OUT) {
      t->deadline = rand () % 50;
      timer_add (&heap, t);
    } else
      timer_remove (&heap, t);
    if (heap.count)
      ck_assert_int_eq (timer_first (&heap)->deadline, earliest ());
    else
      ck_assert_ptr_null (timer_first (&heap));
  }
  timer_finish (&heap);
}
END_TEST

START_TEST (removing_what_is_not_in_is_harmless)
{
  timers[0].place = TIMER_OUT;
  timer_remove (&heap, timers);
  ck_assert_uint_eq (heap.count, 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("timer");
  TCase *cases = tcase_create ("timer");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_test (cases, the_first_is_the_earliest);
  tcase_add_test (cases, removing_what_is_not_in_is_harmless);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
