/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.metrics/1: counters, gauges and histograms with closed labels.
 *
 * A metric is registered in open with the complete list of its labels' values;
 * the hot path is an indexed add into the calling thread's own cells, summed
 * when somebody scrapes.  Strings never meet the hot path, and a caller cannot
 * make series. */
#ifndef KGENT_METRICS_H
#define KGENT_METRICS_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_METRICS "kg.metrics/1"

typedef struct kg_metric kg_metric;

#define KG_COUNTER   1 /* integer, only grows; the name ends in _total            */
#define KG_GAUGE     2 /* set or added to; a double                               */
#define KG_HISTOGRAM 3 /* observed in seconds                                     */

/* One label with all its values; `values` ends in NULL.  Since 1.0. */
struct kg_label {
  const char *name;
  const char *const *values;
};

/* A metric; everything is copied.  Since 1.0. */
struct kg_metric_def {
  uint32_t size;
  int32_t kind;         /* KG_COUNTER ... */
  const char *name;     /* [a-z_][a-z0-9_]*; of a counter with _total             */
  const char *help;
  const struct kg_label *labels; /* `nlabels` of them; at most 4                  */
  const double *buckets; /* ascending upper bounds in seconds, without +Inf;
                            NULL: 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5
                            1 2.5 5 10                                            */
  uint32_t nlabels, nbuckets;
};

/* `index` selects the series, row-major over the labels' values: with labels of
 * 3 and 4 values, series (i, j) is i * 4 + j.  Out of range is ignored (and
 * aborts in debug builds). */
struct kg_metrics {
  uint32_t size;
  uint32_t reserved;

  /* [open], since 1.1 in `start`, too.  -EEXIST for a taken name, -EINVAL for a bad
   * one, -E2BIG for over 200 series.  Since 1.0. */
  int32_t (*define) (kg_self *self, const struct kg_metric_def *def, kg_metric **ret);

  /* [any] Adds to a counter.  Since 1.0. */
  void (*add) (kg_metric *m, uint32_t index, uint64_t n);

  /* [any] Sets a gauge.  Since 1.0. */
  void (*set) (kg_metric *m, uint32_t index, double value);

  /* [any] Observes a duration in nanoseconds.  Since 1.0. */
  void (*observe) (kg_metric *m, uint32_t index, uint64_t ns);

  /* [any] Writes the exposition, all metrics; `openmetrics` 0: Prometheus text
   * 0.0.4, 1: OpenMetrics 1.0.  The text is malloc'ed: free it.  Since 1.0. */
  int32_t (*render) (kg_self *self, int32_t openmetrics, char **ret_text, size_t *ret_len);
};

#ifdef __cplusplus
}
#endif

#endif
