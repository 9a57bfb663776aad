/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/jwks_keep.h"

#include "plugins/auth/text.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

int32_t
jwks_keep_open (struct jwks_keep *k, const struct kg_host *host, kg_self *self, const char *url)
{
  uint8_t hash[32];
  int32_t rc = host->need (self, KG_STORE, sizeof *k->store, 0, (const void **) &k->store);
  if (rc < 0)
    return rc;
  if (!EVP_Digest (url, strlen (url), hash, NULL, EVP_sha256 (), NULL))
    return -ENOMEM;
  k->self = self;
  text_hex (hash, sizeof hash, k->key);
  return k->store->bucket (self, "auth.jwks", &k->bucket);
}

static kg_str
keep_key (const struct jwks_keep *k)
{
  return (kg_str){ k->key, strlen (k->key) };
}

void
jwks_keep_put (struct jwks_keep *k, kg_str text)
{
  struct kg_op op = { .kind = KG_OP_PUT, .bucket = k->bucket, .key = keep_key (k), .value = text,
                      .revision = KG_REV_ANY, .ttl_ms = JWKS_KEEP_MS };
  k->store->write (k->self, &op, 1, sizeof op, NULL, NULL);
}

kg_str
jwks_keep_get (struct jwks_keep *k)
{
  struct kg_entry entry;
  if (k->store->get (k->bucket, keep_key (k), &entry) < 0)
    return (kg_str){ NULL, 0 };
  return entry.value;
}
