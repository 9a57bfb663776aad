/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What an event of Stripe tells: its JSON, read strictly where it matters. */
#ifndef BILLING_TOLD_H
#define BILLING_TOLD_H

#include "plugins/billing-stripe/projection.h"

enum told_kind {
  TOLD_NOTHING,      /* stored, without effect */
  TOLD_SUBSCRIPTION, /* customer.subscription.*: `event` and `state` */
  TOLD_CHECKOUT,     /* checkout.session.completed, of a subscription */
  TOLD_INVOICE,      /* invoice.paid, invoice.payment_failed */
  TOLD_CUSTOMER,     /* customer.created, customer.updated: whose customer it is */
  TOLD_PRODUCT,      /* product.*, price.*: which tier it is */
  TOLD_CHARGE,       /* charge.succeeded, charge.updated, payment_intent.succeeded: whose it is */
  TOLD_REFUND,       /* charge.refunded */
  TOLD_REFUND_STATE, /* refund.updated */
  TOLD_DISPUTE,      /* charge.dispute.* */
};

struct told {
  enum told_kind kind;
  char type[STRIPE_ID];
  char object[STRIPE_ID];       /* id of the subscription, invoice, customer, product, price,
                                   charge, refund, dispute */
  char subscription[STRIPE_ID]; /* of an invoice, or "" */
  struct sub_event event;       /* id and created are there for every kind */
  struct sub_state state;       /* customer and tenant are, of every kind that has them; amount
                                   and currency are an invoice's, too */
  int32_t livemode;             /* 1, 0; -1: not said */
  int32_t paid;                 /* of an invoice: 1, or 0: the payment failed */
  char billing_reason[STRIPE_ID];
  int64_t attempt_count, next_payment_attempt; /* -1: not told */
  char tier[PROJECTION_TIER];   /* kgent_tier of a product or price */
  char lookup_key[STRIPE_ID];   /* of a price, or "" */
  char invoice[STRIPE_ID];      /* of a refunded charge, or "" */
  char charge[STRIPE_ID];       /* of an invoice, charge, refund or dispute, or "": whose charge
                                   it is may be told by another event */
  char status[64], reason[STRIPE_ID]; /* of a refund or dispute, or "" */
  char failure_reason[STRIPE_ID];     /* of a refund, or "" */
  int64_t due_by;               /* until when a dispute can be answered; 0 */
};

/* Reads an event: 0; -EBADMSG and why: it is none, or what we need of it is missing or of
 * the wrong type; -ENOMEM. */
int32_t told_read (const char *text, size_t len, struct told *ret, const char **ret_why);

/* The same from an object, a json_object. */
struct json_object;
int32_t told_take (struct json_object *event, struct told *ret, const char **ret_why);

#endif
