/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/util/arena.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN 8192u

struct arena_block {
  struct arena_block *next;
  size_t size;
};

void
arena_init (struct arena *a, void *first, size_t size)
{
  uintptr_t p = ((uintptr_t) first + ARENA_ALIGN - 1) & ~(uintptr_t) (ARENA_ALIGN - 1);
  a->ptr = (char *) p;
  a->end = (char *) first + size;
  a->blocks = NULL;
  a->next_size = BLOCK_MIN;
}

void
arena_finish (struct arena *a)
{
  struct arena_block *b = a->blocks, *next;
  for (; b; b = next) {
    next = b->next;
    free (b);
  }
  a->blocks = NULL;
  a->ptr = a->end = NULL;
}

void *
arena_grow (struct arena *a, size_t size)
{
  size_t head = (sizeof (struct arena_block) + ARENA_ALIGN - 1) & ~(size_t) (ARENA_ALIGN - 1);
  size_t room = size > a->next_size ? size : a->next_size;
  struct arena_block *b = malloc (head + room);
  char *p;
  if (!b)
    return NULL;
  b->next = a->blocks;
  b->size = room;
  a->blocks = b;
  if (a->next_size < 1u << 20)
    a->next_size *= 2;
  p = (char *) b + head;
  if ((size_t) (a->end - a->ptr) < room - size) { /* keep the roomier block */
    a->ptr = p + size;
    a->end = p + room;
  }
  return p;
}

char *
arena_copy (struct arena *a, const char *p, size_t len)
{
  char *s = arena_alloc (a, len + 1);
  if (!s)
    return NULL;
  if (len)
    memcpy (s, p, len);
  s[len] = 0;
  return s;
}
