/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Events that travel together: read from the log, always in its order. */
#include "plugins/metering-openmeter/metering.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 1048576 /* bytes of a batch after which no event is added */

/* What the log's reader needs to know. */
struct reading {
  struct mt *mt;
  struct mt_batch *batch;
  struct record_read read;
  uint32_t skip, max;
};

void
mt_batch_clear (struct mt_batch *batch)
{
  mt_text_free (&batch->text);
  free (batch->event);
  memset (batch, 0, sizeof *batch);
}

/* Takes one record; stops when the batch is full, or before a broken record
 * that would not be the only one. */
static int32_t
record_take (const struct kg_record *record, void *arg)
{
  struct reading *r = arg;
  struct mt_batch *b = r->batch;
  size_t len = b->text.len;
  struct mt_event *e = b->event + b->count;
  uint32_t n = mt_events_write (&r->read, record, r->mt->conf->source, r->skip, &b->text, e,
                                r->max - b->count);
  r->skip = 0;
  if (!b->time_ns)
    b->time_ns = record->time_ns;
  if (n && e->broken && b->count) {
    b->text.len = len;
    return 1;
  }
  b->count += n;
  b->seen = record->sequence;
  return b->count >= r->max || b->text.len > TEXT_MAX || (n && e->broken);
}

int32_t
mt_batch_read (struct mt *mt, struct mt_batch *batch, uint64_t after, uint32_t skip,
               uint32_t max)
{
  struct reading r = { .mt = mt, .batch = batch, .skip = skip, .max = max };
  int32_t n;
  mt_batch_clear (batch);
  batch->event = calloc (max, sizeof *batch->event);
  if (!batch->event)
    return -ENOMEM;
  mt_text_add (&batch->text, "[", 1);
  n = mt->store->read (mt->usage, after, max, record_take, &r);
  record_read_free (&r.read);
  if (n < 0)
    return n;
  mt_text_add (&batch->text, "]", 1);
  return batch->text.failed ? -ENOMEM : (int32_t)batch->count;
}
