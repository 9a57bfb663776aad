/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.store/1: durable state, as buckets and logs.
 *
 * A bucket maps keys to values with revisions: get, put, compare-and-set,
 * delete, time to live, watch.  It is mirrored in memory: reads never block and
 * never fail.  A log keeps records in order under sequence numbers; readers are
 * durable cursors.  Everything that changes goes through `write`, all or
 * nothing, on the host's one committer thread, which commits everybody's writes
 * in groups: so an id, the fact and its effect lie in one transaction.
 *
 * Usage records take a shorter way, `record`: into the worker's own ring in a
 * memory-mapped file, from where the committer moves them into the log.
 *
 * A region is plain memory that all processes on the same store share, and that
 * outlives them: for counters that must hold while one process hands over to the
 * next, and when one is killed. */
#ifndef KGENT_STORE_H
#define KGENT_STORE_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_STORE "kg.store/1"

typedef struct kg_bucket kg_bucket;
typedef struct kg_log    kg_log;
typedef struct kg_cursor kg_cursor;

#define KG_KEY_MAX   512      /* bytes */
#define KG_VALUE_MAX 1048576  /* bytes */

/* Expected revisions of a put or delete.  Since 1.0. */
#define KG_REV_ANY ((uint64_t) -1) /* whatever is there */
#define KG_REV_NEW ((uint64_t) 0)  /* the key must not exist: create */

/* One entry of a bucket.  Since 1.0. */
struct kg_entry {
  uint32_t size;
  uint32_t reserved;
  kg_str key, value;
  uint64_t revision;   /* > 0; grows over all buckets */
  int64_t changed_ns;  /* since the epoch */
  int64_t expires_ns;  /* since the epoch; 0: never */
};

/* Kinds of operation.  Since 1.0. */
#define KG_OP_PUT    1 /* bucket, key, value, revision = expected, ttl_ms          */
#define KG_OP_DELETE 2 /* bucket, key, revision = expected                         */
#define KG_OP_APPEND 3 /* log, key = id (empty: none), value = record              */
#define KG_OP_ACK    4 /* cursor, revision = sequence up to which it is done       */
#if KG_ABI_TARGET >= KG_ABI (1, 1)
#define KG_OP_MARK   5 /* log, key = id, value = KG_MARK_MAX bytes at most, ttl_ms: the
                          id is remembered without a record, for that long; 0: for the
                          log's dedup_days.  Ids of records are others.  Since 1.1.  */
#define KG_MARK_MAX  64 /* bytes */
#endif

/* One operation of a write; pointers are copied before `write` returns.
 * Since 1.0. */
struct kg_op {
  uint32_t kind;
  uint32_t reserved;
  kg_bucket *bucket;
  kg_log *log;
  kg_cursor *cursor;
  kg_str key, value;
  uint64_t revision;
  int64_t ttl_ms; /* PUT: 0 keeps for ever; MARK */
};

/* The outcome of a write.  `error`: 0; -EEXIST a KG_REV_NEW key, or an appended or
 * marked id, was there already; -ESTALE another revision was there; -ENOSPC, -EIO,
 * -EROFS the disk; -ESHUTDOWN.  Nothing of a failed write was done. */
struct kg_outcome {
  uint32_t size;
  int32_t error;
  uint32_t op;       /* index of the operation that failed */
  uint32_t reserved;
  uint64_t revision; /* of the last PUT, or sequence of the last APPEND */
};

/* A record as a reader sees it; valid during the call.  Since 1.0. */
struct kg_record {
  uint32_t size;
  uint32_t reserved;
  uint64_t sequence;  /* position in the log, > 0, gaps are possible */
  kg_str id;          /* of the appender; for `record`: made by the host, unique
                         for ever, the same at every reading */
  int64_t time_ns;    /* since the epoch, when it was recorded */
  kg_str data;
};

#if KG_ABI_TARGET >= KG_ABI (1, 1)
/* Flags of `bucket2`.  Since 1.1. */
#define KG_BUCKET_COLD 0x01u /* not mirrored in memory: `get` and `scan` read the
                                disk, for threads that may block, never a worker */

