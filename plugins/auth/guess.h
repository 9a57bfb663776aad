/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The limiter of failed authentications, per client address and per prefix of the
 * key that was tried, and the sampling of what is logged about them.
 *
 * Tables of fixed size, without locks.  When one is full, whoever has the fewest
 * failures makes room, so memory is bounded and whoever guesses most is remembered
 * longest.  IPv6 addresses count by their /64. */
#ifndef AUTH_GUESS_H
#define AUTH_GUESS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define GUESS_MAX      20 /* failures per window */
#define GUESS_WINDOW_S 60 /* from the first failure on */
#define GUESS_SETS     4096
#define GUESS_WAYS     4
#define GUESS_LINES    30 /* that are logged per window, of all addresses */

struct guess_slot {
  _Atomic uint64_t who;  /* keyed hash; 0: free */
  _Atomic uint64_t word; /* start of the window (monotonic seconds) << 32 | failures */
};

struct guess {
  uint64_t seed;
  _Atomic int64_t last_s; /* of the newest failure, monotonic; 0: none */
  struct guess_slot slot[GUESS_SETS][GUESS_WAYS];
};

/* Zeroed otherwise; `seed` must be unpredictable. */
void guess_init (struct guess *g, uint64_t seed);

/* Whom a failure is counted against: an address, or any bytes.  Never 0. */
uint64_t guess_address (const struct guess *g, const char *client, size_t len);
uint64_t guess_bytes (const struct guess *g, const char *p, size_t len);

/* Whether anybody has failed within the window: else nobody must wait. */
static inline int32_t
guess_any (struct guess *g, int64_t now_s)
{
  int64_t last = atomic_load_explicit (&g->last_s, memory_order_relaxed);
  return last && now_s - last < GUESS_WINDOW_S;
}

/* Seconds that they must wait; 0: they may try. */
int64_t guess_wait (struct guess *g, uint64_t who, int64_t now_s);

/* Counts a failure; returns those in the window.  *ret_before (may be NULL): those of
 * the window before when this is the first of a new one, else 0. */
uint32_t guess_fail (struct guess *g, uint64_t who, int64_t now_s, uint32_t *ret_before);

/* Lines of the log, all addresses together: zeroed at first. */
struct guess_log {
  _Atomic uint64_t word; /* start of the window << 32 | lines asked for in it */
};

/* Whether one more line may be written. */
int32_t guess_log_take (struct guess_log *log, int64_t now_s);

/* Once the window is over: how many lines it left out; tells once. */
uint32_t guess_log_left (struct guess_log *log, int64_t now_s);

#endif
