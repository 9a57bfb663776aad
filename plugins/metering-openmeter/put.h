/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Texts that are made for every request, into room that was measured before: where the
 * text goes on is given and returned, and nothing is checked at each piece. */
#ifndef METERING_PUT_H
#define METERING_PUT_H

#include <kgent/json.h>

#include <endian.h>
#include <string.h>

#define PUT_INT 24 /* bytes that a number may need while it is written */

/* A literal. */
#define PUT(p, literal) (memcpy (p, literal, sizeof (literal) - 1), (p) + sizeof (literal) - 1)

static inline char *
put_raw (char *p, const char *from, size_t n)
{
  memcpy (p, from, n);
  return p + n;
}

/* The eight digits of a number below PUT_EIGHT, the first one lowest, without '0' in each.
 * It is cut into halves, quarters and digits, all at a time in one word: the front part of
 * each, and what is left of it behind, which is one multiplication for both. */
static inline uint64_t
put_digits (uint32_t v)
{
  uint64_t front = v / 10000, w = ((uint64_t)v << 32) - front * ((10000ull << 32) - 1);
  front = w * 5243 >> 19 & 0x0000007f0000007f; /* by 100, below 10^4 */
  w = (w << 16) - front * ((100u << 16) - 1);
  front = w * 103 >> 10 & 0x000f000f000f000f; /* by 10, below 100 */
  return (w << 8) - front * ((10u << 8) - 1);
}

#define PUT_EIGHT 100000000u
#define PUT_ZEROS 0x3030303030303030u

static inline char *
put_eight (char *p, uint32_t v)
{
  uint64_t w = htole64 (put_digits (v) + PUT_ZEROS);
  memcpy (p, &w, sizeof w);
  return p + sizeof w;
}

/* As many digits as a number below PUT_EIGHT has; writes beyond them. */
static inline char *
put_few (char *p, uint32_t v)
{
  int zeros;
  uint64_t w;
  if (v < 1000) {
    if (v >= 100)
      *p++ = (char)('0' + v / 100);
    if (v >= 10)
      *p++ = (char)('0' + v / 10 % 10);
    *p = (char)('0' + v % 10);
    return p + 1;
  }
  w = put_digits (v);
  zeros = __builtin_ctzll (w) / 8;
  w = htole64 ((w + PUT_ZEROS) >> 8 * zeros);
  memcpy (p, &w, sizeof w);
  return p + sizeof w - zeros;
}

/* A number that isn't negative; PUT_INT bytes of room, of which not all are used. */
static inline char *
put_int (char *p, int64_t n)
{
  uint64_t u = (uint64_t)n, high = u / PUT_EIGHT;
  if (!high)
    return put_few (p, (uint32_t)u);
  p = high < PUT_EIGHT ? put_few (p, (uint32_t)high)
                       : put_eight (put_few (p, (uint32_t)(high / PUT_EIGHT)),
                                    (uint32_t)(high % PUT_EIGHT));
  return put_eight (p, (uint32_t)(u % PUT_EIGHT));
}

typedef uint8_t put_bytes __attribute__ ((vector_size (16)));

/* Copies 16 bytes; all bits of those are set that cannot stand in a JSON string as they
 * are. */
static inline put_bytes
put_sixteen (char *p, const char *from)
{
  put_bytes b;
  memcpy (&b, from, sizeof b);
  memcpy (p, &b, sizeof b);
  return (put_bytes)((b < ' ') | (b == '"') | (b == '\\') | (b == 0x7f));
}

static inline int
put_none (put_bytes bad)
{
  uint64_t half[2];
  memcpy (half, &bad, sizeof half);
  return !(half[0] | half[1]);
}

/* A JSON string, most of which are ids of 32 to 36 bytes; NULL: it would go beyond the
 * end. */
static inline char *
put_text (char *p, const char *end, const char *text)
{
  size_t n = strlen (text), i;
  struct kg_out o = { p, 0, (size_t)(end - p) };
  if (n >= 16 && n + 2 <= o.cap) {
    put_bytes bad = put_sixteen (p + 1 + n - 16, text + n - 16);
    for (i = 0; i + 16 < n; i += 16)
      bad |= put_sixteen (p + 1 + i, text + i);
    if (put_none (bad)) {
      p[0] = p[n + 1] = '"';
      return p + n + 2;
    }
  }
  kg_out_str (&o, (kg_str){ text, n });
  return kg_out_ok (&o) ? p + o.len : NULL;
}

#endif
