/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From events to state, ledger and tiers.
 *
 * The bucket "billing.objects", which is not in memory, has
 *   sub/ID            a subscription's projection (stored.h)
 *   tier/ID           kgent_tier of a product or price, and since which event
 *   key/PRICE         the last lookup key that a price had, as if it were its tier
 *   cus/CUSTOMER/SUB  which subscriptions a customer has
 *   ten/TENANT/CUSTOMER  which customers were ever named as a tenant's
 *   pay/CHARGE        whose charge it is, as if that were its tier
 *   wait/CUSTOMER/ID  an event for the ledger whose tenant isn't known yet; or CHARGE, while
 *                     nobody knows whose that is
 *   evt/ID            the sequence in the inbox of an event that the cursor has passed
 * "billing.customers" has whose customer a customer is, "billing.parked" the events that
 * could not be processed. */
#ifndef BILLING_ENGINE_H
#define BILLING_ENGINE_H

#include "plugins/billing-stripe/batch.h"
#include "plugins/billing-stripe/due.h"
#include "plugins/billing-stripe/plans.h"
#include "plugins/billing-stripe/told.h"

#define ENGINE_DIRTY 1024 /* tenants to look at; more: all are looked at */
#define EFFECT_MAX   8192 /* bytes of an event for the ledger */
#define EFFECT_ID    (STRIPE_ID + 16)

struct engine {
  struct billing *billing;
  kg_bucket *objects, *customers, *parked;
  kg_log *usage;
  struct tier_names tiers;
  int32_t ended_rank;  /* of the tier after the end */
  kg_component *component;
  kg_metric *changes, *parked_count, *waiting_count;

  /* The cursor's; one step at a time. */
  struct batch *batch;
  int32_t single;     /* 1: events one by one, since a write of several failed */
  uint32_t tries;     /* of the first event */
  int32_t cause;      /* why the last one failed */

  /* The timer's; the lock is for what others leave. */
  pthread_mutex_t lock;
  kg_timer *timer;
  char dirty[ENGINE_DIRTY][PROJECTION_TENANT];
  uint32_t dirties;
  struct texts freed; /* customers whose tenants are known now */
  int32_t all;        /* 1: look at all tenants, and at all that waits */
  int64_t waiting, parked_events; /* as far as this process knows */
  atomic_uint setting; /* changes of tiers under way */
  int32_t error;      /* of the last change of a tier */
  char unknown[STRIPE_ID * 2 + 64]; /* a price without a tier, as a text for people */
  char unknown_tenant[PROJECTION_TENANT]; /* whose subscription has it */
  int32_t unknown_seen; /* 1: since the sweep began */

  /* The timer's alone. */
  struct due due;     /* of tenants, as time alone changes them */
  struct texts sweep_customers, sweep_tenants;
  uint32_t swept;     /* of both */
  int32_t sweeping;
  uint32_t sweeps;    /* that soon had another one behind them */
  int64_t sweep_at;   /* when the next one begins, seconds since the epoch */
  int64_t looked_at;  /* the same: what the clock said the last time */
};

/* Seconds since the epoch; a test puts its own. */
extern int64_t (*engine_clock) (void);

int32_t engine_open (struct billing *b);
int32_t engine_start (struct billing *b);
void engine_stop (struct billing *b);
void engine_close (struct billing *b);

/* ---- process.c ----------------------------------------------------------- */

/* Adds to the batch what comes of an event, of the type with that place in event_types: 0;
 * -EBADMSG and why: nothing ever will; or another errno. */
int32_t process_event (struct batch *batch, kg_str text, uint32_t *ret_type, const char **ret_why);

/* ---- customers.c --------------------------------------------------------- */

/* Notes that an event names a tenant for a customer; and an operator, whose word counts
 * more, or takes it back (tenant ""). */
void customer_learn (struct batch *batch, const struct told *t);
void customer_map (struct batch *batch, const char *customer, const char *tenant);

/* The tenant of a customer: `ret` is "" while nobody knows.  `named` is whom the object
 * itself names, or "". */
void customer_tenant (struct batch *batch, const char *customer, const char *named,
                      char ret[PROJECTION_TENANT]);

/* The customer whose charge it is; the charge itself while no event has told, so that an
 * operator can say whose that is, too. */
void charge_customer (struct batch *batch, const char *charge, char ret[STRIPE_ID]);

/* ---- effects.c ----------------------------------------------------------- */

/* Adds the ledger's event for what was told; p is its subscription, or NULL. */
void effect_add (struct batch *batch, const struct told *t, const struct projection *p);

/* Whether that event is the start of a subscription, of which there is one. */
int32_t effect_is_start (const struct told *t);

/* A record of the ledger. */
void effect_record (struct kg_out *out, const char *tenant, int64_t created, const char *event);

/* ---- waits.c ------------------------------------------------------------- */

/* Moves what waits for this customer's tenant into the ledger, if that is known.  On a thread
 * of the pool. */
void waits_release (struct engine *e, const char *customer);

/* ---- tiers.c ------------------------------------------------------------- */

/* [any] A tenant, or all of them (NULL), should be looked at soon; what waits for a
 * customer's. */
void tiers_touch (struct engine *e, const char *tenant);
void waits_touch (struct engine *e, const char *customer);

/* [any] So many more events wait, or are parked. */
void gauges_add (struct engine *e, int64_t waiting, int64_t parked);

/* [any] A batch was written: looks at once at what it touched. */
void tiers_written (struct engine *e, const struct batch *batch);

/* The timer's function: looks at what was touched. */
void tiers_run (void *engine);

/* ---- subscriptions.c ----------------------------------------------------- */

/* What is behind the prefix in the keys of billing.objects, in their order; `first`: only as
 * far as the next slash.  0 or -errno; the caller frees it. */
int32_t keys_scan (struct engine *e, const char *prefix, int32_t first, struct texts *ret);

/* How many keys of a bucket begin so. */
int64_t keys_count (const struct billing *b, kg_bucket *bucket, const char *prefix);

/* The best rank of the items of a subscription, or -1. */
int32_t state_rank (struct engine *e, const struct sub_state *state);
int32_t projection_rank (struct engine *e, const struct projection *p);

/* Calls fn with each subscription that was ever named as a tenant's, until it answers other
 * than 0; `own` is 1 when it is this tenant's and not, by now, another's. */
typedef int32_t subscription_fn (const struct projection *p, int32_t own, void *arg);
int32_t tenant_subscriptions (struct engine *e, const char *tenant, subscription_fn *fn,
                              void *arg);
/* The same with those of a customer. */
int32_t customer_subscriptions (struct batch *batch, const char *tenant, const char *customer,
                                subscription_fn *fn, void *arg);

#endif
