/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Addresses and the nets that they lie in; IPv4 as ::ffff:a.b.c.d. */
#ifndef AUTH_CIDR_H
#define AUTH_CIDR_H

#include <stddef.h>
#include <stdint.h>

struct cidr {
  uint8_t address[16];
  uint8_t bits; /* of 128 */
};

/* Reads an address, without its zone and in brackets or not; 0 or -EINVAL. */
int32_t address_parse (const char *text, size_t len, uint8_t ret[16]);

int32_t address_is_v4 (const uint8_t address[16]);

/* Reads "192.0.2.0/24", "2001:db8::/32" or one address; 0, or -EINVAL: malformed,
 * or a bit behind the net's is set. */
int32_t cidr_parse (const char *text, size_t len, struct cidr *ret);

int32_t cidr_has (const struct cidr *cidr, const uint8_t address[16]);

#endif
