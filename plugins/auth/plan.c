/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/plan.h"
#include "plugins/auth/numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
plans_init (struct plans *plans, const struct tier *items, uint64_t count)
{
  memset (plans, 0, sizeof *plans);
  plans->tiers = (struct tiers){ items, count };
  pthread_mutex_init (&plans->lock, NULL);
}

void
plans_finish (struct plans *plans)
{
  struct plan *p, *next;
  for (p = plans->first; p; p = next) {
    next = p->next;
    free (p);
  }
  pthread_mutex_destroy (&plans->lock);
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

static struct plan *
plan_create (const struct limits *l)
{
  struct plan *p = calloc (1, sizeof *p);
  int n = 0;
  if (!p)
    return NULL;
  p->limits = *l;
  if (l->per_minute)
    n = snprintf (p->policy, sizeof p->policy, "\"minute\";q=%lld;w=60", (long long) l->per_minute);
  if (l->per_day)
    snprintf (p->policy + n, sizeof p->policy - (size_t) n, "%s\"day\";q=%lld;w=86400",
              n ? ", " : "", (long long) l->per_day);
  if (l->per_day || l->per_minute)
    snprintf (p->limit, sizeof p->limit, "%lld",
              (long long) (l->per_day ? l->per_day : l->per_minute));
  return p;
}

static const struct plan *
plan_find (struct plans *plans, const struct limits *l)
{
  struct plan *p = plans->first;
  while (p && memcmp (&p->limits, l, sizeof *l))
    p = p->next;
  if (p || !(p = plan_create (l)))
    return p;
  p->next = plans->first;
  plans->first = p;
  return p;
}

const struct plan *
plan_get (struct plans *plans, const char *tier, const struct limits *own)
{
  const struct tier *t = tier_find (&plans->tiers, tier);
  const struct plan *p;
  struct limits l;
  if (!t)
    t = plans->tiers.items;
  l = limits_merge (own, &t->limits);
  pthread_mutex_lock (&plans->lock);
  p = plan_find (plans, &l);
  pthread_mutex_unlock (&plans->lock);
  return p;
}
