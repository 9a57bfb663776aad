/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/override.h"
#include "core/util/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Plugins --------------------------------------------------------------- */

static int
name_valid (const char *s, size_t len)
{
  size_t i;
  for (i = 0; i < len; i++)
    if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-'))
      return 0;
  return len && len <= PLUGIN_NAME_MAX;
}

const char *
plugin_name (struct arena *a, const char *load)
{
  const char *base = strrchr (load, '/');
  size_t len;
  base = base ? base + 1 : load;
  len = strlen (base);
  if (len > 3 && !strcmp (base + len - 3, ".so"))
    len -= 3;
  return name_valid (base, len) ? arena_copy (a, base, len) : NULL;
}

/* The entry of that name, or NULL. */
static struct node *
entry_find (struct arena *a, const struct node *list, const char *name)
{
  struct node *n;
  const char *other;
  for (n = list->first; n; n = n->next) {
    const struct node *load = node_find (n, "load");
    other = load && load->type == NODE_STRING ? plugin_name (a, load->text) : NULL;
    if (other && !strcmp (other, name))
      return n;
  }
  return NULL;
}

/* The name of an entry; NULL, and an error, when it has none. */
static const char *
entry_name (struct arena *a, const struct node *n, struct errors *errors)
{
  const struct node *load = node_find (n, "load");
  const char *name;
  if (n->type != NODE_GROUP) {
    errors_add (errors, n->where, "plugins: %s; write { load = \"NAME\"; }",
                node_type_name (n->type));
    return NULL;
  }
  if (!load || load->type != NODE_STRING) {
    errors_add (errors, load ? load->where : n->where,
                "plugins: an entry needs load = \"NAME\"; it names the plugin");
    return NULL;
  }
  name = plugin_name (a, load->text);
  if (!name)
    errors_add (errors, load->where,
                "plugins: load = \"%.80s\": a name has 1 to %d of a-z, 0-9 and -", load->text,
                PLUGIN_NAME_MAX);
  return name;
}

int32_t
plugins_merge (struct arena *a, struct node *into, const struct node *from,
               struct errors *errors)
{
  struct node *n, *next, *old;
  const char *name;
  int32_t r = 0;
  if (from->type != NODE_LIST) {
    errors_add (errors, from->where, "plugins: %s; write ( { load = \"NAME\"; }, ... )",
                node_type_name (from->type));
    return -EINVAL;
  }
  for (n = from->first; n; n = next) {
    next = n->next;
    name = entry_name (a, n, errors);
    if (!name) {
      r = -EINVAL;
      continue;
    }
    old = entry_find (a, into, name);
    if (!old) {
      node_append (into, n);
    } else if (!strcmp (old->where.file, n->where.file)) {
      errors_add (errors, n->where, "plugins: \"%s\" again (first in line %u); remove one",
                  name, old->where.line);
      r = -EINVAL;
    } else {
      node_merge (old, n);
    }
  }
  return r;
}

/* ---- -o -------------------------------------------------------------------- */

static int32_t
refuse (struct errors *errors, const char *text, const char *what)
{
  struct conf_where where = { NULL, 0 };
  errors_add (errors, where, "-o %.*s: %s", (int) strcspn (text, "="), text, what);
  return -EINVAL;
}

static int32_t
refuse_block (struct arena *a, const struct node *plugins, const char *const *blocks,
              const char *text, const char *block, struct errors *errors)
{
  const char *words[64], *near;
  const struct node *n;
  char what[256];
  uint32_t i = 0;
  for (; blocks[i] && i < 32; i++)
    words[i] = blocks[i];
  for (n = plugins->first; n && i < 63; n = n->next) {
    const char *name = plugin_name (a, node_find (n, "load")->text);
    if (name)
      words[i++] = name;
  }
  words[i] = NULL;
  near = str_closest (block, words);
  snprintf (what, sizeof what, "neither a block nor a loaded plugin is called \"%.40s\"%s%s%s",
            block, near ? "; did you mean \"" : "; load it by plugins = ( ... )",
            near ? near : "", near ? "\"?" : "");
  return refuse (errors, text, what);
}

/* The group that a block's name means; made when the file doesn't have it. */
static struct node *
block_find (struct arena *a, struct node *root, const struct node *plugins,
            const char *const *blocks, const char *name)
{
  uint32_t i;
  struct node *n;
  for (i = 0; blocks[i] && strcmp (blocks[i], name); i++)
    ;
  if (!blocks[i])
    return entry_find (a, plugins, name);
  n = node_find (root, name);
  if (!n && (n = node_new (a, NODE_GROUP, name, root->where)))
    node_append (root, n);
  return n;
}

/* Walks to KEY of a group, through the groups in front of it, and sets it. */
static int32_t
member_set (struct arena *a, struct node *group, char *key, const char *value,
            struct conf_where where)
{
  struct node *n;
  char *dot = strchr (key, '.');
  if (dot)
    *dot = 0;
  n = node_find (group, key);
  if (!n) {
    n = node_new (a, dot ? NODE_GROUP : NODE_STRING, key, where);
    if (!n)
      return -ENOMEM;
    node_append (group, n);
  }
  if (dot)
    return n->type == NODE_GROUP ? member_set (a, n, dot + 1, value, where) : -ENOTDIR;
  n->type = NODE_STRING;
  n->loose = 1;
  n->where = where;
  n->first = n->last = NULL;
  n->text = value;
  return 0;
}

static int
path_valid (const char *path)
{
  return *path && *path != '.' && !strstr (path, "..") && path[strlen (path) - 1] != '.'
         && strchr (path, '.');
}

int32_t
override_set (struct arena *a, struct node *root, struct node *plugins,
              const char *const *blocks, const char *text, struct errors *errors)
{
  const char *eq = strchr (text, '=');
  struct conf_where where = { NULL, 0 };
  struct node *block;
  char *path, *label, *dot;
  int32_t r;
  if (!eq)
    return refuse (errors, text, "write -o BLOCK.KEY=VALUE");
  path = arena_copy (a, text, (size_t) (eq - text));
  label = arena_alloc (a, (size_t) (eq - text) + 4);
  if (!path || !label)
    return -ENOMEM;
  snprintf (label, (size_t) (eq - text) + 4, "-o %s", path);
  where.file = label;
  if (!path_valid (path))
    return refuse (errors, text, "write -o BLOCK.KEY=VALUE, as in -o http.threads=2");
  dot = strchr (path, '.');
  *dot = 0;
  block = block_find (a, root, plugins, blocks, path);
  if (!block)
    return refuse_block (a, plugins, blocks, text, path, errors);
  if (!strcmp (dot + 1, "load"))
    return refuse (errors, text, "what is loaded is written in the file");
  r = block->type == NODE_GROUP ? member_set (a, block, dot + 1, eq + 1, where) : -ENOTDIR;
  if (r == -ENOTDIR)
    return refuse (errors, text, "a part of this path is a value, not a group");
  return r;
}
