/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a front matter says. */
#include "plugins/agentese/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum part { PART_TOP, PART_ARCHETYPES, PART_ASPECTS };

/* The front matter under way. */
struct front {
  struct ag_spec_parse *p;
  int32_t part, seen[3]; /* of the parts: whether it was there */
  int32_t open;          /* 1: a deeper line may follow */
  uint32_t level;        /* of the line before */
  struct ag_spec_aspect *aspect; /* of which attributes follow */
};

static const char *const does_names[] = { "text", "prompt", "note", NULL };

static int32_t
name_find (const char *const *names, kg_str s)
{
  int32_t i;
  for (i = 0; names[i]; i++)
    if (ag_str_is (s, names[i]))
      return i;
  return -1;
}

/* ---- Aspects -------------------------------------------------------------------------------- */

struct ag_spec_aspect *
ag_spec_aspect_find (struct ag_spec *spec, kg_str name)
{
  uint32_t i;
  for (i = 0; i < spec->naspects; i++)
    if (ag_str_is (name, spec->aspect[i].name))
      return &spec->aspect[i];
  return NULL;
}

/* The aspect of that name, made if it is new. */
static int32_t
aspect_get (struct ag_spec_parse *p, const char *name, struct ag_spec_aspect **ret)
{
  static const char *const common[]
      = { "manifest", "witness", "affordances", "constraints", "lineage", NULL };
  kg_str s = ag_str (name);
  if ((*ret = ag_spec_aspect_find (p->spec, s)))
    return 0;
  if (name_find (common, s) >= 0)
    return ag_spec_wrong (p, s, "every node has this aspect", "leave it out");
  if (p->spec->naspects == AG_SPEC_ASPECTS)
    return ag_spec_wrong (p, s, "there are more than 32 aspects", "make two nodes of it");
  *ret = &p->spec->aspect[p->spec->naspects++];
  memset (*ret, 0, sizeof **ret);
  (*ret)->name = name;
  (*ret)->line = p->line;
  (*ret)->does = (*ret)->category = -1;
  return 0;
}

/* ---- archetypes ---------------------------------------------------------------------------------- */

static int32_t
archetype_line (struct front *f, const struct ag_front_line *l)
{
  struct ag_spec *spec = f->p->spec;
  struct ag_spec_aspect *a;
  int32_t r, any = !strcmp (l->key, "any");
  kg_str list = l->value;
  const char *name;
  uint32_t i;
  if (l->kind != AG_FRONT_LIST)
    return ag_spec_wrong (f->p, ag_str (l->key), "an archetype has a list of aspects",
                          "write poet: [describe, sing]");
  for (i = 0; i < spec->nwhom && strcmp (spec->whom[i], l->key);)
    i++;
  if (i < spec->nwhom || i == AG_SPEC_WHOM)
    return ag_spec_wrong (f->p, ag_str (l->key), "it is named twice, or the 17th archetype",
                          "one list for each archetype, for at most 16");
  spec->whom_line[i] = f->p->line;
  spec->whom[spec->nwhom++] = l->key;
  while ((r = ag_front_name (f->p, &list, &name)) > 0) {
    if ((r = aspect_get (f->p, name, &a)) < 0)
      return r;
    if (any)
      a->to_any = 1;
    else if (!a->nwhom || a->whom[a->nwhom - 1] != l->key)
      a->whom[a->nwhom++] = l->key;
  }
  return r;
}

/* ---- aspects ---------------------------------------------------------------------------------------- */

static int32_t
cost_read (struct front *f, const struct ag_front_line *l, int64_t *ret)
{
  char *end;
  long long v = strtoll (l->value.ptr, &end, 10);
  if (l->kind != AG_FRONT_TEXT || *end || end == l->value.ptr || v < 0 || v > AG_COST_MAX)
    return ag_spec_wrong (f->p, l->value, "this is no cost", "a number from 0 to 1000000000");
  f->aspect->priced = 1;
  *ret = v;
  return 0;
}

static int32_t
choice_read (struct front *f, const struct ag_front_line *l, const char *const *names,
             const char *fix, int32_t *ret)
{
  int32_t i = name_find (names, l->value);
  if (l->kind != AG_FRONT_TEXT || i < 0)
    return ag_spec_wrong (f->p, l->value, "this cannot be said here", fix);
  *ret = i;
  return 0;
}

