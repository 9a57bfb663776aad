/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* To be preloaded: the N-th allocation fails ($KGENT_FAIL_AT), or from there on all
 * of them ($KGENT_FAIL_EVER=1).  At the end $KGENT_FAIL_COUNT, a file, gets the
 * number of allocations.
 *
 * Not counted, and never failing, are those of libconfig 1.5, which uses what malloc
 * returns without a look (it runs before anything is served), and of json-c, whose
 * functions assert that what they are given is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *p, size_t size);

static _Atomic long count;
static long fail_at = -1;
static int ever;

__attribute__ ((constructor)) static void
begin (void)
{
  const char *at = getenv ("KGENT_FAIL_AT");
  ever = getenv ("KGENT_FAIL_EVER") != NULL;
  atomic_store (&count, 0);
  fail_at = at ? atol (at) : -1;
}

__attribute__ ((destructor)) static void
end (void)
{
  const char *path = getenv ("KGENT_FAIL_COUNT");
  char digits[24], *p = digits + sizeof digits;
  long n = atomic_load (&count);
  int fd = path ? open (path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
  do
    *--p = (char) ('0' + n % 10);
  while (n /= 10);
  if (fd >= 0 && write (fd, p, (size_t) (digits + sizeof digits - p)) > 0)
    close (fd);
}

static int
is_exempt (const void *caller)
{
  static _Thread_local int asking; /* dladdr may allocate */
  Dl_info info;
  int r = 0;
  if (asking)
    return 1;
  asking = 1;
  if (dladdr (caller, &info) && info.dli_fname)
    r = strstr (info.dli_fname, "/libconfig.so") || strstr (info.dli_fname, "/libjson-c.so");
  asking = 0;
  return r;
}

static int
fails (const void *caller)
{
  long n;
  if (is_exempt (caller))
    return 0;
  n = atomic_fetch_add (&count, 1);
  if (fail_at < 0 || n < fail_at || (n > fail_at && !ever))
    return 0;
  errno = ENOMEM;
  return 1;
}

void *
malloc (size_t size)
{
  return fails (__builtin_return_address (0)) ? NULL : __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  return fails (__builtin_return_address (0)) ? NULL : __libc_calloc (n, size);
}

void *
realloc (void *p, size_t size)
{
  return fails (__builtin_return_address (0)) ? NULL : __libc_realloc (p, size);
}

/* Of the C library's own, for those who are exempt. */
char *
strdup (const char *text)
{
  size_t size = strlen (text) + 1;
  char *copy = fails (__builtin_return_address (0)) ? NULL : __libc_malloc (size);
  return copy ? memcpy (copy, text, size) : NULL;
}
