/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Times of RFC 3339, section 5.6. */
#include "plugins/metering-openmeter/record_read.h"

#include <errno.h>

#define SECOND INT64_C (1000000000)

/* What is left of the text. */
struct rest {
  const char *p, *end;
};

/* `n` digits, a number of `least` to `most`. */
static int32_t
number (struct rest *r, int n, uint32_t least, uint32_t most, uint32_t *ret)
{
  uint32_t v = 0;
  if (r->end - r->p < n)
    return 0;
  for (; n; n--, r->p++) {
    if (*r->p < '0' || *r->p > '9')
      return 0;
    v = v * 10 + (uint32_t)(*r->p - '0');
  }
  *ret = v;
  return v >= least && v <= most;
}

static int32_t
letter (struct rest *r, char c)
{
  if (r->p == r->end || (*r->p != c && (c < 'A' || *r->p != (c | 32))))
    return 0;
  r->p++;
  return 1;
}

static uint32_t
month_days (uint32_t year, uint32_t month)
{
  static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  return days[month - 1] + (month == 2 && !(year % 4) && (year % 100 || !(year % 400)));
}

/* Days since the epoch of a date from 1970 on; years begin in March. */
static int64_t
days_of (uint32_t year, uint32_t month, uint32_t day)
{
  uint32_t y = year - (month <= 2), m = month > 2 ? month - 3 : month + 9;
  return (int64_t)365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* "2026-11-28" in days. */
static int32_t
date (struct rest *r, int64_t *ret)
{
  uint32_t year, month, day;
  if (!number (r, 4, 1969, 2261, &year) || !letter (r, '-') || !number (r, 2, 1, 12, &month)
      || !letter (r, '-') || !number (r, 2, 1, month_days (year, month), &day))
    return 0;
  *ret = days_of (year, month, day);
  return 1;
}

/* The fraction of a second, if there is one, in nanoseconds. */
static int32_t
fraction (struct rest *r, int64_t *ret)
{
  int64_t unit = SECOND / 10;
  *ret = 0;
  if (!letter (r, '.'))
    return 1;
  if (r->p == r->end || *r->p < '0' || *r->p > '9')
    return 0;
  for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++, unit /= 10)
    *ret += (*r->p - '0') * unit;
  return 1;
}

/* "Z" or "+01:00", in seconds. */
static int32_t
offset (struct rest *r, int64_t *ret)
{
  uint32_t hours, minutes;
  int32_t west;
  *ret = 0;
  if (letter (r, 'Z'))
    return 1;
  west = letter (r, '-');
  if ((!west && !letter (r, '+')) || !number (r, 2, 0, 23, &hours) || !letter (r, ':')
      || !number (r, 2, 0, 59, &minutes))
    return 0;
  *ret = (west ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60);
  return 1;
}

int32_t
record_time (kg_str text, int64_t *ret_ns)
{
  struct rest r = { text.ptr, text.ptr + text.len };
  uint32_t hour, minute, second;
  int64_t days, ns, east, seconds;
  if (!date (&r, &days) || (!letter (&r, 'T') && !letter (&r, ' '))
      || !number (&r, 2, 0, 23, &hour) || !letter (&r, ':') || !number (&r, 2, 0, 59, &minute)
      || !letter (&r, ':') || !number (&r, 2, 0, 60, &second) || !fraction (&r, &ns)
      || !offset (&r, &east) || r.p != r.end)
    return -EINVAL;
  seconds = days * 86400 + hour * 3600 + minute * 60 + (second < 60 ? second : 59) - east;
  if (seconds < 0 || seconds > INT64_MAX / SECOND - 1)
    return -EINVAL;
  *ret_ns = seconds * SECOND + ns;
  return 0;
}
