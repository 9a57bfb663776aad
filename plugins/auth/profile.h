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
  uint32_t refs;   /* under the index's lock, as are the next three */
  uint32_t number;
  uint32_t size;   /* bytes of what follows: all of the above, to compare */
  uint64_t hash;
};

#endif
