/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.store/1 in memory: changing.  A write is checked as a whole against what was
 * there before it, so two conditional changes of one key in one write aren't seen. */
#include "fake-store-internal.h"

#include <errno.h>
#include <string.h>

static struct fake_store *
store_of (const struct fake *fake)
{
  return fake_state_of (fake)->store;
}

static kg_str
str_copy (struct fake_store *s, kg_str v)
{
  kg_str c = { fake_pool_copy (&s->pool, v.ptr, v.len), v.len };
  return c;
}

static int
fail_take (struct fake_store *s)
{
  if (!s->failures)
    return 0;
  if (s->failures > 0)
    s->failures--;
  return s->fail;
}

/* Why the operation cannot be done, or 0. */
static int
op_check (struct fake_store *s, const struct kg_op *op)
{
  struct entry *e;
  if (op->kind == KG_OP_APPEND) {
    for (struct record *r = op->log->first; r && op->key.len; r = r->next)
      if (r->pub.id.len && !fake_str_cmp (r->pub.id, op->key))
        return -EEXIST;
    return 0;
  }
  if (op->kind == KG_OP_MARK)
    return fake_mark_find (op->log, op->key) ? -EEXIST : 0;
  if (op->kind == KG_OP_ACK || op->revision == KG_REV_ANY)
    return 0;
  (void)s;
  e = fake_entry_find (op->bucket, op->key);
  if (op->revision == KG_REV_NEW)
    return e ? -EEXIST : 0;
  return e && e->pub.revision == op->revision ? 0 : -ESTALE;
}

void
fake_put_apply (struct fake_store *s, const struct kg_op *op)
{
  struct entry **at = fake_entry_at (op->bucket, op->key), *e = *at;
  if (!e || fake_str_cmp (e->pub.key, op->key)) {
    e = fake_pool_alloc (&s->pool, sizeof *e);
    e->pub.size = sizeof e->pub;
    e->pub.key = str_copy (s, op->key);
    e->next = *at;
    *at = e;
  }
  e->pub.value = str_copy (s, op->value);
  e->pub.revision = ++s->revision;
  e->pub.changed_ns = fake_now (s->fake);
  e->pub.expires_ns = op->ttl_ms ? e->pub.changed_ns + op->ttl_ms * 1000000 : 0;
  fake_watches_tell (op->bucket, &e->pub);
}

void
fake_entry_remove (struct fake_store *s, kg_bucket *b, kg_str key)
{
  struct entry **at = fake_entry_at (b, key), *e = *at;
  struct kg_entry gone;
  if (!e || fake_str_cmp (e->pub.key, key))
    return;
  gone = e->pub;
  gone.value.ptr = NULL;
  gone.value.len = 0;
  gone.revision = ++s->revision;
  *at = e->next;
  fake_watches_tell (b, &gone);
}

static void
append_apply (struct fake_store *s, kg_log *log, kg_str id, kg_str data)
{
  struct record *r = fake_pool_alloc (&s->pool, sizeof *r);
  r->pub.size = sizeof r->pub;
  r->pub.sequence = log->newest = ++s->sequence;
  r->pub.id = str_copy (s, id);
  r->pub.data = str_copy (s, data);
  r->pub.time_ns = fake_now (s->fake);
  *log->end = r;
  log->end = &r->next;
  log->grown = 1;
}

static void
mark_apply (struct fake_store *s, const struct kg_op *op)
{
  struct mark *m = fake_pool_alloc (&s->pool, sizeof *m);
  m->id = str_copy (s, op->key);
  m->value = str_copy (s, op->value);
  m->expires_ns = op->ttl_ms ? fake_now (s->fake) + op->ttl_ms * 1000000 : 0;
  m->next = op->log->marks;
  op->log->marks = m;
}

static void
op_apply (struct fake_store *s, const struct kg_op *op)
{
  if (op->kind == KG_OP_PUT)
    fake_put_apply (s, op);
  else if (op->kind == KG_OP_DELETE)
    fake_entry_remove (s, op->bucket, op->key);
  else if (op->kind == KG_OP_APPEND)
    append_apply (s, op->log, op->key, op->value);
  else if (op->kind == KG_OP_MARK)
    mark_apply (s, op);
  else if (op->kind == KG_OP_ACK && op->revision > op->cursor->position)
    op->cursor->position = op->revision;
}

