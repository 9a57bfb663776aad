/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* core/expose.c: the two formats, line by line, and promtool's opinion. */

#include "core/expose.h"
#include "core/metrics.h"
#include "core/util/clock.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct metrics *registry;
static char *text;
static size_t len;

static void
setup (void)
{
  clock_fake (CLOCK_SECOND, 1767323045000006000ll); /* no time passes: nothing is kept */
  registry = metrics_create ();
}

static void
teardown (void)
{
  clock_fake (0, 0);
  metrics_destroy (registry);
  free (text);
  text = NULL;
}

static const char *
render (int32_t format)
{
  free (text);
  ck_assert_int_eq (expose_render (registry, format, &text, &len), 0);
  ck_assert_uint_eq (strlen (text), len);
  return text;
}

static const char *const nasty[] = { "plain", "a\"}\nb\\", NULL };
static const char *const ways[] = { "in", "out", NULL };
static const struct kg_label labels[] = { { "way", ways }, { "kind", nasty } };

static kg_metric *
define (int32_t kind, const char *name, uint32_t nlabels)
{
  struct kg_metric_def def = { .size = sizeof def,
                               .kind = kind,
                               .name = name,
                               .help = "Some \"help\"\nwith \\.",
                               .labels = labels,
                               .nlabels = nlabels };
  kg_metric *m = NULL;
  ck_assert_int_eq (metrics_define (registry, &def, &m), 0);
  return m;
}

/* The text must begin with this. */
static void
begins (const char *got, const char *want)
{
  char *start = strndup (got, strlen (want));
  ck_assert_str_eq (start, want);
  free (start);
}

START_TEST (counters_in_text)
{
  metrics_add (define (KG_COUNTER, "x_total", 2), 3, 7);
  begins (render (EXPOSE_TEXT), "# HELP x_total Some \"help\"\\nwith \\\\.\n"
                                "# TYPE x_total counter\n"
                                "x_total{way=\"in\",kind=\"plain\"} 0\n"
                                "x_total{way=\"in\",kind=\"a\\\"}\\nb\\\\\"} 0\n"
                                "x_total{way=\"out\",kind=\"plain\"} 0\n"
                                "x_total{way=\"out\",kind=\"a\\\"}\\nb\\\\\"} 7\n");
  ck_assert_ptr_null (strstr (text, "# EOF"));
}
END_TEST

START_TEST (counters_in_openmetrics)
{
  metrics_add (define (KG_COUNTER, "x_total", 0), 0, 7);
  begins (render (EXPOSE_OPENMETRICS), "# HELP x Some \\\"help\\\"\\nwith \\\\.\n"
                                       "# TYPE x counter\n"
                                       "x_total 7\n");
  ck_assert_str_eq (text + len - 6, "# EOF\n");
  ck_assert_ptr_nonnull (strstr (text, "\n# TYPE process_cpu_seconds counter\n"));
}
END_TEST

START_TEST (histograms)
{
  static const double buckets[] = { 0.0025, 1, 10, 120 };
  struct kg_metric_def def = { .size = sizeof def,
                               .kind = KG_HISTOGRAM,
                               .name = "h_seconds",
                               .help = "H.",
                               .labels = labels,
                               .nlabels = 1,
                               .buckets = buckets,
                               .nbuckets = 4 };
  kg_metric *m;
  ck_assert_int_eq (metrics_define_wide (registry, &def, 1000, &m), 0);
  metrics_observe (m, 1, 2500000);
  metrics_observe (m, 1, 2500001);
  metrics_observe (m, 1, 2000000000);
  begins (render (EXPOSE_TEXT), "# HELP h_seconds H.\n"
                                "# TYPE h_seconds histogram\n"
                                "h_seconds_bucket{way=\"out\",le=\"0.0025\"} 1\n"
                                "h_seconds_bucket{way=\"out\",le=\"1.0\"} 2\n"
                                "h_seconds_bucket{way=\"out\",le=\"10.0\"} 3\n"
                                "h_seconds_bucket{way=\"out\",le=\"120.0\"} 3\n"
                                "h_seconds_bucket{way=\"out\",le=\"+Inf\"} 3\n"
                                "h_seconds_sum{way=\"out\"} 2.005000001\n"
                                "h_seconds_count{way=\"out\"} 3\n"
                                "# HELP");
}
END_TEST

