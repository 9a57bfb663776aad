/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the rollup does next: which meters and units go together, and what of the log
 * they read.
 *
 * Those that are equally far go together.  A meter that is new, or counts otherwise than
 * before, begins at the log's beginning while the others go on: turns alternate between
 * who is farthest behind and who is in front, until the former has caught up. */
#include "plugins/metering-openmeter/rollup.h"

#include <errno.h>

#define RECORDS_MAX 500000 /* of one turn */
#define CELLS_MAX 20000    /* minutes' cells of one turn */
#define ROWS_MAX 2000      /* of one write, unless one unit of one meter has more */

/* Up to where older windows have what the meter reads, it counts only in the others. */
static void
floor_set (const struct rollup_rebuild *b, struct rollup_turn *t, uint32_t meter)
{
  t->floor[meter] = 0;
  if (!t->units[meter] || b->step != REBUILD_FILL || t->from.position >= b->until)
    return;
  t->floor[meter] = b->from;
  t->bound = b->until < t->bound ? b->until : t->bound;
}

/* Meters and units that are exactly at `at`, and how far it is to the next ones. */
static void
turn_set (const struct rollup *r, struct rollup_at at, struct rollup_turn *t)
{
  uint32_t i;
  memset (t->units, 0, sizeof t->units);
  t->from = at;
  t->bound = r->mt->store->newest (r->mt->usage);
  for (i = 0; i < r->meters.count * UNITS; i++) {
    const struct rollup_at *other = &r->state.at[i / UNITS][i % UNITS];
    int32_t d = rollup_at_cmp (other, &at);
    if (!d)
      t->units[i / UNITS] |= (uint8_t)(1u << i % UNITS);
    else if (d > 0 && other->position < t->bound)
      t->bound = other->position;
  }
  for (i = 0; i < r->meters.count; i++)
    floor_set (&r->state.rebuild[i], t, i);
}

/* Whose turn it is; 0 when all are as far as the log. */
static int32_t
turn_choose (struct rollup *r, struct rollup_turn *t)
{
  struct rollup_at least = { UINT64_MAX, 0 }, most = { 0, 0 };
  uint32_t i;
  for (i = 0; i < r->meters.count * UNITS; i++) {
    const struct rollup_at *at = &r->state.at[i / UNITS][i % UNITS];
    least = rollup_at_cmp (at, &least) < 0 ? *at : least;
    most = rollup_at_cmp (at, &most) > 0 ? *at : most;
  }
  turn_set (r, r->turns++ & 1 ? most : least, t);
  if (t->bound > t->from.position)
    return 1;
  turn_set (r, r->turns & 1 ? most : least, t);
  return t->bound > t->from.position;
}

/* Reading for a turn. */
struct taking {
  struct rollup_turn *turn;
  uint32_t records;
  int32_t error;
};

/* Takes a record; 1 when this was the last. */
static int32_t
record_take (const struct kg_record *record, void *arg)
{
  struct taking *taking = arg;
  struct rollup_turn *t = taking->turn;
  int32_t next;
  if (record->sequence > t->bound)
    return 1;
  t->first_ns = t->first_ns ? t->first_ns : record->time_ns;
  next = fold_record (&t->fold, record, t->to.skip);
  if (next < 0) {
    taking->error = next;
    return 1;
  }
  if (next) {
    t->to.skip = (uint32_t)next;
    return 1;
  }
  t->to = (struct rollup_at){ record->sequence, 0 };
  taking->records++;
  return fold_full (&t->fold);
}

static void
cells_count (struct rollup_turn *t)
{
  const struct cell *c;
  memset (t->cells, 0, sizeof t->cells);
  for (c = t->fold.cells.first; c; c = c->next)
    t->cells[c->meter]++;
}

int32_t
rollup_turn_read (struct rollup *r, struct rollup_turn *t)
{
  struct taking taking = { .turn = t };
  struct mt *mt = r->mt;
  uint32_t i;
  int32_t n;
  if (!turn_choose (r, t))
    return 0;
  t->began_ns = rollup_now ();
  t->first_ns = 0;
  t->to = t->from;
  t->fold = (struct fold){ .meters = &r->meters, .cells_max = CELLS_MAX };
  for (i = 0; i < r->meters.count; i++)
    t->fold.mask |= (uint64_t)(t->units[i] != 0) << i;
  n = mt->store->read (mt->usage, t->from.position, RECORDS_MAX, record_take, &taking);
  if (t->from.position <= r->least && t->first_ns)
    r->oldest_ns = t->first_ns;
  if (n < 0 || taking.error < 0)
    return n < 0 ? n : taking.error;
  /* Where nothing is left to read, what is missing was too old, or damaged. */
  if (n < RECORDS_MAX && !fold_full (&t->fold) && !t->to.skip && t->to.position < t->bound)
    t->to.position = t->bound;
  cells_count (t);
  mt->metrics->add (r->records, 0, taking.records);
  return 1;
}

/* The longest windows first: queries of everybody learn from months whose rows there are. */
int32_t
rollup_turn_next (struct rollup_turn *t, uint8_t ret_units[METERS_MAX])
{
  uint32_t i, rows = 0;
  int32_t found = 0;
  memset (ret_units, 0, METERS_MAX);
  for (i = 0; i < METERS_MAX * UNITS; i++) {
    uint32_t meter = i / UNITS, bit = 1u << (UNITS - 1 - i % UNITS);
    if (!(t->units[meter] & bit) || (rows && rows + t->cells[meter] > ROWS_MAX))
      continue;
    t->units[meter] &= (uint8_t)~bit;
    ret_units[meter] |= (uint8_t)bit;
    rows += t->cells[meter];
    found = 1;
  }
  return found;
}
