/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "store_vfs.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct shim {
  sqlite3_file base;
  int64_t failed; /* syncs that failed on it */
  sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim_vfs;
static sqlite3_io_methods shim_methods;

static _Atomic uint32_t plan_ops;
static _Atomic int64_t plan_countdown, plan_times, plan_count;
static _Atomic int32_t plan_action, plan_code;
static _Atomic int64_t after_failure, room;

void
vfs_plan (uint32_t ops, int64_t countdown, int64_t times, int32_t action, int32_t code)
{
  plan_ops = 0;
  plan_count = 0;
  plan_countdown = countdown;
  plan_times = times;
  plan_action = action;
  plan_code = code;
  plan_ops = ops;
}

void
vfs_room (int64_t bytes)
{
  room = bytes;
}

void
vfs_clear (void)
{
  plan_ops = 0;
  room = 0;
}

int64_t
vfs_count (void)
{
  return plan_count;
}

int64_t
vfs_syncs_after_failure (void)
{
  return after_failure;
}

/* What is to happen to this operation: 0, or an action. */
static int32_t
shim_meets (uint32_t op)
{
  int64_t n;
  if (!(plan_ops & op))
    return 0;
  n = ++plan_count;
  if (n < plan_countdown || (plan_times >= 0 && n >= plan_countdown + plan_times))
    return 0;
  if (plan_action == VFS_KILL)
    raise (SIGKILL);
  if (plan_action == VFS_SLOW) {
    struct timespec t = { plan_code / 1000, plan_code % 1000 * 1000000l };
    nanosleep (&t, NULL);
    return 0;
  }
  return plan_action;
}

static sqlite3_file *
real_of (sqlite3_file *f)
{
  return ((struct shim *) f)->real;
}

static int
shim_close (sqlite3_file *f)
{
  return real_of (f)->pMethods->xClose (real_of (f));
}

static int
shim_read (sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
  if (shim_meets (VFS_READ))
    return plan_code;
  return real_of (f)->pMethods->xRead (real_of (f), p, n, at);
}

static int
shim_write (sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
  int32_t action = shim_meets (VFS_WRITE);
  if (action == VFS_TORN) {
    real_of (f)->pMethods->xWrite (real_of (f), p, n / 2, at);
    raise (SIGKILL);
  }
  if (action)
    return plan_code;
  if (room && at + n > room)
    return SQLITE_FULL;
  return real_of (f)->pMethods->xWrite (real_of (f), p, n, at);
}

static int
shim_truncate (sqlite3_file *f, sqlite3_int64 size)
{
  if (shim_meets (VFS_TRUNCATE))
    return plan_code;
  return real_of (f)->pMethods->xTruncate (real_of (f), size);
}

static int
shim_sync (sqlite3_file *f, int flags)
{
  struct shim *s = (struct shim *) f;
  if (s->failed)
    after_failure++;
  if (shim_meets (VFS_SYNC)) {
    s->failed++;
    return plan_code;
  }
  return real_of (f)->pMethods->xSync (real_of (f), flags);
}

static int
shim_size (sqlite3_file *f, sqlite3_int64 *size)
{
  return real_of (f)->pMethods->xFileSize (real_of (f), size);
}

static int
shim_lock (sqlite3_file *f, int level)
{
  return real_of (f)->pMethods->xLock (real_of (f), level);
}

static int
shim_unlock (sqlite3_file *f, int level)
{
  return real_of (f)->pMethods->xUnlock (real_of (f), level);
}

static int
shim_reserved (sqlite3_file *f, int *out)
{
  return real_of (f)->pMethods->xCheckReservedLock (real_of (f), out);
}

static int
shim_control (sqlite3_file *f, int op, void *arg)
{
  return real_of (f)->pMethods->xFileControl (real_of (f), op, arg);
}

static int
shim_sector (sqlite3_file *f)
{
  return real_of (f)->pMethods->xSectorSize (real_of (f));
}

static int
shim_character (sqlite3_file *f)
{
  return real_of (f)->pMethods->xDeviceCharacteristics (real_of (f));
}

static int
shim_shm_map (sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
  if (shim_meets (VFS_SHM))
    return plan_code;
  return real_of (f)->pMethods->xShmMap (real_of (f), page, size, extend, out);
}

static int
shim_shm_lock (sqlite3_file *f, int offset, int n, int flags)
{
  if ((flags & SQLITE_SHM_LOCK) && shim_meets (VFS_SHM))
    return plan_code;
  return real_of (f)->pMethods->xShmLock (real_of (f), offset, n, flags);
}

static void
shim_shm_barrier (sqlite3_file *f)
{
  real_of (f)->pMethods->xShmBarrier (real_of (f));
}

static int
shim_shm_unmap (sqlite3_file *f, int remove)
{
  return real_of (f)->pMethods->xShmUnmap (real_of (f), remove);
}

static int
shim_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
  struct shim *s = (struct shim *) f;
  int r;
  (void) vfs;
  memset (s, 0, sizeof *s);
  if (shim_meets (VFS_OPEN))
    return plan_code;
  s->real = (sqlite3_file *) (s + 1);
  r = real_vfs->xOpen (real_vfs, name, s->real, flags, out);
  if (s->real->pMethods)
    f->pMethods = &shim_methods;
  return r;
}

static int
shim_delete (sqlite3_vfs *vfs, const char *name, int sync)
{
  (void) vfs;
  if (shim_meets (VFS_DELETE))
    return plan_code;
  return real_vfs->xDelete (real_vfs, name, sync);
}

static sqlite3_io_methods shim_methods = {
  .iVersion = 2,
  .xClose = shim_close,
  .xRead = shim_read,
  .xWrite = shim_write,
  .xTruncate = shim_truncate,
  .xSync = shim_sync,
  .xFileSize = shim_size,
  .xLock = shim_lock,
  .xUnlock = shim_unlock,
  .xCheckReservedLock = shim_reserved,
  .xFileControl = shim_control,
  .xSectorSize = shim_sector,
  .xDeviceCharacteristics = shim_character,
  .xShmMap = shim_shm_map,
  .xShmLock = shim_shm_lock,
  .xShmBarrier = shim_shm_barrier,
  .xShmUnmap = shim_shm_unmap,
};

void
vfs_install (void)
{
  if (real_vfs)
    return;
  real_vfs = sqlite3_vfs_find (NULL);
  shim_vfs = *real_vfs;
  shim_vfs.zName = "kgent-test";
  shim_vfs.szOsFile = (int) sizeof (struct shim) + real_vfs->szOsFile;
  shim_vfs.xOpen = shim_open;
  shim_vfs.xDelete = shim_delete;
  sqlite3_vfs_register (&shim_vfs, 1);
}
