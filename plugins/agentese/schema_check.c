/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Checking a value: everything that is wrong is told, not the first only. */
#include "plugins/agentese/schema_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A check under way. */
struct check {
  const struct kg_json *j;
  struct ag_findings *f;
  int64_t steps; /* left for patterns */
};

static void check_value (struct check *k, const struct ag_schema *s, uint32_t value,
                         const struct ag_loc *loc);

/* ---- Numbers ------------------------------------------------------------------------- */

static struct number
number_of (const struct check *k, uint32_t value)
{
  kg_str raw = kg_json_raw (k->j, value);
  struct number n = { 0 };
  char buf[400];
  size_t len = raw.len < sizeof buf ? raw.len : sizeof buf - 1;
  n.whole = kg_json_kind (k->j, value) == KG_JSON_INT;
  n.i = kg_json_int (k->j, value, 0);
  memcpy (buf, raw.ptr, len); /* digits beyond these do not matter to a double */
  buf[len] = 0;
  n.d = n.whole ? (double)n.i : strtod (buf, NULL);
  return n;
}

/* Below 0, 0, above 0. */
static int32_t
compare (struct number a, struct number b)
{
  if (a.whole && b.whole)
    return (a.i > b.i) - (a.i < b.i);
  return (a.d > b.d) - (a.d < b.d);
}

static void
check_number (struct check *k, const struct ag_schema *s, uint32_t value,
              const struct ag_loc *loc)
{
  struct number n;
  int32_t low, high;
  char msg[96];
  if (!s->low.set && !s->high.set)
    return;
  n = number_of (k, value);
  low = s->low.set ? compare (n, s->low.at) : 1;
  high = s->high.set ? compare (n, s->high.at) : -1;
  if (low < 0 || (!low && s->low.exclusive)) {
    snprintf (msg, sizeof msg, "Input should be greater than %s%.15g",
              s->low.exclusive ? "" : "or equal to ", s->low.at.d);
    ag_found (k->f, loc, "range", msg);
  }
  if (high > 0 || (!high && s->high.exclusive)) {
    snprintf (msg, sizeof msg, "Input should be less than %s%.15g",
              s->high.exclusive ? "" : "or equal to ", s->high.at.d);
    ag_found (k->f, loc, "range", msg);
  }
}

/* ---- Texts, lists, objects -------------------------------------------------------------- */

static void
check_count (struct check *k, uint32_t n, uint32_t min, uint32_t max, const char *what,
             const struct ag_loc *loc)
{
  char msg[96];
  if (n >= min && n <= max)
    return;
  snprintf (msg, sizeof msg, "Input should have at %s %u %s", n < min ? "least" : "most",
            n < min ? min : max, what);
  ag_found (k->f, loc, "range", msg);
}

static void
check_string (struct check *k, const struct ag_schema *s, uint32_t value,
              const struct ag_loc *loc)
{
  kg_str raw = kg_json_raw (k->j, value);
  const char *at = raw.ptr;
  uint32_t n = 0;
  int32_t r;
  if (s->min_length || s->max_length != UINT32_MAX) {
    for (; at < raw.ptr + raw.len; n++)
      ag_pattern_char (&at);
    check_count (k, n, s->min_length, s->max_length, "characters", loc);
  }
  if (!s->pattern)
    return;
  r = ag_pattern_match (s->pattern, raw, &k->steps);
  if (r <= 0)
    ag_found (k->f, loc, r < 0 ? "range" : "string_pattern_mismatch",
              r < 0 ? "Input is too long to be matched with a pattern"
                    : "String should match the pattern of the schema");
}

static void
check_array (struct check *k, const struct ag_schema *s, uint32_t value,
             const struct ag_loc *loc)
{
  struct ag_loc at = { .outer = loc };
  uint32_t i;
  for (i = kg_json_first (k->j, value); i; i = kg_json_next (k->j, value, i), at.index++)
    if (s->items)
      check_value (k, s->items, i, &at);
  check_count (k, at.index, s->min_items, s->max_items, "elements", loc);
}

/* The number of the property that a key names, or nproperties. */
static uint32_t
property_find (const struct check *k, const struct ag_schema *s, uint32_t key)
{
  const struct kg_json_token *t = &k->j->token[key];
  uint32_t i;
  for (i = 0; i < s->nproperties; i++)
    if (t->escaped ? kg_json_is (k->j, key, s->properties[i].name)
                   : t->len == s->properties[i].len
                         && !memcmp (k->j->text + t->start, s->properties[i].name, t->len))
      break;
  return i;
}

static void
check_object (struct check *k, const struct ag_schema *s, uint32_t value,
              const struct ag_loc *loc)
{
  uint64_t there = 0;
  uint32_t i, p, n = 0;
  for (i = kg_json_first (k->j, value); i; i = kg_json_next (k->j, value, i + 1), n++) {
    struct ag_loc at = { .outer = loc, .name = kg_json_raw (k->j, i) };
    const struct ag_schema *member;
    p = property_find (k, s, i);
    if (p < s->nproperties)
      there |= 1ull << p;
    member = p < s->nproperties ? s->properties[p].schema : s->additional;
    if (p == s->nproperties && member && member->never)
      ag_found (k->f, &at, "extra_forbidden", "Extra inputs are not permitted");
    else if (member)
      check_value (k, member, i + 1, &at);
  }
  for (p = 0; p < s->nproperties; p++)
    if (s->properties[p].required && !(there >> p & 1)) {
      struct ag_loc at = { .outer = loc, .name = { s->properties[p].name, s->properties[p].len } };
      ag_found (k->f, &at, "missing", "Field required");
    }
  check_count (k, n, s->min_members, s->max_members, "members", loc);
}

