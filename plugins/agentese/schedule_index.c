/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The deferrals in memory: a table by key, heaps by time, lists. */
#include "plugins/agentese/schedule_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 16 /* calls of one tenant at a time, at first */

int32_t
ag_index_init (struct ag_index *index)
{
  index->cap = 64;
  index->table = calloc (index->cap, sizeof (struct ag_job *));
  return index->table ? 0 : -ENOMEM;
}

void
ag_index_free (struct ag_index *index)
{
  struct ag_turns *t, *next;
  uint32_t i;
  for (i = 0; index->table && i < index->cap; i++)
    while (index->table[i]) {
      struct ag_job *job = index->table[i];
      index->table[i] = job->chain;
      free (job);
    }
  for (t = index->tenants; t; t = next) {
    next = t->next;
    free (t->heap);
    free (t);
  }
  free (index->table);
}

static uint64_t
hash_of (kg_str key)
{
  uint64_t h = 0xcbf29ce484222325u;
  size_t i;
  for (i = 0; i < key.len; i++)
    h = (h ^ (unsigned char)key.ptr[i]) * 0x100000001b3u;
  return h ^ h >> 31;
}

struct ag_job *
ag_index_find (const struct ag_index *index, kg_str key)
{
  uint64_t hash = hash_of (key);
  struct ag_job *job = index->table[hash & (index->cap - 1)];
  while (job && (job->hash != hash || job->key_len != key.len || memcmp (job->key, key.ptr, key.len)))
    job = job->chain;
  return job;
}

struct ag_turns *
ag_index_tenant (const struct ag_index *index, kg_str tenant)
{
  struct ag_turns *t = index->tenants;
  while (t && (t->len != tenant.len || memcmp (t->tenant, tenant.ptr, tenant.len)))
    t = t->next;
  return t;
}

static struct ag_turns *
tenant_make (struct ag_index *index, kg_str tenant)
{
  struct ag_turns *t = ag_index_tenant (index, tenant);
  if (t)
    return t;
  t = calloc (1, sizeof *t + tenant.len + 1);
  if (!t)
    return NULL;
  t->len = (uint32_t)tenant.len;
  t->window = WINDOW;
  memcpy (t->tenant, tenant.ptr, tenant.len);
  t->next = index->tenants;
  index->tenants = t;
  return t;
}

static void
table_grow (struct ag_index *index)
{
  uint32_t i, cap = index->cap * 2;
  struct ag_job **bigger = index->njobs < index->cap ? NULL : calloc (cap, sizeof *bigger);
  if (!bigger)
    return; /* chains get longer, no more */
  for (i = 0; i < index->cap; i++)
    while (index->table[i]) {
      struct ag_job *job = index->table[i];
      index->table[i] = job->chain;
      job->chain = bigger[job->hash & (cap - 1)];
      bigger[job->hash & (cap - 1)] = job;
    }
  free (index->table);
  index->table = bigger;
  index->cap = cap;
}

static struct ag_job *
job_make (struct ag_index *index, kg_str key, struct ag_turns *t)
{
  struct ag_job *job = calloc (1, sizeof *job + key.len);
  if (!job)
    return NULL;
  table_grow (index);
  job->hash = hash_of (key);
  job->key_len = (uint32_t)key.len;
  memcpy (job->key, key.ptr, key.len);
  job->turns = t;
  job->chain = index->table[job->hash & (index->cap - 1)];
  index->table[job->hash & (index->cap - 1)] = job;
  index->njobs++;
  t->kept++;
  return job;
}

/* ---- The heap ------------------------------------------------------------------ */

static int64_t
when (const struct ag_job *job)
{
  return job->due_ns > job->again_ns ? job->due_ns : job->again_ns;
}

static void
heap_set (struct ag_turns *t, uint32_t i, struct ag_job *job)
{
  t->heap[i] = job;
  job->heap = i;
}

