/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Almost every value is short and harmless: 16 bytes at a time are copied and
 * looked at in one go.  Anything that may need an escape or hold a secret, and all that
 * is long enough for a token, goes the slow way, from its start. */

#include "core/log_text.h"

#include <string.h>
#include <strings.h>

typedef uint8_t block __attribute__ ((vector_size (16)));
typedef int8_t signed_block __attribute__ ((vector_size (16)));
typedef uint64_t block_words __attribute__ ((vector_size (16)));

#define TOKEN_MIN 96 /* no signed token is shorter */
#define SCAN_MAX (LOG_TEXT_MAX + 320) /* a secret may begin before the cut */

/* Non-zero where a byte is not plain: controls, space (of "Bearer "), 0x7f and
 * beyond in one signed comparison, `"`, and `\` together with `_` (of "kg_") and
 * the two between them. */
static inline signed_block
block_odd (block b)
{
  return ((signed_block) (b + 1) <= 0x21) | (signed_block) ((b | 3) == 0x5f)
         | (signed_block) (b == '"');
}

static inline int
block_any (signed_block b)
{
  block_words w = (block_words) b;
  return (w[0] | w[1]) != 0;
}

static inline block
block_load (const char *s)
{
  block b;
  memcpy (&b, s, sizeof b);
  return b;
}

/* Up to 15 bytes, in overlapping halves. */
static inline block
block_load_short (char *out, const char *s, size_t len)
{
  block_words w;
  uint32_t a, b;
  if (len >= 8) {
    memcpy (&w, s, 8);
    memcpy ((char *) &w + 8, s + len - 8, 8);
    memcpy (out, &w, 8);
    memcpy (out + len - 8, (char *) &w + 8, 8);
    return (block) w;
  }
  if (len >= 4) {
    memcpy (&a, s, 4);
    memcpy (&b, s + len - 4, 4);
    memcpy (out, &a, 4);
    memcpy (out + len - 4, &b, 4);
  } else {
    uint8_t first = (uint8_t) s[0], mid = (uint8_t) s[len / 2], last = (uint8_t) s[len - 1];
    out[0] = (char) first;
    out[len / 2] = (char) mid;
    out[len - 1] = (char) last;
    a = b = first | (uint32_t) mid << 8 | (uint32_t) last << 16 | (uint32_t) first << 24;
  }
  w[0] = w[1] = a | (uint64_t) b << 32;
  return (block) w;
}

/* ---- Secrets ------------------------------------------------------------- */

static int
is_digit (char c)
{
  return c >= '0' && c <= '9';
}

static int
is_lower (char c)
{
  return c >= 'a' && c <= 'z';
}

static int
is_alnum (char c)
{
  return is_digit (c) || is_lower (c) || (c >= 'A' && c <= 'Z');
}

/* How many characters of a token begin at s: letters, digits, _, -, and `more`. */
static size_t
token_span (const char *s, size_t len, const char *more)
{
  size_t n = 0;
  while (n < len && s[n]
         && (is_alnum (s[n]) || s[n] == '_' || s[n] == '-' || strchr (more, s[n])))
    n++;
  return n;
}

/* kg_ab123_SECRET: the display prefix stays.  Malformed ones go when long. */
static size_t
secret_key (const char *s, size_t len, size_t *ret_keep)
{
  size_t span = token_span (s, len, ""), i = 3;
  while (i < 8 && i < span && (is_digit (s[i]) || is_lower (s[i])))
    i++;
  if (i == 8 && span > 9 && s[8] == '_')
    *ret_keep = 9;
  else if (span >= 23)
    *ret_keep = 3;
  else
    return 0;
  return span;
}

/* "Bearer TOKEN", not "Bearer token is missing". */
static size_t
secret_bearer (const char *s, size_t len, size_t *ret_keep)
{
  size_t at = 6, span, i;
  while (at < len && s[at] == ' ')
    at++;
  span = token_span (s + at, len - at, "+/=.~");
  for (i = 0; i < span && is_lower (s[at + i]); i++)
    ;
  if (at == 6 || span < 8 || (i == span && span < 20))
    return 0;
  *ret_keep = at;
  return at + span;
}

