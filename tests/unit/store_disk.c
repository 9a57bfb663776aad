/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "store_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512
#define FILES  32

struct bytes {
  char *ptr;
  size_t len;
};

/* A write, or with data.ptr NULL a truncation to `at`. */
struct step {
  int64_t at;
  struct bytes data;
  size_t size; /* of the file, afterwards */
};

/* A file of the database, or one that is mapped: the latter has no steps, but what it was. */
struct file {
  char name[128];
  struct bytes sure;
  struct step *steps;
  size_t nsteps, cap, size;
};

struct shim {
  sqlite3_file base;
  struct file *file;
  sqlite3_file *real;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES];
static char watched[256];
static sqlite3_vfs *real_vfs, disk_vfs;
static sqlite3_io_methods methods;

/* ---- What was written ------------------------------------------------------- */

static void
bytes_grow (struct bytes *b, size_t len)
{
  if (len <= b->len)
    return;
  b->ptr = realloc (b->ptr, len);
  memset (b->ptr + b->len, 0, len - b->len);
  b->len = len;
}

static struct bytes
bytes_read (const char *path)
{
  struct bytes b = { NULL, 0 };
  struct stat st;
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return b;
  if (!fstat (fd, &st)) {
    bytes_grow (&b, (size_t) st.st_size);
    if (b.len && pread (fd, b.ptr, b.len, 0) != (ssize_t) b.len)
      abort ();
  }
  close (fd);
  return b;
}

static struct file *
file_of (const char *name)
{
  for (int i = 0; i < FILES; i++) {
    if (!*files[i].name)
      snprintf (files[i].name, sizeof files[i].name, "%s", name);
    if (!strcmp (files[i].name, name))
      return &files[i];
  }
  abort ();
}

static void
steps_drop (struct file *f)
{
  while (f->nsteps)
    free (f->steps[--f->nsteps].data.ptr);
}

static void
step_add (struct file *f, int64_t at, const void *data, size_t len)
{
  struct step *s;
  if (f->nsteps == f->cap) {
    f->cap = f->cap ? 2 * f->cap : 64;
    f->steps = realloc (f->steps, f->cap * sizeof *f->steps);
  }
  s = &f->steps[f->nsteps++];
  *s = (struct step){ .at = at };
  if (data) {
    bytes_grow (&s->data, len);
    memcpy (s->data.ptr, data, len);
  }
  f->size = !data || (size_t) at + len > f->size ? (size_t) at + len : f->size;
  s->size = f->size;
}

/* Does a step to the bytes from..to. */
static void
step_do (const struct step *s, struct bytes *b, size_t from, size_t to)
{
  size_t begin = (size_t) s->at, end = s->data.ptr ? begin + s->data.len : b->len;
  begin = begin > from ? begin : from;
  end = end < to ? end : to;
  if (begin >= end)
    return;
  if (s->data.ptr)
    memcpy (b->ptr + begin, s->data.ptr + (begin - (size_t) s->at), end - begin);
  else
    memset (b->ptr + begin, 0, end - begin);
}

/* All that was written to it is on the disk. */
static void
file_sync (struct file *f)
{
  for (size_t i = 0; i < f->nsteps; i++) {
    bytes_grow (&f->sure, f->steps[i].size);
    step_do (&f->steps[i], &f->sure, 0, SIZE_MAX);
    f->sure.len = f->steps[i].size;
  }
  steps_drop (f);
}

/* ---- States ----------------------------------------------------------------- */

