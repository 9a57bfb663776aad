/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/window.h"

/* The word of a window, with its value in *ret; or the one that must make room, for
 * which *ret is of another number.  Two threads that miss the same window choose the
 * same word, and one of them loses its exchange. */
static inline _Atomic uint64_t *
window_find (struct window *w, uint32_t number, uint64_t *ret)
{
  uint64_t a = atomic_load_explicit (&w->word[0], memory_order_relaxed), b;
  *ret = a;
  if (word_number (a) == number)
    return &w->word[0];
  b = atomic_load_explicit (&w->word[1], memory_order_relaxed);
  if (word_number (b) != number && word_number (a) <= word_number (b))
    return &w->word[0];
  *ret = b;
  return &w->word[1];
}

int32_t
window_take (struct window *w, uint32_t number, uint64_t n, uint64_t max)
{
  for (;;) {
    uint64_t old, count;
    _Atomic uint64_t *word = window_find (w, number, &old);
    count = word_number (old) == number ? word_count (old) : 0;
    if (n > max || count > max - n)
      return 0;
    if (atomic_compare_exchange_weak (word, &old, word_make (number, count + n)))
      return 1;
  }
}

void
window_add (struct window *w, uint32_t number, uint64_t n)
{
  for (;;) {
    uint64_t old, count;
    _Atomic uint64_t *word = window_find (w, number, &old);
    count = word_number (old) == number ? word_count (old) : 0;
    n = n < WINDOW_MAX - count ? n : WINDOW_MAX - count;
    if (atomic_compare_exchange_weak (word, &old, word_make (number, count + n)))
      return;
  }
}

void
window_sub (struct window *w, uint32_t number, uint64_t n)
{
  for (;;) {
    uint64_t old, have;
    _Atomic uint64_t *word = window_find (w, number, &old);
    have = word_count (old);
    if (word_number (old) != number || !have)
      return;
    if (atomic_compare_exchange_weak (word, &old, old - (n < have ? n : have)))
      return;
  }
}

void
word_add (_Atomic uint64_t *word, uint32_t number, uint64_t n)
{
  uint64_t old = atomic_load_explicit (word, memory_order_relaxed), count;
  do {
    if (word_number (old) > number && word_count (old))
      return;
    count = word_number (old) == number ? word_count (old) : 0;
  } while (!atomic_compare_exchange_weak (word, &old, word_make (number, count + n)));
}

void
word_sub (_Atomic uint64_t *word, uint32_t number, uint64_t n)
{
  uint64_t old = atomic_load_explicit (word, memory_order_relaxed);
  do {
    if (word_number (old) != number || !word_count (old))
      return;
  } while (!atomic_compare_exchange_weak (word, &old,
                                          old - (n < word_count (old) ? n : word_count (old))));
}
