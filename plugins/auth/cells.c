/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/cells.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define CELLS_MAGIC  0x6b67656e74636c31u /* "kgentcl1" */
#define CELLS_PAGE   4096u
#define CELLS_PROBES 512  /* slots of the index that are looked at */
#define CELLS_WAIT   5000 /* milliseconds for another process to finish */

_Static_assert (sizeof (struct cell) == 192, "a cell is three cache lines");
_Static_assert (sizeof (struct hold) == 32, "a hold lies in one cache line");

/* Who may have holds in a column: `turn << 8 | state`.  The turn grows with each
 * change, so whoever has looked, and then asked whether the process lives, changes
 * only what it has seen. */
#define SLOT_FREE  0u
#define SLOT_USED  1u
#define SLOT_TAKER 16u /* + slot of the process that takes the holds back */

struct cells_head {
  _Atomic uint64_t magic;
  uint64_t boot;
  uint32_t capacity;
  _Atomic uint32_t count;   /* numbers given out, from 1 */
  _Atomic uint32_t ensured; /* numbers whose cells have their place */
  uint32_t reserved;
  struct {
    _Atomic uint32_t ensured; /* numbers whose holds have */
    _Atomic uint32_t owner;
  } slot[CELLS_SLOTS];
};

/* ---- The parts of the region --------------------------------------------- */

static uint64_t
page_up (uint64_t n)
{
  return (n + CELLS_PAGE - 1) / CELLS_PAGE * CELLS_PAGE;
}

/* At least half of the index stays empty. */
static uint32_t
index_slots (uint32_t capacity)
{
  uint32_t n = 1024;
  while (n / 2 < capacity)
    n *= 2;
  return n;
}

static uint64_t
index_bytes (uint32_t capacity)
{
  return page_up ((uint64_t) index_slots (capacity) * sizeof (uint32_t));
}

/* Number 0 has a cell, too: that nobody uses. */
static uint64_t
dense_bytes (uint32_t capacity)
{
  return page_up (((uint64_t) capacity + 1) * sizeof (struct cell));
}

static uint64_t
column_bytes (uint32_t capacity)
{
  return page_up (((uint64_t) capacity + 1) * sizeof (struct hold));
}

uint64_t
cells_bytes (uint32_t capacity)
{
  return CELLS_PAGE + index_bytes (capacity) + dense_bytes (capacity)
         + CELLS_SLOTS * column_bytes (capacity);
}

static void
cells_lay (struct cells *c, void *region, uint32_t capacity, uint32_t slot)
{
  char *p = region;
  memset (c, 0, sizeof *c);
  c->head = region;
  p += CELLS_PAGE;
  c->index = (_Atomic uint32_t *) (void *) p;
  p += index_bytes (capacity);
  c->cell = (struct cell *) (void *) p;
  p += dense_bytes (capacity);
  for (uint32_t i = 0; i < CELLS_SLOTS; i++, p += column_bytes (capacity))
    c->column[i] = (struct hold *) (void *) p;
  c->capacity = capacity;
  c->mask = index_slots (capacity) - 1;
  c->slot = slot;
}

/* ---- The index ------------------------------------------------------------ */

/* Ids are random, or chosen by the operator: nobody else can crowd a place. */
static uint32_t
id_hash (const uint8_t id[16], uint32_t kind)
{
  uint64_t a, b;
  memcpy (&a, id, sizeof a);
  memcpy (&b, id + 8, sizeof b);
  a = (a ^ kind) * 0x9e3779b97f4a7c15u ^ b;
  a = (a ^ a >> 32) * 0xd6e8feb86659fd93u;
  return (uint32_t) (a ^ a >> 32);
}

static int
cell_is (const struct cell *cell, const uint8_t id[16], uint32_t kind)
{
  return !memcmp (cell->id, id, 16)
         && atomic_load_explicit (&cell->kind, memory_order_relaxed) == kind;
}

/* Looks along the index: the number, or 0 with *ret_free at the empty slot where
 * it ended (or NULL: there was none within reach). */
