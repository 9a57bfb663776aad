/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Events that others send: what is taken in which way; and what is refused, why. */

#include "tests/plugins/metering-ingest.h"

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

/* The fields of a request whose body is an event's data alone. */
static const char *headers[8];

static void
headers_set (void)
{
  static const char *const usual[] = { "Content-Type: application/json",
                                       "ce-specversion: 1.0",
                                       "Ce-Id: a%20b%e2%82%ac%zz",
                                       "ce-source: /app",
                                       "ce-type: t",
                                       "ce-dataschema: http://x/y",
                                       "CE-Region: eu%2dwest",
                                       NULL };
  memcpy (headers, usual, sizeof headers);
}

START_TEST (binary)
{
  headers_set ();
  setup (NULL);
  ck_assert_int_eq (post_to ("/v1/events", headers, "{\"n\":1}"), 204);
  ck_assert_str_eq (recorded (0),
                    "[{\"type\":\"t\",\"id\":\"a b\xe2\x82\xac%zz\",\"source\":\"/app\","
                    "\"data\":{\"n\":1},\"ext\":{\"dataschema\":\"http://x/y\","
                    "\"region\":\"eu-west\"}}]}");
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
  ck_assert_int_eq (records (), 3);
  records_check ();
  end ();
}
END_TEST

START_TEST (wrong_binary)
{
  static const struct {
    const char *field;
    int status;
  } rows[] = { { "ce-data: 1", 400 },     { "ce-data_base64: AA==", 400 },
               { "ce-id: twice", 400 },   { "ce-datacontenttype: text/plain", 400 },
               { "ce-a_b: x", 422 },      { "ce-x: %00", 400 } };
  headers_set ();
  headers[5] = NULL;
  headers[2] = "ce-id: 3";
  setup (NULL);
  ck_assert_int_eq (post_to ("/v1/events", headers, "{\"n\":"), 400);
  headers[1] = "ce-specversion: 0.3";
  ck_assert_int_eq (post_to ("/v1/events", headers, "{}"), 422);
  headers[1] = "ce-specversion: 1.0";
  headers[2] = "ce-id: %ff";
  ck_assert_int_eq (post_to ("/v1/events", headers, "{}"), 400);
  headers[2] = "ce-id: 4";
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    headers[5] = rows[i].field;
    ck_assert_int_eq (post_to ("/v1/events", headers, "{}"), rows[i].status);
  }
  ck_assert_int_eq (records (), 0);
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
  ck_assert_int_eq (post (CT_BATCH, "[{\"id\":\"1\",\"id\":\"2\"}]"), 400);
  ck_assert_int_eq (post (CT_BATCH, "[7]"), 422);
  ck_assert_int_eq (records (), 0);
  end ();
}
END_TEST

/* ---- Attributes --------------------------------------------------------------------- */

static const char *const wrong[][2] = {
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
  { "\"dataschema\":7", "dataschema: must be" },
  { "\"dataschema\":\"\"", "dataschema: must be" },
  { "\"dataschema\":\"x y\"", "dataschema: must be" },
  { "\"dataschema\":\"/orders\"", "dataschema: must be" },
  { "\"dataschema\":\"http:\"", "dataschema: must be" },
  { "\"dataschema\":\"http://x/%2\"", "dataschema: must be" },
  { "\"dataschema\":\"http://x/\xc3\xa9\"", "dataschema: must be" },
  { "\"datacontenttype\":\"\"", "datacontenttype: must be" },
  { "\"datacontenttype\":7", "datacontenttype: must be" },
  { "\"datacontenttype\":\"text\"", "datacontenttype: must be" },
  { "\"datacontenttype\":\"text/\"", "datacontenttype: must be" },
  { "\"datacontenttype\":\"/plain\"", "datacontenttype: must be" },
  { "\"datacontenttype\":\"a/b/c\"", "datacontenttype: must be" },
  { "\"datacontenttype\":\"a/b,c/d\"", "datacontenttype: must be" },
  { "\"datacontenttype\":\"a/b; c=\\u0001\"", "datacontenttype: must be" },
  { "\"data_base64\":\"***\"", "data_base64: must be" },
  { "\"data_base64\":\"AAA\"", "data_base64: must be" },
  { "\"data_base64\":\"A===\"", "data_base64: must be" },
  { "\"data_base64\":\"AA=A\"", "data_base64: must be" },
  { "\"data_base64\":\"AA\\u00e9=\"", "data_base64: must be" },
  { "\"data_base64\":7", "data_base64: must be" },
  { "\"data\":{},\"data_base64\":\"\"", "only one of them" },
  { "\"corrects\":\"x\"", "data: a correction" },
  { "\"corrects\":\"x\",\"data\":[]", "data: a correction" },
  { "\"corrects\":\"\",\"data\":{}", "corrects: must be" },
  { "\"corrects\":7,\"data\":{}", "corrects: must be" },
};

/* Of each row an attribute is refused, and why. */
static void
refused (const char *const rows[][2], size_t n, int32_t status)
{
  setup (NULL);
  for (size_t i = 0; i < n; i++) {
    ck_assert_msg (one ("1", rows[i][0]) == status, "%s: %d", rows[i][0], fake_status (asked));
    ck_assert_msg (strstr (said, rows[i][1]) != NULL, "%s: %s", rows[i][0], said);
  }
  ck_assert_int_eq (records (), 0);
  end ();
}

START_TEST (wrong_attributes)
{
  refused (wrong, sizeof wrong / sizeof *wrong, 422);
}
END_TEST

