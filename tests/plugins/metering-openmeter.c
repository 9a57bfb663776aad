/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* metering-openmeter.so against the fake host: what is recorded, and how it
 * travels. */

#include "tests/fake/fake-services.h"

#include <kgent/json.h>
#include <kgent/meter.h>

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kg_plugin kg_plugin_1;

static struct fake *fake;

/* ---- A plugin that uses something ------------------------------------------- */

static const struct kg_host *host;
static const struct kg_meter *meter;
static int32_t last_note;

static int64_t
query (kg_req *req, const char *name, int64_t dflt)
{
  kg_str s = host->get (req, KG_GET_QUERY, name);
  return s.len ? atoi (s.ptr) : dflt;
}

static int32_t
use (kg_req *req, void *data)
{
  static char big[9000];
  int64_t i, n = query (req, "n", 1), size = query (req, "size", 0);
  kg_str d = { "{\"path\":\"a/b\",\"x\":1.50}", 23 };
  (void)data;
  if (size) {
    memset (big, ' ', sizeof big);
    big[0] = '{';
    big[size - 1] = '}';
    d = (kg_str){ big, (size_t)size };
  }
  for (i = 0; i < n; i++)
    last_note = meter->note (req, i ? "session.message" : "agentese.invoke", d);
  host->reply (req, (int32_t)query (req, "status", 200), "text/plain", "ok", 2);
  return KG_DONE;
}

static int32_t
user_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct kg_route billed = { .size = sizeof billed,
                                          .flags = KG_BILLABLE,
                                          .method = "GET",
                                          .pattern = "/use",
                                          .handler = use };
  static const struct kg_route ungated = { .size = sizeof ungated,
                                           .flags = KG_PUBLIC,
                                           .method = "GET",
                                           .pattern = "/free",
                                           .handler = use };
  (void)conf;
  host = h;
  *ret_data = NULL;
  h->route (self, &billed);
  h->route (self, &ungated);
  return h->need (self, KG_METER, sizeof *meter, 0, (const void **)&meter);
}

static const struct kg_plugin user
    = { KG_ABI_TARGET,  sizeof user,    sizeof (struct kg_opt), 0,
        .name = "user", .version = "1", .summary = "uses",      .open = user_open };

/* ---- Beginning and end ------------------------------------------------------- */

static const char *const scopes[] = { "read", NULL };
static const struct kg_identity tenant = {
  .size = sizeof tenant, .subject = "u", .tenant = "t\"1", .key_id = "k", .scopes = scopes
};

static void
open_with (const char *const *conf)
{
  ck_assert_msg (!fake_open (fake, &kg_plugin_1, conf), "%s", fake_error (fake));
  ck_assert_msg (!fake_open (fake, &user, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
  fake_as (fake, &tenant, 0, 0);
}

static void
begin_with (const char *const *conf)
{
  fake = fake_new ();
  fake_services (fake);
  open_with (conf);
}

static const char *const exporting[]
    = { "url=http://127.0.0.1:9/", "api_key=secret", "batch_size=4", NULL };

static void
begin (void)
{
  begin_with (NULL);
}

static void
begin_exporting (void)
{
  begin_with (exporting);
}

/* Requests under way are cancelled by stop and must come back. */
static void
end (void)
{
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_free (fake);
}

static int
get (const char *target)
{
  return fake_status (fake_request (fake, "GET", target, NULL, NULL));
}

/* ---- Recording --------------------------------------------------------------- */

START_TEST (a_request_is_a_record)
{
  ck_assert_int_eq (get ("/use?n=2"), 200);
  ck_assert_int_eq (fake_log_count (fake, "usage"), 1);
  ck_assert_ptr_nonnull (strstr (
      fake_log_data (fake, "usage", 0),
      ",\"events\":[{\"type\":\"agentese.invoke\",\"data\":{\"path\":\"a/b\",\"x\":1.50}},"
      "{\"type\":\"session.message\",\"data\":{\"path\":\"a/b\",\"x\":1.50}}]}"));
  ck_assert_ptr_eq (
      strstr (fake_log_data (fake, "usage", 0), "{\"tenant\":\"t\\\"1\",\"time\":"),
      fake_log_data (fake, "usage", 0));
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_events_total", "agentese.invoke"), 1);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_events_total", "session.message"), 1);
}
END_TEST

