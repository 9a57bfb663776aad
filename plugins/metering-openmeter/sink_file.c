/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A sink that is a folder of files, an event a line: NAME-20261128-000017.jsonl.
 *
 * Which file is written, and how many of its bytes are good, is part of the tally: what
 * is beyond was written by somebody who died before the cursor moved, and is cut.  So
 * each line is there once.  Nothing is cut before a write of the tally has shown that
 * it is the newest one, and that under a lock: another process may still be at work.
 *
 * After a failed write or sync the file is opened again, cut, and everything since the
 * last good byte written anew; so it doesn't matter what the kernel made of the pages
 * that it could not write.
 *
 * People move, cut and delete files.  Before lines are added the file must still be where it was
 * made, as long as it was left, and after the sync it must have a name: what went into one that has none is written
 * again into the next. */
#include "plugins/metering-openmeter/sink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME "%s-%08llu-%06llu.jsonl"

static int32_t
file_check (struct sink *s)
{
  if (s->conf.dir && s->conf.dir[0] == '/' && strlen (s->conf.dir) < PATH_MAX - 128)
    return 0;
  return sink_refuse (s, "dir", "\"%.128s\" is no absolute path; write /var/lib/kgent/usage",
                      s->conf.dir ? s->conf.dir : "");
}

static void
path_make (const struct sink *s, const struct sink_tally *t, char out[PATH_MAX])
{
  snprintf (out, PATH_MAX, "%s/" FILE_NAME, s->conf.dir, s->conf.name,
            (unsigned long long)t->day, (unsigned long long)t->file);
}

static uint64_t
today (void)
{
  time_t now = time (NULL);
  struct tm t;
  gmtime_r (&now, &t);
  return (uint64_t)((t.tm_year + 1900) * 10000 + (t.tm_mon + 1) * 100 + t.tm_mday);
}

static void
file_close (struct sink *s)
{
  if (s->fd >= 0)
    close (s->fd);
  s->fd = -1;
}

static void
file_end (struct sink *s)
{
  file_close (s);
  if (s->lock_fd >= 0)
    close (s->lock_fd);
  s->lock_fd = -1;
  s->ready = 0;
}

/* Whether the path still leads to the open file. */
static int32_t
is_at (int fd, const char *path)
{
  struct stat open, there;
  return fstat (fd, &open) == 0 && stat (path, &there) == 0 && open.st_ino == there.st_ino
         && open.st_dev == there.st_dev;
}

/* Begins anew with everything, the folder too, which may be gone.  A file that was made for
 * what could not be written goes: a full disk must not be filled with pieces. */
static void
file_abandon (struct sink *s)
{
  char path[PATH_MAX];
  path_make (s, &s->open, path);
  if (s->fd >= 0 && s->open.file != s->tally.file && is_at (s->fd, path))
    unlink (path);
  file_end (s);
}

static void
lock_path (const struct sink *s, char out[PATH_MAX])
{
  snprintf (out, PATH_MAX, "%s/.%s.lock", s->conf.dir, s->conf.name);
}

/* ---- Getting ready ------------------------------------------------------------------ */

