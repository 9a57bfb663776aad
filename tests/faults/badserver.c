/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/faults/badserver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define REQUEST_MAX 65536

struct connection {
  struct badserver *server;
  pthread_t thread;
  _Atomic int fd; /* -1: closed by its thread */
};

struct badserver {
  bad_fn *fn;
  void *arg;
  int fd;
  uint16_t port;
  pthread_t thread;
  _Atomic int requests, count;
  struct connection connections[CONNECTIONS_MAX];
};

/* Bytes of the body that the head announces. */
static size_t
content_length (const char *head)
{
  const char *p = strcasestr (head, "\ncontent-length:");
  return p ? strtoul (p + 16, NULL, 10) : 0;
}

/* Reads one request into `text`; 0 at the end of the connection. */
static int
request_read (int fd, char *text)
{
  size_t len = 0;
  char *end = NULL;
  ssize_t n;
  text[0] = 0;
  while (!end || len < (size_t) (end + 4 - text) + content_length (text)) {
    n = len < REQUEST_MAX ? read (fd, text + len, REQUEST_MAX - len) : 0;
    if (n <= 0)
      return 0;
    len += (size_t) n;
    text[len] = 0;
    end = strstr (text, "\r\n\r\n");
  }
  return 1;
}

static void *
connection_main (void *arg)
{
  struct connection *c = arg;
  char *text = malloc (REQUEST_MAX + 1);
  const struct linger reset = { 1, 0 };
  int verdict = BAD_KEEP;
  while (verdict == BAD_KEEP && request_read (c->fd, text))
    verdict = c->server->fn (c->server, c->fd, c->server->requests++, text, c->server->arg);
  if (verdict == BAD_RESET) {
    setsockopt (c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close (c->fd);
    c->fd = -1;
  } else
    shutdown (c->fd, SHUT_WR);
  free (text);
  return NULL;
}

static void *
accept_main (void *arg)
{
  struct badserver *s = arg;
  struct connection *c;
  int fd;
  while ((fd = accept (s->fd, NULL, NULL)) >= 0 && s->count < CONNECTIONS_MAX) {
    c = s->connections + s->count;
    c->server = s;
    c->fd = fd;
    s->count++; /* before its requests are counted */
    if (pthread_create (&c->thread, NULL, connection_main, c) != 0)
      abort ();
  }
  return NULL;
}

struct badserver *
badserver_start (bad_fn *fn, void *arg)
{
  struct badserver *s = calloc (1, sizeof *s);
  struct sockaddr_in a = { .sin_family = AF_INET };
  socklen_t len = sizeof a;
  a.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  s->fn = fn;
  s->arg = arg;
  s->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s->fd < 0 || bind (s->fd, (struct sockaddr *) &a, sizeof a) < 0 || listen (s->fd, 64) < 0
      || getsockname (s->fd, (struct sockaddr *) &a, &len) < 0
      || pthread_create (&s->thread, NULL, accept_main, s) != 0) {
    free (s);
    return NULL;
  }
  s->port = ntohs (a.sin_port);
  return s;
}

void
badserver_stop (struct badserver *s)
{
  int i;
  shutdown (s->fd, SHUT_RDWR);
  pthread_join (s->thread, NULL);
  close (s->fd);
  for (i = 0; i < s->count; i++) {
    if (s->connections[i].fd >= 0)
      shutdown (s->connections[i].fd, SHUT_RDWR);
    pthread_join (s->connections[i].thread, NULL);
    if (s->connections[i].fd >= 0)
      close (s->connections[i].fd);
  }
  free (s);
}

uint16_t
badserver_port (const struct badserver *s)
{
  return s->port;
}

int
badserver_requests (struct badserver *s)
{
  return s->requests;
}

int
badserver_connections (struct badserver *s)
{
  return s->count;
}

int
badserver_write (int fd, const char *text)
{
  size_t len = strlen (text);
  ssize_t n;
  while (len) {
    n = send (fd, text, len, MSG_NOSIGNAL);
    if (n <= 0)
      return 0;
    text += n;
    len -= (size_t) n;
  }
  return 1;
}

void
badserver_flood (int fd, const char *text)
{
  while (badserver_write (fd, text))
    ;
}

void
badserver_drip (int fd, int ms)
{
  struct pollfd gone = { .fd = fd, .events = POLLRDHUP };
  while (poll (&gone, 1, ms) == 0 && badserver_write (fd, "x"))
    ;
}

void
badserver_hang (int fd)
{
  char c;
  while (read (fd, &c, 1) > 0)
    ;
}
