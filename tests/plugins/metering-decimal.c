/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Parts of rollups: decimal numbers, and the calendar. */

#include "tests/unit.h"

#include "plugins/metering-openmeter/calendar.h"
#include "plugins/metering-openmeter/decimal.h"

#include <errno.h>
#include <time.h>

static const char *
decimal_again (const char *text)
{
  static char out[DECIMAL_TEXT];
  decimal v;
  int32_t r = decimal_read ((kg_str){ text, strlen (text) }, &v);
  if (r < 0)
    return r == -ERANGE ? "range" : "invalid";
  decimal_write (v, out);
  return out;
}

START_TEST (decimals)
{
  static const char *const rows[][2] = { { "0", "0" },
                                         { "-0", "0" },
                                         { "12", "12" },
                                         { "-1.50", "-1.5" },
                                         { "0.1", "0.1" },
                                         { "1e3", "1000" },
                                         { "1.5E-2", "0.015" },
                                         { "120e-1", "12" },
                                         { "9223372036854775807", "9223372036854775807" },
                                         { "99999999999999999999", "99999999999999999999" },
                                         { "99999999999999999999999999.5", "99999999999999999999999999.5" },
                                         { "100000000000000000000000000", "range" },
                                         { "-1e26", "range" },
                                         { "1e400", "range" },
                                         { "0e999999999", "0" },
                                         { "1e-999999999", "0" },
                                         { "0.000000000001", "0.000000000001" },
                                         { "0.0000000000005", "0" },
                                         { "0.00000000000050001", "0.000000000001" },
                                         { "0.0000000000015", "0.000000000002" },
                                         { "-0.0000000000025", "-0.000000000002" },
                                         { "0.30000000000000004", "0.3" },
                                         { "0.9999999999999", "1" },
                                         { "01", "invalid" },
                                         { "1.", "invalid" },
                                         { ".5", "invalid" },
                                         { "1e", "invalid" },
                                         { "+1", "invalid" },
                                         { "", "invalid" },
                                         { "-", "invalid" },
                                         { "1 ", "invalid" } };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    ck_assert_msg (!strcmp (decimal_again (rows[i][0]), rows[i][1]), "%s is %s", rows[i][0],
                   decimal_again (rows[i][0]));
}
END_TEST

START_TEST (divisions)
{
  char out[DECIMAL_TEXT];
  decimal_write (decimal_divide (10 * DECIMAL_ONE, 3), out);
  ck_assert_str_eq (out, "3.333333333333");
  decimal_write (decimal_divide (-20 * DECIMAL_ONE, 3), out);
  ck_assert_str_eq (out, "-6.666666666667");
  ck_assert (decimal_divide (5, 2) == 2 && decimal_divide (7, 2) == 4 && decimal_divide (-5, 2) == -2);
}
END_TEST

START_TEST (overflow_is_refused)
{
  decimal half, sum;
  char out[DECIMAL_TEXT];
  ck_assert_int_eq (decimal_read ((kg_str){ "5e25", 4 }, &half), 0);
  sum = half;
  ck_assert_int_eq (decimal_add (&sum, half - 1), 0);
  ck_assert_int_eq (decimal_add (&sum, 1), -ERANGE);
  ck_assert_int_eq (decimal_add (&sum, half), -ERANGE);
  decimal_write (sum, out);
  ck_assert_str_eq (decimal_again (out), out);
  sum = -sum;
  ck_assert_int_eq (decimal_add (&sum, -1), -ERANGE);
}
END_TEST

/* Every minute of some years against the C library. */
START_TEST (calendar)
{
  for (int64_t m = 0; m < INT64_C (100) * 366 * DAY_MINUTES; m += 7919) {
    time_t t = m * 60;
    struct tm tm, up_tm;
    char mine[STAMP_LEN + 1], theirs[64];
    gmtime_r (&t, &tm);
    strftime (theirs, sizeof theirs, "%Y%m%d%H%M", &tm);
    unit_stamp (UNIT_MINUTE, m, mine);
    ck_assert_str_eq (mine, theirs);
    ck_assert_int_eq (unit_of_stamp (UNIT_MINUTE, mine, 12), m);
    t = unit_next (UNIT_MONTH, m) * 60;
    gmtime_r (&t, &up_tm);
    ck_assert (up_tm.tm_mday == 1 && !up_tm.tm_hour && !up_tm.tm_min);
    ck_assert_int_eq (up_tm.tm_mon, (tm.tm_mon + 1) % 12);
    ck_assert_int_eq (unit_of_stamp (UNIT_MONTH, mine, 6), unit_floor (UNIT_MONTH, m));
    ck_assert_int_eq (unit_of_stamp (UNIT_DAY, mine, 8), unit_floor (UNIT_DAY, m));
    ck_assert_int_eq (unit_of_stamp (UNIT_HOUR, mine, 10), unit_floor (UNIT_HOUR, m));
  }
  ck_assert_int_eq (unit_of_stamp (UNIT_DAY, "20261301", 8), -1);
  ck_assert_int_eq (unit_of_stamp (UNIT_DAY, "2026-1-1", 8), -1);
}
END_TEST

UNIT_MAIN ("metering-decimal", decimals, divisions, overflow_is_refused, calendar)
