/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A tenant's specs in a list of paths: their names come from the index, some at a time, and
 * what is told of them from the text, as it is for an invocation. */
#include "plugins/agentese/spec_tenant.h"

#include <string.h>

#define BATCH 32
#define KNOWN 8 /* nodes whose aspects lie between each other's */

/* A node whose text was read. */
struct known {
  char handle[AG_PATH_MAX + 1];
  const struct ag_entry *entry; /* NULL: it is no spec any more, or somebody else's */
};

struct ag_spec_list {
  struct ag_call *c;
  kg_str prefix;
  char after[AG_PATH_MAX + 1];
  struct ag_spec_path batch[BATCH];
  uint32_t n, at; /* of the batch */
  int32_t ended;  /* what comes after that is of the next list */
  struct known known[KNOWN];
  uint32_t nknown;
  int32_t there; /* `item` has been found and not taken */
  struct ag_listed item;
};

struct ag_spec_list *
ag_spec_list_new (struct ag_call *c, kg_str prefix, kg_str after)
{
  struct ag_spec_list *l = c->ag->host->alloc (c->req, sizeof *l);
  if (!l)
    return NULL;
  l->c = c;
  l->prefix = prefix;
  if (after.len)
    memcpy (l->after, after.ptr, after.len);
  l->after[after.len] = 0;
  l->n = l->at = l->nknown = 0;
  l->there = l->ended = 0;
  return l;
}

/* A scope like "invoke:world.house.*" that covers nothing of the node spares its reading. */
static int32_t
is_reachable (const struct kg_identity *who, const struct ag_spec_path *p)
{
  uint32_t i, patterns = 0;
  for (i = 0; who->scopes && who->scopes[i]; i++) {
    if (strncmp (who->scopes[i], "invoke:", 7))
      continue;
    if (ag_pattern_covers (who->scopes[i] + 7, (kg_str){ p->path, strlen (p->path) }))
      return 1;
    patterns++;
  }
  return !patterns;
}

/* What stands behind the node, if it is the tenant's own. */
static const struct ag_entry *
entry_read (struct ag_spec_list *l, kg_str handle)
{
  const struct ag_entry *entry = NULL;
  struct ag_error err;
  struct ag_path path;
  if (ag_path_parse (handle, &path, &err) < 0)
    return NULL;
  ag_path_whole (&path);
  if (ag_entry_of (l->c, &path, &entry) < 0 || !entry || !ag_entry_is_tenants (entry))
    return NULL;
  return entry;
}

static const struct ag_entry *
entry_of (struct ag_spec_list *l, const struct ag_spec_path *p)
{
  kg_str handle = { p->path, p->handle_len };
  struct known *k;
  uint32_t i;
  for (i = 0; i < KNOWN && i < l->nknown; i++)
    if (ag_str_is (handle, l->known[i].handle))
      return l->known[i].entry;
  k = &l->known[l->nknown++ % KNOWN];
  memcpy (k->handle, handle.ptr, handle.len);
  k->handle[handle.len] = 0;
  k->entry = entry_read (l, handle);
  return k->entry;
}

static int32_t
refill (struct ag_spec_list *l)
{
  if (l->ended)
    return 0;
  l->at = 0;
  l->n = ag_spec_paths (l->c->ag, l->c->who->tenant, l->prefix, ag_str (l->after), l->batch, BATCH);
  l->ended = !l->n;
  if (l->n)
    strcpy (l->after, l->batch[l->n - 1].path);
  return l->n > 0;
}

const struct ag_listed *
ag_spec_list_peek (struct ag_spec_list *l)
{
  const struct ag_spec_path *p;
  if (l->there)
    return &l->item;
  while (l->at < l->n || refill (l)) {
    p = &l->batch[l->at++];
    l->item.entry = is_reachable (l->c->who, p) ? entry_of (l, p) : NULL;
    if (!l->item.entry)
      continue;
    l->item.path = ag_str (p->path);
    l->item.slot = ag_slot_find (l->item.entry, ag_str (p->path + p->handle_len + 1));
    if (!l->item.slot)
      continue;
    l->there = 1;
    return &l->item;
  }
  return NULL;
}

void
ag_spec_list_take (struct ag_spec_list *l)
{
  l->there = 0;
}
