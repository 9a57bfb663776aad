/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "ctl/verify_doc.h"

#include <string.h>

#define DEPTH_MAX 64

/* ---- Reading ---------------------------------------------------------------------------- */

static const char *
blank (const char *p, const char *end)
{
  while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
    p++;
  return p;
}

static int
is_digit (const char *p, const char *end)
{
  return p < end && *p >= '0' && *p <= '9';
}

static int
hex_of (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Each of these returns the end of what begins at p, or NULL. */
static const char *
string_end (const char *p, const char *end)
{
  int i;
  for (p++; p < end && *p != '"'; p++) {
    if ((unsigned char)*p < ' ')
      return NULL;
    if (*p != '\\')
      continue;
    if (++p == end || !*p || !strchr ("\"\\/bfnrtu", *p))
      return NULL;
    for (i = 0; *p == 'u' && i < 4; i++)
      if (p + 1 + i >= end || hex_of (p[1 + i]) < 0)
        return NULL;
  }
  return p < end ? p + 1 : NULL;
}

static const char *
digits_end (const char *p, const char *end)
{
  if (!is_digit (p, end))
    return NULL;
  while (is_digit (p, end))
    p++;
  return p;
}

static const char *
number_end (const char *p, const char *end)
{
  p += *p == '-';
  if (p < end && *p == '0')
    p++;
  else
    p = digits_end (p, end);
  if (p && p < end && *p == '.')
    p = digits_end (p + 1, end);
  if (p && p < end && (*p | 32) == 'e') {
    p++;
    p += p < end && (*p == '+' || *p == '-');
    p = digits_end (p, end);
  }
  return p;
}

static const char *
word_end (const char *p, const char *end, const char *word)
{
  size_t n = strlen (word);
  return (size_t)(end - p) >= n && !memcmp (p, word, n) ? p + n : NULL;
}

static const char *value_end (const char *p, const char *end, int depth);

/* A member's name and colon. */
static const char *
name_end (const char *p, const char *end)
{
  if (p >= end || *p != '"' || !(p = string_end (p, end)))
    return NULL;
  p = blank (p, end);
  return p < end && *p == ':' ? blank (p + 1, end) : NULL;
}

static const char *
list_end (const char *p, const char *end, int depth)
{
  char close = *p == '{' ? '}' : ']';
  p = blank (p + 1, end);
  if (p < end && *p == close)
    return p + 1;
  while (p && p < end) {
    if (close == '}' && !(p = name_end (p, end)))
      return NULL;
    p = value_end (p, end, depth + 1);
    p = p ? blank (p, end) : NULL;
    if (!p || p >= end)
      return NULL;
    if (*p == close)
      return p + 1;
    if (*p != ',')
      return NULL;
    p = blank (p + 1, end);
  }
  return NULL;
}

static const char *
value_end (const char *p, const char *end, int depth)
{
  if (p >= end || depth > DEPTH_MAX)
    return NULL;
  switch (*p) {
  case '{':
  case '[':
    return list_end (p, end, depth);
  case '"':
    return string_end (p, end);
  case 't':
    return word_end (p, end, "true");
  case 'f':
    return word_end (p, end, "false");
  case 'n':
    return word_end (p, end, "null");
  default:
    return number_end (p, end);
  }
}

int
doc_valid (struct piece text)
{
  const char *end = text.p + text.n, *p = text.p ? blank (text.p, end) : NULL;
  p = p ? value_end (p, end, 0) : NULL;
  return p && blank (p, end) == end;
}

/* ---- Members ------------------------------------------------------------------------------ */

char
doc_kind (struct piece value)
{
  char c = value.n ? *value.p : 0;
  return c == '-' || (c >= '0' && c <= '9') ? '0' : c;
}

int
doc_next (struct piece of, const char **at, struct piece *name, struct piece *value)
{
  const char *end = of.p + of.n, *p = *at ? *at : blank (of.p + 1, end);
  struct piece key = { NULL, 0 };
  const char *stop;
  if (p >= end || *p == '}' || *p == ']')
    return 0;
  if (*of.p == '{') {
    stop = string_end (p, end);
    key = (struct piece){ p, (size_t)(stop - p) };
    p = name_end (p, end);
  }
  stop = value_end (p, end, 0);
  *value = (struct piece){ p, (size_t)(stop - p) };
  if (name)
    *name = key;
  p = blank (stop, end);
  *at = p < end && *p == ',' ? blank (p + 1, end) : p;
  return 1;
}

static struct piece
member_of_name (struct piece object, struct piece name)
{
  struct piece key, value;
  const char *at = NULL;
  if (doc_kind (object) == '{')
    while (doc_next (object, &at, &key, &value))
      if (doc_says (key, name))
        return value;
  return (struct piece){ NULL, 0 };
}

struct piece
doc_member (struct piece object, const char *name)
{
  return member_of_name (object, piece_of (name));
}

struct piece
doc_path (struct piece object, struct piece path)
{
  struct piece value = member_of_name (object, path), head = path;
  const char *dot = memchr (path.p, '.', path.n);
  if (value.p || !dot)
    return value;
  head.n = (size_t)(dot - path.p);
  value = member_of_name (object, head);
  path = (struct piece){ dot + 1, path.n - head.n - 1 };
  return value.p ? doc_path (value, path) : value;
}

/* ---- Strings ------------------------------------------------------------------------------ */

static uint32_t
unit_of (const char *p)
{
  return (uint32_t)(hex_of (p[0]) << 12 | hex_of (p[1]) << 8 | hex_of (p[2]) << 4
                    | hex_of (p[3]));
}

static size_t
utf8_write (uint32_t c, char *out)
{
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 63));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 63));
    out[2] = (char)(0x80 | (c & 63));
    return 3;
  }
  out[0] = (char)(0xf0 | c >> 18);
  out[1] = (char)(0x80 | (c >> 12 & 63));
  out[2] = (char)(0x80 | (c >> 6 & 63));
  out[3] = (char)(0x80 | (c & 63));
  return 4;
}

/* An escape behind its backslash; moves on to its last byte. */
static size_t
escape_read (const char **p, const char *end, char *out)
{
  static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
  const char *special = strchr (from, **p);
  uint32_t c, low;
  if (**p != 'u') {
    *out = special ? to[special - from] : **p;
    return 1;
  }
  c = unit_of (*p + 1);
  *p += 4;
  if (c >= 0xd800 && c < 0xdc00 && end - *p > 6 && (*p)[1] == '\\' && (*p)[2] == 'u') {
    low = unit_of (*p + 3);
    if (low >= 0xdc00 && low < 0xe000) {
      *p += 6;
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  return utf8_write (c, out);
}

size_t
doc_text (struct piece value, char *out)
{
  const char *p = value.p + 1, *end = value.p + value.n - 1;
  size_t n = 0;
  for (; p < end; p++)
    if (*p == '\\') {
      p++;
      n += escape_read (&p, end, out + n);
    } else
      out[n++] = *p;
  return n;
}

int
doc_says (struct piece value, struct piece text)
{
  char buf[1024];
  if (doc_kind (value) != '"')
    return 0;
  if (!memchr (value.p, '\\', value.n))
    return value.n - 2 == text.n && !memcmp (value.p + 1, text.p, text.n);
  return value.n <= sizeof buf && doc_text (value, buf) == text.n
         && !memcmp (buf, text.p, text.n);
}
