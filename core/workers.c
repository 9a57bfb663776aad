/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* All workers together: made, asked how they are, and ended. */
#include "core/worker.h"

#include "core/log.h"
#include "core/util/clock.h"
#include "core/watchdog.h"
#include "core/worker_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ALIVE_LOOKS (2000 / WATCHDOG_MS)
#define STOP_TIME  (3 * CLOCK_SECOND) /* for the loops to end */
#define STUCK_MAX  4 /* more given-up handlers than that: better to be restarted */

uint32_t
workers_wanted (const struct settings *settings)
{
  long n = (long) settings->http.threads;
  if (n <= 0)
    n = sysconf (_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : n > 256 ? 256 : (uint32_t) n;
}

static struct workers *
workers_alloc (struct host *host, const struct listener *listeners, uint32_t n)
{
  struct workers *all = calloc (1, sizeof *all);
  if (!all)
    return NULL;
  all->host = host;
  all->count = workers_wanted (&host->settings);
  all->list = calloc (all->count, sizeof *all->list);
  all->listeners = calloc (n + 1, sizeof *all->listeners);
  all->nlisteners = n;
  if (!all->list || !all->listeners) {
    workers_destroy (all);
    return NULL;
  }
  memcpy (all->listeners, listeners, n * sizeof *listeners);
  return all;
}

int32_t
workers_create (struct host *host, const struct listener *listeners, uint32_t n,
                struct workers **ret)
{
  struct workers *all = workers_alloc (host, listeners, n);
  const char *bad = "";
  int32_t rc = all ? client_trust_parse (host->settings.http.trusted_proxies, &all->trust, &bad)
                   : -ENOMEM;
  if (rc == -EINVAL)
    log_write (KG_LOG_ERROR, "core", "http.trusted_proxies: \"%s\" is no address or network", bad);
  for (uint32_t i = 0; rc >= 0 && i < all->count; i++)
    rc = worker_init (&all->list[i], all, i);
  if (rc < 0)
    goto fail;
  host->workers = all;
  for (all->started = 0; all->started < all->count; all->started++) {
    rc = worker_thread (&all->list[all->started]);
    if (rc < 0)
      goto fail;
  }
  rc = watchdog_start (all);
  if (rc < 0)
    goto fail;
  *ret = all;
  return 0;
fail:
  host->workers = NULL;
  if (all)
    workers_stop (all);
  workers_destroy (all);
  return rc;
}

static void
wake_all (struct workers *all)
{
  uint64_t one = 1;
  for (uint32_t i = 0; i < all->count; i++)
    (void) !write (all->list[i].wake_fd, &one, sizeof one);
}

void
workers_quiesce (struct workers *all)
{
  atomic_store (&all->draining, 1);
  wake_all (all);
}

int32_t
workers_quiet (const struct workers *all)
{
  return atomic_load (&all->quiet) == all->count;
}

uint32_t
workers_open (const struct workers *all)
{
  return atomic_load_explicit (&all->connections, memory_order_relaxed);
}

uint32_t
workers_busy (const struct workers *all)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < all->count; i++)
    n += atomic_load_explicit (&all->list[i].busy_count, memory_order_relaxed);
  return n;
}

int32_t
workers_alive (const struct workers *all)
{
  if (workers_stuck (all) > STUCK_MAX)
    return 0;
  for (uint32_t i = 0; i < all->count; i++)
    if (atomic_load_explicit (&all->list[i].still, memory_order_relaxed) > ALIVE_LOOKS)
      return 0;
  return 1;
}

uint32_t
workers_stuck (const struct workers *all)
{
  return atomic_load_explicit (&all->stuck, memory_order_relaxed);
}

/* Waits for a worker's end.  One that a plugin blocks is left to the end of the process. */
static void
worker_join (struct worker *w, int64_t until)
{
  const struct timespec moment = { 0, 5 * CLOCK_MS };
  while (!atomic_load (&w->ended) && clock_mono () < until)
    nanosleep (&moment, NULL);
  if (atomic_load (&w->ended) || !watchdog_take (w, "its thread is left behind"))
    pthread_join (w->thread, NULL);
}

void
workers_stop (struct workers *all)
{
  int64_t until = clock_mono () + STOP_TIME;
  atomic_store (&all->stopping, 1);
  wake_all (all);
  watchdog_stop (all);
  for (uint32_t i = 0; i < all->started; i++)
    worker_join (&all->list[i], until);
  all->started = 0;
}

void
workers_destroy (struct workers *all)
{
  if (!all || workers_stuck (all)) /* given-up threads still know it */
    return;
  for (uint32_t i = 0; all->list && i < all->count; i++)
    worker_finish (&all->list[i]);
  client_trust_finish (&all->trust);
  free (all->list);
  free (all->listeners);
  free (all);
}
