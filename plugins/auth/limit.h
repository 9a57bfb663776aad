/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Rate and quota limits of a request: of its key, and of its tenant for the sum of
 * all keys.
 *
 * The minute is a token bucket, kept as the time at which it will be full
 * (the "theoretical arrival time" of the generic cell rate algorithm).  Days
 * and months are calendar windows in UTC, months from the tenant's anchor day on.
 * Nothing here reads a clock or takes a lock. */
#ifndef AUTH_LIMIT_H
#define AUTH_LIMIT_H

#include "plugins/auth/cells.h"

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

/* A point in time, taken once per request. */
struct moment {
  int64_t mono_ns;
  int64_t wall_s;
  uint32_t day;       /* since the epoch */
  uint32_t month;     /* year * 12 + month of the day at which the window began */
  uint32_t month_end; /* the day at which the next one begins, since the epoch */
};

/* Policies; the first four are requests', the others a budget's. */
enum limit_policy {
  LIMIT_CONCURRENT,
  LIMIT_MINUTE,
  LIMIT_DAY,
  LIMIT_MONTH,
  LIMIT_TOKENS,
  LIMIT_MONEY,
  LIMIT_POLICIES
};

#define LIMIT_BIT(policy) (1u << (policy))
#define LIMIT_ALL         (LIMIT_BIT (LIMIT_POLICIES) - 1)
#define LIMIT_REQUESTS    (LIMIT_BIT (LIMIT_TOKENS) - 1)

/* "concurrent", "minute", "day", "month", "tokens", "money". */
extern const char *const limit_names[LIMIT_POLICIES + 1];

/* The key's place in an array of subjects, and the tenant's. */
enum limit_of { LIMIT_KEY, LIMIT_TENANT, LIMIT_SUBJECTS };

/* What grants add to a month's limit: in the month of `total`, as a word of a window, that
 * much, in any other one `left`.  While grants burn, `total` stays as it is, so whoever
 * reads sees a whole change or none. */
struct raise {
  _Atomic uint64_t total, left;
};

#define RAISES 2 /* of tokens, of money */

/* Whose counters, and what bounds them. */
struct subject {
  struct cell *cell;
  struct hold *hold;
  const struct limits *limits;
  const struct raise *raise; /* RAISES of them; NULL: nothing is added */
};

/* A set of policies for each subject. */
struct policies {
  uint8_t of[LIMIT_SUBJECTS];
};

/* The state of one subject. */
struct standing {
  int64_t minute_left, minute_reset_s; /* until the bucket is full */
  int64_t day_used, month_used;        /* requests */
  int64_t tokens_today, tokens, money; /* in the month, what is reserved too */
  int64_t concurrent;
};

/* The calendar of a wall-clock time; months begin at `anchor`, 1 to 31, or at the
 * last day of a month that has less. */
struct moment limit_moment (int64_t mono_ns, int64_t wall_ns, int32_t anchor);

/* Takes one request from all windows of both subjects, or from none: 1, or 0 when
 * a policy is against it, which is in *ret_full.  Policies in `shadow` are against
 * nothing: where they would have been, they are in *ret_full all the same, and what
 * they allow is counted beyond (but by the bucket).  Days are counted without a limit,
 * too, and a tenant's requests in flight.  *ret_taken is for limit_end. */
int32_t limit_take (const struct subject *s, const struct moment *now,
                    uint32_t shadow, struct policies *ret_taken, struct policies *ret_full);

/* The request has ended: it is in flight no more, and given back when it `failed`. */
void limit_end (const struct subject *s, const struct moment *then,
                const struct policies *taken, int32_t failed);

/* Which policies of `ask` have no room for one more; changes nothing. */
uint32_t limit_full (const struct subject *s, const struct moment *now, uint32_t ask);

/* Reads the counters; changes nothing. */
void limit_look (const struct subject *s, const struct moment *now, struct standing *ret);

/* What a policy allows, 0: anything. */
static inline int64_t
limit_of (const struct limits *l, enum limit_policy policy)
{
  switch (policy) {
  case LIMIT_CONCURRENT:
    return l->concurrent;
  case LIMIT_MINUTE:
    return l->per_minute;
  case LIMIT_DAY:
    return l->per_day;
  case LIMIT_MONTH:
    return l->per_month;
  case LIMIT_TOKENS:
    return l->tokens;
  default:
    return l->spend;
  }
}

/* What a subject may have in the month, grants included; 0: anything. */
static inline int64_t
subject_limit (const struct subject *s, enum limit_policy policy, uint32_t month)
{
  int64_t limit = limit_of (s->limits, policy);
  const struct raise *r = s->raise;
  uint64_t total;
  if (policy < LIMIT_TOKENS || !limit || !r)
    return limit;
  r += policy - LIMIT_TOKENS;
  total = atomic_load_explicit (&r->total, memory_order_relaxed);
  return limit
         + (int64_t) (word_number (total) == month
                          ? word_count (total)
                          : atomic_load_explicit (&r->left, memory_order_relaxed));
}

/* The limits of a subject, grants included. */
static inline struct limits
subject_limits (const struct subject *s, uint32_t month)
{
  struct limits l = *s->limits;
  l.tokens = subject_limit (s, LIMIT_TOKENS, month);
  l.spend = subject_limit (s, LIMIT_MONEY, month);
  return l;
}

/* What is used of it. */
int64_t limit_used (const struct limits *limits, const struct standing *s,
                    enum limit_policy policy);

/* The parts, for who is no subject.  A bucket is the monotonic time at which it will be
 * full; one request's room, or 0; what is left, and when it is full; and the seconds until there
 * is room, at least 1. */
int32_t bucket_take (_Atomic uint64_t *full_ns, int64_t per_minute, int64_t now_ns);
int64_t bucket_left (uint64_t full_ns, int64_t per_minute, int64_t now_ns, int64_t *ret_reset_s);
int64_t bucket_wait (uint64_t full_ns, int64_t per_minute, int64_t now_ns);

/* One more in flight, below max: 1 or 0. */
int32_t flight_take (_Atomic uint32_t *concurrent, uint64_t max);

/* Seconds until a policy that is full may have room again; at least 1. */
int64_t limit_retry (const struct subject *s, const struct moment *now, enum limit_policy policy);

#endif
