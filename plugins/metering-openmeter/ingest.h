/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* POST /v1/events: usage that others saw, as CloudEvents.
 *
 * All events of a request are one usage record; with it goes a mark for each of them,
 * in one transaction, so that an event is there once however often it is sent. */
#ifndef METERING_INGEST_H
#define METERING_INGEST_H

#include "plugins/metering-openmeter/cloudevent.h"
#include "plugins/metering-openmeter/metering.h"

#include <openssl/types.h>

#define INGEST_TRIES 8       /* writes of one request, each behind a look-up */
#define INGEST_ERRORS_MAX 100 /* events that a problem lists */
#define INGEST_OVERHEAD 64   /* bytes that an event may grow by in a record */

#define INGEST_SOURCE_LEN 12 /* bytes that stand for a tenant and its source */
#define INGEST_ID_MAX 40     /* bytes; a longer id is a hash of it in a mark */
#define INGEST_KEY_MAX (INGEST_SOURCE_LEN + 1 + INGEST_ID_MAX)
#define INGEST_DIGEST_LEN 8 /* bytes that stand for what an event says */

/* What becomes of an event. */
enum ingest_status { INGEST_ACCEPTED, INGEST_DUPLICATE, INGEST_OTHER, INGEST_REJECTED };

struct ingest_event {
  uint32_t at, len;  /* of its text in the record; len 0: it isn't there */
  uint32_t id;       /* token; valid while the request is */
  uint8_t status;    /* enum ingest_status */
  uint8_t type;      /* index of mt_types, for the metric */
  uint8_t forbidden; /* rejected for its subject alone */
  uint8_t malformed; /* rejected as no JSON */
  uint8_t key_len;
  unsigned char key[INGEST_KEY_MAX], digest[INGEST_DIGEST_LEN];
  const char *error;
};

/* The plugin's part that takes events. */
struct ingest {
  struct mt *mt;
  const struct ingest_conf *conf;
  EVP_MD *hash;
  kg_metric *results; /* by enum ingest_status */
  struct kg_route route[2];
};

/* One request.  Owned by whoever has it: the handler, the write that is under way, the
 * job that looks up, the answer. */
struct ingesting {
  struct ingest *ingest;
  kg_ticket *ticket;
  kg_fn *then; /* the continuation */
  struct record_read read;    /* the tape; its text is the request's */
  const struct kg_json *json; /* of it */
  uint32_t count, fresh;      /* events, and those of them that are to be written */
  uint32_t tries;
  int32_t detail; /* 1: the answer tells what became of each */
  int32_t error;
  struct kg_out record; /* the usage record: the head, and the fresh events */
  size_t head;          /* bytes in front of the events */
  struct kg_op *op;     /* room for count + 1 */
  struct ingest_event event[];
};

/* ---- ingest_read.c: from a body to events -------------------------------------------- */

/* Reads all events of the tape, which it takes, and writes the record of the good ones: 0 and *ret, or
 * -ENOMEM, -E2BIG for too many, or too much for a record. */
int32_t ingest_read (struct ingest *in, kg_req *req, struct record_read *read, int32_t loose,
                     struct ingesting **ret);
void ingest_free (void *ingesting);

/* Takes events that aren't fresh any more out of the record. */
void ingest_compact (struct ingesting *g);

/* Bytes that stand for a text; -EIO. */
int32_t ingest_hash (EVP_MD_CTX *ctx, const EVP_MD *md, kg_str a, kg_str b, kg_str c,
                     unsigned char *out, size_t len);

/* ---- ingest_write.c: to the store ------------------------------------------------------ */

/* Suspends the request until its events are durable; takes g. */
int32_t ingest_write (struct ingesting *g, kg_req *req, kg_fn *then);

/* ---- ingest_answer.c ------------------------------------------------------------------- */

/* Tells what became of the events.  Does not take g. */
int32_t ingest_answer (struct ingesting *g, kg_req *req);

/* Refuses all of them, for some are bad. */
int32_t ingest_refuse (struct ingesting *g, kg_req *req);

/* ---- ingest.c --------------------------------------------------------------------------- */

extern const struct kg_opt ingest_options[];

/* [open] Declares the routes and metrics; refuses settings that would let an event be
 * counted twice, with the reason in the log. */
int32_t ingest_open (struct mt *mt, const struct ingest_conf *conf, struct ingest **ret);
void ingest_close (struct ingest *in); /* NULL is allowed */

#endif