struct secret {
  const char *prefix;
  const char *more; /* characters besides those of token_span */
  uint32_t min;     /* characters after the prefix that make it one */
  uint32_t word;    /* 1: only where a word begins */
};

static const struct secret secrets[] = {
  { "sk_live_", "", 1, 0 }, { "sk_test_", "", 1, 0 },  { "rk_live_", "", 1, 0 },
  { "rk_test_", "", 1, 0 }, { "whsec_", "+/=", 1, 0 }, { "om_", "", 16, 1 },
  { "eyJ", ".", TOKEN_MIN - 3, 1 }, /* a signed token: base64url of {" ... */
};

/* The length of a secret that begins at s + i, or 0; *ret_keep of it may stay. */
static size_t
secret_at (const char *s, size_t len, size_t i, size_t *ret_keep)
{
  const char *p = s + i;
  size_t k, n, span, left = len - i;
  if (!strchr ("kswrobBe", *p) || !*p)
    return 0;
  if (left > 6 && strncasecmp (p, "bearer", 6) == 0)
    return secret_bearer (p, left, ret_keep);
  if (left > 3 && memcmp (p, "kg_", 3) == 0)
    return secret_key (p, left, ret_keep);
  for (k = 0; k < sizeof secrets / sizeof secrets[0]; k++) {
    n = strlen (secrets[k].prefix);
    if (left < n || memcmp (p, secrets[k].prefix, n) != 0)
      continue;
    span = token_span (p + n, left - n, secrets[k].more);
    if (span < secrets[k].min || (secrets[k].word && i && is_alnum (p[-1])))
      return 0;
    *ret_keep = n;
    return n + span;
  }
  return 0;
}

/* Copies s without its secrets; returns the new length, which is at most three
 * for each two of the old. */
static size_t
redact (char *out, const char *s, size_t len)
{
  size_t i = 0, n = 0, keep = 0, secret;
  while (i < len) {
    secret = secret_at (s, len, i, &keep);
    if (!secret) {
      out[n++] = s[i++];
      continue;
    }
    memcpy (out + n, s + i, keep);
    memcpy (out + n + keep, "***", 3);
    n += keep + 3;
    i += secret;
  }
  return n;
}

/* ---- Escapes ------------------------------------------------------------- */

/* Length of the UTF-8 character at s and its code point; 0 when it is none (RFC
 * 3629: no overlong forms, surrogates, or values over 10FFFF). */
