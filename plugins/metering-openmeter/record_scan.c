/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From JSON text to a tape: RFC 8259 as strictly as request bodies are read, but for
 * equal keys, of which the first one counts.  The texts were checked when they were
 * written; here it is about damage, and about costing less than a microsecond. */
#include "plugins/metering-openmeter/record_read.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_TOKENS 256

/* A scan under way; `error` once it failed. */
struct scan {
  struct record_read *r;
  const char *text, *p, *end;
  uint32_t count, depth;
  int32_t error;
  uint32_t open[RECORD_DEPTH_MAX]; /* arrays and objects that are not closed */
};

static int32_t
fail (struct scan *s, int32_t error)
{
  if (!s->error)
    s->error = error;
  return 0;
}

static int32_t
tokens_grow (struct scan *s)
{
  uint32_t cap = s->r->cap ? s->r->cap * 2 : FIRST_TOKENS;
  struct kg_json_token *more = realloc (s->r->token, cap * sizeof *more);
  if (!more)
    return fail (s, -ENOMEM);
  s->r->token = more;
  s->r->cap = cap;
  return 1;
}

/* Puts a token on the tape, without content so far. */
static inline int32_t
token_add (struct scan *s, uint32_t kind, uint32_t escaped, const char *start, const char *end)
{
  struct kg_json_token *t;
  if (s->count == s->r->cap && !tokens_grow (s))
    return 0;
  t = s->r->token + s->count++;
  t->kind = (uint16_t)kind;
  t->escaped = (uint16_t)escaped;
  t->start = (uint32_t)(start - s->text);
  t->len = (uint32_t)(end - start);
  t->next = s->count;
  return 1;
}

static inline void
space_skip (struct scan *s)
{
  while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
    s->p++;
}

/* ---- Strings ---------------------------------------------------------------- */

static int32_t
hex4_ok (const char *p, const char *end)
{
  int i;
  if (end - p < 4)
    return 0;
  for (i = 0; i < 4; i++)
    if (!((p[i] >= '0' && p[i] <= '9') || ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'f')))
      return 0;
  return 1;
}

/* Behind an escape, which begins at p; NULL when it is none.  A surrogate needs its
 * other half, and there is no NUL. */
static const char *
escape_end (const char *p, const char *end)
{
  uint32_t c;
  if (end - p < 2)
    return NULL;
  if (p[1] != 'u')
    return p[1] && strchr ("\"\\/bfnrt", p[1]) ? p + 2 : NULL;
  if (!hex4_ok (p + 2, end))
    return NULL;
  c = kg_json_hex4 (p + 2);
  p += 6;
  if (!c || (c >= 0xDC00 && c < 0xE000))
    return NULL;
  if (c < 0xD800 || c >= 0xE000)
    return p;
  if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || !hex4_ok (p + 2, end))
    return NULL;
  c = kg_json_hex4 (p + 2);
  return c >= 0xDC00 && c < 0xE000 ? p + 6 : NULL;
}

/* Behind a character of more than one byte (RFC 3629), or NULL. */
static const char *
utf8_end (const char *p, const char *end)
{
  const unsigned char *u = (const unsigned char *)p;
  uint32_t c, i, n = *u >= 0xF0 ? 3 : *u >= 0xE0 ? 2 : 1;
  static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
  if (*u < 0xC2 || *u > 0xF4 || (size_t)(end - p) <= n)
    return NULL;
  c = *u & (0x3Fu >> n);
  for (i = 1; i <= n; i++) {
    if ((u[i] & 0xC0) != 0x80)
      return NULL;
    c = c << 6 | (u[i] & 0x3Fu);
  }
  return c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? NULL : p + n + 1;
}

/* A string at its opening quote. */
static inline int32_t
string_scan (struct scan *s)
{
  const char *start = s->p + 1, *p = start;
  uint32_t escaped = 0;
  for (;;) {
    while (s->end - p >= 8 && kg_json_plain (p))
      p += 8;
    while (p < s->end && *p != '"' && *p != '\\' && (unsigned char)(*p - 0x20) < 0x60)
      p++;
    if (p < s->end && *p == '"')
      break;
    if (p >= s->end || (unsigned char)*p < 0x20)
      return fail (s, -EBADMSG);
    escaped |= *p == '\\';
    p = *p == '\\' ? escape_end (p, s->end) : utf8_end (p, s->end);
    if (!p)
      return fail (s, -EBADMSG);
  }
  s->p = p + 1;
  return token_add (s, KG_JSON_STRING, escaped, start, p);
}

/* ---- Numbers and names ------------------------------------------------------ */

static const char *
digits_end (const char *p, const char *end)
{
  while (p < end && *p >= '0' && *p <= '9')
    p++;
  return p;
}

/* Whether the whole number fits int64_t. */
static int32_t
int_fits (const char *p, const char *end)
{
  int32_t negative = *p == '-';
  p += negative;
  if (end - p != 19)
    return end - p < 19;
  return memcmp (p, negative ? "9223372036854775808" : "9223372036854775807", 19) <= 0;
}

