/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.store/1 in memory.  A write is checked as a whole against what was there
 * before it, so two conditional changes of one key in one write aren't seen. */
#include "fake-services-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
  struct entry *next; /* by key */
  struct kg_entry pub;
};

struct watch {
  struct watch *next;
  void (*fn) (const struct kg_entry *, void *);
  void *arg;
};

struct kg_bucket {
  struct kg_bucket *next;
  struct fake_store *store;
  const char *name;
  struct entry *entries;
  struct watch *watches;
};

struct record {
  struct record *next;
  struct kg_record pub;
};

struct notify {
  struct notify *next;
  void (*fn) (void *);
  void *arg;
};

struct kg_log {
  struct kg_log *next;
  struct fake_store *store;
  const char *name;
  struct record *first, **end;
  uint64_t newest;
  struct notify *notifies;
  int grown;
};

struct kg_cursor {
  struct kg_cursor *next;
  kg_log *log;
  const char *name;
  uint64_t position;
};

/* A write, or a record of a waiting request, that is not committed. */
struct pending {
  struct pending *next;
  struct kg_op *ops;
  uint32_t nops;
  void (*done) (const struct kg_outcome *, void *);
  void *arg;
  kg_ticket *ticket;
  int error;
};

struct fake_store {
  struct fake *fake;
  struct fake_pool pool; /* nothing is freed before the end */
  kg_bucket *buckets;
  kg_log *logs;
  kg_cursor *cursors;
  struct pending *first, **end;
  uint64_t revision, sequence;
  int fail, failures, hold;
};

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
str_cmp (kg_str a, kg_str b)
{
  size_t n = a.len < b.len ? a.len : b.len;
  int d = n ? memcmp (a.ptr, b.ptr, n) : 0;
  return d ? d : (a.len > b.len) - (a.len < b.len);
}

static kg_str
str_of (const char *text)
{
  kg_str s = { text, strlen (text) };
  return s;
}

/* The error that the script demands now, or 0. */
static int
fail_take (struct fake_store *s)
{
  if (!s->failures)
    return 0;
  if (s->failures > 0)
    s->failures--;
  return s->fail;
}

/* ---- Declaring ---------------------------------------------------------- */

static kg_bucket *
bucket_of (struct fake_store *s, const char *name)
{
  kg_bucket *b;
  for (b = s->buckets; b; b = b->next)
    if (!strcmp (b->name, name))
      return b;
  b = fake_pool_alloc (&s->pool, sizeof *b);
  b->store = s;
  b->name = fake_pool_text (&s->pool, "%s", name);
  b->next = s->buckets;
  return s->buckets = b;
}

static kg_log *
log_of (struct fake_store *s, const char *name)
{
  kg_log *l;
  for (l = s->logs; l; l = l->next)
    if (!strcmp (l->name, name))
      return l;
  l = fake_pool_alloc (&s->pool, sizeof *l);
  l->store = s;
  l->name = fake_pool_text (&s->pool, "%s", name);
  l->end = &l->first;
  l->next = s->logs;
  return s->logs = l;
}

