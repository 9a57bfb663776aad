/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What limits and budgets know about a request, between its hooks. */
#ifndef AUTH_QUOTA_H
#define AUTH_QUOTA_H

#include "plugins/auth/plan.h"

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/budget.h>

#define QUOTA_KINDS 3 /* of budgets: KG_BUDGET_TOKENS .. KG_BUDGET_REQUESTS, from 0 */

/* Part of struct pass. */
struct quota {
  const struct plan *plan;
  struct subject subject[LIMIT_SUBJECTS]; /* cell NULL: there was no room for one */
  struct moment at;                       /* when it came */
  struct policies taken;
  uint8_t counted; /* 1: limit_end is due */
  uint8_t shown;   /* 1: the headers are set */
  uint8_t fixed;   /* 1: `charged` was asked; no reservation changes any more */
  uint32_t fixed_at; /* by auth->seconds */
  uint64_t spent;    /* tokens, without a reservation */
  uint64_t settled[QUOTA_KINDS];
  kg_reservation *open; /* neither settled nor released */
};

/* Whether its counters are there. */
static inline int32_t
quota_counts (const struct quota *q)
{
  return q->subject[LIMIT_KEY].cell && q->subject[LIMIT_TENANT].cell;
}

#endif
