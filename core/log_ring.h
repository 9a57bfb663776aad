/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The log's rings: one per producing thread, drained by the log thread.
 *
 * A ring belongs to one thread at a time; a thread that ends leaves it to the
 * next one.  Rings live as long as the process.  Threads beyond LOG_RINGS share
 * one ring under a lock. */
#ifndef CORE_LOG_RING_H
#define CORE_LOG_RING_H

#include "core/log_text.h"

#include <stddef.h>
#include <stdint.h>

#define LOG_RINGS      64
#define LOG_RING_SIZE  ((size_t) 512 * 1024)
#define LOG_STAGE_SIZE ((size_t) 24 * 1024) /* bytes of the longest line */

struct log_ring {
  _Alignas (64) size_t head;     /* the producer's view: bytes ever written */
  size_t limit;                  /* `head` may go up to here without looking */
  struct log_stamp stamp;
  _Alignas (64) _Atomic size_t published; /* head, for the log thread */
  _Atomic uint64_t dropped;      /* lines */
  _Alignas (64) _Atomic size_t tail; /* bytes ever taken out */
  int owned;                     /* under the registry's lock */
  int shared;
  char stage[LOG_STAGE_SIZE];    /* where a line is made */
  char data[LOG_RING_SIZE];
};

/* The calling thread's ring: its `stage` may be written until log_ring_end.
 * NULL without memory: the line is counted as dropped. */
struct log_ring *log_ring_begin (void);

/* Publishes `len` bytes of the stage, one whole line, or drops and counts it. */
void log_ring_end (struct log_ring *ring, size_t len);

/* For the log thread: ring `index`, or NULL past the last one. */
struct log_ring *log_ring_at (uint32_t index);

/* Bytes that wait in a ring. */
size_t log_ring_pending (const struct log_ring *ring);

/* Takes up to `size` bytes out. */
size_t log_ring_take (struct log_ring *ring, char *out, size_t size);

/* Lines dropped so far, of all rings. */
uint64_t log_ring_dropped (void);

#endif
