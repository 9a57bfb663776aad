/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Limits against an oracle that remembers every request and counts by looking at all
 * of them: random plans, anchor days, a clock that stands near the edges of days,
 * months and leap days, jumps, is set back and set wrong.  Neither more than a limit
 * allows, nor a denial that no limit explains.
 *
 * KGENT_ORACLE_RUNS is how many lives are led, KGENT_ORACLE_SEED where they begin. */
#include "tests/plugins/auth-limit.h"

#include <stdio.h>
#include <time.h>

#define EVENTS 400 /* of one life */

static uint64_t state;

static uint64_t
random_next (void)
{
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static int64_t
random_to (int64_t n)
{
  return (int64_t) (random_next () % (uint64_t) n);
}

/* ---- The oracle ------------------------------------------------------------ */

struct event {
  int key;
  int64_t day, month; /* windows, by the oracle's own calendar */
  enum { IN_FLIGHT, GOOD, FAILED } end;
  struct moment at;
  struct policies taken;
};

/* A bucket as a level that rises with time. */
struct level {
  int64_t ns, at;
};

static struct event event[EVENTS];
static int nevents;
static struct level key_level[KEYS], tenant_level;

static int64_t
days_in (int64_t year, int month)
{
  static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month] + (month == 1 && leap);
}

/* year * 12 + month in which the window of this time began. */
static int64_t
month_of (int64_t wall_s, int anchor)
{
  time_t t = (time_t) wall_s;
  struct tm tm;
  int64_t year, begin;
  gmtime_r (&t, &tm);
  year = tm.tm_year + 1900;
  begin = anchor < days_in (year, tm.tm_mon) ? anchor : days_in (year, tm.tm_mon);
  return year * 12 + tm.tm_mon - (tm.tm_mday < begin);
}

static int64_t
count (int key, int64_t day, int64_t month, int in_flight)
{
  int64_t n = 0;
  for (int i = 0; i < nevents; i++)
    n += (key < 0 || event[i].key == key) && (day < 0 || event[i].day == day)
         && (month < 0 || event[i].month == month)
         && (in_flight ? event[i].end == IN_FLIGHT : event[i].end != FAILED);
  return n;
}

static int64_t
level_step (const struct limits *l)
{
  return (60 * SECOND + l->per_minute - 1) / l->per_minute;
}

static void
level_rise (struct level *v, const struct limits *l, int64_t mono)
{
  int64_t full = level_step (l) * l->per_minute;
  v->ns += mono - v->at;
  v->at = mono;
  if (v->ns > full)
    v->ns = full;
}

/* Whether one subject has room. */
static int
room (int key, const struct limits *l, struct level *v, int64_t mono, int64_t day, int64_t month)
{
  if (l->per_minute) {
    level_rise (v, l, mono);
    if (v->ns < level_step (l))
      return 0;
  }
  return (!l->concurrent || count (key, -1, -1, 1) < l->concurrent)
         && (!l->per_day || count (key, day, -1, 0) < l->per_day)
         && (!l->per_month || count (key, -1, month, 0) < l->per_month);
}

static void
level_take (struct level *v, const struct limits *l, int n)
{
  if (l->per_minute)
    v->ns -= n * level_step (l);
}

/* ---- The clock ------------------------------------------------------------- */

static int64_t mono, wall, latest; /* nanoseconds; the latest wall clock that was right */
static int anchor, wrong, shy;     /* shy: doesn't go back any more */

static int64_t
start_of (void)
{
  static const char *const edges[] = { "2024-02-28", "2024-02-29", "2024-03-01", "2023-02-28",
                                       "2100-02-28", "2000-02-29", "2024-12-31", "2025-01-30",
                                       "2025-01-31", "2025-04-30", "2026-11-28", "2038-01-19" };
  struct tm tm = { 0 };
  strptime (edges[random_to (sizeof edges / sizeof *edges)], "%Y-%m-%d", &tm);
  return timegm (&tm) * SECOND;
}

/* To just before, at, or just after the next midnight. */
static int64_t
to_edge (void)
{
  return DAY - wall % DAY + random_to (3) - 1;
}

static void
clock_turn (void)
{
  int64_t step = 0;
  switch (random_to (12)) {
  case 0: case 1: case 2: step = random_to (SECOND); break;
  case 3: case 4: step = random_to (70 * SECOND); break;
  case 5: step = to_edge (); break;
  case 6: step = random_to (2 * DAY); break;
  case 7: step = random_to (4) ? 0 : random_to (40 * DAY); break;
  case 8: /* the wall clock alone is set back, over at most one edge of each kind */
    if (!wrong && !shy && wall - latest > -DAY / 2)
      wall -= random_to (DAY / 2);
    return;
  case 9: /* ten years ahead, and back again */
    if (!wrong && !shy && wall == latest && !random_to (10)) {
      wrong = 1;
      wall += 3650 * DAY;
    } else if (wrong) {
      wrong = 0;
      shy = 1;
      wall -= 3650 * DAY;
    }
    return;
  default: break;
  }
  if (wrong && (wall + step) / DAY != wall / DAY)
    return; /* two windows are remembered: the right one, and one that is wrong */
  mono += step;
  wall += step;
  if (!wrong && wall > latest)
    latest = wall;
}

