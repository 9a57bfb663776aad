/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Meters: what is made of events of one type. */
#ifndef METERING_METERS_H
#define METERING_METERS_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/plugin.h>

#define METERS_MAX 64
#define METER_DIMENSIONS_MAX 8
#define METER_SLUG_MAX 63
#define METER_GENERATION_LEN 8
#define METER_ERROR_MAX 256

enum aggregation {
  METER_SUM,
  METER_COUNT,
  METER_UNIQUE_COUNT,
  METER_AVG,
  METER_MIN,
  METER_MAX,
  METER_LATEST
};

/* As in the configuration. */
struct meter_conf {
  const char *slug, *description, *type, *aggregation, *value;
  const char *const *group_by;
};

/* Texts are the configuration's, or literals. */
struct meter {
  const char *slug, *description, *type;
  enum aggregation aggregation;
  kg_str value;                                /* path in data; empty: none */
  kg_str dimension[METER_DIMENSIONS_MAX];      /* paths in data, their own names */
  uint32_t dimensions;
  char id[METER_SLUG_MAX + METER_GENERATION_LEN + 2]; /* "SLUG.GENERATION": who counts
                                                         otherwise is another meter */
};

struct meters {
  struct meter meter[METERS_MAX];
  uint32_t count;
};

extern const struct kg_opt meter_options[];
extern const char *const meter_aggregations[]; /* names, by enum */

/* Reads the list of struct meter_conf, or, when it is empty, the usual meters: 0, or
 * -EINVAL with the reason. */
int32_t meters_read (struct meters *m, const struct kg_list *conf, char error[METER_ERROR_MAX]);

/* The meter of that slug or id, or NULL. */
const struct meter *meters_find (const struct meters *m, kg_str name);

/* The number of a dimension; -ENOENT. */
int32_t meter_dimension (const struct meter *m, kg_str name);

#endif
