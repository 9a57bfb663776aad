/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.memory: what a tenant's agents keep, to be recalled by key or by words.
 *
 * The node self.memory is the index: {"engrams":[[key,at,expires,tier,cherished,uses,
 * bytes]...],"checkpoints":[[label,at,engrams,bytes]...]}.  What is kept under a key is
 * the node self.memory.KEY, {"data","at","expires"}; a checkpoint is the node
 * self.memory_checkpoints.LABEL, {"engrams":[...]} with all of it.  Index and nodes change
 * in one transaction, guarded by the index's revision; recalling by key reads no index. */
#ifndef AGENTESE_MEMORY_H
#define AGENTESE_MEMORY_H

#include "plugins/agentese/builtin.h"

#define AG_ENGRAMS_MAX 1000
#define AG_MEMORY_BYTES 786432 /* of all data; so a checkpoint fits into one value */
#define AG_CHECKPOINTS_MAX 16

enum ag_tier { AG_WORKING, AG_SHORT, AG_LONG, AG_TIERS };

extern const char *const ag_tier_names[]; /* ends in NULL */

struct ag_engram {
  kg_str key;
  int64_t at, expires; /* nanoseconds since the epoch; expires 0: never */
  int64_t uses;        /* how often it was stored again */
  int64_t bytes;       /* of its data */
  int32_t tier, cherished;
};

struct ag_checkpoint {
  kg_str label;
  int64_t at, engrams, bytes;
};

struct ag_memory {
  struct ag_engram *all; /* newest last; room for one more than were read */
  uint32_t n, checkpoints;
  struct ag_checkpoint checkpoint[AG_CHECKPOINTS_MAX + 1];
};

/* What is kept under a key; `data` is a JSON text. */
struct ag_kept {
  kg_str data;
  int64_t at, expires;
};

/* ---- memory_index.c ------------------------------------------------------------ */

/* Reads the tenant's index: 0, also when there is none; -ENOMEM, -EBADMSG. */
int32_t ag_memory_read (struct ag_call *c, struct ag_memory *ret);

/* The same of a node that was read. */
int32_t ag_memory_of (struct ag_call *c, const struct ag_node *node, struct ag_memory *ret);

/* The index as JSON text; { NULL, 0 } without memory. */
kg_str ag_memory_text (struct ag_call *c, const struct ag_memory *m);

struct ag_engram *ag_engram_find (const struct ag_memory *m, kg_str key);
struct ag_checkpoint *ag_checkpoint_find (struct ag_memory *m, kg_str label);

/* What is kept: 0, -ENOENT (also when it has expired), -ENOMEM, -EBADMSG. */
int32_t ag_kept_read (struct ag_call *c, kg_str key, struct ag_kept *ret);

/* The data of an engram without parsing it, until the hook returns: 0, -ENOENT, -ENOMEM,
 * -EBADMSG. */
int32_t ag_kept_peek (struct ag_call *c, const struct ag_engram *e, kg_str *ret);

/* The value of its node; { NULL, 0 } without memory. */
kg_str ag_kept_text (struct ag_call *c, const struct ag_kept *kept);

/* Handles of its node and of a checkpoint's; { NULL, 0 } without memory. */
kg_str ag_kept_handle (struct ag_call *c, kg_str key);
kg_str ag_checkpoint_handle (struct ag_call *c, kg_str label);

int32_t ag_engram_expired (const struct ag_engram *e, int64_t now);

/* The seven columns of an index row, behind a bracket, and reading them. */
void ag_engram_columns (const struct ag_engram *e, struct kg_out *o);
int32_t ag_engram_read (struct ag_call *c, const struct kg_json *j, uint32_t row,
                        struct ag_engram *e);

/* 0 to 1: how well it is remembered, see agentese(7). */
double ag_engram_strength (const struct ag_engram *e, int64_t now);

/* All data that is kept. */
int64_t ag_memory_bytes (const struct ag_memory *m);

/* A 404 that names keys that are near. */
int32_t ag_no_engram (struct ag_call *c, kg_str key);

/* ---- memory.c, memory_change.c, memory_keep.c, memory_point.c ----------------------------------- */

ag_run ag_memory_manifest, ag_memory_recall, ag_memory_sense, ag_memory_play,
    ag_memory_evaluate, ag_memory_expiring;
ag_run ag_memory_engram, ag_memory_store, ag_memory_deposit, ag_memory_forget,
    ag_memory_cherish, ag_memory_promote, ag_memory_demote, ag_memory_consolidate,
    ag_memory_prune, ag_memory_reap, ag_memory_crystallize;
ag_run ag_memory_checkpoint, ag_memory_resume;

/* A change of the memory: `act` changes `m` and may add to `also`. */
struct ag_deed {
  /* 0, KG_DONE when it answered, or a negative errno. */
  int32_t (*act) (struct ag_call *c, struct ag_deed *d);
  struct ag_memory m;
  struct ag_also *also; /* room for `room` of them */
  uint32_t nalso, room;
  int64_t now;
  void *extra;

  /* For the answer. */
  kg_str key;
  kg_str *keys; /* of those that were touched, in the request's memory */
  uint32_t nkeys;
  int64_t count;
  struct ag_engram was, is;
};

/* Makes it durable and answers with `result`, whose `arg` is the change and its `extra`
 * the deed. */
int32_t ag_deed_run (struct ag_call *c, int32_t (*act) (struct ag_call *c, struct ag_deed *d),
                     ag_result *result);

/* The deed of a change. */
static inline struct ag_deed *
ag_deed_of (void *arg)
{
  return ((struct ag_change *)arg)->extra;
}

/* Adds a node to write ({ NULL, 0 }: to delete): 0, -ENOMEM. */
int32_t ag_deed_also (struct ag_call *c, struct ag_deed *d, kg_str handle, kg_str state);

/* The keys that were touched, as an array. */
void ag_deed_keys (const struct ag_deed *d, struct kg_out *out);

/* Takes an engram out, and its node: 0, -ENOMEM. */
int32_t ag_deed_drop (struct ag_call *c, struct ag_deed *d, struct ag_engram *e);

#endif
