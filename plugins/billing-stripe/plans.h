/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From what a subscription buys to a tier, and from all of a tenant's subscriptions to
 * the tier that it should have.  No clock, no I/O. */
#ifndef BILLING_PLANS_H
#define BILLING_PLANS_H

#include "plugins/billing-stripe/billing.h"
#include "plugins/billing-stripe/dunning.h"

#define TIERS_MAX 64

/* The names of all tiers, the least first. */
struct tier_names {
  const char *name[TIERS_MAX];
  uint32_t count;
};

/* The place of a tier, or -ENOENT. */
int32_t tier_rank (const struct tier_names *tiers, const char *name);

/* "FREE, PRO", as far as there is room. */
void tier_names_show (const struct tier_names *tiers, char *ret, size_t size);

/* The tier that a price, lookup key or product of the configuration is for, else the
 * metadata of the price, else `noted`, which may be NULL; NULL: none is known. */
const char *plan_tier (const struct billing_conf *conf, const struct sub_item *item,
                       const char *noted);

/* What speaks for which tier. */
struct verdict {
  int32_t rank;    /* of the best that is paid for; -1: none */
  int32_t unknown; /* 1: something is paid for of which nobody knows the tier */
  int32_t over;    /* 1: something was paid for and is no more */
  int64_t next;    /* when time changes it; 0: never */
};

#define VERDICT_NONE { .rank = -1 }

/* Adds a subscription that is for the tier with that rank, -1: unknown. */
void verdict_add (struct verdict *v, const struct projection *p, const struct standing *standing,
                  int32_t rank);

/* The rank of the tier that a tenant should have that has the one of rank `now` (-1: an
 * unknown one); `ended` is the rank of the tier after the end.  -1: leave it alone. */
int32_t verdict_rank (const struct verdict *v, int32_t ended, int32_t now);

#endif
