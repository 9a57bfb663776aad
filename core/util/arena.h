/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A memory arena: many small allocations, freed together.
 *
 * The first block is the caller's; further blocks come from malloc and grow
 * geometrically.  Not thread-safe. */
#ifndef UTIL_ARENA_H
#define UTIL_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_ALIGN 16u

struct arena_block;

struct arena {
  char *ptr, *end;             /* free room of the current block */
  struct arena_block *blocks;  /* malloc'ed ones, newest first */
  size_t next_size;            /* bytes of the next malloc'ed block */
};

/* Starts an arena in `first`, `size` bytes of the caller's, which must outlive it. */
void arena_init (struct arena *a, void *first, size_t size);

/* Frees all malloc'ed blocks; the arena must be initialised again. */
void arena_finish (struct arena *a);

/* The slow way of arena_alloc: a new block.  `size` is a multiple of ARENA_ALIGN. */
void *arena_grow (struct arena *a, size_t size);

/* `size` bytes, 16-aligned, not zeroed; NULL without memory. */
static inline void *
arena_alloc (struct arena *a, size_t size)
{
  char *p = a->ptr;
  if (size > (size_t) 1 << 40)
    return NULL;
  size = (size + ARENA_ALIGN - 1) & ~(size_t) (ARENA_ALIGN - 1);
  if (!p || (size_t) (a->end - p) < size)
    return arena_grow (a, size);
  a->ptr = p + size;
  return p;
}

/* Gives the end of what was allocated last back: `size` bytes at `p`, of which `used` stay.
 * Nothing happens when something else was allocated since. */
static inline void
arena_shrink (struct arena *a, void *p, size_t size, size_t used)
{
  const size_t up = ARENA_ALIGN - 1;
  if ((char *) p + ((size + up) & ~up) == a->ptr)
    a->ptr = (char *) p + ((used + up) & ~up);
}

/* A NUL-terminated copy; NULL without memory. */
char *arena_copy (struct arena *a, const char *p, size_t len);

#endif
