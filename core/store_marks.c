/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Marks in the store: fresh ones in a row of each transaction and in memory, from where they
 * go as a run, in parts by hash, when there are enough of them; runs are dropped whole when
 * all in them are over.  docs/design/0033-marks.md.  [c] but for the look-up, which is in
 * store_marks_look.c. */
#include "core/store_state.h"

#include "core/log.h"
#include "core/util/clock.h"
#include "core/util/crc.h"
#include "core/util/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DAY_NS (86400 * CLOCK_SECOND)

uint64_t
marks_hash (const struct store *s, kg_str key)
{
  return hash_sip (s->marks.key, key.ptr, key.len);
}

/* Told once, for a part may be looked at for each event. */
void
marks_damaged (struct store *s, const char *table, int64_t row)
{
  if (atomic_exchange (&s->marks.damaged, row) == row)
    return;
  atomic_fetch_add (&s->lost, 1);
  log_write (KG_LOG_ERROR, "store",
             "table %s: row %lld is damaged, and its marks are forgotten: what they stand for "
             "would be taken again; restore it from a copy of kgent.db",
             table, (long long) row);
}

/* ---- Looking ------------------------------------------------------------------------ */

/* Copies, for the row doesn't stay. */
void
marks_note (struct marks_seen *to, kg_str value)
{
  to->found = 1;
  to->len = (uint8_t) value.len;
  memcpy (to->value, value.ptr, value.len);
}

static int32_t
part_search (struct store *s, int64_t place, kg_str blob, const struct marks_wanted *w,
             struct marks_seen *ret)
{
  struct mark m;
  size_t at = 0;
  int32_t r;
  while ((r = mark_next (blob, &at, &m)) == 1)
    if (m.log == w->log && m.key.len == w->key.len && mark_lives (&m, w->now)
        && !memcmp (m.key.ptr, w->key.ptr, m.key.len)) {
      marks_note (ret, m.value);
      return 1;
    }
  if (r < 0)
    marks_damaged (s, "mark_part", place);
  return 0;
}

int32_t
marks_in_part (struct store *s, struct db *db, int64_t place, const struct marks_wanted *w,
               struct marks_seen *ret)
{
  struct db_stmt *stmt = db_bind (db, SQL_PART_GET, "i", place);
  int32_t r = db_step (db, stmt);
  if (r == 1) {
    kg_str blob = db_str (stmt, 1);
    r = 0;
    if (db_int (stmt, 0) == crc32c (0, blob.ptr, blob.len))
      r = part_search (s, place, blob, w, ret);
    else
      marks_damaged (s, "mark_part", place);
  }
  if (stmt)
    db_reset (stmt);
  return r;
}

/* Where stores of format 1 had them. */
int32_t
marks_in_old (struct db *db, const struct marks_wanted *w, struct marks_seen *ret)
{
  struct db_stmt *stmt = db_bind (db, SQL_MARK_GET, "ib", (int64_t) w->log, w->key);
  int32_t r = db_step (db, stmt);
  if (r == 1) {
    int64_t expires = db_int (stmt, 1);
    kg_str value = db_str (stmt, 0);
    r = (!expires || expires > w->now) && value.len <= KG_MARK_MAX;
    if (r)
      marks_note (ret, value);
  }
  if (stmt)
    db_reset (stmt);
  return r;
}

int64_t
marks_place (const struct mark_run *run, uint64_t hash)
{
  return run->id << MARKS_PART_BITS | marks_part (hash, run->parts);
}

int
marks_may_have (const struct mark_run *run, const struct marks_wanted *w)
{
  return (run->expires_ns > w->now) && marks_filter_has (&run->filter, w->hash);
}

/* 1: the mark is known; 0; or -errno. */
static int32_t
marks_known (struct store *s, const struct marks_wanted *w)
{
  const struct store_marks *ms = &s->marks;
  struct marks_seen seen;
  struct mark m;
  int32_t r = 0;
  for (uint32_t i = 0; i < ms->runs; i++)
    __builtin_prefetch (marks_filter_block (&ms->run[i].filter, w->hash));
  if (marks_find (&ms->fresh, w->hash, w->log, w->key, SIZE_MAX, w->now, &m)
      || marks_find (&ms->frozen, w->hash, w->log, w->key, SIZE_MAX, w->now, &m))
    return 1;
  for (uint32_t i = 0; !r && i < ms->runs; i++)
    if (marks_may_have (&ms->run[i], w))
      r = marks_in_part (s, s->db, marks_place (&ms->run[i], w->hash), w, &seen);
  return r || !ms->old ? r : marks_in_old (s->db, w, &seen);
}

