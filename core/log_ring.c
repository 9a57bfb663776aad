/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/log_ring.h"
#include "core/log_writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

/* Part of the logger, the core's only global. */
static struct {
  pthread_mutex_t lock; /* of `owned` and of growing */
  pthread_mutex_t shared_lock;
  pthread_once_t once;
  pthread_key_t key; /* its destructor gives rings back */
  _Atomic uint32_t count;
  struct log_ring *rings[LOG_RINGS + 1];
  struct log_ring *shared; /* one of them */
  _Atomic uint64_t lost;   /* lines dropped without a ring */
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER,
               .shared_lock = PTHREAD_MUTEX_INITIALIZER,
               .once = PTHREAD_ONCE_INIT };

static _Thread_local struct log_ring *mine;

static void
ring_disown (void *arg)
{
  struct log_ring *r = arg;
  mine = NULL;
  pthread_mutex_lock (&registry.lock);
  r->owned = 0;
  pthread_mutex_unlock (&registry.lock);
}

static void
registry_init (void)
{
  pthread_key_create (&registry.key, ring_disown);
}

/* A new ring in the table; pages that no line has touched cost nothing. */
static struct log_ring *
ring_create (void)
{
  uint32_t n = atomic_load_explicit (&registry.count, memory_order_relaxed);
  struct log_ring *r = mmap (NULL, sizeof *r, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (r == MAP_FAILED)
    return NULL;
  r->limit = LOG_RING_SIZE;
  r->stamp.second = -1;
  registry.rings[n] = r;
  atomic_store_explicit (&registry.count, n + 1, memory_order_release);
  return r;
}

/* With the lock held: a ring that nobody owns, a new one, or the shared one. */
static struct log_ring *
ring_find (void)
{
  uint32_t i, n = atomic_load_explicit (&registry.count, memory_order_relaxed);
  for (i = 0; i < n; i++)
    if (!registry.rings[i]->owned && !registry.rings[i]->shared)
      return registry.rings[i];
  if (n < LOG_RINGS)
    return ring_create ();
  if (!registry.shared && (registry.shared = ring_create ()))
    registry.shared->shared = 1;
  return registry.shared;
}

static struct log_ring *
ring_attach (void)
{
  struct log_ring *r;
  pthread_once (&registry.once, registry_init);
  pthread_mutex_lock (&registry.lock);
  r = ring_find ();
  if (r && !r->shared)
    r->owned = 1;
  pthread_mutex_unlock (&registry.lock);
  if (!r)
    atomic_fetch_add_explicit (&registry.lost, 1, memory_order_relaxed);
  else if (!r->shared) {
    mine = r;
    pthread_setspecific (registry.key, r);
  }
  return r;
}

struct log_ring *
log_ring_begin (void)
{
  struct log_ring *r = mine;
  if (__builtin_expect (r != NULL, 1))
    return r;
  r = ring_attach ();
  if (r && r->shared)
    pthread_mutex_lock (&registry.shared_lock);
  return r;
}

/* Whether `len` more bytes fit; looks at the reader's position when need be. */
static int
ring_fits (struct log_ring *r, size_t len)
{
  if (__builtin_expect (r->head + len <= r->limit, 1))
    return 1;
  r->limit = atomic_load_explicit (&r->tail, memory_order_acquire) + LOG_RING_SIZE;
  return r->head + len <= r->limit;
}

void
log_ring_end (struct log_ring *r, size_t len)
{
  size_t at = r->head % LOG_RING_SIZE, first = LOG_RING_SIZE - at;
  if (!ring_fits (r, len))
    atomic_store_explicit (&r->dropped,
                           atomic_load_explicit (&r->dropped, memory_order_relaxed) + 1,
                           memory_order_relaxed);
  else {
    if (first > len)
      first = len;
    memcpy (r->data + at, r->stage, first);
    if (__builtin_expect (first < len, 0))
      memcpy (r->data, r->stage + first, len - first);
    r->head += len;
    /* Ordered before the look at the sleeping flag; the log thread sets that
     * flag before it looks at the rings a last time. */
    atomic_store (&r->published, r->head);
    log_writer_wake ();
  }
  if (__builtin_expect (r->shared, 0))
    pthread_mutex_unlock (&registry.shared_lock);
}

struct log_ring *
log_ring_at (uint32_t index)
{
  return index < atomic_load_explicit (&registry.count, memory_order_acquire)
             ? registry.rings[index]
             : NULL;
}

size_t
log_ring_pending (const struct log_ring *r)
{
  return atomic_load (&r->published) - atomic_load_explicit (&r->tail, memory_order_relaxed);
}

size_t
log_ring_take (struct log_ring *r, char *out, size_t size)
{
  size_t tail = atomic_load_explicit (&r->tail, memory_order_relaxed);
  size_t n = atomic_load_explicit (&r->published, memory_order_acquire) - tail;
  size_t at = tail % LOG_RING_SIZE, first = LOG_RING_SIZE - at;
  if (n > size)
    n = size;
  if (first > n)
    first = n;
  memcpy (out, r->data + at, first);
  memcpy (out + first, r->data, n - first);
  atomic_store_explicit (&r->tail, tail + n, memory_order_release);
  return n;
}

uint64_t
log_ring_dropped (void)
{
  uint64_t sum = atomic_load_explicit (&registry.lost, memory_order_relaxed);
  struct log_ring *r;
  uint32_t i;
  for (i = 0; (r = log_ring_at (i)); i++)
    sum += atomic_load_explicit (&r->dropped, memory_order_relaxed);
  return sum;
}