static uint32_t
index_look (const struct cells *c, const uint8_t id[16], uint32_t kind,
            _Atomic uint32_t **ret_free)
{
  uint32_t at = id_hash (id, kind);
  *ret_free = NULL;
  for (uint32_t i = 0; i < CELLS_PROBES; i++, at++) {
    _Atomic uint32_t *place = &c->index[at & c->mask];
    uint32_t number = atomic_load_explicit (place, memory_order_acquire);
    if (!number) {
      *ret_free = place;
      return 0;
    }
    if (number <= c->capacity && cell_is (&c->cell[number], id, kind))
      return number;
  }
  return 0;
}

uint32_t
cells_count (const struct cells *c)
{
  uint32_t n = atomic_load (&c->head->count);
  return n < c->capacity ? n : c->capacity;
}

/* ---- Room on the disk ----------------------------------------------------- */

static uint64_t
offset_of (const struct cells *c, const void *p)
{
  return (uint64_t) ((const char *) p - (const char *) c->head);
}

static int32_t
part_ensure (const struct cells *c, const void *from, const void *to)
{
  uint64_t at = offset_of (c, from);
  return c->host.ensure ? c->host.ensure (c->host.arg, at, offset_of (c, to) - at) : 0;
}

/* Numbers below this have their place in this process. */
static uint32_t
ensured (const struct cells *c)
{
  uint32_t all = atomic_load_explicit (&c->head->ensured, memory_order_relaxed);
  uint32_t own = atomic_load_explicit (&c->head->slot[c->slot].ensured, memory_order_relaxed);
  return all < own ? all : own;
}

static void
word_raise (_Atomic uint32_t *n, uint32_t to)
{
  uint32_t old = atomic_load (n);
  while (old < to && !atomic_compare_exchange_weak (n, &old, to))
    ;
}

/* Half a step before it is needed. */
static int32_t
cells_grow (struct cells *c)
{
  uint64_t steps = ((uint64_t) cells_count (c) + CELLS_STEP / 2) / CELLS_STEP + 1;
  uint64_t to = steps * CELLS_STEP;
  uint32_t from = ensured (c);
  int32_t rc;
  if (to > (uint64_t) c->capacity + 1)
    to = (uint64_t) c->capacity + 1;
  if (from >= to)
    return 0;
  rc = from ? 0 : part_ensure (c, c->head, c->cell);
  if (rc == 0)
    rc = part_ensure (c, &c->cell[from], &c->cell[to]);
  if (rc == 0)
    rc = part_ensure (c, &c->column[c->slot][from], &c->column[c->slot][to]);
  if (rc < 0)
    return rc;
  word_raise (&c->head->ensured, (uint32_t) to);
  word_raise (&c->head->slot[c->slot].ensured, (uint32_t) to);
  return 0;
}

/* ---- Taking back ---------------------------------------------------------- */

static void
word_reclaim (_Atomic uint64_t *held, struct window *from)
{
  uint64_t word = atomic_load_explicit (held, memory_order_relaxed) ? atomic_exchange (held, 0) : 0;
  if (word_count (word))
    window_sub (from, word_number (word), word_count (word));
}

static void
hold_reclaim (struct hold *hold, struct cell *cell)
{
  uint32_t n = atomic_load_explicit (&hold->concurrent, memory_order_relaxed)
                   ? atomic_exchange (&hold->concurrent, 0)
                   : 0;
  word_reclaim (&hold->tokens, &cell->tokens);
  word_reclaim (&hold->money, &cell->money);
  word_reclaim (&hold->requests, &cell->month);
  if (n)
    atomic_fetch_sub (&cell->concurrent, n);
}

/* Whoever dies on the way leaves no more than one hold that counts until a process
 * opens the region alone: what is taken off a hold is given back after that. */
static void
column_reclaim (struct cells *c, uint32_t slot)
{
  uint32_t n = atomic_load (&c->head->slot[slot].ensured), count = cells_count (c);
  for (uint32_t i = 1; i < n && i <= count; i++)
    hold_reclaim (&c->column[slot][i], &c->cell[i]);
}

