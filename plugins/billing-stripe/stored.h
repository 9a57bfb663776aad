/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A projection as a value of the store, and as people see it. */
#ifndef BILLING_STORED_H
#define BILLING_STORED_H

#include "plugins/billing-stripe/dunning.h"

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/json.h>

#define STORED_MAX 65536 /* bytes that a projection never exceeds, unless ids are all escapes */

/* Writes the members without braces. */
void projection_show (struct kg_out *out, const struct projection *p);

/* Writes the stored value. */
void projection_store (struct kg_out *out, const struct projection *p);

/* Reads one: 0, -EBADMSG or -ENOMEM. */
int32_t projection_load (kg_str text, struct projection *ret);

#endif
