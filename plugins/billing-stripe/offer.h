/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* billing.offer/1 and GET /billing/go/{token}. */
#ifndef BILLING_OFFER_H
#define BILLING_OFFER_H

#include "plugins/billing-stripe/checkout.h"
#include "plugins/billing-stripe/link.h"

#include <kgent/offer.h>

#define OFFER_WORKERS 256 /* as many as the host has at most */

struct offer {
  uint8_t key[LINK_KEY];
  EVP_MAC_CTX *mac[OFFER_WORKERS]; /* of the worker; NULL: none was needed yet */
  atomic_int going; /* pages that are being made for who followed a link */
};

/* The worker's context, or NULL. */
EVP_MAC_CTX *offer_mac (struct billing *b, const kg_req *req);

int32_t offer_open (struct billing *b);
void offer_close (struct billing *b);

/* go.c */
int32_t go_open (struct billing *b);

#endif
