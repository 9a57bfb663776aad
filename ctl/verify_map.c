/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "ctl/verify_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024u

static uint64_t
mix (uint64_t h)
{
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdull;
  h ^= h >> 29;
  h *= 0xc4ceb9fe1a85ec53ull;
  return h ^ h >> 32;
}

struct hash
hash_add (struct hash h, const void *p, size_t n)
{
  const unsigned char *at = p;
  uint64_t word;
  h.a = mix (h.a ^ (n + 1) * 0x9e3779b97f4a7c15ull);
  h.b = mix (h.b ^ (n + 1) * 0xd6e8feb86659fd93ull);
  for (; n; at += sizeof word, n -= sizeof word) {
    word = 0;
    memcpy (&word, at, n < sizeof word ? n : sizeof word);
    h.a = mix (h.a ^ word);
    h.b = mix (h.b * 0x9fb21c651e98df25ull ^ word);
    if (n <= sizeof word)
      break;
  }
  return h;
}

static int
is_empty (const struct map_slot *s)
{
  return !s->key.a && !s->key.b;
}

/* Where the key is, or is to be. */
static struct map_slot *
slot_of (const struct map *m, struct hash key)
{
  size_t i = key.a & (m->slots - 1);
  while (!is_empty (&m->slot[i])
         && (m->slot[i].key.a != key.a || m->slot[i].key.b != key.b))
    i = (i + 1) & (m->slots - 1);
  return &m->slot[i];
}

static void
grow (struct map *m)
{
  struct map more = { .slots = m->slots ? 2 * m->slots : FIRST_SLOTS };
  size_t i;
  more.slot = calloc (more.slots, sizeof *more.slot);
  if (!more.slot) {
    fputs ("kgentctl: no memory\n", stderr);
    abort ();
  }
  for (i = 0; i < m->slots; i++)
    if (!is_empty (&m->slot[i]))
      *slot_of (&more, m->slot[i].key) = m->slot[i];
  more.count = m->count;
  free (m->slot);
  *m = more;
}

uint64_t *
map_put (struct map *m, struct hash key, uint64_t value, int *ret_new)
{
  struct map_slot *s;
  if (!key.a && !key.b)
    key.b = 1;
  if (4 * (m->count + 1) > 3 * m->slots)
    grow (m);
  s = slot_of (m, key);
  *ret_new = is_empty (s);
  if (*ret_new) {
    *s = (struct map_slot){ key, value };
    m->count++;
  }
  return &s->value;
}

uint64_t *
map_get (const struct map *m, struct hash key)
{
  struct map_slot *s;
  if (!m->slots)
    return NULL;
  if (!key.a && !key.b)
    key.b = 1;
  s = slot_of (m, key);
  return is_empty (s) ? NULL : &s->value;
}

void
map_free (struct map *m)
{
  free (m->slot);
  memset (m, 0, sizeof *m);
}
