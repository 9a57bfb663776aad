/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.*: what the tenant keeps of itself. */
#include "plugins/agentese/self.h"

#include <errno.h>

/* ---- soul: until a plugin has one ---------------------------------------------------- */

static int32_t
soulless (struct ag_call *c)
{
  static const struct ag_advice advice
      = { "The persona that would answer is a plugin's, and none is loaded.",
          "load a plugin that provides a soul", NULL };
  return ag_refuse_why (c, AG_UPSTREAM, 503, &advice, "This host has no soul");
}

#define SOUL(verb, kind, what)                                                                  \
  {                                                                                             \
    .name = verb, .category = kind, .run = soulless, .summary = what                            \
  }

static const struct ag_aspect soul[] = {
  SOUL ("manifest", AG_PERCEPTION, "The persona."),
  SOUL ("reflect", AG_GENERATION, "Its thoughts on something."),
  SOUL ("advise", AG_GENERATION, "Its advice."),
  SOUL ("challenge", AG_GENERATION, "What it holds against something."),
  SOUL ("explore", AG_GENERATION, "Where it would look further."),
  SOUL ("eigenvectors", AG_PERCEPTION, "What it is like, as numbers."),
  { .name = NULL },
};

/* ---- Any other part --------------------------------------------------------------------- */

static void
inspect_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_node *node = arg;
  kg_str state = node->json ? kg_json_text (node->json, node->state) : ag_str ("null");
  kg_out_lit (out, "{\"handle\":");
  kg_out_str (out, c->path.handle);
  kg_out_lit (out, ",\"state\":");
  kg_out_raw (out, state.ptr, state.len);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, node->version);
  kg_out_lit (out, ",\"changed\":");
  if (node->json)
    kg_out_raw (out, node->changed.ptr, node->changed.len);
  else
    kg_out_lit (out, "null");
  kg_out_lit (out, "}");
}

/* What is kept there, if anything is. */
static int32_t
inspect (struct ag_call *c)
{
  struct ag_node node;
  int32_t r = ag_node_get (c, c->path.handle, &node);
  return r < 0 && r != -ENOENT ? r : ag_answer (c, inspect_write, &node);
}

static const struct ag_aspect any[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = inspect,
    .summary = "What is kept there." },
  { .name = "inspect",
    .category = AG_INTROSPECTION,
    .run = inspect,
    .summary = "What is kept there." },
  { .name = NULL },
};

static const struct ag_holon holons[] = {
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "memory",
    .summary = "What was kept to be recalled.",
    .aspects = ag_memory_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "capabilities",
    .summary = "What the tenant may use.",
    .aspects = ag_capabilities_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "state",
    .summary = "The tenant's state, with checkpoints.",
    .aspects = ag_state_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "identity",
    .summary = "Who the observer is.",
    .aspects = ag_identity_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "judgment",
    .summary = "Taste, and what was expected.",
    .aspects = ag_judgment_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "semaphore",
    .summary = "Actions that wait for a human.",
    .aspects = ag_semaphore_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "soul",
    .summary = "The persona of a plugin.",
    .aspects = soul,
    .flags = AG_STANDS_IN },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "vitals",
    .summary = "Whether the host can do its work.",
    .aspects = ag_triad_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "vitals.triad",
    .summary = "Whether the host can do its work.",
    .aspects = ag_triad_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "vitals.synapse",
    .summary = "The host's figures.",
    .aspects = ag_synapse_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "vitals.resonance",
    .summary = "How the host's parts agree.",
    .aspects = ag_resonance_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "vitals.circuit",
    .summary = "The circuit breakers.",
    .aspects = ag_circuit_aspects },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .summary = "Any other part of oneself.",
    .aspects = any },
};

int32_t
ag_self_open (struct ag *ag)
{
  int32_t r = ag_vitals_open (ag);
  return r < 0 ? r : ag_register_all (ag, holons, sizeof holons / sizeof holons[0]);
}