/* A value as it stands, of one kind. */
static int32_t
value_take (struct front *f, const struct ag_front_line *l, int32_t kind, const char **ret)
{
  if (l->kind != kind)
    return ag_spec_wrong (f->p, ag_str (l->key),
                          kind == AG_FRONT_JSON ? "it needs a JSON Schema" : "it needs a text",
                          kind == AG_FRONT_JSON ? "write {\"type\":\"object\"}, on one line"
                                                : "write one sentence, on one line");
  *ret = l->value.ptr;
  return 0;
}

/* A member that was there already; each has a bit, the aspect's own line as well. */
static int32_t
said_twice (struct front *f, const char *key, uint32_t bit)
{
  uint32_t was = f->aspect->said;
  f->aspect->said |= 1u << bit;
  return was & 1u << bit
             ? ag_spec_wrong (f->p, ag_str (key), "it is there twice", "leave one of them out")
             : 0;
}

static int32_t
attribute_line (struct front *f, const struct ag_front_line *l)
{
  static const char *const names[]
      = { "requests", "tokens", "tokens_per_kb", "tokens_max", "money",
          "does",     "category", "summary",     "input",      "output", NULL };
  struct ag_spec_aspect *a = f->aspect;
  int64_t *const cost[] = { &a->cost.requests, &a->cost.tokens, &a->cost.tokens_per_kb,
                            &a->cost.tokens_max, &a->cost.money };
  int32_t i = name_find (names, ag_str (l->key));
  if (i < 0)
    return ag_spec_wrong (f->p, ag_str (l->key), "an aspect has no such member",
                          "does, category, summary, input, output, requests, tokens, "
                          "tokens_per_kb, tokens_max or money");
  if (said_twice (f, l->key, (uint32_t)i) < 0)
    return -EINVAL;
  switch (i) {
  case 5:
    return choice_read (f, l, does_names, "text, prompt or note", &a->does);
  case 6:
    return choice_read (f, l, ag_category_names,
                        "PERCEPTION, INTROSPECTION, GENERATION or MUTATION", &a->category);
  case 7:
    return value_take (f, l, AG_FRONT_TEXT, &a->summary);
  case 8:
    return value_take (f, l, AG_FRONT_JSON, &a->input);
  case 9:
    return value_take (f, l, AG_FRONT_JSON, &a->output);
  default:
    return cost_read (f, l, cost[i]);
  }
}

static int32_t
aspect_line (struct front *f, const struct ag_front_line *l)
{
  int32_t r = aspect_get (f->p, l->key, &f->aspect);
  f->open = l->kind == AG_FRONT_NONE;
  if (r < 0 || (r = said_twice (f, l->key, 31)) < 0 || l->kind == AG_FRONT_NONE)
    return r;
  f->aspect->said |= 1u << 7;
  return value_take (f, l, AG_FRONT_TEXT, &f->aspect->summary);
}

/* ---- The front matter ---------------------------------------------------------------------------------- */

static int32_t
top_line (struct front *f, const struct ag_front_line *l)
{
  static const char *const parts[] = { "summary", "archetypes", "aspects", NULL };
  int32_t part = name_find (parts, ag_str (l->key));
  if (part < 0)
    return ag_spec_wrong (f->p, ag_str (l->key), "a spec has no such member",
                          "summary, archetypes or aspects");
  if (f->seen[part]++)
    return ag_spec_wrong (f->p, ag_str (l->key), "it is there twice", "leave one of them out");
  f->part = part;
  f->open = part != PART_TOP;
  if (part == PART_TOP)
    return value_take (f, l, AG_FRONT_TEXT, &f->p->spec->summary);
  return l->kind == AG_FRONT_NONE
             ? 0
             : ag_spec_wrong (f->p, ag_str (l->key), "something stands behind it",
                              "its members follow on lines of their own, two blanks indented");
}

static int32_t
front_line (struct front *f, const struct ag_front_line *l)
{
  if (l->level > f->level + (uint32_t)f->open)
    return ag_spec_wrong (f->p, ag_str (l->key), "it is indented below what has no members",
                          "two blanks per level");
  f->open = 0;
  f->level = l->level;
  if (!l->level)
    return top_line (f, l);
  if (l->level == 2)
    return attribute_line (f, l);
  return f->part == PART_ASPECTS ? aspect_line (f, l) : archetype_line (f, l);
}

int32_t
ag_spec_front (struct ag_spec_parse *p)
{
  struct front f = { .p = p };
  struct ag_front_line l;
  int32_t r;
  while ((r = ag_front_next (p, &l)) > 0)
    if ((r = front_line (&f, &l)) < 0)
      return r;
  return r;
}
