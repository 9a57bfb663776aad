/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Signatures of JSON web tokens: three algorithms (RFC 7518, RFC 8037), each bound
 * to one kind of key, so that a token cannot choose how its key is used. */
#ifndef AUTH_JOSE_H
#define AUTH_JOSE_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

enum jose_alg {
  JOSE_RS256, /* RSA of 2,048 to 8,192 bits, PKCS #1 v1.5, SHA-256 */
  JOSE_ES256, /* P-256, SHA-256, the signature is r and s, 32 bytes each */
  JOSE_EDDSA, /* Ed25519 only */
  JOSE_ALGS
};

#define JOSE_SIGNATURE_MAX 1024 /* bytes; of RSA with 8,192 bits */

/* The names as `alg` has them, in the order of the enum. */
extern const char *const jose_names[JOSE_ALGS + 1];

/* The algorithm with this name, or -1: "none", HMAC and all others are unknown. */
int32_t jose_alg (const char *name, size_t len);

/* A public key; never changes.  Many threads may verify with it. */
struct jose_key {
  int32_t alg;      /* the only one that it verifies */
  size_t signature; /* bytes of a signature */
  EVP_PKEY *pkey;
};

/* Reads base64url without padding (RFC 7515, section 2), strictly: no other
 * character, no bits left over.  `out` has room for len * 3 / 4 bytes.  The number
 * of bytes, or -EINVAL. */
int64_t jose_base64 (const char *in, size_t len, uint8_t *out);

/* Make keys from their numbers, big-endian; 0, -EINVAL for one that must not be
 * used (too short, not on the curve), -ENOMEM. */
int32_t jose_rsa (const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
                  struct jose_key *ret);
int32_t jose_p256 (const uint8_t x[32], const uint8_t y[32], struct jose_key *ret);
int32_t jose_ed25519 (const uint8_t x[32], struct jose_key *ret);
void jose_key_finish (struct jose_key *key);

/* [any] 1 when the signature is the key's of these bytes, 0 when it is not, or
 * -ENOMEM. */
int32_t jose_verify (const struct jose_key *key, const void *text, size_t len,
                     const uint8_t *signature, size_t signature_len);

#endif
