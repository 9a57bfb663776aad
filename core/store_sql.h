/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The statements of the store, prepared at their first use.  The schema and what
 * its columns mean: docs/design/0003-store.md. */
#ifndef CORE_STORE_SQL_H
#define CORE_STORE_SQL_H

#define STORE_APPLICATION 0x6b67656e /* "kgen" */
#define STORE_FORMAT 2
#define STORE_FORMAT_MARK 1 /* marks were rows of the table mark */

/* clang-format off */
#define STORE_SCHEMA                                                                      \
  "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"                       \
  "INSERT INTO meta VALUES ('epoch', 0), ('revision', 0);"                                \
  "CREATE TABLE bucket (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"              \
  "CREATE TABLE entry (bucket INTEGER NOT NULL, key BLOB NOT NULL, value BLOB,"           \
  " revision INTEGER NOT NULL, changed_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL," \
  " PRIMARY KEY (bucket, key)) WITHOUT ROWID;"                                            \
  "CREATE INDEX entry_revision ON entry (revision);"                                      \
  "CREATE INDEX entry_expires ON entry (expires_ns) WHERE expires_ns > 0;"                \
  "CREATE INDEX entry_deleted ON entry (changed_ns) WHERE value IS NULL;"                 \
  "CREATE TABLE log (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"                  \
  " newest INTEGER NOT NULL, dedup_days INTEGER NOT NULL, keep_days INTEGER NOT NULL);"   \
  "CREATE TABLE batch (place INTEGER PRIMARY KEY, first INTEGER NOT NULL,"                \
  " count INTEGER NOT NULL, time_ns INTEGER NOT NULL, format INTEGER NOT NULL,"           \
  " crc INTEGER NOT NULL, data BLOB NOT NULL);"                                           \
  "CREATE TABLE dedup (log INTEGER NOT NULL, id BLOB NOT NULL, expires_ns INTEGER NOT NULL," \
  " PRIMARY KEY (log, id)) WITHOUT ROWID;"                                                \
  "CREATE INDEX dedup_expires ON dedup (expires_ns) WHERE expires_ns > 0;"                \
  "CREATE TABLE cursor (id INTEGER PRIMARY KEY, log INTEGER NOT NULL, name TEXT NOT NULL," \
  " position INTEGER NOT NULL, UNIQUE (log, name));"                                      \
  "CREATE TABLE process (epoch INTEGER PRIMARY KEY, replica TEXT NOT NULL,"               \
  " started_ns INTEGER NOT NULL, groups INTEGER NOT NULL);"                               \
  "CREATE TABLE ring (epoch INTEGER NOT NULL, ring INTEGER NOT NULL,"                     \
  " sequence INTEGER NOT NULL, PRIMARY KEY (epoch, ring)) WITHOUT ROWID;"                 \
  "PRAGMA application_id = 0x6b67656e; PRAGMA user_version = 1;"

/* What format 2 has more (docs/design/0033-marks.md). */
#define STORE_SCHEMA_MARKS                                                                \
  "INSERT INTO meta VALUES ('marks', 0), ('marks_key', randomblob (16));"                 \
  "CREATE TABLE mark_fresh (id INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL,"            \
  " crc INTEGER NOT NULL, data BLOB NOT NULL);"                                           \
  "CREATE TABLE mark_part (place INTEGER PRIMARY KEY, crc INTEGER NOT NULL,"              \
  " data BLOB NOT NULL);"                                                                 \
  "CREATE TABLE mark_run (id INTEGER PRIMARY KEY, parts INTEGER NOT NULL,"                \
  " count INTEGER NOT NULL, expires_ns INTEGER NOT NULL, crc INTEGER NOT NULL,"           \
  " filter BLOB NOT NULL);"                                                               \
  "PRAGMA user_version = 2;"

