/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What every node can do. */
#include "plugins/agentese/common.h"
#include "plugins/agentese/state.h"

#include <errno.h>

void
ag_write_verbs (const struct ag *ag, const struct ag_holon *holon, int32_t archetype,
                struct kg_out *out)
{
  const char *verbs[AG_VERBS_MAX + 1];
  uint32_t i, n = ag_verbs (ag, holon, archetype, verbs, AG_VERBS_MAX + 1);
  for (i = 0; i < n; i++) {
    kg_out_lit (out, i ? "\",\"" : "[\"");
    kg_out_lit (out, verbs[i]);
  }
  kg_out_lit (out, "\"]");
}

static void
affordances_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)arg;
  ag_write_verbs (c->ag, ag_entry_holon (c->entry), c->archetype, out);
}

int32_t
ag_common_affordances (struct ag_call *c)
{
  return ag_answer (c, affordances_write, NULL);
}

/* ---- manifest ---------------------------------------------------------------- */

static void
aspect_write (struct ag_call *c, const struct ag_slot *slot, struct kg_out *out)
{
  kg_out_lit (out, "{\"aspect\":");
  kg_out_text (out, slot->aspect.name);
  kg_out_lit (out, ",\"category\":");
  kg_out_text (out, ag_category_names[slot->aspect.category]);
  kg_out_lit (out, ",\"summary\":");
  kg_out_text (out, slot->aspect.summary);
  kg_out_lit (out, "}");
  (void)c;
}

void
ag_write_aspects (struct ag_call *c, struct kg_out *out)
{
  const struct ag_slot *slot;
  uint32_t i, n = 0;
  kg_out_lit (out, "[");
  for (i = 0; (slot = ag_slot_at (c->entry, i)); i++)
    if (ag_slot_offered (slot, c->archetype) && !(slot->aspect.flags & AG_UNLISTED)) {
      kg_out_lit (out, n++ ? "," : "");
      aspect_write (c, slot, out);
    }
  kg_out_lit (out, "]");
}

static void
manifest_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_holon *holon = ag_entry_holon (c->entry);
  (void)arg;
  kg_out_lit (out, "{\"summary\":");
  kg_out_text (out, holon->summary);
  kg_out_lit (out, ",\"handle\":");
  kg_out_str (out, c->path.handle);
  kg_out_lit (out, ",\"kind\":");
  kg_out_text (out, ag_kind_names[holon->kind]);
  kg_out_lit (out, ",\"owner\":");
  kg_out_text (out, holon->owner ? holon->owner : "agentese");
  kg_out_lit (out, ",\"aspects\":");
  ag_write_aspects (c, out);
  kg_out_lit (out, "}");
}

int32_t
ag_common_manifest (struct ag_call *c)
{
  return ag_answer (c, manifest_write, NULL);
}

/* ---- witness ------------------------------------------------------------------- */

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

int32_t
ag_witness_of (struct ag_call *c, kg_str handle)
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
  r = ag_trace_get (c, handle, &w.trace);
  return r < 0 ? r : ag_answer (c, witness_write, &w);
}

int32_t
ag_common_witness (struct ag_call *c)
{
  return ag_witness_of (c, c->path.handle);
}

/* ---- constraints, lineage -------------------------------------------------------- */

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

int32_t
ag_common_constraints (struct ag_call *c)
{
  return ag_answer (c, constraints_write, NULL);
}

/* Whence it comes: the nodes above it, and since when it is kept. */
static void
lineage_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_node *node = arg;
  size_t i;
  kg_out_lit (out, "{\"handle\":");
  kg_out_str (out, c->path.handle);
  kg_out_lit (out, ",\"lineage\":[");
  kg_out_str (out, c->path.context);
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

int32_t
ag_common_lineage (struct ag_call *c)
{
  struct ag_node node;
  int32_t r = ag_node_get (c, c->path.handle, &node);
  return r < 0 && r != -ENOENT ? r : ag_answer (c, lineage_write, &node);
}

/* ---- The tables ------------------------------------------------------------------- */

#define WITNESS                                                                                \
  { .name = "witness",                                                                         \
    .category = AG_INTROSPECTION,                                                              \
    .run = ag_common_witness,                                                                  \
    .summary = "The changes of this node, newest first." },                                    \
      { .name = "affordances",                                                                 \
        .category = AG_INTROSPECTION,                                                          \
        .run = ag_common_affordances,                                                          \
        .summary = "What this node offers the observer." },                                    \
      { .name = "constraints",                                                                 \
        .category = AG_INTROSPECTION,                                                          \
        .flags = AG_UNLISTED,                                                                  \
        .run = ag_common_constraints,                                                          \
        .summary = "The limits under which this node is kept." },                              \
      { .name = "lineage",                                                                     \
        .category = AG_INTROSPECTION,                                                          \
        .flags = AG_UNLISTED,                                                                  \
        .run = ag_common_lineage,                                                              \
        .summary = "The nodes above this one, and since when it is kept." },                   \
  {                                                                                            \
    .name = NULL                                                                               \
  }

const struct ag_aspect *
ag_common_aspects (int32_t kind)
{
  static const struct ag_aspect built_in[]
      = { { .name = "manifest", .category = AG_PERCEPTION }, WITNESS };
  static const struct ag_aspect described[] = { { .name = "manifest",
                                                  .category = AG_PERCEPTION,
                                                  .run = ag_common_manifest,
                                                  .summary = "What this node is and offers." },
                                                WITNESS };
  return kind == AG_BUILT_IN || kind == AG_OPEN_WORLD ? built_in : described;
}
