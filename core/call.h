/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One request of the HTTP client: its check and copy, its reply so far, and
 * whether it is worth another try.  Knows nothing of libcurl. */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include "core/abi.h"
#include "core/util/arena.h"
#include <kgent/http.h>

#include <stdint.h>

#define CALL_MAGIC        0x43414c4cu
#define CALL_AFTER_MAX_MS 300000 /* of Retry-After */
#define CALL_AGE_MAX_S    2147483648ll /* of max-age */

struct breaker;

struct kg_call {
  uint32_t magic;
  uint32_t flags;
  kg_call *next;            /* in the list that it is in */
  struct fetch *fetch;
  kg_self *self;            /* whose it is */
  struct kg_http_request request; /* everything in it is the arena's */
  const char *origin;       /* "https://host:443" */
  int64_t started, deadline; /* monotonic ns */
  int64_t due;              /* when the next try goes */
  uint32_t tried;
  _Atomic int cancelled;

  struct breaker *breaker;  /* or NULL */
  int32_t admitted;         /* by the breaker, for the try under way */
  void *easy, *headers;     /* libcurl's */

  /* The try under way. */
  int32_t error, status;
  int64_t retry_after_ms, max_age_s;
  int32_t retry_said;       /* by retry_header: 1, 0; -1: nothing */
  char *data;               /* malloc'ed */
  size_t len, size;
  size_t head;              /* bytes of header lines */
  uint64_t received;        /* bytes of body, pieces included */
  int over;                 /* more than reply_max */
  int stopped;              /* `piece` wanted no more */
  int forbidden;            /* an address was refused */
  char content_type[128];
  char reason[256];         /* libcurl's words */

  struct arena arena;
  char first[2048];
};

/* A checked copy; -EINVAL or -ENOMEM. */
int32_t call_create (const struct kg_http_request *request, kg_call **ret);
void call_destroy (kg_call *call);

/* Forgets the try before. */
void call_reset (kg_call *call);

/* Takes bytes of the body; 0, or non-zero to end the transfer. */
int call_body (kg_call *call, const void *data, size_t len);

/* Takes a header line of the reply, with or without its line end. */
void call_header (kg_call *call, const char *line, size_t len, int64_t wall_ns);

/* After a try: when the next one is due (monotonic ns), or -1 to end the call.
 * `random` is any number. */
int64_t call_again (const kg_call *call, int64_t now, uint64_t random);

/* What the try says about the origin: BREAKER_FAILED ... */
int32_t call_outcome (const kg_call *call);

/* Retry-After's value in ms, capped; -1 for garbage (RFC 9110, 10.2.3). */
int64_t call_retry_after (const char *value, size_t len, int64_t wall_ns);

/* What a Cache-Control field says: seconds, at most 2^31 (RFC 9111, 1.2.2); 0 with
 * no-store or no-cache; -1 without any of the three. */
int64_t call_max_age (const char *value, size_t len);

#endif
