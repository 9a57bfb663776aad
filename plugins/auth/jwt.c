/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The order is that of RFC 7515, section 5.2, cheap refusals first; nothing that a
 * token says is believed, or even read, before its signature is good, but for the
 * header's three members that choose among our own keys. */
#include "plugins/auth/jwt.h"

#include "plugins/auth/jwks_fetch.h"
#include "plugins/auth/jwt_claims.h"
#include "plugins/auth/jwt_conf.h"
#include "plugins/auth/jwt_seen.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADER_MAX 2048 /* characters of a token's header as it is sent */

struct jwt {
  const struct kg_host *host;
  const struct jwt_conf *conf;
  const struct kg_metrics *metrics;
  struct jwks_source *source;
  EVP_MD *sha256;
  kg_metric *refused;
  uint32_t algorithms; /* bit 1 << JOSE_...: accepted */
};

/* A token taken apart; the texts lie in it, the bytes in the request's memory. */
struct token {
  kg_str whole, signed_part, header, payload, signature;
  int32_t alg;
  kg_str kid; /* { NULL, 0 } without */
};

/* ---- Form ---------------------------------------------------------------- */

int32_t
jwt_looks (kg_str s)
{
  const char *first = s.len ? memchr (s.ptr, '.', s.len) : NULL, *second, *end = s.ptr + s.len;
  if (!first || (s.len >= 3 && !memcmp (s.ptr, "kg_", 3)))
    return 0;
  second = memchr (first + 1, '.', (size_t) (end - first - 1));
  return second && !memchr (second + 1, '.', (size_t) (end - second - 1));
}

static int32_t
token_split (kg_str s, struct token *t)
{
  const char *first, *second, *end = s.ptr + s.len;
  if (s.len > JWT_MAX || !jwt_looks (s))
    return -EACCES;
  first = memchr (s.ptr, '.', s.len);
  second = memchr (first + 1, '.', (size_t) (end - first - 1));
  t->whole = s;
  t->signed_part = (kg_str){ s.ptr, (size_t) (second - s.ptr) };
  t->header = (kg_str){ s.ptr, (size_t) (first - s.ptr) };
  t->payload = (kg_str){ first + 1, (size_t) (second - first - 1) };
  t->signature = (kg_str){ second + 1, (size_t) (end - second - 1) };
  return t->header.len <= HEADER_MAX ? 0 : -EACCES;
}

/* The bytes of one part, in the request's memory.  0, -EACCES, -ENOMEM. */
static int32_t
part_decode (const struct jwt *jwt, kg_req *req, kg_str part, kg_str *ret)
{
  uint8_t *out = jwt->host->alloc (req, part.len * 3 / 4 + 1);
  int64_t n;
  if (!out)
    return -ENOMEM;
  n = jose_base64 (part.ptr, part.len, out);
  if (n <= 0)
    return -EACCES;
  *ret = (kg_str){ (const char *) out, (size_t) n };
  return 0;
}

/* A part that is JSON, scanned as strictly as a body: no member twice. */
static int32_t
part_parse (const struct jwt *jwt, kg_req *req, kg_str part, const struct kg_json **ret)
{
  kg_str text;
  int32_t rc = part_decode (jwt, req, part, &text);
  if (rc < 0)
    return rc;
  *ret = jwt->host->parse (req, text);
  return *ret && kg_json_kind (*ret, 0) == KG_JSON_OBJECT ? 0 : -EACCES;
}

/* ---- Header -------------------------------------------------------------- */

/* Whether a media type, with or without "application/" in front (RFC 7515, section
 * 4.1.9), is that of a token for us: an ID token or a logout token is none. */
static int32_t
type_good (kg_str s)
{
  if (s.len > 12 && !strncasecmp (s.ptr, "application/", 12))
    s = (kg_str){ s.ptr + 12, s.len - 12 };
  return (s.len == 3 && !strncasecmp (s.ptr, "jwt", 3))
         || (s.len == 6 && !strncasecmp (s.ptr, "at+jwt", 6));
}

/* The members that we know.  All others are ignored, as the RFC demands; that goes
 * for jwk, jku, x5c and x5u too, which would bring a key along. */
