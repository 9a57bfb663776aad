/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The way of usage events to an OpenMeter-compatible server: at least once, with
 * ids that never change.
 *
 * A durable cursor says what was delivered; it moves only behind a 2xx.  One
 * batch is under way at a time.  After a 429, a 5xx or no answer the same events
 * go again, later and later; on a 400 the batch is halved until the event that
 * the server cannot take stands alone and is parked; on a 401 or 403 everything
 * stops but one event a minute.  Nothing is ever left out. */
#include "plugins/metering-openmeter/exporter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define BACKOFF_FIRST_MS 250
#define BACKOFF_MAX_MS 60000
#define RETRY_AFTER_MAX_MS 300000
#define REFUSED_MS 60000
#define IDLE_PROBE_MS 60000
#define PARKED_IN_ROW 10 /* then it is not the events that are wrong */

static void
kick (struct exporter *x)
{
  pthread_mutex_lock (&x->lock);
  if (!x->stopped)
    x->mt->jobs->kick (x->timer);
  pthread_mutex_unlock (&x->lock);
}

static void
on_flush (void *arg)
{
  struct exporter *x = arg;
  atomic_store (&x->due, 1);
  kick (x);
}

static void
on_wake (void *arg)
{
  struct exporter *x = arg;
  atomic_store (&x->waiting, 0);
  atomic_store (&x->due, 1);
  kick (x);
}

/* Nothing is sent for so long. */
static void
wait_for (struct exporter *x, int64_t ms)
{
  x->mt->jobs->cancel (x->wake);
  x->wake = NULL;
  atomic_store (&x->waiting, 1);
  if (x->mt->jobs->timer (x->mt->self, (uint32_t)(ms > 0 ? ms : 1), 0, on_wake, x, &x->wake)
      < 0)
    atomic_store (&x->waiting, 0); /* the next flush tries again */
}

/* Full jitter: anything up to the doubled bound, so that many senders spread. */
static int64_t
backoff_ms (struct exporter *x)
{
  int64_t bound = BACKOFF_FIRST_MS;
  uint32_t i;
  for (i = 1; i < x->attempt && bound < BACKOFF_MAX_MS; i++)
    bound *= 2;
  if (bound > BACKOFF_MAX_MS)
    bound = BACKOFF_MAX_MS;
  return 1 + rand_r (&x->seed) % bound;
}

static void
say (struct exporter *x, const struct exporter_reply *r)
{
  if (r->status)
    snprintf (x->reason, sizeof x->reason, "the server answers %d", r->status);
  else
    snprintf (x->reason, sizeof x->reason, "%s",
              r->message[0] ? r->message : strerror (-r->error));
}

/* The same events again, later. */
static void
retry_later (struct exporter *x, const struct exporter_reply *r)
{
  int64_t ms;
  if (!x->attempt++)
    x->mt->host->log (x->mt->self, KG_LOG_WARN, "events are kept and sent again: %s",
                      x->reason);
  ms = backoff_ms (x);
  if (r->retry_after_ms > ms)
    ms = r->retry_after_ms < RETRY_AFTER_MAX_MS ? r->retry_after_ms : RETRY_AFTER_MAX_MS;
  wait_for (x, ms);
}

/* The server doesn't want us at all: an operator must act. */
static void
stop_refused (struct exporter *x)
{
  if (!x->refused)
    x->mt->host->log (x->mt->self, KG_LOG_ERROR,
                      "export stopped, events are kept: %s (check url and api_key)", x->reason);
  x->refused = 1;
  x->limit = 1;
  wait_for (x, REFUSED_MS);
}

/* The first `n` events of the batch need no more care. */
static void
advance (struct exporter *x, uint32_t n)
{
  const struct mt_event *e = &x->batch.event[n - 1];
  if (e->last) {
    x->after = n == x->batch.count ? x->batch.seen : e->sequence;
    x->skip = 0;
    return;
  }
  x->skip = e->k + 1;
  while (--n > 0 && x->batch.event[n - 1].sequence == e->sequence)
    continue;
  if (n)
    x->after = x->batch.event[n - 1].sequence;
}

