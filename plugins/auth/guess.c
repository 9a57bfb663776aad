/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/guess.h"

#include <arpa/inet.h>
#include <string.h>

static uint64_t
mix (uint64_t h)
{
  h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
  h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
  return h ^ h >> 33;
}

static uint64_t
bytes_hash (uint64_t h, const void *p, size_t len)
{
  const uint8_t *b = p;
  while (len--)
    h = (h ^ *b++) * 1099511628211u;
  return h;
}

/* Never 0.  Whoever has one IPv6 address has its whole /64. */
static uint64_t
address_hash (const struct guess *g, const char *client, size_t len)
{
  const char *zone = memchr (client, '%', len);
  size_t n = zone ? (size_t) (zone - client) : len;
  char text[INET6_ADDRSTRLEN];
  struct in6_addr v6;
  if (memchr (client, ':', n) && n < sizeof text) {
    memcpy (text, client, n);
    text[n] = 0;
    if (inet_pton (AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED (&v6))
      return mix (bytes_hash (g->seed, &v6, 8)) | 1;
  }
  return mix (bytes_hash (g->seed, client, len)) | 1;
}

static uint32_t
word_count (uint64_t word, int64_t now_s)
{
  return now_s - (int64_t) (word >> 32) < GUESS_WINDOW_S ? (uint32_t) word : 0;
}

static struct guess_slot *
slot_find (struct guess *g, uint64_t who)
{
  struct guess_slot *set = g->slot[who >> 8 & (GUESS_SETS - 1)];
  for (int i = 0; i < GUESS_WAYS; i++)
    if (atomic_load_explicit (&set[i].who, memory_order_relaxed) == who)
      return &set[i];
  return NULL;
}

/* The slot for a new address: the one with the fewest failures. */
static struct guess_slot *
slot_make (struct guess *g, uint64_t who, int64_t now_s)
{
  struct guess_slot *set = g->slot[who >> 8 & (GUESS_SETS - 1)], *best = set;
  for (int i = 1; i < GUESS_WAYS; i++)
    if (word_count (set[i].word, now_s) < word_count (best->word, now_s))
      best = &set[i];
  atomic_store (&best->word, 0);
  atomic_store (&best->who, who);
  return best;
}

void
guess_init (struct guess *g, uint64_t seed)
{
  g->seed = seed | 1;
}

int64_t
guess_wait (struct guess *g, const char *client, size_t len, int64_t now_s)
{
  int64_t last = atomic_load_explicit (&g->last_s, memory_order_relaxed);
  struct guess_slot *slot;
  uint64_t word;
  if (!last || now_s - last >= GUESS_WINDOW_S) /* nobody failed lately */
    return 0;
  slot = slot_find (g, address_hash (g, client, len));
  if (!slot)
    return 0;
  word = atomic_load (&slot->word);
  if (word_count (word, now_s) < GUESS_MAX)
    return 0;
  return (int64_t) (word >> 32) + GUESS_WINDOW_S - now_s;
}

uint32_t
guess_fail (struct guess *g, const char *client, size_t len, int64_t now_s)
{
  uint64_t who = address_hash (g, client, len), old, new;
  struct guess_slot *slot = slot_find (g, who);
  if (!slot)
    slot = slot_make (g, who, now_s);
  old = atomic_load (&slot->word);
  do {
    uint32_t count = word_count (old, now_s);
    new = count ? old + (count < UINT32_MAX) : (uint64_t) now_s << 32 | 1;
  } while (!atomic_compare_exchange_weak (&slot->word, &old, new));
  atomic_store_explicit (&g->last_s, now_s, memory_order_relaxed);
  return (uint32_t) new;
}
