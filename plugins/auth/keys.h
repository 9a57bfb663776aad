/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* API keys: what is stored about one. */
#ifndef AUTH_KEYS_H
#define AUTH_KEYS_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/plugin.h>
#include <kgent/json.h>

#include "plugins/auth/cidr.h"
#include "plugins/auth/numbers.h"
#include "plugins/auth/plan.h"
#include "plugins/auth/text.h"

#define KEY_HASH    32  /* SHA-256 of the whole key */
#define KEY_PREFIX  8   /* characters of a key that may be shown */
#define KEY_SECRET  53  /* bytes of a new key, with its NUL */
#define KEY_LIST    32  /* scopes, archetypes, nets */
#define KEY_TEXT    128 /* bytes of a name, a user, a scope, an archetype */
#define KEY_JSON    32768 /* bytes that a stored key never exceeds */

/* A key as it is stored.  The texts belong to whoever fills it. */
struct key_spec {
  const char *id; /* a UUID */
  const char *prefix, *name, *user;
  const char *tenant; /* a UUID */
  const char *tier;   /* "": the tenant's */
  const char *scopes[KEY_LIST + 1], *archetypes[KEY_LIST + 1]; /* end in NULL */
  const char *cidrs[KEY_LIST + 1]; /* where it works; ends in NULL, none: anywhere */
  uint8_t hash[KEY_HASH];
  struct limits limits; /* -1: the tier's */
  int64_t created_ns, expires_ns; /* since the epoch; 0: never expires */
  /* Of a key that was rotated away, else 0: when that was, and until when it works;
   * its answers say so (RFC 9745, RFC 8594).  What ends it is expires_ns. */
  int64_t deprecated_ns, sunset_ns;
  const char *replaces, *replaced_by; /* ids; NULL: none */
  int32_t active;                     /* 0: revoked */
};

/* Reads a stored value and calls fn with it; returns what fn does, or -EINVAL. */
int32_t key_read (kg_str json, int32_t (*fn) (const struct key_spec *spec, void *arg), void *arg);

/* Writes the members that anybody may see, without braces. */
void key_show (struct kg_out *out, const struct key_spec *spec);

/* Writes the stored value. */
void key_store (struct kg_out *out, const struct key_spec *spec);

/* Makes a new secret with its hash; 0, or -EIO without randomness. */
int32_t key_secret (char ret_secret[KEY_SECRET], uint8_t ret_hash[KEY_HASH]);

/* Makes a random id; 0 or -EIO. */
int32_t key_id (char ret_id[TEXT_UUID]);

#endif
