/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* SHA-256 of credentials, and what a worker keeps for it.  The algorithm is fetched
 * once and each worker has a context: 3 to 4 times as fast as EVP_Digest, which looks
 * it up every time. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct worker *
worker_of (struct auth *auth, const kg_req *req)
{
  uint32_t n = (uint32_t) auth->host->num (req, KG_NUM_WORKER) % EPOCH_WORKERS;
  struct worker *w = &auth->worker[n];
  if (!w->digest) {
    w->number = n;
    w->digest = EVP_MD_CTX_new ();
    w->recall = calloc (1, sizeof *w->recall); /* it works without */
  }
  return w->digest ? w : NULL;
}

void
workers_finish (struct auth *auth)
{
  uint32_t i;
  for (i = 0; i < EPOCH_WORKERS; i++) {
    EVP_MD_CTX_free (auth->worker[i].digest);
    free (auth->worker[i].recall);
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