#define KG_REGION_SLOTS 16 /* processes that may have a region at one time */

/* Flags of a region.  Since 1.1. */
#define KG_REGION_NEW   0x01u /* it was made just now: all zero                  */
#define KG_REGION_ALONE 0x02u /* no other process has it; none gets it before this
                                 process's plugins have started                  */

/* A region, as this process has it.  Since 1.1. */
struct kg_region {
  uint32_t size;  /* sizeof (struct kg_region), set by the caller */
  uint32_t flags; /* KG_REGION_NEW | ... */
  uint32_t slot;  /* this process's, below KG_REGION_SLOTS: nobody else has it
                     while the process lives, however it ends */
  uint32_t reserved;
  void *ptr;      /* of page alignment, shared; valid until close has returned */
  uint64_t bytes;
  uint64_t boot;  /* stands for the boot of the machine: monotonic times of two
                     processes are comparable while it is the same */
};
#endif

struct kg_store {
  uint32_t size;
  uint32_t reserved;

  /* [open] Opens or declares a bucket; names are [a-z0-9_.-], at most 64 bytes,
   * and shared by all plugins.  Since 1.0. */
  int32_t (*bucket) (kg_self *self, const char *name, kg_bucket **ret);

  /* [open] Declares a log.  `dedup_days` is how long an appended id is
   * remembered (0: for ever); `keep_days` how long records are kept once every
   * cursor is past them (0: for ever).  Since 1.0. */
  int32_t (*log) (kg_self *self, const char *name, uint32_t dedup_days, uint32_t keep_days,
                  kg_log **ret);

  /* [open] Declares a durable cursor of a log; a new one starts at the
   * beginning.  Since 1.0. */
  int32_t (*cursor) (kg_self *self, kg_log *log, const char *name, kg_cursor **ret);

  /* [open] Calls fn for every entry once at start-up, before `start`, and then
   * after every change, whichever process made it, within 1 s; `value.ptr` is
   * NULL for a deletion.  On the main thread, later on the committer's: must
   * not block or write back synchronously.  Since 1.0. */
  int32_t (*watch) (kg_bucket *bucket, void (*fn) (const struct kg_entry *entry, void *arg),
                    void *arg);

  /* [any] Reads an entry from memory: 0, or -ENOENT.  What *ret points to stays
   * valid, on a worker, until the hook returns; elsewhere until the next call
   * of get on that thread.  Since 1.0. */
  int32_t (*get) (kg_bucket *bucket, kg_str key, struct kg_entry *ret);

  /* [any, not a worker] Calls fn for each entry whose key begins with `prefix`,
   * in the order of keys, until it answers other than 0; returns that.
   * Since 1.0. */
  int32_t (*scan) (kg_bucket *bucket, kg_str prefix,
                   int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg);

  /* [any] Writes, all or nothing; `done` comes on the committer's thread once
   * the transaction is on disk, or has failed: it must not block.  `done` may
   * be NULL.  -EAGAIN when too much waits (64 MiB): nothing was taken, `done`
   * is not called.  Since 1.0. */
  int32_t (*write) (kg_self *self, const struct kg_op *ops, uint32_t nops, uint32_t op_size,
                    void (*done) (const struct kg_outcome *outcome, void *arg), void *arg);

  /* [worker] Records usage for this request, in COMMIT.  KG_NEXT: it is as
   * durable as the configuration demands.  KG_WAIT: the request is suspended
   * and goes on by itself with the next hook once it is; return it.  -ENOSPC
   * and other errors: it is not recorded; the hook returns them.  `ret_id`
   * (may be NULL) receives the record's id, in the request's memory; it is the
   * id that readers will see.  At most 16,384 bytes.  Of a request with an
   * Idempotency-Key the record is put aside, and written behind the last COMMIT hook
   * in one transaction with the answer that is kept: KG_NEXT.  Since 1.0. */
  int32_t (*record) (kg_log *log, kg_req *req, const void *data, size_t len, kg_str *ret_id);

