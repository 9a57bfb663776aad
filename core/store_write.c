/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* `write`: checks and copies the operations, and queues them for the committer. */
#include "core/store_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPS_MAX 65536u
#define TTL_MS_MAX (int64_t) (100ll * 366 * 86400 * 1000)

static int
key_valid (kg_str key)
{
  return key.len >= 1 && key.len <= KG_KEY_MAX && key.ptr;
}

static int
op_valid (const struct store *s, const struct kg_op *op, int own)
{
  switch (op->kind) {
  case KG_OP_PUT:
    return op->bucket && op->bucket->magic == BUCKET_MAGIC && op->bucket->store == s
           && key_valid (op->key) && op->value.len <= KG_VALUE_MAX && op->ttl_ms >= 0
           && op->ttl_ms <= TTL_MS_MAX;
  case KG_OP_DELETE:
    return op->bucket && op->bucket->magic == BUCKET_MAGIC && op->bucket->store == s
           && key_valid (op->key);
  case KG_OP_APPEND:
    return op->log && op->log->magic == LOG_MAGIC && op->log->store == s
           && op->key.len <= KG_KEY_MAX && op->value.len <= KG_VALUE_MAX;
  case KG_OP_MARK:
    return op->log && op->log->magic == LOG_MAGIC && op->log->store == s && key_valid (op->key)
           && op->value.len <= KG_MARK_MAX && op->ttl_ms >= 0 && op->ttl_ms <= TTL_MS_MAX;
  case KG_OP_ACK:
    return op->cursor && op->cursor->magic == CURSOR_MAGIC && op->cursor->store == s;
  case STORE_OP_RECORD:
    return own && op->log->store == s && op->value.len <= RING_RECORD_MAX;
  default:
    return 0;
  }
}

/* The i-th of the caller's operations, whose structure may be older and shorter
 * than ours, or newer and longer. */
static struct kg_op
op_at (const struct kg_op *ops, uint32_t op_size, uint32_t i)
{
  struct kg_op op = { 0 };
  memcpy (&op, (const char *) ops + (size_t) i * op_size,
          op_size < sizeof op ? op_size : sizeof op);
  return op;
}

/* Checks all operations and adds up their memory; 0 when one is wrong. */
static size_t
ops_measure (const struct store *s, const struct kg_op *ops, uint32_t nops, uint32_t op_size,
             int own)
{
  size_t bytes = sizeof (struct store_write) + nops * sizeof (struct kg_op);
  if (!nops || nops > OPS_MAX || op_size < offsetof (struct kg_op, ttl_ms))
    return 0;
  for (uint32_t i = 0; i < nops; i++) {
    struct kg_op op = op_at (ops, op_size, i);
    if (!op_valid (s, &op, own))
      return 0;
    bytes += op.key.len + op.value.len;
  }
  return bytes;
}

static kg_str
str_copy (char **at, kg_str s)
{
  kg_str r = { *at, s.len };
  if (s.len)
    memcpy (*at, s.ptr, s.len);
  *at += s.len;
  return r;
}

static struct store_write *
write_create (const struct kg_op *ops, uint32_t nops, uint32_t op_size, size_t bytes)
{
  struct store_write *w = calloc (1, bytes + 1);
  char *at;
  if (!w)
    return NULL;
  at = (char *) &w->ops[nops];
  w->bytes = bytes;
  w->nops = nops;
  w->outcome.size = sizeof w->outcome;
  for (uint32_t i = 0; i < nops; i++) {
    w->ops[i] = op_at (ops, op_size, i);
    w->ops[i].key = str_copy (&at, w->ops[i].key);
    w->ops[i].value = str_copy (&at, w->ops[i].value);
  }
  return w;
}

static void
write_push (struct store *s, struct store_write *w)
{
  struct store_write *top = atomic_load_explicit (&s->writes, memory_order_relaxed);
  do
    w->next = top;
  while (!atomic_compare_exchange_weak_explicit (&s->writes, &top, w, memory_order_release,
                                                 memory_order_relaxed));
}

/* Tells the outcome and frees. */
void
store_write_end (struct store *s, struct store_write *w)
{
  atomic_fetch_sub (&s->pending, w->bytes);
  if (w->done)
    w->done (&w->outcome, w->arg);
  free (w);
}

/* `own`: the core's own operations are allowed. */
static int32_t
write_take (struct store *s, const struct kg_op *ops, uint32_t nops, uint32_t op_size, int own,
            struct store_write **ret)
{
  int32_t life = atomic_load_explicit (&s->life, memory_order_acquire);
  int32_t trouble = atomic_load_explicit (&s->trouble, memory_order_relaxed);
  size_t bytes;
  if (life != STORE_RUNNING)
    return life == STORE_OPEN ? -EAGAIN : -ESHUTDOWN;
  if (trouble)
    return store_told (trouble);
  bytes = ops_measure (s, ops, nops, op_size, own);
  if (!bytes)
    return -EINVAL;
  if (atomic_fetch_add (&s->pending, bytes) + bytes > STORE_PENDING_MAX) {
    atomic_fetch_sub (&s->pending, bytes);
    return -EAGAIN;
  }
  *ret = write_create (ops, nops, op_size, bytes);
  if (*ret)
    return 0;
  atomic_fetch_sub (&s->pending, bytes);
  return -ENOMEM;
}

static void
write_queue (struct store *s, struct store_write *w,
             void (*done) (const struct kg_outcome *, void *), void *arg)
{
  w->done = done;
  w->arg = arg;
  write_push (s, w);
  committer_wake (s);
}

int32_t
store_write (kg_self *self, const struct kg_op *ops, uint32_t nops, uint32_t op_size,
             void (*done) (const struct kg_outcome *, void *), void *arg)
{
  struct store *s = self->host->store;
  struct store_write *w;
  int32_t r = write_take (s, ops, nops, op_size, 0, &w);
  if (!r)
    write_queue (s, w, done, arg);
  return r;
}

int32_t
store_write_own (struct store *s, const struct kg_op *ops, uint32_t nops,
                 void (*done) (const struct kg_outcome *, void *), void *arg)
{
  struct store_write *w;
  int32_t r = write_take (s, ops, nops, sizeof *ops, 1, &w);
  if (!r)
    write_queue (s, w, done, arg);
  return r;
}
