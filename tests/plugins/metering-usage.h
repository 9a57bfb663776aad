/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the tests of rollups and queries share: metering-openmeter.so in the fake host,
 * and a plugin that appends records to its log. */
#ifndef TESTS_PLUGINS_METERING_USAGE_H
#define TESTS_PLUGINS_METERING_USAGE_H

#include "tests/fake/fake-services.h"
#include "tests/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

extern const struct kg_plugin kg_plugin_1;

static struct fake *fake;
static const struct kg_store *store;
static kg_self *appender_self;
static kg_log *usage_log;

static inline int32_t
appender_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  (void)conf;
  *ret_data = NULL;
  appender_self = self;
  if (h->need (self, KG_STORE, sizeof *store, 0, (const void **)&store) < 0)
    return -ENOENT;
  return store->log (self, "usage", 0, 400, &usage_log);
}

static const struct kg_plugin appender = { KG_ABI_TARGET,      sizeof appender, sizeof (struct kg_opt), 0,
                                           .name = "appender", .version = "1",  .summary = "appends",
                                           .open = appender_open };

static const char *const usage_scopes[] = { "read", "admin", NULL };

static inline void
as (const char *tenant, int admin)
{
  struct kg_identity who = { .size = sizeof who,
                             .subject = "u",
                             .tenant = tenant,
                             .key_id = "k",
                             .scopes = usage_scopes };
  fake_as (fake, &who, admin, 0);
}

/* Opens and starts; to be done again after `fell`. */
static inline void
up (const char *const *conf)
{
  ck_assert_msg (!fake_open (fake, &kg_plugin_1, conf), "%s", fake_error (fake));
  ck_assert_msg (!fake_open (fake, &appender, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
}

static inline void
begin (const char *const *conf)
{
  fake = fake_new ();
  fake_services (fake);
  up (conf);
}

static inline void
end (void)
{
  fake_stop (fake);
  fake_store_commit (fake);
  fake_free (fake);
}

/* The process is gone; another one comes. */
static inline void
fall (const char *const *conf)
{
  fake_crash (fake);
  fake_stop (fake);
  fake_store_commit (fake);
  fake_close (fake);
  up (conf);
}

static inline void
append_text (const char *text)
{
  struct kg_op op = { .kind = KG_OP_APPEND, .log = usage_log, .value = { text, strlen (text) } };
  ck_assert_int_eq (store->write (appender_self, &op, 1, sizeof op, NULL, NULL), 0);
  fake_store_commit (fake);
}

/* A record of these events, which are a JSON text. */
static inline void __attribute__ ((format (printf, 3, 4)))
append (const char *tenant, int64_t time_ns, const char *fmt, ...)
{
  static char events[65536], text[66000];
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (events, sizeof events, fmt, ap);
  va_end (ap);
  snprintf (text, sizeof text, "{\"tenant\":%s,\"time\":%" PRId64 ",\"events\":[%s]}", tenant,
            time_ns, events);
  append_text (text);
}

/* One turn of the rollup, or as many as it wants. */
static inline void
roll (void)
{
  fake_advance (fake, 1001);
  fake_run_jobs (fake);
}

/* Asks and answers the status; the body is in `said`. */
static const char *said;
static kg_req *asked;

static inline int
ask_as (const char *accept, const char *target)
{
  char header[64];
  const char *headers[] = { header, NULL };
  snprintf (header, sizeof header, "Accept: %s", accept);
  asked = fake_request (fake, "GET", target, headers, NULL);
  fake_store_commit (fake);
  fake_run_jobs (fake);
  said = fake_body (asked);
  return fake_status (asked);
}

static inline int
ask (const char *target)
{
  return ask_as ("application/json", target);
}

static inline const char *
value (const char *path)
{
  const char *v = fake_json (asked, path);
  return v ? v : "(none)";
}

static inline int64_t
now_ns (void)
{
  return (int64_t)time (NULL) * 1000000000;
}

/* The clock, finer than time(). */
static inline int64_t
clock_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_REALTIME, &t);
  return t.tv_sec * INT64_C (1000000000) + t.tv_nsec;
}

static inline void
charge (int64_t tokens, int64_t money)
{
  char text[256];
  snprintf (text, sizeof text,
            "{\"tenant\":\"acme\",\"key\":\"k\",\"time\":%" PRId64
            ",\"charge\":{\"month\":1,\"tokens\":%" PRId64 ",\"money\":%" PRId64
            ",\"requests\":0},\"events\":[]}",
            clock_ns (), tokens, money);
  append_text (text);
}

#endif
