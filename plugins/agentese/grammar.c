/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The parser of paths: names first, then clauses and annotations in any order.
 * It never looks behind the length it was given and keeps nothing. */
#include "plugins/agentese/grammar.h"
#include "plugins/agentese/modifier.h"

#include <errno.h>
#include <string.h>

const char *const ag_context_names[AG_CONTEXTS + 1]
    = { "world", "self", "concept", "void", "time", NULL };

int32_t
ag_fail (struct ag_error *err, enum ag_fault fault, kg_str text, size_t at, size_t len)
{
  err->fault = fault;
  err->at = (uint32_t)at;
  err->what.ptr = text.ptr + at;
  err->what.len = len;
  return fault == AG_UNKNOWN_CONTEXT ? -ENOENT : -EINVAL;
}

/* What a character may be; a table, because every call parses a path. */
enum { START = 1, INNER = 2, MODIFIER = 4, POINT = 8 };

static const uint8_t kinds[256] = {
  ['a' ... 'z'] = START | INNER,
  ['0' ... '9'] = INNER,
  ['_'] = INNER,
  ['['] = MODIFIER,
  ['@'] = MODIFIER,
  ['.'] = POINT,
};

static int32_t
is (char c, uint8_t kind)
{
  return kinds[(unsigned char)c] & kind;
}

int32_t
ag_is_name (kg_str text)
{
  size_t i;
  if (!text.len || text.len > AG_NAME_MAX || !is (text.ptr[0], START))
    return 0;
  for (i = 1; i < text.len; i++)
    if (!is (text.ptr[i], INNER))
      return 0;
  return 1;
}

/* No two contexts begin with the same letter. */
static int32_t
context_find (kg_str name)
{
  int32_t i;
  for (i = 0; i < AG_CONTEXTS; i++)
    if (*name.ptr == *ag_context_names[i])
      return ag_str_is (name, ag_context_names[i]) ? i : -1;
  return -1;
}

/* A character that no name, however wrong, would hold: "/", "%", a blank. */
static int32_t
is_foreign (char c)
{
  return !(is (c, INNER) || c == '-' || (c >= 'A' && c <= 'Z'));
}

/* Blames a name that is none: the foreign character in it, else the name. */
static int32_t
name_blame (struct ag_error *err, kg_str text, size_t at, size_t len, uint32_t index,
            int32_t last)
{
  size_t i;
  enum ag_fault fault = !index              ? AG_BAD_CONTEXT
                        : last && index > 1 ? AG_BAD_ASPECT
                                            : AG_BAD_HOLON;
  for (i = at; i < at + len; i++)
    if (is_foreign (text.ptr[i]))
      return ag_fail (err, AG_UNEXPECTED, text, i, 1);
  return ag_fail (err, len > AG_NAME_MAX ? AG_NAME_LONG : fault, text, at, len);
}

/* Where the names end: at the first clause or annotation. */
static size_t
base_end (kg_str text)
{
  size_t i = 0;
  while (i < text.len && !is (text.ptr[i], MODIFIER))
    i++;
  return i;
}

static kg_str
slice (kg_str text, size_t from, size_t to)
{
  kg_str s = { text.ptr + from, to - from };
  return s;
}

/* The name at `from` is none: blames all of it, up to a point or the end of the names. */
static int32_t
name_fail (kg_str text, size_t from, const struct ag_path *p, struct ag_error *err)
{
  size_t end = base_end (text), i = from;
  while (i < end && text.ptr[i] != '.')
    i++;
  return name_blame (err, text, from, i - from, p->names, i == end);
}

/* Walks the names, up to a clause or annotation; notes the first and the last. */
static int32_t
names_parse (kg_str text, size_t *ret_end, struct ag_path *p, struct ag_error *err)
{
  size_t from = 0, dot = 0, i;
  for (;; from = dot + 1) {
    for (i = from; i < text.len && is (text.ptr[i], INNER); i++)
      continue;
    if (i == from || !is (text.ptr[from], START) || i - from > AG_NAME_MAX
        || (i < text.len && !is (text.ptr[i], POINT | MODIFIER)))
      return name_fail (text, from, p, err);
    if (!p->names++)
      p->context = slice (text, 0, i);
    if (i == text.len || text.ptr[i] != '.')
      break;
    dot = i;
  }
  p->base = slice (text, 0, i);
  p->aspect = slice (text, from, i);
  p->handle = slice (text, 0, p->names > 1 ? dot : i);
  *ret_end = i;
  return 0;
}

void
ag_path_whole (struct ag_path *p)
{
  p->handle = p->base;
  p->aspect.ptr = NULL;
  p->aspect.len = 0;
  p->rest = slice (p->base, p->context.len + 1, p->base.len);
}

/* The names are good; settles which of them is the aspect. */
static int32_t
names_settle (struct ag_path *p, struct ag_error *err)
{
  if (p->names < 2)
    return ag_fail (err, AG_INCOMPLETE, p->text, 0, p->base.len);
  if (p->names == 2)
    ag_path_whole (p);
  else
    p->rest = slice (p->handle, p->context.len + 1, p->handle.len);
  return 0;
}

int32_t
ag_path_parse (kg_str text, struct ag_path *ret, struct ag_error *ret_error)
{
  size_t end;
  int32_t r;
  memset (ret, 0, sizeof *ret);
  memset (ret_error, 0, sizeof *ret_error);
  ret->text = text;
  if (text.len > AG_PATH_MAX)
    return ag_fail (ret_error, AG_TOO_LONG, text, AG_PATH_MAX, 0);
  if (!text.len || is (text.ptr[0], MODIFIER))
    return ag_fail (ret_error, AG_INCOMPLETE, text, 0, text.len);
  if ((r = names_parse (text, &end, ret, ret_error)) < 0
      || (r = names_settle (ret, ret_error)) < 0
      || (end < text.len && (r = ag_modifiers_parse (text, end, ret, ret_error)) < 0))
    return r;
  ret->ctx = context_find (ret->context);
  if (ret->ctx < 0)
    return ag_fail (ret_error, AG_UNKNOWN_CONTEXT, text, 0, ret->context.len);
  return 0;
}

kg_str
ag_pipeline_next (kg_str *rest)
{
  static const char arrow[] = " >> ";
  const char *p = memmem (rest->ptr, rest->len, arrow, 4);
  kg_str step = { rest->ptr, p ? (size_t)(p - rest->ptr) : rest->len };
  rest->len -= p ? step.len + 4 : step.len;
  rest->ptr = p ? p + 4 : NULL;
  return step;
}

int32_t
ag_pipeline_parse (kg_str text, struct ag_path *steps, uint32_t max, uint32_t *ret_step,
                   struct ag_error *ret_error)
{
  kg_str rest = text;
  uint32_t n = 0;
  while (rest.ptr) {
    kg_str step = ag_pipeline_next (&rest);
    int32_t r;
    *ret_step = n;
    if (n == max)
      return -E2BIG;
    if (ag_str_is (step, "Id")) {
      memset (&steps[n], 0, sizeof steps[n]);
      steps[n].text = step;
      steps[n++].ctx = -1;
      continue;
    }
    r = ag_path_parse (step, &steps[n++], ret_error);
    if (r < 0)
      return r;
  }
  return (int32_t)n;
}
