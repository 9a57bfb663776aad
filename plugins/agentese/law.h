/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The laws of composition, on compositions as data structures.
 *
 * A term is the identity, a step, or one term behind another.  What a term does is
 * the order of its steps, so two terms are equal when these are; the laws say that
 * neither grouping nor an identity changes it. */
#ifndef AGENTESE_LAW_H
#define AGENTESE_LAW_H

#include "plugins/agentese/agentese.h"

#define AG_STEPS_MAX 16 /* of a composition, as events of one request (see meter.h) */
#define AG_TERMS_MAX 64
#define AG_ID (-1) /* as a step: the identity */

enum ag_law { AG_LEFT_IDENTITY, AG_RIGHT_IDENTITY, AG_ASSOCIATIVITY, AG_LAWS };

extern const char *const ag_law_names[AG_LAWS + 1]; /* ends in NULL */

struct ag_term {
  const struct ag_term *first, *second; /* both or none */
  int32_t step;                         /* without them: its number, or AG_ID */
  int32_t reserved;
};

/* Where terms are made. */
struct ag_terms {
  uint32_t n;
  uint32_t reserved;
  struct ag_term term[AG_TERMS_MAX];
};

/* Both answer NULL when there is no room, or for a NULL term. */
const struct ag_term *ag_term_step (struct ag_terms *terms, int32_t step);
const struct ag_term *ag_term_then (struct ag_terms *terms, const struct ag_term *first,
                                    const struct ag_term *second);

/* ((a >> b) >> c) and (a >> (b >> c)) of `n` steps; the identity for none. */
const struct ag_term *ag_term_left (struct ag_terms *terms, const int32_t *steps, uint32_t n);
const struct ag_term *ag_term_right (struct ag_terms *terms, const int32_t *steps, uint32_t n);

/* The steps in the order in which they run, without identities; their number, of which
 * at most `max` are written. */
uint32_t ag_term_order (const struct ag_term *term, uint32_t *ret, uint32_t max);

/* Whether both do the same: -1, or the number of the first step in which they differ. */
int32_t ag_term_differ (const struct ag_term *a, const struct ag_term *b);

/* Whether the laws hold for such a composition, identities in it included: 0; 1 with the
 * law that does not and the step in which it shows; -ENOMEM. */
int32_t ag_laws_hold (const int32_t *steps, uint32_t n, enum ag_law *ret_law,
                      uint32_t *ret_locus);

/* Whether two results say the same: numbers by value, members of an object in any order
 * (of more than 256, in the same one).  `c` lends memory. */
int32_t ag_result_same (struct ag_call *c, kg_str a, kg_str b);

#endif
