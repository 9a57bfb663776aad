/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What processes that died have left in their rings goes into the logs.
 *
 * Harmless to repeat: the transaction that adds a ring's records also notes how
 * far it came, and the file is removed after that.  Before the file goes the row of its
 * process does, and behind it those that say how far its rings were: a process without a
 * file is one of which records are lost, rows of rings without a process are nothing. */
#include "core/store_state.h"

#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct replay {
  struct store *store;
  uint64_t records;
};

static int32_t
replay_write (struct store *s, struct rings *rs, uint32_t index,
              struct ring_record *const *records, size_t n)
{
  int32_t r = group_begin (s);
  if (r >= 0)
    r = group_records (s, rs, index, records, n);
  if (r >= 0)
    r = group_commit (s);
  if (r < 0) {
    group_reset (s);
    group_abandon (s, store_told (r));
    return r;
  }
  group_publish (s);
  return 0;
}

static int32_t
replay_ring (struct replay *re, struct rings *rs, uint32_t index)
{
  struct store *s = re->store;
  struct ring_record **records;
  uint64_t missing = 0;
  int64_t after = 0;
  size_t n = 0;
  int32_t r
      = db_number (s->db, &after, SQL_RING_GET, "ii", (int64_t) rs->epoch, (int64_t) index);
  if (r >= 0)
    r = ring_scan (&rs->ring[index], (uint64_t) after, &records, &n, &missing);
  if (r < 0)
    return r;
  if (n)
    r = replay_write (s, rs, index, records, n);
  free (records);
  if (r < 0)
    return r;
  re->records += n;
  if (missing) {
    atomic_fetch_add (&s->lost, missing);
    log_write (KG_LOG_ERROR, "store", "%s: ring %u: %llu records are damaged; %zu were saved",
               rs->path, index, (unsigned long long) missing, n);
  }
  return 0;
}

/* A file whose head is broken: out of the way, but kept. */
static void
replay_aside (struct rings *rs)
{
  char path[4096];
  snprintf (path, sizeof path, "%s.damaged", rs->path);
  rename (rs->path, path);
  log_write (KG_LOG_ERROR, "store",
             "%s: not a ring of this format or damaged; kept as %s, look at it by hand",
             rs->path, path);
}

static int
replay_file (const char *name, void *arg)
{
  struct replay *re = arg;
  struct rings rs;
  uint32_t epoch;
  int32_t r = rings_open (&rs, re->store->rings_dir, name);
  if (r == -EBUSY || r == -ENOENT)
    return 0; /* its owner lives, or somebody else is at it */
  if (r == -EBADMSG) {
    replay_aside (&rs);
    rings_close (&rs, 0);
    return 0;
  }
  if (r < 0)
    return r;
  epoch = rs.epoch;
  for (uint32_t i = 0; r >= 0 && i < rs.count; i++)
    r = replay_ring (re, &rs, i);
  if (r >= 0)
    r = db_run (re->store->db, SQL_PROCESS_END, "i", (int64_t) epoch);
  /* In process mode the transactions may not be on the disk yet. */
  if (r >= 0)
    r = db_checkpoint (re->store->db, 0);
  rings_close (&rs, r >= 0);
  if (r == -EBUSY)
    return 0; /* another process is at a checkpoint: the file goes next time */
  if (r >= 0)
    r = db_run (re->store->db, SQL_RING_END, "i", (int64_t) epoch);
  return r < 0 ? r : 0;
}

int32_t
replay_all (struct store *s)
{
  struct replay re = { .store = s };
  int32_t r = rings_each (s->rings_dir, replay_file, &re);
  if (re.records)
    log_write (KG_LOG_INFO, "store", "took %llu usage records from a process that ended early",
               (unsigned long long) re.records);
  return r;
}
