/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/index_inner.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

_Static_assert (sizeof (struct key) + sizeof (uint32_t) <= 96, "a key takes 96 bytes at most");

/* ---- Records ------------------------------------------------------------- */

/* Room for one more in an array of `size`d items. */
static int32_t
array_reserve (void **array, uint32_t count, uint32_t *room, size_t size)
{
  uint32_t more = *room ? *room * 2 : 64;
  void *p;
  if (count < *room)
    return 0;
  p = realloc (*array, more * size);
  if (!p)
    return -ENOMEM;
  *array = p;
  *room = more;
  return 0;
}

/* Makes sure that one record can be had, and one, and a user, put aside. */
static int32_t
records_reserve (struct index *index)
{
  uint32_t n = index->count + 1;
  struct slab **slab = &index->slab[n / KEY_SLAB % KEY_SLABS];
  if (array_reserve ((void **) &index->old, index->old_count + 1, &index->old_room,
                     sizeof *index->old)
          < 0
      || array_reserve ((void **) &index->unused, index->unused_count + index->old_count + 2,
                        &index->unused_room, sizeof *index->unused)
             < 0)
    return -ENOMEM;
  if (index->unused_count)
    return 0;
  if (n / KEY_SLAB == KEY_SLABS)
    return -ENOMEM;
  if (!*slab)
    *slab = calloc (1, sizeof **slab);
  return *slab ? 0 : -ENOMEM;
}

static uint32_t
record_take (struct index *index)
{
  return index->unused_count ? index->unused[--index->unused_count] : ++index->count;
}

void
record_retire (struct index *index, uint32_t number)
{
  atomic_fetch_and (key_state (index, number), ~KEY_CURRENT);
  index->old[index->old_count++]
      = (struct index_old){ .tag = epoch_tag (index->epochs), .number = number };
}

/* A revoked record is its id's newest for a while, then it is retired. */
static void
record_trace (struct index *index, uint32_t number)
{
  index->old[index->old_count++] = (struct index_old){ .number = number, .is_trace = 1 };
}

/* ---- Changes ------------------------------------------------------------- */

/* All but the id. */
static int32_t
key_fill (struct index *index, const struct key_spec *spec, uint64_t revision, struct key *key)
{
  int32_t rc = profile_get (&index->profiles, spec, &key->profile);
  if (rc < 0)
    return rc;
  key->user = users_get (&index->users, spec->user);
  if (!key->user) {
    profile_drop (&index->profiles, key->profile);
    return strlen (spec->user) > USER_TEXT ? -EINVAL : -ENOMEM;
  }
  memcpy (key->hash, spec->hash, KEY_HASH);
  key->revision = revision;
  key->expires_ns = spec->expires_ns;
  key->deprecated_s = (uint32_t) (spec->deprecated_ns / TEXT_SECOND);
  key->sunset_s = (uint32_t) (spec->sunset_ns / TEXT_SECOND);
  return 0;
}

/* Takes a record out of the table of secrets, if it is there still. */
static void
secret_remove (struct index *index, uint32_t number)
{
  struct key *key = key_at (index, number);
  _Atomic uint32_t *slot = secrets_slot (atomic_load (&index->secrets), key->hash, number);
  if (slot)
    atomic_store_explicit (slot, INDEX_REMOVED, memory_order_release);
  index->live -= slot != NULL;
}

/* It works no more, for whoever has found it already too. */
static void
record_revoke (struct index *index, uint32_t number)
{
  atomic_fetch_and (key_state (index, number), ~KEY_ACTIVE);
  atomic_store (&key_at (index, number)->ended, ENDED_REVOKED);
}

/* Puts an active record into the table of secrets.  It takes the old one's slot, so that
 * no reader misses both. */
static void
secret_put (struct index *index, uint32_t old, uint32_t number)
{
  const struct key *key = key_at (index, number);
  struct index_table *t = atomic_load (&index->secrets);
  _Atomic uint32_t *slot = NULL;
  if (old && !memcmp (key_at (index, old)->hash, key->hash, KEY_HASH))
    slot = secrets_slot (t, key->hash, old);
  if (slot)
    atomic_store_explicit (slot, entry_make (key->hash, number), memory_order_release);
  else
    secrets_put (t, key->hash, number);
  index->live += !slot;
}