/* The folder is one process's at a time. */
static int32_t
folder_lock (struct sink *s)
{
  char path[PATH_MAX];
  if (s->lock_fd >= 0)
    return 0;
  s->claim = CLAIM_NONE;
  if (mkdir (s->conf.dir, 0750) < 0 && errno != EEXIST)
    return -errno;
  lock_path (s, path);
  s->lock_fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (s->lock_fd < 0)
    return -errno;
  if (flock (s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
    close (s->lock_fd);
    s->lock_fd = -1;
    if (!s->attempt)
      s->mt->host->log (s->mt->self, KG_LOG_INFO, "%s: another process writes to %s",
                        s->conf.name, s->conf.dir);
    return -EBUSY;
  }
  return 0;
}

static int32_t
folder_sync (const struct sink *s)
{
  int fd = open (s->conf.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int32_t r = fd < 0 || fsync (fd) < 0 ? -errno : 0;
  if (fd >= 0)
    close (fd);
  return r;
}

/* The number of one of the sink's files; 0 when it is none.  `ret_whole`, that nothing was put
 * behind its name when it was set aside. */
static uint64_t
number_of (const struct sink *s, const char *name, int32_t *ret_whole)
{
  size_t n = strlen (s->conf.name);
  unsigned long long day, number;
  int end = 0;
  if (strncmp (name, s->conf.name, n)
      || sscanf (name + n, "-%8llu-%llu.jsonl%n", &day, &number, &end) != 2)
    return 0;
  *ret_whole = end && !name[n + (size_t)end];
  return number;
}

/* The highest number of the sink's files. */
static int32_t
number_last (const struct sink *s, uint64_t *ret)
{
  int32_t whole;
  DIR *dir = opendir (s->conf.dir);
  struct dirent *e;
  *ret = 0;
  if (!dir)
    return -errno;
  while ((e = readdir (dir))) {
    uint64_t number = number_of (s, e->d_name, &whole);
    *ret = number > *ret ? number : *ret;
  }
  closedir (dir);
  return 0;
}

static int32_t
file_set_aside (const struct sink *s, const char *name)
{
  char path[PATH_MAX + 256], aside[PATH_MAX + 288];
  snprintf (path, sizeof path, "%s/%s", s->conf.dir, name);
  snprintf (aside, sizeof aside, "%s.%lld", path, (long long)time (NULL));
  s->mt->host->log (s->mt->self, KG_LOG_WARN, "%s: %s was never finished; it is now %s",
                    s->conf.name, path, aside);
  return rename (path, aside) < 0 ? -errno : 0;
}

/* A file with the next number that the tally doesn't know is one that was never finished,
 * maybe yesterday, or it is the store that is older than it should be: it is set aside, not
 * overwritten. */
static int32_t
unfinished_set_aside (const struct sink *s)
{
  int32_t whole = 0, r = 0;
  DIR *dir = opendir (s->conf.dir);
  struct dirent *e;
  if (!dir)
    return -errno;
  while (!r && (e = readdir (dir)))
    if (number_of (s, e->d_name, &whole) == s->open.file && whole)
      r = file_set_aside (s, e->d_name);
  closedir (dir);
  return r;
}

/* Begins the next file; the tally has it once something is in it. */
static int32_t
file_create (struct sink *s)
{
  char path[PATH_MAX];
  int32_t r;
  s->open.file++;
  s->open.day = today ();
  s->open.size = 0;
  path_make (s, &s->open, path);
  file_close (s);
  if ((r = unfinished_set_aside (s)) < 0)
    return r;
  s->fd = open (path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  return s->fd < 0 ? -errno : folder_sync (s);
}

/* The very first file is in the tally before it is there, for no number tells it from those
 * of a store that was here before. */
static int32_t
file_first (struct sink *s)
{
  uint64_t last;
  int32_t r = number_last (s, &last);
  if (r < 0)
    return r;
  s->tally.file = last + 1;
  s->tally.day = today ();
  s->tally.size = 0;
  return 0;
}

static void
file_changed (const struct sink *s, const char *path, const struct stat *st, uint64_t size)
{
  s->mt->host->log (s->mt->self, KG_LOG_ERROR,
                    "%s: %s has %lld bytes, and had %llu: the next one is begun; what it lacks is "
                    "in the log as well",
                    s->conf.name, path, (long long)st->st_size, (unsigned long long)size);
}

/* Cuts what is not in the tally; 0 when the file has less than it should. */
static int32_t
file_cut (struct sink *s, const char *path)
{
  struct stat st;
  if (fstat (s->fd, &st) < 0)
    return -errno;
  if ((uint64_t)st.st_size < s->tally.size) {
    file_changed (s, path, &st, s->tally.size);
    return 0;
  }
  if ((uint64_t)st.st_size > s->tally.size) {
    s->mt->host->log (s->mt->self, KG_LOG_INFO, "%s: %lld bytes of %s are written again",
                      s->conf.name, (long long)st.st_size - (long long)s->tally.size, path);
    if (ftruncate (s->fd, (off_t)s->tally.size) < 0 || fdatasync (s->fd) < 0)
      return -errno;
  }
  return 1;
}

static void
file_gone (const struct sink *s)
{
  char path[PATH_MAX];
  path_make (s, &s->tally, path);
  s->mt->host->log (s->mt->self, KG_LOG_WARN,
                    "%s: %s is gone, and the next one is begun; its %llu bytes of events are in the "
                    "log as well",
                    s->conf.name, path, (unsigned long long)s->tally.size);
}

/* The file where it was left; the next one when it is gone, or has less than it had. */
static int32_t
file_open (struct sink *s)
{
  char path[PATH_MAX];
  int32_t r;
  s->open = s->tally;
  path_make (s, &s->tally, path);
  file_close (s);
  s->fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC | (s->tally.size ? 0 : O_CREAT), 0640);
  if (s->fd < 0 && errno != ENOENT)
    return -errno;
  if (s->fd < 0)
    file_gone (s);
  if (s->fd >= 0 && (r = file_cut (s, path)))
    return r < 0 ? r : s->tally.size ? 0 : folder_sync (s);
  return file_create (s);
}

static int32_t
file_prepare (struct sink *s)
{
  int32_t r = folder_lock (s);
  if (r < 0)
    return r;
  if (s->claim == CLAIM_NONE) {
    if (!s->tally.file && (r = file_first (s)) < 0)
      return r;
    s->claim = CLAIM_ASKED;
    sink_ack (s);
    if (s->unsaved) {
      s->claim = CLAIM_NONE;
      return -EAGAIN;
    }
  }
  if (s->claim == CLAIM_ASKED)
    return 1;
  return file_open (s);
}

/* An error as an answer that says where. */
static struct sink_reply
trouble (const struct sink *s, int32_t error)
{
  struct sink_reply r = { .error = error, .retry_after_ms = -1 };
  if (error)
    snprintf (r.message, sizeof r.message, "%s: %s",
              error == -EBUSY ? "another process writes there" : strerror (-error), s->conf.dir);
  return r;
}

static int32_t
file_ready (struct sink *s)
{
  int32_t r = file_prepare (s);
  struct sink_reply reply = trouble (s, r);
  s->met |= !r;
  if (r >= 0)
    return r;
  file_abandon (s);
  sink_say (s, &reply);
  sink_retry_later (s, &reply);
  return 1;
}

/* ---- Writing ------------------------------------------------------------------------ */

static int32_t
write_all (int fd, const char *p, size_t n)
{
  while (n) {
    ssize_t w = write (fd, p, n);
    if (w < 0 && errno == EINTR)
      continue;
    if (w < 0)
      return -errno;
    p += w;
    n -= (size_t)w;
  }
  return 0;
}

/* The batch as lines; JSON texts have no line ends of their own but as white space. */
static void
lines_make (const struct mt_batch *b, struct mt_text *t)
{
  uint32_t i;
  size_t k;
  for (i = 0; i < b->count; i++) {
    size_t from = t->len;
    mt_text_add (t, b->text.ptr + b->event[i].at, b->event[i].len);
    for (k = from; k < t->len; k++)
      if (t->ptr[k] == '\n' || t->ptr[k] == '\r')
        t->ptr[k] = ' ';
    mt_text_add (t, "\n", 1);
  }
}

/* Whether lines may be added: -ENOENT when somebody took the folder or its lock away. */
static int32_t
file_choose (struct sink *s)
{
  char path[PATH_MAX];
  struct stat st;
  lock_path (s, path);
  if (!is_at (s->lock_fd, path))
    return -ENOENT;
  path_make (s, &s->open, path);
  if (!is_at (s->fd, path)) {
    if (s->open.file == s->tally.file)
      file_gone (s);
    return file_create (s);
  }
  if (fstat (s->fd, &st) < 0)
    return -errno;
  if ((uint64_t)st.st_size != s->open.size) { /* a line of ours must not go on with half of one */
    file_changed (s, path, &st, s->open.size);
    return file_create (s);
  }
  if (s->open.day != today () || s->open.size >= (uint64_t)s->conf.max_bytes)
    return file_create (s);
  return 0;
}

/* Puts the lines on the disk; a file without a name is none. */
static int32_t
lines_write (struct sink *s, const struct mt_text *t)
{
  struct stat st;
  int32_t r = write_all (s->fd, t->ptr, t->len);
  if (!r && (fdatasync (s->fd) < 0 || fstat (s->fd, &st) < 0))
    r = -errno;
  return !r && !st.st_nlink ? -ENOENT : r;
}

static int32_t
batch_write (struct sink *s)
{
  struct mt_text t = { 0 };
  int32_t r = file_choose (s);
  if (!r)
    lines_make (&s->batch, &t);
  if (t.failed)
    r = -ENOMEM;
  if (!r)
    r = lines_write (s, &t);
  s->open.size += t.len;
  mt_text_free (&t);
  return r;
}

/* Writes at once; what came of it arrives as that of other sinks does. */
static int32_t
file_send (struct sink *s)
{
  struct sink_reply reply;
  struct timespec from, to;
  clock_gettime (CLOCK_MONOTONIC, &from);
  reply = trouble (s, batch_write (s));
  clock_gettime (CLOCK_MONOTONIC, &to);
  reply.status = reply.error ? 0 : 200;
  reply.elapsed_ns
      = (int64_t)(to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
  if (reply.error)
    file_abandon (s);
  sink_begin (s, SINK_SENDING);
  sink_arrive (s, &reply);
  return 0;
}

static void
file_sent (struct sink *s)
{
  s->tally.file = s->open.file;
  s->tally.size = s->open.size;
  s->tally.day = s->open.day;
}

const struct sink_kind sink_file = { .name = "file",
                                     .check = file_check,
                                     .ready = file_ready,
                                     .send = file_send,
                                     .sent = file_sent,
                                     .end = file_end };
