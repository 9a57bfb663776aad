/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Counters of keys and tenants, in memory that all processes on one store share
 * (a region of kg.store/1): limits hold while one process hands over to the next,
 * and nothing that was counted is forgotten when one is killed.
 *
 * Region: header | index of numbers, by id | cells | one column of holds for each
 * process that may be there.  A hold is what requests in flight have taken and not
 * yet settled, by process: what a dead one held is taken back by the living.
 * Nothing here reads a clock, takes a lock or waits, but cells_open. */
#ifndef AUTH_CELLS_H
#define AUTH_CELLS_H

#include "plugins/auth/window.h"

#define CELLS_REGION "auth.cells.1" /* a new number for a new layout */
#define CELLS_DFLT   1048576        /* of the option `cells` */
#define CELLS_SLOTS  16             /* processes; KG_REGION_SLOTS */
#define CELLS_STEP   65536          /* cells whose place on the disk is seen to at a time */

/* What a cell counts for. */
#define CELL_KEY    1 /* a key, or a caller with a token */
#define CELL_TENANT 2

/* One subject's counters.  A request takes from the first cache line, and reads the
 * second one; it writes there when it spends. */
struct cell {
  _Alignas (64) uint8_t id[16];
  _Atomic uint64_t full_ns;    /* monotonic time at which the minute's bucket is full */
  struct window day, month;    /* requests */
  _Atomic uint32_t concurrent; /* requests and streams in flight, in all processes */
  _Atomic uint32_t used_s;     /* last used, since the epoch, at most once a minute */

  _Alignas (64) struct window tokens; /* in the month: spent and reserved */
  struct window money;
  struct window tokens_day; /* spent */
  _Atomic uint64_t noticed; /* thresholds told of in a month: a word, of bits */
  _Atomic uint32_t kind;    /* CELL_KEY ...; 0: not in use */

  _Alignas (64) struct window loose_tokens; /* spent, but in no usage record */
  struct window loose_money;
  struct window denied; /* requests in the day */
};

/* What one process holds of a cell: words of the month. */
struct hold {
  _Alignas (32) _Atomic uint64_t tokens;
  _Atomic uint64_t money, requests;
  _Atomic uint32_t concurrent;
};

/* What the region needs of its host. */
struct cells_host {
  void *arg;
  /* Sees to it that a part of the region has its place on the disk; 0 or -errno. */
  int32_t (*ensure) (void *arg, uint64_t offset, uint64_t bytes);
  /* 1 while a living process has the slot. */
  int32_t (*held) (void *arg, uint32_t slot);
};

struct cells_head;

struct cells {
  struct cells_host host;
  struct cells_head *head;
  _Atomic uint32_t *index;
  struct cell *cell;
  struct hold *column[CELLS_SLOTS];
  uint32_t capacity, mask; /* cells; slots of the index - 1 */
  uint32_t slot;           /* this process's column */
  _Atomic uint32_t unused; /* a number that lost a race, for the next one */
};

/* Bytes of a region for that many cells. */
uint64_t cells_bytes (uint32_t capacity);

/* How to open. */
#define CELLS_ALONE 0x01u /* nobody else has the region: put it in order */

/* Uses a region of cells_bytes (capacity) bytes, for as long as it is mapped.  Alone it
 * drops cells that were not used since `idle_s` (seconds since the epoch), and all
 * holds, which are taken back; of another boot of the machine also what is in monotonic
 * time.  0; -EPROTO: it is not alone and has no region that it can read; -EBUSY: what its
 * slot's last process held is being taken back, and doesn't end; or what `ensure` said. */
int32_t cells_open (struct cells *cells, const struct cells_host *host, void *region,
                    uint32_t capacity, uint32_t slot, uint64_t boot, int64_t idle_s,
                    uint32_t flags);

/* [any, not a worker] Now and then: makes room for cells to come, and takes back
 * what dead processes held.  0, or what `ensure` said. */
int32_t cells_tend (struct cells *cells);

/* [any] The number of a subject's cell, made when there is none: for the first
 * request of a key, not for each key that is loaded; keep it.  Valid until the
 * region is closed.  0: the table is full, or has not grown yet; ask again with the
 * next request. */
uint32_t cells_number (struct cells *cells, const uint8_t id[16], uint32_t kind);

/* [any] The number of a subject's cell; 0: it has none. */
uint32_t cells_find (const struct cells *cells, const uint8_t id[16], uint32_t kind);

/* [any] Numbers run from 1 to this; a cell between may be empty, of kind 0. */
uint32_t cells_count (const struct cells *cells);

/* [any] The cell of a number, which is not 0. */
static inline struct cell *
cell_at (const struct cells *cells, uint32_t number)
{
  return &cells->cell[number];
}

/* [any] What this process holds of it. */
static inline struct hold *
hold_at (const struct cells *cells, uint32_t number)
{
  return &cells->column[cells->slot][number];
}

#endif
