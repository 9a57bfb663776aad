/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tokens: what is accepted, everything that is not, and where the keys come from. */
#include "tests/fake/fake-services.h"

#include "plugins/auth/jwks_fetch.h"
#include "plugins/auth/jwt_seen.h"
#include "tests/plugins/auth-jwt.h"

#include <kgent/json.h>

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

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

static void
show_list (struct kg_out *out, const char *name, const char *const *list)
{
  kg_out_lit (out, name);
  for (size_t i = 0; list[i]; i++) {
    kg_out_lit (out, i ? " " : "");
    kg_out_lit (out, list[i]);
  }
}

static int32_t
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

static int32_t
route_check (kg_req *req, void *data)
{
  kg_str token = host->get (req, KG_GET_HEADER, "X-Token");
  struct jwt_claims claims;
  int32_t rc = jwt_check (jwt, req, token, now_s, &claims);
  (void) data;
  if (rc == -EACCES)
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

static int32_t
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

static int32_t
probe_start (void *data)
{
  (void) data;
  return jwt_start (jwt);
}

static void
probe_stop (void *data)
{
  (void) data;
  jwt_stop (jwt);
}

static void
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

static void
tick (int64_t s)
{
  jwks_source_tick (jwt_source (jwt), (START + s) * SECOND);
}

static char *
keys_of (const char *first, const char *second, const char *third)
{
  return issuer_print ("{\"keys\":[%s%s%s%s%s]}", first, second ? "," : "",
                       second ? second : "", third ? "," : "", third ? third : "");
}

static char *
all_keys (void)
{
  return keys_of (issuer_jwk (rsa, ",\"kid\":\"r\",\"use\":\"sig\",\"alg\":\"RS256\""),
                  issuer_jwk (ec, ",\"kid\":\"e\",\"key_ops\":[\"verify\"]"),
                  issuer_jwk (ed, ",\"kid\":\"d\""));
}

static void
open_with (const char *const *conf)
{
  fake = fake_new ();
  fake_services (fake);
  now_s = NOW;
  ck_assert_msg (fake_open (fake, &probe, conf) == 0, "%s", fake_error (fake));
  ck_assert_int_eq (fake_start (fake), 0);
}

/* The provider answers. */
static void
provide (int status, const char *body, int64_t at_s)
{
  fake_http_reply (fake, status, NULL, body, -1);
  fake_http_deliver (fake);
  tick (at_s);
}

static void
setup (void)
{
  open_with (HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent", "jwt.jwks_url=" URL,
                      "jwt.scopes=read,write,billing", "jwt.archetypes=developer,poet",
                      "jwt.leeway=5"));
  tick (0);
  ck_assert_int_eq (fake_http_count (fake), 1);
  provide (200, all_keys (), 0);
}

static void
teardown (void)
{
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_free (fake);
}

/* ---- Asking -------------------------------------------------------------- */

static kg_req *
ask (const char *token)
{
  return fake_request (fake, "GET", "/check", HEADERS (issuer_print ("X-Token: %s", token)),
                       NULL);
}

/* What a good token says. */
static char *
said (const char *token)
{
  kg_req *req = ask (token);
  ck_assert_msg (fake_status (req) == 200, "%d %s", fake_status (req), fake_body (req));
  return issuer_print ("%.*s", (int) fake_body_len (req), fake_body (req));
}

static void
good (const char *token)
{
  said (token);
}

/* It is refused, counted under this reason and no other. */
static void
bad (const char *token, const char *reason)
{
  double before = fake_metric (fake, REFUSED, reason), all = fake_metric (fake, REFUSED, NULL);
  kg_req *req = ask (token);
  ck_assert_msg (fake_status (req) == 401, "%d %s for %s", fake_status (req), fake_body (req),
                 token);
  ck_assert_msg (fake_metric (fake, REFUSED, reason) == before + 1, "not %s: %s", reason, token);
  ck_assert (fake_metric (fake, REFUSED, NULL) == all + 1);
  ck_assert_str_eq (fake_json (req, "detail"), JWT_DETAIL);
}

/* The usual claims, with something else in front. */
#define COMMON                                                                                 \
  "\"iss\":\"" ISSUER "\",\"aud\":\"kgent\",\"sub\":\"ann\",\"tenant\":\"acme\","               \
  "\"nbf\":1799999990,\"exp\":1800000100"
#define CLAIMS    "{" COMMON "}"
#define WITH(...) "{" __VA_ARGS__ "," COMMON "}"

