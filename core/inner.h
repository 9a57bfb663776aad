/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Inner requests (kg.calls/1): of plugins, without a connection.
 *
 * One is a connection without a descriptor that carries a single request: so it has a worker's
 * lists, sweep and turns, tickets and streams find it, and what differs lies on the ways of a
 * peer that is gone, which the hot path does not take. */
#ifndef CORE_INNER_H
#define CORE_INNER_H

#include "core/conn.h"
#include "core/util/arena.h"
#include "core/worker_loop.h"

#include <kgent/calls.h>

#include <pthread.h>
#include <stdatomic.h>

#define INNER_MAX    1024u        /* under way at once */
#define INNER_STREAM (1024u * 1024) /* bytes of a streamed body, where nothing is said */

struct inners;

struct inner {
  struct conn conn;          /* first: whoever has it has us */
  struct post post;          /* to its worker */
  struct inners *all;
  struct inner *prev, *next; /* of those under way; `all->lock` */
  int32_t told;              /* 1: `done` is, or was called; the same */
  int32_t error;             /* why there is no whole answer, or 0 */
  struct arena arena;        /* of all that was copied */
  kg_self *self;             /* who asks */
  void (*done) (const struct kg_inner_reply *reply, void *arg);
  void *arg;
  kg_str head, body;         /* the head as a client would have written it */
  const struct kg_identity *identity;
  int64_t begun, deadline;   /* ns, monotonic; 0: none */
  uint64_t stream_max;
  char *text;                /* of a stream, what came so far; in the request's arena */
  size_t text_len, text_cap;
};

/* The requests of a host. */
struct inners {
  _Atomic (struct workers *) workers; /* NULL: the host does not serve yet */
  _Atomic uint32_t waiting;  /* whose `done` was not called */
  pthread_mutex_t lock;      /* guards what follows */
  struct inner *first;
  uint32_t count, turn;      /* in the list; where the search for a worker begins */
  int32_t closed;
};

/* ---- For the host -------------------------------------------------------- */

int32_t inners_create (struct inners **ret);

/* From now on requests are taken; from now on, none any more. */
void inners_serve (struct inners *all, struct workers *workers);
void inners_close (struct inners *all);

/* [main] The workers have ended: tells whoever waits still. */
void inners_stop (struct inners *all);

/* Accepts NULL. */
void inners_destroy (struct inners *all);

/* [any] How many have got no answer yet. */
uint32_t inners_waiting (const struct inners *all);

/* kg.calls/1; finds the requests by self->host->inners. */
extern const struct kg_calls inners_service;

/* ---- For connections that are one; all [worker] but for inner_lost ----------- */

/* The body, which is there from the beginning. */
kg_str inner_body (const struct conn *c);

/* The request is over: LOG, and the answer.  It still has to be freed. */
void inner_respond (struct conn *c);

/* Takes a piece of a streamed body. */
void inner_take (struct conn *c, const void *data, size_t len);

/* Looks at the deadlines. */
void inner_sweep (struct conn *c, int64_t now);

/* [watchdog] A plugin's code has blocked for too long: the request is given up. */
void inner_lost (struct conn *c);

void inner_free (struct inner *in);

/* ---- Between its two files ------------------------------------------------- */

/* [worker] Begins the request of a post. */
void inner_begin (struct post *post);

/* [any] Whether `done` is to be called: to the first who asks. */
int inner_claim (struct inner *in);

/* [any] Takes it out of the list. */
void inner_leave (struct inner *in);

#endif
