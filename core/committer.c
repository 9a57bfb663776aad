/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The committer: the one thread that writes.
 *
 * Each turn takes what has gathered while the last transaction went to the disk,
 * and writes it as one.  When the disk refuses, those who wait are told, the
 * connection is given up (a second fsync of the same file would lie), and every
 * 250 ms another one tries to write. */
#include "core/store_state.h"

#include "core/util/clock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLEEP_NS (50 * CLOCK_MS)
#define POLL_NS (100 * CLOCK_MS)
#define PROBE_NS (250 * CLOCK_MS)
#define WAL_LIMIT 8192u /* pages, after which the committer itself ends the WAL */

/* ThreadSanitizer doesn't know fences; a bell that is missed costs 50 ms. */
#if defined __SANITIZE_THREAD__
#define bell_fence() ((void) 0)
#else
#define bell_fence() atomic_thread_fence (memory_order_seq_cst)
#endif

void
store_futex_wake (_Atomic uint32_t *word)
{
  syscall (SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void
store_futex_wait (_Atomic uint32_t *word, uint32_t value, int64_t ns)
{
  struct timespec t = { ns / CLOCK_SECOND, ns % CLOCK_SECOND };
  syscall (SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &t, NULL, 0);
}

/* [any] There is work.  Costs a system call only when the committer sleeps. */
void
committer_wake (struct store *s)
{
  bell_fence ();
  if (atomic_load_explicit (&s->bell, memory_order_relaxed))
    return;
  if (!atomic_exchange (&s->bell, 1))
    store_futex_wake (&s->bell);
}

static int
has_work (struct store *s)
{
  if (atomic_load_explicit (&s->writes, memory_order_relaxed))
    return 1;
  for (uint32_t i = 0; i < s->rings.count; i++) {
    struct store_ring *r = &s->ring[i];
    if (atomic_load_explicit (&r->ring->control->head, memory_order_acquire) != r->tail
        || atomic_load_explicit (&r->waiters.head, memory_order_acquire)
               != atomic_load_explicit (&r->waiters.tail, memory_order_relaxed))
      return 1;
  }
  return 0;
}

/* ---- One turn -------------------------------------------------------------- */

/* How far this transaction goes in each ring.  Waiters first: their records are
 * then in the ring's part, too. */
static void
collect_rings (struct store *s)
{
  for (uint32_t i = 0; i < s->rings.count; i++) {
    struct store_ring *r = &s->ring[i];
    r->waiting = atomic_load_explicit (&r->waiters.head, memory_order_acquire);
    r->head = atomic_load_explicit (&r->ring->control->head, memory_order_acquire);
  }
}

/* All writes that wait, oldest first. */
static struct store_write *
collect_writes (struct store *s)
{
  struct store_write *w = atomic_exchange_explicit (&s->writes, NULL, memory_order_acquire);
  struct store_write *list = NULL, *next;
  for (; w; w = next) {
    next = w->next;
    w->next = list;
    list = w;
  }
  return list;
}

static int32_t
turn_fill (struct store *s, struct store_write **todo)
{
  int32_t r = 0;
  while (!r && *todo) {
    struct store_write *w = *todo;
    *todo = w->next;
    r = group_write (s, w);
  }
  for (uint32_t i = 0; !r && i < s->rings.count; i++)
    r = group_ring (s, &s->ring[i]);
  return r;
}

/* A commit that failed may lie in the WAL complete but for its sync, and a later
 * process that recovers the WAL would find it there: so other frames go over it. */
static void
turn_overwrite (struct store *s)
{
  s->groups += 2; /* not the number of the failed one */
  if (db_run (s->db, SQL_BEGIN, "") >= 0)
    db_run (s->db, SQL_PROCESS_SET, "ii", (int64_t) s->rings.epoch, (int64_t) s->groups);
  db_run (s->db, SQL_COMMIT, "");
}

/* After a commit that failed: whether it took place after all.  Only a new
 * connection can tell, and only a checkpoint makes it sure to be on the disk. */
static int32_t
turn_settle (struct store *s, int32_t error)
{
  int64_t groups = 0;
  db_close (s->db);
  s->db = NULL;
  if (committer_open (s) < 0)
    return error;
  if (db_number (s->db, &groups, SQL_PROCESS_GET, "i", (int64_t) s->rings.epoch) == 1
      && (uint64_t) groups == s->groups + 1 && db_checkpoint (s->db, 1) >= 0)
    return 0;
  turn_overwrite (s);
  return error;
}

static void
turn_undo (struct store *s, int32_t error)
{
  group_abandon (s, store_told (error));
  db_close (s->db);
  s->db = NULL;
}

static void
turn_fail (struct store *s, struct store_write *todo, int32_t error)
{
  *s->group.last = todo;
  s->probed = clock_mono ();
  pulse_trouble (s, error); /* first: whoever is told may ask at once */
  turn_undo (s, error);
}

/* Writes everything that waits. */
static int32_t
turn_commit (struct store *s, int probe)
{
  struct store_write *todo;
  int32_t r = s->db ? 0 : committer_open (s);
  group_reset (s);
  if (r >= 0)
    r = group_begin (s);
  collect_rings (s);
  todo = collect_writes (s);
  s->group.rows |= probe;
  if (r >= 0)
    r = turn_fill (s, &todo);
  if (r >= 0) {
    r = group_commit (s);
    if (r < 0)
      r = turn_settle (s, r);
  }
  if (r < 0) {
    turn_fail (s, todo, r);
    return r;
  }
  if (probe && marks_can_wait (s)) /* else a run of them must find room first */
    pulse_trouble (s, 0);
  group_publish (s);
  return 0;
}

/* While the disk is ill: answers those who came late, and tries every 250 ms. */
static void
turn_ill (struct store *s, int32_t trouble)
{
  if (clock_mono () - s->probed >= PROBE_NS) {
    turn_commit (s, 1);
    return;
  }
  group_reset (s);
  collect_rings (s);
  *s->group.last = collect_writes (s);
  group_abandon (s, store_told (trouble));
}

/* ---- Life ------------------------------------------------------------------ */

/* Opens the database; it must be the file of the start. */
int32_t
store_open_same (const struct store *s, uint32_t flags, struct db **ret)
{
  struct stat st;
  if (stat (s->path, &st) < 0)
    return -errno;
  if (st.st_ino != s->ino || st.st_dev != s->dev)
    return -ESTALE;
  return db_open (s->path, flags, ret);
}

int32_t
committer_open (struct store *s)
{
  s->version = -1; /* whatever others did meanwhile */
  return store_open_same (s, s->power ? DB_SYNC : 0, &s->db);
}

/* The keeper moves the WAL into the database while we go on; when it never
 * catches up, the rest of the way is ours. */
static void
wal_tend (struct store *s)
{
  uint32_t pages = s->db ? db_wal_pages (s->db) : 0;
  atomic_store_explicit (&s->wal_pages, pages, memory_order_relaxed);
  if (pages < KEEPER_PAGES)
    return;
  if (!atomic_exchange (&s->work, 1))
    store_futex_wake (&s->work);
  if (pages > WAL_LIMIT)
    db_checkpoint (s->db, 0);
}

/* A run of marks is many times what others write: where it finds no room, they may.  They get
 * back what its slices have of the WAL. */
static int32_t
idle_marks (struct store *s)
{
  int32_t r = marks_tend (s), opened;
  if ((r != -ENOSPC && r != -ENOMEM) || !marks_can_wait (s))
    return r;
  pulse_marks (s, r);
  group_reset (s);
  turn_undo (s, r);
  opened = committer_open (s);
  if (opened >= 0 && r == -ENOSPC)
    db_checkpoint (s->db, 1);
  return opened;
}

/* What another process did, and housekeeping. */
static int32_t
idle_polled (struct store *s, int64_t now)
{
  int32_t r = sync_poll (s);
  s->polled = now;
  if (r >= 0 && now - s->housekept >= CLOCK_SECOND) {
    r = keep_house (s);
    if (!r) /* else there is more of it */
      s->housekept = now;
  }
  return r;
}

static void
idle_tasks (struct store *s)
{
  int64_t now = clock_mono ();
  int32_t r;
  pulse_beat (s);
  if (!s->db)
    return;
  r = idle_marks (s);
  if (r >= 0 && now - s->polled >= POLL_NS)
    r = idle_polled (s, now);
  if (r < 0) {
    group_reset (s);
    turn_fail (s, NULL, r);
  }
}

/* Whether somebody waits for the next transaction. */
static int
has_urgent (struct store *s)
{
  if (s->power || atomic_load (&s->writes))
    return has_work (s);
  for (uint32_t i = 0; i < s->rings.count; i++) {
    struct waiters *w = &s->ring[i].waiters;
    if (atomic_load (&w->head) != atomic_load (&w->tail)
        || ring_fill (s->ring[i].ring) > s->ring_bytes / 2)
      return 1;
  }
  return 0;
}

static void
committer_sleep (struct store *s)
{
  int ill = atomic_load (&s->trouble) != 0;
  atomic_store (&s->bell, 0);
  if ((ill || !has_urgent (s)) && atomic_load (&s->life) == STORE_RUNNING)
    store_futex_wait (&s->bell, 0, s->power && !ill ? POLL_NS : SLEEP_NS);
  atomic_store (&s->bell, 1);
}

/* Until all is written, or can't be. */
static int32_t
committer_end (struct store *s)
{
  int32_t r = 0;
  while (!r && has_work (s))
    r = turn_commit (s, 0);
  return r;
}

void *
committer_main (void *store)
{
  struct store *s = store;
  while (atomic_load_explicit (&s->life, memory_order_acquire) == STORE_RUNNING) {
    int32_t trouble = atomic_load_explicit (&s->trouble, memory_order_relaxed);
    if (trouble)
      turn_ill (s, trouble);
    else if (has_work (s))
      turn_commit (s, 0);
    wal_tend (s);
    idle_tasks (s);
    committer_sleep (s);
  }
  s->result = committer_end (s);
  return NULL;
}
