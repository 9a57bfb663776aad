/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/agentese/listing.h"
#include "plugins/agentese/state.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE (AG_HANDLE_MAX + AG_NAME_MAX + 2) /* more than can be invoked */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of who makes one */

static int32_t
is_listed (const struct ag_slot *slot)
{
  return slot->aspect.run && slot->offered && !(slot->aspect.flags & AG_UNLISTED);
}

static uint32_t
count (const struct ag *ag)
{
  const struct ag_entry *e = NULL;
  const struct ag_slot *slot;
  uint32_t i, n = 0;
  while ((e = ag_entry_next (ag, e)))
    for (i = 0; (slot = ag_slot_at (e, i)); i++)
      n += (uint32_t)is_listed (slot);
  return n;
}

static kg_str
path_write (const struct ag_entry *e, const struct ag_slot *slot, char *text)
{
  const struct ag_holon *h = ag_entry_holon (e);
  struct kg_out o = { text, 0, PATH_SIZE };
  kg_out_lit (&o, ag_context_names[h->context]);
  kg_out_lit (&o, ".");
  kg_out_lit (&o, h->rest ? h->rest : "*");
  kg_out_lit (&o, ".");
  kg_out_lit (&o, slot->aspect.name);
  kg_out_raw (&o, "", 1);
  return (kg_str){ text, o.len - 1 };
}

static int
by_path (const void *a, const void *b)
{
  return strcmp (((const struct ag_listed *)a)->path.ptr, ((const struct ag_listed *)b)->path.ptr);
}

static void
fill (const struct ag *ag, struct ag_listing *l, uint32_t max)
{
  const struct ag_entry *e = NULL;
  const struct ag_slot *slot;
  uint32_t i;
  while ((e = ag_entry_next (ag, e)))
    for (i = 0; (slot = ag_slot_at (e, i)) && l->count < max; i++)
      if (is_listed (slot)) {
        char *text = l->texts + (size_t)l->count * PATH_SIZE;
        l->items[l->count++] = (struct ag_listed){ e, slot, path_write (e, slot, text) };
      }
  qsort (l->items, l->count, sizeof *l->items, by_path);
}

static struct ag_listing *
listing_new (struct ag *ag, uint64_t version)
{
  struct ag_listing *l = calloc (1, sizeof *l);
  uint32_t n = count (ag);
  if (!l)
    return NULL;
  l->version = version;
  l->items = calloc (n + 1u, sizeof *l->items);
  l->texts = malloc ((n + 1u) * (size_t)PATH_SIZE);
  if (l->items && l->texts) {
    fill (ag, l, n);
    return l;
  }
  free (l->items);
  free (l->texts);
  free (l);
  return NULL;
}

const struct ag_listing *
ag_listing_get (struct ag *ag)
{
  struct ag_listing *l = atomic_load_explicit (&ag->listing, memory_order_acquire), *fresh;
  uint64_t version = ag_registry_version (ag);
  if (l && l->version == version)
    return l;
  pthread_mutex_lock (&lock);
  l = atomic_load_explicit (&ag->listing, memory_order_relaxed);
  if (!l || l->version != version) {
    fresh = listing_new (ag, version);
    if (fresh) {
      fresh->older = l;
      atomic_store_explicit (&ag->listing, fresh, memory_order_release);
    }
    l = fresh;
  }
  pthread_mutex_unlock (&lock);
  return l;
}

void
ag_listing_close (struct ag *ag)
{
  struct ag_listing *l = atomic_load (&ag->listing), *older;
  for (; l; l = older) {
    older = l->older;
    free (l->items);
    free (l->texts);
    free (l);
  }
  atomic_store (&ag->listing, NULL);
}

uint32_t
ag_listing_after (const struct ag_listing *l, kg_str after)
{
  uint32_t low = 0, high = l->count;
  while (after.len && low < high) {
    uint32_t mid = low + (high - low) / 2;
    kg_str path = l->items[mid].path;
    size_t n = path.len < after.len ? path.len : after.len;
    int order = memcmp (path.ptr, after.ptr, n);
    if (order < 0 || (!order && path.len <= after.len))
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}
