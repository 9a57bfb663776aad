/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tokens and sets of keys.  The first line of an input says what it is:
 *
 *   token   the rest is a token: never accepted, for nobody signed it
 *   signed  a line with a header, and a payload, which are signed: accepted only if
 *           json-c finds in them what must be there
 *   keys    the rest is a set of keys: read or refused */
#include "tests/fake/fake-services.h"

#include "plugins/auth/jwks_fetch.h"

#include <errno.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define NOW 1800000000ll

/* RFC 8037, appendix A.1. */
static const uint8_t secret[32]
    = { 0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c,
        0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae,
        0x7f, 0x60 };
static const char keys[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"d\","
                           "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static struct jwt *jwt;

static void
demand (int holds)
{
  if (!holds)
    abort ();
}

/* ---- A plugin with tokens ------------------------------------------------ */

struct probe_conf {
  struct jwt_conf jwt;
};

static const struct kg_opt opts[] = {
  { .key = "jwt", .type = KG_OPT_GROUP, .offset = offsetof (struct probe_conf, jwt),
    .sub = jwt_opts, .help = "" },
  { .key = NULL },
};

static int32_t
probe_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  *ret_data = NULL;
  return jwt_open (host, self, &((const struct probe_conf *) conf)->jwt, &jwt);
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
}

static const struct kg_plugin probe = { .abi = KG_ABI_CURRENT,
                                        .size = sizeof probe,
                                        .opt_size = sizeof (struct kg_opt),
                                        .name = "probe",
                                        .version = "1",
                                        .summary = "",
                                        .opts = opts,
                                        .conf_size = sizeof (struct probe_conf),
                                        .open = probe_open,
                                        .start = probe_start,
                                        .stop = probe_stop,
                                        .close = probe_close };

static const char *const conf[]
    = { "jwt.issuer=i", "jwt.audience=a", "jwt.jwks_url=https://i", "jwt.leeway=0", NULL };

static struct fake *
host_new (void)
{
  struct fake *fake = fake_new ();
  fake_services (fake);
  demand (!fake_open (fake, &probe, conf) && !fake_start (fake));
  jwks_source_tick (jwt_source (jwt), 1ll << 62);
  fake_http_reply (fake, 200, NULL, keys, -1);
  fake_http_deliver (fake);
  jwks_source_tick (jwt_source (jwt), 1ll << 62);
  demand (jwks_current (jwt_source (jwt)) != NULL);
  return fake;
}

static void
host_free (struct fake *fake)
{
  fake_stop (fake);
  fake_free (fake);
}

/* ---- Signing ------------------------------------------------------------- */

static size_t
base64_add (char *out, const uint8_t *p, size_t len)
{
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  uint32_t bits = 0;
  size_t n = 0, have = 0;
  for (size_t i = 0; i < len; i++) {
    bits = bits << 8 | p[i];
    for (have += 8; have >= 6; have -= 6)
      out[n++] = digit[bits >> (have - 6) & 63];
  }
  if (have)
    out[n++] = digit[bits << (6 - have) & 63];
  return n;
}

/* The token; malloc'ed. */
static kg_str
sign (const uint8_t *header, size_t header_len, const uint8_t *payload, size_t payload_len)
{
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key (EVP_PKEY_ED25519, NULL, secret, sizeof secret);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
  char *text = malloc ((header_len + payload_len) * 2 + 128);
  uint8_t signature[64];
  size_t n, len = sizeof signature;
  demand (key && ctx && text);
  n = base64_add (text, header, header_len);
  text[n++] = '.';
  n += base64_add (text + n, payload, payload_len);
  demand (EVP_DigestSignInit (ctx, NULL, NULL, NULL, key) == 1
          && EVP_DigestSign (ctx, signature, &len, (uint8_t *) text, n) == 1);
  text[n++] = '.';
  n += base64_add (text + n, signature, len);
  EVP_MD_CTX_free (ctx);
  EVP_PKEY_free (key);
  return (kg_str){ text, n };
}

/* ---- What must be there -------------------------------------------------- */

static json_object *
object_read (const uint8_t *p, size_t len)
{
  char *text = calloc (1, len + 1);
  json_object *o;
  demand (text != NULL);
  memcpy (text, p, len);
  o = json_tokener_parse (text);
  free (text);
  demand (json_object_is_type (o, json_type_object));
  return o;
}

static const char *
text_of (json_object *o, const char *name)
{
  json_object *v = json_object_object_get (o, name);
  return json_object_is_type (v, json_type_string) ? json_object_get_string (v) : "";
}

