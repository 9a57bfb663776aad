/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tokens that are refused. */

#include "tests/plugins/auth-jwt.h"

#include <openssl/hmac.h>

/* ---- Bad tokens ---------------------------------------------------------- */

START_TEST (clocks_differ_by_the_leeway)
{
  char *token = ed_token (CLAIMS);
  now_s = 1800000104;
  good (token);
  now_s = 1800000105;
  bad (token, "expired");
  now_s = 1799999985;
  good (token);
  now_s = 1799999984;
  bad (token, "early");
}
END_TEST

#define TIMES(nbf, exp)                                                                        \
  "{\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"sub\":\"a\",\"tenant\":\"t\"" nbf exp "}"

START_TEST (times_are_required)
{
  good (ed_token (TIMES (",\"nbf\":1800000000.5", ",\"exp\":1.8000001e9")));
  good (ed_token (TIMES (",\"nbf\":0", ",\"exp\":253402300799")));
  bad (ed_token (TIMES ("", ",\"exp\":1800000100")), "claims");
  bad (ed_token (TIMES (",\"nbf\":1", "")), "claims");
  bad (ed_token (TIMES (",\"nbf\":1", ",\"exp\":\"1800000100\"")), "claims");
  bad (ed_token (TIMES (",\"nbf\":1", ",\"exp\":null")), "claims");
  bad (ed_token (TIMES (",\"nbf\":1", ",\"exp\":true")), "claims");
  bad (ed_token (TIMES (",\"nbf\":1", ",\"exp\":-1")), "claims");
  bad (ed_token (TIMES (",\"nbf\":1", ",\"exp\":9223372036854775807")), "claims");
  bad (ed_token (TIMES (",\"nbf\":1", ",\"exp\":1e300")), "claims");
  bad (ed_token (TIMES (",\"nbf\":[1]", ",\"exp\":1800000100")), "claims");
  bad (ed_token (TIMES (",\"nbf\":-9223372036854775808", ",\"exp\":1800000100")), "claims");
  bad (ed_token (TIMES (",\"nbf\":1", ",\"exp\":1800000100,\"exp\":1900000000")), "malformed");
}
END_TEST

static const struct {
  const char *payload, *reason;
} payloads[] = {
  { "{\"aud\":\"kgent\",\"sub\":\"a\",\"tenant\":\"t\",\"nbf\":1,\"exp\":1800000100}", "issuer" },
  { "{\"iss\":\"https://issuer.example/\",\"aud\":\"kgent\",\"sub\":\"a\",\"tenant\":\"t\","
    "\"nbf\":1,\"exp\":1800000100}",
    "issuer" },
  { "{\"iss\":[\"" ISSUER "\"],\"aud\":\"kgent\",\"sub\":\"a\",\"tenant\":\"t\",\"nbf\":1,"
    "\"exp\":1800000100}",
    "issuer" },
  { "{\"iss\":\"" ISSUER "\",\"sub\":\"a\",\"tenant\":\"t\",\"nbf\":1,\"exp\":1800000100}",
    "audience" },
  { "{\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"tenant\":\"t\",\"nbf\":1,\"exp\":1800000100}",
    "claims" },
  { "{\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"sub\":\"\",\"tenant\":\"t\",\"nbf\":1,"
    "\"exp\":1800000100}",
    "claims" },
  { "{\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"sub\":7,\"tenant\":\"t\",\"nbf\":1,"
    "\"exp\":1800000100}",
    "claims" },
  { "{\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"sub\":\"a\\nb\",\"tenant\":\"t\",\"nbf\":1,"
    "\"exp\":1800000100}",
    "claims" },
  { "{\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"sub\":\"a\",\"nbf\":1,\"exp\":1800000100}",
    "tenant" },
  { "{\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"sub\":\"a\",\"tenant\":null,\"nbf\":1,"
    "\"exp\":1800000100}",
    "tenant" },
  { WITH ("\"scope\":7"), "claims" },
  { WITH ("\"scope\":[\"read\",7]"), "claims" },
  { WITH ("\"scope\":{\"read\":true}"), "claims" },
  { WITH ("\"archetypes\":[7]"), "claims" },
  { WITH ("\"archetypes\":null"), "claims" },
  { WITH ("\"scope\":\"read\",\"scope\":\"read\""), "malformed" },
  { WITH ("\"s\\u0075b\":\"bob\""), "malformed" }, /* "sub" a second time */
  { WITH ("\"x\":\"\\u0000\""), "malformed" },
  { WITH ("\"x\":\"\xff\""), "malformed" },
  { WITH ("\"x\":NaN"), "malformed" },
  { CLAIMS " {}", "malformed" },
  { "[" CLAIMS "]", "malformed" },
  { "\"text\"", "malformed" },
  { "", "malformed" },
  { "{", "malformed" },
};

