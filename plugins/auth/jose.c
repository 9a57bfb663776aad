/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/jose.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#define RSA_BITS_MIN 2048 /* RFC 7518, section 3.3 */
#define RSA_BITS_MAX 8192 /* the cost of a signature is bounded, too */
#define EC_BYTES     32

const char *const jose_names[JOSE_ALGS + 1] = { "RS256", "ES256", "EdDSA", NULL };

int32_t
jose_alg (const char *name, size_t len)
{
  int32_t i;
  for (i = 0; i < JOSE_ALGS; i++)
    if (strlen (jose_names[i]) == len && !memcmp (jose_names[i], name, len))
      return i;
  return -1;
}

/* ---- base64url ----------------------------------------------------------- */

static int32_t
sextet (char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int64_t
jose_base64 (const char *in, size_t len, uint8_t *out)
{
  uint32_t bits = 0, have = 0;
  int64_t n = 0;
  size_t i;
  for (i = 0; i < len; i++) {
    int32_t v = sextet (in[i]);
    if (v < 0)
      return -EINVAL;
    bits = bits << 6 | (uint32_t) v;
    have += 6;
    if (have < 8)
      continue;
    have -= 8;
    out[n++] = (uint8_t) (bits >> have);
    bits &= (1u << have) - 1;
  }
  return have == 6 || bits ? -EINVAL : n;
}

/* ---- Keys ---------------------------------------------------------------- */

/* Whether a key is what it should be (on its curve, no even modulus ...). */
static int32_t
key_sound (EVP_PKEY *pkey)
{
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey (NULL, pkey, NULL);
  int32_t sound = ctx && EVP_PKEY_public_check (ctx) == 1;
  EVP_PKEY_CTX_free (ctx);
  return sound;
}

/* Takes `params` over; -EINVAL when they make no key. */
static int32_t
key_make (const char *type, OSSL_PARAM *params, EVP_PKEY **ret)
{
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name (NULL, type, NULL);
  EVP_PKEY *pkey = NULL;
  int32_t rc = -EINVAL;
  if (!ctx || !params)
    rc = -ENOMEM;
  else if (EVP_PKEY_fromdata_init (ctx) == 1
           && EVP_PKEY_fromdata (ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1
           && key_sound (pkey)) {
    *ret = pkey;
    pkey = NULL;
    rc = 0;
  }
  EVP_PKEY_free (pkey);
  EVP_PKEY_CTX_free (ctx);
  OSSL_PARAM_free (params);
  ERR_clear_error ();
  return rc;
}

/* An exponent is odd, more than 1 and no larger than a machine word: a long one
 * would only make signatures dear. */
static int32_t
exponent_good (const uint8_t *e, size_t len)
{
  uint64_t v = 0;
  if (!len || len > 8)
    return 0;
  while (len--)
    v = v << 8 | *e++;
  return v > 2 && v % 2;
}

static OSSL_PARAM *
rsa_params (const BIGNUM *n, const BIGNUM *e)
{
  OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new ();
  OSSL_PARAM *params = NULL;
  if (bld && n && e && OSSL_PARAM_BLD_push_BN (bld, OSSL_PKEY_PARAM_RSA_N, n)
      && OSSL_PARAM_BLD_push_BN (bld, OSSL_PKEY_PARAM_RSA_E, e))
    params = OSSL_PARAM_BLD_to_param (bld);
  OSSL_PARAM_BLD_free (bld);
  return params;
}

int32_t
jose_rsa (const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len, struct jose_key *ret)
{
  BIGNUM *modulus, *exponent;
  EVP_PKEY *pkey = NULL;
  int32_t rc = -EINVAL, bits;
  if (!exponent_good (e, e_len) || n_len > RSA_BITS_MAX / 8 + 1)
    return -EINVAL;
  modulus = BN_bin2bn (n, (int) n_len, NULL);
  exponent = BN_bin2bn (e, (int) e_len, NULL);
  bits = modulus ? BN_num_bits (modulus) : RSA_BITS_MIN;
  if (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX)
    rc = key_make ("RSA", rsa_params (modulus, exponent), &pkey);
  BN_free (modulus);
  BN_free (exponent);
  if (rc == 0)
    *ret = (struct jose_key){ JOSE_RS256, (size_t) EVP_PKEY_get_size (pkey), pkey };
  return rc;
}

int32_t
jose_p256 (const uint8_t x[32], const uint8_t y[32], struct jose_key *ret)
{
  uint8_t point[1 + 2 * EC_BYTES] = { 4 }; /* uncompressed (SEC 1, section 2.3.3) */
  OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new ();
  OSSL_PARAM *params = NULL;
  EVP_PKEY *pkey;
  int32_t rc;
  memcpy (point + 1, x, EC_BYTES);
  memcpy (point + 1 + EC_BYTES, y, EC_BYTES);
  if (bld
      && OSSL_PARAM_BLD_push_utf8_string (bld, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0)
      && OSSL_PARAM_BLD_push_octet_string (bld, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
    params = OSSL_PARAM_BLD_to_param (bld);
  OSSL_PARAM_BLD_free (bld);
  rc = key_make ("EC", params, &pkey);
  if (rc == 0)
    *ret = (struct jose_key){ JOSE_ES256, 2 * EC_BYTES, pkey };
  return rc;
}

int32_t
jose_ed25519 (const uint8_t x[32], struct jose_key *ret)
{
  EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key (EVP_PKEY_ED25519, NULL, x, EC_BYTES);
  ERR_clear_error ();
  if (!pkey)
    return -ENOMEM;
  *ret = (struct jose_key){ JOSE_EDDSA, 64, pkey };
  return 0;
}

void
jose_key_finish (struct jose_key *key)
{
  EVP_PKEY_free (key->pkey);
  key->pkey = NULL;
}

/* ---- Signatures ---------------------------------------------------------- */

/* One INTEGER of DER from 32 bytes; returns its length, at most 35. */
static size_t
der_integer (const uint8_t in[EC_BYTES], uint8_t *out)
{
  size_t skip = 0, pad;
  while (skip < EC_BYTES - 1 && !in[skip])
    skip++;
  pad = in[skip] >> 7; /* else it would read as negative */
  out[0] = 2;
  out[1] = (uint8_t) (EC_BYTES - skip + pad);
  out[2] = 0;
  memcpy (out + 2 + pad, in + skip, EC_BYTES - skip);
  return 2 + pad + EC_BYTES - skip;
}

/* The SEQUENCE of r and s, which libcrypto wants; returns its length. */
static size_t
der_signature (const uint8_t raw[2 * EC_BYTES], uint8_t out[72])
{
  size_t n = der_integer (raw, out + 2);
  n += der_integer (raw + EC_BYTES, out + 2 + n);
  out[0] = 0x30;
  out[1] = (uint8_t) n;
  return n + 2;
}

int32_t
jose_verify (const struct jose_key *key, const void *text, size_t len, const uint8_t *signature,
             size_t signature_len)
{
  const EVP_MD *md = key->alg == JOSE_EDDSA ? NULL : EVP_sha256 ();
  EVP_MD_CTX *ctx;
  uint8_t der[72];
  int32_t good;
  if (signature_len != key->signature)
    return 0;
  if (key->alg == JOSE_ES256) {
    signature_len = der_signature (signature, der);
    signature = der;
  }
  ctx = EVP_MD_CTX_new ();
  if (!ctx || EVP_DigestVerifyInit (ctx, NULL, md, NULL, key->pkey) != 1)
    good = -ENOMEM;
  else
    good = EVP_DigestVerify (ctx, signature, signature_len, text, len) == 1;
  EVP_MD_CTX_free (ctx);
  if (good != 1)
    ERR_clear_error (); /* this thread's queue is everybody's */
  return good;
}
