/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Limits of a key and its tenant, one request after the other. */
#include "tests/plugins/auth-limit.h"

START_TEST (bucket)
{
  static const int64_t rates[] = { 1, 7, 60, 6000, 70001, 999999937 };
  struct moment now = limit_moment (SECOND, T0, 1);
  for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
    int64_t n, most = rates[r] < 10000 ? rates[r] : 10000;
    limits_clear ();
    key_limits[0].per_minute = rates[r];
    for (n = 0; n < most; n++)
      ck_assert_int_eq (limits_pass (0, &now), 0);
    if (most == rates[r])
      ck_assert_int_eq (limits_pass (0, &now), AGAINST (LIMIT_MINUTE));
  }
}
END_TEST

START_TEST (bucket_refills)
{
  struct moment now = limit_moment (SECOND, T0, 1);
  struct policies taken;
  struct standing s;
  limits_clear ();
  key_limits[0].per_minute = 6;
  for (int i = 0; i < 6; i++)
    ck_assert_int_eq (limits_pass (0, &now), 0);
  limit_look (SUBJECTS (0), &now, &s);
  ck_assert_int_eq (s.minute_left, 0);
  ck_assert_int_eq (s.minute_reset_s, 60);
  ck_assert_int_eq (limit_retry (SUBJECTS (0), &now, LIMIT_MINUTE), 10);
  now = limit_moment (11 * SECOND - 1, T0, 1);
  ck_assert_int_eq (limits_pass (0, &now), AGAINST (LIMIT_MINUTE));
  now = limit_moment (11 * SECOND, T0, 1);
  ck_assert_int_eq (limits_try (0, &now, &taken), 0);
  ck_assert_int_eq (limits_pass (0, &now), AGAINST (LIMIT_MINUTE));
  limit_end (SUBJECTS (0), &now, &taken, 1);
  ck_assert_int_eq (limits_pass (0, &now), 0);
}
END_TEST

START_TEST (day_edges)
{
  struct moment last = limit_moment (SECOND, T0 + DAY - 1, 1),
                first = limit_moment (SECOND, T0 + DAY, 1);
  struct policies taken;
  limits_clear ();
  key_limits[0].per_day = 2;
  ck_assert_uint_eq (last.day + 1, first.day);
  ck_assert_int_eq (limits_try (0, &last, &taken), 0);
  ck_assert_int_eq (limits_pass (0, &last), 0);
  ck_assert_int_eq (limits_pass (0, &last), AGAINST (LIMIT_DAY));
  ck_assert_int_eq (limit_retry (SUBJECTS (0), &last, LIMIT_DAY), 1);
  ck_assert_int_eq (limits_pass (0, &first), 0);
  limit_end (SUBJECTS (0), &last, &taken, 1); /* given back to yesterday, not to today */
  ck_assert_int_eq (limits_pass (0, &first), 0);
  ck_assert_int_eq (limits_pass (0, &first), AGAINST (LIMIT_DAY));
  /* the clock goes back over midnight: each day has what it had */
  ck_assert_int_eq (limits_pass (0, &last), 0);
  ck_assert_int_eq (limits_pass (0, &last), AGAINST (LIMIT_DAY));
  ck_assert_int_eq (limits_pass (0, &first), AGAINST (LIMIT_DAY));
}
END_TEST

START_TEST (clock_was_wrong)
{
  struct moment wrong = limit_moment (SECOND, T0 + 3650 * DAY, 1),
                now = limit_moment (SECOND, T0, 1);
  limits_clear ();
  key_limits[0].per_day = 2;
  ck_assert_int_eq (limits_pass (0, &now), 0);
  ck_assert_int_eq (limits_pass (0, &wrong), 0);
  ck_assert_int_eq (limits_pass (0, &wrong), 0);
  ck_assert_int_eq (limits_pass (0, &wrong), AGAINST (LIMIT_DAY));
  ck_assert_int_eq (limits_pass (0, &now), 0); /* neither locked out for years ... */
  ck_assert_int_eq (limits_pass (0, &now), AGAINST (LIMIT_DAY)); /* nor granted twice */
  for (int i = 1; i < 10; i++) {
    now = limit_moment (SECOND, T0 + i * DAY, 1);
    ck_assert_int_eq (limits_pass (0, &now), 0);
    ck_assert_int_eq (limits_pass (0, &now), 0);
    ck_assert_int_eq (limits_pass (0, &now), AGAINST (LIMIT_DAY));
  }
}
END_TEST

