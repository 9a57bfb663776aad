/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* POST /v1/billing/checkout and /v1/billing/portal. */
#ifndef BILLING_CHECKOUT_H
#define BILLING_CHECKOUT_H

#include "plugins/billing-stripe/session.h"

/* The first of a plan's prices, lookup keys or products that is not empty, as what comes of
 * the environment may be; NULL: none. */
const char *plan_first (const char *const *list);

/* Whether there is something that a checkout of the plan sells. */
int32_t plan_sold (const struct billing_plan *plan);

/* Fills a session from the first plan that is sold and has that name, or that price: 0, or
 * -ENOENT. */
int32_t plan_sell (const struct billing *b, const char *name, const char *price,
                   struct session *ret);

/* Answers with the session's problem. */
int32_t session_problem (kg_req *req, struct session *s);

int32_t checkout_open (struct billing *b);

#endif
