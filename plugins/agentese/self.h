/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The aspects of self.*, a table for each node. */
#ifndef AGENTESE_SELF_H
#define AGENTESE_SELF_H

#include "plugins/agentese/builtin.h"

extern const struct ag_aspect ag_memory_aspects[];       /* memory_verbs.c */
extern const struct ag_aspect ag_capabilities_aspects[]; /* self_capabilities.c */
extern const struct ag_aspect ag_state_aspects[];        /* self_state.c */
extern const struct ag_aspect ag_identity_aspects[];     /* self_identity.c */
extern const struct ag_aspect ag_judgment_aspects[];     /* self_judgment.c */
extern const struct ag_aspect ag_semaphore_aspects[];    /* purgatory_yield.c */

/* self_vitals.c */
extern const struct ag_aspect ag_triad_aspects[], ag_synapse_aspects[], ag_resonance_aspects[],
    ag_circuit_aspects[];
int32_t ag_vitals_open (struct ag *ag);

#endif