START_TEST (failures_are_free)
{
  ck_assert_int_eq (get ("/use?status=500"), 500);
  ck_assert_int_eq (get ("/use?status=302"), 302);
  ck_assert_int_eq (get ("/use?n=0"), 200);
  ck_assert_int_eq (fake_log_count (fake, "usage"), 0);
}
END_TEST

START_TEST (bounds_of_note)
{
  ck_assert_int_eq (get ("/use?n=16"), 200);
  ck_assert_int_eq (last_note, 0);
  ck_assert_int_eq (get ("/use?n=17"), 200);
  ck_assert_int_eq (last_note, -E2BIG);
  get ("/use?size=8192");
  ck_assert_int_eq (last_note, 0);
  get ("/use?size=8193");
  ck_assert_int_eq (last_note, -E2BIG);
  get ("/use?n=2&size=8190");
  ck_assert_int_eq (last_note, -E2BIG); /* together over what a record may hold */
  fake_as (fake, NULL, 0, 0);
  get ("/free");
  ck_assert_int_eq (last_note, -EACCES);
}
END_TEST

START_TEST (what_cannot_be_recorded_is_not_answered)
{
  kg_req *req;
  fake_store_fail (fake, -ENOSPC, 1);
  ck_assert_int_eq (get ("/use"), 503);
  ck_assert_int_eq (fake_health (fake, "metering"), KG_HEALTH_DOWN);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_refused_total", NULL), 1);
  ck_assert_int_eq (get ("/use"), 200);
  ck_assert_int_eq (fake_health (fake, "metering"), KG_HEALTH_OK);
  fake_store_fail (fake, -ENOSPC, 1);
  ck_assert_int_eq (get ("/free"), 200); /* free of charge: it goes on */
  fake_store_hold (fake, 1);
  req = fake_request (fake, "GET", "/use", NULL, NULL);
  ck_assert_int_eq (fake_done (req), 0);
  fake_store_commit (fake);
  ck_assert_int_eq (fake_done (req), 1);
}
END_TEST

START_TEST (requests_as_events)
{
  static const char *const conf[] = { "api_requests=true", NULL };
  begin_with (conf);
  ck_assert_int_eq (get ("/use?status=404"), 404);
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "usage", 0),
                                 "\"events\":[{\"type\":\"api.request\",\"data\":{\"endpoint\":"
                                 "\"/use\",\"method\":\"GET\",\"status_code\":404}}]"));
  get ("/use?n=16");
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "usage", 1), "api.request"));
  fake_as (fake, NULL, 0, 0);
  get ("/nowhere");
  ck_assert_int_eq (fake_log_count (fake, "usage"), 2);
  end ();
}
END_TEST

START_TEST (without_a_server)
{
  get ("/use");
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_ABSENT);
  ck_assert_int_eq (fake_health (fake, "metering"), KG_HEALTH_OK);
  fake_advance (fake, 5000);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_http_count (fake), 0);
}
END_TEST

/* ---- Exporting ---------------------------------------------------------------- */

static void
turn (int64_t ms)
{
  fake_advance (fake, ms);
  fake_run_jobs (fake);
}

/* The server answers the request under way with this. */
static void
answer (int status)
{
  fake_http_reply (fake, status, NULL, "", -1);
  ck_assert_int_eq (fake_http_deliver (fake), 1);
  fake_run_jobs (fake);
}

/* How many events the newest request carries; 0: it is a probe. */
static int
carried (void)
{
  const struct fake_call *c = fake_http_call (fake, fake_http_count (fake) - 1);
  const char *p = c && !strcmp (c->method, "POST") ? c->body : "";
  int n = 0;
  while ((p = strstr (p, "{\"specversion\"")) && p++)
    n++;
  return n;
}

static void
use_times (int n)
{
  while (n--)
    ck_assert_int_eq (get ("/use"), 200);
}

