/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Usage to Stripe, as meter events of one customer, meter and minute each.
 *
 * The bucket "billing.usage", which is not in memory, has
 *   open/METER/TENANT/MINUTE        the sum so far
 *   out/METER/TENANT/MINUTE/PART    "SUM CUSTOMER RETRIES", as it is sent until Stripe has it
 *   part/METER/TENANT/MINUTE        how many parts there were
 *   parked/METER/TENANT/MINUTE/PART what Stripe will never take, and why
 *   from                            where a cursor begins that was forgotten
 * A sum grows in one transaction with the cursor.  Once its minute is over it becomes a
 * part, which never changes: so it may be sent again and again under one identifier.
 * What comes late for the minute is another part. */
#ifndef BILLING_USAGE_H
#define BILLING_USAGE_H

#include "plugins/billing-stripe/stripe_api.h"

#define USAGE_KEY   512 /* bytes of a key with its NUL: KG_KEY_MAX */
#define USAGE_SENDS 16  /* requests at one time */
#define USAGE_HELD  64
#define USAGE_METER_MAX 100 /* characters of an event_name, at Stripe */

/* What is read. */
#define USAGE_LEDGER 1u
#define USAGE_PARTS  2u

/* One entry of billing-stripe.usage: what is counted, and as what. */
struct usage_meter {
  const char *meter; /* event_name of Stripe's meter */
  const char *type;  /* of events in the ledger */
  const char *value; /* dotted path in data; "": each event is one */
};

enum usage_outcome { USAGE_SENT, USAGE_DUPLICATE, USAGE_PARKED, USAGE_NO_CUSTOMER,
                     USAGE_NOT_INTEGER, USAGE_OUTCOMES };

/* A part on its way. */
struct usage_item {
  struct usage *usage;
  char key[USAGE_KEY];
  char customer[STRIPE_ID_MAX + 1];
  int64_t value;
  int64_t retries; /* how often an operator had it sent again */
  int32_t result; /* 1: Stripe has it; -1: it never will; 0: again */
  char why[256];  /* of -1 */
  int32_t held;   /* 1: of 0: others go first meanwhile */
  int64_t wait_s; /* of 0: so long waits all that is to be sent */
};

struct usage {
  struct billing *billing;
  kg_bucket *bucket;
  kg_log *log;
  kg_cursor *cursor;
  kg_component *component;
  kg_metric *outcomes, *lag;
  pthread_mutex_t lock; /* of the timer */
  kg_timer *timer, *left_timer;
  int32_t left_told; /* 1: whether a cursor was left behind is told */
  atomic_int busy;   /* 1: a write or requests are under way */
  atomic_int unwritten; /* 1: the last write failed, which the component tells */
  uint32_t unread;   /* USAGE_LEDGER | USAGE_PARTS: could not be read the last time */
  int32_t tallied;   /* 1: the cursor was at the end a moment ago */
  uint32_t full;     /* turns in a row that were not */
  int32_t begun;     /* 1: the cursor is where it has to begin */
  int64_t close_at;  /* seconds since the epoch: when to look for minutes that are over */
  int64_t wait_until; /* the same: nothing is sent before */

  struct usage_item item[USAGE_SENDS];
  uint32_t items;
  atomic_uint flying;
  struct {
    char key[USAGE_KEY];
    int64_t until;
  } held[USAGE_HELD]; /* refused for a reason that an operator can end */
  char after[USAGE_KEY]; /* once there were more: what goes out are keys behind this one, until
                            none is left and it begins anew; "": from the first on */
  int64_t anew_at;       /* when that may be, seconds since the epoch */
  int64_t looked_at;     /* the same: what the clock said the last time */
};

/* The parts of "KIND/METER/TENANT/MINUTE[/PART]", and a text that fits: 0 or -EINVAL. */
struct usage_place {
  char text[USAGE_KEY]; /* a copy with NULs */
  const char *meter, *tenant, *part; /* part: NULL of a sum */
  int64_t minute;
};
int32_t usage_place_read (const char *key, struct usage_place *ret);
int32_t usage_text (kg_str s, char *ret, size_t size);

/* usage_tally.c: reads on, and begins a write when there was something: 1; 0; -errno.
 * *ret_full: there may be more. */
int32_t usage_tally (struct usage *u, int32_t *ret_full);

/* usage_send.c: makes parts of minutes that are over, and sends parts: the same. */
int32_t usage_close_minutes (struct usage *u, int64_t now);
int32_t usage_send (struct usage *u, int64_t now);

/* usage_export.c: for the others: the end of a write, which frees arg; and of requests. */
void usage_written (const struct kg_outcome *outcome, void *arg);
void usage_ready (struct usage *u);
void usage_kick (struct usage *u); /* there is something to send, when it is not busy */
int64_t usage_now (void);

/* usage_routes.c, usage_days.c, usage_left.c: for operators. */
int32_t usage_routes_open (struct billing *b);
int32_t usage_days_open (struct billing *b);
int32_t usage_left_start (struct billing *b);
void usage_left_stop (struct billing *b);

kg_fn usage_forget;

/* A cursor that is there though no usage is configured: its position and
 * 1, or 0.  [not a worker] */
uint64_t usage_left_find (struct usage *u);

#define USAGE_CURSOR "stripe"
#define USAGE_FROM   "from"

int32_t usage_open (struct billing *b);
int32_t usage_start (struct billing *b);
void usage_stop (struct billing *b);
void usage_close (struct billing *b);

#endif
