/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "ctl/usage.h"

#include "core/util/clock.h"
#include "ctl/digits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BARS_MAX 62 /* as many days as two months have */
#define HOURS_MAX 48
#define DAY_S 86400
#define SURE_S 3600 /* of the time must be over before the rest is told */

static const char *const unit_names[] = { "hour", "day", "month" };

struct course {
  enum { COURSE_HOUR, COURSE_DAY, COURSE_MONTH } unit;
  int64_t from, to, now; /* seconds since the epoch */
  uint32_t bars;
  json_object *rows; /* by row_key: an array of the bars' numbers */
};

/* The window that a time is in, counted from the epoch. */
static int64_t
window_of (const struct course *c, int64_t s)
{
  time_t t = (time_t)s;
  struct tm tm;
  if (c->unit != COURSE_MONTH)
    return s / (c->unit == COURSE_HOUR ? 3600 : DAY_S);
  gmtime_r (&t, &tm);
  return (tm.tm_year - 70) * 12ll + tm.tm_mon;
}

struct course *
course_create (const char *from, const char *to)
{
  struct course *c = calloc (1, sizeof *c);
  int64_t a = 0, b = 0, end, bars;
  if (!c || time_parse (from, &a) || time_parse (to, &b))
    abort (); /* the host's own times */
  c->now = clock_wall () / CLOCK_SECOND;
  c->from = a / CLOCK_SECOND;
  c->to = b / CLOCK_SECOND;
  c->rows = json_object_new_object ();
  end = c->now < c->to && c->now > c->from ? c->now : c->to - 1;
  if (c->to - c->from > (int64_t)BARS_MAX * DAY_S)
    c->unit = COURSE_MONTH;
  else if (c->to - c->from > HOURS_MAX * 3600)
    c->unit = COURSE_DAY;
  bars = window_of (c, end) - window_of (c, c->from) + 1;
  c->bars = (uint32_t)(bars < BARS_MAX ? bars : BARS_MAX); /* of many months the first */
  return c;
}

void
course_free (struct course *c)
{
  json_object_put (c->rows);
  free (c);
}

const char *
course_unit (const struct course *c)
{
  return unit_names[c->unit];
}

/* What tells a row from others; malloc'ed. */
static char *
row_key (json_object *row)
{
  char *key = NULL;
  if (asprintf (&key, "%s\n%s\n%s", text_of (row, "meter"), text_of (row, "subject"),
                json_object_to_json_string (member_of (row, "groupBy")))
      < 0)
    abort ();
  return key;
}

static double
number (json_object *row)
{
  json_object *value = member_of (row, "value");
  return value ? json_object_get_double (value) : 0;
}

void
course_fill (struct course *c, json_object *data)
{
  size_t i, n = length_of (data);
  for (i = 0; i < n; i++) {
    json_object *row = json_object_array_get_idx (data, i), *bars;
    char *key = row_key (row);
    int64_t start, at;
    bars = member_of (c->rows, key);
    if (!bars) {
      bars = json_object_new_array ();
      json_object_object_add (c->rows, key, bars);
    }
    free (key);
    if (time_parse (text_of (row, "windowStart"), &start))
      continue;
    at = window_of (c, start / CLOCK_SECOND) - window_of (c, c->from);
    if (at >= 0 && at < c->bars)
      json_object_array_put_idx (bars, (size_t)at, json_object_new_double (number (row)));
  }
}

/* Whether the terminal shows UTF-8. */
static int
utf8 (void)
{
  static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
  int i;
  for (i = 0; i < 3; i++) {
    const char *value = getenv (names[i]);
    if (value && *value)
      return strcasestr (value, "utf-8") || strcasestr (value, "utf8");
  }
  return 0;
}

const char *
course_line (const struct course *c, json_object *row, char out[SHOW_MAX])
{
  static const char *const fine[] = { "\u2581", "\u2582", "\u2583", "\u2584",
                                      "\u2585", "\u2586", "\u2587", "\u2588" };
  static const char *const plain[] = { ".", ":", "-", "=", "+", "*", "#", "@" };
  const char *const *bar = utf8 () ? fine : plain;
  char *key = row_key (row);
  json_object *bars = member_of (c->rows, key);
  double most = 0;
  uint32_t i;
  free (key);
  *out = 0;
  if (!bars)
    return out;
  for (i = 0; i < c->bars; i++) {
    double v = json_object_get_double (json_object_array_get_idx (bars, i));
    most = v > most ? v : most;
  }
  for (i = 0; i < c->bars; i++) {
    double v = json_object_get_double (json_object_array_get_idx (bars, i));
    /* Nothing is a blank, and the least that there is a bar. */
    strcat (out, v <= 0 ? " " : bar[(int)(v / most * 7.0)]);
  }
  return out;
}

const char *
course_projection (const struct course *c, json_object *answer, json_object *row,
                   char out[SHOW_MAX])
{
  const char *aggregation = text_of (row, "aggregation");
  double passed = (double)(c->now - c->from), v;
  if (!*aggregation)
    aggregation = text_of (answer, "aggregation");
  *out = 0;
  if ((strcmp (aggregation, "SUM") && strcmp (aggregation, "COUNT")) || passed < SURE_S
      || c->now >= c->to)
    return out;
  v = number (row) * (double)(c->to - c->from) / passed;
  if (v < 9e18 && v > -9e18)
    human_count ((int64_t)(v + (v < 0 ? -0.5 : 0.5)), out);
  else
    snprintf (out, SHOW_MAX, "%.3g", v);
  return out;
}

const char *
usage_number (json_object *value, char out[SHOW_MAX])
{
  return digits_group (value ? json_object_get_string (value) : "", out);
}
