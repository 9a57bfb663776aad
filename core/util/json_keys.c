/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Duplicate keys of an object, compared decoded: "a" and "\u0061" are the same.
 *
 * Small objects are compared pair by pair.  Large ones are sorted, which unlike
 * hashing needs no secret to stay fast for keys that an enemy chose. */
#include "core/util/json_text.h"

#include <stdlib.h>
#include <string.h>

#define PAIRWISE_MAX 16u

/* Reads a string token byte by byte, decoded. */
struct decoder {
  const char *p, *end;
  uint32_t at, have; /* in buf */
  char buf[4];       /* of one escape */
};

/* Decodes the escape at d->p, which the scanner has found valid. */
static void
decode_escape (struct decoder *d)
{
  struct kg_json_token t = { KG_JSON_STRING, 1, 0, 2, 1 };
  struct kg_json j = { sizeof j, 1, d->p, &t };
  if (d->p[1] == 'u')
    t.len = (d->p[2] | 32) == 'd' && d->p[3] >= '8' ? 12 : 6; /* a pair of surrogates */
  d->have = (uint32_t)kg_json_decode (&j, 0, d->buf);
  d->at = 0;
  d->p += t.len;
}

/* The next byte, or -1 at the end. */
static int
decode_next (struct decoder *d)
{
  if (d->at == d->have) {
    if (d->p == d->end)
      return -1;
    if (*d->p != '\\')
      return (unsigned char)*d->p++;
    decode_escape (d);
  }
  return (unsigned char)d->buf[d->at++];
}

static int
compare_decoded (const char *text, const struct kg_json_token *a, const struct kg_json_token *b)
{
  struct decoder da = { text + a->start, text + a->start + a->len, 0, 0, "" };
  struct decoder db = { text + b->start, text + b->start + b->len, 0, 0, "" };
  int x, y;
  do {
    x = decode_next (&da);
    y = decode_next (&db);
  } while (x == y && x >= 0);
  return x - y;
}

/* Orders two keys by their decoded bytes. */
static int
compare (const char *text, const struct kg_json_token *a, const struct kg_json_token *b)
{
  uint32_t least = a->len < b->len ? a->len : b->len;
  int order;
  if (a->escaped || b->escaped)
    return compare_decoded (text, a, b);
  order = memcmp (text + a->start, text + b->start, least);
  return order ? order : (a->len > b->len) - (a->len < b->len);
}

static inline int
equal (const char *text, const struct kg_json_token *a, const struct kg_json_token *b)
{
  if (a->escaped || b->escaped)
    return !compare_decoded (text, a, b);
  return a->len == b->len && !memcmp (text + a->start, text + b->start, a->len);
}

static int
duplicate (struct json_scan *s, const struct kg_json_token *a, const struct kg_json_token *b)
{
  uint32_t later = a->start > b->start ? a->start : b->start;
  json_fail (s, s->text + later - 1, "duplicate key");
  return 0;
}

static int
compare_sorted (const void *a, const void *b, void *text)
{
  return compare (text, *(const struct kg_json_token *const *)a,
                  *(const struct kg_json_token *const *)b);
}

/* All keys of an object, first to last. */
static uint32_t
keys_collect (const struct json_scan *s, const struct kg_json_token *object,
              const struct kg_json_token **keys, uint32_t max)
{
  const struct kg_json_token *key = object + 1, *end = s->token + object->next;
  uint32_t n = 0;
  for (; key < end && n < max; key = s->token + key[1].next)
    keys[n++] = key;
  return n;
}

static int
check_sorted (struct json_scan *s, const struct kg_json_token *object)
{
  const struct kg_json_token *keys[JSON_VALUES_MAX];
  uint32_t n = keys_collect (s, object, keys, JSON_VALUES_MAX), i;
  qsort_r (keys, n, sizeof *keys, compare_sorted, (void *)(uintptr_t)s->text);
  for (i = 1; i < n; i++)
    if (!compare (s->text, keys[i - 1], keys[i]))
      return duplicate (s, keys[i - 1], keys[i]);
  return 1;
}

int
json_keys_check (struct json_scan *s, const struct kg_json_token *object)
{
  const struct kg_json_token *keys[PAIRWISE_MAX + 1];
  uint32_t n, i, k;
  n = keys_collect (s, object, keys, PAIRWISE_MAX + 1);
  if (n > PAIRWISE_MAX)
    return check_sorted (s, object);
  for (i = 1; i < n; i++)
    for (k = 0; k < i; k++)
      if (equal (s->text, keys[k], keys[i]))
        return duplicate (s, keys[k], keys[i]);
  return 1;
}
