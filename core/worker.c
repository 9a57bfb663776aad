/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/worker.h"

#include "core/accept.h"
#include "core/blame.h"
#include "core/conn_turn.h"
#include "core/log.h"
#include "core/phase.h"
#include "core/request.h"
#include "core/store.h"
#include "core/stream.h"
#include "core/ticket.h"
#include "core/util/clock.h"
#include "core/worker_loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SLABS_MAX   512  /* free ones that are kept */
#define SWEEP_BUSY  (100 * CLOCK_MS)
#define SWEEP_IDLE  CLOCK_SECOND
#define STOP_WAIT   (2 * CLOCK_SECOND)

/* ---- What the connections use ------------------------------------------- */

void
worker_post (struct worker *w, struct post *post)
{
  uint64_t one = 1;
  struct post *head = atomic_load_explicit (&w->inbox, memory_order_relaxed);
  do
    post->next = head;
  while (!atomic_compare_exchange_weak_explicit (&w->inbox, &head, post, memory_order_release,
                                                 memory_order_relaxed));
  if (!head)
    (void) !write (w->wake_fd, &one, sizeof one);
}

void *
worker_slab_get (struct worker *w)
{
  void *slab = w->slabs;
  if (!slab)
    return malloc (REQUEST_SLAB);
  memcpy (&w->slabs, slab, sizeof w->slabs);
  w->nslabs--;
  return slab;
}

void
worker_slab_put (struct worker *w, void *slab)
{
  if (w->nslabs >= SLABS_MAX) {
    free (slab);
    return;
  }
  memcpy (slab, &w->slabs, sizeof w->slabs);
  w->slabs = slab;
  w->nslabs++;
}

const char *
worker_date (struct worker *w)
{
  int64_t second = w->wall / CLOCK_SECOND;
  if (second != w->date_second) {
    w->date_second = second;
    clock_http_date (w->wall, w->date);
  }
  return w->date;
}

void
worker_log_refusal (struct conn *c, int32_t status, const char *why, const char *id)
{
  struct worker *w = c->worker;
  char addr[CLIENT_TEXT] = "local";
  if (w->now - w->refusal_logged < CLOCK_SECOND) {
    w->refusals_silent++;
    return;
  }
  if (c->has_addr)
    client_text (&c->addr, addr);
  log_write (KG_LOG_WARN, "core", "refused a request from %s with %d: %s (request %s; %u more "
             "since the last such line)", addr, (int) status, why, id, w->refusals_silent);
  w->refusal_logged = w->now;
  w->refusals_silent = 0;
}

/* A thread's token is odd and never used by another thread of the same worker. */
static _Thread_local uint32_t token;

void
worker_enter (struct worker *w, struct kg_self *self, struct kg_req *req)
{
  w->hook_self = self;
  w->hook_req = req;
  atomic_store_explicit (&w->in_hook, token, memory_order_release);
}

void
worker_leave (struct worker *w)
{
  uint32_t mine = token;
  if (!atomic_compare_exchange_strong_explicit (&w->in_hook, &mine, 0, memory_order_acq_rel,
                                                memory_order_relaxed))
    pthread_exit (NULL);
}

/* ---- The loop ----------------------------------------------------------- */

static void
clocks_read (struct worker *w)
{
  w->now = clock_mono ();
  w->wall = clock_wall ();
  atomic_store_explicit (&w->turned, w->now, memory_order_relaxed);
  if (atomic_load_explicit (&w->still, memory_order_relaxed))
    atomic_store_explicit (&w->still, 0, memory_order_relaxed);
}

/* Takes what was posted, in the order of posting. */
static void
inbox_take (struct worker *w)
{
  struct post *p = atomic_exchange_explicit (&w->inbox, NULL, memory_order_acquire), *next;
  for (; p; p = next) {
    next = p->next;
    p->next = w->posts;
    w->posts = p;
  }
}

static void
wake_clear (struct worker *w)
{
  uint64_t n;
  (void) !read (w->wake_fd, &n, sizeof n);
}

static void
dead_free (struct worker *w)
{
  struct conn *c = w->dead, *next;
  w->dead = NULL;
  for (; c; c = next) {
    next = c->next;
    conn_free (c);
  }
}

static void
list_sweep (struct conn_list *l)
{
  struct conn *next;
  for (struct conn *c = l->first; c; c = next) {
    next = c->next;
    conn_sweep (c);
  }
}

static void
sweep (struct worker *w)
{
  struct conn *first;
  if (w->now - w->swept < SWEEP_BUSY)
    return;
  w->swept = w->now;
  list_sweep (&w->busy);
  while ((first = w->idle.first)) { /* longest idle first: stop at the first that may stay */
    conn_sweep (first);
    if (w->idle.first == first)
      break;
  }
}

static void
ready_turn (struct worker *w)
{
  struct conn *c, *last = w->ready.last;
  while ((c = w->ready.first)) {
    conn_turn (c);
    if (c == last)
      break;
  }
}

static void
event_handle (struct worker *w, struct epoll_event *e)
{
  uintptr_t p = (uintptr_t) e->data.ptr;
  if (!p)
    wake_clear (w);
  else if (p & WORKER_LISTENER)
    accept_some (w, (const struct listener *) (p & ~(uintptr_t) WORKER_LISTENER), 0);
  else
    conn_event (e->data.ptr, e->events);
}

/* Handles the kernel's events and the posts.  They are edges: when a plugin blocks in one, the
 * thread that takes the worker over handles the rest. */
