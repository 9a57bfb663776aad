/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Reading and writing JSON without allocation, header only.
 *
 * The host validates a text once, strictly (RFC 8259, and no duplicate keys, no
 * NUL, no number outside int64 and finite double, depth at most 32), and leaves
 * a tape: an array of tokens in document order.  The functions here walk that
 * tape.  A value is named by the index of its token; the root is token 0, which
 * is never a member or element, so 0 also says "none".
 *
 *   const struct kg_json *j = host->json (req);
 *   uint32_t path = kg_json_find (j, 0, "path");
 *   if (kg_json_kind (j, path) != KG_JSON_STRING) ...
 *
 * The writer fills a buffer that the caller gives and counts on beyond its end,
 * as snprintf does: `kg_out_ok` says whether all of it fitted. */
#ifndef KGENT_JSON_H
#define KGENT_JSON_H

#include <kgent/plugin.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of token.  Since 1.0. */
#define KG_JSON_NONE   0
#define KG_JSON_NULL   1
#define KG_JSON_FALSE  2
#define KG_JSON_TRUE   3
#define KG_JSON_INT    4 /* fits int64_t; text without '.', 'e', 'E'             */
#define KG_JSON_DOUBLE 5
#define KG_JSON_STRING 6
#define KG_JSON_ARRAY  7
#define KG_JSON_OBJECT 8 /* followed by key (a STRING), value, key, value ...    */

/* One token.  Since 1.0. */
struct kg_json_token {
  uint16_t kind;
  uint16_t escaped; /* STRING: 1 when the raw text has a backslash               */
  uint32_t start;   /* offset in the text; of a string behind its quote          */
  uint32_t len;     /* bytes of raw text; of a string without its quotes         */
  uint32_t next;    /* index of the token behind this value and all its content  */
};

/* A validated text with its tape; immutable.  Since 1.0. */
struct kg_json {
  uint32_t size;
  uint32_t count;                    /* tokens */
  const char *text;
  const struct kg_json_token *token;
};

static inline int32_t
kg_json_kind (const struct kg_json *j, uint32_t i)
{
  return j && i < j->count ? j->token[i].kind : KG_JSON_NONE;
}

/* The raw text of a value: of a string without its quotes and with its escapes,
 * of an object or array with its braces.  Since 1.0. */
static inline kg_str
kg_json_raw (const struct kg_json *j, uint32_t i)
{
  kg_str s = { j->text + j->token[i].start, j->token[i].len };
  return s;
}

/* The value text as it can be put into another document.  Since 1.0. */
static inline kg_str
kg_json_text (const struct kg_json *j, uint32_t i)
{
  kg_str s = kg_json_raw (j, i);
  if (j->token[i].kind == KG_JSON_STRING) {
    s.ptr -= 1;
    s.len += 2;
  }
  return s;
}

/* The first member value or element of `i`, 0 when empty: for an object, the
 * first key.  Walk on with kg_json_next.  Since 1.0. */
static inline uint32_t
kg_json_first (const struct kg_json *j, uint32_t i)
{
  return i + 1 < j->token[i].next ? i + 1 : 0;
}

/* The sibling behind `i` inside `parent`, 0 at the end.  Since 1.0. */
static inline uint32_t
kg_json_next (const struct kg_json *j, uint32_t parent, uint32_t i)
{
  uint32_t n = j->token[i].next;
  return n < j->token[parent].next ? n : 0;
}

/* The value of four hexadecimal digits.  Since 1.0. */
static inline uint32_t
kg_json_hex4 (const char *p)
{
  uint32_t c = 0;
  int k;
  for (k = 0; k < 4; k++)
    c = c << 4 | (uint32_t) (p[k] <= '9' ? p[k] - '0' : (p[k] | 32) - 'a' + 10);
  return c;
}

/* Writes a character as UTF-8; returns where it ends.  Since 1.0. */
static inline char *
kg_json_utf8 (char *o, uint32_t c)
{
  if (c < 0x80) {
    *o++ = (char) c;
    return o;
  }
  if (c < 0x800) {
    *o++ = (char) (0xC0 | c >> 6);
  } else if (c < 0x10000) {
    *o++ = (char) (0xE0 | c >> 12);
    *o++ = (char) (0x80 | (c >> 6 & 63));
  } else {
    *o++ = (char) (0xF0 | c >> 18);
    *o++ = (char) (0x80 | (c >> 12 & 63));
    *o++ = (char) (0x80 | (c >> 6 & 63));
  }
  *o++ = (char) (0x80 | (c & 63));
  return o;
}

