/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#ifndef BILLING_OPTIONS_H
#define BILLING_OPTIONS_H

#include "plugins/billing-stripe/billing.h"

/* [open] Whether the options make sense, once services were asked for; says what doesn't.
 * 0 or -EINVAL. */
int32_t options_check (struct billing *b);

#endif
