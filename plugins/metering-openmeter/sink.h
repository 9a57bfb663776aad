/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The sinks' inside: sink.c decides, sink_save.c keeps, a kind sends.
 *
 * How far a sink is lies in the bucket "metering.sinks", key NAME, as a tally:
 *   {"after":17,"skip":0,"confirmed":40,"dropped":0,...}
 * It is written together with the cursor, and with what was parked, on condition that
 * nobody else did.  What a sink cannot take lies in "metering.parked" (cold), key
 * NAME/SEQUENCE-K:
 *   {"status":400,"reason":"...","time":"...","id":"...","event":{...}}
 * or with "record", a string, where the usage record itself is damaged. */
#ifndef METERING_SINK_H
#define METERING_SINK_H

#include "plugins/metering-openmeter/metering.h"

#include <pthread.h>

#define SINKS_MAX 16
#define SINK_NAME_MAX 32
#define SINK_CURSOR_MAX 65 /* bytes of a cursor's name and a NUL */
#define SINK_PLACE_MAX 32 /* bytes of "SEQUENCE-K" and a NUL */
#define SINK_URL_MAX 2048
#define SINK_PLACE 24
#define SINK_RANGES 16 /* of parked events that are to be tried again */

struct sink;

/* One of the configuration's list. */
struct sink_conf {
  const char *name, *kind, *url, *api_key, *dir;
  const char *const *secrets;
  int32_t canary;
  int64_t batch_size, max_bytes;
  double flush_interval, timeout;
};
extern const struct kg_opt sink_options[];

/* What is under way; at most one thing at a time. */
enum sink_busy {
  SINK_IDLE,
  SINK_SENDING, /* a batch */
  SINK_PROBING, /* a look whether somebody is there, when there is no traffic */
  SINK_CANARY   /* an event that is sent twice, or the question how often it counts */
};

/* How it ended; filled by a callback on another thread. */
struct sink_reply {
  int32_t error, status;
  int64_t retry_after_ms, elapsed_ns;
  char message[160];
  char *body; /* of the canary's question; the sink's to free */
  size_t body_len;
};

/* What is written besides the tally; at most one write at a time. */
enum sink_saving {
  SAVE_NONE,
  SAVE_ACK,    /* nothing */
  SAVE_PARK,   /* events that the sink cannot take */
  SAVE_UNPARK, /* parked events that it took after all */
  SAVE_DROP    /* a parked event that an operator gave up */
};

/* Whether the far side tells equal ids. */
enum sink_dedupe { DEDUPE_UNKNOWN, DEDUPE_YES, DEDUPE_NO };

struct sink_tally {
  uint64_t after; /* everything up to this record was cared for ... */
  uint32_t skip;  /* ... and so many events of the next one */
  uint32_t dedupe;
  uint64_t confirmed, dropped; /* events */
  uint64_t counted, events;    /* sink_count.c: up to this record there are so many */
  uint64_t file, size;         /* sink_file.c: which one, and its good bytes */
  uint64_t day;                /* of that file */
  uint64_t flight;             /* events behind `after` that may be under way */
};

/* Whether a write under a lock has shown that the tally is the newest. */
enum sink_claim { CLAIM_NONE, CLAIM_ASKED, CLAIM_GOOD };

/* A kind of sink.  All run on the sink's timer thread. */
struct sink_kind {
  const char *name;
  int32_t (*check) (struct sink *s); /* [open] the configuration; logs what is wrong */
  int32_t (*ready) (struct sink *s); /* before the first batch: 1 is not yet.  May be NULL */
  int32_t (*send) (struct sink *s);  /* the batch: 0, and sink_arrive will be called */
  int32_t (*probe) (struct sink *s); /* may be NULL */
  void (*sent) (struct sink *s);     /* it was a success: for the tally.  May be NULL */
  void (*end) (struct sink *s);      /* once no timer runs any more.  May be NULL */
};
extern const struct sink_kind sink_openmeter, sink_file, sink_webhook;

/* An operator's wish to drop a parked event; it is answered through the ticket. */
struct sink_drop {
  struct sink_drop *next;
  struct mt *mt;
  kg_ticket *ticket;
  int32_t error;
  char place[SINK_PLACE_MAX], by[64];
};

