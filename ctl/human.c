/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Numbers, times and lists as people read them. */

#include "ctl/show.h"

#include "core/util/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *
human_count (int64_t n, char out[SHOW_MAX])
{
  char digits[32], *to = out;
  int len, i;
  len = snprintf (digits, sizeof digits, "%" PRIu64, (uint64_t)(n < 0 ? -n : n));
  if (n < 0)
    *to++ = '-';
  for (i = 0; i < len; i++) {
    if (i && (len - i) % 3 == 0)
      *to++ = ',';
    *to++ = digits[i];
  }
  *to = 0;
  return out;
}

/* The two greatest units. */
const char *
human_span (int64_t s, char out[SHOW_MAX])
{
  int64_t days = s / 86400, hours = s / 3600 % 24, minutes = s / 60 % 60;
  if (days)
    snprintf (out, SHOW_MAX, "%" PRId64 "d %" PRId64 "h", days, hours);
  else if (hours)
    snprintf (out, SHOW_MAX, "%" PRId64 "h %" PRId64 "m", hours, minutes);
  else if (minutes)
    snprintf (out, SHOW_MAX, "%" PRId64 "m %" PRId64 "s", minutes, s % 60);
  else
    snprintf (out, SHOW_MAX, "%" PRId64 "s", s);
  return out;
}

/* The time zone at the end of a time, in seconds east; -1 when it is wrong. */
static int
zone_parse (const char *text, int64_t *ret_s)
{
  int hours, minutes, n = 0;
  if ((*text == 'Z' || *text == 'z') && !text[1]) {
    *ret_s = 0;
    return 0;
  }
  if ((*text != '+' && *text != '-') || sscanf (text + 1, "%2d:%2d%n", &hours, &minutes, &n) < 2
      || n != 5 || text[6] || hours > 23 || minutes > 59)
    return -1;
  *ret_s = (*text == '-' ? -60 : 60) * (hours * 60ll + minutes);
  return 0;
}

int
time_parse (const char *text, int64_t *ret_ns)
{
  struct tm tm = { 0 };
  const char *p;
  int64_t zone, ns = 0, unit = CLOCK_SECOND / 10;
  if (strlen (text) < 20 || (text[10] != 'T' && text[10] != 't' && text[10] != ' '))
    return -1;
  p = strptime (text, "%Y-%m-%d", &tm);
  if (p != text + 10 || strptime (text + 11, "%H:%M:%S", &tm) != text + 19)
    return -1;
  p = text + 19;
  if (*p == '.')
    for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
      ns += (*p - '0') * unit;
  if (zone_parse (p, &zone))
    return -1;
  *ret_ns = (timegm (&tm) - zone) * CLOCK_SECOND + ns;
  return 0;
}

const char *
human_time (const char *text, char out[SHOW_MAX])
{
  char full[CLOCK_RFC3339_LEN + 1];
  int64_t ns;
  if (time_parse (text, &ns)) {
    snprintf (out, SHOW_MAX, "%s", text);
    return out;
  }
  clock_rfc3339 (ns, full);
  snprintf (out, SHOW_MAX, "%.19sZ", full);
  return out;
}

/* Members of a list, joined by commas. */
static void
list_text (json_object *list, char out[SHOW_MAX])
{
  size_t i, n = json_object_array_length (list), len = 0;
  *out = 0;
  for (i = 0; i < n && len < SHOW_MAX; i++)
    len += (size_t)snprintf (out + len, SHOW_MAX - len, "%s%s", i ? "," : "",
                             json_object_get_string (json_object_array_get_idx (list, i)));
}

const char *
human_value (json_object *value, char out[SHOW_MAX])
{
  *out = 0;
  if (json_object_is_type (value, json_type_array))
    list_text (value, out);
  else if (json_object_is_type (value, json_type_object))
    snprintf (out, SHOW_MAX, "%s",
              json_object_to_json_string_ext (value, JSON_C_TO_STRING_PLAIN
                                                         | JSON_C_TO_STRING_NOSLASHESCAPE));
  else if (json_object_is_type (value, json_type_int))
    human_count (json_object_get_int64 (value), out);
  else if (json_object_is_type (value, json_type_boolean))
    strcpy (out, json_object_get_boolean (value) ? "yes" : "no");
  else if (value)
    human_time (json_object_get_string (value), out);
  return out;
}

/* A limit of 0 is none. */
const char *
human_member (const char *name, json_object *value, char out[SHOW_MAX])
{
  if (!strncmp (name, "limits.", 7) && json_object_is_type (value, json_type_int)
      && !json_object_get_int64 (value)) {
    strcpy (out, "unlimited");
    return out;
  }
  return human_value (value, out);
}
