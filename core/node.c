/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/node.h"

#include <stdlib.h>
#include <string.h>

#define NODE_KEY_MAX 65 /* bytes of an option's key, with its NUL */

const char *
node_type_name (uint32_t type)
{
  static const char *const names[] = { "nothing",    "a group { }", "a list ( )", "a string",
                                       "an integer", "a number",    "a boolean" };
  return type < sizeof names / sizeof *names ? names[type] : names[0];
}

struct node *
node_new (struct arena *a, uint32_t type, const char *key, struct conf_where where)
{
  struct node *n = arena_alloc (a, sizeof *n);
  if (!n)
    return NULL;
  memset (n, 0, sizeof *n);
  n->type = type;
  n->where = where;
  if (key) {
    n->key = arena_copy (a, key, strlen (key));
    if (!n->key)
      return NULL;
  }
  return n;
}

void
node_append (struct node *parent, struct node *child)
{
  child->next = NULL;
  if (parent->last)
    parent->last->next = child;
  else
    parent->first = child;
  parent->last = child;
}

struct node *
node_find (const struct node *group, const char *key)
{
  struct node *n = group && group->type == NODE_GROUP ? group->first : NULL;
  while (n && strcmp (n->key, key))
    n = n->next;
  return n;
}

/* The element of a list at a place, or NULL. */
static const struct node *
node_at (const struct node *list, unsigned long place)
{
  const struct node *n = list->type == NODE_LIST ? list->first : NULL;
  for (; n && place; place--)
    n = n->next;
  return n;
}

/* The node that the first step of a path leads to, which is then behind it; or NULL. */
static const struct node *
node_step (const struct node *n, const char **path)
{
  char key[NODE_KEY_MAX], *end;
  size_t len = strspn (*path, "abcdefghijklmnopqrstuvwxyz0123456789_-");
  const struct node *next = NULL;
  if (**path == '[') {
    next = node_at (n, strtoul (*path + 1, &end, 10));
    *path = *end == ']' ? end + 1 : "";
  } else if (len && len < sizeof key) {
    memcpy (key, *path, len);
    key[len] = 0;
    next = node_find (n, key);
    *path += len;
  }
  *path += **path == '.';
  return next;
}

struct conf_where
node_where (const struct node *n, const char *path)
{
  const struct node *next;
  while ((next = node_step (n, &path)))
    n = next;
  return n->where;
}

/* Gives `to` the value of `from`, at the place that `to` has in its group. */
static void
node_replace (struct node *to, const struct node *from)
{
  struct node *next = to->next;
  *to = *from;
  to->next = next;
}

void
node_merge (struct node *into, struct node *from)
{
  struct node *n, *next, *old;
  for (n = from->first; n; n = next) {
    next = n->next;
    old = node_find (into, n->key);
    if (!old)
      node_append (into, n);
    else if (old->type == NODE_GROUP && n->type == NODE_GROUP)
      node_merge (old, n);
    else
      node_replace (old, n);
  }
}
