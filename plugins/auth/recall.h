/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Credentials that were good lately, so that SHA-256 is not computed for each
 * request.
 *
 * Each worker has a table of its own of what it has verified: the SipHash-2-4 of the
 * credential, 128 bits under a random key of this process, and the record that it led
 * to.  The secret itself is not kept.  What is remembered counts only while that
 * record is its id's newest and active, so a change is in force at once. */
#ifndef AUTH_RECALL_H
#define AUTH_RECALL_H

#include "plugins/auth/index.h"

#define RECALL_TEXT 55   /* bytes of a credential that can be remembered */
#define RECALL_SETS 1024 /* a power of two */
#define RECALL_WAYS 2

struct recall_tag {
  uint64_t word[2];
};

struct recall_entry {
  struct recall_tag tag;
  uint64_t place;  /* the first 8 bytes of the SHA-256 */
  uint32_t number; /* of the record; 0: empty */
  uint32_t reserved;
};

struct recall {
  struct recall_entry entry[RECALL_SETS][RECALL_WAYS];
};

/* The tag of `len` bytes, at most RECALL_TEXT, under a secret key.  As much work for
 * every length. */
struct recall_tag recall_tag (const uint64_t key[2], const char *p, size_t len);

/* [worker, inside] The number of the record, when it still is the newest; else 0.
 * Accepts NULL. */
uint32_t recall_find (const struct recall *recall, const struct index *index,
                      const struct recall_tag *tag);

/* [worker, inside] Remembers; accepts NULL. */
void recall_keep (struct recall *recall, const struct index *index, const struct recall_tag *tag,
                  uint32_t number);

#endif
