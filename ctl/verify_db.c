/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The database: whether SQLite can read it, and what its small tables say. */

#include "ctl/verify_store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION 0x6b67656e /* "kgen" */
#define FORMAT 2
#define FORMAT_OLDEST 1
#define WAIT_MS 10000
#define HEAD 100 /* bytes of SQLite's own head */
#define NAME "kgent.db"
#define KEY_MAX 512
#define VALUE_MAX 1048576

/* ---- Statements --------------------------------------------------------------------------- */

static void
unreadable (struct verify *v)
{
  found (v, "database", cure_copy, NAME, "SQLite cannot read it: %s", sqlite3_errmsg (v->db));
}

sqlite3_stmt *
query (struct verify *v, const char *sql)
{
  sqlite3_stmt *stmt = NULL;
  if (sqlite3_prepare_v2 (v->db, sql, -1, &stmt, NULL) == SQLITE_OK)
    return stmt;
  unreadable (v);
  return NULL;
}

int
query_row (struct verify *v, sqlite3_stmt *stmt)
{
  int r = stmt ? sqlite3_step (stmt) : SQLITE_DONE;
  if (r == SQLITE_ROW)
    return 1;
  if (r != SQLITE_DONE)
    unreadable (v);
  sqlite3_finalize (stmt);
  return 0;
}

struct piece
query_piece (sqlite3_stmt *stmt, int column)
{
  struct piece r = { sqlite3_column_blob (stmt, column), 0 };
  r.n = (size_t)sqlite3_column_bytes (stmt, column);
  if (!r.p && sqlite3_column_type (stmt, column) != SQLITE_NULL)
    r.p = "";
  return r;
}

/* The first column of the first row. */
static int64_t
query_number (struct verify *v, const char *sql, int64_t dflt)
{
  sqlite3_stmt *stmt = query (v, sql);
  int64_t r = dflt;
  if (query_row (v, stmt)) {
    r = sqlite3_column_int64 (stmt, 0);
    sqlite3_finalize (stmt);
  }
  return r;
}

/* ---- Opening ------------------------------------------------------------------------------- */

/* Looks at the head without SQLite: 0; 1 after a finding; -1 after a message. */
static int
head_check (struct verify *v, const char *path)
{
  char head[HEAD];
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read (fd, head, sizeof head);
  if (n < 0)
    complain ("%s: %s; say where the store is with --dir DIR, the host's store.dir", path,
              strerror (errno));
  if (fd >= 0)
    close (fd);
  if (n < 0)
    return -1;
  if (n < HEAD || memcmp (head, "SQLite format 3", 16)) {
    found (v, "database", cure_copy, NAME, "its first bytes are not those of a database");
    return 1;
  }
  return 0;
}

static int
snapshot (struct verify *v, const char *path)
{
  int r = sqlite3_open_v2 (path, &v->db, SQLITE_OPEN_READONLY, NULL);
  if (r == SQLITE_OK) {
    sqlite3_busy_timeout (v->db, WAIT_MS);
    sqlite3_db_config (v->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    r = sqlite3_exec (v->db, "BEGIN; SELECT count (*) FROM sqlite_schema", NULL, NULL, NULL);
  }
  if (r == SQLITE_OK)
    return 0;
  if (r == SQLITE_CORRUPT || r == SQLITE_NOTADB) {
    unreadable (v);
    return 1;
  }
  complain ("%s: %s", path, sqlite3_errmsg (v->db));
  return -1;
}

static int
format_check (struct verify *v)
{
  int64_t application = query_number (v, "PRAGMA application_id", 0);
  int64_t format = query_number (v, "PRAGMA user_version", 0);
  if (application == APPLICATION && format > FORMAT) {
    complain ("%s/" NAME ": format %lld, this kgentctl knows %d: use the one of that version",
              v->dir, (long long)format, FORMAT);
    return -1;
  }
  if (application != APPLICATION)
    found (v, "database", cure_copy, NAME,
           "its application_id is %lld, not that of kgentd: it would not start",
           (long long)application);
  else if (format < FORMAT_OLDEST)
    found (v, "database", cure_copy, NAME, "its user_version is %lld, not %d",
           (long long)format, FORMAT);
  return 0;
}

int
verify_open (struct verify *v)
{
  char path[4096];
  int r;
  snprintf (path, sizeof path, "%s/" NAME, v->dir);
  r = head_check (v, path);
  if (!r)
    r = snapshot (v, path);
  if (!r)
    r = format_check (v);
  v->unread = r < 0;
  return r ? -1 : 0;
}

void
verify_close (struct verify *v)
{
  sqlite3_close (v->db);
  v->db = NULL;
}

/* ---- Tables -------------------------------------------------------------------------------- */

/* Pages, indexes, and rows that are in one and not in the other. */
static void
integrity_check (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "PRAGMA integrity_check (20)");
  while (query_row (v, stmt)) {
    struct piece text = query_piece (stmt, 0);
    if (text.n != 2 || memcmp (text.p, "ok", 2))
      found (v, "database", cure_copy, NAME, "%s", shown (text));
  }
}

