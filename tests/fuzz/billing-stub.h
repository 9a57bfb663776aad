/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Services for a billing plugin that is not opened, but made by hand: each does its work at
 * once, and costs next to nothing, so that millions of inputs can be tried.  The Stripe of it
 * answers what lines of the input say: "aBODY", where the letter is a status or an error. */
#ifndef TESTS_FUZZ_BILLING_STUB_H
#define TESTS_FUZZ_BILLING_STUB_H

#include "plugins/billing-stripe/stripe_api.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static inline void
must (int truth)
{
  if (!truth)
    abort ();
}

/* ---- The input -------------------------------------------------------------------- */

struct input {
  const char *p, *end;
};

/* The text up to a line feed, malloc'ed and NUL-terminated; "" at the end. */
static inline char *
line_take (struct input *in)
{
  size_t left = (size_t) (in->end - in->p);
  const char *feed = left ? memchr (in->p, '\n', left) : NULL;
  size_t n = feed ? (size_t) (feed - in->p) : left;
  char *text = calloc (1, n + 1);
  must (text != NULL);
  if (n)
    memcpy (text, in->p, n);
  in->p += n + (feed != NULL);
  return text;
}

/* ---- Stripe ----------------------------------------------------------------------- */

static struct input stub_answers;
static int stub_asked; /* requests of this input */

/* "a": 200, ... */
static inline struct kg_http_reply
stub_reply (char letter)
{
  static const int16_t codes[] = { 200, 200, 201, 400, 401, 402, 403, 404, 409, 429, 500, 503, 302,
                                   -ETIMEDOUT, -ECONNRESET, -EMSGSIZE };
  int16_t code = codes[(unsigned char) (letter - 'a') % (sizeof codes / sizeof codes[0])];
  return (struct kg_http_reply){ .size = sizeof (struct kg_http_reply),
                                 .error = code < 0 ? code : 0,
                                 .status = code < 0 ? 0 : code,
                                 .retry_after_ms = letter == 'j' ? 1500 : -1,
                                 .message = "a line for the log" };
}

/* Beyond the last line nobody can be reached: so all comes to an end. */
static inline int32_t
stub_send (kg_self *self, const struct kg_http_request *r, kg_call **ret_call)
{
  char *line = line_take (&stub_answers);
  struct kg_http_reply reply = stub_reply (*line ? *line : 'o');
  (void) self, (void) ret_call;
  must (!strncmp (r->url, "http://stripe.test/v1/", 22) && strlen (r->url) < 4096);
  must (r->headers && !strcmp (r->headers[0], "Authorization: Bearer rk_test_fuzz"));
  must (!strcmp (r->method, "GET") || r->headers[2]);
  stub_asked++;
  if (*line && !reply.error)
    reply.body = (kg_str){ line + 1, strlen (line + 1) };
  r->done (&reply, r->arg);
  free (line);
  return 0;
}

/* ---- Others ----------------------------------------------------------------------- */

static inline int32_t
stub_run (kg_self *self, void (*fn) (void *arg), void *arg)
{
  (void) self;
  fn (arg);
  return 0;
}

static void (*stub_timed) (void *arg); /* by the timer that was asked for last */

static inline int32_t
stub_timer (kg_self *self, uint32_t delay_ms, uint32_t period_ms, void (*fn) (void *arg), void *arg,
            kg_timer **ret)
{
  (void) self, (void) delay_ms, (void) period_ms, (void) arg, (void) ret;
  stub_timed = fn;
  return 0;
}

static inline void
stub_cancel (kg_timer *timer)
{
  (void) timer;
}

static inline void
stub_count (kg_metric *m, uint32_t index, uint64_t n)
{
  (void) m, (void) index, (void) n;
}

static inline void
stub_health (kg_component *c, int32_t state, uint32_t ttl_ms, const char *detail, ...)
{
  (void) c, (void) state, (void) ttl_ms, (void) detail;
}

static inline void
stub_log (kg_self *self, int32_t level, const char *fmt, ...)
{
  (void) self, (void) level, (void) fmt;
}

static inline int32_t
stub_get (kg_bucket *bucket, kg_str key, struct kg_entry *ret)
{
  (void) bucket, (void) key, (void) ret;
  return -ENOENT;
}

static inline int32_t
stub_scan (kg_bucket *bucket, kg_str prefix,
           int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg)
{
  (void) bucket, (void) prefix, (void) fn, (void) arg;
  return 0;
}

static inline int32_t
stub_write (kg_self *self, const struct kg_op *ops, uint32_t nops, uint32_t op_size,
            void (*done) (const struct kg_outcome *outcome, void *arg), void *arg)
{
  struct kg_outcome outcome = { .size = sizeof outcome };
  (void) self, (void) ops, (void) nops, (void) op_size;
  done (&outcome, arg);
  return 0;
}

static const struct kg_host stub_host = { .size = sizeof stub_host, .log = stub_log };
static const struct kg_jobs stub_jobs = { .size = sizeof stub_jobs, .run = stub_run,
                                          .timer = stub_timer, .cancel = stub_cancel };
static const struct kg_http stub_http = { .size = sizeof stub_http, .send = stub_send };
static const struct kg_health stub_healths = { .size = sizeof stub_healths, .set = stub_health };
static const struct kg_metrics stub_metrics = { .size = sizeof stub_metrics, .add = stub_count };
static const struct kg_store stub_store
    = { .size = sizeof stub_store, .get = stub_get, .scan = stub_scan, .write = stub_write };

/* A billing of these; conf gets where Stripe is. */
static inline struct billing
stub_billing (struct billing_conf *conf)
{
  conf->api_base = "http://stripe.test/";
  conf->api_key = "rk_test_fuzz";
  conf->api_version = "2024-12-18.acacia";
  return (struct billing){ .host = &stub_host, .conf = conf, .store = &stub_store,
                           .jobs = &stub_jobs, .http = &stub_http, .health = &stub_healths,
                           .metrics = &stub_metrics };
}

#endif
