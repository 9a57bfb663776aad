/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin may hold its handle for ever, and use it twice.  So tickets live in slots that are
 * never given back to the allocator, the handle's low bits carry the slot's generation, and free
 * slots wait in a queue: a handle that was used up is recognised as such, and costs a line in the
 * log instead of somebody else's request. */
#include "core/ticket.h"

#include "core/blame.h"
#include "core/conn.h"
#include "core/log.h"
#include "core/phase.h"
#include "core/worker_loop.h"

#include <stdlib.h>

enum { FREE, ARMED, CLAIMED, ENDED };

#define STATE(word)      ((word) & 3u)
#define GENERATION(word) ((word) >> 2)
#define WORD(generation, state) ((generation) << 2 | (state))

#define ALIGN 64u /* of a slot, so that its handles have 6 bits for the generation */
#define SLAB  64u /* slots made at once */

/* A slot. */
struct ticket {
  struct post post;      /* first: the worker gets it back from the post */
  _Atomic uint32_t word; /* generation and state */
  struct kg_req *req;
  struct worker *worker;
  void (*gone) (void *arg);
  void *gone_arg;
  const struct kg_self *self; /* who suspended: `gone` is its code */
  kg_fn *then;           /* these two are the claimer's, then the worker's */
  void *arg;
  struct ticket *next;   /* while free */
} __attribute__ ((aligned (ALIGN)));

struct ticket_slab {
  struct ticket slot[SLAB];
  struct ticket_slab *next;
};

static kg_ticket *
handle_of (struct ticket *t, uint32_t generation)
{
  return (kg_ticket *) ((uintptr_t) t | (generation & (ALIGN - 1)));
}

static struct ticket *
slot_of (const kg_ticket *handle, uint32_t *ret_tag)
{
  *ret_tag = (uint32_t) ((uintptr_t) handle & (ALIGN - 1));
  return (struct ticket *) ((uintptr_t) handle & ~(uintptr_t) (ALIGN - 1));
}

/* ---- Slots -------------------------------------------------------------- */

static void
queue_put (struct worker *w, struct ticket *t)
{
  t->next = NULL;
  if (w->tickets_last)
    w->tickets_last->next = t;
  else
    w->tickets = t;
  w->tickets_last = t;
}

static void
slab_make (struct worker *w)
{
  struct ticket_slab *s = aligned_alloc (ALIGN, sizeof *s);
  if (!s)
    return;
  s->next = w->ticket_slabs;
  w->ticket_slabs = s;
  for (uint32_t i = 0; i < SLAB; i++) {
    atomic_init (&s->slot[i].word, WORD (0u, FREE));
    s->slot[i].worker = w;
    queue_put (w, &s->slot[i]);
  }
}

static struct ticket *
slot_take (struct worker *w)
{
  struct ticket *t, *next;
  if (!w->tickets) /* what other threads gave back */
    for (t = atomic_exchange_explicit (&w->tickets_back, NULL, memory_order_acquire); t; t = next) {
      next = t->next;
      queue_put (w, t);
    }
  if (!w->tickets)
    slab_make (w);
  t = w->tickets;
  if (!t)
    return NULL;
  w->tickets = t->next;
  if (!t->next)
    w->tickets_last = NULL;
  return t;
}

/* [any] A slot whose ticket had ended is given back by its late user. */
static void
slot_give_back (struct ticket *t)
{
  struct worker *w = t->worker;
  struct ticket *head = atomic_load_explicit (&w->tickets_back, memory_order_relaxed);
  do
    t->next = head;
  while (!atomic_compare_exchange_weak_explicit (&w->tickets_back, &head, t, memory_order_release,
                                                 memory_order_relaxed));
}

void
tickets_finish (struct worker *w)
{
  struct ticket_slab *next;
  for (; w->ticket_slabs; w->ticket_slabs = next) {
    next = w->ticket_slabs->next;
    free (w->ticket_slabs);
  }
}

/* ---- Tickets ------------------------------------------------------------ */

/* On the worker: the continuation of a resumed ticket. */
static void
ticket_handle (struct post *post)
{
  struct ticket *t = (struct ticket *) post;
  struct kg_req *req = t->req;
  kg_fn *then = t->then;
  void *arg = t->arg;
  uint32_t word = atomic_load_explicit (&t->word, memory_order_relaxed);
  req->ticket = NULL;
  atomic_store_explicit (&t->word, WORD (GENERATION (word) + 1, FREE), memory_order_relaxed);
  queue_put (t->worker, t);
  conn_continue (req->conn, (int) phase_resume (req, then, arg));
}

kg_ticket *
ticket_suspend (kg_req *req, void (*gone) (void *arg), void *arg)
{
  struct ticket *t = req->ticket ? NULL : slot_take (req->worker);
  uint32_t generation;
  if (!t)
    return NULL;
  generation = GENERATION (atomic_load_explicit (&t->word, memory_order_relaxed));
  t->post.handle = ticket_handle;
  t->req = req;
  t->self = blame_now.self;
  t->gone = gone;
  t->gone_arg = arg;
  atomic_store_explicit (&t->word, WORD (generation, ARMED), memory_order_release);
  return req->ticket = handle_of (t, generation);
}

void
ticket_resume (kg_ticket *handle, kg_fn *then, void *arg, void (*drop) (void *arg))
{
  uint32_t tag, word;
  struct ticket *t = slot_of (handle, &tag);
  word = atomic_load_explicit (&t->word, memory_order_acquire);
  for (;;) {
    uint32_t g = GENERATION (word), state = STATE (word);
    if ((g & (ALIGN - 1)) != tag || state == FREE || state == CLAIMED) {
      log_write (KG_LOG_WARN, "core", "a plugin used a ticket twice; the second time is ignored");
      return;
    }
    if (atomic_compare_exchange_weak (&t->word, &word,
                                      state == ARMED ? WORD (g, CLAIMED) : WORD (g + 1, FREE))) {
      if (state == ARMED)
        break;
      slot_give_back (t);
      if (drop)
        drop (arg);
      return;
    }
  }
  t->then = then;
  t->arg = arg;
  worker_post (t->worker, &t->post);
}

/* As a hook of the request: it may ask about it.  Who ends the ticket may run another's. */
static void
gone_call (const kg_req *req, const struct kg_self *self, void (*gone) (void *arg), void *arg)
{
  struct blame before = blame_now;
  blame_set (self, "the end of a wait", req->id);
  gone (arg);
  blame_set (before.self, before.doing, before.request);
}

int
ticket_end (kg_req *req)
{
  uint32_t tag, word;
  struct ticket *t;
  const struct kg_self *self;
  void (*gone) (void *arg);
  void *arg;
  if (!req->ticket)
    return 1;
  t = slot_of (req->ticket, &tag);
  self = t->self;
  gone = t->gone;
  arg = t->gone_arg;
  word = atomic_load_explicit (&t->word, memory_order_relaxed);
  /* Behind the exchange the slot belongs to the handle's holder. */
  if (STATE (word) != ARMED
      || !atomic_compare_exchange_strong (&t->word, &word, WORD (GENERATION (word), ENDED)))
    return 0;
  req->ticket = NULL;
  if (gone)
    gone_call (req, self, gone, arg);
  return 1;
}
