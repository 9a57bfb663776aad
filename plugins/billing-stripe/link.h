/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Signed links to this host's own pages: who has one may begin a checkout, or open the
 * portal, of the tenant that it names, until it ends.  Nothing is stored: the key comes
 * from the key of Stripe's API, which all replicas have. */
#ifndef BILLING_LINK_H
#define BILLING_LINK_H

#include <stdint.h>
#include <openssl/types.h>

#define LINK_KEY        32
#define LINK_TENANT_MAX 64 /* bytes with the NUL */
#define LINK_TIER_MAX   64
#define LINK_PLAIN_MAX  (LINK_TENANT_MAX + LINK_TIER_MAX + 32)
#define LINK_MAX        (2 * LINK_PLAIN_MAX + 40) /* of a token, with its NUL */

enum link_kind { LINK_CHECKOUT = 'c', LINK_PORTAL = 'p' };

struct link {
  enum link_kind kind;
  int64_t expires; /* seconds since the epoch */
  char tenant[LINK_TENANT_MAX], tier[LINK_TIER_MAX]; /* no control characters */
};

/* The key of a secret: 0 or -ENOMEM. */
int32_t link_key (const char *secret, uint8_t ret[LINK_KEY]);

/* A context with the key, for one thread at a time; NULL without memory. */
EVP_MAC_CTX *link_mac (const uint8_t key[LINK_KEY]);

/* The token: 0; -EINVAL for names that cannot be in it; -EIO. */
int32_t link_write (EVP_MAC_CTX *mac, const struct link *link, char ret[LINK_MAX]);

/* 0; -EINVAL for what is no token of this key; -ETIME when it has ended at `now`. */
int32_t link_read (EVP_MAC_CTX *mac, const char *token, int64_t now, struct link *ret);

#endif
