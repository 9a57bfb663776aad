/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A bucket in memory: a hash table that many threads read without locks while
 * one writes.
 *
 * Nodes never change; a new value is a new node, and the old one is retired to
 * the caller's epoch.  Open addressing with linear probing; the table grows by
 * being replaced. */
#ifndef CORE_MIRROR_H
#define CORE_MIRROR_H

#include "core/abi.h"
#include "core/util/epoch.h"

#include <stdatomic.h>
#include <stdint.h>

struct mirror_node {
  struct epoch_item item;
  uint64_t hash;
  uint64_t revision;
  int64_t changed_ns, expires_ns; /* since the epoch; 0: never */
  uint32_t key_len, value_len;
  char bytes[]; /* key, NUL, value, NUL */
};

struct mirror_table;

struct mirror {
  _Atomic (struct mirror_table *) table; /* NULL while empty */
  uint64_t count;                        /* entries; the writer's */
};

/* A node, not yet in a table; NULL without memory.  Free it with free. */
struct mirror_node *mirror_node_create (uint64_t hash, kg_str key, kg_str value);

static inline kg_str
mirror_key (const struct mirror_node *n)
{
  return (kg_str){ n->bytes, n->key_len };
}

static inline kg_str
mirror_value (const struct mirror_node *n)
{
  return (kg_str){ n->bytes + n->key_len + 1, n->value_len };
}

/* [reader] The node of a key, or NULL. */
const struct mirror_node *mirror_find (const struct mirror *m, uint64_t hash, kg_str key);

/* [writer] Makes room for `more` further entries: 0 or -ENOMEM. */
int mirror_reserve (struct mirror *m, struct epoch *e, uint64_t more);

/* [writer] Puts the node in, which becomes the table's, instead of the one with
 * the same key.  Room must have been reserved. */
void mirror_put (struct mirror *m, struct epoch *e, struct mirror_node *node);

/* [writer] Takes a key out, if it is there. */
void mirror_delete (struct mirror *m, struct epoch *e, uint64_t hash, kg_str key);

/* [writer] Calls fn for each node. */
void mirror_each (const struct mirror *m, void (*fn) (const struct mirror_node *, void *),
                  void *arg);

/* Frees table and nodes; no reader may be left. */
void mirror_finish (struct mirror *m);

#endif
