/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Finds the credential of a request. */
#ifndef AUTH_CREDENTIAL_H
#define AUTH_CREDENTIAL_H

#include "plugins/auth/auth.h"

#define CREDENTIAL_NONE     0
#define CREDENTIAL_FOUND    1
#define CREDENTIAL_CONFLICT 2 /* two different ones */

/* Looks at X-API-Key and Authorization: Bearer. */
int32_t credential_get (const struct kg_host *host, const kg_req *req, kg_str *ret);

/* Whether a raw query has a key in it: a parameter named api_key, key or token
 * with a value, or any value that begins with "kg_". */
int32_t credential_in_query (kg_str query);

#endif
