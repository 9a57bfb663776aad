/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/metering-openmeter/cells.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536
#define FIRST_SLOTS 256

struct cells_chunk {
  struct cells_chunk *next;
  size_t used, size;
  char bytes[];
};

/* `n` bytes that stay until the table is freed. */
static void *
chunk_alloc (struct cells *t, size_t n)
{
  struct cells_chunk *c = t->chunk;
  n = (n + 15) & ~(size_t)15;
  if (!c || c->size - c->used < n) {
    size_t size = n > CHUNK ? n : CHUNK;
    c = malloc (sizeof *c + size + 16);
    if (!c)
      return NULL;
    c->used = (16 - (uintptr_t)c->bytes % 16) % 16;
    c->size = size + c->used;
    c->next = t->chunk;
    t->chunk = c;
  }
  c->used += n;
  return c->bytes + c->used - n;
}

static uint64_t
mix (uint64_t h, const char *p, size_t n)
{
  uint64_t w;
  for (; n >= 8; n -= 8, p += 8) {
    memcpy (&w, p, 8);
    h = (h ^ w) * 0x9E3779B97F4A7C15u;
    h ^= h >> 29;
  }
  w = 0;
  if (n)
    memcpy (&w, p, n);
  h = (h ^ w ^ (uint64_t)n << 56) * 0x9E3779B97F4A7C15u;
  return h ^ h >> 32;
}

static uint64_t
key_hash (const struct cell *k)
{
  uint64_t h = ((uint64_t)k->meter << 40 | (uint64_t)k->unit << 36) ^ (uint64_t)k->start;
  h = mix (h * 0xD6E8FEB86659FD93u, k->subject.ptr, k->subject.len);
  return mix (h, k->group.ptr, k->group.len);
}

static int32_t
same (kg_str a, kg_str b)
{
  return a.len == b.len && (!a.len || !memcmp (a.ptr, b.ptr, a.len));
}

static int32_t
key_same (const struct cell *a, const struct cell *b, uint64_t hash)
{
  return a->hash == hash && a->meter == b->meter && a->unit == b->unit && a->start == b->start
         && same (a->subject, b->subject) && same (a->group, b->group);
}

static int32_t
slots_grow (struct cells *t)
{
  uint32_t n = t->slots ? t->slots * 2 : FIRST_SLOTS;
  struct cell **slot = calloc (n, sizeof *slot), *c;
  if (!slot)
    return 0;
  for (c = t->first; c; c = c->next) {
    c->chain = slot[c->hash & (n - 1)];
    slot[c->hash & (n - 1)] = c;
  }
  free (t->slot);
  t->slot = slot;
  t->slots = n;
  return 1;
}

static kg_str
text_copy (char **at, kg_str s)
{
  kg_str r = { *at, s.len };
  if (s.len)
    memcpy (*at, s.ptr, s.len);
  *at += s.len;
  return r;
}

static struct cell *
cell_new (struct cells *t, const struct cell *key, uint64_t hash)
{
  struct cell *c = chunk_alloc (t, sizeof *c + key->subject.len + key->group.len);
  char *at = (char *)(c + 1);
  if (!c)
    return NULL;
  memset (c, 0, sizeof *c);
  c->hash = hash;
  c->meter = key->meter;
  c->unit = key->unit;
  c->start = key->start;
  c->subject = text_copy (&at, key->subject);
  c->group = text_copy (&at, key->group);
  c->chain = t->slot[hash & (t->slots - 1)];
  t->slot[hash & (t->slots - 1)] = c;
  if (!t->last)
    t->last = &t->first;
  *t->last = c;
  t->last = &c->next;
  t->bytes += key->subject.len + key->group.len;
  t->count++;
  return c;
}

struct cell *
cells_get (struct cells *t, const struct cell *key)
{
  uint64_t hash = key_hash (key);
  struct cell *c = t->slots ? t->slot[hash & (t->slots - 1)] : NULL;
  while (c && !key_same (c, key, hash))
    c = c->chain;
  if (c)
    return c;
  if (t->count >= t->slots && !slots_grow (t))
    return NULL;
  return cell_new (t, key, hash);
}

/* Whether b's latest value is newer than a's. */
static int32_t
newer (const struct cell *a, const struct cell *b)
{
  if (!(a->flags & CELL_LATEST) || a->at != b->at)
    return !(a->flags & CELL_LATEST) || b->at > a->at;
  return b->sequence != a->sequence ? b->sequence > a->sequence : b->k > a->k;
}

int32_t
cell_merge (struct cell *into, const struct cell *from)
{
  decimal sum = into->sum;
  int64_t count;
  if (__builtin_add_overflow (into->count, from->count, &count)
      || decimal_add (&sum, from->sum) < 0)
    return -ERANGE;
  into->count = count;
  into->sum = sum;
  if (from->flags & CELL_EXTREMES) {
    int32_t none = !(into->flags & CELL_EXTREMES);
    into->min = none || from->min < into->min ? from->min : into->min;
    into->max = none || from->max > into->max ? from->max : into->max;
  }
  if (from->flags & CELL_LATEST && newer (into, from)) {
    into->latest = from->latest;
    into->at = from->at;
    into->sequence = from->sequence;
    into->k = from->k;
  }
  into->flags |= from->flags;
  return 0;
}

void
cells_free (struct cells *t)
{
  struct cells_chunk *c, *next;
  for (c = t->chunk; c; c = next) {
    next = c->next;
    free (c);
  }
  free (t->slot);
  memset (t, 0, sizeof *t);
}
