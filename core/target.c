/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/target.h"

#include "core/util/str.h"

#include <string.h>

#define TARGET_MAX 8192u

static int
hex (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "%XX" at `p` stands for, or -1. */
static int
escape_at (const char *p, const char *end)
{
  if (end - p < 3 || hex (p[1]) < 0 || hex (p[2]) < 0)
    return -1;
  return hex (p[1]) << 4 | hex (p[2]);
}

size_t
target_decode (kg_str s, int plus, char *out)
{
  const char *p = s.ptr, *end = s.ptr + s.len;
  char *o = out;
  while (p < end) {
    int c = *p == '%' ? escape_at (p, end) : -1;
    if (c >= 0) {
      *o++ = (char) c;
      p += 3;
    } else {
      *o++ = plus && *p == '+' ? ' ' : *p;
      p++;
    }
  }
  return (size_t) (o - out);
}

/* Checks the escapes; `path` forbids what could change the path's shape. */
static const char *
escapes_check (kg_str s, int path)
{
  char decoded[TARGET_MAX];
  const char *end = s.ptr + s.len;
  if (!memchr (s.ptr, '%', s.len))
    return NULL;
  if (s.len > TARGET_MAX)
    return "the target is too long";
  for (const char *p = s.ptr; p < end; p++) {
    int c;
    if (*p != '%')
      continue;
    c = escape_at (p, end);
    if (c < 0)
      return "malformed percent escape";
    if (c == 0 || (path && (c < 0x20 || c == 0x7f)))
      return "an encoded control character";
    if (path && (c == '/' || c == '\\'))
      return "an encoded slash";
    p += 2;
  }
  if (!str_utf8_valid (decoded, target_decode (s, 0, decoded)))
    return "an escape that is not UTF-8";
  return NULL;
}

/* "." or ".." in any spelling. */
static int
segment_is_dots (const char *p, size_t len)
{
  size_t dots = 0, i = 0;
  while (i < len) {
    if (p[i] == '.')
      i++;
    else if (escape_at (p + i, p + len) == '.')
      i += 3;
    else
      return 0;
    dots++;
  }
  return dots == 1 || dots == 2;
}

static const char *
path_check (kg_str path)
{
  const char *p = path.ptr, *end = path.ptr + path.len;
  while (p < end) {
    const char *slash = memchr (p + 1, '/', (size_t) (end - p - 1));
    const char *stop = slash ? slash : end;
    if (stop - p > 1 && (p[1] == '.' || p[1] == '%')
        && segment_is_dots (p + 1, (size_t) (stop - p - 1)))
      return "a dot segment in the path";
    p = stop;
  }
  return escapes_check (path, 1);
}

/* Splits "http://authority/path"; NULL when it is that. */
static const char *
absolute_split (kg_str *raw, struct target *t)
{
  static const char http[] = "http://", https[] = "https://";
  size_t n = 0;
  const char *end = raw->ptr + raw->len, *p;
  if (raw->len > 7 && !memcmp (raw->ptr, http, 7))
    n = 7;
  else if (raw->len > 8 && !memcmp (raw->ptr, https, 8))
    n = 8;
  else
    return "the target is neither a path nor an http URL";
  t->authority.ptr = p = raw->ptr + n;
  while (p < end && *p != '/' && *p != '?')
    p++;
  t->authority.len = (size_t) (p - t->authority.ptr);
  raw->ptr = p;
  raw->len = (size_t) (end - p);
  return NULL;
}

const char *
target_parse (kg_str raw, struct target *ret)
{
  static const char root[] = "/";
  const char *why, *mark;
  memset (ret, 0, sizeof *ret);
  if (raw.len == 1 && *raw.ptr == '*') {
    ret->path = raw;
    return NULL;
  }
  if (memchr (raw.ptr, '#', raw.len))
    return "a fragment in the target";
  if (*raw.ptr != '/' && (why = absolute_split (&raw, ret)))
    return why;
  mark = memchr (raw.ptr, '?', raw.len);
  ret->path.ptr = raw.ptr;
  ret->path.len = mark ? (size_t) (mark - raw.ptr) : raw.len;
  if (mark) {
    ret->query.ptr = mark + 1;
    ret->query.len = raw.len - ret->path.len - 1;
    why = escapes_check (ret->query, 0);
    if (why)
      return why;
  }
  if (!ret->path.len) {
    ret->path.ptr = root;
    ret->path.len = 1;
  }
  return path_check (ret->path);
}

static int
port_ok (const char *p, const char *end)
{
  if (p == end)
    return 1;
  if (*p++ != ':' || end - p > 5)
    return 0;
  for (; p < end; p++)
    if (*p < '0' || *p > '9')
      return 0;
  return 1;
}

/* Bytes that a host's name may have: RFC 3986's unreserved. */
static const uint8_t reg_name[256] = {
  ['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['0' ... '9'] = 1,
  ['-'] = 1, ['.'] = 1, ['_'] = 1, ['~'] = 1,
};

int
target_authority_ok (kg_str s)
{
  static const char ip6[] = "0123456789abcdefABCDEF:.";
  const char *p = s.ptr, *end = s.ptr + s.len;
  if (!s.len || s.len > 255)
    return 0;
  if (*p == '[') {
    for (p++; p < end && *p != ']'; p++)
      if (!memchr (ip6, *p, sizeof ip6 - 1))
        return 0;
    return p < end && p > s.ptr + 2 && port_ok (p + 1, end);
  }
  while (p < end && reg_name[(unsigned char) *p])
    p++;
  return p > s.ptr && port_ok (p, end);
}

/* Whether the raw name of a parameter decodes to `key`. */
static int
name_is (kg_str raw, const char *key, size_t len)
{
  char buf[256];
  if (raw.len == len && !memcmp (raw.ptr, key, len))
    return 1;
  if (raw.len <= len || raw.len > sizeof buf || !memchr (raw.ptr, '%', raw.len))
    return 0;
  return target_decode (raw, 1, buf) == len && !memcmp (buf, key, len);
}

kg_str
target_query (kg_str query, const char *key)
{
  kg_str none = { NULL, 0 };
  const char *p = query.ptr, *end = query.ptr + query.len;
  size_t len = strlen (key);
  while (p < end) {
    const char *amp = memchr (p, '&', (size_t) (end - p));
    const char *stop = amp ? amp : end;
    const char *eq = memchr (p, '=', (size_t) (stop - p));
    kg_str name = { p, (size_t) ((eq ? eq : stop) - p) };
    if (name_is (name, key, len)) {
      kg_str value = { eq ? eq + 1 : stop, eq ? (size_t) (stop - eq - 1) : 0 };
      return value;
    }
    p = stop + 1;
  }
  return none;
}