static void
revisions_check (struct verify *v, int64_t newest)
{
  sqlite3_stmt *stmt = query (v, "SELECT revision, count (*) FROM entry"
                                 " GROUP BY revision HAVING count (*) > 1");
  int64_t most = query_number (v, "SELECT max (revision) FROM entry", 0);
  while (query_row (v, stmt))
    found (v, "revision", cure_copy,
           place (v, "table entry, revision %lld", (long long)sqlite3_column_int64 (stmt, 0)),
           "%lld entries have it", (long long)sqlite3_column_int64 (stmt, 1));
  if (most > newest)
    found (v, "revision",
           "stop the host and set it right: sqlite3 kgent.db \"UPDATE meta SET value = (SELECT "
           "max (revision) FROM entry) WHERE name = 'revision'\"",
           "table meta, revision",
           "it says %lld, and an entry has %lld: new entries would get revisions once more",
           (long long)newest, (long long)most);
}

void
verify_meta (struct verify *v)
{
  int64_t revision, most;
  integrity_check (v);
  v->replica_epoch = query_number (v, "SELECT value FROM meta WHERE name = 'epoch'", -1);
  revision = query_number (v, "SELECT value FROM meta WHERE name = 'revision'", -1);
  if (v->replica_epoch < 0 || revision < 0)
    found (v, "meta", cure_copy, "table meta", "the row of %s is missing",
           revision < 0 ? "revision" : "epoch");
  revisions_check (v, revision);
  most = query_number (v, "SELECT max (epoch) FROM (SELECT epoch FROM process UNION ALL"
                          " SELECT epoch FROM ring)", 0);
  if (most > v->replica_epoch)
    found (v, "meta",
           "stop the host and set it right: sqlite3 kgent.db \"UPDATE meta SET value = (SELECT "
           "max (epoch) FROM process) WHERE name = 'epoch'\"",
           "table meta, epoch",
           "it says %lld, and there was a process %lld: ids of records would be given twice",
           (long long)v->replica_epoch, (long long)most);
}

void
verify_logs (struct verify *v)
{
  sqlite3_stmt *stmt
      = query (v, "SELECT id, name, newest, dedup_days, keep_days FROM log ORDER BY id");
  while (query_row (v, stmt)) {
    struct verify_log *l = &v->log[v->logs];
    struct piece name = query_piece (stmt, 1);
    if (v->logs == LOGS_MAX) {
      remarked (v, "there are more than %u logs, the others were not looked at", LOGS_MAX);
      sqlite3_finalize (stmt);
      return;
    }
    v->logs++;
    l->id = sqlite3_column_int64 (stmt, 0);
    snprintf (l->name, sizeof l->name, "%s", shown (name));
    l->newest = sqlite3_column_int64 (stmt, 2);
    l->dedup_days = sqlite3_column_int64 (stmt, 3);
    l->keep_days = sqlite3_column_int64 (stmt, 4);
  }
}

const struct verify_log *
log_find (const struct verify *v, int64_t id)
{
  uint32_t i;
  for (i = 0; i < v->logs; i++)
    if (v->log[i].id == id)
      return &v->log[i];
  return NULL;
}

