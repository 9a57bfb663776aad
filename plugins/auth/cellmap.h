/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The cells of keys in memory, under numbers. */
#ifndef AUTH_CELLMAP_H
#define AUTH_CELLMAP_H

#include "plugins/auth/limit.h"
#include "plugins/auth/text.h"

#include <pthread.h>

#define CELLMAP_CHUNK  4096
#define CELLMAP_CHUNKS 4096

struct cellmap {
  pthread_mutex_t lock;
  struct cell *_Atomic *chunk[CELLMAP_CHUNKS];
  uint32_t count;
  uint32_t *table;
  uint64_t mask;
};

int32_t cellmap_init (struct cellmap *map);
void cellmap_finish (struct cellmap *map);

/* The number of the cell with this id, made when there is none; 0 without memory. */
uint32_t cellmap_number (struct cellmap *map, const char *id);

static inline struct cell *
cellmap_at (const struct cellmap *map, uint32_t n)
{
  return atomic_load (&map->chunk[n / CELLMAP_CHUNK][n % CELLMAP_CHUNK]);
}

#endif
