/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Keys, tenants and users as the store has them: its watches keep what is in memory
 * fresh, whichever process made a change, so that requests never wait for anything. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <string.h>

struct change {
  struct auth *auth;
  kg_str id;
  uint64_t revision;
};

/* A record must lie under its own id. */
static int32_t
id_is (kg_str id, const char *text)
{
  return id.len == strlen (text) && !memcmp (id.ptr, text, id.len);
}

/* ---- Keys ---------------------------------------------------------------- */

static int32_t
key_put (const struct key_spec *spec, void *arg)
{
  const struct change *c = arg;
  return id_is (c->id, spec->id) ? index_put (&c->auth->index, spec, c->revision) : -EINVAL;
}

int32_t
model_key (struct auth *auth, kg_str id, kg_str value, uint64_t revision)
{
  struct change c = { auth, id, revision };
  uint8_t bytes[16];
  if (value.ptr)
    return key_read (value, key_put, &c);
  if (text_uuid_read (id.ptr, id.len, bytes) == 0)
    index_remove (&auth->index, bytes);
  return 0;
}

/* ---- Tenants ------------------------------------------------------------- */

static int32_t
tenant_change (const struct tenant_spec *spec, void *arg)
{
  const struct change *c = arg;
  return id_is (c->id, spec->id) ? tenant_put (&c->auth->tenants, spec, c->revision) : -EINVAL;
}

int32_t
model_tenant (struct auth *auth, kg_str id, kg_str value, uint64_t revision)
{
  struct change c = { auth, id, revision };
  uint8_t bytes[16];
  if (value.ptr)
    return tenant_read (value, tenant_change, &c);
  if (text_uuid_read (id.ptr, id.len, bytes) == 0)
    tenant_remove (&auth->tenants, bytes);
  return 0;
}

/* ---- Users --------------------------------------------------------------- */

static int32_t
user_put (const struct user_spec *spec, void *arg)
{
  const struct change *c = arg;
  return id_is (c->id, spec->id) ? index_user (&c->auth->index, spec, c->revision) : -EINVAL;
}

int32_t
model_user (struct auth *auth, kg_str id, kg_str value, uint64_t revision)
{
  struct change c = { auth, id, revision };
  char text[USER_TEXT + 1];
  if (value.ptr)
    return user_read (value, user_put, &c);
  if (id.len > USER_TEXT)
    return 0;
  memcpy (text, id.ptr, id.len);
  text[id.len] = 0;
  return index_user_remove (&auth->index, text);
}

/* ---- Watches ------------------------------------------------------------- */

static void
watched (struct auth *auth, const char *bucket, const struct kg_entry *entry, int32_t rc)
{
  if (rc < 0)
    auth->host->log (auth->self, KG_LOG_ERROR, "%s: %.*s is not in force: %s", bucket,
                     (int) entry->key.len, entry->key.ptr,
                     rc == -EINVAL ? "its value is malformed" : strerror (-rc));
}

static void
keys_changed (const struct kg_entry *entry, void *arg)
{
  struct auth *auth = arg;
  watched (auth, "auth.keys", entry,
           model_key (auth, entry->key, entry->value, entry->revision));
}

static void
tenants_changed (const struct kg_entry *entry, void *arg)
{
  struct auth *auth = arg;
  watched (auth, "auth.tenants", entry,
           model_tenant (auth, entry->key, entry->value, entry->revision));
}

static void
users_changed (const struct kg_entry *entry, void *arg)
{
  struct auth *auth = arg;
  watched (auth, "auth.users", entry,
           model_user (auth, entry->key, entry->value, entry->revision));
}

void
model_gauge (const struct auth *auth)
{
  auth->metrics->set (auth->keys_gauge, 0, (double) atomic_load (&auth->index.active));
}

int32_t
model_open (struct auth *auth)
{
  const struct kg_store *store = auth->store;
  int32_t rc = store->bucket2 (auth->self, "auth.keys", KG_BUCKET_COLD, &auth->keys_bucket);
  if (rc == 0)
    rc = store->bucket (auth->self, "auth.tenants", &auth->tenants_bucket);
  if (rc == 0)
    rc = store->bucket (auth->self, "auth.users", &auth->users_bucket);
  if (rc == 0)
    rc = store->watch (auth->tenants_bucket, tenants_changed, auth);
  if (rc == 0)
    rc = store->watch (auth->users_bucket, users_changed, auth);
  return rc == 0 ? store->watch (auth->keys_bucket, keys_changed, auth) : rc;
}
