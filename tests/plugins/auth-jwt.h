/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* An issuer of tokens for tests: keys, key sets and signatures of its own. */
#ifndef TESTS_AUTH_JWT_H
#define TESTS_AUTH_JWT_H

#include <check.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts here live for a test's length; the pool forgets the oldest. */
#define ISSUER_TEXTS 512
#define ISSUER_SIZE  20480

static inline char *
issuer_text (void)
{
  static char *texts[ISSUER_TEXTS];
  static unsigned next;
  unsigned i = next++ % ISSUER_TEXTS;
  free (texts[i]);
  texts[i] = calloc (1, ISSUER_SIZE);
  ck_assert_ptr_nonnull (texts[i]);
  return texts[i];
}

__attribute__ ((format (printf, 1, 2))) static inline char *
issuer_print (const char *fmt, ...)
{
  char *text = issuer_text ();
  va_list args;
  va_start (args, fmt);
  ck_assert_int_lt (vsnprintf (text, ISSUER_SIZE, fmt, args), ISSUER_SIZE);
  va_end (args);
  return text;
}

/* base64url without padding. */
static inline char *
issuer_base64 (const void *data, size_t len)
{
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const unsigned char *p = data;
  char *text = issuer_text ();
  size_t i, n = 0;
  ck_assert_uint_lt (len, ISSUER_SIZE / 2);
  for (i = 0; i < len; i += 3) {
    unsigned left = (unsigned) (len - i), v = (unsigned) p[i] << 16;
    v |= left > 1 ? (unsigned) p[i + 1] << 8 : 0;
    v |= left > 2 ? p[i + 2] : 0;
    text[n++] = digit[v >> 18];
    text[n++] = digit[v >> 12 & 63];
    if (left > 1)
      text[n++] = digit[v >> 6 & 63];
    if (left > 2)
      text[n++] = digit[v & 63];
  }
  return text;
}

/* Outside of tests too, where check asserts nothing. */
static inline EVP_PKEY *
issuer_key (EVP_PKEY *key)
{
  if (!key)
    abort ();
  return key;
}

static inline EVP_PKEY *
issuer_rsa (unsigned bits)
{
  return issuer_key (EVP_RSA_gen (bits));
}

static inline EVP_PKEY *
issuer_ec (const char *curve)
{
  return issuer_key (EVP_EC_gen (curve));
}

static inline EVP_PKEY *
issuer_ed25519 (void)
{
  return issuer_key (EVP_PKEY_Q_keygen (NULL, NULL, "ED25519"));
}

static inline char *
issuer_number (const EVP_PKEY *key, const char *name)
{
  unsigned char bytes[2048];
  BIGNUM *n = NULL;
  ck_assert_int_eq (EVP_PKEY_get_bn_param (key, name, &n), 1);
  ck_assert_int_le (BN_num_bytes (n), (int) sizeof bytes);
  size_t len = (size_t) BN_bn2bin (n, bytes);
  BN_free (n);
  return issuer_base64 (bytes, len);
}

/* The public key as a JWK, without its closing brace; `more` are further members
 * (",\"kid\":\"a\""). */
static inline char *
issuer_jwk (const EVP_PKEY *key, const char *more)
{
  unsigned char point[160];
  size_t len = sizeof point;
  if (EVP_PKEY_is_a (key, "RSA"))
    return issuer_print ("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}",
                         issuer_number (key, OSSL_PKEY_PARAM_RSA_N),
                         issuer_number (key, OSSL_PKEY_PARAM_RSA_E), more);
  ck_assert_int_eq (
      EVP_PKEY_get_octet_string_param (key, OSSL_PKEY_PARAM_PUB_KEY, point, len, &len), 1);
  if (EVP_PKEY_is_a (key, "ED25519"))
    return issuer_print ("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"%s}",
                         issuer_base64 (point, len), more);
  ck_assert_int_eq (point[0], 4);
  return issuer_print ("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}",
                       issuer_base64 (point + 1, len / 2),
                       issuer_base64 (point + 1 + len / 2, len / 2), more);
}

/* DER to r and s, 32 bytes each. */
static inline size_t
issuer_raw (unsigned char *signature, size_t len)
{
  const unsigned char *p = signature;
  ECDSA_SIG *s = d2i_ECDSA_SIG (NULL, &p, (long) len);
  ck_assert_ptr_nonnull (s);
  ck_assert_int_eq (BN_bn2binpad (ECDSA_SIG_get0_r (s), signature, 32), 32);
  ck_assert_int_eq (BN_bn2binpad (ECDSA_SIG_get0_s (s), signature + 32, 32), 32);
  ECDSA_SIG_free (s);
  return 64;
}

/* The signature of a text, as a token carries it. */
static inline char *
issuer_sign (EVP_PKEY *key, const char *text)
{
  unsigned char signature[2048];
  size_t len = sizeof signature;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
  const EVP_MD *md = EVP_PKEY_is_a (key, "ED25519") ? NULL : EVP_sha256 ();
  ck_assert_int_eq (EVP_DigestSignInit (ctx, NULL, md, NULL, key), 1);
  ck_assert_int_eq (
      EVP_DigestSign (ctx, signature, &len, (const unsigned char *) text, strlen (text)), 1);
  EVP_MD_CTX_free (ctx);
  if (EVP_PKEY_is_a (key, "EC"))
    len = issuer_raw (signature, len);
  return issuer_base64 (signature, len);
}

/* A token of two JSON texts. */
static inline char *
issuer_token (EVP_PKEY *key, const char *header, const char *payload)
{
  char *text = issuer_print ("%s.%s", issuer_base64 (header, strlen (header)),
                             issuer_base64 (payload, strlen (payload)));
  return issuer_print ("%s.%s", text, issuer_sign (key, text));
}

#endif
