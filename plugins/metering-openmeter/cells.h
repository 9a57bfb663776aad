/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Cells: what a meter counted in one window of time, for one subject and group. */
#ifndef METERING_CELLS_H
#define METERING_CELLS_H

#include "plugins/metering-openmeter/calendar.h"
#include "plugins/metering-openmeter/decimal.h"

#define CELL_EXTREMES 0x01u /* `min` and `max` are there */
#define CELL_LATEST   0x02u /* `latest` is there */

struct cell {
  struct cell *next, *chain; /* in the order of their making; of equal hash */
  uint64_t hash;
  uint32_t meter; /* number in the configuration */
  enum unit unit;
  int64_t start;  /* minute */
  kg_str subject; /* decoded */
  kg_str group;   /* a JSON array of strings and nulls, one for each dimension; of a
                     UNIQUE_COUNT meter the value as one more */
  int64_t count;  /* events, corrections taken off */
  decimal sum, min, max, latest;
  int64_t at;     /* time of `latest`, ns */
  uint64_t sequence; /* and its place, which decides when times are equal */
  uint32_t k;
  uint32_t flags; /* CELL_EXTREMES | CELL_LATEST */
};

/* A table of cells in memory of its own, which only grows until it is freed; zero is
 * an empty one. */
struct cells {
  struct cell **slot;
  uint32_t slots, count;
  size_t bytes; /* of subjects and groups */
  struct cell *first, **last;
  struct cells_chunk *chunk;
};

/* The cell with the key of `key`, made with nothing counted if there is none; NULL
 * without memory.  Texts are copied. */
struct cell *cells_get (struct cells *t, const struct cell *key);

/* Adds what was counted: 0, or -ERANGE with *into as it was. */
int32_t cell_merge (struct cell *into, const struct cell *from);

void cells_free (struct cells *t);

#endif
