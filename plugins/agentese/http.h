/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A call of an agent under way: what http.c and http_answer.c share. */
#ifndef AGENTESE_HTTP_H
#define AGENTESE_HTTP_H

#include "plugins/agentese/remote.h"
#include "plugins/agentese/remote_events.h"

/* How the answer began: what its type should be is known only when it has ended. */
enum ag_began { AG_NOT_BEGUN, AG_BEGAN_JSON, AG_BEGAN_EVENTS };

/* Two hold it: the request that waits, and the client that asks. */
struct ag_http_call {
  struct ag_call *c; /* the request's: not to be touched once it is gone */
  const struct ag_remote_aspect *aspect;
  struct ag_remote *node;
  enum ag_admission admitted;
  int32_t streamed; /* 1: pieces go to the caller as they come */
  kg_ticket *ticket;
  _Atomic uint32_t refs;
  pthread_mutex_t lock; /* of what follows, until `over` */
  kg_call *call;
  int32_t gone, over;

  /* The answer. */
  int32_t error;  /* as in struct kg_http_reply, or what send said */
  int32_t unsent; /* 1: it was never sent */
  int32_t broken; /* 0, or the errno for which it was broken off by us */
  int32_t status;
  int64_t retry_after_ms, elapsed_ns;
  enum ag_began began;
  struct ag_bytes body;
  struct ag_events events;
  char type[96], message[256];
};

/* Answers the request with what came.  As a handler. */
int32_t ag_http_answer (struct ag_http_call *h);

#endif
