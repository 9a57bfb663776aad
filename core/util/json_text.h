/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The parts of the JSON scanner; for json*.c only. */
#ifndef UTIL_JSON_TEXT_H
#define UTIL_JSON_TEXT_H

#include "core/util/json.h"

#if defined __SSE2__
#include <emmintrin.h>
#endif

struct json_scan {
  const char *text, *end;
  struct kg_json_token *token;
  uint32_t count, max;           /* tokens */
  uint32_t values;               /* seen so far, keys not counted */
  uint32_t depth;                /* of open arrays and objects */
  uint32_t open[JSON_DEPTH_MAX]; /* their tokens, outermost first */
  int32_t code;                  /* of a failure: -EBADMSG, -E2BIG */
  struct json_error error;
};

/* The parts take the place where they begin and return the one where the scan
 * goes on, or NULL, which these two return: for malformed text, and for too much
 * of it. */
const char *json_fail (struct json_scan *s, const char *where, const char *reason);
const char *json_fail_big (struct json_scan *s, const char *where, const char *reason);

/* The first byte of [p, end) that is not plain ASCII text: a quote, a backslash,
 * a control character, or part of a longer character. */
static inline const char *
json_plain_end (const char *p, const char *end)
{
#if defined __SSE2__
  for (; end - p >= 16; p += 16) {
    __m128i v = _mm_loadu_si128 ((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8 (v, _mm_set1_epi8 ('"'));
    __m128i slash = _mm_cmpeq_epi8 (v, _mm_set1_epi8 ('\\'));
    __m128i other = _mm_cmplt_epi8 (v, _mm_set1_epi8 (0x20)); /* signed: 0x80 and up too */
    int mask = _mm_movemask_epi8 (_mm_or_si128 (other, _mm_or_si128 (quote, slash)));
    if (mask)
      return p + __builtin_ctz ((unsigned)mask);
  }
#endif
  if (end - p >= 8 && kg_json_plain (p))
    p += 8;
  while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= 0x20)
    p++;
  return p;
}

/* The closing quote of a string, from p in its middle, which is not plain.  Sets
 * *ret_escaped to 1 when there are escapes. */
const char *json_string_rest (struct json_scan *s, const char *p, uint32_t *ret_escaped);

/* The end of the number at p, and its kind: KG_JSON_INT or KG_JSON_DOUBLE. */
const char *json_number_end (struct json_scan *s, const char *p, uint32_t *ret_kind);

/* 1 when the complete object has no two equal keys, else 0 after json_fail. */
int json_keys_check (struct json_scan *s, const struct kg_json_token *object);

#endif
