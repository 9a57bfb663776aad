/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* To be preloaded: calls of one kind about files below $KGENT_DISK_DIR fail from the `at`-th on,
 * `times` times.  $KGENT_DISK_PLAN, a file of one page, says which and how, may be changed at any
 * time, and is told how many there were. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WRITE, SYNC, OPEN, RENAME, TRUNCATE, MMAP, KINDS };

/* As the test knows it, too. */
struct plan {
  _Atomic int64_t kind, at, times, error; /* error 0: half of a write is done */
  _Atomic int64_t failed;                 /* how many did */
  _Atomic int64_t count[KINDS];
};

static struct plan *plan;
static char dir[PATH_MAX];
static size_t dir_len;

__attribute__ ((constructor)) static void
begin (void)
{
  const char *d = getenv ("KGENT_DISK_DIR"), *path = getenv ("KGENT_DISK_PLAN");
  int fd = path ? (int) syscall (SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;
  void *p = MAP_FAILED;
  if (!d || fd < 0)
    return;
  dir_len = (size_t) snprintf (dir, sizeof dir, "%s/", d);
  p = (void *) syscall (SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall (SYS_close, fd);
  plan = p == MAP_FAILED ? NULL : p;
}

/* Whether this call is to fail: errno, or 0; -1: it is to be done by half. */
static int
meets (int kind)
{
  int64_t n = atomic_fetch_add (&plan->count[kind], 1) + 1, at = plan->at;
  if (plan->kind != kind || n < at || (plan->times >= 0 && n >= at + plan->times))
    return 0;
  atomic_fetch_add (&plan->failed, 1);
  return plan->error ? (int) plan->error : -1;
}

static int
path_meets (int kind, const char *path)
{
  return plan && path && !strncmp (path, dir, dir_len) ? meets (kind) : 0;
}

static int
fd_meets (int kind, int fd)
{
  char link[64], path[PATH_MAX];
  ssize_t n;
  if (!plan || fd < 0)
    return 0;
  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  n = readlink (link, path, sizeof path - 1);
  if (n < 0)
    return 0;
  path[n] = '\0';
  return path_meets (kind, path);
}

#define FAIL(e, r)                                                                              \
  do {                                                                                          \
    errno = (e);                                                                                \
    return r;                                                                                   \
  } while (0)

ssize_t
write (int fd, const void *p, size_t n)
{
  int e = fd > 2 ? fd_meets (WRITE, fd) : 0;
  if (e > 0)
    FAIL (e, -1);
  return syscall (SYS_write, fd, p, e < 0 && n > 1 ? n / 2 : n);
}

static ssize_t
write_at (int fd, const void *p, size_t n, off_t at)
{
  int e = fd_meets (WRITE, fd);
  if (e > 0)
    FAIL (e, -1);
  return syscall (SYS_pwrite64, fd, p, e < 0 && n > 1 ? n / 2 : n, at);
}

ssize_t
pwrite (int fd, const void *p, size_t n, off_t at)
{
  return write_at (fd, p, n, at);
}

ssize_t
pwrite64 (int fd, const void *p, size_t n, off64_t at)
{
  return write_at (fd, p, n, at);
}

int
fdatasync (int fd)
{
  int e = fd_meets (SYNC, fd);
  if (e > 0)
    FAIL (e, -1);
  return (int) syscall (SYS_fdatasync, fd);
}

int
fsync (int fd)
{
  int e = fd_meets (SYNC, fd);
  if (e > 0)
    FAIL (e, -1);
  return (int) syscall (SYS_fsync, fd);
}

int
msync (void *p, size_t n, int flags)
{
  int e = plan ? meets (SYNC) : 0;
  if (e > 0)
    FAIL (e, -1);
  return (int) syscall (SYS_msync, p, n, flags);
}

static int
open_at (int folder, const char *path, int flags, mode_t mode)
{
  int e = path_meets (OPEN, path);
  if (e > 0)
    FAIL (e, -1);
  return (int) syscall (SYS_openat, folder, path, flags, mode);
}

#define MODE(flags)                                                                             \
  ({                                                                                            \
    mode_t m = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                      \
      va_list ap;                                                                               \
      va_start (ap, flags);                                                                     \
      m = va_arg (ap, mode_t);                                                                  \
      va_end (ap);                                                                              \
    }                                                                                           \
    m;                                                                                          \
  })

int
open (const char *path, int flags, ...)
{
  return open_at (AT_FDCWD, path, flags, MODE (flags));
}

int
open64 (const char *path, int flags, ...)
{
  return open_at (AT_FDCWD, path, flags, MODE (flags));
}

int
openat (int folder, const char *path, int flags, ...)
{
  return open_at (folder, path, flags, MODE (flags));
}

int
openat64 (int folder, const char *path, int flags, ...)
{
  return open_at (folder, path, flags, MODE (flags));
}

int
rename (const char *from, const char *to)
{
  int e = path_meets (RENAME, from);
  if (e > 0)
    FAIL (e, -1);
  return (int) syscall (SYS_rename, from, to);
}

static int
truncate_to (int fd, off_t size)
{
  int e = fd_meets (TRUNCATE, fd);
  if (e > 0)
    FAIL (e, -1);
  return (int) syscall (SYS_ftruncate, fd, size);
}

int
ftruncate (int fd, off_t size)
{
  return truncate_to (fd, size);
}

int
ftruncate64 (int fd, off64_t size)
{
  return truncate_to (fd, size);
}

int
fallocate (int fd, int mode, off_t at, off_t len)
{
  int e = fd_meets (TRUNCATE, fd);
  if (e > 0)
    FAIL (e, -1);
  return (int) syscall (SYS_fallocate, fd, mode, at, len);
}

int
fallocate64 (int fd, int mode, off64_t at, off64_t len)
{
  return fallocate (fd, mode, at, len);
}

/* Answers the error, and leaves errno alone. */
int
posix_fallocate (int fd, off_t at, off_t len)
{
  int e = fd_meets (TRUNCATE, fd);
  if (e > 0)
    return e;
  return syscall (SYS_fallocate, fd, 0, at, len) < 0 ? errno : 0;
}

int
posix_fallocate64 (int fd, off64_t at, off64_t len)
{
  return posix_fallocate (fd, at, len);
}

void *
mmap (void *p, size_t n, int prot, int flags, int fd, off_t at)
{
  int e = flags & MAP_ANONYMOUS ? 0 : fd_meets (MMAP, fd);
  if (e > 0)
    FAIL (e, MAP_FAILED);
  return (void *) syscall (SYS_mmap, p, n, prot, flags, fd, at);
}

void *
mmap64 (void *p, size_t n, int prot, int flags, int fd, off64_t at)
{
  return mmap (p, n, prot, flags, fd, at);
}