/* No text that readers could understand in two ways, as in the bodies of other routes. */
START_TEST (malformed)
{
  static const char *const rows[][2] = {
    { "\"a\":7,\"a\":7", "an attribute is there twice" },
    { "\"source\":\"/app\"", "an attribute is there twice" },
    { "\"data\":{\"n\":1,\"n\":2}", "data: a member is there twice" },
    { "\"data\":{\"n\":1,\"\\u006e\":2}", "data: a member is there twice" },
    { "\"data\":[{\"a\":{\"\":1,\"x\":{},\"\":2}}]", "data: a member is there twice" },
    { "\"data\":{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"10\":1,"
      "\"11\":1,\"12\":1,\"13\":1,\"14\":1,\"15\":1,\"16\":1,\"17\":1,\"1\":1}",
      "data: a member is there twice" },
    { "\"data\":{\"n\":1e999}", "data: a number" },
    { "\"data\":{\"n\":-1.8e308}", "data: a number" },
    { "\"data\":9223372036854775808", "data: a number" },
    { "\"data\":[-9223372036854775809]", "data: a number" },
    { "\"data\":0.00000000000000000000000000000000000000001", "data: a number" },
  };
  refused (rows, sizeof rows / sizeof *rows, 400);
}
END_TEST

START_TEST (numbers_and_members_of_any_form)
{
  static const char *const rows[] = {
    "\"data\":{\"n\":{\"n\":1},\"N\":[{\"n\":1},{\"n\":1}]}",
    "\"data\":{\"\\u006e\":1,\"nn\":1,\"\":1}",
    "\"data\":[9223372036854775807,-9223372036854775808,1.7976931348623157e308,-0.0]",
    "\"data\":[1e-999,0e999,0.000000000000000000000000000000000000001,9223372036854775808.0]",
    "\"data\":{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"10\":1,"
    "\"11\":1,\"12\":1,\"13\":1,\"14\":1,\"15\":1,\"16\":1,\"\\u0031\\u0037\":1}",
  };
  char id[24];
  setup (NULL);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    snprintf (id, sizeof id, "%zu", i);
    ck_assert_msg (one (id, rows[i]) == 204, "%s: %d %s", rows[i], fake_status (asked), said);
  }
  end ();
}
END_TEST

/* JSON has several ways to write a text. */
START_TEST (attributes_of_any_form)
{
  static const char *const rows[] = {
    "\"data_base64\":\"\"",
    "\"data_base64\":\"AA==\"",
    "\"data_base64\":\"\\/\\u002B+/\"",
    "\"datacontenttype\":\"text/plain\"",
    "\"datacontenttype\":\"application\\/vnd.x.v1+json;charset=\\\"utf-8\\\"\"",
    "\"datacontenttype\":\"text/csv ; header=present\"",
    "\"dataschema\":\"urn:x:1\"",
    "\"dataschema\":\"https:\\/\\/[::1]:8/a%20b?c=d#e\"",
  };
  char id[24];
  setup (NULL);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    snprintf (id, sizeof id, "%zu", i);
    ck_assert_msg (one (id, rows[i]) == 204, "%s: %d %s", rows[i], fake_status (asked), said);
  }
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
                              "\"subject\":null,\"dataschema\":\"s:x\""),
                    204);
  ck_assert_str_eq (recorded (0), "[{\"type\":\"t\",\"id\":\"1\",\"source\":\"/app\",\"ext\":{"
                                  "\"traceparent\":\"00-a\",\"n\":-5,\"yes\":true,"
                                  "\"dataschema\":\"s:x\"}}]}");
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

/* Sinks get the time as it was sent, but in a form that all readers of RFC 3339 know. */
START_TEST (times_as_they_leave)
{
  static const char *const admin[] = { "admin", NULL };
  static const struct kg_identity who = {
    .size = sizeof who, .subject = "olga", .tenant = "ops", .key_id = "o", .scopes = admin
  };
  static const struct {
    const char *sent, *leaves; /* from the hour on */
  } rows[] = { { "T12:34:56.123456789012Z", "T12:34:56.123456789012Z" },
               { "t12:34:56z", "T12:34:56Z" },
               { " 12:34:56.5+00:00", "T12:34:56.5+00:00" },
               { "T23:59:60Z", "T23:59:59Z" },
               { "T12:34:56-00:00", "T12:34:56-00:00" } };
  char attribute[96], id[24];
  kg_req *list;
  size_t i;
  setup (NULL);
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    snprintf (id, sizeof id, "%zu", i);
    snprintf (attribute, sizeof attribute, "%.18s%s\"", time_at (-2 * 86400), rows[i].sent);
    ck_assert_msg (one (id, attribute) == 204, "%s: %s", attribute, said);
  }
  fake_as (fake, &who, 1, 0);
  list = fake_request (fake, "GET", "/admin/v1/usage/events?limit=100", NULL, NULL);
  fake_run_jobs (fake);
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    snprintf (attribute, sizeof attribute, "%.18s%s\"", time_at (-2 * 86400), rows[i].leaves);
    ck_assert_msg (strstr (fake_body (list), attribute), "%s: %s", attribute, fake_body (list));
  }
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

UNIT_MAIN ("metering-ingest", structured, batched, plain, binary, wrong_binary, other_bodies,
           wrong_attributes, malformed, numbers_and_members_of_any_form, attributes_of_any_form,
           wrong_events, extensions_are_kept,
           late_and_early, times_as_they_leave, subjects)
