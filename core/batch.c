/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/batch.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct head {
  uint32_t len;
  uint16_t id_len, zero;
  uint64_t time_ns;
};

static int
batch_reserve (struct batch *b, size_t more)
{
  size_t cap = b->cap ? b->cap : 4096;
  char *buf;
  if (b->len + more <= b->cap)
    return 0;
  while (cap < b->len + more)
    cap *= 2;
  buf = realloc (b->buf, cap);
  if (!buf)
    return -ENOMEM;
  b->buf = buf;
  b->cap = cap;
  return 0;
}

int
batch_add (struct batch *b, int64_t time_ns, kg_str id, kg_str data)
{
  struct head h = { htole32 ((uint32_t) data.len), htole16 ((uint16_t) id.len), 0,
                    htole64 ((uint64_t) time_ns) };
  int error = batch_reserve (b, sizeof h + id.len + data.len);
  if (error)
    return error;
  memcpy (b->buf + b->len, &h, sizeof h);
  b->len += sizeof h;
  if (id.len)
    memcpy (b->buf + b->len, id.ptr, id.len);
  b->len += id.len;
  if (data.len)
    memcpy (b->buf + b->len, data.ptr, data.len);
  b->len += data.len;
  b->count++;
  b->time_ns = time_ns;
  return 0;
}

void
batch_clear (struct batch *b)
{
  b->len = 0;
  b->count = 0;
}

void
batch_finish (struct batch *b)
{
  free (b->buf);
  memset (b, 0, sizeof *b);
}

/* Reads the record at *at and moves on: 1, or 0 when there is no whole one. */
static int
batch_take (kg_str blob, size_t *at, struct kg_record *record)
{
  struct head h;
  size_t left = blob.len - *at;
  if (left < sizeof h)
    return 0;
  memcpy (&h, blob.ptr + *at, sizeof h);
  record->id.len = le16toh (h.id_len);
  record->data.len = le32toh (h.len);
  if (h.zero || left - sizeof h < record->id.len + record->data.len)
    return 0;
  record->time_ns = (int64_t) le64toh (h.time_ns);
  record->id.ptr = blob.ptr + *at + sizeof h;
  record->data.ptr = record->id.ptr + record->id.len;
  *at += sizeof h + record->id.len + record->data.len;
  return 1;
}

static int
batch_valid (kg_str blob, uint32_t count)
{
  struct kg_record record;
  size_t at = 0;
  while (count--)
    if (!batch_take (blob, &at, &record))
      return 0;
  return at == blob.len;
}

int32_t
batch_each (kg_str blob, uint64_t first, uint32_t count, uint64_t after, uint32_t max,
            int32_t (*fn) (const struct kg_record *, void *), void *arg, int32_t *ret)
{
  struct kg_record record = { .size = sizeof record };
  size_t at = 0;
  int32_t calls = 0;
  *ret = 0;
  if (!batch_valid (blob, count))
    return -EBADMSG;
  for (uint32_t i = 0; i < count && (uint32_t) calls < max && !*ret; i++) {
    batch_take (blob, &at, &record);
    record.sequence = first + i;
    if (record.sequence <= after)
      continue;
    *ret = fn (&record, arg);
    calls++;
  }
  return calls;
}
