/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/rings.h"

#include "core/util/crc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1u
#define TRIES 100 /* until a new file is locked under its name */

static const char magic[8] = "KGRING\r\n";

struct rings_head {
  char magic[8];
  uint32_t format;
  uint32_t crc; /* of everything below */
  uint32_t epoch, count;
  uint64_t size;
  uint32_t salt, zero;
  char replica[RINGS_REPLICA_MAX + 7];
};

#define SUMMED offsetof (struct rings_head, epoch)

static uint32_t
head_crc (const struct rings_head *h)
{
  return crc32c (0, (const char *) h + SUMMED, sizeof *h - SUMMED);
}

static uint64_t
rings_length (uint32_t count, uint64_t size)
{
  return 2 * (uint64_t) RINGS_PAGE + count * (RINGS_PAGE + size);
}

static int
head_valid (const struct rings_head *h, uint64_t length)
{
  if (memcmp (h->magic, magic, sizeof magic) || h->format != FORMAT || h->crc != head_crc (h))
    return 0;
  if (!h->count || h->count > RINGS_MAX || h->size < RING_SIZE_MIN || h->size & (h->size - 1))
    return 0;
  return rings_length (h->count, h->size) == length
         && memchr (h->replica, 0, RINGS_REPLICA_MAX);
}

/* Lays the rings over the mapping. */
static int
rings_lay (struct rings *rs, const struct rings_head *h)
{
  rs->ring = aligned_alloc (64, h->count * sizeof *rs->ring);
  if (!rs->ring)
    return -ENOMEM;
  rs->epoch = h->epoch;
  rs->count = h->count;
  memcpy (rs->replica, h->replica, sizeof rs->replica);
  for (uint32_t i = 0; i < h->count; i++) {
    struct ring *r = &rs->ring[i];
    char *at = rs->map + RINGS_PAGE + i * (RINGS_PAGE + h->size);
    ring_init (r, (struct ring_control *) (void *) at, at + RINGS_PAGE, h->size, h->salt + i);
    r->id_len = (uint32_t) snprintf (r->id_prefix, sizeof r->id_prefix, "%s-%08x-%02x-",
                                     rs->replica, h->epoch, i);
  }
  return 0;
}

static int
rings_map (struct rings *rs, uint64_t length)
{
  rs->map = mmap (NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, rs->fd, 0);
  if (rs->map == MAP_FAILED) {
    rs->map = NULL;
    return -errno;
  }
  rs->length = length;
  return 0;
}

/* At both ends. */
static int
heads_write (int fd, const struct rings_head *h, uint64_t length)
{
  errno = 0;
  if (pwrite (fd, h, sizeof *h, 0) == (ssize_t) sizeof *h
      && pwrite (fd, h, sizeof *h, (off_t) (length - RINGS_PAGE)) == (ssize_t) sizeof *h)
    return 0;
  return errno ? -errno : -EIO;
}

/* Creates and locks `path`.tmp, gives it its blocks, its heads and then its name: whoever
 * is killed meanwhile leaves nothing that looks damaged.  Another process may take the
 * half-made file for a dead one's and remove it: -EAGAIN. */
