/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Text for the log: escaped, cut, and without secrets. */
#ifndef CORE_LOG_TEXT_H
#define CORE_LOG_TEXT_H

#include "core/util/clock.h"

#include <stddef.h>
#include <stdint.h>

#define LOG_TEXT_MAX 1024 /* the largest `limit` */

/* Room that a value of up to `limit` bytes may take, with what the copying
 * writes too much. */
#define LOG_TEXT_ROOM(limit) (6 * (limit) + 32)

/* Copies a value as the inside of a JSON string: UTF-8 with control, bidirectional
 * and line-separating characters and invalid bytes as \u escapes; secrets as ***;
 * the rest beyond `limit` bytes as "...".  With `plain`, quotes and backslashes
 * stay as they are (no JSON then, still one line).  Returns the end. */
char *log_text_put (char *out, const char *s, size_t len, size_t limit, int plain);

/* A number in decimal; returns the end. */
char *log_text_number (char *out, uint64_t n);

/* Nanoseconds as milliseconds with three digits after the point. */
char *log_text_ms (char *out, int64_t ns);

/* The last second that was formatted: dates are dear, microseconds are not. */
struct log_stamp {
  int64_t second;
  char text[CLOCK_RFC3339_LEN + 1];
};

#define LOG_STAMP_LEN 27 /* "2026-01-02T03:04:05.000006Z" */

/* RFC 3339 in UTC with microseconds; returns the end. */
char *log_text_stamp (char *out, struct log_stamp *stamp, int64_t wall_ns);

#endif
