/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* For tests of tokens: an issuer with keys, key sets and signatures of its own, and a
 * plugin that lets tokens in. */
#ifndef TESTS_AUTH_JWT_H
#define TESTS_AUTH_JWT_H

#include "tests/fake/fake-services.h"

#include "plugins/auth/jwks_fetch.h"

#include <kgent/json.h>

#include <check.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts here live for a test's length; the pool forgets the oldest. */
#define ISSUER_TEXTS 512
#define ISSUER_SIZE  20480

static inline char *
issuer_text (void)
{
  static char *texts[ISSUER_TEXTS];
  static unsigned next;
  unsigned i = next++ % ISSUER_TEXTS;
  free (texts[i]);
  texts[i] = calloc (1, ISSUER_SIZE);
  ck_assert_ptr_nonnull (texts[i]);
  return texts[i];
}

__attribute__ ((format (printf, 1, 2))) static inline char *
issuer_print (const char *fmt, ...)
{
  char *text = issuer_text ();
  va_list args;
  va_start (args, fmt);
  ck_assert_int_lt (vsnprintf (text, ISSUER_SIZE, fmt, args), ISSUER_SIZE);
  va_end (args);
  return text;
}

/* base64url without padding. */
static inline char *
issuer_base64 (const void *data, size_t len)
{
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const unsigned char *p = data;
  char *text = issuer_text ();
  size_t i, n = 0;
  ck_assert_uint_lt (len, ISSUER_SIZE / 2);
  for (i = 0; i < len; i += 3) {
    unsigned left = (unsigned) (len - i), v = (unsigned) p[i] << 16;
    v |= left > 1 ? (unsigned) p[i + 1] << 8 : 0;
    v |= left > 2 ? p[i + 2] : 0;
    text[n++] = digit[v >> 18];
    text[n++] = digit[v >> 12 & 63];
    if (left > 1)
      text[n++] = digit[v >> 6 & 63];
    if (left > 2)
      text[n++] = digit[v & 63];
  }
  return text;
}

/* Outside of tests too, where check asserts nothing. */
static inline EVP_PKEY *
issuer_key (EVP_PKEY *key)
{
  if (!key)
    abort ();
  return key;
}

static inline EVP_PKEY *
issuer_rsa (unsigned bits)
{
  return issuer_key (EVP_RSA_gen (bits));
}

static inline EVP_PKEY *
issuer_ec (const char *curve)
{
  return issuer_key (EVP_EC_gen (curve));
}

static inline EVP_PKEY *
issuer_ed25519 (void)
{
  return issuer_key (EVP_PKEY_Q_keygen (NULL, NULL, "ED25519"));
}

static inline char *
issuer_number (const EVP_PKEY *key, const char *name)
{
  unsigned char bytes[2048];
  BIGNUM *n = NULL;
  ck_assert_int_eq (EVP_PKEY_get_bn_param (key, name, &n), 1);
  ck_assert_int_le (BN_num_bytes (n), (int) sizeof bytes);
  size_t len = (size_t) BN_bn2bin (n, bytes);
  BN_free (n);
  return issuer_base64 (bytes, len);
}

/* The public key as a JWK, without its closing brace; `more` are further members
 * (",\"kid\":\"a\""). */
static inline char *
issuer_jwk (const EVP_PKEY *key, const char *more)
{
  unsigned char point[160];
  size_t len = sizeof point;
  if (EVP_PKEY_is_a (key, "RSA"))
    return issuer_print ("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}",
                         issuer_number (key, OSSL_PKEY_PARAM_RSA_N),
                         issuer_number (key, OSSL_PKEY_PARAM_RSA_E), more);
  ck_assert_int_eq (
      EVP_PKEY_get_octet_string_param (key, OSSL_PKEY_PARAM_PUB_KEY, point, len, &len), 1);
  if (EVP_PKEY_is_a (key, "ED25519"))
    return issuer_print ("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"%s}",
                         issuer_base64 (point, len), more);
  ck_assert_int_eq (point[0], 4);
  return issuer_print ("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}",
                       issuer_base64 (point + 1, len / 2),
                       issuer_base64 (point + 1 + len / 2, len / 2), more);
}

/* DER to r and s, 32 bytes each. */
static inline size_t
issuer_raw (unsigned char *signature, size_t len)
{
  const unsigned char *p = signature;
  ECDSA_SIG *s = d2i_ECDSA_SIG (NULL, &p, (long) len);
  ck_assert_ptr_nonnull (s);
  ck_assert_int_eq (BN_bn2binpad (ECDSA_SIG_get0_r (s), signature, 32), 32);
  ck_assert_int_eq (BN_bn2binpad (ECDSA_SIG_get0_s (s), signature + 32, 32), 32);
  ECDSA_SIG_free (s);
  return 64;
}

