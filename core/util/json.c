/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/util/json.h"

#include "core/util/json_text.h"

#include <errno.h>
#include <string.h>

uint32_t
json_tokens_bound (size_t len)
{
  const uint32_t most = 2 * JSON_VALUES_MAX + 2;
  /* Two bytes per token, but for brackets that are never closed. */
  return len / 2 + JSON_DEPTH_MAX + 2 < most ? (uint32_t)len / 2 + JSON_DEPTH_MAX + 2 : most;
}

static inline int
is_space (char c)
{
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The first byte that is not white space, or 0 at the end. */
static inline char
peek (struct json_scan *s)
{
  while (s->p < s->end && *s->p <= ' ' && is_space (*s->p))
    s->p++;
  return s->p < s->end ? *s->p : 0;
}

static int32_t
unexpected (struct json_scan *s)
{
  return json_fail (s, s->p, s->p < s->end ? "unexpected character" : "unexpected end");
}

/* Puts a token of `len` bytes on the tape; its content is to follow, so `next`
 * is the token behind it for now. */
static inline int32_t
token_add (struct json_scan *s, uint16_t kind, const char *start, size_t len)
{
  struct kg_json_token *t = s->token + s->count;
  if (s->count == s->max)
    return json_fail_big (s, start, "too many values");
  t->kind = kind;
  t->escaped = 0;
  t->start = (uint32_t)(start - s->text);
  t->len = (uint32_t)len;
  t->next = ++s->count;
  return 0;
}

static int32_t
open_add (struct json_scan *s, uint16_t kind)
{
  if (s->depth == JSON_DEPTH_MAX)
    return json_fail_big (s, s->p, "nesting too deep");
  s->open[s->depth++] = s->count;
  return token_add (s, kind, s->p++, 0);
}

/* Ends the innermost array or object at its bracket. */
static int32_t
open_close (struct json_scan *s)
{
  struct kg_json_token *t = s->token + s->open[--s->depth];
  s->p++;
  t->len = (uint32_t)(s->p - s->text) - t->start;
  t->next = s->count;
  return t->kind == KG_JSON_OBJECT ? json_keys_check (s, t) : 0;
}

static int32_t
scan_string (struct json_scan *s)
{
  const char *start = s->p + 1;
  int32_t escaped = json_string_end (s);
  int32_t r = escaped < 0 ? escaped
                          : token_add (s, KG_JSON_STRING, start, (size_t)(s->p - start - 1));
  if (r >= 0)
    s->token[s->count - 1].escaped = (uint16_t)escaped;
  return r;
}

/* A key and its colon. */
static int32_t
scan_key (struct json_scan *s)
{
  int32_t r;
  if (peek (s) != '"')
    return unexpected (s);
  r = scan_string (s);
  if (r < 0)
    return r;
  if (peek (s) != ':')
    return unexpected (s);
  s->p++;
  return 0;
}

static int32_t
scan_number (struct json_scan *s)
{
  const char *start = s->p;
  int32_t kind = json_number_end (s);
  return kind < 0 ? kind : token_add (s, (uint16_t)kind, start, (size_t)(s->p - start));
}

static int32_t
scan_literal (struct json_scan *s, uint16_t kind, const char *text, size_t len)
{
  if ((size_t)(s->end - s->p) < len || memcmp (s->p, text, len) != 0)
    return json_fail (s, s->p, "unexpected character");
  s->p += len;
  return token_add (s, kind, s->p - len, len);
}

static int32_t
scan_scalar (struct json_scan *s, char c)
{
  switch (c) {
  case '"':
    return scan_string (s);
  case 't':
    return scan_literal (s, KG_JSON_TRUE, "true", 4);
  case 'f':
    return scan_literal (s, KG_JSON_FALSE, "false", 5);
  case 'n':
    return scan_literal (s, KG_JSON_NULL, "null", 4);
  default:
    return c == '-' || (c >= '0' && c <= '9') ? scan_number (s) : unexpected (s);
  }
}

/* One value, or the beginning of one: 1 when it is complete, 0 when it was
 * opened and its first value is to come. */
static int32_t
scan_value (struct json_scan *s)
{
  char c = peek (s);
  int32_t r;
  if (s->values++ == JSON_VALUES_MAX)
    return json_fail_big (s, s->p, "too many values");
  if (c != '{' && c != '[') {
    r = scan_scalar (s, c);
    return r < 0 ? r : 1;
  }
  r = open_add (s, c == '{' ? KG_JSON_OBJECT : KG_JSON_ARRAY);
  if (r < 0)
    return r;
  if (peek (s) != c + 2) /* "{}" and "[]" are two apart in ASCII */
    return c == '{' ? scan_key (s) : 0;
  r = open_close (s);
  return r < 0 ? r : 1;
}

/* What follows a value: 1 when the outermost is complete, 0 when another value
 * is to come. */
static int32_t
scan_after (struct json_scan *s)
{
  while (s->depth) {
    int object = s->token[s->open[s->depth - 1]].kind == KG_JSON_OBJECT;
    char c = peek (s);
    int32_t r;
    if (c == ',') {
      s->p++;
      return object ? scan_key (s) : 0;
    }
    if (c != (object ? '}' : ']'))
      return unexpected (s);
    r = open_close (s);
    if (r < 0)
      return r;
  }
  return 1;
}

static int32_t
scan_text (struct json_scan *s)
{
  int32_t r;
  if (s->end - s->p >= 3 && !memcmp (s->p, "\xEF\xBB\xBF", 3))
    return json_fail (s, s->p, "byte order mark");
  do {
    r = scan_value (s);
    if (r > 0)
      r = scan_after (s);
  } while (!r);
  if (r < 0)
    return r;
  peek (s);
  return s->p < s->end ? json_fail (s, s->p, "trailing bytes") : 0;
}

int32_t
json_scan (const char *text, size_t len, struct kg_json_token *tokens, uint32_t max_tokens,
           struct kg_json *ret_json, struct json_error *ret_error)
{
  struct json_scan s;
  int32_t r;
  s.text = s.p = text;
  s.end = text + len;
  s.token = tokens;
  s.max = max_tokens;
  s.count = s.values = s.depth = 0;
  r = len > INT32_MAX ? json_fail_big (&s, text, "text too long") : scan_text (&s);
  if (r < 0) {
    if (ret_error)
      *ret_error = s.error;
    return r;
  }
  ret_json->size = sizeof *ret_json;
  ret_json->count = s.count;
  ret_json->text = text;
  ret_json->token = tokens;
  return 0;
}
