/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From a folder to an open database: what is there, whether it is ours, and the
 * rows that this process needs. */
#include "core/store_state.h"

#include "core/util/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SQLITE_HEAD 100u    /* bytes; SQLite's file format, section 1.3 */
#define START_WAIT_MS 30000 /* for another process that is just starting */

/* Writes the text of an error and returns its code. */
static int32_t KG_PRINTF (3, 4)
    refuse (char error[STORE_ERROR_MAX], int32_t code, const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  vsnprintf (error, STORE_ERROR_MAX, fmt, args);
  va_end (args);
  return code;
}

/* ---- Whose file it is ------------------------------------------------------- */

static uint32_t
head_number (const uint8_t *head, size_t at)
{
  return (uint32_t) head[at] << 24 | (uint32_t) head[at + 1] << 16
         | (uint32_t) head[at + 2] << 8 | head[at + 3];
}

static int32_t
check_format (const struct store *s, int64_t application, int64_t format,
              char error[STORE_ERROR_MAX])
{
  if (application == STORE_APPLICATION && format > STORE_FORMAT)
    return refuse (
        error, -EPROTONOSUPPORT,
        "%s: written by a newer kgentd (store format %lld, this one knows up to %d); "
        "run that version, or set another store.dir",
        s->path, (long long) format, STORE_FORMAT);
  if (application != STORE_APPLICATION && (application || format))
    return refuse (error, -EBADMSG, "%s: a database of another program; set another store.dir",
                   s->path);
  return 0;
}

/* Whether a folder has files; not when there is none. */
static int32_t
has_files (const char *path)
{
  DIR *dir = opendir (path);
  const struct dirent *e = NULL;
  while (dir && (e = readdir (dir)) && e->d_name[0] == '.')
    ;
  if (dir)
    closedir (dir);
  return e != NULL;
}

/* A database that is gone or has no bytes, though what lies beside it says that there was
 * one.  SQLite would throw the write-ahead log away and begin anew, with nothing in it.  A
 * first start that was killed left neither rings nor regions, and no log before the head. */
static int32_t
check_lost (const struct store *s, int32_t is_there, char error[STORE_ERROR_MAX])
{
  char wal[PATH_MAX];
  struct stat st;
  snprintf (wal, sizeof wal, "%s-wal", s->path);
  if ((stat (wal, &st) < 0 || !st.st_size)
      && (!is_there || (!has_files (s->rings_dir) && !has_files (s->regions_dir))))
    return 0;
  return refuse (error, -EBADMSG,
                 "%s: %s, but not what lies beside it; restore it from a copy, or move "
                 "kgent.db-wal, rings and regions away to begin anew",
                 s->path, is_there ? "empty" : "not there");
}