START_TEST (a_batch_of_cloudevents)
{
  const struct fake_call *c;
  char want[256];
  get ("/use?n=2");
  turn (2);
  ck_assert_int_eq (fake_http_count (fake), 1);
  c = fake_http_call (fake, 0);
  ck_assert_str_eq (c->url, "http://127.0.0.1:9/api/v1/events");
  ck_assert_str_eq (c->method, "POST");
  ck_assert_str_eq (fake_http_header (c, "Content-Type"), "application/cloudevents-batch+json");
  ck_assert_str_eq (fake_http_header (c, "Authorization"), "Bearer secret");
  snprintf (want, sizeof want,
            "[{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"kgents-api\",\"type\":"
            "\"agentese.invoke\",\"subject\":\"t\\\"1\",\"time\":\"20",
            fake_log_id (fake, "usage", 0));
  ck_assert_msg (!strncmp (c->body, want, strlen (want)), "%s", c->body);
  ck_assert_ptr_nonnull (strstr (c->body, "+00:00\",\"datacontenttype\":\"application/json\","
                                          "\"data\":{\"path\":\"a/b\",\"x\":1.50}},{"));
  snprintf (want, sizeof want, "\"id\":\"%s-1\"", fake_log_id (fake, "usage", 0));
  ck_assert_ptr_nonnull (strstr (c->body, want));
  answer (204);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 2);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_buffered", NULL), 0);
  turn (1100);
  ck_assert_int_eq (fake_http_count (fake), 1);
}
END_TEST

START_TEST (full_batches_go_at_once)
{
  turn (2);
  answer (200); /* the probe */
  use_times (9);
  fake_run_jobs (fake);
  ck_assert_int_eq (carried (), 4);
  answer (200);
  ck_assert_int_eq (carried (), 4);
  answer (202);
  ck_assert_int_eq (fake_http_count (fake), 3); /* one is left, for the interval */
  turn (1100);
  ck_assert_int_eq (carried (), 1);
}
END_TEST

START_TEST (a_restart_goes_on_behind_the_last_2xx)
{
  char *first;
  use_times (6);
  turn (2);
  answer (204);
  ck_assert_int_eq (carried (), 2);
  first = strdup (fake_http_call (fake, fake_http_count (fake) - 1)->body);
  fake_stop (fake); /* the second batch was not answered */
  fake_http_deliver (fake);
  fake_close (fake);
  open_with (exporting);
  turn (2);
  ck_assert_str_eq (fake_http_call (fake, fake_http_count (fake) - 1)->body, first);
  free (first);
}
END_TEST

static const int temporary[]
    = { 429,        500,         502,           503,           504,     302,      408,
        -ETIMEDOUT, -ECONNRESET, -ECONNREFUSED, -EHOSTUNREACH, -EPROTO, -EMSGSIZE };

START_TEST (the_same_ids_again)
{
  char *first;
  int i, before;
  use_times (3);
  turn (2);
  first = strdup (fake_http_call (fake, 0)->body);
  for (i = 0; i < 5; i++) {
    before = fake_http_count (fake);
    answer (temporary[_i]);
    ck_assert_int_eq (fake_http_count (fake), before); /* not at once */
    ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_DEGRADED);
    turn (10000);
    ck_assert_int_eq (fake_http_count (fake), before + 1);
    ck_assert_str_eq (fake_http_call (fake, before)->body, first);
  }
  answer (204);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_flush_errors_total", NULL), 5);
  free (first);
}
END_TEST

START_TEST (retry_after_is_honoured)
{
  use_times (1);
  turn (2);
  fake_http_reply (fake, 429, NULL, "", 120000);
  fake_http_deliver (fake);
  fake_run_jobs (fake);
  turn (110000);
  ck_assert_int_eq (fake_http_count (fake), 1);
  turn (11000);
  ck_assert_int_eq (fake_http_count (fake), 2);
  fake_http_reply (fake, 429, NULL, "", 1000000000); /* five minutes at most */
  fake_http_deliver (fake);
  fake_run_jobs (fake);
  turn (301000);
  ck_assert_int_eq (fake_http_count (fake), 3);
}
END_TEST

