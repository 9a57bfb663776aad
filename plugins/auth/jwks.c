/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Read with json-c, on a thread that may take its time. */
#include "plugins/auth/jwks.h"

#include <errno.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 16

/* ---- Text ---------------------------------------------------------------- */

/* Members as they are written: each has one colon outside of strings.  A name in
 * single quotes, which json-c lets pass, is no JSON: UINT64_MAX. */
static uint64_t
members_written (kg_str text)
{
  uint64_t n = 0;
  int32_t inside = 0;
  size_t i;
  for (i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (inside && c == '\\')
      i++;
    else if (c == '"')
      inside = !inside;
    else if (c == '\'' && !inside)
      return UINT64_MAX;
    else
      n += !inside && c == ':';
  }
  return n;
}

/* Members as they were understood: of two with one name json-c keeps the last. */
static uint64_t
members_kept (struct json_object *o)
{
  uint64_t n = 0;
  size_t i;
  if (json_object_is_type (o, json_type_array))
    for (i = 0; i < json_object_array_length (o); i++)
      n += members_kept (json_object_array_get_idx (o, i));
  if (json_object_is_type (o, json_type_object)) {
    json_object_object_foreach (o, name, value)
    {
      (void) name;
      n += 1 + members_kept (value);
    }
  }
  return n;
}

