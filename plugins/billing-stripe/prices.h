/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the plans cost, as Stripe says: asked in the background, so that a refusal can
 * tell it at once. */
#ifndef BILLING_PRICES_H
#define BILLING_PRICES_H

#include "plugins/billing-stripe/stripe_api.h"

/* The price that a checkout of a plan sells.  Money is in minor units. */
struct price {
  char id[STRIPE_ID_MAX + 1];
  char currency[8], interval[16]; /* "usd", "month"; "" when it isn't told */
  int64_t unit_amount;            /* -1: it isn't told, as for tiered prices */
};

struct prices;

/* The price of plan `i` of the configuration, or NULL while it isn't known; it stays
 * until close.  [any] */
const struct price *prices_get (const struct billing *b, uint64_t i);

int32_t prices_open (struct billing *b);
int32_t prices_start (struct billing *b);
void prices_stop (struct billing *b);
void prices_close (struct billing *b);

#endif
