/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Which of many ids are marked, for a thread that may block.  What is in memory is looked at
 * under the lock, all at one moment; it also tells which parts of runs to read.  A part that
 * is gone by then was of a run that was over. */
#include "core/store_state.h"

#include "core/util/clock.h"

#include <errno.h>
#include <stdlib.h>

/* A part to read for an id. */
struct lead {
  int64_t place;
  uint32_t i;
};

struct look {
  struct store *store;
  struct marks_wanted *wanted;
  struct marks_seen *seen;
  uint32_t n;
  struct lead *lead;
  size_t leads, cap;
  int32_t old;
};

static int32_t
lead_add (struct look *l, struct lead lead)
{
  if (l->leads == l->cap) {
    size_t cap = l->cap ? 2 * l->cap : 64;
    struct lead *p = realloc (l->lead, cap * sizeof *p);
    if (!p)
      return -ENOMEM;
    l->lead = p;
    l->cap = cap;
  }
  l->lead[l->leads++] = lead;
  return 0;
}

static int32_t
memory_look_one (struct look *l, uint32_t i)
{
  const struct store_marks *ms = &l->store->marks;
  const struct marks_wanted *w = &l->wanted[i];
  struct mark m;
  int32_t r = 0;
  if (marks_find (&ms->fresh, w->hash, w->log, w->key, ms->committed, w->now, &m)
      || marks_find (&ms->frozen, w->hash, w->log, w->key, SIZE_MAX, w->now, &m)) {
    marks_note (&l->seen[i], m.value);
    return 0;
  }
  for (uint32_t k = 0; !r && k < ms->runs; k++)
    if (marks_may_have (&ms->run[k], w))
      r = lead_add (l, (struct lead){ marks_place (&ms->run[k], w->hash), i });
  return r;
}

static int32_t
memory_look (struct look *l)
{
  struct store_marks *ms = &l->store->marks;
  int32_t r;
  pthread_mutex_lock (&ms->lock);
  r = ms->generation < 0 ? -EAGAIN : 0; /* reading them has failed, and is tried again */
  for (uint32_t i = 0; !r && i < l->n; i++)
    r = memory_look_one (l, i);
  l->old = ms->old;
  pthread_mutex_unlock (&ms->lock);
  return r;
}

static int32_t
disk_look (struct look *l, struct db *db)
{
  int32_t r = db_run (db, SQL_SEE, ""); /* one lock for all */
  for (size_t k = 0; r >= 0 && k < l->leads; k++) {
    uint32_t i = l->lead[k].i;
    if (!l->seen[i].found)
      r = marks_in_part (l->store, db, l->lead[k].place, &l->wanted[i], &l->seen[i]);
  }
  for (uint32_t i = 0; r >= 0 && l->old && i < l->n; i++)
    if (!l->seen[i].found)
      r = marks_in_old (db, &l->wanted[i], &l->seen[i]);
  if (db_in_transaction (db) && db_run (db, SQL_COMMIT, "") < 0 && r >= 0)
    r = -EIO;
  return r;
}

static int32_t
look_all (struct look *l)
{
  struct db *db;
  int32_t r = memory_look (l);
  if (r < 0 || (!l->leads && !l->old))
    return r;
  r = store_reader_take (l->store, &db);
  if (r < 0)
    return r;
  r = disk_look (l, db);
  store_reader_give (l->store, db, r);
  return r;
}

static int32_t
look_tell (const struct look *l, void (*fn) (uint32_t, kg_str, void *), void *arg)
{
  int32_t calls = 0;
  for (uint32_t i = 0; i < l->n; i++)
    if (l->seen[i].found) {
      fn (i, (kg_str){ l->seen[i].value, l->seen[i].len }, arg);
      calls++;
    }
  return calls;
}

int32_t
store_marks (kg_log *log, const kg_str *ids, uint32_t nids,
             void (*fn) (uint32_t, kg_str, void *), void *arg)
{
  struct look l = { .store = log->store, .n = nids };
  int64_t now = clock_wall ();
  int32_t r = store_reader_allowed (log->store, "marks");
  if (r < 0)
    return r;
  l.wanted = calloc (nids + 1u, sizeof *l.wanted);
  l.seen = calloc (nids + 1u, sizeof *l.seen);
  for (uint32_t i = 0; l.wanted && i < nids; i++)
    l.wanted[i] = (struct marks_wanted){ ids[i], marks_hash (log->store, ids[i]), now, log->id };
  r = l.wanted && l.seen ? look_all (&l) : -ENOMEM;
  if (r >= 0)
    r = look_tell (&l, fn, arg);
  free (l.wanted);
  free (l.seen);
  free (l.lead);
  return r;
}
