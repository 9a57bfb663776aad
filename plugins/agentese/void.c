/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* void.*: budgets of chance and grace. */
#include "plugins/agentese/agentese.h"

static const struct ag_aspect entropy[] = {
  { .name = "sip", .category = AG_ENTROPIC },
  { .name = "pour", .category = AG_ENTROPIC },
  { .name = "sample", .category = AG_ENTROPIC },
  { .name = "status", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_aspect serendipity[] = {
  { .name = "sip", .category = AG_ENTROPIC },
  { .name = "inspire", .category = AG_ENTROPIC },
  { .name = "tangent", .category = AG_ENTROPIC },
  { .name = NULL },
};

static const struct ag_aspect gratitude[] = {
  { .name = "tithe", .category = AG_ENTROPIC },
  { .name = "thank", .category = AG_ENTROPIC },
  { .name = "acknowledge", .category = AG_ENTROPIC },
  { .name = NULL },
};

static const struct ag_aspect capital[] = {
  { .name = "balance", .category = AG_PERCEPTION },
  { .name = "history", .category = AG_PERCEPTION },
  { .name = "tithe", .category = AG_ENTROPIC },
  { .name = "bypass", .category = AG_ENTROPIC },
  { .name = NULL },
};

static const struct ag_aspect pataphysics[] = {
  { .name = "solve", .category = AG_ENTROPIC },
  { .name = "melt", .category = AG_ENTROPIC },
  { .name = "verify", .category = AG_PERCEPTION },
  { .name = "imagine", .category = AG_ENTROPIC },
  { .name = NULL },
};

static const struct ag_aspect metabolism[] = {
  { .name = "pressure", .category = AG_PERCEPTION },
  { .name = "fever", .category = AG_PERCEPTION },
  { .name = "oblique", .category = AG_ENTROPIC },
  { .name = "dream", .category = AG_ENTROPIC },
  { .name = "tithe", .category = AG_ENTROPIC },
  { .name = "status", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_aspect hypnagogia[] = {
  { .name = "status", .category = AG_PERCEPTION },
  { .name = "wake", .category = AG_ENTROPIC },
  { .name = "report", .category = AG_PERCEPTION },
  { .name = "patterns", .category = AG_PERCEPTION },
  { .name = NULL },
};

static const struct ag_aspect any[] = {
  { .name = "sip", .category = AG_ENTROPIC },
  { .name = "tithe", .category = AG_ENTROPIC },
  { .name = NULL },
};

static const struct ag_holon holons[] = {
  { .context = AG_VOID,
    .kind = AG_BUILT_IN,
    .rest = "entropy",
    .summary = "The pool of entropy.",
    .aspects = entropy },
  { .context = AG_VOID,
    .kind = AG_BUILT_IN,
    .rest = "serendipity",
    .summary = "Chance finds.",
    .aspects = serendipity },
  { .context = AG_VOID,
    .kind = AG_BUILT_IN,
    .rest = "gratitude",
    .summary = "What gives entropy back.",
    .aspects = gratitude },
  { .context = AG_VOID,
    .kind = AG_BUILT_IN,
    .rest = "capital",
    .summary = "The account that grants exceptions.",
    .aspects = capital },
  { .context = AG_VOID,
    .kind = AG_BUILT_IN,
    .rest = "pataphysics",
    .summary = "Imaginary solutions.",
    .aspects = pataphysics },
  { .context = AG_VOID,
    .kind = AG_BUILT_IN,
    .rest = "metabolism",
    .summary = "The pressure of the pool.",
    .aspects = metabolism },
  { .context = AG_VOID,
    .kind = AG_BUILT_IN,
    .rest = "hypnagogia",
    .summary = "What the idle host finds.",
    .aspects = hypnagogia },
  { .context = AG_VOID,
    .kind = AG_BUILT_IN,
    .summary = "Any other part of the void.",
    .aspects = any },
};

int32_t
ag_void_open (struct ag *ag)
{
  return ag_register_all (ag, holons, sizeof holons / sizeof holons[0]);
}
