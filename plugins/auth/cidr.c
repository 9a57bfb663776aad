/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

int32_t
address_parse (const char *text, size_t len, uint8_t ret[16])
{
  const char *zone = len ? memchr (text, '%', len) : NULL;
  char name[INET6_ADDRSTRLEN];
  if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
    text++;
    len -= 2;
  }
  if (zone)
    len = (size_t) (zone - text);
  if (!len || len >= sizeof name)
    return -EINVAL;
  memcpy (name, text, len);
  name[len] = 0;
  if (memchr (name, ':', len))
    return inet_pton (AF_INET6, name, ret) == 1 ? 0 : -EINVAL;
  if (inet_pton (AF_INET, name, ret + 12) != 1)
    return -EINVAL;
  memcpy (ret, v4_prefix, sizeof v4_prefix);
  return 0;
}

int32_t
address_is_v4 (const uint8_t address[16])
{
  return !memcmp (address, v4_prefix, sizeof v4_prefix);
}

/* 1 to 3 digits, at most `max`, without a leading zero; -1 for anything else. */
static int
bits_parse (const char *text, size_t len, int max)
{
  int n = 0;
  size_t i;
  if (!len || len > 3 || (len > 1 && text[0] == '0'))
    return -1;
  for (i = 0; i < len; i++) {
    if (text[i] < '0' || text[i] > '9')
      return -1;
    n = n * 10 + (text[i] - '0');
  }
  return n <= max ? n : -1;
}

int32_t
cidr_parse (const char *text, size_t len, struct cidr *ret)
{
  const char *slash = len ? memchr (text, '/', len) : NULL;
  size_t n = slash ? (size_t) (slash - text) : len;
  int v4 = n && !memchr (text, ':', n), bits, i;
  struct cidr c;
  if (n && (memchr (text, '%', n) || text[0] == '['))
    return -EINVAL;
  if (address_parse (text, n, c.address) < 0)
    return -EINVAL;
  bits = slash ? bits_parse (slash + 1, len - n - 1, v4 ? 32 : 128) : v4 ? 32 : 128;
  if (bits < 0)
    return -EINVAL;
  bits += v4 ? 96 : 0;
  for (i = bits; i < 128; i++)
    if (c.address[i / 8] & 0x80 >> i % 8)
      return -EINVAL;
  c.bits = (uint8_t) bits;
  *ret = c;
  return 0;
}

int32_t
cidr_has (const struct cidr *c, const uint8_t address[16])
{
  uint32_t whole = c->bits / 8, rest = c->bits % 8;
  if (memcmp (c->address, address, whole))
    return 0;
  return !rest || !((c->address[whole] ^ address[whole]) >> (8 - rest));
}
