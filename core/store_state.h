/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of the store share: its state, and who may touch what.
 *
 * After store_start the committer's thread owns the database connection, the
 * mirrors' writing side and everything marked [c]; other threads see it through
 * atomics.  Before that the main thread does. */
#ifndef CORE_STORE_STATE_H
#define CORE_STORE_STATE_H

#include "core/batch.h"
#include "core/marks.h"
#include "core/mirror.h"
#include "core/rings.h"
#include "core/store.h"
#include "core/store_db.h"
#include "core/util/region.h"
#include "core/waiters.h"

#include <kgent/health.h>
#include <kgent/metrics.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#define STORE_NAME_MAX 64
#define STORE_PENDING_MAX (64u << 20) /* bytes of writes that may wait           */
#define STORE_READERS 4               /* idle read connections that are kept     */

/* What those are told who need a disk that is ill (a negative errno): to them -ENOENT and
 * -ESTALE mean something else (kgent/store.h), and a lock that another process holds on is no
 * less an outage. */
static inline int32_t
store_told (int32_t trouble)
{
  return trouble == -ENOSPC || trouble == -EROFS || trouble == -ENOMEM || !trouble ? trouble : -EIO;
}

/* Lives of a store. */
#define STORE_OPEN 0 /* declarations only */
#define STORE_RUNNING 1
#define STORE_STOPPING 2
#define STORE_STOPPED 3

struct store_watch {
  void (*fn) (const struct kg_entry *, void *);
  void *arg;
  struct store_watch *next;
};

struct store_notify {
  void (*fn) (void *);
  void *arg;
  struct store_notify *next;
};

#define BUCKET_MAGIC 0x4255434bu
#define LOG_MAGIC 0x4c4f4721u
#define CURSOR_MAGIC 0x43555253u

struct kg_bucket {
  uint32_t magic, id; /* of its row; 0 before the start */
  struct store *store;
  struct kg_bucket *next;
  uint32_t flags;       /* KG_BUCKET_COLD */
  struct mirror mirror; /* of a cold one: empty */
  struct store_watch *watches;
  char name[STORE_NAME_MAX + 1];
};

static inline int
store_is_cold (const struct kg_bucket *b)
{
  return (b->flags & KG_BUCKET_COLD) != 0;
}

/* Whether an operation adds a record to its log. */
static inline int
store_op_adds (const struct kg_op *op)
{
  return op->kind == KG_OP_APPEND || op->kind == STORE_OP_RECORD;
}

/* Whether anybody in memory is to hear of a change. */
static inline int
store_must_learn (const struct kg_bucket *b)
{
  return !store_is_cold (b) || b->watches;
}

struct kg_log {
  uint32_t magic, id;
  struct store *store;
  struct kg_log *next;
  uint32_t dedup_days, keep_days;
  struct store_notify *notifies;
  _Atomic uint64_t newest; /* committed */
  uint64_t last;           /* [c] given out in this transaction */
  struct batch batch;      /* [c] */
  char name[STORE_NAME_MAX + 1];
};

/* Its row is found by name: once forgotten, the row's number may be another one's. */
struct kg_cursor {
  uint32_t magic;
  struct store *store;
  struct kg_log *log;
  struct kg_cursor *next;
  _Atomic uint64_t position;
  char name[STORE_NAME_MAX + 1];
};

struct store_region {
  struct store_region *next;
  struct region region;
  char name[STORE_NAME_MAX + 1];
};

/* A write that waits; its ops point into its own memory. */
struct store_write {
  struct store_write *next;
  void (*done) (const struct kg_outcome *, void *);
  void *arg;
  size_t bytes;
  struct kg_outcome outcome;
  uint32_t nops;
  struct kg_op ops[];
};

/* A change of a bucket that the transaction made.  [c] */
struct store_change {
  struct kg_bucket *bucket;
  struct mirror_node *node; /* of a deletion: with the key alone */
  int deleted;
};

