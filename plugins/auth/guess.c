/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/guess.h"
#include "plugins/auth/cidr.h"

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

uint64_t
guess_bytes (const struct guess *g, const char *p, size_t len)
{
  return mix (bytes_hash (g->seed, p, len)) | 1;
}

/* Whoever has one IPv6 address has its whole /64. */
uint64_t
guess_address (const struct guess *g, const char *client, size_t len)
{
  uint8_t address[16];
  if (address_parse (client, len, address) < 0)
    return guess_bytes (g, client, len);
  return guess_bytes (g, (const char *) address,
                      address_is_v4 (address) ? sizeof address : sizeof address / 2);
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

/* The slot for a newcomer: the one with the fewest failures. */
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
guess_wait (struct guess *g, uint64_t who, int64_t now_s)
{
  struct guess_slot *slot = slot_find (g, who);
  uint64_t word = slot ? atomic_load (&slot->word) : 0;
  if (word_count (word, now_s) < GUESS_MAX)
    return 0;
  return (int64_t) (word >> 32) + GUESS_WINDOW_S - now_s;
}

uint32_t
guess_fail (struct guess *g, uint64_t who, int64_t now_s, uint32_t *ret_before)
{
  struct guess_slot *slot = slot_find (g, who);
  uint64_t old, new;
  uint32_t count;
  if (!slot)
    slot = slot_make (g, who, now_s);
  old = atomic_load (&slot->word);
  do {
    count = word_count (old, now_s);
    new = count ? old + (count < UINT32_MAX) : (uint64_t) now_s << 32 | 1;
  } while (!atomic_compare_exchange_weak (&slot->word, &old, new));
  if (ret_before)
    *ret_before = count ? 0 : (uint32_t) old;
  atomic_store_explicit (&g->last_s, now_s, memory_order_relaxed);
  return (uint32_t) new;
}

/* ---- What is logged ------------------------------------------------------ */

int32_t
guess_log_take (struct guess_log *log, int64_t now_s)
{
  uint64_t old = atomic_load (&log->word), new;
  do {
    if (!old || (now_s - (int64_t) (old >> 32) >= GUESS_WINDOW_S && (uint32_t) old <= GUESS_LINES))
      new = (uint64_t) now_s << 32 | 1;
    else
      new = old + ((uint32_t) old < UINT32_MAX);
  } while (!atomic_compare_exchange_weak (&log->word, &old, new));
  return (uint32_t) new <= GUESS_LINES;
}

uint32_t
guess_log_left (struct guess_log *log, int64_t now_s)
{
  uint64_t old = atomic_load (&log->word);
  if (now_s - (int64_t) (old >> 32) < GUESS_WINDOW_S || (uint32_t) old <= GUESS_LINES
      || !atomic_compare_exchange_strong (&log->word, &old, 0))
    return 0;
  return (uint32_t) old - GUESS_LINES;
}
