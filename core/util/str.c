/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/util/str.h"

#include <string.h>

#define WORD_MAX 63u

static size_t
min3 (size_t a, size_t b, size_t c)
{
  size_t m = a < b ? a : b;
  return m < c ? m : c;
}

/* Optimal string alignment: three rows of the table are enough. */
size_t
str_distance (const char *a, const char *b)
{
  size_t rows[3][WORD_MAX + 1], *two = rows[0], *one = rows[1], *now = rows[2], *spare;
  size_t na = strlen (a), nb = strlen (b), i, j;
  if (na > WORD_MAX || nb > WORD_MAX)
    return na > nb ? na : nb;
  for (j = 0; j <= nb; j++)
    one[j] = two[j] = j;
  for (i = 1; i <= na; i++) {
    now[0] = i;
    for (j = 1; j <= nb; j++) {
      now[j] = min3 (one[j] + 1, now[j - 1] + 1, one[j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = min3 (now[j], two[j - 2] + 1, now[j]);
    }
    spare = two;
    two = one;
    one = now;
    now = spare;
  }
  return one[nb];
}

const char *
str_closest (const char *word, const char *const *words)
{
  const char *best = NULL;
  size_t n = strlen (word), least = n < 4 ? 2 : n < 9 ? 3 : 4, d;
  if (n > WORD_MAX)
    return NULL;
  for (; *words; words++) {
    d = str_distance (word, *words);
    if (d < least && d < strlen (*words)) {
      least = d;
      best = *words;
    }
  }
  return best;
}

/* Whether `n` continuation bytes follow p. */
static int
utf8_tail (const unsigned char *p, size_t n)
{
  while (n--)
    if ((*++p & 0xC0) != 0x80)
      return 0;
  return 1;
}

/* RFC 3629, section 4: what the second byte may be depends on the first. */
size_t
str_utf8_len (const char *text, const char *end)
{
  const unsigned char *p = (const unsigned char *)text;
  size_t n;
  if (*p < 0x80)
    return 1;
  n = *p < 0xC2 ? 0 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : *p < 0xF5 ? 4 : 0;
  if (!n || (size_t)(end - text) < n || !utf8_tail (p, n - 1))
    return 0;
  if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F))
    return 0;
  if ((*p == 0xF0 && p[1] < 0x90) || (*p == 0xF4 && p[1] > 0x8F))
    return 0;
  return n;
}

int
str_utf8_valid (const char *p, size_t len)
{
  const char *end = p + len;
  size_t n;
  for (; p < end; p += n)
    if (!(n = str_utf8_len (p, end)))
      return 0;
  return 1;
}

static uint32_t
utf8_decode (const char *text, size_t n)
{
  const unsigned char *p = (const unsigned char *)text;
  uint32_t c = n == 1 ? *p : n == 2 ? *p & 31u : n == 3 ? *p & 15u : *p & 7u;
  while (--n)
    c = c << 6 | (*++p & 63u);
  return c;
}

/* Whether a character can disturb a line of a log. */
static int
unfit (uint32_t c)
{
  return c < 0x20 || c == '\\' || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E)
         || (c >= 0x2066 && c <= 0x2069);
}

static size_t
hex (char *out, char letter, uint32_t c, int digits)
{
  size_t n = 2;
  out[0] = '\\';
  out[1] = letter;
  while (digits--)
    out[n++] = "0123456789abcdef"[c >> (4 * digits) & 15];
  return n;
}

/* Writes the escape of a character, at most 6 bytes. */
static size_t
escape (char *out, uint32_t c)
{
  static const char from[] = "\\\n\r\t", to[] = "\\nrt";
  const char *f = c && c < 0x80 ? strchr (from, (int)c) : NULL;
  if (!f)
    return c < 0x80 ? hex (out, 'x', c, 2) : hex (out, 'u', c, 4);
  out[0] = '\\';
  out[1] = to[f - from];
  return 2;
}

size_t
str_escape_line (char *out, size_t size, const char *p, size_t len)
{
  const char *end = p + len, *piece;
  char buf[8];
  size_t used = 0, n, m;
  if (!size)
    return 0;
  for (; p < end; p += n) {
    uint32_t c;
    n = str_utf8_len (p, end);
    c = n ? utf8_decode (p, n) : 0;
    piece = p;
    m = n;
    if (!n || unfit (c)) {
      m = n ? escape (buf, c) : hex (buf, 'x', (unsigned char)*p, 2);
      n = n ? n : 1;
      piece = buf;
    }
    if (used + m >= size)
      break;
    memcpy (out + used, piece, m);
    used += m;
  }
  out[used] = 0;
  return used;
}
