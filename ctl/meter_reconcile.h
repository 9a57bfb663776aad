/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of meter reconcile share. */
#ifndef CTL_METER_RECONCILE_H
#define CTL_METER_RECONCILE_H

#include "ctl/meter.h"
#include "ctl/verify_map.h"

#define SECOND_NS INT64_C (1000000000)
#define DAY_SECONDS 86400

/* An event of the log. */
struct sent {
  char *id, *source, *type, *subject; /* `id` is malloc'ed, the others are shared */
  int64_t time_ns;
  uint64_t content; /* a hash of subject, time to the second, and data */
  uint32_t there;   /* how often OpenMeter has it */
  uint8_t parked, pending, changed, refused;
  uint8_t untold; /* it may be there among those that the server did not list */
};

struct reconcile {
  const struct args *args;
  const char *url, *sink; /* of OpenMeter; the sink's name */
  int64_t from, to;       /* seconds since the epoch; `to` is not included */
  int64_t newest, position; /* of the log and the sink, when it began */
  struct sent *event;
  size_t count, cap;
  size_t *order;       /* their numbers by time; NULL: not made yet */
  struct map ids;      /* of source and id */
  json_object *texts;  /* texts that many events have */
  json_object *sources;
  int64_t strange;     /* events there that aren't in the log, from a source of its */
  json_object *strangers; /* some of their ids */
  int64_t foreign;     /* events there from other sources */
  int64_t full;        /* seconds in which only the log's ids were asked for */
  int64_t requests;    /* to OpenMeter */
};

/* The id's place among the events; -1. */
struct hash reconcile_hash (const char *source, const char *id);
int64_t reconcile_find (const struct reconcile *r, const char *source, const char *id);

/* The same for values that are equal as JSON, in whatever order members are. */
uint64_t reconcile_content (json_object *event, int64_t time_ns);

/* --from and --to: an exit code. */
int reconcile_span (struct reconcile *r);

/* windowSize, from and to of a query of whole days, which all sides have windows of. */
void reconcile_days (const struct reconcile *r, struct path *path);

/* "2026-11-28T00:00:00Z" */
const char *reconcile_time (int64_t seconds, char out[32]);

/* meter_here.c: fills in the log's events, and what is parked.  An exit code. */
int reconcile_here (struct reconcile *r);

/* meter_there.c: asks OpenMeter.  An exit code. */
int there_get (struct reconcile *r, const char *path, long *ret_status, json_object **ret);
int reconcile_there (struct reconcile *r);

/* meter_compare.c: meters by day; adds rows that differ.  An exit code. */
int reconcile_meters (struct reconcile *r, json_object *rows, json_object *notes);

#endif
