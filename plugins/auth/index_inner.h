/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of the index share; all of it under its lock, but for the inlines. */
#ifndef AUTH_INDEX_INNER_H
#define AUTH_INDEX_INNER_H

#include "plugins/auth/index.h"

#include <string.h>

#define INDEX_SLOTS   64          /* of the first tables; a power of two, as all sizes */
#define INDEX_REMOVED 0xff000000u /* an entry without a number: probes go on behind it */

/* What waits until nobody looks at it. */
struct index_old {
  uint64_t tag;      /* of the epoch it was taken out in */
  uint32_t number;   /* of a record, or of a user */
  uint8_t is_user;
  uint8_t is_trace;  /* a revoked record, still its id's newest */
  uint16_t sweeps;   /* of a trace: how often it was spared */
};

/* The first 8 bytes of a SHA-256 are as good a hash as any. */
static inline uint64_t
hash_place (const uint8_t hash[KEY_HASH])
{
  uint64_t v;
  memcpy (&v, hash, sizeof v);
  return v;
}

/* An entry: the number, and 8 further bits of the hash, so that what is looked for is
 * almost never compared with anything else. */
static inline uint32_t
entry_make (const uint8_t hash[KEY_HASH], uint32_t number)
{
  return (uint32_t) hash[KEY_HASH - 1] << 24 | number;
}

/* Make room for one more; 0 or -ENOMEM. */
int32_t secrets_reserve (struct index *index);
int32_t ids_reserve (struct index *index);

void secrets_put (struct index_table *table, const uint8_t hash[KEY_HASH], uint32_t number);

/* The slot of a number, or NULL. */
_Atomic uint32_t *secrets_slot (struct index_table *table, const uint8_t hash[KEY_HASH],
                                uint32_t number);

/* The slot of an id, or the empty one where it would go. */
uint32_t *ids_slot (const struct index *index, const uint8_t id[16]);

void ids_forget (struct index *index, uint32_t *slot);

/* The record can be used again once nobody looks at it; there must be room (index->old). */
void record_retire (struct index *index, uint32_t number);

#endif
