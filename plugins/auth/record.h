/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Stored records: which member of the JSON object fills which member of a
 * structure, and how they are written. */
#ifndef AUTH_RECORD_H
#define AUTH_RECORD_H

#include "plugins/auth/scan.h"

#include <kgent/json.h>

/* Fills what `member` points at from the value that comes next. */
typedef void record_fn (struct scan *scan, void *member);

struct record_member {
  const char *name;
  record_fn *fn;
  size_t offset;
  int32_t needed; /* 1: a value without it is malformed */
};

/* const char *: a text; record_maybe: or NULL for null. */
record_fn record_text, record_maybe;

/* const char *: a whole value as JSON text; only objects. */
record_fn record_object;

/* const char *[RECORD_LIST + 1]: texts, ends in NULL. */
#define RECORD_LIST 32
record_fn record_list;

/* int64_t: a time, nanoseconds since the epoch; 0 for null. */
record_fn record_time;

/* struct limits: numbers that are not there stay as they are. */
record_fn record_limits;

/* int32_t. */
record_fn record_bool, record_number;

/* uint8_t[32]: hexadecimal. */
record_fn record_hash;

/* Fills a structure; texts are decoded into `buffer`, of json.len + 1 bytes.  Unknown
 * members are skipped.  0 or -EINVAL. */
int32_t record_read (kg_str json, const struct record_member *members, size_t count, void *ret,
                     char *buffer);

/* Write a member; `name` with its quotes, its colon, and a comma before it. */
void record_show_text (struct kg_out *out, const char *name, const char *text);
void record_show_list (struct kg_out *out, const char *name, const char *const *list);
void record_show_time (struct kg_out *out, const char *name, int64_t ns); /* 0: null */

#endif