/* splitmix64 */
static uint64_t
chance (uint64_t *state)
{
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* How many of n steps reached a sector.  Of some files nothing is lost, or all that can be, or
 * one sector in sixteen; or it is any number. */
static size_t
reached (size_t n, int mood, uint64_t *seed)
{
  size_t k = (size_t) (chance (seed) % (n + 1));
  if (mood == 0 || (mood == 2 && chance (seed) % 16))
    k = n;
  else if (mood == 1)
    k = 0;
  return k;
}

static struct bytes
file_state (const struct file *f, uint64_t *seed)
{
  struct bytes b = { NULL, 0 };
  int mood = (int) (chance (seed) % 5);
  size_t most = f->sure.len, k = reached (f->nsteps, mood, seed);
  for (size_t i = 0; i < f->nsteps; i++)
    most = f->steps[i].size > most ? f->steps[i].size : most;
  bytes_grow (&b, most);
  if (f->sure.len)
    memcpy (b.ptr, f->sure.ptr, f->sure.len);
  for (size_t at = 0; f->nsteps && at < most; at += SECTOR)
    for (size_t i = 0, n = reached (f->nsteps, mood, seed); i < n; i++)
      step_do (&f->steps[i], &b, at, at + SECTOR);
  b.len = k ? f->steps[k - 1].size : f->sure.len;
  return b;
}

/* Of a mapped file: what it has, or had when it was last looked at, at first nothing. */
static struct bytes
map_state (struct file *f, const char *path, uint64_t *seed)
{
  struct bytes now = bytes_read (path), b = { NULL, 0 };
  int mood = (int) (chance (seed) % 5);
  bytes_grow (&b, now.len);
  bytes_grow (&f->sure, now.len);
  for (size_t at = 0; at < now.len; at += SECTOR) {
    size_t n = now.len - at < SECTOR ? now.len - at : SECTOR;
    int same = !memcmp (now.ptr + at, f->sure.ptr + at, n);
    memcpy (b.ptr + at, (same || reached (1, mood, seed) ? now.ptr : f->sure.ptr) + at, n);
  }
  free (f->sure.ptr);
  f->sure = now;
  return b;
}

static void
state_write (const char *to, const char *name, struct bytes b)
{
  char path[512];
  int fd;
  snprintf (path, sizeof path, "%s/%s", to, name);
  fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write (fd, b.ptr, b.len) != (ssize_t) b.len)
    abort ();
  close (fd);
  free (b.ptr);
}

static void
state_maps (const char *to, const char *folder, uint64_t *seed)
{
  char path[600], name[300];
  struct dirent *e;
  DIR *d;
  snprintf (path, sizeof path, "%s/%s", to, folder);
  mkdir (path, 0700);
  snprintf (path, sizeof path, "%s/%s", watched, folder);
  d = opendir (path);
  while (d && (e = readdir (d)))
    if (*e->d_name != '.') {
      snprintf (name, sizeof name, "%s/%.200s", folder, e->d_name);
      snprintf (path, sizeof path, "%s/%s", watched, name);
      state_write (to, name, map_state (file_of (name), path, seed));
    }
  if (d)
    closedir (d);
}

void
disk_state (const char *to, uint64_t seed)
{
  pthread_mutex_lock (&lock);
  mkdir (to, 0700);
  for (int i = 0; i < FILES && *files[i].name; i++)
    if (!strchr (files[i].name, '/') && (files[i].sure.len || files[i].nsteps))
      state_write (to, files[i].name, file_state (&files[i], &seed));
  state_maps (to, "rings", &seed);
  state_maps (to, "regions", &seed);
  pthread_mutex_unlock (&lock);
}

void
disk_watch (const char *dir)
{
  pthread_mutex_lock (&lock);
  for (int i = 0; i < FILES; i++) {
    steps_drop (&files[i]);
    free (files[i].steps);
    free (files[i].sure.ptr);
  }
  memset (files, 0, sizeof files);
  snprintf (watched, sizeof watched, "%s", dir ? dir : "");
  pthread_mutex_unlock (&lock);
}

/* ---- The VFS ---------------------------------------------------------------- */

static sqlite3_file *
real_of (sqlite3_file *f)
{
  return ((struct shim *) f)->real;
}

static int
disk_close (sqlite3_file *f)
{
  return real_of (f)->pMethods->xClose (real_of (f));
}

static int
disk_read (sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
  return real_of (f)->pMethods->xRead (real_of (f), p, n, at);
}

static int
disk_write (sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
  struct file *file = ((struct shim *) f)->file;
  int r;
  pthread_mutex_lock (&lock);
  r = real_of (f)->pMethods->xWrite (real_of (f), p, n, at);
  if (r == SQLITE_OK && file)
    step_add (file, at, p, (size_t) n);
  pthread_mutex_unlock (&lock);
  return r;
}

static int
disk_truncate (sqlite3_file *f, sqlite3_int64 size)
{
  struct file *file = ((struct shim *) f)->file;
  int r;
  pthread_mutex_lock (&lock);
  r = real_of (f)->pMethods->xTruncate (real_of (f), size);
  if (r == SQLITE_OK && file)
    step_add (file, size, NULL, 0);
  pthread_mutex_unlock (&lock);
  return r;
}

/* Nothing is on the disk before the end of it; and nobody needs ours to get there. */
static int
disk_sync (sqlite3_file *f, int flags)
{
  struct file *file = ((struct shim *) f)->file;
  (void) flags;
  pthread_mutex_lock (&lock);
  if (file)
    file_sync (file);
  pthread_mutex_unlock (&lock);
  return SQLITE_OK;
}

