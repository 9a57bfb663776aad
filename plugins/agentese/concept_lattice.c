/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The lattice of concepts: each new one has parents that are known, what they all afford,
 * and what they are all bound to; nothing is its own ancestor, and nothing contradicts
 * itself. */
#include "plugins/agentese/concept.h"
#include "plugins/agentese/spec_tenant.h"

#include <errno.h>
#include <string.h>

/* One definition on its way. */
struct definition {
  kg_str handle, name, text, domain;
  kg_str spec; /* as JSON text; ptr NULL: it has none */
  struct ag_traits extends, own_affords, own_bound; /* as asked for */
  struct ag_traits affords, bound;                  /* as they come out */
  int64_t depth;
};

static const char *const pairs[][2] = { { "mutable", "immutable" },
                                        { "sync", "async" },
                                        { "pure", "impure" },
                                        { "deterministic", "stochastic" } };

/* ---- Refusals ------------------------------------------------------------------------- */

static int32_t
refuse (struct ag_call *c, const struct definition *d, const char *why, const char *suggestion,
        const char *message, kg_str about)
{
  const struct ag_advice advice = { why, suggestion, ag_concepts };
  char shown[AG_PATH_MAX + 1], of[AG_PATH_MAX + 1];
  ag_member_text (c, "law", "lineage");
  ag_quote (shown, sizeof shown, d->handle);
  ag_quote (of, sizeof of, about);
  return ag_refuse_why (c, AG_LAW, 422, &advice, "Cannot create '%s': %s%s", shown, message, of);
}

static int32_t
ex_nihilo (struct ag_call *c, const struct definition *d)
{
  return refuse (c, d, "A concept descends from at least one that is known.",
                 "extends = [\"concept.entity\"]", "concepts cannot exist ex nihilo",
                 (kg_str){ "", 0 });
}

static int32_t
too_many (struct ag_call *c)
{
  return ag_over_limit (c, "agentese.traits", AG_TRAITS_MAX,
                        "affordances, or constraints, of a concept");
}

/* Nothing is both of a pair. */
static int32_t
check_pairs (struct ag_call *c, const struct definition *d, const struct ag_traits *all)
{
  uint32_t i;
  for (i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    char both[64];
    struct kg_out o = { both, 0, sizeof both };
    if (!ag_traits_have (all, ag_str (pairs[i][0])) || !ag_traits_have (all, ag_str (pairs[i][1])))
      continue;
    kg_out_lit (&o, pairs[i][0]);
    kg_out_lit (&o, " and ");
    kg_out_lit (&o, pairs[i][1]);
    return refuse (c, d, "What a concept is bound to, with all its parents, must agree.",
                   "extend parents that do not contradict each other",
                   "it would be bound to be both ", (kg_str){ both, o.len });
  }
  return 0;
}

/* ---- define ---------------------------------------------------------------------------- */

/* What the parents give: 0, KG_DONE, or an errno. */
static int32_t
inherit (struct ag_call *c, struct definition *d, struct ag_traits *ret_bound_all)
{
  struct ag_point *p = c->ag->host->alloc (c->req, sizeof *p);
  kg_str unknown = { NULL, 0 };
  uint32_t i, known = 0;
  int32_t r, fits = 1;
  if (!p)
    return -ENOMEM;
  for (i = 0; i < d->extends.n; i++) {
    if ((r = ag_point_read (c, d->extends.at[i], p)) < 0)
      return r;
    if (p->depth < 0) {
      unknown = p->handle;
      continue;
    }
    d->depth = p->depth + 1 > d->depth ? p->depth + 1 : d->depth;
    if (!d->domain.ptr)
      d->domain = p->domain;
    fits &= ag_traits_join (&d->affords, &p->affords) & ag_traits_join (ret_bound_all, &p->bound);
    if (known++)
      ag_traits_common (&d->bound, &p->bound);
    else
      d->bound = p->bound;
  }
  if (!known)
    return ex_nihilo (c, d);
  if (unknown.ptr)
    return refuse (c, d, "Every parent must be known.", "define the parent first",
                   "it extends what is not known: ", unknown);
  return fits ? 0 : too_many (c);
}

