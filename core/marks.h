/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Marks, which are ids that a log remembers: how they are written, the fresh ones in memory,
 * and filters that say which run cannot have one (docs/design/0033-marks.md).
 *
 * In a row they lie back to back, all numbers little-endian:
 *
 *   8 expires, ns since the epoch, 0 never | 4 log | 2 length of the key | 1 of the value | 1 zero
 *   key | value
 *
 * A hash is the SipHash of the key, under the store's own secret. */
#ifndef CORE_MARKS_H
#define CORE_MARKS_H

#include "core/abi.h"

#include <kgent/store.h>

#include <stddef.h>
#include <stdint.h>

#define MARKS_HEADS 262144u /* chains; a power of 2 */
#define MARKS_BLOCK 64u     /* bytes of a filter that one mark has its bits in: a cache line */
#define MARKS_NEVER INT64_MAX

struct mark {
  int64_t expires_ns; /* 0: never */
  uint32_t log;
  kg_str key, value;
};

static inline int
mark_lives (const struct mark *m, int64_t now)
{
  return !m->expires_ns || m->expires_ns > now;
}

/* Reads the mark at *at and moves on: 1; 0 at the end; -EBADMSG. */
int32_t mark_next (kg_str blob, size_t *at, struct mark *ret);

/* ---- Bytes ------------------------------------------------------------------------- */

struct marks_bytes {
  char *ptr;
  size_t len, cap;
};

/* ---- Fresh ones -------------------------------------------------------------------- */

/* In the order in which they came, so that the last ones can be taken back, and in chains
 * by the upper bits of their hashes, so that a part of a run is some chains in a row. */
struct marks {
  struct marks_bytes bytes;
  uint32_t *head; /* of chains: places / 8 + 1; NULL until there is one */
  uint32_t count;
  int64_t expires_ns; /* when all are over; MARKS_NEVER */
};

/* 0, or -ENOMEM. */
int32_t marks_add (struct marks *m, uint64_t hash, const struct mark *mark);

/* One that lives and lies before `end` bytes: 1 and *ret, else 0. */
int marks_find (const struct marks *m, uint64_t hash, uint32_t log, kg_str key, size_t end,
                int64_t now, struct mark *ret);

/* Takes back those that lie behind `len` bytes. */
void marks_cut (struct marks *m, size_t len);

/* Forgets all, and keeps the memory. */
void marks_clear (struct marks *m);
void marks_finish (struct marks *m);

/* Writes those behind `from` bytes as a row, in their order: 0, or -ENOMEM. */
int32_t marks_pack (const struct marks *m, size_t from, struct marks_bytes *out);

/* Calls fn with the hash of each. */
void marks_each (const struct marks *m, void (*fn) (uint64_t hash, void *arg), void *arg);

/* Writes the living of one part of `parts` (a power of 2), and calls fn with their hashes:
 * how many, or -ENOMEM. */
int32_t marks_pack_part (const struct marks *m, uint32_t part, uint32_t parts, int64_t now,
                         struct marks_bytes *out, void (*fn) (uint64_t hash, void *arg),
                         void *arg);

/* The part that a hash belongs to. */
static inline uint32_t
marks_part (uint64_t hash, uint32_t parts)
{
  return (uint32_t) ((hash >> 32) * parts >> 32);
}

/* ---- Filters ------------------------------------------------------------------------- */

/* A Bloom filter in blocks: 16 bits for each mark, 7 of them in one block. */
struct marks_filter {
  uint8_t *bits;
  uint32_t blocks;
};

/* An empty one for so many marks: 0, or -ENOMEM. */
int32_t marks_filter_init (struct marks_filter *f, uint32_t count);

/* One of so many bytes, which are blocks: 0, or -ENOMEM. */
int32_t marks_filter_read (struct marks_filter *f, kg_str bits);
void marks_filter_finish (struct marks_filter *f);
void marks_filter_add (struct marks_filter *f, uint64_t hash);

static inline const uint8_t *
marks_filter_block (const struct marks_filter *f, uint64_t hash)
{
  return f->bits + (size_t) ((hash & UINT32_MAX) * f->blocks >> 32) * MARKS_BLOCK;
}

/* 0: it was never added. */
int marks_filter_has (const struct marks_filter *f, uint64_t hash);

#endif
