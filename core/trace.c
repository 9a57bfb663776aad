/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/trace.h"

#include "core/util/hex.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

static const char hex[] = "0123456789abcdef";

void
trace_seed (struct trace_rng *rng)
{
  if (getrandom (rng->s, sizeof rng->s, 0) == (ssize_t) sizeof rng->s)
    return;
  for (int i = 0; i < 4; i++) { /* cannot happen on Linux >= 3.17 for 32 bytes */
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    rng->s[i] = (uint64_t) t.tv_nsec * 0x9e3779b97f4a7c15u + (uintptr_t) rng + (uint64_t) i;
  }
}

static uint64_t
rotl (uint64_t x, int k)
{
  return x << k | x >> (64 - k);
}

uint64_t
trace_random (struct trace_rng *rng)
{
  uint64_t *s = rng->s;
  uint64_t result = rotl (s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl (s[3], 45);
  return result;
}

void
trace_uuid (struct trace_rng *rng, char out[37])
{
  uint64_t a = trace_random (rng), b = trace_random (rng);
  char first[16], second[16];
  a = (a & ~0xf000ull) | 0x4000;
  b = (b & ~(0xc000ull << 48)) | 0x8000ull << 48;
  hex_put16 (first, a);
  hex_put16 (second, b);
  memcpy (out, first, 8);
  memcpy (out + 9, first + 8, 4);
  memcpy (out + 14, first + 12, 4);
  memcpy (out + 19, second, 4);
  memcpy (out + 24, second + 4, 12);
  out[8] = out[13] = out[18] = out[23] = '-';
  out[36] = 0;
}

void
trace_span (struct trace_rng *rng, char out[17])
{
  hex_put16 (out, trace_random (rng) | 1);
  out[16] = 0;
}

void
trace_new (struct trace_rng *rng, char out[33])
{
  hex_put16 (out, trace_random (rng) | 1);
  hex_put16 (out + 16, trace_random (rng));
  out[32] = 0;
}

/* Whether `n` characters are lower-case hex digits, and not all zero. */
static int
is_hex (const char *p, size_t n, int zero_ok)
{
  int some = zero_ok;
  for (size_t i = 0; i < n; i++) {
    if (!memchr (hex, p[i], 16))
      return 0;
    some |= p[i] != '0';
  }
  return some;
}

int
trace_parse (kg_str v, char trace_id[33], char flags[3])
{
  const char *p = v.ptr;
  if (v.len < 55 || p[2] != '-' || p[35] != '-' || p[52] != '-')
    return 0;
  if (!is_hex (p, 2, 1) || !memcmp (p, "ff", 2))
    return 0;
  if (v.len > 55 && (!memcmp (p, "00", 2) || p[55] != '-'))
    return 0;
  if (!is_hex (p + 3, 32, 0) || !is_hex (p + 36, 16, 0) || !is_hex (p + 53, 2, 1))
    return 0;
  memcpy (trace_id, p + 3, 32);
  trace_id[32] = 0;
  memcpy (flags, p + 53, 2);
  flags[2] = 0;
  return 1;
}

int
trace_id_ok (kg_str v)
{
  if (!v.len || v.len > 64)
    return 0;
  for (size_t i = 0; i < v.len; i++) {
    unsigned char c = (unsigned char) v.ptr[i], l = c | 0x20;
    if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
      return 0;
  }
  return 1;
}
