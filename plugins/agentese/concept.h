/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Concepts: a lattice in which every one descends from `concept` (concept_lattice.c), what
 * is known of one (concept_point.c), what they show and how they are disputed (concept.c).
 *
 * State: {"name","definition","domain","extends":[],"affordances":[],"constraints":[],
 * "depth","dialectic":{}}; a concept is defined once it has a depth. */
#ifndef AGENTESE_CONCEPT_H
#define AGENTESE_CONCEPT_H

#include "plugins/agentese/builtin.h"

#define AG_LATTICE_DEPTH 64   /* generations below `concept` */
#define AG_PARENTS_MAX 16     /* of one concept */
#define AG_ANCESTORS_MAX 256  /* of one concept that lineage shows */
#define AG_TRAITS_MAX 64      /* affordances, or constraints, of one concept */

/* Names, in the request's memory. */
struct ag_traits {
  kg_str at[AG_TRAITS_MAX];
  uint32_t n;
};

/* A concept as the lattice sees it. */
struct ag_point {
  kg_str handle;
  int64_t depth; /* -1: it is not defined */
  kg_str domain;
  struct ag_traits affords, bound, extends;
};

/* Those that a concept descends from, nearest first. */
struct ag_ancestry {
  struct ag_point self, at;
  kg_str all[AG_ANCESTORS_MAX];
  uint32_t n;
};

extern const char *const ag_concepts[]; /* that are always there; ends in NULL */

int32_t ag_same (kg_str a, kg_str b);
int32_t ag_traits_have (const struct ag_traits *t, kg_str name);

/* Adds a name, or those of another list, once each; 0 when there is no room. */
int32_t ag_traits_add (struct ag_traits *t, kg_str name);
int32_t ag_traits_join (struct ag_traits *t, const struct ag_traits *more);

/* Leaves only those that are in `with`, too. */
void ag_traits_common (struct ag_traits *t, const struct ag_traits *with);

/* Reads an array of texts: 0 or -ENOMEM. */
int32_t ag_traits_read (struct ag_call *c, const struct kg_json *j, uint32_t list,
                        struct ag_traits *ret);
void ag_traits_write (const struct ag_traits *t, struct kg_out *out);

/* What is known of a handle.  0, -ENOMEM, -EBADMSG. */
int32_t ag_point_read (struct ag_call *c, kg_str handle, struct ag_point *p);

/* Empty; NULL without memory. */
struct ag_ancestry *ag_ancestry_new (struct ag_call *c);
void ag_ancestry_add (struct ag_ancestry *a, const struct ag_traits *parents);

/* Adds the parents of all that are there, and theirs.  0 or as ag_point_read. */
int32_t ag_ancestry_walk (struct ag_call *c, struct ag_ancestry *a);

ag_run ag_concept_define, ag_concept_lineage, ag_concept_constraints;

#endif
