/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/limit.h"

#include <stddef.h>

const char *const limit_names[LIMIT_POLICIES + 1]
    = { "concurrent", "minute", "day", "month", "tokens", "money", NULL };

/* ---- The minute ----------------------------------------------------------- */

/* Nanoseconds that one request fills of the bucket: rounded up, so that the
 * sustained rate is never above the limit. */
static int64_t
bucket_step (int64_t per_minute)
{
  int64_t step = (LIMIT_MINUTE_N + per_minute - 1) / per_minute;
  return step > 0 ? step : 1;
}

/* When the bucket would be full after one more request; -1 if it has no room. */
static int64_t
bucket_next (uint64_t full_ns, int64_t per_minute, int64_t now)
{
  int64_t step = bucket_step (per_minute);
  int64_t from = (int64_t) full_ns > now ? (int64_t) full_ns : now;
  return from + step - now <= step * per_minute ? from + step : -1;
}

int32_t
bucket_take (_Atomic uint64_t *full_ns, int64_t per_minute, int64_t now)
{
  uint64_t old = atomic_load_explicit (full_ns, memory_order_relaxed);
  int64_t next;
  do {
    next = bucket_next (old, per_minute, now);
    if (next < 0)
      return 0;
  } while (!atomic_compare_exchange_weak (full_ns, &old, (uint64_t) next));
  return 1;
}

/* As much as one request took.  What the bucket was filled up with meanwhile is not
 * added to: a full one stays full. */
static void
bucket_return (struct cell *cell, int64_t per_minute)
{
  atomic_fetch_sub (&cell->full_ns, (uint64_t) bucket_step (per_minute));
}

int64_t
bucket_left (uint64_t full_ns, int64_t per_minute, int64_t now, int64_t *ret_reset_s)
{
  int64_t step = bucket_step (per_minute), wait = (int64_t) full_ns - now, left;
  if (wait < 0)
    wait = 0;
  left = per_minute - (wait + step - 1) / step;
  *ret_reset_s = (wait + 999999999) / 1000000000;
  return left > 0 ? left : 0;
}

int64_t
bucket_wait (uint64_t full_ns, int64_t per_minute, int64_t now)
{
  int64_t wait = (int64_t) full_ns - now - bucket_step (per_minute) * (per_minute - 1);
  return wait > 1000000000 ? (wait + 999999999) / 1000000000 : 1;
}

/* ---- In flight ------------------------------------------------------------ */

int32_t
flight_take (_Atomic uint32_t *concurrent, uint64_t max)
{
  uint32_t old = atomic_load_explicit (concurrent, memory_order_relaxed);
  do
    if (old >= max)
      return 0;
  while (!atomic_compare_exchange_weak (concurrent, &old, old + 1));
  return 1;
}

/* ---- One subject ---------------------------------------------------------- */

/* 0: unlimited. */
static uint64_t
bound (int64_t limit)
{
  return limit ? (uint64_t) limit : WINDOW_MAX;
}

static void
policies_return (const struct subject *s, const struct moment *then, uint32_t taken)
{
  if (taken & LIMIT_BIT (LIMIT_CONCURRENT))
    atomic_fetch_sub (&s->cell->concurrent, 1);
  if (taken & LIMIT_BIT (LIMIT_MINUTE))
    bucket_return (s->cell, s->limits->per_minute);
  if (taken & LIMIT_BIT (LIMIT_DAY))
    window_sub (&s->cell->day, then->day, 1);
  if (taken & LIMIT_BIT (LIMIT_MONTH))
    window_sub (&s->cell->month, then->month, 1);
}

/* What one subject's request meets. */
struct taking {
  const struct subject *s;
  const struct moment *now;
  uint32_t shadow;
  uint32_t flight;      /* 1: requests in flight are counted without a limit, too */
  uint32_t taken, full; /* policies */
};

/* No room: 1 when that is in shadow, and counted all the same; else what was taken is
 * given back.  A bucket would never be empty again, so it isn't counted in. */
