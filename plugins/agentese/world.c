/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The open world: what any world.* entity shows when it is invoked. */
#include "plugins/agentese/world.h"

#include <errno.h>
#include <string.h>

static int32_t
world_manifest (struct ag_call *c)
{
  struct ag_node node;
  int32_t r = ag_node_get (c, c->path.handle, &node);
  return r < 0 && r != -ENOENT ? r : ag_answer (c, ag_manifest, &node);
}

/* The history and how much of it was asked for. */
struct witness {
  struct ag_trace trace;
  int64_t limit;
};

static void
witness_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct witness *w = arg;
  int64_t n = 0;
  uint32_t i = w->trace.json ? kg_json_first (w->trace.json, w->trace.history) : 0;
  kg_out_lit (out, "{\"handle\":");
  kg_out_str (out, c->path.handle);
  kg_out_lit (out, ",\"history\":[");
  for (; i && n < w->limit; i = kg_json_next (w->trace.json, w->trace.history, i), n++) {
    kg_str line = kg_json_text (w->trace.json, i);
    if (n)
      kg_out_lit (out, ",");
    kg_out_raw (out, line.ptr, line.len);
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, w->trace.total);
  kg_out_lit (out, "}");
}

static int32_t
world_witness (struct ag_call *c)
{
  struct witness w = { .limit = 100 };
  uint32_t limit = ag_kwarg (c, "limit");
  int32_t r;
  if (limit) {
    w.limit = kg_json_int (c->json, limit, 0);
    if (w.limit < 1 || w.limit > 100)
      return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                        "Argument 'limit' must be a number from 1 to 100");
  }
  r = ag_trace_get (c, c->path.handle, &w.trace);
  return r < 0 ? r : ag_answer (c, witness_write, &w);
}

struct measure {
  kg_str metric, value;
};

static void
measure_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct measure *m = arg;
  kg_out_lit (out, "{\"entity\":");
  kg_out_str (out, c->path.rest);
  kg_out_lit (out, ",\"metric\":");
  kg_out_str (out, m->metric);
  kg_out_lit (out, ",\"value\":");
  kg_out_raw (out, m->value.ptr, m->value.len);
  kg_out_lit (out, "}");
}

static int32_t
world_measure (struct ag_call *c)
{
  struct measure m = { .value = ag_str ("\"unmeasured\"") };
  struct ag_node node;
  uint32_t found, taken;
  int32_t r = ag_string_arg (c, "metric", 1, &m.metric);
  if (r)
    return r;
  r = ag_node_get (c, c->path.handle, &node);
  if (r < 0 && r != -ENOENT)
    return r;
  if (!r) {
    found = kg_json_find (node.json, node.state, m.metric.ptr);
    taken = kg_json_find (node.json, node.state, "measurements");
    if (!found && taken)
      found = kg_json_find (node.json, taken, m.metric.ptr);
    if (found)
      m.value = kg_json_text (node.json, found);
  }
  return ag_answer (c, measure_write, &m);
}

/* What binds this node: the limits under which it is kept. */
static void
constraints_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_conf *conf = c->ag->conf;
  (void)arg;
  kg_out_lit (out, "{\"handle\":");
  kg_out_str (out, c->path.handle);
  kg_out_lit (out, ",\"constraints\":{\"state_bytes\":");
  kg_out_int (out, conf->node_bytes_max);
  kg_out_lit (out, ",\"members\":");
  kg_out_int (out, AG_MEMBERS_MAX);
  kg_out_lit (out, ",\"history\":");
  kg_out_int (out, conf->history_max);
  kg_out_lit (out, ",\"tenant_nodes\":");
  kg_out_int (out, conf->nodes_max);
  kg_out_lit (out, ",\"tenant_bytes\":");
  kg_out_int (out, conf->bytes_max);
  kg_out_lit (out, "}}");
}

/* Whence it comes: the nodes above it, and since when it is kept. */
static void
lineage_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_node *node = arg;
  size_t i;
  kg_out_lit (out, "{\"handle\":");
  kg_out_str (out, c->path.handle);
  kg_out_lit (out, ",\"lineage\":[\"world\"");
  for (i = c->path.context.len + 1; i < c->path.handle.len; i++)
    if (c->path.handle.ptr[i] == '.') {
      kg_out_lit (out, ",");
      kg_out_str (out, (kg_str){ c->path.handle.ptr, i });
    }
  kg_out_lit (out, "],\"created\":");
  if (node->json)
    kg_out_raw (out, node->created.ptr, node->created.len);
  else
    kg_out_lit (out, "null");
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, node->version);
  kg_out_lit (out, "}");
}

static int32_t
world_lineage (struct ag_call *c)
{
  struct ag_node node;
  int32_t r = ag_node_get (c, c->path.handle, &node);
  return r < 0 && r != -ENOENT ? r : ag_answer (c, lineage_write, &node);
}

static int32_t
world_constraints (struct ag_call *c)
{
  return ag_answer (c, constraints_write, NULL);
}

int32_t
ag_world (struct ag_call *c)
{
  static const struct {
    const char *aspect;
    int32_t (*run) (struct ag_call *c);
  } verbs[] = { { "manifest", world_manifest },       { "witness", world_witness },
                { "constraints", world_constraints }, { "lineage", world_lineage },
                { "measure", world_measure },         { "transform", ag_world_transform },
                { "define", ag_world_define },        { "relate", ag_world_relate } };
  uint32_t i;
  for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
    if (ag_str_is (c->path.aspect, verbs[i].aspect))
      return verbs[i].run (c);
  return ag_world_acknowledge (c);
}
