/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Small things with text: times, compact JSON, likeness of names. */
#include "plugins/agentese/agentese.h"

#include <ctype.h>
#include <string.h>

#define SECRET_MIN 16 /* bytes behind a prefix that make it one */

kg_str
ag_str (const char *text)
{
  kg_str s = { text, text ? strlen (text) : 0 };
  return s;
}

static void
digits (char *out, uint64_t v, int n)
{
  while (n--) {
    out[n] = (char)('0' + v % 10);
    v /= 10;
  }
}

/* The civil date of a day count since 1970-01-01, in the proleptic Gregorian
 * calendar; years that begin in March make the leap day the last one. */
static void
civil (int64_t days, uint64_t *year, uint64_t *month, uint64_t *day)
{
  uint64_t z = (uint64_t)(days + 719468), era = z / 146097, doe = z % 146097;
  uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  *day = doy - (153 * mp + 2) / 5 + 1;
  *month = mp < 10 ? mp + 3 : mp - 9;
  *year = yoe + era * 400 + (*month <= 2);
}

void
ag_time (int64_t wall_ns, char out[AG_TIME_LEN + 1])
{
  uint64_t us = (uint64_t)(wall_ns > 0 ? wall_ns : 0) / 1000, s = us / 1000000;
  uint64_t year, month, day, of_day = s % 86400;
  civil ((int64_t)(s / 86400), &year, &month, &day);
  memcpy (out, "0000-00-00T00:00:00.000000+00:00", AG_TIME_LEN + 1);
  digits (out, year, 4);
  digits (out + 5, month, 2);
  digits (out + 8, day, 2);
  digits (out + 11, of_day / 3600, 2);
  digits (out + 14, of_day / 60 % 60, 2);
  digits (out + 17, of_day % 60, 2);
  digits (out + 20, us % 1000000, 6);
}

void
ag_compact (struct kg_out *out, kg_str json)
{
  size_t i, from = 0;
  int32_t inside = 0;
  for (i = 0; i < json.len; i++) {
    char c = json.ptr[i];
    if (inside) {
      if (c == '\\')
        i++;
      else if (c == '"')
        inside = 0;
    } else if (c == '"')
      inside = 1;
    else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      kg_out_raw (out, json.ptr + from, i - from);
      from = i + 1;
    }
  }
  kg_out_raw (out, json.ptr + from, json.len - from);
}

int32_t
ag_pattern_covers (const char *pattern, kg_str base)
{
  size_t n = strlen (pattern);
  if (n > 1 && !strcmp (pattern + n - 2, ".*"))
    return base.len >= n && !memcmp (base.ptr, pattern, n - 1);
  return !strcmp (pattern, "*") || ag_str_is (base, pattern);
}

static uint32_t
least (uint32_t a, uint32_t b, uint32_t c)
{
  uint32_t m = a < b ? a : b;
  return m < c ? m : c;
}

uint32_t
ag_distance (kg_str a, kg_str b)
{
  uint8_t row[AG_NAME_MAX + 1];
  uint32_t n = (uint32_t)(a.len < AG_NAME_MAX ? a.len : AG_NAME_MAX);
  uint32_t m = (uint32_t)(b.len < AG_NAME_MAX ? b.len : AG_NAME_MAX), i, j;
  for (j = 0; j <= m; j++)
    row[j] = (uint8_t)j;
  for (i = 1; i <= n; i++) {
    uint32_t corner = row[0];
    row[0] = (uint8_t)i;
    for (j = 1; j <= m; j++) {
      uint32_t above = row[j];
      row[j] = (uint8_t)least (above + 1, row[j - 1] + 1u,
                               corner + (a.ptr[i - 1] != b.ptr[j - 1]));
      corner = above;
    }
  }
  return row[m];
}

/* Whether a credential begins there. */
static size_t
secret_at (const char *p, size_t len)
{
  static const char *const secrets[]
      = { "kg_", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", "om_", "eyJ" };
  uint32_t i;
  for (i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    size_t n = strlen (secrets[i]);
    if (len >= n + SECRET_MIN && !memcmp (p, secrets[i], n))
      return n;
  }
  return 0;
}

/* How many bytes of the text may be shown: a credential that somebody put into the wrong
 * field isn't said again, for others see answers than those who may see it. */
static size_t
harmless (kg_str text)
{
  int32_t begins = 1;
  size_t i, n;
  for (i = 0; i < text.len; i++) {
    if (begins && (n = secret_at (text.ptr + i, text.len - i)))
      return i + n;
    begins = !isalnum ((unsigned char)text.ptr[i]) && text.ptr[i] != '_';
  }
  return text.len;
}

const char *
ag_quote (char *out, size_t size, kg_str text)
{
  size_t i, n = harmless (text);
  int32_t cut = n < text.len || n >= size;
  if (cut && n > size - 4)
    n = size - 4;
  for (i = 0; i < n; i++)
    out[i] = text.ptr[i] >= 0x20 && text.ptr[i] < 0x7f ? text.ptr[i] : '?';
  memcpy (out + n, cut ? "..." : "", cut ? 4 : 1);
  return out;
}
