/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Counts in calendar windows, which nobody resets.
 *
 * A word is `number of the window << WINDOW_BITS | count`.  A window has the words
 * of two numbers, those that were met last: a clock that goes back over an edge, or
 * far ahead and back again, finds what it has counted, neither grants it twice nor
 * holds it against another day.  No locks; safe among processes. */
#ifndef AUTH_WINDOW_H
#define AUTH_WINDOW_H

#include <stdatomic.h>
#include <stdint.h>

#define WINDOW_BITS 40
#define WINDOW_MAX  (((uint64_t) 1 << WINDOW_BITS) - 1) /* of a count */

struct window {
  _Atomic uint64_t word[2];
};

static inline uint64_t
word_make (uint32_t number, uint64_t count)
{
  return (uint64_t) number << WINDOW_BITS | (count < WINDOW_MAX ? count : WINDOW_MAX);
}

static inline uint32_t
word_number (uint64_t word)
{
  return (uint32_t) (word >> WINDOW_BITS);
}

static inline uint64_t
word_count (uint64_t word)
{
  return word & WINDOW_MAX;
}

/* What was counted in the window `number`. */
static inline uint64_t
window_count (const struct window *w, uint32_t number)
{
  uint64_t a = atomic_load_explicit (&w->word[0], memory_order_relaxed), b;
  if (word_number (a) == number)
    return word_count (a);
  b = atomic_load_explicit (&w->word[1], memory_order_relaxed);
  return word_number (b) == number ? word_count (b) : 0;
}

/* Adds n when the count stays at or below `max`: 1, or 0 and nothing was added.
 * The older window makes room for one that is not there. */
int32_t window_take (struct window *w, uint32_t number, uint64_t n, uint64_t max);

/* Adds, whatever it comes to; stops at WINDOW_MAX. */
void window_add (struct window *w, uint32_t number, uint64_t n);

/* Takes off; not below 0, and nothing from a window that is not there. */
void window_sub (struct window *w, uint32_t number, uint64_t n);

/* The same for one word, which forgets its window for a newer one; what is older is
 * not added. */
void word_add (_Atomic uint64_t *word, uint32_t number, uint64_t n);
void word_sub (_Atomic uint64_t *word, uint32_t number, uint64_t n);

#endif
