/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Changes of one node that meet.
 *
 * A node that changes has a lane while it does.  One change at a time is prepared in it, in
 * the order in which they came; what is prepared while a write is under way is written
 * behind it, all of it at once.  So a change sees what those before it made, though it is
 * not on the disk yet; if it never gets there, those that build on it are prepared again.
 *
 * All functions but the last two: on a worker. */
#ifndef AGENTESE_LANE_H
#define AGENTESE_LANE_H

#include "plugins/agentese/agentese.h"

struct ag_change;
struct ag_lane;
struct ag_batch;

/* A change's turn in its lane. */
struct ag_turn {
  struct ag_lane *lane;
  struct ag_batch *flight, *next; /* written now, and written next, or NULL */
  uint32_t failures;              /* of the lane, until now */
};

/* What a change writes.  The last two operations are those of the node's history and of the
 * node: whoever has read a node then finds a history that is as new, since what is written
 * appears in this order. */
struct ag_attempt {
  struct kg_op *ops;
  uint32_t nops;
  uint32_t nodes; /* and bytes: reserved of the tenant's limits */
  int64_t bytes;
  uint64_t revision; /* of the node when it was read */
};

#define AG_OP_NODE UINT32_MAX /* as the operation that failed: the node changed meanwhile */

/* Begins the change's turn in the lane of `key`, whose tenant is the call's: 1.  Or the
 * change waits, KG_WAIT, and then `ready` goes on.  -ENOMEM. */
int32_t ag_lane_enter (struct ag_change *change, kg_str key,
                       int32_t (*ready) (struct ag_change *change));

/* Ends the turn of a change that writes nothing. */
void ag_lane_leave (struct ag_change *change);

/* Ends the turn: what it wants to write is written with others', and then `written` goes
 * on, which gets the error and which of its operations caused it; -ESTALE with AG_OP_NODE
 * is to be tried again.  Releases what was reserved.  KG_WAIT, or -ENOMEM. */
int32_t ag_lane_put (struct ag_change *change, const struct ag_attempt *attempt,
                     int32_t (*written) (struct ag_change *change, int32_t error, uint32_t op));

/* In a turn: what those before it in the lane have written last there: 1, or -ENOENT if
 * they deleted it; 0 when they did not touch it.  Valid until the turn ends. */
int32_t ag_lane_get (const struct ag_turn *turn, kg_bucket *bucket, kg_str key,
                     struct kg_entry *ret);

struct ag_lanes *ag_lanes_new (void);
void ag_lanes_free (struct ag_lanes *lanes);

#endif
