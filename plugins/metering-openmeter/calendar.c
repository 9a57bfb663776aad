/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/metering-openmeter/calendar.h"

#include <string.h>

const char *const unit_names[UNITS] = { "minute", "hour", "day", "month" };
const char *const unit_labels[UNITS] = { "MINUTE", "HOUR", "DAY", "MONTH" };

/* A date; years begin in March inside, so that the leap day is the last. */
struct date {
  int64_t year;
  uint32_t month, day;
};

static struct date
date_of (int64_t days)
{
  int64_t z = days + 719468, era = z / 146097, doe = z % 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  struct date d = { .day = (uint32_t)(doy - (153 * mp + 2) / 5 + 1),
                    .month = (uint32_t)(mp < 10 ? mp + 3 : mp - 9) };
  d.year = yoe + era * 400 + (d.month <= 2);
  return d;
}

static int64_t
days_of (int64_t year, uint32_t month, uint32_t day)
{
  int64_t y = year - (month <= 2), m = month > 2 ? month - 3 : month + 9;
  return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

int64_t
unit_floor (enum unit unit, int64_t minute)
{
  struct date d;
  switch (unit) {
  case UNIT_HOUR:
    return minute - minute % 60;
  case UNIT_DAY:
    return minute - minute % DAY_MINUTES;
  case UNIT_MONTH:
    d = date_of (minute / DAY_MINUTES);
    return days_of (d.year, d.month, 1) * DAY_MINUTES;
  default:
    return minute;
  }
}

int64_t
unit_next (enum unit unit, int64_t minute)
{
  struct date d;
  switch (unit) {
  case UNIT_HOUR:
    return unit_floor (unit, minute) + 60;
  case UNIT_DAY:
    return unit_floor (unit, minute) + DAY_MINUTES;
  case UNIT_MONTH:
    d = date_of (minute / DAY_MINUTES);
    return days_of (d.month == 12 ? d.year + 1 : d.year, d.month % 12 + 1, 1) * DAY_MINUTES;
  default:
    return minute + 1;
  }
}

static void
number_write (char *out, int n, int64_t v)
{
  while (n--) {
    out[n] = (char)('0' + v % 10);
    v /= 10;
  }
}

static const uint8_t stamp_len[UNITS] = { 12, 10, 8, 6 };

uint32_t
unit_stamp (enum unit unit, int64_t minute, char out[STAMP_LEN + 1])
{
  struct date d = date_of (minute / DAY_MINUTES);
  number_write (out, 4, d.year);
  number_write (out + 4, 2, d.month);
  number_write (out + 6, 2, d.day);
  number_write (out + 8, 2, minute % DAY_MINUTES / 60);
  number_write (out + 10, 2, minute % 60);
  out[stamp_len[unit]] = 0;
  return stamp_len[unit];
}

int64_t
unit_of_stamp (enum unit unit, const char *text, uint32_t len)
{
  char all[] = "000001010000";
  uint32_t v[5] = { 0 }, i, k = 0;
  if (len != stamp_len[unit])
    return -1;
  memcpy (all, text, len);
  for (i = 0; i < STAMP_LEN; i++) {
    if (all[i] < '0' || all[i] > '9')
      return -1;
    k = i < 4 ? 0 : (i - 2) / 2;
    v[k] = v[k] * 10 + (uint32_t)(all[i] - '0');
  }
  if (v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 23 || v[4] > 59)
    return -1;
  return days_of (v[0], v[1], v[2]) * DAY_MINUTES + v[3] * 60 + v[4];
}

void
minute_text (int64_t minute, char out[MINUTE_TEXT + 1])
{
  struct date d = date_of (minute / DAY_MINUTES);
  memcpy (out, "0000-00-00T00:00:00Z", MINUTE_TEXT + 1);
  number_write (out, 4, d.year);
  number_write (out + 5, 2, d.month);
  number_write (out + 8, 2, d.day);
  number_write (out + 11, 2, minute % DAY_MINUTES / 60);
  number_write (out + 14, 2, minute % 60);
}
