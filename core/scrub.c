/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Keys are in the buffers of requests, in the configuration, in what libraries have
 * freed: on the heap there is no telling where.  So all memory that no file backs is
 * taken out of the core file when the process crashes, and not before, as the rest of the
 * crashed thread's stack is what a backtrace needs. */

#include "core/scrub.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAMES   32768 /* bytes of the stack that stay */
#define RED_ZONE 128   /* below the pointer, and in use (System V ABI, x86-64) */

extern char **environ;

static int disabled = 1;

/* What stays. */
static uintptr_t keep_from, keep_to;

static uintptr_t
page (uintptr_t at)
{
  return at & ~(uintptr_t) (sysconf (_SC_PAGESIZE) - 1);
}

static void
leave_out (uintptr_t from, uintptr_t to)
{
  if (from < to)
    madvise ((void *) from, to - from, MADV_DONTDUMP);
}

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

static uintptr_t
clamp (uintptr_t at, uintptr_t from, uintptr_t to)
{
  return at < from ? from : at > to ? to : at;
}

/* "START-END rw-p OFFSET DEVICE INODE NAME": anonymous memory is left out, but for what
 * follows a file at once: the variables of a program or library, the loader's list of
 * them among these, without which no debugger finds any frame. */
static void
mapping (const char *p)
{
  static uintptr_t file_end;
  uintptr_t from = number (&p), to;
  int i, writable;
  if (*p++ != '-')
    return;
  to = number (&p);
  writable = !strncmp (p, " rw", 3);
  for (i = 0; i < 4 && p; i++)
    p = strchr (p + (i > 0), ' ');
  if (p && (strncmp (p, " 0", 2) || (p[2] && p[2] != ' ')))
    file_end = to;
  else if (p && writable && (from != file_end || strchr (p, '['))) {
    leave_out (from, clamp (keep_from, from, to));
    leave_out (clamp (keep_to, from, to), to);
  }
}

/* All lines, however they come in pieces. */
static void
mappings (int fd)
{
  char text[4096 + 1];
  size_t len = 0;
  ssize_t n;
  while ((n = read (fd, text + len, sizeof text - 1 - len)) > 0) {
    char *line = text, *end;
    len += (size_t) n;
    text[len] = 0;
    for (; (end = strchr (line, '\n')); line = end + 1) {
      *end = 0;
      mapping (line);
    }
    len = (size_t) (text + len - line);
    if (len == sizeof text - 1)
      return; /* no line is that long */
    memmove (text, line, len);
  }
}

void
scrub (const void *stack)
{
  uintptr_t at = (uintptr_t) stack;
  int fd;
  if (disabled || (fd = open ("/proc/self/maps", O_RDONLY | O_CLOEXEC)) < 0)
    return;
  keep_from = page (at - RED_ZONE);
  keep_to = page (at + FRAMES);
  if (environ && environ[0] && at < (uintptr_t) environ[0] && (uintptr_t) environ[0] < keep_to)
    keep_to = page ((uintptr_t) environ[0]); /* of the main thread */
  if (!stack)
    keep_from = keep_to = 0;
  mappings (fd);
  close (fd);
}

void
scrub_init (void)
{
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
  const char *wanted = getenv ("KGENT_CORE");
  disabled = wanted && !strcmp (wanted, "full");
#endif
}
