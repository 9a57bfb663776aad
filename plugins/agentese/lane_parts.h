/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What lane.c (who has the turn) and lane_batch.c (what is written) share. */
#ifndef AGENTESE_LANE_PARTS_H
#define AGENTESE_LANE_PARTS_H

#include "plugins/agentese/lane.h"

#include <pthread.h>

/* Who waits for a batch. */
struct waiter {
  struct waiter *next;
  struct ag *ag;
  struct ag_change *change; /* alive only in `resumed` */
  kg_ticket *ticket;
  int32_t (*written) (struct ag_change *change, int32_t error, uint32_t op);
  int32_t error;
  uint32_t op;
  uint32_t nodes;
  int64_t bytes;
};

/* A copy of what a change writes. */
struct parcel {
  struct parcel *older;
  struct waiter *waiter; /* of whom, until the write is over */
  uint32_t nops;
  struct kg_op ops[];
};

struct ag_batch {
  struct ag_lane *lane;
  struct ag_batch *heap; /* while it waits to be freed */
  struct parcel *newest;
  struct waiter *first, **last;
  uint32_t changes, nops;
  uint32_t users; /* the lane, and a turn */
  size_t bytes;
  uint64_t revision; /* of the node, as it is expected */
};

struct ag_lane {
  struct ag_lane *chain;
  struct stripe *stripe;
  struct ag *ag;
  struct place *first, *last; /* the queue */
  struct ag_batch *flight, *next;
  int32_t taken;     /* 1: somebody has a turn */
  uint32_t failures;
  uint64_t revision; /* of the node, after the last batch */
  size_t key_len, tenant_len;
  char key[]; /* and the tenant as a string behind it */
};

struct stripe {
  pthread_mutex_t lock;
  struct ag_lane *lanes;
};

/* ---- lane.c ------------------------------------------------------------------- */

/* Ends a turn; the lock is held. */
void ag_turn_drop (struct ag_turn *turn, struct ag_batch **heap);

/* Takes the first of the queue out of it, who has the turn then, or NULL; frees the lane if
 * nothing is in it.  The lock is held. */
struct place *ag_lane_settle (struct ag_lane *lane);

/* Tells it, if it is one.  Not under the lock. */
void ag_place_grant (struct place *place);

/* ---- lane_batch.c ---------------------------------------------------------------- */

/* Puts it on the heap of what is to be freed, if nobody has it any more; the lock is held. */
void ag_batch_drop (struct ag_batch *batch, struct ag_batch **heap);

/* Not under the lock. */
void ag_batches_free (struct ag_batch *heap);

/* Whether no more changes go into it. */
int32_t ag_batch_full (const struct ag_batch *batch);

#endif
