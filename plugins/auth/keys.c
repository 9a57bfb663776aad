/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/keys.h"

#include <errno.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* ---- Records ------------------------------------------------------------- */

/* A record and all it points to lie in one block: the first pass only counts. */
struct pack {
  char *base; /* NULL: counting */
  size_t used;
};

static void *
pack_take (struct pack *p, size_t size)
{
  void *at = p->base ? p->base + p->used : NULL;
  p->used += size;
  return at;
}

static const char *
pack_text (struct pack *p, const char *text)
{
  size_t size = strlen (text) + 1;
  char *at = pack_take (p, size);
  return at ? memcpy (at, text, size) : NULL;
}

static const char *const *
pack_list (struct pack *p, const char *const *list)
{
  size_t i, n = 0;
  const char **at;
  while (list[n])
    n++;
  p->used = (p->used + sizeof *at - 1) / sizeof *at * sizeof *at;
  at = pack_take (p, (n + 1) * sizeof *at);
  for (i = 0; i < n; i++) {
    const char *text = pack_text (p, list[i]);
    if (at)
      at[i] = text;
  }
  if (at)
    at[n] = NULL;
  return at;
}

static void
key_pack (struct pack *p, const struct key_spec *spec, struct kg_identity *ret)
{
  pack_take (p, sizeof (struct key));
  ret->scopes = pack_list (p, spec->scopes);
  ret->archetypes = pack_list (p, spec->archetypes);
  ret->subject = pack_text (p, spec->user);
  ret->tenant = pack_text (p, spec->tenant);
  ret->key_id = pack_text (p, spec->id);
  ret->tier = pack_text (p, spec->tier);
}

struct key *
key_create (const struct key_spec *spec, struct plans *plans, uint64_t revision)
{
  const struct plan *plan = plan_get (plans, spec->tier, &spec->limits);
  struct kg_identity identity = { .size = sizeof identity };
  struct pack pack = { NULL, 0 };
  struct key *key;
  key_pack (&pack, spec, &identity);
  pack.base = plan ? malloc (pack.used) : NULL;
  if (!pack.base)
    return NULL;
  pack.used = 0;
  key = (struct key *) (void *) pack.base;
  memset (key, 0, sizeof *key);
  key_pack (&pack, spec, &identity);
  key->identity = identity;
  key->revision = revision;
  key->expires_ns = spec->expires_ns;
  key->active = spec->active;
  key->plan = plan;
  memcpy (key->hash, spec->hash, KEY_HASH);
  strncpy (key->prefix, spec->prefix, KEY_PREFIX);
  return key;
}

void
key_destroy (struct key *key)
{
  free (key);
}

/* ---- Stored values ------------------------------------------------------- */

static const char *
member_text (json_object *o, const char *name)
{
  json_object *v;
  if (!json_object_object_get_ex (o, name, &v) || !json_object_is_type (v, json_type_string))
    return NULL;
  return json_object_get_string (v);
}

/* A time, or 0 for null; 0 or -EINVAL. */
static int32_t
member_time (json_object *o, const char *name, int64_t *ret)
{
  const char *text = member_text (o, name);
  json_object *v;
  *ret = 0;
  if (text)
    return text_time_parse (text, strlen (text), ret);
  return json_object_object_get_ex (o, name, &v) && !v ? 0 : -EINVAL;
}

/* Keys of older versions don't have it. */
static int32_t
member_time_maybe (json_object *o, const char *name, int64_t *ret)
{
  *ret = 0;
  return json_object_object_get_ex (o, name, NULL) ? member_time (o, name, ret) : 0;
}

static int64_t
member_limit (json_object *limits, const char *name)
{
  json_object *v;
  int64_t n;
  if (!json_object_object_get_ex (limits, name, &v) || !json_object_is_type (v, json_type_int))
    return -1;
  n = json_object_get_int64 (v);
  return n >= 0 ? n : -1;
}

static int32_t
member_list (json_object *o, const char *name, const char **ret)
{
  json_object *v;
  size_t i, n;
  ret[0] = NULL;
  if (!json_object_object_get_ex (o, name, &v))
    return -ENOENT;
  if (!json_object_is_type (v, json_type_array))
    return -EINVAL;
  n = json_object_array_length (v);
  if (n > KEY_LIST)
    return -EINVAL;
  for (i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (v, i);
    if (!json_object_is_type (item, json_type_string))
      return -EINVAL;
    ret[i] = json_object_get_string (item);
  }
  ret[n] = NULL;
  return 0;
}

/* Fills the spec from a value; its texts are the object's. */
static int32_t
spec_fill (json_object *o, struct key_spec *s)
{
  const char *hash = member_text (o, "hash");
  json_object *v;
  size_t i;
  s->id = member_text (o, "id");
  s->prefix = member_text (o, "prefix");
  s->name = member_text (o, "name");
  s->tenant = member_text (o, "tenant");
  s->user = member_text (o, "user");
  s->tier = member_text (o, "tier");
  if (!s->id || !s->prefix || !s->name || !s->tenant || !s->user || !s->tier || !hash)
    return -EINVAL;
  if (strlen (hash) != 2 * KEY_HASH || text_hex_parse (hash, KEY_HASH, s->hash) < 0)
    return -EINVAL;
  if (member_list (o, "scopes", s->scopes) < 0 || member_list (o, "archetypes", s->archetypes) < 0
      || member_list (o, "cidrs", s->cidrs) == -EINVAL)
    return -EINVAL;
  json_object_object_get_ex (o, "limits", &v);
  for (i = 0; i < NUMBERS_COUNT; i++)
    *number_at (&s->limits, i) = member_limit (v, number_names[i].name);
  if (member_time (o, "created_at", &s->created_ns) < 0
      || member_time (o, "expires_at", &s->expires_ns) < 0
      || member_time_maybe (o, "deprecated_at", &s->deprecated_ns) < 0
      || member_time_maybe (o, "sunset_at", &s->sunset_ns) < 0)
    return -EINVAL;
  s->replaces = member_text (o, "replaces");
  s->replaced_by = member_text (o, "replaced_by");
  s->active = json_object_object_get_ex (o, "active", &v) && json_object_get_boolean (v);
  return 0;
}

