/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Events that others send: what is taken in which way, once; and what is refused, why. */
#include "metering-usage.h"

#include "plugins/metering-openmeter/record_read.h"

static const char *const writer[] = { "read", "meter:write", NULL };
static const char *const anybody[] = { "read", "meter:write", "meter:any", NULL };

static void
sender (const char *tenant, const char *const *scopes)
{
  struct kg_identity who = { .size = sizeof who,
                             .subject = "u",
                             .tenant = tenant,
                             .key_id = "k1",
                             .scopes = scopes };
  fake_as (fake, &who, 0, 0);
}

static void
setup (const char *const *conf)
{
  begin (conf);
  sender ("acme", writer);
}

/* Sends and answers the status; the body is in `said`. */
static int
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

static int
post (const char *type, const char *body)
{
  const char *headers[] = { type, NULL };
  return post_to ("/v1/events", headers, body);
}

static int
detail (const char *body)
{
  const char *headers[] = { CT_BATCH, NULL };
  return post_to ("/v1/events?detail=1", headers, body);
}

/* A batch of one event, with these members behind the usual ones. */
static int
one (const char *id, const char *members)
{
  static char body[8192];
  snprintf (body, sizeof body,
            "[{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"/app\",\"type\":\"t\"%s%s}]", id,
            *members ? "," : "", members);
  return post (CT_BATCH, body);
}

/* The events of the i-th record. */
static const char *
recorded (int i)
{
  const char *text = fake_log_data (fake, "usage", i), *at;
  ck_assert_ptr_nonnull (text);
  at = strstr (text, "\"events\":");
  ck_assert_ptr_nonnull (at);
  return at + 9;
}

static int
records (void)
{
  return fake_log_count (fake, "usage");
}

/* What all records say must be what the reader of records takes. */
static void
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
static const char *
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

/* ---- Ways of sending ---------------------------------------------------------------- */

START_TEST (structured)
{
  setup (NULL);
  ck_assert_int_eq (post (CT_EVENT, "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/app\","
                                    "\"type\":\"t\",\"subject\":\"acme\",\"data\":{\"n\":2}}"),
                    204);
  ck_assert_str_eq (said, "");
  ck_assert_int_eq (records (), 1);
  ck_assert_str_eq (recorded (0), "[{\"type\":\"t\",\"id\":\"1\",\"source\":\"/app\","
                                  "\"data\":{\"n\":2}}]}");
  ck_assert_ptr_eq (strstr (fake_log_data (fake, "usage", 0),
                            "{\"tenant\":\"acme\",\"key\":\"k1\",\"time\":1"),
                    fake_log_data (fake, "usage", 0));
  records_check ();
  end ();
}
END_TEST

START_TEST (batched)
{
  setup (NULL);
  ck_assert_int_eq (
      post (CT_BATCH, " [ {\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"},\n"
                      "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/a\",\"type\":\"t\","
                      "\"data\":null} ] "),
      204);
  ck_assert_str_eq (recorded (0),
                    "[{\"type\":\"t\",\"id\":\"1\",\"source\":\"/a\"},"
                    "{\"type\":\"t\",\"id\":\"2\",\"source\":\"/a\",\"data\":null}]}");
  ck_assert_int_eq (post (CT_BATCH, "[]"), 204);
  ck_assert_int_eq (records (), 1);
  records_check ();
  end ();
}
END_TEST

START_TEST (plain)
{
  setup (NULL);
  ck_assert_int_eq (post (NULL, "{\"id\":\"1\",\"source\":\"a\",\"type\":\"t\"}"), 204);
  ck_assert_int_eq (post (NULL, "[{\"id\":\"2\",\"source\":\"a\",\"type\":\"t\"},"
                                "{\"id\":\"3\",\"source\":\"a\",\"type\":\"t\"}]"),
                    204);
  ck_assert_int_eq (records (), 2);
  ck_assert_int_eq (post (NULL, "{\"specversion\":\"0.3\",\"id\":\"4\",\"source\":\"a\","
                                "\"type\":\"t\"}"),
                    422);
  /* OpenMeter's own path. */
  ck_assert_int_eq (
      post_to ("/api/v1/events", NULL, "{\"id\":\"5\",\"source\":\"a\",\"type\":\"t\"}"), 204);
  ck_assert_int_eq (records (), 3);
  end ();
}
END_TEST

