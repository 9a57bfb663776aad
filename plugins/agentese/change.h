/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a change consists of (change_make.c), and how it gets to the disk (change.c). */
#ifndef AGENTESE_CHANGE_H
#define AGENTESE_CHANGE_H

#include "plugins/agentese/state.h"

/* One attempt of a change, on its way to its batch. */
struct ag_making {
  struct ag_attempt is;
  uint32_t guard; /* the operation that marks a deferral, or AG_OP_NODE */
  char key[KG_KEY_MAX], child_key[KG_KEY_MAX], kept_key[KG_KEY_MAX], gone_key[KG_KEY_MAX];
};

/* The node that changes, and its key in `buf`; empty when that would be too long. */
kg_str ag_change_handle (const struct ag_change *change);
kg_str ag_change_key (const struct ag_change *change, char buf[KG_KEY_MAX]);

/* Reads what is there and makes the operations out of it; in the change's turn.  0, KG_DONE
 * when it answered, or a negative errno. */
int32_t ag_change_make (struct ag_change *change, struct ag_making *m);

/* Refuses, since the node that is to be made is there. */
int32_t ag_change_exists (struct ag_change *change);

#endif