static int32_t
text_parse (kg_str text, struct json_object **ret)
{
  struct json_tokener *tok;
  struct json_object *o;
  int32_t good;
  while (text.len && strchr (" \t\r\n", text.ptr[text.len - 1]) && text.ptr[text.len - 1])
    text.len--;
  if (text.len > JWKS_BYTES)
    return -EINVAL;
  tok = json_tokener_new_ex (DEPTH);
  if (!tok)
    return -ENOMEM;
  json_tokener_set_flags (tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
  o = json_tokener_parse_ex (tok, text.ptr, (int) text.len);
  good = json_tokener_get_error (tok) == json_tokener_success
         && json_tokener_get_parse_end (tok) == text.len
         && members_kept (o) == members_written (text);
  json_tokener_free (tok);
  if (good) {
    *ret = o;
    return 0;
  }
  json_object_put (o);
  return -EINVAL;
}

/* ---- Members of a key ---------------------------------------------------- */

/* A text member; { NULL, 0 } when there is none, or it is no text. */
static kg_str
member_text (struct json_object *o, const char *name)
{
  struct json_object *v;
  kg_str none = { NULL, 0 };
  if (!json_object_object_get_ex (o, name, &v) || !json_object_is_type (v, json_type_string))
    return none;
  return (kg_str){ json_object_get_string (v), (size_t) json_object_get_string_len (v) };
}

static int32_t
text_is (kg_str s, const char *text)
{
  return s.ptr && s.len == strlen (text) && !memcmp (s.ptr, text, s.len);
}

/* A member that may be absent, and must say `text` when it is there. */
static int32_t
member_agrees (struct json_object *o, const char *name, const char *text)
{
  return !json_object_object_get_ex (o, name, NULL) || text_is (member_text (o, name), text);
}

/* The bytes of a base64url member; how many, or -EINVAL (absent, or over max). */
static int64_t
member_bytes (struct json_object *o, const char *name, uint8_t *out, size_t max)
{
  kg_str s = member_text (o, name);
  return s.ptr && s.len * 3 / 4 <= max ? jose_base64 (s.ptr, s.len, out) : -EINVAL;
}

/* Whether the key may verify signatures (RFC 7517, sections 4.2 and 4.3), and is a
 * public one: a private key that somebody published is nobody's secret any more. */
static int32_t
key_for_verifying (struct json_object *o)
{
  struct json_object *ops;
  size_t i;
  if (json_object_object_get_ex (o, "d", NULL) || !member_agrees (o, "use", "sig"))
    return 0;
  if (!json_object_object_get_ex (o, "key_ops", &ops))
    return 1;
  if (!json_object_is_type (ops, json_type_array))
    return 0;
  for (i = 0; i < json_object_array_length (ops); i++)
    if (json_object_is_type (json_object_array_get_idx (ops, i), json_type_string)
        && !strcmp (json_object_get_string (json_object_array_get_idx (ops, i)), "verify"))
      return 1;
  return 0;
}

/* ---- Keys ---------------------------------------------------------------- */

static int32_t
rsa_read (struct json_object *o, struct jose_key *ret)
{
  uint8_t n[JOSE_SIGNATURE_MAX + 1], e[8];
  int64_t n_len = member_bytes (o, "n", n, sizeof n);
  int64_t e_len = member_bytes (o, "e", e, sizeof e);
  if (n_len < 0 || e_len < 0 || !member_agrees (o, "alg", "RS256"))
    return -EINVAL;
  return jose_rsa (n, (size_t) n_len, e, (size_t) e_len, ret);
}

static int32_t
ec_read (struct json_object *o, struct jose_key *ret)
{
  uint8_t x[32], y[32];
  if (!text_is (member_text (o, "crv"), "P-256") || member_bytes (o, "x", x, sizeof x) != 32
      || member_bytes (o, "y", y, sizeof y) != 32 || !member_agrees (o, "alg", "ES256"))
    return -EINVAL;
  return jose_p256 (x, y, ret);
}

static int32_t
okp_read (struct json_object *o, struct jose_key *ret)
{
  uint8_t x[32];
  if (!text_is (member_text (o, "crv"), "Ed25519") || member_bytes (o, "x", x, sizeof x) != 32
      || !member_agrees (o, "alg", "EdDSA"))
    return -EINVAL;
  return jose_ed25519 (x, ret);
}

static int32_t
kid_read (struct json_object *o, struct jwks_key *ret)
{
  kg_str kid = member_text (o, "kid");
  if (!json_object_object_get_ex (o, "kid", NULL))
    return 0;
  if (!kid.ptr || !kid.len || kid.len > JWKS_KID)
    return -EINVAL;
  ret->kid = malloc (kid.len);
  if (!ret->kid)
    return -ENOMEM;
  memcpy (ret->kid, kid.ptr, kid.len);
  ret->kid_len = kid.len;
  return 0;
}

/* 0; -EINVAL: not for us; -ENOMEM. */
static int32_t
key_read (struct json_object *o, struct jwks_key *ret)
{
  kg_str kty = member_text (o, "kty");
  int32_t rc = -EINVAL;
  if (!kty.ptr || !key_for_verifying (o))
    return -EINVAL;
  if (text_is (kty, "RSA"))
    rc = rsa_read (o, &ret->key);
  else if (text_is (kty, "EC"))
    rc = ec_read (o, &ret->key);
  else if (text_is (kty, "OKP"))
    rc = okp_read (o, &ret->key);
  if (rc == 0 && (rc = kid_read (o, ret)) < 0)
    jose_key_finish (&ret->key);
  return rc;
}

static int32_t
keys_read (struct json_object *keys, struct jwks *set)
{
  size_t i;
  for (i = 0; i < json_object_array_length (keys); i++) {
    struct jwks_key key = { .kid = NULL };
    int32_t rc = key_read (json_object_array_get_idx (keys, i), &key);
    if (rc == -ENOMEM)
      return rc;
    if (rc < 0) {
      set->skipped++;
      continue;
    }
    if (set->count == JWKS_KEYS) {
      jose_key_finish (&key.key);
      free (key.kid);
      return -E2BIG;
    }
    set->key[set->count++] = key;
  }
  return set->count ? 0 : -ENOKEY;
}

/* ---- Sets ---------------------------------------------------------------- */

static int32_t
text_hash (kg_str text, uint8_t ret[32])
{
  return EVP_Digest (text.ptr, text.len, ret, NULL, EVP_sha256 (), NULL) ? 0 : -ENOMEM;
}

int32_t
jwks_is (const struct jwks *set, kg_str text)
{
  uint8_t hash[32];
  return text_hash (text, hash) == 0 && !memcmp (hash, set->hash, sizeof hash);
}

int32_t
jwks_parse (kg_str text, struct jwks **ret)
{
  static _Atomic uint64_t generation;
  struct json_object *root = NULL, *keys;
  struct jwks *set = NULL;
  int32_t rc = text_parse (text, &root);
  if (rc < 0)
    return rc;
  set = calloc (1, sizeof *set);
  if (!set || text_hash (text, set->hash) < 0)
    rc = -ENOMEM;
  else if (!json_object_is_type (root, json_type_object)
           || !json_object_object_get_ex (root, "keys", &keys)
           || !json_object_is_type (keys, json_type_array))
    rc = -EINVAL;
  else
    rc = keys_read (keys, set);
  json_object_put (root);
  if (rc < 0) {
    jwks_free (set);
    return rc;
  }
  set->generation = atomic_fetch_add (&generation, 1) + 1;
  *ret = set;
  return 0;
}

const char *
jwks_reason (int32_t error)
{
  switch (error) {
  case -EINVAL:
    return "it is no set of keys (RFC 7517)";
  case -ENOKEY:
    return "it has no key for RS256, ES256 or EdDSA that can be used";
  case -E2BIG:
    return "it has more than 32 keys";
  default:
    return strerror (-error);
  }
}

void
jwks_free (struct jwks *set)
{
  uint32_t i;
  for (i = 0; set && i < set->count; i++) {
    jose_key_finish (&set->key[i].key);
    free (set->key[i].kid);
  }
  free (set);
}

const struct jwks_key *
jwks_find (const struct jwks *set, const struct jwks_key *after, int32_t alg, kg_str kid)
{
  const struct jwks_key *k = after ? after + 1 : set->key, *end = set->key + set->count;
  for (; k < end; k++)
    if (k->key.alg == alg
        && (!kid.ptr
            || (k->kid && k->kid_len == kid.len && !memcmp (k->kid, kid.ptr, kid.len))))
      return k;
  return NULL;
}
