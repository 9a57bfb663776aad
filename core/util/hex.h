/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Hexadecimal digits of ids that are made for every request. */
#ifndef UTIL_HEX_H
#define UTIL_HEX_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Writes all 16 digits of a word at once, in lower case. */
static inline void
hex_put16 (char *out, uint64_t v)
{
  typedef int8_t digits __attribute__ ((vector_size (16)));
  typedef uint64_t words __attribute__ ((vector_size (16)));
  uint64_t bytes = htobe64 (v), each = 0x0f0f0f0f0f0f0f0fu;
  digits high = (digits) (words){ bytes >> 4 & each, 0 }, low = (digits) (words){ bytes & each, 0 };
  digits d = __builtin_shufflevector (high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22,
                                      7, 23);
  d += '0' + ((d > 9) & ('a' - '0' - 10));
  memcpy (out, &d, sizeof d);
}

#endif
