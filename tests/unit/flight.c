/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Keys in flight, between threads and between processes, of which some are dead. */
#include "core/flight.h"

#include "tests/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY 0x123456789abcdef0ull
#define ROUNDS 400000
#define THREADS 4 /* of each process */

static void *memory;
static struct flight one, two;
static _Atomic uint32_t living; /* bits of owners */

static int32_t
lives (void *arg, uint32_t owner)
{
  (void) arg;
  return (int32_t) (atomic_load (&living) >> owner & 1);
}

static void
begin (void)
{
  memory = calloc (1, FLIGHT_BYTES);
  atomic_store (&living, 1u << 3 | 1u << 5);
  flight_init (&one, memory, 3, lives, NULL);
  flight_init (&two, memory, 5, lives, NULL);
}

static void
end (void)
{
  flight_finish (&one);
  flight_finish (&two);
  free (memory);
}

START_TEST (a_key_is_one_s_until_it_is_given_back)
{
  struct flight_place *place, *other = NULL;
  begin ();
  ck_assert_int_eq (flight_claim (&one, KEY, 7, &place), 0);
  ck_assert_int_eq (flight_claim (&one, KEY, 7, &other), -EALREADY);
  ck_assert_int_eq (flight_claim (&two, KEY, 7, &other), -EALREADY);
  ck_assert_int_eq (flight_claim (&one, KEY, 8, &other), -EEXIST);
  ck_assert_int_eq (flight_claim (&two, KEY, 8, &other), -EEXIST);
  ck_assert_ptr_null (other);
  flight_release (place);
  ck_assert_int_eq (flight_claim (&two, KEY, 8, &other), 0);
  ck_assert_int_eq (flight_claim (&one, KEY, 8, &place), -EALREADY);
  flight_release (other);
  end ();
}
END_TEST

START_TEST (keys_of_zeros_are_keys)
{
  struct flight_place *a, *b;
  begin ();
  ck_assert_int_eq (flight_claim (&one, 0, 0, &a), 0);
  ck_assert_int_eq (flight_claim (&two, 0, 0, &b), -EALREADY);
  ck_assert_int_eq (flight_claim (&two, 0, 2, &b), -EEXIST);
  flight_release (a);
  end ();
}
END_TEST

START_TEST (the_dead_have_no_keys)
{
  struct flight_place *place;
  begin ();
  ck_assert_int_eq (flight_claim (&two, KEY, 7, &place), 0);
  atomic_store (&living, 1u << 3);
  ck_assert_int_eq (flight_claim (&one, KEY, 9, &place), 0);
  ck_assert_int_eq (flight_claim (&one, KEY, 9, &place), -EALREADY);
  end ();
}
END_TEST

/* The slot of a dead process is the next one's. */
START_TEST (who_comes_after_has_none_of_its_keys)
{
  struct flight next;
  struct flight_place *place;
  begin ();
  ck_assert_int_eq (flight_claim (&two, KEY, 7, &place), 0);
  flight_init (&next, memory, 5, lives, NULL);
  ck_assert_int_eq (flight_claim (&next, KEY, 9, &place), 0);
  flight_finish (&next);
  end ();
}
END_TEST

/* Keys of one line differ below its number. */
START_TEST (a_full_line_refuses_and_the_dead_make_room)
{
  struct flight_place *place[FLIGHT_PLACES + 1];
  begin ();
  for (uint64_t i = 0; i < FLIGHT_PLACES; i++)
    ck_assert_int_eq (flight_claim (i % 2 ? &one : &two, KEY + i * 16, 1, &place[i]), 0);
  ck_assert_int_eq (flight_claim (&one, KEY - 16, 1, &place[FLIGHT_PLACES]), -EAGAIN);
  ck_assert_int_eq (flight_claim (&one, KEY - 16 + (1ull << 32), 1, &place[FLIGHT_PLACES]), 0);
  atomic_store (&living, 1u << 3);
  ck_assert_int_eq (flight_claim (&one, KEY - 16, 1, &place[FLIGHT_PLACES]), 0);
  for (uint64_t i = 1; i < FLIGHT_PLACES; i += 2)
    ck_assert_int_eq (flight_claim (&one, KEY + i * 16, 1, &place[0]), -EALREADY);
  end ();
}
END_TEST

static _Atomic int inside, most, taken;

static void *
claim_all_the_time (void *flight)
{
  struct flight_place *place;
  for (int i = 0; i < ROUNDS; i++) {
    if (flight_claim (flight, KEY + (uint64_t) (i & 1) * 16, 7, &place) < 0)
      continue;
    if (!(i & 1)) {
      int now = atomic_fetch_add (&inside, 1) + 1;
      if (now > atomic_load (&most))
        atomic_store (&most, now);
      atomic_fetch_add (&taken, 1);
      for (int j = 0; j < 100; j++) /* others shall see it */
        atomic_load (&inside);
      atomic_fetch_sub (&inside, 1);
    }
    flight_release (place);
  }
  return NULL;
}

START_TEST (no_two_have_it_at_once)
{
  pthread_t t[2 * THREADS];
  begin ();
  for (int i = 0; i < 2 * THREADS; i++)
    pthread_create (&t[i], NULL, claim_all_the_time, i % 2 ? &one : &two);
  for (int i = 0; i < 2 * THREADS; i++)
    pthread_join (t[i], NULL);
  ck_assert_int_eq (atomic_load (&most), 1);
  ck_assert_int_gt (atomic_load (&taken), 0);
  end ();
}
END_TEST

UNIT_MAIN ("flight", a_key_is_one_s_until_it_is_given_back, keys_of_zeros_are_keys,
           the_dead_have_no_keys, who_comes_after_has_none_of_its_keys,
           a_full_line_refuses_and_the_dead_make_room, no_two_have_it_at_once)
