/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Archetypes and what each node offers them: the tables of the path language.
 * Every list keeps the order in which callers see it. */
#include "plugins/agentese/agentese.h"

#include <string.h>

#define VERBS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NONE ((const char *const[]){ NULL })

enum archetype {
  ARCHITECT,
  POET,
  ECONOMIST,
  INHABITANT,
  SCIENTIST,
  DEVELOPER,
  ADMIN,
  PHILOSOPHER,
  ENGINEER,
  ARTIST,
  TEACHER,
  ARCHETYPES
};

const char *const ag_archetype_names[ARCHETYPES + 1]
    = { "architect", "poet",        "economist", "inhabitant", "scientist", "developer",
        "admin",     "philosopher", "engineer",  "artist",     "teacher",   NULL };

const char *const ag_category_names[AG_CATEGORIES + 1] = {
  "PERCEPTION", "INTROSPECTION", "MUTATION", "GENERATION", "ENTROPY", "COMPOSITION", NULL
};

static const char *const none[] = { NULL };
static const char *const base[] = { "manifest", "witness", "affordances", NULL };
static const char *const everywhere[] = { "constraints", "lineage", NULL };

static const char *const world_verbs[] = { "define", "relate", "transform", NULL };
static const char *const concept_verbs[] = { "define", "relate", NULL };

static const char *const *const world_by_archetype[ARCHETYPES] = {
  [ARCHITECT] = VERBS ("renovate", "measure", "blueprint", "demolish", "design"),
  [POET] = VERBS ("describe", "metaphorize", "inhabit", "contemplate"),
  [ECONOMIST] = VERBS ("appraise", "forecast", "compare", "trade"),
  [INHABITANT] = VERBS ("enter", "exit", "furnish", "repair", "use"),
  [SCIENTIST] = VERBS ("analyze", "measure", "experiment", "hypothesize"),
  [DEVELOPER] = VERBS ("build", "deploy", "debug", "test", "refactor"),
  [ADMIN] = VERBS ("configure", "monitor", "audit", "provision"),
};

static const char *const *const concept_by_archetype[ARCHETYPES] = {
  [PHILOSOPHER] = VERBS ("refine", "dialectic", "synthesize", "analyze", "critique"),
  [SCIENTIST] = VERBS ("hypothesize", "validate", "classify"),
  [ENGINEER] = VERBS ("implement", "decompose", "optimize", "validate"),
  [ARTIST] = VERBS ("interpret", "express", "transform", "inspire"),
  [TEACHER] = VERBS ("explain", "simplify", "exemplify", "assess"),
};

static const char *const purgatory_all[] = { "list", "inspect", NULL };
static const char *const purgatory_keeper[]
    = { "list", "resolve", "cancel", "inspect", "void_expired", NULL };

/* A node of a context's table; without `holon` the context's any other. */
struct holon {
  const char *holon;
  const char *const *verbs;
};

static const struct holon self_holons[] = {
  { "memory",
    VERBS ("consolidate", "prune", "checkpoint", "recall", "forget", "crystallize", "resume",
           "cherish", "engram", "store", "retrieve", "compress", "promote", "demote", "deposit",
           "sense", "play", "evaluate", "inference_consolidate", "reap", "expiring_soon") },
  { "capabilities", VERBS ("list", "acquire", "release") },
  { "state", VERBS ("checkpoint", "restore", "inspect") },
  { "identity", VERBS ("reflect", "evolve") },
  { "judgment",
    VERBS ("taste", "surprise", "expectations", "calibrate", "critique", "refine") },
  { "semaphore", VERBS ("pending", "yield", "status") },
  { "soul", VERBS ("reflect", "advise", "challenge", "explore", "eigenvectors") },
  { "vitals", VERBS ("is_coherent", "can_persist", "can_recall", "can_associate") },
  { "vitals.triad", VERBS ("is_coherent", "can_persist", "can_recall", "can_associate") },
  { "vitals.synapse", VERBS ("prometheus", "reset") },
  { "vitals.resonance", VERBS ("update", "coherency") },
  { "vitals.circuit", VERBS ("open", "close", "reset") },
  { NULL, VERBS ("inspect") },
};

static const struct holon void_holons[] = {
  { "entropy", VERBS ("sip", "pour", "sample", "status") },
  { "serendipity", VERBS ("sip", "inspire", "tangent") },
  { "gratitude", VERBS ("tithe", "thank", "acknowledge") },
  { "capital", VERBS ("balance", "history", "tithe", "bypass") },
  { "pataphysics", VERBS ("solve", "melt", "verify", "imagine") },
  { "metabolism", VERBS ("pressure", "fever", "oblique", "dream", "tithe", "status") },
  { "hypnagogia", VERBS ("status", "wake", "report", "patterns") },
  { NULL, VERBS ("sip", "tithe") },
};

