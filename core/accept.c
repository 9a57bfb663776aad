/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/accept.h"

#include "core/conn_turn.h"
#include "core/log.h"
#include "core/util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH     4   /* accepted in one turn, so that the other workers get their share */
#define ADMIN_MAX 256 /* connections of the admin listener, besides http.connections */
#define MUTE_TIME (500 * CLOCK_MS)

static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\n"
                           "Content-Type: application/problem+json\r\nContent-Length: 98\r\n"
                           "Retry-After: 1\r\nConnection: close\r\n\r\n"
                           "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\","
                           "\"status\":503,\"detail\":\"Too many connections.\"}";

/* Answers in one line and hangs up. */
static void
turn_away (int fd)
{
  char drop[4096];
  (void) !recv (fd, drop, sizeof drop, MSG_DONTWAIT); /* unread input would reset the answer */
  (void) !send (fd, busy, sizeof busy - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown (fd, SHUT_WR);
  close (fd);
}

/* Once a second at most, over all workers. */
static void
complain (struct worker *w, const char *what)
{
  int64_t last = atomic_load_explicit (&w->all->accept_log, memory_order_relaxed);
  if (w->now - last < CLOCK_SECOND)
    return;
  if (atomic_compare_exchange_strong (&w->all->accept_log, &last, w->now))
    log_write (KG_LOG_WARN, "core", "%s; new connections get 503", what);
}

int
accept_shed (struct worker *w)
{
  struct conn *c = w->idle.first;
  if (!c || w->now - c->since < CLOCK_SECOND)
    return 0;
  conn_close (c);
  return 1;
}

static void
spare_open (struct worker *w)
{
  if (w->spare_fd < 0)
    w->spare_fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
}

int32_t
accept_listen (struct worker *w)
{
  struct epoll_event e = { .events = EPOLLIN | EPOLLEXCLUSIVE };
  spare_open (w);
  w->muted_until = 0;
  for (uint32_t i = 0; i < w->all->nlisteners; i++) {
    e.data.ptr = (void *) ((uintptr_t) &w->all->listeners[i] | WORKER_LISTENER);
    if (epoll_ctl (w->epoll_fd, EPOLL_CTL_ADD, w->all->listeners[i].fd, &e) < 0
        && errno != EEXIST)
      return -errno;
  }
  return 0;
}

void
accept_ignore (struct worker *w)
{
  w->muted_until = 0;
  for (uint32_t i = 0; i < w->all->nlisteners; i++)
    epoll_ctl (w->epoll_fd, EPOLL_CTL_DEL, w->all->listeners[i].fd, NULL);
}

static void
accept_mute (struct worker *w)
{
  accept_ignore (w);
  w->muted_until = w->now + MUTE_TIME;
}

/* Descriptors ran out: the spare one is given up for a moment, to answer with.  Another thread may
 * take its place; then the listeners, which stay readable, must not keep the loop turning.  1 when
 * it is worth trying again. */
static int
accept_without (struct worker *w, int listen_fd)
{
  int fd;
  complain (w, "no file descriptors are left (raise LimitNOFILE or http.connections' ulimit)");
  if (accept_shed (w))
    return 1;
  if (w->spare_fd < 0) {
    accept_mute (w);
    return 0;
  }
  close (w->spare_fd);
  w->spare_fd = -1;
  fd = accept4 (listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0)
    turn_away (fd);
  spare_open (w);
  return fd >= 0;
}

static void
take (struct worker *w, int fd, const struct sockaddr *sa, const struct listener *from)
{
  struct client_addr addr;
  int has = client_from_sockaddr (sa, &addr), one = 1;
  struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
  struct conn *c;
  if (has)
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  c = conn_create (w, fd, has ? &addr : NULL, from);
  if (!c) {
    turn_away (fd);
    return;
  }
  atomic_fetch_add_explicit (&w->all->connections, 1, memory_order_relaxed);
  if (c->admin)
    atomic_fetch_add_explicit (&w->all->admin_connections, 1, memory_order_relaxed);
  e.data.ptr = c;
  if (epoll_ctl (w->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
    conn_bury (c);
}

/* Whether there is a place for one more connection; in public, the longest idle makes room. */
static int
has_place (struct worker *w, const struct listener *from)
{
  uint32_t admin = atomic_load_explicit (&w->all->admin_connections, memory_order_relaxed);
  uint32_t open = atomic_load_explicit (&w->all->connections, memory_order_relaxed) - admin;
  uint32_t most = (uint32_t) w->host->settings.http.connections;
  if (from->local)
    return 1;
  if (from->admin)
    return admin < ADMIN_MAX;
  if (open >= most - most / 20 && accept_shed (w))
    open--;
  return open < most;
}

/* One connection: 1, or 0 when none waits. */
static int
accept_one (struct worker *w, const struct listener *from)
{
  struct sockaddr_storage sa;
  socklen_t len = sizeof sa;
  int fd;
  memset (&sa, 0, sizeof sa);
  fd = accept4 (from->fd, (struct sockaddr *) &sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
      return accept_without (w, from->fd);
    return errno == EINTR || errno == ECONNABORTED;
  }
  if (!has_place (w, from)) {
    complain (w, from->admin ? "the admin listener has too many connections"
                             : "http.connections is reached");
    turn_away (fd);
    return 1;
  }
  take (w, fd, (const struct sockaddr *) &sa, from);
  return 1;
}

void
accept_some (struct worker *w, const struct listener *from, int all)
{
  for (int i = 0; all || i < BATCH; i++)
    if (!accept_one (w, from))
      return;
}