static int
disk_size (sqlite3_file *f, sqlite3_int64 *size)
{
  return real_of (f)->pMethods->xFileSize (real_of (f), size);
}

static int
disk_lock (sqlite3_file *f, int level)
{
  return real_of (f)->pMethods->xLock (real_of (f), level);
}

static int
disk_unlock (sqlite3_file *f, int level)
{
  return real_of (f)->pMethods->xUnlock (real_of (f), level);
}

static int
disk_reserved (sqlite3_file *f, int *out)
{
  return real_of (f)->pMethods->xCheckReservedLock (real_of (f), out);
}

static int
disk_control (sqlite3_file *f, int op, void *arg)
{
  return real_of (f)->pMethods->xFileControl (real_of (f), op, arg);
}

static int
disk_sector (sqlite3_file *f)
{
  return real_of (f)->pMethods->xSectorSize (real_of (f));
}

/* Unlike the real one it promises nothing: not that a sector keeps what is beside a write. */
static int
disk_character (sqlite3_file *f)
{
  (void) f;
  return 0;
}

static int
disk_shm_map (sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
  return real_of (f)->pMethods->xShmMap (real_of (f), page, size, extend, out);
}

static int
disk_shm_lock (sqlite3_file *f, int offset, int n, int flags)
{
  return real_of (f)->pMethods->xShmLock (real_of (f), offset, n, flags);
}

static void
disk_shm_barrier (sqlite3_file *f)
{
  real_of (f)->pMethods->xShmBarrier (real_of (f));
}

static int
disk_shm_unmap (sqlite3_file *f, int remove)
{
  return real_of (f)->pMethods->xShmUnmap (real_of (f), remove);
}

/* The record of a file that is watched, with what is there already. */
static struct file *
file_watch (const char *name)
{
  size_t n = strlen (watched);
  struct file *f;
  if (!n || !name || strncmp (name, watched, n) || name[n] != '/')
    return NULL;
  f = file_of (name + n + 1);
  if (!f->size && !f->nsteps) {
    f->sure = bytes_read (name);
    f->size = f->sure.len;
  }
  return f;
}

static int
disk_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
  struct shim *s = (struct shim *) f;
  int r;
  (void) vfs;
  memset (s, 0, sizeof *s);
  s->real = (sqlite3_file *) (s + 1);
  pthread_mutex_lock (&lock);
  s->file = file_watch (name);
  pthread_mutex_unlock (&lock);
  r = real_vfs->xOpen (real_vfs, name, s->real, flags, out);
  if (s->real->pMethods)
    f->pMethods = &methods;
  return r;
}

static int
disk_delete (sqlite3_vfs *vfs, const char *name, int sync)
{
  struct file *f;
  int r;
  (void) vfs;
  pthread_mutex_lock (&lock);
  r = real_vfs->xDelete (real_vfs, name, sync);
  f = r == SQLITE_OK ? file_watch (name) : NULL;
  if (f) {
    steps_drop (f);
    f->sure.len = f->size = 0;
  }
  pthread_mutex_unlock (&lock);
  return r;
}

static sqlite3_io_methods methods = {
  .iVersion = 2,
  .xClose = disk_close,
  .xRead = disk_read,
  .xWrite = disk_write,
  .xTruncate = disk_truncate,
  .xSync = disk_sync,
  .xFileSize = disk_size,
  .xLock = disk_lock,
  .xUnlock = disk_unlock,
  .xCheckReservedLock = disk_reserved,
  .xFileControl = disk_control,
  .xSectorSize = disk_sector,
  .xDeviceCharacteristics = disk_character,
  .xShmMap = disk_shm_map,
  .xShmLock = disk_shm_lock,
  .xShmBarrier = disk_shm_barrier,
  .xShmUnmap = disk_shm_unmap,
};

void
disk_install (void)
{
  if (real_vfs)
    return;
  real_vfs = sqlite3_vfs_find (NULL);
  disk_vfs = *real_vfs;
  disk_vfs.zName = "kgent-disk";
  disk_vfs.szOsFile = (int) sizeof (struct shim) + real_vfs->szOsFile;
  disk_vfs.xOpen = disk_open;
  disk_vfs.xDelete = disk_delete;
  sqlite3_vfs_register (&disk_vfs, 1);
}