/* One of our rings, as the committer sees it. */
struct store_ring {
  struct ring *ring;
  struct waiters waiters;
  pthread_mutex_t *lock;           /* of the ring that several threads use, else NULL */
  uint64_t committed;              /* [c] sequence */
  uint64_t taken;                  /* [c] highest sequence in this transaction */
  uint64_t tail;                   /* [c] position up to which it is committed */
  uint64_t head;                   /* [c] position up to which this transaction goes */
  uint64_t waiting;                /* [c] place up to which this transaction goes */
  uint64_t last;                   /* [c] newest record of the ring in this transaction, or 0 */
  uint64_t lost_from, lost_to;     /* [c] sequences whose records were damaged */
  uint64_t answered;               /* [c] sequence of the newest waiter that was answered */
  /* A record is put before its waiter, so a transaction may have the one and not yet see the
   * other: one record of a ring at most.  What became of it is kept for that waiter.  [c] */
  uint64_t limbo;
  int32_t limbo_error;
};

/* The transaction that is being made.  [c] */
struct store_group {
  struct store_write *writes, **last;
  struct store_change *changes;
  size_t nchanges, cap;
  uint64_t events;
  int32_t rows; /* whether anything was written */
  int64_t now;  /* wall clock */
};

/* Marks that are written for good; one row of the table mark_run. */
struct mark_run {
  int64_t id;
  uint32_t parts, count;
  int64_t expires_ns; /* when all are over; MARKS_NEVER */
  struct marks_filter filter;
};

#define MARKS_FRESH 262144u    /* so many of them make a run, unless configured */
#define MARKS_LATE 1048576u    /* more of them while a run finds no room */
#define MARKS_PART_BITS 20     /* of the place of a part, behind its run */
#define MARKS_PARTS_MAX 65536u /* of a run */
#define MARKS_ROW_BITS 32      /* of a row of fresh ones, behind the generation */

/* Marks.  The committer changes them under the lock, and reads them without.  [c] */
struct store_marks {
  pthread_mutex_t lock;
  struct marks fresh, frozen; /* the latter are being written as the run `made` */
  size_t committed;           /* bytes of the fresh ones that are */
  int64_t since_ns; /* when the first of them came */
  struct mark_run *run;
  uint32_t runs, run_cap;
  uint32_t limit;       /* fresh ones that make a run */
  int32_t old;          /* there are some of format 1 */
  int64_t generation;   /* of the runs; -1: nothing is loaded */
  int64_t last;         /* row of fresh ones that is known */
  uint8_t key[16];      /* of the hashes, the store's own */
  struct mark_run made; /* its id is 0: none is */
  uint32_t next;        /* part of it to be written; their number: all are; 1 more: it is a run */
  int32_t step;         /* of it that the transaction makes: store_marks_run.c */
  uint32_t step_next, step_count;
  int64_t dropped;      /* run, or 0 */
  int32_t trouble;      /* of the last run that was to be written: 0 or -errno */
  int64_t tried;        /* monotonic, when */
  struct marks_bytes row;
  _Atomic int64_t damaged; /* row that was told last; any thread's */
};

struct store_meters {
  kg_metric *commits, *events, *fsync, *ring_bytes, *pending, *errors;
};

struct store {
  struct host *host;
  struct kg_self *core;
  const struct kg_host *table;
  char *dir, *path, *rings_dir, *regions_dir;
  char replica[RINGS_REPLICA_MAX];
  int32_t power; /* 1: commit = "power" */
  uint64_t ring_bytes;
  uint8_t key[16]; /* of the mirrors' hashes */

  struct kg_bucket *buckets;
  struct kg_log *logs;
  struct kg_cursor *cursors;
  _Atomic (struct store_region *) regions;
  int32_t settled;            /* plugins have started: no more regions */
  _Atomic int32_t unreserved; /* the log knows that no space can be reserved */

  _Atomic int32_t life;
  _Atomic int32_t trouble; /* 0 or -errno */

  struct epoch epoch;
  pthread_mutex_t guests;  /* held by readers that are no workers, and for freeing */
  pthread_key_t guest_key; /* their copies */
  int32_t keyed;

  struct rings rings;
  store_defer_fn *defer;       /* NULL: all records take the rings' way */
  _Atomic uint64_t deferred;   /* ids given out to those that don't */
  struct store_ring *ring;
  uint32_t workers; /* rings 0..workers-1 are theirs, the last one is everybody's */
  pthread_mutex_t shared;

  _Atomic (struct store_write *) writes; /* newest first */
  _Atomic uint64_t pending;              /* bytes */

  struct db *db;           /* [c] */
  struct db *guard;        /* keeps the WAL's index alive while db is opened again */
  uint64_t revision, seen; /* [c] given out; the newest that the mirrors have */
  int64_t version;         /* [c] of SQLite's data_version */
  uint64_t groups;         /* [c] transactions of this process */
  dev_t dev;               /* the database's file, which must stay the same */
  ino_t ino;
  struct store_group group;
  struct store_marks marks;
  _Atomic uint64_t lost; /* records that damage took: for the health */

