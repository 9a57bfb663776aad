/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From a subscription and the time to what its tenant may have.  No clock, no I/O. */
#ifndef BILLING_DUNNING_H
#define BILLING_DUNNING_H

#include "plugins/billing-stripe/projection.h"

enum dunning {
  DUNNING_UNKNOWN,  /* nothing is known of the subscription yet */
  DUNNING_OPEN,     /* the first payment is still to come */
  DUNNING_TRIAL,
  DUNNING_PAID,
  DUNNING_ENDING,   /* paid, until the period's end and no longer */
  DUNNING_GRACE,    /* a payment is due; served for some days */
  DUNNING_OVERDUE,  /* the days of grace are over, or Stripe has given up */
  DUNNING_PAUSED,
  DUNNING_ENDED,
  DUNNINGS
};

/* "unknown", "open", "trial", "paid", "ending", "grace", "overdue", "paused", "ended". */
const char *dunning_name (enum dunning dunning);

struct standing {
  enum dunning dunning;
  int32_t served;  /* 1: the tenant has what it bought */
  int64_t next;    /* when time alone changes that, seconds since the epoch; 0: never */
};

/* At `now`, with `grace` seconds of grace. */
struct standing dunning_at (const struct projection *p, int64_t grace, int64_t now);

#endif
