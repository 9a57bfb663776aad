/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a path names, and whether this caller may have it. */
#include "plugins/agentese/spec_tenant.h"

#include <errno.h>
#include <string.h>

int32_t
ag_exists (struct ag_call *c)
{
  struct ag_node node;
  int32_t r;
  if (c->ag->conf->open_world || ag_entry_holon (c->entry)->kind != AG_OPEN_WORLD)
    return 0;
  r = ag_node_get (c, c->path.handle, &node);
  return r == -ENOENT ? ag_not_found (c) : r;
}

/* "self.vitals.triad" is a node without an aspect, although "triad" could be one. */
static int32_t
is_whole (struct ag_call *c)
{
  struct ag_path whole = c->path;
  const struct ag_entry *entry;
  int32_t r;
  ag_path_whole (&whole);
  if (ag_entry_exact (c->ag, whole.ctx, whole.rest))
    return 1;
  r = ag_entry_of (c, &whole, &entry);
  return r < 0 ? r : entry && ag_entry_is_tenants (entry);
}

int32_t
ag_find (struct ag_call *c, kg_str text)
{
  struct ag_error err;
  int32_t r;
  if (ag_path_parse (text, &c->path, &err) < 0)
    return ag_malformed (c, &err);
  if ((r = ag_entry_of (c, &c->path, &c->entry)) < 0)
    return r;
  if (!c->path.aspect.len)
    return ag_without_aspect (c);
  c->slot = ag_slot_find (c->entry, c->path.aspect);
  if (c->slot && !ag_slot_offered (c->slot, c->archetype))
    c->slot = NULL;
  if (!c->slot && (r = is_whole (c)))
    return r < 0 ? r : ag_without_aspect (c);
  if ((r = ag_exists (c)))
    return r;
  if (!c->slot)
    return ag_not_afforded (c);
  c->category = c->slot->aspect.category;
  return 0;
}

int32_t
ag_has_effect (const struct ag_call *c)
{
  return ag_category_writes (c->category, ag_entry_holon (c->entry)->kind)
         || (c->category == AG_COMPOSITION && ag_kwarg (c, "target"));
}

/* A key with "invoke:" scopes may invoke what one of them covers, and nothing
 * else; a key without may invoke everything. */
static int32_t
scopes_cover (const struct kg_identity *who, kg_str base)
{
  uint32_t i, patterns = 0;
  for (i = 0; who->scopes && who->scopes[i]; i++) {
    if (*who->scopes[i] != 'i' || strncmp (who->scopes[i], "invoke:", 7))
      continue;
    if (ag_pattern_covers (who->scopes[i] + 7, base))
      return 1;
    patterns++;
  }
  return !patterns;
}

static int32_t
has_scope (const struct kg_identity *who, const char *scope)
{
  uint32_t i;
  for (i = 0; who->scopes && who->scopes[i]; i++)
    if (!strcmp (who->scopes[i], scope))
      return 1;
  return 0;
}

int32_t
ag_may_invoke_any (const struct kg_identity *who, int32_t effect)
{
  return !effect || has_scope (who, "write");
}

int32_t
ag_may_invoke (const struct kg_identity *who, kg_str base, int32_t effect,
               char ret_scope[AG_PATH_MAX + 8])
{
  if (!scopes_cover (who, base)) {
    memcpy (ret_scope, "invoke:", 7);
    memcpy (ret_scope + 7, base.ptr, base.len);
    ret_scope[7 + base.len] = 0;
    return 0;
  }
  strcpy (ret_scope, "write");
  return !effect || has_scope (who, "write");
}