START_TEST (binary)
{
  const char *headers[] = { "Content-Type: application/json",
                            "ce-specversion: 1.0",
                            "Ce-Id: a%20b%e2%82%ac%zz",
                            "ce-source: /app",
                            "ce-type: t",
                            "ce-dataschema: http://x/y",
                            NULL };
  setup (NULL);
  ck_assert_int_eq (post_to ("/v1/events", headers, "{\"n\":1}"), 204);
  ck_assert_str_eq (recorded (0),
                    "[{\"type\":\"t\",\"id\":\"a b\xe2\x82\xac%zz\",\"source\":\"/app\","
                    "\"data\":{\"n\":1},\"ext\":{\"dataschema\":\"http://x/y\"}}]}");
  headers[2] = "ce-id: 2";
  headers[5] = NULL;
  headers[0] = "Content-Type: text/plain; charset=utf-8";
  ck_assert_int_eq (post_to ("/v1/events", headers, "say \"x\""), 204);
  ck_assert_str_eq (recorded (1),
                    "[{\"type\":\"t\",\"id\":\"2\",\"source\":\"/app\",\"data\":\"say \\\"x\\\"\","
                    "\"ext\":{\"datacontenttype\":\"text/plain; charset=utf-8\"}}]}");
  headers[2] = "ce-id: 3";
  headers[0] = "Content-Type: application/octet-stream";
  ck_assert_int_eq (post_to ("/v1/events", headers, "\xff\xfe-and-more-than-a-line-of-base64-"
                                                    "which-has-sixty-four"),
                    204);
  ck_assert_ptr_nonnull (strstr (recorded (2), "\"ext\":{\"datacontenttype\":\"application/octet-"
                                               "stream\",\"data_base64\":\"//4tYW5kLW1vcmU"));
  headers[0] = "Content-Type: application/json";
  ck_assert_int_eq (post_to ("/v1/events", headers, "{\"n\":"), 400);
  headers[1] = "ce-specversion: 0.3";
  ck_assert_int_eq (post_to ("/v1/events", headers, "{}"), 422);
  headers[1] = "ce-specversion: 1.0";
  headers[2] = "ce-id: %ff";
  ck_assert_int_eq (post_to ("/v1/events", headers, "{}"), 400);
  ck_assert_int_eq (records (), 3);
  records_check ();
  end ();
}
END_TEST

START_TEST (other_bodies)
{
  setup (NULL);
  ck_assert_int_eq (post ("Content-Type: text/plain", "x"), 415);
  ck_assert_int_eq (post ("Content-Type: application/cloudevents", "[]"), 415);
  ck_assert_int_eq (post (CT_BATCH, "{}"), 400);
  ck_assert_int_eq (post (CT_EVENT, "[]"), 400);
  ck_assert_int_eq (post (CT_EVENT, "{\"id\":"), 400);
  ck_assert_int_eq (post (CT_EVENT, ""), 400);
  ck_assert_int_eq (post (NULL, "7"), 400);
  ck_assert_int_eq (post (CT_BATCH, "[{\"id\":\"1\",\"id\":\"2\"}]"), 422);
  ck_assert_int_eq (post (CT_BATCH, "[7]"), 422);
  ck_assert_int_eq (records (), 0);
  end ();
}
END_TEST

/* ---- Attributes --------------------------------------------------------------------- */

START_TEST (wrong_attributes)
{
  static const char *const rows[][2] = {
    { "\"time\":\"yesterday\"", "time: must be a time of RFC 3339" },
    { "\"time\":7", "time: must be a time" },
    { "\"time\":\"1999-01-01T00:00:00Z\"", "time: too long ago" },
    { "\"time\":\"2199-01-01T00:00:00Z\"", "time: in the future" },
    { "\"subject\":\"\"", "subject: must be" },
    { "\"subject\":7", "subject: must be" },
    { "\"Big\":1", "names of attributes" },
    { "\"under_score\":1", "names of attributes" },
    { "\"\\u0061b\":1", "names of attributes" },
    { "\"\":1", "names of attributes" },
    { "\"ext\":{}", "an extension attribute" },
    { "\"ext\":[1]", "an extension attribute" },
    { "\"ext\":1.5", "an extension attribute" },
    { "\"ext\":2147483648", "an extension attribute" },
    { "\"a\":7,\"a\":7", "an attribute is there twice" },
    { "\"source\":\"/app\"", "an attribute is there twice" },
    { "\"dataschema\":7", "datacontenttype and dataschema" },
    { "\"datacontenttype\":\"\"", "datacontenttype and dataschema" },
    { "\"data_base64\":7", "data_base64: must be" },
    { "\"data\":{},\"data_base64\":\"\"", "only one of them" },
    { "\"corrects\":\"x\"", "data: a correction" },
    { "\"corrects\":\"x\",\"data\":[]", "data: a correction" },
    { "\"corrects\":\"\",\"data\":{}", "corrects: must be" },
    { "\"corrects\":7,\"data\":{}", "corrects: must be" },
  };
  setup (NULL);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ck_assert_msg (one ("1", rows[i][0]) == 422, "%s: %d", rows[i][0], fake_status (asked));
    ck_assert_msg (strstr (said, rows[i][1]) != NULL, "%s: %s", rows[i][0], said);
  }
  ck_assert_int_eq (records (), 0);
  end ();
}
END_TEST

