/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What each tenant keeps: nodes and bytes, learned by watching the buckets, so
 * that it is right after a restart and for what other processes write.
 *
 * A mutation reserves before it writes and releases once the write ended; what
 * was written is then counted by the watch.  The limit therefore holds for any
 * number of mutations under way.  The lock is held for a few table steps only,
 * and no perception takes it. */
#include "plugins/agentese/agentese.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One key of a bucket and the bytes it holds; 0 is an empty slot. */
struct kept {
  uint64_t hash;
  uint32_t bytes, bucket;
};

struct tenant {
  uint64_t hash;                        /* 0: an empty slot */
  int64_t nodes, bytes;                 /* as watched */
  int64_t pending_nodes, pending_bytes; /* as reserved */
};

struct ag_quota {
  struct ag *ag;
  pthread_mutex_t lock;
  struct kept *kept;
  uint32_t nkept, cap; /* cap is a power of two */
  struct tenant *tenants;
  uint32_t ntenants, tcap; /* tcap is a power of two */
  int64_t nodes, bytes;    /* of all */
};

struct ag_quota *
ag_quota_new (struct ag *ag)
{
  struct ag_quota *q = calloc (1, sizeof *q);
  if (!q)
    return NULL;
  q->ag = ag;
  q->cap = 256;
  q->tcap = 16;
  q->kept = calloc (q->cap, sizeof *q->kept);
  q->tenants = calloc (q->tcap, sizeof *q->tenants);
  pthread_mutex_init (&q->lock, NULL);
  if (q->kept && q->tenants)
    return q;
  ag_quota_free (q);
  return NULL;
}

void
ag_quota_free (struct ag_quota *q)
{
  if (!q)
    return;
  pthread_mutex_destroy (&q->lock);
  free (q->tenants);
  free (q->kept);
  free (q);
}

static uint64_t
key_hash (kg_str key, uint32_t bucket)
{
  uint64_t h = 0xcbf29ce484222325u ^ bucket;
  size_t i;
  for (i = 0; i < key.len; i++)
    h = (h ^ (unsigned char)key.ptr[i]) * 0x100000001b3u;
  return h | 1;
}

static struct kept *
kept_find (struct kept *table, uint32_t cap, uint64_t hash)
{
  uint32_t i = (uint32_t)(hash >> 16) & (cap - 1);
  while (table[i].hash && table[i].hash != hash)
    i = (i + 1) & (cap - 1);
  return &table[i];
}

static int32_t
kept_grow (struct ag_quota *q)
{
  struct kept *bigger;
  uint32_t i;
  if (q->nkept * 2 < q->cap)
    return 0;
  bigger = calloc (q->cap * 2, sizeof *bigger);
  if (!bigger)
    return -ENOMEM;
  for (i = 0; i < q->cap; i++)
    if (q->kept[i].hash)
      *kept_find (bigger, q->cap * 2, q->kept[i].hash) = q->kept[i];
  free (q->kept);
  q->kept = bigger;
  q->cap *= 2;
  return 0;
}

static struct tenant *
tenant_slot (struct tenant *table, uint32_t cap, uint64_t hash)
{
  uint32_t i = (uint32_t)(hash >> 16) & (cap - 1);
  while (table[i].hash && table[i].hash != hash)
    i = (i + 1) & (cap - 1);
  return &table[i];
}

static int32_t
tenants_grow (struct ag_quota *q)
{
  struct tenant *bigger;
  uint32_t i;
  if (q->ntenants * 2 < q->tcap)
    return 0;
  bigger = calloc (q->tcap * 2, sizeof *bigger);
  if (!bigger)
    return -ENOMEM;
  for (i = 0; i < q->tcap; i++)
    if (q->tenants[i].hash)
      *tenant_slot (bigger, q->tcap * 2, q->tenants[i].hash) = q->tenants[i];
  free (q->tenants);
  q->tenants = bigger;
  q->tcap *= 2;
  return 0;
}