/* ---- Types and choices ---------------------------------------------------------------- */

static int32_t
whole (double d)
{
  const double exact = 9007199254740992.0; /* from here on every double is */
  return d >= exact || d <= -exact || !((double)(int64_t)d < d || (double)(int64_t)d > d);
}

static uint32_t
types_of (const struct check *k, uint32_t value)
{
  switch (kg_json_kind (k->j, value)) {
  case KG_JSON_NULL:
    return IS_NULL;
  case KG_JSON_FALSE:
  case KG_JSON_TRUE:
    return IS_BOOL;
  case KG_JSON_INT:
    return IS_INT | IS_NUMBER;
  case KG_JSON_DOUBLE:
    return whole (number_of (k, value).d) ? IS_INT | IS_NUMBER : IS_NUMBER;
  case KG_JSON_STRING:
    return IS_STRING;
  case KG_JSON_ARRAY:
    return IS_ARRAY;
  default:
    return IS_OBJECT;
  }
}

static void
type_found (struct check *k, uint32_t types, const struct ag_loc *loc)
{
  static const struct {
    uint32_t types;
    const char *type, *msg;
  } faults[] = { { IS_STRING, "string_type", "Input should be a valid string" },
                 { IS_INT, "int_parsing", "Input should be a valid integer" },
                 { IS_INT | IS_NUMBER, "float_type", "Input should be a valid number" },
                 { IS_BOOL, "bool_type", "Input should be a valid boolean" },
                 { IS_ARRAY, "list_type", "Input should be a valid list" },
                 { IS_OBJECT, "dict_type", "Input should be a valid dictionary" },
                 { IS_NULL, "none_required", "Input should be null" } };
  uint32_t i;
  for (i = 0; i < sizeof faults / sizeof faults[0]; i++)
    if (faults[i].types == types) {
      ag_found (k->f, loc, faults[i].type, faults[i].msg);
      return;
    }
  ag_found (k->f, loc, "type", "Input should have one of the types of the schema");
}

static int32_t
choice_is (const struct check *k, const struct choice *c, uint32_t value)
{
  uint32_t kind = (uint32_t)kg_json_kind (k->j, value);
  if (c->kind == KG_JSON_STRING)
    return kg_json_is (k->j, value, c->text);
  if (c->kind == KG_JSON_DOUBLE)
    return (kind == KG_JSON_INT || kind == KG_JSON_DOUBLE)
           && !compare (number_of (k, value), c->number);
  return kind == c->kind;
}

static void
check_choice (struct check *k, const struct ag_schema *s, uint32_t value,
              const struct ag_loc *loc)
{
  char msg[256] = "Input should be one of:";
  size_t n = strlen (msg);
  uint32_t i;
  for (i = 0; i < s->nchoices; i++)
    if (choice_is (k, &s->choices[i], value))
      return;
  for (i = 0; i < s->nchoices && n < sizeof msg; i++) {
    const struct choice *c = &s->choices[i];
    const char *text = c->kind == KG_JSON_NULL    ? "null"
                       : c->kind == KG_JSON_TRUE  ? "true"
                       : c->kind == KG_JSON_FALSE ? "false"
                                                  : c->text;
    if (c->kind == KG_JSON_DOUBLE)
      n += (size_t)snprintf (msg + n, sizeof msg - n, "%s %.15g", i ? "," : "", c->number.d);
    else if (strlen (text) < sizeof msg - n - 3)
      n += (size_t)snprintf (msg + n, sizeof msg - n, "%s %s", i ? "," : "", text);
  }
  ag_found (k->f, loc, "enum", msg);
}

static void
check_value (struct check *k, const struct ag_schema *s, uint32_t value,
             const struct ag_loc *loc)
{
  uint32_t is = types_of (k, value);
  if (s->never) {
    ag_found (k->f, loc, "extra_forbidden", "No value is permitted here");
    return;
  }
  if (s->types && !(s->types & is)) {
    type_found (k, s->types, loc);
    return;
  }
  if (s->choices)
    check_choice (k, s, value, loc);
  if (is & IS_NUMBER)
    check_number (k, s, value, loc);
  else if (is == IS_STRING)
    check_string (k, s, value, loc);
  else if (is == IS_ARRAY)
    check_array (k, s, value, loc);
  else if (is == IS_OBJECT)
    check_object (k, s, value, loc);
}

void
ag_schema_check (const struct ag_schema *schema, const struct kg_json *j, uint32_t value,
                 const struct ag_loc *loc, struct ag_findings *f)
{
  struct check k = { j, f, AG_PATTERN_STEPS };
  if (schema)
    check_value (&k, schema, value, loc);
}
