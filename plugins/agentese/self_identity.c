/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.identity: who the caller is to this host, and the traits that its tenant keeps. */
#include "plugins/agentese/self.h"

#include <errno.h>

struct identity {
  struct ag_node node;
  struct ag_trace trace;
};

static void
list_write (struct kg_out *o, const char *const *list)
{
  uint32_t i;
  kg_out_lit (o, "[");
  for (i = 0; list && list[i]; i++) {
    kg_out_lit (o, i ? "," : "");
    kg_out_text (o, list[i]);
  }
  kg_out_lit (o, "]");
}

static void
who_write (const struct ag_call *c, struct kg_out *o)
{
  kg_out_lit (o, "\"subject\":");
  kg_out_text (o, c->who->subject);
  kg_out_lit (o, ",\"tenant\":");
  kg_out_text (o, c->who->tenant);
  kg_out_lit (o, ",\"tier\":");
  kg_out_text (o, c->who->tier);
  kg_out_lit (o, ",\"scopes\":");
  list_write (o, c->who->scopes);
  kg_out_lit (o, ",\"archetypes\":");
  list_write (o, c->who->archetypes);
  kg_out_lit (o, ",\"observer\":{\"name\":");
  kg_out_raw (o, c->observer.ptr, c->observer.len);
  kg_out_lit (o, ",\"archetype\":");
  kg_out_str (o, c->archetype_name);
  kg_out_lit (o, "}");
}

static void
reflect_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct identity *id = arg;
  kg_str traits = ag_str ("{}");
  if (id->node.json)
    traits = kg_json_text (id->node.json, id->node.state);
  kg_out_lit (out, "{");
  who_write (c, out);
  kg_out_lit (out, ",\"traits\":");
  kg_out_raw (out, traits.ptr, traits.len);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, id->node.version);
  kg_out_lit (out, ",\"evolutions\":");
  kg_out_int (out, id->trace.total);
  kg_out_lit (out, "}");
}

static int32_t
reflect (struct ag_call *c)
{
  struct identity id;
  int32_t r = ag_node_get (c, c->path.handle, &id.node);
  if (r == -ENOENT)
    r = 0;
  if (!r)
    r = ag_trace_get (c, c->path.handle, &id.trace);
  return r < 0 ? r : ag_answer (c, reflect_write, &id);
}

static int32_t
evolve_prepare (struct ag_change *ch, const struct ag_node *old)
{
  ch->bump = 1;
  return ag_state_merge (ch->call, old, ag_kwarg (ch->call, "traits"), &ch->state);
}

static void
evolve_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  (void)c;
  kg_out_lit (out, "{\"evolved\":true,\"traits\":");
  kg_out_raw (out, ch->state.ptr, ch->state.len);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, ch->version);
  kg_out_lit (out, "}");
}

static int32_t
evolve (struct ag_call *c)
{
  struct ag_change *ch = ag_change_new (c);
  if (!ch)
    return -ENOMEM;
  ch->prepare = evolve_prepare;
  ch->result = evolve_write;
  return ag_change_run (ch);
}

const struct ag_aspect ag_identity_aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = reflect,
    .summary = "Who the caller is to this host." },
  { .name = "reflect",
    .category = AG_INTROSPECTION,
    .run = reflect,
    .summary = "Who the caller is, and its tenant's traits." },
  { .name = "evolve",
    .category = AG_MUTATION,
    .run = evolve,
    .summary = "Change traits; null takes one away.",
    .input = "{\"type\":\"object\",\"required\":[\"traits\"],\"properties\":{\"traits\":"
             "{\"type\":\"object\"}}}" },
  { .name = NULL },
};
