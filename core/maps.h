/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What is where in this process's memory, as /proc/self/maps tells it; for signal handlers. */
#ifndef CORE_MAPS_H
#define CORE_MAPS_H

#include <stdint.h>

struct mapping {
  uintptr_t from, to, offset; /* the last one in its file */
  const char *flags;          /* "rw-p", and more behind it */
  const char *name;           /* a path, "[heap]", or "" */
  int is_file;                /* a file backs it */
};

/* Calls fn for each, in the order of their addresses, without a lock or an allocation: 0, or
 * -errno. */
int maps_each (void (*fn) (const struct mapping *m));

#endif
