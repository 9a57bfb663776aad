/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a registry of metrics consists of; for metrics.c, metric.c and expose.c
 * only. */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include "core/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

#define METRIC_LABELS_MAX 4
#define METRIC_BUCKETS_MAX 64

/* One label: its values already as `name="value"`, escaped. */
struct metric_label {
  char **pairs;
  uint32_t count;
};

struct kg_metric {
  uint32_t hot;   /* series that metrics_add may index; 0 for other kinds */
  uint32_t base;  /* the first cell */
  uint64_t owner; /* the registry's id */
  uint32_t series;
  uint32_t stride; /* cells of a series: 1, or buckets, +Inf and the sum */
  int32_t kind;
  uint32_t wide; /* unused series are not shown */
  uint32_t nbuckets, nlabels;
  uint64_t *bounds;   /* in ns */
  char **bound_texts; /* of `le`, in seconds */
  struct metric_label labels[METRIC_LABELS_MAX];
  char *name, *help;
  _Atomic uint64_t *gauges; /* doubles as bits; NULL for other kinds */
  struct metrics *registry;
  kg_metric *next; /* in the order of definition */
};

/* The counters of one thread: only that thread writes them.  A thread that ends
 * leaves them to the next one: what counts is their sum. */
struct cells {
  struct cells *next;
  int idle; /* under the registry's lock */
  _Atomic uint64_t v[METRICS_CELLS_MAX];
};

struct expose_text {
  char *text;
  size_t len;
  int64_t until; /* monotonic ns */
};

struct metrics {
  uint64_t id;          /* never used twice in a process */
  pthread_mutex_t lock; /* of the lists; never held for long */
  pthread_mutex_t render_lock;
  struct cells *cells;
  struct cells *common; /* of threads without cells of their own */
  kg_metric *first, **end;
  uint32_t ncells;
  int frozen;
  int64_t started_ns; /* wall clock */
  struct expose_text cache[2];
  struct metrics *next; /* all living ones */
};

/* Checks a definition and makes a metric of it, not yet in any registry.
 * -EINVAL, -E2BIG, -ENOMEM. */
int32_t metric_create (const struct kg_metric_def *def, uint32_t series_max, kg_metric **ret);

void metric_destroy (kg_metric *m);

/* Length of the name without a counter's _total. */
size_t metric_family (const kg_metric *m);

/* The sum of a cell over all threads; `lock` held, or nothing more attaches. */
uint64_t registry_sum (const struct metrics *registry, uint32_t cell);

#endif
