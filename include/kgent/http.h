/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.http/1: one HTTP client for everyone.
 *
 * Pooled connections on one event loop of its own; deadlines, reply caps,
 * retries with full jitter and a circuit breaker per origin.  Never follows a
 * redirect, never uses a proxy, verifies certificates, refuses link-local
 * addresses. */
#ifndef KGENT_HTTP_H
#define KGENT_HTTP_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_HTTP "kg.http/1"

typedef struct kg_call kg_call; /* a request under way */

/* What came of it; everything is valid during the callback.  Since 1.0. */
struct kg_http_reply {
  uint32_t size;
  int32_t error;  /* 0: a status arrived; -ETIMEDOUT, -ECONNREFUSED, -ECONNRESET,
                     -EMSGSIZE (over reply_max), -EHOSTUNREACH (name), -EPROTO
                     (TLS), -ECANCELED, -EBUSY (breaker open), -EIO             */
  int32_t status; /* HTTP status, or 0                                          */
  int32_t tries;  /* how many were made                                         */
  kg_str body;
  kg_str content_type;
  int64_t retry_after_ms; /* from Retry-After (RFC 9110, 10.2.3), capped at
                             300,000; -1 without                                */
  int64_t elapsed_ns;
  const char *message;    /* one line for the log, no secrets                   */
#if KG_ABI_TARGET >= KG_ABI (1, 1)
  int64_t max_age_s; /* from Cache-Control (RFC 9111, 5.2.2): 0 with no-store or
                        no-cache; -1 when it says nothing.  Since 1.1.           */
#endif
};

/* A request; everything is copied before `send` returns.  Since 1.0. */
struct kg_http_request {
  uint32_t size;
  uint32_t flags;      /* KG_HTTP_IDEMPOTENT | ...                              */
  const char *method;  /* "POST" */
  const char *url;     /* http or https */
  const char *const *headers; /* "Name: value", ends in NULL; may be NULL       */
  kg_str body;
  uint32_t connect_ms; /* 0: 5,000 */
  uint32_t total_ms;   /* 0: 30,000; over all tries */
  uint32_t tries;      /* 0: 1; more only with KG_HTTP_IDEMPOTENT               */
  uint32_t reserved;
  uint64_t reply_max;  /* bytes; 0: 65,536 */

  /* On the client's own thread: must not block; hand over by resume or jobs.
   * Called exactly once. */
  void (*done) (const struct kg_http_reply *reply, void *arg);

  /* NULL, or called for each piece of a 2xx body as it arrives (then `body`
   * above stays empty); other than 0 cancels.  Same thread as done. */
  int32_t (*piece) (const void *data, size_t len, void *arg);
  void *arg;
#if KG_ABI_TARGET >= KG_ABI (1, 1)
  /* NULL, or the name of a reply's header with which the server says whether the
   * request may be sent again, whatever its status: "true" or "false"; without it
   * the status tells.  Only with KG_HTTP_IDEMPOTENT.  Since 1.1. */
  const char *retry_header;
#endif
};

#define KG_HTTP_IDEMPOTENT 0x01u /* may be sent again on 5xx, 429, reset, timeout */
#define KG_HTTP_PRIVATE_OK 0x02u /* the address may be private or loopback        */
#define KG_HTTP_NO_BREAKER 0x04u /* the caller has its own                        */
#if KG_ABI_TARGET >= KG_ABI (1, 1)
#define KG_HTTP_STATUS     0x08u /* the status is what counts: a body over reply_max is
                                    dropped, and no error.  Not with `piece`.  Since 1.1. */
#endif

struct kg_http {
  uint32_t size;
  uint32_t reserved;

  /* [any] Starts the request.  -EINVAL for a bad URL or header, -EAGAIN when
   * 1,024 are under way, -ESHUTDOWN after stop began; `done` is then not
   * called.  *ret_call (may be NULL) is for cancel only, until done.  Since 1.0. */
  int32_t (*send) (kg_self *self, const struct kg_http_request *request, kg_call **ret_call);

  /* [any] Cancels: `done` comes soon, with -ECANCELED.  Must not be called
   * after done.  Since 1.0. */
  void (*cancel) (kg_call *call);

#if KG_ABI_TARGET >= KG_ABI (1, 1)
  /* [any, from open on] 0 for a URL that `send` takes, else -EINVAL: an option can be
   * judged where it is read.  It says nothing about whether the server is there.
   * Since 1.1. */
  int32_t (*check) (const char *url);
#endif
};

#ifdef __cplusplus
}
#endif

#endif
