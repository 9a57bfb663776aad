/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Clauses "[modifier=value]" and annotations "@modifier=value", in any order.
 *
 * The same modifier twice is accepted when both say the same: which of two
 * values was meant is not ours to guess. */
#include "plugins/agentese/modifier.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *const names[AG_MODIFIERS]
    = { "phase", "entropy", "law_check", "rollback", "minimal_output", "span", "dot" };

const char *const ag_clause_names[]
    = { "phase", "entropy", "law_check", "rollback", "minimal_output", NULL };
const char *const ag_annotation_names[] = { "span", "phase", "law_check", "dot", NULL };
const char *const ag_phase_names[]
    = { "PLAN", "RESEARCH", "DEVELOP", "STRATEGIZE", "CROSS-SYNERGIZE", "IMPLEMENT",
        "QA",   "TEST",     "EDUCATE", "MEASURE",    "REFLECT",         NULL };

#define BIT(m) (1u << (m))
#define IN_CLAUSES (BIT (AG_PHASE) | BIT (AG_ENTROPY) | IN_FLAGS)
#define IN_ANNOTATIONS (BIT (AG_SPAN) | BIT (AG_PHASE) | BIT (AG_LAW_CHECK) | BIT (AG_DOT))
#define IN_FLAGS (BIT (AG_LAW_CHECK) | BIT (AG_ROLLBACK) | BIT (AG_MINIMAL_OUTPUT))

/* One clause or annotation, as slices of the text by offsets. */
struct item {
  size_t name, name_len;
  size_t value, value_len;
  int32_t has_value, annotation;
};

static int32_t
modifier_find (kg_str name, uint32_t allowed)
{
  int32_t m;
  for (m = 0; m < AG_MODIFIERS; m++)
    if (allowed & BIT (m) && ag_str_is (name, names[m]))
      return m;
  return -1;
}

static int32_t
phase_known (kg_str value)
{
  uint32_t i;
  for (i = 0; ag_phase_names[i]; i++)
    if (ag_str_is (value, ag_phase_names[i]))
      return 1;
  return 0;
}

/* A decimal number from 0 to 1: digits, perhaps a point and digits. */
static int32_t
entropy_read (kg_str v, double *ret)
{
  double x = 0, scale = 1;
  size_t i, point = v.len;
  for (i = 0; i < v.len; i++) {
    if (v.ptr[i] == '.' && point == v.len && i && i + 1 < v.len) {
      point = i;
      continue;
    }
    if (v.ptr[i] < '0' || v.ptr[i] > '9')
      return -EINVAL;
    x = x * 10 + (v.ptr[i] - '0');
    scale *= point < i ? 10 : 1;
  }
  if (!v.len || x > scale)
    return -EINVAL;
  *ret = x / scale;
  return 0;
}

/* 1, 0, or -EINVAL; a clause without value says true. */
static int32_t
bool_read (kg_str v, int32_t has_value)
{
  if (!has_value || (v.len == 4 && !strncasecmp (v.ptr, "true", 4)))
    return 1;
  return v.len == 5 && !strncasecmp (v.ptr, "false", 5) ? 0 : -EINVAL;
}

/* The value of span and dot: what may stand in a trace without quoting. */
static int32_t
token_ok (kg_str v)
{
  size_t i;
  for (i = 0; i < v.len; i++) {
    char c = v.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
          || (c && strchr ("_-.:", c))))
      return 0;
  }
  return v.len && v.len <= AG_NAME_MAX;
}

/* Checks the value of modifier m and stores what it means. */
static enum ag_fault
value_set (struct ag_path *p, int32_t m, kg_str v, int32_t has_value)
{
  int32_t on;
  if (!(BIT (m) & IN_FLAGS) && !has_value)
    return AG_NO_VALUE;
  if (m == AG_PHASE)
    return phase_known (v) ? AG_FINE : AG_BAD_PHASE;
  if (m == AG_ENTROPY)
    return entropy_read (v, &p->entropy) < 0 ? AG_BAD_ENTROPY : AG_FINE;
  if (!(BIT (m) & IN_FLAGS))
    return token_ok (v) ? AG_FINE : AG_BAD_VALUE;
  on = bool_read (v, has_value);
  if (on < 0)
    return AG_BAD_BOOL;
  p->flags = on ? p->flags | BIT (m) : p->flags & ~BIT (m);
  return AG_FINE;
}

/* Whether an earlier value of m meant something else than what is there now. */
static int32_t
conflicts (const struct ag_path *old, const struct ag_path *now, int32_t m, kg_str v)
{
  if (!((old->clauses | old->annotations) & BIT (m)))
    return 0;
  if (BIT (m) & IN_FLAGS)
    return (old->flags & BIT (m)) != (now->flags & BIT (m));
  if (m == AG_ENTROPY)
    return old->entropy < now->entropy || old->entropy > now->entropy;
  return old->value[m].len != v.len || memcmp (old->value[m].ptr, v.ptr, v.len) != 0;
}

