/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Subscriptions as Stripe's API has them now, in place of the order of their events. */
#ifndef BILLING_REFETCH_H
#define BILLING_REFETCH_H

#include "plugins/billing-stripe/billing.h"
#include "plugins/billing-stripe/projection.h"

#define READINGS_MAX 16 /* in one step of the inbox's cursor, all asked for at once */

/* One subscription. */
struct reading {
  struct refetch *refetch;
  char id[STRIPE_ID];
  int32_t there; /* 1: it was read; 0: Stripe has none, or did not say */
  enum sub_status status;
  struct sub_state state;
};

struct refetch {
  struct billing *billing;
  kg_component *component;
  kg_metric *outcomes;
  uint64_t after, upto; /* the records of the inbox that the readings are for */
  int32_t ready;        /* 1: they are there */
  int32_t full;
  struct reading *reading; /* room for READINGS_MAX */
  uint32_t count;
  atomic_uint flying;
  pthread_mutex_t lock; /* of what follows */
  int32_t failed;       /* 1: one of those under way failed, and why */
  char why[256];
  int64_t wait_s;       /* the longest that Stripe asks to wait */
  int64_t since;        /* when Stripe did not answer first, seconds since the epoch; 0 */
  int64_t wait_until;   /* nothing is asked before */
  int64_t fallbacks;    /* subscriptions that were taken from their events */
};

/* Sees to it that what the next step needs was read: 0: go on; 1: inbox_go_on is called
 * later; 2: not now; or -errno. */
int32_t refetch_begin (struct refetch *r);

/* The reading of a subscription, or NULL: its events alone are there. */
const struct reading *refetch_find (const struct refetch *r, const char *id);

/* Another process was faster: what was read may be older than what it read. */
void refetch_drop (struct refetch *r);

/* All subscriptions were compared with Stripe's: those that had to do without are, too. */
void refetch_repaired (struct billing *b);

int32_t refetch_open (struct billing *b);
void refetch_close (struct billing *b);

#endif