START_TEST (wrong_events)
{
  static const char *const rows[] = {
    "{}",
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"a\"}",
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}",
    "{\"specversion\":\"1.0\",\"source\":\"a\",\"type\":\"t\"}",
    "{\"id\":\"1\",\"source\":\"a\",\"type\":\"t\"}",
    "{\"specversion\":1.0,\"id\":\"1\",\"source\":\"a\",\"type\":\"t\"}",
    "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"a\",\"type\":\"t\"}",
    "{\"specversion\":\"1.0\",\"id\":7,\"source\":\"a\",\"type\":\"t\"}",
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"a b\",\"type\":\"t\"}",
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"a\\u0009\",\"type\":\"t\"}",
    "{\"specversion\":\"1.0\",\"id\":null,\"source\":\"a\",\"type\":\"t\"}",
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"kgents-api\",\"type\":\"t\"}",
  };
  setup (NULL);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    ck_assert_msg (post (CT_EVENT, rows[i]) == 422, "%s: %d", rows[i], fake_status (asked));
  ck_assert_int_eq (records (), 0);
  end ();
}
END_TEST

START_TEST (extensions_are_kept)
{
  setup (NULL);
  ck_assert_int_eq (one ("1", "\"traceparent\":\"00-a\",\"n\":-5,\"yes\":true,\"gone\":null,"
                              "\"subject\":null,\"dataschema\":\"s\""),
                    204);
  ck_assert_str_eq (recorded (0), "[{\"type\":\"t\",\"id\":\"1\",\"source\":\"/app\",\"ext\":{"
                                  "\"traceparent\":\"00-a\",\"n\":-5,\"yes\":true,"
                                  "\"dataschema\":\"s\"}}]}");
  records_check ();
  end ();
}
END_TEST

START_TEST (late_and_early)
{
  static const char *const conf[]
      = { "ingest.max_age_days=1", "ingest.future=60", NULL };
  setup (conf);
  ck_assert_int_eq (one ("1", time_at (-86390)), 204);
  ck_assert_int_eq (one ("2", time_at (-86410)), 422);
  ck_assert_int_eq (one ("3", time_at (59)), 204);
  ck_assert_int_eq (one ("4", time_at (62)), 422);
  ck_assert_int_eq (records (), 2);
  ck_assert_ptr_nonnull (strstr (recorded (0), time_at (-86390)));
  records_check ();
  end ();
}
END_TEST

START_TEST (subjects)
{
  setup (NULL);
  ck_assert_int_eq (one ("1", "\"subject\":\"acme\""), 204);
  ck_assert_int_eq (one ("2", "\"subject\":\"\\u0061cme\""), 204);
  ck_assert_int_eq (one ("3", "\"subject\":\"other\""), 403);
  ck_assert_ptr_nonnull (strstr (said, "meter:any"));
  ck_assert_int_eq (records (), 2);
  ck_assert_ptr_null (strstr (recorded (1), "subject"));
  sender ("acme", anybody);
  ck_assert_int_eq (one ("3", "\"subject\":\"other\""), 204);
  ck_assert_ptr_nonnull (strstr (recorded (2), ",\"subject\":\"other\""));
  sender ("acme", usage_scopes);
  ck_assert_int_eq (one ("4", ""), 403);
  ck_assert_int_eq (records (), 3);
  end ();
}
END_TEST

/* ---- Once --------------------------------------------------------------------------- */

