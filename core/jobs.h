/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.jobs/1: a pool of threads for work that may block, and timers. */
#ifndef CORE_JOBS_H
#define CORE_JOBS_H

#include "core/abi.h"
#include <kgent/jobs.h>

#include <stdint.h>

struct host;
struct jobs;

#define JOBS_WAITING_MAX 4096 /* jobs that wait for a thread */
#define JOBS_THREADS     3    /* what 0 threads means */
#define JOBS_STOP_MS     5000 /* how long jobs_stop goes on starting what waits */

/* A pool without threads yet; jobs and timers may already be given to it.  With
 * a host that has a registry of metrics it defines kgent_jobs_*. */
int32_t jobs_create (struct host *host, uint32_t threads, struct jobs **ret);

/* Starts the threads. */
int32_t jobs_start (struct jobs *jobs);

/* Takes no new work and fires no timer any more; runs the jobs that wait, drops
 * those that were not begun after JOBS_STOP_MS (and logs how many), waits for
 * those that run, and ends the threads.  Timers may still be cancelled. */
void jobs_stop (struct jobs *jobs);

/* Frees the pool, stopped or never started.  NULL is allowed. */
void jobs_destroy (struct jobs *jobs);

/* Makes the pool look at the clock again. */
void jobs_wake (struct jobs *jobs);

/* kg.jobs/1; finds the pool by self->host->jobs. */
extern const struct kg_jobs jobs_service;

#endif
