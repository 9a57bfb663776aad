/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The workers: threads that each run an event loop over connections. */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include "core/host.h"

/* A listening socket, shared by all workers; the caller's to close. */
struct listener {
  int fd;
  int32_t admin; /* 1: the admin listener: KG_ADMIN routes are reachable */
  int32_t local; /* 1: the operator's unix socket: callers are identified by it */
};

/* Starts `host->settings.http.threads` workers; serving begins. */
int32_t workers_create (struct host *host, const struct listener *listeners, uint32_t n,
                        struct workers **ret);

/* How many workers the settings ask for (one per core by default). */
uint32_t workers_wanted (const struct settings *settings);

/* Stops accepting (the sockets stay open): replies carry Connection: close, streams get an
 * `event: drain`, idle connections that stay silent are closed.  [main] */
void workers_quiesce (struct workers *w);

/* Whether every loop has stopped accepting since workers_quiesce: from then on
 * workers_open only sinks.  [any] */
int32_t workers_quiet (const struct workers *w);

/* Connections that are open / requests in flight.  [any] */
uint32_t workers_open (const struct workers *w);
uint32_t workers_busy (const struct workers *w);

/* Whether every loop turned within the last 2 s, and at most 4 handlers were given up.  [any] */
int32_t workers_alive (const struct workers *w);

/* Handlers that a watchdog gave up on.  [any] */
uint32_t workers_stuck (const struct workers *w);

/* Ends all connections and joins the threads.  [main] */
void workers_stop (struct workers *w);

void workers_destroy (struct workers *w);

#endif
