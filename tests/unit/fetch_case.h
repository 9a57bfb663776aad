/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A client and a server that misbehaves for each case, and what came of a call. */
#ifndef TESTS_UNIT_FETCH_CASE_H
#define TESTS_UNIT_FETCH_CASE_H

#include "core/fetch.h"
#include "core/host.h"
#include "core/util/clock.h"
#include "tests/faults/badreplies.h"
#include "tests/faults/badserver.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct host host;
static struct kg_self self = { .magic = SELF_MAGIC, .host = &host };
static struct badserver *server;
static char base[64], url[96];

static char last_request[65537];

/* What came of one call. */
static struct outcome {
  pthread_mutex_t lock;
  pthread_cond_t come;
  int done; /* how often */
  int32_t error, status, tries;
  int64_t retry_after_ms, elapsed_ns;
  char body[4096], type[128], message[512], pieces[4096];
  int32_t piece_result;
} out = { .lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER };

static inline void
on_done (const struct kg_http_reply *r, void *arg)
{
  struct outcome *o = arg;
  pthread_mutex_lock (&o->lock);
  o->error = r->error;
  o->status = r->status;
  o->tries = r->tries;
  o->retry_after_ms = r->retry_after_ms;
  o->elapsed_ns = r->elapsed_ns;
  snprintf (o->body, sizeof o->body, "%.*s", (int) r->body.len, r->body.ptr);
  snprintf (o->type, sizeof o->type, "%.*s", (int) r->content_type.len, r->content_type.ptr);
  snprintf (o->message, sizeof o->message, "%s", r->message);
  o->done++;
  pthread_cond_signal (&o->come);
  pthread_mutex_unlock (&o->lock);
}

static inline int32_t
on_piece (const void *data, size_t len, void *arg)
{
  struct outcome *o = arg;
  size_t n = strlen (o->pieces);
  snprintf (o->pieces + n, sizeof o->pieces - n, "[%.*s]", (int) len, (const char *) data);
  return o->piece_result;
}

static inline void
await (void)
{
  pthread_mutex_lock (&out.lock);
  while (!out.done)
    pthread_cond_wait (&out.come, &out.lock);
  ck_assert_int_eq (out.done, 1);
  out.done = 0;
  pthread_mutex_unlock (&out.lock);
  badreplies_last (last_request, sizeof last_request);
}

static inline struct kg_http_request
make (const char *method, const char *path)
{
  snprintf (url, sizeof url, "%s%s", base, path);
  return (struct kg_http_request){ .size = sizeof (struct kg_http_request),
                                   .flags = KG_HTTP_PRIVATE_OK,
                                   .method = method,
                                   .url = url,
                                   .total_ms = 5000,
                                   .done = on_done,
                                   .arg = &out };
}

static inline void
run (const struct kg_http_request *r)
{
  ck_assert_int_eq (fetch_service.send (&self, r, NULL), 0);
  await ();
}

static inline void
run_path (const char *method, const char *path)
{
  struct kg_http_request r = make (method, path);
  run (&r);
}

static inline void
setup (void)
{
  out.done = 0;
  out.pieces[0] = 0;
  out.piece_result = 0;
  server = badserver_start (badreplies, NULL);
  ck_assert_ptr_nonnull (server);
  snprintf (base, sizeof base, "http://127.0.0.1:%d", badserver_port (server));
  ck_assert_int_eq (fetch_create (&host, &host.fetch), 0);
  ck_assert_int_eq (fetch_start (host.fetch), 0);
}

static inline void
teardown (void)
{
  fetch_stop (host.fetch);
  fetch_destroy (host.fetch);
  badserver_stop (server);
}

/* The rest of main: whether a case failed. */
static inline int
fetch_cases (const char *name, void (*add_tests) (TCase *cases))
{
  Suite *suite = suite_create (name);
  TCase *cases = tcase_create (name);
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_checked_fixture (cases, setup, teardown);
  tcase_set_timeout (cases, 30);
  add_tests (cases);
  suite_add_tcase (suite, cases);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}

#define LOOP(test, n) tcase_add_loop_test (cases, test, 0, n)

#endif
