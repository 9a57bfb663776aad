/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Which deferrals there are, in memory: per tenant those that are pending, by their time,
 * and those that ended, oldest first; and all that run.  The caller has the lock. */
#ifndef AGENTESE_SCHEDULE_INDEX_H
#define AGENTESE_SCHEDULE_INDEX_H

#include "plugins/agentese/schedule.h"

/* What this process is doing with one. */
enum ag_busy { AG_IDLE, AG_CLAIMING, AG_CLAIMED, AG_CALLING, AG_ENDING, AG_REMOVING };

struct ag_job {
  struct ag_job *chain;       /* in the table */
  struct ag_job *next, *prev; /* in the list where it is */
  struct ag_turns *turns;
  uint64_t hash;
  int64_t due_ns;   /* when it is to be run */
  int64_t again_ns; /* but not before: after a refusal that passes */
  int64_t ended_ns;
  uint64_t instance;
  uint32_t slot, heap; /* place in the heap, from 1 on; 0: it isn't there */
  int32_t state, busy, listed;
  int32_t gone; /* 1: deleted while it was busy */

  /* Of the write or call under way: whose it is, and what is to come of it. */
  struct ag *ag;
  int32_t going, outcome;
  uint32_t key_len;
  char key[];
};

struct ag_list {
  struct ag_job *first, *last;
  uint32_t count;
};

/* A tenant's. */
struct ag_turns {
  struct ag_turns *next; /* all tenants */
  struct ag_job **heap;  /* pending ones, from 1 on */
  uint32_t nheap, cap;
  struct ag_list ended;
  uint32_t kept;             /* all of them */
  uint32_t inflight, window; /* calls under way, and how many there may be */
  uint32_t len;
  char tenant[];
};

struct ag_index {
  struct ag_job **table;
  uint32_t njobs, cap;     /* cap is a power of two */
  struct ag_turns *tenants; /* few of them have deferrals: a list */
  struct ag_list running;
};

int32_t ag_index_init (struct ag_index *index);
void ag_index_free (struct ag_index *index);

struct ag_job *ag_index_find (const struct ag_index *index, kg_str key);
struct ag_turns *ag_index_tenant (const struct ag_index *index, kg_str tenant);

/* Notes an entry as it is kept now: 0 or -ENOMEM. */
int32_t ag_index_put (struct ag_index *index, kg_str key, const struct ag_deferral *d);
void ag_index_remove (struct ag_index *index, kg_str key);

/* Sets what this process does with it, and puts it where it then belongs. */
void ag_index_busy (struct ag_index *index, struct ag_job *job, int32_t busy);

#endif
