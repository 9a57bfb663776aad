/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/ring.h"

#include "core/util/crc.h"
#include "core/util/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEAD ((uint32_t) offsetof (struct ring_record, data))
#define SUMMED offsetof (struct ring_record, size) /* where the checksum begins */

void
ring_init (struct ring *r, struct ring_control *control, char *data, uint64_t size,
           uint32_t salt)
{
  memset (r, 0, sizeof *r);
  r->control = control;
  r->data = data;
  r->size = size;
  r->salt = salt;
}

static struct ring_record *
ring_at (const struct ring *r, uint64_t position)
{
  return (struct ring_record *) (void *) (r->data + (position & (r->size - 1)));
}

static uint64_t
ring_left (const struct ring *r, uint64_t position)
{
  return r->size - (position & (r->size - 1));
}

static uint32_t
record_crc (const struct ring *r, const struct ring_record *rec)
{
  return crc32c (r->salt, (const char *) rec + SUMMED, HEAD - SUMMED + rec->len);
}

/* Whether a whole record lies here, in `left` bytes. */
static int
record_valid (const struct ring *r, const struct ring_record *rec, uint64_t left)
{
  if (left < HEAD || rec->len > RING_RECORD_MAX || rec->zero || !rec->log)
    return 0;
  if (rec->size != ((HEAD + rec->len + 7) & ~7u) || rec->size > left)
    return 0;
  return rec->crc == record_crc (r, rec);
}

/* Whether `size` bytes fit in, the pad before them included. */
static int
ring_has_room (struct ring *r, uint32_t size)
{
  uint64_t left = ring_left (r, r->head);
  uint64_t need = left < size ? left + size : size;
  if (r->head + need - r->tail_seen <= r->size)
    return 1;
  r->tail_seen = atomic_load_explicit (&r->control->tail, memory_order_acquire);
  return r->head + need - r->tail_seen <= r->size;
}

int
ring_put (struct ring *r, uint32_t log, int64_t time_ns, const void *data, uint32_t len,
          uint64_t *ret_position)
{
  uint32_t size = (HEAD + len + 7) & ~7u;
  struct ring_record *rec;
  if (!ring_has_room (r, size))
    return -EAGAIN;
  if (ring_left (r, r->head) < size) {
    atomic_store_explicit (&ring_at (r, r->head)->state, RING_PAD, memory_order_relaxed);
    r->head += ring_left (r, r->head);
  }
  rec = ring_at (r, r->head);
  rec->size = size;
  rec->log = log;
  rec->sequence = ++r->sequence;
  rec->time_ns = time_ns;
  rec->len = len;
  rec->zero = 0;
  memcpy (rec->data, data, len);
  rec->crc = record_crc (r, rec);
  atomic_store_explicit (&rec->state, RING_LIVE, memory_order_relaxed);
  *ret_position = r->head;
  r->head += size;
  atomic_store_explicit (&r->control->sequence, r->sequence, memory_order_relaxed);
  atomic_store_explicit (&r->control->head, r->head, memory_order_release);
  return 0;
}

int
ring_void (struct ring *r, uint64_t position)
{
  uint32_t live = RING_LIVE;
  /* Behind the tail the bytes may be another record's by now. */
  if (position < atomic_load_explicit (&r->control->tail, memory_order_acquire))
    return 0;
  return atomic_compare_exchange_strong (&ring_at (r, position)->state, &live, RING_VOID);
}

uint64_t
ring_fill (const struct ring *r)
{
  uint64_t tail = atomic_load_explicit (&r->control->tail, memory_order_acquire);
  uint64_t head = atomic_load_explicit (&r->control->head, memory_order_acquire);
  return head - tail;
}

struct ring_record *
ring_next (struct ring *r, uint64_t *position, uint64_t head)
{
  while (*position < head) {
    uint64_t left = ring_left (r, *position);
    struct ring_record *rec = ring_at (r, *position);
    if (left > head - *position)
      left = head - *position;
    /* First, because an old record may lie under the pad. */
    if (atomic_load_explicit (&rec->state, memory_order_relaxed) == RING_PAD) {
      *position += ring_left (r, *position);
      continue;
    }
    if (record_valid (r, rec, left)) {
      *position += rec->size;
      return rec;
    }
    *position += 8;
    r->damaged += 8;
  }
  return NULL;
}

void
ring_release (struct ring *r, uint64_t position)
{
  atomic_store_explicit (&r->control->tail, position, memory_order_release);
}

static int
record_compare (const void *a, const void *b)
{
  const struct ring_record *x = *(struct ring_record *const *) a;
  const struct ring_record *y = *(struct ring_record *const *) b;
  return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* How many numbers between `after` and the newest record aren't there. */
static uint64_t
scan_missing (const struct ring *r, uint64_t after, struct ring_record *const *records,
              size_t n)
{
  uint64_t hint = atomic_load_explicit (&r->control->sequence, memory_order_relaxed);
  uint64_t last = n ? records[n - 1]->sequence : after;
  if (hint > last && hint - last <= r->size / HEAD) /* else the hint is broken itself */
    last = hint;
  return last - after - n;
}

int
ring_scan (struct ring *r, uint64_t after, struct ring_record ***ret_records, size_t *ret_n,
           uint64_t *ret_missing)
{
  struct ring_record **records = malloc ((r->size / HEAD + 1) * sizeof *records);
  size_t n = 0;
  if (!records)
    return -ENOMEM;
  for (uint64_t at = 0; at < r->size;) {
    struct ring_record *rec = ring_at (r, at);
    if (!record_valid (r, rec, r->size - at)) {
      at += 8;
      continue;
    }
    at += rec->size;
    if (rec->sequence > after)
      records[n++] = rec;
  }
  qsort (records, n, sizeof *records, record_compare);
  *ret_missing = scan_missing (r, after, records, n);
  *ret_records = records;
  *ret_n = n;
  return 0;
}

uint32_t
ring_id (const struct ring *r, uint64_t sequence, char out[RING_ID_MAX])
{
  char digits[16], *p = out + r->id_len;
  hex_put16 (digits, sequence);
  memcpy (out, r->id_prefix, r->id_len);
  memcpy (p, digits + 4, 12); /* of the lower 48 bits */
  p[12] = 0;
  return r->id_len + 12;
}