/* Looks at an existing file without touching it. */
int32_t
store_boot_check (const struct store *s, char error[STORE_ERROR_MAX])
{
  uint8_t head[SQLITE_HEAD];
  ssize_t n;
  int fd = open (s->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return check_lost (s, 0, error);
  if (fd < 0)
    return refuse (error, -errno, "%s: %s; make it readable for this user", s->path,
                   strerror (errno));
  n = read (fd, head, sizeof head);
  close (fd);
  if (n == 0) /* as SQLite leaves it before the first transaction */
    return check_lost (s, 1, error);
  if (n < (ssize_t) sizeof head || memcmp (head, "SQLite format 3", 16))
    return refuse (error, -EBADMSG,
                   "%s: not a database, or damaged; restore it from a copy, or set another "
                   "store.dir",
                   s->path);
  if (head_number (head, 68) != STORE_APPLICATION && head_number (head, 40)) /* a schema */
    return check_format (s, 0, 1, error);
  return check_format (s, head_number (head, 68), head_number (head, 60), error);
}

/* ---- Its schema ------------------------------------------------------------- */

static int32_t
boot_pragma (struct store *s, enum store_sql id, int64_t *ret)
{
  int32_t r = db_number (s->db, ret, id, "");
  return r < 0 ? r : 0;
}

/* 0: by nobody; -EBUSY; or another -errno. */
static int
ring_is_used (const char *name, void *store)
{
  const struct store *s = store;
  struct rings rs;
  int r = rings_open (&rs, s->rings_dir, name);
  if (!r || r == -EBADMSG)
    rings_close (&rs, 0);
  return r == -EBADMSG || r == -ENOENT ? 0 : r;
}

/* From format 1: its marks stay where they are until they are over.  A process that knows
 * no other form would not see those that are made from now on. */
static int32_t
boot_update (struct store *s, char error[STORE_ERROR_MAX])
{
  int32_t r = rings_each (s->rings_dir, ring_is_used, s);
  if (r == -EBUSY)
    return refuse (error, -EBUSY,
                   "%s: a process of an older kgentd uses it (store format 1), and would not "
                   "see which events this one has taken; stop it first",
                   s->path);
  if (r < 0)
    return refuse (error, r, "%s: %s; whether an older kgentd uses the store cannot be told",
                   s->rings_dir, strerror (-r));
  return db_exec (s->db, STORE_SCHEMA_MARKS);
}

/* Inside of a transaction: another process may be at the same. */
static int32_t
boot_schema (struct store *s, char error[STORE_ERROR_MAX])
{
  int64_t application = 0, format = 0;
  int32_t r = boot_pragma (s, SQL_APPLICATION, &application);
  if (r >= 0)
    r = boot_pragma (s, SQL_FORMAT, &format);
  if (r >= 0)
    r = check_format (s, application, format, error);
  if (r >= 0 && !format)
    r = db_exec (s->db, STORE_SCHEMA STORE_SCHEMA_MARKS);
  if (r >= 0 && format == STORE_FORMAT_MARK)
    r = boot_update (s, error);
  return r;
}

/* ---- Its rows --------------------------------------------------------------- */

static int32_t
boot_buckets (struct store *s)
{
  int32_t r = 0;
  for (kg_bucket *b = s->buckets; r >= 0 && b; b = b->next) {
    int64_t id = 0;
    r = db_run (s->db, SQL_BUCKET_ADD, "t", b->name);
    if (r >= 0)
      r = db_number (s->db, &id, SQL_BUCKET_ID, "t", b->name);
    b->id = (uint32_t) id;
  }
  return r;
}

/* Logs that no plugin here has declared: records of a process that died may
 * belong to them. */
static int32_t
boot_other_logs (struct store *s)
{
  struct db_stmt *stmt = db_bind (s->db, SQL_LOG_ROWS, "");
  int32_t r;
  while ((r = db_step (s->db, stmt)) == 1) {
    kg_str name = db_str (stmt, 0);
    struct kg_log *l;
    if (name.len > STORE_NAME_MAX)
      continue;
    l = store_log_find (s, name);
    if (!l)
      l = store_log_create (s, name, (uint32_t) db_int (stmt, 1), (uint32_t) db_int (stmt, 2));
    if (!l) {
      r = -ENOMEM;
      break;
    }
  }
  if (stmt)
    db_reset (stmt);
  return r;
}

static int32_t
boot_logs (struct store *s)
{
  int32_t r = boot_other_logs (s);
  for (struct kg_log *l = s->logs; r >= 0 && l; l = l->next) {
    int64_t id = 0;
    r = db_run (s->db, SQL_LOG_ADD, "tii", l->name, (int64_t) l->dedup_days,
                (int64_t) l->keep_days);
    if (r >= 0)
      r = db_number (s->db, &id, SQL_LOG_ID, "t", l->name);
    l->id = (uint32_t) id;
  }
  return r;
}

static int32_t
boot_cursors (struct store *s)
{
  int32_t r = 0;
  for (struct kg_cursor *c = s->cursors; r >= 0 && c; c = c->next)
    r = db_run (s->db, SQL_CURSOR_ADD, "it", (int64_t) c->log->id, c->name);
  return r;
}

/* The prefix of ids: as configured, or made once and kept. */
static int32_t
boot_replica (struct store *s)
{
  static const char digits[] = "abcdefghjkmnpqrstuvwxyz23456789x"; /* 32 */
  struct db_stmt *stmt;
  uint8_t random[8];
  int32_t r;
  if (*s->replica)
    return 0;
  stmt = db_bind (s->db, SQL_META_GET, "t", "replica");
  r = db_step (s->db, stmt);
  if (r == 1) {
    kg_str name = db_str (stmt, 0);
    snprintf (s->replica, sizeof s->replica, "%.*s", (int) name.len, name.ptr);
  }
  if (stmt)
    db_reset (stmt);
  if (r)
    return r;
  if (getrandom (random, sizeof random, 0) != sizeof random)
    return -errno;
  for (size_t i = 0; i < sizeof random; i++)
    s->replica[i] = digits[random[i] & 31];
  s->replica[sizeof random] = 0;
  return db_run (s->db, SQL_META_SET, "tt", "replica", s->replica);
}

/* A number that no other process of this store ever had. */
static int32_t
boot_epoch (struct store *s)
{
  int64_t epoch = 0;
  int32_t r = db_number (s->db, &epoch, SQL_META_GET, "t", "epoch");
  if (r < 0)
    return r;
  s->rings.epoch = (uint32_t) ++epoch;
  r = db_run (s->db, SQL_META_SET, "ti", "epoch", epoch);
  if (r >= 0)
    r = db_run (s->db, SQL_PROCESS_ADD, "iti", epoch, s->replica, clock_wall ());
  return r;
}

static int32_t
boot_rows (struct store *s)
{
  int32_t r = boot_buckets (s);
  if (r >= 0)
    r = boot_logs (s);
  if (r >= 0)
    r = boot_cursors (s);
  if (r >= 0)
    r = boot_replica (s);
  if (r >= 0)
    r = boot_epoch (s);
  if (r >= 0)
    r = sync_load (s);
  return r;
}

static int32_t
boot_transaction (struct store *s, char error[STORE_ERROR_MAX])
{
  int32_t r = db_run (s->db, SQL_BEGIN, "");
  if (r >= 0)
    r = boot_schema (s, error);
  if (r >= 0)
    r = boot_rows (s);
  if (r >= 0)
    r = db_run (s->db, SQL_COMMIT, "");
  if (r < 0 && db_in_transaction (s->db))
    db_exec (s->db, "ROLLBACK");
  return r;
}

/* ---- Both ------------------------------------------------------------------- */

static int32_t
boot_open (struct store *s)
{
  struct stat st;
  int32_t r = db_open (s->path, DB_CREATE | (s->power ? DB_SYNC : 0), &s->db);
  if (r < 0)
    return r;
  chmod (s->path, 0600);
  if (stat (s->path, &st) < 0)
    return -errno;
  s->dev = st.st_dev;
  s->ino = st.st_ino;
  return 0;
}

/* Without another connection, giving up the committer's would have SQLite recover
 * the WAL, and bring transactions back whose failure was told. */
static int32_t
boot_guard (struct store *s)
{
  int64_t epoch;
  int32_t r = db_open (s->path, DB_READ, &s->guard);
  if (r >= 0)
    r = db_number (s->guard, &epoch, SQL_META_GET, "t", "epoch");
  return r < 0 ? r : 0;
}

/* So that the file's own head tells its format. */
static int32_t
boot_checkpoint (struct store *s)
{
  int32_t r = db_checkpoint (s->db, 0);
  return r == -EBUSY ? 0 : r; /* another process is at the same, which doesn't wait */
}

static int32_t
boot_steps (struct store *s, char error[STORE_ERROR_MAX])
{
  int32_t r = boot_open (s);
  if (r >= 0)
    r = boot_transaction (s, error);
  if (r >= 0)
    r = boot_checkpoint (s);
  if (r >= 0)
    r = boot_guard (s);
  s->version = -1;
  return r < 0 ? r : 0;
}

int
boot_lock (const struct store *s, int64_t ms)
{
  const struct timespec pause = { 0, 10 * CLOCK_MS };
  int fd = open (s->rings_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  for (int64_t left = ms; flock (fd, LOCK_EX | LOCK_NB) < 0; left -= 10) {
    if (left <= 0 || (errno != EWOULDBLOCK && errno != EINTR)) {
      close (fd);
      return -EBUSY;
    }
    nanosleep (&pause, NULL);
  }
  return fd;
}

static const char *
boot_cure (int32_t error)
{
  switch (error) {
  case -ENOSPC:
    return "free some space";
  case -EBADMSG:
    return "it is damaged: restore it from a copy";
  default:
    return "look at the disk and permissions";
  }
}

static int32_t
boot_database (struct store *s, char error[STORE_ERROR_MAX])
{
  int32_t r;
  *error = 0;
  r = boot_steps (s, error);
  if (r < 0 && !*error)
    refuse (error, r, "%s: %s (%s); %s", s->path, s->db ? db_error (s->db) : "cannot be opened",
            strerror (-r), boot_cure (r));
  return r;
}

static int32_t
boot_ring (struct store *s, uint32_t i)
{
  struct store_ring *r = &s->ring[i];
  r->ring = &s->rings.ring[i];
  r->lock = i == s->workers ? &s->shared : NULL;
  r->waiters.slot = calloc (WAITERS_MAX, sizeof *r->waiters.slot);
  return r->waiters.slot ? 0 : -ENOMEM;
}

static int32_t
boot_rings (struct store *s, char error[STORE_ERROR_MAX])
{
  uint32_t count = s->workers + 1;
  int32_t r = rings_create (&s->rings, s->rings_dir, s->rings.epoch, count, s->ring_bytes,
                            s->replica);
  if (r < 0)
    return refuse (error, r, "%s: %s; %u rings need %llu MiB there (store.ring_bytes)",
                   s->rings_dir, strerror (-r), count,
                   (unsigned long long) ((count * s->ring_bytes >> 20) + 1));
  s->ring = aligned_alloc (64, count * sizeof *s->ring);
  if (!s->ring)
    return refuse (error, -ENOMEM, "store: out of memory");
  memset (s->ring, 0, count * sizeof *s->ring);
  for (uint32_t i = 0; r >= 0 && i < count; i++)
    r = boot_ring (s, i);
  if (r >= 0)
    r = replay_all (s);
  if (r < 0)
    refuse (error, r, "%s: what an earlier process left could not be read: %s", s->rings_dir,
            strerror (-r));
  return r < 0 ? r : 0;
}

int32_t
store_boot (struct store *s, char error[STORE_ERROR_MAX])
{
  int fd = boot_lock (s, START_WAIT_MS);
  int32_t r;
  if (fd < 0)
    return refuse (error, fd, "%s: %s; another process is just starting with it", s->rings_dir,
                   strerror (-fd));
  r = boot_database (s, error);
  if (r >= 0)
    r = boot_rings (s, error);
  close (fd);
  return r;
}
