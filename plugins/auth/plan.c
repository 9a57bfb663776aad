/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct limits unlimited;

void
plans_init (struct plans *plans, const struct tier *items, uint64_t count)
{
  memset ((void *) plans, 0, sizeof *plans);
  plans->tiers = (struct tiers){ items, count };
}

void
plans_finish (struct plans *plans)
{
  for (size_t i = 0; i < PLAN_LISTS; i++) {
    const struct plan *p = atomic_load (&plans->list[i]), *next;
    for (; p; p = next) {
      next = p->next;
      free ((void *) p);
    }
    atomic_store (&plans->list[i], NULL);
  }
}

const struct tier *
tier_find (const struct tiers *tiers, const char *name)
{
  uint64_t i;
  for (i = 0; i < tiers->count; i++)
    if (!strcmp (tiers->items[i].name, name))
      return &tiers->items[i];
  return NULL;
}

const char *
plan_name (enum limit_of of, enum limit_policy policy)
{
  static const char *const tenant[LIMIT_POLICIES]
      = { "tenant-concurrent", "tenant-minute", "tenant-day",
          "tenant-month",      "tenant-tokens", "tenant-money" };
  return of == LIMIT_KEY ? limit_names[policy] : tenant[policy];
}

/* ---- Making --------------------------------------------------------------- */

static void
number_put (struct plan_number *n, int64_t value)
{
  n->len = (uint32_t) snprintf (n->text, sizeof n->text, "%lld", (long long) value);
}

/* Windows of a fixed length have it; a month is as long as it is. */
static void
policy_put (struct plan *p, enum limit_of of, enum limit_policy policy, int64_t limit,
            const char *window)
{
  size_t room = sizeof p->policy - p->policy_len;
  if (!limit)
    return;
  p->policy_len += (uint32_t) snprintf (p->policy + p->policy_len, room, "%s\"%s\";q=%lld%s",
                                        p->policy_len ? ", " : "", plan_name (of, policy),
                                        (long long) limit, window);
  p->shown |= LIMIT_BIT (policy);
}

static struct plan *
plan_create (const struct limits *own, const struct limits *tenant)
{
  struct plan *p = calloc (1, sizeof *p);
  if (!p)
    return NULL;
  p->own = p->of[LIMIT_KEY] = own;
  p->tenant = tenant;
  p->of[LIMIT_TENANT] = tenant ? tenant : &unlimited;
  for (enum limit_of of = LIMIT_KEY; of < LIMIT_SUBJECTS; of++) {
    const struct limits *l = p->of[of];
    policy_put (p, of, LIMIT_MINUTE, l->per_minute, ";w=60");
    policy_put (p, of, LIMIT_DAY, l->per_day, ";w=86400");
    policy_put (p, of, LIMIT_MONTH, l->per_month, "");
    number_put (&p->day[of], l->per_day);
    number_put (&p->minute[of], l->per_minute);
  }
  return p;
}

/* ---- Finding -------------------------------------------------------------- */

static const struct plan *
plan_find (const struct plan *p, const struct limits *own, const struct limits *tenant)
{
  while (p && (p->own != own || p->tenant != tenant))
    p = p->next;
  return p;
}

const struct plan *
plan_get (struct plans *plans, const struct limits *own, const struct limits *tenant)
{
  size_t at = ((uintptr_t) own >> 4) * 31 + ((uintptr_t) tenant >> 4);
  const struct plan *_Atomic *list = &plans->list[(at ^ at >> 8) % PLAN_LISTS];
  const struct plan *first = atomic_load_explicit (list, memory_order_acquire), *found;
  struct plan *made;
  found = plan_find (first, own, tenant);
  if (found || !(made = plan_create (own, tenant)))
    return found;
  do {
    found = plan_find (first, own, tenant); /* another thread's, meanwhile */
    if (found) {
      free (made);
      return found;
    }
    made->next = first;
  } while (!atomic_compare_exchange_weak (list, &first, made));
  return made;
}
