/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One lock, one queue, one heap of timers.  A thread that has nothing to do waits
 * until the first deadline; whoever takes work wakes another sleeper, which then
 * watches the deadlines in its place. */

#include "core/jobs.h"
#include "core/blame.h"
#include "core/host.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/tags.h"
#include "core/timer.h"
#include "core/util/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 64

struct job {
  kg_self *self;
  void (*fn) (void *arg);
  void *arg;
};

struct jobs {
  pthread_mutex_t lock;
  pthread_cond_t work;     /* to do, or a new first deadline */
  pthread_cond_t returned; /* a timer that somebody cancels */
  struct job queue[JOBS_WAITING_MAX];
  uint32_t head, count; /* of the queue */
  uint32_t idle;        /* threads that wait for work */
  struct timer_heap timers;
  uint32_t ntimers; /* given out and not yet cancelled */
  int stopping;
  int64_t stop_at; /* monotonic ns; nothing is begun after it */
  uint32_t nthreads, nstarted;
  pthread_t threads[THREADS_MAX];
  kg_metric *run_total, *waiting, *seconds; /* or NULL */
};

enum { KIND_JOB, KIND_TIMER };

static const char *const kinds[] = { "job", "timer", NULL };

/* ---- Threads ----------------------------------------------------------------- */

/* Waits for work or for the first deadline, whatever clock_mono is made of. */
static void
wait_for_work (struct jobs *j, const kg_timer *first)
{
  struct timespec until;
  int64_t ns;
  j->idle++;
  if (!first)
    pthread_cond_wait (&j->work, &j->lock);
  else {
    clock_gettime (CLOCK_MONOTONIC, &until);
    ns = until.tv_nsec + first->deadline - clock_mono ();
    until.tv_sec += (time_t) (ns / CLOCK_SECOND);
    until.tv_nsec = (long) (ns % CLOCK_SECOND);
    pthread_cond_timedwait (&j->work, &j->lock, &until);
  }
  j->idle--;
}

/* Runs a job or a timer without the lock, while another thread watches what is left. */
static void
call_unlocked (struct jobs *j, struct job job, uint32_t kind)
{
  int64_t start = clock_mono ();
  if (j->idle && (j->count || j->timers.count))
    pthread_cond_signal (&j->work);
  pthread_mutex_unlock (&j->lock);
  blame_set (job.self, kinds[kind], NULL);
  job.fn (job.arg);
  blame_clear ();
  if (j->run_total) {
    metrics_add (j->run_total, kind, 1);
    metrics_observe (j->seconds, kind, (uint64_t) (clock_mono () - start));
  }
  pthread_mutex_lock (&j->lock);
}

static void
waiting_show (struct jobs *j)
{
  if (j->waiting)
    metrics_set (j->waiting, 0, j->count);
}

static void
job_run (struct jobs *j)
{
  struct job job = j->queue[j->head];
  j->head = (j->head + 1) % JOBS_WAITING_MAX;
  j->count--;
  waiting_show (j);
  call_unlocked (j, job, KIND_JOB);
}

enum { CANCEL_NONE, CANCEL_WAITING, CANCEL_INSIDE };

static void
timer_run (struct jobs *j, kg_timer *t)
{
  timer_remove (&j->timers, t);
  t->running = 1;
  t->runner = pthread_self ();
  call_unlocked (j, (struct job){ t->self, t->fn, t->arg }, KIND_TIMER);
  t->running = 0;
  if (t->cancelled == CANCEL_INSIDE)
    free (t);
  else if (t->cancelled == CANCEL_WAITING)
    pthread_cond_broadcast (&j->returned);
  else if (t->period) {
    t->deadline = clock_mono () + (t->again ? 0 : t->period);
    t->again = 0;
    timer_add (&j->timers, t);
  }
}

