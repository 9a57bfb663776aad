/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Whether two results say the same, as values and not as text. */
#include "plugins/agentese/builtin.h"
#include "plugins/agentese/law.h"

#include <string.h>

#define UNORDERED_MAX 256 /* members that may stand in any order: looking for each is n * n */

/* Two texts that were parsed. */
struct pair {
  struct ag_call *call; /* lends memory */
  const struct kg_json *a, *b;
};

static int32_t
string_same (const struct pair *p, uint32_t a, uint32_t b)
{
  kg_str s = kg_json_raw (p->a, a), t = kg_json_raw (p->b, b);
  if (p->a->token[a].escaped || p->b->token[b].escaped) {
    s = kg_json_str (p->call->ag->host, p->call->req, p->a, a);
    t = kg_json_str (p->call->ag->host, p->call->req, p->b, b);
    if (!s.ptr || !t.ptr)
      return 0;
  }
  return s.len == t.len && !memcmp (s.ptr, t.ptr, s.len);
}

static int32_t
number_same (const struct pair *p, uint32_t a, uint32_t b)
{
  double x, y;
  if (kg_json_kind (p->a, a) == KG_JSON_INT && kg_json_kind (p->b, b) == KG_JSON_INT)
    return kg_json_int (p->a, a, 0) == kg_json_int (p->b, b, 0);
  x = ag_json_number (p->a, a, 0);
  y = ag_json_number (p->b, b, 0);
  return !(x < y) && !(x > y);
}

static int32_t value_same (const struct pair *p, uint32_t a, uint32_t b);

static int32_t
array_same (const struct pair *p, uint32_t a, uint32_t b)
{
  uint32_t i = kg_json_first (p->a, a), k = kg_json_first (p->b, b);
  for (; i && k; i = kg_json_next (p->a, a, i), k = kg_json_next (p->b, b, k))
    if (!value_same (p, i, k))
      return 0;
  return !i && !k;
}

static uint32_t
members (const struct kg_json *j, uint32_t object)
{
  uint32_t i, n = 0;
  for (i = kg_json_first (j, object); i; i = kg_json_next (j, object, i + 1))
    n++;
  return n;
}

/* The key in b that says what key `i` of a says, looked for from `k` on; 0: none. */
static uint32_t
key_find (const struct pair *p, uint32_t i, uint32_t b, uint32_t k, uint32_t n)
{
  uint32_t tries;
  for (tries = 0; tries < n; tries++) {
    if (!k)
      k = kg_json_first (p->b, b);
    if (string_same (p, i, k))
      return k;
    k = kg_json_next (p->b, b, k + 1);
  }
  return 0;
}

static int32_t
object_same (const struct pair *p, uint32_t a, uint32_t b)
{
  uint32_t n = members (p->a, a), i, k = kg_json_first (p->b, b);
  if (n != members (p->b, b))
    return 0;
  for (i = kg_json_first (p->a, a); i; i = kg_json_next (p->a, a, i + 1)) {
    k = key_find (p, i, b, k, n > UNORDERED_MAX ? 1 : n);
    if (!k || !value_same (p, i + 1, k + 1))
      return 0;
    k = kg_json_next (p->b, b, k + 1);
  }
  return 1;
}

static int32_t
value_same (const struct pair *p, uint32_t a, uint32_t b)
{
  int32_t kind = kg_json_kind (p->a, a), other = kg_json_kind (p->b, b);
  if ((kind == KG_JSON_INT || kind == KG_JSON_DOUBLE)
      && (other == KG_JSON_INT || other == KG_JSON_DOUBLE))
    return number_same (p, a, b);
  if (kind != other)
    return 0;
  if (kind == KG_JSON_STRING)
    return string_same (p, a, b);
  if (kind == KG_JSON_ARRAY)
    return array_same (p, a, b);
  return kind == KG_JSON_OBJECT ? object_same (p, a, b) : 1;
}

int32_t
ag_result_same (struct ag_call *c, kg_str a, kg_str b)
{
  struct pair p = { .call = c };
  if (a.len == b.len && !memcmp (a.ptr, b.ptr, a.len))
    return 1;
  p.a = c->ag->host->parse (c->req, a);
  p.b = c->ag->host->parse (c->req, b);
  return p.a && p.b && value_same (&p, 0, 0);
}