START_TEST (gauges)
{
  static const struct {
    double value;
    const char *line;
  } cases[] = { { 0, "\ng 0\n" },
                { 0.1, "\ng 0.1\n" },
                { -3, "\ng -3\n" },
                { 1e300, "\ng 1e+300\n" },
                { 1.0 / 3, "\ng 0.3333333333333333\n" },
                { (double) INFINITY, "\ng +Inf\n" } };
  kg_metric *m = define (KG_GAUGE, "g", 0);
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    metrics_set (m, 0, cases[i].value);
    ck_assert_ptr_nonnull (strstr (render (EXPOSE_TEXT), cases[i].line));
  }
}
END_TEST

START_TEST (the_process_is_there)
{
  const char *p;
  render (EXPOSE_TEXT);
  ck_assert_ptr_nonnull (strstr (text, "\nprocess_start_time_seconds 1767323045.000006000\n"));
  ck_assert_ptr_nonnull (strstr (text, "\nkgent_build_info{version=\""));
  ck_assert_ptr_nonnull (strstr (text, "\nkgent_log_dropped_total 0\n"));
  p = strstr (text, "\nprocess_resident_memory_bytes ");
  ck_assert_ptr_nonnull (p);
  ck_assert_uint_gt (strtoull (p + 31, NULL, 10), 100000);
  p = strstr (text, "\nprocess_open_fds ");
  ck_assert_ptr_nonnull (p);
  ck_assert_uint_ge (strtoull (p + 18, NULL, 10), 1);
}
END_TEST

START_TEST (unknown_formats_are_refused)
{
  ck_assert_int_eq (expose_render (registry, 2, &text, &len), -EINVAL);
  ck_assert_int_eq (expose_render (registry, -1, &text, &len), -EINVAL);
}
END_TEST

/* Thousands of series, so that one text takes long enough to be kept. */
START_TEST (dear_texts_are_kept)
{
  static char texts[4000][8];
  static const char *many[4001];
  struct kg_label wide[] = { { "n", many } };
  struct kg_metric_def def = { .size = sizeof def,
                               .kind = KG_COUNTER,
                               .name = "w_total",
                               .help = "W.",
                               .labels = wide,
                               .nlabels = 1 };
  kg_metric *m;
  char *first;
  uint32_t i;
  for (i = 0; i < 4000; i++) {
    snprintf (texts[i], sizeof texts[i], "%u", i);
    many[i] = texts[i];
  }
  ck_assert_int_eq (metrics_define_wide (registry, &def, 4000, &m), 0);
  for (i = 0; i < 4000; i++)
    metrics_add (m, i, 1);
  clock_fake (0, 0);
  first = strdup (render (EXPOSE_TEXT));
  metrics_add (m, 0, 1);
  ck_assert_str_eq (render (EXPOSE_TEXT), first);
  clock_fake (clock_mono () + 2 * CLOCK_SECOND, 0);
  ck_assert_str_ne (render (EXPOSE_TEXT), first);
  ck_assert_ptr_nonnull (strstr (text, "w_total{n=\"0\"} 2\n"));
  free (first);
}
END_TEST

/* Where promtool is installed, it finds nothing to say. */
START_TEST (promtool_is_content)
{
  FILE *pipe;
  if (system ("command -v promtool >/dev/null") != 0)
    return;
  metrics_add (define (KG_COUNTER, "x_total", 2), 3, 7);
  metrics_set (define (KG_GAUGE, "g", 1), 1, 0.25);
  metrics_observe (define (KG_HISTOGRAM, "h_seconds", 2), 1, 12345678);
  render (EXPOSE_TEXT);
  pipe = popen ("promtool check metrics >&2", "w");
  ck_assert_ptr_nonnull (pipe);
  fwrite (text, 1, len, pipe);
  ck_assert_int_eq (pclose (pipe), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("expose");
  TCase *cases = tcase_create ("expose");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_checked_fixture (cases, setup, teardown);
  tcase_add_test (cases, counters_in_text);
  tcase_add_test (cases, counters_in_openmetrics);
  tcase_add_test (cases, histograms);
  tcase_add_test (cases, gauges);
  tcase_add_test (cases, the_process_is_there);
  tcase_add_test (cases, unknown_formats_are_refused);
  tcase_add_test (cases, dear_texts_are_kept);
  tcase_add_test (cases, promtool_is_content);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
