/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What an answer means.  After a 429, a 5xx or none the same events go again, later
 * and later; on a 400 the batch is halved until the event that the sink cannot take
 * stands alone and is parked; on a 401 or 403 everything stops but one event a minute.
 * Nothing is ever left out. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BACKOFF_FIRST_MS 250
#define BACKOFF_MAX_MS 60000
#define RETRY_AFTER_MAX_MS 300000
#define REFUSED_MS 60000
#define PARKED_IN_ROW 10 /* then it is not the events that are wrong */

static void
on_wake (void *arg)
{
  struct sink *s = arg;
  atomic_store (&s->waiting, 0);
  atomic_store (&s->due, 1);
  sink_kick (s);
}

/* Nothing is sent for so long. */
static void
wait_for (struct sink *s, int64_t ms)
{
  s->mt->jobs->cancel (s->wake);
  s->wake = NULL;
  atomic_store (&s->waiting, 1);
  if (s->mt->jobs->timer (s->mt->self, (uint32_t)(ms > 0 ? ms : 1), 0, on_wake, s, &s->wake)
      < 0)
    atomic_store (&s->waiting, 0); /* the next flush tries again */
}

/* Full jitter: anything up to the doubled bound, so that many senders spread. */
static int64_t
backoff_ms (struct sink *s)
{
  int64_t bound = BACKOFF_FIRST_MS;
  uint32_t i;
  for (i = 1; i < s->attempt && bound < BACKOFF_MAX_MS; i++)
    bound *= 2;
  if (bound > BACKOFF_MAX_MS)
    bound = BACKOFF_MAX_MS;
  return 1 + rand_r (&s->seed) % bound;
}

void
sink_say (struct sink *s, const struct sink_reply *r)
{
  if (r->status)
    snprintf (s->reason, sizeof s->reason, "the server answers %d", r->status);
  else
    snprintf (s->reason, sizeof s->reason, "%s",
              r->message[0] ? r->message : strerror (-r->error));
}

void
sink_retry_later (struct sink *s, const struct sink_reply *r)
{
  int64_t ms;
  if (!s->attempt++)
    s->mt->host->log (s->mt->self, KG_LOG_WARN, "%s: events are kept and sent again: %s",
                      s->conf.name, s->reason);
  ms = backoff_ms (s);
  if (r->retry_after_ms > ms)
    ms = r->retry_after_ms < RETRY_AFTER_MAX_MS ? r->retry_after_ms : RETRY_AFTER_MAX_MS;
  wait_for (s, ms);
}

/* Nobody there wants us at all: an operator must act. */
static void
stop_refused (struct sink *s)
{
  if (!s->refused)
    s->mt->host->log (s->mt->self, KG_LOG_ERROR,
                      "%s: export stopped, events are kept: %s (check its url and key)",
                      s->conf.name, s->reason);
  s->refused = 1;
  s->limit = 1;
  wait_for (s, REFUSED_MS);
}

static void
types_count (struct sink *s)
{
  uint32_t i;
  if (s->kind == &sink_openmeter)
    for (i = 0; i < s->batch.count; i++)
      s->mt->metrics->add (s->all->sent, s->batch.event[i].type, 1);
  s->mt->metrics->add (s->all->delivered, s->index, s->batch.count);
}

/* It takes events: whatever was wrong is over. */
static void
recovered (struct sink *s)
{
  int64_t most = s->conf.batch_size;
  if (s->refused || s->attempt)
    s->mt->host->log (s->mt->self, KG_LOG_INFO, "%s: events are delivered again",
                      s->conf.name);
  s->refused = 0;
  s->attempt = 0;
  s->parked_in_row = 0;
  s->met = 1;
  s->limit = s->limit * 2 < most ? s->limit * 2 : (uint32_t)most;
}

