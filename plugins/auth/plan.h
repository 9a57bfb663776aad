/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tiers, and the plans that come of them: limits in force, with the header fields
 * that are the same for every request.  Keys with equal limits share one plan,
 * which lives as long as the plugin: a request may keep a pointer. */
#ifndef AUTH_PLAN_H
#define AUTH_PLAN_H

#include "plugins/auth/limit.h"

#include <pthread.h>

/* One row of the tier table. */
struct tier {
  const char *name;
  struct limits limits;
};

struct tiers {
  const struct tier *items; /* the first one is for keys with an unknown tier */
  uint64_t count;
};

struct plan {
  struct limits limits;
  char limit[24];  /* X-RateLimit-Limit; "" when nothing is limited */
  char policy[96]; /* RateLimit-Policy */
  struct plan *next;
};

struct plans {
  struct tiers tiers;
  pthread_mutex_t lock;
  struct plan *first;
};

void plans_init (struct plans *plans, const struct tier *items, uint64_t count);
void plans_finish (struct plans *plans);

/* The row of a tier, or NULL. */
const struct tier *tier_find (const struct tiers *tiers, const char *name);

/* The plan of a key: its own limits where they are not -1, else its tier's.  NULL
 * without memory. */
const struct plan *plan_get (struct plans *plans, const char *tier, const struct limits *own);

#endif
