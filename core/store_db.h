/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* SQLite, as the store uses it: a connection with its prepared statements.
 *
 * The only file that knows SQLite is store_db.c.  A connection belongs to one
 * thread at a time.  Functions answer 0 or more, or -errno: -ENOSPC full, -EROFS
 * read-only, -EIO input/output or damage, -EBUSY locked by another process for
 * longer than DB_BUSY_MS, -ENOMEM, -ENOENT. */
#ifndef CORE_STORE_DB_H
#define CORE_STORE_DB_H

#include "core/abi.h"
#include "core/store_sql.h"

#include <stdint.h>

#define DB_BUSY_MS 5000

#define DB_CREATE 0x01u /* make the file when it is missing                      */
#define DB_READ 0x02u   /* for reading only                                      */
#define DB_SYNC 0x04u   /* a commit waits for the disk                           */

struct db;
struct db_stmt;

/* Opens in WAL mode, without automatic checkpoints. */
int32_t db_open (const char *path, uint32_t flags, struct db **ret);

/* NULL is allowed. */
void db_close (struct db *db);

/* What went wrong last; valid until the next call. */
const char *db_error (const struct db *db);

/* Runs statements without results. */
int32_t db_exec (struct db *db, const char *sql);

/* A statement, reset and with its values bound by `fmt`: i int64_t, b kg_str as
 * a blob (NULL ptr: NULL), t const char *.  NULL on failure; db_step of NULL
 * answers the error. */
struct db_stmt *db_bind (struct db *db, enum store_sql id, const char *fmt, ...);

/* 1: a row; 0: done. */
int32_t db_step (struct db *db, struct db_stmt *stmt);
int64_t db_int (struct db_stmt *stmt, int column);

/* A blob or text, valid until the next step or reset; { NULL, 0 } for NULL. */
kg_str db_str (struct db_stmt *stmt, int column);
void db_reset (struct db_stmt *stmt);

/* Binds, steps and resets: how many rows it changed, or -errno. */
int32_t db_run (struct db *db, enum store_sql id, const char *fmt, ...);

/* One number of one row: 1, and *ret; 0: no row; or -errno. */
int32_t db_number (struct db *db, int64_t *ret, enum store_sql id, const char *fmt, ...);

/* Whether a transaction is open. */
int db_in_transaction (const struct db *db);

/* Whether the files under their names are still the opened ones: 0 or -ENOENT.
 * The first call remembers them. */
int32_t db_check (struct db *db);

/* Pages in the WAL after the last commit. */
uint32_t db_wal_pages (const struct db *db);

/* Moves what it can from the WAL into the database, without waiting for others;
 * with `all`, everything, and the WAL's size becomes 0. */
int32_t db_checkpoint (struct db *db, int all);

#endif
