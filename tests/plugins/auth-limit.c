/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The windows of limits, under threads and odd clocks. */
#include "plugins/auth/limit.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 64
#define SECOND  1000000000ll
#define DAY     (86400 * SECOND)
#define T0      (20000 * DAY) /* 2024-10-04 */

/* ---- Limits -------------------------------------------------------------- */

static struct cell cell;
static struct limits limits;
static pthread_barrier_t barrier;
static _Atomic int passed;

static void *
taker (void *arg)
{
  struct moment now = limit_moment (SECOND, T0);
  pthread_barrier_wait (&barrier);
  if (limit_take (&cell, &limits, &now) == LIMIT_OK)
    atomic_fetch_add (&passed, 1);
  return arg;
}

/* All threads at once, `rounds` times, with one request left each time. */
static void
race (int rounds, int64_t per_minute, int64_t per_day, int used)
{
  pthread_t t[THREADS];
  for (int r = 0; r < rounds; r++) {
    struct moment now = limit_moment (SECOND, T0);
    memset (&cell, 0, sizeof cell);
    limits = (struct limits){ .per_minute = per_minute, .per_day = per_day, .tokens = 0 };
    passed = 0;
    for (int i = 0; i < used; i++)
      ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
    pthread_barrier_init (&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
      ck_assert_int_eq (pthread_create (&t[i], NULL, taker, NULL), 0);
    for (int i = 0; i < THREADS; i++)
      pthread_join (t[i], NULL);
    pthread_barrier_destroy (&barrier);
    ck_assert_int_eq (passed, 1);
    ck_assert_uint_eq (limit_count (cell.day, now.day), (uint64_t) used + 1);
  }
}

START_TEST (one_of_64_passes)
{
  race (100, 0, 10, 9);
  race (100, 10, 0, 9);
  race (100, 10, 1000, 9);
}
END_TEST

#define TAKES 5000

static void *
greedy (void *arg)
{
  struct moment now = limit_moment (SECOND, T0);
  int mine = 0;
  pthread_barrier_wait (&barrier);
  for (int i = 0; i < TAKES; i++)
    mine += limit_take (&cell, &limits, &now) == LIMIT_OK;
  atomic_fetch_add (&passed, mine);
  return arg;
}

/* Far more takers than there is to take: not one too many passes, not one too
 * few. */
static void
storm (int64_t per_minute, int64_t per_day, int expected)
{
  pthread_t t[8];
  memset (&cell, 0, sizeof cell);
  limits = (struct limits){ .per_minute = per_minute, .per_day = per_day, .tokens = 0 };
  passed = 0;
  pthread_barrier_init (&barrier, NULL, 8);
  for (int i = 0; i < 8; i++)
    ck_assert_int_eq (pthread_create (&t[i], NULL, greedy, NULL), 0);
  for (int i = 0; i < 8; i++)
    pthread_join (t[i], NULL);
  pthread_barrier_destroy (&barrier);
  ck_assert_int_eq (passed, expected);
  ck_assert_uint_eq (limit_count (cell.day, T0 / DAY), (uint64_t) expected);
}

START_TEST (no_update_is_lost)
{
  for (int i = 0; i < 20; i++) {
    storm (0, 30000, 30000);
    storm (30000, 0, 30000);
    storm (30000, 40000, 30000);
  }
}
END_TEST

START_TEST (bucket)
{
  struct moment now;
  static const int64_t rates[] = { 1, 7, 60, 6000, 70001, 999999937 };
  for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
    int64_t n = 0, most = rates[r] < 10000 ? rates[r] : 10000;
    memset (&cell, 0, sizeof cell);
    limits = (struct limits){ .per_minute = rates[r], .per_day = 0, .tokens = 0 };
    now = limit_moment (SECOND, T0);
    for (n = 0; n < most; n++)
      ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
    if (most == rates[r])
      ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_MINUTE);
  }
}
END_TEST

START_TEST (bucket_refills)
{
  struct moment now = limit_moment (SECOND, T0);
  struct standing s;
  memset (&cell, 0, sizeof cell);
  limits = (struct limits){ .per_minute = 6, .per_day = 0, .tokens = 0 };
  for (int i = 0; i < 6; i++)
    ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
  limit_look (&cell, &limits, &now, &s);
  ck_assert_int_eq (s.minute_left, 0);
  ck_assert_int_eq (s.minute_reset_s, 60);
  ck_assert_int_eq (limit_retry (&cell, &limits, &now, LIMIT_MINUTE), 10);
  now = limit_moment (11 * SECOND - 1, T0);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_MINUTE);
  now = limit_moment (11 * SECOND, T0);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_MINUTE);
  limit_refund (&cell, &limits, &now);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
}
END_TEST

