/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* epoll PORT [KEYS]: without keys it answers everything with the same bytes; with
 * them it does the job of a metered invocation. */
#include "tests/bench/epoll.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_MAX  8192
#define OUT_MAX 16384
#define EVENTS  256

struct conn {
  int fd;
  size_t len;
  char in[IN_MAX];
};

static int epoll_fd, listen_fd;
static int64_t now_s;
static epoll_answer *answer;

/* ---- HTTP ------------------------------------------------------------------ */

static size_t
fixed_answer (const struct epoll_request *req, char *out, size_t size)
{
  static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                             "Content-Length: 3\r\n\r\nok\n";
  (void) req;
  (void) size;
  memcpy (out, text, sizeof text - 1);
  return sizeof text - 1;
}

static int
name_is (const char *line, const char *colon, const char *name)
{
  size_t n = strlen (name);
  return (size_t) (colon - line) == n && !strncasecmp (line, name, n);
}

/* Reads the fields from the second line of the head on. */
static void
fields_read (const char *p, const char *end, struct epoll_request *req)
{
  while (p < end) {
    const char *eol = memchr (p, '\r', (size_t) (end - p));
    const char *colon = memchr (p, ':', (size_t) (eol - p)), *value;
    if (!colon)
      return;
    for (value = colon + 1; *value == ' ';)
      value++;
    if (name_is (p, colon, "Content-Length"))
      req->body_len = strtoul (value, NULL, 10);
    else if (name_is (p, colon, "X-API-Key")) {
      req->key = value;
      req->key_len = (size_t) (eol - value);
    }
    p = eol + 2;
  }
}

/* Takes one request: its length, or 0 when it is not whole. */
static size_t
request_read (const char *in, size_t len, struct epoll_request *req)
{
  const char *end = memmem (in, len, "\r\n\r\n", 4), *line;
  size_t head;
  if (!end)
    return 0;
  memset (req, 0, sizeof *req);
  head = (size_t) (end - in) + 4;
  if (answer == fixed_answer)
    return head;
  line = memchr (in, '\n', head);
  fields_read (line + 1, end + 2, req);
  req->body = in + head;
  req->now_s = now_s;
  return head + req->body_len <= len ? head + req->body_len : 0;
}

/* ---- Connections ----------------------------------------------------------- */

static void
conn_close (struct conn *c)
{
  close (c->fd);
  free (c);
}

/* Answers all whole requests in the input with one send. */
static void
conn_answer (struct conn *c)
{
  struct epoll_request req;
  char out[OUT_MAX];
  size_t used = 0, n, put = 0;
  while (put < OUT_MAX / 2 && (n = request_read (c->in + used, c->len - used, &req))) {
    put += answer (&req, out + put, sizeof out - put);
    used += n;
  }
  memmove (c->in, c->in + used, c->len - used);
  c->len -= used;
  if (put && send (c->fd, out, put, MSG_NOSIGNAL) != (ssize_t) put)
    shutdown (c->fd, SHUT_RDWR); /* a reader that does not read has no place here */
}

static void
conn_read (struct conn *c)
{
  ssize_t n = recv (c->fd, c->in + c->len, IN_MAX - c->len, 0);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    conn_close (c);
    return;
  }
  c->len += (size_t) n;
  conn_answer (c);
}

static void
accept_all (void)
{
  int fd, on = 1;
  while ((fd = accept4 (listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    struct conn *c = malloc (sizeof *c);
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    if (!c)
      abort ();
    c->fd = fd;
    c->len = 0;
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &e);
  }
}

static int
server_open (int port)
{
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons ((uint16_t) port) };
  struct epoll_event e = { .events = EPOLLIN };
  int on = 1;
  a.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  listen_fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt (listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind (listen_fd, (struct sockaddr *) &a, sizeof a) < 0 || listen (listen_fd, 4096) < 0
      || epoll_ctl (epoll_fd, EPOLL_CTL_ADD, listen_fd, &e) < 0)
    return -errno;
  return 0;
}

int
main (int argc, char **argv)
{
  struct epoll_event events[EVENTS];
  struct timespec t;
  int rc = argc < 2 ? -EINVAL : server_open (atoi (argv[1]));
  answer = argc > 2 ? job_answer : fixed_answer;
  if (!rc && argc > 2)
    rc = job_open (argv[2]);
  if (rc) {
    fprintf (stderr, "usage: epoll PORT [KEYS]: %s\n", strerror (-rc));
    return 1;
  }
  for (;;) {
    int n = epoll_wait (epoll_fd, events, EVENTS, -1);
    clock_gettime (CLOCK_REALTIME_COARSE, &t);
    now_s = t.tv_sec;
    for (int i = 0; i < n; i++)
      if (events[i].data.ptr)
        conn_read (events[i].data.ptr);
      else
        accept_all ();
  }
}
