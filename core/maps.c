/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* A hexadecimal number, and what follows it. */
static uintptr_t
number (const char **p)
{
  uintptr_t n = 0;
  for (;; ++*p) {
    unsigned c = (unsigned char) **p, digit = c - '0' < 10 ? c - '0' : (c | 32) - 'a' + 10;
    if (digit > 15)
      return n;
    n = n << 4 | digit;
  }
}

/* "START-END rw-p OFFSET DEVICE INODE   NAME": whether it is one. */
static int
mapping_read (const char *p, struct mapping *ret)
{
  ret->from = number (&p);
  if (*p++ != '-')
    return 0;
  ret->to = number (&p);
  if (*p++ != ' ')
    return 0;
  ret->flags = p;
  if (!(p = strchr (p, ' ')))
    return 0;
  p++;
  ret->offset = number (&p);
  if (*p++ != ' ' || !(p = strchr (p, ' ')))
    return 0;
  ret->is_file = *++p != '0';
  while (*p && *p != ' ')
    p++;
  while (*p == ' ')
    p++;
  ret->name = p;
  return 1;
}

/* All lines, however they come in pieces. */
static void
lines_read (int fd, void (*fn) (const struct mapping *m))
{
  char text[4096 + 1];
  size_t len = 0;
  ssize_t n;
  while ((n = read (fd, text + len, sizeof text - 1 - len)) > 0) {
    char *line = text, *end;
    struct mapping m;
    len += (size_t) n;
    text[len] = 0;
    for (; (end = strchr (line, '\n')); line = end + 1) {
      *end = 0;
      if (mapping_read (line, &m))
        fn (&m);
    }
    len = (size_t) (text + len - line);
    if (len == sizeof text - 1)
      return; /* no line is that long */
    memmove (text, line, len);
  }
}

int
maps_each (void (*fn) (const struct mapping *m))
{
  int fd = open ("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  lines_read (fd, fn);
  close (fd);
  return 0;
}
