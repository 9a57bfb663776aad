/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* F_OFD_SETLK, fallocate; third parties compile this file, too */
#endif
#include "core/util/region.h"

#include "core/util/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEAD_PAGE 4096u
#define FORMAT    1u
#define GATE      REGION_SLOTS /* byte; those before it are the slots' */
#define PAUSE_NS  5000000ll    /* between two looks at a lock */

static const char magic[8] = "KGREGN\r\n";

struct region_head {
  char magic[8];
  uint32_t format;
  uint32_t ready; /* its maker has come through its start */
  uint64_t bytes; /* of the contents */
};

/* ---- Locks ---------------------------------------------------------------- */

static struct flock
lock_bytes (short type, uint32_t first, uint32_t count)
{
  struct flock l;
  memset (&l, 0, sizeof l);
  l.l_type = type;
  l.l_whence = SEEK_SET;
  l.l_start = first;
  l.l_len = count;
  return l;
}

/* 0; -EAGAIN: another process has it; or -errno. */
static int
lock_set (int fd, short type, uint32_t byte)
{
  struct flock l = lock_bytes (type, byte, 1);
  if (!fcntl (fd, F_OFD_SETLK, &l))
    return 0;
  return errno == EACCES ? -EAGAIN : -errno;
}

/* Whether somebody else has one of the bytes: 0 or 1, or -errno. */
static int
lock_foreign (int fd, uint32_t first, uint32_t count)
{
  struct flock l = lock_bytes (F_WRLCK, first, count);
  if (fcntl (fd, F_OFD_GETLK, &l) < 0)
    return -errno;
  return l.l_type != F_UNLCK;
}

/* The first of the bytes that is free becomes ours: its number, or -errno. */
static int
lock_any (int fd, uint32_t first, uint32_t count)
{
  int e = -EAGAIN;
  for (uint32_t i = first; i < first + count; i++) {
    e = lock_set (fd, F_WRLCK, i);
    if (e != -EAGAIN)
      return e ? e : (int) i;
  }
  return e;
}

/* The same, and waits for one. */
static int
lock_wait (int fd, uint32_t first, uint32_t count, int64_t *wait_ns)
{
  const struct timespec pause = { 0, PAUSE_NS };
  int e;
  while ((e = lock_any (fd, first, count)) == -EAGAIN && *wait_ns > 0) {
    nanosleep (&pause, NULL);
    *wait_ns -= PAUSE_NS;
  }
  return e;
}

static int
gate_take (struct region *r, int64_t *wait_ns)
{
  int e = lock_wait (r->fd, GATE, 1, wait_ns);
  r->gated = e >= 0;
  return e == -EAGAIN ? -EBUSY : e;
}

static int
slot_take (struct region *r, int64_t *wait_ns)
{
  int e = lock_wait (r->fd, 0, REGION_SLOTS, wait_ns);
  r->slot = e < 0 ? 0 : (uint32_t) e;
  return e;
}

/* ---- Head ----------------------------------------------------------------- */

/* Whether the file is one of ours, whole, and of this size. */
static int
head_fits (const struct region *r, const struct region_head *h, uint64_t bytes)
{
  struct stat st;
  return !fstat (r->fd, &st) && (uint64_t) st.st_size == r->length
         && !memcmp (h->magic, magic, sizeof magic) && h->format == FORMAT && h->bytes == bytes;
}

/* All zero but for the head.  Only when nobody else has it mapped. */
static int
head_make (struct region *r, uint64_t bytes)
{
  struct region_head h = { .format = FORMAT, .bytes = bytes };
  memcpy (h.magic, magic, sizeof magic);
  if (ftruncate (r->fd, 0) < 0 || ftruncate (r->fd, (off_t) r->length) < 0)
    return -errno;
  if (pwrite (r->fd, &h, sizeof h, 0) != sizeof h)
    return errno ? -errno : -ENOSPC;
  r->flags |= REGION_NEW;
  return 0;
}

static int
head_settle (struct region *r, uint64_t bytes)
{
  struct region_head h = { .ready = 0 };
  ssize_t n = pread (r->fd, &h, sizeof h, 0);
  int fits;
  if (n < 0)
    return -errno;
  fits = n == sizeof h && head_fits (r, &h, bytes);
  if (r->flags & REGION_ALONE)
    return fits && h.ready ? 0 : head_make (r, bytes);
  return fits ? 0 : -EBUSY;
}

/* ---- Open and close -------------------------------------------------------- */

static int
region_lock (struct region *r, int64_t wait_ns)
{
  struct stat st;
  int e;
  if (fstat (r->fd, &st) < 0)
    return -errno;
  if (!S_ISREG (st.st_mode))
    return -EINVAL;
  e = gate_take (r, &wait_ns);
  if (e >= 0)
    e = slot_take (r, &wait_ns);
  if (e < 0)
    return e;
  e = lock_foreign (r->fd, 0, REGION_SLOTS);
  r->flags = e ? 0 : REGION_ALONE;
  return e < 0 ? e : 0;
}

static int
region_map (struct region *r)
{
  void *map = mmap (NULL, r->length, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
  if (map == MAP_FAILED)
    return -errno;
  r->map = map;
  return 0;
}

int
region_open (struct region *r, const char *path, uint64_t bytes, int64_t wait_ns)
{
  int e;
  memset (r, 0, sizeof *r);
  r->fd = -1;
  if (!bytes || bytes > REGION_BYTES_MAX)
    return -EINVAL;
  r->length = HEAD_PAGE + bytes;
  r->fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (r->fd < 0)
    return -errno;
  e = region_lock (r, wait_ns);
  if (!e)
    e = head_settle (r, bytes);
  if (!e)
    e = region_map (r);
  if (e)
    region_close (r);
  else if (!(r->flags & REGION_ALONE))
    region_settle (r, 0);
  return e;
}

void
region_settle (struct region *r, int good)
{
  struct region_head *h = (void *) r->map;
  if (!r->gated)
    return;
  if (good)
    __atomic_store_n (&h->ready, 1, __ATOMIC_RELEASE);
  lock_set (r->fd, F_UNLCK, GATE);
  r->gated = 0;
}

void
region_close (struct region *r)
{
  if (r->map)
    munmap (r->map, r->length);
  if (r->fd >= 0)
    close (r->fd);
  r->map = NULL;
  r->fd = -1;
}

/* ---- What is in it --------------------------------------------------------- */

char *
region_contents (const struct region *r)
{
  return r->map + HEAD_PAGE;
}

uint64_t
region_bytes (const struct region *r)
{
  return r->length - HEAD_PAGE;
}

int
region_ensure (const struct region *r, uint64_t offset, uint64_t bytes)
{
  uint64_t all = region_bytes (r);
  if (!bytes || offset > all || bytes > all - offset)
    return -EINVAL;
  while (fallocate (r->fd, 0, (off_t) (HEAD_PAGE + offset), (off_t) bytes) < 0)
    if (errno != EINTR)
      return -errno;
  return 0;
}

int
region_held (const struct region *r, uint32_t slot)
{
  if (slot >= REGION_SLOTS)
    return 0;
  return slot == r->slot || lock_foreign (r->fd, slot, 1) == 1;
}

uint64_t
region_boot (void)
{
  static const uint8_t key[16] = { 0 };
  char id[64];
  uint64_t none;
  int fd = open ("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read (fd, id, sizeof id);
  if (fd >= 0)
    close (fd);
  if (n > 0)
    return hash_sip (key, id, (size_t) n);
  /* Not to be told: like no other boot. */
  while (getrandom (&none, sizeof none, 0) != sizeof none)
    ;
  return none;
}
