/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/plans.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int32_t
tier_rank (const struct tier_names *tiers, const char *name)
{
  for (uint32_t i = 0; i < tiers->count; i++)
    if (!strcmp (tiers->name[i], name))
      return (int32_t) i;
  return -ENOENT;
}

void
tier_names_show (const struct tier_names *tiers, char *ret, size_t size)
{
  size_t n = 0;
  *ret = 0;
  for (uint32_t i = 0; i < tiers->count && n < size; i++)
    n += (size_t) snprintf (ret + n, size - n, "%s%s", i ? ", " : "", tiers->name[i]);
}

static int32_t
list_has (const char *const *list, const char *text)
{
  for (; *text && *list; list++)
    if (!strcmp (*list, text))
      return 1;
  return 0;
}

const char *
plan_tier (const struct billing_conf *conf, const struct sub_item *item, const char *noted)
{
  const struct billing_plan *plans = conf->plans.items;
  for (uint64_t i = 0; i < conf->plans.count; i++)
    if (list_has (plans[i].prices, item->price) || list_has (plans[i].lookup_keys, item->lookup_key)
        || list_has (plans[i].products, item->product))
      return plans[i].tier;
  return *item->tier ? item->tier : noted;
}

void
verdict_add (struct verdict *v, const struct projection *p, const struct standing *standing,
             int32_t rank)
{
  if (standing->next && (!v->next || standing->next < v->next))
    v->next = standing->next;
  if (standing->served && !p->state.none) {
    v->unknown |= rank < 0 || p->state.more;
    v->rank = rank > v->rank ? rank : v->rank;
  } else if (standing->served
             || (standing->dunning >= DUNNING_OVERDUE
                 && projection_status (p) != SUB_INCOMPLETE_EXPIRED)) /* that was never paid for */
    v->over = 1;
}

int32_t
verdict_rank (const struct verdict *v, int32_t ended, int32_t now)
{
  if (v->unknown)
    return v->rank > now ? v->rank : -1;
  if (v->rank >= 0)
    return v->rank;
  return v->over ? ended : -1;
}
