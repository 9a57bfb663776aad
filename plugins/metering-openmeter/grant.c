/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Grants and their times. */
#include "plugins/metering-openmeter/grant.h"

#include "plugins/metering-openmeter/calendar.h"

#include <string.h>

#define DAY_NS (DAY_MINUTES * MINUTE_NS)

const char *const recurrence_names[RECURRENCES + 1]
    = { "NONE", "DAY", "WEEK", "MONTH", "YEAR", NULL };

int64_t
grant_end (const struct grant *g)
{
  int64_t end = g->expires_ns ? g->expires_ns : NEVER_NS;
  return g->voided_ns && g->voided_ns < end ? g->voided_ns : end;
}

/* The month of the year, as two digits. */
static int32_t
month_is (int64_t minute, int64_t other)
{
  char a[STAMP_LEN + 1], b[STAMP_LEN + 1];
  unit_stamp (UNIT_MONTH, minute, a);
  unit_stamp (UNIT_MONTH, other, b);
  return !memcmp (a + 4, b + 4, 2);
}

/* The day and time of the effective time in the month that begins at `month`, or that
 * month's last day. */
static int64_t
month_day (const struct grant *g, int64_t month)
{
  int64_t minute = g->effective_ns / MINUTE_NS;
  int64_t offset = g->effective_ns - unit_floor (UNIT_MONTH, minute) * MINUTE_NS;
  int64_t days = (unit_next (UNIT_MONTH, month) - month) / DAY_MINUTES;
  int64_t day = offset / DAY_NS < days ? offset / DAY_NS : days - 1;
  return month * MINUTE_NS + day * DAY_NS + offset % DAY_NS;
}

/* The next one behind `time_ns`, which is not before the effective time. */
static int64_t
recurrence_next (const struct grant *g, int64_t time_ns)
{
  int64_t length = g->recurrence == GRANT_WEEK ? 7 * DAY_NS : DAY_NS, month, at;
  if (g->recurrence == GRANT_ONCE)
    return NEVER_NS;
  if (g->recurrence <= GRANT_WEEK)
    return time_ns + length - (time_ns - g->effective_ns) % length;
  month = unit_floor (UNIT_MONTH, time_ns / MINUTE_NS);
  for (;; month = unit_next (UNIT_MONTH, month)) {
    at = month_day (g, month);
    if (at > time_ns
        && (g->recurrence == GRANT_MONTH || month_is (month, g->effective_ns / MINUTE_NS)))
      return at;
  }
}

int64_t
grant_next (const struct grant *g, int64_t time_ns)
{
  int64_t end = grant_end (g), next;
  if (end <= time_ns || end <= g->effective_ns)
    return NEVER_NS;
  next = time_ns < g->effective_ns ? g->effective_ns : recurrence_next (g, time_ns);
  return next < end ? next : end;
}
