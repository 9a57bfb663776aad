/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Marks from the database into memory: all at the start and after a change of runs by another
 * process, else the rows that it has added.  [c] */
#include "core/store_state.h"

#include "core/log.h"
#include "core/util/crc.h"

#include <errno.h>
#include <string.h>

/* A filter that is damaged excludes nothing: one block with all bits does not. */
static int32_t
run_filter (struct store *s, struct mark_run *run, int64_t crc, kg_str bits)
{
  uint8_t all[MARKS_BLOCK];
  int good = bits.len && bits.len % MARKS_BLOCK == 0 && crc == crc32c (0, bits.ptr, bits.len);
  if (!good)
    bits = (kg_str){ (const char *) memset (all, 0xff, sizeof all), sizeof all };
  if (marks_filter_read (&run->filter, bits) < 0)
    return -ENOMEM;
  if (good)
    return 0;
  log_write (KG_LOG_ERROR, "store",
             "table mark_run: the filter of row %lld is damaged; every look-up reads its parts",
             (long long) run->id);
  atomic_fetch_add (&s->lost, 1);
  return 0;
}

static int32_t
load_run (struct store *s, struct db_stmt *stmt)
{
  struct store_marks *ms = &s->marks;
  struct mark_run run = { .id = db_int (stmt, 0),
                          .parts = (uint32_t) db_int (stmt, 1),
                          .count = (uint32_t) db_int (stmt, 2),
                          .expires_ns = db_int (stmt, 3) };
  int32_t r = marks_run_reserve (ms);
  if (r < 0)
    return r;
  if (!run.parts || run.parts > MARKS_PARTS_MAX || run.parts & (run.parts - 1)) {
    marks_damaged (s, "mark_run", run.id);
    return 0;
  }
  r = run_filter (s, &run, db_int (stmt, 4), db_str (stmt, 5));
  if (r >= 0)
    ms->run[ms->runs++] = run;
  return r;
}

static int32_t
load_runs (struct store *s)
{
  struct db_stmt *stmt = db_bind (s->db, SQL_RUN_ALL, "");
  int32_t r;
  while ((r = db_step (s->db, stmt)) == 1)
    if ((r = load_run (s, stmt)) < 0)
      break;
  if (stmt)
    db_reset (stmt);
  return r;
}

static int32_t
load_row (struct store *s, kg_str blob, int64_t row)
{
  struct store_marks *ms = &s->marks;
  struct marks *to = row >> MARKS_ROW_BITS < ms->made.id ? &ms->frozen : &ms->fresh;
  struct mark m;
  size_t at = 0;
  int32_t r;
  while ((r = mark_next (blob, &at, &m)) == 1)
    if ((r = marks_add (to, marks_hash (s, m.key), &m)) < 0)
      break;
  if (r == -ENOMEM) {
    marks_cut (&ms->fresh, ms->committed);
    return r;
  }
  if (r < 0)
    marks_damaged (s, "mark_fresh", row);
  ms->committed = ms->fresh.bytes.len;
  return 0;
}

/* Rows of other processes, or all of them. */
static int32_t
load_fresh (struct store *s)
{
  struct store_marks *ms = &s->marks;
  struct db_stmt *stmt = db_bind (s->db, SQL_FRESH_SINCE, "i", ms->last);
  int32_t r;
  while ((r = db_step (s->db, stmt)) == 1) {
    kg_str blob = db_str (stmt, 3);
    int64_t row = db_int (stmt, 0);
    if (!ms->committed)
      ms->since_ns = db_int (stmt, 1);
    if (db_int (stmt, 2) != crc32c (0, blob.ptr, blob.len))
      marks_damaged (s, "mark_fresh", row);
    else if ((r = load_row (s, blob, row)) < 0)
      break;
    ms->last = row;
  }
  if (stmt)
    db_reset (stmt);
  return r;
}

static int32_t
load_key (struct store *s)
{
  struct db_stmt *stmt = db_bind (s->db, SQL_META_GET, "t", "marks_key");
  int32_t r = db_step (s->db, stmt);
  kg_str key = r == 1 ? db_str (stmt, 0) : (kg_str){ NULL, 0 };
  if (r >= 0 && key.len != sizeof s->marks.key)
    r = -EBADMSG;
  else if (r >= 0 && memcmp (s->marks.key, key.ptr, key.len)) /* readers use it without a lock */
    memcpy (s->marks.key, key.ptr, key.len);
  if (stmt)
    db_reset (stmt);
  return r < 0 ? r : 0;
}

static int32_t
load_old (struct store *s)
{
  int64_t n = 0;
  int32_t r = db_number (s->db, &n, SQL_MARK_TABLE, "");
  if (r >= 0 && n)
    r = db_number (s->db, &n, SQL_MARK_ANY, "");
  s->marks.old = n != 0 && r > 0;
  return r < 0 ? r : 0;
}

void
marks_forget (struct store_marks *ms)
{
  while (ms->runs)
    marks_run_free (&ms->run[--ms->runs]);
  marks_clear (&ms->fresh);
  marks_finish (&ms->frozen);
  marks_run_free (&ms->made);
  ms->committed = 0;
  ms->last = 0;
}

static int32_t
marks_load (struct store *s, int64_t generation)
{
  struct store_marks *ms = &s->marks;
  int32_t r = load_key (s);
  marks_forget (ms);
  ms->generation = -1; /* until all is there */
  if (r >= 0)
    r = load_old (s);
  if (r >= 0)
    r = load_runs (s);
  if (r >= 0)
    r = marks_made_load (s, generation);
  if (r >= 0)
    r = load_fresh (s);
  if (r >= 0)
    r = marks_made_filter (ms);
  if (r < 0)
    return r;
  ms->generation = generation;
  if (ms->last < generation << MARKS_ROW_BITS)
    ms->last = generation << MARKS_ROW_BITS;
  return 0;
}

int32_t
marks_sync (struct store *s)
{
  struct store_marks *ms = &s->marks;
  int64_t generation = 0;
  int32_t r = db_number (s->db, &generation, SQL_META_GET, "t", "marks");
  if (r < 1)
    return r < 0 ? r : -EBADMSG;
  pthread_mutex_lock (&ms->lock);
  r = generation == ms->generation ? marks_made_sync (s) : 1;
  if (r >= 0)
    r = r ? marks_load (s, generation) : load_fresh (s);
  pthread_mutex_unlock (&ms->lock);
  return r < 0 ? r : 0;
}