static uint32_t
owner_make (uint32_t old, uint32_t state)
{
  return (old & ~0xffu) + 0x100u + state;
}

/* 1 when the holds of a slot are nobody's, and ours to take back. */
static int32_t
slot_take (struct cells *c, uint32_t slot, uint32_t *owner)
{
  uint32_t state = *owner & 0xff, next = owner_make (*owner, SLOT_TAKER + c->slot);
  uint32_t holder = state < SLOT_TAKER ? slot : state - SLOT_TAKER;
  if (state == SLOT_FREE)
    return 0;
  if (holder != c->slot && c->host.held && c->host.held (c->host.arg, holder))
    return 0;
  if (!atomic_compare_exchange_strong (&c->head->slot[slot].owner, owner, next))
    return 0;
  *owner = next;
  return 1;
}

static void
slots_reclaim (struct cells *c)
{
  for (uint32_t i = 0; i < CELLS_SLOTS; i++) {
    uint32_t owner = atomic_load (&c->head->slot[i].owner);
    if (i == c->slot || !slot_take (c, i, &owner))
      continue;
    column_reclaim (c, i);
    atomic_compare_exchange_strong (&c->head->slot[i].owner, &owner, owner_make (owner, SLOT_FREE));
  }
}

/* Makes our slot ours; what its last process held is taken back first, by us, or by
 * another that has begun to. */
static int32_t
slot_enter (struct cells *c)
{
  _Atomic uint32_t *word = &c->head->slot[c->slot].owner;
  const struct timespec rest = { 0, 1000000 };
  for (int i = 0; i < CELLS_WAIT; i++) {
    uint32_t owner = atomic_load (word);
    if ((owner & 0xff) == SLOT_FREE
        && atomic_compare_exchange_strong (word, &owner, owner_make (owner, SLOT_USED)))
      return 0;
    if (slot_take (c, c->slot, &owner)) {
      column_reclaim (c, c->slot);
      if (atomic_compare_exchange_strong (word, &owner, owner_make (owner, SLOT_USED)))
        return 0;
    }
    nanosleep (&rest, NULL);
  }
  return -EBUSY;
}

/* ---- Putting in order: nobody else is there ------------------------------- */

/* Back to zeroes: as a hole, or where there can be none (memory of a test, some
 * file systems) by writing, without touching what is zero already. */
static void
part_clear (void *from, void *to)
{
  uint64_t *p = from, *end = to;
  if (madvise (from, (size_t) ((char *) to - (char *) from), MADV_REMOVE) == 0)
    return;
  for (; p < end; p++)
    if (*p)
      *p = 0;
}

static void
columns_clear (struct cells *c)
{
  char *begin = (char *) c->column[0];
  part_clear (begin, begin + CELLS_SLOTS * column_bytes (c->capacity));
  for (uint32_t i = 0; i < CELLS_SLOTS; i++) {
    atomic_store (&c->head->slot[i].ensured, 0);
    atomic_store (&c->head->slot[i].owner, 0);
  }
}

/* Whether a cell is worth keeping. */
static int
cell_lives (const struct cell *cell, int64_t idle_s)
{
  uint32_t kind = atomic_load (&cell->kind);
  return (kind == CELL_KEY || kind == CELL_TENANT) && atomic_load (&cell->used_s) >= idle_s;
}

/* Copies a cell so that a copy which is cut short is none. */
static void
cell_move (struct cell *to, const struct cell *from)
{
  uint32_t kind = atomic_load (&from->kind);
  atomic_store (&to->kind, 0);
  memcpy ((void *) to, (const void *) from, offsetof (struct cell, kind));
  memcpy ((char *) to + offsetof (struct cell, loose_tokens), (const void *) &from->loose_tokens,
          sizeof *to - offsetof (struct cell, loose_tokens));
  atomic_store (&to->kind, kind);
}

/* Moves cells together, and makes the index of them.  Killed on the way, it leaves
 * some cells twice, of which the next time keeps one. */
