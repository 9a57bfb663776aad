/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The keys in memory, found by the SHA-256 of the secret.
 *
 * Readers (workers, between epoch_enter and epoch_leave) take no lock: a lookup is
 * one probe sequence in an open-addressing table of numbers of immutable records.
 * A change makes a new record and swaps its number in.  The old one is used again
 * once no worker can look at it and no request that it admitted is left: requests
 * pin their record from ACCESS to LOG, and its profile and user with it.
 *
 * Record 0 is nobody's key and never works: a miss is judged like a hit.
 *
 * A million keys: 92 bytes each in slabs, twice 8.4 MB of tables, and what profiles
 * and users take. */
#ifndef AUTH_INDEX_H
#define AUTH_INDEX_H

#include "plugins/auth/epoch.h"
#include "plugins/auth/profile.h"
#include "plugins/auth/users.h"

#define KEY_SLAB   4096 /* records */
#define KEY_SLABS  4096
#define KEY_NUMBER 0xffffffu /* of a number in a table's entry; above it: a tag */

/* Why `ended` is set. */
#define ENDED_PAUSED  1 /* by the sweep: tenant or user; taken back when that is over */
#define ENDED_REVOKED 2

/* A key as requests meet it: never changes but for the atomics. */
struct key {
  uint8_t hash[KEY_HASH];
  uint8_t id[16];
  int64_t expires_ns;     /* since the epoch; 0: never */
  uint64_t revision;      /* of the stored value; 0: not from the store */
  uint32_t profile, user; /* numbers */
  _Atomic uint32_t cell;  /* for whoever counts: of cells_number; 0: not asked for yet */
  _Atomic int32_t ended;  /* ENDED_...; streams look at it */
  uint32_t deprecated_s, sunset_s; /* of a key that was rotated away, else 0; since the epoch */
};

/* State of a record: requests that pin it, and flags. */
#define KEY_PINS    0x00ffffffu
#define KEY_ACTIVE  0x01000000u /* not revoked */
#define KEY_CURRENT 0x02000000u /* its id's newest record */

struct slab {
  struct key key[KEY_SLAB];
  _Atomic uint32_t state[KEY_SLAB];
};

/* Whether a key works now, in the order of asking. */
enum verdict {
  VERDICT_OK,
  VERDICT_REVOKED,
  VERDICT_EXPIRED,
  VERDICT_USER,      /* its user is not active */
  VERDICT_ADDRESS,   /* not from this address */
  VERDICT_SUSPENDED, /* its tenant is: 403, and all above is 401 */
  VERDICT_CANCELED,
};

/* What may be told about it: for the log, and of the last two to the client. */
const char *verdict_text (enum verdict verdict);

enum verdict tenant_verdict (const struct tenant *tenant);

struct index_table {
  struct epoch_item item;
  uint64_t mask, used; /* slots - 1; not empty ones, removed ones too */
  _Atomic uint32_t slot[];
};

struct index {
  struct index_table *_Atomic secrets;
  struct slab *slab[KEY_SLABS];
  struct profiles profiles;
  struct users users;
  struct epochs *epochs;
  _Atomic uint64_t active; /* keys that are not revoked */

  pthread_mutex_t lock; /* writers, and the members below */
  uint64_t live;        /* of the table of secrets: not empty, not removed */
  uint32_t *ids;        /* numbers by id */
  uint64_t ids_mask, ids_filled, ids_live;
  uint32_t count;         /* numbers given out, from 1 on */
  struct index_old *old;  /* what waits until it can be used again, oldest first */
  uint32_t old_count, old_room;
  uint32_t *unused;       /* numbers to give out again */
  uint32_t unused_count, unused_room;
  int32_t running;        /* 1: revoked keys are remembered for a while */
};

/* 0 or -ENOMEM. */
int32_t index_init (struct index *index, struct tenants *tenants, struct numbers *numbers,
                    struct epochs *epochs);

/* Frees everything; no reader and no request may be left. */
void index_finish (struct index *index);

/* From now on a revoked key leaves a trace for a minute, so that older news about it
 * that come late don't bring it back; not while the store is read at start-up. */
void index_run (struct index *index);

/* ---- For readers --------------------------------------------------------- */

static inline struct key *
key_at (const struct index *index, uint32_t number)
{
  return &index->slab[number / KEY_SLAB]->key[number % KEY_SLAB];
}

static inline _Atomic uint32_t *
key_state (const struct index *index, uint32_t number)
{
  return &index->slab[number / KEY_SLAB]->state[number % KEY_SLAB];
}

static inline const struct profile *
key_profile (const struct index *index, const struct key *key)
{
  return profile_at (&index->profiles, key->profile);
}

static inline const struct user *
key_user (const struct index *index, const struct key *key)
{
  return user_at (&index->users, key->user);
}

/* [worker, inside] The number of the key whose secret has this hash; 0: none. */
uint32_t index_find (const struct index *index, const uint8_t hash[KEY_HASH]);

/* [worker, inside] Whether the record is its id's newest, and active. */
static inline int32_t
index_current (const struct index *index, uint32_t number)
{
  uint32_t state = atomic_load_explicit (key_state (index, number), memory_order_acquire);
  return (~state & (KEY_ACTIVE | KEY_CURRENT)) == 0;
}

/* [worker, inside, or whoever has it pinned] All but the address; `now_ns` is since the epoch; *ret_role the
 * role that caps it. */
enum verdict index_verdict (const struct index *index, uint32_t number, int64_t now_ns,
                            enum role *ret_role);

/* [worker, inside] From now on, until index_unpin, it is safe outside. */
static inline void
index_pin (struct index *index, uint32_t number)
{
  atomic_fetch_add_explicit (key_state (index, number), 1, memory_order_relaxed);
}

/* [any] */
static inline void
index_unpin (struct index *index, uint32_t number)
{
  atomic_fetch_sub_explicit (key_state (index, number), 1, memory_order_release);
}

/* [any, not a worker] The newest record with this id, pinned; 0: none. */
uint32_t index_by_id (struct index *index, const uint8_t id[16]);

/* ---- For writers --------------------------------------------------------- */

/* Puts a key in force, in place of the record with its id; an older revision than the
 * one that is there is dropped.  0; -EINVAL: it is malformed; -ENOMEM: nothing changed. */
int32_t index_put (struct index *index, const struct key_spec *spec, uint64_t revision);

/* Takes the key with this id out; 0 or -ENOENT. */
int32_t index_remove (struct index *index, const uint8_t id[16]);

/* Puts a user's record in force, or takes it out.  0, -EINVAL, -ENOMEM. */
int32_t index_user (struct index *index, const struct user_spec *spec, uint64_t revision);
int32_t index_user_remove (struct index *index, const char *id);

/* Once a second: ends what streams on keys that don't work any more, and makes what was
 * replaced usable again; `now_ns` is since the epoch. */
void index_sweep (struct index *index, int64_t now_ns);

#endif
