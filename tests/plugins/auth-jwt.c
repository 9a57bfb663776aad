/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tokens that are good, and those seen before. */

#include "tests/plugins/auth-jwt.h"

#include "plugins/auth/jwt_seen.h"

/* ---- Vectors ------------------------------------------------------------- */

/* RFC 7515, appendices A.2 and A.3; RFC 8037, appendix A.4. */
static const struct {
  int32_t alg;
  const char *jwk, *text, *signature;
} vectors[] = {
  { JOSE_RS256,
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0"
    "l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690"
    "r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665"
    "xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs9"
    "1kzk2PAcDTW9gb54h4FRWyuXpoQ\"}",
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx"
    "lLmNvbS9pc19yb290Ijp0cnVlfQ",
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2"
    "Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjt"
    "QBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6"
    "IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw" },
  { JOSE_ES256,
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx"
    "lLmNvbS9pc19yb290Ijp0cnVlfQ",
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
  { JOSE_EDDSA,
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg" },
};

static int32_t
parse (const char *text, struct jwks **ret)
{
  return jwks_parse ((kg_str){ text, strlen (text) }, ret);
}

START_TEST (the_vectors_of_the_rfcs)
{
  uint8_t signature[JOSE_SIGNATURE_MAX];
  const struct jwks_key *key;
  struct jwks *set;
  int64_t len = jose_base64 (vectors[_i].signature, strlen (vectors[_i].signature), signature);
  ck_assert_int_gt (len, 0);
  ck_assert_int_eq (parse (keys_of (vectors[_i].jwk, NULL, NULL), &set), 0);
  key = jwks_find (set, NULL, vectors[_i].alg, (kg_str){ NULL, 0 });
  ck_assert_ptr_nonnull (key);
#define VERIFY(len) jose_verify (&key->key, vectors[_i].text, strlen (vectors[_i].text), signature, len)
  ck_assert_int_eq (VERIFY ((size_t) len), 1);
  ck_assert_int_eq (VERIFY ((size_t) len - 1), 0);
  ck_assert_int_eq (jose_verify (&key->key, "x", 1, signature, (size_t) len), 0);
  for (int64_t i = 0; i < len; i++) {
    signature[i] ^= 1;
    ck_assert_int_eq (VERIFY ((size_t) len), 0);
    signature[i] ^= 1;
  }
  memset (signature, 0, sizeof signature); /* r = s = 0, and such */
  ck_assert_int_eq (VERIFY ((size_t) len), 0);
  memset (signature, 0xff, sizeof signature);
  ck_assert_int_eq (VERIFY ((size_t) len), 0);
#undef VERIFY
  jwks_free (set);
}
END_TEST

static const struct {
  const char *in;
  int64_t len; /* -1: refused */
} base64s[] = {
  { "", 0 },      { "A", -1 },     { "AA", 1 },    { "AAA", 2 },   { "AAAA", 3 },
  { "AAAAA", -1 }, { "_-8", 2 },    { "_-9", -1 },  { "AB", -1 },   { "AQ", 1 },
  { "AA==", -1 },  { "AAA=", -1 },  { "A+A", -1 },  { "A/A", -1 },  { "AA AA", -1 },
  { "AAAA\n", -1 }, { "A.AA", -1 }, { "AA\xc3\xa4", -1 }, { "=", -1 },
};

START_TEST (base64url_is_strict)
{
  uint8_t out[16];
  int64_t n = jose_base64 (base64s[_i].in, strlen (base64s[_i].in), out);
  ck_assert_int_eq (n, base64s[_i].len < 0 ? -EINVAL : base64s[_i].len);
}
END_TEST

START_TEST (base64url_is_read)
{
  uint8_t out[64], in[48];
  for (size_t i = 0; i < sizeof in; i++)
    in[i] = (uint8_t) (i * 37 + 11);
  for (size_t len = 0; len <= sizeof in; len++) {
    const char *text = issuer_base64 (in, len);
    ck_assert_int_eq (jose_base64 (text, strlen (text), out), (int64_t) len);
    ck_assert_int_eq (memcmp (in, out, len), 0);
  }
}
END_TEST

/* ---- Good tokens --------------------------------------------------------- */

START_TEST (a_good_token_of_each_algorithm)
{
  good (rsa_token (CLAIMS));
  good (ec_token (CLAIMS));
  good (ed_token (CLAIMS));
  for (int i = 0; i < 40; i++) /* r and s with leading zeros and high bits */
    good (ec_token (CLAIMS));
  ck_assert (fake_metric (fake, REFUSED, NULL) == 0);
  ck_assert (fake_metric (fake, "kgent_auth_jwks_keys", NULL) == 3);
}
END_TEST

START_TEST (what_a_token_says)
{
  ck_assert_str_eq (said (ed_token (CLAIMS)), "ann|acme||developer|1800000100");
  ck_assert_str_eq (said (ed_token (WITH ("\"scope\":\"read write\""))),
                    "ann|acme|read write|developer|1800000100");
  ck_assert_str_eq (said (ed_token (WITH ("\"scope\":[\"read\",\"billing\"]"))),
                    "ann|acme|read billing|developer|1800000100");
  ck_assert_str_eq (said (ed_token (WITH ("\"archetypes\":[\"poet\",\"developer\"]"))),
                    "ann|acme||poet developer|1800000100");
  ck_assert_str_eq (said (ed_token (WITH ("\"archetypes\":\"poet\""))),
                    "ann|acme||poet|1800000100");
  ck_assert_str_eq (said (ed_token (WITH ("\"x\":{\"tenant\":\"no\"},\"jti\":\"1\",\"iat\":1"))),
                    "ann|acme||developer|1800000100");
}
END_TEST

START_TEST (a_token_gets_no_more_than_is_allowed)
{
  ck_assert_str_eq (said (ed_token (WITH ("\"scope\":\"openid admin read  profile\""))),
                    "ann|acme|read|developer|1800000100");
  ck_assert_str_eq (said (ed_token (WITH ("\"scope\":\"Read READ rea readx\""))),
                    "ann|acme||developer|1800000100");
  ck_assert_str_eq (said (ed_token (WITH ("\"scope\":[\"read write\",\"admin\"]"))),
                    "ann|acme||developer|1800000100");
  ck_assert_str_eq (said (ed_token (WITH ("\"archetypes\":[\"admin\",\"*\"]"))),
                    "ann|acme||developer|1800000100");
  ck_assert_str_eq (said (ed_token (WITH ("\"archetypes\":[]"))),
                    "ann|acme||developer|1800000100");
}
END_TEST

/* Without "invoke:" scopes everything may be invoked: they must not get lost. */
START_TEST (scopes_that_narrow_stay)
{
  ck_assert_str_eq (said (ed_token (WITH ("\"scope\":\"read invoke:world.house.* admin\""))),
                    "ann|acme|read invoke:world.house.*|developer|1800000100");
  bad (ed_token (WITH ("\"scope\":\"read invoke:"
                       "01234567890123456789012345678901234567890123456789"
                       "01234567890123456789012345678901234567890123456789"
                       "01234567890123456789012345678901234567890123456789\"")),
       "claims");
}
END_TEST

START_TEST (long_lists_are_refused)
{
  char *scopes = issuer_text ();
  for (int i = 0; i < JWT_LIST + 1; i++)
    strcat (scopes, "invoke:a ");
  bad (ed_token (issuer_print (WITH ("\"scope\":\"%s\""), scopes)), "claims");
  scopes[9 * JWT_LIST] = 0;
  good (ed_token (issuer_print (WITH ("\"scope\":\"%s\""), scopes)));
}
END_TEST

START_TEST (an_audience_among_others)
{
#define AUD(aud)                                                                               \
  ed_token ("{\"iss\":\"" ISSUER "\",\"aud\":" aud ",\"sub\":\"a\",\"tenant\":\"t\",\"nbf\":1,"   \
            "\"exp\":1800000100}")
  good (AUD ("[\"other\",\"kgent\"]"));
  good (AUD ("[\"kgent\"]"));
  bad (AUD ("[]"), "audience");
  bad (AUD ("[\"other\"]"), "audience");
  bad (AUD ("[\"kgent\",1]"), "audience");
  bad (AUD ("\"kgent2\""), "audience");
  bad (AUD ("\"kgen\""), "audience");
  bad (AUD ("{\"kgent\":1}"), "audience");
  bad (AUD ("null"), "audience");
  bad (AUD ("[[\"kgent\"]]"), "audience");
}
END_TEST

START_TEST (types_of_tokens)
{
  static const char *const types[] = { "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt",
                                       "application/jwt" };
  static const char *const others[]
      = { "logout+jwt", "dpop+jwt", "JOSE", "", "jwt ", "application/", "secevent+jwt" };
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    good (with_header (issuer_print ("{\"alg\":\"EdDSA\",\"kid\":\"d\",\"typ\":\"%s\"}", types[i])));
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    bad (with_header (issuer_print ("{\"alg\":\"EdDSA\",\"kid\":\"d\",\"typ\":\"%s\"}", others[i])),
         "malformed");
  good (with_header ("{\"alg\":\"EdDSA\"}")); /* no kid: the key that fits */
  good (with_header ("{\"alg\":\"EdDSA\",\"kid\":\"\\u0064\"}"));
}
END_TEST

/* ---- Seen before --------------------------------------------------------- */

START_TEST (seen_tokens)
{
  EVP_MD *sha256 = EVP_MD_fetch (NULL, "SHA256", NULL);
  uint8_t a[SEEN_HASH], b[SEEN_HASH];
  ck_assert_int_eq (seen_hash (sha256, "a", 1, a), 0);
  ck_assert_int_eq (seen_hash (sha256, "b", 1, b), 0);
  ck_assert_int_eq (seen_has (a, 7), 0);
  seen_add (a, 7);
  ck_assert_int_eq (seen_has (a, 7), 1);
  ck_assert_int_eq (seen_has (a, 8), 0);
  ck_assert_int_eq (seen_has (b, 7), 0);
  memcpy (b, a, SEEN_HASH);
  b[SEEN_HASH - 1] ^= 1; /* the same place */
  ck_assert_int_eq (seen_has (b, 7), 0);
  seen_add (b, 7);
  ck_assert_int_eq (seen_has (a, 7), 0);
  EVP_MD_free (sha256);
}
END_TEST

/* The second time no signature is checked, as long as the keys are the same. */
START_TEST (a_token_is_known_again)
{
  EVP_MD *sha256 = EVP_MD_fetch (NULL, "SHA256", NULL);
  const struct jwks *set = jwks_current (jwt_source (jwt));
  char *token = ed_token (CLAIMS), *forged = issuer_print ("%s", token);
  char *letter = forged + strlen (forged) - 3;
  uint8_t hash[SEEN_HASH];
  ck_assert_int_eq (seen_hash (sha256, token, strlen (token), hash), 0);
  ck_assert_int_eq (seen_has (hash, set->generation), 0);
  good (token);
  ck_assert_int_eq (seen_has (hash, set->generation), 1);
  good (token);
  *letter = *letter == 'A' ? 'B' : 'A';
  bad (forged, "signature");
  ck_assert_int_eq (seen_hash (sha256, forged, strlen (forged), hash), 0);
  ck_assert_int_eq (seen_has (hash, set->generation), 0);
  now_s += 1000;
  bad (token, "expired");
  EVP_MD_free (sha256);
}
END_TEST

/* ---- All ----------------------------------------------------------------- */

static Suite *
suite (void)
{
  Suite *s = suite_create ("jwt");
  TCase *plain = tcase_create ("parts"), *hosted = tcase_create ("tokens");
  LOOP (plain, the_vectors_of_the_rfcs, vectors);
  LOOP (plain, base64url_is_strict, base64s);
  tcase_add_test (plain, base64url_is_read);
  tcase_add_test (plain, seen_tokens);
  tcase_add_checked_fixture (hosted, setup, teardown);
  tcase_add_test (hosted, a_good_token_of_each_algorithm);
  tcase_add_test (hosted, what_a_token_says);
  tcase_add_test (hosted, a_token_gets_no_more_than_is_allowed);
  tcase_add_test (hosted, scopes_that_narrow_stay);
  tcase_add_test (hosted, long_lists_are_refused);
  tcase_add_test (hosted, an_audience_among_others);
  tcase_add_test (hosted, types_of_tokens);
  tcase_add_test (hosted, a_token_is_known_again);
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
