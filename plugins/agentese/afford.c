/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Archetypes: the default table, what the configuration adds, and the verbs that a
 * holon lists to each of them.  Every list keeps the order in which callers see it. */
#include "plugins/agentese/agentese.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct archetype {
  const char *name;
  size_t len; /* of the name */
  int32_t parent, base; /* indices, or -1 */
  const char *const *verbs[AG_CONTEXTS]; /* of its own; NULL: none */
  const char *const *extra[AG_CONTEXTS]; /* which the configuration adds to the table's */
};

struct ag_archetypes {
  int32_t count;
  struct archetype all[AG_ARCHETYPES_MAX];
};

const char *const ag_category_names[AG_CATEGORIES + 1] = {
  "PERCEPTION", "INTROSPECTION", "MUTATION", "GENERATION", "ENTROPY", "COMPOSITION", NULL
};

const char *const ag_kind_names[AG_KINDS + 1]
    = { "builtin", "plugin", "http", "nats", "llm", "spec", "open_world", NULL };

static const struct {
  const char *name;
  const char *const *world, *const *concept;
} defaults[AG_ARCHETYPES] = {
  [AG_ARCHITECT]
  = { "architect", AG_VERBS ("renovate", "measure", "blueprint", "demolish", "design"), NULL },
  [AG_POET] = { "poet", AG_VERBS ("describe", "metaphorize", "inhabit", "contemplate"), NULL },
  [AG_ECONOMIST] = { "economist", AG_VERBS ("appraise", "forecast", "compare", "trade"), NULL },
  [AG_INHABITANT]
  = { "inhabitant", AG_VERBS ("enter", "exit", "furnish", "repair", "use"), NULL },
  [AG_SCIENTIST] = { "scientist", AG_VERBS ("analyze", "measure", "experiment", "hypothesize"),
                     AG_VERBS ("hypothesize", "validate", "classify") },
  [AG_DEVELOPER]
  = { "developer", AG_VERBS ("build", "deploy", "debug", "test", "refactor"), NULL },
  [AG_ADMIN] = { "admin", AG_VERBS ("configure", "monitor", "audit", "provision"), NULL },
  [AG_PHILOSOPHER]
  = { "philosopher", NULL,
      AG_VERBS ("refine", "dialectic", "synthesize", "analyze", "critique") },
  [AG_ENGINEER]
  = { "engineer", NULL, AG_VERBS ("implement", "decompose", "optimize", "validate") },
  [AG_ARTIST] = { "artist", NULL, AG_VERBS ("interpret", "express", "transform", "inspire") },
  [AG_TEACHER] = { "teacher", NULL, AG_VERBS ("explain", "simplify", "exemplify", "assess") },
};

/* ---- The archetypes ------------------------------------------------------------ */

int32_t
ag_archetype_find (const struct ag *ag, kg_str name)
{
  const struct ag_archetypes *t = ag->archetypes;
  int32_t i;
  for (i = 0; i < t->count; i++)
    if (name.len == t->all[i].len && (!name.len || *name.ptr == *t->all[i].name)
        && !memcmp (name.ptr, t->all[i].name, name.len)) /* many are as long */
      return i;
  return -1;
}

const char *
ag_archetype_name (const struct ag *ag, int32_t archetype)
{
  return archetype < ag->archetypes->count ? ag->archetypes->all[archetype].name : NULL;
}

int32_t
ag_archetype_base (const struct ag *ag, int32_t archetype)
{
  return archetype < 0 ? -1 : ag->archetypes->all[archetype].base;
}

int32_t
ag_archetype_is (const struct ag *ag, int32_t archetype, const char *name)
{
  for (; archetype >= 0; archetype = ag->archetypes->all[archetype].parent)
    if (!strcmp (ag->archetypes->all[archetype].name, name))
      return 1;
  return 0;
}

static void
defaults_fill (struct ag_archetypes *t)
{
  int32_t i;
  for (i = 0; i < AG_ARCHETYPES; i++) {
    t->all[i].name = defaults[i].name;
    t->all[i].len = strlen (defaults[i].name);
    t->all[i].parent = -1;
    t->all[i].base = i;
    t->all[i].verbs[AG_WORLD] = defaults[i].world;
    t->all[i].verbs[AG_CONCEPT] = defaults[i].concept;
  }
  t->count = AG_ARCHETYPES;
}

static int32_t
refuse (const struct ag *ag, const struct ag_archetype_conf *conf, const char *why)
{
  ag->host->log (ag->self, KG_LOG_ERROR, "archetypes: \"%s\": %s", conf->name, why);
  return -EINVAL;
}

static int32_t
verbs_good (const char *const *verbs)
{
  for (; verbs && *verbs; verbs++)
    if (!ag_is_name (ag_str (*verbs)))
      return 0;
  return 1;
}

