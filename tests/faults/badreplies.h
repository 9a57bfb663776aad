/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Faults by path, for badserver_start:
 *
 *   /status/N   that status, with Retry-After: 7 for 429
 *   /flaky      503 to the first request, 200 to the others
 *   /once       a reset for the first request, 200 to the others
 *   /reset, /empty, /garbage, /truncated, /hang, /drip, /huge, /endless, /heads,
 *   /gzip, /redirect, /interim    what they say */
#ifndef FAULTS_BADREPLIES_H
#define FAULTS_BADREPLIES_H

#include "tests/faults/badserver.h"

bad_fn badreplies;

/* A copy of the last request that arrived. */
void badreplies_last (char *text, size_t size);

#endif
