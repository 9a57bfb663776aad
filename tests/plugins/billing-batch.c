/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A batch beside others that write: what was read and then changed by somebody is not put. */
#include "plugins/billing-stripe/batch.h"
#include "tests/fuzz/billing-stub.h"
#include "tests/unit.h"

static kg_bucket *const bucket = (kg_bucket *) &stub_store;
static uint64_t revision;  /* of the one key that there is, 0: it isn't there */
static uint64_t changed;   /* what it is once it was read, 0: as it was */
static struct kg_op written[4];
static uint32_t nwritten;

static int32_t
one_get (kg_bucket *b, kg_str key, struct kg_entry *ret)
{
  uint64_t there = key.len == 1 && *key.ptr == 'k' ? revision : 0;
  (void) b;
  if (!there)
    return -ENOENT;
  revision = changed ? changed : revision;
  ret->revision = there;
  ret->value = (kg_str){ "{}", 2 };
  return 0;
}

static int32_t
ops_keep (kg_self *self, const struct kg_op *ops, uint32_t nops, uint32_t op_size,
          void (*done) (const struct kg_outcome *outcome, void *arg), void *arg)
{
  (void) self, (void) op_size, (void) done, (void) arg;
  ck_assert_uint_le (nops, 4);
  memcpy (written, ops, nops * sizeof *ops);
  nwritten = nops;
  return 0;
}

static struct batch *
begin (void)
{
  static const struct kg_store store
      = { .size = sizeof store, .get = one_get, .write = ops_keep };
  static struct billing_conf conf;
  static struct billing billing;
  billing = stub_billing (&conf);
  billing.store = &store;
  revision = 5;
  changed = 0;
  return batch_create (&billing);
}

static void
write_of (struct batch *batch)
{
  ck_assert_int_eq (batch_write (batch, NULL, NULL), 0);
}

/* Whoever is faster wins, and the batch is made anew. */
START_TEST (of_what_was_read)
{
  struct batch *batch = begin ();
  changed = 6;
  ck_assert_uint_eq (batch_get (batch, bucket, "k").len, 2);
  batch_put (batch, bucket, "k", (kg_str){ "1", 1 });
  ck_assert_uint_eq (batch_get (batch, bucket, "k").len, 1);
  batch_put (batch, bucket, "k", (kg_str){ "12", 2 });
  write_of (batch);
  ck_assert_uint_eq (nwritten, 1);
  ck_assert_uint_eq (written[0].revision, 5);
  ck_assert_uint_eq (written[0].value.len, 2);
  batch_reset (batch);
  batch_put (batch, bucket, "k", (kg_str){ "1", 1 });
  write_of (batch);
  ck_assert_uint_eq (written[0].revision, 6);
  batch_destroy (batch);
}
END_TEST

/* It was not there when it was looked for; and what another key has is no matter. */
START_TEST (of_what_was_missing)
{
  struct batch *batch = begin ();
  revision = 0;
  ck_assert_ptr_null (batch_get (batch, bucket, "k").ptr);
  revision = 7;
  batch_delete (batch, bucket, "k"); /* what was never there need not be taken away */
  batch_put (batch, bucket, "k", (kg_str){ "1", 1 });
  ck_assert_ptr_null (batch_get (batch, bucket, "other").ptr);
  batch_put (batch, bucket, "more", (kg_str){ "1", 1 });
  write_of (batch);
  ck_assert_uint_eq (nwritten, 2);
  ck_assert_uint_eq (written[0].revision, KG_REV_NEW);
  ck_assert_uint_eq (written[1].revision, KG_REV_NEW);
  batch_destroy (batch);
}
END_TEST

UNIT_MAIN ("billing-batch", of_what_was_read, of_what_was_missing)
