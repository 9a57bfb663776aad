/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The counters' life: a region of the store, which outlives the process. */
#include "plugins/auth/auth.h"
#include "plugins/auth/charge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEEP_S ((int64_t) 62 * LIMIT_DAY_S) /* of a cell that nobody uses: two months */

int64_t
auth_wall_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_REALTIME, &t);
  return (int64_t) t.tv_sec * TEXT_SECOND + t.tv_nsec;
}

static int32_t
region_ensure (void *arg, uint64_t offset, uint64_t bytes)
{
  const struct auth *auth = arg;
  return auth->store->region_ensure (auth->self, CELLS_REGION, offset, bytes);
}

static int32_t
region_held (void *arg, uint32_t slot)
{
  const struct auth *auth = arg;
  return auth->store->region_held (auth->self, CELLS_REGION, slot);
}

/* Why the counters cannot be had: in the log, for the operator. */
static int32_t
refused (const struct auth *auth, int32_t error, const char *what)
{
  auth->host->log (auth->self, KG_LOG_ERROR, "the counters of limits cannot be %s: %s", what,
                   error == -EBUSY    ? "another process has them with another number of cells"
                   : error == -EPROTO ? "another process has them in another layout"
                                      : strerror (-error));
  return error;
}

int32_t
usage_open (struct auth *auth)
{
  const struct address_conf *conf = &auth->conf->address;
  int32_t rc = charge_open (auth);
  if (rc == 0)
    rc = notice_open (auth);
  if (rc < 0 || (!conf->per_minute && !conf->concurrent))
    return rc;
  auth->addresses = calloc (1, sizeof *auth->addresses);
  return auth->addresses ? auth->host->hook (auth->self, KG_PHASE_ACCESS, address_hook) : -ENOMEM;
}

void
usage_close (struct auth *auth)
{
  charge_close (auth);
  notice_close (auth);
  free (auth->addresses);
}

int32_t
usage_start (struct auth *auth)
{
  const struct cells_host host = { auth, region_ensure, region_held };
  uint32_t capacity = (uint32_t) auth->conf->cells;
  struct kg_region region = { .size = sizeof region };
  int32_t rc = auth->store->region (auth->self, CELLS_REGION, cells_bytes (capacity), &region);
  if (rc < 0)
    return refused (auth, rc, "mapped");
  rc = cells_open (&auth->cells, &host, region.ptr, capacity, region.slot, region.boot,
                   auth_wall_ns () / TEXT_SECOND - KEEP_S,
                   region.flags & KG_REGION_ALONE ? CELLS_ALONE : 0);
  if (rc < 0)
    return refused (auth, rc, "opened");
  return charge_start (auth, region.flags & KG_REGION_ALONE ? 1 : 0);
}

int32_t
usage_tend (struct auth *auth)
{
  int32_t rc = cells_tend (&auth->cells);
  atomic_fetch_add (&auth->seconds, 1);
  notice_tell (auth);
  return rc == 0 && cells_count (&auth->cells) == auth->cells.capacity ? -ENOBUFS : rc;
}

void
usage_stop (struct auth *auth)
{
  charge_stop (auth);
  notice_tell (auth);
}

int64_t
usage_last_used (const struct auth *auth, kg_str id)
{
  uint8_t bytes[16];
  uint32_t number = text_uuid_read (id.ptr, id.len, bytes) == 0
                        ? cells_find (&auth->cells, bytes, CELL_KEY)
                        : 0;
  return number ? (int64_t) atomic_load (&cell_at (&auth->cells, number)->used_s) * TEXT_SECOND : 0;
}