static void
delivered (struct sink *s)
{
  struct timespec now;
  types_count (s);
  atomic_fetch_add (&s->sent, s->batch.count);
  clock_gettime (CLOCK_REALTIME, &now);
  atomic_store (&s->last_ns, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
  recovered (s);
  if (s->batch.parked) {
    int32_t r = sink_unpark (s);
    if (r < 0) {
      struct sink_reply none = { .error = r, .retry_after_ms = -1 };
      sink_say (s, &none);
      sink_retry_later (s, &none);
    }
    return;
  }
  s->tally.confirmed += s->batch.count;
  if (s->kind->sent)
    s->kind->sent (s);
  sink_advance (s, s->batch.count);
  sink_ack (s);
}

/* Has the first n events of the batch parked; those that were, stay it. */
static void
set_aside (struct sink *s, uint32_t n, int32_t status)
{
  if (s->batch.parked) {
    s->mt->host->log (s->mt->self, KG_LOG_WARN, "%s: %u events stay parked: %s", s->conf.name,
                      n, s->reason);
    sink_parked_tried (s, n);
    return;
  }
  s->park = (int32_t)n;
  s->park_status = status;
}

/* The sink can't take this batch: halve it, or park what stands alone. */
static void
unacceptable (struct sink *s, const struct sink_reply *r)
{
  atomic_store (&s->due, 1);
  if (s->batch.count > 1) {
    s->limit = s->batch.count / 2;
    return;
  }
  if (!s->batch.parked && s->parked_in_row >= PARKED_IN_ROW) {
    stop_refused (s);
    return;
  }
  set_aside (s, 1, r->status);
}

/* Whether the far side may have stored the batch all the same. */
static int32_t
ambiguous (const struct sink_reply *r)
{
  if (r->error)
    return r->error == -ETIMEDOUT || r->error == -ECONNRESET || r->error == -EMSGSIZE
           || r->error == -EIO || r->error == -ECANCELED;
  return r->status >= 500;
}

static void
on_sent (struct sink *s, const struct sink_reply *r)
{
  int32_t status = r->error ? 0 : r->status;
  uint64_t ns = (uint64_t)(r->elapsed_ns > 0 ? r->elapsed_ns : 0);
  if (s->kind == &sink_openmeter)
    s->mt->metrics->observe (s->all->latency, 0, ns);
  s->idle = 0;
  s->again = 0;
  s->tally.flight = 0;
  if (status >= 200 && status <= 299) {
    delivered (s);
    return;
  }
  atomic_fetch_add (&s->failed, s->batch.count);
  if (s->kind == &sink_openmeter)
    s->mt->metrics->add (s->all->errors, 0, 1);
  s->mt->metrics->add (s->all->failed, s->index, 1);
  sink_say (s, r);
  if (status == 400 || status == 413 || status == 422) {
    unacceptable (s, r);
    return;
  }
  if (status == 401 || status == 403 || status == 404 || status == 405 || status == 410) {
    stop_refused (s);
    return;
  }
  if (s->tally.dedupe == DEDUPE_NO && ambiguous (r)) {
    set_aside (s, s->batch.count, status);
    s->limit = 1; /* the next try puts one event at risk */
  } else if (!s->batch.parked) {
    s->again = s->batch.count; /* the same batch, not a larger one */
  }
  sink_retry_later (s, r);
}

/* A probe tells whether there is somebody; what it may not see is no matter. */
static void
on_probed (struct sink *s, const struct sink_reply *r)
{
  if (!r->error && r->status < 500) {
    s->met = 1;
    s->attempt = 0;
    return;
  }
  sink_say (s, r);
  if (s->kind == &sink_openmeter)
    s->mt->metrics->add (s->all->errors, 0, 1);
  s->mt->metrics->add (s->all->failed, s->index, 1);
  sink_retry_later (s, r);
}

void
sink_settle_reply (struct sink *s, enum sink_busy busy, const struct sink_reply *r)
{
  if (busy == SINK_SENDING)
    on_sent (s, r);
  else if (busy == SINK_PROBING)
    on_probed (s, r);
  else if (busy == SINK_CANARY)
    canary_settle (s, r);
}
