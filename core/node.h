/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A configuration as a tree, independent of the library that parsed it.
 *
 * Nodes live in an arena and remember where they were written. */
#ifndef CORE_NODE_H
#define CORE_NODE_H

#include "core/errors.h"
#include "core/util/arena.h"

#include <stdint.h>

#define NODE_GROUP  1 /* members with keys                        */
#define NODE_LIST   2 /* elements without; libconfig's arrays too  */
#define NODE_STRING 3
#define NODE_INT    4
#define NODE_NUMBER 5
#define NODE_BOOL   6

struct node {
  const char *key; /* NULL: an element of a list */
  uint32_t type;
  uint32_t loose;  /* 1: text that may be any type, from -o or a default */
  struct conf_where where;
  union {
    const char *text;
    int64_t integer;
    double number;
    int32_t flag;
  };
  struct node *first, *last; /* of a group or list */
  struct node *next;         /* its sibling */
};

/* "a group", "a string", ...: for messages. */
const char *node_type_name (uint32_t type);

/* An empty node; `key` is copied.  NULL without memory. */
struct node *node_new (struct arena *a, uint32_t type, const char *key, struct conf_where where);

void node_append (struct node *parent, struct node *child);

/* The member of a group, or NULL; `group` may be NULL. */
struct node *node_find (const struct node *group, const char *key);

/* Where that was written which a path leads to, "plans[1].prices[0]: ...", as far as it is there;
 * `n` is where it begins.  What can be of no path ends it. */
struct conf_where node_where (const struct node *n, const char *path);

/* Moves the members of `from` into `into`: groups merge, anything else
 * replaces.  `from` is used up. */
void node_merge (struct node *into, struct node *from);

#endif
