/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From fresh marks to a run, a slice in each transaction, and the end of runs.  [c]
 *
 *   what there is                                  | what the next transaction does
 *   fresh marks, enough of them                    | they are frozen: the next ones are of a new
 *                                                  | generation, the number of the run
 *   frozen marks, some parts that nobody looks at  | some more parts
 *   frozen marks, all parts                        | they are a run
 *   a run, rows of marks that are in it            | fewer rows
 *
 * Each state is one that a process may find at its start, or another one has made. */
#include "core/store_state.h"

#include "core/util/clock.h"
#include "core/util/crc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PART_MARKS 128u                    /* about as many in a part */
#define SLICES 32u                         /* of a run, unless one is too large */
#define SLICE_PARTS 64u                    /* some 0.6 MB, written in some 5 ms */
#define SLICE_ROWS 256u                    /* of fresh marks that are in a run, and as many */
#define SLICE_BYTES 1048576                /* bytes, before the last of them */
#define SPAN_NS (4 * 86400 * CLOCK_SECOND) /* older ones go although they are few */
#define AGAIN_NS (5 * CLOCK_SECOND)        /* a run that found no room is tried so often */

enum step { STEP_NONE, STEP_FREEZE, STEP_PARTS, STEP_RUN, STEP_ROWS, STEP_END };

static int32_t
generation_next (struct store *s)
{
  s->group.rows = 1;
  return db_run (s->db, SQL_META_SET, "ti", "marks", s->marks.generation + 1);
}

/* ---- Parts ------------------------------------------------------------------------- */

/* Writes one part: how many marks, or -errno. */
static int32_t
part_write (struct store *s, struct mark_run *run, uint32_t part)
{
  struct store_marks *ms = &s->marks;
  int32_t n = marks_pack_part (&ms->frozen, part, run->parts, s->group.now, &ms->row,
                               marks_filter_note, &run->filter);
  int32_t r;
  if (n <= 0)
    return n;
  r = db_run (s->db, SQL_PART_ADD, "iib", run->id << MARKS_PART_BITS | part,
              (int64_t) crc32c (0, ms->row.ptr, ms->row.len),
              (kg_str){ ms->row.ptr, ms->row.len });
  return r < 0 ? r : n;
}

int32_t
marks_run_reserve (struct store_marks *ms)
{
  struct mark_run *p;
  if (ms->runs < ms->run_cap)
    return 0;
  p = realloc (ms->run, (ms->run_cap + 16) * sizeof *p);
  if (!p)
    return -ENOMEM;
  ms->run = p;
  ms->run_cap += 16;
  return 0;
}

static uint32_t
run_parts (uint32_t count)
{
  uint32_t parts = 1;
  while (parts * PART_MARKS < count && parts < MARKS_PARTS_MAX)
    parts *= 2;
  return parts;
}

/* The disk is asked before, for a run that has no room would take all that there is for others:
 * by a file without a name, where it can be.  Twice, for they go through the WAL. */
