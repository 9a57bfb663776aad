/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What no JSON text of a request may have, and the scanner of records lets pass: equal keys,
 * of which readers behind us would take another one than the meters here, and numbers that
 * are none to them. */
#include "plugins/metering-openmeter/cloudevent.h"

#include <errno.h>
#include <stdlib.h>

#define PAIRWISE_MAX 16u /* keys that are compared with each other; more are sorted */
#define DIGITS_MAX   40u /* of a number, as in all requests */

/* ---- Keys ------------------------------------------------------------------------------ */

static int
key_compare (const void *a, const void *b)
{
  const kg_str *x = a, *y = b;
  if (x->len != y->len)
    return x->len < y->len ? -1 : 1;
  return memcmp (x->ptr, y->ptr, x->len);
}

/* Counts an object's keys, and the bytes of those that have to be decoded. */
static uint32_t
keys_count (const struct kg_json *j, uint32_t object, size_t *ret_escaped)
{
  uint32_t i, n = 0;
  *ret_escaped = 0;
  for (i = kg_json_first (j, object); i; i = kg_json_next (j, object, i + 1)) {
    n++;
    *ret_escaped += j->token[i].escaped ? j->token[i].len : 0;
  }
  return n;
}

/* Of few keys without escapes, which is what nearly all objects have. */
static int32_t
is_twice_among_few (const struct kg_json *j, uint32_t object)
{
  kg_str key[PAIRWISE_MAX];
  uint32_t i, k, n = 0;
  for (i = kg_json_first (j, object); i; i = kg_json_next (j, object, i + 1)) {
    key[n] = kg_json_raw (j, i);
    for (k = 0; k < n; k++)
      if (!key_compare (&key[k], &key[n]))
        return 1;
    n++;
  }
  return 0;
}

static int32_t
is_twice_sorted (const struct kg_json *j, uint32_t object, uint32_t count, size_t escaped)
{
  kg_str *key = malloc (count * sizeof *key + escaped);
  char *text = (char *) (key + count);
  uint32_t i, n = 0;
  int32_t twice = 0;
  if (!key)
    return -ENOMEM;
  for (i = kg_json_first (j, object); i; i = kg_json_next (j, object, i + 1)) {
    key[n] = kg_json_raw (j, i);
    if (j->token[i].escaped) {
      key[n] = (kg_str){ text, kg_json_decode (j, i, text) };
      text += key[n].len;
    }
    n++;
  }
  qsort (key, n, sizeof *key, key_compare);
  for (i = 1; i < n && !twice; i++)
    twice = !key_compare (&key[i - 1], &key[i]);
  free (key);
  return twice;
}

static int32_t
has_key_twice (const struct kg_json *j, uint32_t object)
{
  size_t escaped;
  uint32_t n = keys_count (j, object, &escaped);
  return n <= PAIRWISE_MAX && !escaped ? is_twice_among_few (j, object)
                                       : is_twice_sorted (j, object, n, escaped);
}

/* ---- Numbers --------------------------------------------------------------------------- */

/* Whether it is a finite double, or int64_t where it is whole; the tape has others as DOUBLE. */
static int32_t
number_ok (const struct kg_json *j, uint32_t i)
{
  kg_str s = kg_json_text (j, i);
  const char *exponent = NULL;
  uint32_t digits = 0, whole = 1;
  char buf[3 * DIGITS_MAX];
  size_t k;
  for (k = 0; k < s.len; k++) {
    digits += s.ptr[k] >= '0' && s.ptr[k] <= '9';
    whole &= s.ptr[k] == '-' || (s.ptr[k] >= '0' && s.ptr[k] <= '9');
    exponent = (s.ptr[k] | 32) == 'e' ? s.ptr + k + 1 : exponent;
  }
  if (digits > DIGITS_MAX || whole)
    return 0;
  if (!exponent || s.ptr + s.len - exponent < 3) /* 40 digits and e99: far below 10^308 */
    return 1;
  memcpy (buf, s.ptr, s.len); /* of so few digits it is short */
  buf[s.len] = 0;
  return strtod (buf, NULL) <= __DBL_MAX__ && strtod (buf, NULL) >= -__DBL_MAX__;
}

int32_t
cloudevent_json_check (const struct kg_json *j, uint32_t i, const char **ret_error)
{
  uint32_t end = j->token[i].next;
  int32_t r = 0;
  *ret_error = NULL;
  for (; i < end && r >= 0 && !*ret_error; i++) {
    if (j->token[i].kind == KG_JSON_DOUBLE && !number_ok (j, i))
      *ret_error = "data: a number is out of range, or has more than 40 digits";
    else if (j->token[i].kind == KG_JSON_OBJECT && (r = has_key_twice (j, i)) > 0)
      *ret_error = "data: a member is there twice";
  }
  return r < 0 ? r : 0;
}
