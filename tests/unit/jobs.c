/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* core/jobs.c: the pool under a clock that stands still until it is moved. */

#include "core/host.h"
#include "core/jobs.h"
#include "core/metrics.h"
#include "core/util/clock.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

static struct host host;
static struct kg_self self = { .magic = SELF_MAGIC, .host = &host };
static int64_t now;
static sem_t ran, gate;
static _Atomic int count, inside, most;
static kg_timer *mine;

static void
advance (int64_t ms)
{
  now += ms * CLOCK_MS;
  clock_fake (now, now);
  jobs_wake (host.jobs);
}

static void
setup (void)
{
  now = CLOCK_SECOND;
  clock_fake (now, now);
  sem_init (&ran, 0, 0);
  sem_init (&gate, 0, 0);
  count = inside = most = 0;
  ck_assert_int_eq (jobs_create (&host, 3, &host.jobs), 0);
}

static void
teardown (void)
{
  jobs_stop (host.jobs);
  jobs_destroy (host.jobs);
  clock_fake (0, 0);
}

static void
tick (void *arg)
{
  (void) arg;
  count++;
  sem_post (&ran);
}

/* Tells that it runs, and stays until the gate opens. */
static void
hold (void *arg)
{
  int n = ++inside;
  (void) arg;
  if (n > most)
    most = n;
  sem_post (&ran);
  sem_wait (&gate);
  inside--;
  count++;
}

START_TEST (jobs_run_once)
{
  int i;
  for (i = 0; i < 100; i++)
    ck_assert_int_eq (jobs_service.run (&self, tick, NULL), 0);
  ck_assert_int_eq (jobs_start (host.jobs), 0);
  for (i = 0; i < 100; i++)
    sem_wait (&ran);
  jobs_stop (host.jobs);
  ck_assert_int_eq (count, 100);
}
END_TEST

START_TEST (the_queue_is_bounded)
{
  int i;
  for (i = 0; i < JOBS_WAITING_MAX; i++)
    ck_assert_int_eq (jobs_service.run (&self, tick, NULL), 0);
  ck_assert_int_eq (jobs_service.run (&self, tick, NULL), -EAGAIN);
}
END_TEST

START_TEST (threads_share_the_work)
{
  int i;
  jobs_start (host.jobs);
  for (i = 0; i < 3; i++)
    jobs_service.run (&self, hold, NULL);
  for (i = 0; i < 3; i++)
    sem_wait (&ran);
  ck_assert_int_eq (inside, 3);
  for (i = 0; i < 3; i++)
    sem_post (&gate);
}
END_TEST

START_TEST (stop_runs_what_waits)
{
  int i;
  jobs_start (host.jobs);
  for (i = 0; i < 50; i++)
    jobs_service.run (&self, tick, NULL);
  jobs_stop (host.jobs);
  ck_assert_int_eq (count, 50);
  ck_assert_int_eq (jobs_service.run (&self, tick, NULL), -ESHUTDOWN);
  ck_assert_int_eq (jobs_service.timer (&self, 0, 0, tick, NULL, &mine), -ESHUTDOWN);
}
END_TEST

static void *
stop_main (void *arg)
{
  jobs_stop (arg);
  return NULL;
}

/* Three jobs hold the threads until the time for the rest is over. */
START_TEST (stop_drops_what_is_late)
{
  pthread_t stopper;
  int i;
  jobs_start (host.jobs);
  for (i = 0; i < 3; i++)
    jobs_service.run (&self, hold, NULL);
  for (i = 0; i < 3; i++)
    sem_wait (&ran);
  jobs_service.run (&self, tick, NULL);
  pthread_create (&stopper, NULL, stop_main, host.jobs);
  while (jobs_service.run (&self, tick, NULL) == 0) /* until stop has begun */
    usleep (1000);
  advance (JOBS_STOP_MS);
  for (i = 0; i < 3; i++)
    sem_post (&gate);
  pthread_join (stopper, NULL);
  ck_assert_int_eq (count, 3);
}
END_TEST

START_TEST (a_timer_waits_for_its_time)
{
  ck_assert_int_eq (jobs_service.timer (&self, 100, 0, tick, NULL, &mine), 0);
  jobs_start (host.jobs);
  advance (99);
  ck_assert_int_eq (count, 0);
  advance (1);
  sem_wait (&ran);
  advance (1000);
  jobs_service.kick (mine); /* it has run: nothing */
  jobs_service.run (&self, tick, NULL);
  sem_wait (&ran);
  ck_assert_int_eq (count, 2);
  jobs_service.cancel (mine);
}
END_TEST

START_TEST (a_period_begins_at_the_return)
{
  jobs_start (host.jobs);
  jobs_service.timer (&self, 0, 100, hold, NULL, &mine);
  sem_wait (&ran);
  advance (1000); /* it still runs: never twice at a time */
  sem_post (&gate);
  while (count < 1)
    usleep (100);
  advance (99);
  ck_assert_int_eq (sem_trywait (&ran), -1);
  advance (1);
  sem_wait (&ran);
  sem_post (&gate);
  jobs_service.cancel (mine);
  ck_assert_int_eq (count, 2);
  ck_assert_int_eq (most, 1);
}
END_TEST

