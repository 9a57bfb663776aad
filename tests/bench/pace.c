/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* pace PORT RATE SECONDS CLIENTS: sends what stands on its input RATE times a second, at
 * random moments, whether answers come or not, over CLIENTS connections.  An answer's time
 * counts from the moment at which its request was due, so that a server that stalls cannot
 * hide it.  Prints how many came, and 50, 99, 99.9 and 100 % of their times in microseconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define IN_MAX 65536

struct client {
  struct client *next; /* while it is free */
  int fd;
  int64_t due;
  size_t len, want; /* bytes of the answer that are here, and of all of it; 0: not known */
  char head[4096];
};

static char request[IN_MAX];
static size_t request_len;
static struct client *clients, *idle;
static uint32_t *times; /* microseconds */
static size_t ntimes, wrong;

static int64_t
now_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C (1000000000) + t.tv_nsec;
}

static void
give_up (const char *what)
{
  perror (what);
  exit (1);
}

static void
client_open (struct client *c, int epoll, int port)
{
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons ((uint16_t)port) };
  struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
  int one = 1;
  a.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  c->fd = socket (AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0 || connect (c->fd, (struct sockaddr *)&a, sizeof a) < 0)
    give_up ("connect");
  setsockopt (c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl (c->fd, F_SETFL, O_NONBLOCK);
  epoll_ctl (epoll, EPOLL_CTL_ADD, c->fd, &e);
  c->next = idle;
  idle = c;
}

static void
client_send (int64_t due)
{
  struct client *c = idle;
  idle = c->next;
  c->due = due;
  c->len = c->want = 0;
  if (write (c->fd, request, request_len) != (ssize_t)request_len)
    give_up ("write");
}

/* How long the answer is of which the head is there. */
static void
head_look (struct client *c)
{
  char *end, *length;
  c->head[c->len < sizeof c->head ? c->len : sizeof c->head - 1] = 0;
  end = strstr (c->head, "\r\n\r\n");
  if (!end)
    return;
  length = strcasestr (c->head, "\r\ncontent-length:");
  c->want = (size_t)(end + 4 - c->head) + (length ? strtoul (length + 17, NULL, 10) : 0);
  wrong += strncmp (c->head, "HTTP/1.1 200", 12) != 0;
}

static void
client_read (struct client *c, int64_t now)
{
  static char rest[IN_MAX];
  int in_head = !c->want && c->len < sizeof c->head - 1;
  ssize_t n = in_head ? read (c->fd, c->head + c->len, sizeof c->head - 1 - c->len)
                      : read (c->fd, rest, sizeof rest);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0)
    give_up ("the server has closed a connection");
  c->len += (size_t)n;
  if (!c->want)
    head_look (c);
  if (!c->want || c->len < c->want)
    return;
  times[ntimes++] = (uint32_t)((now - c->due) / 1000);
  c->next = idle;
  idle = c;
}

static int64_t
next_due (int64_t due, double rate)
{
  return due + (int64_t)(-log (1 - drand48 ()) / rate * 1e9);
}

static int
by_time (const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void
run (int epoll, double rate, double seconds)
{
  int64_t begin = now_ns (), end = begin + (int64_t)(seconds * 1e9), due = next_due (begin, rate);
  struct epoll_event e[64];
  while (now_ns () < end) {
    int64_t now = now_ns (), wait = due - now;
    struct timespec t = { 0, wait < 0 ? 0 : wait > 1000000 ? 1000000 : wait };
    int i, n;
    for (; due <= now && idle; due = next_due (due, rate))
      client_send (due);
    n = epoll_pwait2 (epoll, e, 64, &t, NULL);
    now = now_ns ();
    for (i = 0; i < n; i++)
      client_read (e[i].data.ptr, now);
  }
}

static uint32_t
part (double of)
{
  return ntimes ? times[(size_t)((double)(ntimes - 1) * of)] : 0;
}

int
main (int argc, char **argv)
{
  int epoll = epoll_create1 (0), i, n = argc > 4 ? atoi (argv[4]) : 0;
  double rate = argc > 4 ? atof (argv[2]) : 0, seconds = argc > 4 ? atof (argv[3]) : 0;
  if (n < 1 || rate <= 0 || seconds <= 0) {
    fputs ("pace PORT RATE SECONDS CLIENTS <REQUEST\n", stderr);
    return 2;
  }
  request_len = fread (request, 1, sizeof request, stdin);
  clients = calloc ((size_t)n, sizeof *clients);
  times = calloc ((size_t)(rate * seconds * 2) + 1000, sizeof *times);
  for (i = 0; i < n; i++)
    client_open (&clients[i], epoll, atoi (argv[1]));
  run (epoll, rate, seconds);
  qsort (times, ntimes, sizeof *times, by_time);
  printf ("%zu answers, %zu wrong; 50 %% %u, 99 %% %u, 99.9 %% %u, most %u us\n", ntimes, wrong,
          part (.5), part (.99), part (.999), part (1));
  return 0;
}
