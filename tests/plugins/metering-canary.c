/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The canary of a sink: whether equal events count once there, and what is done if not. */

#include "tests/plugins/metering-sinks.h"

static const char *const canary[] = { "url=http://127.0.0.1:9/", "batch_size=4",
                                      "canary=true", NULL };

static int
is_canary (void)
{
  return strstr (last_call ()->body, "\"id\":\"canary-") != NULL;
}

/* The event was sent twice, and this is the answer to how often it counts. */
static void
sing (const char *rows)
{
  char first[1024];
  turn (2);
  answer (200); /* the probe */
  ck_assert (is_canary ());
  snprintf (first, sizeof first, "%s", last_call ()->body);
  answer (204);
  ck_assert_str_eq (last_call ()->body, first);
  answer (204);
  turn (2000);
  ck_assert (last_call ()->delivered);
  while (last_call ()->delivered)
    turn (1001);
  ck_assert_ptr_nonnull (strstr (last_call ()->url, "/api/v1/meters/kgent_canary/query?from=20"));
  ck_assert_ptr_nonnull (strstr (last_call ()->url, ":00Z&to=20"));
  answer_with (200, rows);
}

START_TEST (equal_events_count_once)
{
  begin_with (canary);
  sing ("{\"data\":[]}"); /* it takes its time */
  status_is ("sinks.0.dedupe", "unknown");
  while (last_call ()->delivered)
    turn (1001);
  answer_with (200, "{\"data\":[{\"value\":1}]}");
  status_is ("sinks.0.dedupe", "yes");
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_sink_dedupes", "openmeter"), 1);
  while (last_call ()->delivered)
    turn (1001);
  ck_assert (is_canary ()); /* the next minute */
  end ();
}
END_TEST

/* Who has no such meter cannot say. */
START_TEST (no_meter)
{
  begin_with (canary);
  sing ("{\"data\":[{\"value\":\"x\"}, 7, {}]}");
  while (last_call ()->delivered)
    turn (1001);
  answer (404);
  status_is ("sinks.0.dedupe", "unknown");
  status_is ("sinks.0.state", "ok");
  end ();
}
END_TEST

static const int doubtful[] = { -ETIMEDOUT, -ECONNRESET, 500, 503 };

START_TEST (what_may_have_arrived_is_parked)
{
  begin_with (canary);
  sing ("{\"data\":[{\"value\":2}]}");
  status_is ("sinks.0.dedupe", "no");
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_DEGRADED);
  use_times (3);
  turn (1001);
  answer (doubtful[_i]);
  turn (1001);
  status_is ("sinks.0.parked", "3");
  status_is ("sinks.0.lag_records", "0");
  use_times (2);
  turn (60000);
  while (!is_canary () && !last_call ()->delivered)
    answer (204);
  status_is ("sinks.0.confirmed", "2");
  balanced ();
  end ();
}
END_TEST

/* What has certainly not arrived is sent again. */
START_TEST (what_has_not_arrived_is_not_parked)
{
  begin_with (canary);
  sing ("{\"data\":[{\"value\":2}]}");
  use_times (3);
  turn (1001);
  answer (_i ? -ECONNREFUSED : 429);
  turn (1001);
  answer (204);
  status_is ("sinks.0.parked", "0");
  status_is ("sinks.0.confirmed", "3");
  end ();
}
END_TEST

/* The process ends while a batch is under way. */
START_TEST (doubt_outlives_the_process)
{
  begin_with (canary);
  sing ("{\"data\":[{\"value\":2}]}");
  use_times (3);
  turn (1001);
  ck_assert_ptr_nonnull (strstr (last_call ()->body, fake_log_id (fake, "usage", 2)));
  if (_i)
    fake_crash (fake);
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_close (fake);
  open_with (canary);
  use_times (1);
  turn (1100);
  status_is ("sinks.0.parked", "3");
  ck_assert_ptr_null (strstr (last_call ()->body, fake_log_id (fake, "usage", 2)));
  ck_assert_ptr_nonnull (strstr (last_call ()->body, fake_log_id (fake, "usage", 3)));
  answer (204);
  status_is ("sinks.0.confirmed", "1");
  balanced ();
  end ();
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("metering-canary");
  TCase *own = tcase_create ("canary");
  SRunner *sr;
  int failed;
  tcase_add_test (own, equal_events_count_once);
  tcase_add_test (own, no_meter);
  tcase_add_loop_test (own, what_may_have_arrived_is_parked, 0, 4);
  tcase_add_loop_test (own, what_has_not_arrived_is_not_parked, 0, 2);
  tcase_add_loop_test (own, doubt_outlives_the_process, 0, 2);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
