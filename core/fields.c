/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Response headers that are set together: their names are looked at once, when the
 * plugin is opened; of a request only the values are. */
#include "core/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX   46 /* bytes */
#define LINE_MAX   48 /* with ": " behind it; copied without a look at its length */
#define VALUE_MAX  8192
#define NUMBER_MAX 20 /* digits */

struct line {
  size_t len;
  char text[LINE_MAX]; /* "Name: " */
};

struct kg_fields {
  struct kg_fields *next; /* of the plugin's */
  uint32_t count;
  size_t bytes; /* that all lines have besides their texts, and the slack behind them */
  struct line line[KG_FIELDS_MAX];
};

int32_t
fields_create (const char *const *names, struct kg_fields **list, const kg_fields **ret)
{
  struct kg_fields *f = calloc (1, sizeof *f);
  if (!f)
    return -ENOMEM;
  f->bytes = LINE_MAX;
  for (; *names; names++) {
    size_t len = strnlen (*names, NAME_MAX + 1);
    if (f->count == KG_FIELDS_MAX || len > NAME_MAX || !reply_name_ok ((kg_str){ *names, len })) {
      free (f);
      return -EINVAL;
    }
    memcpy (f->line[f->count].text, *names, len);
    memcpy (f->line[f->count].text + len, ": ", 2);
    f->line[f->count++].len = len + 2;
    f->bytes += len + 4 + NUMBER_MAX;
  }
  f->next = *list;
  *ret = *list = f;
  return 0;
}

void
fields_destroy_all (struct kg_fields *f)
{
  while (f) {
    struct kg_fields *next = f->next;
    free (f);
    f = next;
  }
}

/* Not 0 in the high bit of a byte that is no printable ASCII: below 0x20 the subtraction
 * borrows into it, at 0x7f the addition carries into it. */
static inline uint64_t
word_bad (uint64_t w)
{
  const uint64_t each = 0x0101010101010101u;
  return w | (w - 0x20 * each) | (w + each);
}

/* 16 bytes, for processors that can. */
typedef unsigned char bytes16 __attribute__ ((vector_size (16)));
typedef signed char signed16 __attribute__ ((vector_size (16)));

/* Those that are no printable ASCII: 0x7f and beyond are negative after the addition. */
static inline signed16
bytes_bad (bytes16 v)
{
  return (signed16) (v + 1) <= 0x20;
}

/* Copies 16 bytes or more, the last ones over those before; not 0 when one of them is bad. */
static inline uint64_t
long_copy (char *to, const char *from, size_t len)
{
  const char *last = from + len - sizeof (bytes16);
  char *end = to + len - sizeof (bytes16);
  signed16 bad = { 0 };
  bytes16 v;
  uint64_t half[2];
  for (; from < last; from += sizeof v, to += sizeof v) {
    memcpy (&v, from, sizeof v);
    memcpy (to, &v, sizeof v);
    bad |= bytes_bad (v);
  }
  memcpy (&v, last, sizeof v);
  memcpy (end, &v, sizeof v);
  bad |= bytes_bad (v);
  memcpy (half, &bad, sizeof half);
  return half[0] | half[1];
}

/* Copies a value, and looks at it on the way: 0 where something is in it that is not
 * printable ASCII.  Reads and writes nothing outside: pieces overlap instead. */
static inline int
value_copy (char *to, const char *from, size_t len)
{
  uint64_t word = 0x2020202020202020u, other;
  uint32_t first, last;
  if (len >= 16)
    return !long_copy (to, from, len);
  if (len >= sizeof word) {
    memcpy (&word, from, sizeof word);
    memcpy (&other, from + len - sizeof other, sizeof other);
    memcpy (to, &word, sizeof word);
    memcpy (to + len - sizeof other, &other, sizeof other);
    return !((word_bad (word) | word_bad (other)) & 0x8080808080808080u);
  }
  if (len >= sizeof first) {
    memcpy (&first, from, sizeof first);
    memcpy (&last, from + len - sizeof last, sizeof last);
    memcpy (to, &first, sizeof first);
    memcpy (to + len - sizeof last, &last, sizeof last);
    word = (uint64_t) first << 32 | last;
  } else
    for (size_t at = 0; at < len; at++)
      word = word << 8 | (unsigned char) (to[at] = from[at]);
  return !(word_bad (word) & 0x8080808080808080u);
}

/* With tabs, which are rare. */
static int
value_ok (const char *p, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if ((unsigned char) p[i] < 0x20 ? p[i] != '\t' : (unsigned char) p[i] >= 0x7f)
      return 0;
  return 1;
}

/* Room that the texts take, or SIZE_MAX when one is too long; numbers have theirs. */
static inline size_t
values_len (const struct kg_value *v, const struct kg_value *end)
{
  size_t n = 0, any = 0;
  for (; v < end; v++)
    if (v->text) {
      n += (size_t) v->n;
      any |= (size_t) v->n;
    }
  return any > VALUE_MAX ? SIZE_MAX : n;
}

/* The digits of a number. */
static inline char *
number_put (char *p, uint64_t u)
{
  static const char pairs[] = "0001020304050607080910111213141516171819"
                              "2021222324252627282930313233343536373839"
                              "4041424344454647484950515253545556575859"
                              "6061626364656667686970717273747576777879"
                              "8081828384858687888990919293949596979899";
  char *end;
  if (u < 10) {
    *p = (char) ('0' + u);
    return p + 1;
  }
  end = p + (u < 100 ? 2 : u < 1000 ? 3 : u < 10000 ? 4 : 5);
  for (uint64_t bound = 100000; u >= bound && end < p + NUMBER_MAX - 1; bound *= 10)
    end++;
  for (p = end; u > UINT32_MAX; u /= 100)
    memcpy (p -= 2, pairs + u % 100 * 2, 2);
  for (; u >= 100; u = (uint32_t) u / 100)
    memcpy (p -= 2, pairs + (uint32_t) u % 100 * 2, 2);
  if (u >= 10)
    memcpy (p - 2, pairs + u * 2, 2);
  else
    p[-1] = (char) ('0' + u);
  return end;
}

int32_t
fields_set (kg_req *req, const struct kg_fields *f, const struct kg_value *v)
{
  const struct line *line = f->line;
  const struct kg_value *end = v + f->count;
  size_t len = values_len (v, end);
  char *p = len == SIZE_MAX ? NULL : reply_room (req, len + f->bytes);
  if (!p)
    return len == SIZE_MAX ? -EINVAL : -ENOMEM;
  for (; v < end; v++, line++) {
    if (!v->text && v->n < 0)
      continue;
    memcpy (p, line->text, LINE_MAX);
    p += line->len;
    if (!v->text)
      p = number_put (p, (uint64_t) v->n);
    else if (value_copy (p, v->text, (size_t) v->n) || value_ok (p, (size_t) v->n))
      p += v->n;
    else
      return -EINVAL;
    memcpy (p, "\r\n", 2);
    p += 2;
  }
  req->response.fields.len = (uint32_t) (p - req->response.fields.ptr);
  return 0;
}