/* ---- In a transaction ----------------------------------------------------------------- */

int32_t
marks_op (struct store *s, const struct kg_op *op, struct kg_outcome *o)
{
  struct store_marks *ms = &s->marks;
  int64_t now = s->group.now, days = op->log->dedup_days;
  int64_t ns = op->ttl_ms ? op->ttl_ms * CLOCK_MS : days * DAY_NS;
  struct mark m = { ns ? now + ns : 0, op->log->id, op->key, op->value };
  struct marks_wanted w = { op->key, marks_hash (s, op->key), now, op->log->id };
  int32_t r = marks_known (s, &w);
  if (r) {
    o->error = r > 0 ? -EEXIST : 0;
    return r < 0 ? r : 0;
  }
  pthread_mutex_lock (&ms->lock);
  r = marks_add (&ms->fresh, w.hash, &m);
  pthread_mutex_unlock (&ms->lock);
  s->group.rows = 1;
  return r;
}

void
marks_undo (struct store *s, size_t len)
{
  struct store_marks *ms = &s->marks;
  if (ms->fresh.bytes.len <= len)
    return;
  pthread_mutex_lock (&ms->lock);
  marks_cut (&ms->fresh, len);
  pthread_mutex_unlock (&ms->lock);
}

/* The row of this transaction's. */
int32_t
marks_commit (struct store *s)
{
  struct store_marks *ms = &s->marks;
  int32_t r;
  if (ms->fresh.bytes.len == ms->committed)
    return 0;
  r = marks_pack (&ms->fresh, ms->committed, &ms->row);
  if (r < 0)
    return r;
  r = db_run (s->db, SQL_FRESH_ADD, "iiib", ms->last + 1, s->group.now,
              (int64_t) crc32c (0, ms->row.ptr, ms->row.len),
              (kg_str){ ms->row.ptr, ms->row.len });
  return r < 0 ? r : 0;
}

void
marks_run_free (struct mark_run *run)
{
  marks_filter_finish (&run->filter);
  memset (run, 0, sizeof *run);
}

void
marks_generation_next (struct store_marks *ms)
{
  ms->last = ++ms->generation << MARKS_ROW_BITS;
}

static void
run_forget (struct store_marks *ms, int64_t id)
{
  for (uint32_t i = 0; i < ms->runs; i++)
    if (ms->run[i].id == id) {
      marks_run_free (&ms->run[i]);
      ms->run[i] = ms->run[--ms->runs];
    }
}

/* What the transaction did has taken place. */
void
marks_publish (struct store *s)
{
  struct store_marks *ms = &s->marks;
  if (!ms->step && !ms->dropped && ms->committed == ms->fresh.bytes.len)
    return;
  pthread_mutex_lock (&ms->lock);
  if (ms->step)
    marks_step_publish (s);
  if (ms->dropped) {
    run_forget (ms, ms->dropped);
    marks_generation_next (ms);
  }
  if (ms->committed != ms->fresh.bytes.len) {
    ms->last++;
    ms->since_ns = ms->committed ? ms->since_ns : s->group.now;
  }
  ms->committed = ms->fresh.bytes.len;
  ms->dropped = 0;
  pthread_mutex_unlock (&ms->lock);
}

void
marks_abandon (struct store *s)
{
  struct store_marks *ms = &s->marks;
  marks_step_abandon (s);
  ms->dropped = 0;
  marks_undo (s, ms->committed);
}

/* ---- Life ------------------------------------------------------------------------------- */

void
marks_init (struct store *s, int64_t limit)
{
  pthread_mutex_init (&s->marks.lock, NULL);
  s->marks.generation = -1;
  s->marks.limit = (uint32_t) (limit ? limit : MARKS_FRESH);
}

void
marks_end (struct store *s)
{
  struct store_marks *ms = &s->marks;
  marks_forget (ms);
  marks_finish (&ms->fresh);
  free (ms->run);
  free (ms->row.ptr);
  pthread_mutex_destroy (&ms->lock);
}
