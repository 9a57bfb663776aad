/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The limiter of failed authentications per client address.
 *
 * A table of fixed size, without locks.  When it is full the address with the
 * fewest failures makes room, so memory is bounded and whoever guesses most is
 * remembered longest.  IPv6 addresses count by their /64. */
#ifndef AUTH_GUESS_H
#define AUTH_GUESS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define GUESS_MAX      20 /* failures per window */
#define GUESS_WINDOW_S 60 /* from the first failure on */
#define GUESS_SETS     4096
#define GUESS_WAYS     4

struct guess_slot {
  _Atomic uint64_t who;  /* keyed hash of the address; 0: free */
  _Atomic uint64_t word; /* start of the window (monotonic seconds) << 32 | failures */
};

struct guess {
  uint64_t seed;
  _Atomic int64_t last_s; /* of the newest failure, monotonic; 0: none */
  struct guess_slot slot[GUESS_SETS][GUESS_WAYS];
};

/* Zeroed otherwise; `seed` must be unpredictable. */
void guess_init (struct guess *g, uint64_t seed);

/* Seconds that this address must wait; 0: it may try. */
int64_t guess_wait (struct guess *g, const char *client, size_t len, int64_t now_s);

/* Counts a failure; returns the failures of the address in its window. */
uint32_t guess_fail (struct guess *g, const char *client, size_t len, int64_t now_s);

#endif
