/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A circuit breaker: no more calls to an agent that only fails.
 *
 * It opens after AG_BREAKER_ROW failures in a row, or when more than half of the last
 * AG_BREAKER_LAST calls failed.  After a pause, 1 s at first and doubled up to 30 s, one
 * call is let through as a probe, whose outcome closes or opens it again.  The breakers
 * of kg.http/1 belong to origins and judge connections and statuses; this one belongs to
 * a node and knows whether its answers are any good, too.  Not thread-safe; times are
 * monotonic nanoseconds. */
#ifndef AGENTESE_REMOTE_BREAKER_H
#define AGENTESE_REMOTE_BREAKER_H

#include <stdint.h>

#define AG_BREAKER_ROW  5u
#define AG_BREAKER_LAST 20u

struct ag_breaker {
  uint32_t open;      /* 1: calls are refused, but for the probe */
  uint32_t probing;   /* 1: it is under way */
  uint32_t row;       /* failures without a success in between */
  uint32_t outcomes;  /* of the last calls, newest in bit 0; 1: failed */
  uint32_t noutcomes; /* up to AG_BREAKER_LAST */
  uint32_t reserved;
  int64_t pause;      /* ns; 0: it never opened since a call went well */
  int64_t until;      /* when the next probe may go */
};

enum ag_admission { AG_NOT_ADMITTED, AG_ADMITTED, AG_PROBE };

/* May a call go?  Keep what it says for ag_breaker_report. */
enum ag_admission ag_breaker_admit (struct ag_breaker *b, int64_t now);

enum ag_verdict {
  AG_WENT_WELL,
  AG_WENT_WRONG,
  AG_UNDECIDED /* nobody waited for the end, say */
};

/* What came of a call that was admitted. */
void ag_breaker_report (struct ag_breaker *b, enum ag_admission admitted,
                        enum ag_verdict verdict, int64_t now);

/* Seconds until a call may go again, at least 1. */
int64_t ag_breaker_wait_s (const struct ag_breaker *b, int64_t now);

#endif
