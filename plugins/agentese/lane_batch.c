/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What changes of one node write: each what it wants, in a batch, and the batch in one
 * write.  When that fails, who caused it is told alone, and the others try again. */
#include "plugins/agentese/lane_parts.h"
#include "plugins/agentese/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_CHANGES 256
#define BATCH_BYTES (2 << 20) /* more is in the next one */

static void batch_write (struct ag_batch *b);

/* ---- Memory ----------------------------------------------------------------------- */

void
ag_batch_drop (struct ag_batch *b, struct ag_batch **heap)
{
  if (!b || --b->users)
    return;
  b->heap = *heap;
  *heap = b;
}

void
ag_batches_free (struct ag_batch *heap)
{
  struct ag_batch *b;
  struct parcel *p;
  while ((b = heap)) {
    heap = b->heap;
    while ((p = b->newest)) {
      b->newest = p->older;
      free (p);
    }
    free (b);
  }
}

int32_t
ag_batch_full (const struct ag_batch *b)
{
  return b->changes >= BATCH_CHANGES || b->bytes >= BATCH_BYTES;
}

/* ---- What those before have written ------------------------------------------------ */

static const struct kg_op *
batch_find (const struct ag_batch *b, kg_bucket *bucket, kg_str key)
{
  const struct parcel *p;
  uint32_t i;
  for (p = b ? b->newest : NULL; p; p = p->older)
    for (i = p->nops; i--;)
      if (p->ops[i].bucket == bucket && p->ops[i].key.len == key.len
          && !memcmp (p->ops[i].key.ptr, key.ptr, key.len))
        return &p->ops[i];
  return NULL;
}

int32_t
ag_lane_get (const struct ag_turn *turn, kg_bucket *bucket, kg_str key, struct kg_entry *ret)
{
  const struct kg_op *op = batch_find (turn->next, bucket, key);
  if (!op)
    op = batch_find (turn->flight, bucket, key);
  if (!op)
    return 0;
  if (op->kind == KG_OP_DELETE)
    return -ENOENT;
  ret->key = op->key;
  ret->value = op->value;
  ret->revision = 1; /* its own is not known yet */
  return 1;
}

/* ---- Batches ----------------------------------------------------------------------- */

static kg_str
copy (char **at, kg_str text)
{
  kg_str s = { *at, text.len };
  if (text.len)
    memcpy (*at, text.ptr, text.len);
  *at += text.len;
  return s;
}

static struct parcel *
parcel_make (const struct ag_attempt *a, struct waiter *w, size_t *ret_size)
{
  size_t size = sizeof (struct parcel) + a->nops * sizeof *a->ops;
  struct parcel *p;
  char *at;
  uint32_t i;
  for (i = 0; i < a->nops; i++)
    size += a->ops[i].key.len + a->ops[i].value.len;
  p = malloc (size);
  if (!p)
    return NULL;
  *ret_size = size;
  *p = (struct parcel){ .waiter = w, .nops = a->nops };
  at = (char *)&p->ops[a->nops];
  for (i = 0; i < a->nops; i++) {
    p->ops[i] = a->ops[i];
    p->ops[i].key = copy (&at, a->ops[i].key);
    p->ops[i].value = copy (&at, a->ops[i].value);
  }
  return p;
}

static struct ag_batch *
batch_make (struct ag_lane *lane)
{
  struct ag_batch *b = calloc (1, sizeof *b);
  if (b) {
    b->lane = lane;
    b->users = 1;
    b->last = &b->first;
  }
  return b;
}

static void
batch_add (struct ag_batch *b, struct parcel *p, size_t size)
{
  p->older = b->newest;
  b->newest = p;
  *b->last = p->waiter;
  b->last = &p->waiter->next;
  b->changes++;
  b->nops += p->nops - 2;
  b->bytes += size;
}

static int32_t
resumed (kg_req *req, void *arg)
{
  struct waiter *w = arg;
  struct ag_change *ch = w->change;
  int32_t (*then) (struct ag_change *, int32_t, uint32_t) = w->written, error = w->error;
  uint32_t op = w->op;
  (void)req;
  free (w);
  return then (ch, error, op);
}

