/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One option's value: from what was written to what its owner reads. */
#ifndef CORE_SCHEMA_VALUE_H
#define CORE_SCHEMA_VALUE_H

#include "core/schema.h"

/* Checks the value of `n` against an option that is neither group nor list and
 * stores it at `out`; `n` NULL: nothing was written and there is no default.
 * 0; -EINVAL with the reason in s->errors; -ENOMEM. */
int32_t value_fill (const struct schema *s, const struct kg_opt *o, const struct node *n,
                    const char *label, void *out);

#endif