static char *
rsa_token (const char *payload)
{
  return issuer_token (rsa, "{\"alg\":\"RS256\",\"kid\":\"r\"}", payload);
}

static char *
ec_token (const char *payload)
{
  return issuer_token (ec, "{\"alg\":\"ES256\",\"kid\":\"e\"}", payload);
}

static char *
ed_token (const char *payload)
{
  return issuer_token (ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", payload);
}

static char *
with_header (const char *header)
{
  return issuer_token (ed, header, CLAIMS);
}

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

/* ---- Sets of keys -------------------------------------------------------- */

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
  struct jwks *set;
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    ck_assert_msg (parse (keys_of (others[i], NULL, NULL), &set) == -ENOKEY, "%s", others[i]);
    ck_assert_msg (parse (keys_of (others[i], issuer_jwk (ed, ""), NULL), &set) == 0, "%s",
                   others[i]);
    ck_assert_uint_eq (set->count, 1);
    ck_assert_uint_eq (set->skipped, 1);
    jwks_free (set);
  }
  EVP_PKEY_free (weak);
  EVP_PKEY_free (p384);
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

/* ---- Keys that come and go ----------------------------------------------- */

static char *
named (EVP_PKEY *key, const char *kid)
{
  return issuer_jwk (key, issuer_print (",\"kid\":\"%s\"", kid));
}

static int
health (void)
{
  return fake_health (fake, "auth_jwt");
}

START_TEST (nothing_is_known_before_the_first_fetch)
{
  teardown ();
  open_with (HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent", "jwt.jwks_url=" URL));
  ck_assert_int_eq (health (), KG_HEALTH_STARTING);
  ck_assert_int_eq (fake_status (ask (ed_token (CLAIMS))), 503);
  tick (0);
  provide (500, "", 0);
  ck_assert_int_eq (fake_status (ask (ed_token (CLAIMS))), 503);
  ck_assert_int_eq (health (), KG_HEALTH_DEGRADED);
  ck_assert_str_eq (fake_health_detail (fake, "auth_jwt"), "there are no keys yet: scripted");
  tick (10);
  ck_assert_int_eq (fake_http_count (fake), 2);
  provide (200, all_keys (), 10);
  good (ed_token (CLAIMS));
  ck_assert_int_eq (health (), KG_HEALTH_OK);
}
END_TEST

START_TEST (the_request_for_keys)
{
  const struct fake_call *call = fake_http_call (fake, 0);
  ck_assert_str_eq (call->method, "GET");
  ck_assert_str_eq (call->url, URL);
  ck_assert_str_eq (fake_http_header (call, "Accept"),
                    "application/jwk-set+json, application/json");
  ck_assert_uint_eq (call->total_ms, 10000);
  ck_assert_int_eq (health (), KG_HEALTH_OK);
  ck_assert (fake_metric (fake, "kgent_auth_jwks_fetches_total", "fetched") == 1);
}
END_TEST

START_TEST (keys_are_rotated)
{
  char *old = ed_token (CLAIMS), *new;
  new = issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"n\"}", CLAIMS);
  good (old);
  tick (60);
  bad (new, "key");
  tick (61); /* a token named an unknown key */
  ck_assert_int_eq (fake_http_count (fake), 2);
  provide (200, keys_of (named (ed, "d"), named (other_ed, "n"), NULL), 61);
  good (new);
  good (old);
  tick (361);
  ck_assert_int_eq (fake_http_count (fake), 3);
  provide (200, keys_of (named (other_ed, "n"), NULL, NULL), 361);
  bad (old, "key"); /* though this thread has seen it */
  good (new);
  tick (1000); /* what was replaced is freed */
  provide (200, keys_of (named (other_ed, "n"), NULL, NULL), 1000);
  ck_assert (fake_metric (fake, "kgent_auth_jwks_fetches_total", "fetched") == 3);
  ck_assert (fake_metric (fake, "kgent_auth_jwks_fetches_total", "unchanged") == 1);
  ck_assert (fake_metric (fake, "kgent_auth_jwks_keys", NULL) == 1);
}
END_TEST

