/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.store/1's regions: real shared memory with the host's own locks, in a memory
 * file of the fake or in a folder that the test names. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include "fake-store-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WAIT_NS 5000000000ll /* for another process that has it alone */

static struct fake_store *
store_of (const struct fake *fake)
{
  return fake_state_of (fake)->store;
}

static struct fake_region *
region_find (struct fake_store *s, const char *name)
{
  struct fake_region *g = s->regions;
  while (g && strcmp (g->name, name))
    g = g->next;
  return g;
}

static struct fake_region *
region_new (struct fake_store *s, const char *name)
{
  struct fake_region *g = fake_pool_alloc (&s->pool, sizeof *g);
  g->name = fake_pool_text (&s->pool, "%s", name);
  g->region.fd = g->memory = -1;
  if (!s->regions_dir) {
    g->memory = memfd_create (name, MFD_CLOEXEC);
    if (g->memory < 0)
      fake_die ("no memory file: %s", strerror (errno));
  }
  g->next = s->regions;
  return s->regions = g;
}

/* Opened by its path a memory file is open a second time, with locks of its own. */
static const char *
region_path (struct fake_store *s, const struct fake_region *g)
{
  if (g->memory >= 0)
    return fake_pool_text (&s->pool, "/proc/self/fd/%d", g->memory);
  return fake_pool_text (&s->pool, "%s/%s.map", s->regions_dir, g->name);
}

int32_t
fake_store_region (kg_self *self, const char *name, uint64_t bytes, struct kg_region *ret)
{
  struct fake_store *s = store_of (self->fake);
  struct kg_region out = { .size = sizeof out };
  struct fake_region *g;
  int e;
  if (!self->starting && self != &self->fake->self)
    fake_die ("kg.store/1 region: %s called it outside of start", self->name);
  if (!fake_name_ok (name) || ret->size < sizeof out)
    return -EINVAL;
  g = region_find (s, name);
  if (!g)
    g = region_new (s, name);
  if (g->region.map)
    return -EEXIST;
  e = region_open (&g->region, region_path (s, g), bytes, WAIT_NS);
  if (e)
    return e;
  out.flags = g->region.flags;
  out.slot = g->region.slot;
  out.ptr = region_contents (&g->region);
  out.bytes = bytes;
  out.boot = s->boot ? s->boot : region_boot ();
  *ret = out;
  return 0;
}

static struct fake_region *
region_opened (kg_self *self, const char *name)
{
  struct fake_region *g = region_find (store_of (self->fake), name);
  return g && g->region.map ? g : NULL;
}

int32_t
fake_store_region_ensure (kg_self *self, const char *name, uint64_t offset, uint64_t bytes)
{
  struct fake_store *s = store_of (self->fake);
  struct fake_region *g = region_opened (self, name);
  if (!g)
    return -ENOENT;
  if (s->dead || s->full)
    return s->dead ? -ESHUTDOWN : -ENOSPC;
  return region_ensure (&g->region, offset, bytes);
}

int32_t
fake_store_region_held (kg_self *self, const char *name, uint32_t slot)
{
  struct fake_region *g = region_opened (self, name);
  return g && g->region.fd >= 0 ? region_held (&g->region, slot) : 0;
}

void
fake_regions_settle (struct fake_store *s, int good)
{
  for (struct fake_region *g = s->regions; g; g = g->next)
    if (g->region.map && g->region.fd >= 0)
      region_settle (&g->region, good);
}

void
fake_regions_close (struct fake_store *s, int for_ever)
{
  for (struct fake_region *g = s->regions; g; g = g->next) {
    region_close (&g->region);
    if (for_ever && g->memory >= 0)
      close (g->memory);
  }
}

/* ---- For tests ---------------------------------------------------------- */

void
fake_regions_in (struct fake *fake, const char *dir)
{
  struct fake_store *s = store_of (fake);
  s->regions_dir = fake_pool_text (&s->pool, "%s", dir);
}

void
fake_regions_full (struct fake *fake, int full)
{
  store_of (fake)->full = full;
}

void
fake_reboot (struct fake *fake, uint64_t boot)
{
  store_of (fake)->boot = boot;
}

/* What the plugins write from now on goes to copies of the pages.  The map keeps
 * the file open, so the locks must be given back by hand. */
static void
region_cut (struct fake_region *g)
{
  struct region *r = &g->region;
  struct flock all = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
  if (!r->map || r->fd < 0)
    return;
  if (mmap (r->map, r->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, r->fd, 0)
      == MAP_FAILED)
    fake_die ("fake_crash: %s", strerror (errno));
  fcntl (r->fd, F_OFD_SETLK, &all);
  close (r->fd);
  r->fd = -1;
  r->gated = 0;
}

void
fake_crash (struct fake *fake)
{
  struct fake_store *s = store_of (fake);
  s->dead = 1;
  fake_calls_crash (fake_state_of (fake));
  for (struct fake_region *g = s->regions; g; g = g->next)
    region_cut (g);
  fake_store_turn (s, 1); /* what waits has failed */
}
