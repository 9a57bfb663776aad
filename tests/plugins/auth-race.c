/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Many threads at the last request: exactly one has it.
 *
 * KGENT_RACE_ROUNDS is how often each race is run; green under ThreadSanitizer, too. */
#include "tests/plugins/auth-limit.h"

#include <pthread.h>
#include <stdio.h>

#define THREADS 64

static pthread_barrier_t barrier;
static _Atomic int passed;
static int rounds = 300;

struct runner {
  pthread_t thread;
  int key;
  int rounds;
  void (*set) (void);
};

/* Alone, between two rounds. */
static void
round_begin (struct runner *r)
{
  if (pthread_barrier_wait (&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
    limits_clear ();
    r->set ();
    passed = 0;
  }
  pthread_barrier_wait (&barrier);
}

static void
round_end (void)
{
  if (pthread_barrier_wait (&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
    ck_assert_int_eq (passed, 1);
}

static void *
taker (void *arg)
{
  struct runner *r = arg;
  struct moment now = limit_moment (SECOND, T0, 1);
  struct policies taken;
  for (int i = 0; i < r->rounds; i++) {
    round_begin (r);
    if (limits_try (r->key, &now, &taken) == 0)
      atomic_fetch_add (&passed, 1);
    round_end ();
  }
  return NULL;
}

/* All threads at once; keys are dealt out in turn. */
static void
race (void (*set) (void), int keys)
{
  static struct runner r[THREADS];
  pthread_barrier_init (&barrier, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) {
    r[i] = (struct runner){ 0, i % keys, rounds, set };
    ck_assert_int_eq (pthread_create (&r[i].thread, NULL, taker, &r[i]), 0);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join (r[i].thread, NULL);
  pthread_barrier_destroy (&barrier);
}

/* `used` requests before the race, that are over or still in flight. */
static void
use (int used, int in_flight)
{
  struct moment now = limit_moment (SECOND, T0, 1);
  for (int i = 0; i < used; i++)
    ck_assert_int_eq (in_flight ? limits_try (0, &now, NULL) : limits_pass (0, &now), 0);
}

static void
set_day (void)
{
  key_limits[0].per_day = 10;
  use (9, 0);
}

static void
set_minute (void)
{
  key_limits[0].per_minute = 10;
  use (9, 0);
}

static void
set_month_of_tenant (void)
{
  tenant_limits.per_month = 10;
  use (9, 0);
}

static void
set_concurrent (void)
{
  key_limits[0].concurrent = 10;
  use (9, 1);
}

/* All of them, and each has one left. */
static void
set_all (void)
{
  for (int k = 0; k < KEYS; k++)
    key_limits[k] = (struct limits){ 10, 10, 0, 10, 0, 10 };
  tenant_limits = (struct limits){ 10, 10, 0, 10, 0, 10 };
  use (9, 1);
}

/* The tenant has one left, its keys have plenty. */
static void
set_tenant (void)
{
  tenant_limits = (struct limits){ 10, 10, 0, 10, 0, 10 };
  use (9, 1);
}

/* Late policies refuse, so that early ones are given back all the time. */
static void
set_late (void)
{
  for (int k = 0; k < KEYS; k++)
    key_limits[k] = (struct limits){ 1000, 500, 0, 200, 0, 70 };
  tenant_limits = (struct limits){ 1000, 100, 0, 10, 0, 1000 };
  use (9, 0);
}

START_TEST (last_of_the_day) { race (set_day, 1); }
END_TEST
START_TEST (last_of_the_minute) { race (set_minute, 1); }
END_TEST
START_TEST (last_of_the_tenant_month) { race (set_month_of_tenant, KEYS); }
END_TEST
START_TEST (last_in_flight) { race (set_concurrent, 1); }
END_TEST
START_TEST (last_of_all) { race (set_all, 1); }
END_TEST
START_TEST (last_of_the_tenant) { race (set_tenant, KEYS); }
END_TEST
START_TEST (last_of_the_latest) { race (set_late, KEYS); }
END_TEST

/* ---- Storms ---------------------------------------------------------------- */

#define STORM_THREADS 8
#define TAKES         5000

static void *
greedy (void *arg)
{
  struct runner *r = arg;
  struct moment now = limit_moment (SECOND, T0, 1);
  struct policies taken;
  int mine = 0;
  pthread_barrier_wait (&barrier);
  for (int i = 0; i < TAKES; i++)
    if (limits_try (r->key, &now, &taken) == 0) {
      mine++;
      limit_end (SUBJECTS (r->key), &now, &taken, 0);
    }
  atomic_fetch_add (&passed, mine);
  return NULL;
}

/* Far more takers than there is to take: not one too many passes, not one too few. */
static void
storm (struct limits key, struct limits tenant, int expected)
{
  struct runner r[STORM_THREADS];
  limits_clear ();
  for (int k = 0; k < KEYS; k++)
    key_limits[k] = key;
  tenant_limits = tenant;
  passed = 0;
  pthread_barrier_init (&barrier, NULL, STORM_THREADS);
  for (int i = 0; i < STORM_THREADS; i++) {
    r[i] = (struct runner){ .key = i % KEYS };
    ck_assert_int_eq (pthread_create (&r[i].thread, NULL, greedy, &r[i]), 0);
  }
  for (int i = 0; i < STORM_THREADS; i++)
    pthread_join (r[i].thread, NULL);
  pthread_barrier_destroy (&barrier);
  ck_assert_int_eq (passed, expected);
  ck_assert_uint_eq (window_count (&tenant_cell.day, T0 / DAY), (uint64_t) expected);
  ck_assert_uint_eq (tenant_cell.concurrent, 0);
  ck_assert_uint_eq (tenant_hold.concurrent, 0);
}

START_TEST (no_update_is_lost)
{
  const struct limits none = { 0 };
  int n = rounds / 50 + 1;
  for (int i = 0; i < n; i++) {
    storm (none, none, STORM_THREADS * TAKES);
    storm (none, (struct limits){ .per_day = 30000 }, 30000);
    storm (none, (struct limits){ .per_minute = 30000, .per_month = 31000 }, 30000);
    storm ((struct limits){ .per_day = 9000 }, (struct limits){ .per_month = 31000 }, 27000);
  }
}
END_TEST

/* ---- Units ----------------------------------------------------------------- */

/* Threads take and give back random amounts: never above the limit. */
static void *
unit_taker (void *arg)
{
  struct window *w = arg;
  unsigned seed = (unsigned) (uintptr_t) &seed;
  pthread_barrier_wait (&barrier);
  for (int i = 0; i < TAKES; i++) {
    uint64_t n = (uint64_t) rand_r (&seed) % 40;
    if (!window_take (w, 7, n, 100))
      continue;
    ck_assert_uint_le (window_count (w, 7), 100);
    window_sub (w, 7, n);
  }
  return NULL;
}

START_TEST (units_stay_below)
{
  struct window w = { 0 };
  pthread_t t[STORM_THREADS];
  pthread_barrier_init (&barrier, NULL, STORM_THREADS);
  for (int i = 0; i < STORM_THREADS; i++)
    ck_assert_int_eq (pthread_create (&t[i], NULL, unit_taker, &w), 0);
  for (int i = 0; i < STORM_THREADS; i++)
    pthread_join (t[i], NULL);
  pthread_barrier_destroy (&barrier);
  ck_assert_uint_eq (window_count (&w, 7), 0);
}
END_TEST

int
main (void)
{
  const TTest *const tests[]
      = { last_of_the_day,    last_of_the_minute, last_of_the_tenant_month, last_in_flight,
          last_of_all,        last_of_the_tenant, last_of_the_latest,       no_update_is_lost,
          units_stay_below };
  const char *want = getenv ("KGENT_RACE_ROUNDS");
  if (want) {
    rounds = atoi (want);
    setenv ("CK_TIMEOUT_MULTIPLIER", "100", 0);
  }
  return unit_run ("auth-race", tests, sizeof tests / sizeof *tests);
}