/* ---- One life -------------------------------------------------------------- */

static int64_t
random_limit (int64_t most)
{
  return random_to (3) ? 1 + random_to (most) : 0;
}

static struct limits
random_limits (int64_t most)
{
  return (struct limits){ .per_minute = random_limit (most),
                          .per_day = random_limit (2 * most),
                          .per_month = random_limit (4 * most),
                          .concurrent = random_limit (most) };
}

static void
life_begin (void)
{
  limits_clear ();
  for (int k = 0; k < KEYS; k++)
    key_limits[k] = random_limits (12);
  tenant_limits = random_limits (25);
  anchor = random_to (2) ? 29 + (int) random_to (3) : 1 + (int) random_to (31);
  mono = 1 + random_to (1000) * SECOND;
  wall = latest = start_of () + random_to (DAY);
  wrong = shy = nevents = 0;
  for (int k = 0; k < KEYS; k++)
    key_level[k] = (struct level){ 1000 * DAY, mono };
  tenant_level = (struct level){ 1000 * DAY, mono };
}

static void
life_request (uint64_t seed)
{
  int k = (int) random_to (KEYS);
  int64_t day = wall / DAY, month = month_of (wall / SECOND, anchor);
  struct event *e = &event[nevents];
  int may, does;
  e->at = limit_moment (mono, wall, anchor);
  ck_assert_int_eq (e->at.month, month);
  /* both are asked, for their levels rise with the time */
  may = room (k, &key_limits[k], &key_level[k], mono, day, month)
        & room (-1, &tenant_limits, &tenant_level, mono, day, month);
  does = limits_try (k, &e->at, &e->taken);
  ck_assert_msg (may == !does, "seed %llu, event %d: oracle %d, limits %d",
                 (unsigned long long) seed, nevents, may, does);
  if (!may)
    return;
  level_take (&key_level[k], &key_limits[k], 1);
  level_take (&tenant_level, &tenant_limits, 1);
  e->key = k;
  e->day = day;
  e->month = month;
  e->end = IN_FLIGHT;
  nevents++;
}

/* One that is in flight ends. */
static void
life_end (void)
{
  int i = nevents ? (int) random_to (nevents) : 0;
  struct event *e = &event[i];
  if (!nevents || e->end != IN_FLIGHT)
    return;
  e->end = random_to (3) ? GOOD : FAILED;
  limit_end (SUBJECTS (e->key), &e->at, &e->taken, e->end == FAILED);
  if (e->end != FAILED)
    return;
  if (key_limits[e->key].per_minute)
    level_rise (&key_level[e->key], &key_limits[e->key], mono);
  if (tenant_limits.per_minute)
    level_rise (&tenant_level, &tenant_limits, mono);
  level_take (&key_level[e->key], &key_limits[e->key], -1);
  level_take (&tenant_level, &tenant_limits, -1);
}

/* What is read is what was counted, too. */
static void
life_look (void)
{
  struct moment now = limit_moment (mono, wall, anchor);
  struct standing s[LIMIT_SUBJECTS];
  limit_look (&SUBJECTS (0)[LIMIT_KEY], &now, &s[LIMIT_KEY]);
  limit_look (&SUBJECTS (0)[LIMIT_TENANT], &now, &s[LIMIT_TENANT]);
  ck_assert_int_eq (s[LIMIT_KEY].day_used, count (0, wall / DAY, -1, 0));
  ck_assert_int_eq (s[LIMIT_TENANT].day_used, count (-1, wall / DAY, -1, 0));
  if (tenant_limits.per_month)
    ck_assert_int_eq (s[LIMIT_TENANT].month_used,
                      count (-1, -1, month_of (wall / SECOND, anchor), 0));
  ck_assert_int_eq (s[LIMIT_TENANT].concurrent, count (-1, -1, -1, 1));
}

static void
life (uint64_t seed)
{
  int turn;
  state = seed * 0x9e3779b97f4a7c15u | 1;
  for (turn = 0; turn < 8; turn++)
    random_next ();
  life_begin ();
  for (turn = 0; turn < 4 * EVENTS && nevents < EVENTS; turn++) {
    int64_t what = random_to (8);
    if (what < 4)
      life_request (seed);
    else if (what < 6)
      life_end ();
    else
      clock_turn ();
    if (turn % 16 == 0)
      life_look ();
  }
}

static uint64_t
number_of (const char *name, uint64_t otherwise)
{
  const char *text = getenv (name);
  return text ? strtoull (text, NULL, 10) : otherwise;
}

START_TEST (as_the_oracle_says)
{
  uint64_t seed = number_of ("KGENT_ORACLE_SEED", 1), runs = number_of ("KGENT_ORACLE_RUNS", 1000);
  for (uint64_t i = 0; i < runs; i++)
    life (seed + i);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { as_the_oracle_says };
  setenv ("CK_TIMEOUT_MULTIPLIER", "100", 0);
  return unit_run ("auth-oracle", tests, 1);
}
