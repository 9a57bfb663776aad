/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Preloaded: the wall clock is off by as many seconds as stand in the file that CLOCK_FILE
 * names, eight bytes that may change at any time.  The monotonic clock is the kernel's. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))

static const int64_t zero;
static const volatile int64_t *offset = &zero;

__attribute__ ((constructor)) static void
offset_map (void)
{
  const char *path = getenv ("CLOCK_FILE");
  int fd = path ? open (path, O_RDONLY | O_CLOEXEC) : -1;
  void *p = fd < 0 ? MAP_FAILED : mmap (NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
  if (fd >= 0)
    close (fd);
  if (p != MAP_FAILED)
    offset = p;
}

EXPORT int
clock_gettime (clockid_t clock, struct timespec *ret)
{
  long rc = syscall (SYS_clock_gettime, clock, ret);
  if (!rc && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    ret->tv_sec += *offset;
  return (int) rc;
}

EXPORT time_t
time (time_t *ret)
{
  struct timespec t;
  clock_gettime (CLOCK_REALTIME, &t);
  if (ret)
    *ret = t.tv_sec;
  return t.tv_sec;
}

EXPORT int
gettimeofday (struct timeval *restrict ret, void *restrict zone)
{
  struct timespec t;
  (void) zone;
  clock_gettime (CLOCK_REALTIME, &t);
  ret->tv_sec = t.tv_sec;
  ret->tv_usec = t.tv_nsec / 1000;
  return 0;
}
