/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A session of Stripe's checkout or portal: a page where a tenant buys a plan, or looks
 * after what it has. */
#ifndef BILLING_SESSION_H
#define BILLING_SESSION_H

#include "plugins/billing-stripe/payer.h"
#include "plugins/billing-stripe/redirect.h"

#define SESSION_NONCE 96

enum session_kind { SESSION_CHECKOUT, SESSION_PORTAL };

/* One session: what is asked for, then what came of it. */
struct session {
  struct billing *billing;
  enum session_kind kind;
  struct payer payer; /* its tenant is given */

  /* Asked for.  Of price, lookup_key and product one is there. */
  char price[STRIPE_ID_MAX + 1], lookup_key[STRIPE_ID_MAX + 1], product[STRIPE_ID_MAX + 1];
  int64_t quantity;
  char success_url[REDIRECT_MAX]; /* of a portal where it leads back to */
  char cancel_url[REDIRECT_MAX];
  char nonce[SESSION_NONCE];      /* of the request: portals are made anew each time */
  void (*done) (struct session *s);
  void *arg;

  /* On the way. */
  int32_t again;                     /* 1: the customer was gone, and another was made */
  char newest[STRIPE_ID_MAX + 1];    /* subscription of the customer, of any status */
  char after[STRIPE_ID_MAX + 1];     /* last one of the page before, or "" */

  /* What came of it. */
  int32_t status;        /* 200, or a problem's */
  int64_t retry_after_s; /* 0: none */
  char detail[512];      /* of the problem */
  char stripe[1536];     /* JSON of Stripe's error, or "" */
  char subscription[STRIPE_ID_MAX + 1]; /* of 409: the one that there is */
  char id[STRIPE_ID_MAX + 1], url[REDIRECT_MAX];
  int64_t expires_at; /* seconds since the epoch; 0: not said */
};

/* Makes it; `done` is called once, at once or on a thread of the pool. */
void session_begin (struct session *s);

#endif
