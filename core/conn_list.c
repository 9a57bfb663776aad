/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/conn_turn.h"

#include "core/conn_io.h"
#include "core/worker_loop.h"

/* ---- Lists -------------------------------------------------------------- */

static void
list_remove (struct conn_list *l, struct conn *c)
{
  if (c->prev)
    c->prev->next = c->next;
  else
    l->first = c->next;
  if (c->next)
    c->next->prev = c->prev;
  else
    l->last = c->prev;
  c->prev = c->next = NULL;
}

static void
list_append (struct conn_list *l, struct conn *c)
{
  c->prev = l->last;
  c->next = NULL;
  if (l->last)
    l->last->next = c;
  else
    l->first = c;
  l->last = c;
}

static struct conn_list *
list_of (struct conn *c)
{
  return c->listed == 1 ? &c->worker->idle : &c->worker->busy;
}

/* Puts the connection where its state belongs. */
void
conn_settle (struct conn *c)
{
  uint8_t want = c->state == CONN_HEAD && !c->in && !c->out ? 1 : 2;
  if (c->state == CONN_CLOSED || (want == 2 && c->listed == 2))
    return;
  if (c->listed)
    list_remove (list_of (c), c);
  c->listed = want;
  list_append (list_of (c), c);
}

void
conn_later (struct conn *c)
{
  struct conn_list *l = &c->worker->ready;
  if (c->is_ready)
    return;
  c->is_ready = 1;
  c->ready_prev = l->last;
  c->ready_next = NULL;
  if (l->last)
    l->last->ready_next = c;
  else
    l->first = c;
  l->last = c;
}

void
conn_not_later (struct conn *c)
{
  struct conn_list *l = &c->worker->ready;
  if (!c->is_ready)
    return;
  c->is_ready = 0;
  if (c->ready_prev)
    c->ready_prev->ready_next = c->ready_next;
  else
    l->first = c->ready_next;
  if (c->ready_next)
    c->ready_next->ready_prev = c->ready_prev;
  else
    l->last = c->ready_prev;
}

void
conn_abandon (struct conn *c)
{
  if (c->state == CONN_CLOSED)
    return;
  c->state = CONN_CLOSED;
  conn_hang_up (c);
  conn_not_later (c);
  if (c->listed)
    list_remove (list_of (c), c);
  c->listed = 0;
}

void
conn_bury (struct conn *c)
{
  if (c->state == CONN_CLOSED)
    return;
  conn_abandon (c);
  c->next = c->worker->dead;
  c->worker->dead = c;
}
