/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A concept as the lattice sees it, those that it descends from, and what shows them. */
#include "plugins/agentese/common.h"
#include "plugins/agentese/concept.h"

#include <errno.h>
#include <string.h>

const char *const ag_concepts[]
    = { "concept", "concept.entity", "concept.process", "concept.relation", "concept.property",
        NULL };

int32_t
ag_same (kg_str a, kg_str b)
{
  return a.len == b.len && !memcmp (a.ptr, b.ptr, a.len);
}

int32_t
ag_traits_have (const struct ag_traits *t, kg_str name)
{
  uint32_t i;
  for (i = 0; i < t->n; i++)
    if (ag_same (t->at[i], name))
      return 1;
  return 0;
}

/* Adds a name once; 0 when there is no room for it. */
int32_t
ag_traits_add (struct ag_traits *t, kg_str name)
{
  if (ag_traits_have (t, name))
    return 1;
  if (t->n == AG_TRAITS_MAX)
    return 0;
  t->at[t->n++] = name;
  return 1;
}

int32_t
ag_traits_join (struct ag_traits *t, const struct ag_traits *more)
{
  int32_t fits = 1;
  uint32_t i;
  for (i = 0; i < more->n; i++)
    fits &= ag_traits_add (t, more->at[i]);
  return fits;
}

void
ag_traits_common (struct ag_traits *t, const struct ag_traits *with)
{
  uint32_t i, n = 0;
  for (i = 0; i < t->n; i++)
    if (ag_traits_have (with, t->at[i]))
      t->at[n++] = t->at[i];
  t->n = n;
}

/* Reads an array of texts. */
int32_t
ag_traits_read (struct ag_call *c, const struct kg_json *j, uint32_t list, struct ag_traits *ret)
{
  uint32_t i;
  ret->n = 0;
  if (kg_json_kind (j, list) != KG_JSON_ARRAY)
    return 0;
  for (i = kg_json_first (j, list); i; i = kg_json_next (j, list, i)) {
    kg_str name = kg_json_str (c->ag->host, c->req, j, i);
    if (!name.ptr)
      return -ENOMEM;
    ag_traits_add (ret, name);
  }
  return 0;
}

void
ag_traits_write (const struct ag_traits *t, struct kg_out *out)
{
  uint32_t i;
  kg_out_lit (out, "[");
  for (i = 0; i < t->n; i++) {
    kg_out_lit (out, i ? "," : "");
    kg_out_str (out, t->at[i]);
  }
  kg_out_lit (out, "]");
}

/* ---- Points -------------------------------------------------------------------------- */

static void
standard_fill (struct ag_point *p, uint32_t which)
{
  static const char *const base[]
      = { "manifest", "witness", "affordances", "define", "relate", NULL };
  uint32_t i;
  p->depth = which > 0;
  p->domain = ag_str ("general");
  for (i = 0; base[i]; i++)
    ag_traits_add (&p->affords, ag_str (base[i]));
  if (which)
    ag_traits_add (&p->extends, ag_str (ag_concepts[0]));
}

/* What is known of a handle.  0, -ENOMEM, -EBADMSG. */
int32_t
ag_point_read (struct ag_call *c, kg_str handle, struct ag_point *p)
{
  struct ag_node node;
  uint32_t i;
  int32_t r;
  memset (p, 0, sizeof *p);
  p->handle = handle;
  p->depth = -1;
  for (i = 0; ag_concepts[i]; i++)
    if (ag_str_is (handle, ag_concepts[i])) {
      standard_fill (p, i);
      return 0;
    }
  if ((r = ag_node_get (c, handle, &node)) < 0)
    return r == -ENOENT ? 0 : r;
  p->depth = kg_json_int (node.json, kg_json_find (node.json, node.state, "depth"), -1);
  p->domain = ag_json_member (c, node.json, node.state, "domain");
  if (ag_member_lost (node.json, node.state, "domain", p->domain))
    return -ENOMEM;
  if ((r = ag_traits_read (c, node.json, kg_json_find (node.json, node.state, "affordances"),
                        &p->affords))
          < 0
      || (r = ag_traits_read (c, node.json, kg_json_find (node.json, node.state, "constraints"),
                           &p->bound))
             < 0)
    return r;
  return ag_traits_read (c, node.json, kg_json_find (node.json, node.state, "extends"), &p->extends);
}

void
ag_ancestry_add (struct ag_ancestry *a, const struct ag_traits *parents)
{
  uint32_t i, k;
  for (i = 0; i < parents->n; i++) {
    for (k = 0; k < a->n && !ag_same (a->all[k], parents->at[i]);)
      k++;
    if (k == a->n && a->n < AG_ANCESTORS_MAX)
      a->all[a->n++] = parents->at[i];
  }
}

struct ag_ancestry *
ag_ancestry_new (struct ag_call *c)
{
  struct ag_ancestry *a = c->ag->host->alloc (c->req, sizeof *a);
  if (a)
    a->n = 0;
  return a;
}

/* Adds the parents of all that are there, and theirs. */
int32_t
ag_ancestry_walk (struct ag_call *c, struct ag_ancestry *a)
{
  uint32_t i;
  int32_t r = 0;
  for (i = 0; i < a->n && !r; i++)
    if (!(r = ag_point_read (c, a->all[i], &a->at)))
      ag_ancestry_add (a, &a->at.extends);
  return r;
}

/* ---- lineage, constraints --------------------------------------------------------------- */

static void
lineage_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_ancestry *a = arg;
  uint32_t i;
  kg_out_lit (out, "{\"handle\":");
  kg_out_str (out, c->path.handle);
  kg_out_lit (out, ",\"lineage\":[");
  for (i = a->n; i > 0; i--) {
    kg_out_lit (out, i == a->n ? "" : ",");
    kg_out_str (out, a->all[i - 1]);
  }
  kg_out_lit (out, "],\"extends\":");
  ag_traits_write (&a->self.extends, out);
  kg_out_lit (out, ",\"depth\":");
  kg_out_int (out, a->self.depth);
  kg_out_lit (out, "}");
}

/* The ancestors, from the root on. */
int32_t
ag_concept_lineage (struct ag_call *c)
{
  struct ag_ancestry *a = ag_ancestry_new (c);
  int32_t r;
  if (!a)
    return -ENOMEM;
  if ((r = ag_point_read (c, c->path.handle, &a->self)) < 0)
    return r;
  if (a->self.depth < 0)
    return ag_common_lineage (c);
  ag_ancestry_add (a, &a->self.extends);
  r = ag_ancestry_walk (c, a);
  return r < 0 ? r : ag_answer (c, lineage_write, a);
}

static void
constraints_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_point *p = arg;
  kg_out_lit (out, "{\"handle\":");
  kg_out_str (out, c->path.handle);
  kg_out_lit (out, ",\"constraints\":");
  ag_traits_write (&p->bound, out);
  kg_out_lit (out, "}");
}

int32_t
ag_concept_constraints (struct ag_call *c)
{
  struct ag_point *p = c->ag->host->alloc (c->req, sizeof *p);
  int32_t r;
  if (!p)
    return -ENOMEM;
  if ((r = ag_point_read (c, c->path.handle, p)) < 0)
    return r;
  return p->depth < 0 ? ag_common_constraints (c) : ag_answer (c, constraints_write, p);
}