static void
news_handle (struct worker *w)
{
  struct post *p;
  while (w->next_event < w->nevents)
    event_handle (w, &w->events[w->next_event++]);
  if (!w->posts)
    inbox_take (w);
  while ((p = w->posts)) {
    w->posts = p->next;
    p->handle (p);
  }
}

static void
drain_begin (struct worker *w)
{
  struct conn *next;
  w->draining = 1;
  w->drain_since = w->now;
  for (uint32_t i = 0; i < w->all->nlisteners; i++)
    accept_some (w, &w->all->listeners[i], 1);
  accept_ignore (w);
  atomic_fetch_add (&w->all->quiet, 1);
  for (struct conn *c = w->busy.first; c; c = next) {
    next = c->next;
    if (c->state == CONN_STREAM) {
      w->out_len = w->in_len = w->in_pos = 0;
      stream_drain (c->req);
      conn_turn_end (c);
    }
  }
}

static int
loop_timeout (const struct worker *w)
{
  if (w->ready.first)
    return 0;
  return (int) ((w->busy.first || w->draining || w->muted_until ? SWEEP_BUSY : SWEEP_IDLE) / CLOCK_MS);
}

static void
loop_turn (struct worker *w)
{
  if (w->host->store)
    store_worker_idle (w->host->store, w->index);
  w->next_event = 0;
  w->nevents = epoll_wait (w->epoll_fd, w->events, WORKER_EVENTS, loop_timeout (w));
  clocks_read (w);
  if (w->host->store)
    store_quiescent (w->host->store, w->index);
  news_handle (w);
  if (w->ready.first)
    ready_turn (w);
  if (w->muted_until && w->now >= w->muted_until && accept_listen (w) < 0)
    w->muted_until = w->now + SWEEP_IDLE;
  if (!w->draining && atomic_load_explicit (&w->all->draining, memory_order_relaxed))
    drain_begin (w);
  sweep (w);
  dead_free (w);
}

/* Closes everything; requests that wait get a moment, then are given up. */
static void
loop_end (struct worker *w)
{
  int64_t until = w->now + STOP_WAIT;
  struct conn *next;
  for (int i = 0; i < 2; i++)
    for (struct conn *c = i ? w->idle.first : w->busy.first; c; c = next) {
      next = c->next;
      conn_close (c);
    }
  while (w->busy.first && w->now < until)
    loop_turn (w);
  for (struct conn *c = w->busy.first; c; c = next) {
    next = c->next;
    if (c->state == CONN_WAIT && ticket_end (c->req))
      conn_continue (c, (int) phase_abort (c->req, -ETIMEDOUT));
  }
  w->nevents = w->next_event = 0;
  news_handle (w); /* what was posted last: streams are freed by it */
  dead_free (w);
  if (w->busy.first)
    log_write (KG_LOG_WARN, "core", "worker %u ends with requests that their plugins still hold",
               w->index);
}

static void *
worker_main (void *arg)
{
  struct worker *w = arg;
  char name[16];
  snprintf (name, sizeof name, "kgent-w%u", w->index % 1000);
  pthread_setname_np (pthread_self (), name);
  blame_thread ();
  token = 2 * w->generation + 1;
  clocks_read (w);
  news_handle (w);
  while (!atomic_load_explicit (&w->all->stopping, memory_order_acquire))
    loop_turn (w);
  loop_end (w);
  if (w->host->store)
    store_worker_idle (w->host->store, w->index);
  atomic_store (&w->ended, 1);
  return NULL;
}

/* ---- Life --------------------------------------------------------------- */

static void
worker_rules (struct worker *w)
{
  const struct http_settings *s = &w->host->settings.http;
  w->limits.line_max = (uint32_t) s->line_max;
  w->limits.header_max = (uint32_t) s->header_max;
  w->limits.fields_max = (uint32_t) s->headers_max;
  w->rules.allow_chunked = s->allow_chunked;
}

int32_t
worker_init (struct worker *w, struct workers *all, uint32_t index)
{
  struct epoll_event e = { .events = EPOLLIN };
  int32_t rc;
  w->all = all;
  w->host = all->host;
  w->index = index;
  w->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  w->wake_fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  w->spare_fd = -1;
  if (w->epoll_fd < 0 || w->wake_fd < 0 || epoll_ctl (w->epoll_fd, EPOLL_CTL_ADD, w->wake_fd, &e) < 0)
    return -errno;
  rc = accept_listen (w);
  if (rc < 0)
    return rc;
  w->in = malloc (WORKER_IN);
  w->out = malloc (WORKER_OUT);
  if (!w->in || !w->out)
    return -ENOMEM;
  trace_seed (&w->rng);
  worker_rules (w);
  w->date_second = -1;
  atomic_store (&w->turned, clock_mono ()); /* alive until it should have turned */
  return 0;
}

void
worker_finish (struct worker *w)
{
  void *slab;
  while (w->slabs) {
    slab = w->slabs;
    memcpy (&w->slabs, slab, sizeof w->slabs);
    free (slab);
  }
  tickets_finish (w);
  if (w->epoll_fd > 0)
    close (w->epoll_fd);
  if (w->wake_fd > 0)
    close (w->wake_fd);
  if (w->spare_fd > 0)
    close (w->spare_fd);
  free (w->in);
  free (w->out);
}

/* Threads take no signals: those are the main thread's. */
int32_t
worker_thread (struct worker *w)
{
  sigset_t all, old;
  int rc;
  blame_mask (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  rc = pthread_create (&w->thread, NULL, worker_main, w);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  return -rc;
}
