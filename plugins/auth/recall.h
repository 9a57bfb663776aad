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
#define RECALL_ID   (TEXT_UUID - 1) /* without the NUL */

struct recall_tag {
  uint64_t word[2];
};

/* A cache line. */
struct recall_entry {
  _Alignas (64) struct recall_tag tag;
  uint64_t place;    /* the first 8 bytes of the SHA-256 */
  uint32_t number;   /* of the record; 0: empty */
  char id[RECALL_ID]; /* its id as text, for each request shows it */
};

struct recall {
  struct recall_entry entry[RECALL_SETS][RECALL_WAYS];
};

/* The tag of `len` bytes, at most RECALL_TEXT, under a secret key.  As much work for
 * every length. */
struct recall_tag recall_tag (const uint64_t key[2], const char *p, size_t len);

struct recall *recall_create (void); /* NULL without memory */
void recall_destroy (struct recall *recall);

/* [worker, inside] What is remembered, when the record still is the newest; else NULL.
 * Good until something else is.  Accepts NULL. */
const struct recall_entry *recall_find (const struct recall *recall, const struct index *index,
                                        const struct recall_tag *tag);

/* [worker, inside] Remembers the record, with its id as text; accepts NULL. */
void recall_keep (struct recall *recall, const struct index *index, const struct recall_tag *tag,
                  uint32_t number, const char id[TEXT_UUID]);

#endif
