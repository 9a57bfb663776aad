/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A ring of usage records in memory that outlives the process: one thread puts
 * records in, the committer takes them out.
 *
 * Positions count bytes and only grow; offset = position modulo size.  A record
 * never wraps: a pad fills the end of a lap, so offset 0 always starts one.
 * Each record has its sequence number and a CRC32C seeded with the file's
 * secret salt, so what a dead process left is found by looking at the whole
 * ring (ring_scan), whatever else was torn or flipped. */
#ifndef CORE_RING_H
#define CORE_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RING_RECORD_MAX 16384u /* bytes of data in a record */
#define RING_SIZE_MIN 131072u  /* bytes; a power of two */
#define RING_ID_MAX 112u       /* bytes of a record's id, with NUL */

/* States of a record; far from each other in bits. */
#define RING_LIVE 0x4556494cu  /* to be recorded                                 */
#define RING_TAKEN 0x1b9c62d3u /* in the transaction that is being written        */
#define RING_VOID 0xa4637d38u  /* its request failed: not to be recorded          */
#define RING_PAD 0xd2a18e07u   /* nothing up to the end of the lap                */

struct ring_record {
  _Atomic uint32_t state;
  uint32_t crc;  /* of everything below */
  uint32_t size; /* bytes with head and padding, 8-aligned */
  uint32_t log;  /* id of the log in the database */
  uint64_t sequence;
  int64_t time_ns; /* since the epoch */
  uint32_t len;    /* bytes of data */
  uint32_t zero;
  char data[];
};

/* The head of a ring in the file, one page. */
struct ring_control {
  _Alignas(64) _Atomic uint64_t head;     /* position after the newest record   */
  _Alignas(64) _Atomic uint64_t sequence; /* of the newest record: a hint only  */
  _Alignas(64) _Atomic uint64_t tail;     /* position up to which it is written */
};

struct ring {
  struct ring_control *control;
  char *data;
  uint64_t size;
  uint32_t salt;
  uint32_t id_len;
  char id_prefix[RING_ID_MAX]; /* "REPLICA-EPOCH-RING-" */
  /* the producer's */
  _Alignas(64) uint64_t head;
  uint64_t tail_seen, sequence;
  /* the committer's */
  _Alignas(64) uint64_t damaged; /* bytes that were skipped as broken */
};

/* Makes a ring over a control page and `size` bytes, both zeroed at first. */
void ring_init (struct ring *r, struct ring_control *control, char *data, uint64_t size,
                uint32_t salt);

/* [producer] Puts a record in, with the next sequence number: 0, or -EAGAIN when
 * there is no room.  *ret_position may be given to ring_void. */
int ring_put (struct ring *r, uint32_t log, int64_t time_ns, const void *data, uint32_t len,
              uint64_t *ret_position);

/* [producer] Voids the record at a position: 1; or 0 when it is too late. */
int ring_void (struct ring *r, uint64_t position);

/* [any] Bytes that wait. */
uint64_t ring_fill (const struct ring *r);

/* [committer] The next record at or after *position and before `head`; NULL: none.
 * *position goes behind it.  Broken bytes are skipped and counted. */
struct ring_record *ring_next (struct ring *r, uint64_t *position, uint64_t head);

/* [committer] Lets the producer reuse everything before this position. */
void ring_release (struct ring *r, uint64_t position);

/* Finds every intact record with a sequence number above `after` in a ring that
 * nobody uses, whatever its control page says; sorted by sequence.  *ret_records
 * is malloc'ed.  *ret_missing is how many seem to have been damaged.  0 or
 * -ENOMEM. */
int ring_scan (struct ring *r, uint64_t after, struct ring_record ***ret_records, size_t *ret_n,
               uint64_t *ret_missing);

/* Writes the id of a record, NUL-terminated; returns its length. */
uint32_t ring_id (const struct ring *r, uint64_t sequence, char out[RING_ID_MAX]);

#endif
