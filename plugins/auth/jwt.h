/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Callers with a token of an identity provider instead of a key: a signed JWT
 * (RFC 7519, RFC 8725, RFC 9068), verified with keys that are fetched from the
 * provider or lie in a file.
 *
 * On the way of a request nothing is fetched and nothing waits: a token whose key
 * is unknown is refused, and the keys are fetched again behind its back. */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI_CURRENT
#endif
#include <kgent/plugin.h>

#define JWT_MAX  8192 /* bytes of a token */
#define JWT_TEXT 128  /* bytes of a subject, a tenant, a scope, an archetype, with its NUL */
#define JWT_LIST 32   /* scopes, archetypes */
#define JWT_ID   16   /* bytes that name the cell of a caller */

/* What every token that is not accepted is answered, whatever is wrong with it:
 * with 401, and this as WWW-Authenticate (RFC 6750, section 3.1). */
#define JWT_DETAIL    "Invalid token. Please check your credentials."
#define JWT_CHALLENGE "Bearer realm=\"kgent\", error=\"invalid_token\""

/* The group `jwt` of the options; on when `issuer` is given. */
struct jwt_conf {
  const char *issuer;   /* what `iss` must say */
  const char *audience; /* what `aud` must say, or have among others */
  const char *jwks_url, *jwks_file; /* one of the two */
  const char *const *algorithms;
  const char *tenant_claim, *tenant; /* the latter for tokens without the claim, or NULL */
  const char *scope_claim;
  const char *const *scopes; /* that tokens may carry at all */
  const char *archetypes_claim;
  const char *const *archetypes; /* that tokens may carry at all, the default first */
  int64_t leeway;                /* seconds */
  int64_t refresh;               /* seconds between fetches when the provider doesn't say */
};

/* A KG_OPT_GROUP's `sub`, of a struct jwt_conf. */
extern const struct kg_opt jwt_opts[];

/* What a good token says.  All of it is the request's memory. */
struct jwt_claims {
  const char *subject;
  const char *tenant;            /* id or slug, never NULL */
  const char *const *scopes;     /* end in NULL; no more than the option allows */
  const char *const *archetypes; /* end in NULL; empty: the host's default */
  int64_t expires_s;             /* since the epoch, leeway not added */
  uint8_t id[JWT_ID];            /* of (issuer, subject): SHA-256 ("jwt" NUL iss NUL sub) */
};

struct jwt;
struct jwks_source;

/* [open] Checks the options and asks for the services.  *ret is NULL when no
 * issuer is configured.  0; -EINVAL for options that don't go together (logged);
 * -ENOMEM. */
int32_t jwt_open (const struct kg_host *host, kg_self *self, const struct jwt_conf *conf,
                  struct jwt **ret);

/* Reads jwks_file, or begins to fetch jwks_url.  A file without a key that can be
 * used is an error (logged); a provider that doesn't answer is not. */
int32_t jwt_start (struct jwt *jwt);

/* Both accept NULL, as jwt_start does. */
void jwt_stop (struct jwt *jwt);
void jwt_close (struct jwt *jwt);

/* Its keys, see jwks_fetch.h. */
struct jwks_source *jwt_source (const struct jwt *jwt);

/* Whether a credential is meant as a token: two dots, and not "kg_" in front. */
int32_t jwt_looks (kg_str credential);

/* [worker] Verifies a token.  No lock, no wait, no fetch.  `now_s` is in seconds since
 * the epoch.  0, or
 *   -EACCES       not accepted, and made by somebody who tries: without a signature
 *   -EKEYREJECTED not accepted either, and to be answered in the same way, but no
 *                 guess: well signed and expired, or for others; or by a key that is
 *                 not known yet.  Honest clients behind one address send such
 *   -EAGAIN       there are no keys yet
 *   -ENOMEM */
int32_t jwt_check (struct jwt *jwt, kg_req *req, kg_str token, int64_t now_s,
                   struct jwt_claims *ret);

/* [worker] Fills the id of claims with a subject: 0 or -ENOMEM. */
int32_t jwt_identify (const struct jwt *jwt, kg_req *req, struct jwt_claims *claims);

#endif