START_TEST (an_event_is_recorded_once)
{
  setup (NULL);
  ck_assert_int_eq (one ("1", "\"data\":{\"n\":1}"), 204);
  ck_assert_int_eq (one ("1", "\"data\":{\"n\":1}"), 204);
  ck_assert_int_eq (one ("\\u0031", "\"data\":{\"n\":1}"), 204); /* the same id */
  ck_assert_int_eq (records (), 1);
  ck_assert (fake_metric (fake, "kgent_metering_ingested_total", "accepted") == 1);
  ck_assert (fake_metric (fake, "kgent_metering_ingested_total", "duplicate") == 2);
  ck_assert (fake_metric (fake, "kgent_metering_events_total", "other") == 1);
  sender ("other", writer); /* whose events are its own */
  ck_assert_int_eq (one ("1", "\"data\":{\"n\":1}"), 204);
  ck_assert_int_eq (records (), 2);
  fall (NULL);
  ck_assert_int_eq (one ("1", "\"data\":{\"n\":1}"), 204);
  ck_assert_int_eq (records (), 2);
  fake_advance (fake, INT64_C (32) * 86400 * 1000);
  ck_assert_int_eq (one ("1", "\"data\":{\"n\":1}"), 204);
  ck_assert_int_eq (records (), 2);
  fake_advance (fake, INT64_C (2) * 86400 * 1000);
  ck_assert_int_eq (one ("1", "\"data\":{\"n\":1}"), 204);
  ck_assert_int_eq (records (), 3);
  end ();
}
END_TEST

#define E(id, n) \
  "{\"specversion\":\"1.0\",\"id\":\"" id "\",\"source\":\"/a\",\"type\":\"t\",\"data\":" n "}"
#define R(id, n) "{\"type\":\"t\",\"id\":\"" id "\",\"source\":\"/a\",\"data\":" n "}"

START_TEST (what_is_new_in_a_batch_is_recorded)
{
  setup (NULL);
  ck_assert_int_eq (post (CT_BATCH, "[" E ("2", "2") "," E ("4", "4") "]"), 204);
  ck_assert_int_eq (post (CT_BATCH, "[" E ("1", "1") "," E ("2", "2") "," E ("3", "333") ","
                                    E ("4", "4") "," E ("5", "5") "," E ("1", "1") "]"),
                    204);
  ck_assert_int_eq (records (), 2);
  ck_assert_str_eq (recorded (1), "[" R ("1", "1") "," R ("3", "333") "," R ("5", "5") "]}");
  ck_assert_int_eq (post (CT_BATCH, "[" E ("1", "1") "," E ("5", "5") "]"), 204);
  ck_assert_int_eq (records (), 2);
  records_check ();
  end ();
}
END_TEST

START_TEST (details)
{
  setup (NULL);
  ck_assert_int_eq (post (CT_BATCH, "[" E ("2", "2") "," E ("4", "4") "]"), 204);
  ck_assert_int_eq (detail ("[" E ("1", "1") "," E ("2", "2") "," E ("4", "5") ",{\"id\":7},"
                            "{\"id\":\"x\"}," E ("1", "1") "," E ("1", "2") "]"),
                    200);
  ck_assert_str_eq (
      said, "{\"accepted\":1,\"duplicates\":4,\"rejected\":2,\"results\":["
            "{\"id\":\"1\",\"status\":\"accepted\"},{\"id\":\"2\",\"status\":\"duplicate\"},"
            "{\"id\":\"4\",\"status\":\"duplicate\",\"error\":\"another event with this source "
            "and id was accepted\"},"
            "{\"id\":null,\"status\":\"rejected\",\"error\":\"specversion: must be \\\"1.0\\\"\"},"
            "{\"id\":\"x\",\"status\":\"rejected\",\"error\":\"specversion: must be "
            "\\\"1.0\\\"\"},"
            "{\"id\":\"1\",\"status\":\"duplicate\"},"
            "{\"id\":\"1\",\"status\":\"duplicate\",\"error\":\"another event with this source "
            "and id was accepted\"}]}");
  ck_assert_int_eq (records (), 2);
  ck_assert_str_eq (recorded (1), "[" R ("1", "1") "]}");
  ck_assert_int_eq (detail ("[" E ("2", "2") "]"), 200);
  ck_assert_ptr_nonnull (strstr (said, "{\"accepted\":0,\"duplicates\":1,\"rejected\":0,"));
  ck_assert_int_eq (detail ("[{}]"), 200);
  ck_assert_int_eq (detail ("[]"), 200);
  ck_assert_int_eq (records (), 2);
  end ();
}
END_TEST