/* Another key under the old name: what was seen before does not count. */
START_TEST (a_name_gets_another_key)
{
  char *old = ed_token (CLAIMS);
  good (old);
  tick (300);
  provide (200, keys_of (named (other_ed, "d"), NULL, NULL), 300);
  bad (old, "signature");
  good (issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", CLAIMS));
}
END_TEST

START_TEST (unknown_names_fetch_at_most_every_ten_seconds)
{
  char *unknown = issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"n\"}", CLAIMS);
  int i;
  for (i = 1; i <= 100; i++) {
    bad (unknown, "key");
    tick (i);
    if (fake_http_count (fake) > 1 && i % 10 == 0)
      provide (200, all_keys (), i);
  }
  ck_assert_int_eq (fake_http_count (fake), 11);
  bad (issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", CLAIMS), "signature");
  bad (issuer_token (other_ed, "{\"alg\":\"none\"}", CLAIMS), "algorithm");
  tick (109);
  ck_assert_int_eq (fake_http_count (fake), 11);
}
END_TEST

/* A slow provider has one request at a time. */
START_TEST (one_fetch_at_a_time)
{
  tick (300);
  tick (400);
  bad (issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"n\"}", CLAIMS), "key");
  tick (500);
  ck_assert_int_eq (fake_http_count (fake), 2);
  good (ed_token (CLAIMS));
}
END_TEST

static const struct {
  int status;
  const char *body, *reason;
} failures[] = {
  { 500, "", "scripted" },
  { 404, "{\"keys\":[]}", "scripted" },
  { 304, "", "scripted" },
  { 204, "", "scripted" },
  { -ETIMEDOUT, NULL, "scripted" },
  { -ECONNREFUSED, NULL, "scripted" },
  { -EMSGSIZE, NULL, "scripted" },
  { 200, "", URL ": it is no set of keys (RFC 7517)" },
  { 200, "<html>", URL ": it is no set of keys (RFC 7517)" },
  { 200, "{\"keys\":[]}", URL ": it has no key for RS256, ES256 or EdDSA that can be used" },
};

START_TEST (old_keys_stay_when_a_fetch_fails)
{
  fake_log_clear (fake);
  tick (300);
  provide (failures[_i].status, failures[_i].body, 300);
  good (ed_token (CLAIMS));
  ck_assert_int_eq (health (), KG_HEALTH_DEGRADED);
  ck_assert_str_eq (fake_health_detail (fake, "auth_jwt"),
                    issuer_print ("the keys from before are kept: %s", failures[_i].reason));
  tick (309);
  ck_assert_int_eq (fake_http_count (fake), 2);
  tick (310); /* again after 10 s, then 20, 40 ... */
  ck_assert_int_eq (fake_http_count (fake), 3);
  provide (failures[_i].status, failures[_i].body, 310);
  tick (329);
  ck_assert_int_eq (fake_http_count (fake), 3);
  tick (330);
  ck_assert_int_eq (fake_http_count (fake), 4);
  provide (200, all_keys (), 330);
  ck_assert_int_eq (health (), KG_HEALTH_OK);
  good (ed_token (CLAIMS));
  ck_assert_str_eq (fake_logged (fake),
                    issuer_print ("warn probe: cannot get the keys for tokens: %s\n"
                                  "info probe: the keys for tokens can be had again\n",
                                  failures[_i].reason));
  ck_assert (fake_metric (fake, "kgent_auth_jwks_fetches_total", "failed") == 2);
}
END_TEST

START_TEST (waits_are_bounded)
{
  int n = 2, at = 300;
  tick (at);
  for (int i = 0; i < 12; i++, n++) {
    int wait = i < 5 ? 10 << i : 300;
    ck_assert_int_eq (fake_http_count (fake), n);
    provide (503, "", at);
    tick (at + wait - 1);
    ck_assert_int_eq (fake_http_count (fake), n);
    tick (at += wait);
  }
  fake_http_reply (fake, 429, NULL, "", 1000000); /* Retry-After */
  fake_http_deliver (fake);
  tick (at);
  tick (at + 999);
  ck_assert_int_eq (fake_http_count (fake), n);
  tick (at + 1000);
  ck_assert_int_eq (fake_http_count (fake), n + 1);
}
END_TEST

static const struct {
  int64_t max_age_s, wait_s;
} ages[] = { { -1, 300 }, { 0, 60 }, { 59, 60 }, { 600, 600 }, { 86400, 3600 } };

START_TEST (a_provider_says_how_long_keys_hold)
{
  tick (300);
  fake_http_reply (fake, 200, NULL, all_keys (), -1);
  fake_http_max_age (fake, ages[_i].max_age_s);
  fake_http_deliver (fake);
  tick (300);
  tick (300 + ages[_i].wait_s - 1);
  ck_assert_int_eq (fake_http_count (fake), 2);
  tick (300 + ages[_i].wait_s);
  ck_assert_int_eq (fake_http_count (fake), 3);
}
END_TEST

