/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Users: whom keys are given to, and the role that caps what those may do.
 *
 * A key names its user by a text.  When there is a record of that user in the
 * key's tenant, its role takes scopes away from the key while it runs; without
 * one the key has all that it was given. */
#ifndef AUTH_USER_H
#define AUTH_USER_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/plugin.h>
#include <kgent/json.h>

#include "plugins/auth/text.h"

#define USER_JSON 4096 /* bytes that a stored user never exceeds */

enum role {
  ROLE_ANY,      /* no record: all scopes that the key has */
  ROLE_READONLY, /* read, invoke:... */
  ROLE_MEMBER,   /* read, write, invoke:... */
  ROLE_ADMIN,    /* all */
  ROLE_OWNER,    /* all */
  ROLES
};

/* "owner", ...; NULL for ROLE_ANY. */
const char *role_name (enum role role);

/* ROLE_ANY for any other text. */
enum role role_find (const char *name);

/* Whether the role leaves this scope to a key. */
int32_t role_allows (enum role role, const char *scope);

/* A user as it is stored.  The texts belong to whoever fills it. */
struct user_spec {
  const char *id;     /* as keys name it */
  const char *tenant; /* whose keys it is about */
  const char *email;  /* "": none */
  enum role role;     /* never ROLE_ANY */
  int32_t active;     /* 0: its keys don't work */
  int64_t created_ns, updated_ns; /* since the epoch */
};

/* Reads a stored value and calls fn with it; returns what fn does, or -EINVAL. */
int32_t user_read (kg_str json, int32_t (*fn) (const struct user_spec *spec, void *arg), void *arg);

/* Writes the members that anybody may see, without braces. */
void user_show (struct kg_out *out, const struct user_spec *spec);

/* Writes the stored value. */
void user_store (struct kg_out *out, const struct user_spec *spec);

#endif
