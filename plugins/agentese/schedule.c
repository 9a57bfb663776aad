/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The clock that carries deferred invocations out.
 *
 * Five times a second: what is due is claimed (compare-and-set), what is claimed is asked
 * of this host through kg.calls/1, and what was claimed by a process that has ended is
 * claimed again.  What came of a call is noted from its last hook on.  Nothing waits for
 * anything here: each step is begun by the write or the call before it. */
#include "plugins/agentese/schedule_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define TURN_MS 200
#define AT_ONCE 256 /* claims and calls under way, of all tenants */
#define KEPT_NS (24 * 3600 * (int64_t)1000000000) /* what ended can be looked at so long */

int64_t
ag_wall_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_REALTIME, &t);
  return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

kg_bucket *
ag_schedule_bucket (const struct ag *ag)
{
  return ag->schedule->bucket;
}

uint64_t
ag_schedule_instance (const struct ag *ag)
{
  return ag->schedule->instance;
}

uint32_t
ag_schedule_count (struct ag *ag, const char *tenant, char ret_old[AG_ID_LEN + 1])
{
  struct ag_schedule *s = ag->schedule;
  struct ag_turns *t;
  uint32_t n;
  pthread_mutex_lock (&s->lock);
  t = ag_index_tenant (&s->index, ag_str (tenant));
  n = t ? t->kept : 0;
  ret_old[0] = 0;
  if (t && t->ended.first && t->ended.first->key_len == t->len + 1 + AG_ID_LEN) {
    memcpy (ret_old, t->ended.first->key + t->len + 1, AG_ID_LEN);
    ret_old[AG_ID_LEN] = 0;
  }
  pthread_mutex_unlock (&s->lock);
  return n;
}

static void
watched (const struct kg_entry *e, void *arg)
{
  struct ag *ag = arg;
  struct ag_schedule *s = ag->schedule;
  struct ag_deferral d;
  int32_t r = 0;
  pthread_mutex_lock (&s->lock);
  if (!e->value.ptr)
    ag_index_remove (&s->index, e->key);
  else if (!(r = ag_deferral_read (e->key, e->value, &d)))
    r = ag_index_put (&s->index, e->key, &d);
  ag->metrics->set (s->kept, 0, (double)s->index.njobs);
  pthread_mutex_unlock (&s->lock);
  if (r < 0)
    ag->host->log (ag->self, KG_LOG_ERROR, "a deferred invocation cannot be read: %s",
                   strerror (-r));
}

/* ---- Whose claims hold ------------------------------------------------------------ */

/* Whether the process that claimed it lives, and is not this one, which would know. */
static int32_t
held (const struct ag *ag, const struct ag_job *job)
{
  const struct ag_schedule *s = ag->schedule;
  if (job->instance == s->instance || job->slot >= KG_REGION_SLOTS)
    return 0;
  return atomic_load_explicit (&s->claims->instance[job->slot], memory_order_acquire)
             == job->instance
         && ag->store->region_held (ag->self, AG_SCHEDULE_REGION, job->slot) == 1;
}

/* ---- A turn ------------------------------------------------------------------------ */

struct todo {
  struct ag_job *job[AT_ONCE];
  uint32_t n;
};

static void
pick_due (struct ag_schedule *s, int64_t now, struct todo *todo)
{
  struct ag_turns *t;
  for (t = s->index.tenants; t; t = t->next)
    while (todo->n < AT_ONCE && s->under_way + todo->n < AT_ONCE && t->nheap
           && t->inflight < t->window) {
      struct ag_job *job = t->heap[1];
      if (job->due_ns > now || job->again_ns > now)
        break;
      ag_index_busy (&s->index, job, AG_CLAIMING);
      todo->job[todo->n++] = job;
    }
}

/* What runs, and nobody runs it. */
static void
pick_orphans (const struct ag *ag, struct todo *todo)
{
  struct ag_schedule *s = ag->schedule;
  struct ag_job *job, *next;
  for (job = s->index.running.first; job && todo->n < AT_ONCE; job = next) {
    next = job->next;
    if (held (ag, job))
      continue;
    ag_index_busy (&s->index, job, AG_CLAIMING);
    todo->job[todo->n++] = job;
  }
}

static void
pick_claimed (struct ag_schedule *s, struct todo *todo)
{
  while (s->claimed && todo->n < AT_ONCE) {
    struct ag_job *job = s->claimed;
    s->claimed = job->next;
    todo->job[todo->n++] = job;
  }
}

/* What ended long ago. */
static void
pick_old (struct ag_schedule *s, int64_t now, struct todo *todo)
{
  struct ag_turns *t;
  for (t = s->index.tenants; t; t = t->next)
    while (todo->n < AT_ONCE && t->ended.first && t->ended.first->ended_ns < now - KEPT_NS) {
      struct ag_job *job = t->ended.first;
      ag_index_busy (&s->index, job, AG_REMOVING);
      todo->job[todo->n++] = job;
    }
}

