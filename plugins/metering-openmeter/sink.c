/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The way of usage events to a sink: at least once, with ids that never change.
 *
 * A durable cursor says what was delivered; it moves only behind a success.  One
 * batch is under way at a time.  This file is the clockwork: it decides what comes
 * next, one thread for each sink; sink_turn.c says what an answer means. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_PROBE_MS 60000
#define PERIOD_MIN_MS 10

void
sink_unref (struct sink *s)
{
  if (atomic_fetch_sub (&s->refs, 1) > 1)
    return;
  mt_batch_clear (&s->batch);
  free (s->reply.body);
  pthread_mutex_destroy (&s->lock);
  free (s);
}

void
sink_kick (struct sink *s)
{
  pthread_mutex_lock (&s->lock);
  if (!s->stopped)
    s->mt->jobs->kick (s->timer);
  pthread_mutex_unlock (&s->lock);
}

void
sink_begin (struct sink *s, enum sink_busy busy)
{
  pthread_mutex_lock (&s->lock);
  s->busy = busy;
  s->arrived = 0;
  s->call = NULL;
  pthread_mutex_unlock (&s->lock);
  atomic_fetch_add (&s->refs, 1);
}

void
sink_withdraw (struct sink *s)
{
  pthread_mutex_lock (&s->lock);
  s->busy = SINK_IDLE;
  pthread_mutex_unlock (&s->lock);
  sink_unref (s);
}

void
sink_arrive (struct sink *s, const struct sink_reply *reply)
{
  pthread_mutex_lock (&s->lock);
  free (s->reply.body);
  s->reply = *reply;
  s->arrived = 1;
  s->call = NULL;
  if (!s->stopped)
    s->mt->jobs->kick (s->timer);
  pthread_mutex_unlock (&s->lock);
  sink_unref (s);
}

void
sink_advance (struct sink *s, uint32_t n)
{
  const struct mt_event *e = &s->batch.event[n - 1];
  if (e->last) {
    s->tally.after = n == s->batch.count ? s->batch.seen : e->sequence;
    s->tally.skip = 0;
    return;
  }
  s->tally.skip = e->k + 1;
  while (--n > 0 && s->batch.event[n - 1].sequence == e->sequence)
    continue;
  if (n)
    s->tally.after = s->batch.event[n - 1].sequence;
}

/* Takes the outcome of what was under way, if it is there; 1 while it is not. */
static int32_t
settle (struct sink *s)
{
  struct sink_reply r;
  enum sink_busy busy;
  pthread_mutex_lock (&s->lock);
  busy = s->busy;
  if (busy != SINK_IDLE && !s->arrived) {
    pthread_mutex_unlock (&s->lock);
    return 1;
  }
  r = s->reply;
  s->reply.body = NULL;
  s->busy = SINK_IDLE;
  s->arrived = 0;
  pthread_mutex_unlock (&s->lock);
  if (busy != SINK_IDLE)
    sink_settle_reply (s, busy, &r);
  free (r.body);
  return 0;
}

/* Nothing to send: makes a lost acknowledgement good, and looks now and then
 * whether somebody is still there. */
static int32_t
idle (struct sink *s)
{
  double interval_ms = s->conf.flush_interval * 1000;
  s->oldest_ns = 0;
  if (!atomic_exchange (&s->due, 0))
    return 0;
  if (s->unsaved || s->mt->store->position (s->cursor) < s->tally.after)
    sink_ack (s);
  if (!s->kind->probe || (s->met && ++s->idle * interval_ms < IDLE_PROBE_MS))
    return 0;
  s->idle = 0;
  return s->kind->probe (s);
}

/* What was looked at has no events to send. */
static void
pass_over (struct sink *s)
{
  s->tally.after = s->batch.seen;
  s->tally.skip = 0;
  sink_ack (s);
  atomic_store (&s->due, 1);
  sink_kick (s);
}

/* Where equal events count twice, it is written down first that the batch is under way:
 * should the process end meanwhile, nobody knows whether it has arrived. */
static int32_t
launch (struct sink *s)
{
  s->tally.flight = s->batch.count;
  s->launch = 1;
  sink_ack (s);
  return 0;
}

/* Sends what was written down; when that has failed, it is tried again. */
static int32_t
launch_next (struct sink *s)
{
  if (sink_saving (s))
    return 0;
  if (s->unsaved) {
    if (atomic_exchange (&s->due, 0))
      sink_ack (s);
    return 0;
  }
  s->launch = 0;
  return s->kind->send (s);
}

/* Has those parked that were under way when a process ended. */
static int32_t
lost_park (struct sink *s)
{
  int32_t n = mt_batch_read (s->mt, &s->batch, s->tally.after, s->tally.skip, s->lost);
  if (n < 0)
    return n;
  s->lost = 0;
  s->park = n;
  s->park_status = 0;
  snprintf (s->reason, sizeof s->reason, "the process ended while they were under way");
  sink_kick (s);
  return 0;
}

/* Sends the batch, or has it parked when its only event is none. */
static int32_t
batch_send (struct sink *s)
{
  if (!s->batch.event[0].broken)
    return s->tally.dedupe == DEDUPE_NO ? launch (s) : s->kind->send (s);
  s->park = 1;
  s->park_status = 0;
  sink_kick (s);
  return 0;
}

