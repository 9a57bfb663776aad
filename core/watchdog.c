/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin's code that blocks holds its worker, and every connection of it.  After 2 s the log
 * says who it is.  After the handler's deadline the worker is taken over: one atomic exchange of
 * `in_hook` decides between the code that returns at last and the watchdog; the loser's thread
 * ends.  A new thread goes on with the worker's connections; the client of the stuck request gets
 * 504; the request, its slab and its thread are given up for good (DESIGN: a reliability
 * boundary, not a security boundary). */
#include "core/watchdog.h"

#include "core/account.h"
#include "core/blame.h"
#include "core/conn_turn.h"
#include "core/inner.h"
#include "core/log.h"
#include "core/reply.h"
#include "core/util/clock.h"
#include "core/worker_loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PERIOD (WATCHDOG_MS * CLOCK_MS)
#define WARN   (2 * CLOCK_SECOND)

/* The client of a stuck request hears of it, behind the answers that it got in the same turn; its
 * connection leaves the worker.  At LOG the answer itself is among those. */
static void
stuck_answer (struct worker *w)
{
  struct kg_req *req = w->hook_req;
  if (req->conn->inner)
    inner_lost (req->conn);
  else if (!req->streamed && req->step != STEP_RELEASE)
    reply_put_refusal (req->conn, 504, "The answer took too long.", NULL, req->id);
  conn_flush (req->conn);
  conn_abandon (req->conn);
  atomic_fetch_sub_explicit (&w->busy_count, 1, memory_order_relaxed);
}

int32_t
watchdog_take (struct worker *w, const char *what)
{
  uint32_t token = atomic_load_explicit (&w->in_hook, memory_order_acquire);
  int64_t age = clock_mono () - atomic_load_explicit (&w->turned, memory_order_relaxed);
  if (!token || !atomic_compare_exchange_strong (&w->in_hook, &token, 0))
    return 0;
  log_write (KG_LOG_ERROR, w->hook_self->name,
             "blocked worker %u for %lld s in request %s (%s): answered 504, %s", w->index,
             (long long) (age / CLOCK_SECOND), w->hook_req->id,
             w->hook_req->match.route ? w->hook_req->match.route->pub.pattern : "?", what);
  account_stuck (w->hook_req, atomic_fetch_add (&w->all->stuck, 1) + 1);
  w->now = clock_mono ();
  stuck_answer (w);
  pthread_detach (w->thread);
  return 1;
}

static void
take_over (struct worker *w)
{
  if (!watchdog_take (w, "the worker goes on with a new thread"))
    return;
  w->generation++;
  if (worker_thread (w) < 0)
    log_write (KG_LOG_ERROR, "core", "worker %u cannot be started again", w->index);
}

/* For how long the loop has not turned, in our own looks: a pause of the whole
 * process, or of the machine, is none of its making. */
static int64_t
age_of (struct worker *w)
{
  int64_t turned = atomic_load_explicit (&w->turned, memory_order_relaxed);
  uint32_t still = turned == w->seen ? atomic_load (&w->still) + 1 : 0;
  w->seen = turned;
  atomic_store (&w->still, still);
  return (int64_t) still * PERIOD;
}

static void
look_at (struct worker *w)
{
  int64_t age = age_of (w);
  int64_t most = (int64_t) (w->host->settings.http.handler_timeout * CLOCK_SECOND);
  if (age < WARN || !atomic_load_explicit (&w->in_hook, memory_order_acquire)) {
    w->warned = 0;
    return;
  }
  if (!w->warned)
    log_write (KG_LOG_WARN, w->hook_self->name, "has not returned for %lld s; worker %u waits",
               (long long) (age / CLOCK_SECOND), w->index);
  w->warned = 1;
  if (age >= most)
    take_over (w);
}

static void *
watchdog_main (void *arg)
{
  struct workers *all = arg;
  struct pollfd end = { all->watch_fd, POLLIN, 0 };
  pthread_setname_np (pthread_self (), "kgent-watch");
  while (!atomic_load (&all->stopping)) {
    for (uint32_t i = 0; i < all->count; i++)
      look_at (&all->list[i]);
    poll (&end, 1, WATCHDOG_MS);
  }
  return NULL;
}

int32_t
watchdog_start (struct workers *all)
{
  sigset_t every, old;
  int rc;
  all->watch_fd = eventfd (0, EFD_CLOEXEC);
  if (all->watch_fd < 0)
    return -errno;
  blame_mask (&every);
  pthread_sigmask (SIG_SETMASK, &every, &old);
  rc = pthread_create (&all->watchdog, NULL, watchdog_main, all);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  all->watched = !rc;
  if (rc)
    close (all->watch_fd);
  return -rc;
}

void
watchdog_stop (struct workers *all)
{
  uint64_t one = 1;
  if (!all->watched)
    return;
  (void) !write (all->watch_fd, &one, sizeof one);
  pthread_join (all->watchdog, NULL);
  close (all->watch_fd);
  all->watched = 0;
}
