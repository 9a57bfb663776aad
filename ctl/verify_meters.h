/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What meters count: those of a host without a list, and those of a configuration. */
#ifndef CTL_VERIFY_METERS_H
#define CTL_VERIFY_METERS_H

#include "ctl/verify_doc.h"

#define METER_DIMENSIONS 8
#define METERS_KNOWN 192

enum { SUM, COUNT, UNIQUE_COUNT, AVG, MIN, MAX, LATEST, AGGREGATIONS };

struct meter {
  char id[80]; /* SLUG.GENERATION */
  char type[256], value[256], dimension[METER_DIMENSIONS][256];
  int aggregation;
  uint32_t dimensions;
};

struct meters {
  struct meter meter[METERS_KNOWN];
  uint32_t count;
};

/* Adds those of a host without a list. */
void meters_usual (struct meters *m);

/* Adds those of a configuration file: 0, or EXIT_USAGE after a message. */
int meters_configured (struct meters *m, const char *file);

/* The meter of that id, or NULL. */
const struct meter *meters_get (const struct meters *m, struct piece id);

#endif
