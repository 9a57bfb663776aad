/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* POST /admin/v1/billing/reconcile. */
#ifndef BILLING_RECONCILE_H
#define BILLING_RECONCILE_H

#include "plugins/billing-stripe/billing.h"

int32_t reconcile_open (struct billing *b);

#endif
