/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Texts that are written without a look at each piece: as the careful ways write them. */
#define KG_ABI_TARGET KG_ABI (1, 1)
#include <kgent/plugin.h>

#include "plugins/metering-openmeter/put.h"

#include "tests/unit.h"

#include <stdio.h>
#include <stdlib.h>

static void
same_int (int64_t n)
{
  char wanted[32], got[PUT_INT + 8];
  memset (got, '#', sizeof got);
  snprintf (wanted, sizeof wanted, "%lld", (long long)n);
  char *end = put_int (got, n);
  ck_assert_uint_eq ((size_t)(end - got), strlen (wanted));
  ck_assert_msg (!memcmp (got, wanted, strlen (wanted)), "%s", wanted);
  for (size_t i = PUT_INT; i < sizeof got; i++)
    ck_assert_int_eq (got[i], '#');
}

START_TEST (numbers)
{
  int64_t power = 1;
  for (int64_t n = 0; n < 20000; n++)
    same_int (n);
  for (int i = 0; i < 18; i++, power *= 10)
    for (int64_t d = -2; d < 3; d++) {
      same_int (power > 2 ? power + d : 3);
      same_int (power * 5 + d > 0 ? power * 5 + d : 3);
    }
  same_int (INT64_MAX);
  same_int (INT64_MAX - 1);
  srandom (7);
  for (int i = 0; i < 200000; i++)
    same_int (((int64_t)random () << 32 | random () << 1) >> (i % 60));
}
END_TEST

/* A text in memory of exactly its length, in a place of exactly what it takes, and less. */
static void
same_text (const char *text)
{
  char wanted[1024];
  struct kg_out o = { wanted, 0, sizeof wanted };
  kg_out_text (&o, text);
  for (size_t less = 0; less < 3; less++) {
    char *room = malloc (o.len - less), *end;
    ck_assert_ptr_nonnull (room);
    end = put_text (room, room + o.len - less, text);
    if (less)
      ck_assert_ptr_null (end);
    else
      ck_assert_msg ((size_t)(end - room) == o.len && !memcmp (room, wanted, o.len), "%s", text);
    free (room);
  }
}

START_TEST (texts)
{
  static const char odd[] = { '"', '\\', 1, 31, 0x7f, '\n', (char)0xc3, ' ', '!' };
  for (size_t n = 0; n < 70; n++) {
    char *text = malloc (n + 1);
    ck_assert_ptr_nonnull (text);
    memset (text, 'a', n);
    text[n] = 0;
    same_text (text);
    for (size_t at = 0; at < n; at++) {
      for (size_t i = 0; i < sizeof odd; i++) {
        text[at] = odd[i];
        same_text (text);
      }
      text[at] = 'z';
    }
    free (text);
  }
}
END_TEST

UNIT_MAIN ("metering-put", numbers, texts)
