/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of verify about rollups share. */
#ifndef CTL_VERIFY_CELLS_H
#define CTL_VERIFY_CELLS_H

#include "ctl/verify_meters.h"
#include "ctl/verify_store.h"

enum { MINUTE, HOUR, DAY, MONTH, UNITS };
extern const char *const unit_name[UNITS];

/* A meter that the state names, and how far its windows are. */
struct counted {
  const struct meter *meter;
  int64_t position[UNITS], skip[UNITS];
};

#define CELL_SEEN 1     /* a row was compared with it */
#define CELL_EXTREMES 2
#define CELL_LATEST 4
#define CELL_BEYOND 8   /* a sum had no room: what the row says is not compared */

struct cell {
  uint32_t meter; /* of `counted` */
  uint8_t unit, flags;
  uint32_t k;
  int64_t start, next; /* minutes since the epoch */
  int64_t count, at, sequence;
  amount sum, min, max, latest;
};

struct verify_rollups {
  struct meters known;
  struct counted counted[METERS_KNOWN];
  uint32_t meters;
  struct cell *cell; /* v->cells has their numbers */
  size_t cells, cap;
  int64_t rows[UNITS], keep_ns[UNITS]; /* rows; how long they are kept, 0: for ever */
  int64_t farthest; /* of all positions */
  json_object *unknown; /* ids of meters whose definition isn't known */
};

/* verify_cells.c */

/* The window that the minute is in. */
void window_of (int unit, int64_t minute, int64_t *ret_start, int64_t *ret_next);

/* What names a cell. */
struct hash cell_hash (uint32_t meter, int unit, int64_t start, struct hash group);

/* The group of an event, and of a row: of the same values the same. */
struct hash group_of_event (const struct meter *m, struct piece subject, struct piece data);
int group_of_row (struct piece subject, struct piece group, struct hash *ret);

/* Adds what an event counts for a meter. */
struct event {
  int64_t sequence, time_ns;
  uint32_t k;
  int correction;
  struct piece subject, data;
};
void cells_add (struct verify *v, uint32_t number, const struct event *e);

#endif