static void
heap_sift (struct ag_turns *t, uint32_t i)
{
  struct ag_job *job = t->heap[i];
  uint32_t child;
  while (i > 1 && when (job) < when (t->heap[i / 2])) {
    heap_set (t, i, t->heap[i / 2]);
    i /= 2;
  }
  while ((child = 2 * i) <= t->nheap) {
    if (child < t->nheap && when (t->heap[child + 1]) < when (t->heap[child]))
      child++;
    if (when (job) <= when (t->heap[child]))
      break;
    heap_set (t, i, t->heap[child]);
    i = child;
  }
  heap_set (t, i, job);
}

static int32_t
heap_add (struct ag_turns *t, struct ag_job *job)
{
  if (t->nheap + 2 > t->cap) {
    uint32_t cap = t->cap ? 2 * t->cap : 16;
    struct ag_job **bigger = realloc (t->heap, cap * sizeof (struct ag_job *));
    if (!bigger)
      return -ENOMEM;
    t->heap = bigger;
    t->cap = cap;
  }
  heap_set (t, ++t->nheap, job);
  heap_sift (t, t->nheap);
  return 0;
}

static void
heap_drop (struct ag_turns *t, struct ag_job *job)
{
  uint32_t i = job->heap;
  struct ag_job *last = t->heap[t->nheap--];
  job->heap = 0;
  if (last == job)
    return;
  heap_set (t, i, last);
  heap_sift (t, i);
}

/* ---- Lists ---------------------------------------------------------------------- */

static void
list_add (struct ag_list *list, struct ag_job *job)
{
  job->prev = list->last;
  job->next = NULL;
  *(list->last ? &list->last->next : &list->first) = job;
  list->last = job;
  list->count++;
}

static void
list_drop (struct ag_list *list, struct ag_job *job)
{
  *(job->prev ? &job->prev->next : &list->first) = job->next;
  *(job->next ? &job->next->prev : &list->last) = job->prev;
  list->count--;
}

enum { NOWHERE, IN_RUNNING, IN_ENDED };

static void
take_out (struct ag_index *index, struct ag_job *job)
{
  if (job->heap)
    heap_drop (job->turns, job);
  if (job->listed == IN_RUNNING)
    list_drop (&index->running, job);
  if (job->listed == IN_ENDED)
    list_drop (&job->turns->ended, job);
  job->listed = NOWHERE;
}

static int32_t
put_in (struct ag_index *index, struct ag_job *job)
{
  take_out (index, job);
  if (job->busy)
    return 0;
  if (job->state == AG_PENDING)
    return heap_add (job->turns, job);
  job->listed = job->state >= AG_ENDED ? IN_ENDED : IN_RUNNING;
  list_add (job->listed == IN_ENDED ? &job->turns->ended : &index->running, job);
  return 0;
}

int32_t
ag_index_put (struct ag_index *index, kg_str key, const struct ag_deferral *d)
{
  struct ag_turns *t = tenant_make (index, d->tenant);
  struct ag_job *job = ag_index_find (index, key);
  if (!t || (!job && !(job = job_make (index, key, t))))
    return -ENOMEM;
  job->state = d->state;
  job->due_ns = d->due_ns;
  job->ended_ns = d->ended_ns;
  job->slot = d->slot;
  job->instance = d->instance;
  return put_in (index, job);
}

static void
job_free (struct ag_index *index, struct ag_job *job)
{
  struct ag_job **at = &index->table[job->hash & (index->cap - 1)];
  while (*at != job)
    at = &(*at)->chain;
  *at = job->chain;
  index->njobs--;
  job->turns->kept--;
  job->turns->inflight -= job->busy != AG_IDLE;
  free (job);
}

void
ag_index_remove (struct ag_index *index, kg_str key)
{
  struct ag_job *job = ag_index_find (index, key);
  if (!job)
    return;
  take_out (index, job);
  if (job->busy && job->busy != AG_REMOVING)
    job->gone = 1;
  else
    job_free (index, job);
}

void
ag_index_busy (struct ag_index *index, struct ag_job *job, int32_t busy)
{
  int32_t was = job->busy != AG_IDLE;
  job->busy = busy;
  if (was && !busy)
    job->turns->inflight--;
  if (!was && busy)
    job->turns->inflight++;
  if (!busy && job->gone) {
    job_free (index, job);
    return;
  }
  put_in (index, job);
}
