/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Clocks: durations on the monotonic one, times of day in UTC. */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_SECOND 1000000000ll
#define CLOCK_MS     1000000ll

/* Nanoseconds of the monotonic clock. */
int64_t clock_mono (void);

/* Nanoseconds since the epoch, UTC. */
int64_t clock_wall (void);

/* Both clocks stand still at these values until called with 0, 0: for tests. */
void clock_fake (int64_t mono_ns, int64_t wall_ns);

#define CLOCK_RFC3339_LEN 32

/* RFC 3339 with microseconds and "+00:00" ("2026-01-02T03:04:05.000006+00:00"),
 * NUL-terminated, exactly CLOCK_RFC3339_LEN characters for the years 1970 to 9999. */
void clock_rfc3339 (int64_t wall_ns, char out[CLOCK_RFC3339_LEN + 1]);

#define CLOCK_HTTP_LEN 29

/* The HTTP date of a time (RFC 9110, 5.6.7), NUL-terminated. */
void clock_http_date (int64_t wall_ns, char out[CLOCK_HTTP_LEN + 1]);

#endif
