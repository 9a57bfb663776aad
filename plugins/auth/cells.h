/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Counters of keys and tenants, in memory that all processes on one store share
 * (a region of kg.store/1): limits hold while one process hands over to the next,
 * and nothing that was counted is forgotten when one is killed.
 *
 * Region: header | index of numbers, by id | cells | one column of holds for each
 * process that may be there.  A hold is what requests in flight have taken and not
 * yet settled, by process: what a dead one held is taken back by the living.
 * Nothing here reads a clock, takes a lock or calls the host. */
#ifndef AUTH_CELLS_H
#define AUTH_CELLS_H

#include <stdatomic.h>
#include <stdint.h>

#define CELLS_DFLT  1048576 /* of the option `cells` */
#define CELLS_SLOTS 16      /* processes; KG_REGION_SLOTS */
#define CELLS_STEP  65536   /* cells whose place on the disk is seen to at a time */

/* What a cell counts for. */
#define CELL_KEY    1 /* a key, or a caller with a token */
#define CELL_TENANT 2

/* One subject's counters, in two cache lines; a request touches the first one
 * only, unless it spends.  A window word is `number << 40 | count`: a new window
 * begins by itself. */
struct cell {
  _Alignas (64) uint8_t id[16];
  _Atomic uint32_t kind;       /* CELL_KEY ...; 0: not in use */
  _Atomic uint32_t concurrent; /* requests and streams in flight, in all processes */
  _Atomic uint64_t full_ns;    /* monotonic time at which the minute's bucket is full */
  _Atomic uint64_t day, month; /* requests */
  _Atomic uint32_t used_s;     /* last used, since the epoch, at most once a minute */
  _Atomic uint32_t reserved;
  _Atomic uint64_t denied; /* requests refused in the day */

  _Alignas (64) _Atomic uint64_t tokens, money; /* in the month: spent and reserved */
  _Atomic uint64_t loose_tokens, loose_money;   /* of these, what no usage record tells of */
  _Atomic uint64_t tokens_day;                  /* spent */
  _Atomic uint64_t noticed;                     /* thresholds told of in the month, as bits */
  _Atomic uint64_t spare[2];
};

/* What one process holds of a cell. */
struct hold {
  _Atomic uint64_t tokens, money;
  _Atomic uint32_t requests, concurrent;
};

struct cells_head;

struct cells {
  struct cells_head *head;
  _Atomic uint32_t *index;
  struct cell *cell;
  struct hold *column[CELLS_SLOTS];
  uint32_t capacity, mask; /* cells; slots of the index - 1 */
  uint32_t slot;           /* this process's column */
  _Atomic uint32_t unused; /* a number that was lost in a race, for the next one */
};

/* Bytes of a region for that many cells. */
uint64_t cells_bytes (uint32_t capacity);

/* How to open. */
#define CELLS_ALONE  0x01u /* nobody else has the region: put it in order */
#define CELLS_REBOOT 0x02u /* monotonic times in it are of another boot */

/* Uses a region of cells_bytes (capacity) bytes.  Alone it drops cells that were
 * not used since `idle_s` (seconds since the epoch), zeroes all holds and what
 * they held, and begins anew what it cannot read.  0; -EPROTO: another process
 * has it in another layout. */
int32_t cells_open (struct cells *cells, void *region, uint32_t capacity, uint32_t slot,
                    uint64_t boot, int64_t idle_s, uint32_t flags);

/* Calls ensure (arg, offset, bytes) for each part of the region that must have its
 * place on the disk before it is written to; for start, once right after
 * cells_open, and then now and then.  0, or what `ensure` said. */
int32_t cells_grow (struct cells *cells,
                    int32_t (*ensure) (void *arg, uint64_t offset, uint64_t bytes), void *arg);

/* [any] The number of a subject's cell, made when there is none: for the first
 * request of a key, not for each key that is loaded; keep it.  Valid until the
 * region is closed.  0: the table is full, or has not grown yet; ask again with the
 * next request. */
uint32_t cells_number (struct cells *cells, const uint8_t id[16], uint32_t kind);

/* [any] The number of a subject's cell, 0 when it has none. */
uint32_t cells_find (const struct cells *cells, const uint8_t id[16], uint32_t kind);

/* [any] Numbers run from 1 to this. */
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

/* Takes back what the process of a slot held; it must be dead. */
void cells_reclaim (struct cells *cells, uint32_t slot);

/* 1 when the process of a slot has taken anything since its slot was reclaimed. */
int32_t cells_holding (const struct cells *cells, uint32_t slot);

#endif
