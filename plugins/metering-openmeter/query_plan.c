/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Which windows a query is put together from: the largest that fit into the time and
 * into the windows asked for; smaller ones only at the edges. */
#include "plugins/metering-openmeter/query.h"

#include <errno.h>

#define AHEAD 5 /* minutes: what is over by then may go while a query runs */

/* The largest window that begins at t and ends before `end`. */
static enum unit
largest (enum unit most, int64_t t, int64_t end)
{
  enum unit u = most;
  while (u > UNIT_MINUTE && (unit_floor (u, t) != t || unit_next (u, t) > end))
    u--;
  return u;
}

int64_t
query_first_kept (const struct query *q, enum unit unit, int64_t now)
{
  int64_t keep = q->rollup->conf->keep[unit] * DAY_MINUTES;
  return keep && now + AHEAD > keep ? unit_floor (unit, now + AHEAD - keep) : 0;
}

/* Whether rows of that kind are still there. */
static int32_t
kept (struct query *q, const struct query_run *run, int64_t now)
{
  int64_t days = q->rollup->conf->keep[run->unit];
  int64_t at = query_first_kept (q, run->unit, now);
  char from[MINUTE_TEXT + 1];
  if (run->start >= at)
    return 0;
  minute_text (at, from);
  return query_refuse (q, 422,
                       "%ss are kept for %lld days: let from and to be at the beginning of %ss "
                       "and windowSize not smaller, or from not before %s",
                       unit_names[run->unit], (long long)days,
                       unit_names[run->unit < UNIT_MONTH ? run->unit + 1 : UNIT_MONTH], from);
}

static int32_t
windows_check (struct query *q)
{
  static const int64_t minutes[UNITS] = { 1, 60, DAY_MINUTES, DAY_MINUTES * 28 };
  const struct query_args *a = &q->args;
  if (a->unit == UNITS || (a->to - a->from) / minutes[a->unit] <= QUERY_WINDOWS_MAX)
    return 0;
  return query_refuse (q, 422,
                       "these are more than %d windows: let from and to be nearer to each "
                       "other, or windowSize be larger",
                       QUERY_WINDOWS_MAX);
}

int32_t
query_plan (struct query *q, int64_t now)
{
  const struct query_args *a = &q->args;
  enum unit most = a->unit < UNITS ? a->unit : UNIT_MONTH;
  int64_t t = a->from;
  int32_t r = windows_check (q);
  uint32_t i;
  if (r < 0)
    return r;
  q->runs = 0;
  while (t < a->to) {
    struct query_run *run = &q->run[q->runs - (q->runs > 0)];
    enum unit u = largest (most, t, a->to);
    if (!q->runs || run->unit != u) {
      if (q->runs == QUERY_RUNS_MAX)
        return -E2BIG;
      run = &q->run[q->runs++];
      *run = (struct query_run){ u, t, t };
    }
    run->end = t = unit_next (u, t);
  }
  for (i = 0; i < q->runs && r >= 0; i++)
    r = kept (q, &q->run[i], now);
  return r;
}
