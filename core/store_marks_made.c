/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* How far the run is that is being written: the row marks_run of the table meta, in which any
 * process finds where to go on.  "RUN PARTS NEXT COUNT": its number, that of its parts, the part
 * that is to be written (PARTS: all are; PARTS + 1: it is a run), the marks in those before.  [c] */
#include "core/store_state.h"

#include "core/log.h"

#include <stdio.h>

#define NAME "marks_run"

int32_t
marks_made_write (struct store *s, uint32_t next, uint32_t count)
{
  char text[80];
  snprintf (text, sizeof text, "%lld %u %u %u", (long long) s->marks.made.id,
            s->marks.made.parts, next, count);
  s->group.rows = 1;
  return db_run (s->db, SQL_META_SET, "tt", NAME, text);
}

int32_t
marks_made_end (struct store *s)
{
  s->group.rows = 1;
  return db_run (s->db, SQL_META_END, "t", NAME);
}

/* 1: it is good. */
static int
made_parse (kg_str text, int64_t generation, struct mark_run *ret, uint32_t *ret_next)
{
  char copy[80];
  long long id;
  uint32_t parts, next, count;
  snprintf (copy, sizeof copy, "%.*s", (int) text.len, text.ptr);
  if (sscanf (copy, "%lld %u %u %u", &id, &parts, &next, &count) != 4)
    return 0;
  if (id < 1 || id > generation || !parts || parts > MARKS_PARTS_MAX || parts & (parts - 1)
      || next > parts + 1)
    return 0;
  *ret = (struct mark_run){ .id = id, .parts = parts, .count = count };
  *ret_next = next;
  return 1;
}

/* 1: there is one; 0; -EBADMSG: there is something else. */
static int32_t
made_read (struct store *s, int64_t generation, struct mark_run *ret, uint32_t *ret_next)
{
  struct db_stmt *stmt = db_bind (s->db, SQL_META_GET, "t", NAME);
  int32_t r = db_step (s->db, stmt);
  if (r == 1 && !made_parse (db_str (stmt, 0), generation, ret, ret_next))
    r = -EBADMSG;
  if (stmt)
    db_reset (stmt);
  return r;
}

/* Without the row its marks are fresh ones, which are all in their rows as long as it is no run;
 * a run has them twice then. */
int32_t
marks_made_load (struct store *s, int64_t generation)
{
  struct store_marks *ms = &s->marks;
  int32_t r = made_read (s, generation, &ms->made, &ms->next);
  if (r == -EBADMSG)
    log_write (KG_LOG_ERROR, "store",
               "table meta: the row " NAME " is damaged; its run of marks is written once more");
  else if (r == 1 && ms->next > ms->made.parts)
    ms->last = ms->made.id << MARKS_ROW_BITS; /* those before are in the run */
  return r == -EBADMSG ? 0 : r;
}

void
marks_filter_note (uint64_t hash, void *filter)
{
  marks_filter_add (filter, hash);
}

int32_t
marks_made_filter (struct store_marks *ms)
{
  int32_t r;
  if (!ms->frozen.count)
    return 0;
  ms->made.expires_ns = ms->frozen.expires_ns;
  r = marks_filter_init (&ms->made.filter, ms->frozen.count);
  if (r >= 0)
    marks_each (&ms->frozen, marks_filter_note, &ms->made.filter);
  return r;
}

/* What another process has written of it is not in our filter yet. */
int32_t
marks_made_sync (struct store *s)
{
  struct store_marks *ms = &s->marks;
  struct mark_run run;
  uint32_t next;
  int32_t r = made_read (s, ms->generation, &run, &next);
  if (r < 0 && r != -EBADMSG)
    return r;
  if (r < 1) {
    marks_run_free (&ms->made);
    return ms->frozen.count != 0;
  }
  if (run.id != ms->made.id)
    return 1;
  if (next == ms->next)
    return 0;
  ms->next = next;
  ms->made.count = run.count;
  if (ms->frozen.count)
    marks_each (&ms->frozen, marks_filter_note, &ms->made.filter);
  return 0;
}
