/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/scan.h"

#include <kgent/json.h>

#include <errno.h>

#define DEPTH_MAX 30 /* bits of `inside` */

static void
fail (struct scan *s)
{
  s->error = -EINVAL;
  s->p = s->end;
}

static void
space (struct scan *s)
{
  while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
    s->p++;
}

/* The next character that is not white space, or 0. */
static char
look (struct scan *s)
{
  space (s);
  return s->p < s->end ? *s->p : 0;
}

static int32_t
take (struct scan *s, char c)
{
  if (look (s) != c)
    return 0;
  s->p++;
  return 1;
}

static int32_t
enter (struct scan *s, char c)
{
  if (s->error || look (s) != c)
    return 0;
  if (s->depth == DEPTH_MAX) {
    fail (s);
    return 0;
  }
  s->p++;
  s->depth++;
  s->inside &= ~(1u << s->depth);
  return 1;
}

/* Whether something follows in the innermost object or array: behind a comma unless
 * it is the first. */
static int32_t
follows (struct scan *s, char close)
{
  uint32_t bit = 1u << s->depth;
  if (s->error)
    return 0;
  if (take (s, close)) {
    s->depth--;
    return 0;
  }
  if (s->inside & bit && !take (s, ',')) {
    fail (s);
    return 0;
  }
  s->inside |= bit;
  return 1;
}

/* The raw text of a string without its quotes, { NULL, 0 } when there is none. */
static kg_str
string (struct scan *s, int32_t *ret_escaped)
{
  kg_str raw = { NULL, 0 };
  const char *from, *p;
  *ret_escaped = 0;
  if (!take (s, '"')) {
    fail (s);
    return raw;
  }
  from = p = s->p;
  for (;;) {
    while (s->end - p >= 8 && kg_json_plain (p))
      p += 8;
    if (p == s->end || (unsigned char) *p < 0x20) {
      fail (s);
      return raw;
    }
    if (*p == '"')
      break;
    if (*p == '\\') {
      *ret_escaped = 1;
      p += p + 1 < s->end;
    }
    p++;
  }
  raw.ptr = from;
  raw.len = (size_t) (p - from);
  s->p = p + 1;
  return raw;
}

/* Whether four hexadecimal digits stand at p, with their value. */
static int32_t
hex4 (const char *p, const char *end, uint32_t *ret)
{
  int i;
  if (end - p < 4)
    return 0;
  for (i = 0; i < 4; i++)
    if (!((p[i] >= '0' && p[i] <= '9') || ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'f')))
      return 0;
  *ret = kg_json_hex4 (p);
  return 1;
}

/* Decodes \uXXXX, or two of them for one character, at p (behind the "\u"); returns
 * where it ends, NULL when it is malformed. */
static const char *
unicode (const char *p, const char *end, char **out)
{
  uint32_t c, low;
  if (!hex4 (p, end, &c) || !c || (c >= 0xDC00 && c < 0xE000))
    return NULL;
  p += 4;
  if (c >= 0xD800 && c < 0xDC00) {
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || !hex4 (p + 2, end, &low) || low < 0xDC00
        || low >= 0xE000)
      return NULL;
    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    p += 6;
  }
  *out = kg_json_utf8 (*out, c);
  return p;
}

/* Decodes what follows a backslash; as above. */
static const char *
escape (const char *p, const char *end, char **out)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *f = p < end ? memchr (from, *p, sizeof from - 1) : NULL;
  if (!f)
    return p < end && *p == 'u' ? unicode (p + 1, end, out) : NULL;
  *(*out)++ = to[f - from];
  return p + 1;
}

static void
decode (struct scan *s, kg_str raw)
{
  const char *p = raw.ptr, *end = p + raw.len;
  while (p && p < end) {
    if (*p != '\\')
      *s->text++ = *p++;
    else
      p = escape (p + 1, end, &s->text);
  }
  if (!p)
    fail (s);
}

/* ---- Public functions ---------------------------------------------------- */

void
scan_begin (struct scan *s, kg_str json, char *buffer)
{
  *s = (struct scan){ .p = json.ptr, .end = json.ptr + json.len, .text = buffer };
  if (!enter (s, '{'))
    fail (s);
}

int32_t
scan_member (struct scan *s, kg_str *ret_name)
{
  int32_t escaped;
  if (!follows (s, '}'))
    return 0;
  *ret_name = string (s, &escaped);
  if (!take (s, ':'))
    fail (s);
  return !s->error;
}

int32_t
scan_object (struct scan *s)
{
  return enter (s, '{');
}

int32_t
scan_array (struct scan *s)
{
  return enter (s, '[');
}

int32_t
scan_element (struct scan *s)
{
  return follows (s, ']');
}

/* Whether the word is next; it is taken then. */
static int32_t
word (struct scan *s, const char *text)
{
  size_t n = strlen (text);
  space (s);
  if ((size_t) (s->end - s->p) < n || memcmp (s->p, text, n))
    return 0;
  s->p += n;
  return 1;
}

const char *
scan_text (struct scan *s)
{
  const char *text = s->text;
  int32_t escaped;
  kg_str raw;
  if (look (s) != '"') {
    if (!word (s, "null"))
      fail (s);
    return NULL;
  }
  raw = string (s, &escaped);
  if (escaped) {
    decode (s, raw);
  } else if (raw.len) {
    memcpy (s->text, raw.ptr, raw.len);
    s->text += raw.len;
  }
  *s->text++ = 0;
  return s->error ? NULL : text;
}

int64_t
scan_int (struct scan *s)
{
  uint64_t n = 0;
  int32_t negative = take (s, '-'), digits;
  for (digits = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9' && digits < 19; digits++)
    n = n * 10 + (uint64_t) (*s->p++ - '0');
  if (!digits || n > INT64_MAX
      || (s->p < s->end && (strchr (".eE", *s->p) || (*s->p >= '0' && *s->p <= '9')))) {
    fail (s);
    return 0;
  }
  return negative ? -(int64_t) n : (int64_t) n;
}

int32_t
scan_bool (struct scan *s)
{
  if (word (s, "true"))
    return 1;
  if (!word (s, "false"))
    fail (s);
  return 0;
}

/* A number as loosely as memory safety allows: skipped values mean nothing. */
static void
number_skip (struct scan *s)
{
  const char *from = s->p;
  while (s->p < s->end && strchr ("+-.0123456789eE", *s->p) && *s->p)
    s->p++;
  if (s->p == from)
    fail (s);
}

static void
scalar_skip (struct scan *s)
{
  int32_t escaped;
  if (look (s) == '"')
    string (s, &escaped);
  else if (!word (s, "null") && !word (s, "true") && !word (s, "false"))
    number_skip (s);
}

kg_str
scan_skip (struct scan *s)
{
  kg_str name, raw;
  space (s);
  raw.ptr = s->p;
  if (scan_object (s))
    while (scan_member (s, &name))
      scan_skip (s);
  else if (scan_array (s))
    while (scan_element (s))
      scan_skip (s);
  else
    scalar_skip (s);
  raw.len = (size_t) (s->p - raw.ptr);
  return raw;
}

int32_t
scan_end (struct scan *s)
{
  if (!s->error && (s->depth || look (s)))
    fail (s);
  return s->error;
}