static int32_t
room_check (const struct store *s, size_t bytes)
{
  int fd = open (s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  int error = fd >= 0 && fallocate (fd, 0, 0, (off_t) (2 * bytes)) < 0 ? errno : 0;
  if (fd >= 0)
    close (fd);
  return error == ENOSPC || error == EDQUOT ? -ENOSPC : 0;
}

/* ---- Steps --------------------------------------------------------------------------- */

static int32_t
step_freeze (struct store *s)
{
  struct store_marks *ms = &s->marks;
  int32_t r = room_check (s, ms->fresh.bytes.len);
  if (r < 0)
    return r;
  ms->step = STEP_FREEZE;
  ms->made = (struct mark_run){ .id = ms->generation + 1,
                                .parts = run_parts (ms->fresh.count),
                                .expires_ns = ms->fresh.expires_ns };
  r = marks_filter_init (&ms->made.filter, ms->fresh.count);
  if (r >= 0)
    r = generation_next (s);
  return r < 0 ? r : marks_made_write (s, 0, 0);
}

static int32_t
step_parts (struct store *s)
{
  struct store_marks *ms = &s->marks;
  uint32_t slice = ms->made.parts / SLICES;
  int32_t r = ms->trouble ? room_check (s, ms->frozen.bytes.len) : 0;
  slice = slice < 1 ? 1 : slice > SLICE_PARTS ? SLICE_PARTS : slice;
  ms->step = STEP_PARTS;
  ms->step_count = ms->made.count;
  ms->step_next = ms->next;
  while (r >= 0 && ms->step_next < ms->made.parts && ms->step_next < ms->next + slice) {
    r = part_write (s, &ms->made, ms->step_next++);
    ms->step_count += r > 0 ? (uint32_t) r : 0;
  }
  return r < 0 ? r : marks_made_write (s, ms->step_next, ms->step_count);
}

static int32_t
step_run (struct store *s)
{
  struct store_marks *ms = &s->marks;
  const struct mark_run *run = &ms->made;
  kg_str filter = { (const char *) run->filter.bits, (size_t) run->filter.blocks * MARKS_BLOCK };
  int32_t r;
  ms->step = STEP_RUN;
  pthread_mutex_lock (&ms->lock); /* readers use the array */
  r = marks_run_reserve (ms);
  pthread_mutex_unlock (&ms->lock);
  if (r >= 0 && run->count)
    r = db_run (s->db, SQL_RUN_ADD, "iiiiib", run->id, (int64_t) run->parts, (int64_t) run->count,
                run->expires_ns, (int64_t) crc32c (0, filter.ptr, filter.len), filter);
  if (r >= 0)
    r = generation_next (s);
  return r < 0 ? r : marks_made_write (s, run->parts + 1, run->count);
}

/* Some rows whose marks are in the run: the last of them; 1: there are more, 0, or -errno. */
static int32_t
rows_slice (struct store *s, int64_t *ret_last)
{
  int64_t end = s->marks.made.id << MARKS_ROW_BITS, bytes = 0;
  struct db_stmt *stmt = db_bind (s->db, SQL_FRESH_SIZES, "i", end);
  int32_t r;
  for (uint32_t rows = 0; (r = db_step (s->db, stmt)) == 1; rows++) {
    if (rows == SLICE_ROWS || bytes > SLICE_BYTES)
      break;
    *ret_last = db_int (stmt, 0);
    bytes += db_int (stmt, 1);
  }
  if (stmt)
    db_reset (stmt);
  return r;
}

static int32_t
step_rows (struct store *s)
{
  int64_t last = 0;
  int32_t more = rows_slice (s, &last), r = more;
  s->group.rows = 1;
  if (r >= 0 && last)
    r = db_run (s->db, SQL_FRESH_DROP, "i", last);
  s->marks.step = more ? STEP_ROWS : STEP_END;
  if (r >= 0 && !more)
    r = marks_made_end (s);
  return r;
}

/* Of a run whose rows are gone: a process of an older release has made its own of them. */
static int32_t
step_drop (struct store *s)
{
  int64_t first = s->marks.made.id << MARKS_PART_BITS;
  int32_t r = db_run (s->db, SQL_PART_DROP, "iii", first, first + MARKS_PARTS_MAX,
                      (int64_t) SLICE_PARTS);
  s->group.rows = 1;
  s->marks.step = r > 0 ? STEP_ROWS : STEP_END;
  return r ? r : marks_made_end (s);
}

static int
fresh_is_due (const struct store_marks *ms, int64_t now)
{
  return ms->committed
         && (ms->fresh.count >= ms->limit || ms->fresh.expires_ns <= now
             || ms->since_ns + SPAN_NS < now);
}

/* 1: something was done; 0; or -errno. */
static int32_t
step_make (struct store *s)
{
  const struct store_marks *ms = &s->marks;
  int32_t r;
  if (!ms->made.id)
    return fresh_is_due (ms, s->group.now) ? step_freeze (s) : 0;
  if (ms->next > ms->made.parts)
    r = step_rows (s);
  else if (!ms->frozen.count)
    r = step_drop (s);
  else
    r = ms->next < ms->made.parts ? step_parts (s) : step_run (s);
  return r;
}

static int32_t
step_commit (struct store *s)
{
  int32_t r = group_begin (s);
  if (r >= 0)
    r = step_make (s);
  if (r >= 0)
    r = group_commit (s);
  if (r < 0)
    return r;
  group_publish (s);
  return 0;
}

void
marks_step_publish (struct store *s)
{
  struct store_marks *ms = &s->marks;
  if (ms->step == STEP_FREEZE) {
    ms->frozen = ms->fresh;
    memset (&ms->fresh, 0, sizeof ms->fresh);
    ms->committed = 0;
    ms->next = 0;
  } else if (ms->step == STEP_PARTS) {
    ms->next = ms->step_next;
    ms->made.count = ms->step_count;
  } else if (ms->step == STEP_RUN) {
    ms->next = ms->made.parts + 1;
    if (ms->made.count) {
      ms->run[ms->runs++] = ms->made; /* there is room: marks_run_reserve */
      ms->made.filter.bits = NULL;
    }
    marks_finish (&ms->frozen);
  } else if (ms->step == STEP_END)
    marks_run_free (&ms->made);
  if (ms->step == STEP_FREEZE || ms->step == STEP_RUN)
    marks_generation_next (ms);
  ms->step = STEP_NONE;
}

void
marks_step_abandon (struct store *s)
{
  struct store_marks *ms = &s->marks;
  if (ms->step == STEP_FREEZE)
    marks_run_free (&ms->made);
  ms->step = STEP_NONE;
}

/* Whether those that could not be written may stay in memory for longer. */
int
marks_can_wait (const struct store *s)
{
  const struct store_marks *ms = &s->marks;
  return ms->fresh.count + ms->frozen.count < ms->limit + MARKS_LATE;
}

/* Whether a run is to be whole sooner than one slice with each turn makes it: before half as
 * many marks are there again. */
static int
run_is_late (const struct store_marks *ms)
{
  return ms->made.id && 2ull * ms->fresh.count * ms->made.parts > (uint64_t) ms->next * ms->limit;
}

int32_t
marks_tend (struct store *s)
{
  struct store_marks *ms = &s->marks;
  int32_t r = 0;
  if (ms->trouble && marks_can_wait (s) && clock_mono () - ms->tried < AGAIN_NS)
    return 0;
  if (ms->made.id || fresh_is_due (ms, s->group.now))
    do
      r = step_commit (s);
    while (r >= 0 && run_is_late (ms));
  ms->tried = clock_mono ();
  if (r >= 0)
    pulse_marks (s, 0);
  return r;
}

/* ---- Ends ---------------------------------------------------------------------------- */

/* Its parts first, some at a time: nobody misses them. */
static int32_t
run_drop (struct store *s, const struct mark_run *run)
{
  int64_t first = run->id << MARKS_PART_BITS;
  int32_t r = db_run (s->db, SQL_PART_DROP, "iii", first, first + MARKS_PARTS_MAX,
                      (int64_t) SLICE_PARTS);
  s->group.rows |= r > 0;
  if (r)
    return r < 0 ? r : 1;
  r = db_run (s->db, SQL_RUN_DROP, "i", run->id);
  if (r >= 0)
    r = generation_next (s);
  s->marks.dropped = run->id;
  return r < 0 ? r : 1;
}

/* Those of format 1: 1 when there are more. */
static int32_t
old_purge (struct store *s)
{
  int64_t one;
  int32_t r;
  if (!s->marks.old)
    return 0;
  r = db_run (s->db, SQL_MARK_PURGE, "i", s->group.now);
  s->group.rows |= r > 0;
  if (r)
    return r < 0 ? r : r >= 1000;
  r = db_number (s->db, &one, SQL_MARK_ANY, "");
  pthread_mutex_lock (&s->marks.lock);
  s->marks.old = r != 0;
  pthread_mutex_unlock (&s->marks.lock);
  return r < 0 ? r : 0;
}

int32_t
marks_house (struct store *s)
{
  const struct store_marks *ms = &s->marks;
  for (uint32_t i = 0; i < ms->runs; i++)
    if (ms->run[i].expires_ns <= s->group.now)
      return run_drop (s, &ms->run[i]);
  return old_purge (s);
}
