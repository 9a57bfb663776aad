/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/util/crc.h"
#include "core/util/hash.h"

/* The first, sixteenth and last vector of the SipHash authors: key 00..0f, input
 * 00, 01, 02 ... */
START_TEST (sip)
{
  uint8_t key[16], in[64];
  int i;
  for (i = 0; i < 16; i++)
    key[i] = (uint8_t)i;
  for (i = 0; i < 64; i++)
    in[i] = (uint8_t)i;
  ck_assert (hash_sip (key, in, 0) == 0x726fdb47dd0e0e31u);
  ck_assert (hash_sip (key, in, 1) == 0x74f839c593dc67fdu);
  ck_assert (hash_sip (key, in, 8) == 0x93f5f5799a932462u);
  ck_assert (hash_sip (key, in, 15) == 0xa129ca6149be45e5u);
  ck_assert (hash_sip (key, in, 63) == 0x958a324ceb064572u);
}
END_TEST

START_TEST (fnv1a)
{
  ck_assert (hash_fnv1a ("", 0) == 0xcbf29ce484222325u);
  ck_assert (hash_fnv1a ("a", 1) == 0xaf63dc4c8601ec8cu);
  ck_assert (hash_fnv1a ("foobar", 6) == 0x85944171f73967e8u);
}
END_TEST

/* RFC 3720, appendix B.4. */
START_TEST (crc)
{
  uint8_t in[32];
  int i;
  ck_assert_uint_eq (crc32c (0, "123456789", 9), 0xe3069283u);
  memset (in, 0, sizeof in);
  ck_assert_uint_eq (crc32c (0, in, sizeof in), 0x8a9136aau);
  memset (in, 0xff, sizeof in);
  ck_assert_uint_eq (crc32c (0, in, sizeof in), 0x62a8ab43u);
  for (i = 0; i < 32; i++)
    in[i] = (uint8_t)i;
  ck_assert_uint_eq (crc32c (0, in, sizeof in), 0x46dd794eu);
}
END_TEST

START_TEST (crc_in_pieces)
{
  uint8_t in[100];
  size_t i;
  for (i = 0; i < sizeof in; i++)
    in[i] = (uint8_t)(i * 37 + 11);
  for (i = 0; i <= sizeof in; i++) {
    ck_assert_uint_eq (crc32c (crc32c (0, in, i), in + i, sizeof in - i),
                       crc32c_table (0, in, sizeof in));
    ck_assert_uint_eq (crc32c (0, in, i), crc32c_table (0, in, i));
  }
}
END_TEST

UNIT_MAIN ("hash", sip, fnv1a, crc, crc_in_pieces)