START_TEST (claims_that_are_refused)
{
  bad (ed_token (payloads[_i].payload), payloads[_i].reason);
}
END_TEST

static const struct {
  const char *header, *reason;
} headers[] = {
  { "{\"kid\":\"d\"}", "malformed" },
  { "{\"alg\":null,\"kid\":\"d\"}", "malformed" },
  { "{\"alg\":[\"EdDSA\"],\"kid\":\"d\"}", "malformed" },
  { "{\"alg\":\"none\",\"kid\":\"d\"}", "algorithm" },
  { "{\"alg\":\"None\",\"kid\":\"d\"}", "algorithm" },
  { "{\"alg\":\"\",\"kid\":\"d\"}", "algorithm" },
  { "{\"alg\":\"HS256\",\"kid\":\"d\"}", "algorithm" },
  { "{\"alg\":\"eddsa\",\"kid\":\"d\"}", "algorithm" },
  { "{\"alg\":\"PS256\",\"kid\":\"r\"}", "algorithm" },
  { "{\"alg\":\"RS512\",\"kid\":\"r\"}", "algorithm" },
  { "{\"alg\":\"ES256K\",\"kid\":\"e\"}", "algorithm" },
  { "{\"alg\":\"ES256\",\"kid\":\"d\"}", "key" },
  { "{\"alg\":\"RS256\",\"kid\":\"d\"}", "key" },
  { "{\"alg\":\"EdDSA\",\"kid\":\"r\"}", "key" },
  { "{\"alg\":\"EdDSA\",\"kid\":\"\"}", "key" },
  { "{\"alg\":\"EdDSA\",\"kid\":\"dd\"}", "key" },
  { "{\"alg\":\"EdDSA\",\"kid\":7}", "malformed" },
  { "{\"alg\":\"EdDSA\",\"kid\":\"d\",\"typ\":7}", "malformed" },
  { "{\"alg\":\"EdDSA\",\"kid\":\"d\",\"cty\":\"JWT\"}", "malformed" },
  { "{\"alg\":\"EdDSA\",\"kid\":\"d\",\"crit\":[\"exp\"],\"exp\":1}", "malformed" },
  { "{\"alg\":\"EdDSA\",\"kid\":\"d\",\"crit\":[]}", "malformed" },
  { "{\"alg\":\"EdDSA\",\"kid\":\"d\",\"b64\":false,\"crit\":[\"b64\"]}", "malformed" },
  { "{\"alg\":\"none\",\"alg\":\"EdDSA\",\"kid\":\"d\"}", "malformed" },
  { "{\"alg\":\"EdDSA\",\"kid\":\"x\",\"kid\":\"d\"}", "malformed" },
  { "[\"EdDSA\"]", "malformed" },
  { "\xef\xbb\xbf{\"alg\":\"EdDSA\",\"kid\":\"d\"}", "malformed" },
  { "{\"alg\":\"EdDSA\",\"kid\":\"d\"", "malformed" },
};

START_TEST (headers_that_are_refused)
{
  bad (with_header (headers[_i].header), headers[_i].reason);
}
END_TEST

START_TEST (tokens_of_a_wrong_form)
{
  char *token = ed_token (CLAIMS), *dot = strchr (token, '.'), *last = strrchr (token, '.');
  bad ("", "malformed");
  bad ("..", "malformed");
  bad ("a.b.c", "malformed");
  bad (issuer_print ("%.*s", (int) (last - token), token), "malformed"); /* two parts */
  bad (issuer_print ("%s.", token), "malformed");                        /* four */
  bad (issuer_print ("%s=", token), "malformed");
  bad (issuer_print ("%s==", token), "malformed");
  bad (issuer_print ("%.*s.", (int) (last - token), token), "malformed"); /* no signature */
  bad (issuer_print ("%.*s%s", (int) (last - token) - 1, token, last), "signature");
  bad (issuer_print ("%s%s", token, "AAAA"), "signature");
  bad (issuer_print ("%.*s..%s", (int) (dot - token), token, last + 1), "signature");
  bad (issuer_print ("kg_%s", token), "malformed");
  good (token);
}
END_TEST

/* No bit of a token can be changed. */
START_TEST (every_character_counts)
{
  char token[512];
  size_t len = strlen (strcpy (token, ed_token (CLAIMS)));
  for (size_t i = 0; i < len; i++) {
    char *other = issuer_print ("%s", token);
    other[i] = other[i] == 'A' ? 'B' : 'A';
    ck_assert_int_eq (fake_status (ask (other)), 401);
  }
  good (token);
}
END_TEST