static void
delivered (struct exporter *x)
{
  struct timespec now;
  uint32_t i;
  for (i = 0; i < x->batch.count; i++)
    x->mt->metrics->add (x->mt->sent, x->batch.event[i].type, 1);
  atomic_fetch_add (&x->sent, x->batch.count);
  clock_gettime (CLOCK_REALTIME, &now);
  atomic_store (&x->last_flush_ns, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
  advance (x, x->batch.count);
  sender_ack (x);
  if (x->refused || x->attempt)
    x->mt->host->log (x->mt->self, KG_LOG_INFO, "events are delivered again");
  x->refused = 0;
  x->attempt = 0;
  x->parked_in_row = 0;
  x->met = 1;
  x->limit = x->limit * 2 < x->mt->conf->batch_size ? x->limit * 2
                                                    : (uint32_t)x->mt->conf->batch_size;
}

/* The server can't take this batch: halve it, or park what stands alone. */
static void
unacceptable (struct exporter *x, const struct exporter_reply *r)
{
  int32_t e;
  atomic_store (&x->due, 1);
  if (x->batch.count > 1) {
    x->limit = x->batch.count / 2;
    return;
  }
  if (x->parked_in_row >= PARKED_IN_ROW) {
    stop_refused (x);
    return;
  }
  e = sender_park (x, r->status);
  if (e < 0) {
    snprintf (x->reason, sizeof x->reason, "cannot park an event: %s", strerror (-e));
    retry_later (x, r);
  }
}

static void
on_sent (struct exporter *x, const struct exporter_reply *r)
{
  int32_t s = r->error ? 0 : r->status;
  x->mt->metrics->observe (x->mt->latency, 0,
                           (uint64_t)(r->elapsed_ns > 0 ? r->elapsed_ns : 0));
  x->idle = 0;
  if (s >= 200 && s <= 299) {
    delivered (x);
    return;
  }
  atomic_fetch_add (&x->failed, x->batch.count);
  x->mt->metrics->add (x->mt->errors, 0, 1);
  say (x, r);
  if (s == 400 || s == 413 || s == 422)
    unacceptable (x, r);
  else if (s == 401 || s == 403 || s == 404 || s == 405)
    stop_refused (x);
  else
    retry_later (x, r);
}

static void
on_parked (struct exporter *x, const struct exporter_reply *r)
{
  const struct mt_event *e = x->batch.event;
  atomic_store (&x->due, 1);
  if (r->error) {
    snprintf (x->reason, sizeof x->reason, "%s", r->message);
    retry_later (x, r);
    return;
  }
  x->mt->host->log (x->mt->self, KG_LOG_ERROR, "parked event %.*s: %s", (int)e->id_len,
                    x->batch.text.ptr + e->id_at,
                    e->broken ? "its record cannot be read" : x->reason);
  atomic_fetch_add (&x->parked, 1);
  x->mt->metrics->add (x->mt->parkings, 0, 1);
  x->parked_in_row++;
  advance (x, 1);
}

/* A probe tells whether there is somebody; what it may not see is no matter. */
static void
on_probed (struct exporter *x, const struct exporter_reply *r)
{
  int32_t reached = !r->error && r->status < 500;
  if (reached) {
    x->met = 1;
    x->attempt = 0;
    return;
  }
  say (x, r);
  x->mt->metrics->add (x->mt->errors, 0, 1);
  retry_later (x, r);
}

/* Takes the outcome of what was under way, if it is there; 1 while it is not. */
static int32_t
settle (struct exporter *x)
{
  struct exporter_reply r;
  enum exporter_busy busy;
  pthread_mutex_lock (&x->lock);
  busy = x->busy;
  if (busy != EXPORTER_IDLE && !x->arrived) {
    pthread_mutex_unlock (&x->lock);
    return 1;
  }
  r = x->reply;
  x->busy = EXPORTER_IDLE;
  x->arrived = 0;
  pthread_mutex_unlock (&x->lock);
  if (busy == EXPORTER_SENDING)
    on_sent (x, &r);
  else if (busy == EXPORTER_PARKING)
    on_parked (x, &r);
  else if (busy == EXPORTER_PROBING)
    on_probed (x, &r);
  pthread_mutex_lock (&x->lock);
  busy = x->busy;
  pthread_mutex_unlock (&x->lock);
  return busy != EXPORTER_IDLE;
}

/* Nothing to send: makes a lost acknowledgement good, and looks now and then
 * whether the server is still there. */
static int32_t
idle (struct exporter *x)
{
  double interval_ms = x->mt->conf->flush_interval * 1000;
  if (!atomic_exchange (&x->due, 0))
    return 0;
  if (x->mt->store->position (x->mt->cursor) < x->after)
    sender_ack (x);
  if (x->met && ++x->idle * interval_ms < IDLE_PROBE_MS)
    return 0;
  x->idle = 0;
  return sender_probe (x);
}

/* What was looked at has no events to send. */
static void
pass_over (struct exporter *x)
{
  x->after = x->batch.seen;
  x->skip = 0;
  sender_ack (x);
  atomic_store (&x->due, 1);
  kick (x);
}

/* Sends what there is, if there is enough of it or its time has come. */
static int32_t
send_next (struct exporter *x)
{
  struct mt *mt = x->mt;
  uint64_t newest = mt->store->newest (mt->usage);
  uint64_t done = mt->store->position (mt->cursor);
  int32_t n;
  if (done > x->after) { /* while one process takes over from another, both send */
    x->after = done;
    x->skip = 0;
  }
  if (newest <= x->after)
    return idle (x);
  if (newest - x->after < x->limit && !atomic_load (&x->due))
    return 0;
  atomic_store (&x->due, 0);
  n = mt_batch_read (mt, &x->batch, x->after, x->skip, x->limit);
  if (n < 0)
    return n;
  if (!n) {
    if (x->batch.seen > x->after)
      pass_over (x);
    return 0;
  }
  return x->batch.event[0].broken ? sender_park (x, 0) : sender_post (x);
}

static void
on_timer (void *arg)
{
  struct exporter *x = arg;
  int32_t r = 0;
  if (!settle (x) && !atomic_load (&x->waiting))
    r = send_next (x);
  if (r < 0) {
    struct exporter_reply none = { .error = r, .retry_after_ms = -1 };
    say (x, &none);
    retry_later (x, &none);
  }
  exporter_report (x);
}

void
mt_exporter_notify (void *arg)
{
  struct mt *mt = arg;
  struct exporter *x = mt->exporter;
  uint64_t waiting;
  pthread_mutex_lock (&x->lock);
  waiting = mt->store->newest (mt->usage) - mt->store->position (mt->cursor);
  if (!x->stopped && x->timer && x->busy == EXPORTER_IDLE
      && waiting >= (uint64_t)mt->conf->batch_size)
    mt->jobs->kick (x->timer);
  pthread_mutex_unlock (&x->lock);
}

struct exporter *
mt_exporter_new (struct mt *mt)
{
  struct exporter *x = calloc (1, sizeof *x);
  if (!x)
    return NULL;
  x->mt = mt;
  atomic_init (&x->refs, 1);
  x->stopped = 1;
  x->limit = (uint32_t)mt->conf->batch_size;
  if (getrandom (&x->seed, sizeof x->seed, 0) != sizeof x->seed)
    x->seed = 1;
  pthread_mutex_init (&x->lock, NULL);
  return x;
}

int32_t
mt_exporter_start (struct exporter *x)
{
  struct mt *mt = x->mt;
  uint32_t period = (uint32_t)(mt->conf->flush_interval * 1000);
  kg_timer *timer = NULL;
  int32_t r;
  x->after = mt->store->position (mt->cursor);
  r = mt->jobs->timer (mt->self, period * 10, period * 10, on_timer, x, &timer);
  pthread_mutex_lock (&x->lock);
  x->timer = timer;
  x->stopped = r < 0;
  pthread_mutex_unlock (&x->lock);
  if (r < 0)
    return r;
  r = mt->jobs->timer (mt->self, 1, period, on_flush, x, &x->flush);
  if (r < 0)
    mt_exporter_stop (x);
  return r;
}

void
mt_exporter_stop (struct exporter *x)
{
  const struct kg_jobs *jobs = x->mt->jobs;
  pthread_mutex_lock (&x->lock);
  x->stopped = 1;
  pthread_mutex_unlock (&x->lock);
  jobs->cancel (x->flush);
  jobs->cancel (x->timer);
  jobs->cancel (x->wake);
  x->flush = x->timer = x->wake = NULL;
  pthread_mutex_lock (&x->lock);
  if (x->call)
    x->mt->http->cancel (x->call);
  pthread_mutex_unlock (&x->lock);
}

void
mt_exporter_free (struct exporter *x)
{
  if (x)
    exporter_unref (x);
}
