/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The inside of a worker: what the files of the event loop share.
 *
 * Everything here belongs to one thread, but for what says otherwise. */
#ifndef CORE_WORKER_LOOP_H
#define CORE_WORKER_LOOP_H

#include "core/client.h"
#include "core/conn.h"
#include "core/gate.h"
#include "core/head.h"
#include "core/host.h"
#include "core/trace.h"
#include "core/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#define WORKER_IN  (136u * 1024) /* bytes read ahead of the parser: any head that may be allowed */
#define WORKER_OUT (64u * 1024) /* bytes of replies gathered before a send */
#define WORKER_EVENTS 256       /* of the kernel, taken at once */
#define WORKER_LISTENER 1u      /* tag in epoll's pointer: a listener, not a connection */

/* Something posted to a worker from any thread, handled in its loop. */
struct post {
  struct post *next;
  void (*handle) (struct post *post);
};

struct conn_list {
  struct conn *first, *last;
};

struct worker {
  struct workers *all;
  struct host *host;
  uint32_t index;
  int epoll_fd, wake_fd, spare_fd;
  int64_t muted_until;        /* ns; 0: it listens */
  pthread_t thread;

  int64_t now, wall;          /* ns, of this turn of the loop */
  int64_t swept;              /* when the connections were last looked over */
  int64_t date_second;        /* of `date` */
  char date[32];
  struct trace_rng rng;
  struct head_limits limits;
  struct gate_rules rules;

  struct conn_list idle;      /* waiting for a request, longest idle first */
  struct conn_list busy;      /* everything else */
  struct conn_list ready;     /* to be continued in the next turn (also in busy) */
  struct conn *dead;          /* freed when the turn is over */
  void *slabs;                /* free request slabs, linked by their first word */
  uint32_t nslabs;

  struct ticket *tickets, *tickets_last; /* free slots, the longest free first */
  struct ticket_slab *ticket_slabs;
  _Atomic (struct ticket *) tickets_back; /* given back by other threads */

  /* What this turn has still to handle; a new thread goes on with it. */
  struct epoll_event events[WORKER_EVENTS];
  int nevents, next_event;
  struct post *posts;

  struct head head;           /* of the request being parsed */
  char *in;                   /* WORKER_IN bytes: input of the connection in turn */
  size_t in_len, in_pos;
  char *out;                  /* WORKER_OUT bytes: its replies */
  size_t out_len;

  int64_t refusal_logged;     /* ns */
  uint32_t refusals_silent;   /* refusals since then */
  int64_t failure_logged;     /* ns */
  uint32_t failures_silent;   /* failures of hooks since then */
  int32_t draining;           /* `all->draining` as this loop has seen it */
  int64_t drain_since;
  _Atomic (struct post *) inbox;
  _Atomic int64_t turned;     /* ns, when the loop last turned */
  int64_t seen;               /* the watchdog's: `turned` as it saw it last */
  _Atomic uint32_t still;     /* its looks since then that saw no turn */
  _Atomic uint32_t busy_count;
  _Atomic uint32_t in_hook;   /* while a plugin's code runs: the thread's token; else 0 */
  struct kg_self *hook_self;  /* whose, and for which request; valid while in_hook */
  struct kg_req *hook_req;
  _Atomic int32_t ended;      /* its thread does nothing more */
  uint32_t generation;        /* of the thread that owns the worker */
  int32_t warned;             /* the watchdog's: the log knows about it */
};

struct workers {
  struct host *host;
  struct worker *list;
  uint32_t count, started, nlisteners;
  struct listener *listeners;
  struct client_trust trust;
  _Atomic uint32_t connections, admin_connections; /* all; those of the operators */
  _Atomic uint32_t quiet;     /* loops that accept no more */
  _Atomic int32_t draining, stopping;
  pthread_t watchdog;
  int32_t watched;            /* the watchdog runs */
  int watch_fd;               /* wakes it for its end */
  _Atomic uint32_t stuck;
  _Atomic int64_t accept_log; /* ns, when the last complaint was logged */
};

/* Hands a post to its worker; wakes it when nothing waited.  [any] */
/* One WARN line for a refused request, at most one a second and worker. */
void worker_log_refusal (struct conn *c, int32_t status, const char *why, const char *id);

void worker_post (struct worker *w, struct post *post);

/* Makes worker `index` of them, which holds what it has even on failure; and frees
 * it.  No thread of it may run. */
int32_t worker_init (struct worker *w, struct workers *all, uint32_t index);
void worker_finish (struct worker *w);

/* Starts a thread that goes on with the worker. */
int32_t worker_thread (struct worker *w);

/* Around each call of a plugin's code.  worker_leave does not return when the watchdog has taken
 * the worker over in the meantime: then the thread ends. */
void worker_enter (struct worker *w, struct kg_self *self, struct kg_req *req);
void worker_leave (struct worker *w);

/* A request slab, NULL without memory; and back. */
void *worker_slab_get (struct worker *w);
void worker_slab_put (struct worker *w, void *slab);

/* The HTTP date of this second, CLOCK_HTTP_LEN bytes. */
const char *worker_date (struct worker *w);

static inline int64_t
worker_now (const struct worker *w)
{
  return w->now;
}

static inline int64_t
worker_wall (const struct worker *w)
{
  return w->wall;
}

static inline struct trace_rng *
worker_rng (struct worker *w)
{
  return &w->rng;
}

static inline uint32_t
worker_index (const struct worker *w)
{
  return w->index;
}

#endif