/* Decodes the string token into `out`, which has room for token.len bytes;
 * returns the decoded length.  Never grows.  Since 1.0. */
static inline size_t
kg_json_decode (const struct kg_json *j, uint32_t i, char *out)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *p = j->text + j->token[i].start, *end = p + j->token[i].len, *f;
  char *o = out;
  while (p < end) {
    uint32_t c;
    if (*p != '\\') {
      *o++ = *p++;
      continue;
    }
    if (p[1] != 'u') {
      f = (const char *) memchr (from, p[1], 8);
      *o++ = f ? to[f - from] : '?';
      p += 2;
      continue;
    }
    c = kg_json_hex4 (p + 2);
    p += 6;
    if (c >= 0xD800 && c < 0xDC00) { /* the scanner made sure of the second half */
      c = 0x10000 + ((c - 0xD800) << 10) + (kg_json_hex4 (p + 2) - 0xDC00);
      p += 6;
    }
    o = kg_json_utf8 (o, c);
  }
  return (size_t) (o - out);
}

/* The decoded string in memory of the request, NUL-terminated (a NUL cannot be
 * inside); { NULL, 0 } when it is no string or there is no memory.  Strings
 * without escapes are copied too.  Since 1.0. */
static inline kg_str
kg_json_str (const struct kg_host *host, kg_req *req, const struct kg_json *j, uint32_t i)
{
  kg_str s = { NULL, 0 };
  char *out;
  if (kg_json_kind (j, i) != KG_JSON_STRING)
    return s;
  out = (char *) host->alloc (req, (size_t) j->token[i].len + 1);
  if (!out)
    return s;
  if (j->token[i].escaped)
    s.len = kg_json_decode (j, i, out);
  else
    memcpy (out, j->text + j->token[i].start, s.len = j->token[i].len);
  out[s.len] = 0;
  s.ptr = out;
  return s;
}

/* Whether the string token says `text`.  Since 1.0. */
static inline int32_t
kg_json_is (const struct kg_json *j, uint32_t i, const char *text)
{
  size_t n = strlen (text);
  const struct kg_json_token *t = &j->token[i];
  if (t->kind != KG_JSON_STRING)
    return 0;
  if (!t->escaped)
    return t->len == n && !memcmp (j->text + t->start, text, n);
  if (t->len < n || t->len > 6 * n || t->len > 768)
    return 0;
  {
    char buf[768];
    return kg_json_decode (j, i, buf) == n && !memcmp (buf, text, n);
  }
}

/* The value of a member of the object `obj`, or 0.  Since 1.0. */
static inline uint32_t
kg_json_find (const struct kg_json *j, uint32_t obj, const char *key)
{
  uint32_t i;
  if (kg_json_kind (j, obj) != KG_JSON_OBJECT)
    return 0;
  for (i = kg_json_first (j, obj); i; i = kg_json_next (j, obj, i + 1))
    if (kg_json_is (j, i, key))
      return i + 1;
  return 0;
}

/* The value of an INT token; `dflt` for any other.  Since 1.0. */
static inline int64_t
kg_json_int (const struct kg_json *j, uint32_t i, int64_t dflt)
{
  const char *p, *end;
  uint64_t v = 0;
  int32_t neg;
  if (kg_json_kind (j, i) != KG_JSON_INT)
    return dflt;
  p = j->text + j->token[i].start;
  end = p + j->token[i].len;
  neg = *p == '-';
  for (p += neg; p < end; p++)
    v = v * 10 + (uint64_t) (*p - '0');
  return neg ? (int64_t) (0 - v) : (int64_t) v;
}

/* ---- Writing ------------------------------------------------------------ */

/* An output buffer.  Since 1.0. */
struct kg_out {
  char *ptr;
  size_t len; /* what was written, or would have been */
  size_t cap;
};