/* The signature of a text, as a token carries it. */
static inline char *
issuer_sign (EVP_PKEY *key, const char *text)
{
  unsigned char signature[2048];
  size_t len = sizeof signature;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
  const EVP_MD *md = EVP_PKEY_is_a (key, "ED25519") ? NULL : EVP_sha256 ();
  ck_assert_int_eq (EVP_DigestSignInit (ctx, NULL, md, NULL, key), 1);
  ck_assert_int_eq (
      EVP_DigestSign (ctx, signature, &len, (const unsigned char *) text, strlen (text)), 1);
  EVP_MD_CTX_free (ctx);
  if (EVP_PKEY_is_a (key, "EC"))
    len = issuer_raw (signature, len);
  return issuer_base64 (signature, len);
}

/* A token of two JSON texts. */
static inline char *
issuer_token (EVP_PKEY *key, const char *header, const char *payload)
{
  char *text = issuer_print ("%s.%s", issuer_base64 (header, strlen (header)),
                             issuer_base64 (payload, strlen (payload)));
  return issuer_print ("%s.%s", text, issuer_sign (key, text));
}

#define HEADERS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SECOND       1000000000ll
#define START        1000000 /* seconds of the monotonic clock when the keys come */
#define NOW          1800000000ll
#define ISSUER       "https://issuer.example"
#define URL          "https://issuer.example/keys"
#define REFUSED      "kgent_auth_jwt_refused_total"

static EVP_PKEY *rsa, *ec, *ed, *other_rsa, *other_ec, *other_ed;
static struct fake *fake;
static const struct kg_host *host;
static struct jwt *jwt;
static int32_t opened; /* what jwt_open answered */

/* ---- A plugin that lets tokens in ---------------------------------------- */

static int64_t now_s;
static int32_t answered; /* by jwt_check */

static inline void
show_list (struct kg_out *out, const char *name, const char *const *list)
{
  kg_out_lit (out, name);
  for (size_t i = 0; list[i]; i++) {
    kg_out_lit (out, i ? " " : "");
    kg_out_lit (out, list[i]);
  }
}

static inline int32_t
show_claims (kg_req *req, const struct jwt_claims *c)
{
  char *text = issuer_text ();
  struct kg_out out = { text, 0, ISSUER_SIZE };
  kg_out_lit (&out, c->subject);
  kg_out_lit (&out, "|");
  kg_out_lit (&out, c->tenant);
  show_list (&out, "|", c->scopes);
  show_list (&out, "|", c->archetypes);
  kg_out_lit (&out, "|");
  kg_out_int (&out, c->expires_s);
  host->reply (req, 200, "text/plain", text, out.len);
  return KG_DONE;
}

static inline int32_t
route_check (kg_req *req, void *data)
{
  kg_str token = host->get (req, KG_GET_HEADER, "X-Token");
  struct jwt_claims claims;
  int32_t rc = jwt_check (jwt, req, token, now_s, &claims);
  (void) data;
  answered = rc;
  if (rc == -EACCES || rc == -EKEYREJECTED)
    return host->problem (req, 401, NULL, "%s", JWT_DETAIL);
  return rc < 0 ? rc : show_claims (req, &claims);
}

struct probe_conf {
  struct jwt_conf jwt;
};

static const struct kg_opt probe_opts[] = {
  { .key = "jwt", .type = KG_OPT_GROUP, .offset = offsetof (struct probe_conf, jwt),
    .sub = jwt_opts, .help = "" },
  { .key = NULL },
};

static inline int32_t
probe_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route route
      = { .size = sizeof route, .method = "GET", .pattern = "/check", .handler = route_check,
          .flags = KG_PUBLIC };
  const struct probe_conf *c = conf;
  host = h;
  *ret_data = NULL;
  opened = jwt_open (h, self, &c->jwt, &jwt);
  return opened < 0 ? opened : h->route (self, &route);
}

static inline int32_t
probe_start (void *data)
{
  (void) data;
  return jwt_start (jwt);
}

static inline void
probe_stop (void *data)
{
  (void) data;
  jwt_stop (jwt);
}

static inline void
probe_close (void *data)
{
  (void) data;
  jwt_close (jwt);
  jwt = NULL;
}

static const struct kg_plugin probe = { .abi = KG_ABI_CURRENT,
                                        .size = sizeof probe,
                                        .opt_size = sizeof (struct kg_opt),
                                        .name = "probe",
                                        .version = "1",
                                        .summary = "",
                                        .opts = probe_opts,
                                        .conf_size = sizeof (struct probe_conf),
                                        .open = probe_open,
                                        .start = probe_start,
                                        .stop = probe_stop,
                                        .close = probe_close };

/* ---- The three keys, and the plugin with them ---------------------------- */

