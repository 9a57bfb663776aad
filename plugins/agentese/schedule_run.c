/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One deferral on its way.  Whatever happens to this process, what is on disk says where
 * it was: pending and it is done later; running, and whoever comes after does it again,
 * because what it changes is marked in the same transaction; effected, and it is over. */
#include "plugins/agentese/schedule_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND ((int64_t)1000000000)
#define GIVE_UP_NS (3600 * SECOND) /* behind its time, with refusals that pass */
#define WINDOW_MAX 64
#define SCOPES_MAX 64

/* The process is done with it, until the index says otherwise. */
static void
let_go (struct ag *ag, struct ag_job *job, int64_t again_ns)
{
  struct ag_schedule *s = ag->schedule;
  pthread_mutex_lock (&s->lock);
  s->under_way--;
  if (again_ns)
    job->again_ns = again_ns;
  ag_index_busy (&s->index, job, AG_IDLE);
  pthread_mutex_unlock (&s->lock);
}

static int32_t
entry_get (struct ag *ag, const struct ag_job *job, struct ag_deferral *ret)
{
  struct kg_entry e = { .size = sizeof e };
  kg_str key = { job->key, job->key_len };
  int32_t r = ag->store->get (ag->schedule->bucket, key, &e);
  if (r < 0 || (r = ag_deferral_read (key, e.value, ret)) < 0)
    return r;
  ret->revision = e.revision;
  return 0;
}

/* Writes it as it now is, if it is still what was read; `done` gets the job. */
static int32_t
entry_put (struct ag *ag, struct ag_job *job, const struct ag_deferral *d,
           void (*done) (const struct kg_outcome *outcome, void *arg))
{
  struct kg_op op = { .kind = KG_OP_PUT,
                      .bucket = ag->schedule->bucket,
                      .key = { job->key, job->key_len },
                      .revision = d->revision };
  size_t size = 512 + d->target.len + d->body.len + d->subject.len + d->key_id.len + d->tier.len
                + d->scopes.len + d->archetypes.len + d->result.len;
  struct kg_out o = { malloc (size), 0, size };
  int32_t r;
  if (!o.ptr)
    return -ENOMEM;
  ag_deferral_write (d, &o);
  op.value = (kg_str){ o.ptr, o.len };
  r = kg_out_ok (&o) ? ag->store->write (ag->self, &op, 1, sizeof op, done, job) : -E2BIG;
  free (o.ptr);
  return r;
}

/* ---- The end ------------------------------------------------------------------------ */

static void
ended (const struct kg_outcome *outcome, void *arg)
{
  struct ag_job *job = arg;
  struct ag *ag = job->ag;
  int64_t again = job->going == AG_PENDING ? job->again_ns : 0;
  if (!outcome->error)
    ag->metrics->add (ag->schedule->outcomes, (uint32_t)job->outcome, 1);
  /* Otherwise it is found running, and nobody runs it: then it is looked at again. */
  let_go (ag, job, again);
  ag_schedule_kick (ag);
}

/* Puts it where it belongs after a call: ended, or pending again. */
static void
conclude (struct ag *ag, struct ag_job *job, struct ag_deferral *d, int32_t outcome)
{
  job->ag = ag;
  job->going = d->state;
  job->outcome = outcome;
  if (entry_put (ag, job, d, ended) < 0)
    let_go (ag, job, ag_wall_ns () + SECOND);
}

/* The result in the answer, if it is small; else all of a small answer. */
static kg_str
result_of (const struct kg_inner_reply *reply)
{
  kg_str body = reply->body;
  if (body.len > AG_RESULT_MAX || !body.len || memchr (body.ptr, '\n', body.len))
    return (kg_str){ "", 0 };
  return body;
}

/* Whether the answer says no more than "not now". */
static int32_t
passes (const struct kg_inner_reply *reply)
{
  if (reply->error)
    return reply->error == -ESHUTDOWN || reply->error == -ENOMEM;
  return reply->status == 429 || reply->status == 503;
}

