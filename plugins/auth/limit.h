/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Rate and quota windows of one key, in one cache line of atomics.
 *
 * The minute is a token bucket, kept as the time at which it will be full
 * (the "theoretical arrival time" of the generic cell rate algorithm).  Days
 * and months are calendar windows in UTC: a word holds the window's number and
 * the count in it, so a new window begins by itself.  Nothing here reads a
 * clock or takes a lock. */
#ifndef AUTH_LIMIT_H
#define AUTH_LIMIT_H

#include <stdatomic.h>
#include <stdint.h>

#define LIMIT_DAY_S    86400
#define LIMIT_MINUTE_N 60000000000ll /* nanoseconds */

/* What a key or a tenant may do; 0: unlimited; in a specification -1: not given. */
struct limits {
  int64_t per_minute, per_day; /* requests */
  int64_t tokens;              /* per month */
  int64_t per_month;           /* requests */
  int64_t spend;               /* money per month, in minor units */
  int64_t concurrent;          /* requests and streams in flight */
};

#define LIMITS_UNSET \
  (struct limits) { -1, -1, -1, -1, -1, -1 }

/* One key's counters.  They live as long as the plugin: a request may keep a
 * pointer.  A window word is `number << 40 | count`. */
struct cell {
  _Alignas (64) _Atomic uint64_t full_ns; /* monotonic time at which the bucket is full */
  _Atomic uint64_t day;          /* requests in the day */
  _Atomic uint64_t tokens_day;
  _Atomic uint64_t tokens_month;
  struct cell *next;             /* in the list of changed cells */
  _Atomic uint32_t dirty;        /* 1 while in that list */
  const char *id;                /* of the key; lives as long as the cell */
};

/* A point in time, taken once per request. */
struct moment {
  int64_t mono_ns;
  int64_t wall_s;
  uint32_t day;   /* since the epoch */
  uint32_t month; /* year * 12 + month */
};

/* Which policy said no. */
#define LIMIT_OK     0
#define LIMIT_MINUTE 1
#define LIMIT_DAY    2
#define LIMIT_TOKENS 3
#define LIMIT_KINDS  4

/* The state of all policies after a decision. */
struct standing {
  int64_t minute_left, day_left;       /* requests */
  int64_t minute_reset_s, day_reset_s; /* until the bucket is full, the day is over */
  int64_t day_used;
  int64_t tokens_today, tokens_month;
};

/* The calendar of a wall-clock time. */
struct moment limit_moment (int64_t mono_ns, int64_t wall_ns);

/* Takes one request from the minute and the day, both or none: LIMIT_OK, or
 * LIMIT_MINUTE or LIMIT_DAY when nothing was taken. */
int32_t limit_take (struct cell *cell, const struct limits *limits, const struct moment *now);

/* Gives back what limit_take took at `then`. */
void limit_refund (struct cell *cell, const struct limits *limits, const struct moment *then);

/* Adds used tokens to the day and the month. */
void limit_spend (struct cell *cell, uint64_t tokens, const struct moment *now);

/* LIMIT_TOKENS when the month's tokens are used up. */
int32_t limit_tokens (struct cell *cell, const struct limits *limits, const struct moment *now);

/* Reads the counters; changes nothing. */
void limit_look (struct cell *cell, const struct limits *limits, const struct moment *now,
                 struct standing *ret);

/* Seconds until limit_take can succeed again after it said `denied`; at least 1. */
int64_t limit_retry (struct cell *cell, const struct limits *limits, const struct moment *now,
                     int32_t denied);

/* The count that a window word has in window `number`, and a word made of both. */
uint64_t limit_count (uint64_t word, uint32_t number);
uint64_t limit_word (uint32_t number, uint64_t count);

#endif
