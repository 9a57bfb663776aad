/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* billing.offer/1: what a tenant whose budget is spent could buy, to go on.
 *
 * Provided by the plugin that sells (billing-stripe), for those who refuse (auth).  The
 * offer is of links to this host, signed and short-lived; only who follows one makes
 * this host ask the seller for a page. */
#ifndef KGENT_OFFER_H
#define KGENT_OFFER_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_OFFER "billing.offer/1"

#if KG_ABI_TARGET >= KG_ABI (1, 1)

struct kg_offer {
  uint32_t size;
  uint32_t reserved;

  /* [worker] Adds to the next problem of the request what there is of the members
   * "required_tier", "price", "checkout_url" and "portal_url" for the tenant, which has
   * this tier (NULL: none).  Asks nobody and waits for nothing.  The number of members
   * that were added; or -ENOMEM.  Since 1.1. */
  int32_t (*add) (kg_req *req, const char *tenant, const char *tier);
};

#endif

#ifdef __cplusplus
}
#endif

#endif
