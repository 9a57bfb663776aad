/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What many keys have in common: tenant, tier, limits, scopes, archetypes, nets.
 *
 * Keys with equal ones share one profile, which is there as long as any of them.
 * It never changes, but for the tenant that it points at. */
#ifndef AUTH_PROFILE_H
#define AUTH_PROFILE_H

#include "plugins/auth/cidr.h"
#include "plugins/auth/keys.h"
#include "plugins/auth/tenant.h"
#include "plugins/auth/user.h"

struct profile {
  struct tenant *tenant;
  /* In force for the key itself: its own, else those of the tier that it names,
   * else none.  A tenant without a record has no tier, so there the first tier
   * counts instead of none: [1]. */
  const struct limits *limits[2];
  const char *tier; /* as the key names it; NULL: the tenant's, or the first */
  const char *const *scopes[ROLES]; /* by the user's role */
  const char *const *archetypes;
  const struct cidr *cidrs;
  uint32_t ncidrs; /* 0: anywhere */
  uint32_t refs;   /* keys; of the writer, as are the next ones */
  uint32_t number;
  uint32_t size;   /* bytes of what it was made of, to compare */
  const char *raw; /* the same */
  uint64_t hash;
};

#define PROFILE_CHUNK  4096
#define PROFILE_CHUNKS 4096
#define PROFILE_RAW    (KEY_JSON + 2048) /* bytes of the largest `raw` */

struct profiles {
  struct tenants *tenants;
  struct numbers *numbers;
  const struct tiers *tiers;
  struct profile *_Atomic *chunk[PROFILE_CHUNKS]; /* by number */
  uint32_t count, live; /* numbers given out, from 1 on; profiles */
  uint32_t *unused;     /* numbers to give out again; room for `count` */
  uint32_t unused_count, unused_room;
  uint32_t *table;      /* numbers, by hash */
  uint64_t mask, filled;
  char *raw;            /* PROFILE_RAW bytes to make one in */
};

/* 0 or -ENOMEM; finish accepts what is zeroed.  Nothing here is for two threads at a
 * time, but profile_at for readers. */
int32_t profiles_init (struct profiles *profiles, struct tenants *tenants,
                       struct numbers *numbers);
void profiles_finish (struct profiles *profiles);

static inline const struct profile *
profile_at (const struct profiles *profiles, uint32_t number)
{
  return atomic_load_explicit (&profiles->chunk[number / PROFILE_CHUNK][number % PROFILE_CHUNK],
                               memory_order_relaxed);
}

/* One more reference to the profile of a key, made when there is none.  *ret is its
 * number; 0; -EINVAL: the key is malformed; -ENOMEM. */
int32_t profile_get (struct profiles *profiles, const struct key_spec *spec, uint32_t *ret);

/* One reference less: the last one frees it, so that no reader may look at it. */
void profile_drop (struct profiles *profiles, uint32_t number);

#endif
