/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What plugins declare in open, and the table of the service. */
#include "core/store_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
store_name_valid (const char *name)
{
  size_t n = name ? strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") : 0;
  return n >= 1 && n <= STORE_NAME_MAX && !name[n];
}

/* The store in which `self` may declare `name`: 0 or -errno. */
static int32_t
declare (kg_self *self, const char *name, struct store **ret)
{
  struct store *s = self->host->store;
  if (!s || atomic_load (&s->life) != STORE_OPEN)
    return -EPERM;
  if (!store_name_valid (name))
    return -EINVAL;
  *ret = s;
  return 0;
}

static int32_t
store_bucket2 (kg_self *self, const char *name, uint32_t flags, kg_bucket **ret)
{
  struct store *s;
  kg_bucket *b;
  int32_t r = declare (self, name, &s);
  if (r < 0 || flags & ~KG_BUCKET_COLD)
    return r < 0 ? r : -EINVAL;
  for (b = s->buckets; b && strcmp (b->name, name);)
    b = b->next;
  if (b && b->flags != flags)
    return -EEXIST;
  if (!b) {
    b = calloc (1, sizeof *b);
    if (!b)
      return -ENOMEM;
    b->magic = BUCKET_MAGIC;
    b->store = s;
    b->flags = flags;
    strcpy (b->name, name);
    b->next = s->buckets;
    s->buckets = b;
  }
  *ret = b;
  return 0;
}

static int32_t
store_bucket (kg_self *self, const char *name, kg_bucket **ret)
{
  return store_bucket2 (self, name, 0, ret);
}

struct kg_log *
store_log_find (struct store *s, kg_str name)
{
  struct kg_log *l = s->logs;
  while (l && (strlen (l->name) != name.len || memcmp (l->name, name.ptr, name.len)))
    l = l->next;
  return l;
}

struct kg_log *
store_log_create (struct store *s, kg_str name, uint32_t dedup_days, uint32_t keep_days)
{
  struct kg_log *l = calloc (1, sizeof *l);
  if (!l)
    return NULL;
  l->magic = LOG_MAGIC;
  l->store = s;
  l->dedup_days = dedup_days;
  l->keep_days = keep_days;
  memcpy (l->name, name.ptr, name.len);
  l->next = s->logs;
  s->logs = l;
  return l;
}

/* Of two spans of which 0 means for ever. */
static uint32_t
days_longer (uint32_t a, uint32_t b)
{
  if (!a || !b)
    return 0;
  return a > b ? a : b;
}

static int32_t
store_log (kg_self *self, const char *name, uint32_t dedup_days, uint32_t keep_days,
           kg_log **ret)
{
  struct store *s;
  struct kg_log *l;
  int32_t r = declare (self, name, &s);
  if (r < 0)
    return r;
  if (dedup_days > 36500 || keep_days > 36500)
    return -EINVAL;
  l = store_log_find (s, (kg_str){ name, strlen (name) });
  if (l) {
    l->dedup_days = days_longer (l->dedup_days, dedup_days);
    l->keep_days = days_longer (l->keep_days, keep_days);
  } else
    l = store_log_create (s, (kg_str){ name, strlen (name) }, dedup_days, keep_days);
  if (!l)
    return -ENOMEM;
  *ret = l;
  return 0;
}

static int32_t
store_cursor (kg_self *self, kg_log *log, const char *name, kg_cursor **ret)
{
  struct store *s;
  struct kg_cursor *c;
  int32_t r = declare (self, name, &s);
  if (r < 0 || !log || log->magic != LOG_MAGIC)
    return r < 0 ? r : -EINVAL;
  for (c = s->cursors; c && (c->log != log || strcmp (c->name, name));)
    c = c->next;
  if (!c) {
    c = calloc (1, sizeof *c);
    if (!c)
      return -ENOMEM;
    c->magic = CURSOR_MAGIC;
    c->store = s;
    c->log = log;
    strcpy (c->name, name);
    c->next = s->cursors;
    s->cursors = c;
  }
  *ret = c;
  return 0;
}

static int32_t
store_watch (kg_bucket *b, void (*fn) (const struct kg_entry *, void *), void *arg)
{
  struct store_watch *w;
  if (!b || b->magic != BUCKET_MAGIC || !fn)
    return -EINVAL;
  if (atomic_load (&b->store->life) != STORE_OPEN)
    return -EPERM;
  w = malloc (sizeof *w);
  if (!w)
    return -ENOMEM;
  *w = (struct store_watch){ fn, arg, b->watches };
  b->watches = w;
  return 0;
}

static int32_t
store_notify (kg_log *log, void (*fn) (void *), void *arg)
{
  struct store_notify *n;
  if (!log || log->magic != LOG_MAGIC || !fn)
    return -EINVAL;
  if (atomic_load (&log->store->life) != STORE_OPEN)
    return -EPERM;
  n = malloc (sizeof *n);
  if (!n)
    return -ENOMEM;
  *n = (struct store_notify){ fn, arg, log->notifies };
  log->notifies = n;
  return 0;
}

static uint64_t
store_position (kg_cursor *cursor)
{
  return atomic_load_explicit (&cursor->position, memory_order_acquire);
}

static uint64_t
store_newest (kg_log *log)
{
  return atomic_load_explicit (&log->newest, memory_order_acquire);
}

const struct kg_store store_service = {
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
  .bucket2 = store_bucket2,
  .region = store_region,
  .region_ensure = store_region_ensure,
  .region_held = store_region_held,
  .marks = store_marks,
  .strays = store_strays,
  .forget = store_forget,
  .scan_after = store_scan_after,
};
