/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Matching: the set of states, moved over the text one character at a time. */
#include "plugins/agentese/pattern_code.h"

#include <kgent/json.h>

#include <errno.h>
#include <stdlib.h>

/* A set of states, and the order in which they came. */
struct set {
  uint16_t at[AG_PATTERN_STATES];
  uint64_t has[AG_PATTERN_STATES / 64];
  uint32_t n;
};

static uint32_t
utf8_char (const char **p)
{
  const unsigned char *s = (const unsigned char *)*p;
  uint32_t n = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4, i;
  uint32_t c = n == 1 ? s[0] : s[0] & (0x3Fu >> (n - 1));
  for (i = 1; i < n; i++)
    c = c << 6 | (s[i] & 63u);
  *p += n;
  return c;
}

uint32_t
ag_pattern_char (const char **p)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  uint32_t c, i;
  if (**p != '\\')
    return utf8_char (p);
  if ((*p)[1] != 'u') {
    for (i = 0; from[i] && from[i] != (*p)[1];)
      i++;
    *p += 2;
    return (uint32_t)to[i];
  }
  c = kg_json_hex4 (*p + 2);
  *p += 6;
  if (c >= 0xD800 && c < 0xDC00) {
    c = 0x10000 + ((c - 0xD800) << 10) + (kg_json_hex4 (*p + 2) - 0xDC00);
    *p += 6;
  }
  return c;
}

/* Adds a state and all that it leads to without a character; 1 when the match is
 * among them. */
static int32_t
set_add (const struct ag_pattern *p, struct set *s, uint32_t pc, int32_t first, int32_t last)
{
  uint16_t todo[2 * AG_PATTERN_STATES];
  uint32_t n = 0;
  int32_t matched = 0;
  todo[n++] = (uint16_t)pc;
  while (n) {
    const struct inst *in;
    pc = todo[--n];
    if (s->has[pc / 64] >> (pc % 64) & 1)
      continue;
    s->has[pc / 64] |= 1ull << (pc % 64);
    in = &p->inst[pc];
    if (in->op == OP_SPLIT)
      todo[n++] = (uint16_t)((int32_t)pc + in->y);
    if (in->op == OP_SPLIT || in->op == OP_JUMP)
      todo[n++] = (uint16_t)((int32_t)pc + in->x);
    else if ((in->op == OP_BEGIN && first) || (in->op == OP_END && last))
      todo[n++] = (uint16_t)(pc + 1);
    else if (in->op == OP_MATCH)
      matched = 1;
    else
      s->at[s->n++] = (uint16_t)pc;
  }
  return matched;
}

static int32_t
takes (const struct ag_pattern *p, const struct inst *in, uint32_t c)
{
  int32_t i;
  if (in->op == OP_CHAR)
    return in->c == c;
  if (in->op == OP_ANY)
    return c != '\n' && c != '\r' && c != 0x2028 && c != 0x2029;
  if (in->op != OP_CLASS)
    return 0;
  for (i = in->x; i < in->y; i++)
    if (c >= p->range[i].low && c <= p->range[i].high)
      return !in->c;
  return (int32_t)in->c;
}

static void
set_clear (struct set *s)
{
  uint32_t i;
  s->n = 0;
  for (i = 0; i < AG_PATTERN_STATES / 64; i++)
    s->has[i] = 0;
}

int32_t
ag_pattern_match (const struct ag_pattern *p, kg_str raw, int64_t *steps)
{
  const char *at = raw.ptr, *end = raw.ptr + raw.len;
  struct set sets[2], *now = &sets[0], *next = &sets[1];
  uint32_t i, c;
  set_clear (now);
  if (set_add (p, now, 0, 1, at == end))
    return 1;
  while (at < end) {
    struct set *other = now;
    int32_t matched;
    *steps -= now->n + 1;
    if (*steps < 0)
      return -E2BIG;
    c = ag_pattern_char (&at);
    set_clear (next);
    matched = set_add (p, next, 0, 0, at == end);
    for (i = 0; i < now->n; i++)
      if (takes (p, &p->inst[now->at[i]], c))
        matched |= set_add (p, next, now->at[i] + 1u, 0, at == end);
    if (matched)
      return 1;
    now = next;
    next = other;
  }
  return 0;
}

void
ag_pattern_free (struct ag_pattern *pattern)
{
  free (pattern);
}
