/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The file that holds one process's rings, `rings/EPOCH.ring`.
 *
 *   page 0      head: magic, format, epoch, rings, bytes of each, salt, replica
 *   per ring    control page, then the ring's bytes
 *   last page   the head once more
 *
 * The process keeps it locked (flock) as long as it lives, so whoever gets the
 * lock knows that the owner is dead.  Its blocks are allocated when it is made:
 * writing to the mapping cannot meet a full disk. */
#ifndef CORE_RINGS_H
#define CORE_RINGS_H

#include "core/ring.h"

#include <stdint.h>

#define RINGS_PAGE 4096u
#define RINGS_MAX 1024u
#define RINGS_REPLICA_MAX 65u /* bytes with NUL */

struct rings {
  int fd; /* locked */
  char *path;
  char *map;
  uint64_t length; /* bytes of the mapping */
  uint32_t epoch, count;
  char replica[RINGS_REPLICA_MAX];
  struct ring *ring; /* `count` of them */
};

/* Makes the file for a new process in the folder `dir`: 0, -ENOSPC, ... */
int rings_create (struct rings *rs, const char *dir, uint32_t epoch, uint32_t count,
                  uint64_t size, const char *replica);

/* Opens another process's file: 0; -EBUSY when it lives; -EBADMSG when neither
 * head makes sense (it stays locked until rings_close); or -errno. */
int rings_open (struct rings *rs, const char *dir, const char *name);

/* Unmaps and unlocks; removes the file first if `remove`. */
void rings_close (struct rings *rs, int remove);

/* Calls fn for each *.ring file in `dir` until it answers other than 0; returns
 * that.  Half-made files of dead processes are removed. */
int rings_each (const char *dir, int (*fn) (const char *name, void *arg), void *arg);

#endif
