/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/util/hash.h"

#include <string.h>

static inline uint64_t
rotate (uint64_t x, int bits)
{
  return x << bits | x >> (64 - bits);
}

static uint64_t
load (const uint8_t *p)
{
  uint64_t v;
  memcpy (&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64 (v);
#endif
  return v;
}

/* Inline, or its four words would travel through memory each time. */
static inline void
sip_round (uint64_t v[4])
{
  v[0] += v[1];
  v[1] = rotate (v[1], 13) ^ v[0];
  v[0] = rotate (v[0], 32);
  v[2] += v[3];
  v[3] = rotate (v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = rotate (v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = rotate (v[1], 17) ^ v[2];
  v[2] = rotate (v[2], 32);
}

static inline void
sip_word (uint64_t v[4], uint64_t word)
{
  v[3] ^= word;
  sip_round (v);
  sip_round (v);
  v[0] ^= word;
}

uint64_t
hash_sip (const uint8_t key[16], const void *p, size_t n)
{
  const uint8_t *in = p, *end = in + (n & ~(size_t)7);
  uint64_t k0 = load (key), k1 = load (key + 8), last = (uint64_t)n << 56;
  uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
                    k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u };
  size_t i;
  for (; in < end; in += 8)
    sip_word (v, load (in));
  for (i = 0; i < (n & 7); i++)
    last |= (uint64_t)in[i] << (8 * i);
  sip_word (v, last);
  v[2] ^= 0xff;
  for (i = 0; i < 4; i++)
    sip_round (v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
hash_fnv1a (const void *p, size_t n)
{
  const uint8_t *in = p, *end = in + n;
  uint64_t h = 0xcbf29ce484222325u;
  for (; in < end; in++)
    h = (h ^ *in) * 0x100000001b3u;
  return h;
}
