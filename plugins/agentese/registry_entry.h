/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What an entry of the registry is made of. */
#ifndef AGENTESE_REGISTRY_ENTRY_H
#define AGENTESE_REGISTRY_ENTRY_H

#include "plugins/agentese/agentese.h"

#include <string.h>

struct ag_entry {
  const struct ag_holon *holon;
  _Atomic (struct ag_entry *) next; /* in the order of registration */
  uint64_t hash;
  uint32_t nslots, mask;
  struct ag_slot *slots;
  uint16_t *index; /* mask + 1 of them: number of a slot, from 1 on; 0: empty */
};

/* Makes an entry; NULL with the error. */
struct ag_entry *ag_entry_make (struct ag *ag, const struct ag_holon *holon, int32_t *ret_error);
void ag_entry_free (struct ag_entry *e);

/* Logs what is wrong with a holon, or with an aspect of it; -EINVAL. */
int32_t ag_entry_invalid (struct ag *ag, const struct ag_holon *holon, const char *what,
                          const char *why);

static inline uint64_t
ag_hash_text (uint64_t h, kg_str s)
{
  const char *p = s.ptr;
  size_t n = s.len;
  uint64_t w;
  for (; n >= 8; p += 8, n -= 8) {
    memcpy (&w, p, 8);
    h = (h ^ w) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
  }
  w = 0;
  if (n) /* a path without aspect has no name at all */
    memcpy (&w, p, n);
  h = (h ^ w ^ (uint64_t)s.len << 56) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

#endif
