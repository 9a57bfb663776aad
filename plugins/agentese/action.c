/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What changes a world entity: transform, relate, define, and every verb that is
 * offered and has no meaning of its own here. */
#include "plugins/agentese/common.h"
#include "plugins/agentese/spec_tenant.h"
#include "plugins/agentese/world.h"

#include <errno.h>

int32_t
ag_string_arg (struct ag_call *c, const char *name, int32_t required, kg_str *ret)
{
  uint32_t i = ag_kwarg (c, name);
  *ret = (kg_str){ NULL, 0 };
  if (!i && !required)
    return 0;
  if (!i || kg_json_kind (c->json, i) != KG_JSON_STRING || !c->json->token[i].len)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument '%s' must be a string%s", name,
                      i ? "" : "; it is required");
  *ret = kg_json_str (c->ag->host, c->req, c->json, i);
  return ret->ptr ? 0 : -ENOMEM;
}

/* The object of changes, or 0; KG_DONE when it is something else. */
static int32_t
changes_arg (struct ag_call *c, int32_t required)
{
  uint32_t i = ag_kwarg (c, "changes");
  if (i ? kg_json_kind (c->json, i) != KG_JSON_OBJECT : required)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument 'changes' must be an object%s",
                      i ? "" : "; it is required");
  return 0;
}

static int32_t
changes_prepare (struct ag_change *ch, const struct ag_node *old)
{
  uint32_t changes = ag_kwarg (ch->call, "changes");
  const struct ag_entry *spec;
  int32_t r;
  if (!changes)
    return 0;
  if ((r = ag_spec_take_member (ch->call, ch->call->path.handle, changes, &spec)))
    return r;
  ch->bump = 1;
  return ag_state_merge (ch->call, old, changes, &ch->state);
}

static void
transform_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  kg_out_lit (out, "{\"transformed\":true,\"changes\":");
  ag_compact (out, kg_json_text (c->json, ag_kwarg (c, "changes")));
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, ch->version);
  kg_out_lit (out, "}");
}

int32_t
ag_world_transform (struct ag_call *c)
{
  struct ag_change *ch = ag_change_new (c);
  int32_t r = changes_arg (c, 1);
  if (r || !ch)
    return r ? r : -ENOMEM;
  ch->prepare = changes_prepare;
  ch->result = transform_write;
  return ag_change_run (ch);
}

static void
acknowledge_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)arg;
  kg_out_lit (out, "{\"entity\":");
  kg_out_str (out, c->path.rest);
  kg_out_lit (out, ",\"aspect\":");
  kg_out_str (out, c->path.aspect);
  kg_out_lit (out, ",\"status\":\"acknowledged\",\"kwargs\":");
  if (c->kwargs)
    ag_compact (out, kg_json_text (c->json, c->kwargs));
  else
    kg_out_lit (out, "{}");
  kg_out_lit (out, "}");
}

/* Any verb that is offered and has no meaning of its own here. */
int32_t
ag_world_acknowledge (struct ag_call *c)
{
  struct ag_change *ch = ag_change_new (c);
  int32_t r = changes_arg (c, 0);
  if (r || !ch)
    return r ? r : -ENOMEM;
  ch->prepare = changes_prepare;
  ch->result = acknowledge_write;
  return ag_change_run (ch);
}

/* ---- relate -------------------------------------------------------------- */

struct relation {
  kg_str target, kind;
};

static void
relation_write (struct kg_out *out, const struct relation *rel)
{
  kg_out_lit (out, "{\"target\":");
  kg_out_str (out, rel->target);
  kg_out_lit (out, ",\"relation\":");
  kg_out_str (out, rel->kind);
  kg_out_lit (out, "}");
}

static void
relations_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_node *node = arg;
  (void)c;
  if (!node->json)
    kg_out_lit (out, "[]");
  else {
    kg_str list = kg_json_text (node->json, node->relations);
    kg_out_raw (out, list.ptr, list.len);
  }
}

static int32_t
relate_prepare (struct ag_change *ch, const struct ag_node *old)
{
  const struct relation *rel = ch->extra;
  struct kg_out o;
  uint32_t i, count = 0;
  if (ag_out_new (ch->call, old->bytes + 2 * AG_PATH_MAX + 64, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "[");
  i = old->json ? kg_json_first (old->json, old->relations) : 0;
  for (; i; i = kg_json_next (old->json, old->relations, i)) {
    kg_str line = kg_json_text (old->json, i);
    if (kg_json_is (old->json, kg_json_find (old->json, i, "target"), rel->target.ptr))
      continue; /* one relation to each target: the last one said */
    kg_out_raw (&o, line.ptr, line.len);
    kg_out_lit (&o, ",");
    count++;
  }
  if (count >= AG_MEMBERS_MAX)
    return ag_over_limit (ch->call, "agentese.relations", AG_MEMBERS_MAX,
                          "relations of a node");
  relation_write (&o, rel);
  kg_out_lit (&o, "]");
  ch->relations = (kg_str){ o.ptr, o.len };
  ch->bump = 1;
  return kg_out_ok (&o) ? 0 : -ENOMEM;
}

static void
relate_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  const struct relation *rel = ch->extra;
  kg_out_lit (out, "{\"source\":");
  kg_out_str (out, c->path.handle);
  kg_out_lit (out, ",\"target\":");
  kg_out_str (out, rel->target);
  kg_out_lit (out, ",\"relation\":");
  kg_out_str (out, rel->kind);
  kg_out_lit (out, "}");
}

