/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From records to cells of minutes. */
#ifndef METERING_FOLD_H
#define METERING_FOLD_H

#include "plugins/metering-openmeter/cells.h"
#include "plugins/metering-openmeter/meters.h"
#include "plugins/metering-openmeter/record_read.h"

#include <kgent/store.h>

#define FOLD_TEXT_MAX 1024 /* bytes of a text, beyond which its hash stands for it */
#define FOLD_BYTES_MAX 8388608 /* of subjects and groups, where there is a `cells_max` */

/* Why something wasn't counted. */
enum fold_loss {
  FOLD_BROKEN, /* a record that is none */
  FOLD_VALUE,  /* an event without the meter's value, or with one that is no number */
  FOLD_RANGE,  /* a number, or a sum, beyond what there is room for */
  FOLD_LOSSES
};

struct fold {
  const struct meters *meters;
  uint64_t mask;     /* bit i: meter i is wanted */
  kg_str subject;    /* only this one's events; ptr NULL: everybody's */
  uint32_t cells_max; /* stop behind the event with which there are so many, or many bytes;
                        0: never */
  struct cells cells;
  uint64_t lost[FOLD_LOSSES];
  struct record_read read;
  char *scratch; /* for texts of one event */
  size_t scratch_cap;
};

/* Counts the record's events from number `skip` on.  Returns 0 when all were; the
 * number of the next one when `cells_max` is reached before; -ENOMEM. */
int32_t fold_record (struct fold *f, const struct kg_record *record, uint32_t skip);

/* Whether no more is to be counted. */
static inline int32_t
fold_full (const struct fold *f)
{
  return f->cells_max && (f->cells.count >= f->cells_max || f->cells.bytes >= FOLD_BYTES_MAX);
}

void fold_free (struct fold *f);

/* What one event adds for a meter of SUM or COUNT: 0, or why it adds nothing: -ENOENT,
 * -EINVAL, -ERANGE. */
int32_t fold_quantity (const struct record_read *r, const struct record_event *e,
                       const struct meter *m, decimal *ret);

#endif
