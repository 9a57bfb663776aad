/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The key set in force: where it comes from, when it is looked for again, and how
 * readers get at it without a lock. */
#ifndef AUTH_JWKS_FETCH_H
#define AUTH_JWKS_FETCH_H

#include "plugins/auth/jwks.h"
#include "plugins/auth/jwks_keep.h"

#include <kgent/health.h>
#include <kgent/http.h>
#include <kgent/jobs.h>
#include <kgent/metrics.h>

#include <pthread.h>
#include <stdatomic.h>

#define JWKS_EARLY_S  10   /* between two fetches, however many unknown keys are named */
#define JWKS_FIRST_S  10   /* until the next try after a failure, doubled each time */
#define JWKS_AGE_MIN  60   /* bounds of what the provider may ask for (max-age), seconds */
#define JWKS_AGE_MAX  3600
#define JWKS_GRACE_S  60   /* a replaced set is freed no earlier; a reader holds one for
                              the length of a hook */

/* What came of a fetch. */
struct jwks_reply {
  int32_t error, status;
  int64_t max_age_s, retry_after_s; /* -1: not said */
  char *text;                       /* malloc'ed, or NULL */
  size_t len;
  char message[256];
};

struct jwks_source {
  const struct kg_host *host;
  kg_self *self;
  const char *url, *file; /* one of the two */
  int64_t refresh_s;
  const struct kg_http *http;
  const struct kg_jobs *jobs;
  const struct kg_health *health;
  const struct kg_metrics *metrics;
  struct jwks_keep keep; /* of `url` */
  kg_component *component;
  kg_metric *fetches, *keys;

  struct jwks *_Atomic set; /* in force; NULL: there never was one */
  _Atomic int32_t wanted;   /* a token named a key that is not in it */

  /* The timer's own. */
  kg_timer *timer;
  struct jwks *retired;
  int64_t begun_ns, due_ns; /* monotonic; of the last fetch, of the next */
  uint32_t failures;        /* in a row */
  char reason[384];         /* of the last failure */

  /* Shared with the HTTP client's thread. */
  _Atomic int refs;
  pthread_mutex_t lock;
  kg_call *call;
  struct jwks_reply reply;
  int32_t busy, arrived, stopped;
};

/* [open] Asks for the services; takes texts from `conf`, which must stay. */
int32_t jwks_source_open (const struct kg_host *host, kg_self *self, const struct jwt_conf *conf,
                          struct jwks_source **ret);

/* Reads the file (an error is logged); or takes what was kept, and begins to fetch. */
int32_t jwks_source_start (struct jwks_source *source);
void jwks_source_stop (struct jwks_source *source);

/* Accepts NULL.  A fetch under way holds on to what it needs. */
void jwks_source_close (struct jwks_source *source);

/* What the timer does, at this moment of the monotonic clock. */
void jwks_source_tick (struct jwks_source *source, int64_t now_ns);

/* [worker] The set in force, for the length of a hook; or NULL. */
static inline const struct jwks *
jwks_current (const struct jwks_source *source)
{
  return atomic_load_explicit (&source->set, memory_order_acquire);
}

/* [worker] The set lacks a key: it is fetched again, soon and not too often. */
void jwks_want (struct jwks_source *source);

#endif
