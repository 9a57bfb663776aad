/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/text.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

void
text_time (int64_t ns, char out[TEXT_TIME])
{
  time_t s = (time_t) (ns / TEXT_SECOND);
  struct tm t;
  memset (&t, 0, sizeof t);
  gmtime_r (&s, &t);
  snprintf (out, TEXT_TIME, "%04u-%02u-%02uT%02u:%02u:%02u.%06u+00:00",
            (unsigned) (t.tm_year + 1900) % 10000, (unsigned) (t.tm_mon + 1) % 100,
            (unsigned) t.tm_mday % 100, (unsigned) t.tm_hour % 100, (unsigned) t.tm_min % 100,
            (unsigned) t.tm_sec % 100, (unsigned) (ns % TEXT_SECOND / 1000) % 1000000);
}

void
text_http (int64_t seconds, char out[TEXT_HTTP])
{
  static const char day[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
  static const char month[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  time_t s = (time_t) seconds;
  struct tm t;
  memset (&t, 0, sizeof t);
  gmtime_r (&s, &t);
  snprintf (out, TEXT_HTTP, "%s, %02u %s %04u %02u:%02u:%02u GMT", day[t.tm_wday % 7],
            (unsigned) t.tm_mday % 100, month[t.tm_mon % 12], (unsigned) (t.tm_year + 1900) % 10000,
            (unsigned) t.tm_hour % 100, (unsigned) t.tm_min % 100, (unsigned) t.tm_sec % 100);
}

/* `n` digits at *p as a number, and moves on; -1 for anything else. */
static int
digits_take (const char **p, const char *end, int n)
{
  int v = 0;
  if (end - *p < n)
    return -1;
  for (; n--; ++*p) {
    if (**p < '0' || **p > '9')
      return -1;
    v = v * 10 + (**p - '0');
  }
  return v;
}

static int
char_take (const char **p, const char *end, const char *accept)
{
  if (*p == end || !**p || !strchr (accept, **p))
    return 0;
  return *(*p)++;
}

/* The date and time without fraction and offset; 0 or -EINVAL. */
static int32_t
civil_take (const char **p, const char *end, struct tm *t)
{
  static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  int year = digits_take (p, end, 4);
  memset (t, 0, sizeof *t);
  t->tm_year = year - 1900;
  t->tm_mon = char_take (p, end, "-") ? digits_take (p, end, 2) - 1 : -1;
  t->tm_mday = char_take (p, end, "-") ? digits_take (p, end, 2) : -1;
  t->tm_hour = char_take (p, end, "Tt ") ? digits_take (p, end, 2) : -1;
  t->tm_min = char_take (p, end, ":") ? digits_take (p, end, 2) : -1;
  t->tm_sec = char_take (p, end, ":") ? digits_take (p, end, 2) : -1;
  if (year < 1970 || t->tm_mon < 0 || t->tm_mon > 11 || t->tm_mday < 1 || t->tm_hour < 0
      || t->tm_hour > 23 || t->tm_min < 0 || t->tm_min > 59 || t->tm_sec < 0 || t->tm_sec > 60)
    return -EINVAL;
  if (t->tm_mday > days[t->tm_mon]
      || (t->tm_mon == 1 && t->tm_mday == 29 && (year % 4 || (year % 100 == 0 && year % 400))))
    return -EINVAL;
  return 0;
}

/* ".123456789" in nanoseconds, 0 without; or -1. */
static int64_t
fraction_take (const char **p, const char *end)
{
  int64_t ns = 0, unit = TEXT_SECOND;
  if (!char_take (p, end, "."))
    return 0;
  if (*p == end || **p < '0' || **p > '9')
    return -1;
  for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
    unit /= 10;
    ns += (**p - '0') * unit;
  }
  return ns;
}

/* "Z" or "+01:30" in seconds; 0 or -EINVAL. */
static int32_t
offset_take (const char **p, const char *end, int64_t *ret)
{
  int sign = char_take (p, end, "Zz+-"), hours, minutes;
  *ret = 0;
  if (sign == 'Z' || sign == 'z')
    return 0;
  hours = sign ? digits_take (p, end, 2) : -1;
  minutes = char_take (p, end, ":") ? digits_take (p, end, 2) : -1;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return -EINVAL;
  *ret = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
  return 0;
}

/* Days since the epoch (Howard Hinnant's algorithm: years that begin in March). */
static int64_t
days_of (const struct tm *t)
{
  int64_t year = t->tm_year + 1900 - (t->tm_mon < 2);
  int64_t era = year / 400, yoe = year - era * 400;
  int64_t doy = (153 * (t->tm_mon + (t->tm_mon < 2 ? 10 : -2)) + 2) / 5 + t->tm_mday - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int32_t
text_time_parse (const char *s, size_t len, int64_t *ret_ns)
{
  const char *end = s + len;
  int64_t fraction, offset, seconds;
  struct tm t;
  if (len > 40 || civil_take (&s, end, &t) < 0)
    return -EINVAL;
  fraction = fraction_take (&s, end);
  if (fraction < 0 || offset_take (&s, end, &offset) < 0 || s != end)
    return -EINVAL;
  seconds = days_of (&t) * 86400 + t.tm_hour * 3600 + t.tm_min * 60 + t.tm_sec - offset;
  if (seconds < 0 || seconds > INT64_MAX / TEXT_SECOND - 1)
    return -EINVAL;
  *ret_ns = seconds * TEXT_SECOND + fraction;
  return 0;
}

/* The value of a hexadecimal digit, or -1. */
static int
hex_value (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of a hexadecimal digit of either case, or -1. */
static int
hex_any (char c)
{
  return hex_value (c >= 'A' && c <= 'F' ? (char) (c | 32) : c);
}

int32_t
text_uuid_read (const char *s, size_t len, uint8_t out[16])
{
  uint8_t id[16];
  size_t i;
  if (len > 9 && !strncasecmp (s, "urn:uuid:", 9)) {
    s += 9;
    len -= 9;
  } else if (len > 2 && s[0] == '{' && s[len - 1] == '}') {
    s += 1;
    len -= 2;
  }
  if (len != 32 && len != 36)
    return -EINVAL;
  for (i = 0; i < 16; i++) {
    int high, low;
    if (len == 36 && (i == 4 || i == 6 || i == 8 || i == 10) && *s++ != '-')
      return -EINVAL;
    high = hex_any (s[0]);
    low = hex_any (s[1]);
    if (high < 0 || low < 0)
      return -EINVAL;
    id[i] = (uint8_t) (high << 4 | low);
    s += 2;
  }
  memcpy (out, id, sizeof id);
  return 0;
}

/* Spreads the 8 digits of 4 bytes over 8, the first one lowest, and makes them text. */
static void
hex8 (const uint8_t *p, char *out)
{
  const uint64_t each = 0x0101010101010101u;
  uint64_t n = (uint64_t) p[0] | (uint64_t) p[1] << 16 | (uint64_t) p[2] << 32
               | (uint64_t) p[3] << 48;
  uint64_t letter;
  n = (n >> 4 & 0x000f000f000f000fu) | (n & 0x000f000f000f000fu) << 8;
  letter = (n + 6 * each) >> 4 & each; /* 1 from 10 on */
  n += '0' * each + letter * ('a' - '0' - 10);
  n = htole64 (n);
  memcpy (out, &n, sizeof n);
}

/* Each request's key is shown like this. */
void
text_uuid_show (const uint8_t id[16], char out[TEXT_UUID])
{
  char digit[32];
  int i;
  for (i = 0; i < 4; i++)
    hex8 (id + 4 * i, digit + 8 * i);
  memcpy (out, digit, 8);
  memcpy (out + 9, digit + 8, 4);
  memcpy (out + 14, digit + 12, 4);
  memcpy (out + 19, digit + 16, 4);
  memcpy (out + 24, digit + 20, 12);
  out[8] = out[13] = out[18] = out[23] = '-';
  out[36] = 0;
}

int32_t
text_uuid (const char *s, size_t len, char out[TEXT_UUID])
{
  uint8_t id[16];
  int32_t rc = text_uuid_read (s, len, id);
  if (rc == 0)
    text_uuid_show (id, out);
  return rc;
}

void
text_uuid_make (const uint8_t random[16], char out[TEXT_UUID])
{
  uint8_t b[16];
  memcpy (b, random, sizeof b);
  b[6] = (uint8_t) ((b[6] & 0x0f) | 0x40);
  b[8] = (uint8_t) ((b[8] & 0x3f) | 0x80);
  text_uuid_show (b, out);
}

void
text_hex (const uint8_t *p, size_t len, char *out)
{
  static const char digit[] = "0123456789abcdef";
  for (; len--; p++) {
    *out++ = digit[*p >> 4];
    *out++ = digit[*p & 15];
  }
  *out = 0;
}

int32_t
text_hex_parse (const char *s, size_t len, uint8_t *out)
{
  for (; len--; s += 2) {
    int high = hex_value (s[0]), low = high < 0 ? -1 : hex_value (s[1]);
    if (low < 0)
      return -EINVAL;
    *out++ = (uint8_t) (high << 4 | low);
  }
  return 0;
}

void
text_base64url (const uint8_t in[32], char out[44])
{
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  uint32_t bits = 0, have = 0;
  size_t i, n = 0;
  for (i = 0; i < 32; i++) {
    bits = bits << 8 | in[i];
    for (have += 8; have >= 6; have -= 6)
      out[n++] = digit[bits >> (have - 6) & 63];
  }
  out[n++] = digit[bits << (6 - have) & 63];
  out[n] = 0;
}