/* A concept that is there, or was before time.past took it back, can be what its new parents
 * descend from. */
static int32_t
check_cycle (struct ag_call *c, const struct definition *d)
{
  struct ag_ancestry *a = ag_ancestry_new (c);
  uint32_t i;
  int32_t r;
  if (!a)
    return -ENOMEM;
  ag_ancestry_add (a, &d->extends);
  if ((r = ag_ancestry_walk (c, a)) < 0)
    return r;
  for (i = 0; i < a->n; i++)
    if (ag_same (a->all[i], d->handle))
      return refuse (c, d, "A concept is more special than what it extends.",
                     "leave out the parent that descends from it",
                     "it would be its own ancestor", (kg_str){ "", 0 });
  return 0;
}

static void
definition_write (const struct definition *d, struct kg_out *o)
{
  kg_out_lit (o, "\"name\":");
  kg_out_str (o, d->name);
  kg_out_lit (o, ",\"definition\":");
  kg_out_str (o, d->text);
  kg_out_lit (o, ",\"domain\":");
  kg_out_str (o, d->domain);
  kg_out_lit (o, ",\"extends\":");
  ag_traits_write (&d->extends, o);
  kg_out_lit (o, ",\"affordances\":");
  ag_traits_write (&d->affords, o);
  kg_out_lit (o, ",\"constraints\":");
  ag_traits_write (&d->bound, o);
  kg_out_lit (o, ",\"depth\":");
  kg_out_int (o, d->depth);
  kg_out_lit (o, "}");
}

/* Checks the lattice; runs again after a lost race. */
static int32_t
define_check (struct ag_call *c, struct definition *d, const struct ag_node *old)
{
  struct ag_traits *all = c->ag->host->alloc (c->req, sizeof *all);
  int32_t r, there = old->json && kg_json_find (old->json, old->state, "depth");
  char shown[AG_PATH_MAX + 1];
  if (!all)
    return -ENOMEM;
  all->n = d->affords.n = d->bound.n = 0;
  d->depth = 0;
  if ((r = inherit (c, d, all)) || (r = check_cycle (c, d)))
    return r;
  if (!ag_traits_join (&d->affords, &d->own_affords) || !ag_traits_join (&d->bound, &d->own_bound)
      || !ag_traits_join (all, &d->own_bound))
    return too_many (c);
  if ((r = check_pairs (c, d, all)))
    return r;
  if (d->depth > AG_LATTICE_DEPTH)
    return ag_over_limit (c, "agentese.lattice", AG_LATTICE_DEPTH, "generations of concepts");
  if (there)
    return ag_refuse (c, AG_CONFLICTING, 409, "'%s' is already defined",
                      ag_quote (shown, sizeof shown, d->handle));
  return 0;
}

static size_t
traits_size (const struct ag_traits *t)
{
  size_t n = 2;
  uint32_t i;
  for (i = 0; i < t->n; i++)
    n += 6 * t->at[i].len + 3;
  return n;
}

static int32_t
define_prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct definition *d = ch->extra;
  struct ag_call *c = ch->call;
  struct kg_out o;
  int32_t r = define_check (c, d, old);
  if (r)
    return r;
  r = ag_out_new (c,
                  6 * (d->name.len + d->text.len + d->domain.len) + traits_size (&d->extends)
                      + traits_size (&d->affords) + traits_size (&d->bound) + d->spec.len + 256,
                  &o);
  if (r < 0)
    return r;
  kg_out_lit (&o, "{");
  if (d->spec.ptr) {
    kg_out_lit (&o, "\"spec\":");
    kg_out_raw (&o, d->spec.ptr, d->spec.len);
    kg_out_lit (&o, ",");
  }
  definition_write (d, &o);
  ch->state = (kg_str){ o.ptr, o.len };
  ch->bump = 1;
  return kg_out_ok (&o) ? ag_state_fits (c, o.len) : -ENOMEM;
}

