/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/keys.h"
#include "plugins/auth/record.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

_Static_assert (KEY_LIST == RECORD_LIST, "lists of a key are lists of a record");

#define AT(member) offsetof (struct key_spec, member)

/* In the order of key_store. */
static const struct record_member members[] = {
  { "id", record_text, AT (id), 1 },
  { "prefix", record_text, AT (prefix), 1 },
  { "name", record_text, AT (name), 1 },
  { "tenant", record_text, AT (tenant), 1 },
  { "user", record_text, AT (user), 1 },
  { "tier", record_text, AT (tier), 1 },
  { "scopes", record_list, AT (scopes), 1 },
  { "archetypes", record_list, AT (archetypes), 1 },
  { "cidrs", record_list, AT (cidrs), 0 },
  { "limits", record_limits, AT (limits), 0 },
  { "created_at", record_time, AT (created_ns), 0 },
  { "expires_at", record_time, AT (expires_ns), 0 },
  { "deprecated_at", record_time, AT (deprecated_ns), 0 },
  { "sunset_at", record_time, AT (sunset_ns), 0 },
  { "replaces", record_maybe, AT (replaces), 0 },
  { "replaced_by", record_maybe, AT (replaced_by), 0 },
  { "active", record_bool, AT (active), 1 },
  { "hash", record_hash, AT (hash), 1 },
};

int32_t
key_read (kg_str json, int32_t (*fn) (const struct key_spec *, void *), void *arg)
{
  struct key_spec spec = { .limits = LIMITS_UNSET };
  char texts[KEY_JSON + 1];
  if (json.len > KEY_JSON
      || record_read (json, members, sizeof members / sizeof members[0], &spec, texts) < 0)
    return -EINVAL;
  return fn (&spec, arg);
}

void
key_show (struct kg_out *out, const struct key_spec *s)
{
  record_show_text (out, "\"id\":", s->id);
  record_show_text (out, ",\"prefix\":", s->prefix);
  record_show_text (out, ",\"name\":", s->name);
  record_show_text (out, ",\"tenant\":", s->tenant);
  record_show_text (out, ",\"user\":", s->user);
  record_show_text (out, ",\"tier\":", s->tier);
  record_show_list (out, ",\"scopes\":", s->scopes);
  record_show_list (out, ",\"archetypes\":", s->archetypes);
  record_show_list (out, ",\"cidrs\":", s->cidrs);
  kg_out_lit (out, ",\"limits\":");
  limits_show (out, &s->limits);
  record_show_time (out, ",\"created_at\":", s->created_ns);
  record_show_time (out, ",\"expires_at\":", s->expires_ns);
  record_show_time (out, ",\"deprecated_at\":", s->deprecated_ns);
  record_show_time (out, ",\"sunset_at\":", s->sunset_ns);
  record_show_text (out, ",\"replaces\":", s->replaces);
  record_show_text (out, ",\"replaced_by\":", s->replaced_by);
  kg_out_lit (out, s->active ? ",\"active\":true" : ",\"active\":false");
}

void
key_store (struct kg_out *out, const struct key_spec *spec)
{
  char hash[2 * KEY_HASH + 1];
  text_hex (spec->hash, KEY_HASH, hash);
  kg_out_lit (out, "{\"v\":1,");
  key_show (out, spec);
  record_show_text (out, ",\"hash\":", hash);
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