static void
pending_commit (struct fake_store *s, struct pending *p)
{
  struct kg_outcome out
      = { .size = sizeof out, .error = s->dead ? -ESHUTDOWN : fail_take (s) };
  for (uint32_t i = 0; !out.error && i < p->nops; i++)
    if ((out.error = op_check (s, &p->ops[i])))
      out.op = i;
  for (uint32_t i = 0; !out.error && i < p->nops; i++) {
    op_apply (s, &p->ops[i]);
    if (p->ops[i].kind == KG_OP_PUT)
      out.revision = s->revision;
    if (p->ops[i].kind == KG_OP_APPEND)
      out.revision = s->sequence;
  }
  p->error = out.error;
  if (p->done)
    p->done (&out, p->arg);
}

static struct pending *
pending_add (struct fake_store *s, uint32_t nops)
{
  struct pending *p = fake_pool_alloc (&s->pool, sizeof *p);
  p->ops = fake_pool_alloc (&s->pool, nops * sizeof *p->ops + 1);
  p->nops = nops;
  *s->end = p;
  s->end = &p->next;
  return p;
}

int32_t
fake_store_write (kg_self *self, const struct kg_op *ops, uint32_t nops, uint32_t op_size,
                  void (*done) (const struct kg_outcome *outcome, void *arg), void *arg)
{
  struct fake_store *s = store_of (self->fake);
  struct pending *p;
  if (s->dead)
    return -ESHUTDOWN;
  if (s->failures && s->fail == -EAGAIN)
    return fail_take (s);
  p = pending_add (s, nops);
  for (uint32_t i = 0; i < nops; i++) {
    struct kg_op *op = &p->ops[i];
    memcpy (op, (const char *)ops + (size_t)i * op_size,
            op_size < sizeof *op ? op_size : sizeof *op);
    if (op->key.len > KG_KEY_MAX || op->value.len > KG_VALUE_MAX)
      fake_die ("kg.store/1 write: a key or value is too long");
    op->key = str_copy (s, op->key);
    op->value = str_copy (s, op->value);
  }
  p->done = done;
  p->arg = arg;
  return 0;
}

/* The request's continuation after a record that had to wait. */
static int32_t
recorded (kg_req *req, void *arg)
{
  (void)req;
  return ((struct pending *)arg)->error;
}

int32_t
fake_store_record (kg_log *log, kg_req *req, const void *data, size_t len, kg_str *ret_id)
{
  struct fake_store *s = log->store;
  const char *id = fake_pool_text (&req->pool, "fake-%u", ++s->fake->counter);
  kg_str value = { data, len };
  struct pending *p;
  int error;
  if (len > 16384)
    return -E2BIG;
  if (s->dead)
    return -ESHUTDOWN;
  if (!s->hold && (error = fail_take (s)))
    return error;
  if (ret_id)
    *ret_id = fake_str_of (id);
  if (!s->hold) {
    append_apply (s, log, fake_str_of (id), value);
    return KG_NEXT;
  }
  p = pending_add (s, 1);
  p->ops[0].kind = KG_OP_APPEND;
  p->ops[0].log = log;
  p->ops[0].key = str_copy (s, fake_str_of (id));
  p->ops[0].value = str_copy (s, value);
  p->ticket = fake_table.suspend (req, NULL, NULL);
  return p->ticket ? KG_WAIT : -ENOMEM;
}

/* ---- Turning ------------------------------------------------------------ */

static int
expired_sweep (struct fake_store *s)
{
  int n = 0;
  for (kg_bucket *b = s->buckets; b; b = b->next)
    for (struct entry *e = b->entries, *next; e; e = next) {
      next = e->next;
      if (e->pub.expires_ns && e->pub.expires_ns <= fake_now (s->fake) && ++n)
        fake_entry_remove (s, b, e->pub.key);
    }
  return n;
}

static int
logs_notify (struct fake_store *s)
{
  int n = 0;
  for (kg_log *l = s->logs; l; l = l->next) {
    if (!l->grown)
      continue;
    l->grown = 0;
    for (struct notify *w = l->notifies; w; w = w->next, n++)
      w->fn (w->arg);
  }
  return n;
}

int
fake_store_turn (struct fake_store *s, int even_held)
{
  int n = 0;
  struct pending *p = s->hold && !even_held ? NULL : s->first;
  if (p) {
    s->first = NULL;
    s->end = &s->first;
  }
  for (; p; p = p->next, n++) {
    pending_commit (s, p);
    if (p->ticket)
      fake_host_resume (p->ticket, recorded, p, NULL);
  }
  return n + expired_sweep (s) + logs_notify (s);
}
