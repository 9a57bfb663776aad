/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Who pays for a tenant: its customer at Stripe, found or made. */
#ifndef BILLING_PAYER_H
#define BILLING_PAYER_H

#include "plugins/billing-stripe/stripe_api.h"

#define TENANT_MAX 64 /* bytes of a tenant's id with its NUL */

struct batch;

/* What is asked for; the caller's, and it stays until `done`. */
struct payer {
  struct billing *billing;
  char tenant[TENANT_MAX];
  char customer[STRIPE_ID_MAX + 1]; /* the outcome; "" : there is none */
  char former[STRIPE_ID_MAX + 1];   /* one that is gone, or has become another's; or "" */
  int32_t make;  /* 1: make one when there is none */
  int32_t known; /* 1: it was there before; it may have a subscription */
  void (*done) (const struct stripe_reply *refusal, void *arg); /* NULL: well */
  void *arg;
};

/* Finds the customer: in the store, then at Stripe by the metadata tenant_id, and makes
 * one.  `done` is called once, at once or on a thread of the pool.  0 or -errno, then it
 * isn't called. */
int32_t payer_find (struct payer *p);

/* The customer of a tenant that the store knows: 0, or -ENOENT.  [any] */
int32_t payer_get (struct billing *b, const char *tenant, char ret[STRIPE_ID_MAX + 1]);

/* The same, also one that only events or the operator have named, which is noted from then
 * on; another errno: that can't be read.  [any, not a worker, not within a scan] */
int32_t payer_look (struct billing *b, const char *tenant, char ret[STRIPE_ID_MAX + 1]);

/* Adds that the tenant's customer is this one, as the operator says; and that it is no longer, if
 * it was. */
void payer_give (struct batch *batch, const char *tenant, const char *customer);
void payer_take_back (struct batch *batch, const char *tenant, const char *customer);

int32_t payer_open (struct billing *b);

#endif
