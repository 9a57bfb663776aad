/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Which keys of a set count, and the options that name one. */

#include "tests/plugins/auth-jwt.h"

static int32_t
parse (const char *text, struct jwks **ret)
{
  return jwks_parse ((kg_str){ text, strlen (text) }, ret);
}

/* ---- Sets of keys -------------------------------------------------------- */

/* A set of this key alone has none; beside a good one it is passed over. */
static void
is_skipped (const char *key)
{
  struct jwks *set;
  ck_assert_msg (parse (keys_of (key, NULL, NULL), &set) == -ENOKEY, "%s", key);
  ck_assert_msg (parse (keys_of (key, issuer_jwk (ed, ""), NULL), &set) == 0, "%s", key);
  ck_assert_uint_eq (set->count, 1);
  ck_assert_uint_eq (set->skipped, 1);
  jwks_free (set);
}

START_TEST (keys_that_are_not_used)
{
  EVP_PKEY *weak = issuer_rsa (1024), *p384 = issuer_ec ("P-384");
  const char *others[] = {
    issuer_jwk (weak, ""),
    issuer_jwk (p384, ""),
    issuer_print ("{\"kty\":\"EC\",\"crv\":\"P-384\"%s", strstr (issuer_jwk (ec, ""), ",\"x\"")),
    issuer_jwk (rsa, ",\"use\":\"enc\""),
    issuer_jwk (rsa, ",\"use\":7"),
    issuer_jwk (rsa, ",\"alg\":\"RS512\""),
    issuer_jwk (rsa, ",\"alg\":\"RSA-OAEP\""),
    issuer_jwk (ec, ",\"alg\":\"ES384\""),
    issuer_jwk (ed, ",\"alg\":\"ES256\""),
    issuer_jwk (ed, ",\"key_ops\":[\"sign\"]"),
    issuer_jwk (ed, ",\"key_ops\":\"verify\""),
    issuer_jwk (ed, ",\"key_ops\":[]"),
    issuer_jwk (ed, ",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""),
    issuer_jwk (ed, ",\"kid\":7"),
    issuer_jwk (ed, ",\"kid\":\"\""),
    issuer_print ("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQ\"}",
                  issuer_number (rsa, OSSL_PKEY_PARAM_RSA_N)),
    issuer_print ("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAA\"}",
                  issuer_number (rsa, OSSL_PKEY_PARAM_RSA_N)),
    issuer_print ("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"\"}",
                  issuer_number (rsa, OSSL_PKEY_PARAM_RSA_N)),
    issuer_print ("{\"kty\":\"RSA\",\"n\":\"%s=\",\"e\":\"AQAB\"}",
                  issuer_number (rsa, OSSL_PKEY_PARAM_RSA_N)),
  };
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    is_skipped (others[i]);
  EVP_PKEY_free (weak);
  EVP_PKEY_free (p384);
}
END_TEST

static const char *const no_keys[] = {
  "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}",
  "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}",
  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5aw\"}", /* not on the curve */
  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
  "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}",
  "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
  "{\"kty\":\"new\"}",
  "{}",
  "7",
  "null",
};

START_TEST (keys_that_are_none)
{
  is_skipped (no_keys[_i]);
}
END_TEST

static const char *const no_sets[] = {
  "",
  "{}",
  "[]",
  "7",
  "null",
  "{\"keys\":null}",
  "{\"keys\":{}}",
  "{\"keys\":[}",
  "{\"keys\":[]}x",
  "{\"keys\":[]} {}",
  "{'keys':[]}",
  "{\"keys\":[],}",
  "{\"keys\":[],\"keys\":[{}]}",
  "{\"keys\":[{\"kty\":\"OKP\",\"kty\":\"OKP\"}]}",
  "{\"keys\":[{\"kty\":\"OKP\",\"k\\u0074y\":\"EC\"}]}",
  "{\"x\":{\"a\":\":\\\":\",\"a\":1},\"keys\":[]}",
  "{\"keys\":[{\"x\":\"\xff\"}]}",
  "<html>502 Bad Gateway</html>",
};

START_TEST (texts_that_are_no_sets)
{
  struct jwks *set;
  ck_assert_msg (parse (no_sets[_i], &set) == -EINVAL, "%s", no_sets[_i]);
}
END_TEST

START_TEST (sets_are_bounded)
{
  char *text = issuer_text (), *jwk = issuer_jwk (ed, ",\"kid\":\"a:\\\":b\"");
  char *big = malloc (JWKS_BYTES + 100);
  struct jwks *set;
  strcpy (text, "{\"keys\":[");
  for (int i = 0; i < JWKS_KEYS; i++)
    strcat (strcat (text, i ? "," : ""), jwk);
  strcat (text, "]}\n \t\r\n");
  ck_assert_int_eq (parse (text, &set), 0);
  ck_assert_uint_eq (set->count, JWKS_KEYS);
  jwks_free (set);
  sprintf (strrchr (text, ']'), ",%s]}", jwk);
  ck_assert_int_eq (parse (text, &set), -E2BIG);
  ck_assert_int_eq (parse ("{\"keys\":[]}", &set), -ENOKEY);
  sprintf (big, "{\"keys\":[%s],\"x\":\"%*s\"}", jwk, JWKS_BYTES - 100 - (int) strlen (jwk), "");
  ck_assert_int_eq (parse (big, &set), 0);
  jwks_free (set);
  sprintf (big, "{\"keys\":[%s],\"x\":\"%*s\"}", jwk, JWKS_BYTES - (int) strlen (jwk), "");
  ck_assert_int_eq (parse (big, &set), -EINVAL);
  ck_assert_int_eq (parse ("{\"keys\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}", &set), -EINVAL);
  free (big);
}
END_TEST

START_TEST (keys_are_found)
{
  struct jwks *set;
  const struct jwks_key *k;
  const kg_str a = { "a", 1 }, none = { NULL, 0 };
  ck_assert_int_eq (parse (keys_of (issuer_jwk (ed, ",\"kid\":\"a\""), issuer_jwk (ec, ",\"kid\":\"a\""),
                                    issuer_jwk (other_ed, "")),
                           &set),
                    0);
  k = jwks_find (set, NULL, JOSE_EDDSA, a);
  ck_assert_ptr_eq (k, &set->key[0]);
  ck_assert_ptr_null (jwks_find (set, k, JOSE_EDDSA, a));
  ck_assert_ptr_eq (jwks_find (set, k, JOSE_EDDSA, none), &set->key[2]);
  ck_assert_ptr_eq (jwks_find (set, NULL, JOSE_ES256, a), &set->key[1]);
  ck_assert_ptr_null (jwks_find (set, NULL, JOSE_RS256, none));
  ck_assert_ptr_null (jwks_find (set, NULL, JOSE_ES256, (kg_str){ "", 0 }));
  ck_assert_ptr_null (jwks_find (set, NULL, JOSE_ES256, (kg_str){ "ab", 2 }));
  jwks_free (set);
}
END_TEST

/* ---- Options ------------------------------------------------------------- */

static const struct {
  const char *conf[6];
  const char *logged; /* NULL: fine, and no tokens */
} confs[] = {
  { { NULL }, NULL },
  { { "jwt.leeway=3" }, NULL },
  { { "jwt.jwks_url=" URL }, "jwt.issuer is missing" },
  { { "jwt.audience=kgent" }, "jwt.issuer is missing" },
  { { "jwt.issuer=i", "jwt.jwks_url=" URL }, "jwt.audience is missing" },
  { { "jwt.issuer=i", "jwt.audience=a" }, "either jwks_url or jwks_file" },
  { { "jwt.issuer=i", "jwt.audience=a", "jwt.jwks_url=" URL, "jwt.jwks_file=/x" },
    "either jwks_url or jwks_file" },
  { { "jwt.issuer=i", "jwt.audience=a", "jwt.jwks_url=http://issuer.example/" }, "must be https" },
  { { "jwt.issuer=i", "jwt.audience=a", "jwt.jwks_url=http://127.0.0.1.evil.example/" },
    "must be https" },
  { { "jwt.issuer=i", "jwt.audience=a", "jwt.jwks_url=http://localhost@evil.example/" },
    "must be https" },
  { { "jwt.issuer=i", "jwt.audience=a", "jwt.jwks_url=file:///etc/passwd" }, "must be https" },
  { { "jwt.issuer=i", "jwt.audience=a", "jwt.jwks_url=" URL, "jwt.algorithms=RS256,none" },
    "something else than RS256" },
  { { "jwt.issuer=i", "jwt.audience=a", "jwt.jwks_url=" URL, "jwt.algorithms=HS256" },
    "something else than RS256" },
  { { "jwt.issuer=i", "jwt.audience=a", "jwt.jwks_url=" URL, "jwt.scopes=read,invoke:*" },
    "invoke: scope" },
  { { "jwt.issuer=i", "jwt.audience=a", "jwt.jwks_url=" URL, "jwt.tenant_claim=" },
    "the name of a claim" },
};

START_TEST (options_go_together)
{
  int rc;
  fake = fake_new ();
  fake_services (fake);
  rc = fake_open (fake, &probe, confs[_i].conf);
  ck_assert_int_eq (rc, confs[_i].logged ? -EINVAL : 0);
  if (confs[_i].logged)
    ck_assert_msg (strstr (fake_logged (fake), confs[_i].logged) != NULL, "%s",
                   fake_logged (fake));
  else {
    ck_assert_ptr_null (jwt);
    ck_assert_int_eq (fake_start (fake), 0);
    ck_assert_int_eq (fake_health (fake, "auth_jwt"), -1);
    fake_stop (fake);
  }
  fake_free (fake);
}
END_TEST

/* ---- All ----------------------------------------------------------------- */

static Suite *
suite (void)
{
  Suite *s = suite_create ("jwks");
  TCase *plain = tcase_create ("sets");
  tcase_add_test (plain, keys_that_are_not_used);
  LOOP (plain, keys_that_are_none, no_keys);
  LOOP (plain, texts_that_are_no_sets, no_sets);
  tcase_add_test (plain, sets_are_bounded);
  tcase_add_test (plain, keys_are_found);
  LOOP (plain, options_go_together, confs);
  tcase_set_timeout (plain, 60);
  suite_add_tcase (s, plain);
  return s;
}

int
main (void)
{
  return issuer_run (suite ());
}
