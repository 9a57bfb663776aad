/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The clock's timer, which the committer's thread kicks while the plugin stops. */
#include "tests/unit.h"

#include "plugins/agentese/schedule.h"
#include "plugins/agentese/schedule_run.h"

#include <unistd.h>

static struct ag ag;
static struct ag_schedule schedule;
static int timer; /* only its address counts */
static _Atomic int kicks, ended, late;

static void *
stopping (void *arg)
{
  ag_schedule_stop (arg);
  return NULL;
}

/* The timer must be there until its kick has returned: whoever stops waits. */
static void
kick (kg_timer *t)
{
  static pthread_t thread;
  ck_assert_ptr_eq ((void *)t, &timer);
  ck_assert_int_eq (pthread_create (&thread, NULL, stopping, &ag), 0);
  ck_assert_int_eq (pthread_detach (thread), 0);
  for (int i = 0; i < 100 && !ended; i++)
    usleep (1000); /* a moment to go wrong in */
  late += ended;
  kicks++;
}

static void
cancel (kg_timer *t)
{
  ended += t != NULL;
}

START_TEST (a_kick_while_it_stops)
{
  const struct kg_jobs jobs = { .size = sizeof jobs, .cancel = cancel, .kick = kick };
  ag.jobs = &jobs;
  ag.schedule = &schedule;
  pthread_mutex_init (&schedule.lock, NULL);
  schedule.timer = (kg_timer *)(void *)&timer;
  ag_schedule_kick (&ag);
  while (!ended)
    usleep (1000);
  ck_assert_int_eq (kicks, 1);
  ck_assert_int_eq (late, 0);
  ag_schedule_kick (&ag); /* nobody is there any more */
  ck_assert_int_eq (kicks, 1);
}
END_TEST

UNIT_MAIN ("agentese-clock", a_kick_while_it_stops)
