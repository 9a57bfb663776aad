/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A ring of bytes for each worker: it writes, whoever has the lock of notes.c reads.
 * Records are not split at the end of the ring; one of length 0 says to go on at its
 * beginning. */
#include "plugins/agentese/notes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING 262144u /* bytes; a power of two */
#define WORKERS 256

struct ring {
  _Atomic uint64_t head, tail; /* written, read */
  _Atomic uint64_t lost;
  _Alignas (16) char data[RING];
};

struct ag_rings {
  struct ring *_Atomic ring[WORKERS];
};

/* A note in the ring; the texts lie behind it. */
struct record {
  uint32_t bytes; /* with the texts, a multiple of 8 */
  int32_t status;
  int64_t at_ns, took_ns, tokens;
  uint16_t len[6];
};

struct ag_rings *
ag_rings_new (void)
{
  return calloc (1, sizeof (struct ag_rings));
}

void
ag_rings_free (struct ag_rings *rings)
{
  uint32_t i;
  for (i = 0; rings && i < WORKERS; i++)
    free (atomic_load_explicit (&rings->ring[i], memory_order_relaxed));
  free (rings);
}

/* The worker's ring, made when it is first used; only that worker makes it. */
static struct ring *
ring_of (struct ag_rings *rings, uint32_t worker)
{
  struct ring *ring = atomic_load_explicit (&rings->ring[worker % WORKERS], memory_order_relaxed);
  if (ring)
    return ring;
  ring = calloc (1, sizeof *ring);
  atomic_store_explicit (&rings->ring[worker % WORKERS], ring, memory_order_release);
  return ring;
}

static void
record_write (struct record *r, const struct ag_note *note, const kg_str text[6], uint32_t bytes)
{
  char *at = (char *)(r + 1);
  uint32_t i;
  r->status = note->status;
  r->at_ns = note->at_ns;
  r->took_ns = note->took_ns;
  r->tokens = note->tokens;
  for (i = 0; i < 6; i++) {
    r->len[i] = (uint16_t)text[i].len;
    if (text[i].len)
      memcpy (at, text[i].ptr, text[i].len);
    at += text[i].len;
  }
  r->bytes = bytes;
}

int32_t
ag_rings_put (struct ag_rings *rings, uint32_t worker, const struct ag_note *note)
{
  const kg_str text[6]
      = { note->tenant, note->path, note->observer, note->span_id, note->trace_id, note->phase };
  struct ring *ring = ring_of (rings, worker);
  uint64_t head, tail, at, skip = 0;
  uint32_t i, bytes = sizeof (struct record);
  if (!ring)
    return -ENOMEM;
  for (i = 0; i < 6; i++)
    bytes += (uint32_t)text[i].len;
  bytes = (bytes + 7) & ~7u;
  head = atomic_load_explicit (&ring->head, memory_order_relaxed);
  tail = atomic_load_explicit (&ring->tail, memory_order_acquire);
  at = head & (RING - 1);
  if (at + bytes > RING)
    skip = RING - at;
  if (bytes > RING / 4 || head + skip + bytes - tail > RING) {
    atomic_fetch_add_explicit (&ring->lost, 1, memory_order_relaxed);
    return -ENOBUFS;
  }
  if (skip)
    memset (ring->data + at, 0, 8);
  record_write ((struct record *)(void *)(ring->data + ((head + skip) & (RING - 1))), note, text,
                bytes);
  atomic_store_explicit (&ring->head, head + skip + bytes, memory_order_release);
  return 0;
}

static void
record_read (const struct record *r, struct ag_note *note)
{
  kg_str *const text[6] = { &note->tenant,  &note->path,     &note->observer,
                            &note->span_id, &note->trace_id, &note->phase };
  const char *at = (const char *)(r + 1);
  uint32_t i;
  note->status = r->status;
  note->at_ns = r->at_ns;
  note->took_ns = r->took_ns;
  note->tokens = r->tokens;
  for (i = 0; i < 6; i++) {
    *text[i] = (kg_str){ at, r->len[i] };
    at += r->len[i];
  }
}

static void
ring_drain (struct ring *ring, void (*fn) (const struct ag_note *note, void *arg), void *arg)
{
  uint64_t head = atomic_load_explicit (&ring->head, memory_order_acquire);
  uint64_t tail = atomic_load_explicit (&ring->tail, memory_order_relaxed);
  struct ag_note note = { 0 };
  while (tail != head) {
    const struct record *r = (const void *)(ring->data + (tail & (RING - 1)));
    if (!r->bytes) {
      tail += RING - (tail & (RING - 1));
      continue;
    }
    record_read (r, &note);
    fn (&note, arg);
    tail += r->bytes;
  }
  atomic_store_explicit (&ring->tail, tail, memory_order_release);
}

void
ag_rings_drain (struct ag_rings *rings, void (*fn) (const struct ag_note *note, void *arg),
                void *arg)
{
  struct ring *ring;
  uint32_t i;
  for (i = 0; i < WORKERS; i++)
    if ((ring = atomic_load_explicit (&rings->ring[i], memory_order_acquire)))
      ring_drain (ring, fn, arg);
}

uint64_t
ag_rings_lost (struct ag_rings *rings)
{
  struct ring *ring;
  uint64_t n = 0;
  uint32_t i;
  for (i = 0; i < WORKERS; i++)
    if ((ring = atomic_load_explicit (&rings->ring[i], memory_order_acquire)))
      n += atomic_exchange_explicit (&ring->lost, 0, memory_order_relaxed);
  return n;
}
