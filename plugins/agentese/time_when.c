/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Times and nodes as arguments. */
#include "plugins/agentese/when.h"

#include <errno.h>
#include <string.h>

#define SECOND ((int64_t)1000000000)

/* Reads `n` digits at *p; -1 when they are not there. */
static int64_t
digits (const char **p, const char *end, uint32_t n)
{
  int64_t v = 0;
  while (n--) {
    if (*p == end || **p < '0' || **p > '9')
      return -1;
    v = v * 10 + (*(*p)++ - '0');
  }
  return v;
}

static int32_t
expect (const char **p, const char *end, const char *which)
{
  if (*p == end || !strchr (which, **p))
    return 0;
  (*p)++;
  return 1;
}

/* Days since 1970-01-01; years that begin in March make the leap day the last one. */
static int64_t
days_of (int64_t year, int64_t month, int64_t day)
{
  int64_t y = month <= 2 ? year - 1 : year, era = y / 400, yoe = y % 400;
  int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t
fraction (const char **p, const char *end)
{
  int64_t v = 0, unit = SECOND;
  for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
    unit /= 10;
    v += (**p - '0') * unit;
  }
  return v;
}

/* The offset of the zone in seconds; -1 day for what is none. */
static int64_t
zone (const char **p, const char *end)
{
  int64_t hour, minute, sign;
  if (expect (p, end, "Zz"))
    return 0;
  if (*p == end || (**p != '+' && **p != '-'))
    return -86400;
  sign = *(*p)++ == '-' ? -1 : 1;
  hour = digits (p, end, 2);
  if (hour < 0 || hour > 23 || !expect (p, end, ":"))
    return -86400;
  minute = digits (p, end, 2);
  return minute < 0 || minute > 59 ? -86400 : sign * (hour * 3600 + minute * 60);
}

static int64_t
month_days (int64_t year, int64_t month)
{
  static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  int64_t leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap);
}

int32_t
ag_time_parse (kg_str text, int64_t *ret)
{
  const char *p = text.ptr, *end = text.ptr + text.len;
  int64_t year, month, day, hour, minute, second, ns = 0, offset;
  year = digits (&p, end, 4);
  if (year < 1970 || !expect (&p, end, "-") || (month = digits (&p, end, 2)) < 1 || month > 12
      || !expect (&p, end, "-") || (day = digits (&p, end, 2)) < 1 || day > month_days (year, month)
      || !expect (&p, end, "Tt ") || (hour = digits (&p, end, 2)) < 0 || hour > 23
      || !expect (&p, end, ":") || (minute = digits (&p, end, 2)) < 0 || minute > 59
      || !expect (&p, end, ":") || (second = digits (&p, end, 2)) < 0 || second > 60)
    return -EINVAL;
  if (expect (&p, end, "."))
    ns = fraction (&p, end);
  offset = zone (&p, end);
  if (offset == -86400 || p != end || year > 2261)
    return -EINVAL;
  second += (days_of (year, month, day) * 24 + hour) * 3600 + minute * 60 - offset;
  if (second < 0) /* of a zone that is ahead, in 1970 */
    return -EINVAL;
  *ret = second * SECOND + ns;
  return 0;
}

int32_t
ag_time_arg (struct ag_call *c, const char *name, int64_t dflt, int64_t *ret)
{
  uint32_t i = ag_kwarg (c, name);
  int32_t kind = kg_json_kind (c->json, i);
  double seconds;
  kg_str text;
  *ret = dflt;
  if (!i)
    return 0;
  if (kind == KG_JSON_STRING) {
    text = kg_json_str (c->ag->host, c->req, c->json, i);
    if (!text.ptr)
      return -ENOMEM;
    if (!ag_time_parse (text, ret))
      return 0;
  } else if (kind == KG_JSON_INT || kind == KG_JSON_DOUBLE) {
    seconds = ag_json_number (c->json, i, -1);
    *ret = seconds >= 0 && seconds < 9e9 ? (int64_t)(seconds * 1e6) * 1000 : -1;
    if (*ret >= 0)
      return 0;
  }
  return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                    "Argument '%s' must be a time like 2026-05-04T12:00:00Z, or seconds since 1970",
                    name);
}

int32_t
ag_handle_arg (struct ag_call *c, const char *name, struct ag_path *ret)
{
  struct ag_error err;
  kg_str text = ag_arg_text (c, name);
  if (text.ptr && !ag_path_parse (text, ret, &err) && ret->base.len == text.len)
    return 0;
  return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                    "Argument '%s' must be the path of a node, like world.garden%s", name,
                    ag_kwarg (c, name) ? "" : "; it is required");
}