static void
cursor_check (struct verify *v, const struct verify_log *l, const char *name, int64_t position)
{
  const char *where = place (v, "cursor %s of log %s", name, l->name);
  if (position > l->newest)
    found (v, "cursor",
           "stop the host and set it back to a place before which all is done: sqlite3 kgent.db "
           "\"UPDATE cursor SET position = N WHERE name = 'NAME'\"",
           where, "it is at %lld, and the newest record is %lld: what comes would be passed over",
           (long long)position, (long long)l->newest);
  else if (position < 0)
    found (v, "cursor", cure_copy, where, "it is at %lld", (long long)position);
  else if (position && l->first && position < l->first - 1)
    found (v, "cursor", cure_batch, where,
           "it is at %lld, and the oldest record is %lld: those between were removed unread",
           (long long)position, (long long)l->first);
}

void
verify_cursors (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT log, name, position FROM cursor");
  while (query_row (v, stmt)) {
    const struct verify_log *l = log_find (v, sqlite3_column_int64 (stmt, 0));
    const char *name = shown (query_piece (stmt, 1));
    if (l)
      cursor_check (v, l, name, sqlite3_column_int64 (stmt, 2));
    else
      found (v, "cursor", cure_copy, place (v, "cursor %s", name), "its log doesn't exist");
  }
}

void
verify_dedup (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT log, id, expires_ns FROM dedup");
  while (query_row (v, stmt)) {
    struct piece id = query_piece (stmt, 1);
    int64_t log = sqlite3_column_int64 (stmt, 0), expires = sqlite3_column_int64 (stmt, 2);
    const struct verify_log *l = log_find (v, log);
    const char *where = place (v, "table dedup, log %lld, id %s", (long long)log, shown (id));
    if (!l)
      found (v, "dedup", cure_copy, where, "its log doesn't exist");
    else if (!id.n || id.n > KEY_MAX)
      found (v, "dedup", cure_copy, where, "an id has 1 to %d bytes", KEY_MAX);
    else if (expires < 0 || (!expires && l->dedup_days && !l->newest))
      found (v, "dedup", cure_copy, where, "it is said to expire at %lld", (long long)expires);
  }
}

/* ---- Entries ------------------------------------------------------------------------------- */

struct entry {
  struct piece bucket, key, value;
  int64_t revision, changed, expires;
};

static void
entry_check (struct verify *v, const struct entry *e)
{
  const char *where
      = place (v, "bucket %s, key %s", e->bucket.p ? shown (e->bucket) : "(none)", shown (e->key));
  if (!e->bucket.p)
    found (v, "entry", cure_copy, where, "its bucket doesn't exist");
  else if (!e->key.n || e->key.n > KEY_MAX)
    found (v, "entry", cure_copy, where, "a key has 1 to %d bytes", KEY_MAX);
  else if (e->value.n > VALUE_MAX)
    found (v, "entry", cure_copy, where, "the value is longer than %d bytes", VALUE_MAX);
  else if (e->revision < 1 || e->changed < 1 || e->expires < 0)
    found (v, "entry", cure_copy, where, "revision %lld, changed at %lld, expires at %lld",
           (long long)e->revision, (long long)e->changed, (long long)e->expires);
  else if (e->changed > v->now_ns + DAY_NS)
    found (v, "entry", "set the clock of the machine right, if it is wrong", where,
           "it was changed more than a day from now");
}

static int
is_bucket (const struct entry *e, const char *name)
{
  return e->bucket.n == strlen (name) && !memcmp (e->bucket.p, name, e->bucket.n);
}

void
verify_entries (struct verify *v)
{
  sqlite3_stmt *stmt
      = query (v, "SELECT b.name, key, value, revision, changed_ns, expires_ns"
                  " FROM entry LEFT JOIN bucket b ON b.id = bucket");
  while (query_row (v, stmt)) {
    struct entry e = { query_piece (stmt, 0), query_piece (stmt, 1), query_piece (stmt, 2),
                       sqlite3_column_int64 (stmt, 3), sqlite3_column_int64 (stmt, 4),
                       sqlite3_column_int64 (stmt, 5) };
    v->entries++;
    entry_check (v, &e);
    if (!e.bucket.p || !e.value.p)
      continue;
    if (is_bucket (&e, "idempotency"))
      verify_answer (v, e.key, e.value, e.changed, e.expires);
    else if (is_bucket (&e, "metering.parked"))
      verify_parked (v, e.key, e.value);
    else if (is_bucket (&e, "usage.rollups"))
      rollups_row (v, e.key, e.value, e.expires);
  }
}