/* What others see of a sink. */
struct sink_view {
  struct sink_tally tally;
  uint64_t lag, parked, sent, failed;
  int64_t oldest_ns, last_ns; /* since the epoch; 0: none */
  double unaccounted;
  uint32_t attempt;
  int32_t refused, waits, met, audited;
  char reason[160];
};

struct sink {
  struct mt *mt;
  struct sinks *all;
  const struct sink_kind *kind;
  struct sink_conf conf;
  char place[SINK_PLACE]; /* in front of its options' names: "", or "sinks[N]." */
  uint32_t index; /* of metrics */
  kg_cursor *cursor;
  kg_component *component;
  _Atomic int32_t refs; /* the plugin's, and what is under way */

  /* Only on the timer's thread, which never runs twice at a time. */
  kg_timer *timer;        /* periodic or kicked: decides what to do */
  kg_timer *flush, *wake; /* set `due`, end `waiting` */
  struct mt_batch batch;  /* what is under way */
  struct sink_tally tally, undo; /* as it is, and as it was before the write under way */
  uint64_t revision;      /* of the tally in the store */
  int32_t ready, stale;   /* stale: somebody else wrote the tally: read it again */
  int32_t unsaved;        /* the tally has changed since it was written */
  int32_t rebase;         /* what was counted before is not known */
  int32_t strange;        /* times that cursor and tally did not fit */
  int32_t park;           /* events of the batch that are to be parked */
  int32_t park_status;
  int32_t launch;         /* the batch goes once the tally says that it is under way */
  uint32_t lost;          /* events that were under way when a process ended */
  int32_t unparked;       /* parking them has failed */
  uint32_t limit;         /* events of the next batch; halved on a 400 */
  uint32_t again;         /* events of the batch that goes once more, or 0 */
  int32_t full;           /* the last batch was full: there may be more, in few records */
  uint32_t attempt;       /* failures since the last success */
  uint32_t parked_in_row; /* since the last success */
  uint32_t idle;          /* flush intervals without traffic */
  uint32_t canary;        /* step of the canary */
  int64_t canary_minute;
  int32_t refused;        /* 1: stopped, tries one event a minute */
  int32_t met;            /* 1: answered sensibly at least once */
  uint32_t seed;          /* of the jitter */
  uint64_t entries;       /* that are parked */
  int64_t oldest_ns;      /* when the oldest event that waits was recorded */
  double unaccounted;
  int32_t audited;
  int fd, lock_fd;        /* sink_file.c; -1: none */
  struct sink_tally open; /* and of the file that is open */
  enum sink_claim claim;
  char reason[160];       /* why it is not well */
  struct sink_drop *dropping;

  /* Shared with callbacks and routes. */
  pthread_mutex_t lock;
  int32_t stopped, arrived, saved; /* arrived: `reply` is filled; saved: `outcome` */
  enum sink_busy busy;
  enum sink_saving saving;
  kg_call *call;
  struct sink_reply reply;
  struct kg_outcome outcome;
  struct sink_drop *drops;
  struct {
    char after[SINK_PLACE_MAX], last[SINK_PLACE_MAX];
  } range[SINK_RANGES];
  uint32_t ranges;
  struct sink_view view;
  _Atomic uint32_t ticks; /* flush intervals since the canary */
  _Atomic int32_t due, waiting, count_due, parked_changed;
  _Atomic uint64_t sent, failed;
  _Atomic int64_t last_ns;
};

/* A cursor of the log that nobody here has. */
struct sink_left {
  char name[SINK_CURSOR_MAX];
  uint64_t position;
};

struct sinks_left {
  struct sink_left cursor[SINKS_MAX];
  uint32_t count;
};

struct sinks {
  struct mt *mt;
  kg_component *absent; /* "openmeter", where there is no sink of that name */
  struct sink *sink[SINKS_MAX];
  const char *names[SINKS_MAX + 1];
  uint32_t count;
  kg_bucket *tallies, *parked;
  kg_metric *buffered, *sent, *errors, *latency, *parkings; /* of kind openmeter; all */
  kg_metric *lag, *lag_seconds, *waiting, *unaccounted, *delivered, *failed, *dedupe, *stopped;