static void *
pool_main (void *arg)
{
  struct jobs *j = arg;
  kg_timer *first;
  int64_t now;
  pthread_mutex_lock (&j->lock);
  for (;;) {
    first = timer_first (&j->timers);
    now = clock_mono ();
    if (first && !j->stopping && first->deadline <= now)
      timer_run (j, first);
    else if (j->count && !(j->stopping && now >= j->stop_at))
      job_run (j);
    else if (j->stopping)
      break;
    else
      wait_for_work (j, first);
  }
  pthread_mutex_unlock (&j->lock);
  return NULL;
}

/* ---- Life -------------------------------------------------------------------- */

static int32_t
metrics_add_own (struct jobs *j, struct metrics *registry)
{
  static const struct kg_label kind = { "kind", kinds };
  struct kg_metric_def run = { .size = sizeof run,
                               .kind = KG_COUNTER,
                               .name = "kgent_jobs_run_total",
                               .help = "Jobs and timers that ran.",
                               .labels = &kind,
                               .nlabels = 1 };
  struct kg_metric_def waiting = { .size = sizeof waiting,
                                   .kind = KG_GAUGE,
                                   .name = "kgent_jobs_waiting",
                                   .help = "Jobs that wait for a thread." };
  struct kg_metric_def seconds = { .size = sizeof seconds,
                                   .kind = KG_HISTOGRAM,
                                   .name = "kgent_job_seconds",
                                   .help = "How long jobs and timers ran.",
                                   .labels = &kind,
                                   .nlabels = 1 };
  int32_t result = metrics_define (registry, &waiting, &j->waiting);
  if (result == 0)
    result = metrics_define (registry, &seconds, &j->seconds);
  if (result == 0)
    result = metrics_define (registry, &run, &j->run_total);
  return result;
}

int32_t
jobs_create (struct host *host, uint32_t threads, struct jobs **ret)
{
  struct jobs *j = calloc (1, sizeof *j);
  pthread_condattr_t attr;
  int32_t result = 0;
  if (!j)
    return -ENOMEM;
  j->nthreads = threads == 0 ? JOBS_THREADS : threads < THREADS_MAX ? threads : THREADS_MAX;
  pthread_mutex_init (&j->lock, NULL);
  pthread_condattr_init (&attr);
  pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
  pthread_cond_init (&j->work, &attr);
  pthread_cond_init (&j->returned, NULL);
  pthread_condattr_destroy (&attr);
  if (host && host->metrics)
    result = metrics_add_own (j, host->metrics);
  if (result < 0)
    jobs_destroy (j);
  else
    *ret = j;
  return result;
}