/* Sends what there is, if there is enough of it or its time has come. */
static int32_t
send_next (struct sink *s)
{
  struct mt *mt = s->mt;
  uint64_t newest = mt->store->newest (mt->usage);
  uint32_t most = s->again && s->again < s->limit ? s->again : s->limit;
  int32_t n, due = atomic_load (&s->due);
  if (mt->store->position (s->cursor) > s->tally.after) {
    s->stale = 1; /* another process was here */
    sink_kick (s);
    return 0;
  }
  if (newest <= s->tally.after)
    return idle (s);
  if (newest - s->tally.after < s->limit && !due && !s->full)
    return 0;
  n = mt_batch_read (mt, &s->batch, s->tally.after, s->tally.skip, most);
  if (n < 0)
    return n;
  if (s->batch.time_ns)
    s->oldest_ns = s->batch.time_ns;
  s->full = (uint32_t)n >= most;
  if (n && !s->full && !due && !s->batch.event[0].broken)
    return 0; /* few are left, and have time */
  atomic_store (&s->due, 0);
  if (n)
    return batch_send (s);
  if (s->batch.seen > s->tally.after)
    pass_over (s);
  return 0;
}

/* Parked events, where an operator wants them tried again. */
static int32_t
retry_next (struct sink *s)
{
  int32_t n;
  if (sink_saving (s) || s->unsaved)
    return 0;
  n = sink_parked_read (s);
  if (n <= 0)
    return n;
  n = s->kind->send (s);
  return n < 0 ? n : 1;
}

/* What is to be done now, one thing; all that is in the way comes first. */
static int32_t
next (struct sink *s)
{
  enum sink_saving saving = sink_saving (s);
  int32_t r;
  if (s->stale)
    return saving ? 0 : sink_load (s);
  if (saving > SAVE_ACK) /* its outcome speaks of this batch, or takes the tally back */
    return 0;
  if (s->park) /* at once, unless that has failed just now */
    return saving || (s->unparked && atomic_load (&s->waiting)) ? 0 : sink_park (s);
  if (!saving && (r = sink_drop_next (s)))
    return r < 0 ? r : 0;
  if (s->lost)
    return lost_park (s);
  if (atomic_load (&s->waiting))
    return 0;
  if (s->launch)
    return launch_next (s);
  if (!s->ready && s->kind->ready && (r = s->kind->ready (s)))
    return r < 0 ? r : 0;
  s->ready = 1;
  if (!s->attempt && !s->refused && canary_next (s))
    return 0;
  r = retry_next (s);
  return r ? (r < 0 ? r : 0) : send_next (s);
}

static int32_t
record_date (const struct kg_record *record, void *arg)
{
  *(int64_t *)arg = record->time_ns;
  return 1;
}

/* A sink in trouble may never come to read what waits for it: how old that is counts too. */
static void
oldest_find (struct sink *s)
{
  struct mt *mt = s->mt;
  if (s->attempt && !s->stale && !s->oldest_ns && mt->store->newest (mt->usage) > s->tally.after)
    mt->store->read (mt->usage, s->tally.after, 1, record_date, &s->oldest_ns);
}

static void
on_timer (void *arg)
{
  struct sink *s = arg;
  int32_t r = 0;
  sink_settle_save (s);
  if (!settle (s))
    r = next (s);
  if (r < 0) {
    struct sink_reply none = { .error = r, .retry_after_ms = -1 };
    sink_say (s, &none);
    sink_retry_later (s, &none);
  }
  oldest_find (s);
  sink_count (s);
  sink_report (s);
}

static void
on_flush (void *arg)
{
  struct sink *s = arg;
  atomic_store (&s->due, 1);
  atomic_store (&s->count_due, 1);
  atomic_fetch_add (&s->ticks, 1);
  sink_kick (s);
}

int32_t
sink_start (struct sink *s)
{
  struct mt *mt = s->mt;
  uint32_t period = (uint32_t)(s->conf.flush_interval * 1000);
  kg_timer *timer = NULL;
  int32_t r;
  if (period < PERIOD_MIN_MS)
    period = PERIOD_MIN_MS;
  s->stale = 1; /* the first thing is to read the tally */
  r = mt->jobs->timer (mt->self, period * 10, period * 10, on_timer, s, &timer);
  pthread_mutex_lock (&s->lock);
  s->timer = timer;
  s->stopped = r < 0;
  pthread_mutex_unlock (&s->lock);
  if (r < 0)
    return r;
  r = mt->jobs->timer (mt->self, 1, period, on_flush, s, &s->flush);
  if (r < 0)
    sink_stop (s);
  return r;
}

void
sink_stop (struct sink *s)
{
  const struct kg_jobs *jobs = s->mt->jobs;
  pthread_mutex_lock (&s->lock);
  s->stopped = 1;
  pthread_mutex_unlock (&s->lock);
  jobs->cancel (s->flush);
  jobs->cancel (s->timer);
  jobs->cancel (s->wake);
  s->flush = s->timer = s->wake = NULL;
  pthread_mutex_lock (&s->lock);
  if (s->call)
    s->mt->http->cancel (s->call);
  pthread_mutex_unlock (&s->lock);
  if (s->kind->end)
    s->kind->end (s);
  sink_drops_end (s);
}