START_TEST (all_or_nothing)
{
  setup (NULL);
  ck_assert_int_eq (post (CT_BATCH, "[" E ("1", "1") ",{\"id\":\"x\"}," E ("3", "3") "]"), 422);
  ck_assert_ptr_nonnull (strstr (said, "\"errors\":[{\"index\":1,\"id\":\"x\",\"status\":"
                                       "\"rejected\",\"error\":\"specversion: "));
  ck_assert_int_eq (records (), 0);
  ck_assert_int_eq (post (CT_BATCH, "[" E ("1", "1") "," E ("3", "3") "]"), 204);
  ck_assert_int_eq (records (), 1);
  end ();
}
END_TEST

START_TEST (limits)
{
  static const char *const conf[] = { "ingest.batch_max=2", NULL };
  char id[600];
  setup (conf);
  ck_assert_int_eq (post (CT_BATCH, "[" E ("1", "1") "," E ("2", "2") "," E ("3", "3") "]"), 413);
  ck_assert_int_eq (post (CT_BATCH, "[" E ("1", "1") "," E ("2", "2") "]"), 204);
  memset (id, 'x', sizeof id);
  id[512] = 0;
  ck_assert_int_eq (one (id, ""), 204);
  id[511] = 'y'; /* ids that differ at the end only */
  ck_assert_int_eq (one (id, ""), 204);
  ck_assert_int_eq (one (id, ""), 204);
  ck_assert_int_eq (records (), 3);
  id[512] = 'x', id[513] = 0;
  ck_assert_int_eq (one (id, ""), 422);
  end ();
}
END_TEST

/* What is taken can be read again. */
START_TEST (deep_data)
{
  char data[256];
  setup (NULL);
  for (int depth = 25; depth < 31; depth++) {
    int n = snprintf (data, sizeof data, "\"data\":%.*s1%.*s", depth,
                      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", depth,
                      "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    ck_assert_int_gt (n, 0);
    ck_assert_int_eq (one ((const char[]){ (char)('0' + depth - 25), 0 }, data),
                      depth <= 28 ? 204 : depth <= 30 ? 422 : 400);
  }
  ck_assert_int_eq (records (), 4);
  records_check ();
  end ();
}
END_TEST

START_TEST (a_large_batch)
{
  size_t n = 0;
  char *body = malloc (500000);
  setup (NULL);
  for (int i = 0; i < 1000; i++)
    n += (size_t)sprintf (body + n,
                          "%c{\"specversion\":\"1.0\",\"id\":\"%d\",\"source\":\"/app\","
                          "\"type\":\"t\",\"data\":{\"a\":[1,2,3],\"b\":{},\"c\":\"%d\"}}",
                          i ? ',' : '[', i, i);
  strcpy (body + n, "]");
  ck_assert_int_eq (post (CT_BATCH, body), 204);
  ck_assert_int_eq (post (CT_BATCH, body), 204);
  ck_assert_int_eq (records (), 1);
  records_check ();
  free (body);
  end ();
}
END_TEST

START_TEST (settings_that_count_twice_are_refused)
{
  static const char *const conf[] = { "ingest.max_age_days=40", NULL };
  static const char *const good[] = { "ingest.max_age_days=40", "ingest.dedup_days=41", NULL };
  fake = fake_new ();
  fake_services (fake);
  ck_assert (fake_open (fake, &kg_plugin_1, conf) != 0);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "must be below dedup_days"));
  fake_free (fake);
  setup (good);
  end ();
}
END_TEST

/* ---- Trouble ------------------------------------------------------------------------ */

START_TEST (nothing_is_said_before_it_is_durable)
{
  const char *headers[] = { CT_BATCH, NULL };
  setup (NULL);
  fake_store_hold (fake, 1);
  asked = fake_request (fake, "POST", "/v1/events", headers, "[" E ("1", "1") "]");
  ck_assert_int_eq (fake_status (asked), 0);
  ck_assert_int_eq (records (), 0);
  fake_store_commit (fake);
  ck_assert_int_eq (fake_status (asked), 204);
  fake_store_hold (fake, 0);
  end ();
}
END_TEST

