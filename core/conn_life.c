/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A connection's memory, and whose it is. */
#include "core/conn_turn.h"

#include "core/inner.h"
#include "core/request.h"
#include "core/worker_loop.h"

#include <stdlib.h>

struct conn *
conn_create (struct worker *w, int fd, const struct client_addr *addr,
             const struct listener *from)
{
  struct conn *c = calloc (1, sizeof *c);
  if (!c)
    return NULL;
  c->magic = CONN_MAGIC;
  c->fd = fd;
  c->worker = w;
  c->admin = from->admin || from->local;
  c->local = (uint8_t) from->local;
  c->has_addr = addr != NULL;
  if (addr)
    c->addr = *addr;
  conn_state_set (c, CONN_HEAD);
  conn_settle (c);
  return c;
}

void
conn_free (struct conn *c)
{
  if (c->inner) {
    inner_free ((struct inner *) c);
    return;
  }
  free (c->in);
  free (c->out);
  c->magic = 0;
  free (c);
}

/* The address of the connection's other end. */
static kg_str
conn_peer (struct conn *c)
{
  if (!c->addr_len)
    c->addr_len = (uint8_t) client_text (&c->addr, c->addr_text);
  return (kg_str){ c->addr_text, c->addr_len };
}

kg_str
conn_client (const struct conn *c, const kg_req *creq)
{
  struct kg_req *req = (struct kg_req *) (uintptr_t) creq;
  struct client_addr a;
  kg_str s = { "local", 5 };
  char *text;
  if (c->inner)
    return (kg_str){ "inner", 5 };
  if (!c->has_addr)
    return s;
  client_resolve (&c->worker->all->trust, &c->addr, request_field (req, FIELD_FORWARDED_FOR), &a);
  if (!memcmp (&a, &c->addr, sizeof a))
    return conn_peer ((struct conn *) (uintptr_t) c);
  text = arena_alloc (&req->arena, CLIENT_TEXT);
  if (!text)
    return s;
  s.len = client_text (&a, text);
  s.ptr = text;
  return s;
}