static void
remove_old (struct ag *ag, struct ag_job *job)
{
  struct kg_op op = { .kind = KG_OP_DELETE,
                      .bucket = ag->schedule->bucket,
                      .key = { job->key, job->key_len },
                      .revision = KG_REV_ANY };
  struct ag_schedule *s = ag->schedule;
  if (ag->store->write (ag->self, &op, 1, sizeof op, NULL, NULL) >= 0)
    return;
  pthread_mutex_lock (&s->lock);
  ag_index_busy (&s->index, job, AG_IDLE); /* another time */
  pthread_mutex_unlock (&s->lock);
}

void
ag_schedule_tick (struct ag *ag)
{
  struct ag_schedule *s = ag->schedule;
  struct todo claimed = { .n = 0 }, due = { .n = 0 }, old = { .n = 0 };
  int64_t now = ag_wall_ns ();
  uint32_t i;
  pthread_mutex_lock (&s->lock);
  pick_claimed (s, &claimed);
  if (!s->draining) {
    pick_orphans (ag, &due);
    pick_due (s, now, &due);
    pick_old (s, now, &old);
  }
  s->under_way += due.n;
  pthread_mutex_unlock (&s->lock);
  for (i = 0; i < due.n; i++)
    ag_run_claim (ag, due.job[i]);
  for (i = 0; i < claimed.n; i++)
    ag_run_call (ag, claimed.job[i]);
  for (i = 0; i < old.n; i++)
    remove_old (ag, old.job[i]);
}

static void
turn (void *arg)
{
  ag_schedule_tick (arg);
}

void
ag_schedule_kick (struct ag *ag)
{
  struct ag_schedule *s = ag->schedule;
  pthread_mutex_lock (&s->lock); /* stop may be about to end it */
  if (s->timer)
    ag->jobs->kick (s->timer);
  pthread_mutex_unlock (&s->lock);
}

/* ---- Life ---------------------------------------------------------------------------- */

static int32_t
metrics_define (struct ag *ag)
{
  static const char *const outcomes[] = { "done", "refused", "again", "lost", NULL };
  static const struct kg_label by_outcome[] = { { "outcome", outcomes } };
  struct kg_metric_def calls = { .size = sizeof calls,
                                 .kind = KG_COUNTER,
                                 .name = "kgent_agentese_deferred_total",
                                 .help = "Deferred invocations that were carried out.",
                                 .labels = by_outcome,
                                 .nlabels = 1 };
  struct kg_metric_def kept = { .size = sizeof kept,
                                .kind = KG_GAUGE,
                                .name = "kgent_agentese_deferrals",
                                .help = "Deferred invocations that are kept, ended ones too." };
  int32_t r = ag->metrics->define (ag->self, &calls, &ag->schedule->outcomes);
  return r < 0 ? r : ag->metrics->define (ag->self, &kept, &ag->schedule->kept);
}

int32_t
ag_schedule_open (struct ag *ag)
{
  struct ag_schedule *s = calloc (1, sizeof *s);
  int32_t r;
  if (!s)
    return -ENOMEM;
  ag->schedule = s;
  pthread_mutex_init (&s->lock, NULL);
  if ((r = ag_index_init (&s->index)) < 0
      || (r = ag->host->need (ag->self, KG_CALLS, sizeof *ag->calls, 0, (const void **)&ag->calls))
             < 0
      || (r = metrics_define (ag)) < 0
      || (r = ag->store->bucket (ag->self, "agentese.schedule", &s->bucket)) < 0)
    return r;
  return ag->store->watch (s->bucket, watched, ag);
}

int32_t
ag_schedule_start (struct ag *ag)
{
  struct ag_schedule *s = ag->schedule;
  struct kg_region region = { .size = sizeof region };
  kg_timer *timer = NULL;
  int32_t r = ag->store->region (ag->self, AG_SCHEDULE_REGION, sizeof *s->claims, &region);
  if (r < 0) {
    ag->host->log (ag->self, KG_LOG_ERROR, "the region %s cannot be mapped: %s",
                   AG_SCHEDULE_REGION, strerror (-r));
    return r;
  }
  s->claims = region.ptr;
  s->slot = region.slot;
  if (getrandom (&s->instance, sizeof s->instance, 0) != sizeof s->instance)
    return -EIO;
  if ((r = ag->store->region_ensure (ag->self, AG_SCHEDULE_REGION, 0, sizeof *s->claims)) < 0)
    return r;
  atomic_store_explicit (&s->claims->instance[s->slot], s->instance, memory_order_release);
  r = ag->jobs->timer (ag->self, TURN_MS, TURN_MS, turn, ag, &timer);
  pthread_mutex_lock (&s->lock);
  s->timer = timer;
  pthread_mutex_unlock (&s->lock);
  return r;
}

void
ag_schedule_stop (struct ag *ag)
{
  struct ag_schedule *s = ag->schedule;
  kg_timer *timer;
  pthread_mutex_lock (&s->lock);
  timer = s->timer;
  s->timer = NULL;
  pthread_mutex_unlock (&s->lock);
  ag->jobs->cancel (timer);
}

void
ag_schedule_close (struct ag *ag)
{
  struct ag_schedule *s = ag->schedule;
  if (!s)
    return;
  ag_index_free (&s->index);
  pthread_mutex_destroy (&s->lock);
  free (s);
}