int32_t
key_read (kg_str json, int32_t (*fn) (const struct key_spec *, void *), void *arg)
{
  struct key_spec spec;
  json_tokener *tok = json.len <= KEY_JSON ? json_tokener_new () : NULL;
  json_object *o = tok ? json_tokener_parse_ex (tok, json.ptr, (int) json.len) : NULL;
  int32_t rc = o && json_object_is_type (o, json_type_object) ? spec_fill (o, &spec) : -EINVAL;
  if (rc == 0)
    rc = fn (&spec, arg);
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
  return rc;
}

struct load {
  struct plans *plans;
  uint64_t revision;
  struct key *key;
};

static int32_t
load_spec (const struct key_spec *spec, void *arg)
{
  struct load *load = arg;
  load->key = key_create (spec, load->plans, load->revision);
  return load->key ? 0 : -ENOMEM;
}

int32_t
key_load (kg_str json, struct plans *plans, uint64_t revision, struct key **ret)
{
  struct load load = { plans, revision, NULL };
  int32_t rc = key_read (json, load_spec, &load);
  if (rc == 0)
    *ret = load.key;
  return rc;
}

/* ---- Writing ------------------------------------------------------------- */

static void
show_text (struct kg_out *out, const char *name, const char *text)
{
  kg_out_lit (out, name);
  kg_out_text (out, text);
}

static void
show_list (struct kg_out *out, const char *name, const char *const *list)
{
  size_t i;
  kg_out_lit (out, name);
  for (i = 0; list[i]; i++) {
    kg_out_lit (out, i ? "," : "[");
    kg_out_text (out, list[i]);
  }
  kg_out_lit (out, i ? "]" : "[]");
}

static void
show_time (struct kg_out *out, const char *name, int64_t ns)
{
  char text[TEXT_TIME];
  if (ns)
    text_time (ns, text);
  show_text (out, name, ns ? text : NULL);
}

void
key_show (struct kg_out *out, const struct key_spec *s)
{
  show_text (out, "\"id\":", s->id);
  show_text (out, ",\"prefix\":", s->prefix);
  show_text (out, ",\"name\":", s->name);
  show_text (out, ",\"tenant\":", s->tenant);
  show_text (out, ",\"user\":", s->user);
  show_text (out, ",\"tier\":", s->tier);
  show_list (out, ",\"scopes\":", s->scopes);
  show_list (out, ",\"archetypes\":", s->archetypes);
  show_list (out, ",\"cidrs\":", s->cidrs);
  kg_out_lit (out, ",\"limits\":");
  limits_show (out, &s->limits);
  show_time (out, ",\"created_at\":", s->created_ns);
  show_time (out, ",\"expires_at\":", s->expires_ns);
  show_time (out, ",\"deprecated_at\":", s->deprecated_ns);
  show_time (out, ",\"sunset_at\":", s->sunset_ns);
  show_text (out, ",\"replaces\":", s->replaces);
  show_text (out, ",\"replaced_by\":", s->replaced_by);
  kg_out_lit (out, s->active ? ",\"active\":true" : ",\"active\":false");
}

void
key_store (struct kg_out *out, const struct key_spec *spec)
{
  char hash[2 * KEY_HASH + 1];
  text_hex (spec->hash, KEY_HASH, hash);
  kg_out_lit (out, "{\"v\":1,");
  key_show (out, spec);
  show_text (out, ",\"hash\":", hash);
  kg_out_lit (out, "}");
}

int32_t
key_secret (char ret_secret[KEY_SECRET], uint8_t ret_hash[KEY_HASH])
{
  static const char letter[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  uint8_t random[32], c;
  int i = 0;
  if (RAND_bytes (random, sizeof random) != 1)
    return -EIO;
  memcpy (ret_secret, "kg_", 3);
  while (i < 5) {
    if (RAND_bytes (&c, 1) != 1)
      return -EIO;
    if (c < 252) /* 7 * 36: no letter is likelier */
      ret_secret[3 + i++] = letter[c % 36];
  }
  ret_secret[8] = '_';
  text_base64url (random, ret_secret + 9);
  OPENSSL_cleanse (random, sizeof random);
  if (!EVP_Digest (ret_secret, KEY_SECRET - 1, ret_hash, NULL, EVP_sha256 (), NULL))
    return -EIO;
  return 0;
}

int32_t
key_id (char ret_id[TEXT_UUID])
{
  uint8_t random[16];
  if (RAND_bytes (random, sizeof random) != 1)
    return -EIO;
  text_uuid_make (random, ret_id);
  return 0;
}
