/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* core/metrics.c and core/metric.c: definitions, cells, threads. */

#include "core/host.h"
#include "core/metrics.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct metrics *registry;

static void
setup (void)
{
  registry = metrics_create ();
  ck_assert_ptr_nonnull (registry);
}

static void
teardown (void)
{
  metrics_destroy (registry);
}

static const char *const colours[] = { "red", "green", "blue", NULL };
static const char *const sizes[] = { "s", "m", "l", "xl", NULL };
static const struct kg_label labels[] = { { "colour", colours }, { "size", sizes } };

#define DEF(k, n, l)                                                                           \
  {                                                                                            \
    .size = sizeof (struct kg_metric_def), .kind = k, .name = n, .help = "Help.",              \
    .labels = labels, .nlabels = l                                                             \
  }

static int32_t
define (int32_t kind, const char *name, uint32_t nlabels, kg_metric **ret)
{
  struct kg_metric_def def = DEF (kind, name, nlabels);
  return metrics_define (registry, &def, ret);
}

START_TEST (counters_count)
{
  kg_metric *m;
  ck_assert_int_eq (define (KG_COUNTER, "x_total", 2, &m), 0);
  metrics_add (m, 0, 1);
  metrics_add (m, 11, 5);
  metrics_add (m, 11, 7);
  ck_assert_uint_eq (metrics_value (m, 0), 1);
  ck_assert_uint_eq (metrics_value (m, 11), 12);
  ck_assert_uint_eq (metrics_value (m, 1), 0);
}
END_TEST

START_TEST (histograms_count_up_to_their_bounds)
{
  kg_metric *m;
  ck_assert_int_eq (define (KG_HISTOGRAM, "x_seconds", 1, &m), 0);
  metrics_observe (m, 2, 1000000);
  metrics_observe (m, 2, 1000001);
  metrics_observe (m, 2, UINT64_MAX / 4);
  ck_assert_uint_eq (metrics_value (m, 2), 3);
  ck_assert_uint_eq (metrics_value (m, 1), 0);
}
END_TEST

#ifndef KG_DEBUG
START_TEST (misuse_is_ignored)
{
  kg_metric *c, *g, *h;
  define (KG_COUNTER, "c_total", 1, &c);
  define (KG_GAUGE, "g", 1, &g);
  define (KG_HISTOGRAM, "h", 1, &h);
  metrics_add (c, 3, 1);
  metrics_add (c, UINT32_MAX, 1);
  metrics_add (h, 0, 1);
  metrics_set (c, 0, 1);
  metrics_set (g, 3, 1);
  metrics_observe (g, 0, 1);
  metrics_observe (h, 3, 1);
  ck_assert_uint_eq (metrics_value (c, 0) + metrics_value (c, 1) + metrics_value (c, 2), 0);
  ck_assert_uint_eq (metrics_value (h, 0), 0);
}
END_TEST
#endif

START_TEST (names_are_checked)
{
  static const struct {
    int32_t kind;
    const char *name;
    int32_t result;
  } cases[] = {
    { KG_COUNTER, "a_total", 0 },
    { KG_COUNTER, "a", -EINVAL },
    { KG_COUNTER, "_total", -EINVAL },
    { KG_GAUGE, "a_total", -EINVAL },
    { KG_GAUGE, "1a", -EINVAL },
    { KG_GAUGE, "", -EINVAL },
    { KG_GAUGE, NULL, -EINVAL },
    { KG_GAUGE, "A", -EINVAL },
    { KG_GAUGE, "a:b", -EINVAL },
    { KG_GAUGE, "a\"}\nb", -EINVAL },
    { KG_GAUGE, "b_info", 0 },
    { KG_HISTOGRAM, "b_bucket", -EINVAL },
    { KG_HISTOGRAM, "b_count", -EINVAL },
    { KG_HISTOGRAM, "b_seconds", 0 },
    { KG_GAUGE, "a", -EEXIST },
    { KG_COUNTER, "b_seconds_total", -EEXIST },
    { KG_COUNTER, "process_x_total", -EEXIST },
    { 4, "c", -EINVAL },
    { 0, "c", -EINVAL },
  };
  kg_metric *m;
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
    ck_assert_msg (define (cases[i].kind, cases[i].name, 0, &m) == cases[i].result, "%s",
                   cases[i].name);
}
END_TEST

START_TEST (labels_are_checked)
{
  static const char *const same[] = { "a", "b", "a", NULL }, *const none[] = { NULL };
  static const struct kg_label bad[][2] = {
    { { "le", sizes } }, { { "__a", sizes } }, { { "a-b", sizes } }, { { NULL, sizes } },
    { { "a", NULL } },   { { "a", none } },    { { "a", same } },
  };
  struct kg_metric_def def = DEF (KG_GAUGE, "a", 1);
  const struct kg_label twice[2] = { { "a", sizes }, { "a", colours } };
  kg_metric *m;
  size_t i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    def.labels = bad[i];
    ck_assert_int_eq (metrics_define (registry, &def, &m), -EINVAL);
  }
  def.labels = twice;
  def.nlabels = 2;
  ck_assert_int_eq (metrics_define (registry, &def, &m), -EINVAL);
  def.nlabels = 5;
  ck_assert_int_eq (metrics_define (registry, &def, &m), -EINVAL);
}
END_TEST

START_TEST (buckets_are_checked)
{
  static const double falling[] = { 1, 0.5 }, same[] = { 1, 1 }, zero[] = { 0, 1 },
                      inf[] = { 1, (double) INFINITY }, good[] = { 0.5, 1 };
  static const double *const bad[] = { falling, same, zero, inf };
  struct kg_metric_def def = DEF (KG_HISTOGRAM, "h", 0);
  kg_metric *m;
  size_t i;
  def.nbuckets = 2;
  ck_assert_int_eq (metrics_define (registry, &def, &m), -EINVAL);
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    def.buckets = bad[i];
    ck_assert_int_eq (metrics_define (registry, &def, &m), -EINVAL);
  }
  def.buckets = good;
  ck_assert_int_eq (metrics_define (registry, &def, &m), 0);
}
END_TEST

