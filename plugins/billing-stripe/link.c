/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A token is hexadecimal: of "c 1700000000 TENANT TIER" with separators of one control
 * character, then 16 bytes of its HMAC-SHA-256. */
#include "plugins/billing-stripe/link.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAC_BYTES 16
#define SEPARATOR '\x1f'

int32_t
link_key (const char *secret, uint8_t ret[LINK_KEY])
{
  static const char purpose[] = "kgent billing link 1";
  unsigned int n = 0;
  if (!HMAC (EVP_sha256 (), secret, (int) strlen (secret), (const unsigned char *) purpose,
             sizeof purpose - 1, ret, &n))
    return -ENOMEM;
  return n == LINK_KEY ? 0 : -EIO;
}

EVP_MAC_CTX *
link_mac (const uint8_t key[LINK_KEY])
{
  OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string (OSSL_MAC_PARAM_DIGEST,
                                                            (char[]){ "SHA256" }, 0),
                          OSSL_PARAM_construct_end () };
  EVP_MAC *hmac = EVP_MAC_fetch (NULL, "HMAC", NULL);
  EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new (hmac) : NULL;
  EVP_MAC_free (hmac);
  if (ctx && EVP_MAC_init (ctx, key, LINK_KEY, params))
    return ctx;
  EVP_MAC_CTX_free (ctx);
  return NULL;
}

/* Of the text, with the key that the context has. */
static int32_t
mac_make (EVP_MAC_CTX *ctx, const char *text, size_t len, uint8_t ret[32])
{
  size_t n = 0;
  return EVP_MAC_init (ctx, NULL, 0, NULL)
                 && EVP_MAC_update (ctx, (const unsigned char *) text, len)
                 && EVP_MAC_final (ctx, ret, &n, 32) && n == 32
             ? 0
             : -EIO;
}

static int32_t
name_ok (const char *name)
{
  if (!*name)
    return 0;
  for (; *name; name++)
    if ((unsigned char) *name <= ' ' || *name == 0x7f)
      return 0;
  return 1;
}

static char *
hex_write (char *to, const void *from, size_t n)
{
  static const char hex[] = "0123456789abcdef";
  for (const uint8_t *p = from; n; n--, p++) {
    *to++ = hex[*p >> 4];
    *to++ = hex[*p & 15];
  }
  return to;
}

static int32_t
hex_digit (char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of an even number of digits; -EINVAL. */
static int32_t
hex_read (const char *from, size_t digits, uint8_t *to)
{
  for (size_t i = 0; i < digits; i += 2) {
    int32_t high = hex_digit (from[i]), low = hex_digit (from[i + 1]);
    if (high < 0 || low < 0)
      return -EINVAL;
    *to++ = (uint8_t) (high << 4 | low);
  }
  return 0;
}

int32_t
link_write (EVP_MAC_CTX *mac, const struct link *link, char ret[LINK_MAX])
{
  char plain[LINK_PLAIN_MAX];
  uint8_t sum[32];
  char *p;
  int32_t n;
  if (!name_ok (link->tenant) || !name_ok (link->tier))
    return -EINVAL;
  n = snprintf (plain, sizeof plain, "%c%lld%c%s%c%s", (int) link->kind,
                (long long) link->expires, SEPARATOR, link->tenant, SEPARATOR, link->tier);
  if (n < 0 || (size_t) n >= sizeof plain)
    return -EINVAL;
  if (mac_make (mac, plain, (size_t) n, sum) < 0)
    return -EIO;
  p = hex_write (ret, plain, (size_t) n);
  *hex_write (p, sum, MAC_BYTES) = 0;
  return 0;
}

/* The parts of what was signed by us. */
static int32_t
plain_read (char *plain, struct link *ret)
{
  char *tenant = strchr (plain, SEPARATOR), *tier = tenant ? strchr (tenant + 1, SEPARATOR) : NULL;
  if (!tier || (*plain != LINK_CHECKOUT && *plain != LINK_PORTAL))
    return -EINVAL;
  *tenant++ = *tier++ = 0;
  if (strlen (tenant) >= sizeof ret->tenant || strlen (tier) >= sizeof ret->tier)
    return -EINVAL;
  ret->kind = *plain == LINK_CHECKOUT ? LINK_CHECKOUT : LINK_PORTAL;
  ret->expires = strtoll (plain + 1, NULL, 10);
  strcpy (ret->tenant, tenant);
  strcpy (ret->tier, tier);
  return 0;
}

int32_t
link_read (EVP_MAC_CTX *mac, const char *token, int64_t now, struct link *ret)
{
  size_t len = strnlen (token, LINK_MAX), n;
  uint8_t bytes[LINK_MAX / 2 + 1], sum[32];
  if (len >= LINK_MAX || len % 2 || len <= 2 * MAC_BYTES || hex_read (token, len, bytes) < 0)
    return -EINVAL;
  n = len / 2 - MAC_BYTES;
  if (mac_make (mac, (char *) bytes, n, sum) < 0)
    return -EIO;
  if (CRYPTO_memcmp (bytes + n, sum, MAC_BYTES))
    return -EINVAL;
  bytes[n] = 0;
  if (plain_read ((char *) bytes, ret) < 0)
    return -EINVAL;
  return ret->expires > now ? 0 : -ETIME;
}