static int32_t
header_read (const struct jwt *jwt, kg_req *req, const struct kg_json *j, struct token *t)
{
  uint32_t alg = kg_json_find (j, 0, "alg"), typ = kg_json_find (j, 0, "typ");
  uint32_t kid = kg_json_find (j, 0, "kid");
  kg_str text;
  if (!alg || kg_json_kind (j, alg) != KG_JSON_STRING || kg_json_find (j, 0, "crit")
      || kg_json_find (j, 0, "cty") || (typ && kg_json_kind (j, typ) != KG_JSON_STRING)
      || (kid && kg_json_kind (j, kid) != KG_JSON_STRING))
    return -EACCES;
  text = kg_json_raw (j, alg);
  t->alg = jose_alg (text.ptr, text.len);
  if (typ) {
    text = kg_json_str (jwt->host, req, j, typ);
    if (!text.ptr || !type_good (text))
      return text.ptr ? -EACCES : -ENOMEM;
  }
  if (!kid)
    return 0;
  t->kid = kg_json_str (jwt->host, req, j, kid);
  return t->kid.ptr ? 0 : -ENOMEM;
}

/* ---- Signature ----------------------------------------------------------- */

/* Tries the keys that fit: the one that is named, or a few when none is. */
static int32_t
signature_check (const struct jwt *jwt, kg_req *req, const struct jwks *set,
                 const struct token *t, enum jwt_reason *ret_reason)
{
  const struct jwks_key *key = NULL;
  kg_str signature;
  int32_t i, rc = part_decode (jwt, req, t->signature, &signature);
  if (rc < 0)
    return rc;
  *ret_reason = JWT_KEY;
  for (i = 0; i < JWKS_TRIES && (key = jwks_find (set, key, t->alg, t->kid)); i++) {
    *ret_reason = JWT_SIGNATURE;
    rc = jose_verify (&key->key, t->signed_part.ptr, t->signed_part.len,
                      (const uint8_t *) signature.ptr, signature.len);
    if (rc)
      return rc < 0 ? rc : 0;
  }
  if (*ret_reason == JWT_KEY)
    jwks_want (jwt->source);
  return -EACCES;
}

/* The same, unless this thread knows the token. */
static int32_t
signature_known (const struct jwt *jwt, kg_req *req, const struct jwks *set,
                 const struct token *t, enum jwt_reason *ret_reason)
{
  uint8_t hash[SEEN_HASH];
  int32_t rc = seen_hash (jwt->sha256, t->whole.ptr, t->whole.len, hash);
  if (rc < 0 || seen_has (hash, set->generation))
    return rc;
  rc = signature_check (jwt, req, set, t, ret_reason);
  if (rc == 0)
    seen_add (hash, set->generation);
  return rc;
}

/* ---- Check --------------------------------------------------------------- */

/* Names the caller for all that is counted by caller. */
int32_t
jwt_identify (const struct jwt *jwt, kg_req *req, struct jwt_claims *claims)
{
  size_t iss = strlen (jwt->conf->issuer) + 1, sub = strlen (claims->subject);
  uint8_t hash[SEEN_HASH];
  char *text = jwt->host->alloc (req, 4 + iss + sub);
  int32_t rc;
  if (!text)
    return -ENOMEM;
  memcpy (text, "jwt", 4);
  memcpy (text + 4, jwt->conf->issuer, iss);
  memcpy (text + 4 + iss, claims->subject, sub);
  rc = seen_hash (jwt->sha256, text, 4 + iss + sub, hash);
  if (rc == 0)
    memcpy (claims->id, hash, JWT_ID);
  return rc;
}

/* Up to the signature. */
static int32_t
token_verify (const struct jwt *jwt, kg_req *req, kg_str text, const struct jwks *set,
              struct token *t, enum jwt_reason *ret_reason)
{
  const struct kg_json *header;
  int32_t rc = token_split (text, t);
  *ret_reason = JWT_MALFORMED;
  if (rc == 0)
    rc = part_parse (jwt, req, t->header, &header);
  if (rc == 0)
    rc = header_read (jwt, req, header, t);
  if (rc < 0)
    return rc;
  *ret_reason = JWT_ALGORITHM;
  if (t->alg < 0 || !(jwt->algorithms & 1u << t->alg))
    return -EACCES;
  *ret_reason = JWT_MALFORMED;
  return signature_known (jwt, req, set, t, ret_reason);
}