START_TEST (sizes_are_limited)
{
  static char texts[202][8];
  static const char *many[203];
  const struct kg_label one[] = { { "n", many } };
  struct kg_metric_def def = DEF (KG_COUNTER, "a_total", 1);
  kg_metric *m;
  int i;
  for (i = 0; i < 201; i++) {
    texts[i][0] = (char) ('a' + i / 26);
    texts[i][1] = (char) ('a' + i % 26);
    many[i] = texts[i];
  }
  def.labels = one;
  ck_assert_int_eq (metrics_define (registry, &def, &m), -E2BIG);
  ck_assert_int_eq (metrics_define_wide (registry, &def, 1000, &m), 0);
  many[200] = NULL;
  def.name = "b_total";
  ck_assert_int_eq (metrics_define (registry, &def, &m), 0);
  metrics_add (m, 199, 3);
  ck_assert_uint_eq (metrics_value (m, 199), 3);
}
END_TEST

START_TEST (older_definitions_are_read)
{
  struct kg_metric_def def = DEF (KG_COUNTER, "a_total", 77);
  kg_metric *m;
  def.size = offsetof (struct kg_metric_def, labels);
  ck_assert_int_eq (metrics_define (registry, &def, &m), 0); /* nlabels is not there yet */
  def.size = 8;
  ck_assert_int_eq (metrics_define (registry, &def, &m), -EINVAL);
}
END_TEST

START_TEST (a_frozen_registry_refuses)
{
  kg_metric *m;
  metrics_freeze (registry);
  ck_assert_int_eq (define (KG_GAUGE, "a", 0, &m), -EBUSY);
}
END_TEST

#define THREADS 8
#define EACH 10000

static void *
count (void *arg)
{
  int i;
  for (i = 0; i < EACH; i++)
    metrics_add (arg, (uint32_t) i % 3, 1);
  return NULL;
}

/* More threads than live at a time: they inherit each other's cells. */
START_TEST (no_count_is_lost_when_threads_end)
{
  pthread_t threads[THREADS];
  kg_metric *m;
  int round, i;
  define (KG_COUNTER, "a_total", 1, &m);
  for (round = 0; round < 4; round++) {
    for (i = 0; i < THREADS; i++)
      ck_assert_int_eq (pthread_create (threads + i, NULL, count, m), 0);
    for (i = 0; i < THREADS; i++) {
      metrics_value (m, 0); /* a scrape at the same time */
      pthread_join (threads[i], NULL);
    }
  }
  ck_assert_uint_eq (metrics_value (m, 0) + metrics_value (m, 1) + metrics_value (m, 2),
                     4ull * THREADS * EACH);
}
END_TEST

static void *
gauge_up (void *arg)
{
  int i;
  for (i = 0; i < EACH; i++) {
    metrics_add (arg, 0, 2);
    metrics_add (arg, 0, (uint64_t) -1);
  }
  return NULL;
}

START_TEST (gauges_are_shared)
{
  pthread_t threads[THREADS];
  struct host host = { .metrics = registry };
  struct kg_self self = { .magic = SELF_MAGIC, .host = &host };
  char *text = NULL;
  kg_metric *m;
  size_t len;
  int i;
  define (KG_GAUGE, "a", 0, &m);
  metrics_set (m, 0, 0.5);
  for (i = 0; i < THREADS; i++)
    pthread_create (threads + i, NULL, gauge_up, m);
  for (i = 0; i < THREADS; i++)
    pthread_join (threads[i], NULL);
  ck_assert_int_eq (metrics_service.render (&self, 0, &text, &len), 0);
  ck_assert_ptr_nonnull (strstr (text, "\na 80000.5\n"));
  free (text);
}
END_TEST

/* A thread's cells follow the registry that it counts in. */
START_TEST (registries_are_apart)
{
  struct metrics *other = metrics_create ();
  struct kg_metric_def def = DEF (KG_COUNTER, "a_total", 0);
  kg_metric *a, *b;
  int i;
  define (KG_COUNTER, "a_total", 0, &a);
  ck_assert_int_eq (metrics_define (other, &def, &b), 0);
  for (i = 0; i < 5; i++) {
    metrics_add (a, 0, 1);
    metrics_add (b, 0, 10);
  }
  ck_assert_uint_eq (metrics_value (a, 0), 5);
  ck_assert_uint_eq (metrics_value (b, 0), 50);
  metrics_destroy (other);
  metrics_add (a, 0, 1);
  ck_assert_uint_eq (metrics_value (a, 0), 6);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("metrics");
  TCase *cases = tcase_create ("metrics");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_checked_fixture (cases, setup, teardown);
  tcase_add_test (cases, counters_count);
  tcase_add_test (cases, histograms_count_up_to_their_bounds);
#ifndef KG_DEBUG
  tcase_add_test (cases, misuse_is_ignored);
#endif
  tcase_add_test (cases, names_are_checked);
  tcase_add_test (cases, labels_are_checked);
  tcase_add_test (cases, buckets_are_checked);
  tcase_add_test (cases, sizes_are_limited);
  tcase_add_test (cases, older_definitions_are_read);
  tcase_add_test (cases, a_frozen_registry_refuses);
  tcase_add_test (cases, no_count_is_lost_when_threads_end);
  tcase_add_test (cases, gauges_are_shared);
  tcase_add_test (cases, registries_are_apart);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
