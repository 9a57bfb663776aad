/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* SHA-256 of credentials, and what a worker keeps for it.  The algorithm is fetched
 * once and each worker has a context: 3 to 4 times as fast as EVP_Digest, which looks
 * it up every time. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <openssl/evp.h>

struct worker *
worker_open (struct auth *auth, uint32_t number)
{
  struct worker *w = &auth->worker[number];
  w->number = number;
  w->digest = EVP_MD_CTX_new ();
  if (!w->recall)
    w->recall = recall_create (); /* it works without */
  return w->digest ? w : NULL;
}

void
workers_finish (struct auth *auth)
{
  uint32_t i;
  for (i = 0; i < EPOCH_WORKERS; i++) {
    EVP_MD_CTX_free (auth->worker[i].digest);
    recall_destroy (auth->worker[i].recall);
  }
}

int32_t
digest_key (const struct auth *auth, struct worker *w, const char *p, size_t len,
            uint8_t ret[KEY_HASH])
{
  if (!EVP_DigestInit_ex (w->digest, auth->sha256, NULL) || !EVP_DigestUpdate (w->digest, p, len)
      || !EVP_DigestFinal_ex (w->digest, ret, NULL))
    return -ENOMEM;
  return 0;
}