/* Counts a refusal and says of which kind it is. */
static int32_t
refuse (const struct jwt *jwt, enum jwt_reason reason)
{
  jwt->metrics->add (jwt->refused, reason, 1);
  return reason == JWT_MALFORMED || reason == JWT_ALGORITHM || reason == JWT_SIGNATURE
             ? -EACCES
             : -EKEYREJECTED;
}

int32_t
jwt_check (struct jwt *jwt, kg_req *req, kg_str text, int64_t now_s, struct jwt_claims *ret)
{
  const struct jwks *set = jwks_current (jwt->source);
  struct jwt_reading reading = { .host = jwt->host, .req = req, .conf = jwt->conf,
                                 .now_s = now_s };
  struct token t = { .alg = -1 };
  enum jwt_reason reason;
  int32_t rc;
  if (!set) {
    jwks_want (jwt->source);
    return -EAGAIN;
  }
  rc = token_verify (jwt, req, text, set, &t, &reason);
  if (rc == 0) {
    reason = JWT_MALFORMED;
    rc = part_parse (jwt, req, t.payload, &reading.json);
  }
  if (rc == 0)
    rc = jwt_claims_read (&reading, ret, &reason);
  if (rc == 0)
    rc = jwt_identify (jwt, req, ret);
  return rc == -EACCES ? refuse (jwt, reason) : rc;
}

/* ---- Life ---------------------------------------------------------------- */

static int32_t
open_metrics (struct jwt *jwt, kg_self *self)
{
  static const char *const reasons[JWT_REASONS + 1]
      = { "malformed", "algorithm", "key", "signature", "claims", "issuer", "audience",
          "expired", "early", "tenant", NULL };
  const struct kg_label reason = { "reason", reasons };
  const struct kg_metric_def refused
      = { .size = sizeof refused, .kind = KG_COUNTER, .name = "kgent_auth_jwt_refused_total",
          .help = "Tokens that were not accepted, by reason", .labels = &reason, .nlabels = 1 };
  int32_t rc = jwt->host->need (self, KG_METRICS, sizeof *jwt->metrics, 0,
                                (const void **) &jwt->metrics);
  return rc == 0 ? jwt->metrics->define (self, &refused, &jwt->refused) : rc;
}

int32_t
jwt_open (const struct kg_host *host, kg_self *self, const struct jwt_conf *conf,
          struct jwt **ret)
{
  struct jwt *jwt;
  int32_t rc;
  *ret = NULL;
  rc = jwt_conf_check (host, self, conf);
  if (rc <= 0)
    return rc;
  jwt = calloc (1, sizeof *jwt);
  if (!jwt)
    return -ENOMEM;
  jwt->host = host;
  jwt->conf = conf;
  for (const char *const *s = conf->algorithms; *s; s++)
    jwt->algorithms |= 1u << jose_alg (*s, strlen (*s));
  jwt->sha256 = EVP_MD_fetch (NULL, "SHA256", NULL);
  rc = jwt->sha256 ? jwks_source_open (host, self, conf, &jwt->source) : -ENOMEM;
  if (rc == 0)
    rc = open_metrics (jwt, self);
  if (rc < 0) {
    jwt_close (jwt);
    return rc;
  }
  *ret = jwt;
  return 0;
}

int32_t
jwt_start (struct jwt *jwt)
{
  return jwt ? jwks_source_start (jwt->source) : 0;
}

void
jwt_stop (struct jwt *jwt)
{
  if (jwt)
    jwks_source_stop (jwt->source);
}

void
jwt_close (struct jwt *jwt)
{
  if (!jwt)
    return;
  jwks_source_close (jwt->source);
  EVP_MD_free (jwt->sha256);
  free (jwt);
}

struct jwks_source *
jwt_source (const struct jwt *jwt)
{
  return jwt->source;
}