  pthread_t committer, keeper;
  int32_t threads;       /* how many of them run */
  _Atomic uint32_t bell; /* futex: the committer sleeps on it while it is 0 */
  _Atomic uint32_t work; /* futex: the keeper's */
  _Atomic uint32_t wal_pages;
  int64_t housekept, polled, pulsed, probed; /* [c] monotonic, when last */
  uint32_t rounds;                           /* [c] of housekeeping */
  int32_t result;                            /* [c] of the last transaction */

  pthread_mutex_t readers_lock;
  struct db *readers[STORE_READERS];
  uint32_t nreaders;

  kg_component *component;
  struct store_meters meters;
};

/* store.c */
struct kg_log *store_log_find (struct store *s, kg_str name);
struct kg_log *store_log_create (struct store *s, kg_str name, uint32_t dedup_days,
                                 uint32_t keep_days);

/* store_declare.c */
int store_name_valid (const char *name);

/* store_region.c */
int32_t store_region (kg_self *self, const char *name, uint64_t bytes, struct kg_region *ret);
int32_t store_region_ensure (kg_self *self, const char *name, uint64_t offset, uint64_t bytes);
int32_t store_region_held (kg_self *self, const char *name, uint32_t slot);
void store_regions_free (struct store *s);

/* store_read.c */
uint64_t store_hash (const struct store *s, kg_str key);
struct kg_entry store_row_entry (struct db_stmt *stmt);
int32_t store_get (kg_bucket *bucket, kg_str key, struct kg_entry *ret);
int32_t store_scan (kg_bucket *bucket, kg_str prefix,
                    int32_t (*fn) (const struct kg_entry *, void *), void *arg);
int32_t store_scan_after (kg_bucket *bucket, kg_str prefix, kg_str after,
                          int32_t (*fn) (const struct kg_entry *, void *), void *arg);
int32_t store_read (kg_log *log, uint64_t after, uint32_t max,
                    int32_t (*fn) (const struct kg_record *, void *), void *arg);
int32_t store_reader_allowed (struct store *s, const char *what);
int32_t store_reader_take (struct store *s, struct db **ret);
void store_reader_give (struct store *s, struct db *db, int32_t result);
void store_readers_close (struct store *s);

/* store_marks_look.c */
int32_t store_marks (kg_log *log, const kg_str *ids, uint32_t nids,
                     void (*fn) (uint32_t, kg_str, void *), void *arg);

/* store_cursor.c */
struct kg_cursor *store_cursor_find (const struct store *s, uint32_t log, kg_str name);
int32_t store_strays (kg_log *log,
                      int32_t (*fn) (const char *name, uint64_t position, void *arg), void *arg);
int32_t store_forget (kg_log *log, const char *name);

/* store_marks.c, store_marks_run.c, store_marks_made.c, store_marks_load.c.  [c] but for the
 * first ones. */
struct marks_wanted {
  kg_str key;
  uint64_t hash;
  int64_t now;
  uint32_t log;
};
struct marks_seen {
  uint8_t found, len;
  char value[KG_MARK_MAX];
};
uint64_t marks_hash (const struct store *s, kg_str key);
void marks_note (struct marks_seen *to, kg_str value);
void marks_damaged (struct store *s, const char *table, int64_t row);
int64_t marks_place (const struct mark_run *run, uint64_t hash);
int marks_may_have (const struct mark_run *run, const struct marks_wanted *w);
int32_t marks_in_part (struct store *s, struct db *db, int64_t place,
                       const struct marks_wanted *w, struct marks_seen *ret);