/* Adds one of the configuration; it may inherit from those before it. */
static int32_t
archetype_add (struct ag *ag, const struct ag_archetype_conf *conf)
{
  struct ag_archetypes *t = ag->archetypes;
  int32_t i = ag_archetype_find (ag, ag_str (conf->name)), parent = -1;
  if (!ag_is_name (ag_str (conf->name)))
    return refuse (ag, conf, "no name; write [a-z][a-z0-9_]*");
  if (!verbs_good (conf->world) || !verbs_good (conf->concept))
    return refuse (ag, conf, "a verb is no name; write [a-z][a-z0-9_]*");
  if (i >= AG_ARCHETYPES || (i >= 0 && conf->inherits))
    return refuse (ag, conf,
                   i < AG_ARCHETYPES ? "one of the default table cannot inherit" : "given twice");
  if (conf->inherits && (parent = ag_archetype_find (ag, ag_str (conf->inherits))) < 0)
    return refuse (ag, conf, "it inherits from one that is neither in the default table nor "
                             "named before it");
  if (i < 0 && t->count == AG_ARCHETYPES_MAX)
    return refuse (ag, conf, "there are too many; 63 in all");
  if (i < 0) {
    i = t->count++;
    t->all[i].name = conf->name;
    t->all[i].len = strlen (conf->name);
    t->all[i].parent = parent;
    t->all[i].base = parent < 0 ? -1 : t->all[parent].base;
  }
  t->all[i].extra[AG_WORLD] = conf->world;
  t->all[i].extra[AG_CONCEPT] = conf->concept;
  return 0;
}

struct ag_archetypes *
ag_archetypes_new (struct ag *ag)
{
  const struct ag_archetype_conf *conf = ag->conf->archetypes.items;
  struct ag_archetypes *t = calloc (1, sizeof *t);
  uint64_t i;
  if (!t)
    return NULL;
  defaults_fill (t);
  ag->archetypes = t;
  for (i = 0; i < ag->conf->archetypes.count; i++)
    if (archetype_add (ag, &conf[i]) < 0) {
      free (t);
      return ag->archetypes = NULL;
    }
  return t;
}

void
ag_archetypes_free (struct ag_archetypes *archetypes)
{
  free (archetypes);
}

/* ---- Lists of verbs --------------------------------------------------------------- */

/* A list under construction. */
struct verbs {
  const char **at;
  uint32_t n, max;
};

static void
verb_add (struct verbs *v, const char *name)
{
  uint32_t i;
  for (i = 0; i < v->n; i++)
    if (!strcmp (v->at[i], name))
      return;
  if (v->n + 1 < v->max)
    v->at[v->n++] = name;
}

static void
verbs_add (struct verbs *v, const char *const *list)
{
  for (; list && *list; list++)
    verb_add (v, *list);
}

/* The offer to an archetype: its own, that of an ancestor, or that to all others. */
static const struct ag_offer *
offer_find (const struct ag *ag, const struct ag_holon *holon, int32_t archetype)
{
  const struct ag_offer *offer, *others = NULL;
  for (; archetype >= 0; archetype = ag->archetypes->all[archetype].parent)
    for (offer = holon->offers; offer->verbs; offer++)
      if (offer->archetype && !strcmp (offer->archetype, ag->archetypes->all[archetype].name))
        return offer;
  for (offer = holon->offers; offer->verbs; offer++)
    if (!offer->archetype)
      others = offer;
  return others;
}

static int32_t
aspect_for (const struct ag *ag, const struct ag_aspect *a, int32_t archetype)
{
  const char *const *whom = a->archetypes;
  for (; whom && *whom; whom++)
    if (ag_archetype_is (ag, archetype, *whom))
      return 1;
  return !a->archetypes;
}

static void
verbs_offered (const struct ag *ag, const struct ag_holon *holon, int32_t archetype,
               struct verbs *v)
{
  const struct ag_offer *offer = holon->offers ? offer_find (ag, holon, archetype) : NULL;
  const struct ag_aspect *a;
  if (offer)
    verbs_add (v, offer->verbs);
  for (a = holon->offers ? NULL : holon->aspects; a && a->name; a++)
    if (!(a->flags & AG_UNLISTED) && aspect_for (ag, a, archetype))
      verb_add (v, a->name);
}

/* The archetype's own verbs of a context behind those of its ancestors. */
static void
verbs_inherited (const struct ag *ag, int32_t archetype, int32_t ctx, struct verbs *v)
{
  const struct archetype *a;
  if (archetype < 0)
    return;
  a = &ag->archetypes->all[archetype];
  verbs_inherited (ag, a->parent, ctx, v);
  verbs_add (v, a->verbs[ctx]);
  verbs_add (v, a->extra[ctx]);
}

uint32_t
ag_verbs (const struct ag *ag, const struct ag_holon *holon, int32_t archetype, const char **ret,
          uint32_t max)
{
  struct verbs v = { ret, 0, max };
  verbs_add (&v, AG_VERBS ("manifest", "witness", "affordances"));
  verbs_offered (ag, holon, archetype, &v);
  if (holon->flags & AG_BY_ARCHETYPE)
    verbs_inherited (ag, archetype, holon->context, &v);
  ret[v.n] = NULL;
  return v.n;
}

void
ag_offered_to (const struct ag *ag, const struct ag_slot *slot, const char **ret, uint32_t max)
{
  uint32_t n = 0;
  int32_t i;
  for (i = 0; slot && i < ag->archetypes->count && n + 1 < max; i++)
    if (ag_slot_offered (slot, i))
      ret[n++] = ag->archetypes->all[i].name;
  ret[n] = NULL;
}