START_TEST (kick_runs_now)
{
  jobs_start (host.jobs);
  jobs_service.timer (&self, 100000, 100000, tick, NULL, &mine);
  jobs_service.kick (mine);
  sem_wait (&ran);
  jobs_service.cancel (mine);
}
END_TEST

START_TEST (kick_during_a_run_runs_again)
{
  jobs_start (host.jobs);
  jobs_service.timer (&self, 0, 100000, hold, NULL, &mine);
  sem_wait (&ran);
  jobs_service.kick (mine);
  jobs_service.kick (mine);
  sem_post (&gate);
  sem_wait (&ran);
  sem_post (&gate);
  jobs_service.cancel (mine);
  ck_assert_int_eq (count, 2);
}
END_TEST

static void *
open_gate (void *arg)
{
  (void) arg;
  usleep (20000);
  ck_assert_int_eq (count, 0); /* cancel still waits */
  sem_post (&gate);
  return NULL;
}

START_TEST (cancel_waits_for_the_run)
{
  pthread_t opener;
  jobs_start (host.jobs);
  jobs_service.timer (&self, 0, 10, hold, NULL, &mine);
  sem_wait (&ran);
  pthread_create (&opener, NULL, open_gate, NULL);
  jobs_service.cancel (mine);
  ck_assert_int_eq (count, 1);
  pthread_join (opener, NULL);
}
END_TEST

static void
cancel_inside (void *arg)
{
  jobs_service.cancel (*(kg_timer **) arg);
  count++;
  sem_post (&ran);
}

START_TEST (cancel_from_inside_ends_it)
{
  jobs_service.timer (&self, 0, 1, cancel_inside, &mine, &mine);
  jobs_start (host.jobs);
  sem_wait (&ran);
  advance (100);
  jobs_service.run (&self, tick, NULL);
  sem_wait (&ran);
  ck_assert_int_eq (count, 2);
}
END_TEST

START_TEST (cancel_takes_it_out)
{
  kg_timer *other;
  jobs_service.cancel (NULL);
  jobs_service.timer (&self, 10, 0, hold, NULL, &mine);
  jobs_service.timer (&self, 20, 0, tick, NULL, &other);
  jobs_service.cancel (mine);
  jobs_start (host.jobs);
  advance (20);
  sem_wait (&ran);
  ck_assert_int_eq (inside, 0);
  jobs_service.cancel (other);
}
END_TEST

/* While one thread is busy the others keep the deadlines. */
START_TEST (timers_run_beside_long_jobs)
{
  jobs_start (host.jobs);
  jobs_service.run (&self, hold, NULL);
  jobs_service.run (&self, hold, NULL);
  sem_wait (&ran);
  sem_wait (&ran);
  clock_fake (0, 0); /* the real clock: nobody wakes the pool */
  jobs_service.timer (&self, 5, 0, tick, NULL, &mine);
  sem_wait (&ran);
  ck_assert_int_eq (count, 1);
  sem_post (&gate);
  sem_post (&gate);
  jobs_service.cancel (mine);
}
END_TEST

START_TEST (it_is_measured)
{
  struct host measured = { .metrics = metrics_create () };
  struct kg_self plugin = { .magic = SELF_MAGIC, .host = &measured };
  ck_assert_int_eq (jobs_create (&measured, 1, &measured.jobs), 0);
  jobs_service.run (&plugin, tick, NULL);
  jobs_start (measured.jobs);
  jobs_stop (measured.jobs);
  ck_assert_str_eq (metrics_name (measured.metrics, 0), "kgent_jobs_waiting");
  jobs_destroy (measured.jobs);
  ck_assert_int_eq (jobs_create (&measured, 1, &measured.jobs), -EEXIST);
  metrics_destroy (measured.metrics);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("jobs");
  TCase *cases = tcase_create ("jobs");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_checked_fixture (cases, setup, teardown);
  tcase_add_test (cases, jobs_run_once);
  tcase_add_test (cases, the_queue_is_bounded);
  tcase_add_test (cases, threads_share_the_work);
  tcase_add_test (cases, stop_runs_what_waits);
  tcase_add_test (cases, stop_drops_what_is_late);
  tcase_add_test (cases, a_timer_waits_for_its_time);
  tcase_add_test (cases, a_period_begins_at_the_return);
  tcase_add_test (cases, kick_runs_now);
  tcase_add_test (cases, kick_during_a_run_runs_again);
  tcase_add_test (cases, cancel_waits_for_the_run);
  tcase_add_test (cases, cancel_from_inside_ends_it);
  tcase_add_test (cases, cancel_takes_it_out);
  tcase_add_test (cases, timers_run_beside_long_jobs);
  tcase_add_test (cases, it_is_measured);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