static int
audience_has (json_object *aud)
{
  if (json_object_is_type (aud, json_type_string))
    return !strcmp (json_object_get_string (aud), "a");
  for (size_t i = 0; i < json_object_array_length (aud); i++)
    if (!strcmp (json_object_get_string (json_object_array_get_idx (aud, i)), "a"))
      return 1;
  return 0;
}

static void
check_accepted (const uint8_t *header, size_t header_len, const uint8_t *payload,
                size_t payload_len, const struct jwt_claims *claims)
{
  json_object *h = object_read (header, header_len), *p = object_read (payload, payload_len);
  json_object *kid = json_object_object_get (h, "kid");
  demand (!strcmp (text_of (h, "alg"), "EdDSA") && (!kid || !strcmp (text_of (h, "kid"), "d")));
  demand (!json_object_object_get_ex (h, "crit", NULL));
  demand (!strcmp (text_of (p, "iss"), "i") && !strcmp (text_of (p, "sub"), claims->subject));
  demand (!strcmp (text_of (p, "tenant"), claims->tenant) && claims->tenant[0]);
  demand (audience_has (json_object_object_get (p, "aud")));
  demand (json_object_get_double (json_object_object_get (p, "exp")) > NOW);
  demand (json_object_get_double (json_object_object_get (p, "nbf")) < NOW + 1);
  for (size_t i = 0; claims->scopes[i]; i++)
    demand (!strcmp (claims->scopes[i], "read") || !strcmp (claims->scopes[i], "write")
            || !strncmp (claims->scopes[i], "invoke:", 7));
  for (size_t i = 0; claims->archetypes[i]; i++)
    demand (!strcmp (claims->archetypes[i], "developer"));
  json_object_put (h);
  json_object_put (p);
}

/* ---- Inputs -------------------------------------------------------------- */

static int32_t
check (struct fake *fake, kg_str token, struct jwt_claims *ret)
{
  int32_t rc = jwt_check (jwt, fake_request (fake, "GET", "/", NULL, NULL), token, NOW, ret);
  demand (rc == 0 || rc == -EACCES || rc == -EKEYREJECTED);
  return rc;
}

static void
run_token (const uint8_t *data, size_t size)
{
  struct fake *fake = host_new ();
  struct jwt_claims claims;
  demand (check (fake, (kg_str){ (const char *) data, size }, &claims) < 0);
  host_free (fake);
}

static void
run_signed (const uint8_t *data, size_t size)
{
  const uint8_t *feed = size ? memchr (data, '\n', size) : NULL;
  size_t header = feed ? (size_t) (feed - data) : size, payload = feed ? size - header - 1 : 0;
  struct fake *fake = host_new ();
  struct jwt_claims claims;
  kg_str token = sign (data, header, feed ? feed + 1 : data, payload);
  if (!check (fake, token, &claims)) {
    demand (token.len <= JWT_MAX && feed);
    check_accepted (data, header, feed + 1, payload, &claims);
    demand (check (fake, token, &claims) == 0); /* it has been seen */
    ((char *) token.ptr)[0] ^= 1;
    demand (check (fake, token, &claims) == -EACCES);
  }
  free ((char *) token.ptr);
  host_free (fake);
}

static void
run_keys (const uint8_t *data, size_t size)
{
  struct jwks *set;
  int32_t rc = jwks_parse ((kg_str){ (const char *) data, size }, &set);
  demand (rc == 0 || rc == -EINVAL || rc == -ENOKEY || rc == -E2BIG);
  if (rc < 0)
    return;
  demand (set->count >= 1 && set->count <= JWKS_KEYS);
  for (uint32_t i = 0; i < set->count; i++) {
    uint8_t signature[JOSE_SIGNATURE_MAX] = { 0 };
    const struct jose_key *k = &set->key[i].key;
    demand (k->signature <= sizeof signature);
    demand (jose_verify (k, "text", 4, signature, k->signature) == 0 || k->alg == JOSE_EDDSA);
  }
  jwks_free (set);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const struct {
    const char *line;
    void (*run) (const uint8_t *data, size_t size);
  } kinds[] = { { "token\n", run_token }, { "signed\n", run_signed }, { "keys\n", run_keys } };
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    size_t n = strlen (kinds[i].line);
    uint8_t *rest;
    if (size < n || memcmp (data, kinds[i].line, n))
      continue;
    rest = malloc (size > n ? size - n : 1); /* no byte more, for the sanitizer */
    demand (rest != NULL);
    memcpy (rest, data + n, size - n);
    kinds[i].run (rest, size - n);
    free (rest);
  }
  return 0;
}
