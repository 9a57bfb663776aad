/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Entitlements: accounts of tenants, kept in the store, burnt down from the log.
 *
 * Bucket "usage.accounts" (cold), a row for each tenant and feature that ever had a grant:
 *   key    TENANT/FEATURE
 *   value  {"base":ns,"settled":ns,"usage":"3","consumed":"3","overage":"0","credit":"0",
 *           "grants":[{"id":"...","amount":"10",...,"balance":"7"}],"points":[[ns,"3"],...]}
 * as grant.h says; times are nanoseconds since the epoch, quantities decimals.  Its key
 * "state" says how far they are in the log: {"position":17}.
 *
 * Who changes an account, by a grant or from the log, puts `state`, too, on condition that
 * it has the revision that was read before; so each event is burnt once, whoever dies or
 * runs beside.  Memory learns of changes by the watch alone, in the order of revisions:
 * whoever knows a state has been told of all accounts of that time.
 *
 * Features are meters that sum or count, by their slugs, and the budgets of auth,
 * "budget.tokens" and "budget.money", whose use is what records say was charged. */
#ifndef METERING_ENTITLEMENT_H
#define METERING_ENTITLEMENT_H

#include "plugins/metering-openmeter/grant.h"
#include "plugins/metering-openmeter/metering.h"
#include "plugins/metering-openmeter/meters.h"
#include "plugins/metering-openmeter/record_read.h"

#include <kgent/audit.h>
#include <kgent/tenants.h>

#include <pthread.h>

#define FEATURE_BUDGETS 2 /* numbers 0 and 1: tokens, money; then meters */
#define FEATURE_NONE UINT32_MAX
#define FEATURE_MAX METER_SLUG_MAX
#define TENANT_MAX 128 /* bytes of a tenant's id */

/* ---- account_text.c: rows of the store -------------------------------------------- */

void account_write (const struct account *a, struct mt_text *t);

/* 0; -EBADMSG, -ENOMEM, and *ret is empty. */
int32_t account_read (kg_str text, struct record_read *read, struct account *ret);

/* Adds a member with a decimal as JSON number. */
void text_decimal (struct mt_text *t, const char *name, decimal v);

/* A grant for people; `balance` is what is left. */
void grant_show (const struct grant *g, const char *feature, decimal balance, struct mt_text *t);

/* ---- entitlement_table.c: accounts in memory -------------------------------------- */

struct holder;

/* A tenant's account of a feature; stays until the table is freed. */
struct holding {
  struct holder *holder;
  struct holding *next;          /* of the same holder */
  char feature[FEATURE_MAX + 1];
  uint32_t number;               /* FEATURE_NONE: it isn't configured any more */
  struct account account;
  struct account *work;          /* the turn's copy, of the timer's thread */
  int64_t due_ns;                /* when the budget must be told of it; 0: now */
};

struct holder {
  struct holder *chain;
  uint64_t hash;
  char tenant[TENANT_MAX + 1];
  struct holding *first;
};

struct entitlement_table {
  struct holder **slot;
  uint32_t slots, holders, holdings;
  uint64_t position, revision; /* of the state; KG_REV_NEW: there is none */
};

/* Under the lock of struct entitlements, all of them. */
struct holder *holder_find (const struct entitlement_table *t, kg_str tenant);
struct holding *holding_find (const struct entitlement_table *t, kg_str tenant, kg_str feature);
int32_t table_learn (struct entitlement_table *t, const struct meters *m,
                     const struct kg_entry *e);
void table_free (struct entitlement_table *t);

uint32_t feature_number (const struct meters *m, kg_str name);

/* The name of a feature; NULL behind the last.  Meters that are none are "". */
const char *feature_name (const struct meters *m, uint32_t number);

/* ---- entitlement.c ------------------------------------------------------------------- */

struct entitlements {
  struct mt *mt;
  const struct meters *meters;
  const struct kg_audit *audit;     /* NULL: grants cannot be changed */
  const struct kg_tenants *tenants; /* NULL: any name is a tenant's */
  kg_bucket *bucket;
  kg_cursor *cursor;
  kg_timer *timer;
  kg_metric *lag, *lost;

  pthread_mutex_t lock; /* of what follows */
  struct entitlement_table table;
  struct record_read read; /* the watch's */
  int32_t busy, stopped;
  uint64_t seen, seen_revision; /* how far the log was read without a use for any account of
                                   that state */
  _Atomic int32_t refs;         /* the plugin's, and a write's */
  _Atomic int32_t failing;      /* any thread's */
};

int32_t entitlements_open (struct mt *mt, const struct meters *meters,
                           struct entitlements **ret);
int32_t entitlements_start (struct entitlements *e);
void entitlements_stop (struct entitlements *e);
void entitlements_close (struct entitlements *e); /* NULL is allowed */

/* Makes the timer run. */
void entitlements_kick (struct entitlements *e);

/* Nanoseconds since the epoch. */
int64_t entitlements_now (void);

/* The month in which use is told of: the budget's, else the calendar's. */
void entitlements_month (const struct entitlements *e, kg_str tenant, int64_t now_ns,
                         struct kg_budget_month *ret);

/* How an account stands, and its totals of this month. */
void holding_stand (const struct entitlements *e, const struct holding *h, int64_t now_ns,
                    struct account_at *ret, struct kg_budget_month *ret_month);

/* ---- entitlement_turn.c: from the log ------------------------------------------------ */

/* Burns what is new: 1 when a write is under way, whose `done` comes; 0; or -errno. */
int32_t entitlement_turn (struct entitlements *e,
                          void (*done) (const struct kg_outcome *outcome, void *arg));

/* ---- entitlement_change.c: grants by operators; entitlement_http.c: routes ------------- */

#define CHANGE_TEXT 2048

/* A grant to be added or ended; one request's. */
struct grant_change {
  struct entitlements *e;
  kg_ticket *ticket;
  char tenant[TENANT_MAX + 1], feature[FEATURE_MAX + 1];
  struct grant grant; /* to add; to end: its id */
  int32_t ends;
  int32_t error;
  struct kg_op op[2];
  char key[TENANT_MAX + FEATURE_MAX + 2], state[32];
  struct mt_text value, before, after;
};

/* Makes the change; `done` is called with it, and it is the caller's again. */
int32_t grant_change_begin (struct grant_change *c, const char *actor, const char *key,
                            void (*done) (int32_t error, void *arg));
void grant_change_free (struct grant_change *c);

int32_t entitlement_routes_open (struct entitlements *e);

#endif