static inline void
tick (int64_t s)
{
  jwks_source_tick (jwt_source (jwt), (START + s) * SECOND);
}

static inline char *
keys_of (const char *first, const char *second, const char *third)
{
  return issuer_print ("{\"keys\":[%s%s%s%s%s]}", first, second ? "," : "",
                       second ? second : "", third ? "," : "", third ? third : "");
}

static inline char *
all_keys (void)
{
  return keys_of (issuer_jwk (rsa, ",\"kid\":\"r\",\"use\":\"sig\",\"alg\":\"RS256\""),
                  issuer_jwk (ec, ",\"kid\":\"e\",\"key_ops\":[\"verify\"]"),
                  issuer_jwk (ed, ",\"kid\":\"d\""));
}

static inline void
open_with (const char *const *conf)
{
  fake = fake_new ();
  fake_services (fake);
  now_s = NOW;
  ck_assert_msg (fake_open (fake, &probe, conf) == 0, "%s", fake_error (fake));
  ck_assert_int_eq (fake_start (fake), 0);
}

/* The provider answers. */
static inline void
provide (int status, const char *body, int64_t at_s)
{
  fake_http_reply (fake, status, NULL, body, -1);
  fake_http_deliver (fake);
  tick (at_s);
}

static inline void
setup (void)
{
  open_with (HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent", "jwt.jwks_url=" URL,
                      "jwt.scopes=read,write,billing", "jwt.archetypes=developer,poet",
                      "jwt.leeway=5"));
  tick (0);
  ck_assert_int_eq (fake_http_count (fake), 1);
  provide (200, all_keys (), 0);
}

static inline void
teardown (void)
{
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_free (fake);
}

/* ---- Asking -------------------------------------------------------------- */

static inline kg_req *
ask (const char *token)
{
  return fake_request (fake, "GET", "/check", HEADERS (issuer_print ("X-Token: %s", token)),
                       NULL);
}

/* What a good token says. */
static inline char *
said (const char *token)
{
  kg_req *req = ask (token);
  ck_assert_msg (fake_status (req) == 200, "%d %s", fake_status (req), fake_body (req));
  return issuer_print ("%.*s", (int) fake_body_len (req), fake_body (req));
}

static inline void
good (const char *token)
{
  said (token);
}

/* It is refused, counted under this reason and no other. */
static inline void
bad (const char *token, const char *reason)
{
  double before = fake_metric (fake, REFUSED, reason), all = fake_metric (fake, REFUSED, NULL);
  kg_req *req = ask (token);
  ck_assert_msg (fake_status (req) == 401, "%d %s for %s", fake_status (req), fake_body (req),
                 token);
  ck_assert_msg (fake_metric (fake, REFUSED, reason) == before + 1, "not %s: %s", reason, token);
  ck_assert (fake_metric (fake, REFUSED, NULL) == all + 1);
  ck_assert_str_eq (fake_json (req, "detail"), JWT_DETAIL);
  ck_assert_int_eq (answered, strstr ("malformed algorithm signature", reason) ? -EACCES
                                                                              : -EKEYREJECTED);
}

/* The usual claims, with something else in front. */
#define COMMON                                                                                 \
  "\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"sub\":\"ann\",\"tenant\":\"acme\","               \
  "\"nbf\":1799999990,\"exp\":1800000100"
#define CLAIMS    "{" COMMON "}"
#define WITH(...) "{" __VA_ARGS__ "," COMMON "}"

static inline char *
rsa_token (const char *payload)
{
  return issuer_token (rsa, "{\"alg\":\"RS256\",\"kid\":\"r\"}", payload);
}

static inline char *
ec_token (const char *payload)
{
  return issuer_token (ec, "{\"alg\":\"ES256\",\"kid\":\"e\"}", payload);
}

static inline char *
ed_token (const char *payload)
{
  return issuer_token (ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", payload);
}

static inline char *
with_header (const char *header)
{
  return issuer_token (ed, header, CLAIMS);
}

/* ---- The whole test ------------------------------------------------------ */

/* Makes the keys, once for all cases. */
static inline int
issuer_run (Suite *suite)
{
  SRunner *runner;
  int failed;
  rsa = issuer_rsa (2048), other_rsa = issuer_rsa (2048);
  ec = issuer_ec ("P-256"), other_ec = issuer_ec ("P-256");
  ed = issuer_ed25519 (), other_ed = issuer_ed25519 ();
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  EVP_PKEY *const keys[] = { rsa, other_rsa, ec, other_ec, ed, other_ed };
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    EVP_PKEY_free (keys[i]);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define LOOP(c, test, table)                                                                   \
  tcase_add_loop_test (c, test, 0, (int) (sizeof table / sizeof table[0]))

#endif
