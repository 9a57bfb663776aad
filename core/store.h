/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.store/1 on one SQLite file: its life, and what the event loops tell it.
 *
 * Order: store_create, plugins' open (which declare buckets, logs, cursors),
 * store_start, plugins' start, the workers' life, plugins' stop, store_stop,
 * plugins' close, store_destroy.  The files are described in
 * docs/design/0003-store.md. */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include "core/host.h"

#include <kgent/store.h>

#define STORE_ERROR_MAX 512 /* bytes of an error text, with its NUL */

struct store;

/* The service "kg.store/1". */
extern const struct kg_store store_service;

/* Checks the settings and the folder, and sets host->store; writes nothing.
 * `core` owns the component and the metrics, which are registered when
 * host->health and host->metrics are there (both may be NULL in tests).
 * On failure `error` tells what is wrong and how to cure it: -ENOENT, -EACCES,
 * -ENOTDIR, -EINVAL, -ENOMEM; -EPROTONOSUPPORT for a store of a newer format
 * (exit 78). */
int32_t store_create (struct host *host, struct kg_self *core,
                      const struct store_settings *settings, struct store **ret,
                      char error[STORE_ERROR_MAX]);

/* Opens the database, replays what dead processes left, fills the mirrors,
 * calls the watches and starts the committer.  `workers` is the number of event
 * loops; their indexes (KG_NUM_WORKER) are below it.  Errors as above. */
int32_t store_start (struct store *store, uint32_t workers, char error[STORE_ERROR_MAX]);

/* All plugins have started (`good`), or one of them could not: regions that were
 * opened alone are everybody's. */
void store_started (struct store *store, int good);

/* Writes everything out and ends the committer, after the last request and the
 * plugins' stop.  -EIO and others when something had to stay in the rings,
 * whence the next start takes it.  Does nothing if the store isn't running. */
int32_t store_stop (struct store *store);

/* Frees; after the plugins' close.  NULL is allowed. */
void store_destroy (struct store *store);

/* An event loop says, once per turn and outside of hooks, that it holds no
 * pointer from `get`; its first call on a thread makes that thread the worker.
 * To be called right after waking, too. */
void store_quiescent (struct store *store, uint32_t worker);

/* An event loop is about to sleep, or to end: nothing waits for it. */
void store_worker_idle (struct store *store, uint32_t worker);

/* What the core itself may write besides the operations of kg.store/1: a usage record
 * that was put aside (log, key = its id, value = its bytes, ttl_ms = its time, ns since
 * the epoch).  Its id is remembered nowhere. */
#define STORE_OP_RECORD 0x100u

/* `write`, for the core. */
int32_t store_write_own (struct store *store, const struct kg_op *ops, uint32_t nops,
                         void (*done) (const struct kg_outcome *outcome, void *arg), void *arg);

/* Lets `fn` see what is recorded, on the worker: 1 when the record is to take its usual
 * way, 0 when it was put aside, or -errno.  [before start] */
typedef int32_t store_defer_fn (kg_log *log, kg_req *req, const void *data, size_t len,
                                kg_str *ret_id);
void store_defer_to (struct store *store, store_defer_fn *fn);

/* Writes the id of a record that was put aside, NUL-terminated and as unique as those of
 * rings; returns its length.  [any] */
#define STORE_ID_MAX 112u
uint32_t store_record_id (struct store *store, char out[STORE_ID_MAX]);

/* Why records are refused at the moment: 0 or a negative errno.  [any] */
int32_t store_trouble (const struct store *store);

/* The prefix of this store's record ids, and this process's number. [after start] */
const char *store_replica (const struct store *store);
uint32_t store_epoch (const struct store *store);

#endif
