/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Compiling patterns: a recursive descent that emits code as it reads. */
#include "plugins/agentese/pattern_code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32
#define LAST_CHAR 0x10FFFFu
#define UNBOUNDED (~0u)

struct compiler {
  struct ag_pattern *p;
  const char *at, *end; /* UTF-8 */
  const char *why;      /* what is wrong; NULL: nothing so far */
  uint32_t depth;
};

static void alternatives (struct compiler *k);

static void
blame (struct compiler *k, const char *why)
{
  if (!k->why)
    k->why = why;
  k->at = k->end;
}

static int32_t
is (const struct compiler *k, char c)
{
  return k->at < k->end && *k->at == c;
}

static int32_t
take (struct compiler *k, char c)
{
  if (!is (k, c))
    return 0;
  k->at++;
  return 1;
}

static uint32_t
emit (struct compiler *k, uint32_t op, uint32_t c, int32_t x, int32_t y)
{
  if (k->p->n == AG_PATTERN_STATES) {
    blame (k, "a pattern is too large");
    return 0;
  }
  k->p->inst[k->p->n] = (struct inst){ op, c, x, y };
  return k->p->n++;
}

/* Puts an instruction in front of what was emitted from `at` on. */
static void
insert (struct compiler *k, uint32_t at, uint32_t op, int32_t x, int32_t y)
{
  struct inst *in = k->p->inst;
  emit (k, OP_MATCH, 0, 0, 0);
  if (k->why)
    return;
  memmove (in + at + 1, in + at, (k->p->n - 1 - at) * sizeof *in);
  in[at] = (struct inst){ op, 0, x, y };
}

/* ---- Characters and classes ------------------------------------------------------ */

static uint32_t
character (struct compiler *k)
{
  const unsigned char *s = (const unsigned char *)k->at;
  uint32_t n = s[0] < 0x80 ? 1 : s[0] < 0xC0 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4, i;
  uint32_t c = n == 1 ? s[0] : s[0] & (0x3Fu >> (n ? n - 1 : 0));
  if (!n || n > (size_t)(k->end - k->at)) {
    blame (k, "a pattern is not UTF-8");
    return 0;
  }
  for (i = 1; i < n; i++)
    c = c << 6 | (s[i] & 63u);
  k->at += n;
  return c;
}

static void
range_add (struct compiler *k, uint32_t low, uint32_t high)
{
  if (low > high)
    blame (k, "a class of a pattern has a range that runs backwards");
  else if (k->p->nranges == PATTERN_RANGES)
    blame (k, "a pattern is too large");
  else
    k->p->range[k->p->nranges++] = (struct range){ low, high };
}

