/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/ticket.h"

#include "core/conn.h"
#include "core/phase.h"
#include "core/worker_loop.h"

#include <stdlib.h>

enum { ARMED, RESUMED, ENDED };

#define TICKET_MAGIC 0x7469636bu

struct kg_ticket {
  struct post post; /* first: the worker gets it back from the post */
  uint32_t magic;
  _Atomic int state;
  struct kg_req *req;
  struct worker *worker;
  void (*gone) (void *arg);
  void *gone_arg;
  kg_fn *then;
  void *arg;
};

/* On the worker: the continuation of a resumed ticket. */
static void
ticket_handle (struct post *post)
{
  struct kg_ticket *t = (struct kg_ticket *) post;
  struct kg_req *req = t->req;
  kg_fn *then = t->then;
  void *arg = t->arg;
  req->ticket = NULL;
  t->magic = 0;
  free (t);
  conn_continue (req->conn, (int) phase_resume (req, then, arg));
}

kg_ticket *
ticket_suspend (kg_req *req, void (*gone) (void *arg), void *arg)
{
  struct kg_ticket *t;
  if (req->ticket)
    return NULL;
  t = malloc (sizeof *t);
  if (!t)
    return NULL;
  t->post.handle = ticket_handle;
  t->magic = TICKET_MAGIC;
  atomic_init (&t->state, ARMED);
  t->req = req;
  t->worker = req->worker;
  t->gone = gone;
  t->gone_arg = arg;
  return req->ticket = t;
}

void
ticket_resume (kg_ticket *t, kg_fn *then, void *arg, void (*drop) (void *arg))
{
  if (t->magic != TICKET_MAGIC)
    abort ();
  t->then = then;
  t->arg = arg;
  if (atomic_exchange (&t->state, RESUMED) == ARMED) {
    worker_post (t->worker, &t->post);
    return;
  }
  t->magic = 0;
  free (t);
  if (drop)
    drop (arg);
}

int
ticket_end (kg_req *req)
{
  struct kg_ticket *t = req->ticket;
  void (*gone) (void *arg);
  void *arg;
  if (!t)
    return 1;
  gone = t->gone;
  arg = t->gone_arg;
  /* Behind the exchange the ticket belongs to its holder. */
  if (atomic_exchange (&t->state, ENDED) == RESUMED) {
    atomic_store (&t->state, RESUMED);
    return 0;
  }
  req->ticket = NULL;
  if (gone)
    gone (arg);
  return 1;
}
