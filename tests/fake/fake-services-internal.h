/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What fake-services.c and fake-store.c share; not for tests. */
#ifndef KGENT_FAKE_SERVICES_INTERNAL_H
#define KGENT_FAKE_SERVICES_INTERNAL_H

#include "fake-internal.h"
#include "fake-services.h"

struct fake_store;

struct fake_state {
  struct fake *fake;
  struct fake_pool pool;
  struct fake_store *store;
  kg_metric *metrics;
  kg_component *components, **components_end;
  struct kg_timer *timers; /* jobs too, as timers that run once */
  kg_call *calls, **calls_end;
  struct fake_script *script, **script_end;
  int running; /* fake_run_jobs is at work */
  struct fake_inner *inners, **inners_end;
  int serving; /* 1: kg.calls/1 takes requests; -1: it is over */
  int calls_error, calls_failing;
};

static inline struct fake_state *
fake_state_of (const struct fake *fake)
{
  return fake_attached (fake);
}

extern const struct kg_store fake_store_service;
extern const struct kg_jobs fake_jobs_service; /* fake-work.c */
extern const struct kg_http fake_http_service;
extern const struct kg_calls fake_calls_service; /* fake-calls.c */

/* Begins inner requests and tells of those that are over; how much it did. */
int fake_calls_turn (struct fake_state *state);

/* The host ends: all are told; the process is killed: nobody is. */
void fake_calls_end (struct fake_state *state);
void fake_calls_crash (struct fake_state *state);

struct fake_store *fake_store_new (struct fake *fake);
void fake_store_free (struct fake_store *store);

/* Commits unless held; how many writes and records there were. */
int fake_store_turn (struct fake_store *store, int even_held);
void fake_store_replay (struct fake_store *store);
void fake_store_forget (struct fake_store *store);
void fake_regions_settle (struct fake_store *store, int good);

#endif
