/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* An operation replaces none before it, so that a batch can be cut: a second put of a key
 * follows the first one, and is merged with it when all is written. */
#include "plugins/billing-stripe/batch.h"
#include "plugins/billing-stripe/projection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct batch *
batch_create (struct billing *b)
{
  struct batch *batch = malloc (sizeof *batch); /* 256 KiB, of which most is seldom touched */
  if (!batch)
    return NULL;
  batch->billing = b;
  batch->ops = batch->skips = batch->touches = 0;
  batch->error = batch->all = 0;
  batch->value = NULL;
  batch->got.bucket = NULL;
  batch->refetch = NULL;
  batch->freed = (struct texts){ 0 };
  return batch;
}

void
batch_truncate (struct batch *batch, uint32_t ops)
{
  while (batch->ops > ops) {
    struct kg_op *op = &batch->op[--batch->ops];
    free ((char *) (uintptr_t) op->key.ptr);
    free ((char *) (uintptr_t) op->value.ptr);
  }
}

void
batch_reset (struct batch *batch)
{
  batch_truncate (batch, 0);
  while (batch->touches)
    free (batch->touched[--batch->touches]);
  texts_free (&batch->freed);
  batch->got.bucket = NULL;
  batch->error = batch->all = 0;
}

void
batch_touch (struct batch *batch, const char *tenant)
{
  char *copy = tenant && batch->touches < BATCH_TOUCH ? strdup (tenant) : NULL;
  if (copy)
    batch->touched[batch->touches++] = copy;
  else
    batch->all = 1;
}

void
batch_destroy (struct batch *batch)
{
  if (!batch)
    return;
  batch_reset (batch);
  free (batch->value);
  free (batch);
}

static char *
copy (struct batch *batch, kg_str s)
{
  char *p = malloc (s.len + 1);
  if (!p) {
    batch->error = -ENOMEM;
    return NULL;
  }
  memcpy (p, s.len ? s.ptr : "", s.len);
  p[s.len] = 0;
  return p;
}

static int32_t
str_is (kg_str s, const char *text)
{
  return s.len == strlen (text) && !memcmp (s.ptr, text, s.len);
}

/* The newest operation on the key that the batch has, or NULL. */
static struct kg_op *
op_find (struct batch *batch, kg_bucket *bucket, const char *key)
{
  for (uint32_t i = batch->ops; i-- > 0;)
    if (batch->op[i].bucket == bucket && bucket && str_is (batch->op[i].key, key))
      return &batch->op[i];
  return NULL;
}

static void
got_note (struct batch *batch, kg_bucket *bucket, const char *key, uint64_t revision)
{
  batch->got.bucket = bucket;
  batch->got.revision = revision;
  TEXT_PUT (batch->got.key, key);
}

kg_str
batch_get (struct batch *batch, kg_bucket *bucket, const char *key)
{
  struct kg_entry entry = { .size = sizeof entry };
  const struct kg_op *op = op_find (batch, bucket, key);
  kg_str none = { NULL, 0 }, value;
  int32_t rc;
  if (op && op->kind == KG_OP_DELETE)
    return none;
  rc = op ? 0 : batch->billing->store->get (bucket, (kg_str){ key, strlen (key) }, &entry);
  if (rc < 0 && rc != -ENOENT)
    batch->error = rc;
  if (!op)
    got_note (batch, bucket, key, rc == 0 ? entry.revision : KG_REV_NEW);
  if (rc < 0)
    return none;
  value = op ? op->value : entry.value;
  free (batch->value);
  batch->value = copy (batch, value);
  return batch->value ? (kg_str){ batch->value, value.len } : none;
}

/* The revision that must be there for the first operation on a key: that of the value which was
 * just read, so that nobody's change since then is lost. */
static uint64_t
revision_of (struct batch *batch, kg_bucket *bucket, const char *key)
{
  struct kg_entry entry = { .size = sizeof entry };
  int32_t rc;
  if (batch->got.bucket == bucket && !strcmp (batch->got.key, key))
    return batch->got.revision;
  rc = batch->billing->store->get (bucket, (kg_str){ key, strlen (key) }, &entry);
  if (rc < 0 && rc != -ENOENT)
    batch->error = rc;
  return rc == 0 ? entry.revision : KG_REV_NEW;
}

static void
op_add (struct batch *batch, struct kg_op op, const char *key, kg_str value)
{
  char *k = copy (batch, (kg_str){ key, strlen (key) }), *v = copy (batch, value);
  if (batch->ops == BATCH_OPS)
    batch->error = -E2BIG;
  if (!k || !v || batch->error) {
    free (k);
    free (v);
    return;
  }
  op.key = (kg_str){ k, strlen (key) };
  op.value = (kg_str){ v, value.len };
  batch->op[batch->ops++] = op;
}