static int32_t
status_of (const struct kg_inner_reply *reply)
{
  if (!reply->error)
    return reply->status;
  return reply->error == -ETIMEDOUT ? 504 : reply->error == -ECANCELED ? 401 : 500;
}

/* Calls of a tenant at a time: fewer after a refusal, more while all goes well. */
static void
window_adapt (struct ag_schedule *s, struct ag_job *job, int32_t refused, int64_t again_ns)
{
  pthread_mutex_lock (&s->lock);
  if (refused && job->turns->window > 1)
    job->turns->window /= 2;
  else if (!refused && job->turns->window < WINDOW_MAX)
    job->turns->window++;
  job->again_ns = again_ns;
  job->busy = AG_ENDING;
  pthread_mutex_unlock (&s->lock);
}

static void
called (const struct kg_inner_reply *reply, void *arg)
{
  struct ag_job *job = arg;
  struct ag *ag = job->ag;
  struct ag_deferral d;
  int64_t now = ag_wall_ns (), wait;
  int32_t later;
  if (entry_get (ag, job, &d) < 0) {
    let_go (ag, job, 0);
    return;
  }
  wait = SECOND / 10 << (d.attempts < 10 ? d.attempts : 10);
  later = d.state == AG_RUNNING && passes (reply) && now - d.due_ns < GIVE_UP_NS;
  window_adapt (ag->schedule, job, later, later ? now + (wait < 60 * SECOND ? wait : 60 * SECOND) : 0);
  if (later) {
    ag->host->log (ag->self, KG_LOG_DEBUG, "deferred invocation %.*s: status %d, error %d: again",
                   (int)d.id.len, d.id.ptr, reply->status, -reply->error);
    d.state = AG_PENDING;
    conclude (ag, job, &d, AG_DEFERRED_AGAIN);
    return;
  }
  d.status = d.state == AG_EFFECTED ? 200 : status_of (reply);
  d.state = AG_ENDED;
  d.ended_ns = now;
  d.result = result_of (reply);
  conclude (ag, job, &d, d.status < 300 ? AG_DEFERRED_DONE : AG_DEFERRED_REFUSED);
}

/* ---- The call ------------------------------------------------------------------------ */

/* A text that ends in NUL, in `buf`, behind what is there. */
static const char *
text_put (struct kg_out *buf, kg_str text)
{
  const char *at = buf->ptr + buf->len;
  kg_out_raw (buf, text.ptr, text.len);
  kg_out_raw (buf, "", 1);
  return at;
}

/* Splits at blanks. */
static void
list_put (struct kg_out *buf, kg_str text, const char **ret)
{
  uint32_t n = 0;
  size_t i, from = 0;
  for (i = 0; i <= text.len; i++)
    if (i == text.len || text.ptr[i] == ' ') {
      if (i > from && n + 1 < SCOPES_MAX)
        ret[n++] = text_put (buf, (kg_str){ text.ptr + from, i - from });
      from = i + 1;
    }
  ret[n] = NULL;
}

static int32_t
call_make (struct ag *ag, const struct ag_deferral *d, struct kg_out *buf, struct ag_job *job)
{
  const char *scopes[SCOPES_MAX], *archetypes[SCOPES_MAX], *headers[3];
  struct kg_identity who = { .size = sizeof who };
  struct kg_inner request = { .size = sizeof request,
                              .flags = KG_INNER_BACKGROUND,
                              .method = "POST",
                              .target = "/v1/agentese/invoke",
                              .content_type = "application/json",
                              .body = d->body,
                              .headers = headers,
                              .identity = &who };
  who.subject = text_put (buf, d->subject);
  who.tenant = text_put (buf, d->tenant);
  who.key_id = text_put (buf, d->key_id);
  who.tier = d->tier.len ? text_put (buf, d->tier) : NULL;
  list_put (buf, d->scopes, scopes);
  list_put (buf, d->archetypes, archetypes);
  who.scopes = scopes;
  who.archetypes = archetypes;
  headers[0] = buf->ptr + buf->len;
  kg_out_lit (buf, AG_DEFERRED_HEADER ": ");
  text_put (buf, d->id);
  /* Answered and charged, but not noted when its process was killed: not charged again. */
  headers[1] = buf->ptr + buf->len;
  kg_out_lit (buf, "Idempotency-Key: deferral-");
  text_put (buf, d->id);
  headers[2] = NULL;
  if (!kg_out_ok (buf))
    return -E2BIG;
  return ag->calls->call (ag->self, &request, called, job);
}