  /* sink_left.c */
  kg_metric *left_count;
  kg_timer *left_timer;
  pthread_mutex_t left_lock;
  struct sinks_left left; /* changed by jobs and the timer */
  int32_t left_told;
};

/* ---- sink.c ------------------------------------------------------------------ */

int32_t sink_start (struct sink *s);
void sink_stop (struct sink *s);
void sink_unref (struct sink *s);
void sink_kick (struct sink *s);

/* Why it is not well, from a reply. */
void sink_say (struct sink *s, const struct sink_reply *r);

/* The same again, later. */
void sink_retry_later (struct sink *s, const struct sink_reply *r);

/* The batch was dealt with up to its n-th event. */
void sink_advance (struct sink *s, uint32_t n);

/* [any] What was under way has ended; takes the reference that `sink_begin` gave. */
void sink_begin (struct sink *s, enum sink_busy busy);
void sink_arrive (struct sink *s, const struct sink_reply *reply);
void sink_withdraw (struct sink *s); /* it did not begin after all */

/* ---- sink_turn.c: what an outcome means ------------------------------------------ */

void sink_settle_reply (struct sink *s, enum sink_busy busy, const struct sink_reply *r);

/* ---- sink_save.c -------------------------------------------------------------- */

int32_t sink_load (struct sink *s);
void sink_ack (struct sink *s);
int32_t sink_park (struct sink *s);
int32_t sink_unpark (struct sink *s);
int32_t sink_drop_next (struct sink *s); /* 1: there was one */
void sink_settle_save (struct sink *s);
enum sink_saving sink_saving (struct sink *s);
void sink_drops_end (struct sink *s); /* answers those that wait with -ESHUTDOWN */

/* ---- sink_parked.c ------------------------------------------------------------- */

/* "NAME/SEQUENCE-K"; returns its length. */
uint32_t sink_parked_key (const struct sink *s, const struct mt_event *e, char out[KG_KEY_MAX]);

/* The entry's text for event number i of the batch. */
void sink_parked_text (const struct sink *s, uint32_t i, struct mt_text *t);

/* Fills the batch with parked events that are to be tried again; the count, 0 when
 * there are none. */
int32_t sink_parked_read (struct sink *s);

/* The first n of that batch need not be tried again. */
void sink_parked_tried (struct sink *s, uint32_t n);

/* How many there are. */
int32_t sink_parked_count (struct sink *s, uint64_t *ret);

/* ---- sink_http.c --------------------------------------------------------------- */

/* Sends to conf.url and `path`, with these headers ("Name: value", ends in NULL). */
int32_t sink_http_send (struct sink *s, const char *method, const char *path, kg_str body,
                        const char *const *headers, enum sink_busy busy);

/* [open] Whether conf.url is one of http or https; logs why not. */
int32_t sink_http_check (const struct sink *s);

/* ---- canary.c ------------------------------------------------------------------- */

/* Its next step: 1 when something is under way. */
int32_t canary_next (struct sink *s);
void canary_settle (struct sink *s, const struct sink_reply *r);

/* ---- sink_count.c ---------------------------------------------------------------- */

/* Counts on its own what the log has up to where the sink is, and compares. */
void sink_count (struct sink *s);

/* ---- sink_report.c --------------------------------------------------------------- */

int32_t sink_metrics_define (struct sinks *all);

/* Pushes health, facts and gauges. */
void sink_report (struct sink *s);
const char *sink_breaker (const struct sink_view *v);

/* ---- sink_left.c ----------------------------------------------------------------- */

int32_t sink_left_start (struct sinks *all);
void sink_left_stop (struct sinks *all);

/* Adds the member "left" of the status. */
void sink_left_write (struct sinks *all, uint64_t newest, struct kg_out *o);
kg_fn sink_left_forget;

/* ---- sinks.c --------------------------------------------------------------------- */

struct sink *sink_find (struct sinks *all, kg_str name);

/* [open] Tells what is wrong with an option of the sink, and what to write: -EINVAL. */
int32_t sink_refuse (const struct sink *s, const char *option, const char *fmt, ...) KG_PRINTF (3, 4);

/* ---- sink_admin.c ---------------------------------------------------------------- */

int32_t sink_admin_open (struct mt *mt);

/* ---- sink_status.c --------------------------------------------------------------- */

kg_fn sink_status_get;

#endif
