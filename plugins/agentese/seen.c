/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Which nodes were resolved before, per tenant: a bounded set of 64-bit hashes
 * without a lock.  A newcomer takes the place of whoever was there, so a node
 * may be forgotten, but nothing grows.  The hash is seeded, so that nobody can
 * choose names that push others out. */
#include "plugins/agentese/agentese.h"

#include <stdlib.h>
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

static uint64_t
mix (uint64_t h, unsigned char c)
{
  return (h ^ c) * 0x100000001b3u;
}

int32_t
ag_seen_mark (struct ag_seen *seen, const char *tenant, kg_str handle)
{
  uint64_t h = seen->seed ^ 0xcbf29ce484222325u;
  _Atomic uint64_t *slot;
  size_t i;
  for (; *tenant; tenant++)
    h = mix (h, (unsigned char)*tenant);
  h = mix (h, '/');
  for (i = 0; i < handle.len; i++)
    h = mix (h, (unsigned char)handle.ptr[i]);
  h ^= h >> 32;
  h |= 1; /* 0 is an empty slot */
  slot = &seen->slot[(h >> 8) & (SLOTS - 1)];
  if (atomic_load_explicit (slot, memory_order_relaxed) == h)
    return 1;
  atomic_store_explicit (slot, h, memory_order_relaxed);
  return 0;
}