/* The reply comes when everything is over. */
START_TEST (a_fetch_under_way_at_the_end)
{
  tick (300);
  fake_http_reply (fake, 200, NULL, all_keys (), -1);
  fake_stop (fake);
  ck_assert_int_eq (fake_http_call (fake, 1)->cancelled, 1);
}
END_TEST

START_TEST (the_timer_is_there)
{
  teardown ();
  open_with (HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent", "jwt.jwks_url=" URL));
  fake_advance (fake, 1);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_http_count (fake), 1);
  fake_http_reply (fake, 200, NULL, all_keys (), -1);
  fake_http_deliver (fake);
  fake_run_jobs (fake); /* kicked by the reply */
  good (ed_token (CLAIMS));
}
END_TEST

/* ---- A file -------------------------------------------------------------- */

static char path[64];

static void
file_write (const char *text)
{
  FILE *f = fopen (path, "w");
  ck_assert_ptr_nonnull (f);
  ck_assert_int_ge (fputs (text, f), 0);
  ck_assert_int_eq (fclose (f), 0);
}

static int
file_open (void)
{
  fake = fake_new ();
  fake_services (fake);
  now_s = NOW;
  ck_assert_int_eq (fake_open (fake, &probe,
                               HEADERS ("jwt.issuer=" ISSUER, "jwt.audience=kgent",
                                        issuer_print ("jwt.jwks_file=%s", path))),
                    0);
  return fake_start (fake);
}

START_TEST (keys_from_a_file)
{
  char *new = issuer_token (other_ed, "{\"alg\":\"EdDSA\",\"kid\":\"n\"}", CLAIMS);
  struct timespec t;
  int64_t now;
  teardown ();
  snprintf (path, sizeof path, "/tmp/kgent-jwks-%d", (int) getpid ());
  file_write (all_keys ());
  ck_assert_int_eq (file_open (), 0);
  clock_gettime (CLOCK_MONOTONIC, &t);
  now = t.tv_sec - START;
  good (ed_token (CLAIMS));
  bad (new, "key");
  file_write (keys_of (named (other_ed, "n"), NULL, NULL));
  tick (now + 11);
  good (new);
  file_write ("{\"keys\":");
  tick (now + 11 + 301);
  good (new);
  ck_assert_str_eq (fake_health_detail (fake, "auth_jwt"),
                    issuer_print ("the keys from before are kept: %s: it is no set of keys (RFC "
                                  "7517)", path));
  ck_assert_int_eq (unlink (path), 0);
  tick (now + 1000);
  good (new);
  ck_assert_str_eq (fake_health_detail (fake, "auth_jwt"),
                    issuer_print ("the keys from before are kept: %s: No such file or directory",
                                  path));
  ck_assert_int_eq (fake_http_count (fake), 0);
}
END_TEST

START_TEST (a_bad_file_is_an_error_at_the_start)
{
  teardown ();
  snprintf (path, sizeof path, "/tmp/kgent-jwks-%d", (int) getpid ());
  ck_assert_int_eq (file_open (), -ENOENT);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), issuer_print ("%s: No such file", path)));
  fake_free (fake);
  file_write ("{\"keys\":[]}");
  ck_assert_int_eq (file_open (), -ENOKEY);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "it has no key"));
  ck_assert_int_eq (unlink (path), 0);
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
    ck_assert_int_eq (health (), -1);
    fake_stop (fake);
  }
  fake_free (fake);
}
END_TEST

/* ---- Threads ------------------------------------------------------------- */

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

static _Atomic int ended;

/* Verifies all the time, with whatever set is in force. */
static void *
reader (void *arg)
{
  const char *token = arg, *dot = strrchr (token, '.');
  uint8_t signature[64];
  uintptr_t n = 0;
  ck_assert_int_eq (jose_base64 (dot + 1, strlen (dot + 1), signature), 64);
  while (!atomic_load (&ended)) {
    const struct jwks *set = jwks_current (jwt_source (jwt));
    const struct jwks_key *key = jwks_find (set, NULL, JOSE_EDDSA, (kg_str){ "d", 1 });
    ck_assert_ptr_nonnull (key);
    ck_assert_int_eq (jose_verify (&key->key, token, (size_t) (dot - token), signature, 64), 1);
    n++;
  }
  return (void *) n;
}

