/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* metering-openmeter.so against the fake host: what is recorded. */

#include "tests/plugins/metering.h"

static void
begin (void)
{
  begin_with (NULL);
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

/* ---- Charges ----------------------------------------------------------------- */

static void
begin_charging (void)
{
  fake = fake_new ();
  fake_services (fake);
  provide_budget ();
  open_with (NULL);
}

START_TEST (a_charge_is_in_the_record)
{
  charge_result = 1;
  ck_assert_int_eq (get ("/use"), 200);
  ck_assert_int_eq (charge_asked, 1);
  ck_assert_msg (!strncmp (fake_log_data (fake, "usage", 0),
                           "{\"tenant\":\"t\\\"1\",\"key\":\"0a\\\"b\",\"time\":", 37),
                 "%s", fake_log_data (fake, "usage", 0));
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "usage", 0),
                                 ",\"charge\":{\"tokens\":7},\"events\":[{\"type\":"));
  ck_assert_int_eq (get ("/use?n=0"), 200); /* nothing was noted, and it costs */
  ck_assert_int_eq (fake_log_count (fake, "usage"), 2);
  ck_assert_ptr_nonnull (
      strstr (fake_log_data (fake, "usage", 1), ",\"charge\":{\"tokens\":7},\"events\":[]}"));
}
END_TEST

START_TEST (only_successes_are_charged)
{
  charge_result = 1;
  get ("/use?status=404");
  get ("/use?status=500");
  ck_assert_int_eq (charge_asked, 0);
  charge_result = 0;
  get ("/use?n=0");
  charge_result = -EACCES;
  ck_assert_int_eq (get ("/use?n=0"), 200);
  ck_assert_int_eq (charge_asked, 2);
  ck_assert_int_eq (fake_log_count (fake, "usage"), 0);
  get ("/use");
  ck_assert_ptr_null (strstr (fake_log_data (fake, "usage", 0), "charge"));
}
END_TEST

START_TEST (what_cannot_be_charged_is_not_answered)
{
  charge_result = -ENOMEM;
  ck_assert_int_eq (get ("/use"), 503);
  charge_result = 1;
  fake_store_fail (fake, -ENOSPC, 1);
  ck_assert_int_eq (get ("/cheap?n=0"), 503); /* whatever its route is */
  ck_assert_int_eq (fake_log_count (fake, "usage"), 0);
  ck_assert_int_eq (get ("/cheap?n=0"), 200);
  ck_assert_int_eq (fake_log_count (fake, "usage"), 1);
}
END_TEST

START_TEST (the_log_passes_over_mere_charges)
{
  static const char *const admin_scopes[] = { "admin", NULL };
  struct kg_identity who = tenant;
  kg_req *req;
  int i;
  charge_result = 1;
  for (i = 0; i < 40; i++)
    get (i == 20 ? "/use" : "/use?n=0");
  charge_result = 0;
  who.scopes = admin_scopes;
  fake_as (fake, &who, 1, 0);
  req = fake_request (fake, "GET", "/admin/v1/usage/events?limit=16", NULL, NULL);
  fake_run_jobs (fake);
  ck_assert_pstr_eq (fake_json (req, "next"), "16");
  ck_assert_ptr_null (fake_json (req, "events.0"));
  req = fake_request (fake, "GET", "/admin/v1/usage/events?limit=16&after=16", NULL, NULL);
  fake_run_jobs (fake);
  ck_assert_pstr_eq (fake_json (req, "next"), "32");
  ck_assert_pstr_eq (fake_json (req, "events.0.id"), fake_log_id (fake, "usage", 20));
  ck_assert_ptr_null (fake_json (req, "events.1"));
  ck_assert_ptr_null (strstr (fake_body (req), "charge"));
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

START_TEST (the_log_shows_the_greatest_record)
{
  static const char *const conf[] = { "api_requests=true", NULL };
  static const char *const admin_scopes[] = { "admin", NULL };
  struct kg_identity who = tenant;
  kg_req *req;
  begin_with (conf);
  get ("/use?n=16"); /* and the request's own event */
  who.scopes = admin_scopes;
  fake_as (fake, &who, 1, 0);
  req = fake_request (fake, "GET", "/admin/v1/usage/events?limit=16", NULL, NULL);
  fake_run_jobs (fake);
  ck_assert_pstr_eq (fake_json (req, "next"), "1");
  ck_assert_ptr_nonnull (fake_json (req, "events.16"));
  end ();
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

START_TEST (a_source_that_is_no_uri)
{
  static const char *const sources[] = { "source=", "source=a b", "source=a#b", "source=\xc3\xa9" };
  const char *conf[] = { sources[_i], NULL };
  fake = fake_new ();
  fake_services (fake);
  ck_assert_int_eq (fake_open (fake, &kg_plugin_1, conf), -EINVAL);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "is no URI"));
  fake_free (fake);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("metering-openmeter");
  TCase *t = tcase_create ("recording"), *own = tcase_create ("configurations");
  TCase *charges = tcase_create ("charges");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin, end);
  tcase_add_test (t, a_request_is_a_record);
  tcase_add_test (t, failures_are_free);
  tcase_add_test (t, bounds_of_note);
  tcase_add_test (t, what_cannot_be_recorded_is_not_answered);
  tcase_add_test (t, without_a_server);
  tcase_add_test (t, the_log_page_by_page);
  tcase_add_checked_fixture (charges, begin_charging, end);
  tcase_add_test (charges, a_charge_is_in_the_record);
  tcase_add_test (charges, only_successes_are_charged);
  tcase_add_test (charges, what_cannot_be_charged_is_not_answered);
  tcase_add_test (charges, the_log_passes_over_mere_charges);
  tcase_add_test (own, requests_as_events);
  tcase_add_test (own, the_log_shows_the_greatest_record);
  tcase_add_test (own, a_url_that_cannot_work);
  tcase_add_loop_test (own, a_source_that_is_no_uri, 0, 4);
  suite_add_tcase (s, t);
  suite_add_tcase (s, own);
  suite_add_tcase (s, charges);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
