/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/store_db.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STORE_SQL_TEXT(id, sql) sql,
static const char *const sql_text[] = { STORE_SQL (STORE_SQL_TEXT) };

/* One of the two files as it was when it was opened. */
struct db_file {
  char *path;
  dev_t dev;
  ino_t ino; /* 0: not seen yet */
};

struct db {
  sqlite3 *handle;
  struct db_file file, wal;
  uint32_t wal_pages;
  int32_t error; /* of the last bind */
  sqlite3_stmt *stmts[SQL_COUNT];
};

static int32_t
db_errno (const struct db *db, int code)
{
  switch (code & 0xff) {
  case SQLITE_OK:
  case SQLITE_ROW:
  case SQLITE_DONE:
    return 0;
  case SQLITE_FULL:
    return -ENOSPC;
  case SQLITE_READONLY:
    return -EROFS;
  case SQLITE_PERM:
  case SQLITE_AUTH:
    return -EACCES;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return -EBUSY;
  case SQLITE_NOMEM:
    return -ENOMEM;
  case SQLITE_NOTADB:
    return -EBADMSG;
  case SQLITE_CANTOPEN: {
    int error = db->handle ? sqlite3_system_errno (db->handle) : 0;
    return error ? -error : -EIO;
  }
  default:
    if (db->handle && sqlite3_system_errno (db->handle) == EDQUOT)
      return -ENOSPC;
    return -EIO;
  }
}

static int
db_on_wal (void *arg, sqlite3 *handle, const char *name, int pages)
{
  struct db *db = arg;
  (void) handle;
  (void) name;
  db->wal_pages = (uint32_t) pages;
  return SQLITE_OK;
}

