/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/metrics.h"
#include "core/expose.h"
#include "core/host.h"
#include "core/registry.h"
#include "core/tags.h"
#include "core/util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The calling thread's cells, and whose they are: an id, so that a registry that
 * is gone is never looked into. */
static _Thread_local struct {
  uint64_t owner;
  struct cells *cells;
} mine;

/* Which registries live; only for threads that end. */
static pthread_mutex_t living_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metrics *living;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static _Atomic uint64_t last_id;

/* ---- Cells ----------------------------------------------------------------- */

/* Pages that no counter has touched cost nothing. */
static struct cells *
cells_create (void)
{
  void *p = mmap (NULL, sizeof (struct cells), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

/* Leaves the calling thread's cells to others. */
static void
cells_release (void)
{
  struct metrics *r;
  pthread_mutex_lock (&living_lock);
  for (r = living; r && r->id != mine.owner; r = r->next)
    ;
  if (r) {
    pthread_mutex_lock (&r->lock);
    mine.cells->idle = 1;
    pthread_mutex_unlock (&r->lock);
  }
  pthread_mutex_unlock (&living_lock);
  mine.owner = 0;
}

static void
thread_end (void *arg)
{
  (void) arg;
  if (mine.owner)
    cells_release ();
}

static void
key_create (void)
{
  pthread_key_create (&key, thread_end);
}

/* Gives the calling thread cells; 0 without memory. */
static int
cells_attach (struct metrics *r)
{
  struct cells *c;
  if (mine.owner)
    cells_release ();
  pthread_once (&once, key_create);
  pthread_mutex_lock (&r->lock);
  for (c = r->cells; c && !c->idle; c = c->next)
    ;
  if (!c && (c = cells_create ())) {
    c->next = r->cells;
    r->cells = c;
  }
  if (c)
    c->idle = 0;
  pthread_mutex_unlock (&r->lock);
  if (!c)
    return 0;
  mine.owner = r->id;
  mine.cells = c;
  pthread_setspecific (key, c);
  return 1;
}

/* One writer: a load and a store, no locked instruction. */
static inline void
cell_add (_Atomic uint64_t *cell, uint64_t n)
{
  atomic_store_explicit (cell, atomic_load_explicit (cell, memory_order_relaxed) + n,
                         memory_order_relaxed);
}

/* Adds to a cell of the calling thread, whoever's cells it had before. */
static void
cell_add_slowly (kg_metric *m, uint32_t cell, uint64_t n)
{
  if (mine.owner == m->owner || cells_attach (m->registry))
    cell_add (&mine.cells->v[cell], n);
  else
    atomic_fetch_add_explicit (&m->registry->common->v[cell], n, memory_order_relaxed);
}

uint64_t
registry_sum (const struct metrics *r, uint32_t cell)
{
  uint64_t sum = atomic_load_explicit (&r->common->v[cell], memory_order_relaxed);
  const struct cells *c;
  for (c = r->cells; c; c = c->next)
    sum += atomic_load_explicit (&c->v[cell], memory_order_relaxed);
  return sum;
}

/* ---- The hot path ------------------------------------------------------------ */

/* A caller's mistake: nothing in release builds. */
static void
misuse (const char *function)
{
#ifdef KG_DEBUG
  tags_abort ((const struct kg_self *) blame_now.self, function,
              "with an index out of range, or on another kind of metric");
#else
  (void) function;
#endif
}

static void
gauge_add (_Atomic uint64_t *gauge, double n)
{
  uint64_t old = atomic_load_explicit (gauge, memory_order_relaxed), new;
  double value;
  do {
    memcpy (&value, &old, sizeof value);
    value += n;
    memcpy (&new, &value, sizeof new);
  } while (!atomic_compare_exchange_weak_explicit (gauge, &old, new, memory_order_relaxed,
                                                   memory_order_relaxed));
}

static __attribute__ ((noinline)) void
add_slowly (kg_metric *m, uint32_t index, uint64_t n)
{
  if (index >= m->series || m->kind == KG_HISTOGRAM)
    misuse ("metrics.add");
  else if (m->kind == KG_GAUGE)
    gauge_add (m->gauges + index, (double) (int64_t) n);
  else
    cell_add_slowly (m, m->base + index, n);
}

void
metrics_add (kg_metric *m, uint32_t index, uint64_t n)
{
  if (__builtin_expect (index < m->hot && mine.owner == m->owner, 1))
    cell_add (&mine.cells->v[m->base + index], n);
  else
    add_slowly (m, index, n);
}

void
metrics_set (kg_metric *m, uint32_t index, double value)
{
  uint64_t bits;
  if (m->kind != KG_GAUGE || index >= m->series) {
    misuse ("metrics.set");
    return;
  }
  memcpy (&bits, &value, sizeof bits);
  atomic_store_explicit (m->gauges + index, bits, memory_order_relaxed);
}

void
metrics_observe (kg_metric *m, uint32_t index, uint64_t ns)
{
  uint32_t cell = m->base + index * m->stride, i = 0;
  if (m->kind != KG_HISTOGRAM || index >= m->series) {
    misuse ("metrics.observe");
    return;
  }
  while (i < m->nbuckets && ns > m->bounds[i])
    i++;
  if (__builtin_expect (mine.owner == m->owner, 1)) {
    cell_add (&mine.cells->v[cell + i], 1);
    cell_add (&mine.cells->v[cell + m->nbuckets + 1], ns);
    return;
  }
  cell_add_slowly (m, cell + i, 1);
  cell_add_slowly (m, cell + m->nbuckets + 1, ns);
}

uint64_t
metrics_value (const kg_metric *m, uint32_t index)
{
  uint64_t sum = 0;
  uint32_t i, n = m->kind == KG_HISTOGRAM ? m->nbuckets + 1 : 1;
  if (m->kind == KG_GAUGE || index >= m->series)
    return 0;
  pthread_mutex_lock (&m->registry->lock);
  for (i = 0; i < n; i++)
    sum += registry_sum (m->registry, m->base + index * m->stride + i);
  pthread_mutex_unlock (&m->registry->lock);
  return sum;
}

/* ---- The registry ------------------------------------------------------------- */

struct metrics *
metrics_create (void)
{
  struct metrics *r = calloc (1, sizeof *r);
  if (!r || !(r->common = cells_create ())) {
    free (r);
    return NULL;
  }
  r->id = atomic_fetch_add (&last_id, 1) + 1;
  r->end = &r->first;
  r->started_ns = clock_wall ();
  pthread_mutex_init (&r->lock, NULL);
  pthread_mutex_init (&r->render_lock, NULL);
  pthread_mutex_lock (&living_lock);
  r->next = living;
  living = r;
  pthread_mutex_unlock (&living_lock);
  return r;
}

static void
registry_unlink (struct metrics *r)
{
  struct metrics **p;
  pthread_mutex_lock (&living_lock);
  for (p = &living; *p != r; p = &(*p)->next)
    ;
  *p = r->next;
  pthread_mutex_unlock (&living_lock);
}

void
metrics_destroy (struct metrics *r)
{
  struct cells *c, *next_cells;
  kg_metric *m, *next;
  if (!r)
    return;
  registry_unlink (r);
  for (m = r->first; m; m = next) {
    next = m->next;
    metric_destroy (m);
  }
  for (c = r->cells; c; c = next_cells) {
    next_cells = c->next;
    munmap (c, sizeof *c);
  }
  munmap (r->common, sizeof *r->common);
  free (r->cache[0].text);
  free (r->cache[1].text);
  pthread_mutex_destroy (&r->lock);
  pthread_mutex_destroy (&r->render_lock);
  free (r);
}

void
metrics_freeze (struct metrics *r)
{
  r->frozen = 1;
}

static int
family_taken (const struct metrics *r, const kg_metric *m)
{
  size_t n = metric_family (m);
  const kg_metric *other;
  for (other = r->first; other; other = other->next)
    if (metric_family (other) == n && memcmp (other->name, m->name, n) == 0)
      return 1;
  return strncmp (m->name, "process_", 8) == 0 || strcmp (m->name, "kgent_build_info") == 0
         || strcmp (m->name, "kgent_log_dropped_total") == 0;
}

/* Gives it its cells and its place in the list; the lock is held. */
static int32_t
append (struct metrics *r, kg_metric *m)
{
  if (family_taken (r, m))
    return -EEXIST;
  if ((uint64_t) m->series * m->stride > METRICS_CELLS_MAX - r->ncells)
    return -E2BIG;
  m->base = r->ncells;
  r->ncells += m->series * m->stride;
  *r->end = m;
  r->end = &m->next;
  return 0;
}

static int32_t
define (struct metrics *r, const struct kg_metric_def *def, uint32_t series_max, uint32_t wide,
        kg_metric **ret)
{
  kg_metric *m = NULL;
  int32_t result = r->frozen ? -EBUSY : metric_create (def, series_max, &m);
  if (result < 0)
    return result;
  m->wide = wide;
  m->owner = r->id;
  m->registry = r;
  pthread_mutex_lock (&r->lock); /* while plugins start there are threads that may render */
  result = append (r, m);
  pthread_mutex_unlock (&r->lock);
  if (result < 0)
    metric_destroy (m);
  else
    *ret = m;
  return result;
}

int32_t
metrics_define (struct metrics *r, const struct kg_metric_def *def, kg_metric **ret)
{
  return define (r, def, METRICS_SERIES_MAX, 0, ret);
}

int32_t
metrics_define_wide (struct metrics *r, const struct kg_metric_def *def, uint32_t series_max,
                     kg_metric **ret)
{
  return define (r, def, series_max, 1, ret);
}

const char *
metrics_name (const struct metrics *r, uint32_t index)
{
  const kg_metric *m = r->first;
  while (m && index--)
    m = m->next;
  return m ? m->name : NULL;
}

static int32_t
service_define (kg_self *self, const struct kg_metric_def *def, kg_metric **ret)
{
  TAG_DECLARE (self, "metrics.define");
  return metrics_define (self->host->metrics, def, ret);
}

static int32_t
service_render (kg_self *self, int32_t openmetrics, char **ret_text, size_t *ret_len)
{
  return expose_render (self->host->metrics, openmetrics, ret_text, ret_len);
}

const struct kg_metrics metrics_service = {
  .size = sizeof metrics_service,
  .define = service_define,
  .add = metrics_add,
  .set = metrics_set,
  .observe = metrics_observe,
  .render = service_render,
};