START_TEST (day_edges)
{
  struct moment last = limit_moment (SECOND, T0 + DAY - 1), first = limit_moment (SECOND, T0 + DAY);
  memset (&cell, 0, sizeof cell);
  limits = (struct limits){ .per_minute = 0, .per_day = 2, .tokens = 0 };
  ck_assert_uint_eq (last.day + 1, first.day);
  ck_assert_int_eq (limit_take (&cell, &limits, &last), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &last), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &last), LIMIT_DAY);
  ck_assert_int_eq (limit_retry (&cell, &limits, &last, LIMIT_DAY), 1);
  ck_assert_int_eq (limit_take (&cell, &limits, &first), LIMIT_OK);
  limit_refund (&cell, &limits, &last); /* of yesterday: not today's business */
  ck_assert_int_eq (limit_take (&cell, &limits, &first), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &first), LIMIT_DAY);
  /* the clock goes back over midnight: what was counted stays counted */
  ck_assert_int_eq (limit_take (&cell, &limits, &last), LIMIT_DAY);
  ck_assert_int_eq (limit_take (&cell, &limits, &first), LIMIT_DAY);
}
END_TEST

START_TEST (clock_was_wrong)
{
  struct moment wrong = limit_moment (SECOND, T0 + 3650 * DAY), now = limit_moment (SECOND, T0);
  memset (&cell, 0, sizeof cell);
  limits = (struct limits){ .per_minute = 0, .per_day = 1, .tokens = 0 };
  ck_assert_int_eq (limit_take (&cell, &limits, &wrong), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &wrong), LIMIT_DAY);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_DAY);
}
END_TEST

START_TEST (months)
{
  static const struct {
    int64_t day;
    uint32_t month;
  } rows[] = { { 0, 1970 * 12 },          { 30, 1970 * 12 },        { 31, 1970 * 12 + 1 },
               { 11016, 2000 * 12 + 1 }, /* 29 February 2000 */
               { 11017, 2000 * 12 + 2 },  { 19782, 2024 * 12 + 1 }, /* 29 February 2024 */
               { 19783, 2024 * 12 + 2 },  { 20088, 2024 * 12 + 11 }, /* 31 December 2024 */
               { 20089, 2025 * 12 },      { 24855, 2038 * 12 } };
  struct moment m;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    m = limit_moment (0, rows[i].day * DAY + DAY - 1);
    ck_assert_uint_eq (m.day, (uint32_t) rows[i].day);
    ck_assert_uint_eq (m.month, rows[i].month);
  }
  m = limit_moment (0, 20088 * DAY + 86399 * SECOND);
  ck_assert_int_eq (limit_retry (&cell, &limits, &m, LIMIT_TOKENS), 1);
}
END_TEST

START_TEST (tokens)
{
  struct moment now = limit_moment (0, T0), later = limit_moment (0, T0 + DAY),
                next = limit_moment (0, T0 + 40 * DAY);
  struct standing s;
  memset (&cell, 0, sizeof cell);
  limits = (struct limits){ .per_minute = 0, .per_day = 0, .tokens = 50 };
  ck_assert_int_eq (limit_tokens (&cell, &limits, &now), LIMIT_OK);
  limit_spend (&cell, 49, &now);
  ck_assert_int_eq (limit_tokens (&cell, &limits, &now), LIMIT_OK);
  limit_spend (&cell, 1, &later);
  limit_look (&cell, &limits, &later, &s);
  ck_assert_int_eq (s.tokens_today, 1);
  ck_assert_int_eq (s.tokens_month, 50);
  ck_assert_int_eq (limit_tokens (&cell, &limits, &later), LIMIT_TOKENS);
  ck_assert_int_eq (limit_tokens (&cell, &limits, &next), LIMIT_OK);
  limit_spend (&cell, UINT64_MAX, &next); /* sticks at the top, never wraps */
  ck_assert_int_eq (limit_tokens (&cell, &limits, &next), LIMIT_TOKENS);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("auth-limit");
  TCase *tc = tcase_create ("all");
  SRunner *sr;
  int failed;
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, one_of_64_passes);
  tcase_add_test (tc, no_update_is_lost);
  tcase_add_test (tc, bucket);
  tcase_add_test (tc, bucket_refills);
  tcase_add_test (tc, day_edges);
  tcase_add_test (tc, clock_was_wrong);
  tcase_add_test (tc, months);
  tcase_add_test (tc, tokens);
  suite_add_tcase (s, tc);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