static void
cells_tidy (struct cells *c, int64_t idle_s, int rebooted)
{
  uint32_t last = cells_count (c), n = 0;
  _Atomic uint32_t *place;
  part_clear ((void *) c->index, (void *) c->cell);
  for (uint32_t i = 1; i <= last; i++) {
    struct cell *cell = &c->cell[i];
    if (!cell_lives (cell, idle_s)
        || index_look (c, cell->id, atomic_load (&cell->kind), &place) || !place)
      continue;
    if (++n != i)
      cell_move (&c->cell[n], cell);
    atomic_store (&c->cell[n].concurrent, 0);
    atomic_store (&c->cell[n].noticed, 0); /* notices that were told are known by their ids */
    if (rebooted)
      atomic_store (&c->cell[n].full_ns, 0);
    atomic_store (place, n);
  }
  atomic_store (&c->head->count, n);
}

/* After the machine's own end the pages are of different age: holds say nothing. */
static void
cells_order (struct cells *c, int64_t idle_s, uint64_t boot)
{
  int rebooted = c->head->boot != boot;
  if (atomic_load (&c->head->magic) != CELLS_MAGIC || c->head->capacity != c->capacity) {
    memset ((void *) c->head, 0, sizeof *c->head);
    c->head->capacity = c->capacity;
    atomic_store (&c->head->magic, CELLS_MAGIC);
    rebooted = 1;
  }
  for (uint32_t i = 0; i < CELLS_SLOTS && !rebooted; i++)
    column_reclaim (c, i);
  columns_clear (c);
  cells_tidy (c, idle_s, rebooted);
  c->head->boot = boot;
  atomic_store (&c->head->ensured, 0);
}

/* ---- Public --------------------------------------------------------------- */

int32_t
cells_open (struct cells *c, const struct cells_host *host, void *region, uint32_t capacity,
            uint32_t slot, uint64_t boot, int64_t idle_s, uint32_t flags)
{
  int32_t rc = 0;
  cells_lay (c, region, capacity, slot);
  c->host = *host;
  if (flags & CELLS_ALONE)
    rc = part_ensure (c, c->head, c->cell);
  if (rc < 0)
    return rc;
  if (flags & CELLS_ALONE)
    cells_order (c, idle_s, boot);
  if (atomic_load (&c->head->magic) != CELLS_MAGIC || c->head->capacity != capacity)
    return -EPROTO;
  rc = slot_enter (c);
  return rc == 0 ? cells_grow (c) : rc;
}

int32_t
cells_tend (struct cells *c)
{
  slots_reclaim (c);
  return cells_grow (c);
}

uint32_t
cells_find (const struct cells *c, const uint8_t id[16], uint32_t kind)
{
  _Atomic uint32_t *place;
  uint32_t number = index_look (c, id, kind, &place);
  return number < ensured (c) ? number : 0;
}

/* A number that nobody has; 0: there is none, or its cell has no place yet. */
static uint32_t
number_take (struct cells *c)
{
  uint32_t n = atomic_exchange (&c->unused, 0), room = ensured (c);
  if (n)
    return n;
  n = atomic_load (&c->head->count);
  do
    if (n >= c->capacity || n + 1 >= room)
      return 0;
  while (!atomic_compare_exchange_weak (&c->head->count, &n, n + 1));
  return n + 1;
}

static void
cell_init (struct cell *cell, const uint8_t id[16], uint32_t kind)
{
  memset ((void *) cell, 0, sizeof *cell);
  memcpy (cell->id, id, sizeof cell->id);
  atomic_store_explicit (&cell->kind, kind, memory_order_relaxed);
}

uint32_t
cells_number (struct cells *c, const uint8_t id[16], uint32_t kind)
{
  uint32_t own = 0, number = 0;
  _Atomic uint32_t *place;
  while (!number) {
    uint32_t none = 0;
    number = index_look (c, id, kind, &place);
    if (number || !place || (!own && !(own = number_take (c))))
      break;
    cell_init (&c->cell[own], id, kind);
    if (atomic_compare_exchange_strong (place, &none, own))
      return own;
  }
  if (own)
    atomic_store (&c->unused, own);
  return number < ensured (c) ? number : 0;
}
