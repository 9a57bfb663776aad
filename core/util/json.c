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

static inline const char *
skip_space (const char *p, const char *end)
{
  while (p < end && *p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
    p++;
  return p;
}

/* The byte at p, 0 at the end. */
static inline char
peek (const struct json_scan *s, const char *p)
{
  return p < s->end ? *p : 0;
}

static const char *
unexpected (struct json_scan *s, const char *p)
{
  return json_fail (s, p, p < s->end ? "unexpected character" : "unexpected end");
}

/* Puts a token of `len` bytes on the tape; `next` is the token behind it, as if
 * it had no content.  Returns `end`, where the scan goes on. */
static inline const char *
token_add (struct json_scan *s, uint32_t kind, uint32_t escaped, const char *start, size_t len,
           const char *end)
{
  uint32_t n = s->count;
  struct kg_json_token *t = s->token + n;
  if (n == s->max)
    return json_fail_big (s, start, "too many values");
  s->count = n + 1;
  t->kind = (uint16_t)kind;
  t->escaped = (uint16_t)escaped;
  t->start = (uint32_t)(start - s->text);
  t->len = (uint32_t)len;
  t->next = n + 1;
  return end;
}

static inline const char *
open_add (struct json_scan *s, const char *p, uint32_t kind)
{
  if (s->depth == JSON_DEPTH_MAX)
    return json_fail_big (s, p, "nesting too deep");
  s->open[s->depth++] = s->count;
  return token_add (s, kind, 0, p, 0, p + 1);
}

/* Ends the innermost array or object at its bracket. */
static inline const char *
open_close (struct json_scan *s, const char *p)
{
  struct kg_json_token *t = s->token + s->open[--s->depth];
  t->len = (uint32_t)(p + 1 - s->text) - t->start;
  t->next = s->count;
  if (t->kind == KG_JSON_OBJECT && !json_keys_check (s, t))
    return NULL;
  return p + 1;
}

/* A string at its opening quote; half of all tokens are strings. */
__attribute__ ((always_inline)) static inline const char *
scan_string (struct json_scan *s, const char *p)
{
  const char *start = p + 1;
  uint32_t escaped = 0;
  p = json_plain_end (start, s->end);
  if (p == s->end || *p != '"') {
    p = json_string_rest (s, p, &escaped);
    if (!p)
      return NULL;
  }
  return token_add (s, KG_JSON_STRING, escaped, start, (size_t)(p - start), p + 1);
}

/* A key and its colon. */
static inline const char *
scan_key (struct json_scan *s, const char *p)
{
  p = skip_space (p, s->end);
  if (peek (s, p) != '"')
    return unexpected (s, p);
  p = scan_string (s, p);
  if (!p)
    return NULL;
  p = skip_space (p, s->end);
  return peek (s, p) == ':' ? p + 1 : unexpected (s, p);
}

static const char *
scan_number (struct json_scan *s, const char *p)
{
  uint32_t kind;
  const char *end = json_number_end (s, p, &kind);
  return end ? token_add (s, kind, 0, p, (size_t)(end - p), end) : NULL;
}

static const char *
scan_literal (struct json_scan *s, const char *p, uint32_t kind, const char *text, size_t len)
{
  if ((size_t)(s->end - p) < len || memcmp (p, text, len) != 0)
    return json_fail (s, p, "unexpected character");
  return token_add (s, kind, 0, p, len, p + len);
}

static const char *
scan_rare (struct json_scan *s, const char *p, char c)
{
  switch (c) {
  case 't':
    return scan_literal (s, p, KG_JSON_TRUE, "true", 4);
  case 'f':
    return scan_literal (s, p, KG_JSON_FALSE, "false", 5);
  case 'n':
    return scan_literal (s, p, KG_JSON_NULL, "null", 4);
  default:
    return c == '-' || (c >= '0' && c <= '9') ? scan_number (s, p) : unexpected (s, p);
  }
}

/* One value, or the beginning of one: *ret_open says that it was opened and its
 * first value is to come. */
static inline const char *
scan_value (struct json_scan *s, const char *p, int *ret_open)
{
  char c;
  p = skip_space (p, s->end);
  c = peek (s, p);
  *ret_open = 0;
  if (s->values++ == JSON_VALUES_MAX)
    return json_fail_big (s, p, "too many values");
  if (c == '"')
    return scan_string (s, p);
  if (c != '{' && c != '[')
    return scan_rare (s, p, c);
  p = open_add (s, p, c == '{' ? KG_JSON_OBJECT : KG_JSON_ARRAY);
  if (!p)
    return NULL;
  p = skip_space (p, s->end);
  if (peek (s, p) == c + 2) /* "{}" and "[]" are two apart in ASCII */
    return open_close (s, p);
  *ret_open = 1;
  return c == '{' ? scan_key (s, p) : p;
}

/* What follows a value: *ret_open says that another value is to come, else the
 * outermost one is complete. */
static inline const char *
scan_after (struct json_scan *s, const char *p, int *ret_open)
{
  *ret_open = 0;
  while (p && s->depth) {
    uint32_t kind = s->token[s->open[s->depth - 1]].kind;
    char c;
    p = skip_space (p, s->end);
    c = peek (s, p);
    if (c == ',') {
      *ret_open = 1;
      return kind == KG_JSON_OBJECT ? scan_key (s, p + 1) : p + 1;
    }
    if (c != (kind == KG_JSON_OBJECT ? '}' : ']'))
      return unexpected (s, p);
    p = open_close (s, p);
  }
  return p;
}

/* The whole text; its end, or NULL. */
static const char *
scan_text (struct json_scan *s)
{
  const char *p = s->text;
  int open;
  if (s->end - p >= 3 && !memcmp (p, "\xEF\xBB\xBF", 3))
    return json_fail (s, p, "byte order mark");
  do {
    p = scan_value (s, p, &open);
    if (p && !open)
      p = scan_after (s, p, &open);
  } while (p && open);
  if (!p)
    return NULL;
  p = skip_space (p, s->end);
  return p < s->end ? json_fail (s, p, "trailing bytes") : p;
}

int32_t
json_scan (const char *text, size_t len, struct kg_json_token *tokens, uint32_t max_tokens,
           struct kg_json *ret_json, struct json_error *ret_error)
{
  struct json_scan s;
  s.text = text;
  s.end = text + len;
  s.token = tokens;
  s.max = max_tokens;
  s.count = s.values = s.depth = 0;
  if (len > INT32_MAX ? json_fail_big (&s, text, "text too long") : scan_text (&s)) {
    ret_json->size = sizeof *ret_json;
    ret_json->count = s.count;
    ret_json->text = text;
    ret_json->token = tokens;
    return 0;
  }
  if (ret_error)
    *ret_error = s.error;
  return s.code;
}