static int32_t
taking_full (struct taking *t, enum limit_policy p)
{
  struct cell *cell = t->s->cell;
  t->full |= LIMIT_BIT (p);
  if (!(t->shadow & LIMIT_BIT (p))) {
    policies_return (t->s, t->now, t->taken);
    t->full = LIMIT_BIT (p);
    return 0;
  }
  if (p == LIMIT_CONCURRENT)
    atomic_fetch_add (&cell->concurrent, 1);
  else if (p == LIMIT_DAY)
    window_add (&cell->day, t->now->day, 1);
  else if (p == LIMIT_MONTH)
    window_add (&cell->month, t->now->month, 1);
  t->taken |= LIMIT_BIT (p) & ~LIMIT_BIT (LIMIT_MINUTE);
  return 1;
}

/* Takes in the order of the policies, the same for everybody: so who is refused for
 * what another one has taken, and must give back, would have been refused by what
 * that one met, too. */
static int32_t
subject_take (struct taking *t)
{
  const struct limits *l = t->s->limits;
  struct cell *cell = t->s->cell;
  if ((l->concurrent || t->flight) && flight_take (&cell->concurrent, bound (l->concurrent)))
    t->taken |= LIMIT_BIT (LIMIT_CONCURRENT);
  else if (l->concurrent && !taking_full (t, LIMIT_CONCURRENT))
    return 0;
  if (l->per_minute && bucket_take (&cell->full_ns, l->per_minute, t->now->mono_ns))
    t->taken |= LIMIT_BIT (LIMIT_MINUTE);
  else if (l->per_minute && !taking_full (t, LIMIT_MINUTE))
    return 0;
  if (window_take (&cell->day, t->now->day, 1, bound (l->per_day)))
    t->taken |= LIMIT_BIT (LIMIT_DAY);
  else if (!taking_full (t, LIMIT_DAY))
    return 0;
  if (l->per_month && window_take (&cell->month, t->now->month, 1, (uint64_t) l->per_month))
    t->taken |= LIMIT_BIT (LIMIT_MONTH);
  else if (l->per_month && !taking_full (t, LIMIT_MONTH))
    return 0;
  return 1;
}

/* ---- Requests ------------------------------------------------------------- */

/* The key before the tenant: see subject_take.  The hold is taken after the count,
 * and given back before it: a process that dies in between counts one too many,
 * never one too few. */
int32_t
limit_take (const struct subject *s, const struct moment *now, uint32_t shadow,
            struct policies *ret_taken, struct policies *ret_full)
{
  struct taking key = { &s[LIMIT_KEY], now, shadow, 0, 0, 0 };
  struct taking tenant = { &s[LIMIT_TENANT], now, shadow, 1, 0, 0 };
  int32_t both = subject_take (&key);
  if (both && !subject_take (&tenant)) {
    policies_return (&s[LIMIT_KEY], now, key.taken);
    both = 0;
  }
  *ret_full = (struct policies){ { (uint8_t) key.full, (uint8_t) tenant.full } };
  if (!both)
    return 0;
  if (key.taken & LIMIT_BIT (LIMIT_CONCURRENT))
    atomic_fetch_add_explicit (&s[LIMIT_KEY].hold->concurrent, 1, memory_order_relaxed);
  atomic_fetch_add_explicit (&s[LIMIT_TENANT].hold->concurrent, 1, memory_order_relaxed);
  *ret_taken = (struct policies){ { (uint8_t) key.taken, (uint8_t) tenant.taken } };
  return 1;
}

void
limit_end (const struct subject *s, const struct moment *then,
           const struct policies *taken, int32_t failed)
{
  for (int i = 0; i < LIMIT_SUBJECTS; i++) {
    if (taken->of[i] & LIMIT_BIT (LIMIT_CONCURRENT))
      atomic_fetch_sub_explicit (&s[i].hold->concurrent, 1, memory_order_relaxed);
    policies_return (&s[i], then,
                     failed ? taken->of[i] : taken->of[i] & LIMIT_BIT (LIMIT_CONCURRENT));
  }
}

/* ---- Reading -------------------------------------------------------------- */

