/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Requests of a client: to the public listener, with an API key. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include "ctl/ctl.h"

/* --url and --key-file, which mean the public listener and the API key; and --archetype. */
extern const struct option client_options[];
extern const struct option archetype_options[];

/* What is asked. */
struct ask {
  const char *method, *path;
  json_object *body;           /* NULL: none */
  const char *max_cost;        /* fields of these names; NULL: not sent */
  const char *idempotency_key; /* a valid one */
  const char *subject;         /* what messages call it: "world.house.manifest" */
  int (*piece) (const char *data, size_t len, void *arg); /* as in transfer.h; NULL: no stream */
  void *arg;
};

/* What came. */
struct told {
  long status;
  json_object *json; /* NULL when it is none, and of a stream */
  char *text;
  int streamed; /* `piece` got it */
  char receipt[512];
  long retry_after_s;
  int replayed; /* it's the answer to an earlier request with this idempotency key */
};

/* 0 whatever the status is; otherwise the exit code after a message.  Always followed by
 * told_finish. */
int client_try (const struct args *a, const struct ask *ask, struct told *ret);

/* As client_try, but what isn't 2xx, or isn't JSON, is a failure, and told. */
int client_call (const struct args *a, const struct ask *ask, struct told *ret);
void told_finish (struct told *told);

/* The URL of the public listener; not checked. */
const char *client_url (const struct args *a);

/* The API key in malloc'ed memory, NULL when none is given; the exit code of a failure
 * after a message. */
int client_key (const struct args *a, char **ret);

/* problem.c: tells of a refusal on standard error, and with --json shows the problem.
 * Returns the exit code. */
int client_refused (const struct args *a, const struct ask *ask, const struct told *told);

/* The same for a refusal inside an answer: a quote's, a stream's. */
int client_refused_as (const char *subject, long status, const char *detail);

#endif
