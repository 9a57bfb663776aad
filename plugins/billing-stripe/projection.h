/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What is known of a subscription, from its events in whatever order they came, and
 * however often.
 *
 * Each event has the whole subscription as it was then.  The newest one counts: in an
 * order (event_order) that is the same for everybody, so that every permutation of the
 * same events ends in the same state.  A subscription that ended stays ended.  The
 * newest PROJECTION_HISTORY events are remembered by id, time and status: to know one
 * that comes again, to see ties, and since when a payment is due. */
#ifndef BILLING_PROJECTION_H
#define BILLING_PROJECTION_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STRIPE_ID          256 /* bytes of an id of Stripe's, with its NUL */
#define PROJECTION_TENANT  129 /* of a tenant's id */
#define PROJECTION_TIER    65  /* of a tier's name */
#define PROJECTION_HISTORY 32  /* events */
#define PROJECTION_ITEMS   20  /* prices of one subscription; Stripe allows no more */

/* Subscription statuses; the later one counts of two at the same second. */
enum sub_status {
  SUB_UNKNOWN, /* no event has told yet */
  SUB_INCOMPLETE,
  SUB_TRIALING,
  SUB_ACTIVE,
  SUB_PAST_DUE,
  SUB_UNPAID,
  SUB_PAUSED,
  SUB_INCOMPLETE_EXPIRED, /* this and the next one are for ever */
  SUB_CANCELED,
  SUB_STATUSES
};

/* Copies a text into a member of fixed size, which cuts it, but no character of UTF-8. */
static inline void
text_put (char *to, size_t size, const char *from)
{
  size_t n = strlen (from);
  if (n >= size)
    for (n = size - 1; n && ((unsigned char) from[n] & 0xc0) == 0x80; n--)
      ;
  memmove (to, from, n);
  to[n] = 0;
}

#define TEXT_PUT(member, from) text_put (member, sizeof (member), from)

/* "active", ...; "unknown". */
const char *sub_status_name (enum sub_status status);

/* SUB_UNKNOWN for any other text. */
enum sub_status sub_status_find (const char *name);

/* One price of a subscription. */
struct sub_item {
  char price[STRIPE_ID], lookup_key[STRIPE_ID], product[STRIPE_ID]; /* "": not told */
  char tier[PROJECTION_TIER]; /* kgent_tier of the price's or product's metadata */
};

/* A subscription as one event tells of it.  Times are seconds since the epoch, 0: none.
 * Money is in minor units of the currency, whichever it is. */
struct sub_state {
  char customer[STRIPE_ID];
  char tenant[PROJECTION_TENANT]; /* metadata.tenant_id, or "" */
  struct sub_item item[PROJECTION_ITEMS];
  uint32_t items;
  int32_t more;      /* 1: it has further ones, which the event left out */
  int32_t none;      /* 1: 0 of each: nothing is bought */
  int64_t quantity;
  int64_t amount;    /* of all items; -1: not told, or too much for 64 bits */
  char currency[8];  /* "jpy" */
  int64_t trial_end, period_end, canceled_at, ended_at;
  int64_t cancel_at; /* when it will be over, or is */
  int32_t cancel_at_period_end;
};

/* An event of a subscription. */
struct sub_event {
  char id[STRIPE_ID];
  int64_t created;
  int64_t read;  /* 0: told by the event; else Stripe was asked because of it, and this is the
                    newest time that was known then: what was read is newer than all of it */
  int32_t first; /* 1: of its creation */
  enum sub_status status;
};

struct projection {
  char id[STRIPE_ID];       /* of the subscription */
  struct sub_state state;   /* of the newest event */
  struct sub_event history[PROJECTION_HISTORY]; /* newest first */
  uint32_t events;          /* in history */
  int64_t due_before;       /* since when a payment was due in what the history has lost, if it
                               was due there to the end; 0 */
  int32_t started;          /* 1: the ledger has its start, or will; 0: that isn't known */
  char customer[STRIPE_ID]; /* of a checkout, for as long as no event has one */
  char reference[PROJECTION_TENANT]; /* tenant named by a checkout, or "" */
  int64_t reference_created;         /* of the event that named it */
  char reference_event[STRIPE_ID];
};

/* < 0, 0, > 0: a is older than, the same as, newer than b.  Ended is newer than all
 * else, then the time decides, then whether it was read, then whether it is the creation,
 * then the status, then the id. */
int32_t sub_event_order (const struct sub_event *a, const struct sub_event *b);

/* Adds what an event tells; what was read (`read` is not 0) is the newest, unless the
 * subscription had ended: 1 when the subscription is another one now, 0 when it was
 * known, or is too old to be remembered, or changes the history alone. */
int32_t projection_add (struct projection *p, const struct sub_event *event,
                        const struct sub_state *state);

/* Adds what a checkout tells of whom the subscription is for: 1 when that is new. */
int32_t projection_refer (struct projection *p, const struct sub_event *event,
                          const char *customer, const char *tenant);

enum sub_status projection_status (const struct projection *p);

/* "": not told yet. */
const char *projection_customer (const struct projection *p);

/* The tenant that the subscription itself names, or "". */
const char *projection_tenant (const struct projection *p);

/* Since when a payment is due without a pause, by the times of events; 0: none is. */
int64_t projection_due_since (const struct projection *p);

/* How many events of the newest second say different things: 0 for one alone. */
uint32_t projection_ties (const struct projection *p);

#endif
