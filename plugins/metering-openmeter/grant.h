/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Grants: what a tenant may use of a feature, and how use burns it down.
 *
 * A grant has its amount from its effective time until it expires or is voided; with a
 * recurrence it has it anew after each day, week, month or year, counted from the
 * effective time in UTC, and keeps of the rest at most `rollover`.  Use burns the grant
 * with the lowest priority first, then the one that expires first, then the oldest.
 *
 * Time is cut at every change of a grant and at midnight in UTC; of what was used between
 * two cuts only the sum counts, so the order in which events arrive does not, nor how
 * late they do.  A sum below zero is credit for what is used later; what no grant is left for is
 * overage, and does not burn grants that begin later.
 *
 * An account keeps one sum for each such piece of time of the last ACCOUNT_LATE_DAYS days,
 * and how it stood before.  Nothing here reads a clock or does I/O. */
#ifndef METERING_GRANT_H
#define METERING_GRANT_H

#include "plugins/metering-openmeter/decimal.h"

#define GRANT_ID 36         /* bytes of an id */
#define GRANTS_MAX 64       /* of one account */
#define GRANT_PRIORITY_MAX 255
#define GRANT_END (DECIMAL_ONE * 1000000000 * 1000000000) /* 10^18: amounts are smaller */
#define ACCOUNT_LATE_DAYS 40 /* events that are older count at the beginning of these */
#define NEVER_NS INT64_MAX
#define TIME_END_NS INT64_C (9000000000000000000) /* in 2255: times are before */

enum recurrence { GRANT_ONCE, GRANT_DAY, GRANT_WEEK, GRANT_MONTH, GRANT_YEAR, RECURRENCES };

/* "NONE", "DAY", ...; ends in NULL. */
extern const char *const recurrence_names[RECURRENCES + 1];

/* Times are nanoseconds since the epoch. */
struct grant {
  char id[GRANT_ID + 1];
  enum recurrence recurrence;
  uint32_t priority; /* 0 burns first */
  decimal amount;
  decimal rollover;  /* the most that a recurrence leaves of what was there */
  int64_t created_ns, effective_ns;
  int64_t expires_ns; /* 0: never */
  int64_t voided_ns;  /* 0: it isn't */
  decimal balance;    /* at the account's base */
};

/* What was used at a time, or, up to `settled_ns`, since the cut before it. */
struct point {
  int64_t time_ns;
  decimal quantity;
};

/* Sums since the account was made. */
struct totals {
  decimal usage;    /* of all events, corrections taken off */
  decimal consumed; /* from grants */
  decimal overage;  /* what there was no grant for */
  decimal credit;   /* not a sum: what later use has for free */
};

struct account {
  int64_t base_ns;    /* a midnight; what was before it is in `totals` and balances */
  int64_t settled_ns; /* up to here points are sums: no new cut may be there */
  struct totals totals;
  struct grant *grant; /* in the order of burning */
  uint32_t grants, grants_cap;
  struct point *point; /* by time */
  uint32_t points, points_cap;
};

/* How an account stands at a time. */
struct account_at {
  struct totals totals;
  decimal balance;             /* of all grants, and the credit */
  decimal of[GRANTS_MAX];      /* of each */
};

void account_init (struct account *a, int64_t now_ns);
void account_finish (struct account *a);

/* A copy: 0 or -ENOMEM, and *ret is empty. */
int32_t account_copy (const struct account *a, struct account *ret);

/* The first time at which a new cut may be: now, or a moment later. */
int64_t account_cut (const struct account *a, int64_t now_ns);

/* Adds a grant: 0; -ENOSPC when there are GRANTS_MAX; -ENOMEM.  None of its times may be
 * before account_cut. */
int32_t account_grant (struct account *a, const struct grant *g);

/* Ends a grant at `time_ns`, not before account_cut: 0, -ENOENT, or -EALREADY when it has
 * ended before. */
int32_t account_void (struct account *a, const char *id, int64_t time_ns);

/* Counts what was used: 0, -ERANGE (nothing was), -ENOMEM.  Settle before: what is
 * ahead of that counts at the whole second, or hour, before it. */
int32_t account_use (struct account *a, int64_t time_ns, decimal quantity);

/* The time has come to `now_ns`: sums up what can be summed up, and forgets grants that
 * ended before the base. */
void account_settle (struct account *a, int64_t now_ns);

/* How it stands at a time with all that was used up to it: exact for the last moment of
 * a day behind the base, and from `settled_ns` on. */
void account_at (const struct account *a, int64_t time_ns, struct account_at *ret);

/* The next time behind `time_ns` at which a grant changes by itself; NEVER_NS. */
int64_t account_next (const struct account *a, int64_t time_ns);

/* The same of one grant. */
int64_t grant_next (const struct grant *g, int64_t time_ns);

/* When it ends; NEVER_NS. */
int64_t grant_end (const struct grant *g);

#endif
