/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The last key of an operator: whoever gives it up over the network has locked
 * everybody out but those on the machine itself. */
#include "plugins/auth/admin_key.h"
#include "plugins/auth/change.h"

#include <errno.h>
#include <string.h>

struct search {
  struct auth *auth;
  const char *except;
  int64_t now_ns;
};

static int32_t
user_allows (const struct user_spec *user, void *arg)
{
  const struct key_spec *key = arg;
  return strcmp (user->tenant, key->tenant)
         || (user->active && role_allows (user->role, "admin"));
}

/* Whether the key's user and tenant let it work; -errno. */
static int32_t
owner_allows (struct auth *auth, const struct key_spec *key)
{
  struct kg_entry entry = { .size = sizeof entry };
  struct tenant *tenant = NULL;
  int32_t status, rc;
  uint8_t id[16];
  if (text_uuid_read (key->tenant, strlen (key->tenant), id) == 0)
    tenant = tenant_find (&auth->tenants, id);
  status = tenant ? atomic_load (&tenant->status) : TENANT_UNKNOWN;
  if (status == TENANT_SUSPENDED || status == TENANT_CANCELED)
    return 0;
  rc = auth->store->get (auth->users_bucket, (kg_str){ key->user, strlen (key->user) }, &entry);
  if (rc == -ENOENT)
    return 1;
  return rc == 0 ? user_read (entry.value, user_allows, (void *) (uintptr_t) key) : rc;
}

/* Whether the key has the scope, and works by itself. */
static int32_t
key_is_admin (const struct key_spec *key, int64_t now_ns)
{
  const char *const *scope = key->scopes;
  if (!key->active || (key->expires_ns && key->expires_ns <= now_ns))
    return 0;
  while (*scope && strcmp (*scope, "admin"))
    scope++;
  return *scope != NULL;
}

static int32_t
search_spec (const struct key_spec *key, void *arg)
{
  const struct search *s = arg;
  if (!strcmp (key->id, s->except) || !key_is_admin (key, s->now_ns))
    return 0;
  return owner_allows (s->auth, key);
}

/* Most keys need no reading: the scope's text isn't in them. */
static int32_t
search_entry (const struct kg_entry *entry, void *arg)
{
  static const char scope[] = "\"admin\"";
  int32_t rc;
  if (!memmem (entry->value.ptr, entry->value.len, scope, sizeof scope - 1))
    return 0;
  rc = key_read (entry->value, search_spec, arg);
  return rc == -EINVAL ? 0 : rc; /* no key: it was logged when it was loaded */
}

int32_t
admin_key_exists (struct auth *auth, const char *except, int64_t now_ns)
{
  struct search s = { auth, except, now_ns };
  return auth->store->scan (auth->keys_bucket, (kg_str){ "", 0 }, search_entry, &s);
}

int32_t
admin_key_leaves (struct task *t, const struct key_spec *old, const struct key_spec *new)
{
  int32_t rc;
  if (t->local || t->forced || !key_is_admin (old, t->now_ns) || key_is_admin (new, t->now_ns))
    return 0;
  rc = owner_allows (t->auth, old);
  if (rc <= 0)
    return rc;
  rc = admin_key_exists (t->auth, old->id, t->now_ns);
  if (rc)
    return rc < 0 ? rc : 0;
  return task_refuse (t, 409,
                      "This is the last active key with scope 'admin': without it only the "
                      "operator's socket is left. Say ?force=1 if that is meant.");
}
