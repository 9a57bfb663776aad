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
  const char *text, *p, *end;
  struct kg_json_token *token;
  uint32_t count, max;            /* tokens */
  uint32_t values;                /* seen so far, keys not counted */
  uint32_t depth;                 /* of open arrays and objects */
  uint32_t open[JSON_DEPTH_MAX];  /* their tokens, outermost first */
  struct json_error error;
};

/* Notes where and why; returns -EBADMSG, -E2BIG. */
int32_t json_fail (struct json_scan *s, const char *where, const char *reason);
int32_t json_fail_big (struct json_scan *s, const char *where, const char *reason);

/* The first byte of [p, end) that is not plain ASCII text: a quote, a backslash,
 * a control character, or part of a longer character. */
static inline const char *
json_plain_end (const char *p, const char *end)
{
#if defined __SSE2__
  for (; end - p >= 16; p += 16) {
    __m128i v = _mm_loadu_si128 ((const __m128i *) (const void *) p);
    __m128i quote = _mm_cmpeq_epi8 (v, _mm_set1_epi8 ('"'));
    __m128i slash = _mm_cmpeq_epi8 (v, _mm_set1_epi8 ('\\'));
    __m128i other = _mm_cmplt_epi8 (v, _mm_set1_epi8 (0x20)); /* signed: 0x80 and up too */
    int mask = _mm_movemask_epi8 (_mm_or_si128 (other, _mm_or_si128 (quote, slash)));
    if (mask)
      return p + __builtin_ctz ((unsigned) mask);
  }
#endif
  while (p < end && *p != '"' && *p != '\\' && (signed char) *p >= 0x20)
    p++;
  return p;
}

/* Goes on with a string at p, which is not plain, and moves s->p behind the
 * closing quote.  Returns 1 when there are escapes, else 0; or json_fail. */
int32_t json_string_rest (struct json_scan *s, const char *p);

/* Moves s->p from the opening quote of a string behind its closing one.  Returns
 * 1 when the string has escapes, else 0; or json_fail. */
static inline int32_t
json_string_end (struct json_scan *s)
{
  const char *p = json_plain_end (s->p + 1, s->end);
  if (p == s->end || *p != '"')
    return json_string_rest (s, p);
  s->p = p + 1;
  return 0;
}

/* Moves s->p from the first byte of a number behind it.  Returns KG_JSON_INT or
 * KG_JSON_DOUBLE; or json_fail. */
int32_t json_number_end (struct json_scan *s);

/* 0 when the complete object has no two equal keys; or json_fail. */
int32_t json_keys_check (struct json_scan *s, const struct kg_json_token *object);

#endif