static const struct holon time_holons[] = {
  { "trace", VERBS ("query", "replay", "analyze", "collect", "render", "diff") },
  { "past", VERBS ("project", "compare", "diff", "restore") },
  { "future", VERBS ("forecast", "simulate", "predict") },
  { "schedule", VERBS ("defer", "cancel", "list") },
  { NULL, NONE },
};

static const struct holon world_holons[]
    = { { "purgatory", purgatory_keeper }, { NULL, world_verbs } };
static const struct holon concept_holons[] = { { NULL, concept_verbs } };

static const struct holon *const tables[AG_CONTEXTS] = { [AG_WORLD] = world_holons,
                                                         [AG_SELF] = self_holons,
                                                         [AG_CONCEPT] = concept_holons,
                                                         [AG_VOID] = void_holons,
                                                         [AG_TIME] = time_holons };

static const struct holon *
holon_find (int32_t ctx, kg_str rest)
{
  const struct holon *h = tables[ctx];
  while (h->holon && !ag_str_is (rest, h->holon))
    h++;
  return h;
}

static int32_t
listed (const char *const *list, kg_str name)
{
  for (; *list; list++)
    if (ag_str_is (name, *list))
      return 1;
  return 0;
}

int32_t
ag_archetype_find (kg_str name)
{
  int32_t i;
  for (i = 0; i < ARCHETYPES; i++)
    if (ag_str_is (name, ag_archetype_names[i]))
      return i;
  return -1;
}

void
ag_afford (const struct ag_path *path, int32_t archetype, const char *const *ret_lists[3])
{
  const struct holon *h = holon_find (path->ctx, path->rest);
  const char *const *const *own = path->ctx == AG_WORLD     ? world_by_archetype
                                  : path->ctx == AG_CONCEPT ? concept_by_archetype
                                                            : NULL;
  ret_lists[0] = base;
  ret_lists[1] = h->verbs;
  ret_lists[2] = none;
  if (path->ctx == AG_WORLD && h->holon) {
    int32_t keeper = archetype == ADMIN || archetype == DEVELOPER || archetype == ARCHITECT;
    ret_lists[1] = keeper ? purgatory_keeper : purgatory_all;
  } else if (own && archetype >= 0 && own[archetype])
    ret_lists[2] = own[archetype];
}

int32_t
ag_affords (const struct ag_path *path, int32_t archetype)
{
  const char *const *lists[3];
  ag_afford (path, archetype, lists);
  return listed (lists[0], path->aspect) || listed (lists[1], path->aspect)
         || listed (lists[2], path->aspect) || listed (everywhere, path->aspect);
}

int32_t
ag_is_verb (kg_str name)
{
  const struct holon *h;
  int32_t i;
  if (listed (base, name) || listed (everywhere, name) || listed (purgatory_all, name))
    return 1;
  for (i = 0; i < ARCHETYPES; i++)
    if ((world_by_archetype[i] && listed (world_by_archetype[i], name))
        || (concept_by_archetype[i] && listed (concept_by_archetype[i], name)))
      return 1;
  for (i = 0; i < AG_CONTEXTS; i++)
    for (h = tables[i];; h++) {
      if (listed (h->verbs, name))
        return 1;
      if (!h->holon)
        break;
    }
  return 0;
}

int32_t
ag_is_builtin (int32_t ctx, kg_str rest)
{
  return holon_find (ctx, rest)->holon != NULL;
}

void
ag_builtins (int32_t ctx, const char **ret, uint32_t max)
{
  const struct holon *h = tables[ctx];
  uint32_t n = 0;
  for (; h->holon && n + 1 < max; h++)
    ret[n++] = h->holon;
  ret[n] = NULL;
}

void
ag_offered_to (const struct ag_path *path, const char **ret, uint32_t max)
{
  uint32_t n = 0;
  int32_t i;
  for (i = 0; i < ARCHETYPES && n + 1 < max; i++)
    if (ag_affords (path, i))
      ret[n++] = ag_archetype_names[i];
  ret[n] = NULL;
}

/* What invoking the aspect does.  The verbs of the world that only name an
 * action are mutations: they leave a mark in the node's history. */
int32_t
ag_category_of (const struct ag_path *path)
{
  kg_str a = path->aspect;
  if (ag_str_is (a, "manifest"))
    return AG_PERCEPTION;
  if (ag_str_is (a, "witness") || ag_str_is (a, "affordances") || listed (everywhere, a))
    return AG_INTROSPECTION;
  if (path->ctx == AG_VOID)
    return AG_ENTROPIC;
  if (ag_str_is (a, "measure"))
    return AG_PERCEPTION;
  if (ag_str_is (a, "define"))
    return AG_GENERATION;
  if (ag_str_is (a, "relate"))
    return AG_COMPOSITION;
  return AG_MUTATION;
}
