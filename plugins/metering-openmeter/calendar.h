/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Windows of time in UTC.  Times are whole minutes since the epoch. */
#ifndef METERING_CALENDAR_H
#define METERING_CALENDAR_H

#include <stdint.h>

enum unit { UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, UNIT_MONTH, UNITS };

#define MINUTE_NS INT64_C (60000000000)
#define DAY_MINUTES 1440

/* "minute", "MINUTE", ... */
extern const char *const unit_names[UNITS];
extern const char *const unit_labels[UNITS];

/* The beginning of the window that `minute` is in, and of the next one. */
int64_t unit_floor (enum unit unit, int64_t minute);
int64_t unit_next (enum unit unit, int64_t minute);

#define STAMP_LEN 12

/* "202611281745", of which a window's name is the first 12, 10, 8 or 6 digits; returns
 * that length. */
uint32_t unit_stamp (enum unit unit, int64_t minute, char out[STAMP_LEN + 1]);

/* The window of such a name; -1 for another text. */
int64_t unit_of_stamp (enum unit unit, const char *text, uint32_t len);

/* "2026-11-28T17:45:00Z". */
#define MINUTE_TEXT 20
void minute_text (int64_t minute, char out[MINUTE_TEXT + 1]);

#endif
