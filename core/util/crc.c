/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/util/crc.h"

#include <string.h>

/* By half bytes of the reflected polynomial 0x82f63b78: 16 entries are small
 * enough to be read and checked, and only machines without the instruction use
 * them. */
uint32_t
crc32c_table (uint32_t crc, const void *p, size_t n)
{
  static const uint32_t half[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
    0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
    0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
  };
  const uint8_t *in = p, *end = in + n;
  crc = ~crc;
  for (; in < end; in++) {
    crc ^= *in;
    crc = crc >> 4 ^ half[crc & 15];
    crc = crc >> 4 ^ half[crc & 15];
  }
  return ~crc;
}

#if defined __x86_64__

#include <nmmintrin.h>

static inline uint64_t
word_at (const uint8_t *p, size_t n)
{
  uint64_t word = 0;
  memcpy (&word, p, n);
  return word;
}

__attribute__ ((target ("sse4.2"))) static uint32_t
crc32c_instruction (uint32_t crc, const void *p, size_t n)
{
  const uint8_t *in = p;
  uint64_t c = (uint32_t)~crc;
  for (; n >= 32; n -= 32, in += 32)
    for (int i = 0; i < 4; i++)
      c = _mm_crc32_u64 (c, word_at (in + 8 * i, 8));
  for (; n >= 8; n -= 8, in += 8)
    c = _mm_crc32_u64 (c, word_at (in, 8));
  if (n & 4) {
    c = _mm_crc32_u32 ((uint32_t)c, (uint32_t)word_at (in, 4));
    in += 4;
  }
  for (n &= 3; n; n--)
    c = _mm_crc32_u8 ((uint32_t)c, *in++);
  return ~(uint32_t)c;
}

uint32_t
crc32c (uint32_t crc, const void *p, size_t n)
{
  if (__builtin_cpu_supports ("sse4.2"))
    return crc32c_instruction (crc, p, n);
  return crc32c_table (crc, p, n);
}

#else

uint32_t
crc32c (uint32_t crc, const void *p, size_t n)
{
  return crc32c_table (crc, p, n);
}

#endif
