/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/agentese/remote_breaker.h"

#include <string.h>

#define SECOND    1000000000ll
#define PAUSE_MIN (1 * SECOND)
#define PAUSE_MAX (30 * SECOND)

static void
trip (struct ag_breaker *b, int64_t now)
{
  b->open = 1;
  b->pause = b->pause ? 2 * b->pause : PAUSE_MIN;
  if (b->pause > PAUSE_MAX)
    b->pause = PAUSE_MAX;
  b->until = now + b->pause;
}

enum ag_admission
ag_breaker_admit (struct ag_breaker *b, int64_t now)
{
  if (!b->open)
    return AG_ADMITTED;
  if (b->probing || now < b->until)
    return AG_NOT_ADMITTED;
  b->probing = 1;
  return AG_PROBE;
}

static void
probe_report (struct ag_breaker *b, enum ag_verdict verdict, int64_t now)
{
  b->probing = 0; /* undecided: the next call is the probe */
  if (verdict == AG_WENT_WELL)
    memset (b, 0, sizeof *b);
  else if (verdict == AG_WENT_WRONG)
    trip (b, now);
}

void
ag_breaker_report (struct ag_breaker *b, enum ag_admission admitted, enum ag_verdict verdict,
                   int64_t now)
{
  const uint32_t all = (1u << AG_BREAKER_LAST) - 1;
  if (admitted == AG_PROBE) {
    probe_report (b, verdict, now);
    return;
  }
  if (b->open || verdict == AG_UNDECIDED)
    return; /* calls from before it opened say nothing new */
  b->row = verdict == AG_WENT_WRONG ? b->row + 1 : 0;
  b->outcomes = (b->outcomes << 1 | (verdict == AG_WENT_WRONG)) & all;
  if (b->noutcomes < AG_BREAKER_LAST)
    b->noutcomes++;
  if (b->row >= AG_BREAKER_ROW
      || (b->noutcomes == AG_BREAKER_LAST
          && 2 * (uint32_t)__builtin_popcount (b->outcomes) > AG_BREAKER_LAST))
    trip (b, now);
}

int64_t
ag_breaker_wait_s (const struct ag_breaker *b, int64_t now)
{
  int64_t left = b->until - now;
  return left > SECOND ? (left + SECOND - 1) / SECOND : 1;
}
