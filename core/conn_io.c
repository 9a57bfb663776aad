/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/conn_io.h"

#include "core/inner.h"
#include "core/worker_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void
conn_load (struct conn *c)
{
  struct worker *w = c->worker;
  w->in_pos = 0;
  w->in_len = c->in_len;
  w->out_len = 0;
  if (!c->in)
    return;
  memcpy (w->in, c->in, c->in_len);
  free (c->in);
  c->in = NULL;
  c->in_len = 0;
}

int
conn_keep (struct conn *c)
{
  struct worker *w = c->worker;
  size_t left = w->in_len - w->in_pos;
  if (!left || c->state == CONN_CLOSED || c->state == CONN_LINGER)
    return 0;
  c->in = malloc (left);
  if (!c->in)
    return -ENOMEM;
  memcpy (c->in, w->in + w->in_pos, left);
  c->in_len = (uint32_t) left;
  return 0;
}

const char *
conn_input (const struct conn *c, size_t *ret_len)
{
  *ret_len = c->worker->in_len - c->worker->in_pos;
  return c->worker->in + c->worker->in_pos;
}

void
conn_use (struct conn *c, size_t n)
{
  struct worker *w = c->worker;
  w->in_pos += n;
  if (w->in_pos == w->in_len)
    w->in_pos = w->in_len = 0;
}

int
conn_read (struct conn *c, char *p, size_t n)
{
  for (;;) {
    ssize_t got = recv (c->fd, p, n, 0);
    if (got > 0) {
      /* Edge-triggered: a short read emptied the socket, unless its end is already known. */
      if ((size_t) got < n && !c->half)
        c->readable = 0;
      return (int) got;
    }
    if (got < 0 && errno == EINTR)
      continue;
    c->readable = 0;
    return got < 0 ? -errno : 0;
  }
}

int
conn_fill (struct conn *c)
{
  struct worker *w = c->worker;
  int n;
  if (w->in_pos) {
    memmove (w->in, w->in + w->in_pos, w->in_len - w->in_pos);
    w->in_len -= w->in_pos;
    w->in_pos = 0;
  }
  if (w->in_len == WORKER_IN)
    return -EMSGSIZE;
  n = conn_read (c, w->in + w->in_len, WORKER_IN - w->in_len);
  if (n > 0)
    w->in_len += (size_t) n;
  return n;
}

/* ---- Output ------------------------------------------------------------- */

/* Keeps what the kernel did not take. */
static void
out_keep (struct conn *c, const char *p, size_t n)
{
  size_t left = c->out_len - c->out_pos;
  char *q;
  if (!n)
    return;
  q = malloc (left + n);
  if (!q) {
    c->hung = 1; /* an answer that cannot be kept cannot be finished */
    return;
  }
  if (left)
    memcpy (q, c->out + c->out_pos, left);
  else
    c->progress = c->worker->now;
  memcpy (q + left, p, n);
  free (c->out);
  c->out = q;
  c->out_pos = 0;
  c->out_len = left + n;
}

/* Sends as much as the kernel takes; returns how much. */
static size_t
out_send (struct conn *c, const char *p, size_t n, int more)
{
  size_t sent = 0;
  while (sent < n && !c->hung && c->fd >= 0) {
    ssize_t k = send (c->fd, p + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
    if (k > 0)
      sent += (size_t) k;
    else if (errno == EAGAIN)
      break;
    else if (errno != EINTR)
      c->hung = 1;
  }
  if (sent)
    c->progress = c->worker->now;
  return c->hung ? n : sent;
}

/* Sends what is gathered in the worker's buffer. */
static void
out_gathered (struct conn *c, int more)
{
  struct worker *w = c->worker;
  size_t sent;
  if (!w->out_len)
    return;
  sent = c->out ? 0 : out_send (c, w->out, w->out_len, more);
  out_keep (c, w->out + sent, w->out_len - sent);
  w->out_len = 0;
}

void
conn_put (struct conn *c, const void *data, size_t len)
{
  struct worker *w = c->worker;
  if (c->hung || c->fd < 0 || !len) {
    if (c->inner)
      inner_take (c, data, len);
    return;
  }
  if (w->out_len + len > WORKER_OUT)
    out_gathered (c, 1);
  if (len > WORKER_OUT / 4) {
    size_t sent;
    out_gathered (c, 1);
    sent = c->out ? 0 : out_send (c, data, len, 0);
    out_keep (c, (const char *) data + sent, len - sent);
    return;
  }
  memcpy (w->out + w->out_len, data, len);
  w->out_len += len;
}

int
conn_flush (struct conn *c)
{
  if (c->fd < 0 || c->hung)
    return c->inner ? 0 : -EPIPE;
  if (c->out) {
    c->out_pos += out_send (c, c->out + c->out_pos, c->out_len - c->out_pos, 0);
    if (c->out_pos >= c->out_len) {
      free (c->out);
      c->out = NULL;
      c->out_len = c->out_pos = 0;
    }
  }
  out_gathered (c, 0);
  if (c->hung)
    return -EPIPE;
  return c->out != NULL;
}

void
conn_hang_up (struct conn *c)
{
  if (c->fd < 0)
    return;
  /* A process that is being started has a copy until its program runs; closed here alone, the
   * descriptor would stay in the set, and tell of a connection that was freed. */
  epoll_ctl (c->worker->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
  close (c->fd);
  c->fd = -1;
  if (c->admin)
    atomic_fetch_sub_explicit (&c->worker->all->admin_connections, 1, memory_order_relaxed);
  atomic_fetch_sub_explicit (&c->worker->all->connections, 1, memory_order_relaxed);
}
