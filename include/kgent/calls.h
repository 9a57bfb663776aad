/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.calls/1: requests to this host itself, without a connection.
 *
 * An inner request goes the way of every other: route, ACCESS, the host's own
 * verdict about the scope, LIMIT, handler, COMMIT, LOG.  It is limited, metered and
 * charged to the identity that it is given, which hooks at ACCESS find there already
 * and may replace or refuse: auth.so refuses a key that doesn't work any more, and
 * gives the request what the key may do now.  KG_NUM_INNER tells such a request; in the
 * access log it has the listener "inner", and metrics of its own.
 *
 * Nothing here is durable: what must happen even after a crash belongs into kg.store/1
 * first, with an id that the request carries (Idempotency-Key). */
#ifndef KGENT_CALLS_H
#define KGENT_CALLS_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_CALLS "kg.calls/1"

#if KG_ABI_TARGET >= KG_ABI (1, 1)

/* Flags of an inner request.  Since 1.1. */
#define KG_INNER_BACKGROUND 0x01u /* nobody waits for it: the host takes no such request
                                     while it drains                                  */

/* A request; everything is copied before `call` returns.  Since 1.1. */
struct kg_inner {
  uint32_t size;       /* sizeof (struct kg_inner) */
  uint32_t flags;      /* KG_INNER_BACKGROUND */
  const char *method;  /* "POST" */
  const char *target;  /* path and query, "/v1/agentese/invoke?quote=1"; not of a KG_ADMIN
                          route                                                        */
  const char *content_type; /* of the body; NULL: none                                 */
  kg_str body;
  const char *const *headers; /* "Name: value", ends in NULL; may be NULL: Accept,
                                 traceparent, X-Request-ID, ...; not those that frame
                                 the body                                              */
  const struct kg_identity *identity; /* never NULL; who asks, and pays; what `ended`
                                         points at must stay until `done`              */
  uint32_t deadline_ms; /* from the call to the answer, COMMIT left out; 0: what the
                           route and the host's settings say                           */
  uint32_t reserved;
  uint64_t stream_max;  /* bytes of a streamed body that are collected; 0: 1 MiB       */
};

/* What came of it; everything is valid during the callback.  Since 1.1. */
struct kg_inner_reply {
  uint32_t size;
  int32_t error;   /* 0: it was answered, well or not; else there is no whole answer:
                      -ETIMEDOUT (it waited too long for its turn, its stream took too
                      long, or a plugin's code blocks), -EMSGSIZE (over stream_max),
                      -ECANCELED (its identity has ended), -ENOMEM,
                      -ESHUTDOWN (the host ends)                                       */
  int32_t status;  /* as a client would get it: 429, 504 ...; 0 with an error          */
  uint32_t reserved;
  kg_str content_type; /* { NULL, 0 }: none                                            */
  kg_str body;         /* of a stream all of it                                        */
  kg_str headers;      /* the other response headers, "Name: value\r\n" each           */
  kg_str request_id;
  int64_t elapsed_ns;  /* since the call */
};

struct kg_calls {
  uint32_t size;
  uint32_t reserved;

  /* [any] Makes the request on one of the workers.  `done` is called exactly once: on
   * that worker when LOG has run; when there is no whole answer, on any thread, and
   * maybe while the request is not over.  It must not block, and may be called before
   * `call` returns.  A request that was answered is done in each respect: what it used
   * is durable.
   * -EINVAL for what no client could send, or without an identity; -EAGAIN when
   * 1,024 are under way, or before the host serves; -ESHUTDOWN when it ends, and with
   * KG_INNER_BACKGROUND once it drains; -ENOMEM: `done` is then not called.  Since 1.1. */
  int32_t (*call) (kg_self *self, const struct kg_inner *request,
                   void (*done) (const struct kg_inner_reply *reply, void *arg), void *arg);
};
#endif

#ifdef __cplusplus
}
#endif

#endif