static int32_t
number_scan (struct scan *s)
{
  const char *start = s->p, *p = start + (*start == '-'), *whole = p, *q;
  uint32_t kind = KG_JSON_INT;
  p = digits_end (p, s->end);
  if (p == whole || (*whole == '0' && p > whole + 1))
    return fail (s, -EBADMSG);
  if (!int_fits (start, p))
    kind = KG_JSON_DOUBLE;
  if (p < s->end && *p == '.') {
    kind = KG_JSON_DOUBLE;
    q = digits_end (p + 1, s->end);
    if (q == p + 1)
      return fail (s, -EBADMSG);
    p = q;
  }
  if (p < s->end && (*p | 32) == 'e') {
    kind = KG_JSON_DOUBLE;
    p += p + 1 < s->end && (p[1] == '+' || p[1] == '-') ? 2 : 1;
    q = digits_end (p, s->end);
    if (q == p)
      return fail (s, -EBADMSG);
    p = q;
  }
  s->p = p;
  return token_add (s, kind, 0, start, p);
}

static int32_t
name_scan (struct scan *s, uint32_t kind, const char *name)
{
  size_t n = strlen (name);
  if ((size_t)(s->end - s->p) < n || memcmp (s->p, name, n))
    return fail (s, -EBADMSG);
  s->p += n;
  return token_add (s, kind, 0, s->p - n, s->p);
}

/* ---- Values ----------------------------------------------------------------- */

/* The key of a member and its colon. */
static int32_t
key_scan (struct scan *s)
{
  space_skip (s);
  if (s->p == s->end || *s->p != '"')
    return fail (s, -EBADMSG);
  if (!string_scan (s))
    return 0;
  space_skip (s);
  if (s->p == s->end || *s->p != ':')
    return fail (s, -EBADMSG);
  s->p++;
  return 1;
}

static void
close_top (struct scan *s)
{
  struct kg_json_token *t = s->r->token + s->open[--s->depth];
  s->p++;
  t->len = (uint32_t)(s->p - s->text) - t->start;
  t->next = s->count;
}

/* Opens an array or object; *ret_more says that its first value comes. */
static int32_t
open_scan (struct scan *s, int32_t *ret_more)
{
  char c = *s->p;
  if (s->depth == RECORD_DEPTH_MAX)
    return fail (s, -EBADMSG);
  s->open[s->depth++] = s->count;
  if (!token_add (s, c == '{' ? KG_JSON_OBJECT : KG_JSON_ARRAY, 0, s->p, s->p))
    return 0;
  s->p++;
  space_skip (s);
  if (s->p < s->end && *s->p == c + 2) { /* "{}" and "[]" are two apart in ASCII */
    close_top (s);
    return 1;
  }
  *ret_more = 1;
  return c == '[' || key_scan (s);
}

static inline int32_t
value_scan (struct scan *s, int32_t *ret_more)
{
  space_skip (s);
  *ret_more = 0;
  switch (s->p < s->end ? *s->p : 0) {
  case '"':
    return string_scan (s);
  case '{':
  case '[':
    return open_scan (s, ret_more);
  case 't':
    return name_scan (s, KG_JSON_TRUE, "true");
  case 'f':
    return name_scan (s, KG_JSON_FALSE, "false");
  case 'n':
    return name_scan (s, KG_JSON_NULL, "null");
  default:
    return s->p < s->end ? number_scan (s) : fail (s, -EBADMSG);
  }
}

/* What follows a value: *ret_more says that there is another one. */
static inline int32_t
rest_scan (struct scan *s, int32_t *ret_more)
{
  while (s->depth) {
    uint32_t kind = s->r->token[s->open[s->depth - 1]].kind;
    space_skip (s);
    if (s->p == s->end)
      return fail (s, -EBADMSG);
    if (*s->p == ',') {
      s->p++;
      *ret_more = 1;
      return kind == KG_JSON_ARRAY || key_scan (s);
    }
    if (*s->p != (kind == KG_JSON_OBJECT ? '}' : ']'))
      return fail (s, -EBADMSG);
    close_top (s);
  }
  return 1;
}

int32_t
record_scan (struct record_read *r, kg_str text)
{
  struct scan s = { .r = r, .text = text.ptr, .p = text.ptr, .end = text.ptr + text.len };
  int32_t more = 1;
  if (!text.len || text.len > RECORD_TEXT_MAX)
    return -EBADMSG;
  while (more && value_scan (&s, &more) && (more || rest_scan (&s, &more)))
    ;
  if (!s.error)
    space_skip (&s);
  if (!s.error && s.p != s.end)
    s.error = -EBADMSG;
  r->json = (struct kg_json){ .size = sizeof r->json,
                              .count = s.error ? 0 : s.count,
                              .text = text.ptr,
                              .token = r->token };
  return s.error;
}

void
record_read_free (struct record_read *r)
{
  free (r->token);
  memset (r, 0, sizeof *r);
}
