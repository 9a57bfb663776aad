/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The table of counters: several processes' views of one memory, their ends, and what
 * is found afterwards. */
#include "plugins/auth/cells.h"

#include "tests/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#define CAPACITY 4096
#define BOOT     77
#define OLD      1000 /* seconds since the epoch */

static void *memory;
static struct cells view[3]; /* of processes 0, 1, 2 */
static _Atomic int32_t alive[CELLS_SLOTS];
static int32_t full;
static uint64_t ensured_bytes;

static int32_t
ensure (void *arg, uint64_t offset, uint64_t bytes)
{
  (void) arg;
  ck_assert_uint_le (offset + bytes, cells_bytes (CAPACITY));
  ensured_bytes += bytes;
  return full ? -ENOSPC : 0;
}

static int32_t
held (void *arg, uint32_t slot)
{
  (void) arg;
  return alive[slot];
}

static const struct cells_host host = { NULL, ensure, held };

static int32_t
enter_as (uint32_t slot, uint64_t boot, int64_t idle_s, uint32_t flags)
{
  alive[slot] = 1;
  return cells_open (&view[slot], &host, memory, CAPACITY, slot, boot, idle_s, flags);
}

static void
begin (void)
{
  memory = mmap (NULL, cells_bytes (CAPACITY), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
  ck_assert_ptr_ne (memory, MAP_FAILED);
  memset ((void *) alive, 0, sizeof alive);
  full = 0;
  ck_assert_int_eq (enter_as (0, BOOT, 0, CELLS_ALONE), 0);
}

static void
end (void)
{
  munmap (memory, cells_bytes (CAPACITY));
}

/* An id that no other number has. */
static const uint8_t *
id_of (uint32_t n)
{
  static _Thread_local uint8_t id[16];
  uint64_t mixed = n * 0x9e3779b97f4a7c15u;
  memset (id, 0, sizeof id);
  memcpy (id, &mixed, sizeof mixed);
  memcpy (id + 8, &n, sizeof n);
  return id;
}

static struct cell *
cell_of (uint32_t slot, uint32_t n)
{
  uint32_t number = cells_number (&view[slot], id_of (n), CELL_KEY);
  ck_assert_uint_ne (number, 0);
  return cell_at (&view[slot], number);
}

static struct hold *
hold_of (uint32_t slot, uint32_t n)
{
  return hold_at (&view[slot], cells_number (&view[slot], id_of (n), CELL_KEY));
}

/* ---- Numbers --------------------------------------------------------------- */

START_TEST (numbers_stay)
{
  begin ();
  for (uint32_t i = 1; i < CAPACITY; i++)
    ck_assert_uint_eq (cells_number (&view[0], id_of (i), CELL_KEY), i);
  for (uint32_t i = 1; i < CAPACITY; i++) {
    ck_assert_uint_eq (cells_number (&view[0], id_of (i), CELL_KEY), i);
    ck_assert_uint_eq (cells_find (&view[0], id_of (i), CELL_KEY), i);
  }
  ck_assert_uint_eq (cells_find (&view[0], id_of (1), CELL_TENANT), 0);
  ck_assert_uint_eq (cells_number (&view[0], id_of (1), CELL_TENANT), CAPACITY);
  ck_assert_uint_eq (cells_number (&view[0], id_of (2), CELL_TENANT), 0); /* it is full */
  ck_assert_uint_eq (cells_number (&view[0], id_of (7), CELL_KEY), 7);
  ck_assert_uint_eq (cells_count (&view[0]), CAPACITY);
  end ();
}
END_TEST

START_TEST (other_processes_see_them)
{
  begin ();
  ck_assert_int_eq (enter_as (1, BOOT, 0, 0), 0);
  ck_assert_uint_eq (cells_number (&view[0], id_of (1), CELL_KEY), 1);
  ck_assert_uint_eq (cells_number (&view[1], id_of (2), CELL_KEY), 2);
  ck_assert_uint_eq (cells_number (&view[1], id_of (1), CELL_KEY), 1);
  ck_assert_uint_eq (cells_find (&view[0], id_of (2), CELL_KEY), 2);
  ck_assert_ptr_ne (hold_of (0, 1), hold_of (1, 1));
  end ();
}
END_TEST

#define THREADS 8

static _Atomic uint32_t given[CAPACITY];

static void *
asker (void *arg)
{
  struct cells *c = arg;
  for (uint32_t i = 1; i < CAPACITY / 2; i++) {
    uint32_t number = cells_number (c, id_of (i), CELL_KEY), before = 0;
    ck_assert_uint_ne (number, 0);
    if (!atomic_compare_exchange_strong (&given[i], &before, number))
      ck_assert_uint_eq (before, number);
  }
  return NULL;
}

/* Threads of two processes ask for the same ids at the same time. */
START_TEST (numbers_under_threads)
{
  pthread_t t[THREADS];
  begin ();
  ck_assert_int_eq (enter_as (1, BOOT, 0, 0), 0);
  for (int i = 0; i < THREADS; i++)
    ck_assert_int_eq (pthread_create (&t[i], NULL, asker, &view[i % 2]), 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join (t[i], NULL);
  for (uint32_t i = 1; i < CAPACITY / 2; i++)
    for (uint32_t k = 1; k < i && i < 200; k++)
      ck_assert_uint_ne (given[i], given[k]);
  end ();
}
END_TEST

/* ---- Room ------------------------------------------------------------------ */

START_TEST (no_room_on_the_disk)
{
  begin ();
  ck_assert_uint_gt (ensured_bytes, 0);
  full = 1;
  ck_assert_int_eq (enter_as (1, BOOT, 0, 0), -ENOSPC); /* its column has no place */
  ck_assert_uint_eq (cells_number (&view[1], id_of (1), CELL_KEY), 0);
  ck_assert_uint_eq (cells_number (&view[0], id_of (1), CELL_KEY), 1);
  ck_assert_uint_eq (cells_number (&view[1], id_of (1), CELL_KEY), 0);
  full = 0;
  ck_assert_int_eq (cells_tend (&view[1]), 0);
  ck_assert_uint_eq (cells_number (&view[1], id_of (1), CELL_KEY), 1);
  end ();
}
END_TEST

START_TEST (grows_before_it_is_full)
{
  uint32_t capacity = 3 * CELLS_STEP, n = 0;
  size_t bytes = cells_bytes (capacity);
  void *p = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const struct cells_host alone = { 0 };
  struct cells c;
  ck_assert_ptr_ne (p, MAP_FAILED);
  ck_assert_int_eq (cells_open (&c, &alone, p, capacity, 0, BOOT, 0, CELLS_ALONE), 0);
  while (cells_number (&c, id_of (n + 1), CELL_KEY))
    n++;
  ck_assert_uint_eq (n, CELLS_STEP - 1); /* that far, without a look after it */
  ck_assert_int_eq (cells_tend (&c), 0);
  for (; n < capacity; n++) {
    if (n % (CELLS_STEP / 2) == 0)
      ck_assert_int_eq (cells_tend (&c), 0);
    ck_assert_uint_ne (cells_number (&c, id_of (n + 1), CELL_KEY), 0);
  }
  ck_assert_int_eq (cells_tend (&c), 0);
  ck_assert_uint_eq (cells_number (&c, id_of (n + 1), CELL_KEY), 0);
  munmap (p, bytes);
}
END_TEST

/* ---- Beginning again ------------------------------------------------------- */

START_TEST (counts_outlive_the_process)
{
  struct cell *c;
  begin ();
  for (uint32_t i = 1; i <= 100; i++) {
    c = cell_of (0, i);
    window_add (&c->day, 20000, i);
    atomic_store (&c->used_s, i % 2 ? OLD - 1 : OLD);
    atomic_store (&c->full_ns, 5000 + i);
    atomic_store (&c->concurrent, 3);
  }
  ck_assert_int_eq (enter_as (0, BOOT, OLD, CELLS_ALONE), 0);
  ck_assert_uint_eq (cells_count (&view[0]), 50); /* odd ones were idle for too long */
  for (uint32_t i = 2; i <= 100; i += 2) {
    ck_assert_uint_eq (cells_find (&view[0], id_of (i), CELL_KEY), i / 2);
    c = cell_of (0, i);
    ck_assert_uint_eq (window_count (&c->day, 20000), i);
    ck_assert_uint_eq (c->full_ns, 5000 + i);
    ck_assert_uint_eq (c->concurrent, 0);
  }
  ck_assert_uint_eq (cells_find (&view[0], id_of (1), CELL_KEY), 0);
  c = cell_of (0, 1); /* as new, whatever lay there before */
  ck_assert_uint_eq (window_count (&c->day, 20000), 0);
  ck_assert_int_eq (enter_as (0, BOOT + 1, 0, CELLS_ALONE), 0);
  ck_assert_uint_eq (cell_of (0, 2)->full_ns, 0); /* of another boot */
  ck_assert_uint_eq (window_count (&cell_of (0, 2)->day, 20000), 2);
  end ();
}
END_TEST

START_TEST (junk_is_begun_anew)
{
  begin ();
  memset (memory, 0x5a, cells_bytes (CAPACITY));
  ck_assert_int_eq (enter_as (1, BOOT, 0, 0), -EPROTO);
  ck_assert_int_eq (enter_as (0, BOOT, 0, CELLS_ALONE), 0);
  ck_assert_uint_eq (cells_count (&view[0]), 0);
  for (uint32_t i = 1; i <= CAPACITY; i++) {
    struct cell *c = cell_of (0, i);
    ck_assert_uint_eq (c->day.word[0] | c->denied.word[1] | c->tokens.word[0] | c->concurrent, 0);
    ck_assert_uint_eq (hold_of (0, i)->tokens | hold_of (0, i)->concurrent, 0);
  }
  end ();
}
END_TEST

/* Killed while it moved cells together: they are there twice, or half. */
START_TEST (killed_while_tidying)
{
  begin ();
  for (uint32_t i = 1; i <= 10; i++) {
    window_add (&cell_of (0, i)->day, 20000, i);
    atomic_store (&cell_of (0, i)->used_s, OLD);
  }
  memcpy ((void *) cell_at (&view[0], 1), (void *) cell_at (&view[0], 5), sizeof (struct cell));
  atomic_store (&cell_at (&view[0], 2)->kind, 0);
  ck_assert_int_eq (enter_as (0, BOOT, OLD, CELLS_ALONE), 0);
  ck_assert_uint_eq (cells_count (&view[0]), 8);
  for (uint32_t i = 3; i <= 10; i++)
    ck_assert_uint_eq (window_count (&cell_of (0, i)->day, 20000), i);
  end ();
}
END_TEST

/* ---- Holds ----------------------------------------------------------------- */

/* Process `slot` has requests in flight on a cell. */
static void
work (uint32_t slot, uint32_t n)
{
  struct cell *c = cell_of (slot, n);
  struct hold *h = hold_of (slot, n);
  window_add (&c->tokens, 7, 100);
  word_add (&h->tokens, 7, 30);
  window_add (&c->money, 7, 50);
  word_add (&h->money, 7, 50);
  window_add (&c->month, 7, 6);
  word_add (&h->requests, 7, 2);
  atomic_fetch_add (&c->concurrent, 4);
  atomic_fetch_add (&h->concurrent, 4);
  atomic_store (&c->used_s, OLD);
}

static void
worked (uint32_t slot, uint32_t n, uint64_t times, uint64_t holding)
{
  const struct cell *c = cell_of (slot, n);
  ck_assert_uint_eq (window_count (&c->tokens, 7), times * 70 + holding * 30);
  ck_assert_uint_eq (window_count (&c->money, 7), holding * 50);
  ck_assert_uint_eq (window_count (&c->month, 7), times * 4 + holding * 2);
  ck_assert_uint_eq (c->concurrent, holding * 4);
}

START_TEST (a_dead_process_holds_nothing)
{
  begin ();
  ck_assert_int_eq (enter_as (1, BOOT, 0, 0), 0);
  for (uint32_t i = 1; i <= 20; i++) {
    work (0, i);
    work (1, i);
  }
  ck_assert_int_eq (cells_tend (&view[0]), 0);
  worked (0, 3, 2, 2);
  alive[1] = 0;
  ck_assert_int_eq (cells_tend (&view[0]), 0);
  ck_assert_int_eq (cells_tend (&view[0]), 0); /* once */
  for (uint32_t i = 1; i <= 20; i++)
    worked (0, i, 2, 1);
  end ();
}
END_TEST

START_TEST (who_gets_a_dead_ones_slot)
{
  begin ();
  ck_assert_int_eq (enter_as (1, BOOT, 0, 0), 0);
  work (1, 5);
  ck_assert_int_eq (enter_as (1, BOOT, 0, 0), 0); /* the next process, before anybody looked */
  worked (0, 5, 1, 0);
  work (1, 5);
  ck_assert_int_eq (cells_tend (&view[0]), 0);
  worked (0, 5, 2, 1); /* it lives */
  end ();
}
END_TEST

START_TEST (alone_after_a_kill)
{
  begin ();
  work (0, 5);
  ck_assert_int_eq (enter_as (0, BOOT, 0, CELLS_ALONE), 0);
  worked (0, 5, 1, 0);
  work (0, 5);
  ck_assert_int_eq (enter_as (0, BOOT + 1, 0, CELLS_ALONE), 0);
  /* the machine went down: holds may be of another age than counts, and are dropped */
  ck_assert_uint_eq (hold_of (0, 5)->tokens, 0);
  ck_assert_uint_eq (window_count (&cell_of (0, 5)->tokens, 7), 170);
  ck_assert_uint_eq (cell_of (0, 5)->concurrent, 0);
  end ();
}
END_TEST

static void *
tender (void *arg)
{
  for (int i = 0; i < 300; i++)
    ck_assert_int_eq (cells_tend (arg), 0);
  return NULL;
}

/* Two processes take a third one's holds back at the same time, while that lives, dies
 * and comes again. */
START_TEST (takers_meet)
{
  pthread_t t[2];
  begin ();
  ck_assert_int_eq (enter_as (1, BOOT, 0, 0), 0);
  ck_assert_int_eq (enter_as (2, BOOT, 0, 0), 0);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq (pthread_create (&t[i], NULL, tender, &view[i]), 0);
  for (uint64_t i = 0; i < 200; i++) {
    work (2, 9);
    alive[2] = 0;
    ck_assert_int_eq (enter_as (2, BOOT, 0, 0), 0);
    worked (2, 9, i + 1, 0);
  }
  for (int i = 0; i < 2; i++)
    pthread_join (t[i], NULL);
  end ();
}
END_TEST

UNIT_MAIN ("auth-cells", numbers_stay, other_processes_see_them, numbers_under_threads,
           no_room_on_the_disk, grows_before_it_is_full, counts_outlive_the_process,
           junk_is_begun_anew, killed_while_tidying, a_dead_process_holds_nothing,
           who_gets_a_dead_ones_slot, alone_after_a_kill, takers_meet)
