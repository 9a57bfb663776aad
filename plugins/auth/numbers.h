/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The numbers of limits: what they are called, as JSON, and shared.
 *
 * Equal numbers are kept once, for as long as the plugin is open: whoever has a
 * pointer may keep it, and comparing pointers compares the numbers. */
#ifndef AUTH_NUMBERS_H
#define AUTH_NUMBERS_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/plugin.h>
#include <kgent/json.h>

#include "plugins/auth/limit.h"

#include <pthread.h>

#define NUMBERS_COUNT 6
#define NUMBERS_MAX   1000000000000ll /* of any of them */

/* What a member of struct limits is called in options and JSON. */
struct number_name {
  const char *name; /* "requests_per_minute" */
  size_t offset;    /* in struct limits */
};
extern const struct number_name number_names[NUMBERS_COUNT];

static inline int64_t *
number_at (struct limits *l, size_t i)
{
  return (int64_t *) (void *) ((char *) l + number_names[i].offset);
}

/* `own` where it is given, else `other`. */
struct limits limits_merge (const struct limits *own, const struct limits *other);

/* Writes an object of those that are given, with its braces. */
void limits_show (struct kg_out *out, const struct limits *limits);

struct numbers {
  pthread_mutex_t lock;
  struct number_set **bucket; /* a table of lists */
  size_t mask, count;
};

/* 0 or -ENOMEM; finish accepts what is zeroed. */
int32_t numbers_init (struct numbers *numbers);
void numbers_finish (struct numbers *numbers);

/* [any, not a worker] The shared copy; NULL without memory. */
const struct limits *numbers_share (struct numbers *numbers, const struct limits *limits);

#endif
