/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* time.*: what was, and what is to be. */
#include "plugins/agentese/agentese.h"

static const struct ag_aspect trace[] = {
  { .name = "query", .category = AG_PERCEPTION },
  { .name = "replay", .category = AG_PERCEPTION },
  { .name = "analyze", .category = AG_PERCEPTION },
  { .name = "collect", .category = AG_PERCEPTION },
  { .name = "render", .category = AG_PERCEPTION },
  { .name = "diff", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_aspect past[] = {
  { .name = "project", .category = AG_PERCEPTION },
  { .name = "compare", .category = AG_PERCEPTION },
  { .name = "diff", .category = AG_PERCEPTION },
  { .name = "restore", .category = AG_MUTATION },
  { .name = NULL },
};

static const struct ag_aspect future[] = {
  { .name = "forecast", .category = AG_PERCEPTION },
  { .name = "simulate", .category = AG_PERCEPTION },
  { .name = "predict", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_aspect schedule[] = {
  { .name = "defer", .category = AG_MUTATION },
  { .name = "cancel", .category = AG_MUTATION },
  { .name = "list", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_holon holons[] = {
  { .context = AG_TIME,
    .kind = AG_BUILT_IN,
    .rest = "trace",
    .summary = "The tenant's invocations.",
    .aspects = trace },
  { .context = AG_TIME,
    .kind = AG_BUILT_IN,
    .rest = "past",
    .summary = "Nodes as they were.",
    .aspects = past },
  { .context = AG_TIME,
    .kind = AG_BUILT_IN,
    .rest = "future",
    .summary = "What may come.",
    .aspects = future },
  { .context = AG_TIME,
    .kind = AG_BUILT_IN,
    .rest = "schedule",
    .summary = "Invocations that are to come.",
    .aspects = schedule },
  { .context = AG_TIME,
    .kind = AG_BUILT_IN,
    .summary = "Any other part of time." },
};

int32_t
ag_time_open (struct ag *ag)
{
  return ag_register_all (ag, holons, sizeof holons / sizeof holons[0]);
}
