/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Cursors of a log that nobody here has declared: of a plugin, or of a part of one, that is no
 * longer configured.  They stay where they are, for it may come back, and hold the log's
 * records like others; somebody must be able to see that, and to put an end to it.
 *
 * One is forgotten seldom, so that has a connection of its own and doesn't bother the
 * committer: to it, this is another process. */
#include "core/store_state.h"

#include <errno.h>
#include <string.h>

struct kg_cursor *
store_cursor_find (const struct store *s, uint32_t log, kg_str name)
{
  struct kg_cursor *c = s->cursors;
  while (c && (c->log->id != log || strlen (c->name) != name.len
               || memcmp (c->name, name.ptr, name.len)))
    c = c->next;
  return c;
}

static int32_t
strays_tell (kg_log *log, struct db_stmt *stmt, struct db *db,
             int32_t (*fn) (const char *, uint64_t, void *), void *arg)
{
  char name[STORE_NAME_MAX + 1];
  int32_t r, calls = 0;
  while ((r = db_step (db, stmt)) == 1) {
    kg_str s = db_str (stmt, 0);
    if (!s.ptr || s.len >= sizeof name || store_cursor_find (log->store, log->id, s))
      continue;
    memcpy (name, s.ptr, s.len);
    name[s.len] = 0;
    calls++;
    if (fn (name, (uint64_t) db_int (stmt, 1), arg))
      break;
  }
  return r < 0 ? r : calls;
}

static int32_t
cursor_allowed (kg_log *log, const char *what)
{
  if (!log || log->magic != LOG_MAGIC)
    return -EINVAL;
  return store_reader_allowed (log->store, what);
}

int32_t
store_strays (kg_log *log, int32_t (*fn) (const char *name, uint64_t position, void *arg),
              void *arg)
{
  struct db *db = NULL;
  struct db_stmt *stmt;
  int32_t r = cursor_allowed (log, "strays");
  if (r >= 0)
    r = store_reader_take (log->store, &db);
  if (r < 0)
    return r;
  stmt = db_bind (db, SQL_CURSOR_LIST, "i", (int64_t) log->id);
  r = strays_tell (log, stmt, db, fn, arg);
  if (stmt)
    db_reset (stmt);
  store_reader_give (log->store, db, r);
  return r < 0 ? store_told (r) : r;
}

int32_t
store_forget (kg_log *log, const char *name)
{
  struct db *db = NULL;
  int32_t r = cursor_allowed (log, "forget");
  if (r < 0)
    return r;
  if (store_cursor_find (log->store, log->id, (kg_str){ name, strlen (name) }))
    return -EEXIST;
  r = store_open_same (log->store, DB_SYNC, &db);
  if (r < 0)
    return store_told (r);
  r = db_run (db, SQL_CURSOR_FORGET, "it", (int64_t) log->id, name);
  db_close (db);
  if (!r)
    return -ENOENT;
  return r < 0 ? store_told (r) : 0;
}
