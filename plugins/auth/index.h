/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The keys in memory, found by the SHA-256 of the secret.
 *
 * Readers take no lock: a lookup is one probe sequence in an open-addressing
 * table of pointers to immutable records.  Writers replace a pointer, or the
 * whole table when it grows; what was replaced is freed no earlier than
 * INDEX_GRACE_S later, and a reader holds a record only inside one hook. */
#ifndef AUTH_INDEX_H
#define AUTH_INDEX_H

#include "plugins/auth/keys.h"

#include <pthread.h>

#define INDEX_GRACE_S 60

struct index_table;
struct index_id;

struct index {
  struct index_table *_Atomic table;
  pthread_mutex_t lock; /* writers, and the members below */
  uint64_t used;        /* slots that are not empty, removed ones too */
  _Atomic uint64_t active; /* keys that work */
  struct index_id *ids; /* key id -> cell and current record */
  uint64_t id_mask, id_count;
  struct key *retired;
  struct index_table *old_tables;
};

/* 0 or -ENOMEM. */
int32_t index_init (struct index *index);

/* Frees everything; no reader may be left. */
void index_finish (struct index *index);

/* [any] The record whose secret has this hash, or NULL. */
const struct key *index_find (const struct index *index, const uint8_t hash[KEY_HASH]);

/* Puts a record in, in place of the one with its id, whose cell it inherits; an
 * older revision than the one that is there is dropped.  Takes the record over.
 * 0; -ENOMEM: nothing changed. */
int32_t index_put (struct index *index, struct key *key);

/* Takes the key with this id out; 0 or -ENOENT. */
int32_t index_remove (struct index *index, const char *id, size_t len);

/* The cell of the key with this id, or NULL. */
struct cell *index_cell (struct index *index, const char *id, size_t len);

/* Frees what was replaced long enough ago. */
void index_sweep (struct index *index);

#endif
