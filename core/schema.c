/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/schema.h"
#include "core/schema_value.h"
#include "core/util/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the filling stands: a table, its structure, and the way there. */
struct level {
  const struct schema *s;
  const struct kg_opt *opts;
  uint32_t opt_size;
  uint32_t depth;
  char *out;
  const char *path; /* "http" or "auth.tiers[0]" */
};

static int32_t level_fill (const struct level *l, const struct node *group);

struct kg_opt
schema_opt (const struct kg_opt *opts, uint32_t opt_size, uint32_t i)
{
  struct kg_opt o;
  memset (&o, 0, sizeof o);
  memcpy (&o, (const char *) opts + (size_t) opt_size * i,
          opt_size < sizeof o ? opt_size : sizeof o);
  return o;
}

uint32_t
schema_count (const struct kg_opt *opts, uint32_t opt_size)
{
  uint32_t n = 0;
  while (opts && schema_opt (opts, opt_size, n).key)
    n++;
  return n;
}

/* "path.key", or "key" at the top. */
static void
label_make (char *out, size_t size, const char *path, const char *key)
{
  snprintf (out, size, "%s%s%s", path, *path ? "." : "", key);
}

/* ---- Unknown keys --------------------------------------------------------- */

static void
unknown_report (const struct level *l, const struct node *n)
{
  uint32_t i, count = schema_count (l->opts, l->opt_size);
  const char **keys = calloc (count + 2, sizeof *keys), *near = NULL;
  char label[256];
  for (i = 0; keys && i < count; i++)
    keys[i] = schema_opt (l->opts, l->opt_size, i).key;
  if (keys && !l->depth)
    keys[count] = l->s->skip;
  if (keys)
    near = str_closest (n->key, keys);
  label_make (label, sizeof label, l->path, n->key);
  if (near)
    errors_add (l->s->errors, n->where, "%s: unknown option; did you mean \"%s\"?", label,
                near);
  else if (!count)
    errors_add (l->s->errors, n->where, "%s: unknown option; %s has none: remove it", label,
                *l->path ? l->path : "it");
  else
    errors_add (l->s->errors, n->where, "%s: unknown %s; remove it", label,
                *l->path ? "option"
                         : "block (a plugin's options stand in its entry of \"plugins\")");
  free (keys);
}

static void
unknown_check (const struct level *l, const struct node *group)
{
  const struct node *n = group ? group->first : NULL;
  uint32_t i;
  for (; n; n = n->next) {
    if (!l->depth && l->s->skip && !strcmp (n->key, l->s->skip))
      continue;
    for (i = 0; i < schema_count (l->opts, l->opt_size); i++)
      if (!strcmp (schema_opt (l->opts, l->opt_size, i).key, n->key))
        break;
    if (i == schema_count (l->opts, l->opt_size))
      unknown_report (l, n);
  }
}

/* ---- Groups and lists ----------------------------------------------------- */

static int32_t
sub_fill (const struct level *l, const struct kg_opt *o, const struct node *n, const char *path,
          char *out)
{
  struct level sub = { l->s, o->sub, l->opt_size, l->depth + 1, out, path };
  if (l->depth + 1 >= SCHEMA_DEPTH_MAX) {
    errors_add (l->s->errors, (struct conf_where){ NULL, 0 },
                "%s: its option table nests more than %d deep", path, SCHEMA_DEPTH_MAX);
    return -EINVAL;
  }
  if (n && n->type != NODE_GROUP) {
    errors_add (l->s->errors, n->where, "%s: %s; write %s { KEY = VALUE; }", path,
                node_type_name (n->type), o->key);
    return -EINVAL;
  }
  return level_fill (&sub, n);
}

static int32_t
list_fill (const struct level *l, const struct kg_opt *o, const struct node *n,
           const char *label)
{
  struct kg_list list = { NULL, 0 };
  const struct node *item = n && n->type == NODE_LIST ? n->first : NULL;
  char path[288], *items;
  int32_t r = 0, e;
  if (n && n->type != NODE_LIST) {
    errors_add (l->s->errors, n->where, "%s: %s; write ( { KEY = VALUE; }, ... )", label,
                node_type_name (n->type));
    return -EINVAL;
  }
  for (const struct node *i = item; i; i = i->next)
    list.count++;
  items = arena_alloc (l->s->arena, list.count * o->sub_size + 1);
  if (!items)
    return -ENOMEM;
  memset (items, 0, list.count * o->sub_size);
  list.items = items;
  for (uint64_t i = 0; i < list.count; i++, item = item->next) {
    snprintf (path, sizeof path, "%s[%llu]", label, (unsigned long long) i);
    e = sub_fill (l, o, item, path, items + i * o->sub_size);
    if (e < 0)
      r = e;
  }
  memcpy (l->out + o->offset, &list, sizeof list);
  return r;
}

/* ---- One option ----------------------------------------------------------- */

/* A node that stands for the default; NULL: there is none. */
static const struct node *
default_node (const struct kg_opt *o, struct node *room)
{
  if (!o->dflt)
    return NULL;
  memset (room, 0, sizeof *room);
  room->key = o->key;
  room->type = NODE_STRING;
  room->loose = 1;
  room->text = o->dflt;
  return room;
}