static int32_t
db_set_up (struct db *db, const char *path, uint32_t flags)
{
  int mode = flags & DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  int code;
  if (flags & DB_CREATE)
    mode |= SQLITE_OPEN_CREATE;
  if (asprintf (&db->file.path, "%s", path) < 0 || asprintf (&db->wal.path, "%s-wal", path) < 0)
    return -ENOMEM;
  code = sqlite3_open_v2 (path, &db->handle, mode | SQLITE_OPEN_NOMUTEX, NULL);
  if (code != SQLITE_OK)
    return db_errno (db, code);
  sqlite3_extended_result_codes (db->handle, 1);
  sqlite3_busy_timeout (db->handle, DB_BUSY_MS);
  if (flags & DB_CREATE)
    code = sqlite3_exec (db->handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
  if (code != SQLITE_OK)
    return db_errno (db, code);
  sqlite3_wal_hook (db->handle, db_on_wal, db);
  return db_exec (db,
                  flags & DB_SYNC
                      ? "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864"
                      : "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864");
}

int32_t
db_open (const char *path, uint32_t flags, struct db **ret)
{
  struct db *db = calloc (1, sizeof *db);
  int32_t error;
  if (!db)
    return -ENOMEM;
  error = db_set_up (db, path, flags);
  if (error) {
    db_close (db);
    return error;
  }
  *ret = db;
  return 0;
}

void
db_close (struct db *db)
{
  if (!db)
    return;
  for (int i = 0; i < SQL_COUNT; i++)
    sqlite3_finalize (db->stmts[i]);
  sqlite3_close (db->handle);
  free (db->file.path);
  free (db->wal.path);
  free (db);
}

const char *
db_error (const struct db *db)
{
  return sqlite3_errmsg (db->handle);
}

int32_t
db_exec (struct db *db, const char *sql)
{
  return db_errno (db, sqlite3_exec (db->handle, sql, NULL, NULL, NULL));
}

static int
db_bind_one (sqlite3_stmt *stmt, int at, char kind, va_list *args)
{
  kg_str s;
  switch (kind) {
  case 'i':
    return sqlite3_bind_int64 (stmt, at, va_arg (*args, int64_t));
  case 't':
    return sqlite3_bind_text (stmt, at, va_arg (*args, const char *), -1, SQLITE_STATIC);
  case 'b':
    s = va_arg (*args, kg_str);
    return sqlite3_bind_blob64 (stmt, at, s.ptr, s.len, SQLITE_STATIC);
  default:
    abort ();
  }
}

static struct db_stmt *
db_vbind (struct db *db, enum store_sql id, const char *fmt, va_list *args)
{
  sqlite3_stmt *stmt = db->stmts[id];
  int code = SQLITE_OK;
  if (!stmt) {
    code = sqlite3_prepare_v3 (db->handle, sql_text[id], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->stmts[id], NULL);
    stmt = db->stmts[id];
  } else
    sqlite3_reset (stmt);
  for (int i = 1; code == SQLITE_OK && *fmt; i++, fmt++)
    code = db_bind_one (stmt, i, *fmt, args);
  db->error = db_errno (db, code);
  return code == SQLITE_OK ? (struct db_stmt *) stmt : NULL;
}

struct db_stmt *
db_bind (struct db *db, enum store_sql id, const char *fmt, ...)
{
  struct db_stmt *stmt;
  va_list args;
  va_start (args, fmt);
  stmt = db_vbind (db, id, fmt, &args);
  va_end (args);
  return stmt;
}

int32_t
db_step (struct db *db, struct db_stmt *stmt)
{
  int code;
  if (!stmt)
    return db->error ? db->error : -EIO;
  code = sqlite3_step ((sqlite3_stmt *) stmt);
  return code == SQLITE_ROW ? 1 : db_errno (db, code);
}

int64_t
db_int (struct db_stmt *stmt, int column)
{
  return sqlite3_column_int64 ((sqlite3_stmt *) stmt, column);
}

kg_str
db_str (struct db_stmt *stmt, int column)
{
  sqlite3_stmt *s = (sqlite3_stmt *) stmt;
  kg_str r = { NULL, 0 };
  if (sqlite3_column_type (s, column) == SQLITE_NULL)
    return r;
  r.ptr = sqlite3_column_blob (s, column);
  r.len = (size_t) sqlite3_column_bytes (s, column);
  if (!r.ptr)
    r = (kg_str){ "", 0 };
  return r;
}

void
db_reset (struct db_stmt *stmt)
{
  sqlite3_reset ((sqlite3_stmt *) stmt);
}

int32_t
db_run (struct db *db, enum store_sql id, const char *fmt, ...)
{
  struct db_stmt *stmt;
  int32_t r;
  va_list args;
  va_start (args, fmt);
  stmt = db_vbind (db, id, fmt, &args);
  va_end (args);
  r = db_step (db, stmt);
  if (r >= 0)
    r = sqlite3_changes (db->handle);
  db_reset (stmt);
  return r;
}

int32_t
db_number (struct db *db, int64_t *ret, enum store_sql id, const char *fmt, ...)
{
  struct db_stmt *stmt;
  int32_t r;
  va_list args;
  va_start (args, fmt);
  stmt = db_vbind (db, id, fmt, &args);
  va_end (args);
  r = db_step (db, stmt);
  if (r == 1)
    *ret = db_int (stmt, 0);
  db_reset (stmt);
  return r;
}

int
db_in_transaction (const struct db *db)
{
  return !sqlite3_get_autocommit (db->handle);
}

static int32_t
file_check (struct db_file *f)
{
  struct stat st;
  if (stat (f->path, &st) < 0)
    return f->ino ? -ENOENT : 0;
  if (!f->ino) {
    f->dev = st.st_dev;
    f->ino = st.st_ino;
  }
  return f->dev == st.st_dev && f->ino == st.st_ino ? 0 : -ENOENT;
}

int32_t
db_check (struct db *db)
{
  int32_t error = file_check (&db->file);
  return error ? error : file_check (&db->wal);
}

uint32_t
db_wal_pages (const struct db *db)
{
  return db->wal_pages;
}

int32_t
db_checkpoint (struct db *db, int all)
{
  int mode = all ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  return db_errno (db, sqlite3_wal_checkpoint_v2 (db->handle, NULL, mode, NULL, NULL));
}