/* The new record comes in the old one's place. */
static void
record_replace (struct index *index, uint32_t old, uint32_t number, int32_t active)
{
  if (active)
    secret_put (index, old, number);
  else
    record_trace (index, number);
  if (!old)
    return;
  secret_remove (index, old);
  if (!active)
    record_revoke (index, old);
  record_retire (index, old);
}

static int32_t
is_active (const struct index *index, uint32_t number)
{
  return number && atomic_load (key_state (index, number)) & KEY_ACTIVE;
}

static void
record_publish (struct index *index, const struct key *made, int32_t active)
{
  uint32_t *slot = ids_slot (index, made->id), old = *slot, number = record_take (index);
  struct key *key = key_at (index, number);
  memcpy (key, made, sizeof *key);
  if (old)
    atomic_store (&key->cell, atomic_load (&key_at (index, old)->cell));
  else {
    index->ids_filled++;
    index->ids_live++;
  }
  atomic_store_explicit (key_state (index, number), KEY_CURRENT | (active ? KEY_ACTIVE : 0),
                         memory_order_release);
  *slot = number;
  atomic_fetch_add (&index->active, (uint64_t) active - (uint64_t) is_active (index, old));
  record_replace (index, old, number, active);
}

static int32_t
put_locked (struct index *index, const struct key_spec *spec, uint64_t revision)
{
  struct key key;
  uint32_t old;
  int32_t rc;
  memset (&key, 0, sizeof key);
  rc = text_uuid_read (spec->id, strlen (spec->id), key.id);
  if (rc < 0)
    return rc;
  if (secrets_reserve (index) < 0 || ids_reserve (index) < 0 || records_reserve (index) < 0)
    return -ENOMEM;
  old = *ids_slot (index, key.id);
  if ((old && revision && key_at (index, old)->revision >= revision)
      || (!old && !spec->active && !index->running))
    return 0;
  rc = key_fill (index, spec, revision, &key);
  if (rc == 0)
    record_publish (index, &key, spec->active);
  return rc;
}

static int32_t
remove_locked (struct index *index, const uint8_t id[16])
{
  uint32_t *slot = ids_slot (index, id), number = *slot;
  if (!number)
    return -ENOENT;
  if (records_reserve (index) < 0)
    return -ENOMEM;
  ids_forget (index, slot);
  atomic_fetch_sub (&index->active, (uint64_t) is_active (index, number));
  secret_remove (index, number);
  record_revoke (index, number);
  record_retire (index, number);
  return 0;
}

/* Record 0: what is found where there is nothing.  Its state says that it is revoked. */
static int32_t
nobody_make (struct index *index)
{
  static const struct key_spec spec = { .id = "00000000-0000-0000-0000-000000000000",
                                        .tenant = "00000000-0000-0000-0000-000000000000",
                                        .tier = "",
                                        .user = "",
                                        .limits = LIMITS_UNSET };
  if (records_reserve (index) < 0)
    return -ENOMEM;
  return key_fill (index, &spec, 0, key_at (index, 0));
}

/* ---- Public functions ---------------------------------------------------- */

int32_t
index_init (struct index *index, struct tenants *tenants, struct numbers *numbers,
            struct epochs *epochs)
{
  memset (index, 0, sizeof *index);
  index->epochs = epochs;
  pthread_mutex_init (&index->lock, NULL);
  if (profiles_init (&index->profiles, tenants, numbers) < 0 || users_init (&index->users) < 0
      || secrets_reserve (index) < 0 || ids_reserve (index) < 0)
    return -ENOMEM;
  return nobody_make (index);
}

void
index_finish (struct index *index)
{
  uint32_t i;
  if (!index->epochs)
    return;
  for (i = 0; i < KEY_SLABS; i++)
    free (index->slab[i]);
  free (atomic_load (&index->secrets));
  free (index->ids);
  free (index->old);
  free (index->unused);
  profiles_finish (&index->profiles);
  users_finish (&index->users);
  pthread_mutex_destroy (&index->lock);
}

void
index_run (struct index *index)
{
  pthread_mutex_lock (&index->lock);
  index->running = 1;
  pthread_mutex_unlock (&index->lock);
}

