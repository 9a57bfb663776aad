/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Operations that are written together, and read as if they were written already. */
#ifndef BILLING_BATCH_H
#define BILLING_BATCH_H

#include "plugins/billing-stripe/billing.h"
#include "plugins/billing-stripe/texts.h"

#define BATCH_OPS   2048
#define BATCH_SKIPS 128
#define BATCH_TOUCH 256
#define BATCH_ID    272 /* bytes of an id that is skipped, with its NUL */

struct refetch;

struct batch {
  struct billing *billing;
  struct kg_op op[BATCH_OPS]; /* keys and values are the batch's */
  uint32_t ops;
  int32_t error; /* the first: -ENOMEM, -E2BIG */
  char *value;   /* what batch_get found */
  struct {
    kg_bucket *bucket;
    char key[KG_KEY_MAX + 1];
    uint64_t revision;
  } got;         /* what batch_get read last of the store */
  char skip[BATCH_SKIPS][BATCH_ID]; /* ids that the log has already; kept by batch_reset */
  uint32_t skips;
  char *touched[BATCH_TOUCH]; /* tenants to look at once it is written */
  uint32_t touches;
  int32_t all;                /* 1: look at all of them */
  const struct refetch *refetch; /* what was read for the events, or NULL */
  struct texts freed;         /* customers whose tenants are known now */
};

/* NULL without memory. */
struct batch *batch_create (struct billing *b);

/* Accepts NULL. */
void batch_destroy (struct batch *batch);

/* What a key of the bucket holds, the batch's own operations included, NUL-terminated
 * and valid until the next call; { NULL, 0 } when there is none. */
kg_str batch_get (struct batch *batch, kg_bucket *bucket, const char *key);

/* The same, and the write fails with -ESTALE when anybody changes it until then; what is there
 * stays, unless it is put.  To be asked first, before anything else is read. */
kg_str batch_hold (struct batch *batch, kg_bucket *bucket, const char *key);

/* Puts a value where that was which batch_get would find, or takes it away.  Right behind the
 * batch_get of the key the write fails with -ESTALE when anybody has changed it since. */
void batch_put (struct batch *batch, kg_bucket *bucket, const char *key, kg_str value);
void batch_delete (struct batch *batch, kg_bucket *bucket, const char *key);

/* Puts a value whatever is there, which is not read. */
void batch_note (struct batch *batch, kg_bucket *bucket, const char *key, kg_str value);

/* Appends under an id; once for each id, and not those that are skipped. */
void batch_append (struct batch *batch, kg_log *log, const char *id, kg_str value);

void batch_ack (struct batch *batch, kg_cursor *cursor, uint64_t sequence);

/* Begins again. */
void batch_reset (struct batch *batch);

/* A write failed since the log has the id of that operation: begins again without it.  0,
 * or -ESTALE when it was no such operation. */
int32_t batch_skip (struct batch *batch, uint32_t op);

/* Notes a tenant to be looked at; NULL: all. */
void batch_touch (struct batch *batch, const char *tenant);

/* Goes back to so many operations: what came later is forgotten. */
void batch_truncate (struct batch *batch, uint32_t ops);

/* Writes all; the batch is still the caller's.  0 or -errno; then `done` isn't called. */
int32_t batch_write (struct batch *batch,
                     void (*done) (const struct kg_outcome *outcome, void *arg), void *arg);

#endif