/* Tells all in a chain; `tenant` is whose reservations they held. */
static void
waiters_resume (struct waiter *w, const char *tenant)
{
  struct waiter *next;
  for (; w; w = next) {
    next = w->next;
    ag_quota_release (w->ag, tenant, w->nodes, w->bytes);
    w->ag->host->resume (w->ticket, resumed, w, free);
  }
}

/* Notes for each what came of it: who caused the failure gets it alone, if one did; those
 * that only went with it try again. */
static void
batch_blame (struct ag_batch *b, int32_t error, const struct parcel *culprit, uint32_t op)
{
  struct waiter *w;
  for (w = b->first; w; w = w->next) {
    w->error = culprit ? -ESTALE : error;
    w->op = AG_OP_NODE;
  }
  if (culprit) {
    culprit->waiter->error = error;
    culprit->waiter->op = op;
  }
}

/* The parcel whose operation had that number in the write, and its number there; NULL: it
 * is one of the last two. */
static const struct parcel *
batch_culprit (const struct ag_batch *b, uint32_t op, uint32_t *ret)
{
  const struct parcel *p;
  uint32_t end = b->nops;
  if (op >= end)
    return NULL;
  for (p = b->newest; op < end - (p->nops - 2); p = p->older)
    end -= p->nops - 2;
  *ret = op - (end - (p->nops - 2));
  return p;
}

static const struct kg_op *
node_op (const struct ag_batch *b)
{
  return &b->newest->ops[b->newest->nops - 1];
}

/* Takes the batch out of its lane, the next one in; what was prepared on top of what failed
 * is in *ret_doomed.  The lock is held. */
static struct ag_batch *
batch_land (struct ag_batch *b, const struct kg_outcome *outcome, struct ag_batch **ret_doomed)
{
  struct ag_lane *lane = b->lane;
  struct ag_batch *next = lane->next;
  lane->next = NULL;
  lane->flight = NULL;
  if (outcome->error) {
    lane->failures++;
    *ret_doomed = next;
    return NULL;
  }
  /* The node's: it was put last, or is not there any more. */
  lane->revision = node_op (b)->kind == KG_OP_PUT ? outcome->revision : KG_REV_NEW;
  lane->flight = next;
  if (next)
    next->revision = lane->revision;
  return next;
}

/* [any] A write has ended. */
static void
batch_written (const struct kg_outcome *outcome, void *arg)
{
  struct ag_batch *b = arg, *doomed = NULL, *next, *heap = NULL;
  struct ag_lane *lane = b->lane;
  struct stripe *stripe = lane->stripe;
  struct waiter *first = b->first, *second = NULL;
  const struct parcel *culprit;
  struct place *p;
  uint32_t op = 0;
  char tenant[KG_KEY_MAX + 1];
  memcpy (tenant, lane->key + lane->key_len, lane->tenant_len + 1);
  culprit = outcome->error == -ESTALE || outcome->error == -EEXIST
                ? batch_culprit (b, outcome->op, &op)
                : NULL;
  batch_blame (b, outcome->error, culprit, op);
  pthread_mutex_lock (&stripe->lock);
  next = batch_land (b, outcome, &doomed);
  if (doomed) {
    batch_blame (doomed, -ESTALE, NULL, 0);
    second = doomed->first;
  }
  ag_batch_drop (b, &heap);
  ag_batch_drop (doomed, &heap);
  p = ag_lane_settle (lane);
  pthread_mutex_unlock (&stripe->lock);
  ag_batches_free (heap);
  if (next)
    batch_write (next);
  waiters_resume (first, tenant);
  waiters_resume (second, tenant);
  ag_place_grant (p);
}

/* What all of them want, in their order, and what the last of them made of the node and its
 * history. */
static void
batch_ops (const struct ag_batch *b, struct kg_op *ops)
{
  const struct parcel *p;
  uint32_t end = b->nops;
  for (p = b->newest; p; p = p->older) {
    end -= p->nops - 2;
    memcpy (ops + end, p->ops, (p->nops - 2) * sizeof *ops);
  }
  memcpy (ops + b->nops, b->newest->ops + b->newest->nops - 2, 2 * sizeof *ops);
  ops[b->nops + 1].revision = b->revision;
}

