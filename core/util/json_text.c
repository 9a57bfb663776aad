/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Strings and numbers of the JSON scanner. */
#include "core/util/json_text.h"

#include "core/util/str.h"

#include <errno.h>
#include <string.h>

const char *
json_fail (struct json_scan *s, const char *where, const char *reason)
{
  s->error.offset = (size_t)(where - s->text);
  s->error.reason = reason;
  s->code = -EBADMSG;
  return NULL;
}

const char *
json_fail_big (struct json_scan *s, const char *where, const char *reason)
{
  json_fail (s, where, reason);
  s->code = -E2BIG;
  return NULL;
}

static int
hex_digit (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of \uHHHH at p, or -1. */
static int32_t
unicode_escape (const char *p, const char *end)
{
  int32_t c = 0;
  int i, d;
  if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
    return -1;
  for (i = 2; i < 6; i++) {
    d = hex_digit (p[i]);
    if (d < 0)
      return -1;
    c = c << 4 | d;
  }
  return c;
}

/* The end of the escape at p. */
static const char *
escape_end (struct json_scan *s, const char *p)
{
  int32_t c, low;
  if (s->end - p >= 2 && p[1] && strchr ("\"\\/bfnrt", p[1]))
    return p + 2;
  c = unicode_escape (p, s->end);
  if (c < 0)
    return json_fail (s, p, "invalid escape");
  if (c == 0)
    return json_fail (s, p, "NUL in a string");
  if (c < 0xD800 || c > 0xDFFF)
    return p + 6;
  low = c < 0xDC00 ? unicode_escape (p + 6, s->end) : -1;
  if (low < 0xDC00 || low > 0xDFFF)
    return json_fail (s, p, "lone surrogate");
  return p + 12;
}

/* The end of what stands at p, which is not plain. */
static const char *
special_end (struct json_scan *s, const char *p)
{
  size_t n;
  if (*p == '\\')
    return escape_end (s, p);
  if (!*p)
    return json_fail (s, p, "NUL in a string");
  if ((unsigned char)*p < 0x20)
    return json_fail (s, p, "control character in a string");
  n = str_utf8_len (p, s->end);
  return n ? p + n : json_fail (s, p, "invalid UTF-8");
}

const char *
json_string_rest (struct json_scan *s, const char *p, uint32_t *ret_escaped)
{
  while (p < s->end && *p != '"') {
    *ret_escaped |= *p == '\\';
    p = special_end (s, p);
    if (!p)
      return NULL;
    p = json_plain_end (p, s->end);
  }
  return p < s->end ? p : json_fail (s, p, "unexpected end");
}

/* A number's parts. */
struct number {
  const char *whole, *whole_end; /* digits before the point */
  const char *part, *part_end;   /* digits behind it */
  const char *exp, *exp_end;     /* digits of the exponent */
  int negative_exp;
};

static const char *
digits_end (const char *p, const char *end)
{
  while (p < end && *p >= '0' && *p <= '9')
    p++;
  return p;
}

/* Splits the number at p; returns its end, NULL when it isn't one (RFC 8259,
 * section 6). */
static const char *
number_split (struct number *n, const char *p, const char *end)
{
  n->whole = p;
  n->whole_end = n->part = n->part_end = p = digits_end (p, end);
  n->negative_exp = 0;
  if (p == n->whole || (*n->whole == '0' && p > n->whole + 1))
    return NULL;
  if (p < end && *p == '.') {
    n->part = p + 1;
    n->part_end = p = digits_end (p + 1, end);
    if (p == n->part)
      return NULL;
  }
  n->exp = n->exp_end = p;
  if (p == end || (*p | 32) != 'e')
    return p;
  p++;
  if (p < end && (*p == '+' || *p == '-'))
    n->negative_exp = *p++ == '-';
  n->exp = p;
  n->exp_end = digits_end (p, end);
  return n->exp_end > p ? n->exp_end : NULL;
}

static int
fits_int64 (const char *p, const char *end, int negative)
{
  uint64_t v = 0;
  if (end - p > 19)
    return 0;
  for (; p < end; p++)
    v = v * 10 + (uint64_t)(*p - '0');
  return v <= (uint64_t)INT64_MAX + (uint64_t)negative;
}

/* Whether the number rounds to a finite double: below the middle between DBL_MAX
 * and 2^1024, which begins with the 40 digits here and goes on with others than
 * 0.  Numbers have at most 40 digits, so comparing those is exact. */
static int
fits_double (const struct number *n)
{
  static const char limit[] = "1797693134862315807937289714053034150799";
  char digits[JSON_DIGITS_MAX];
  const char *p;
  long scale = n->whole_end - n->whole, exp = 0; /* the value is 0.DIGITS * 10^scale */
  int count = 0;
  for (p = n->exp; p < n->exp_end; p++)
    exp = exp < 100000 ? exp * 10 + (*p - '0') : exp;
  scale += n->negative_exp ? -exp : exp;
  memset (digits, '0', sizeof digits);
  for (p = n->whole; p < n->part_end; p++) {
    if (*p == '.')
      continue;
    if (count || *p != '0')
      digits[count++] = *p;
    else
      scale--;
  }
  if (!count || scale < 309)
    return 1;
  return scale == 309 && memcmp (digits, limit, sizeof digits) <= 0;
}

const char *
json_number_end (struct json_scan *s, const char *p, uint32_t *ret_kind)
{
  int negative = *p == '-', fits;
  struct number n;
  const char *end = number_split (&n, p + negative, s->end);
  if (!end)
    return json_fail (s, p, "invalid number");
  if ((n.whole_end - n.whole) + (n.part_end - n.part) + (n.exp_end - n.exp) > JSON_DIGITS_MAX)
    return json_fail (s, p, "number too long");
  *ret_kind = end == n.whole_end ? KG_JSON_INT : KG_JSON_DOUBLE;
  fits = end == n.whole_end ? fits_int64 (n.whole, end, negative) : fits_double (&n);
  return fits ? end : json_fail (s, p, "number out of range");
}
