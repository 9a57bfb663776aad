/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Deferred invocations: kept in the store, carried out later by this host itself.
 *
 * Bucket "agentese.schedule", key TENANT/id; the value is lines of text, see
 * schedule_entry.c.  A deferral goes from pending to running, when a process has claimed
 * it by compare-and-set, to done, with what came of it.  In between the invocation marks it
 * as "effected" in the same transaction in which it changes a node: so that change happens
 * once, whenever a process is killed.  A claim holds while its process lives. */
#ifndef AGENTESE_SCHEDULE_H
#define AGENTESE_SCHEDULE_H

#include "plugins/agentese/agentese.h"

#define AG_ID_LEN 32
#define AG_RESULT_MAX 4096 /* bytes of an answer that are kept */
#define AG_DEFERRED_HEADER "Kgent-Deferral"

enum ag_deferral_state {
  AG_PENDING,
  AG_RUNNING,
  AG_EFFECTED, /* what it changes is changed; the answer isn't noted yet */
  AG_ENDED,
  AG_CANCELLED,
  AG_DEFERRAL_STATES
};

extern const char *const ag_deferral_names[]; /* ends in NULL */

/* One deferral, as it is kept; texts lie in the value that it was read from. */
struct ag_deferral {
  int32_t state;      /* enum ag_deferral_state */
  int32_t status;     /* of the answer; 0: none yet */
  int64_t due_ns;     /* all times: since the epoch */
  int64_t created_ns, ended_ns;
  uint32_t attempts;
  uint32_t orphaned;  /* claims whose process ended before it said how it went */
  uint32_t slot;      /* of the process that claimed it, see kg_region */
  uint64_t instance;  /* and its number */
  kg_str target;      /* path */
  kg_str body;        /* of the request, JSON */
  kg_str subject, key_id, tier, scopes, archetypes; /* the latter two with a blank between */
  kg_str result;      /* JSON, or empty */
  kg_str tenant, id;  /* from the key */
  uint64_t revision;
};

/* Reads an entry: 0 or -EBADMSG. */
int32_t ag_deferral_read (kg_str key, kg_str value, struct ag_deferral *ret);

/* Writes the value. */
void ag_deferral_write (const struct ag_deferral *d, struct kg_out *out);

/* The operation that marks what a call carries out as effected. */
int32_t ag_deferral_op (struct ag_call *c, const struct ag_deferral *d, struct kg_op *ret);

/* ---- schedule.c: the clock that carries them out -------------------------------- */

int32_t ag_schedule_open (struct ag *ag);
int32_t ag_schedule_start (struct ag *ag);
void ag_schedule_stop (struct ag *ag);
void ag_schedule_close (struct ag *ag);

/* One turn of the clock; the timer's thread only. */
void ag_schedule_tick (struct ag *ag);

kg_bucket *ag_schedule_bucket (const struct ag *ag);

/* How many a tenant keeps; the id of one that ended, which may go, in *ret_old if there is
 * one. */
uint32_t ag_schedule_count (struct ag *ag, const char *tenant, char ret_old[AG_ID_LEN + 1]);

/* The number of this process's claims. */
uint64_t ag_schedule_instance (const struct ag *ag);

/* ---- schedule_call.c, schedule_list.c: the aspects of time.schedule ------------------ */

/* Reads the tenant's deferral, with all its text in the request, and its key.  0, -ENOENT,
 * -ENOMEM, -EBADMSG. */
int32_t ag_deferral_get (struct ag_call *c, kg_str id, kg_str *ret_key, struct ag_deferral *ret);

/* Writes it as JSON. */
void ag_deferral_show (const struct ag_deferral *d, struct kg_out *out);

ag_run ag_schedule_defer, ag_schedule_cancel, ag_schedule_list;

#endif
