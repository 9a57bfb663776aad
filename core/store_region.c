/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Regions: memory that the processes on one store share, in store.dir/regions.
 * How the file is locked and made: core/util/region.h. */
#include "core/store_state.h"

#include "core/blame.h"
#include "core/log.h"
#include "core/util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WAIT_NS (30 * CLOCK_SECOND) /* for a process that has it alone, and starts */

/* The list only grows while the store runs: readers need no lock. */
static struct store_region *
region_find (struct store *s, const char *name)
{
  struct store_region *g = atomic_load_explicit (&s->regions, memory_order_acquire);
  while (g && strcmp (g->name, name))
    g = g->next;
  return g;
}

static int32_t
region_make (struct store *s, const char *name, uint64_t bytes, struct store_region **ret)
{
  struct store_region *g = calloc (1, sizeof *g);
  char *path = NULL;
  int32_t r = -ENOMEM;
  if (g && asprintf (&path, "%s/%s.map", s->regions_dir, name) >= 0) {
    strcpy (g->name, name);
    r = region_open (&g->region, path, bytes, WAIT_NS);
  }
  if (r < 0)
    log_write (KG_LOG_ERROR, "store", "region %s/%s.map: %s", s->regions_dir, name,
               strerror (-r));
  free (path);
  if (r < 0) {
    free (g);
    return r;
  }
  *ret = g;
  return 0;
}

static void
region_show (const struct store_region *g, struct kg_region *ret)
{
  struct kg_region out = { .size = sizeof out };
  out.flags = g->region.flags;
  out.slot = g->region.slot;
  out.ptr = region_contents (&g->region);
  out.bytes = region_bytes (&g->region);
  out.boot = region_boot ();
  *ret = out;
}

int32_t
store_region (kg_self *self, const char *name, uint64_t bytes, struct kg_region *ret)
{
  struct store *s = self->host->store;
  struct store_region *g;
  int32_t r;
  if (!s || atomic_load (&s->life) != STORE_RUNNING || s->settled)
    return -EPERM;
  if (!store_name_valid (name) || ret->size < sizeof *ret)
    return -EINVAL;
  if (region_find (s, name))
    return -EEXIST;
  if (mkdir (s->regions_dir, 0700) < 0 && errno != EEXIST)
    return -errno;
  r = region_make (s, name, bytes, &g);
  if (r < 0)
    return r;
  g->next = atomic_load_explicit (&s->regions, memory_order_relaxed);
  atomic_store_explicit (&s->regions, g, memory_order_release);
  region_show (g, ret);
  return 0;
}

int32_t
store_region_ensure (kg_self *self, const char *name, uint64_t offset, uint64_t bytes)
{
  struct store *s = self->host->store;
  struct store_region *g = region_find (s, name);
  int32_t r = g ? region_ensure (&g->region, offset, bytes) : -ENOENT;
  if (r != -EOPNOTSUPP)
    return r;
  if (!atomic_exchange (&s->unreserved, 1))
    log_write (KG_LOG_WARN, "store",
               "%s: this file system cannot reserve space: when it gets full, the process "
               "may end with SIGBUS; put store.dir on ext4, XFS, Btrfs or tmpfs",
               s->regions_dir);
  return 0;
}

int32_t
store_region_held (kg_self *self, const char *name, uint32_t slot)
{
  const struct store_region *g = region_find (self->host->store, name);
  return g ? region_held (&g->region, slot) : 0;
}

void
store_started (struct store *s, int good)
{
  struct store_region *g = atomic_load_explicit (&s->regions, memory_order_relaxed);
  s->settled = 1;
  for (; g; g = g->next)
    region_settle (&g->region, good);
}

void
store_regions_free (struct store *s)
{
  struct store_region *g = atomic_load_explicit (&s->regions, memory_order_relaxed), *next;
  for (; g; g = next) {
    next = g->next;
    region_close (&g->region);
    free (g);
  }
}