START_TEST (months)
{
  static const struct {
    int64_t day;
    int32_t anchor;
    uint32_t month;
    uint32_t rest; /* days until the next one begins */
  } rows[] = {
    { 0, 1, 1970 * 12, 31 },
    { 30, 1, 1970 * 12, 1 },
    { 31, 1, 1970 * 12 + 1, 28 },
    { 11016, 1, 2000 * 12 + 1, 1 }, /* 29 February 2000 */
    { 11017, 1, 2000 * 12 + 2, 31 },
    { 19782, 1, 2024 * 12 + 1, 1 }, /* 29 February 2024 */
    { 19783, 1, 2024 * 12 + 2, 31 },
    { 20088, 1, 2024 * 12 + 11, 1 }, /* 31 December 2024 */
    { 20089, 1, 2025 * 12, 31 },
    { 24855, 1, 2038 * 12, 13 },     /* 19 January 2038 */
    { 20088, 15, 2024 * 12 + 11, 15 },
    { 20089 + 13, 15, 2024 * 12 + 11, 1 }, /* 14 January 2025 */
    { 20089 + 14, 15, 2025 * 12, 31 },
    { 20089 + 30, 31, 2025 * 12, 28 },      /* 31 January: until the 28th of February */
    { 20089 + 31 + 26, 31, 2025 * 12, 1 },  /* 27 February 2025 */
    { 20089 + 31 + 27, 31, 2025 * 12 + 1, 31 }, /* 28 February, until 31 March */
    { 20089 + 31 + 27, 30, 2025 * 12 + 1, 30 },
    { 20089 + 31 + 27, 29, 2025 * 12 + 1, 29 },
    { 19782, 29, 2024 * 12 + 1, 29 },  /* the leap day itself */
    { 19781, 29, 2024 * 12, 1 },
    { 19782, 31, 2024 * 12 + 1, 31 },
    { 19783 + 60, 31, 2024 * 12 + 3, 31 }, /* 30 April 2024, until 31 May */
    { 20000, 0, 2024 * 12 + 9, 28 },       /* no anchor: the first */
    { 20000, 32, 2024 * 12 + 9, 28 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct moment m = limit_moment (0, rows[i].day * DAY + DAY - 1, rows[i].anchor);
    ck_assert_uint_eq (m.day, (uint32_t) rows[i].day);
    ck_assert_msg (m.month == rows[i].month, "row %zu: %u/%u", i, m.month / 12, m.month % 12 + 1);
    ck_assert_msg (m.month_end == m.day + rows[i].rest, "row %zu: %u", i, m.month_end - m.day);
    ck_assert_int_eq (limit_retry (SUBJECTS (0), &m, LIMIT_MONTH),
                      (int64_t) rows[i].rest * 86400 - 86399);
  }
}
END_TEST

START_TEST (month_limit)
{
  struct moment now = limit_moment (0, T0, 1), later = limit_moment (0, T0 + DAY, 1),
                next = limit_moment (0, T0 + 40 * DAY, 1);
  limits_clear ();
  key_limits[0].per_month = 2;
  ck_assert_int_eq (limits_pass (0, &now), 0);
  ck_assert_int_eq (limits_pass (0, &later), 0);
  ck_assert_int_eq (limits_pass (0, &later), AGAINST (LIMIT_MONTH));
  ck_assert_int_eq (limits_pass (0, &next), 0);
}
END_TEST

/* The key's or the tenant's, whichever has less left. */
START_TEST (most_restrictive)
{
  struct moment now = limit_moment (0, T0, 1);
  struct standing s;
  limits_clear ();
  key_limits[0].per_day = 5;
  key_limits[1].per_day = 1;
  tenant_limits.per_day = 3;
  ck_assert_int_eq (limits_pass (1, &now), 0);
  ck_assert_int_eq (limits_pass (1, &now), AGAINST (LIMIT_DAY));
  ck_assert_int_eq (limits_pass (0, &now), 0);
  ck_assert_int_eq (limits_pass (2, &now), 0);
  ck_assert_int_eq (limits_pass (0, &now), AGAINST_TENANT (LIMIT_DAY));
  limit_look (SUBJECTS (0), &now, &s); /* what was refused was not counted */
  ck_assert_int_eq (s.day_used, 1);
  ck_assert_int_eq (s.concurrent, 0);
}
END_TEST

/* Each policy in turn refuses, and nothing is left behind of the others. */
START_TEST (all_or_nothing)
{
  struct moment now = limit_moment (0, T0, 1);
  struct policies first;
  for (int of = LIMIT_KEY; of < LIMIT_SUBJECTS; of++)
    for (int p = LIMIT_CONCURRENT; p <= LIMIT_MONTH; p++) {
      struct limits *l = of == LIMIT_KEY ? &key_limits[0] : &tenant_limits;
      struct cell key, tenant;
      limits_clear ();
      key_limits[0] = tenant_limits = (struct limits){ 5, 5, 0, 5, 0, 5 };
      *(p == LIMIT_CONCURRENT ? &l->concurrent
        : p == LIMIT_MINUTE   ? &l->per_minute
        : p == LIMIT_DAY      ? &l->per_day
                              : &l->per_month)
          = 1;
      ck_assert_int_eq (limits_try (0, &now, &first), 0);
      memcpy ((void *) &key, (void *) &key_cell[0], sizeof key);
      memcpy ((void *) &tenant, (void *) &tenant_cell, sizeof tenant);
      ck_assert_int_eq (limits_try (0, &now, NULL),
                        of == LIMIT_KEY ? AGAINST (p) : AGAINST_TENANT (p));
      ck_assert_mem_eq ((void *) &key, (void *) &key_cell[0], sizeof key);
      ck_assert_mem_eq ((void *) &tenant, (void *) &tenant_cell, sizeof tenant);
      ck_assert_uint_eq (key_hold[0].concurrent, 1);
      limit_end (SUBJECTS (0), &now, &first, 1);
      ck_assert_int_eq (limits_try (0, &now, NULL), 0);
    }
}
END_TEST

START_TEST (in_flight)
{
  struct moment now = limit_moment (0, T0, 1);
  struct policies taken[3];
  limits_clear ();
  key_limits[0].concurrent = 2;
  ck_assert_int_eq (limits_try (0, &now, &taken[0]), 0);
  ck_assert_int_eq (limits_try (0, &now, &taken[1]), 0);
  ck_assert_int_eq (limits_try (0, &now, &taken[2]), AGAINST (LIMIT_CONCURRENT));
  ck_assert_int_eq (limit_retry (SUBJECTS (0), &now, LIMIT_CONCURRENT), 1);
  limit_end (SUBJECTS (0), &now, &taken[0], 0);
  ck_assert_int_eq (limits_try (0, &now, &taken[0]), 0);
  limit_end (SUBJECTS (0), &now, &taken[0], 1);
  limit_end (SUBJECTS (0), &now, &taken[1], 0);
  ck_assert_uint_eq (key_cell[0].concurrent, 0);
  ck_assert_uint_eq (key_hold[0].concurrent, 0);
  ck_assert_uint_eq (tenant_hold.concurrent, 0);
  ck_assert_uint_eq (window_count (&key_cell[0].day, now.day), 2);
}
END_TEST

START_TEST (shadow)
{
  struct moment now = limit_moment (0, T0, 1);
  struct policies taken, full;
  limits_clear ();
  key_limits[0] = (struct limits){ 1, 1, 0, 1, 0, 1 };
  ck_assert (limit_take (SUBJECTS (0), &now, LIMIT_ALL, &taken, &full));
  ck_assert_int_eq (full.of[LIMIT_KEY], 0);
  ck_assert (limit_take (SUBJECTS (0), &now, LIMIT_ALL, &taken, &full));
  ck_assert_int_eq (full.of[LIMIT_KEY], LIMIT_REQUESTS);
  ck_assert_uint_eq (window_count (&key_cell[0].day, now.day), 2); /* counted all the same */
  limit_end (SUBJECTS (0), &now, &taken, 1);
  ck_assert_uint_eq (window_count (&key_cell[0].day, now.day), 1);
  ck_assert_uint_eq (window_count (&key_cell[0].month, now.month), 1);
  /* one policy in shadow: another one still denies */
  ck_assert (!limit_take (SUBJECTS (0), &now, LIMIT_BIT (LIMIT_DAY), &taken, &full));
  ck_assert_int_eq (full.of[LIMIT_KEY], LIMIT_BIT (LIMIT_CONCURRENT));
}
END_TEST

START_TEST (looking_changes_nothing)
{
  struct moment now = limit_moment (0, T0, 1);
  limits_clear ();
  key_limits[0] = (struct limits){ 2, 2, 7, 2, 9, 2 };
  limits_pass (0, &now);
  ck_assert_uint_eq (limit_full (SUBJECTS (0), &now, LIMIT_ALL), 0);
  limits_pass (0, &now);
  ck_assert_uint_eq (limit_full (SUBJECTS (0), &now, LIMIT_ALL),
                     LIMIT_BIT (LIMIT_MINUTE) | LIMIT_BIT (LIMIT_DAY) | LIMIT_BIT (LIMIT_MONTH));
  ck_assert_uint_eq (limit_full (SUBJECTS (0), &now, LIMIT_BIT (LIMIT_DAY)), LIMIT_BIT (LIMIT_DAY));
  window_add (&key_cell[0].tokens, now.month, 7);
  window_add (&key_cell[0].money, now.month, 8);
  ck_assert_uint_eq (limit_full (SUBJECTS (0), &now, LIMIT_ALL & ~LIMIT_REQUESTS),
                     LIMIT_BIT (LIMIT_TOKENS));
}
END_TEST

/* ---- Windows --------------------------------------------------------------- */

START_TEST (window_sticks_at_the_top)
{
  struct window w = { 0 };
  window_add (&w, 7, UINT64_MAX);
  window_add (&w, 7, 5);
  ck_assert_uint_eq (window_count (&w, 7), WINDOW_MAX);
  ck_assert_uint_eq (window_count (&w, 8), 0);
  ck_assert (!window_take (&w, 7, 1, WINDOW_MAX));
  window_sub (&w, 7, WINDOW_MAX - 1);
  window_sub (&w, 7, 5);
  ck_assert_uint_eq (window_count (&w, 7), 0);
}
END_TEST

START_TEST (window_keeps_two)
{
  struct window w = { 0 };
  window_add (&w, 7, 70);
  window_add (&w, 8, 80);
  window_add (&w, 7, 1);
  ck_assert_uint_eq (window_count (&w, 7), 71);
  ck_assert_uint_eq (window_count (&w, 8), 80);
  window_add (&w, 9, 90);
  ck_assert_uint_eq (window_count (&w, 7), 0);
  ck_assert_uint_eq (window_count (&w, 8), 80);
  ck_assert (!window_take (&w, 10, 2, 1)); /* not even room is made for what doesn't fit */
  ck_assert_uint_eq (window_count (&w, 8), 80);
  window_sub (&w, 6, 1);
  ck_assert_uint_eq (window_count (&w, 9), 90);
}
END_TEST

START_TEST (word_keeps_the_newest)
{
  _Atomic uint64_t w = 0;
  word_add (&w, 7, 70);
  word_add (&w, 8, 80);
  word_add (&w, 7, 70); /* too late: nobody needs to know */
  word_sub (&w, 7, 70);
  ck_assert_uint_eq (w, word_make (8, 80));
  word_sub (&w, 8, 100);
  ck_assert_uint_eq (w, word_make (8, 0));
  word_add (&w, 7, 70); /* of an empty one, the window may go back */
  ck_assert_uint_eq (w, word_make (7, 70));
}
END_TEST

UNIT_MAIN ("auth-limit", bucket, bucket_refills, day_edges, clock_was_wrong, months, month_limit,
           most_restrictive, all_or_nothing, in_flight, shadow, looking_changes_nothing,
           window_sticks_at_the_top, window_keeps_two, word_keeps_the_newest)
