/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/signature.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#define TIME_DIGITS 12 /* until the year 33658 */

/* ---- Parsing ------------------------------------------------------------- */

static int32_t
time_parse (const char *p, size_t len, struct signature *s)
{
  size_t i;
  if (s->time_text || !len || len > TIME_DIGITS || *p == '0') /* one time, one spelling */
    return -EINVAL;
  s->time_text = p;
  s->time_len = len;
  for (i = 0; i < len; i++) {
    if (p[i] < '0' || p[i] > '9')
      return -EINVAL;
    s->time = s->time * 10 + (p[i] - '0');
  }
  return 0;
}

static int
hex_value (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int32_t
mac_parse (const char *p, size_t len, struct signature *s)
{
  size_t i;
  if (s->count == SIGNATURE_MAX || len != 2 * SIGNATURE_MAC)
    return -EINVAL;
  for (i = 0; i < SIGNATURE_MAC; i++) {
    int high = hex_value (p[2 * i]), low = hex_value (p[2 * i + 1]);
    if (high < 0 || low < 0)
      return -EINVAL;
    s->mac[s->count][i] = (uint8_t) (high << 4 | low);
  }
  s->count++;
  return 0;
}

/* One "scheme=value"; a scheme is never empty. */
static int32_t
element_parse (const char *p, size_t len, struct signature *s)
{
  const char *equals = memchr (p, '=', len);
  size_t name;
  if (!equals || equals == p)
    return -EINVAL;
  name = (size_t) (equals - p);
  len -= name + 1;
  if (name == 1 && *p == 't')
    return time_parse (equals + 1, len, s);
  if (name == 2 && !memcmp (p, "v1", 2))
    return mac_parse (equals + 1, len, s);
  return 0;
}

int32_t
signature_parse (const char *header, size_t len, struct signature *ret)
{
  const char *p = header, *end = header + len;
  memset (ret, 0, sizeof *ret);
  if (!len || len > SIGNATURE_HEADER)
    return -EINVAL;
  for (;;) {
    const char *comma = memchr (p, ',', (size_t) (end - p));
    if (element_parse (p, (size_t) ((comma ? comma : end) - p), ret) < 0)
      return -EINVAL;
    if (!comma)
      break;
    p = comma + 1;
  }
  return ret->time_text && ret->count ? 0 : -EINVAL;
}

/* ---- Verifying ----------------------------------------------------------- */

/* HMAC-SHA-256 over "<t>.<body>"; 0 or -ENOMEM. */
static int32_t
mac_compute (EVP_MAC_CTX *ctx, const struct signature *s, const char *secret, const char *body,
             size_t len, uint8_t out[SIGNATURE_MAC])
{
  OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string (OSSL_MAC_PARAM_DIGEST,
                                                            (char[]){ "SHA256" }, 0),
                          OSSL_PARAM_construct_end () };
  size_t n;
  if (!EVP_MAC_init (ctx, (const unsigned char *) secret, strlen (secret), params)
      || !EVP_MAC_update (ctx, (const unsigned char *) s->time_text, s->time_len)
      || !EVP_MAC_update (ctx, (const unsigned char *) ".", 1)
      || !EVP_MAC_update (ctx, (const unsigned char *) body, len)
      || !EVP_MAC_final (ctx, out, &n, SIGNATURE_MAC))
    return -ENOMEM;
  return 0;
}

/* Tries one secret; adds to *matches. */
static int32_t
secret_try (EVP_MAC_CTX *ctx, const struct signature *s, const char *secret, const char *body,
            size_t len, uint32_t *matches)
{
  uint8_t mac[SIGNATURE_MAC];
  uint32_t i;
  if (mac_compute (ctx, s, secret, body, len, mac) < 0)
    return -ENOMEM;
  for (i = 0; i < s->count; i++)
    *matches += !CRYPTO_memcmp (mac, s->mac[i], SIGNATURE_MAC);
  OPENSSL_cleanse (mac, sizeof mac);
  return 0;
}

int32_t
signature_match (const struct signature *s, const char *const *secrets, const char *body,
                 size_t len)
{
  EVP_MAC *hmac = EVP_MAC_fetch (NULL, "HMAC", NULL);
  EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new (hmac) : NULL;
  int32_t rc = ctx ? 0 : -ENOMEM;
  int32_t first = -EACCES;
  for (int32_t i = 0; rc == 0 && secrets[i]; i++) {
    uint32_t matches = 0;
    if (*secrets[i])
      rc = secret_try (ctx, s, secrets[i], body, len, &matches);
    if (matches && first < 0)
      first = i;
  }
  EVP_MAC_CTX_free (ctx);
  EVP_MAC_free (hmac);
  return rc < 0 ? rc : first;
}

int32_t
signature_fresh (const struct signature *s, int64_t now, int64_t tolerance)
{
  return s->time >= now - tolerance && s->time <= now + tolerance;
}