int32_t marks_in_old (struct db *db, const struct marks_wanted *w, struct marks_seen *ret);
void marks_init (struct store *s, int64_t limit);
void marks_end (struct store *s);
int32_t marks_sync (struct store *s);
int32_t marks_op (struct store *s, const struct kg_op *op, struct kg_outcome *o);
void marks_undo (struct store *s, size_t len); /* takes back what lies behind */
int32_t marks_commit (struct store *s);
void marks_publish (struct store *s);
void marks_abandon (struct store *s);
void marks_step_publish (struct store *s); /* under the lock */
void marks_step_abandon (struct store *s);
void marks_generation_next (struct store_marks *ms);
int32_t marks_tend (struct store *s);  /* goes on with a run when it is time; 0, or -errno */
int marks_can_wait (const struct store *s);
int32_t marks_house (struct store *s); /* 1: there is more to do */
void marks_forget (struct store_marks *ms);
void marks_run_free (struct mark_run *run);
int32_t marks_run_reserve (struct store_marks *ms);
int32_t marks_made_write (struct store *s, uint32_t next, uint32_t count);
int32_t marks_made_end (struct store *s);
int32_t marks_made_load (struct store *s, int64_t generation); /* before the fresh ones are */
int32_t marks_made_sync (struct store *s);           /* 1: all must be loaded */
int32_t marks_made_filter (struct store_marks *ms);  /* of all of its marks */
void marks_filter_note (uint64_t hash, void *filter);

/* store_record.c */
int32_t store_record (kg_log *log, kg_req *req, const void *data, size_t len, kg_str *ret_id);
int32_t store_resumed (kg_req *req, void *arg);

/* store_write.c */
int32_t store_write (kg_self *self, const struct kg_op *ops, uint32_t nops, uint32_t op_size,
                     void (*done) (const struct kg_outcome *, void *), void *arg);
void store_write_end (struct store *s, struct store_write *w);

/* group.c, group_log.c, group_end.c: one transaction.  [c] */
#define GROUP_BATCH_BYTES 262144u /* a larger batch is written, and a new one begun */
void group_reset (struct store *s);
int32_t group_begin (struct store *s);
int32_t group_write (struct store *s, struct store_write *w);
int32_t group_put_row (struct store *s, uint32_t bucket, kg_str key, kg_str value,
                       int64_t expires_ns);
int32_t group_put (struct store *s, kg_bucket *bucket, kg_str key, kg_str value,
                   int64_t expires_ns);
int32_t group_log_add (struct store *s, struct kg_log *l, int64_t time_ns, kg_str id,
                       kg_str data);
int32_t group_log_flush (struct store *s, struct kg_log *l);
int32_t group_ring (struct store *s, struct store_ring *r);
int32_t group_records (struct store *s, struct rings *rings, uint32_t index,
                       struct ring_record *const *records, size_t n);
int32_t group_commit (struct store *s);
void group_publish (struct store *s);
void group_abandon (struct store *s, int32_t error);

/* store_sync.c: the database's content into memory.  [c] */
int32_t sync_load (struct store *s);
int32_t sync_foreign (struct store *s);
int32_t sync_poll (struct store *s);
void sync_apply (struct store *s, kg_bucket *bucket, struct mirror_node *node, int deleted);
void sync_newest (struct kg_log *log, uint64_t newest);
void sync_reclaim (struct store *s);
int32_t sync_watch_all (struct store *s);

/* store_boot.c: from a folder to an open database. */
int32_t store_boot_check (const struct store *s, char error[STORE_ERROR_MAX]);
int32_t store_boot (struct store *s, char error[STORE_ERROR_MAX]);

/* One process at a time starts (SQLite's own waiting doesn't cover the step from an
 * empty file to WAL mode), or takes what dead ones left: so whoever has started
 * finds all of that in the logs.  A descriptor to close, or -errno; -EBUSY when it
 * could not be had within `ms`. */
int boot_lock (const struct store *s, int64_t ms);

/* replay.c: what dead processes left; under boot_lock.  [c] */
int32_t replay_all (struct store *s);

/* keeper.c: housekeeping, once a second (1: there is more to do); and the thread
 * that moves the WAL into the database when it has KEEPER_PAGES pages. */
#define KEEPER_PAGES 1000u
int32_t keep_house (struct store *s); /* [c] */
void *keeper_main (void *store);

/* committer.c: the one writer. */
void *committer_main (void *store);
void committer_wake (struct store *s);
int32_t committer_open (struct store *s); /* [c] opens the database again */
int32_t store_open_same (const struct store *s, uint32_t flags, struct db **ret);
void store_futex_wake (_Atomic uint32_t *word);
void store_futex_wait (_Atomic uint32_t *word, uint32_t value, int64_t ns);

/* pulse.c: health, metrics, and the log.  [c] */
int32_t pulse_define (struct store *s);
void pulse_beat (struct store *s);
void pulse_commit (struct store *s, int64_t ns);
void pulse_trouble (struct store *s, int32_t error);
void pulse_marks (struct store *s, int32_t error);

#endif