#define STORE_SQL(X)                                                                      \
  X (SQL_BEGIN, "BEGIN IMMEDIATE")                                                        \
  X (SQL_SEE, "BEGIN")                                                                    \
  X (SQL_COMMIT, "COMMIT")                                                                \
  X (SQL_ROLLBACK, "ROLLBACK")                                                            \
  X (SQL_SAVE, "SAVEPOINT one")                                                           \
  X (SQL_RELEASE, "RELEASE one")                                                          \
  X (SQL_UNDO, "ROLLBACK TO one")                                                         \
  X (SQL_VERSION, "PRAGMA data_version")                                                  \
  X (SQL_APPLICATION, "PRAGMA application_id")                                            \
  X (SQL_FORMAT, "PRAGMA user_version")                                                   \
  X (SQL_META_GET, "SELECT value FROM meta WHERE name = ?1")                              \
  X (SQL_META_SET, "INSERT INTO meta VALUES (?1, ?2)"                                     \
     " ON CONFLICT (name) DO UPDATE SET value = ?2")                                      \
  X (SQL_META_END, "DELETE FROM meta WHERE name = ?1")                                    \
  X (SQL_BUCKET_ADD, "INSERT INTO bucket (name) VALUES (?1) ON CONFLICT DO NOTHING")      \
  X (SQL_BUCKET_ID, "SELECT id FROM bucket WHERE name = ?1")                              \
  X (SQL_LOG_ADD, "INSERT INTO log (name, newest, dedup_days, keep_days)"                 \
     " VALUES (?1, 0, ?2, ?3)"                                                            \
     " ON CONFLICT (name) DO UPDATE SET dedup_days = ?2, keep_days = ?3"                  \
     " WHERE dedup_days <> ?2 OR keep_days <> ?3")                                        \
  X (SQL_LOG_ID, "SELECT id, newest FROM log WHERE name = ?1")                            \
  X (SQL_LOG_ROWS, "SELECT name, dedup_days, keep_days FROM log")                         \
  X (SQL_LOG_ALL, "SELECT id, newest FROM log")                                           \
  X (SQL_LOG_SET, "UPDATE log SET newest = ?2 WHERE id = ?1")                             \
  X (SQL_CURSOR_ADD, "INSERT INTO cursor (log, name, position) VALUES (?1, ?2, 0)"        \
     " ON CONFLICT DO NOTHING")                                                           \
  X (SQL_CURSOR_ALL, "SELECT log, name, position FROM cursor")                            \
  X (SQL_CURSOR_LIST, "SELECT name, position FROM cursor WHERE log = ?1 ORDER BY name")    \
  X (SQL_CURSOR_FORGET, "DELETE FROM cursor WHERE log = ?1 AND name = ?2")                \
  X (SQL_CURSOR_SET, "UPDATE cursor SET position = ?3"                                    \
     " WHERE log = ?1 AND name = ?2 AND position < ?3")                                   \
  X (SQL_ENTRY_LOAD, "SELECT bucket, key, value, revision, changed_ns, expires_ns"        \
     " FROM entry WHERE bucket = ?1 AND value IS NOT NULL")                               \
  X (SQL_ENTRY_SINCE, "SELECT bucket, key, value, revision, changed_ns, expires_ns"       \
     " FROM entry WHERE revision > ?1 ORDER BY revision")                                 \
  X (SQL_ENTRY_SCAN, "SELECT bucket, key, value, revision, changed_ns, expires_ns"        \
     " FROM entry WHERE bucket = ?1 AND key >= ?2 AND value IS NOT NULL ORDER BY key")    \
  X (SQL_ENTRY_FETCH, "SELECT bucket, key, value, revision, changed_ns, expires_ns"       \
     " FROM entry WHERE bucket = ?1 AND key = ?2 AND value IS NOT NULL")                  \
  X (SQL_ENTRY_GET, "SELECT revision, expires_ns FROM entry"                              \
     " WHERE bucket = ?1 AND key = ?2 AND value IS NOT NULL")                             \
  X (SQL_ENTRY_PUT, "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6)"                   \
     " ON CONFLICT (bucket, key) DO UPDATE SET"                                           \
     " value = ?3, revision = ?4, changed_ns = ?5, expires_ns = ?6")                      \
  X (SQL_ENTRY_EXPIRED, "SELECT bucket, key FROM entry"                                   \
     " WHERE expires_ns > 0 AND expires_ns <= ?1 ORDER BY expires_ns LIMIT 256")          \
  X (SQL_ENTRY_PURGE, "DELETE FROM entry WHERE (bucket, key) IN (SELECT bucket, key"      \
     " FROM entry WHERE value IS NULL AND changed_ns < ?1 LIMIT 256)")                    \
  X (SQL_BATCH_ADD, "INSERT INTO batch VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")              \
  X (SQL_BATCH_NEXT, "SELECT place, first, count, format, crc, data FROM batch"           \
     " WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT 1")                          \
  X (SQL_BATCH_PURGE, "DELETE FROM batch WHERE place IN (SELECT place FROM"               \
     " (SELECT place, time_ns FROM batch WHERE place > ?1 AND place <= ?2"                \
     " ORDER BY place LIMIT 1000) WHERE time_ns < ?3)")                                   \
  X (SQL_LOG_DONE, "SELECT min (position) FROM cursor WHERE log = ?1")                    \
  X (SQL_DEDUP_ADD, "INSERT INTO dedup VALUES (?1, ?2, ?3) ON CONFLICT (log, id)"         \
     " DO UPDATE SET expires_ns = ?3 WHERE expires_ns > 0 AND expires_ns <= ?4")          \
  X (SQL_DEDUP_PURGE, "DELETE FROM dedup WHERE (log, id) IN (SELECT log, id FROM dedup"   \
     " WHERE expires_ns > 0 AND expires_ns <= ?1 LIMIT 1000)")                            \
  X (SQL_MARK_GET, "SELECT value, expires_ns FROM mark WHERE log = ?1 AND id = ?2")       \
  X (SQL_MARK_PURGE, "DELETE FROM mark WHERE (log, id) IN (SELECT log, id FROM mark"      \
     " WHERE expires_ns > 0 AND expires_ns <= ?1 LIMIT 1000)")                            \
  X (SQL_MARK_TABLE, "SELECT count (*) FROM sqlite_schema WHERE name = 'mark'")           \
  X (SQL_MARK_ANY, "SELECT 1 FROM mark LIMIT 1")                                          \
  X (SQL_FRESH_ADD, "INSERT INTO mark_fresh VALUES (?1, ?2, ?3, ?4)")                     \
  X (SQL_FRESH_SINCE, "SELECT id, time_ns, crc, data FROM mark_fresh"                     \
     " WHERE id > ?1 ORDER BY id")                                                        \
  X (SQL_FRESH_SIZES, "SELECT id, length (data) FROM mark_fresh WHERE id < ?1 ORDER BY id") \
  X (SQL_FRESH_DROP, "DELETE FROM mark_fresh WHERE id <= ?1")                             \
  X (SQL_PART_ADD, "INSERT INTO mark_part VALUES (?1, ?2, ?3)")                           \
  X (SQL_PART_GET, "SELECT crc, data FROM mark_part WHERE place = ?1")                    \
  X (SQL_PART_DROP, "DELETE FROM mark_part WHERE place IN (SELECT place FROM mark_part"   \
     " WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT ?3)")                        \
  X (SQL_RUN_ADD, "INSERT INTO mark_run VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                 \
  X (SQL_RUN_ALL, "SELECT id, parts, count, expires_ns, crc, filter FROM mark_run")       \
  X (SQL_RUN_DROP, "DELETE FROM mark_run WHERE id = ?1")                                  \
  X (SQL_PROCESS_ADD, "INSERT INTO process VALUES (?1, ?2, ?3, 0)")                       \
  X (SQL_PROCESS_SET, "UPDATE process SET groups = ?2 WHERE epoch = ?1")                  \
  X (SQL_PROCESS_GET, "SELECT groups FROM process WHERE epoch = ?1")                      \
  X (SQL_PROCESS_END, "DELETE FROM process WHERE epoch = ?1")                             \
  X (SQL_RING_SET, "INSERT INTO ring VALUES (?1, ?2, ?3)"                                 \
     " ON CONFLICT (epoch, ring) DO UPDATE SET sequence = ?3")                            \
  X (SQL_RING_GET, "SELECT sequence FROM ring WHERE epoch = ?1 AND ring = ?2")            \
  X (SQL_RING_END, "DELETE FROM ring WHERE epoch = ?1")
/* clang-format on */

#define STORE_SQL_ID(id, sql) id,
enum store_sql { STORE_SQL (STORE_SQL_ID) SQL_COUNT };

#endif
