/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The digits of numbers, for texts that are made for every request. */
#ifndef AUTH_DIGITS_H
#define AUTH_DIGITS_H

#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 20

/* Writes a number, of which most are below 100,000; returns where it ends. */
static inline char *
digits_put (char *p, uint64_t u)
{
  static const char pairs[] = "0001020304050607080910111213141516171819"
                              "2021222324252627282930313233343536373839"
                              "4041424344454647484950515253545556575859"
                              "6061626364656667686970717273747576777879"
                              "8081828384858687888990919293949596979899";
  char *end;
  if (u < 10) {
    *p = (char) ('0' + u);
    return p + 1;
  }
  end = p + (u < 100 ? 2 : u < 1000 ? 3 : u < 10000 ? 4 : 5);
  for (uint64_t bound = 100000; u >= bound && end < p + DIGITS_MAX - 1; bound *= 10)
    end++;
  for (p = end; u > UINT32_MAX; u /= 100)
    memcpy (p -= 2, pairs + u % 100 * 2, 2);
  for (; u >= 100; u = (uint32_t) u / 100)
    memcpy (p -= 2, pairs + (uint32_t) u % 100 * 2, 2);
  if (u >= 10)
    memcpy (p - 2, pairs + u * 2, 2);
  else
    p[-1] = (char) ('0' + u);
  return end;
}

#endif
