/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Meters whose rows stay, and records for them. */
#ifndef TESTS_PLUGINS_METERING_ROLLUP_H
#define TESTS_PLUGINS_METERING_ROLLUP_H

#include "tests/plugins/metering-usage.h"

#define AT INT64_C (1795887548000000000) /* 2026-11-28T17:39:08Z */

/* For ever, so that the tests' times don't age. */
#define KEEP "rollups.minutes=0", "rollups.hours=0", "rollups.days=0"
static const char *const keep[] = { KEEP, NULL };

static inline void
invoke (const char *tenant, int64_t at, const char *path, const char *tokens)
{
  append (tenant, at,
          "{\"type\":\"agentese.invoke\",\"data\":{\"path\":\"%s\",\"aspect\":\"m\",\"tokens_used\":%s}}",
          path, tokens);
}

#define NOVEMBER "from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z"

#endif
