/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The body of POST /admin/v1/keys: checked member by member, all faults told. */
#ifndef AUTH_FORM_H
#define AUTH_FORM_H

#include "plugins/auth/auth.h"

struct form {
  const struct auth *auth;
  kg_req *req;
  const struct kg_json *json;
  struct kg_out errors, summary; /* JSON array's elements; text of the detail */
  uint32_t count;                /* of errors */
  int32_t failed;                /* -ENOMEM */
};

/* Fills name, tenant, user, tier, scopes, archetypes, limits and expires_ns of
 * `ret` from the request's body; texts are in the request's memory.  0; -EINVAL
 * when the 422 problem is set; -ENOMEM. */
int32_t form_read (const struct auth *auth, kg_req *req, struct key_spec *ret);

#endif
