/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64         /* a power of two */
#define REMOVED     UINT32_MAX /* of a slot: probes go on behind it */

/* FNV-1a; what is hashed comes from the operator's own store. */
static uint64_t
text_hash (const char *text)
{
  uint64_t h = 14695981039346656037u;
  while (*text)
    h = (h ^ (uint8_t) *text++) * 1099511628211u;
  return h ^ h >> 32;
}

/* ---- Memory -------------------------------------------------------------- */

static uint32_t
units_of (size_t len)
{
  return (uint32_t) ((offsetof (struct user, text) + len + 1 + USER_UNIT - 1) / USER_UNIT);
}

/* Begins a new chunk; 0 or -ENOMEM.  Number 0 is nobody's. */
static int32_t
chunk_add (struct users *u)
{
  if (u->chunks == USER_CHUNKS)
    return -ENOMEM;
  u->chunk[u->chunks] = malloc ((size_t) USER_CHUNK * USER_UNIT);
  if (!u->chunk[u->chunks])
    return -ENOMEM;
  u->used = u->chunks++ ? 0 : 1;
  return 0;
}

/* Room for a user, as a number; 0 without memory. */
static uint32_t
room_take (struct users *u, uint32_t units)
{
  uint32_t n = u->unused[units];
  if (n) {
    memcpy (&u->unused[units], user_at (u, n), sizeof n);
    return n;
  }
  if ((!u->chunks || u->used + units > USER_CHUNK) && chunk_add (u) < 0)
    return 0;
  n = (u->chunks - 1) * USER_CHUNK + u->used;
  u->used += units;
  return n;
}

static void
room_give (struct users *u, uint32_t number, uint32_t units)
{
  memcpy (user_at (u, number), &u->unused[units], sizeof number);
  u->unused[units] = number;
}

/* ---- The table ----------------------------------------------------------- */

/* The slot of a text, or the empty one where it would go. */
static uint32_t *
slot_find (const struct users *u, const char *text)
{
  uint64_t i = text_hash (text);
  for (;; i++) {
    uint32_t n = u->table[i & u->mask];
    if (!n || (n != REMOVED && !strcmp (user_at (u, n)->text, text)))
      return &u->table[i & u->mask];
  }
}

/* Makes room for one more, and leaves removed ones behind. */
static int32_t
table_reserve (struct users *u)
{
  uint64_t slots = SLOTS_FIRST, i, mask = u->mask;
  uint32_t *old = u->table, *table;
  if (old && (u->filled + 1) * 2 <= mask + 1)
    return 0;
  while (slots < (u->live + 1) * 2 + u->live / 2)
    slots *= 2;
  table = calloc (slots, sizeof *table);
  if (!table)
    return -ENOMEM;
  u->table = table;
  u->mask = slots - 1;
  u->filled = u->live;
  for (i = 0; old && i <= mask; i++)
    if (old[i] && old[i] != REMOVED)
      *slot_find (u, user_at (u, old[i])->text) = old[i];
  free (old);
  return 0;
}

int32_t
users_init (struct users *u)
{
  memset (u, 0, sizeof *u);
  return table_reserve (u);
}

void
users_finish (struct users *u)
{
  uint32_t i;
  for (i = 0; i < u->chunks; i++)
    free (u->chunk[i]);
  for (i = 0; i < USER_RECORDS_CHUNKS && u->records[i]; i++)
    free (u->records[i]);
  free (u->table);
  memset (u, 0, sizeof *u);
}

uint32_t
users_get (struct users *u, const char *text)
{
  size_t len = strlen (text);
  uint32_t *slot, n;
  struct user *user;
  if (len > USER_TEXT || table_reserve (u) < 0)
    return 0;
  slot = slot_find (u, text);
  if (*slot) {
    user_at (u, *slot)->refs++;
    return *slot;
  }
  n = room_take (u, units_of (len));
  if (!n)
    return 0;
  user = user_at (u, n);
  atomic_init (&user->record, 0);
  user->refs = 1;
  user->len = (uint8_t) len;
  memcpy (user->text, text, len + 1);
  *slot = n;
  u->filled++;
  u->live++;
  return n;
}

/* ---- Records ------------------------------------------------------------- */

static struct user_record *
record_at (struct users *u, uint32_t n)
{
  return &u->records[n / USER_RECORDS_CHUNK][n % USER_RECORDS_CHUNK];
}

/* A new record's number, > 0; 0 without memory. */
static uint32_t
record_take (struct users *u)
{
  uint32_t n = u->record_unused;
  struct user_record **chunk;
  if (n) {
    u->record_unused = (uint32_t) record_at (u, n)->revision;
    record_at (u, n)->revision = 0;
    return n;
  }
  n = u->record_count + 1;
  if (n / USER_RECORDS_CHUNK == USER_RECORDS_CHUNKS)
    return 0;
  chunk = &u->records[n / USER_RECORDS_CHUNK];
  if (!*chunk && !(*chunk = calloc (USER_RECORDS_CHUNK, sizeof **chunk)))
    return 0;
  return u->record_count = n;
}

static void
record_give (struct users *u, uint32_t n)
{
  struct user_record *r = record_at (u, n);
  atomic_store (&r->word, 0);
  r->revision = u->record_unused;
  u->record_unused = n;
}

void
users_drop (struct users *u, uint32_t number)
{
  struct user *user = user_at (u, number);
  uint32_t record;
  if (--user->refs)
    return;
  record = atomic_load (&user->record);
  if (record)
    record_give (u, record);
  *slot_find (u, user->text) = REMOVED;
  u->live--;
  room_give (u, number, units_of (user->len));
}

int32_t
users_put (struct users *u, const struct user_spec *spec, uint32_t tenant, uint64_t revision)
{
  uint32_t n = users_get (u, spec->id), record;
  struct user_record *r;
  struct user *user;
  if (!n)
    return strlen (spec->id) > USER_TEXT ? -EINVAL : -ENOMEM;
  user = user_at (u, n);
  record = atomic_load (&user->record);
  if (!record && !(record = record_take (u))) {
    users_drop (u, n);
    return -ENOMEM;
  }
  r = record_at (u, record);
  if (atomic_load (&r->word)) /* it has the record's reference already */
    user->refs--;
  if (r->revision <= revision) {
    r->revision = revision;
    atomic_store (&r->word, (uint64_t) tenant << 32 | (uint64_t) spec->role << 1
                                | (uint64_t) (spec->active != 0));
  }
  atomic_store (&user->record, record);
  return 0;
}

uint32_t
users_remove (struct users *u, const char *text)
{
  uint32_t n = *slot_find (u, text), record = n ? atomic_load (&user_at (u, n)->record) : 0;
  struct user_record *r;
  if (!record)
    return 0;
  r = record_at (u, record);
  r->revision = 0;
  return atomic_exchange (&r->word, 0) ? n : 0;
}
