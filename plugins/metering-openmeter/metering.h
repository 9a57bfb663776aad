/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of metering-openmeter.so share.
 *
 * A usage record in the log "usage" is one JSON text per request:
 *   {"tenant":"...","time":<ns since the epoch>,"seq":<the tenant's receipt>,
 *    "events":[{"type":"...","data":{}}...]}
 * Event k of a record has the record's id, with "-k" behind it from the second
 * on: so ids are the same at every reading, by whoever.  What the request costs its
 * key, "key" and "charge", is there as <kgent/budget.h> says, and stays here; such a
 * record may have no events. */
#ifndef METERING_H
#define METERING_H

#define KG_ABI_TARGET KG_ABI (1, 1)
#include <kgent/budget.h>
#include <kgent/health.h>
#include <kgent/http.h>
#include <kgent/jobs.h>
#include <kgent/json.h>
#include <kgent/meter.h>
#include <kgent/metrics.h>
#include <kgent/plugin.h>
#include <kgent/store.h>

#include "plugins/metering-openmeter/record_read.h"

#include <stdatomic.h>
#include <string.h>

#define MT_RECORD_MAX 16384 /* bytes, of kg.store/1 */
#define MT_HEAD_MAX 1280    /* bytes of them for all but the events */
#define MT_DATA_MAX 8192    /* bytes of one event's data */
#define MT_EVENTS_MAX 16    /* per request */
#define MT_TYPE_MAX 64      /* bytes */
#define MT_RECEIPT_MAX 512  /* bytes */

struct entitlements;
struct receipts;
struct sinks;
struct rollup;
struct ingest;

/* Days that windows of minutes, hours, days and months are kept; 0: for ever. */
struct rollup_conf {
  int64_t keep[4];
};

/* Events that others send. */
struct ingest_conf {
  int64_t body_max, batch_max; /* bytes, events */
  int64_t dedup_days, max_age_days;
  int64_t future; /* seconds */
};

struct mt_conf {
  const char *url, *api_key, *source, *receipts;
  int32_t enabled, api_requests;
  int64_t batch_size, keep_days;
  double flush_interval, timeout;
  int32_t canary;
  struct kg_list meters; /* of struct meter_conf */
  struct kg_list sinks;  /* of struct sink_conf */
  struct rollup_conf rollups;
  struct ingest_conf ingest;
};

struct mt {
  const struct kg_host *host;
  kg_self *self;
  const struct mt_conf *conf;
  const struct kg_store *store;
  const struct kg_health *health;
  const struct kg_metrics *metrics;
  const struct kg_jobs *jobs;
  const struct kg_http *http;
  const struct kg_budget *budget; /* NULL: nobody charges */
  kg_log *usage;
  kg_component *recording;
  kg_metric *recorded, *unrecorded; /* by record.c */
  kg_metric *unsigned_;                                     /* by receipt.c */
  struct sinks *sinks;
  struct rollup *rollup;
  struct entitlements *entitlements;
  struct ingest *ingest;
  struct receipts *receipts; /* NULL: none are given */
  const kg_fields *fields;   /* the receipt's */
  _Atomic int32_t failing; /* 1 while the last record could not be made */
};

/* Whether events go to a server. */
static inline int32_t
mt_exports (const struct mt_conf *conf)
{
  return conf->enabled && conf->url && conf->url[0];
}

/* ---- metering-openmeter.c ------------------------------------------------ */

/* The plugin, for meter/1, whose functions get no other pointer. */
extern struct mt *mt_plugin;

/* Known event types, then "other"; ends in NULL. */
extern const char *const mt_types[];

static inline uint32_t
mt_type_index (const char *type)
{
  uint32_t i = 0;
  while (mt_types[i + 1] && strcmp (type, mt_types[i]))
    i++;
  return i;
}

/* ---- record.c: what a request used --------------------------------------- */

extern const struct kg_meter mt_meter;
kg_fn mt_commit;

/* ---- receipt.c: what the client gets to keep -------------------------------- */

/* What a request was charged; its slot points to it, and the text once it is there. */
struct mt_receipt {
  kg_str id;                       /* of the record; empty: there is no receipt */
  int64_t tokens, money, requests; /* charged */
  uint64_t seq;                    /* the tenant's so many-th; 0: not counted */
  kg_str text;                     /* in `room` */
  char *room;                      /* MT_RECEIPT_MAX bytes */
};

/* [worker] Whether the request gets a receipt once it is recorded, where there are any. */
int32_t mt_receipt_due (struct mt *mt, kg_req *req, int32_t charged);
uint64_t mt_receipt_number (struct mt *mt, kg_req *req);

kg_fn mt_receipt_hook;                              /* COMMIT, behind mt_commit */
int32_t mt_receipt_text (kg_req *req, kg_str *ret); /* of meter/1 */

int32_t mt_receipts_open (struct mt *mt);
int32_t mt_receipts_start (struct mt *mt);
void mt_receipts_stop (struct mt *mt);
void mt_receipts_close (struct mt *mt); /* allowed after a failed open */

/* ---- event.c: CloudEvents ------------------------------------------------ */

/* Text that grows; `failed` once memory ran out. */
struct mt_text {
  char *ptr;
  size_t len, cap;
  int32_t failed;
};

void mt_text_add (struct mt_text *t, const char *p, size_t n);
void mt_text_free (struct mt_text *t);

#define MT_TIME_LEN 32
void mt_time (int64_t wall_ns, char out[MT_TIME_LEN + 1]);

/* One event of a record, as it lies in `text`. */
struct mt_event {
  uint64_t sequence;
  uint32_t k, last; /* which of its record's events; 1: there are no more */
  uint32_t type;    /* index of mt_types */
  uint32_t broken;  /* 1: the record is no text of ours; `text` has it raw */
  size_t at, len;   /* in the text */
  size_t id_at, id_len;
};

/* Appends the record's events from number `skip` on, separated by commas, as
 * CloudEvents 1.0 in JSON; at most `max`.  Returns how many. */
uint32_t mt_events_write (struct record_read *read, const struct kg_record *record,
                          const char *source, uint32_t skip, struct mt_text *text,
                          struct mt_event *ret, uint32_t max);

/* ---- batch.c: events that travel together -------------------------------- */

struct mt_batch {
  struct mt_text text; /* "[event,event...]" */
  struct mt_event *event;
  uint32_t count, max;
  uint64_t seen; /* the last record looked at; those behind the last event have none */
  int64_t time_ns; /* when the first of them was recorded */
  int32_t parked;  /* 1: they are not from the log, but were parked before */
};

/* Fills the batch with what follows `after`, but for the first `skip` events of
 * the next record; at most `max` events, and a broken record only by itself.
 * Returns the count or a negative errno; 0 where none of the records that were seen
 * has an event. */
int32_t mt_batch_read (struct mt *mt, struct mt_batch *batch, uint64_t after, uint32_t skip,
                       uint32_t max);
void mt_batch_clear (struct mt_batch *batch);

/* ---- sink.c: where events go ---------------------------------------------- */

/* [open] Declares all sinks, with cursors, metrics and routes.  Refuses wrong ones,
 * with the reason in the log. */
int32_t mt_sinks_open (struct mt *mt);
int32_t mt_sinks_start (struct mt *mt);
void mt_sinks_stop (struct mt *mt);
void mt_sinks_close (struct mt *mt); /* allowed after a failed open */

/* The sequence up to which every sink has everything; 1, or 0 where there is none. */
int32_t mt_sinks_position (struct mt *mt, uint64_t *ret);

/* ---- listing.c: the log as events, for operators -------------------------- */

kg_fn mt_list;

#endif
