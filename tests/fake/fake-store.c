/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.store/1 in memory: declaring, reading, and what a test may do.  Nothing is
 * freed before the end. */
#include "fake-store-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fake_store *
store_of (const struct fake *fake)
{
  return fake_state_of (fake)->store;
}

int
fake_str_cmp (kg_str a, kg_str b)
{
  size_t n = a.len < b.len ? a.len : b.len;
  int d = n ? memcmp (a.ptr, b.ptr, n) : 0;
  return d ? d : (a.len > b.len) - (a.len < b.len);
}

kg_str
fake_str_of (const char *text)
{
  kg_str s = { text, strlen (text) };
  return s;
}

void
fake_watches_tell (kg_bucket *b, const struct kg_entry *e)
{
  for (struct watch *w = b->watches; w; w = w->next)
    w->fn (e, w->arg);
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

int
fake_name_ok (const char *name)
{
  size_t n = name ? strlen (name) : 0;
  return n && n <= 64 && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

static int32_t
store_bucket2 (kg_self *self, const char *name, uint32_t flags, kg_bucket **ret)
{
  kg_bucket *b;
  if (!self->opening)
    fake_die ("kg.store/1 bucket: %s called it outside of open", self->name);
  if (!fake_name_ok (name) || flags & ~KG_BUCKET_COLD)
    return -EINVAL;
  b = bucket_of (store_of (self->fake), name);
  if (b->opened && b->flags != flags)
    return -EEXIST;
  b->opened = 1;
  b->flags = flags;
  *ret = b;
  return 0;
}

static int32_t
store_bucket (kg_self *self, const char *name, kg_bucket **ret)
{
  return store_bucket2 (self, name, 0, ret);
}

static int32_t
store_log (kg_self *self, const char *name, uint32_t dedup_days, uint32_t keep_days,
           kg_log **ret)
{
  (void)dedup_days, (void)keep_days;
  if (!self->opening)
    fake_die ("kg.store/1 log: %s called it outside of open", self->name);
  if (!fake_name_ok (name))
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
  if (!fake_name_ok (name))
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
  c->declared = 1;
  c->forgotten = 0;
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
struct entry **
fake_entry_at (kg_bucket *b, kg_str key)
{
  struct entry **p = &b->entries;
  while (*p && fake_str_cmp ((*p)->pub.key, key) < 0)
    p = &(*p)->next;
  return p;
}

struct entry *
fake_entry_find (kg_bucket *b, kg_str key)
{
  struct entry *e = *fake_entry_at (b, key);
  if (!e || fake_str_cmp (e->pub.key, key))
    return NULL;
  return !e->pub.expires_ns || e->pub.expires_ns > fake_now (b->store->fake) ? e : NULL;
}

static int32_t
store_get (kg_bucket *bucket, kg_str key, struct kg_entry *ret)
{
  struct entry *e;
  if (bucket->flags & KG_BUCKET_COLD && fake_on_worker)
    fake_die ("kg.store/1 get: %s is cold, and this is a worker", bucket->name);
  e = fake_entry_find (bucket, key);
  if (!e)
    return -ENOENT;
  *ret = e->pub;
  return 0;
}

static int32_t
store_scan_after (kg_bucket *bucket, kg_str prefix, kg_str after,
                  int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg)
{
  int64_t now = fake_now (bucket->store->fake);
  kg_str from = fake_str_cmp (after, prefix) > 0 ? after : prefix;
  int32_t r = 0;
  if (fake_on_worker)
    fake_die ("kg.store/1 scan: of %s, on a worker", bucket->name);
  for (struct entry *e = *fake_entry_at (bucket, from); e && !r; e = e->next) {
    if (e->pub.key.len < prefix.len
        || (prefix.len && memcmp (e->pub.key.ptr, prefix.ptr, prefix.len)))
      break;
    bucket->store->scanned++;
    if (fake_str_cmp (e->pub.key, after) > 0
        && (!e->pub.expires_ns || e->pub.expires_ns > now))
      r = fn (&e->pub, arg);
  }
  return r;
}

static int32_t
store_scan (kg_bucket *bucket, kg_str prefix,
            int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg)
{
  return store_scan_after (bucket, prefix, fake_str_of (""), fn, arg);
}

static int32_t
store_read (kg_log *log, uint64_t after, uint32_t max,
            int32_t (*fn) (const struct kg_record *record, void *arg), void *arg)
{
  uint32_t n = 0;
  if (fake_on_worker)
    fake_die ("kg.store/1 read: of %s, on a worker", log->name);
  for (struct record *r = log->first; r && n < max; r = r->next)
    if (r->pub.sequence > after) {
      n++;
      log->store->scanned++;
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

struct mark *
fake_mark_find (kg_log *log, kg_str id)
{
  struct mark *m = log->marks;
  while (m && (fake_str_cmp (m->id, id)
               || (m->expires_ns && m->expires_ns <= fake_now (log->store->fake))))
    m = m->next;
  return m;
}

static int32_t
store_marks (kg_log *log, const kg_str *ids, uint32_t nids,
             void (*fn) (uint32_t i, kg_str value, void *arg), void *arg)
{
  int32_t calls = 0;
  for (uint32_t i = 0; i < nids; i++) {
    const struct mark *m = fake_mark_find (log, ids[i]);
    if (m)
      fn (i, m->value, arg);
    calls += m != NULL;
  }
  return calls;
}

static int32_t
store_strays (kg_log *log, int32_t (*fn) (const char *name, uint64_t position, void *arg),
              void *arg)
{
  int32_t calls = 0;
  for (kg_cursor *c = log->store->cursors; c; c = c->next) {
    if (c->log != log || c->declared || c->forgotten)
      continue;
    calls++;
    if (fn (c->name, c->position, arg))
      break;
  }
  return calls;
}

static int32_t
store_forget (kg_log *log, const char *name)
{
  for (kg_cursor *c = log->store->cursors; c; c = c->next)
    if (c->log == log && !strcmp (c->name, name) && !c->forgotten) {
      if (c->declared)
        return -EEXIST;
      c->forgotten = 1;
      c->position = 0;
      return 0;
    }
  return -ENOENT;
}

const struct kg_store fake_store_service = {
  .size = sizeof (struct kg_store),
  .bucket = store_bucket,
  .log = store_log,
  .cursor = store_cursor,
  .watch = store_watch,
  .get = store_get,
  .scan = store_scan,
  .write = fake_store_write,
  .record = fake_store_record,
  .read = store_read,
  .position = store_position,
  .newest = store_newest,
  .notify = store_notify,
  .bucket2 = store_bucket2,
  .region = fake_store_region,
  .region_ensure = fake_store_region_ensure,
  .region_held = fake_store_region_held,
  .marks = store_marks,
  .strays = store_strays,
  .forget = store_forget,
  .scan_after = store_scan_after,
};

void
fake_store_replay (struct fake_store *s)
{
  for (kg_bucket *b = s->buckets; b; b = b->next)
    for (struct entry *e = b->entries; e; e = e->next)
      fake_watches_tell (b, &e->pub);
}

void
fake_store_forget (struct fake_store *s)
{
  for (kg_bucket *b = s->buckets; b; b = b->next) {
    b->watches = NULL;
    b->opened = 0;
  }
  for (kg_log *l = s->logs; l; l = l->next)
    l->notifies = NULL;
  for (kg_cursor *c = s->cursors; c; c = c->next)
    c->declared = 0;
  fake_regions_close (s, 0);
  s->dead = 0;
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
  fake_regions_close (s, 1);
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

uint64_t
fake_store_scanned (struct fake *fake)
{
  return store_of (fake)->scanned;
}

const char *
fake_store_get (struct fake *fake, const char *bucket, const char *key)
{
  struct entry *e = fake_entry_find (bucket_of (store_of (fake), bucket), fake_str_of (key));
  return e ? e->pub.value.ptr : NULL;
}

void
fake_store_put (struct fake *fake, const char *bucket, const char *key, const char *value)
{
  struct fake_store *s = store_of (fake);
  struct kg_op op
      = { .kind = KG_OP_PUT, .bucket = bucket_of (s, bucket), .key = fake_str_of (key) };
  if (!value) {
    fake_entry_remove (s, op.bucket, op.key);
    return;
  }
  op.value = fake_str_of (value);
  fake_put_apply (s, &op);
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