static int
name_ok (const char *name)
{
  size_t n = name ? strlen (name) : 0;
  return n && n <= 64 && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

static int32_t
store_bucket (kg_self *self, const char *name, kg_bucket **ret)
{
  if (!self->opening)
    fake_die ("kg.store/1 bucket: %s called it outside of open", self->name);
  if (!name_ok (name))
    return -EINVAL;
  *ret = bucket_of (store_of (self->fake), name);
  return 0;
}

static int32_t
store_log (kg_self *self, const char *name, uint32_t dedup_days, uint32_t keep_days,
           kg_log **ret)
{
  (void)dedup_days, (void)keep_days;
  if (!self->opening)
    fake_die ("kg.store/1 log: %s called it outside of open", self->name);
  if (!name_ok (name))
    return -EINVAL;
  *ret = log_of (store_of (self->fake), name);
  return 0;
}

static int32_t
store_cursor (kg_self *self, kg_log *log, const char *name, kg_cursor **ret)
{
  struct fake_store *s = log->store;
  kg_cursor *c;
  if (!self->opening)
    fake_die ("kg.store/1 cursor: %s called it outside of open", self->name);
  if (!name_ok (name))
    return -EINVAL;
  for (c = s->cursors; c; c = c->next)
    if (c->log == log && !strcmp (c->name, name))
      break;
  if (!c) {
    c = fake_pool_alloc (&s->pool, sizeof *c);
    c->log = log;
    c->name = fake_pool_text (&s->pool, "%s", name);
    c->next = s->cursors;
    s->cursors = c;
  }
  *ret = c;
  return 0;
}

static int32_t
store_watch (kg_bucket *bucket, void (*fn) (const struct kg_entry *entry, void *arg), void *arg)
{
  struct watch *w = fake_pool_alloc (&bucket->store->pool, sizeof *w);
  w->fn = fn;
  w->arg = arg;
  w->next = bucket->watches;
  bucket->watches = w;
  return 0;
}

static int32_t
store_notify (kg_log *log, void (*fn) (void *arg), void *arg)
{
  struct notify *n = fake_pool_alloc (&log->store->pool, sizeof *n);
  n->fn = fn;
  n->arg = arg;
  n->next = log->notifies;
  log->notifies = n;
  return 0;
}

/* ---- Reading ------------------------------------------------------------ */

/* Where the entry with that key is, or would be. */
static struct entry **
entry_at (kg_bucket *b, kg_str key)
{
  struct entry **p = &b->entries;
  while (*p && str_cmp ((*p)->pub.key, key) < 0)
    p = &(*p)->next;
  return p;
}

static struct entry *
entry_find (kg_bucket *b, kg_str key)
{
  struct entry *e = *entry_at (b, key);
  if (!e || str_cmp (e->pub.key, key))
    return NULL;
  return !e->pub.expires_ns || e->pub.expires_ns > fake_now (b->store->fake) ? e : NULL;
}

static int32_t
store_get (kg_bucket *bucket, kg_str key, struct kg_entry *ret)
{
  struct entry *e = entry_find (bucket, key);
  if (!e)
    return -ENOENT;
  *ret = e->pub;
  return 0;
}

static int32_t
store_scan (kg_bucket *bucket, kg_str prefix,
            int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg)
{
  int32_t r = 0;
  for (struct entry *e = *entry_at (bucket, prefix); e && !r; e = e->next) {
    if (e->pub.key.len < prefix.len
        || (prefix.len && memcmp (e->pub.key.ptr, prefix.ptr, prefix.len)))
      break;
    if (entry_find (bucket, e->pub.key))
      r = fn (&e->pub, arg);
  }
  return r;
}

static int32_t
store_read (kg_log *log, uint64_t after, uint32_t max,
            int32_t (*fn) (const struct kg_record *record, void *arg), void *arg)
{
  uint32_t n = 0;
  for (struct record *r = log->first; r && n < max; r = r->next)
    if (r->pub.sequence > after) {
      n++;
      if (fn (&r->pub, arg))
        break;
    }
  return (int32_t)n;
}

static uint64_t
store_position (kg_cursor *cursor)
{
  return cursor->position;
}

static uint64_t
store_newest (kg_log *log)
{
  return log->newest;
}

/* ---- Writing ------------------------------------------------------------ */

static void
watches_tell (kg_bucket *b, const struct kg_entry *e)
{
  for (struct watch *w = b->watches; w; w = w->next)
    w->fn (e, w->arg);
}

/* Why the operation cannot be done, or 0. */
static int
op_check (struct fake_store *s, const struct kg_op *op)
{
  struct entry *e;
  if (op->kind == KG_OP_APPEND) {
    for (struct record *r = op->log->first; r && op->key.len; r = r->next)
      if (r->pub.id.len && !str_cmp (r->pub.id, op->key))
        return -EEXIST;
    return 0;
  }
  if (op->kind == KG_OP_ACK || op->revision == KG_REV_ANY)
    return 0;
  (void)s;
  e = entry_find (op->bucket, op->key);
  if (op->revision == KG_REV_NEW)
    return e ? -EEXIST : 0;
  return e && e->pub.revision == op->revision ? 0 : -ESTALE;
}

static void
put_apply (struct fake_store *s, const struct kg_op *op)
{
  struct entry **at = entry_at (op->bucket, op->key), *e = *at;
  if (!e || str_cmp (e->pub.key, op->key)) {
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
  watches_tell (op->bucket, &e->pub);
}

static void
entry_remove (struct fake_store *s, kg_bucket *b, kg_str key)
{
  struct entry **at = entry_at (b, key), *e = *at;
  struct kg_entry gone;
  if (!e || str_cmp (e->pub.key, key))
    return;
  gone = e->pub;
  gone.value.ptr = NULL;
  gone.value.len = 0;
  gone.revision = ++s->revision;
  *at = e->next;
  watches_tell (b, &gone);
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
op_apply (struct fake_store *s, const struct kg_op *op)
{
  if (op->kind == KG_OP_PUT)
    put_apply (s, op);
  else if (op->kind == KG_OP_DELETE)
    entry_remove (s, op->bucket, op->key);
  else if (op->kind == KG_OP_APPEND)
    append_apply (s, op->log, op->key, op->value);
  else if (op->kind == KG_OP_ACK && op->revision > op->cursor->position)
    op->cursor->position = op->revision;
}

static void
pending_commit (struct fake_store *s, struct pending *p)
{
  struct kg_outcome out = { .size = sizeof out, .error = fail_take (s) };
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

static int32_t
store_write (kg_self *self, const struct kg_op *ops, uint32_t nops, uint32_t op_size,
             void (*done) (const struct kg_outcome *outcome, void *arg), void *arg)
{
  struct fake_store *s = store_of (self->fake);
  struct pending *p;
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

static int32_t
store_record (kg_log *log, kg_req *req, const void *data, size_t len, kg_str *ret_id)
{
  struct fake_store *s = log->store;
  const char *id = fake_pool_text (&req->pool, "fake-%u", ++s->fake->counter);
  kg_str value = { data, len };
  struct pending *p;
  int error;
  if (len > 16384)
    return -E2BIG;
  if (!s->hold && (error = fail_take (s)))
    return error;
  if (ret_id)
    *ret_id = str_of (id);
  if (!s->hold) {
    append_apply (s, log, str_of (id), value);
    return KG_NEXT;
  }
  p = pending_add (s, 1);
  p->ops[0].kind = KG_OP_APPEND;
  p->ops[0].log = log;
  p->ops[0].key = str_copy (s, str_of (id));
  p->ops[0].value = str_copy (s, value);
  p->ticket = fake_table.suspend (req, NULL, NULL);
  return p->ticket ? KG_WAIT : -ENOMEM;
}

const struct kg_store fake_store_service = {
  .size = sizeof (struct kg_store),
  .bucket = store_bucket,
  .log = store_log,
  .cursor = store_cursor,
  .watch = store_watch,
  .get = store_get,
  .scan = store_scan,
  .write = store_write,
  .record = store_record,
  .read = store_read,
  .position = store_position,
  .newest = store_newest,
  .notify = store_notify,
};

/* ---- Turning ------------------------------------------------------------ */

static int
expired_sweep (struct fake_store *s)
{
  int n = 0;
  for (kg_bucket *b = s->buckets; b; b = b->next)
    for (struct entry *e = b->entries, *next; e; e = next) {
      next = e->next;
      if (!entry_find (b, e->pub.key) && ++n)
        entry_remove (s, b, e->pub.key);
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

void
fake_store_replay (struct fake_store *s)
{
  for (kg_bucket *b = s->buckets; b; b = b->next)
    for (struct entry *e = b->entries; e; e = e->next)
      watches_tell (b, &e->pub);
}

void
fake_store_forget (struct fake_store *s)
{
  for (kg_bucket *b = s->buckets; b; b = b->next)
    b->watches = NULL;
  for (kg_log *l = s->logs; l; l = l->next)
    l->notifies = NULL;
}

struct fake_store *
fake_store_new (struct fake *fake)
{
  struct fake_store *s = calloc (1, sizeof *s);
  if (!s)
    fake_die ("out of memory");
  s->fake = fake;
  s->end = &s->first;
  return s;
}

void
fake_store_free (struct fake_store *s)
{
  fake_pool_free (&s->pool);
  free (s);
}

/* ---- For tests ---------------------------------------------------------- */

void
fake_store_fail (struct fake *fake, int error, int count)
{
  store_of (fake)->fail = error;
  store_of (fake)->failures = count;
}

void
fake_store_hold (struct fake *fake, int hold)
{
  store_of (fake)->hold = hold;
}

int
fake_store_commit (struct fake *fake)
{
  struct fake_store *s = store_of (fake);
  int n = 0;
  for (struct pending *p = s->first; p; p = p->next)
    n++;
  fake_store_turn (s, 1);
  fake_run (fake);
  return n;
}

const char *
fake_store_get (struct fake *fake, const char *bucket, const char *key)
{
  struct entry *e = entry_find (bucket_of (store_of (fake), bucket), str_of (key));
  return e ? e->pub.value.ptr : NULL;
}

void
fake_store_put (struct fake *fake, const char *bucket, const char *key, const char *value)
{
  struct fake_store *s = store_of (fake);
  struct kg_op op = { .kind = KG_OP_PUT, .bucket = bucket_of (s, bucket), .key = str_of (key) };
  if (!value) {
    entry_remove (s, op.bucket, op.key);
    return;
  }
  op.value = str_of (value);
  put_apply (s, &op);
}

static struct record *
record_at (struct fake *fake, const char *log, int i)
{
  struct record *r = log_of (store_of (fake), log)->first;
  while (r && i--)
    r = r->next;
  return r;
}

int
fake_log_count (struct fake *fake, const char *log)
{
  int n = 0;
  for (struct record *r = record_at (fake, log, 0); r; r = r->next)
    n++;
  return n;
}

const char *
fake_log_data (struct fake *fake, const char *log, int i)
{
  struct record *r = record_at (fake, log, i);
  return r ? r->pub.data.ptr : NULL;
}

const char *
fake_log_id (struct fake *fake, const char *log, int i)
{
  struct record *r = record_at (fake, log, i);
  return r ? r->pub.id.ptr : NULL;
}
