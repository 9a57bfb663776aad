/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Compositions as terms, and the laws that hold for them. */
#include "plugins/agentese/law.h"

#include <errno.h>

const char *const ag_law_names[AG_LAWS + 1]
    = { "left_identity", "right_identity", "associativity", NULL };

/* ---- Terms ------------------------------------------------------------------- */

static struct ag_term *
term_new (struct ag_terms *terms)
{
  struct ag_term *t = terms->n < AG_TERMS_MAX ? &terms->term[terms->n++] : NULL;
  if (t)
    *t = (struct ag_term){ .step = AG_ID };
  return t;
}

const struct ag_term *
ag_term_step (struct ag_terms *terms, int32_t step)
{
  struct ag_term *t = term_new (terms);
  if (t)
    t->step = step;
  return t;
}

const struct ag_term *
ag_term_then (struct ag_terms *terms, const struct ag_term *first, const struct ag_term *second)
{
  struct ag_term *t = first && second ? term_new (terms) : NULL;
  if (t) {
    t->first = first;
    t->second = second;
  }
  return t;
}

const struct ag_term *
ag_term_left (struct ag_terms *terms, const int32_t *steps, uint32_t n)
{
  const struct ag_term *t = ag_term_step (terms, n ? steps[0] : AG_ID);
  uint32_t i;
  for (i = 1; i < n; i++)
    t = ag_term_then (terms, t, ag_term_step (terms, steps[i]));
  return t;
}

const struct ag_term *
ag_term_right (struct ag_terms *terms, const int32_t *steps, uint32_t n)
{
  const struct ag_term *t = ag_term_step (terms, n ? steps[n - 1] : AG_ID);
  uint32_t i;
  for (i = n; i > 1; i--)
    t = ag_term_then (terms, ag_term_step (terms, steps[i - 2]), t);
  return t;
}

/* Writes the steps of a term behind the `n` that are there. */
static uint32_t
order_add (const struct ag_term *t, uint32_t *ret, uint32_t n, uint32_t max)
{
  if (t->first)
    return order_add (t->second, ret, order_add (t->first, ret, n, max), max);
  if (t->step == AG_ID)
    return n;
  if (n < max)
    ret[n] = (uint32_t)t->step;
  return n + 1;
}

uint32_t
ag_term_order (const struct ag_term *term, uint32_t *ret, uint32_t max)
{
  return order_add (term, ret, 0, max);
}

int32_t
ag_term_differ (const struct ag_term *a, const struct ag_term *b)
{
  uint32_t in_a[AG_TERMS_MAX], in_b[AG_TERMS_MAX], i;
  uint32_t na = ag_term_order (a, in_a, AG_TERMS_MAX), nb = ag_term_order (b, in_b, AG_TERMS_MAX);
  for (i = 0; i < na && i < nb; i++)
    if (in_a[i] != in_b[i])
      return (int32_t)in_a[i];
  if (na == nb)
    return -1;
  return (int32_t)(na > nb ? in_a[i] : in_b[i]);
}

/* ---- Laws -------------------------------------------------------------------- */

/* Both sides of a law, of the composition `all`. */
static int32_t
sides (struct ag_terms *terms, enum ag_law law, const int32_t *steps, uint32_t n,
       const struct ag_term *ret[2])
{
  const struct ag_term *id = ag_term_step (terms, AG_ID);
  ret[0] = ag_term_left (terms, steps, n);
  if (law == AG_LEFT_IDENTITY)
    ret[1] = ag_term_then (terms, id, ret[0]);
  else if (law == AG_RIGHT_IDENTITY)
    ret[1] = ag_term_then (terms, ret[0], id);
  else
    ret[1] = ag_term_right (terms, steps, n);
  return ret[0] && ret[1] ? 0 : -ENOMEM;
}

int32_t
ag_laws_hold (const int32_t *steps, uint32_t n, enum ag_law *ret_law, uint32_t *ret_locus)
{
  const struct ag_term *side[2];
  int32_t law, r;
  for (law = 0; law < AG_LAWS; law++) {
    struct ag_terms terms = { .n = 0 };
    if ((r = sides (&terms, (enum ag_law)law, steps, n, side)) < 0)
      return r;
    if ((r = ag_term_differ (side[0], side[1])) < 0)
      continue;
    *ret_law = (enum ag_law)law;
    *ret_locus = (uint32_t)r;
    return 1;
  }
  return 0;
}
