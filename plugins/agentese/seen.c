/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Which nodes were resolved before, per tenant: a bounded set of 64-bit hashes
 * without a lock.  A newcomer takes the place of whoever was there, so a node
 * may be forgotten, but nothing grows.  The hash is seeded, so that nobody can
 * choose names that push others out. */
#include "plugins/agentese/agentese.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SLOTS 32768u /* a power of two; pages are only touched as they fill */

struct ag_seen {
  uint64_t seed;
  _Atomic uint64_t slot[SLOTS];
};

struct ag_seen *
ag_seen_new (void)
{
  struct ag_seen *seen = calloc (1, sizeof *seen);
  if (seen && getrandom (&seen->seed, sizeof seen->seed, 0) != sizeof seen->seed)
    seen->seed = (uint64_t)(uintptr_t)seen;
  return seen;
}

void
ag_seen_free (struct ag_seen *seen)
{
  free (seen);
}

/* Mixes a text in, eight bytes at a time; its length is part of it. */
static uint64_t
mix (uint64_t h, const char *p, size_t n)
{
  uint64_t w, len = n;
  for (; n >= 8; p += 8, n -= 8) {
    memcpy (&w, p, 8);
    h = (h ^ w) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
  }
  w = 0;
  memcpy (&w, p, n);
  h = (h ^ w ^ len << 56) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

int32_t
ag_seen_mark (struct ag_seen *seen, const char *tenant, kg_str handle)
{
  uint64_t h = mix (mix (seen->seed, tenant, strlen (tenant)), handle.ptr, handle.len);
  _Atomic uint64_t *slot;
  h ^= h >> 32;
  h |= 1; /* 0 is an empty slot */
  slot = &seen->slot[(h >> 8) & (SLOTS - 1)];
  if (atomic_load_explicit (slot, memory_order_relaxed) == h)
    return 1;
  atomic_store_explicit (slot, h, memory_order_relaxed);
  return 0;
}
