/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a token with a good signature says, and whether it says it to us, now. */
#ifndef AUTH_JWT_CLAIMS_H
#define AUTH_JWT_CLAIMS_H

#include "plugins/auth/jwt.h"

#include <kgent/json.h>

/* Why a token was refused: the label of kgent_auth_jwt_refused_total. */
enum jwt_reason {
  JWT_MALFORMED, /* no JWS in compact form, or its header is not acceptable */
  JWT_ALGORITHM, /* not one of the configured ones */
  JWT_KEY,       /* no key of that name and algorithm */
  JWT_SIGNATURE,
  JWT_CLAIMS,    /* one is missing or malformed */
  JWT_ISSUER,
  JWT_AUDIENCE,
  JWT_EXPIRED,
  JWT_EARLY,     /* `nbf` is to come */
  JWT_TENANT,    /* none named, and no default */
  JWT_REASONS
};

/* What claims are read with. */
struct jwt_reading {
  const struct kg_host *host;
  kg_req *req;
  const struct jwt_conf *conf;
  const struct kg_json *json;
  int64_t now_s;
};

/* Fills everything but `id`.  0; -EACCES with the reason; -ENOMEM. */
int32_t jwt_claims_read (const struct jwt_reading *r, struct jwt_claims *ret,
                         enum jwt_reason *ret_reason);

#endif
