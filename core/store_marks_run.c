/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From fresh marks to a run, and the end of runs.  [c] */
#include "core/store_state.h"

#include "core/util/clock.h"
#include "core/util/crc.h"

#include <errno.h>
#include <stdlib.h>

#define PART_MARKS 128u                    /* about as many in a part */
#define SPAN_NS (4 * 86400 * CLOCK_SECOND) /* older ones go although they are few */
#define AGAIN_NS (5 * CLOCK_SECOND)        /* a run that found no room is tried so often */

static int32_t
generation_next (struct store *s)
{
  s->group.rows = 1;
  return db_run (s->db, SQL_META_SET, "ti", "marks", s->marks.generation + 1);
}

static void
filter_note (uint64_t hash, void *filter)
{
  marks_filter_add (filter, hash);
}

/* Writes one part: how many marks, or -errno. */
static int32_t
part_write (struct store *s, struct mark_run *run, uint32_t part)
{
  struct store_marks *ms = &s->marks;
  int32_t n = marks_pack_part (&ms->fresh, part, run->parts, s->group.now, &ms->row, filter_note,
                               &run->filter);
  int32_t r;
  if (n <= 0)
    return n;
  r = db_run (s->db, SQL_PART_ADD, "iib", run->id << MARKS_PART_BITS | part,
              (int64_t) crc32c (0, ms->row.ptr, ms->row.len),
              (kg_str){ ms->row.ptr, ms->row.len });
  return r < 0 ? r : n;
}

static int32_t
run_write (struct store *s, struct mark_run *run)
{
  kg_str filter = { (const char *) run->filter.bits, (size_t) run->filter.blocks * MARKS_BLOCK };
  int32_t r = 0;
  for (uint32_t i = 0; r >= 0 && i < run->parts; i++) {
    r = part_write (s, run, i);
    run->count += r > 0 ? (uint32_t) r : 0;
  }
  if (r < 0 || !run->count)
    return r;
  r = db_run (s->db, SQL_RUN_ADD, "iiiiib", run->id, (int64_t) run->parts, (int64_t) run->count,
              run->expires_ns, (int64_t) crc32c (0, filter.ptr, filter.len), filter);
  return r < 0 ? r : 0;
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

/* Makes a run of the fresh ones. */
static int32_t
fresh_write (struct store *s)
{
  struct store_marks *ms = &s->marks;
  int32_t r;
  pthread_mutex_lock (&ms->lock); /* readers use the array */
  r = marks_run_reserve (ms);
  pthread_mutex_unlock (&ms->lock);
  ms->made = (struct mark_run){ .id = ms->generation + 1,
                                .parts = run_parts (ms->fresh.count),
                                .expires_ns = ms->fresh.expires_ns };
  if (r >= 0)
    r = marks_filter_init (&ms->made.filter, ms->fresh.count);
  if (r >= 0)
    r = run_write (s, &ms->made);
  if (r >= 0 && !ms->made.count)
    marks_run_free (&ms->made);
  if (r >= 0)
    r = db_run (s->db, SQL_FRESH_CLEAR, "");
  if (r >= 0)
    r = generation_next (s);
  ms->emptied = 1;
  return r < 0 ? r : 0;
}

static int
fresh_is_due (const struct store_marks *ms, int64_t now)
{
  return ms->committed
         && (ms->fresh.count >= ms->limit || ms->fresh.expires_ns <= now
             || ms->since_ns + SPAN_NS < now);
}

static int32_t
run_make (struct store *s)
{
  int32_t r = group_begin (s);
  if (r >= 0 && fresh_is_due (&s->marks, s->group.now))
    r = fresh_write (s);
  if (r >= 0)
    r = group_commit (s);
  if (r < 0)
    return r;
  group_publish (s);
  return 0;
}

/* Whether those that could not be written may stay in memory for longer. */
int
marks_can_wait (const struct store *s)
{
  return s->marks.fresh.count < s->marks.limit + MARKS_LATE;
}

int32_t
marks_tend (struct store *s)
{
  struct store_marks *ms = &s->marks;
  int32_t r = 0;
  if (ms->trouble && marks_can_wait (s) && clock_mono () - ms->tried < AGAIN_NS)
    return 0;
  if (fresh_is_due (ms, s->group.now))
    r = run_make (s);
  ms->tried = clock_mono ();
  if (r >= 0)
    pulse_marks (s, 0);
  return r;
}

static int32_t
run_drop (struct store *s, const struct mark_run *run)
{
  int64_t first = run->id << MARKS_PART_BITS;
  int32_t r = db_run (s->db, SQL_PART_DROP, "ii", first, first + MARKS_PARTS_MAX);
  if (r >= 0)
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