/* A server that cannot take one event: every batch with it is a 400. */
static void
serve_poison (const char *id)
{
  char needle[128];
  int i;
  snprintf (needle, sizeof needle, "\"id\":\"%s\"", id);
  for (i = 0; i < 100; i++) {
    const struct fake_call *c = fake_http_call (fake, fake_http_count (fake) - 1);
    if (!c || c->delivered)
      break;
    answer (c->body && strstr (c->body, needle) ? 400 : 204);
  }
}

START_TEST (a_poison_event_is_parked_alone)
{
  char id[128];
  use_times (3);
  get ("/use?n=3");
  use_times (3);
  snprintf (id, sizeof id, "%s-1", fake_log_id (fake, "usage", 3));
  turn (2);
  serve_poison (id);
  turn (1100);
  serve_poison (id);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 8);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_parked_total", NULL), 1);
  ck_assert_ptr_nonnull (
      strstr (fake_store_get (fake, "metering.parked", id),
              "{\"status\":400,\"event\":{\"specversion\":\"1.0\",\"id\":\""));
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_buffered", NULL), 0);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
}
END_TEST

START_TEST (what_was_parked_is_not_sent_again)
{
  char id[128];
  use_times (1);
  snprintf (id, sizeof id, "%s", fake_log_id (fake, "usage", 0));
  turn (2);
  serve_poison (id);
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_close (fake);
  open_with (exporting);
  turn (2);
  ck_assert_int_eq (carried (), 0);
}
END_TEST

static kg_log *foreign;

static int32_t
stranger_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  const struct kg_store *store = NULL;
  (void)conf;
  *ret_data = NULL;
  h->need (self, KG_STORE, sizeof *store, 0, (const void **)&store);
  return store->log (self, "usage", 0, 400, &foreign);
}

static const struct kg_plugin stranger = {
  KG_ABI_TARGET,      sizeof stranger, sizeof (struct kg_opt),      0,
  .name = "stranger", .version = "1",  .summary = "writes garbage", .open = stranger_open
};

START_TEST (a_record_that_is_none_of_ours)
{
  static const char *const garbage[]
      = { "no json", "{}", "{\"tenant\":\"\",\"time\":1,\"events\":[]}",
          "{\"tenant\":\"t\",\"time\":1,\"events\":[{\"type\":1,\"data\":{}}]}",
          "{\"tenant\":\"t\",\"time\":1,\"events\":[{\"type\":\"a\",\"data\":{}}]} x" };
  const struct kg_store *store;
  int i;
  fake = fake_new ();
  fake_services (fake);
  ck_assert (!fake_open (fake, &stranger, NULL));
  open_with (exporting);
  store = fake_service (fake, KG_STORE);
  use_times (1);
  for (i = 0; i < 5; i++) {
    struct kg_op op = { .kind = KG_OP_APPEND, .log = foreign };
    op.value = (kg_str){ garbage[i], strlen (garbage[i]) };
    ck_assert_int_eq (store->write (fake_self (fake), &op, 1, sizeof op, NULL, NULL), 0);
  }
  fake_store_commit (fake);
  use_times (1);
  ck_assert_int_eq (fake_log_count (fake, "usage"), 7);
  turn (2);
  ck_assert_int_eq (carried (), 1); /* the good one goes without them */
  answer (204);
  fake_run_jobs (fake);
  ck_assert_int_eq (carried (), 1);
  answer (204);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_parked_total", NULL), 5);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 2);
  end ();
}
END_TEST

START_TEST (parking_waits_for_the_disk)
{
  use_times (1);
  turn (2);
  fake_store_fail (fake, -ENOSPC, -1);
  answer (400);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_DEGRADED);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_buffered", NULL), 1);
  fake_store_fail (fake, 0, 0);
  turn (1000);
  answer (204); /* it changed its mind: nothing was lost meanwhile */
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 1);
}
END_TEST

START_TEST (not_everything_is_parked)
{
  int i;
  use_times (20);
  turn (2);
  for (i = 0; i < 200 && fake_health (fake, "openmeter") != KG_HEALTH_DOWN; i++)
    answer (400);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_parked_total", NULL), 10);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_buffered", NULL), 10);
}
END_TEST

static const int refusing[] = { 401, 403, 404 };

