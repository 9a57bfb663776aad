/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A set of public keys (RFC 7517), read once and never changed. */
#ifndef AUTH_JWKS_H
#define AUTH_JWKS_H

#include "plugins/auth/jose.h"
#include "plugins/auth/jwt.h"

#define JWKS_BYTES 262144 /* bytes of a set */
#define JWKS_KEYS  32     /* keys that can be used */
#define JWKS_KID   256    /* bytes of a key's name */
#define JWKS_TRIES 4      /* keys tried for a token that names none */

struct jwks_key {
  struct jose_key key;
  char *kid; /* NULL without; not NUL-terminated */
  size_t kid_len;
};

struct jwks {
  uint64_t generation; /* differs from that of every other set in this process */
  uint8_t hash[32];    /* SHA-256 of the text */
  uint32_t count;      /* of `key` */
  uint32_t skipped;    /* of another kind or use, too weak, or malformed */
  struct jwks *next;   /* of those that wait to be freed */
  int64_t retired_ns;
  struct jwks_key key[JWKS_KEYS];
};

/* Reads a set.  Keys that are not for one of the algorithms are skipped, as the RFC
 * asks for.  0; -EINVAL: malformed, a member twice, or too big; -ENOKEY: none can
 * be used; -E2BIG: too many; -ENOMEM. */
int32_t jwks_parse (kg_str text, struct jwks **ret);

/* Whether the set was read from this very text. */
int32_t jwks_is (const struct jwks *set, kg_str text);

/* What such an error means, for a log. */
const char *jwks_reason (int32_t error);

/* Accepts NULL. */
void jwks_free (struct jwks *set);

/* The key behind `after` (NULL: the first) that fits: of this algorithm, with this
 * name; { NULL, 0 }: with any or none.  NULL when there is no more. */
const struct jwks_key *jwks_find (const struct jwks *set, const struct jwks_key *after,
                                  int32_t alg, kg_str kid);

#endif
