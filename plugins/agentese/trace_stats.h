/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Counting in a tenant's trace, which is a JSON array of invocations, newest first. */
#ifndef AGENTESE_TRACE_STATS_H
#define AGENTESE_TRACE_STATS_H

#include "plugins/agentese/builtin.h"

#define AG_COUNTS_MAX 64 /* different names that are told apart */

/* Which invocations are meant. */
struct ag_filter {
  kg_str topic;    /* a node, a path, or the id of a span or trace; { NULL, 0 }: all */
  kg_str observer; /* name, or { NULL, 0 } */
  int64_t status;  /* 0: any */
  int64_t since_ns, until_ns;
};

/* Reads the arguments `topic` (under that name), observer, status, since and until.  0, or
 * KG_DONE with a 400, or -ENOMEM. */
int32_t ag_filter_args (struct ag_call *c, const char *topic, struct ag_filter *ret);

int32_t ag_filter_takes (const struct ag_filter *f, const struct kg_json *j, uint32_t line);

/* When it was, nanoseconds since the epoch. */
int64_t ag_trace_at (const struct kg_json *j, uint32_t line);

struct ag_count {
  kg_str name;
  int64_t n, errors;
  double ms;
};

struct ag_counts {
  struct ag_count count[AG_COUNTS_MAX];
  uint32_t n;
};

/* Counts one of that name; beyond AG_COUNTS_MAX names none is told apart any more. */
void ag_counts_add (struct ag_counts *counts, kg_str name, int32_t error, double ms);

struct ag_stats {
  uint32_t total, errors;
  int64_t units;
  double sum_ms, min_ms, max_ms;
  double *ms; /* sorted, `total` of them; NULL: none, or no memory */
  int64_t first_ns, last_ns;
  struct ag_counts paths, statuses;
};

void ag_stats_make (struct ag_call *c, const struct kg_json *trace, const struct ag_filter *f,
                    struct ag_stats *ret);

double ag_stats_mean (const struct ag_stats *s);

/* As members, without braces: the sums; and what is behind a comma, by path and status. */
void ag_stats_write (const struct ag_stats *s, struct kg_out *out);
void ag_stats_detail (const struct ag_stats *s, struct kg_out *out);

#endif
