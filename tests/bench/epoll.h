/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The bare server that kgentd is measured against: one thread, one epoll loop,
 * no more HTTP than the measured requests need. */
#ifndef TESTS_BENCH_EPOLL_H
#define TESTS_BENCH_EPOLL_H

#include <stddef.h>
#include <stdint.h>

/* A request, as far as it is looked at; the texts lie in the input. */
struct epoll_request {
  const char *key, *body;
  size_t key_len, body_len;
  int64_t now_s; /* UTC, of this turn of the loop */
};

/* Writes an answer with its head to out; returns its length. */
typedef size_t epoll_answer (const struct epoll_request *req, char *out, size_t size);

/* Reads the keys, one a line; 0 or -errno. */
int job_open (const char *file);

/* Key, limit, JSON in and out, an event kept: what kgentd does for an invocation. */
epoll_answer job_answer;

#endif
