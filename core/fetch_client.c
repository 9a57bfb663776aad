/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/fetch_client.h"
#include "core/blame.h"
#include "core/host.h"
#include "core/tags.h"
#include "core/util/clock.h"
#include "core/util/url.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- Metrics ------------------------------------------------------------------ */

static const char *const outcomes[]
    = { "ok",  "client_error", "server_error", "timeout",  "network",
        "tls", "too_big",      "refused",      "canceled", NULL };

int32_t
client_metrics (struct fetch *f, struct metrics *registry)
{
  static const struct kg_label outcome = { "outcome", outcomes };
  const struct kg_metric_def calls = { .size = sizeof calls,
                                       .kind = KG_COUNTER,
                                       .name = "kgent_http_calls_total",
                                       .help = "Outgoing calls by what came of them.",
                                       .labels = &outcome,
                                       .nlabels = 1 };
  const struct kg_metric_def tries = { .size = sizeof tries,
                                       .kind = KG_COUNTER,
                                       .name = "kgent_http_tries_total",
                                       .help = "Requests sent, retries included." };
  const struct kg_metric_def seconds = { .size = sizeof seconds,
                                         .kind = KG_HISTOGRAM,
                                         .name = "kgent_http_call_seconds",
                                         .help = "Outgoing calls with all their tries." };
  const struct kg_metric_def pending = { .size = sizeof pending,
                                         .kind = KG_GAUGE,
                                         .name = "kgent_http_calls_under_way",
                                         .help = "Outgoing calls that are not done." };
  const struct kg_metric_def open = { .size = sizeof open,
                                      .kind = KG_GAUGE,
                                      .name = "kgent_http_breakers_open",
                                      .help = "Origins whose circuit breaker is not closed." };
  int32_t result;
  if ((result = metrics_define (registry, &tries, &f->tries)) < 0
      || (result = metrics_define (registry, &seconds, &f->seconds)) < 0
      || (result = metrics_define (registry, &pending, &f->pending)) < 0
      || (result = metrics_define (registry, &open, &f->open)) < 0)
    return result;
  return metrics_define (registry, &calls, &f->calls);
}

/* ---- Ends ----------------------------------------------------------------------- */

static uint32_t
outcome_index (const kg_call *call)
{
  switch (call->error) {
  case 0:
    return call->status < 400 ? 0 : call->status < 500 ? 1 : 2;
  case -ETIMEDOUT:
    return 3;
  case -EPROTO:
    return 5;
  case -EMSGSIZE:
    return 6;
  case -EBUSY:
    return 7;
  case -ECANCELED:
    return 8;
  default:
    return call->forbidden ? 7 : 4;
  }
}

/* One line about what came of it, without path and query: secrets lie there. */
static void
message_make (const kg_call *call, char *out, size_t size)
{
  const char *why = call->reason;
  if (call->forbidden)
    why = "its address is link-local, private or reserved";
  else if (call->error == -EBUSY)
    why = "circuit breaker open";
  else if (call->error == -ECANCELED)
    why = "canceled";
  else if (call->error == -EMSGSIZE)
    why = "reply too big";
  else if (call->error && !*why)
    why = strerror (-call->error);
  if (call->error)
    snprintf (out, size, "%s %s: %s (tries: %u)", call->request.method, call->origin, why,
              call->tried);
  else
    snprintf (out, size, "%s %s: status %d (tries: %u)", call->request.method, call->origin,
              call->status, call->tried);
}

void
client_end (struct fetch *f, kg_call *call)
{
  char message[640];
  int64_t elapsed = clock_mono () - call->started;
  int whole = !call->error && !call->over && call->data;
  struct kg_http_reply reply = {
    .size = sizeof reply,
    .error = call->error,
    .status = call->error ? 0 : call->status,
    .tries = (int32_t) call->tried,
    .body = { whole ? call->data : "", whole ? call->len : 0 },
    .content_type = { call->content_type, strlen (call->content_type) },
    .retry_after_ms = call->retry_after_ms,
    .elapsed_ns = elapsed,
    .message = message,
    .max_age_s = call->max_age_s,
  };
  message_make (call, message, sizeof message);
  breakers_release (f->breakers, call->breaker);
  if (f->calls) {
    metrics_add (f->calls, outcome_index (call), 1);
    metrics_add (f->tries, 0, call->tried);
    metrics_observe (f->seconds, 0, (uint64_t) elapsed);
    metrics_add (f->pending, 0, (uint64_t) -1);
  }
  blame_set (call->self, "http reply", NULL);
  call->request.done (&reply, call->request.arg);
  blame_clear ();
  call_destroy (call);
  pthread_mutex_lock (&f->lock);
  f->under_way--;
  pthread_mutex_unlock (&f->lock);
}

static uint64_t
random_next (struct fetch *f)
{
  f->random ^= f->random << 13; /* xorshift64: jitter, not secrets */
  f->random ^= f->random >> 7;
  f->random ^= f->random << 17;
  return f->random;
}

