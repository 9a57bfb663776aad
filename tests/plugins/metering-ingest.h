/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Somebody who sends events, and what is recorded of them. */
#ifndef TESTS_PLUGINS_METERING_INGEST_H
#define TESTS_PLUGINS_METERING_INGEST_H

#include "tests/plugins/metering-usage.h"

#include "plugins/metering-openmeter/record_read.h"

static const char *const writer[] = { "read", "meter:write", NULL };
static const char *const anybody[] = { "read", "meter:write", "meter:any", NULL };

static inline void
sender (const char *tenant, const char *const *scopes)
{
  struct kg_identity who = { .size = sizeof who,
                             .subject = "u",
                             .tenant = tenant,
                             .key_id = "k1",
                             .scopes = scopes };
  fake_as (fake, &who, 0, 0);
}

static inline void
setup (const char *const *conf)
{
  begin (conf);
  sender ("acme", writer);
}

/* Sends and answers the status; the body is in `said`. */
static inline int
post_to (const char *target, const char *const *headers, const char *body)
{
  asked = fake_request (fake, "POST", target, headers, body);
  for (int i = 0; i < 20 && !fake_status (asked); i++) {
    fake_store_commit (fake);
    fake_run_jobs (fake);
  }
  said = fake_body (asked);
  return fake_status (asked);
}

#define CT_EVENT "Content-Type: application/cloudevents+json; charset=utf-8"
#define CT_BATCH "Content-Type: application/cloudevents-batch+json"

static inline int
post (const char *type, const char *body)
{
  const char *headers[] = { type, NULL };
  return post_to ("/v1/events", headers, body);
}

static inline int
detail (const char *body)
{
  const char *headers[] = { CT_BATCH, NULL };
  return post_to ("/v1/events?detail=1", headers, body);
}

/* A batch of one event, with these members behind the usual ones. */
static inline int
one (const char *id, const char *members)
{
  static char body[8192];
  snprintf (body, sizeof body,
            "[{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"/app\",\"type\":\"t\"%s%s}]", id,
            *members ? "," : "", members);
  return post (CT_BATCH, body);
}

/* The events of the i-th record. */
static inline const char *
recorded (int i)
{
  const char *text = fake_log_data (fake, "usage", i), *at;
  ck_assert_ptr_nonnull (text);
  at = strstr (text, "\"events\":");
  ck_assert_ptr_nonnull (at);
  return at + 9;
}

static inline int
records (void)
{
  return fake_log_count (fake, "usage");
}

/* What all records say must be what the reader of records takes. */
static inline void
records_check (void)
{
  struct record_read r = { 0 };
  for (int i = 0; i < records (); i++) {
    const char *text = fake_log_data (fake, "usage", i);
    ck_assert_msg (!record_read (&r, (kg_str){ text, strlen (text) }), "%s", text);
  }
  record_read_free (&r);
}

/* A time so many seconds from now. */
static inline const char *
time_at (int64_t seconds)
{
  static char text[2][64];
  static int n;
  time_t t = (time_t)(fake_now (fake) / 1000000000 + seconds);
  struct tm tm;
  gmtime_r (&t, &tm);
  n ^= 1;
  strftime (text[n], sizeof text[n], "\"time\":\"%Y-%m-%dT%H:%M:%SZ\"", &tm);
  return text[n];
}

#endif
