/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The exporter's inside: exporter.c decides, sender.c talks. */
#ifndef METERING_EXPORTER_H
#define METERING_EXPORTER_H

#include "plugins/metering-openmeter/metering.h"

#include <pthread.h>

/* What is under way; at most one thing at a time. */
enum exporter_busy {
  EXPORTER_IDLE,
  EXPORTER_SENDING, /* a batch at the server */
  EXPORTER_PROBING, /* a GET at the server, when there is no traffic */
  EXPORTER_PARKING  /* an event on its way into the bucket "metering.parked" */
};

/* How it ended; filled by a callback on another thread. */
struct exporter_reply {
  int32_t error, status;
  int64_t retry_after_ms, elapsed_ns;
  char message[160];
};

struct exporter {
  struct mt *mt;
  _Atomic int32_t refs; /* the plugin, and what is under way */

  /* Only on the timer's thread, which never runs twice at a time. */
  kg_timer *timer;        /* periodic or kicked: decides what to do */
  kg_timer *flush, *wake; /* set `due`, end `waiting` */
  struct mt_batch batch;  /* what is under way */
  uint64_t after;         /* delivered up to this record ... */
  uint32_t skip;          /* ... and so many events of the next one */
  uint32_t limit;         /* events of the next batch; halved on a 400 */
  uint32_t attempt;       /* failures since the last success */
  uint32_t parked_in_row; /* since the last success */
  uint32_t idle;          /* flush intervals without traffic */
  int32_t refused;        /* 1: stopped, tries one event a minute */
  int32_t met;            /* 1: the server answered sensibly at least once */
  uint32_t seed;          /* of the jitter */
  char reason[160];       /* why it is not well */

  /* Shared with callbacks. */
  pthread_mutex_t lock;
  int32_t stopped, arrived; /* arrived: `reply` is filled */
  enum exporter_busy busy;
  kg_call *call;
  struct exporter_reply reply;
  _Atomic int32_t due, waiting;
  _Atomic uint64_t sent, failed, parked;
  _Atomic int64_t last_flush_ns;
};

/* ---- sender.c ------------------------------------------------------------ */

/* All start something and return 0, or a negative errno with nothing started;
 * the outcome is in `reply` when the timer is kicked. */
int32_t sender_post (struct exporter *x);
int32_t sender_probe (struct exporter *x);
int32_t sender_park (struct exporter *x, int32_t status);

/* Acknowledges the log up to `after`; a failure is made good by the next. */
void sender_ack (struct exporter *x);

void exporter_unref (struct exporter *x);

/* ---- report.c ------------------------------------------------------------ */

/* Pushes health, facts and gauges. */
void exporter_report (struct exporter *x);

#endif
