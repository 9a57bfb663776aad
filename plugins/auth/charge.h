/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What keys and tenants were charged, by month: sums of the usage records, kept in the
 * bucket "auth.charges".
 *
 * The log "usage" is the truth.  In the background its records are added up, and the
 * sums are written together with the sequence up to which they are; so each record is
 * in them once, whoever reads and whatever is killed.  A process that has the counters
 * alone sets what is spent from the sums and the records behind them. */
#ifndef AUTH_CHARGE_H
#define AUTH_CHARGE_H

#include "plugins/auth/text.h"

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/jobs.h>
#include <kgent/store.h>

#include <pthread.h>

#define CHARGE_SUMS  512  /* in one write */
#define CHARGE_SLOTS 1024 /* to find them */

/* What one subject was charged in one month. */
struct charge_sum {
  uint8_t id[16];
  uint32_t kind, month;
  int64_t tokens, money, requests;
};

struct auth;

struct charge_sums {
  uint32_t count;
  uint16_t slot[CHARGE_SLOTS]; /* number of a sum + 1; 0: empty */
  struct charge_sum sum[CHARGE_SUMS];
};

/* Adds what a record of the log charges: 1, 0 when it charges nobody, -E2BIG when
 * there are too many sums already (and nothing was added). */
int32_t charge_add (struct charge_sums *sums, const struct kg_record *record);

#define CHARGE_KEY   64  /* bytes of a sum's key, at most */
#define CHARGE_VALUE 160 /* bytes of its value */

/* "24310.k.<id>": so a month's are together; returns its length. */
size_t charge_key_write (char ret[CHARGE_KEY], const struct charge_sum *sum);

/* Sets who and when, and all else to 0; 0 or -EINVAL. */
int32_t charge_key_read (kg_str key, struct charge_sum *ret);

/* {"tokens":n,"money":n,"requests":n}; returns its length. */
size_t charge_value_write (char ret[CHARGE_VALUE], const struct charge_sum *sum);

/* Adds what is stored; 0 or -EINVAL. */
int32_t charge_value_read (kg_str value, struct charge_sum *sum);

/* ---- Adding up ------------------------------------------------------------- */

#define CHARGE_READ 4096 /* records in one write */

struct charge {
  struct auth *auth;
  kg_bucket *bucket;
  kg_log *log;
  kg_cursor *cursor;
  kg_timer *timer;
  pthread_mutex_t lock; /* of `stopped`, and for kicking the timer */
  int32_t stopped;
  _Atomic int32_t busy; /* 1: a write is on its way, and what follows is its */
  uint64_t at, revision; /* what is in the sums, as the bucket said it */
  uint64_t next;         /* once the write has succeeded */
  struct charge_sums sums;
};

/* What is in the sums, as the bucket says it now; 0 or -errno. */
int32_t charge_at (struct charge *charge);

/* Adds one to charge->sums, up to charge->next; for kg_store.read. */
int32_t charge_record (const struct kg_record *record, void *charge);

/* [start] Nobody else may have the counters.  0 or -errno. */
int32_t charge_rebuild (struct charge *charge);

/* [open] */
int32_t charge_open (struct auth *auth);

/* [start] Sets what is spent when this process has the counters alone, and begins to
 * add up.  0 or -errno (logged). */
int32_t charge_start (struct auth *auth, int32_t alone);
void charge_stop (struct auth *auth);

/* Accepts that it was never opened. */
void charge_close (struct auth *auth);

#endif
