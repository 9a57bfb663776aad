/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* world.purgatory: actions that wait for a human. */
#include "plugins/agentese/agentese.h"

static const struct ag_aspect aspects[] = {
  { .name = "list", .category = AG_PERCEPTION },
  { .name = "resolve", .category = AG_MUTATION },
  { .name = "cancel", .category = AG_MUTATION },
  { .name = "inspect", .category = AG_PERCEPTION },
  { .name = "void_expired", .category = AG_MUTATION },
  { .name = NULL },
};

#define KEEPERS_VERBS AG_VERBS ("list", "resolve", "cancel", "inspect", "void_expired")

static const struct ag_offer offers[] = { { "admin", KEEPERS_VERBS },
                                          { "developer", KEEPERS_VERBS },
                                          { "architect", KEEPERS_VERBS },
                                          { NULL, AG_VERBS ("list", "inspect") },
                                          { NULL, NULL } };

int32_t
ag_purgatory_open (struct ag *ag)
{
  static const struct ag_holon purgatory
      = { .context = AG_WORLD,
          .kind = AG_BUILT_IN,
          .rest = "purgatory",
          .summary = "Actions that wait for a human.",
          .aspects = aspects,
          .offers = offers };
  return ag_register (ag, &purgatory);
}
