/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Circuit breakers: no more calls to an origin that only fails.
 *
 * A breaker opens after BREAKER_ROW failures in a row, or when more than half of
 * the last BREAKER_LAST calls failed.  After a pause, 1 s at first and doubled up
 * to 30 s, one call is let through; its outcome closes or opens it again.  Not
 * thread-safe; times are monotonic nanoseconds. */
#ifndef CORE_BREAKER_H
#define CORE_BREAKER_H

#include <stddef.h>
#include <stdint.h>

#define BREAKER_ROW  5u
#define BREAKER_LAST 20u
#define BREAKER_MAX  256u /* origins that are remembered */

#define BREAKER_CLOSED    0
#define BREAKER_OPEN      1
#define BREAKER_HALF_OPEN 2 /* the probe is under way */

struct breaker {
  int32_t state;
  uint32_t row;       /* failures without a success in between */
  uint32_t outcomes;  /* of the last calls, newest in bit 0; 1: failed */
  uint32_t noutcomes; /* up to BREAKER_LAST */
  int64_t pause;      /* ns; 0: never opened since it worked */
  int64_t until;      /* when the next probe may go */
};

#define BREAKER_REFUSED 0
#define BREAKER_ADMITTED 1
#define BREAKER_PROBE   2

/* May a call go?  Remember what it says until breaker_report. */
int32_t breaker_admit (struct breaker *b, int64_t now);

#define BREAKER_FAILED    0
#define BREAKER_WORKED    1
#define BREAKER_UNDECIDED 2 /* cancelled, say */

/* What came of a call that breaker_admit let through. */
void breaker_report (struct breaker *b, int32_t admitted, int32_t outcome, int64_t now);

/* Breakers by origin. */
struct breakers;

struct breakers *breakers_create (void);
void breakers_destroy (struct breakers *t);

/* The breaker of an origin, new if need be, in use until breakers_release.  NULL
 * when BREAKER_MAX others are open or in use, or without memory. */
struct breaker *breakers_use (struct breakers *t, const char *origin);
void breakers_release (struct breakers *t, struct breaker *b);

/* How many are not closed. */
uint32_t breakers_open (const struct breakers *t);

#endif
