/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The durable state of a tenant's nodes, and how it changes.
 *
 * Bucket "agentese.nodes", key TENANT/handle: {"version","created","changed",
 * "state":{},"relations":[]}.  Bucket "agentese.trace", same key: {"total",
 * "history":[newest first]}.  Both are written in one transaction, with those of
 * other changes of the node that wait (lane.h), and the node's revision guards
 * it: what lost a race against another process is prepared again from what that
 * left.
 *
 * Bucket "agentese.versions", key TENANT/handle@version: nodes of the world and concepts as
 * they were before a change. */
#ifndef AGENTESE_STATE_H
#define AGENTESE_STATE_H

#include "plugins/agentese/agentese.h"
#include "plugins/agentese/lane.h"

#define AG_MEMBERS_MAX 256 /* of a state, of `changes`, of relations */
#define AG_HANDLE_MAX 240  /* so that an aspect still fits behind it */

/* A node as it is kept; without state json is NULL and the version 0. */
struct ag_node {
  const struct kg_json *json;
  uint32_t state, relations; /* tokens */
  kg_str created, changed;   /* as JSON text */
  kg_str since;              /* when this version came, the same */
  int64_t version;
  uint64_t revision; /* 0: it is not kept */
  size_t bytes;      /* of key and value */
};

/* What is stored there; in the turn of a change, what is going to be: 0 or -ENOENT.  Valid
 * until the hook returns, and in a turn until that ends. */
int32_t ag_stored_get (const struct ag_call *c, kg_bucket *bucket, kg_str key,
                       struct kg_entry *ret);

/* Reads the node of the caller's tenant.  0, -ENOENT (*ret is then empty),
 * -ENOMEM, -EBADMSG for a value that is not ours. */
int32_t ag_node_get (struct ag_call *c, kg_str handle, struct ag_node *ret);

/* Its history: 0 (json is NULL when there is none), -ENOMEM, -EBADMSG. */
struct ag_trace {
  const struct kg_json *json;
  uint32_t history; /* token of the array */
  int64_t total;
  size_t bytes;
};
int32_t ag_trace_get (struct ag_call *c, kg_str handle, struct ag_trace *ret);

/* Whether former versions of such a node are kept. */
int32_t ag_is_versioned (kg_str handle);

/* The key of a kept version in `buf`; empty when it would be too long. */
kg_str ag_version_key (const struct ag_call *c, kg_str handle, int64_t version,
                       char buf[KG_KEY_MAX]);

/* The node as that kept version had it: as ag_node_get. */
int32_t ag_version_get (struct ag_call *c, kg_str handle, int64_t version, struct ag_node *ret);

/* A further node that a change writes or deletes; it gets no history of its own, and what
 * guards it is the revision of the node that changes. */
struct ag_also {
  kg_str handle;
  kg_str state; /* JSON text; { NULL, 0 }: the node is deleted */
};

/* A change under way, in the request's memory. */
struct ag_change {
  struct ag_call *call;
  kg_str note;   /* members for the line in the history, each behind a comma; or empty */
  kg_str handle; /* of the node that changes; empty: the call's */

  /* Fills state, relations and bump from `old`; runs again after a lost race.  What it
   * reads of the node and of those it writes along with it is as those changes made them
   * that are on their way to the disk.
   * 0, KG_DONE when it answered, or a negative errno. */
  int32_t (*prepare) (struct ag_change *change, const struct ag_node *old);
  ag_result *result; /* the answer, once it is durable; `arg` is the change */
  int32_t (*done) (struct ag_change *change); /* goes on instead; NULL: answers */

  kg_str state, relations; /* JSON texts of what is to be kept */
  int32_t bump;            /* 1: a new version */
  int32_t gone;            /* 1: the node goes, and its history stays */
  int64_t version;         /* the version now */
  kg_str child;            /* handle of a node to create, or empty */
  kg_str child_state;
  const struct ag_also *also; /* further nodes, `nalso` of them */
  uint32_t nalso;
  uint32_t tries;
  struct ag_turn turn;        /* in which it is prepared */
  uint32_t guard;             /* the operation of a deferral, or AG_OP_NODE */
  void *extra; /* the aspect's own */
};

/* A change of the call's node; NULL without memory. */
struct ag_change *ag_change_new (struct ag_call *c);

/* Makes the change durable and answers.  KG_WAIT, KG_DONE or a negative errno. */
int32_t ag_change_run (struct ag_change *change);

/* Merges the object `changes` (token of the call's body) into a node's state:
 * null deletes.  0 with *ret, KG_DONE when it answered, -ENOMEM. */
int32_t ag_state_merge (struct ag_call *c, const struct ag_node *old, uint32_t changes,
                        kg_str *ret);

/* Memory for `size` bytes of output, in the request. */
int32_t ag_out_new (struct ag_call *c, size_t size, struct kg_out *ret);

#endif
