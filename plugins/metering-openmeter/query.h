/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A query of usage: whole windows from rollups, and what is not rolled up yet from the
 * log, so that it tells of every event that was recorded when it was asked. */
#ifndef METERING_QUERY_H
#define METERING_QUERY_H

#include "plugins/metering-openmeter/rollup.h"

#define QUERY_ROWS_MAX 10000       /* of an answer */
#define QUERY_CELLS_MAX 500000     /* distinct values on the way there */
#define QUERY_SCAN_MAX 2000000     /* rows that are looked at */
#define QUERY_WINDOWS_MAX 100000   /* between from and to */
#define QUERY_TAIL_MAX 1000000     /* records that are not rolled up */
#define QUERY_FILTERS_MAX 64
#define QUERY_JOBS 2       /* at one time: there are other jobs, too */
#define QUERY_WAITS 256
#define QUERY_PROBLEM_MAX 320

/* Only values of this dimension; several of one dimension are alternatives. */
struct query_filter {
  kg_str name, value; /* the value as JSON text once it was resolved */
  int32_t dimension;
};

/* What is asked.  Times are minutes. */
struct query_args {
  const struct meter *meter; /* NULL: all of them, each on its own */
  int64_t from, to;
  int32_t from_given, to_given;
  enum unit unit; /* UNITS: one number for all of the time */
  int32_t by_subject;
  int32_t dimension[METER_DIMENSIONS_MAX]; /* by which to tell apart, in this order */
  uint32_t dimensions;
  kg_str group[METER_DIMENSIONS_MAX + 1]; /* names as asked, before they are resolved */
  uint32_t groups;
  struct query_filter filter[QUERY_FILTERS_MAX];
  uint32_t filters;
  kg_str subject[QUERY_FILTERS_MAX];
  uint32_t subjects; /* 0: all */
};

/* A stretch of time that is read in windows of one kind. */
struct query_run {
  enum unit unit;
  int64_t start, end;
};

#define QUERY_RUNS_MAX 8

struct query {
  struct query *next; /* that waits */
  struct rollup *rollup;
  kg_ticket *ticket;
  int32_t csv;
  int64_t began_ns;
  kg_str slug;  /* of the path; ptr NULL: as the parameter says */
  char *memory, *own; /* where the texts of `args` are */
  struct query_args args;
  struct query_run run[QUERY_RUNS_MAX];
  uint32_t runs;

  /* While it runs. */
  struct cells results;
  struct record_read read, group_read;
  struct mt_text subject_text, group_text;
  const struct meter *meter; /* whose rows are read */
  const struct rollup_rebuild *rebuild; /* of it */
  enum unit unit;
  const struct query_run *reading;
  uint64_t scanned;
  uint32_t rows, values; /* of `results`: those of UNIQUE_COUNT are values */

  /* The answer: a text, or an error, or a status with the reason. */
  struct mt_text text;
  int32_t error, status;
  char problem[QUERY_PROBLEM_MAX];
};

/* Notes a refusal and returns -EINVAL. */
int32_t query_refuse (struct query *q, int32_t status, const char *fmt, ...) KG_PRINTF (3, 4);

/* ---- query_args.c ---------------------------------------------------------------- */

/* Takes the parameters from a raw query string: 0, or -EINVAL with the reason noted, or
 * -ENOMEM.  `now` is a minute. */
int32_t query_args_read (struct query *q, kg_str raw, int64_t now);

/* ---- query_accept.c -------------------------------------------------------------- */

/* Whether an Accept asks for CSV rather than JSON; with what it refuses both it is JSON. */
int32_t query_wants_csv (kg_str accept);

/* ---- query_plan.c ---------------------------------------------------------------- */

/* The first window of which all is there, and stays for some minutes.  `now` is a minute. */
int64_t query_first_kept (const struct query *q, enum unit unit, int64_t now);

/* Splits the time into runs of the largest windows that fit. */
int32_t query_plan (struct query *q, int64_t now);

/* ---- query_run.c ------------------------------------------------------------------ */

/* Fills `results`: 0; -EINVAL with the reason noted; another error. */
int32_t query_run (struct query *q);

/* ---- query_answer.c --------------------------------------------------------------- */

/* Writes `results` into `text`. */
int32_t query_answer (struct query *q);

#endif
