/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* How a policy stands, for whoever shows it. */
#ifndef AUTH_STANDING_H
#define AUTH_STANDING_H

#include "plugins/auth/quota.h"

#include <kgent/json.h>

struct auth;

/* quota_peek of a key by its number, which the caller has pinned. */
int32_t quota_peek_key (struct auth *auth, uint32_t number, struct quota *ret);

/* Whether there is something to tell of a policy: a limit, or what is counted without. */
int32_t standing_has (const struct quota *q, enum limit_of of, enum limit_policy policy);

/* Writes `"of":"key","limit":100,"used":3,"left":97,"reset_s":1234`. */
void standing_show (struct kg_out *out, const struct quota *q, enum limit_of of,
                    const struct standing *st, enum limit_policy policy);

/* Seconds until all of it is there again; 0 of what is in flight. */
int64_t standing_reset (const struct quota *q, const struct standing *st,
                        enum limit_policy policy);

#endif
