/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/jwt_seen.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 256 /* a power of two */

struct seen {
  EVP_MD_CTX *ctx;
  struct {
    uint64_t generation; /* 0: empty */
    uint8_t hash[SEEN_HASH];
  } entry[ENTRIES];
};

static pthread_key_t seen_key; /* only for its destructor */
static pthread_once_t seen_once = PTHREAD_ONCE_INIT;
static _Thread_local struct seen *seen;

static void
seen_destroy (void *p)
{
  EVP_MD_CTX_free (((struct seen *) p)->ctx);
  free (p);
}

static void
seen_key_make (void)
{
  pthread_key_create (&seen_key, seen_destroy);
}

/* This thread's; NULL without memory. */
static struct seen *
seen_mine (void)
{
  struct seen *s = seen;
  if (s)
    return s;
  pthread_once (&seen_once, seen_key_make);
  s = calloc (1, sizeof *s);
  if (!s)
    return NULL;
  s->ctx = EVP_MD_CTX_new ();
  if (!s->ctx || pthread_setspecific (seen_key, s)) {
    seen_destroy (s);
    return NULL;
  }
  return seen = s;
}

int32_t
seen_hash (const EVP_MD *sha256, const void *p, size_t len, uint8_t ret[SEEN_HASH])
{
  struct seen *s = seen_mine ();
  return s && EVP_DigestInit_ex (s->ctx, sha256, NULL) && EVP_DigestUpdate (s->ctx, p, len)
                 && EVP_DigestFinal_ex (s->ctx, ret, NULL)
             ? 0
             : -ENOMEM;
}

int32_t
seen_has (const uint8_t hash[SEEN_HASH], uint64_t generation)
{
  const struct seen *s = seen;
  uint32_t i = hash[0] % ENTRIES;
  return s && s->entry[i].generation == generation
         && !CRYPTO_memcmp (s->entry[i].hash, hash, SEEN_HASH);
}

void
seen_add (const uint8_t hash[SEEN_HASH], uint64_t generation)
{
  struct seen *s = seen;
  uint32_t i = hash[0] % ENTRIES;
  if (!s)
    return;
  s->entry[i].generation = generation;
  memcpy (s->entry[i].hash, hash, SEEN_HASH);
}