static int32_t
call_try (struct ag *ag, const struct ag_deferral *d, struct ag_job *job)
{
  size_t size = 256 + d->subject.len + d->tenant.len + d->key_id.len + d->tier.len
                + d->scopes.len + d->archetypes.len + 2 * d->id.len + 2 * SCOPES_MAX;
  struct kg_out buf = { malloc (size), 0, size };
  int32_t r = buf.ptr ? call_make (ag, d, &buf, job) : -ENOMEM;
  free (buf.ptr);
  return r;
}

/* It is tried again in the next turn. */
static void
call_later (struct ag *ag, struct ag_job *job)
{
  struct ag_schedule *s = ag->schedule;
  pthread_mutex_lock (&s->lock);
  job->busy = AG_CLAIMED;
  job->next = s->claimed;
  s->claimed = job;
  pthread_mutex_unlock (&s->lock);
}

void
ag_run_call (struct ag *ag, struct ag_job *job)
{
  struct ag_schedule *s = ag->schedule;
  struct ag_deferral d;
  int32_t r;
  if (entry_get (ag, job, &d) < 0) {
    let_go (ag, job, 0);
    return;
  }
  job->busy = AG_CALLING;
  job->ag = ag;
  r = call_try (ag, &d, job);
  if (r >= 0)
    return;
  if (r == -EAGAIN || r == -ENOMEM) {
    call_later (ag, job);
    return;
  }
  pthread_mutex_lock (&s->lock);
  s->draining |= r == -ESHUTDOWN; /* the next process does it */
  pthread_mutex_unlock (&s->lock);
  d.state = r == -ESHUTDOWN ? AG_PENDING : AG_ENDED;
  d.status = 500;
  d.ended_ns = ag_wall_ns ();
  conclude (ag, job, &d, r == -ESHUTDOWN ? AG_DEFERRED_AGAIN : AG_DEFERRED_REFUSED);
}

/* ---- The claim ------------------------------------------------------------------------- */

static void
claimed (const struct kg_outcome *outcome, void *arg)
{
  struct ag_job *job = arg;
  if (outcome->error) {
    /* Somebody else was first, or the disk is full: the index knows which. */
    let_go (job->ag, job, outcome->error == -ESTALE ? 0 : ag_wall_ns () + SECOND);
    return;
  }
  call_later (job->ag, job);
  ag_schedule_kick (job->ag);
}

static void
claim_write (struct ag *ag, struct ag_job *job, struct ag_deferral *d)
{
  d->orphaned += d->state == AG_RUNNING;
  d->state = AG_RUNNING;
  d->attempts++;
  d->slot = ag->schedule->slot;
  d->instance = ag->schedule->instance;
  job->ag = ag;
  if (entry_put (ag, job, d, claimed) < 0)
    let_go (ag, job, ag_wall_ns () + SECOND);
}

void
ag_run_claim (struct ag *ag, struct ag_job *job)
{
  struct ag_deferral d;
  if (entry_get (ag, job, &d) < 0 || d.state >= AG_ENDED) {
    let_go (ag, job, 0);
    return;
  }
  if (d.state == AG_EFFECTED) {
    d.state = AG_ENDED;
    d.status = 200;
    d.ended_ns = ag_wall_ns ();
    conclude (ag, job, &d, AG_DEFERRED_LOST);
    return;
  }
  claim_write (ag, job, &d);
}
