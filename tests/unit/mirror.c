/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Mirrors of buckets and the reclamation of what was in them. */
#include "core/mirror.h"
#include "core/util/hash.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READERS 4
#define KEYS 512

static struct mirror mirror;
static struct epoch epoch;

static void
setup (void)
{
  memset (&mirror, 0, sizeof mirror);
  ck_assert_int_eq (epoch_init (&epoch, READERS), 0);
}

static void
teardown (void)
{
  mirror_finish (&mirror);
  epoch_finish (&epoch);
}

static kg_str
key_make (char out[16], int i)
{
  return (kg_str){ out, (size_t) snprintf (out, 16, "key%d", i) };
}

static void
put (int key, int value)
{
  char k[16], v[16];
  kg_str ks = key_make (k, key);
  kg_str vs = { v, (size_t) snprintf (v, 16, "%d/%d", key, value) };
  struct mirror_node *n = mirror_node_create (hash_fnv1a (k, ks.len), ks, vs);
  ck_assert_int_eq (mirror_reserve (&mirror, &epoch, 1), 0);
  mirror_put (&mirror, &epoch, n);
}

static void
drop (int key)
{
  char k[16];
  kg_str ks = key_make (k, key);
  mirror_delete (&mirror, &epoch, hash_fnv1a (k, ks.len), ks);
}

static const char *
get (int key)
{
  char k[16];
  kg_str ks = key_make (k, key);
  const struct mirror_node *n = mirror_find (&mirror, hash_fnv1a (k, ks.len), ks);
  return n ? mirror_value (n).ptr : NULL;
}

/* Against a plain array, by chance. */
START_TEST (behaves_as_a_map)
{
  static int model[KEYS];
  char expected[32];
  uint64_t count = 0;
  srand (3);
  for (int i = 0; i < 200000; i++) {
    int key = rand () % KEYS;
    if (rand () % 3) {
      count += !model[key];
      model[key] = i + 1;
      put (key, i + 1);
    } else {
      count -= model[key] != 0;
      model[key] = 0;
      drop (key);
    }
    key = rand () % KEYS;
    snprintf (expected, sizeof expected, "%d/%d", key, model[key]);
    if (model[key])
      ck_assert_str_eq (get (key), expected);
    else
      ck_assert_ptr_null (get (key));
    ck_assert_uint_eq (mirror.count, count);
    epoch_reclaim (&epoch);
  }
}
END_TEST

START_TEST (nothing_is_freed_under_a_reader)
{
  const char *value;
  put (1, 1);
  epoch_quiescent (&epoch, 0);
  epoch_quiescent (&epoch, 1);
  value = get (1);
  put (1, 2);
  ck_assert (epoch_pending (&epoch));
  epoch_quiescent (&epoch, 1);
  ck_assert_uint_eq (epoch_reclaim (&epoch), 0);
  ck_assert_str_eq (value, "1/1"); /* ASan would see */
  epoch_quiescent (&epoch, 0);
  ck_assert_uint_ge (epoch_reclaim (&epoch), 1);
  ck_assert_str_eq (get (1), "1/2");
}
END_TEST

START_TEST (an_idle_reader_holds_nothing_up)
{
  put (1, 1);
  epoch_quiescent (&epoch, 0);
  put (1, 2);
  epoch_idle (&epoch, 0);
  epoch_quiescent (&epoch, 1); /* came later */
  ck_assert_uint_ge (epoch_reclaim (&epoch), 1);
  ck_assert (!epoch_pending (&epoch));
}
END_TEST

static _Atomic int stop;

static void *
reader_main (void *arg)
{
  uint32_t slot = (uint32_t) (intptr_t) arg;
  int64_t wrong = 0;
  unsigned seed = slot;
  while (!atomic_load (&stop)) {
    epoch_quiescent (&epoch, slot);
    for (int i = 0; i < 50; i++) {
      int key = rand_r (&seed) % KEYS;
      const char *value = get (key);
      wrong += value && atoi (value) != key;
    }
    if (rand_r (&seed) % 64 == 0)
      epoch_idle (&epoch, slot);
  }
  epoch_idle (&epoch, slot);
  return (void *) (intptr_t) wrong;
}

START_TEST (readers_and_a_writer)
{
  pthread_t threads[READERS];
  atomic_store (&stop, 0);
  for (intptr_t i = 0; i < READERS; i++)
    pthread_create (&threads[i], NULL, reader_main, (void *) i);
  srand (4);
  for (int i = 0; i < 100000; i++) {
    if (rand () % 4)
      put (rand () % KEYS, i);
    else
      drop (rand () % KEYS);
    epoch_reclaim (&epoch);
  }
  atomic_store (&stop, 1);
  for (int i = 0; i < READERS; i++) {
    void *wrong;
    pthread_join (threads[i], &wrong);
    ck_assert_ptr_null (wrong);
  }
  epoch_reclaim (&epoch);
  ck_assert (!epoch_pending (&epoch));
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("mirror");
  TCase *c = tcase_create ("mirror");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 120);
  tcase_add_test (c, behaves_as_a_map);
  tcase_add_test (c, nothing_is_freed_under_a_reader);
  tcase_add_test (c, an_idle_reader_holds_nothing_up);
  tcase_add_test (c, readers_and_a_writer);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