static void
define_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  const struct definition *d = ch->extra;
  (void)c;
  kg_out_lit (out, "{\"handle\":");
  kg_out_str (out, d->handle);
  kg_out_lit (out, ",");
  definition_write (d, out);
}

/* The handle of a parent: "entity" is short for "concept.entity". */
static int32_t
parent_add (struct ag_call *c, struct definition *d, kg_str name)
{
  struct kg_out o;
  if (!name.ptr || ag_out_new (c, name.len + 8, &o) < 0)
    return -ENOMEM;
  if (!memchr (name.ptr, '.', name.len) && !ag_str_is (name, ag_concepts[0]))
    kg_out_lit (&o, "concept.");
  kg_out_raw (&o, name.ptr, name.len);
  if (o.len > AG_HANDLE_MAX || memchr (o.ptr, '/', o.len)
      || (memcmp (o.ptr, "concept.", o.len < 8 ? o.len : 8)))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                      "Argument 'extends' must name concepts, like concept.entity");
  ag_traits_add (&d->extends, (kg_str){ o.ptr, o.len });
  return 0;
}

static int32_t
parents_read (struct ag_call *c, struct definition *d)
{
  uint32_t list = ag_kwarg (c, "extends"), i;
  int32_t r = 0;
  if (!c->json || !list)
    return 0;
  if (kg_json_kind (c->json, list) == KG_JSON_STRING)
    return parent_add (c, d, kg_json_str (c->ag->host, c->req, c->json, list));
  for (i = kg_json_first (c->json, list); i && !r; i = kg_json_next (c->json, list, i))
    r = parent_add (c, d, kg_json_str (c->ag->host, c->req, c->json, i));
  return r;
}

/* What is to be defined: concept.NAME, or without a name the node itself. */
static int32_t
name_read (struct ag_call *c, struct definition *d)
{
  struct kg_out o;
  d->name = ag_arg_text (c, "name");
  d->handle = c->path.handle;
  if (ag_arg_lost (c, "name", d->name))
    return -ENOMEM;
  if (!d->name.ptr) {
    d->name = c->path.rest;
    return 0;
  }
  if (ag_out_new (c, d->name.len + 8, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "concept.");
  kg_out_raw (&o, d->name.ptr, d->name.len);
  d->handle = (kg_str){ o.ptr, o.len };
  return 0;
}

/* The text that makes it a spec. */
static int32_t
spec_read (struct ag_call *c, struct definition *d)
{
  const struct ag_entry *entry;
  uint32_t i = ag_kwarg (c, "spec");
  int32_t r = i ? ag_spec_take_member (c, d->handle, c->kwargs, &entry) : 0;
  if (i && !r)
    d->spec = kg_json_text (c->json, i);
  return r;
}

int32_t
ag_concept_define (struct ag_call *c)
{
  struct ag_change *ch = ag_change_new (c);
  struct definition *d = c->ag->host->alloc (c->req, sizeof *d);
  uint32_t i;
  int32_t r;
  if (!ch || !d)
    return -ENOMEM;
  memset (d, 0, sizeof *d);
  d->text = ag_arg_text (c, "definition");
  if (ag_arg_lost (c, "definition", d->text))
    return -ENOMEM;
  d->text = d->text.ptr ? d->text : ag_str ("");
  d->domain = ag_arg_text (c, "domain");
  if (ag_arg_lost (c, "domain", d->domain))
    return -ENOMEM;
  if ((r = name_read (c, d)) || (r = parents_read (c, d)) || (r = spec_read (c, d))
      || (r = ag_traits_read (c, c->json, ag_kwarg (c, "affordances"), &d->own_affords)) < 0
      || (r = ag_traits_read (c, c->json, ag_kwarg (c, "constraints"), &d->own_bound)) < 0)
    return r;
  for (i = 0; ag_concepts[i]; i++)
    if (ag_str_is (d->handle, ag_concepts[i]))
      return ag_refuse (c, AG_CONFLICTING, 409, "'%s' is already defined", ag_concepts[i]);
  ch->handle = d->handle;
  ch->extra = d;
  ch->prepare = define_prepare;
  ch->result = define_write;
  return ag_change_run (ch);
}