/* Value and revision of one moment. */
kg_str
batch_hold (struct batch *batch, kg_bucket *bucket, const char *key)
{
  struct kg_entry entry = { .size = sizeof entry };
  struct kg_op op = { .kind = KG_OP_PUT, .bucket = bucket, .revision = KG_REV_NEW };
  int32_t rc = batch->billing->store->get (bucket, (kg_str){ key, strlen (key) }, &entry);
  if (rc < 0 && rc != -ENOENT)
    batch->error = rc;
  if (rc == 0)
    op.revision = entry.revision;
  op_add (batch, op, key, rc == 0 ? entry.value : (kg_str){ "", 0 });
  return batch->error ? (kg_str){ NULL, 0 } : batch->op[batch->ops - 1].value;
}

static void
bucket_add (struct batch *batch, uint32_t kind, kg_bucket *bucket, const char *key, kg_str value)
{
  struct kg_op op = { .kind = kind, .bucket = bucket };
  const struct kg_op *old = op_find (batch, bucket, key);
  op.revision = old ? old->revision : revision_of (batch, bucket, key);
  op_add (batch, op, key, value);
}

void
batch_put (struct batch *batch, kg_bucket *bucket, const char *key, kg_str value)
{
  bucket_add (batch, KG_OP_PUT, bucket, key, value);
}

void
batch_delete (struct batch *batch, kg_bucket *bucket, const char *key)
{
  bucket_add (batch, KG_OP_DELETE, bucket, key, (kg_str){ "", 0 });
}

void
batch_note (struct batch *batch, kg_bucket *bucket, const char *key, kg_str value)
{
  op_add (batch, (struct kg_op){ .kind = KG_OP_PUT, .bucket = bucket, .revision = KG_REV_ANY }, key,
          value);
}

void
batch_append (struct batch *batch, kg_log *log, const char *id, kg_str value)
{
  struct kg_op op = { .kind = KG_OP_APPEND, .log = log };
  for (uint32_t i = 0; i < batch->skips; i++)
    if (!strcmp (batch->skip[i], id))
      return;
  for (uint32_t i = 0; i < batch->ops; i++)
    if (batch->op[i].log == log && str_is (batch->op[i].key, id))
      return;
  op_add (batch, op, id, value);
}

void
batch_ack (struct batch *batch, kg_cursor *cursor, uint64_t sequence)
{
  struct kg_op op = { .kind = KG_OP_ACK, .cursor = cursor, .revision = sequence };
  op_add (batch, op, "", (kg_str){ "", 0 });
}

/* Of several operations on a key the last one counts; and what was never there need not be
 * taken away. */
static void
batch_merge (struct batch *batch)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < batch->ops; i++) {
    struct kg_op op = batch->op[i];
    int32_t later = op.bucket && op_find (batch, op.bucket, op.key.ptr) != &batch->op[i];
    if (later || (op.kind == KG_OP_DELETE && op.revision == KG_REV_NEW)) {
      free ((char *) (uintptr_t) op.key.ptr);
      free ((char *) (uintptr_t) op.value.ptr);
      batch->op[i] = (struct kg_op){ 0 };
    }
  }
  for (uint32_t i = 0; i < batch->ops; i++)
    if (batch->op[i].kind)
      batch->op[n++] = batch->op[i];
  batch->ops = n;
}

int32_t
batch_write (struct batch *batch, void (*done) (const struct kg_outcome *, void *), void *arg)
{
  const struct billing *b = batch->billing;
  if (batch->error)
    return batch->error;
  batch_merge (batch);
  if (!batch->ops) {
    done (&(struct kg_outcome){ .size = sizeof (struct kg_outcome) }, arg);
    return 0;
  }
  return b->store->write (b->self, batch->op, batch->ops, sizeof batch->op[0], done, arg);
}

int32_t
batch_skip (struct batch *batch, uint32_t i)
{
  const struct kg_op *op = &batch->op[i];
  int32_t rc = -ESTALE;
  if (i < batch->ops && op->kind == KG_OP_APPEND && op->key.len < BATCH_ID
      && batch->skips < BATCH_SKIPS) {
    memcpy (batch->skip[batch->skips], op->key.ptr, op->key.len);
    batch->skip[batch->skips++][op->key.len] = 0;
    rc = 0;
  }
  batch_reset (batch);
  return rc;
}
