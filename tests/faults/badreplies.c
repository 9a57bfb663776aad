/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/faults/badreplies.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last[65537];

static int
path_is (const char *text, const char *path)
{
  const char *p = strchr (text, ' ');
  size_t n = strlen (path);
  return p && strncmp (p + 1, path, n) == 0 && (p[n + 1] == ' ' || p[n + 1] == '?');
}

/* Answers "/status/N", with a Retry-After for 429; 503 to the first /flaky. */
static int
statuses (int fd, int n, const char *text)
{
  char reply[256];
  const char *p = strstr (text, "/status/");
  int status = p ? atoi (p + 8) : n == 0 ? 503 : 200;
  if (status == 204 || status == 304)
    snprintf (reply, sizeof reply, "HTTP/1.1 %d x\r\n\r\n", status);
  else
    snprintf (reply, sizeof reply,
              "HTTP/1.1 %d x\r\n%sContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok",
              status, status == 429 ? "Retry-After: 7\r\n" : "");
  badserver_write (fd, reply);
  return BAD_KEEP;
}

struct reply {
  const char *path, *text;
  int verdict;
};

static const struct reply replies[] = {
  { "/truncated", "HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nshort", BAD_CLOSE },
  { "/garbage", "this is not HTTP\r\n\r\n", BAD_CLOSE },
  { "/empty", "", BAD_CLOSE },
  { "/reset", "", BAD_RESET },
  { "/huge", "HTTP/1.1 200 x\r\nContent-Length: 1000000000\r\n\r\n", BAD_CLOSE },
  { "/huge_503", "HTTP/1.1 503 x\r\nContent-Length: 1000000000\r\n\r\n", BAD_CLOSE },
  { "/gzip", "HTTP/1.1 200 x\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
    BAD_KEEP },
  { "/redirect",
    "HTTP/1.1 302 x\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    BAD_KEEP },
  { "/interim",
    "HTTP/1.1 103 x\r\nRetry-After: 9\r\nContent-Type: a/b\r\n\r\n"
    "HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nok",
    BAD_KEEP },
};

int
badreplies (struct badserver *s, int fd, int n, const char *text, void *arg)
{
  size_t i;
  (void) s, (void) arg;
  pthread_mutex_lock (&lock);
  snprintf (last, sizeof last, "%s", text);
  pthread_mutex_unlock (&lock);
  for (i = 0; i < sizeof replies / sizeof replies[0]; i++)
    if (path_is (text, replies[i].path)) {
      badserver_write (fd, replies[i].text);
      return replies[i].verdict;
    }
  if (path_is (text, "/hang"))
    badserver_hang (fd);
  else if (path_is (text, "/endless")) {
    badserver_write (fd, "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n");
    badserver_flood (fd, "10\r\n0123456789abcdef\r\n");
  } else if (path_is (text, "/heads")) {
    badserver_write (fd, "HTTP/1.1 200 x\r\n");
    badserver_flood (fd, "X-Some-Field: with some value\r\n");
  } else if (path_is (text, "/drip")) {
    badserver_write (fd, "HTTP/1.1 200 x\r\nContent-Length: 1000\r\n\r\n");
    badserver_drip (fd, 50);
  } else if (path_is (text, "/once") && n == 0)
    return BAD_RESET;
  else
    return statuses (fd, n, text);
  return BAD_CLOSE;
}

void
badreplies_last (char *text, size_t size)
{
  pthread_mutex_lock (&lock);
  snprintf (text, size, "%s", last);
  pthread_mutex_unlock (&lock);
}