static int32_t
relation_args (struct ag_call *c, struct relation *rel)
{
  struct ag_path target;
  struct ag_error err;
  int32_t r = ag_string_arg (c, "target", 1, &rel->target);
  if (r || (r = ag_string_arg (c, "relation", 0, &rel->kind)))
    return r;
  if (!rel->kind.ptr)
    rel->kind = ag_str ("related_to");
  if (!ag_is_name (rel->kind))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument 'relation' must be a name");
  if (ag_path_parse (rel->target, &target, &err) < 0 || target.base.len != rel->target.len)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                      "Argument 'target' must be the path of a node, like world.garden");
  return 0;
}

int32_t
ag_world_relate (struct ag_call *c)
{
  struct ag_change *ch;
  struct relation *rel;
  struct ag_node node;
  int32_t r;
  if (!ag_kwarg (c, "target")) {
    r = ag_node_get (c, c->path.handle, &node);
    return r < 0 && r != -ENOENT ? r : ag_answer (c, relations_write, &node);
  }
  ch = ag_change_new (c);
  rel = c->ag->host->alloc (c->req, sizeof *rel);
  if (!ch || !rel)
    return -ENOMEM;
  r = relation_args (c, rel);
  if (r)
    return r;
  ch->extra = rel;
  ch->prepare = relate_prepare;
  ch->result = relate_write;
  return ag_change_run (ch);
}

/* ---- define -------------------------------------------------------------- */

static int32_t
define_prepare (struct ag_change *ch, const struct ag_node *old)
{
  (void)ch;
  (void)old;
  return 0;
}

static void
define_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  kg_str rest = { ch->child.ptr + c->path.context.len + 1,
                  ch->child.len - c->path.context.len - 1 };
  const struct ag_entry *child = ch->extra;
  if (!child)
    child = ag_entry_find (c->ag, c->path.ctx, rest);
  kg_out_lit (out, "{\"handle\":");
  kg_out_str (out, ch->child);
  kg_out_lit (out, ",\"affordances\":");
  ag_write_verbs (c->ag, ag_entry_holon (child), c->archetype, out);
  kg_out_lit (out, "}");
}

/* The child's state: the members of the object `spec`, or a text as "spec". */
static int32_t
define_spec (struct ag_call *c, kg_str child, kg_str *ret, const struct ag_entry **ret_entry)
{
  struct ag_node nothing = { 0 };
  uint32_t spec = ag_kwarg (c, "spec");
  int32_t kind = kg_json_kind (c->json, spec), r;
  struct kg_out o;
  if (spec && kind == KG_JSON_OBJECT)
    return (r = ag_spec_take_member (c, child, spec, ret_entry))
               ? r
               : ag_state_merge (c, &nothing, spec, ret);
  if (spec && kind != KG_JSON_STRING)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument 'spec' must be an object or a string");
  *ret = ag_str ("{}");
  if (!spec)
    return 0;
  if ((r = ag_spec_take_member (c, child, c->kwargs, ret_entry)))
    return r;
  if ((int64_t)c->json->token[spec].len > c->ag->conf->node_bytes_max)
    return ag_over_limit (c, "agentese.node_bytes", c->ag->conf->node_bytes_max,
                          "bytes of a node's state");
  if (ag_out_new (c, c->json->token[spec].len + 32u, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "{\"spec\":");
  kg_out_raw (&o, kg_json_text (c->json, spec).ptr, kg_json_text (c->json, spec).len);
  kg_out_lit (&o, "}");
  *ret = (kg_str){ o.ptr, o.len };
  return 0;
}

/* The handle of the child that is to be. */
static int32_t
define_handle (struct ag_call *c, kg_str *ret)
{
  struct kg_out o;
  kg_str name;
  int32_t r = ag_string_arg (c, "name", 1, &name);
  if (r)
    return r;
  if (!ag_is_name (name))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                      "Argument 'name' must be a name: [a-z][a-z0-9_]*");
  if (c->path.handle.len + 1 + name.len > AG_HANDLE_MAX)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "The new node's path would be over %d bytes",
                      AG_HANDLE_MAX);
  if (ag_out_new (c, AG_HANDLE_MAX, &o) < 0)
    return -ENOMEM;
  kg_out_raw (&o, c->path.handle.ptr, c->path.handle.len);
  kg_out_lit (&o, ".");
  kg_out_raw (&o, name.ptr, name.len);
  *ret = (kg_str){ o.ptr, o.len };
  return 0;
}

int32_t
ag_world_define (struct ag_call *c)
{
  struct ag_change *ch = ag_change_new (c);
  const struct ag_entry *entry = NULL;
  int32_t r;
  if (!ch)
    return -ENOMEM;
  if (!ag_may_define (c))
    return ag_refuse_define (c);
  r = define_handle (c, &ch->child);
  if (r || (r = define_spec (c, ch->child, &ch->child_state, &entry)))
    return r;
  ch->extra = (void *)entry;
  ch->prepare = define_prepare;
  ch->result = define_write;
  return ag_change_run (ch);
}