static inline int32_t
kg_out_ok (const struct kg_out *o)
{
  return o->len <= o->cap;
}

/* Appends bytes as they are.  Since 1.0. */
static inline void
kg_out_raw (struct kg_out *o, const char *p, size_t n)
{
  if (n <= o->cap && o->len <= o->cap - n)
    memcpy (o->ptr + o->len, p, n);
  o->len += n;
}

/* Appends a NUL-terminated text as it is.  Since 1.0. */
static inline void
kg_out_lit (struct kg_out *o, const char *text)
{
  kg_out_raw (o, text, strlen (text));
}

/* Appends a decimal number.  Since 1.0. */
static inline void
kg_out_int (struct kg_out *o, int64_t v)
{
  static const char pairs[] = "0001020304050607080910111213141516171819"
                              "2021222324252627282930313233343536373839"
                              "4041424344454647484950515253545556575859"
                              "6061626364656667686970717273747576777879"
                              "8081828384858687888990919293949596979899";
  char buf[20], *p = buf + sizeof buf;
  uint64_t u = v < 0 ? 0 - (uint64_t) v : (uint64_t) v;
  if (v >= 0 && v < 10) { /* most numbers */
    *--p = (char) ('0' + v);
    kg_out_raw (o, p, 1);
    return;
  }
  while (u >= 100) {
    const char *two = pairs + u % 100 * 2;
    *--p = two[1];
    *--p = two[0];
    u /= 100;
  }
  *--p = pairs[u * 2 + 1];
  if (u >= 10)
    *--p = pairs[u * 2];
  if (v < 0)
    *--p = '-';
  kg_out_raw (o, p, (size_t) (buf + sizeof buf - p));
}

/* Whether eight bytes can stand in a JSON string as they are; 0 for some that
 * could, too: then look at each.  Since 1.0. */
static inline int32_t
kg_json_plain (const char *p)
{
  const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
  uint64_t w, quote, slash, del;
  memcpy (&w, p, 8);
  quote = w ^ ones * '"';
  slash = w ^ ones * '\\';
  del = w ^ ones * 0x7f;
  return !(((w - ones * 0x20) | (quote - ones) | (slash - ones) | (del - ones)) & tops);
}

/* Appends a character of a JSON string that must not stand there as it is.  Since 1.0. */
static inline void
kg_out_escape (struct kg_out *o, unsigned char c)
{
  static const char hex[] = "0123456789abcdef", letter[] = "btn-fr"; /* from U+0008 on */
  char esc[6] = { '\\', 'u', '0', '0', 0, 0 };
  if (c == '"' || c == '\\' || (c >= 8 && c <= 13 && c != 11)) {
    esc[1] = c <= 13 ? letter[c - 8] : (char) c;
    kg_out_raw (o, esc, 2);
    return;
  }
  esc[4] = hex[c >> 4];
  esc[5] = hex[c & 15];
  kg_out_raw (o, esc, 6);
}

/* Appends a JSON string with its quotes; `s` must be UTF-8.  Since 1.0. */
static inline void
kg_out_str (struct kg_out *o, kg_str s)
{
  size_t i, from = 0;
  kg_out_raw (o, "\"", 1);
  for (i = 0; i < s.len; i++) {
    unsigned char c;
    while (i + 8 <= s.len && kg_json_plain (s.ptr + i))
      i += 8;
    if (i == s.len || (s.len >= 8 && i + 8 > s.len && kg_json_plain (s.ptr + s.len - 8)))
      break; /* of the last eight some were looked at before */
    c = (unsigned char) s.ptr[i];
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
      continue;
    kg_out_raw (o, s.ptr + from, i - from);
    kg_out_escape (o, c);
    from = i + 1;
  }
  kg_out_raw (o, s.ptr + from, s.len - from);
  kg_out_raw (o, "\"", 1);
}

/* The same for a NUL-terminated text; NULL becomes null.  Since 1.0. */
static inline void
kg_out_text (struct kg_out *o, const char *text)
{
  kg_str s = { text, text ? strlen (text) : 0 };
  if (text)
    kg_out_str (o, s);
  else
    kg_out_raw (o, "null", 4);
}

#ifdef __cplusplus
}
#endif

#endif
