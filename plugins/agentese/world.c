/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The open world: what any world.* entity shows when it is invoked, and the table
 * of its aspects. */
#include "plugins/agentese/world.h"

#include <errno.h>

static int32_t
world_manifest (struct ag_call *c)
{
  struct ag_node node;
  int32_t r = ag_node_get (c, c->path.handle, &node);
  return r < 0 && r != -ENOENT ? r : ag_answer (c, ag_manifest, &node);
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

static const struct ag_aspect aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = world_manifest,
    .summary = "The entity as the observer's archetype sees it.",
    .output = "{\"type\":\"object\"}" },
  { .name = "define",
    .category = AG_GENERATION,
    .flags = AG_CHECKS,
    .run = ag_world_define,
    .summary = "Make a node below this one.",
    .input = "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{"
             "\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_]{0,63}$\"},"
             "\"spec\":{\"type\":[\"object\",\"string\"]}}}",
    .output = "{\"type\":\"object\",\"required\":[\"handle\",\"affordances\"],\"properties\":{"
              "\"handle\":{\"type\":\"string\"},"
              "\"affordances\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}" },
  { .name = "relate",
    .category = AG_COMPOSITION,
    .flags = AG_CHECKS,
    .run = ag_world_relate,
    .summary = "Relate this node to another, or list its relations.",
    .input = "{\"type\":\"object\",\"properties\":{\"target\":{\"type\":\"string\","
             "\"description\":\"A path; without it the relations are listed.\"},"
             "\"relation\":{\"type\":\"string\",\"default\":\"related_to\"}}}",
    .output = "{\"type\":[\"object\",\"array\"],\"properties\":{\"source\":{\"type\":\"string\"},"
              "\"target\":{\"type\":\"string\"},\"relation\":{\"type\":\"string\"}}}" },
  { .name = "transform",
    .category = AG_MUTATION,
    .flags = AG_CHECKS,
    .run = ag_world_transform,
    .summary = "Change members of the node's state.",
    .input = "{\"type\":\"object\",\"required\":[\"changes\"],\"properties\":{"
             "\"changes\":{\"type\":\"object\",\"maxProperties\":256,"
             "\"description\":\"Members of the state; null deletes one.\"}}}",
    .output = "{\"type\":\"object\",\"required\":[\"transformed\",\"changes\",\"version\"],"
              "\"properties\":{\"transformed\":{\"const\":true},"
              "\"changes\":{\"type\":\"object\"},\"version\":{\"type\":\"integer\"}}}" },
  { .name = "measure",
    .category = AG_PERCEPTION,
    .flags = AG_CHECKS,
    .run = world_measure,
    .summary = "One member of the node's state.",
    .input = "{\"type\":\"object\",\"required\":[\"metric\"],\"properties\":{"
             "\"metric\":{\"type\":\"string\",\"minLength\":1}}}",
    .output = "{\"type\":\"object\",\"required\":[\"entity\",\"metric\",\"value\"],"
              "\"properties\":{\"entity\":{\"type\":\"string\"},"
              "\"metric\":{\"type\":\"string\"},\"value\":{}}}" },
  { .name = NULL },
};

/* The verbs that only name an action leave a mark in the node's history. */
static const struct ag_aspect other
    = { .category = AG_MUTATION,
        .flags = AG_CHECKS,
        .run = ag_world_acknowledge,
        .summary = "Noted in the node's history.",
        .input = "{\"type\":\"object\",\"properties\":{\"changes\":{\"type\":\"object\","
                 "\"description\":\"Members of the state; null deletes one.\"}}}",
        .output = "{\"type\":\"object\",\"required\":[\"entity\",\"aspect\",\"status\","
                  "\"kwargs\"],\"properties\":{\"entity\":{\"type\":\"string\"},"
                  "\"aspect\":{\"type\":\"string\"},\"status\":{\"const\":\"acknowledged\"},"
                  "\"kwargs\":{\"type\":\"object\"}}}" };

static const struct ag_offer offers[]
    = { { NULL, AG_VERBS ("define", "relate", "transform") }, { NULL, NULL } };

int32_t
ag_world_open (struct ag *ag)
{
  static const struct ag_holon any = { .context = AG_WORLD,
                                       .kind = AG_OPEN_WORLD,
                                       .summary = "Any entity of the world.",
                                       .aspects = aspects,
                                       .offers = offers,
                                       .other = &other,
                                       .flags = AG_BY_ARCHETYPE };
  ag_manifests_make ();
  return ag_register (ag, &any);
}