static int
rings_make (struct rings *rs, const struct rings_head *h, uint64_t length)
{
  char tmp[4096];
  struct stat st;
  int error;
  snprintf (tmp, sizeof tmp, "%s.tmp", rs->path);
  rs->fd = open (tmp, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (rs->fd < 0)
    return -errno;
  if (flock (rs->fd, LOCK_EX | LOCK_NB) < 0 || fstat (rs->fd, &st) < 0 || !st.st_nlink)
    return -EAGAIN;
  error = -posix_fallocate (rs->fd, 0, (off_t) length);
  if (!error)
    error = heads_write (rs->fd, h, length);
  if (error) {
    unlink (tmp);
    return error;
  }
  if (rename (tmp, rs->path) < 0)
    return errno == ENOENT ? -EAGAIN : -errno;
  return 0;
}

int
rings_create (struct rings *rs, const char *dir, uint32_t epoch, uint32_t count, uint64_t size,
              const char *replica)
{
  struct rings_head h = { .format = FORMAT, .epoch = epoch, .count = count, .size = size };
  uint64_t length = rings_length (count, size);
  int error = -EAGAIN;
  memset (rs, 0, sizeof *rs);
  rs->fd = -1;
  memcpy (h.magic, magic, sizeof magic);
  snprintf (h.replica, RINGS_REPLICA_MAX, "%s", replica);
  if (getrandom (&h.salt, sizeof h.salt, 0) != sizeof h.salt)
    return -errno;
  h.crc = head_crc (&h);
  if (asprintf (&rs->path, "%s/%08x.ring", dir, epoch) < 0)
    return -ENOMEM;
  for (int i = 0; i < TRIES && error == -EAGAIN; i++) {
    if (rs->fd >= 0)
      close (rs->fd);
    error = rings_make (rs, &h, length);
  }
  if (!error)
    error = rings_map (rs, length);
  if (!error)
    error = rings_lay (rs, &h);
  if (error)
    rings_close (rs, 0);
  return error;
}

/* Picks the head that is intact. */
static int
rings_head (struct rings *rs)
{
  const struct rings_head *first = (const void *) rs->map;
  const struct rings_head *second = (const void *) (rs->map + rs->length - RINGS_PAGE);
  if (head_valid (first, rs->length))
    return rings_lay (rs, first);
  if (head_valid (second, rs->length))
    return rings_lay (rs, second);
  return -EBADMSG;
}

int
rings_open (struct rings *rs, const char *dir, const char *name)
{
  struct stat st;
  int error = 0;
  memset (rs, 0, sizeof *rs);
  if (asprintf (&rs->path, "%s/%s", dir, name) < 0)
    return -ENOMEM;
  rs->fd = open (rs->path, O_RDWR | O_CLOEXEC);
  if (rs->fd < 0 || flock (rs->fd, LOCK_EX | LOCK_NB) < 0 || fstat (rs->fd, &st) < 0)
    error = errno == EWOULDBLOCK ? -EBUSY : -errno;
  else if (!st.st_nlink)
    error = -ENOENT; /* its finder was quicker */
  else if (st.st_size < (off_t) rings_length (1, RING_SIZE_MIN) || st.st_size % RINGS_PAGE)
    return -EBADMSG;
  else
    error = rings_map (rs, (uint64_t) st.st_size);
  if (!error)
    error = rings_head (rs);
  if (error && error != -EBADMSG)
    rings_close (rs, 0);
  return error;
}

void
rings_close (struct rings *rs, int remove)
{
  if (rs->map)
    munmap (rs->map, rs->length);
  if (remove && rs->path)
    unlink (rs->path);
  if (rs->fd >= 0)
    close (rs->fd);
  free (rs->path);
  free (rs->ring);
  memset (rs, 0, sizeof *rs);
  rs->fd = -1;
}

static int
name_ends (const char *name, const char *end)
{
  size_t n = strlen (name), m = strlen (end);
  return n > m && !strcmp (name + n - m, end);
}

/* Removes a half-made file, unless its maker is still at it. */
static void
rings_sweep (const char *dir, const char *name)
{
  struct rings rs = { .fd = -1 };
  if (asprintf (&rs.path, "%s/%s", dir, name) < 0)
    return;
  rs.fd = open (rs.path, O_RDWR | O_CLOEXEC);
  rings_close (&rs, rs.fd >= 0 && !flock (rs.fd, LOCK_EX | LOCK_NB));
}

static int
name_select (const struct dirent *e)
{
  return name_ends (e->d_name, ".ring") || name_ends (e->d_name, ".ring.tmp");
}

int
rings_each (const char *dir, int (*fn) (const char *name, void *arg), void *arg)
{
  struct dirent **list;
  int r = 0;
  int n = scandir (dir, &list, name_select, alphasort); /* oldest first */
  if (n < 0)
    return -errno;
  for (int i = 0; i < n; i++) {
    if (name_ends (list[i]->d_name, ".tmp"))
      rings_sweep (dir, list[i]->d_name);
    else if (!r)
      r = fn (list[i]->d_name, arg);
    free (list[i]);
  }
  free (list);
  return r;
}
