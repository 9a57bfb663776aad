/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Checksums: CRC32C, from its definition, the polynomial 0x1edc6f41, reflected (RFC 3720,
 * 12.1); and SHA-256 in digits. */

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
