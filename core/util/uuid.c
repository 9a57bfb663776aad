/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/util/uuid.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define HYPHENS 4 /* before the digits 8, 12, 16 and 20 */

static int
hyphen_at (size_t digit)
{
  return digit == 8 || digit == 12 || digit == 16 || digit == 20;
}

static int
lower_hex (char c)
{
  if (c >= 'A' && c <= 'F')
    return c + ('a' - 'A');
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? c : -1;
}

int
uuid_canonical (const char *p, size_t len, char out[UUID_LEN + 1])
{
  char buf[UUID_LEN + 1];
  size_t digit, n = 0;
  int c;
  if (len > 9 && !strncasecmp (p, "urn:uuid:", 9)) {
    p += 9;
    len -= 9;
  } else if (len > 2 && *p == '{' && p[len - 1] == '}') {
    p++;
    len -= 2;
  }
  if (len != UUID_LEN && len != UUID_LEN - HYPHENS)
    return -EINVAL;
  for (digit = 0; digit < 32; digit++) {
    if (hyphen_at (digit)) {
      buf[n++] = '-';
      if (len == UUID_LEN && *p++ != '-')
        return -EINVAL;
    }
    c = lower_hex (*p++);
    if (c < 0)
      return -EINVAL;
    buf[n++] = (char)c;
  }
  buf[n] = 0;
  memcpy (out, buf, sizeof buf);
  return 0;
}

static void
print (uint8_t bytes[16], unsigned version, char out[UUID_LEN + 1])
{
  size_t i, n = 0;
  bytes[6] = (uint8_t)((bytes[6] & 0x0F) | version << 4);
  bytes[8] = (bytes[8] & 0x3F) | 0x80;
  for (i = 0; i < 16; i++) {
    if (hyphen_at (2 * i))
      out[n++] = '-';
    out[n++] = "0123456789abcdef"[bytes[i] >> 4];
    out[n++] = "0123456789abcdef"[bytes[i] & 15];
  }
  out[n] = 0;
}

int
uuid_v4 (char out[UUID_LEN + 1])
{
  uint8_t bytes[16];
  if (getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    return -errno;
  print (bytes, 4, out);
  return 0;
}

int
uuid_v7 (int64_t wall_ns, char out[UUID_LEN + 1])
{
  uint8_t bytes[16];
  uint64_t ms = (uint64_t)(wall_ns / 1000000);
  int i;
  if (getrandom (bytes + 6, 10, 0) != 10)
    return -errno;
  for (i = 5; i >= 0; i--, ms >>= 8)
    bytes[i] = (uint8_t)ms;
  print (bytes, 7, out);
  return 0;
}
