/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The store's life. */
#include "core/store_state.h"

#include "core/blame.h"

#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Create ------------------------------------------------------------------ */

static const char *
user_name (void)
{
  const struct passwd *p = getpwuid (geteuid ());
  return p ? p->pw_name : "USER";
}

static int32_t
check_dir (const char *dir, char error[STORE_ERROR_MAX])
{
  struct stat st;
  int32_t code = stat (dir, &st) < 0 ? -errno : 0;
  if (!code && S_ISDIR (st.st_mode) && access (dir, R_OK | W_OK | X_OK) < 0)
    code = -errno;
  if (code == -ENOENT)
    snprintf (error, STORE_ERROR_MAX,
              "store.dir \"%s\": No such file or directory; create it with: "
              "install -d -m 0700 -o %s %s",
              dir, user_name (), dir);
  else if (!code && !S_ISDIR (st.st_mode)) {
    code = -ENOTDIR;
    snprintf (error, STORE_ERROR_MAX, "store.dir \"%s\": Not a directory; name a folder", dir);
  } else if (code)
    snprintf (error, STORE_ERROR_MAX,
              "store.dir \"%s\": %s; make it writable with: chown %s %s && chmod 0700 %s", dir,
              strerror (-code), user_name (), dir, dir);
  return code;
}

