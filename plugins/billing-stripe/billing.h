/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of the billing plugin share. */
#ifndef BILLING_BILLING_H
#define BILLING_BILLING_H

#define KG_ABI_TARGET KG_ABI (1, 1)
#include <kgent/plugin.h>
#include <kgent/health.h>
#include <kgent/http.h>
#include <kgent/jobs.h>
#include <kgent/json.h>
#include <kgent/metrics.h>
#include <kgent/store.h>
#include <kgent/tenants.h>

#include <pthread.h>
#include <stdatomic.h>

#define EVENT_ID_MAX   255 /* bytes of an event's id, and of its type */
#define EVENT_TYPES    7   /* those with an effect of their own, and "other" */
#define EVENT_OTHER    6
#define INBOX_DAYS     30  /* ids that came before are known for so long */
#define INBOX_BODY_MAX 262144

/* What is sold for a tier.  The order of plans is that of the configuration: the
 * least first. */
struct billing_plan {
  const char *tier;
  const char *const *prices, *const *lookup_keys, *const *products;
};

struct billing_conf {
  const char *const *secrets;
  double tolerance;     /* seconds */
  const char *livemode; /* "any" | "live" | "test" */
  const char *api_base;
  const char *api_key;
  const char *api_version;
  struct kg_list plans; /* of struct billing_plan */
  const char *ended_tier; /* of tenants that pay no more */
  int64_t grace_days;
  int64_t tries; /* of an event, before it is parked */
  int64_t bad_per_minute; /* of an address; 0: not limited */
  const char *const *redirects; /* where checkout and portal may lead back to */
  const char *success_url, *cancel_url, *return_url;
  const char *public_url;
  double link_ttl; /* seconds */
  int32_t refetch;
  int64_t refetch_wait; /* seconds */
  struct kg_list usage; /* of struct usage_meter */
};

/* Why a delivery was refused: the label of kgents_stripe_webhooks_errors_total. */
enum billing_error {
  BILLING_NOT_CONFIGURED,
  BILLING_MISSING_HEADER,
  BILLING_SIGNATURE,
  BILLING_PAYLOAD,
  BILLING_LIVEMODE,
  BILLING_STORE,
  BILLING_PROCESS,
  BILLING_LIMITED,
  BILLING_ERRORS
};

#define BILLING_FAILURES 256

/* What the cursor has been through, durable together with its position. */
struct totals {
  int64_t type[EVENT_TYPES]; /* events by type */
  int64_t failed;            /* records that were no event */
  int64_t upto;              /* sequence of the last record that they count */
  int64_t unnoted;           /* up to which no sequence is noted by its record's id */
};

struct billing {
  const struct kg_host *host;
  kg_self *self;
  const struct billing_conf *conf;
  int32_t configured; /* 1: there is a secret */

  const struct kg_store *store;
  const struct kg_jobs *jobs;
  const struct kg_http *http;
  const struct kg_health *health;
  const struct kg_metrics *metrics;
  struct engine *engine;
  kg_bucket *bucket; /* "billing.totals" */
  kg_bucket *payers; /* "billing.payers" */
  kg_bucket *owners; /* "billing.customers" */
  const struct kg_tenants *tenants; /* or NULL */
  struct offer *offer;
  struct prices *prices;
  struct usage *usage;
  struct refetch *refetch; /* or NULL */
  atomic_uint failures[BILLING_FAILURES]; /* what stripe_failed has counted, by tenants */
  kg_log *inbox;
  kg_cursor *cursor;
  kg_component *component, *api_component;
  struct doorman *doorman;
  kg_metric *secrets; /* by which one matched */
  kg_metric *received, *duplicates, *processed, *errors, *api_requests;
  atomic_int stopped; /* 1: services are asked for nothing any more */
  atomic_int busy; /* 1 while a step of the cursor is being written */
  pthread_mutex_t lock; /* of the timer */
  kg_timer *timer;
};

/* event.c: the type's place in the closed list; EVENT_OTHER for any other. */
extern const char *const event_types[EVENT_TYPES + 1];
uint32_t event_type_find (const char *type, size_t len);

/* webhook.c, status.c */
int32_t webhook_open (struct billing *b);
void webhook_close (struct billing *b);
int32_t status_open (struct billing *b);

/* inbox.c */
int32_t inbox_open (struct billing *b);
int32_t inbox_start (struct billing *b);
void inbox_stop (struct billing *b);
void inbox_totals (const struct billing *b, struct totals *ret);

/* billing-stripe.c: sets the component from how storing goes; 0: well. */
void billing_health (struct billing *b, int32_t error);

#endif