uint32_t
index_find (const struct index *index, const uint8_t hash[KEY_HASH])
{
  struct index_table *t = atomic_load_explicit (&index->secrets, memory_order_acquire);
  uint64_t i, place = hash_place (hash);
  uint32_t tag = entry_make (hash, 0), n = 0;
  const uint8_t *have = key_at (index, 0)->hash;
  for (i = place;; i++) {
    uint32_t e = atomic_load_explicit (&t->slot[i & t->mask], memory_order_acquire);
    n = e & KEY_NUMBER;
    if (!e)
      break;
    if (n && (e & ~KEY_NUMBER) == tag && hash_place (key_at (index, n)->hash) == place) {
      have = key_at (index, n)->hash;
      break;
    }
  }
  /* the same work for a miss */
  return CRYPTO_memcmp (have, hash, KEY_HASH) ? 0 : n;
}

const char *
verdict_text (enum verdict verdict)
{
  static const char *const text[] = { "it works",
                                      "there is no such key",
                                      "the key has expired",
                                      "the key's user is not active",
                                      "the key is not for this address",
                                      "Tenant is suspended",
                                      "Tenant is canceled" };
  return text[verdict];
}

enum verdict
tenant_verdict (const struct tenant *tenant)
{
  int32_t status = atomic_load_explicit (&tenant->status, memory_order_relaxed);
  return status == TENANT_SUSPENDED  ? VERDICT_SUSPENDED
         : status == TENANT_CANCELED ? VERDICT_CANCELED
                                     : VERDICT_OK;
}

enum verdict
index_verdict (const struct index *index, uint32_t number, int64_t now_ns, enum role *ret_role)
{
  const struct key *key = key_at (index, number);
  const struct tenant *tenant = key_profile (index, key)->tenant;
  int32_t user_active;
  *ret_role = user_role (&index->users, key_user (index, key), tenant->number, &user_active);
  if (!(atomic_load_explicit (key_state (index, number), memory_order_acquire) & KEY_ACTIVE))
    return VERDICT_REVOKED;
  if (key->expires_ns && key->expires_ns <= now_ns)
    return VERDICT_EXPIRED;
  if (!user_active)
    return VERDICT_USER;
  return tenant_verdict (tenant);
}

uint32_t
index_by_id (struct index *index, const uint8_t id[16])
{
  uint32_t n;
  pthread_mutex_lock (&index->lock);
  n = *ids_slot (index, id);
  if (n)
    index_pin (index, n);
  pthread_mutex_unlock (&index->lock);
  return n;
}

int32_t
index_put (struct index *index, const struct key_spec *spec, uint64_t revision)
{
  int32_t rc;
  pthread_mutex_lock (&index->lock);
  rc = put_locked (index, spec, revision);
  pthread_mutex_unlock (&index->lock);
  return rc;
}

int32_t
index_remove (struct index *index, const uint8_t id[16])
{
  int32_t rc;
  pthread_mutex_lock (&index->lock);
  rc = remove_locked (index, id);
  pthread_mutex_unlock (&index->lock);
  return rc;
}

int32_t
index_user (struct index *index, const struct user_spec *spec, uint64_t revision)
{
  uint8_t id[16];
  struct tenant *tenant;
  int32_t rc = text_uuid_read (spec->tenant, strlen (spec->tenant), id);
  if (rc < 0)
    return rc;
  tenant = tenant_get (index->profiles.tenants, id);
  if (!tenant)
    return -ENOMEM;
  pthread_mutex_lock (&index->lock);
  rc = users_put (&index->users, spec, tenant->number, revision);
  pthread_mutex_unlock (&index->lock);
  return rc;
}

int32_t
index_user_remove (struct index *index, const char *id)
{
  uint32_t n;
  int32_t rc;
  pthread_mutex_lock (&index->lock);
  rc = records_reserve (index);
  n = rc == 0 ? users_remove (&index->users, id) : 0;
  if (n)
    index->old[index->old_count++]
        = (struct index_old){ .tag = epoch_tag (index->epochs), .number = n, .is_user = 1 };
  pthread_mutex_unlock (&index->lock);
  return rc;
}