/* The tenant's row, added when it is new; NULL without memory. */
static struct tenant *
tenant_get (struct ag_quota *q, kg_str name)
{
  struct tenant *t;
  uint64_t hash = key_hash (name, 2);
  if (tenants_grow (q) < 0)
    return NULL;
  t = tenant_slot (q->tenants, q->tcap, hash);
  if (!t->hash) {
    t->hash = hash;
    q->ntenants++;
  }
  return t;
}

/* The tenant of "TENANT/handle"; a handle holds no "/". */
static kg_str
key_tenant (kg_str key)
{
  const char *slash = memrchr (key.ptr, '/', key.len);
  kg_str s = { key.ptr, slash ? (size_t)(slash - key.ptr) : key.len };
  return s;
}

/* An entry is now `bytes` long; 0: it is gone. */
static void
note (struct ag_quota *q, kg_str key, uint32_t bucket, uint32_t bytes)
{
  struct tenant *t = tenant_get (q, key_tenant (key));
  struct kept *k;
  int64_t delta, was;
  if (!t || kept_grow (q) < 0)
    return;
  k = kept_find (q->kept, q->cap, key_hash (key, bucket));
  if (!k->hash) {
    k->hash = key_hash (key, bucket);
    q->nkept++;
  }
  was = k->bytes > 0;
  delta = (int64_t)bytes - k->bytes;
  k->bytes = bytes;
  t->bytes += delta;
  q->bytes += delta;
  if (bucket == 0) {
    t->nodes += (bytes > 0) - was;
    q->nodes += (bytes > 0) - was;
  }
}

static void
watched (const struct kg_entry *e, struct ag_quota *q, uint32_t bucket)
{
  struct ag *ag = q->ag;
  uint32_t bytes = e->value.ptr ? (uint32_t)(e->key.len + e->value.len) : 0;
  pthread_mutex_lock (&q->lock);
  note (q, e->key, bucket, bytes);
  ag->metrics->set (ag->kept_nodes, 0, (double)q->nodes);
  ag->metrics->set (ag->kept_bytes, 0, (double)q->bytes);
  pthread_mutex_unlock (&q->lock);
}

void
ag_quota_node (const struct kg_entry *entry, void *arg)
{
  watched (entry, ((struct ag *)arg)->quota, 0);
}

void
ag_quota_trace (const struct kg_entry *entry, void *arg)
{
  watched (entry, ((struct ag *)arg)->quota, 1);
}

void
ag_quota_version (const struct kg_entry *entry, void *arg)
{
  watched (entry, ((struct ag *)arg)->quota, 3); /* 2 is the hash of tenants */
}

int32_t
ag_quota_reserve (struct ag *ag, const char *tenant, uint32_t nodes, int64_t bytes)
{
  struct ag_quota *q = ag->quota;
  struct tenant *t;
  int32_t r = 0;
  pthread_mutex_lock (&q->lock);
  t = tenant_get (q, ag_str (tenant));
  if (!t)
    r = -ENOMEM;
  else if (nodes && t->nodes + t->pending_nodes + nodes > ag->conf->nodes_max)
    r = 1;
  else if (bytes > 0 && t->bytes + t->pending_bytes + bytes > ag->conf->bytes_max)
    r = 2;
  else {
    t->pending_nodes += nodes;
    t->pending_bytes += bytes > 0 ? bytes : 0;
  }
  pthread_mutex_unlock (&q->lock);
  return r;
}

void
ag_quota_release (struct ag *ag, const char *tenant, uint32_t nodes, int64_t bytes)
{
  struct ag_quota *q = ag->quota;
  struct tenant *t;
  pthread_mutex_lock (&q->lock);
  t = tenant_get (q, ag_str (tenant));
  if (t) {
    t->pending_nodes -= nodes;
    t->pending_bytes -= bytes > 0 ? bytes : 0;
  }
  pthread_mutex_unlock (&q->lock);
}
