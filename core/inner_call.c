/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.calls/1: inner requests from the caller to a worker, and those under way.
 *
 * What the caller says is written down as a client would have sent it, and read by the same
 * parser and gate: so nothing gets in here that could not come from outside. */
#include "core/inner.h"

#include "core/catalog.h"
#include "core/request.h"
#include "core/tags.h"
#include "core/util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST  2048u /* bytes of the arena's first block: most requests need no other */
#define NUMBER 21u   /* characters of a length */

/* ---- What the caller says ------------------------------------------------- */

/* Whether a text stays in its line.  The parser judges all else. */
static int
line_ok (const char *s)
{
  return s && !strpbrk (s, "\r\n");
}

/* A copy with the members that we know, zero-filled; 0 or -EINVAL. */
static int32_t
request_read (const struct kg_inner *from, struct kg_inner *ret)
{
  const char *const *h;
  memset (ret, 0, sizeof *ret);
  if (from->size < offsetof (struct kg_inner, identity) + sizeof from->identity)
    return -EINVAL;
  memcpy (ret, from, from->size < sizeof *ret ? from->size : sizeof *ret);
  if (!line_ok (ret->method) || !line_ok (ret->target) || *ret->target != '/'
      || (ret->content_type && !line_ok (ret->content_type))
      || (ret->body.len && !ret->body.ptr) || ret->flags & ~KG_INNER_BACKGROUND
      || !ret->identity || ret->identity->size < IDENTITY_LEAST)
    return -EINVAL;
  for (h = ret->headers; h && *h; h++)
    if (!line_ok (*h))
      return -EINVAL;
  return 0;
}

/* ---- The head ------------------------------------------------------------- */

static size_t
head_size (const struct kg_inner *r)
{
  static const char fixed[] = "  HTTP/1.1\r\nHost: inner\r\nContent-Type: \r\n"
                              "Content-Length: \r\n\r\n";
  size_t n = sizeof fixed + NUMBER + strlen (r->method) + strlen (r->target);
  if (r->content_type)
    n += strlen (r->content_type);
  for (const char *const *h = r->headers; h && *h; h++)
    n += strlen (*h) + 2;
  return n;
}

static char *
put (char *p, const char *before, const char *s, const char *behind)
{
  return stpcpy (stpcpy (stpcpy (p, before), s), behind);
}

/* 0, -ENOMEM. */
static int32_t
head_write (struct inner *in, const struct kg_inner *r)
{
  char *from = arena_alloc (&in->arena, head_size (r)), *p = from, length[NUMBER];
  if (!from)
    return -ENOMEM;
  p = put (p, "", r->method, " ");
  p = put (p, r->target, " HTTP/1.1\r\n", "Host: inner\r\n");
  if (r->content_type)
    p = put (p, "Content-Type: ", r->content_type, "\r\n");
  if (r->body.ptr) {
    snprintf (length, sizeof length, "%zu", r->body.len);
    p = put (p, "Content-Length: ", length, "\r\n");
  }
  for (const char *const *h = r->headers; h && *h; h++)
    p = put (p, "", *h, "\r\n");
  p = stpcpy (p, "\r\n");
  in->head = (kg_str){ from, (size_t) (p - from) };
  return 0;
}

/* Whether a client could have sent it: 0 or -EINVAL.  All workers have the same rules. */
static int32_t
head_check (const struct inner *in, const struct worker *w)
{
  struct head head;
  struct gate gate;
  const char *why = "";
  if (head_parse (in->head.ptr, in->head.len, &w->limits, &head, &why) != (int32_t) in->head.len)
    return -EINVAL;
  gate_check (&head, &w->rules, &gate);
  return gate.status || gate.chunked || gate.expect || gate.length != in->body.len ? -EINVAL : 0;
}

/* ---- Making --------------------------------------------------------------- */

static void
conn_mark (struct conn *c)
{
  c->magic = CONN_MAGIC;
  c->fd = -1;
  c->inner = 1;
  c->state = CONN_WAIT;
}

/* All but what the caller is told by. */
static int32_t
parts_copy (struct inner *in, const struct kg_inner *r)
{
  if (r->body.ptr) {
    in->body.ptr = arena_copy (&in->arena, r->body.ptr, r->body.len);
    in->body.len = r->body.len;
    if (!in->body.ptr)
      return -ENOMEM;
  }
  in->identity = identity_copy (&in->arena, r->identity);
  return in->identity ? head_write (in, r) : -ENOMEM;
}

static struct inner *
inner_make (const struct kg_inner *r)
{
  size_t size = (sizeof (struct inner) + ARENA_ALIGN - 1) & ~(size_t) (ARENA_ALIGN - 1);
  struct inner *in = malloc (size + FIRST);
  if (!in)
    return NULL;
  memset (in, 0, sizeof *in);
  conn_mark (&in->conn);
  arena_init (&in->arena, (char *) in + size, FIRST);
  in->post.handle = inner_begin;
  in->begun = clock_mono ();
  in->deadline = r->deadline_ms ? in->begun + r->deadline_ms * CLOCK_MS : 0;
  in->stream_max = r->stream_max ? r->stream_max : INNER_STREAM;
  if (parts_copy (in, r) == 0)
    return in;
  inner_free (in);
  return NULL;
}

