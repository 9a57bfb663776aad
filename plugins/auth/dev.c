/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Development keys: in memory only, and only where strangers can't reach them. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

struct dev_key {
  const char *secret, *id, *name, *user, *tier;
  int64_t per_day, tokens;
  const char *scopes[4];
};

static const struct dev_key dev_keys[] = {
  { "kg_dev_alice", "00000000-0000-4000-8000-00000000000a", "dev-alice", "user_alice", "FREE", 100, 10000, { "read" } },
  { "kg_dev_bob", "00000000-0000-4000-8000-00000000000b", "dev-bob", "user_bob", "PRO", 1000, 100000, { "read", "write" } },
  { "kg_dev_carol", "00000000-0000-4000-8000-00000000000c", "dev-carol", "user_carol", "ENTERPRISE", 10000, 0,
    { "read", "write", "admin" } },
};

#define DEV_KEYS (sizeof dev_keys / sizeof dev_keys[0])

int32_t
dev_check (const struct auth *auth)
{
  struct kg_host_view view = { .size = sizeof view };
  if (auth->routes && auth->routes->host (auth->self, &view) == 0 && view.loopback)
    return 0;
  auth->host->log (auth->self, KG_LOG_ERROR,
                   "auth.dev_keys: everybody knows the development keys, and http.listen is not a "
                   "loopback address; set dev_keys = false, or http.listen = \"127.0.0.1:8000\"");
  return -EACCES;
}

static int32_t
dev_put (struct auth *auth, const struct dev_key *dev)
{
  struct key_spec spec = { .id = dev->id,
                           .prefix = dev->secret,
                           .name = dev->name,
                           .tenant = AUTH_TENANT,
                           .user = dev->user,
                           .tier = dev->tier,
                           .archetypes = { "developer", "*" },
                           .limits = LIMITS_UNSET,
                           .active = 1 };
  spec.limits.per_day = dev->per_day;
  spec.limits.tokens = dev->tokens;
  memcpy (spec.scopes, dev->scopes, sizeof dev->scopes);
  if (!EVP_Digest (dev->secret, strlen (dev->secret), spec.hash, NULL, EVP_sha256 (), NULL))
    return -ENOMEM;
  return index_put (&auth->index, &spec, 0);
}

int32_t
dev_load (struct auth *auth)
{
  size_t i;
  int32_t rc = 0;
  for (i = 0; i < DEV_KEYS && rc == 0; i++)
    rc = dev_put (auth, &dev_keys[i]);
  if (rc == 0)
    auth->host->log (auth->self, KG_LOG_WARN,
                     "development keys are on: kg_dev_alice, kg_dev_bob, kg_dev_carol");
  return rc;
}