static int32_t
option_fill (const struct level *l, const struct kg_opt *o, const struct node *group)
{
  const struct node *n = node_find (group, o->key);
  struct node dflt;
  char label[256];
  label_make (label, sizeof label, l->path, o->key);
  if (!n && (o->flags & KG_OPT_REQUIRED)) {
    struct conf_where where = group ? group->where : (struct conf_where){ NULL, 0 };
    errors_add (l->s->errors, where, "%s is missing; it has no default: %s", label,
                o->help ? o->help : "set it");
    return -EINVAL;
  }
  if (o->type == KG_OPT_GROUP)
    return sub_fill (l, o, n, label, l->out + o->offset);
  if (o->type == KG_OPT_LIST)
    return list_fill (l, o, n, label);
  return value_fill (l->s, o, n ? n : default_node (o, &dflt), label, l->out + o->offset);
}

static int32_t
level_fill (const struct level *l, const struct node *group)
{
  uint32_t i, count = schema_count (l->opts, l->opt_size), before = l->s->errors->count;
  int32_t r;
  unknown_check (l, group);
  for (i = 0; i < count; i++) {
    struct kg_opt o = schema_opt (l->opts, l->opt_size, i);
    r = option_fill (l, &o, group);
    if (r == -ENOMEM)
      return r;
  }
  return l->s->errors->count == before ? 0 : -EINVAL;
}

int32_t
schema_fill (const struct schema *s, const struct node *group, const struct kg_opt *opts,
             uint32_t opt_size, void *out)
{
  struct level l = { s, opts, opt_size, 0, out, s->block };
  return level_fill (&l, group);
}

/* ---- Tables of strangers -------------------------------------------------- */

/* Bytes and alignment of what an option fills; 0 for an unknown type. */
static size_t
option_size (const struct kg_opt *o, size_t *ret_align)
{
  switch (o->type) {
  case KG_OPT_STRING:
  case KG_OPT_STRINGS:
    *ret_align = _Alignof(const char *);
    return sizeof (const char *);
  case KG_OPT_INT:
    *ret_align = _Alignof(int64_t);
    return sizeof (int64_t);
  case KG_OPT_NUMBER:
    *ret_align = _Alignof(double);
    return sizeof (double);
  case KG_OPT_BOOL:
    *ret_align = _Alignof(int32_t);
    return sizeof (int32_t);
  case KG_OPT_GROUP:
    *ret_align = 1; /* its members are checked */
    return 1;
  case KG_OPT_LIST:
    *ret_align = _Alignof(struct kg_list);
    return sizeof (struct kg_list);
  default:
    return 0;
  }
}

static int32_t table_check (const struct level *l, uint32_t size);

/* What is wrong with an entry, or NULL. */
static const char *
option_fault (const struct kg_opt *o, uint32_t size)
{
  size_t align = 1, bytes = option_size (o, &align);
  int nests = o->type == KG_OPT_GROUP || o->type == KG_OPT_LIST;
  if (!bytes)
    return "unknown type";
  if (o->offset > size || size - o->offset < bytes)
    return "its offset is outside the configuration structure";
  if (o->offset % align)
    return "its offset is not aligned";
  if (nests && !o->sub)
    return "a group or list without `sub`";
  if (nests && o->dflt)
    return "a group or list with a default";
  if (o->type == KG_OPT_LIST && !o->sub_size)
    return "a list without `sub_size`";
  if (o->min > o->max)
    return "its min is above its max";
  return NULL;
}

static int32_t
entry_check (const struct level *l, const struct kg_opt *o, uint32_t size)
{
  struct conf_where nowhere = { NULL, 0 };
  const char *fault = option_fault (o, size);
  union {
    int64_t integer;
    double number;
    const void *pointer;
  } room;
  struct node dflt;
  char label[256];
  label_make (label, sizeof label, l->path, o->key);
  if (fault) {
    errors_add (l->s->errors, nowhere, "option table: %s: %s", label, fault);
    return -EINVAL;
  }
  if (o->type == KG_OPT_GROUP || o->type == KG_OPT_LIST) {
    struct level sub = { l->s, o->sub, l->opt_size, l->depth + 1, NULL, label };
    return table_check (&sub, o->type == KG_OPT_LIST ? o->sub_size : size - o->offset);
  }
  if (!o->dflt || strstr (o->dflt, "${"))
    return 0;
  return value_fill (l->s, o, default_node (o, &dflt), label, &room);
}

static int32_t
table_check (const struct level *l, uint32_t size)
{
  uint32_t i, count = schema_count (l->opts, l->opt_size);
  int32_t r = 0;
  if (l->depth >= SCHEMA_DEPTH_MAX) {
    errors_add (l->s->errors, (struct conf_where){ NULL, 0 },
                "option table: %s: nests more than %d deep", l->path, SCHEMA_DEPTH_MAX);
    return -EINVAL;
  }
  for (i = 0; i < count; i++) {
    struct kg_opt o = schema_opt (l->opts, l->opt_size, i);
    if (entry_check (l, &o, size) < 0)
      r = -EINVAL;
  }
  return r;
}

int32_t
schema_check (const struct schema *s, const struct kg_opt *opts, uint32_t opt_size,
              uint32_t conf_size)
{
  struct level l = { s, opts, opt_size, 0, NULL, s->block };
  return table_check (&l, conf_size);
}