START_TEST (tokens_are_bounded)
{
  char *fill = issuer_text (), *token;
  memset (fill, 'x', 5800);
  token = ed_token (issuer_print (WITH ("\"x\":\"%s\""), fill));
  ck_assert_uint_lt (strlen (token), JWT_MAX);
  ck_assert_uint_gt (strlen (token), JWT_MAX - 400);
  good (token);
  memset (fill, 'x', 6200);
  token = ed_token (issuer_print (WITH ("\"x\":\"%s\""), fill));
  ck_assert_uint_gt (strlen (token), JWT_MAX);
  bad (token, "malformed");
  fill[1600] = 0;
  bad (with_header (issuer_print ("{\"alg\":\"EdDSA\",\"kid\":\"d\",\"x\":\"%s\"}", fill)),
       "malformed");
  fill[1400] = 0;
  good (with_header (issuer_print ("{\"alg\":\"EdDSA\",\"kid\":\"d\",\"x\":\"%s\"}", fill)));
}
END_TEST

/* The signature is somebody else's, who says that he is the one. */
START_TEST (signatures_of_other_keys)
{
  bad (issuer_token (other_rsa, "{\"alg\":\"RS256\",\"kid\":\"r\"}", CLAIMS), "signature");
  bad (issuer_token (other_ec, "{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS), "signature");
  bad (issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", CLAIMS), "signature");
  bad (issuer_token (other_ed, "{\"alg\":\"EdDSA\"}", CLAIMS), "signature");
  bad (issuer_token (ec, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", CLAIMS), "signature");
  bad (issuer_token (ed, "{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS), "signature");
}
END_TEST

/* A token that brings its key along is not verified with that. */
START_TEST (keys_in_a_token_are_ignored)
{
  bad (issuer_token (other_ed,
                     issuer_print ("{\"alg\":\"EdDSA\",\"jwk\":%s}", issuer_jwk (other_ed, "")),
                     CLAIMS),
       "signature");
  bad (issuer_token (other_ed,
                     issuer_print ("{\"alg\":\"EdDSA\",\"kid\":\"own\",\"jwk\":%s}",
                                   issuer_jwk (other_ed, ",\"kid\":\"own\"")),
                     CLAIMS),
       "key");
  bad (issuer_token (other_ed,
                     "{\"alg\":\"EdDSA\",\"kid\":\"d\",\"jku\":\"https://evil.example/keys\"}",
                     CLAIMS),
       "signature");
  good (with_header ("{\"alg\":\"EdDSA\",\"kid\":\"d\",\"jku\":\"https://evil.example/keys\","
                     "\"x5c\":[\"AAAA\"]}"));
  ck_assert_int_eq (fake_http_count (fake), 1);
}
END_TEST

/* The public key as the secret of an HMAC. */
START_TEST (a_public_key_is_no_secret)
{
  static const char header[] = "{\"alg\":\"HS256\",\"kid\":\"r\"}";
  const char *jwk = issuer_jwk (rsa, "");
  char *text = issuer_print ("%s.%s", issuer_base64 (header, strlen (header)),
                             issuer_base64 (CLAIMS, strlen (CLAIMS)));
  unsigned char mac[32];
  HMAC (EVP_sha256 (), jwk, (int) strlen (jwk), (unsigned char *) text, strlen (text), mac, NULL);
  bad (issuer_print ("%s.%s", text, issuer_base64 (mac, sizeof mac)), "algorithm");
}
END_TEST

/* DER instead of r and s; s in its other form is the same signature (no rule
 * forbids it, and nobody keeps tokens apart by their signature). */
START_TEST (ecdsa_signatures_have_64_bytes)
{
  static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"e\"}";
  char *text = issuer_print ("%s.%s", issuer_base64 (header, strlen (header)),
                             issuer_base64 (CLAIMS, strlen (CLAIMS)));
  unsigned char der[128];
  size_t len = sizeof der;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
  ck_assert_int_eq (EVP_DigestSignInit (ctx, NULL, EVP_sha256 (), NULL, ec), 1);
  ck_assert_int_eq (EVP_DigestSign (ctx, der, &len, (unsigned char *) text, strlen (text)), 1);
  EVP_MD_CTX_free (ctx);
  bad (issuer_print ("%s.%s", text, issuer_base64 (der, len)), "signature");
}
END_TEST

START_TEST (only_configured_algorithms)
{
  teardown ();
  open_with (HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent", "jwt.jwks_url=" URL,
                      "jwt.algorithms=ES256", "jwt.tenant=home"));
  tick (0);
  provide (200, all_keys (), 0);
  good (ec_token (CLAIMS));
  bad (ed_token (CLAIMS), "algorithm");
  bad (rsa_token (CLAIMS), "algorithm");
  ck_assert_str_eq (said (ec_token ("{\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"sub\":\"a\","
                                    "\"nbf\":1,\"exp\":1800000100}")),
                    "a|home||developer|1800000100"); /* the configured tenant */
}
END_TEST

START_TEST (any_archetype_where_that_is_configured)
{
  teardown ();
  open_with (HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent", "jwt.jwks_url=" URL,
                      "jwt.archetypes=*", "jwt.archetypes_claim=https://example.com/a",
                      "jwt.scope_claim=scp", "jwt.tenant_claim=org"));
  tick (0);
  provide (200, all_keys (), 0);
  ck_assert_str_eq (
      said (ed_token (WITH ("\"https://example.com/a\":[\"x\"],\"scp\":\"write\",\"org\":\"o\""))),
      "ann|o|write|x|1800000100");
  ck_assert_str_eq (said (ed_token (WITH ("\"org\":\"o\""))), "ann|o|||1800000100");
  bad (ed_token (CLAIMS), "tenant");
}
END_TEST

START_TEST (what_looks_like_a_token)
{
#define LOOKS(s) jwt_looks ((kg_str){ s, strlen (s) })
  ck_assert_int_eq (LOOKS ("a.b.c"), 1);
  ck_assert_int_eq (LOOKS (".."), 1);
  ck_assert_int_eq (LOOKS ("a.b"), 0);
  ck_assert_int_eq (LOOKS ("a.b.c.d"), 0);
  ck_assert_int_eq (LOOKS (""), 0);
  ck_assert_int_eq (LOOKS ("kg_a.b.c"), 0);
  ck_assert_int_eq (LOOKS ("kg_dev_alice"), 0);
  ck_assert_int_eq (jwt_looks ((kg_str){ NULL, 0 }), 0);
}
END_TEST

static void
id_of (const char *payload, uint8_t ret[JWT_ID])
{
  kg_req *req = ask ("a.b.c");
  char *token = ed_token (payload);
  struct jwt_claims claims;
  ck_assert_int_eq (jwt_check (jwt, req, (kg_str){ token, strlen (token) }, NOW, &claims), 0);
  memcpy (ret, claims.id, JWT_ID);
}

START_TEST (callers_have_ids)
{
  static const char text[] = "jwt\0" ISSUER "\0ann";
  unsigned char hash[32];
  uint8_t ann[JWT_ID], again[JWT_ID], bob[JWT_ID];
  id_of (CLAIMS, ann);
  id_of (WITH ("\"jti\":\"2\""), again);
  id_of (TIMES (",\"nbf\":1", ",\"exp\":1800000100"), bob);
  ck_assert_int_eq (memcmp (ann, again, JWT_ID), 0);
  ck_assert_int_ne (memcmp (ann, bob, JWT_ID), 0);
  EVP_Digest (text, sizeof text - 1, hash, NULL, EVP_sha256 (), NULL);
  ck_assert_int_eq (memcmp (ann, hash, JWT_ID), 0);
}
END_TEST

/* ---- All ----------------------------------------------------------------- */

static Suite *
suite (void)
{
  Suite *s = suite_create ("jwt");
  TCase *plain = tcase_create ("parts"), *hosted = tcase_create ("tokens");
  tcase_add_test (plain, what_looks_like_a_token);
  tcase_add_checked_fixture (hosted, setup, teardown);
  tcase_add_test (hosted, clocks_differ_by_the_leeway);
  tcase_add_test (hosted, times_are_required);
  LOOP (hosted, claims_that_are_refused, payloads);
  LOOP (hosted, headers_that_are_refused, headers);
  tcase_add_test (hosted, tokens_of_a_wrong_form);
  tcase_add_test (hosted, every_character_counts);
  tcase_add_test (hosted, tokens_are_bounded);
  tcase_add_test (hosted, signatures_of_other_keys);
  tcase_add_test (hosted, keys_in_a_token_are_ignored);
  tcase_add_test (hosted, a_public_key_is_no_secret);
  tcase_add_test (hosted, ecdsa_signatures_have_64_bytes);
  tcase_add_test (hosted, only_configured_algorithms);
  tcase_add_test (hosted, any_archetype_where_that_is_configured);
  tcase_add_test (hosted, callers_have_ids);
  tcase_set_timeout (plain, 60);
  tcase_set_timeout (hosted, 60);
  suite_add_tcase (s, plain);
  suite_add_tcase (s, hosted);
  return s;
}

int
main (void)
{
  return issuer_run (suite ());
}
