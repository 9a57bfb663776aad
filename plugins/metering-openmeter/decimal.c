/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/metering-openmeter/decimal.h"

#include <errno.h>
#include <string.h>

#define DIGITS_MAX 38        /* of DECIMAL_END - 1 */
#define EXPONENT_MAX 1000000 /* beyond it all are the same */

/* The parts of a JSON number. */
struct number {
  const char *whole, *fraction;
  int64_t wholes, fractions; /* digits of each */
  int64_t exponent;
  int32_t negative;
};

static const char *
digits (const char *p, const char *end, int64_t *ret_count)
{
  const char *start = p;
  while (p < end && *p >= '0' && *p <= '9')
    p++;
  *ret_count = p - start;
  return p;
}

static const char *
exponent_split (struct number *n, const char *p, const char *end)
{
  int32_t negative = p < end && *p == '-';
  int64_t count, v = 0;
  const char *stop;
  p += p < end && (*p == '-' || *p == '+');
  stop = digits (p, end, &count);
  for (; p < stop; p++)
    v = v < EXPONENT_MAX ? v * 10 + (*p - '0') : v;
  n->exponent = negative ? -v : v;
  return count ? stop : NULL;
}

/* Whether the text is a JSON number, and its parts. */
static int32_t
number_split (struct number *n, kg_str text)
{
  const char *p = text.ptr, *end = p + text.len;
  memset (n, 0, sizeof *n);
  n->negative = p < end && *p == '-';
  n->whole = p + n->negative;
  p = digits (n->whole, end, &n->wholes);
  if (!n->wholes || (n->wholes > 1 && *n->whole == '0'))
    return 0;
  if (p < end && *p == '.') {
    n->fraction = p + 1;
    p = digits (n->fraction, end, &n->fractions);
    if (!n->fractions)
      return 0;
  }
  if (p < end && (*p | 32) == 'e')
    p = exponent_split (n, p + 1, end);
  return p == end;
}

/* Digit i of all of them, as one row. */
static int32_t
digit (const struct number *n, int64_t i)
{
  return (i < n->wholes ? n->whole[i] : n->fraction[i - n->wholes]) - '0';
}

/* Whether what is cut from digit i on rounds the value up. */
static int32_t
rounds_up (const struct number *n, int64_t i, int32_t odd)
{
  int64_t count = n->wholes + n->fractions;
  if (i < 0 || i >= count || digit (n, i) != 5)
    return i >= 0 && i < count && digit (n, i) > 5;
  while (++i < count)
    if (digit (n, i))
      return 1;
  return odd;
}

int32_t
decimal_read (kg_str text, decimal *ret)
{
  struct number n;
  int64_t first = 0, count, keep, i;
  decimal v = 0;
  if (!number_split (&n, text))
    return -EINVAL;
  count = n.wholes + n.fractions;
  while (first < count && !digit (&n, first))
    first++;
  /* So many digits stand before the end of the last unit. */
  keep = n.wholes + n.exponent + DECIMAL_PLACES;
  if (first < count && keep - first > DIGITS_MAX)
    return -ERANGE;
  for (i = first; i < keep && first < count; i++)
    v = v * 10 + (i < count ? digit (&n, i) : 0);
  v += rounds_up (&n, keep, (int32_t)(v & 1));
  if (v >= DECIMAL_END)
    return -ERANGE;
  *ret = n.negative ? -v : v;
  return 0;
}

size_t
decimal_write (decimal v, char out[DECIMAL_TEXT])
{
  char buf[DECIMAL_TEXT], *p = buf + sizeof buf;
  __extension__ unsigned __int128 u
      = v < 0 ? 0 - (unsigned __int128)v : (unsigned __int128)v;
  int place = 0;
  size_t n;
  for (; place < DECIMAL_PLACES; place++, u /= 10)
    if (u % 10 || p < buf + sizeof buf) /* zeros at the end say nothing */
      *--p = (char)('0' + (int)(u % 10));
  if (p < buf + sizeof buf)
    *--p = '.';
  do
    *--p = (char)('0' + (int)(u % 10));
  while (u /= 10);
  if (v < 0)
    *--p = '-';
  n = (size_t)(buf + sizeof buf - p);
  memcpy (out, p, n);
  out[n] = 0;
  return n;
}

int32_t
decimal_add (decimal *sum, decimal v)
{
  decimal r;
  if (__builtin_add_overflow (*sum, v, &r) || r >= DECIMAL_END || r <= -DECIMAL_END)
    return -ERANGE;
  *sum = r;
  return 0;
}

decimal
decimal_divide (decimal v, int64_t n)
{
  decimal whole = v / n, rest = v % n, twice = (rest < 0 ? -rest : rest) * 2;
  if (twice > n || (twice == n && whole & 1))
    whole += v < 0 ? -1 : 1;
  return whole;
}