/* ---- Those under way ------------------------------------------------------ */

/* The worker that has least to do; one whose loop stands still comes last.  They take turns, as
 * a load is only as of now. */
static struct worker *
worker_choose (struct inners *all)
{
  struct workers *ws = atomic_load_explicit (&all->workers, memory_order_relaxed);
  uint32_t least = UINT32_MAX;
  struct worker *best = NULL;
  all->turn++;
  for (uint32_t i = 0; i < ws->count; i++) {
    struct worker *w = &ws->list[(all->turn + i) % ws->count];
    uint32_t load = atomic_load_explicit (&w->busy_count, memory_order_relaxed);
    if (atomic_load_explicit (&w->still, memory_order_relaxed) > 1)
      load += 1u << 24;
    if (load < least) {
      least = load;
      best = w;
    }
  }
  return best;
}

static void
enter (struct inners *all, struct inner *in)
{
  in->all = all;
  in->next = all->first;
  if (all->first)
    all->first->prev = in;
  all->first = in;
  all->count++;
  atomic_fetch_add_explicit (&all->waiting, 1, memory_order_relaxed);
}

/* Gives it to a worker.  The lock is held: behind inners_close nothing is posted any more. */
static int32_t
admit_locked (struct inners *all, struct inner *in)
{
  struct worker *w;
  if (all->closed)
    return -ESHUTDOWN;
  if (all->count >= INNER_MAX)
    return -EAGAIN;
  w = in->conn.worker = worker_choose (all);
  enter (all, in);
  atomic_fetch_add_explicit (&w->busy_count, 1, memory_order_relaxed);
  worker_post (w, &in->post);
  return 0;
}

static int32_t
admit (struct inners *all, struct inner *in)
{
  int32_t rc;
  pthread_mutex_lock (&all->lock);
  rc = admit_locked (all, in);
  pthread_mutex_unlock (&all->lock);
  return rc;
}

int
inner_claim (struct inner *in)
{
  struct inners *all = in->all;
  int first;
  pthread_mutex_lock (&all->lock);
  first = !in->told;
  in->told = 1;
  pthread_mutex_unlock (&all->lock);
  if (first)
    atomic_fetch_sub_explicit (&all->waiting, 1, memory_order_relaxed);
  return first;
}

void
inner_leave (struct inner *in)
{
  struct inners *all = in->all;
  pthread_mutex_lock (&all->lock);
  if (in->prev)
    in->prev->next = in->next;
  else
    all->first = in->next;
  if (in->next)
    in->next->prev = in->prev;
  all->count--;
  pthread_mutex_unlock (&all->lock);
}

/* ---- The service ----------------------------------------------------------- */

static int32_t
service_call (kg_self *self, const struct kg_inner *request,
              void (*done) (const struct kg_inner_reply *reply, void *arg), void *arg)
{
  struct workers *workers;
  struct kg_inner r;
  struct inner *in;
  int32_t rc;
  TAG_ANY (self, "kg.calls/1 call");
  workers = atomic_load (&self->host->inners->workers);
  if (!done || request_read (request, &r) < 0)
    return -EINVAL;
  if (r.flags & KG_INNER_BACKGROUND && catalog_draining (self->host->catalog))
    return -ESHUTDOWN;
  if (!workers)
    return -EAGAIN;
  in = inner_make (&r);
  if (!in)
    return -ENOMEM;
  in->self = self;
  in->done = done;
  in->arg = arg;
  rc = head_check (in, workers->list);
  if (rc == 0)
    rc = admit (self->host->inners, in);
  if (rc < 0)
    inner_free (in);
  return rc;
}

const struct kg_calls inners_service = { .size = sizeof (struct kg_calls), .call = service_call };

/* ---- Life ------------------------------------------------------------------ */

int32_t
inners_create (struct inners **ret)
{
  struct inners *all = calloc (1, sizeof *all);
  if (!all)
    return -ENOMEM;
  pthread_mutex_init (&all->lock, NULL);
  *ret = all;
  return 0;
}

void
inners_serve (struct inners *all, struct workers *workers)
{
  atomic_store (&all->workers, workers);
}

void
inners_close (struct inners *all)
{
  pthread_mutex_lock (&all->lock);
  all->closed = 1;
  pthread_mutex_unlock (&all->lock);
}

/* What was begun belongs to a plugin that never ended it; the rest is ours alone. */
static void
inner_end (struct inner *in)
{
  static const struct kg_inner_reply over = { .size = sizeof over, .error = -ESHUTDOWN };
  if (inner_claim (in))
    in->done (&over, in->arg);
  inner_leave (in);
  if (!in->conn.req)
    inner_free (in);
}

void
inners_stop (struct inners *all)
{
  inners_close (all);
  while (all->first)
    inner_end (all->first);
}

void
inners_destroy (struct inners *all)
{
  if (!all)
    return;
  pthread_mutex_destroy (&all->lock);
  free (all);
}

uint32_t
inners_waiting (const struct inners *all)
{
  return atomic_load_explicit (&all->waiting, memory_order_relaxed);
}
