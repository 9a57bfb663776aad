/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* How a node that others stand behind does: a counter of its calls, and a component
 * of health that is degraded while its last call failed. */
#ifndef AGENTESE_VITAL_H
#define AGENTESE_VITAL_H

#include "plugins/agentese/agentese.h"

enum ag_outcome { AG_OK, AG_REFUSED, AG_FAILED, AG_OUTCOMES };

struct ag_vital {
  kg_metric *calls; /* NULL: not counted */
  kg_component *component;
  uint32_t aspects;        /* in the labels of calls; 0: outcomes only */
  _Atomic int32_t failing; /* 1: the last call failed */
};

/* Defines kgent_node_HANDLE_calls_total and the component node_HANDLE of a registered
 * holon whose `vital` it is; in open, or while plugins start.  What cannot be defined is
 * logged, and the node does without. */
void ag_vital_open (struct ag *ag, const struct ag_holon *holon);

/* A call has ended with that status; nothing for a holon without vital. */
void ag_vital_note (const struct ag_call *c, int32_t status);

#endif