static size_t
utf8_decode (const uint8_t *s, size_t len, uint32_t *ret_code)
{
  static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  size_t n = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
  uint32_t c = n == 1 ? *s : *s & (0x7fu >> n);
  size_t i;
  if (n == 0 || n > len)
    return 0;
  for (i = 1; i < n; i++) {
    if ((s[i] & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (s[i] & 0x3fu);
  }
  if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
    return 0;
  *ret_code = c;
  return n;
}

/* Characters that a terminal or a line-based reader might obey. */
static int
is_active (uint32_t c)
{
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f
         || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static char *
put_escape (char *out, uint32_t c)
{
  static const char hex[] = "0123456789abcdef";
  if (c == '\n' || c == '\t' || c == '\r') {
    *out++ = '\\';
    *out++ = c == '\n' ? 'n' : c == '\t' ? 't' : 'r';
    return out;
  }
  memcpy (out, "\\u", 2);
  out[2] = hex[c >> 12 & 15];
  out[3] = hex[c >> 8 & 15];
  out[4] = hex[c >> 4 & 15];
  out[5] = hex[c & 15];
  return out + 6;
}

static char *
put_slowly (char *out, const char *s, size_t len, size_t limit, int plain)
{
  char text[SCAN_MAX + SCAN_MAX / 2 + 8];
  size_t scan = len > limit + 320 ? limit + 320 : len;
  size_t n = redact (text, s, scan), i = 0, step;
  uint32_t c = 0;
  int cut = n > limit || scan < len;
  if (scan < len && n < limit + 32) /* half a secret at the end is not seen as one */
    limit = n > 32 ? n - 32 : 0;
  while (i < n) {
    step = utf8_decode ((const uint8_t *) text + i, n - i, &c);
    if (i + (step ? step : 1) > limit)
      break;
    if (!step)
      out = put_escape (out, 0xfffd);
    else if (is_active (c))
      out = put_escape (out, c);
    else {
      if (!plain && (c == '"' || c == '\\'))
        *out++ = '\\';
      memcpy (out, text + i, step);
      out += step;
    }
    i += step ? step : 1;
  }
  if (!cut)
    return out;
  memcpy (out, "...", 3);
  return out + 3;
}

/* ---- Public --------------------------------------------------------------- */

char *
log_text_put (char *out, const char *s, size_t len, size_t limit, int plain)
{
  signed_block odd = { 0 };
  block b;
  size_t i;
  if (len == 0)
    return out;
  if (len > limit || len >= TOKEN_MIN)
    return put_slowly (out, s, len, limit, plain);
  if (len < 16)
    odd = block_odd (block_load_short (out, s, len));
  else {
    for (i = 0; i + 16 < len; i += 16) {
      b = block_load (s + i);
      odd |= block_odd (b);
      memcpy (out + i, &b, sizeof b);
    }
    b = block_load (s + len - 16);
    odd |= block_odd (b);
    memcpy (out + len - 16, &b, sizeof b);
  }
  if (__builtin_expect (block_any (odd), 0))
    return put_slowly (out, s, len, limit, plain);
  return out + len;
}

static const char pairs[]
    = "00010203040506070809101112131415161718192021222324252627282930313233"
      "34353637383940414243444546474849505152535455565758596061626364656667"
      "6869707172737475767778798081828384858687888990919293949596979899";

static inline char *
put_two (char *out, uint32_t n)
{
  memcpy (out, pairs + 2 * n, 2);
  return out + 2;
}

static inline char *
put_three (char *out, uint32_t n)
{
  *out = (char) ('0' + n / 100);
  return put_two (out + 1, n % 100);
}

__attribute__ ((noinline)) static char * /* few numbers need it, all would pay for its buffer */
put_many (char *out, uint64_t n)
{
  char digits[20], *p = digits + sizeof digits;
  size_t len;
  for (; n >= 100; n /= 100)
    put_two (p -= 2, (uint32_t) (n % 100));
  if (n >= 10)
    put_two (p -= 2, (uint32_t) n);
  else
    *--p = (char) ('0' + n);
  len = (size_t) (digits + sizeof digits - p);
  memcpy (out, p, len);
  return out + len;
}

char *
log_text_number (char *out, uint64_t n)
{
  uint32_t small = (uint32_t) n;
  if (n >= 10000)
    return put_many (out, n);
  if (small >= 1000)
    return put_two (put_two (out, small / 100), small % 100);
  if (small >= 100)
    return put_three (out, small);
  if (small >= 10)
    return put_two (out, small);
  *out = (char) ('0' + small);
  return out + 1;
}

char *
log_text_ms (char *out, int64_t ns)
{
  uint64_t us = ns > 0 ? (uint64_t) ns / 1000 : 0;
  out = log_text_number (out, us / 1000);
  *out++ = '.';
  return put_three (out, (uint32_t) (us % 1000));
}

char *
log_text_stamp (char *out, struct log_stamp *stamp, int64_t wall_ns)
{
  int64_t second = wall_ns / CLOCK_SECOND;
  uint32_t us = (uint32_t) (wall_ns % CLOCK_SECOND / 1000);
  if (stamp->second != second) {
    clock_rfc3339 (wall_ns, stamp->text);
    stamp->second = second;
  }
  memcpy (out, stamp->text, 20);
  put_three (put_three (out + 20, us / 1000), us % 1000);
  out[26] = 'Z';
  return out + LOG_STAMP_LEN;
}