START_TEST (a_refused_key_stops_everything)
{
  use_times (6);
  turn (2);
  answer (refusing[_i]);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_DOWN);
  turn (59000);
  ck_assert_int_eq (fake_http_count (fake), 1);
  turn (2000);
  ck_assert_int_eq (carried (), 1);
  answer (refusing[_i]);
  turn (61000);
  ck_assert_int_eq (carried (), 1);
  answer (204);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
  turn (1100);
  answer (204);
  turn (1100);
  answer (204);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 6);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_parked_total", NULL), 0);
}
END_TEST

START_TEST (probing_when_idle)
{
  turn (2);
  ck_assert_str_eq (fake_http_call (fake, 0)->url, "http://127.0.0.1:9/api/v1/meters");
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_STARTING);
  answer (-ECONNREFUSED);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_DEGRADED);
  turn (5000);
  answer (200);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
  turn (5000);
  ck_assert_int_eq (fake_http_count (fake), 2);
}
END_TEST

START_TEST (a_url_that_cannot_work)
{
  static const char *const conf[] = { "url=openmeter.cloud", NULL };
  fake = fake_new ();
  fake_services (fake);
  ck_assert_int_eq (fake_open (fake, &kg_plugin_1, conf), -EINVAL);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "is no http or https URL"));
  fake_free (fake);
}
END_TEST

/* ---- The log for operators ------------------------------------------------------ */

START_TEST (the_log_page_by_page)
{
  static const char *const admin_scopes[] = { "admin", NULL };
  struct kg_identity who = tenant;
  kg_req *req;
  use_times (3);
  get ("/use?n=15");
  who.scopes = admin_scopes;
  fake_as (fake, &who, 1, 0);
  req = fake_request (fake, "GET", "/admin/v1/usage/events?limit=16", NULL, NULL);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_pstr_eq (fake_json (req, "events.0.id"), fake_log_id (fake, "usage", 0));
  ck_assert_ptr_nonnull (fake_json (req, "events.2"));
  ck_assert_ptr_null (fake_json (req, "events.3")); /* half a record is none */
  req = fake_request (fake, "GET", "/admin/v1/usage/events?after=3", NULL, NULL);
  fake_run_jobs (fake);
  ck_assert_ptr_nonnull (fake_json (req, "events.14"));
  ck_assert_ptr_null (fake_json (req, "events.15"));
  req = fake_request (fake, "GET", "/admin/v1/usage/events?limit=x", NULL, NULL);
  ck_assert_int_eq (fake_status (req), 422);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("metering-openmeter");
  TCase *t = tcase_create ("recording"), *x = tcase_create ("exporting"),
        *own = tcase_create ("other configurations");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin, end);
  tcase_add_test (t, a_request_is_a_record);
  tcase_add_test (t, failures_are_free);
  tcase_add_test (t, bounds_of_note);
  tcase_add_test (t, what_cannot_be_recorded_is_not_answered);
  tcase_add_test (t, without_a_server);
  tcase_add_test (t, the_log_page_by_page);
  tcase_add_checked_fixture (x, begin_exporting, end);
  tcase_add_test (x, a_batch_of_cloudevents);
  tcase_add_test (x, full_batches_go_at_once);
  tcase_add_test (x, a_restart_goes_on_behind_the_last_2xx);
  tcase_add_loop_test (x, the_same_ids_again, 0, (int)(sizeof temporary / sizeof temporary[0]));
  tcase_add_test (x, retry_after_is_honoured);
  tcase_add_test (x, a_poison_event_is_parked_alone);
  tcase_add_test (x, what_was_parked_is_not_sent_again);
  tcase_add_test (x, parking_waits_for_the_disk);
  tcase_add_test (x, not_everything_is_parked);
  tcase_add_loop_test (x, a_refused_key_stops_everything, 0, 3);
  tcase_add_test (x, probing_when_idle);
  tcase_add_test (own, a_record_that_is_none_of_ours);
  tcase_add_test (own, requests_as_events);
  tcase_add_test (own, a_url_that_cannot_work);
  suite_add_tcase (s, t);
  suite_add_tcase (s, x);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
