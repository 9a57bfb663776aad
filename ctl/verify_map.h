/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A table from hashes of 128 bits to a number; it has no deletion. */
#ifndef CTL_VERIFY_MAP_H
#define CTL_VERIFY_MAP_H

#include <stddef.h>
#include <stdint.h>

struct hash {
  uint64_t a, b;
};

/* Goes on with a hash; start with zeros.  Not against one who looks for collisions. */
struct hash hash_add (struct hash h, const void *p, size_t n);

struct map_slot {
  struct hash key;
  uint64_t value;
};

struct map {
  struct map_slot *slot;
  size_t slots, count;
};

/* The value's place, made with `value` when there is none; *ret_new tells.  Ends the
 * program without memory. */
uint64_t *map_put (struct map *m, struct hash key, uint64_t value, int *ret_new);

/* NULL: there is none. */
uint64_t *map_get (const struct map *m, struct hash key);
void map_free (struct map *m);

#endif
