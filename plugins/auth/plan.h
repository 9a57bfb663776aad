/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tiers, and the plans that come of them: limits of a key and its tenant that are in
 * force together, with the header fields that are the same for every request.
 *
 * Limits are of struct numbers: equal ones are one pointer.  A plan is made at the
 * first sight of a pair, and lives as long as the plugin: a request may keep it. */
#ifndef AUTH_PLAN_H
#define AUTH_PLAN_H

#include "plugins/auth/limit.h"

#include <pthread.h>
#include <stddef.h>

#define PLAN_LISTS 256 /* of the table of plans */

/* One row of the tier table. */
struct tier {
  const char *name;
  struct limits limits;
};

struct tiers {
  const struct tier *items; /* the first one is for keys with an unknown tier */
  uint64_t count;
};

/* A number as text. */
struct plan_number {
  uint32_t len;
  char text[20];
};

struct plan {
  const struct limits *own, *tenant; /* as asked for; tenant may be NULL */
  const struct limits *of[LIMIT_SUBJECTS]; /* the same; never NULL */
  uint32_t shown;                    /* policies that headers tell of, of either subject */
  struct plan_number day[LIMIT_SUBJECTS], minute[LIMIT_SUBJECTS]; /* X-RateLimit-Limit */
  uint32_t policy_len;
  char policy[256]; /* RateLimit-Policy */
  const struct plan *next;
};

struct plans {
  struct tiers tiers;
  const struct plan *_Atomic list[PLAN_LISTS];
};

void plans_init (struct plans *plans, const struct tier *items, uint64_t count);

/* Accepts what is zeroed. */
void plans_finish (struct plans *plans);

/* The row of a tier, or NULL. */
const struct tier *tier_find (const struct tiers *tiers, const char *name);

/* [any] The plan of a key with these limits in a tenant with those, which may be
 * NULL; NULL without memory.  No lock; a pair that was seen before takes no memory. */
const struct plan *plan_get (struct plans *plans, const struct limits *own,
                             const struct limits *tenant);

/* What a policy is called in headers and problems: "day", "tenant-day". */
const char *plan_name (enum limit_of of, enum limit_policy policy);

#endif