/* [any] Begins to write a batch that is its lane's flight: nobody adds to it any more. */
static void
batch_write (struct ag_batch *b)
{
  struct ag *ag = b->lane->ag;
  struct kg_outcome refused = { .size = sizeof refused, .error = -ENOMEM };
  struct kg_op *ops = malloc ((b->nops + 2) * sizeof *ops);
  if (ops) {
    batch_ops (b, ops);
    refused.error = ag->store->write (ag->self, ops, b->nops + 2, sizeof *ops, batch_written, b);
    free (ops);
  }
  if (refused.error < 0)
    batch_written (&refused, b);
}

/* ---- The end of a turn ---------------------------------------------------------------- */

static struct waiter *
waiter_make (struct ag_change *ch, const struct ag_attempt *a,
             int32_t (*written) (struct ag_change *, int32_t, uint32_t))
{
  struct waiter *w = malloc (sizeof *w);
  if (!w)
    return NULL;
  *w = (struct waiter){ .ag = ch->call->ag, .change = ch, .written = written,
                        .nodes = a->nodes, .bytes = a->bytes };
  w->ticket = w->ag->host->suspend (ch->call->req, NULL, NULL);
  if (w->ticket)
    return w;
  free (w);
  return NULL;
}

/* The batch that the turn's change goes into; the lock is held.  NULL: what it was prepared
 * from is no more. */
static struct ag_batch *
batch_get (struct ag_turn *turn, uint64_t revision, struct ag_batch **spare)
{
  struct ag_lane *lane = turn->lane;
  if (turn->failures != lane->failures)
    return NULL;
  if (!lane->next) {
    lane->next = *spare;
    *spare = NULL;
    /* Behind a flight it is set when that has landed. */
    lane->next->revision = turn->flight || turn->next ? lane->revision : revision;
  }
  return lane->next;
}

/* What waits can be written now. */
static struct ag_batch *
lane_launch (struct ag_lane *lane)
{
  if (lane->flight || !lane->next)
    return NULL;
  lane->flight = lane->next;
  lane->next = NULL;
  return lane->flight;
}

static void
put (struct ag_change *ch, uint64_t revision, struct parcel *parcel, size_t size,
     struct ag_batch *spare)
{
  struct ag_turn *turn = &ch->turn;
  struct ag_lane *lane = turn->lane;
  struct stripe *stripe = lane->stripe;
  struct waiter *stale = NULL;
  struct ag_batch *b, *go, *heap = NULL;
  struct place *p;
  char tenant[KG_KEY_MAX + 1];
  memcpy (tenant, lane->key + lane->key_len, lane->tenant_len + 1);
  pthread_mutex_lock (&stripe->lock);
  b = batch_get (turn, revision, &spare);
  if (b)
    batch_add (b, parcel, size);
  else
    stale = parcel->waiter;
  ag_turn_drop (turn, &heap);
  go = lane_launch (lane);
  p = ag_lane_settle (lane);
  pthread_mutex_unlock (&stripe->lock);
  ag_batches_free (heap);
  free (spare);
  if (stale) {
    stale->error = -ESTALE;
    stale->op = AG_OP_NODE;
    free (parcel);
  }
  if (go)
    batch_write (go);
  waiters_resume (stale, tenant);
  ag_place_grant (p);
}

int32_t
ag_lane_put (struct ag_change *ch, const struct ag_attempt *a,
             int32_t (*written) (struct ag_change *change, int32_t error, uint32_t op))
{
  struct ag_call *c = ch->call;
  struct ag_batch *spare = batch_make (ch->turn.lane);
  struct waiter *w = spare ? waiter_make (ch, a, written) : NULL;
  size_t size = 0;
  struct parcel *parcel = w ? parcel_make (a, w, &size) : NULL;
  if (parcel) {
    put (ch, a->revision, parcel, size, spare);
    return KG_WAIT;
  }
  free (spare);
  ag_lane_leave (ch);
  if (w) { /* its ticket must be used */
    w->error = -ENOMEM;
    waiters_resume (w, c->who->tenant);
    return KG_WAIT;
  }
  ag_quota_release (c->ag, c->who->tenant, a->nodes, a->bytes);
  return -ENOMEM;
}
