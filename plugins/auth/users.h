/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Users in memory: each text that keys name as their user, once, under a number.
 *
 * There may be as many as there are keys, so they lie packed in chunks, in units of
 * 8 bytes: a user's number says where.  Readers look at a user while they hold a key
 * of it; all else is for one thread at a time. */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include "plugins/auth/user.h"

#include <stdatomic.h>
#include <stdint.h>

#define USER_TEXT    255   /* bytes of a user's text */
#define USER_UNIT    8     /* bytes */
#define USER_CHUNK   32768 /* units */
#define USER_CHUNKS  8192
#define USER_CLASSES (16 + USER_TEXT / USER_UNIT)

/* What is known about a user that has, or had, a record. */
struct user_record {
  _Atomic uint64_t word; /* number of the tenant << 32 | role << 1 | active; 0: none */
  uint64_t revision;
};

struct user {
  _Atomic uint32_t record; /* number; 0: none */
  uint32_t refs;           /* keys, and 1 for a record */
  uint8_t len;
  char text[];             /* with its NUL */
};

#define USER_RECORDS_CHUNK  4096
#define USER_RECORDS_CHUNKS 4096

struct users {
  char *chunk[USER_CHUNKS];
  uint32_t chunks, used;           /* units of the last chunk */
  uint32_t unused[USER_CLASSES];   /* lists by size in units */
  uint32_t *table;                 /* numbers, by text */
  uint64_t mask, filled, live;     /* slots - 1; not empty ones; users */
  struct user_record *records[USER_RECORDS_CHUNKS];
  uint32_t record_count, record_unused;
};

/* 0 or -ENOMEM; finish accepts what is zeroed. */
int32_t users_init (struct users *users);
void users_finish (struct users *users);

static inline struct user *
user_at (const struct users *users, uint32_t number)
{
  char *chunk = users->chunk[number / USER_CHUNK];
  return (struct user *) (void *) (chunk + (size_t) (number % USER_CHUNK) * USER_UNIT);
}

/* The role that caps a key of this user in this tenant; *ret_active: whether the key
 * works at all. */
static inline enum role
user_role (const struct users *users, const struct user *user, uint32_t tenant, int32_t *ret_active)
{
  uint32_t n = atomic_load_explicit (&user->record, memory_order_acquire);
  uint64_t word = 0;
  if (n)
    word = atomic_load_explicit (
        &users->records[n / USER_RECORDS_CHUNK][n % USER_RECORDS_CHUNK].word, memory_order_relaxed);
  if (word >> 32 != tenant) {
    *ret_active = 1;
    return ROLE_ANY;
  }
  *ret_active = word & 1;
  return (enum role) (word >> 1 & 7);
}

/* One more reference to the user with this text, made when there is none; 0 without
 * memory or for a text that is too long. */
uint32_t users_get (struct users *users, const char *text);

/* One reference less: the last one frees it, so that no reader may look at it. */
void users_drop (struct users *users, uint32_t number);

/* Puts a record in force, unless a newer one is, for keys of the tenant with this
 * number; 0, -ENOMEM. */
int32_t users_put (struct users *users, const struct user_spec *spec, uint32_t tenant,
                   uint64_t revision);

/* Forgets a record.  Returns a number to drop once no reader can look at it, or 0. */
uint32_t users_remove (struct users *users, const char *text);

#endif
