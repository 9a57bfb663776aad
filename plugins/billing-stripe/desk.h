/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A request that a job works for: the bucket of what is known of Stripe is not in
 * memory. */
#ifndef BILLING_DESK_H
#define BILLING_DESK_H

#include "plugins/billing-stripe/engine.h"

#define DESK_LIMIT 1000

struct desk {
  struct billing *billing;
  kg_ticket *ticket;
  char id[STRIPE_ID];          /* {id} of the path */
  char tenant[PROJECTION_TENANT]; /* of the caller */
  char by[64];                 /* who the caller is, for the log */
  char meter[128];             /* of the query, and the next two: seconds; -1: no number */
  int64_t from, to;
  char after[2 * STRIPE_ID + 16], of[PROJECTION_TENANT], state[16]; /* of the query, or "" */
  uint32_t limit;
  char *body;
  size_t body_len;
  int32_t (*run) (struct desk *desk); /* a job: 0: answer; 1: desk_end comes later; -errno */
  uint32_t tries;
  void (*drop) (struct desk *desk);   /* frees `mine`, or NULL */
  void *mine;

  /* The answer, unless `error` is a negative errno. */
  int32_t error, status;
  char detail[256]; /* of a refusal */
  char *text;
  size_t len, cap;
};

/* [worker] Suspends the request and runs the job.  Returns what the handler returns. */
int32_t desk_start (struct billing *b, kg_req *req, int32_t (*run) (struct desk *desk));

/* [any] Answers, and gives the desk up. */
void desk_end (struct desk *desk);

/* [any] Others were faster: runs another job, but not for ever.  0, or -ESTALE or another
 * errno. */
int32_t desk_again (struct desk *desk, int32_t (*run) (struct desk *desk));

/* [any, not a worker] Scans the keys that begin with the prefix, behind the one that `after`
 * is the rest of. */
int32_t desk_scan (struct desk *desk, kg_bucket *bucket, const char *prefix,
                   int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg);

/* Sets a refusal; 0. */
int32_t desk_refuse (struct desk *desk, int32_t status, const char *fmt, ...) KG_PRINTF (3, 4);

/* Adds to the answer. */
void desk_raw (struct desk *desk, const char *text, size_t len);
void desk_lit (struct desk *desk, const char *text);
void desk_text (struct desk *desk, const char *text); /* as a JSON string, NULL: null */
void desk_int (struct desk *desk, int64_t n);
void desk_time (struct desk *desk, int64_t seconds);  /* RFC 3339; 0: null */

/* The members that show a subscription, without braces. */
void desk_subscription (struct desk *desk, const struct projection *p);

/* Routes: simulate.c, rooms of the operator and of tenants. */
int32_t desk_simulate (struct desk *desk);
int32_t inbox_routes_open (struct billing *b);
int32_t routes_open (struct billing *b);

#endif