/* The characters of \d, \w and \s. */
static const struct range digits[] = { { '0', '9' } };
static const struct range word[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
static const struct range space[]
    = { { 9, 13 },           { ' ', ' ' },         { 0xA0, 0xA0 },     { 0x1680, 0x1680 },
        { 0x2000, 0x200A },  { 0x2028, 0x2029 },   { 0x202F, 0x202F }, { 0x205F, 0x205F },
        { 0x3000, 0x3000 },  { 0xFEFF, 0xFEFF } };

/* Adds the named class, or all but it; 0 when the letter names none. */
static int32_t
class_named (struct compiler *k, char letter)
{
  const struct range *r = (letter | 32) == 'd' ? digits : (letter | 32) == 'w' ? word : space;
  uint32_t i, n = r == digits ? 1 : r == word ? 4 : 10, from = 0;
  if (!letter || !strchr ("dDwWsS", letter))
    return 0;
  for (i = 0; i < n; i++) {
    if (letter & 32)
      range_add (k, r[i].low, r[i].high);
    else if (r[i].low > from)
      range_add (k, from, r[i].low - 1);
    from = r[i].high + 1;
  }
  if (!(letter & 32))
    range_add (k, from, LAST_CHAR);
  return 1;
}

static uint32_t
hex (struct compiler *k, uint32_t n)
{
  uint32_t c = 0;
  for (; n && k->at < k->end; n--, k->at++) {
    char d = *k->at;
    if (!((d >= '0' && d <= '9') || ((d | 32) >= 'a' && (d | 32) <= 'f')))
      break;
    c = c << 4 | (uint32_t)(d <= '9' ? d - '0' : (d | 32) - 'a' + 10);
  }
  if (n)
    blame (k, "a pattern has \\x or \\u without its hexadecimal digits");
  return c;
}

/* The character behind a backslash that names no class. */
static uint32_t
escaped (struct compiler *k)
{
  static const char letters[] = "tnrfv0", meant[] = "\t\n\r\f\v";
  const char *l;
  char c = *k->at;
  if (c && (l = strchr (letters, c))) {
    k->at++;
    return (uint32_t)meant[l - letters];
  }
  if (c == 'x' || c == 'u') {
    k->at++;
    return hex (k, c == 'x' ? 2 : 4);
  }
  if ((c >= '1' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
    blame (k, "a pattern has an escape that is not of the subset (\\b, \\1, \\p ...)");
    return 0;
  }
  return character (k);
}

/* One character of a class; 1 when it was a whole named class. */
static int32_t
class_item (struct compiler *k, uint32_t *ret)
{
  if (!take (k, '\\')) {
    *ret = character (k);
    return 0;
  }
  if (k->at == k->end) {
    blame (k, "a pattern ends in a backslash");
    return 0;
  }
  if (class_named (k, *k->at)) {
    k->at++;
    return 1;
  }
  if (take (k, 'b')) {
    *ret = '\b';
    return 0;
  }
  *ret = escaped (k);
  return 0;
}

/* Behind "[". */
static void
class (struct compiler *k)
{
  uint32_t first = k->p->nranges, low, high, not = (uint32_t)take (k, '^');
  while (!k->why && !is (k, ']')) {
    if (k->at == k->end) {
      blame (k, "a pattern has a \"[\" without \"]\"");
      return;
    }
    if (class_item (k, &low))
      continue;
    high = low;
    if (k->end - k->at > 1 && k->at[0] == '-' && k->at[1] != ']') {
      k->at++;
      if (class_item (k, &high))
        blame (k, "a class of a pattern has a range to a class");
    }
    if (!k->why)
      range_add (k, low, high);
  }
  take (k, ']');
  emit (k, OP_CLASS, not, (int32_t)first, (int32_t)k->p->nranges);
}

/* ---- Atoms and how often ------------------------------------------------------------ */

static void
group (struct compiler *k)
{
  if (take (k, '?') && !take (k, ':')) {
    blame (k, "a pattern looks around or names a group, which is not of the subset");
    return;
  }
  alternatives (k);
  if (!k->why && !take (k, ')'))
    blame (k, "a pattern has a \"(\" without \")\"");
}

static void
escape (struct compiler *k)
{
  uint32_t first = k->p->nranges;
  if (k->at == k->end)
    blame (k, "a pattern ends in a backslash");
  else if (class_named (k, *k->at)) {
    k->at++;
    emit (k, OP_CLASS, 0, (int32_t)first, (int32_t)k->p->nranges);
  } else
    emit (k, OP_CHAR, escaped (k), 0, 0);
}

static void
atom (struct compiler *k)
{
  if (take (k, '('))
    group (k);
  else if (take (k, '['))
    class (k);
  else if (take (k, '\\'))
    escape (k);
  else if (take (k, '.'))
    emit (k, OP_ANY, 0, 0, 0);
  else if (take (k, '^'))
    emit (k, OP_BEGIN, 0, 0, 0);
  else if (take (k, '$'))
    emit (k, OP_END, 0, 0, 0);
  else if (strchr ("*+?{", *k->at))
    blame (k, "a pattern repeats nothing");
  else
    emit (k, OP_CHAR, character (k), 0, 0);
}

static uint32_t
number (struct compiler *k)
{
  uint32_t n = 0;
  if (k->at == k->end || *k->at < '0' || *k->at > '9')
    blame (k, "a pattern has a \"{\" without {m}, {m,} or {m,n}");
  for (; k->at < k->end && *k->at >= '0' && *k->at <= '9'; k->at++)
    n = n > AG_PATTERN_STATES ? n : n * 10 + (uint32_t)(*k->at - '0');
  return n;
}

/* Reads a quantifier: 1 and its bounds, or 0. */
static int32_t
quantifier (struct compiler *k, uint32_t *min, uint32_t *max)
{
  *min = 0;
  *max = UNBOUNDED;
  if (take (k, '*'))
    return 1;
  if (take (k, '+')) {
    *min = 1;
    return 1;
  }
  if (take (k, '?')) {
    *max = 1;
    return 1;
  }
  if (!take (k, '{'))
    return 0;
  *min = *max = number (k);
  if (take (k, ','))
    *max = is (k, '}') ? UNBOUNDED : number (k);
  if (!k->why && (!take (k, '}') || *max < *min))
    blame (k, "a pattern has a \"{\" without {m}, {m,} or {m,n}");
  return 1;
}

static void
copy (struct compiler *k, const struct inst *from, uint32_t n)
{
  uint32_t i;
  for (i = 0; i < n && !k->why; i++)
    emit (k, from[i].op, from[i].c, from[i].x, from[i].y);
}

/* Repeats what was emitted from `start` on. */
static void
repeat (struct compiler *k, uint32_t start, uint32_t min, uint32_t max)
{
  struct inst once[AG_PATTERN_STATES];
  uint32_t n = k->p->n - start, i;
  memcpy (once, k->p->inst + start, n * sizeof *once);
  k->p->n = start;
  for (i = 0; i < min && !k->why; i++)
    copy (k, once, n);
  if (max == UNBOUNDED && min)
    emit (k, OP_SPLIT, 0, -(int32_t)n, 1);
  else if (max == UNBOUNDED) {
    emit (k, OP_SPLIT, 0, 1, (int32_t)n + 2);
    copy (k, once, n);
    emit (k, OP_JUMP, 0, -(int32_t)n - 1, 0);
  } else
    for (i = min; i < max && !k->why; i++) {
      emit (k, OP_SPLIT, 0, 1, (int32_t)((max - i) * (n + 1)));
      copy (k, once, n);
    }
}

static void
sequence (struct compiler *k)
{
  uint32_t start, min, max;
  while (k->at < k->end && !is (k, '|') && !is (k, ')')) {
    start = k->p->n;
    atom (k);
    if (k->why || !quantifier (k, &min, &max))
      continue;
    take (k, '?'); /* lazy or not: whether it matches is the same */
    if (!k->why)
      repeat (k, start, min, max);
  }
}

static void
alternatives (struct compiler *k)
{
  uint32_t start = k->p->n, last = 0, jump;
  if (++k->depth > DEPTH_MAX)
    blame (k, "a pattern has too many groups in groups");
  sequence (k);
  while (!k->why && take (k, '|')) {
    insert (k, start, OP_SPLIT, 1, (int32_t)(k->p->n - start) + 2);
    jump = emit (k, OP_JUMP, 0, (int32_t)last, 0); /* a chain, until the end is known */
    last = jump;
    start = k->p->n;
    sequence (k);
  }
  while (last && !k->why) {
    jump = (uint32_t)k->p->inst[last].x;
    k->p->inst[last].x = (int32_t)(k->p->n - last);
    last = jump;
  }
  k->depth--;
}

int32_t
ag_pattern_compile (kg_str text, struct ag_pattern **ret, const char **ret_why)
{
  struct compiler k = { .p = calloc (1, sizeof *k.p), .at = text.ptr, .end = text.ptr + text.len };
  if (!k.p)
    return -ENOMEM;
  alternatives (&k);
  if (!k.why && k.at < k.end)
    blame (&k, "a pattern has a \")\" without \"(\"");
  emit (&k, OP_MATCH, 0, 0, 0);
  if (k.why) {
    *ret_why = k.why;
    free (k.p);
    return -EINVAL;
  }
  *ret = k.p;
  return 0;
}
