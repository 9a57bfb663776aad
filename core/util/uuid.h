/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* UUIDs (RFC 9562). */
#ifndef UTIL_UUID_H
#define UTIL_UUID_H

#include <stddef.h>
#include <stdint.h>

#define UUID_LEN 36

/* Writes the canonical form (lower case, four hyphens, NUL) of any textual one:
 * upper case, {braces}, no hyphens, urn:uuid:.  Returns 0, or -EINVAL with `out`
 * untouched. */
int uuid_canonical (const char *p, size_t len, char out[UUID_LEN + 1]);

/* A random one, version 4.  Returns 0 or -errno of getrandom. */
int uuid_v4 (char out[UUID_LEN + 1]);

/* One that sorts by time (version 7): milliseconds since the epoch, then random
 * bits.  Returns 0 or -errno of getrandom. */
int uuid_v7 (int64_t wall_ns, char out[UUID_LEN + 1]);

#endif
