/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A batch: consecutive records of one log, packed into one blob.
 *
 * Format 1, little-endian, per record: u32 bytes of data, u16 bytes of id, u16
 * zero, i64 time in nanoseconds since the epoch, the id, the data.  The record's
 * sequence number is that of the batch's first plus its index. */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include "core/abi.h"

#include <kgent/store.h>

#include <stdint.h>

#define BATCH_FORMAT 1u

/* A batch that is being packed. */
struct batch {
  char *buf;
  size_t len, cap;
  uint32_t count;
  int64_t time_ns; /* of its newest record */
};

/* Appends a record: 0 or -ENOMEM. */
int batch_add (struct batch *b, int64_t time_ns, kg_str id, kg_str data);

/* Forgets the records, keeps the memory. */
void batch_clear (struct batch *b);

void batch_finish (struct batch *b);

/* Calls fn for the records of a blob that come after the sequence `after`, until
 * it answers other than 0, which is stored in *ret: the number of calls; or
 * -EBADMSG, before any call, when the blob is not `count` records. */
int32_t batch_each (kg_str blob, uint64_t first, uint32_t count, uint64_t after, uint32_t max,
                    int32_t (*fn) (const struct kg_record *, void *), void *arg, int32_t *ret);

#endif
