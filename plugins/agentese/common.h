/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What every node can do, whoever stands behind it.  Rooms name these functions in
 * their tables where they have nothing better. */
#ifndef AGENTESE_COMMON_H
#define AGENTESE_COMMON_H

#include "plugins/agentese/agentese.h"

/* The aspects that are added to a holon of that kind which has none of that name:
 * manifest, witness, affordances, and the unlisted constraints and lineage. */
const struct ag_aspect *ag_common_aspects (int32_t kind);

ag_run ag_common_manifest; /* the node described: its summary and aspects */
ag_run ag_common_witness;  /* the changes that were kept for the handle */
ag_run ag_common_affordances;
ag_run ag_common_constraints;
ag_run ag_common_lineage;

/* Answers with the changes that were kept for some handle. */
int32_t ag_witness_of (struct ag_call *c, kg_str handle);

/* The aspects that the observer is offered, as an array of objects. */
void ag_write_aspects (struct ag_call *c, struct kg_out *out);

/* The offered verbs, as an array. */
void ag_write_verbs (const struct ag *ag, const struct ag_holon *holon, int32_t archetype,
                     struct kg_out *out);

#endif