static int32_t
check_settings (const struct store_settings *c, char error[STORE_ERROR_MAX])
{
  size_t n = strspn (c->replica ? c->replica : "",
                     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
  const char *what = NULL;
  if (strcmp (c->engine, "sqlite"))
    what = "store.engine: this build has only \"sqlite\"; set that";
  else if (strcmp (c->commit, "power") && strcmp (c->commit, "process"))
    what = "store.commit: must be \"power\" or \"process\"";
  else if (c->replica && (c->replica[n] || n >= RINGS_REPLICA_MAX))
    what = "store.replica: at most 64 letters, digits, \"_\", \"-\" and \".\"";
  else if (c->ring_bytes > 1ll << 32)
    what = "store.ring_bytes: at most 4 GiB";
  if (!what)
    return 0;
  snprintf (error, STORE_ERROR_MAX, "%s", what);
  return -EINVAL;
}

static uint64_t
ring_size (int64_t wanted)
{
  uint64_t size = RING_SIZE_MIN;
  while (size < (uint64_t) wanted && wanted > 0)
    size *= 2;
  return size;
}

static int32_t
store_init (struct store *s, const struct store_settings *c)
{
  s->power = !strcmp (c->commit, "power");
  s->ring_bytes = ring_size (c->ring_bytes);
  snprintf (s->replica, sizeof s->replica, "%s", c->replica ? c->replica : "");
  s->rings.fd = -1;
  atomic_store (&s->bell, 1);
  pthread_mutex_init (&s->guests, NULL);
  pthread_mutex_init (&s->shared, NULL);
  pthread_mutex_init (&s->readers_lock, NULL);
  marks_init (s, c->fresh_marks);
  s->group.last = &s->group.writes;
  if (pthread_key_create (&s->guest_key, free))
    return -ENOMEM;
  s->keyed = 1;
  if (getrandom (s->key, sizeof s->key, 0) != sizeof s->key)
    return -EIO;
  s->dir = strdup (c->dir);
  if (!s->dir || asprintf (&s->path, "%s/kgent.db", c->dir) < 0
      || asprintf (&s->rings_dir, "%s/rings", c->dir) < 0
      || asprintf (&s->regions_dir, "%s/regions", c->dir) < 0)
    return -ENOMEM;
  return 0;
}

int32_t
store_create (struct host *host, struct kg_self *core, const struct store_settings *settings,
              struct store **ret, char error[STORE_ERROR_MAX])
{
  struct store *s;
  int32_t r = check_settings (settings, error);
  if (r >= 0)
    r = check_dir (settings->dir, error);
  if (r < 0)
    return r;
  s = aligned_alloc (64, (sizeof *s + 63) & ~(size_t) 63);
  if (s) {
    memset (s, 0, sizeof *s);
    r = store_init (s, settings);
  }
  if (!s || r < 0) {
    snprintf (error, STORE_ERROR_MAX, "store: out of memory");
    store_destroy (s);
    return -ENOMEM;
  }
  s->host = host;
  s->core = core;
  s->table = host->table;
  r = store_boot_check (s, error);
  if (r >= 0 && (r = pulse_define (s)) < 0)
    snprintf (error, STORE_ERROR_MAX, "store: no metrics: %s", strerror (-r));
  if (r < 0) {
    store_destroy (s);
    return r;
  }
  host->store = s;
  *ret = s;
  return 0;
}

/* ---- Start and stop ---------------------------------------------------------- */

/* A thread that gets no signals. */
static int32_t
thread_start (pthread_t *ret, void *(*main) (void *), struct store *s, const char *name)
{
  sigset_t all, old;
  int error;
  blame_mask (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  error = pthread_create (ret, NULL, main, s);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  if (!error)
    pthread_setname_np (*ret, name);
  return -error;
}

static int32_t
store_threads (struct store *s, char error[STORE_ERROR_MAX])
{
  int32_t r = thread_start (&s->committer, committer_main, s, "kg-committer");
  if (r >= 0) {
    s->threads = 1;
    r = thread_start (&s->keeper, keeper_main, s, "kg-keeper");
    s->threads += r >= 0;
  }
  if (r < 0)
    snprintf (error, STORE_ERROR_MAX, "store: no thread: %s", strerror (-r));
  return r;
}

/* Gives the files up; ours are removed when nothing is left in them, in the order that
 * replay.c tells: killed in between, rows of rings may be left over and harm nobody; if they
 * went first the rings would be written once more. */
static void
store_close (struct store *s, int clean)
{
  uint32_t epoch = s->rings.epoch;
  store_readers_close (s);
  db_close (s->guard);
  s->guard = NULL;
  if (s->db && clean) /* in process mode they may not be on the disk yet */
    clean = db_run (s->db, SQL_PROCESS_END, "i", (int64_t) epoch) >= 0
            && db_checkpoint (s->db, 0) >= 0;
  for (uint32_t i = 0; s->ring && i <= s->workers; i++)
    free (s->ring[i].waiters.slot);
  free (s->ring);
  s->ring = NULL;
  rings_close (&s->rings, clean);
  if (s->db && clean) {
    db_run (s->db, SQL_RING_END, "i", (int64_t) epoch);
    db_checkpoint (s->db, 1);
  }
  db_close (s->db);
  s->db = NULL;
}

static int32_t
start_watches (struct store *s, char error[STORE_ERROR_MAX])
{
  int32_t r = sync_watch_all (s);
  if (r < 0)
    snprintf (error, STORE_ERROR_MAX, "%s: %s (%s); look at the disk", s->path,
              db_error (s->db), strerror (-r));
  return r;
}

int32_t
store_start (struct store *s, uint32_t workers, char error[STORE_ERROR_MAX])
{
  int32_t r = 0;
  s->workers = workers;
  snprintf (error, STORE_ERROR_MAX, "store: out of memory");
  if (epoch_init (&s->epoch, workers) < 0)
    return -ENOMEM;
  if (mkdir (s->rings_dir, 0700) < 0 && errno != EEXIST) {
    r = -errno;
    snprintf (error, STORE_ERROR_MAX, "%s: %s", s->rings_dir, strerror (errno));
    return r;
  }
  r = store_boot (s, error);
  if (r >= 0)
    r = start_watches (s, error);
  if (r >= 0) {
    atomic_store_explicit (&s->life, STORE_RUNNING, memory_order_release);
    pulse_beat (s);
    r = store_threads (s, error);
  }
  if (r < 0) {
    store_stop (s);
    store_close (s, s->rings.map != NULL);
    return r;
  }
  return 0;
}

/* Writes that came after the committer's last look. */
static void
store_refuse_late (struct store *s)
{
  struct store_write *w = atomic_exchange (&s->writes, NULL), *next;
  for (; w; w = next) {
    next = w->next;
    w->outcome.error = -ESHUTDOWN;
    store_write_end (s, w);
  }
}

int32_t
store_stop (struct store *s)
{
  int32_t r;
  if (atomic_load (&s->life) != STORE_RUNNING)
    return 0;
  atomic_store_explicit (&s->life, STORE_STOPPING, memory_order_release);
  atomic_store (&s->bell, 1);
  store_futex_wake (&s->bell);
  atomic_store (&s->work, 1);
  store_futex_wake (&s->work);
  if (s->threads > 0)
    pthread_join (s->committer, NULL);
  if (s->threads > 1)
    pthread_join (s->keeper, NULL);
  s->threads = 0;
  r = s->result;
  atomic_store_explicit (&s->life, STORE_STOPPED, memory_order_release);
  store_refuse_late (s);
  store_close (s, r >= 0);
  return r;
}

/* ---- Destroy ----------------------------------------------------------------- */

static void
buckets_free (struct store *s)
{
  kg_bucket *b = s->buckets, *next;
  for (; b; b = next) {
    struct store_watch *w = b->watches, *after;
    next = b->next;
    for (; w; w = after) {
      after = w->next;
      free (w);
    }
    mirror_finish (&b->mirror);
    b->magic = 0;
    free (b);
  }
}

static void
logs_free (struct store *s)
{
  struct kg_log *l = s->logs, *next;
  for (; l; l = next) {
    struct store_notify *n = l->notifies, *after;
    next = l->next;
    for (; n; n = after) {
      after = n->next;
      free (n);
    }
    batch_finish (&l->batch);
    l->magic = 0;
    free (l);
  }
}

void
store_destroy (struct store *s)
{
  struct kg_cursor *c, *next;
  if (!s)
    return;
  assert (atomic_load (&s->life) != STORE_RUNNING);
  for (c = s->cursors; c; c = next) {
    next = c->next;
    free (c);
  }
  buckets_free (s);
  logs_free (s);
  marks_end (s);
  store_regions_free (s);
  if (s->epoch.slots)
    epoch_finish (&s->epoch);
  if (s->keyed) {
    free (pthread_getspecific (s->guest_key));
    pthread_key_delete (s->guest_key);
  }
  pthread_mutex_destroy (&s->guests);
  pthread_mutex_destroy (&s->shared);
  pthread_mutex_destroy (&s->readers_lock);
  free (s->group.changes);
  free (s->dir);
  free (s->path);
  free (s->rings_dir);
  free (s->regions_dir);
  free (s);
}

int32_t
store_trouble (const struct store *s)
{
  return atomic_load_explicit (&s->trouble, memory_order_relaxed);
}

const char *
store_replica (const struct store *s)
{
  return s->replica;
}

uint32_t
store_epoch (const struct store *s)
{
  return s->rings.epoch;
}
