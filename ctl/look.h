/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What routes and tenants have done so far, and between two looks. */
#ifndef CTL_LOOK_H
#define CTL_LOOK_H

#include "ctl/ctl.h"

#define ROUTES_MAX 256
#define BUCKETS_MAX 32
#define TENANTS_MAX 100 /* the busiest */
#define LOOK_TEXT 96

/* Counters of one route. */
struct route {
  char method[12], endpoint[LOOK_TEXT];
  double total, refused, failed;                   /* answers; those with 4xx, 5xx */
  double bounds[BUCKETS_MAX], counts[BUCKETS_MAX]; /* cumulative, as exposed */
  uint32_t nbuckets;
};

/* Counters of one tenant. */
struct tenant {
  char id[LOOK_TEXT], name[LOOK_TEXT]; /* the name is its slug, or the id */
  double requests, denied;             /* of today */
  int64_t in_flight;                   /* now */
};

struct look {
  int64_t at_ns;
  uint32_t routes, tenants;
  int no_tenants; /* the host doesn't tell: the auth plugin isn't loaded */
  struct route route[ROUTES_MAX];
  struct tenant tenant[TENANTS_MAX];
};

/* `names` is an object with the names of tenants, which it adds to. */
int look_take (const struct args *a, json_object *names, struct look *look);

/* Makes the counters of `now` those of the time since `then`. */
void look_subtract (struct look *now, const struct look *then);

/* The quantile of a route's latency in milliseconds, interpolated inside its bucket; of
 * the last one, which has no end, its beginning. */
double route_quantile (const struct route *r, double q);

#endif
