/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tokens whose signature this thread has found good: a client sends the same one
 * again and again, and a signature costs as much as a hundred requests.
 *
 * A small table per thread, overwritten as it fills; an entry holds for one set of
 * keys only.  What a token says is read each time. */
#ifndef AUTH_JWT_SEEN_H
#define AUTH_JWT_SEEN_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_HASH 32

/* SHA-256; 0 or -ENOMEM. */
int32_t seen_hash (const EVP_MD *sha256, const void *p, size_t len, uint8_t ret[SEEN_HASH]);

/* Whether a token with this hash was good under this set. */
int32_t seen_has (const uint8_t hash[SEEN_HASH], uint64_t generation);

/* It was. */
void seen_add (const uint8_t hash[SEEN_HASH], uint64_t generation);

#endif
