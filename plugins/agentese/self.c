/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.*: what the tenant keeps of itself. */
#include "plugins/agentese/self.h"

static const struct ag_aspect capabilities[] = {
  { .name = "list", .category = AG_PERCEPTION },
  { .name = "acquire", .category = AG_MUTATION },
  { .name = "release", .category = AG_MUTATION },
  { .name = NULL },
};

static const struct ag_aspect state[] = {
  { .name = "checkpoint", .category = AG_MUTATION },
  { .name = "restore", .category = AG_MUTATION },
  { .name = "inspect", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_aspect identity[] = {
  { .name = "reflect", .category = AG_INTROSPECTION },
  { .name = "evolve", .category = AG_MUTATION },
  { .name = NULL },
};

static const struct ag_aspect judgment[] = {
  { .name = "taste", .category = AG_PERCEPTION },
  { .name = "surprise", .category = AG_PERCEPTION },
  { .name = "expectations", .category = AG_PERCEPTION },
  { .name = "calibrate", .category = AG_MUTATION },
  { .name = "critique", .category = AG_PERCEPTION },
  { .name = "refine", .category = AG_MUTATION },
  { .name = NULL },
};

static const struct ag_aspect semaphore[] = {
  { .name = "pending", .category = AG_PERCEPTION },
  { .name = "yield", .category = AG_MUTATION },
  { .name = "status", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_aspect soul[] = {
  { .name = "reflect", .category = AG_GENERATION },
  { .name = "advise", .category = AG_GENERATION },
  { .name = "challenge", .category = AG_GENERATION },
  { .name = "explore", .category = AG_GENERATION },
  { .name = "eigenvectors", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_aspect triad[] = {
  { .name = "is_coherent", .category = AG_PERCEPTION },
  { .name = "can_persist", .category = AG_PERCEPTION },
  { .name = "can_recall", .category = AG_PERCEPTION },
  { .name = "can_associate", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_aspect synapse[] = {
  { .name = "prometheus", .category = AG_PERCEPTION },
  { .name = "reset", .category = AG_MUTATION },
  { .name = NULL },
};

static const struct ag_aspect resonance[] = {
  { .name = "update", .category = AG_MUTATION },
  { .name = "coherency", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_aspect circuit[] = {
  { .name = "open", .category = AG_MUTATION },
  { .name = "close", .category = AG_MUTATION },
  { .name = "reset", .category = AG_MUTATION },
  { .name = NULL },
};

static const struct ag_aspect any[] = {
  { .name = "inspect", .category = AG_INTROSPECTION },
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
    .aspects = capabilities },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "state",
    .summary = "The tenant's state, with checkpoints.",
    .aspects = state },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "identity",
    .summary = "Who the observer is.",
    .aspects = identity },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "judgment",
    .summary = "Taste, and what was expected.",
    .aspects = judgment },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "semaphore",
    .summary = "Actions that wait for a human.",
    .aspects = semaphore },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "soul",
    .summary = "The persona of soul.so.",
    .aspects = soul },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "vitals",
    .summary = "Whether the host can do its work.",
    .aspects = triad },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "vitals.triad",
    .summary = "Whether the host can do its work.",
    .aspects = triad },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "vitals.synapse",
    .summary = "The host's figures.",
    .aspects = synapse },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "vitals.resonance",
    .summary = "How the host's parts agree.",
    .aspects = resonance },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .rest = "vitals.circuit",
    .summary = "The circuit breakers.",
    .aspects = circuit },
  { .context = AG_SELF,
    .kind = AG_BUILT_IN,
    .summary = "Any other part of oneself.",
    .aspects = any },
};

int32_t
ag_self_open (struct ag *ag)
{
  return ag_register_all (ag, holons, sizeof holons / sizeof holons[0]);
}
