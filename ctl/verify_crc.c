/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Checksums: CRC32C, from its definition, the polynomial 0x1edc6f41, reflected (RFC 3720,
 * 12.1); SipHash-2-4, from its paper (Aumasson and Bernstein, 2012); and SHA-256 in digits. */

#include "ctl/verify_store.h"

#include <openssl/evp.h>

#include <stdlib.h>

#define POLYNOMIAL 0x82f63b78u

uint32_t
verify_crc (uint32_t crc, const void *p, size_t n)
{
  static uint32_t table[256];
  const unsigned char *at = p;
  uint32_t i, bit;
  if (!table[1])
    for (i = 0; i < 256; i++) {
      uint32_t c = i;
      for (bit = 0; bit < 8; bit++)
        c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
      table[i] = c;
    }
  crc = ~crc;
  while (n--)
    crc = crc >> 8 ^ table[(crc ^ *at++) & 0xff];
  return ~crc;
}

uint64_t
verify_little (const void *p, size_t n)
{
  const unsigned char *at = p;
  uint64_t x = 0;
  while (n--)
    x = x << 8 | at[n];
  return x;
}

static uint64_t
turn (uint64_t x, int by)
{
  return x << by | x >> (64 - by);
}

static void
sip_rounds (uint64_t v[4], int n)
{
  while (n--) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = turn (v[1], 13) ^ v[0];
    v[3] = turn (v[3], 16) ^ v[2];
    v[0] = turn (v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = turn (v[1], 17) ^ v[2];
    v[3] = turn (v[3], 21) ^ v[0];
    v[2] = turn (v[2], 32);
  }
}

uint64_t
verify_sip (const unsigned char key[16], const void *p, size_t n)
{
  const unsigned char *at = p;
  uint64_t a = verify_little (key, 8), b = verify_little (key + 8, 8), m;
  uint64_t v[4] = { a ^ 0x736f6d6570736575u, b ^ 0x646f72616e646f6du, a ^ 0x6c7967656e657261u,
                    b ^ 0x7465646279746573u };
  size_t i;
  for (i = 0; i <= n / 8; i++) {
    m = i < n / 8 ? verify_little (at + 8 * i, 8)
                  : verify_little (at + 8 * i, n % 8) | (uint64_t)n << 56;
    v[3] ^= m;
    sip_rounds (v, 2);
    v[0] ^= m;
  }
  v[2] ^= 0xff;
  sip_rounds (v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void
verify_sha256 (struct piece text, size_t digits, char *out)
{
  unsigned char hash[EVP_MAX_MD_SIZE];
  size_t i;
  if (!EVP_Digest (text.p, text.n, hash, NULL, EVP_sha256 (), NULL))
    abort ();
  for (i = 0; i < digits / 2; i++)
    snprintf (out + 2 * i, 3, "%02x", hash[i]);
}
