/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* concept.*: the table of the aspects of any concept. */
#include "plugins/agentese/agentese.h"

static const struct ag_aspect aspects[] = {
  { .name = "define", .category = AG_GENERATION },
  { .name = "relate", .category = AG_COMPOSITION },
  { .name = NULL },
};

static const struct ag_offer offers[]
    = { { NULL, AG_VERBS ("define", "relate") }, { NULL, NULL } };

int32_t
ag_concept_open (struct ag *ag)
{
  static const struct ag_holon any = { .context = AG_CONCEPT,
                                       .kind = AG_OPEN_WORLD,
                                       .summary = "Any concept.",
                                       .aspects = aspects,
                                       .offers = offers,
                                       .flags = AG_BY_ARCHETYPE };
  return ag_register (ag, &any);
}
