/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Quotes of one call or of a composition, whose cost is in c->cost.  `subject` is the
 * member that says of what: "path":"world.house.manifest". */
#ifndef AGENTESE_QUOTE_H
#define AGENTESE_QUOTE_H

#include "plugins/agentese/agentese.h"

extern const char ag_quote_parameters[]; /* of routes that give quotes */

/* {"requests":1,"tokens":0,"money":0}: the most that it can cost; NULL: free of charge. */
void ag_cost_write (const struct ag_cost *cost, struct kg_out *out);

/* The entropy that a call draws first; whether the pool has so much: 0, KG_DONE with a 402,
 * or a negative errno. */
double ag_quote_draw (const struct ag_call *c);
int32_t ag_quote_pool (struct ag_call *c, double amount);

/* It would be allowed, as far as its budget covers it. */
int32_t ag_quote_of (struct ag_call *c, kg_str subject);

/* It would be answered with `status`. */
int32_t ag_quote_reply (struct ag_call *c, kg_str subject, int32_t status, const char *detail);

#endif
