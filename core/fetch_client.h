/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The HTTP client's queue, service and bookkeeping: all that needs no libcurl.
 * For fetch.c and fetch_client.c only. */
#ifndef CORE_FETCH_CLIENT_H
#define CORE_FETCH_CLIENT_H

#include "core/breaker.h"
#include "core/call.h"
#include "core/fetch.h"
#include "core/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

/* A call is in exactly one of three lists: incoming, waiting (for its next try),
 * running (in libcurl's hands). */
struct fetch {
  pthread_mutex_t lock;
  pthread_cond_t first;              /* a call, while there is no multi yet */
  kg_call *incoming, **incoming_end; /* under the lock */
  uint32_t under_way;                /* under the lock: all calls not yet done */
  int stopping;                      /* under the lock */
  _Atomic int cancels;               /* some call was cancelled */
  kg_call *waiting, *running;        /* the thread's */
  _Atomic (void *) multi;            /* CURLM; NULL until the first call */
  struct breakers *breakers;
  const char *ca_file;
  uint64_t random;
  int started;
  pthread_t thread;
  kg_metric *calls, *tries, *seconds, *pending, *open; /* or NULL */
};

/* Defines kgent_http_*. */
int32_t client_metrics (struct fetch *fetch, struct metrics *registry);

/* Moves what was queued to the waiting calls, and cancels all when it is time to
 * stop, which it returns. */
int client_take (struct fetch *fetch);

/* Tells the caller and forgets the call, which is in no list any more. */
void client_end (struct fetch *fetch, kg_call *call);

/* After a try with call->error and call->status: puts the call among the waiting
 * ones; 0 when it is over. */
int client_again (struct fetch *fetch, kg_call *call);

/* Waits for the first call; returns whether to stop instead. */
int client_await (struct fetch *fetch);

/* In fetch.c: the thread, what makes it look at its lists, and its end. */
void *fetch_main (void *fetch);
void fetch_wake (struct fetch *fetch);
void fetch_multi_free (struct fetch *fetch);

#endif
