/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A file that several processes have mapped at one time, as shared memory that
 * outlives them: kg.store/1's regions.
 *
 *   page 0   head: magic, format, ready, bytes
 *   then     the contents, sparse
 *
 * Each process holds the lock of one byte of the file, its slot's, until it ends.
 * The locks belong to the open file (F_OFD_SETLK), so the kernel gives them back
 * however the process ends.  A lock more, the gate, is held while opening, and
 * by whoever opened it alone until region_settle: nobody sees what it repairs. */
#ifndef UTIL_REGION_H
#define UTIL_REGION_H

#include <stdint.h>

#define REGION_SLOTS 16u

#define REGION_NEW   0x01u /* made just now, all zero                        */
#define REGION_ALONE 0x02u /* nobody else has it                             */

#define REGION_BYTES_MAX (1ull << 40)

struct region {
  int fd;          /* with the locks; -1: not open */
  char *map;       /* the whole file */
  uint64_t length; /* bytes of the map */
  uint32_t slot, flags;
  int gated; /* the gate is ours until region_settle */
};

/* Opens the file, which is made if need be, with `bytes` of contents.  Waits at
 * most `wait_ns` for the gate and a slot.  0; -EBUSY: the gate is shut, or others
 * have it in another size; -EAGAIN: no slot is free; -EINVAL; or another -errno. */
int region_open (struct region *r, const char *path, uint64_t bytes, int64_t wait_ns);

/* What had to be done alone is done.  `good` 0: it failed, and whoever opens the
 * file next gets a new one, if this one was new.  May be repeated. */
void region_settle (struct region *r, int good);

/* Where the contents begin, and their length. */
char *region_contents (const struct region *r);
uint64_t region_bytes (const struct region *r);

/* Reserves disk space for a part of the contents: 0, -ENOSPC, -EINVAL, or
 * -EOPNOTSUPP on file systems that cannot. */
int region_ensure (const struct region *r, uint64_t offset, uint64_t bytes);

/* 1 while a living process, this one too, has the slot; else 0. */
int region_held (const struct region *r, uint32_t slot);

/* Unmaps, and gives the locks back. */
void region_close (struct region *r);

/* A number that stands for the boot of the machine. */
uint64_t region_boot (void);

#endif
