/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/util/arena.h"
#include "core/util/clock.h"

START_TEST (arena_aligns_and_grows)
{
  char first[256];
  struct arena a;
  int i, k;
  char *p[200];
  arena_init (&a, first + 1, sizeof first - 1);
  for (i = 0; i < 200; i++) {
    p[i] = arena_alloc (&a, (size_t)i * 7);
    ck_assert_ptr_ne (p[i], NULL);
    ck_assert_uint_eq ((uintptr_t)p[i] % 16, 0);
    memset (p[i], i, (size_t)i * 7);
  }
  for (i = 0; i < 200; i++)
    for (k = 0; k < i * 7; k++)
      ck_assert_int_eq ((unsigned char)p[i][k], i);
  arena_finish (&a);
}
END_TEST

START_TEST (arena_uses_the_first_block)
{
  char first[1024];
  struct arena a;
  char *p;
  arena_init (&a, first, sizeof first);
  p = arena_alloc (&a, 512);
  ck_assert (p >= first && p + 512 <= first + sizeof first);
  ck_assert_ptr_eq (a.blocks, NULL);
  p = arena_alloc (&a, 100000);
  memset (p, 1, 100000);
  ck_assert_ptr_ne (a.blocks, NULL);
  ck_assert_ptr_eq (arena_alloc (&a, SIZE_MAX), NULL);
  ck_assert_ptr_eq (arena_alloc (&a, SIZE_MAX - 8), NULL);
  arena_finish (&a);
}
END_TEST

START_TEST (arena_copies)
{
  char first[64];
  struct arena a;
  arena_init (&a, first, sizeof first);
  ck_assert_str_eq (arena_copy (&a, "hello world", 5), "hello");
  ck_assert_str_eq (arena_copy (&a, NULL, 0), "");
  arena_finish (&a);
}
END_TEST

START_TEST (clock_texts)
{
  char out[64];
  clock_rfc3339 (0, out);
  ck_assert_str_eq (out, "1970-01-01T00:00:00.000000+00:00");
  clock_rfc3339 (1709210096123456789, out);
  ck_assert_str_eq (out, "2024-02-29T12:34:56.123456+00:00");
  clock_http_date (784111777 * CLOCK_SECOND, out);
  ck_assert_str_eq (out, "Sun, 06 Nov 1994 08:49:37 GMT");
}
END_TEST

START_TEST (clock_stands_still)
{
  clock_fake (5, 7);
  ck_assert_int_eq (clock_mono (), 5);
  ck_assert_int_eq (clock_wall (), 7);
  clock_fake (0, 0);
  ck_assert_int_gt (clock_wall (), 1700000000 * CLOCK_SECOND);
}
END_TEST

UNIT_MAIN ("util", arena_aligns_and_grows, arena_uses_the_first_block, arena_copies,
           clock_texts, clock_stands_still)