int32_t
jobs_start (struct jobs *j)
{
  sigset_t all, old;
  char name[16];
  int error = 0;
  blame_mask (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  while (!error && j->nstarted < j->nthreads) {
    error = pthread_create (j->threads + j->nstarted, NULL, pool_main, j);
    if (error)
      break;
    snprintf (name, sizeof name, "kgent-job%u", j->nstarted);
    pthread_setname_np (j->threads[j->nstarted++], name);
  }
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  if (error)
    jobs_stop (j);
  return -error;
}

void
jobs_stop (struct jobs *j)
{
  pthread_mutex_lock (&j->lock);
  j->stop_at = clock_mono () + JOBS_STOP_MS * CLOCK_MS;
  j->stopping = 1;
  pthread_cond_broadcast (&j->work);
  pthread_mutex_unlock (&j->lock);
  while (j->nstarted)
    pthread_join (j->threads[--j->nstarted], NULL);
  if (j->count)
    log_write (KG_LOG_WARN, "jobs", "stopped with %u jobs not begun", j->count);
}

void
jobs_destroy (struct jobs *j)
{
  if (!j)
    return;
  assert (j->nstarted == 0);
  if (j->ntimers)
    log_write (KG_LOG_WARN, "jobs", "%u timers were never cancelled", j->ntimers);
  timer_finish (&j->timers);
  pthread_cond_destroy (&j->work);
  pthread_cond_destroy (&j->returned);
  pthread_mutex_destroy (&j->lock);
  free (j);
}

void
jobs_wake (struct jobs *j)
{
  pthread_mutex_lock (&j->lock);
  pthread_cond_broadcast (&j->work);
  pthread_mutex_unlock (&j->lock);
}

/* ---- Service ------------------------------------------------------------------ */

static int32_t
service_run (kg_self *self, void (*fn) (void *arg), void *arg)
{
  struct jobs *j = self->host->jobs;
  int32_t result = 0;
  TAG_ANY (self, "jobs.run");
  pthread_mutex_lock (&j->lock);
  if (j->stopping)
    result = -ESHUTDOWN;
  else if (j->count == JOBS_WAITING_MAX)
    result = -EAGAIN;
  else {
    j->queue[(j->head + j->count++) % JOBS_WAITING_MAX] = (struct job){ self, fn, arg };
    waiting_show (j);
    pthread_cond_signal (&j->work);
  }
  pthread_mutex_unlock (&j->lock);
  return result;
}

/* With the lock held: gives the timer to the pool. */
static int32_t
timer_accept (struct jobs *j, kg_timer *t)
{
  if (j->stopping)
    return -ESHUTDOWN;
  if (timer_reserve (&j->timers, j->ntimers + 1) < 0)
    return -ENOMEM;
  j->ntimers++;
  timer_add (&j->timers, t);
  if (timer_first (&j->timers) == t)
    pthread_cond_signal (&j->work);
  return 0;
}

static int32_t
service_timer (kg_self *self, uint32_t delay_ms, uint32_t period_ms, void (*fn) (void *arg),
               void *arg, kg_timer **ret)
{
  struct jobs *j = self->host->jobs;
  kg_timer *t;
  int32_t result;
  TAG_ANY (self, "jobs.timer");
  t = calloc (1, sizeof *t);
  if (!t)
    return -ENOMEM;
  t->magic = TIMER_MAGIC;
  t->place = TIMER_OUT;
  t->deadline = clock_mono () + delay_ms * CLOCK_MS;
  t->period = period_ms * CLOCK_MS;
  t->self = self;
  t->fn = fn;
  t->arg = arg;
  t->jobs = j;
  pthread_mutex_lock (&j->lock);
  result = timer_accept (j, t);
  if (result == 0)
    *ret = t; /* set before it may run */
  pthread_mutex_unlock (&j->lock);
  if (result < 0)
    free (t);
  return result;
}

static void
service_cancel (kg_timer *t)
{
  struct jobs *j;
  if (!t)
    return;
  assert (t->magic == TIMER_MAGIC);
  j = t->jobs;
  pthread_mutex_lock (&j->lock);
  j->ntimers--;
  timer_remove (&j->timers, t);
  if (t->running && pthread_equal (t->runner, pthread_self ()))
    t->cancelled = CANCEL_INSIDE; /* timer_run frees it */
  else {
    t->cancelled = CANCEL_WAITING;
    while (t->running)
      pthread_cond_wait (&j->returned, &j->lock);
    t->magic = 0;
    free (t);
  }
  pthread_mutex_unlock (&j->lock);
}

/* A timer that runs once and has not yet runs now, too. */
static void
service_kick (kg_timer *t)
{
  struct jobs *j = t->jobs;
  assert (t->magic == TIMER_MAGIC);
  pthread_mutex_lock (&j->lock);
  if (t->running)
    t->again = 1;
  else if (t->place != TIMER_OUT) {
    timer_remove (&j->timers, t);
    t->deadline = clock_mono ();
    timer_add (&j->timers, t);
    pthread_cond_signal (&j->work);
  }
  pthread_mutex_unlock (&j->lock);
}

const struct kg_jobs jobs_service = {
  .size = sizeof jobs_service,
  .run = service_run,
  .timer = service_timer,
  .cancel = service_cancel,
  .kick = service_kick,
};
