/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/cellmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
id_hash (const char *id)
{
  uint64_t h = 14695981039346656037u;
  while (*id)
    h = (h ^ (uint8_t) *id++) * 1099511628211u;
  return h ^ h >> 32;
}

int32_t
cellmap_init (struct cellmap *m)
{
  memset (m, 0, sizeof *m);
  pthread_mutex_init (&m->lock, NULL);
  m->mask = 63;
  m->table = calloc (64, sizeof *m->table);
  return m->table ? 0 : -ENOMEM;
}

void
cellmap_finish (struct cellmap *m)
{
  uint32_t i;
  if (!m->table)
    return;
  for (i = 1; i <= m->count; i++)
    free (cellmap_at (m, i));
  for (i = 0; i < CELLMAP_CHUNKS; i++)
    free (m->chunk[i]);
  free (m->table);
  pthread_mutex_destroy (&m->lock);
}

static uint32_t *
slot_find (const struct cellmap *m, const char *id)
{
  uint64_t i = id_hash (id);
  for (; m->table[i & m->mask]; i++)
    if (!strcmp (cellmap_at (m, m->table[i & m->mask])->id, id))
      break;
  return &m->table[i & m->mask];
}

static int32_t
table_grow (struct cellmap *m)
{
  uint64_t i, mask = m->mask;
  uint32_t *old = m->table;
  if (((uint64_t) m->count + 1) * 2 <= mask + 1)
    return 0;
  m->table = calloc ((mask + 1) * 2, sizeof *m->table);
  if (!m->table) {
    m->table = old;
    return -ENOMEM;
  }
  m->mask = mask * 2 + 1;
  for (i = 0; i <= mask; i++)
    if (old[i])
      *slot_find (m, cellmap_at (m, old[i])->id) = old[i];
  free (old);
  return 0;
}

static uint32_t
make (struct cellmap *m, const char *id)
{
  size_t len = strlen (id) + 1, size = (sizeof (struct cell) + len + 63) / 64 * 64;
  uint32_t n = m->count + 1, *slot;
  struct cell *c;
  if (table_grow (m) < 0 || n / CELLMAP_CHUNK == CELLMAP_CHUNKS)
    return 0;
  slot = slot_find (m, id);
  if (*slot)
    return *slot;
  if (!m->chunk[n / CELLMAP_CHUNK])
    m->chunk[n / CELLMAP_CHUNK] = calloc (CELLMAP_CHUNK, sizeof (struct cell *));
  c = m->chunk[n / CELLMAP_CHUNK] ? aligned_alloc (64, size) : NULL;
  if (!c)
    return 0;
  memset (c, 0, sizeof *c);
  c->id = memcpy (c + 1, id, len);
  atomic_store (&m->chunk[n / CELLMAP_CHUNK][n % CELLMAP_CHUNK], c);
  m->count = n;
  return *slot = n;
}

uint32_t
cellmap_number (struct cellmap *m, const char *id)
{
  uint32_t n;
  pthread_mutex_lock (&m->lock);
  n = make (m, id);
  pthread_mutex_unlock (&m->lock);
  return n;
}
