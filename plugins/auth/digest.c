/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* SHA-256 of credentials.  The algorithm is fetched once and each thread keeps a
 * context: 3 to 4 times as fast as EVP_Digest, which looks it up every time. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>

static pthread_key_t context_key; /* only for its destructor */
static pthread_once_t context_once = PTHREAD_ONCE_INIT;
static _Thread_local EVP_MD_CTX *context;

static void
context_destroy (void *ctx)
{
  EVP_MD_CTX_free (ctx);
}

static void
context_key_make (void)
{
  pthread_key_create (&context_key, context_destroy);
}

static EVP_MD_CTX *
context_make (void)
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
  pthread_once (&context_once, context_key_make);
  if (ctx)
    pthread_setspecific (context_key, ctx);
  return ctx;
}

int32_t
digest_key (const struct auth *auth, const char *p, size_t len, uint8_t ret[KEY_HASH])
{
  if (!context)
    context = context_make ();
  if (!context || !EVP_DigestInit_ex (context, auth->sha256, NULL)
      || !EVP_DigestUpdate (context, p, len) || !EVP_DigestFinal_ex (context, ret, NULL))
    return -ENOMEM;
  return 0;
}
