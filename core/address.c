/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

struct range4 {
  uint32_t net;
  uint8_t bits;
  int8_t kind;
};

static const struct range4 ranges4[] = {
  { 0x00000000, 8, ADDRESS_PRIVATE },  /* 0.0.0.0/8: this host; Linux connects to itself */
  { 0x0a000000, 8, ADDRESS_PRIVATE },  /* 10.0.0.0/8 */
  { 0x64400000, 10, ADDRESS_PRIVATE }, /* 100.64.0.0/10 */
  { 0x7f000000, 8, ADDRESS_PRIVATE },  /* 127.0.0.0/8 */
  { 0xa9fe0000, 16, ADDRESS_NEVER },   /* 169.254.0.0/16 */
  { 0xac100000, 12, ADDRESS_PRIVATE }, /* 172.16.0.0/12 */
  { 0xc0000000, 24, ADDRESS_PRIVATE }, /* 192.0.0.0/24 */
  { 0xc0a80000, 16, ADDRESS_PRIVATE }, /* 192.168.0.0/16 */
  { 0xc6120000, 15, ADDRESS_PRIVATE }, /* 198.18.0.0/15 */
  { 0xe0000000, 3, ADDRESS_NEVER },    /* 224.0.0.0/4 and 240.0.0.0/4 */
};

static int32_t
class4 (uint32_t ip)
{
  size_t i;
  for (i = 0; i < sizeof ranges4 / sizeof ranges4[0]; i++)
    if ((ip ^ ranges4[i].net) >> (32 - ranges4[i].bits) == 0)
      return ranges4[i].kind;
  return ADDRESS_PUBLIC;
}

static uint32_t
read4 (const uint8_t *p)
{
  return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static int32_t
class6 (const uint8_t a[16])
{
  static const uint8_t zero[16], mapped[12] = { [10] = 0xff, [11] = 0xff },
                                 nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
  if (memcmp (a, mapped, 12) == 0 || memcmp (a, nat64, 12) == 0)
    return class4 (read4 (a + 12));
  if (a[0] == 0x20 && a[1] == 0x02)
    return class4 (read4 (a + 2));
  if (memcmp (a, zero, 15) == 0 && a[15] <= 1) /* :: and ::1 */
    return ADDRESS_PRIVATE;
  if (a[0] == 0xff || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) /* multicast, link-local */
      || memcmp (a, zero, 12) == 0)                           /* IPv4-compatible: long dead */
    return ADDRESS_NEVER;
  if ((a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0xc0))
    return ADDRESS_PRIVATE; /* fc00::/7, fec0::/10 */
  return ADDRESS_PUBLIC;
}

int32_t
address_class (const struct sockaddr *sa)
{
  const struct sockaddr_in *in = (const void *) sa;
  const struct sockaddr_in6 *in6 = (const void *) sa;
  if (sa->sa_family == AF_INET)
    return class4 (ntohl (in->sin_addr.s_addr));
  if (sa->sa_family == AF_INET6)
    return class6 (in6->sin6_addr.s6_addr);
  return ADDRESS_NEVER;
}

int32_t
address_class_text (const char *ip)
{
  struct in6_addr a6;
  struct in_addr a4;
  if (inet_pton (AF_INET, ip, &a4) == 1)
    return class4 (ntohl (a4.s_addr));
  if (inet_pton (AF_INET6, ip, &a6) == 1)
    return class6 (a6.s6_addr);
  return ADDRESS_NEVER;
}