START_TEST (a_full_disk)
{
  setup (NULL);
  fake_store_fail (fake, -ENOSPC, 1);
  ck_assert_int_eq (one ("1", ""), 503);
  fake_store_fail (fake, -EAGAIN, 1);
  ck_assert_int_eq (one ("1", ""), 503);
  ck_assert_int_eq (records (), 0);
  ck_assert_int_eq (one ("1", ""), 204);
  ck_assert_int_eq (records (), 1);
  end ();
}
END_TEST

START_TEST (two_send_the_same)
{
  const char *headers[] = { CT_BATCH, NULL };
  kg_req *two;
  setup (NULL);
  fake_store_hold (fake, 1);
  asked = fake_request (fake, "POST", "/v1/events", headers,
                        "[" E ("1", "1") "," E ("2", "2") "]");
  two = fake_request (fake, "POST", "/v1/events?detail=1", headers,
                      "[" E ("2", "2") "," E ("3", "3") "]");
  fake_store_hold (fake, 0);
  for (int i = 0; i < 10; i++) {
    fake_store_commit (fake);
    fake_run_jobs (fake);
  }
  ck_assert_int_eq (fake_status (asked), 204);
  ck_assert_int_eq (fake_status (two), 200);
  ck_assert_ptr_nonnull (strstr (fake_body (two), "{\"accepted\":1,\"duplicates\":1,"));
  ck_assert_int_eq (records (), 2);
  ck_assert_str_eq (recorded (1), "[" R ("3", "3") "]}");
  end ();
}
END_TEST

START_TEST (a_client_that_leaves)
{
  const char *headers[] = { CT_BATCH, NULL };
  setup (NULL);
  fake_store_hold (fake, 1);
  asked = fake_request (fake, "POST", "/v1/events", headers, "[" E ("1", "1") "]");
  fake_expire (asked);
  fake_store_hold (fake, 0);
  fake_store_commit (fake);
  ck_assert_int_eq (records (), 1);
  ck_assert_int_eq (post (CT_BATCH, "[" E ("1", "1") "]"), 204);
  ck_assert_int_eq (records (), 1);
  end ();
}
END_TEST

/* ---- Meters ------------------------------------------------------------------------- */

START_TEST (corrections_and_late_events_are_counted_where_they_belong)
{
  static const char *const conf[]
      = { "meters.0.slug=n",         "meters.0.type=t",          "meters.0.aggregation=SUM",
          "meters.0.value=$.n",      "meters.0.group_by=region", NULL };
  char body[1024], target[256], from[64];
  time_t day;
  struct tm tm;
  setup (conf);
  day = (time_t)(fake_now (fake) / 1000000000 - 5 * 86400);
  day -= day % 86400;
  snprintf (body, sizeof body,
            "[{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\",%s,"
            "\"data\":{\"n\":10,\"region\":\"eu\"}},"
            "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/a\",\"type\":\"t\",%s,"
            "\"corrects\":\"1\",\"data\":{\"n\":-2.5,\"region\":\"eu\"}}]",
            time_at (day - fake_now (fake) / 1000000000),
            time_at (day - fake_now (fake) / 1000000000 + 60));
  ck_assert_int_eq (post (CT_BATCH, body), 204);
  ck_assert_int_eq (post (CT_BATCH, body), 204);
  roll ();
  as ("acme", 0);
  gmtime_r (&day, &tm);
  strftime (from, sizeof from, "%Y-%m-%dT00:00:00Z", &tm);
  snprintf (target, sizeof target,
            "/v1/usage?meter=n&from=%s&windowSize=DAY&groupBy=region", from);
  ck_assert_int_eq (ask (target), 200);
  ck_assert_msg (strstr (said, "\"value\":7.5") != NULL, "%s", said);
  ck_assert_msg (strstr (said, "\"region\":\"eu\"") != NULL, "%s", said);
  end ();
}
END_TEST

UNIT_MAIN ("metering-ingest", structured, batched, plain, binary, other_bodies, wrong_attributes,
           wrong_events, extensions_are_kept, late_and_early, subjects, an_event_is_recorded_once,
           what_is_new_in_a_batch_is_recorded, details, all_or_nothing, limits,
           deep_data, a_large_batch,
           settings_that_count_twice_are_refused, nothing_is_said_before_it_is_durable,
           a_full_disk, two_send_the_same, a_client_that_leaves,
           corrections_and_late_events_are_counted_where_they_belong)