START_TEST (keys_change_under_readers)
{
  pthread_t threads[4];
  char *token = ed_token (CLAIMS);
  void *n;
  int i;
  for (i = 0; i < 4; i++)
    ck_assert_int_eq (pthread_create (&threads[i], NULL, reader, token), 0);
  for (i = 0; i < 50; i++) {
    jwks_source_tick (jwt_source (jwt), (START + i) * SECOND);
    jwt_source (jwt)->due_ns = 0;
    fake_http_reply (fake, 200, NULL, keys_of (named (ed, "d"), named (i % 2 ? rsa : other_rsa, "r"), NULL),
                     -1);
    fake_http_deliver (fake);
  }
  atomic_store (&ended, 1);
  for (i = 0; i < 4; i++) {
    pthread_join (threads[i], &n);
    ck_assert_uint_gt ((uintptr_t) n, 0);
  }
}
END_TEST

/* ---- All ----------------------------------------------------------------- */

#define LOOP(c, test, table)                                                                   \
  tcase_add_loop_test (c, test, 0, (int) (sizeof table / sizeof table[0]))

static void
add_tokens (TCase *c)
{
  tcase_add_test (c, a_good_token_of_each_algorithm);
  tcase_add_test (c, what_a_token_says);
  tcase_add_test (c, a_token_gets_no_more_than_is_allowed);
  tcase_add_test (c, scopes_that_narrow_stay);
  tcase_add_test (c, long_lists_are_refused);
  tcase_add_test (c, an_audience_among_others);
  tcase_add_test (c, types_of_tokens);
  tcase_add_test (c, clocks_differ_by_the_leeway);
  tcase_add_test (c, times_are_required);
  LOOP (c, claims_that_are_refused, payloads);
  LOOP (c, headers_that_are_refused, headers);
  tcase_add_test (c, tokens_of_a_wrong_form);
  tcase_add_test (c, every_character_counts);
  tcase_add_test (c, tokens_are_bounded);
  tcase_add_test (c, signatures_of_other_keys);
  tcase_add_test (c, keys_in_a_token_are_ignored);
  tcase_add_test (c, a_public_key_is_no_secret);
  tcase_add_test (c, ecdsa_signatures_have_64_bytes);
  tcase_add_test (c, only_configured_algorithms);
  tcase_add_test (c, any_archetype_where_that_is_configured);
  tcase_add_test (c, callers_have_ids);
}

static void
add_keys (TCase *c)
{
  tcase_add_test (c, nothing_is_known_before_the_first_fetch);
  tcase_add_test (c, the_request_for_keys);
  tcase_add_test (c, keys_are_rotated);
  tcase_add_test (c, a_name_gets_another_key);
  tcase_add_test (c, unknown_names_fetch_at_most_every_ten_seconds);
  tcase_add_test (c, one_fetch_at_a_time);
  LOOP (c, old_keys_stay_when_a_fetch_fails, failures);
  tcase_add_test (c, waits_are_bounded);
  LOOP (c, a_provider_says_how_long_keys_hold, ages);
  tcase_add_test (c, a_fetch_under_way_at_the_end);
  tcase_add_test (c, the_timer_is_there);
  tcase_add_test (c, keys_from_a_file);
  tcase_add_test (c, a_bad_file_is_an_error_at_the_start);
  tcase_add_test (c, keys_change_under_readers);
}

static Suite *
suite (void)
{
  Suite *s = suite_create ("jwt");
  TCase *plain = tcase_create ("parts"), *hosted = tcase_create ("tokens");
  LOOP (plain, the_vectors_of_the_rfcs, vectors);
  LOOP (plain, base64url_is_strict, base64s);
  tcase_add_test (plain, base64url_is_read);
  tcase_add_test (plain, what_looks_like_a_token);
  tcase_add_test (plain, keys_that_are_not_used);
  LOOP (plain, texts_that_are_no_sets, no_sets);
  tcase_add_test (plain, sets_are_bounded);
  tcase_add_test (plain, keys_are_found);
  LOOP (plain, options_go_together, confs);
  tcase_add_test (plain, seen_tokens);
  tcase_add_checked_fixture (hosted, setup, teardown);
  add_tokens (hosted);
  add_keys (hosted);
  tcase_set_timeout (plain, 60);
  tcase_set_timeout (hosted, 60);
  suite_add_tcase (s, plain);
  suite_add_tcase (s, hosted);
  return s;
}

int
main (void)
{
  SRunner *runner;
  int failed;
  rsa = issuer_rsa (2048), other_rsa = issuer_rsa (2048);
  ec = issuer_ec ("P-256"), other_ec = issuer_ec ("P-256");
  ed = issuer_ed25519 (), other_ed = issuer_ed25519 ();
  runner = srunner_create (suite ());
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
