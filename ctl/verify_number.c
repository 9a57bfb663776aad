/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Numbers and times in JSON texts. */

#include "ctl/verify_doc.h"

#include <stdio.h>
#include <string.h>

#define PLACES 12
#define DIGITS_MAX 38
#define EXPONENT_MAX 1000000
#define AMOUNT_END (AMOUNT_ONE * 10000000000000 * 10000000000000) /* 10^26 */
#define LONGEST 4096 /* digits of a number */

int
doc_int (struct piece value, int64_t *ret)
{
  int64_t v = 0;
  size_t i = value.n && value.p[0] == '-';
  if (doc_kind (value) != '0' || i == value.n)
    return 0;
  for (; i < value.n; i++) {
    int digit = value.p[i] - '0';
    if (digit < 0 || digit > 9 || __builtin_mul_overflow (v, 10, &v)
        || __builtin_sub_overflow (v, digit, &v)) /* downwards, where there is one more */
      return 0;
  }
  if (value.p[0] != '-' && __builtin_sub_overflow (0, v, &v))
    return 0;
  *ret = v;
  return 1;
}

/* A number as a row of digits and the power of ten of the last one. */
struct digits {
  char d[LONGEST];
  int64_t n, power;
};

/* What stands behind the 'e', not beyond EXPONENT_MAX. */
static int64_t
power_read (const char *p, const char *end)
{
  int64_t v = 0;
  int minus = *p == '-';
  for (p += *p == '-' || *p == '+'; p < end; p++)
    v = v < EXPONENT_MAX ? 10 * v + (*p - '0') : v;
  return minus ? -v : v;
}

/* Takes leading zeros off: 1, or 0 when there are too many digits. */
static int
digits_read (struct piece text, struct digits *d)
{
  const char *p = text.p, *end = p + text.n;
  int point = 0;
  d->n = d->power = 0;
  for (p += *p == '-'; p < end && (*p | 32) != 'e'; p++) {
    if (*p == '.') {
      point = 1;
      continue;
    }
    d->power -= point;
    if (!d->n && *p == '0')
      continue;
    if (d->n == LONGEST)
      return 0;
    d->d[d->n++] = (char)(*p - '0');
  }
  if (p < end)
    d->power += power_read (p + 1, end);
  return 1;
}

/* Whether what is cut off behind the first `keep` digits counts as one more. */
static int
round_up (const struct digits *d, int64_t keep, int odd)
{
  int64_t i;
  if (keep < 0 || keep >= d->n || d->d[keep] < 5)
    return 0;
  if (d->d[keep] > 5)
    return 1;
  for (i = keep + 1; i < d->n; i++)
    if (d->d[i])
      return 1;
  return odd;
}

int
amount_read (struct piece text, amount *ret)
{
  struct digits d;
  int64_t shift, keep, i;
  amount v = 0;
  if (!doc_valid (text) || doc_kind (text) != '0')
    return -1;
  if (!digits_read (text, &d))
    return 1;
  shift = d.power + PLACES;
  keep = d.n + (shift < 0 ? shift : 0);
  if (d.n && keep + (shift > 0 ? shift : 0) > DIGITS_MAX)
    return 1;
  for (i = 0; i < keep; i++)
    v = 10 * v + d.d[i];
  for (i = 0; i < shift && v; i++)
    v *= 10;
  if (shift < 0)
    v += round_up (&d, keep, (int)(v & 1));
  if (v >= AMOUNT_END)
    return 1;
  *ret = *text.p == '-' ? -v : v;
  return 0;
}

const char *
amount_text (amount v, char out[AMOUNT_TEXT])
{
  amount u = v < 0 ? -v : v;
  unsigned long long high = (unsigned long long)(u / AMOUNT_ONE / 1000000000);
  unsigned long long low = (unsigned long long)(u / AMOUNT_ONE % 1000000000);
  unsigned long long rest = (unsigned long long)(u % AMOUNT_ONE);
  int n = high ? snprintf (out, AMOUNT_TEXT, "%s%llu%09llu", v < 0 ? "-" : "", high, low)
               : snprintf (out, AMOUNT_TEXT, "%s%llu", v < 0 ? "-" : "", low);
  if (rest) {
    n += snprintf (out + n, AMOUNT_TEXT - (size_t)n, ".%012llu", rest);
    while (out[n - 1] == '0')
      out[--n] = 0;
  }
  return out;
}

/* ---- Times -------------------------------------------------------------------------------- */

static int
is_leap (int year)
{
  return year % 4 == 0 && (year % 100 || year % 400 == 0);
}

/* Days from 1970 on to the date, or -1. */
static int64_t
days_to (int year, int month, int day)
{
  static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };
  int64_t days = 0;
  int y, leap;
  if (year < 1969 || year > 2261 || month < 1 || month > 12 || day < 1)
    return -1000;
  leap = is_leap (year);
  if (day > before[month] - before[month - 1] + (month == 2 && leap))
    return -1000;
  for (y = 1970; y < year; y++)
    days += 365 + is_leap (y);
  if (year < 1970)
    days = -365;
  return days + before[month - 1] + (month > 2 && leap) + day - 1;
}

/* The fraction of a second at *p, in nanoseconds; -1 when it is none. */
static int64_t
fraction_read (const char **p)
{
  int64_t ns = 0, unit = 100000000;
  if (**p != '.')
    return 0;
  if (*++*p < '0' || **p > '9')
    return -1;
  for (; **p >= '0' && **p <= '9'; ++*p, unit /= 10)
    ns += (**p - '0') * unit;
  return ns;
}

/* Minutes that the clock is ahead of UTC; -1: that is none. */
static int
offset_read (const char **p, int *ret)
{
  int hours, minutes, n = 0, west = **p == '-';
  *ret = 0;
  if (**p == 'Z' || **p == 'z') {
    ++*p;
    return 0;
  }
  if ((!west && **p != '+') || sscanf (*p + 1, "%2d:%2d%n", &hours, &minutes, &n) != 2 || n != 5
      || hours > 23 || minutes > 59)
    return -1;
  *p += 6;
  *ret = (west ? -1 : 1) * (60 * hours + minutes);
  return 0;
}

int
doc_time (struct piece text, int64_t *ret_ns)
{
  char buf[64], t;
  const char *p = buf + 19;
  int year, month, day, hour, minute, second, n = 0, ahead;
  int64_t days, fraction, seconds;
  if (text.n < 20 || text.n >= sizeof buf)
    return 0;
  memcpy (buf, text.p, text.n);
  buf[text.n] = 0;
  if (sscanf (buf, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &year, &month, &day, &t, &hour, &minute, &second,
              &n) != 7
      || n != 19 || !strchr ("Tt ", t) || hour > 23 || minute > 59 || second > 60)
    return 0;
  days = days_to (year, month, day);
  fraction = fraction_read (&p);
  if (days < -366 || fraction < 0 || offset_read (&p, &ahead) < 0 || *p)
    return 0;
  seconds = days * 86400 + hour * 3600 + (minute - ahead) * 60 + (second < 60 ? second : 59);
  if (seconds < 0 || seconds > INT64_MAX / 1000000000 - 1)
    return 0;
  *ret_ns = seconds * 1000000000 + fraction;
  return 1;
}
