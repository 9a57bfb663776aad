/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A key and its tenant for tests of limits, without host and region. */
#ifndef TESTS_AUTH_LIMIT_H
#define TESTS_AUTH_LIMIT_H

#include "plugins/auth/limit.h"

#include "tests/unit.h"

#define SECOND 1000000000ll
#define DAY    (86400 * SECOND)
#define T0     (20000 * DAY) /* 2024-10-04 */

#define KEYS 3 /* of the tenant */

static struct cell key_cell[KEYS], tenant_cell;
static struct hold key_hold[KEYS], tenant_hold;
static struct limits key_limits[KEYS], tenant_limits;

static inline void
limits_clear (void)
{
  memset ((void *) key_cell, 0, sizeof key_cell);
  memset ((void *) &tenant_cell, 0, sizeof tenant_cell);
  memset ((void *) key_hold, 0, sizeof key_hold);
  memset ((void *) &tenant_hold, 0, sizeof tenant_hold);
  memset (key_limits, 0, sizeof key_limits);
  memset (&tenant_limits, 0, sizeof tenant_limits);
}

/* Both subjects of a request with key number k. */
#define SUBJECTS(k)                                                                              \
  ((const struct subject[LIMIT_SUBJECTS]){ { &key_cell[k], &key_hold[k], &key_limits[k], NULL }, \
                                           { &tenant_cell, &tenant_hold, &tenant_limits, NULL } })

/* Takes a request: 0, or 1 + the policy against it, of a tenant 100 more. */
static inline int
limits_try (int k, const struct moment *now, struct policies *ret_taken)
{
  struct policies taken, full;
  if (limit_take (SUBJECTS (k), now, 0, &taken, &full)) {
    ck_assert_int_eq (full.of[LIMIT_KEY] | full.of[LIMIT_TENANT], 0);
    if (ret_taken)
      *ret_taken = taken;
    return 0;
  }
  for (int of = LIMIT_KEY; of < LIMIT_SUBJECTS; of++)
    for (int p = 0; p < LIMIT_POLICIES; p++)
      if (full.of[of] & LIMIT_BIT (p))
        return 1 + p + 100 * of;
  ck_abort_msg ("refused by nothing");
}

/* The request ends at once, so that it isn't in flight any more. */
static inline int
limits_pass (int k, const struct moment *now)
{
  struct policies taken;
  int against = limits_try (k, now, &taken);
  if (!against)
    limit_end (SUBJECTS (k), now, &taken, 0);
  return against;
}

#define AGAINST(policy)        (1 + (policy))
#define AGAINST_TENANT(policy) (101 + (policy))

#endif
