/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Events that others send are taken once, and none is lost. */

#include "tests/plugins/metering-ingest.h"

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

UNIT_MAIN ("metering-ingest-once", an_event_is_recorded_once, what_is_new_in_a_batch_is_recorded,
           details, all_or_nothing, limits, deep_data, a_large_batch,
           settings_that_count_twice_are_refused, nothing_is_said_before_it_is_durable,
           a_full_disk, two_send_the_same, a_client_that_leaves,
           corrections_and_late_events_are_counted_where_they_belong)
