/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/limit.h"

#define COUNT_BITS 40
#define COUNT_MASK (((uint64_t) 1 << COUNT_BITS) - 1)

/* The word as it counts in window `number`.  A word of an older window is empty
 * now.  A word of the next window is kept: the clock went back over the edge, and
 * what was counted stays counted.  One from further ahead was written by a clock
 * that was badly wrong, and must not lock a key out for years. */
static uint64_t
word_now (uint64_t word, uint32_t number)
{
  uint32_t have = (uint32_t) (word >> COUNT_BITS);
  return have == number || have == number + 1 ? word : limit_word (number, 0);
}

static uint64_t
word_count (uint64_t word)
{
  return word & COUNT_MASK;
}

/* Adds to a window, which never overflows into its number. */
static void
word_add (_Atomic uint64_t *word, uint32_t number, uint64_t n)
{
  uint64_t old = atomic_load_explicit (word, memory_order_relaxed), now, room;
  do {
    now = word_now (old, number);
    room = COUNT_MASK - word_count (now);
  } while (!atomic_compare_exchange_weak (word, &old, now + (n < room ? n : room)));
}

/* Takes 1 off the count of window `number`; nothing once that window is over. */
static void
word_sub (_Atomic uint64_t *word, uint32_t number)
{
  uint64_t old = atomic_load_explicit (word, memory_order_relaxed);
  do {
    if (old >> COUNT_BITS != number || !word_count (old))
      return;
  } while (!atomic_compare_exchange_weak (word, &old, old - 1));
}

/* Nanoseconds that one request fills of the bucket: rounded up, so that the
 * sustained rate is never above the limit. */
static int64_t
bucket_step (const struct limits *l)
{
  int64_t step = (LIMIT_MINUTE_N + l->per_minute - 1) / l->per_minute;
  return step > 0 ? step : 1;
}

/* When the bucket would be full after one more request; -1 if it has no room. */
static int64_t
bucket_next (uint64_t full_ns, const struct limits *l, int64_t now)
{
  int64_t step = bucket_step (l);
  int64_t from = (int64_t) full_ns > now ? (int64_t) full_ns : now;
  return from + step - now <= step * l->per_minute ? from + step : -1;
}

static int32_t
bucket_take (struct cell *cell, const struct limits *l, int64_t now)
{
  uint64_t old = atomic_load_explicit (&cell->full_ns, memory_order_relaxed);
  int64_t next;
  do {
    next = bucket_next (old, l, now);
    if (next < 0)
      return LIMIT_MINUTE;
  } while (!atomic_compare_exchange_weak (&cell->full_ns, &old, (uint64_t) next));
  return LIMIT_OK;
}

struct moment
limit_moment (int64_t mono_ns, int64_t wall_ns)
{
  struct moment m = { .mono_ns = mono_ns, .wall_s = wall_ns / 1000000000 };
  uint32_t z, era, doe, yoe, doy, mp;
  m.day = (uint32_t) (m.wall_s / LIMIT_DAY_S);
  /* days to the civil date, in years that begin in March */
  z = m.day + 719468;
  era = z / 146097;
  doe = z - era * 146097;
  yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  mp = (5 * doy + 2) / 153;
  m.month = (yoe + era * 400) * 12 + mp + 2;
  return m;
}

int32_t
limit_take (struct cell *cell, const struct limits *l, const struct moment *now)
{
  uint64_t old = atomic_load_explicit (&cell->day, memory_order_relaxed), day;
  do {
    day = word_now (old, now->day);
    if (l->per_day && word_count (day) >= (uint64_t) l->per_day)
      return LIMIT_DAY;
    if (l->per_minute
        && bucket_next (atomic_load_explicit (&cell->full_ns, memory_order_relaxed), l,
                        now->mono_ns)
               < 0)
      return LIMIT_MINUTE;
  } while (!atomic_compare_exchange_weak (&cell->day, &old, day + 1));
  if (l->per_minute && bucket_take (cell, l, now->mono_ns) != LIMIT_OK) {
    word_sub (&cell->day, (uint32_t) (day >> COUNT_BITS));
    return LIMIT_MINUTE;
  }
  return LIMIT_OK;
}

void
limit_refund (struct cell *cell, const struct limits *l, const struct moment *then)
{
  word_sub (&cell->day, then->day);
  if (l->per_minute)
    atomic_fetch_sub (&cell->full_ns, (uint64_t) bucket_step (l));
}

void
limit_spend (struct cell *cell, uint64_t tokens, const struct moment *now)
{
  word_add (&cell->tokens_day, now->day, tokens);
  word_add (&cell->tokens_month, now->month, tokens);
}

int32_t
limit_tokens (struct cell *cell, const struct limits *l, const struct moment *now)
{
  uint64_t used = limit_count (atomic_load (&cell->tokens_month), now->month);
  return l->tokens && used >= (uint64_t) l->tokens ? LIMIT_TOKENS : LIMIT_OK;
}

/* What is left of the bucket, and seconds until it is full. */
static void
bucket_look (uint64_t full_ns, const struct limits *l, int64_t now, struct standing *ret)
{
  int64_t step = bucket_step (l), wait = (int64_t) full_ns - now;
  if (wait < 0)
    wait = 0;
  ret->minute_left = l->per_minute - (wait + step - 1) / step;
  if (ret->minute_left < 0)
    ret->minute_left = 0;
  ret->minute_reset_s = (wait + 999999999) / 1000000000;
}

void
limit_look (struct cell *cell, const struct limits *l, const struct moment *now,
            struct standing *ret)
{
  ret->day_used
      = (int64_t) limit_count (atomic_load_explicit (&cell->day, memory_order_relaxed), now->day);
  ret->day_left = l->per_day > ret->day_used ? l->per_day - ret->day_used : 0;
  ret->day_reset_s = LIMIT_DAY_S - now->wall_s % LIMIT_DAY_S;
  ret->minute_left = ret->minute_reset_s = 0;
  if (l->per_minute)
    bucket_look (atomic_load_explicit (&cell->full_ns, memory_order_relaxed), l, now->mono_ns, ret);
  ret->tokens_today = (int64_t) limit_count (
      atomic_load_explicit (&cell->tokens_day, memory_order_relaxed), now->day);
  ret->tokens_month = (int64_t) limit_count (
      atomic_load_explicit (&cell->tokens_month, memory_order_relaxed), now->month);
}

/* Seconds until the first day of the next month. */
static int64_t
month_rest (const struct moment *now)
{
  struct moment m = *now;
  do
    m = limit_moment (0, ((int64_t) m.day + 1) * LIMIT_DAY_S * 1000000000);
  while (m.month == now->month);
  return m.wall_s - now->wall_s;
}

int64_t
limit_retry (struct cell *cell, const struct limits *l, const struct moment *now, int32_t denied)
{
  int64_t wait;
  if (denied == LIMIT_DAY)
    return LIMIT_DAY_S - now->wall_s % LIMIT_DAY_S;
  if (denied == LIMIT_TOKENS)
    return month_rest (now);
  wait = (int64_t) atomic_load (&cell->full_ns) - now->mono_ns
         - bucket_step (l) * (l->per_minute - 1);
  return wait > 1000000000 ? (wait + 999999999) / 1000000000 : 1;
}

uint64_t
limit_count (uint64_t word, uint32_t number)
{
  return word_count (word_now (word, number));
}

uint64_t
limit_word (uint32_t number, uint64_t count)
{
  return (uint64_t) number << COUNT_BITS | (count < COUNT_MASK ? count : COUNT_MASK);
}
