/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Idempotency-Key on POST of a KG_BILLABLE route: one answer and one charge for each key
 * within 24 h.  Why it is as it is: docs/design/0019-idempotency-key.md.
 *
 * The pipeline calls begin, find, keep and end, of requests that ask for it only. */
#ifndef CORE_IDEMPOTENCY_H
#define CORE_IDEMPOTENCY_H

#include "core/request.h"

#include <kgent/store.h>

#define IDEMPOTENCY_KEY_MAX  255u         /* characters */
#define IDEMPOTENCY_KEEP_MS  86400000     /* how long an answer is kept */
#define IDEMPOTENCY_BODY_MAX (256u * 1024) /* bytes of an answer that is kept */
#define IDEMPOTENCY_HASH     32u

struct idempotency;
struct flight_place;

/* A usage record that was put aside until the answer is whole. */
struct aside {
  struct aside *next;
  kg_log *log;
  kg_str id, data;
  int64_t time_ns;
};

/* The key of a request, in its memory. */
struct claim {
  uint8_t name[IDEMPOTENCY_HASH];  /* of the key with whose it is: where its answer lies */
  uint8_t print[IDEMPOTENCY_HASH]; /* of the request */
  struct flight_place *place;      /* it is ours to answer, or NULL */
  int32_t busy;                    /* why there is none: -EALREADY, -EEXIST, -EAGAIN */
  int32_t has_body;                /* 1: print is there, and so is the body */
  int32_t replayed;                /* 1: the answer is one that was kept */
  char *text;                      /* of a stream, what was sent so far */
  size_t text_len, text_cap;
  int32_t text_lost;               /* 1: not all of it is there */
  struct aside *first, **last;
  uint32_t asides;
};

/* Declares, when there are billable routes: all are known, the store is not started. */
int32_t idempotency_create (struct host *host);

/* The store runs, plugins have not started. */
int32_t idempotency_start (struct host *host);

/* Accepts a host without. */
void idempotency_destroy (struct host *host);

/* Whether the pipeline has to do with it at all. */
static inline int
idempotency_asked (const struct kg_req *req)
{
  return req->seen & 1u << FIELD_IDEMPOTENCY_KEY && req->gate.method == METHOD_POST
         && req->match.route->pub.flags & KG_BILLABLE && req->identity && req->host->idempotency;
}

/* What hooks answer.  Reads the key; KG_DONE: it is none. */
int32_t idempotency_begin (struct kg_req *req);

/* The body is there.  KG_WAIT, then KG_NEXT: the request has to be answered; KG_DONE: it
 * is, by what was kept (claim->replayed) or by a refusal. */
int32_t idempotency_find (struct kg_req *req);

/* Takes a piece of a streamed body. */
void idempotency_take (struct kg_req *req, const char *data, size_t len);

/* Whether the answer is one to be kept. */
static inline int
idempotency_keeps (const struct kg_req *req)
{
  return req->claim && req->claim->place && req->response.status >= 200
         && req->response.status <= 299;
}

/* All COMMIT hooks are through: keeps the answer and records the usage.  KG_WAIT. */
int32_t idempotency_keep (struct kg_req *req);

/* The request ends. */
void idempotency_end (struct kg_req *req);

/* ---- Between its files ----------------------------------------------------- */

enum idempotency_outcome {
  IDEMPOTENCY_KEPT, IDEMPOTENCY_REPLAYED, IDEMPOTENCY_IN_FLIGHT, IDEMPOTENCY_MISMATCH,
  IDEMPOTENCY_NOT_KEPT, IDEMPOTENCY_FULL, IDEMPOTENCY_OUTCOMES
};

/* idempotency_key.c.  The text of a field's value, its quotes and escapes undone: its
 * length, or -EINVAL. */
int32_t idempotency_text (kg_str field, char out[IDEMPOTENCY_KEY_MAX + 1]);

/* A hash over texts and where they end: 0 or -ENOMEM. */
int32_t idempotency_hash (const kg_str *texts, uint32_t n, uint8_t ret[IDEMPOTENCY_HASH]);

/* idempotency_answer.c.  What is kept of the request's answer, in its memory; {NULL, 0}
 * without. */
kg_str idempotency_pack (struct kg_req *req);

/* Answers with what was kept, or says why not: KG_DONE or -errno. */
int32_t idempotency_unpack (struct kg_req *req, kg_str kept);

/* Takes a field out of the response. */
void idempotency_unfield (struct kg_req *req, const char *name);

/* Refuses, and counts. */
int32_t idempotency_refuse (struct kg_req *req, enum idempotency_outcome why, const char *detail);
void idempotency_count (const struct kg_req *req, enum idempotency_outcome what);

#endif
