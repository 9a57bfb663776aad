/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A host with two workers and no listener, whose only requests are inner ones; and a
 * plugin with routes and hooks for them. */
#ifndef TESTS_UNIT_CALLS_HOST_H
#define TESTS_UNIT_CALLS_HOST_H

#include "core/inner.h"

#include <semaphore.h>

/* What a call came to: a copy. */
struct answer {
  sem_t told;
  _Atomic int times;       /* that `done` was called */
  int logs_before;         /* requests through LOG by then */
  int32_t error, status;
  char type[128], body[4096], headers[2048], id[80];
  size_t body_len;
};

/* What the plugin has seen, and does. */
struct plugin {
  _Atomic int access, limits, commits, logs, gone, entered;
  _Atomic int32_t last_status;     /* at LOG */
  _Atomic int refuse_access, refuse_limit, fail_commit, wait_access, hold;
  _Atomic (kg_ticket *) ticket;    /* of /wait */
  _Atomic (kg_stream *) stream;    /* of /hold */
  sem_t waits;                     /* one of these two is there */
};

extern struct host the_host;
extern struct plugin plugin;
extern kg_self *the_self;
extern struct workers *the_workers;

/* Makes it; serves from calls_serve on. */
void calls_setup (void);
void calls_serve (void);
void calls_teardown (void);

/* Ends it as boot.c does: closed, workers, told. */
void calls_stop (void);

void answer_init (struct answer *a);
void answer_wait (struct answer *a);
void answer_done (const struct kg_inner_reply *reply, void *arg);

/* A request by somebody with the scopes read and write. */
extern const struct kg_identity somebody;
struct kg_inner ask (const char *method, const char *target, const char *json);

/* Calls, which must succeed; and waits for the answer. */
void call (const struct kg_inner *request, struct answer *a);
void call_wait (const struct kg_inner *request, struct answer *a);

/* Resumes /wait. */
void wait_resume (void);

#endif