  /* [any, not a worker] Calls fn for at most `max` records after the sequence
   * `after`, in order, until it answers other than 0; returns the number of
   * calls, or a negative errno.  Since 1.0. */
  int32_t (*read) (kg_log *log, uint64_t after, uint32_t max,
                   int32_t (*fn) (const struct kg_record *record, void *arg), void *arg);

  /* [any] The sequence up to which a cursor is acknowledged.  Since 1.0. */
  uint64_t (*position) (kg_cursor *cursor);

  /* [any] The sequence of the newest record in the log.  Since 1.0. */
  uint64_t (*newest) (kg_log *log);

  /* [open] Calls fn on the committer's thread after records were added to the
   * log: must not block (kick a timer).  Since 1.0. */
  int32_t (*notify) (kg_log *log, void (*fn) (void *arg), void *arg);

#if KG_ABI_TARGET >= KG_ABI (1, 1)
  /* [open] `bucket` with flags.  -EEXIST when another plugin has opened it with
   * other flags.  Of a cold bucket, `watch` and `write` do what they do for
   * others; what `get` finds stays valid until the next call of get on that
   * thread, and -EDEADLK is its answer on a worker.  Since 1.1. */
  int32_t (*bucket2) (kg_self *self, const char *name, uint32_t flags, kg_bucket **ret);

  /* [start] Maps the region `name` (as of buckets; one plugin has it), `bytes`
   * long, which lives in a sparse file of the store.  A file of another size is
   * made anew when nobody else has it, as is one whose maker did not come
   * through its start.  Waits at most 30 s for a process that has it alone, and
   * for a slot.  -EBUSY: another process has it in another size, or still alone;
   * -EAGAIN: all slots are taken; -EEXIST; -EINVAL; or what the file system said.
   * Contents are as the last write of any process left them, also of a killed
   * one; after a crash of the machine each page may be of another age.
   * Since 1.1. */
  int32_t (*region) (kg_self *self, const char *name, uint64_t bytes, struct kg_region *ret);

  /* [any, not a worker] Sees to it that a part of the region has its place on the
   * disk: 0, or -ENOSPC.  Writing to a page whose place was never seen to ends
   * the process with SIGBUS when the disk is full.  Since 1.1. */
  int32_t (*region_ensure) (kg_self *self, const char *name, uint64_t offset, uint64_t bytes);

  /* [any] 1 while a living process has the slot, else 0.  Costs a system call.
   * Since 1.1. */
  int32_t (*region_held) (kg_self *self, const char *name, uint32_t slot);

  /* [any, not a worker] Looks many ids up at one moment: calls fn for each that a
   * KG_OP_MARK of the log remembers, with its index and the mark's value, which is
   * valid during the call.  Returns the number of calls, or a negative errno.
   * Since 1.1. */
  int32_t (*marks) (kg_log *log, const kg_str *ids, uint32_t nids,
                    void (*fn) (uint32_t i, kg_str value, void *arg), void *arg);

  /* [any, not a worker] Calls fn for each cursor of the log that this process has not
   * declared, until it answers other than 0: such a one holds the log's records as others
   * do.  Returns the number of calls, or a negative errno.  Since 1.1. */
  int32_t (*strays) (kg_log *log,
                     int32_t (*fn) (const char *name, uint64_t position, void *arg), void *arg);

  /* [any, not a worker] Forgets such a cursor, and waits for the disk; whoever declares it
   * again begins at the beginning.  -ENOENT; -EEXIST: it is declared here.  Since 1.1. */
  int32_t (*forget) (kg_log *log, const char *name);

  /* [any, not a worker] `scan` of the keys behind `after` only, which need not be there or
   * begin with the prefix; empty: all.  It begins there at once, so a list that goes on
   * behind its last page's last key costs the same on every page.  Since 1.1. */
  int32_t (*scan_after) (kg_bucket *bucket, kg_str prefix, kg_str after,
                         int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg);
#endif
};

#ifdef __cplusplus
}
#endif

#endif
