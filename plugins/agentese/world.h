/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A world entity: what it shows (world.c, manifest.c) and what changes it
 * (action.c). */
#ifndef AGENTESE_WORLD_H
#define AGENTESE_WORLD_H

#include "plugins/agentese/state.h"

/* Writes the manifest; `arg` is the node (struct ag_node). */
ag_result ag_manifest;

/* Joins what the manifests of all nodes have in common; once, in open. */
void ag_manifests_make (void);

int32_t ag_world_transform (struct ag_call *c);
int32_t ag_world_relate (struct ag_call *c);
int32_t ag_world_define (struct ag_call *c);
int32_t ag_world_acknowledge (struct ag_call *c);

/* A string argument in *ret; KG_DONE with the answer set when it isn't one. */
int32_t ag_string_arg (struct ag_call *c, const char *name, int32_t required, kg_str *ret);

#endif
