/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The end of a process's service: grace, quiet, gone. */
#include "core/daemon_state.h"
#include "core/catalog.h"
#include "core/inner.h"
#include "core/log.h"
#include "core/notify.h"
#include "core/util/clock.h"
#include "core/worker.h"

#include <malloc.h>

static int64_t
seconds_ns (double s)
{
  return (int64_t) (s * (double) CLOCK_SECOND);
}

static const struct drain_settings *
settings_of (const struct daemon *d)
{
  return &d->boot.host->settings.drain;
}

/* How often this process was asked to end: a signal to a whole process group
 * comes to it once directly and once through the first process. */
static uint32_t
asked (const struct daemon *d)
{
  return d->signals > d->told ? d->signals : d->told;
}

static void
quiet_begin (struct daemon *d, double timeout)
{
  d->state = STATE_QUIET;
  d->deadline_ns = clock_mono () + seconds_ns (timeout);
  catalog_drain (d->boot.host->catalog);
  workers_quiesce (d->boot.workers);
}

/* All loops are quiet, and what waited in the sockets' queues was accepted: nobody
 * will look there any more, unless a successor does. */
static void
sockets_shut (struct daemon *d)
{
  if (!d->handed_over && !d->refused)
    listens_refuse (&d->listens);
  d->refused = 1;
}

void
drain_quiet (struct daemon *d)
{
  if (d->state != STATE_SERVING && d->state != STATE_GRACE)
    return;
  d->handed_over = 1;
  quiet_begin (d, settings_of (d)->timeout);
}

void
drain_asked (struct daemon *d)
{
  if (d->state == STATE_SERVING) {
    log_write (KG_LOG_INFO, "core", "draining: serves for %g s more, then finishes within %g s",
               settings_of (d)->grace, settings_of (d)->timeout);
    catalog_drain (d->boot.host->catalog);
    d->state = STATE_GRACE;
    d->deadline_ns = clock_mono () + seconds_ns (settings_of (d)->grace);
  }
  if (d->channel < 0)
    notify_send (d->notify_fd, "STOPPING=1\nSTATUS=Draining");
  if (asked (d) < 2 || d->state == STATE_GONE)
    return;
  log_write (KG_LOG_WARN, "core", "asked again to end: %u requests are cut off",
             workers_busy (d->boot.workers));
  if (d->state == STATE_GRACE)
    quiet_begin (d, 0);
  d->deadline_ns = 0;
}

/* Nothing of the service is left but, in a first process, its successors. */
static void
service_end (struct daemon *d)
{
  int32_t r;
  uint32_t i, open = workers_open (d->boot.workers), busy = workers_busy (d->boot.workers);
  if (busy)
    log_write (KG_LOG_WARN, "core",
               "drain.timeout is over: %u requests on %u connections are cut off", busy, open);
  log_write (KG_LOG_INFO, "core", d->handed_over ? "handed over" : "drained");
  r = boot_down (&d->boot);
  for (i = 0; d->handed_over && i < LISTENS; i++)
    d->listens.list[i].ours = 0; /* the successor's now */
  listens_close (&d->listens);
  malloc_trim (0);
  d->state = STATE_GONE;
  if (!d->handed_over || d->channel >= 0)
    d->status = r < 0 ? EXIT_OS : 0;
}

void
drain_step (struct daemon *d, int64_t now_ns)
{
  int32_t quiet;
  if (d->state == STATE_GRACE && now_ns >= d->deadline_ns)
    quiet_begin (d, settings_of (d)->timeout);
  if (d->state != STATE_QUIET)
    return;
  quiet = workers_quiet (d->boot.workers);
  if (quiet)
    sockets_shut (d);
  if (now_ns >= d->deadline_ns
      || (quiet && !workers_open (d->boot.workers) && !inners_waiting (d->boot.host->inners)))
    service_end (d);
}
