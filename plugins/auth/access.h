/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the two ways in share: from outside, with a credential, and from inside, with
 * the identity of somebody who was here before. */
#ifndef AUTH_ACCESS_H
#define AUTH_ACCESS_H

#include "plugins/auth/auth.h"

/* A request on its way through here. */
struct visit {
  struct auth *auth;
  kg_req *req;
  kg_str credential; /* "" from inside */
  int64_t mono_ns;
  int32_t is_public;
};

/* A key that was found. */
struct found {
  uint32_t number; /* 0: there is none */
  enum role role;
  char id[TEXT_UUID];
};

/* Lets the request in with the rights that the key has now; takes over the pin. */
int32_t access_grant_key (const struct visit *visit, struct worker *worker,
                          const struct found *found);

/* The same for a caller with a token, or who had one.  The texts must stay until LOG. */
int32_t access_grant_token (const struct visit *visit, struct worker *worker,
                            const struct jwt_claims *claims);

/* inner.c: an inner request, whose identity is there.  For ACCESS. */
int32_t access_inner (struct auth *auth, kg_req *req);

#endif
