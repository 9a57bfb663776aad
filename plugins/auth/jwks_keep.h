/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The last set that was fetched, kept in the store: a process that takes over from
 * another, or starts while the provider is away, has keys at once. */
#ifndef AUTH_JWKS_KEEP_H
#define AUTH_JWKS_KEEP_H

#include "plugins/auth/jwt.h"

#include <kgent/store.h>

#define JWKS_KEEP_MS 86400000 /* keys from further back are not trusted */

struct jwks_keep {
  kg_self *self;
  const struct kg_store *store;
  kg_bucket *bucket;
  char key[65]; /* SHA-256 of the URL: another provider's keys are not ours */
};

/* [open] */
int32_t jwks_keep_open (struct jwks_keep *keep, const struct kg_host *host, kg_self *self,
                        const char *url);

/* Keeps a text; that it can't be is the store's to tell. */
void jwks_keep_put (struct jwks_keep *keep, kg_str text);

/* The text; { NULL, 0 } without.  Valid until this thread asks the store again. */
kg_str jwks_keep_get (struct jwks_keep *keep);

#endif