int
client_again (struct fetch *f, kg_call *call)
{
  int64_t now = clock_mono ();
  if (call->breaker)
    breaker_report (call->breaker, call->admitted, call_outcome (call), now);
  if (f->open)
    metrics_set (f->open, 0, breakers_open (f->breakers));
  call->due = call_again (call, now, random_next (f));
  if (call->due < 0)
    return 0;
  call->next = f->waiting;
  f->waiting = call;
  return 1;
}

/* ---- The queue -------------------------------------------------------------------- */

int
client_take (struct fetch *f)
{
  kg_call *call;
  int stopping;
  pthread_mutex_lock (&f->lock);
  if (f->incoming) {
    *f->incoming_end = f->waiting;
    f->waiting = f->incoming;
    f->incoming = NULL;
    f->incoming_end = &f->incoming;
  }
  stopping = f->stopping;
  pthread_mutex_unlock (&f->lock);
  if (stopping) {
    for (call = f->waiting; call; call = call->next)
      call->cancelled = 1;
    for (call = f->running; call; call = call->next)
      call->cancelled = 1;
    atomic_store (&f->cancels, 1);
  }
  return stopping;
}

int
client_await (struct fetch *f)
{
  int stopping;
  pthread_mutex_lock (&f->lock);
  while (!f->incoming && !f->stopping)
    pthread_cond_wait (&f->first, &f->lock);
  stopping = f->stopping;
  pthread_mutex_unlock (&f->lock);
  return stopping;
}

/* With the lock held. */
static int32_t
call_accept (struct fetch *f, kg_call *call)
{
  if (f->stopping)
    return -ESHUTDOWN;
  if (f->under_way >= FETCH_CALLS_MAX)
    return -EAGAIN;
  f->under_way++;
  *f->incoming_end = call;
  f->incoming_end = &call->next;
  return 0;
}

static int32_t
service_send (kg_self *self, const struct kg_http_request *request, kg_call **ret_call)
{
  struct fetch *f = self->host->fetch;
  kg_call *call = NULL;
  int32_t result;
  TAG_ANY (self, "http.send");
  result = call_create (request, &call);
  if (result < 0)
    return result;
  call->fetch = f;
  call->self = self;
  if (f->pending)
    metrics_add (f->pending, 0, 1);
  pthread_mutex_lock (&f->lock);
  result = call_accept (f, call);
  if (result == 0 && ret_call)
    *ret_call = call; /* set before `done` may come */
  pthread_mutex_unlock (&f->lock);
  if (result == 0) {
    fetch_wake (f);
    return 0;
  }
  if (f->pending)
    metrics_add (f->pending, 0, (uint64_t) -1);
  call_destroy (call);
  return result;
}

static void
service_cancel (kg_call *call)
{
  struct fetch *f = call->fetch;
  assert (call->magic == CALL_MAGIC);
  atomic_store (&call->cancelled, 1);
  atomic_store (&f->cancels, 1);
  fetch_wake (f);
}

static int32_t
service_check (const char *url)
{
  char origin[URL_ORIGIN_MAX];
  return url_origin (url, origin) ? 0 : -EINVAL;
}

const struct kg_http fetch_service = {
  .size = sizeof fetch_service,
  .send = service_send,
  .cancel = service_cancel,
  .check = service_check,
};

/* ---- Life ------------------------------------------------------------------------- */

int32_t
fetch_create (struct host *host, struct fetch **ret)
{
  struct fetch *f = calloc (1, sizeof *f);
  int32_t result = -ENOMEM;
  if (!f)
    return -ENOMEM;
  pthread_mutex_init (&f->lock, NULL);
  pthread_cond_init (&f->first, NULL);
  f->incoming_end = &f->incoming;
  f->ca_file = getenv ("SSL_CERT_FILE");
  if (getrandom (&f->random, sizeof f->random, 0) < 0 || !f->random)
    f->random = (uint64_t) clock_wall () | 1;
  f->breakers = breakers_create ();
  if (!f->breakers)
    goto fail;
  if (host && host->metrics && (result = client_metrics (f, host->metrics)) < 0)
    goto fail;
  *ret = f;
  return 0;
fail:
  fetch_destroy (f);
  return result;
}

int32_t
fetch_start (struct fetch *f)
{
  sigset_t all, old;
  int error;
  blame_mask (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  error = pthread_create (&f->thread, NULL, fetch_main, f);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  if (error)
    return -error;
  pthread_setname_np (f->thread, "kgent-fetch");
  f->started = 1;
  return 0;
}

void
fetch_stop (struct fetch *f)
{
  pthread_mutex_lock (&f->lock);
  f->stopping = 1;
  pthread_mutex_unlock (&f->lock);
  if (!f->started) {
    fetch_main (f); /* nothing runs yet: only tells those who wait */
    return;
  }
  fetch_wake (f);
  pthread_join (f->thread, NULL);
  f->started = 0;
}

void
fetch_destroy (struct fetch *f)
{
  if (!f)
    return;
  assert (!f->started && !f->under_way);
  fetch_multi_free (f);
  breakers_destroy (f->breakers);
  pthread_cond_destroy (&f->first);
  pthread_mutex_destroy (&f->lock);
  free (f);
}
