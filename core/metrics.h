/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The registry of metrics: kg.metrics/1 and what the core itself needs of it.
 *
 * Counters and histograms are cells per thread with one writer each, found
 * through a thread-local pointer and summed by whoever renders; gauges are
 * shared atomics. */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include "core/abi.h"
#include <kgent/metrics.h>

#include <stddef.h>
#include <stdint.h>

struct metrics;

#define METRICS_SERIES_MAX 200   /* of a plugin's metric */
#define METRICS_CELLS_MAX  65536 /* of all metrics together */

/* An empty registry; NULL without memory. */
struct metrics *metrics_create (void);

/* Frees it with its metrics; no thread may use them any more.  NULL is allowed. */
void metrics_destroy (struct metrics *registry);

/* Ends the time of metrics_define: all plugins are open. */
void metrics_freeze (struct metrics *registry);

/* As kg.metrics/1's define; -EBUSY after metrics_freeze. */
int32_t metrics_define (struct metrics *registry, const struct kg_metric_def *def,
                        kg_metric **ret);

/* The core's own: up to `series_max` series, of which only those are shown that
 * were used. */
int32_t metrics_define_wide (struct metrics *registry, const struct kg_metric_def *def,
                             uint32_t series_max, kg_metric **ret);

/* The names of what is defined, for the documentation's tests; NULL past the end. */
const char *metrics_name (const struct metrics *registry, uint32_t index);

/* The hot path, as in kg.metrics/1.  `add` to a gauge adds (int64_t) n. */
void metrics_add (kg_metric *m, uint32_t index, uint64_t n);
void metrics_set (kg_metric *m, uint32_t index, double value);
void metrics_observe (kg_metric *m, uint32_t index, uint64_t ns);

/* The sum over all threads: a counter's value, a histogram's count. */
uint64_t metrics_value (const kg_metric *m, uint32_t index);

/* kg.metrics/1; finds the registry by self->host->metrics. */
extern const struct kg_metrics metrics_service;

#endif