void
limit_look (const struct subject *s, const struct moment *now, struct standing *ret)
{
  const struct cell *c = s->cell;
  ret->minute_left = ret->minute_reset_s = 0;
  if (s->limits->per_minute)
    ret->minute_left
        = bucket_left (atomic_load_explicit (&c->full_ns, memory_order_relaxed),
                       s->limits->per_minute, now->mono_ns, &ret->minute_reset_s);
  ret->day_used = (int64_t) window_count (&c->day, now->day);
  ret->month_used = (int64_t) window_count (&c->month, now->month);
  ret->tokens_today = (int64_t) window_count (&c->tokens_day, now->day);
  ret->tokens = (int64_t) window_count (&c->tokens, now->month);
  ret->money = (int64_t) window_count (&c->money, now->month);
  ret->concurrent = (int64_t) atomic_load_explicit (&c->concurrent, memory_order_relaxed);
}

int64_t
limit_used (const struct limits *l, const struct standing *s, enum limit_policy policy)
{
  switch (policy) {
  case LIMIT_CONCURRENT:
    return s->concurrent;
  case LIMIT_MINUTE:
    return l->per_minute - s->minute_left;
  case LIMIT_DAY:
    return s->day_used;
  case LIMIT_MONTH:
    return s->month_used;
  case LIMIT_TOKENS:
    return s->tokens;
  default:
    return s->money;
  }
}

uint32_t
limit_full (const struct subject *s, const struct moment *now, uint32_t ask)
{
  uint32_t full = 0;
  struct standing st;
  limit_look (s, now, &st);
  for (enum limit_policy p = 0; p < LIMIT_POLICIES; p++) {
    int64_t limit = limit_of (s->limits, p);
    if (ask & LIMIT_BIT (p) && limit && limit_used (s->limits, &st, p) >= limit)
      full |= LIMIT_BIT (p);
  }
  return full;
}

int64_t
limit_retry (const struct subject *s, const struct moment *now, enum limit_policy policy)
{
  if (policy == LIMIT_DAY)
    return LIMIT_DAY_S - now->wall_s % LIMIT_DAY_S;
  if (policy == LIMIT_MONTH || policy == LIMIT_TOKENS || policy == LIMIT_MONEY)
    return (int64_t) now->month_end * LIMIT_DAY_S - now->wall_s;
  return policy == LIMIT_MINUTE && s->limits->per_minute
             ? bucket_wait (atomic_load (&s->cell->full_ns), s->limits->per_minute, now->mono_ns)
             : 1;
}

/* ---- The calendar --------------------------------------------------------- */

/* A day since the epoch as a civil date, in years that begin in March. */
static void
civil_from (uint32_t days, uint32_t *ret_month, uint32_t *ret_day)
{
  uint32_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
  uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  *ret_month = (yoe + era * 400) * 12 + mp + 2;
  *ret_day = doy - (153 * mp + 2) / 5 + 1;
}

/* The first day of a month, since the epoch. */
static uint32_t
civil_to (uint32_t month)
{
  uint32_t m = month - 2, y = m / 12, mp = m % 12, era = y / 400, yoe = y - era * 400;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + (153 * mp + 2) / 5 - 719468;
}

/* The day at which the window of a month begins. */
static uint32_t
window_begin (uint32_t month, uint32_t anchor)
{
  uint32_t first = civil_to (month), last = civil_to (month + 1) - 1;
  return first + anchor - 1 < last ? first + anchor - 1 : last;
}

/* Once a day and anchor: a word of day + 1, month, and days until the end. */
static uint64_t
window_make (uint32_t day, uint32_t anchor)
{
  uint32_t month, mday;
  civil_from (day, &month, &mday);
  if (day < window_begin (month, anchor))
    month--;
  return (uint64_t) (day + 1) << 32 | (uint64_t) month << 8
         | (window_begin (month + 1, anchor) - day);
}

struct moment
limit_moment (int64_t mono_ns, int64_t wall_ns, int32_t anchor)
{
  static _Atomic uint64_t memo[32];
  struct moment m = { .mono_ns = mono_ns, .wall_s = wall_ns / 1000000000 };
  uint32_t at = anchor >= 1 && anchor <= 31 ? (uint32_t) anchor : 1;
  uint64_t word = atomic_load_explicit (&memo[at], memory_order_relaxed);
  m.day = (uint32_t) (m.wall_s / LIMIT_DAY_S);
  if (word >> 32 != m.day + 1) {
    word = window_make (m.day, at);
    atomic_store_explicit (&memo[at], word, memory_order_relaxed);
  }
  m.month = (uint32_t) word >> 8;
  m.month_end = m.day + (word & 0xff);
  return m;
}
