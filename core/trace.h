/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Ids of requests, traces and spans (W3C Trace Context, level 1). */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include "core/abi.h"

/* A pseudo-random generator of one thread (xoshiro256**), seeded by the system. */
struct trace_rng {
  uint64_t s[4];
};

void trace_seed (struct trace_rng *rng);
uint64_t trace_random (struct trace_rng *rng);

/* Writes a lower-case UUID (version 4) of 36 characters and a NUL. */
void trace_uuid (struct trace_rng *rng, char out[37]);

/* Writes 16 hex digits and a NUL, not all zero. */
void trace_span (struct trace_rng *rng, char out[17]);

/* Writes 32 hex digits and a NUL, not all zero. */
void trace_new (struct trace_rng *rng, char out[33]);

/* Takes trace id and flags from a traceparent value; 0 when it is malformed. */
int trace_parse (kg_str value, char trace_id[33], char flags[3]);

/* Whether a client's request id may be kept: 1 to 64 of [A-Za-z0-9._-]. */
int trace_id_ok (kg_str value);

#endif
