/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A ledger and a store for the way of usage to Stripe: a table that keeps what is written, with
 * revisions as the host's has them. */
#ifndef TESTS_FUZZ_USAGE_STUB_H
#define TESTS_FUZZ_USAGE_STUB_H

#include "plugins/billing-stripe/engine.h"
#include "plugins/billing-stripe/usage.h"
#include "tests/fuzz/billing-stub.h"

#define ENTRIES 1024 /* more than an input can make */
#define RECORDS 32

static struct entry {
  char key[USAGE_KEY], value[2048];
  uint64_t revision; /* 0: none */
} table[ENTRIES];
static uint32_t used; /* places in it */
static uint64_t revisions, position;
static struct kg_record record[RECORDS];
static uint32_t records, at_once;
static int64_t outcomes[USAGE_OUTCOMES];
static kg_bucket *const parts = (kg_bucket *) table;

static inline struct entry *
entry_find (kg_str key)
{
  struct entry *spare = NULL;
  for (uint32_t i = 0; i < used; i++)
    if (table[i].revision && strlen (table[i].key) == key.len
        && !memcmp (table[i].key, key.ptr, key.len))
      return &table[i];
    else if (!table[i].revision)
      spare = &table[i];
  spare = spare ? spare : &table[used++];
  must (used < ENTRIES && key.len < USAGE_KEY);
  memcpy (spare->key, key.ptr, key.len);
  spare->key[key.len] = 0;
  spare->revision = 0;
  return spare;
}

static inline int32_t
table_get (kg_bucket *bucket, kg_str key, struct kg_entry *ret)
{
  static const char customer[] = "{\"customer\":\"cus_1\"}";
  struct entry *e;
  if (bucket != parts) {
    ret->value = (kg_str){ customer, sizeof customer - 1 };
    return bucket && key.ptr[0] != 'x' ? 0 : -ENOENT; /* of payers; nobody is another's */
  }
  e = entry_find (key);
  ret->revision = e->revision;
  ret->value = (kg_str){ e->value, strlen (e->value) };
  return e->revision ? 0 : -ENOENT;
}

static inline int32_t
table_scan_after (kg_bucket *bucket, kg_str prefix, kg_str after,
                  int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg)
{
  int32_t rc = 0;
  if (bucket != parts) /* of objects: nothing is known of anybody */
    return 0;
  for (uint32_t i = 0; i < used && !rc; i++)
    if (table[i].revision && !strncmp (table[i].key, prefix.ptr, prefix.len)
        && strcmp (table[i].key, after.ptr) > 0) {
      struct kg_entry e = { .size = sizeof e, .revision = table[i].revision,
                            .key = { table[i].key, strlen (table[i].key) },
                            .value = { table[i].value, strlen (table[i].value) } };
      rc = fn (&e, arg);
    }
  return rc;
}

static inline int32_t
table_scan (kg_bucket *bucket, kg_str prefix,
            int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg)
{
  return table_scan_after (bucket, prefix, (kg_str){ "", 0 }, fn, arg);
}

static inline void
op_apply (const struct kg_op *op)
{
  struct entry *e;
  if (op->kind == KG_OP_ACK) {
    position = op->revision;
    return;
  }
  e = entry_find (op->key);
  must (op->bucket == parts && (op->revision == KG_REV_ANY || op->revision == e->revision));
  e->revision = op->kind == KG_OP_PUT ? ++revisions : 0;
  must (op->value.len < sizeof e->value);
  memcpy (e->value, op->value.len ? op->value.ptr : "", op->value.len);
  e->value[op->value.len] = 0;
}

static inline int32_t
table_write (kg_self *self, const struct kg_op *ops, uint32_t nops, uint32_t op_size,
             void (*done) (const struct kg_outcome *outcome, void *arg), void *arg)
{
  must (op_size == sizeof *ops);
  for (uint32_t i = 0; i < nops; i++)
    op_apply (&ops[i]);
  return stub_write (self, ops, nops, op_size, done, arg);
}

static inline int32_t
records_read (kg_log *log, uint64_t after, uint32_t max,
              int32_t (*fn) (const struct kg_record *record, void *arg), void *arg)
{
  int32_t n = 0;
  (void) log;
  for (uint64_t i = after; i < records && (uint32_t) n < max && (uint32_t) n < at_once; i++) {
    int32_t rc = fn (&record[i], arg);
    n++;
    if (rc)
      return rc < 0 ? rc : n;
  }
  return n;
}

static inline uint64_t
position_get (kg_cursor *cursor)
{
  (void) cursor;
  return position;
}

static inline void
outcome_count (kg_metric *m, uint32_t index, uint64_t n)
{
  if (m)
    outcomes[index] += (int64_t) n;
}

/* Entries whose keys begin so. */
static inline uint32_t
table_count (const char *kind)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < used; i++)
    n += table[i].revision && !strncmp (table[i].key, kind, strlen (kind));
  return n;
}

/* An export over them, of a billing of stubs; both are the caller's. */
static inline void
stub_usage (struct billing *b, struct usage *u)
{
  static const struct kg_store store
      = { .size = sizeof store, .get = table_get, .scan = table_scan,
          .scan_after = table_scan_after, .write = table_write, .read = records_read,
          .position = position_get };
  static const struct kg_metrics metrics = { .size = sizeof metrics, .add = outcome_count };
  b->store = &store;
  b->metrics = &metrics;
  static struct engine engine;
  b->payers = (kg_bucket *) record;
  b->engine = &engine;
  engine.billing = b;
  *u = (struct usage){ .billing = b, .bucket = parts, .outcomes = (kg_metric *) outcomes,
                       .lock = PTHREAD_MUTEX_INITIALIZER };
}

#endif