static int32_t
item_apply (kg_str text, const struct item *it, struct ag_path *p, struct ag_error *err)
{
  kg_str name = { text.ptr + it->name, it->name_len };
  kg_str value = { text.ptr + it->value, it->value_len };
  int32_t m = modifier_find (name, it->annotation ? IN_ANNOTATIONS : IN_CLAUSES);
  struct ag_path old = *p;
  enum ag_fault fault;
  err->annotation = (uint32_t)it->annotation;
  err->modifier = name;
  if (m < 0)
    return ag_fail (err, AG_UNKNOWN_MODIFIER, text, it->name, it->name_len);
  if (it->annotation && !it->value_len)
    return ag_fail (err, AG_NO_VALUE, text, it->name, it->name_len);
  fault = value_set (p, m, value, it->has_value);
  if (fault == AG_NO_VALUE)
    return ag_fail (err, fault, text, it->name, it->name_len);
  if (fault == AG_FINE && conflicts (&old, p, m, value))
    fault = AG_CONFLICT;
  if (fault != AG_FINE)
    return ag_fail (err, fault, text, it->value, it->value_len);
  p->value[m] = value;
  *(it->annotation ? &p->annotations : &p->clauses) |= BIT (m);
  return 0;
}

static int32_t
is_blank (char c)
{
  return c == ' ' || c == '\t';
}

static void
trim (kg_str text, size_t *at, size_t *len)
{
  while (*len && is_blank (text.ptr[*at]))
    ++*at, --*len;
  while (*len && is_blank (text.ptr[*at + *len - 1]))
    --*len;
}

/* Splits text[from..to) at its first "=". */
static void
item_split (kg_str text, size_t from, size_t to, struct item *it)
{
  const char *eq = to > from ? memchr (text.ptr + from, '=', to - from) : NULL;
  size_t cut = eq ? (size_t)(eq - text.ptr) : to;
  it->name = from;
  it->name_len = cut - from;
  it->has_value = eq != NULL;
  it->value = eq ? cut + 1 : to;
  it->value_len = to - it->value;
}

/* "[" at `at`; *ret_end is behind the "]". */
static int32_t
clause_parse (kg_str text, size_t at, struct ag_path *p, struct ag_error *err, size_t *ret_end)
{
  struct item it = { 0 };
  const char *close = memchr (text.ptr + at, ']', text.len - at);
  size_t end = close ? (size_t)(close - text.ptr) : text.len;
  const char *open = memchr (text.ptr + at + 1, '[', end - at - 1);
  if (!close || open)
    return ag_fail (err, AG_UNCLOSED, text, at, (open ? (size_t)(open - text.ptr) : end) - at);
  item_split (text, at + 1, end, &it);
  trim (text, &it.name, &it.name_len);
  trim (text, &it.value, &it.value_len);
  *ret_end = end + 1;
  if (!it.name_len && !it.has_value)
    return ag_fail (err, AG_EMPTY_CLAUSE, text, at, *ret_end - at);
  if (it.has_value && !it.value_len) {
    err->modifier = (kg_str){ text.ptr + it.name, it.name_len };
    return ag_fail (err, AG_NO_VALUE, text, it.name, it.name_len);
  }
  return item_apply (text, &it, p, err);
}

/* "@" at `at`; *ret_end is at the next "[" or "@". */
static int32_t
annotation_parse (kg_str text, size_t at, struct ag_path *p, struct ag_error *err,
                  size_t *ret_end)
{
  struct item it = { 0 };
  size_t end = at + 1;
  while (end < text.len && text.ptr[end] != '[' && text.ptr[end] != '@')
    end++;
  item_split (text, at + 1, end, &it);
  it.annotation = 1;
  *ret_end = end;
  return item_apply (text, &it, p, err);
}

int32_t
ag_modifiers_parse (kg_str text, size_t at, struct ag_path *p, struct ag_error *err)
{
  while (at < text.len) {
    int32_t r;
    if (text.ptr[at] == '[')
      r = clause_parse (text, at, p, err, &at);
    else if (text.ptr[at] == '@')
      r = annotation_parse (text, at, p, err, &at);
    else
      r = ag_fail (err, AG_UNEXPECTED, text, at, 1);
    if (r < 0)
      return r;
  }
  return 0;
}

/* Appends to a buffer of `size` bytes; returns the new length, or 0. */
static size_t
put (char *out, size_t size, size_t len, const char *p, size_t n)
{
  if (!len || n > size - len)
    return 0;
  memcpy (out + len, p, n);
  return len + n;
}

size_t
ag_path_normal (const struct ag_path *path, char *out, size_t size)
{
  size_t n = path->base.len, i;
  if (!n || n > size)
    return 0;
  memcpy (out, path->base.ptr, n);
  for (i = 0; i < 2 * AG_MODIFIERS; i++) {
    size_t m = i % AG_MODIFIERS, annotation = i / AG_MODIFIERS;
    if (!((annotation ? path->annotations : path->clauses) & BIT (m)))
      continue;
    n = put (out, size, n, annotation ? "@" : "[", 1);
    n = put (out, size, n, names[m], strlen (names[m]));
    if (path->value[m].len) {
      n = put (out, size, n, "=", 1);
      n = put (out, size, n, path->value[m].ptr, path->value[m].len);
    } else if (annotation) /* a clause said it without */
      n = put (out, size, n, "=true", 5);
    if (!annotation)
      n = put (out, size, n, "]", 1);
  }
  return n;
}
