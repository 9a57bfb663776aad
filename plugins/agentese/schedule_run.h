/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One deferral on its way: claimed, called, ended. */
#ifndef AGENTESE_SCHEDULE_RUN_H
#define AGENTESE_SCHEDULE_RUN_H

#include "plugins/agentese/schedule_index.h"

#include <pthread.h>

#define AG_SCHEDULE_REGION "agentese.schedule"

/* What the processes on one store share: who has which slot. */
struct ag_claims {
  _Atomic uint64_t instance[KG_REGION_SLOTS];
};

struct ag_schedule {
  pthread_mutex_t lock;   /* of what follows, for a few steps at a time */
  struct ag_index index;
  struct ag_job *claimed; /* that are to be called; a chain by `next` */
  uint32_t under_way;     /* claims and calls */
  int32_t draining;       /* 1: this process takes no more */
  kg_timer *timer;        /* NULL: it has not begun, or ended */

  kg_bucket *bucket;
  struct ag_claims *claims;
  uint32_t slot;
  uint64_t instance; /* of this process; nobody else's is the same */
  kg_metric *outcomes, *kept;
};

enum ag_deferred_outcome { AG_DEFERRED_DONE, AG_DEFERRED_REFUSED, AG_DEFERRED_AGAIN, AG_DEFERRED_LOST };

/* Claims one that is due; one that another process left is ended if its effect is there.
 * The timer's thread. */
void ag_run_claim (struct ag *ag, struct ag_job *job);

/* Asks for one that is claimed. */
void ag_run_call (struct ag *ag, struct ag_job *job);

/* Another turn, soon. */
void ag_schedule_kick (struct ag *ag);

int64_t ag_wall_ns (void);

#endif
