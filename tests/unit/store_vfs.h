/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A VFS of SQLite that passes everything on to the real one, and fails or kills
 * the process when told to. */
#ifndef TESTS_STORE_VFS_H
#define TESTS_STORE_VFS_H

#include <stdint.h>

#define VFS_WRITE 0x01u
#define VFS_SYNC 0x02u
#define VFS_TRUNCATE 0x04u
#define VFS_OPEN 0x08u
#define VFS_READ 0x10u
#define VFS_SHM 0x20u /* shared-memory operations of the WAL's index */
#define VFS_DELETE 0x40u

#define VFS_ERROR 1 /* answers `code` */
#define VFS_KILL 2  /* SIGKILL to itself, before the operation */
#define VFS_TORN 3  /* writes half of it, then kills itself */
#define VFS_SLOW 4  /* sleeps `code` milliseconds first */

/* Makes it the default VFS; once per process. */
void vfs_install (void);

/* From the `countdown`-th (1: the next) operation of `ops` on, for `times`
 * operations (-1: for ever), does `action`. */
void vfs_plan (uint32_t ops, int64_t countdown, int64_t times, int32_t action, int32_t code);

/* No file grows beyond so many bytes, as on a disk that is nearly full; 0: any does. */
void vfs_room (int64_t bytes);

/* Passes everything on again. */
void vfs_clear (void);

/* How many operations of the plan's kinds there were, since vfs_plan. */
int64_t vfs_count (void);

/* The most syncs that any one file descriptor met after a failed one. */
int64_t vfs_syncs_after_failure (void);

#endif
