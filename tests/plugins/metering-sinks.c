/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Sinks of metering-openmeter.so against the fake host: what is kept of them, what is
 * parked, and what operators do about it. */

#include "tests/plugins/metering-sinks.h"

static const char *const two[]
    = { "url=http://127.0.0.1:9",   "batch_size=4", "sinks.0.name=second", "sinks.0.kind=openmeter",
        "sinks.0.url=http://[::1]:8", "sinks.0.batch_size=2", NULL };

static void
begin_one (void)
{
  begin_with (one);
}

#define PLACE(n) "/admin/v1/meter/parked/openmeter/0000000000000000000" #n "-00000"

/* ---- Status ------------------------------------------------------------------- */

START_TEST (how_a_sink_is)
{
  status_is ("sinks.0.name", "openmeter");
  status_is ("sinks.0.kind", "openmeter");
  status_is ("sinks.0.last_success", "null");
  use_times (3);
  turn (2);
  status_is ("sinks.0.state", "starting");
  status_is ("sinks.0.lag_records", "3");
  answer (503);
  status_is ("sinks.0.state", "retrying");
  status_is ("sinks.0.reason", "the server answers 503");
  status_is ("newest", "3");
  turn (10000);
  answer (204);
  status_is ("sinks.0.state", "ok");
  status_is ("sinks.0.reason", "null");
  status_is ("sinks.0.lag_records", "0");
  status_is ("sinks.0.position", "3");
  status_is ("sinks.0.confirmed", "3");
  status_is ("sinks.0.dedupe", "unknown");
  balanced ();
}
END_TEST

START_TEST (the_breaker)
{
  int i;
  use_times (1);
  turn (2);
  status_is ("sinks.0.breaker", "closed");
  for (i = 0; i < 6; i++) {
    answer (-ETIMEDOUT);
    status_is ("sinks.0.breaker", i < 4 ? "closed" : "open");
    turn (60000);
  }
  status_is ("sinks.0.breaker", "half_open");
  answer (204);
  status_is ("sinks.0.breaker", "closed");
}
END_TEST

/* What was counted outlives the process, and is counted once. */
START_TEST (counts_stay)
{
  int i;
  park (2);
  use_times (5);
  get ("/use?n=3");
  for (i = 0; i < 4; i++) {
    turn (1100);
    if (!last_call ()->delivered)
      answer (204);
  }
  balanced ();
  status_is ("sinks.0.confirmed", "8");
  status_is ("sinks.0.parked", "2");
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_close (fake);
  open_with (one);
  turn (1100);
  status_is ("sinks.0.confirmed", "8");
  balanced ();
}
END_TEST

static void
configure (const char *const *conf)
{
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_close (fake);
  open_with (conf);
  turn (1100);
}

/* A sink that is not configured any more: its place is kept until an operator ends it. */
START_TEST (one_is_taken_out)
{
  static const char *const other[]
      = { "sinks.0.name=other", "sinks.0.kind=openmeter", "sinks.0.url=http://[::1]:8", NULL };
  kg_req *req;
  use_times (3);
  turn (2);
  answer (204);
  turn (1100);
  status_is ("left", "[]");
  ck_assert_ptr_null (strstr (fake_logged (fake), "not configured any more"));
  req = operate ("DELETE", "/admin/v1/meter/cursors/openmeter");
  ck_assert_int_eq (fake_status (req), 409);
  configure (other);
  use_times (2);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_cursors_left", NULL), 1);
  status_is ("left.0.cursor", "openmeter");
  status_is ("left.0.position", "3");
  status_is ("left.0.lag_records", "2");
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "kgentctl meter forget openmeter"));
  configure (one); /* it goes on where it was */
  status_is ("left.0.cursor", "sink.other");
  ck_assert_ptr_null (strstr (last_call ()->body, fake_log_id (fake, "usage", 2)));
  ck_assert_ptr_nonnull (strstr (last_call ()->body, fake_log_id (fake, "usage", 3)));
  req = operate ("DELETE", "/admin/v1/meter/cursors/rollup");
  ck_assert_int_eq (fake_status (req), 404);
  req = operate ("DELETE", "/admin/v1/meter/cursors/sink.nobody");
  ck_assert_int_eq (fake_status (req), 404);
  req = operate ("DELETE", "/admin/v1/meter/cursors/sink.other");
  ck_assert_int_eq (fake_status (req), 204);
  status_is ("left", "[]");
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_cursors_left", NULL), 0);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "sink.other was forgotten by olga"));
}
END_TEST

/* Who comes back after it was forgotten begins nothing anew. */
START_TEST (one_comes_back)
{
  use_times (3);
  turn (2);
  answer (204);
  turn (1100);
  configure (NULL);
  ck_assert_int_eq (fake_status (operate ("DELETE", "/admin/v1/meter/cursors/openmeter")), 204);
  configure (one);
  answer (200); /* the probe */
  use_times (1);
  turn (1100);
  ck_assert_ptr_null (strstr (last_call ()->body, fake_log_id (fake, "usage", 2)));
  ck_assert_ptr_nonnull (strstr (last_call ()->body, fake_log_id (fake, "usage", 3)));
  answer (204);
  balanced ();
  status_is ("sinks.0.confirmed", "4");
  status_is ("sinks.0.position", "4");
}
END_TEST

/* What is lost behind the sink's back is noticed. */
START_TEST (a_loss_shows)
{
  park (2);
  balanced ();
  fake_store_put (fake, "metering.parked", "openmeter/00000000000000000002-00000", NULL);
  turn (1100);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_unaccounted", "openmeter"), 1);
}
END_TEST

/* Another process was faster: what it did counts, and the rest is sent again. */
START_TEST (two_processes)
{
  use_times (3);
  turn (2);
  fake_store_put (fake, "metering.sinks", "openmeter",
                  "{\"skip\":0,\"dedupe\":0,\"after\":2,\"confirmed\":2,\"counted\":0,\"events\":0}");
  answer (204);
  turn (1100);
  ck_assert_ptr_null (strstr (last_call ()->body, fake_log_id (fake, "usage", 1)));
  ck_assert_ptr_nonnull (strstr (last_call ()->body, fake_log_id (fake, "usage", 2)));
  answer (204);
  balanced ();
  status_is ("sinks.0.confirmed", "3");
}
END_TEST

START_TEST (each_sink_by_itself)
{
  begin_with (two);
  use_times (4);
  turn (2);
  ck_assert_int_eq (fake_http_count (fake), 2);
  ck_assert_str_eq (fake_http_call (fake, 0)->url, "http://127.0.0.1:9/api/v1/events");
  ck_assert_str_eq (fake_http_call (fake, 1)->url, "http://[::1]:8/api/v1/events");
  fake_http_reply (fake, 204, NULL, "", -1);
  fake_http_reply (fake, 401, NULL, "", -1);
  fake_http_deliver (fake);
  fake_run_jobs (fake);
  status_is ("sinks.0.lag_records", "0");
  status_is ("sinks.1.lag_records", "4");
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
  ck_assert_int_eq (fake_health (fake, "sink_second"), KG_HEALTH_DOWN);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_sink_stopped", "second"), 1);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_sink_events_total", "openmeter"), 4);
  end ();
}
END_TEST

static const struct {
  const char *conf[4], *why;
} wrong[] = {
  { { "sinks.0.name=A", "sinks.0.kind=openmeter", "sinks.0.url=http://a", NULL }, "is no name" },
  { { "sinks.0.name=a", "sinks.0.kind=openmeter", "sinks.0.url=ftp://a", NULL },
    "is no http or https URL" },
  { { "sinks.0.name=a", "sinks.0.kind=pigeon", NULL }, "choices" },
  { { "url=http://a", "sinks.0.name=openmeter", "sinks.0.kind=openmeter", NULL }, "twice" },
};

START_TEST (wrong_sinks)
{
  fake = fake_new ();
  fake_services (fake);
  ck_assert (fake_open (fake, &kg_plugin_1, wrong[_i].conf));
  ck_assert_msg (strstr (fake_logged (fake), wrong[_i].why)
                     || strstr (fake_error (fake), wrong[_i].why),
                 "%s %s", fake_logged (fake), fake_error (fake));
  fake_free (fake);
}
END_TEST

/* ---- Parked ------------------------------------------------------------------- */

START_TEST (parked_events_are_listed)
{
  kg_req *req;
  park (3);
  req = operate ("GET", "/admin/v1/meter/parked?limit=2");
  ck_assert_str_eq (fake_json (req, "parked.0.sink"), "openmeter");
  ck_assert_str_eq (fake_json (req, "parked.0.place"), "00000000000000000001-00000");
  ck_assert_str_eq (fake_json (req, "parked.1.status"), "400");
  ck_assert_str_eq (fake_json (req, "parked.1.reason"), "the server answers 400");
  ck_assert_str_eq (fake_json (req, "parked.1.id"), fake_log_id (fake, "usage", 1));
  ck_assert_str_eq (fake_json (req, "parked.1.event.type"), "agentese.invoke");
  ck_assert_ptr_null (fake_json (req, "parked.2.sink"));
  ck_assert_str_eq (fake_json (req, "next"), "openmeter/00000000000000000002-00000");
  req = operate ("GET", "/admin/v1/meter/parked?sink=openmeter&after=openmeter/"
                        "00000000000000000002-00000");
  ck_assert_str_eq (fake_json (req, "parked.0.place"), "00000000000000000003-00000");
  ck_assert_str_eq (fake_json (req, "next"), "null");
  req = operate ("GET", PLACE (2));
  ck_assert_str_eq (fake_json (req, "id"), fake_log_id (fake, "usage", 1));
  ck_assert_int_eq (fake_status (operate ("GET", PLACE (4))), 404);
  ck_assert_int_eq (fake_status (operate ("GET", "/admin/v1/meter/parked?limit=0")), 422);
  req = operate ("GET", "/admin/v1/meter/parked?sink=other");
  ck_assert_str_eq (fake_body (req), "{\"parked\":[],\"next\":null}");
}
END_TEST

START_TEST (one_is_tried_again)
{
  park (3);
  ck_assert_int_eq (fake_status (operate ("POST", PLACE (2))), 202);
  ck_assert_ptr_nonnull (strstr (last_call ()->body, fake_log_id (fake, "usage", 1)));
  ck_assert_ptr_null (strstr (last_call ()->body, fake_log_id (fake, "usage", 0)));
  ck_assert_ptr_null (strstr (last_call ()->body, fake_log_id (fake, "usage", 2)));
  answer (204);
  balanced ();
  status_is ("sinks.0.parked", "2");
  status_is ("sinks.0.confirmed", "1");
  ck_assert_int_eq (fake_status (operate ("GET", PLACE (2))), 404);
}
END_TEST

/* A page goes through what it shows and its neighbours, wherever it lies. */
START_TEST (pages_cost_the_same)
{
  char target[128] = "/admin/v1/meter/parked?limit=100", key[64];
  int i, pages = 0;
  park (1);
  for (i = 2999; i > 0; i--) {
    snprintf (key, sizeof key, "openmeter/%020d-00000", 1000000 + i);
    fake_store_put (fake, "metering.parked", key, "{\"status\":400}");
  }
  for (;; pages++) {
    uint64_t scanned = fake_store_scanned (fake);
    kg_req *req = operate ("GET", target);
    ck_assert_uint_le (fake_store_scanned (fake) - scanned, 102);
    ck_assert_ptr_nonnull (fake_json (req, "parked.99.place"));
    if (!strcmp (fake_json (req, "next"), "null"))
      break;
    snprintf (target, sizeof target, "/admin/v1/meter/parked?limit=100&after=%s",
              fake_json (req, "next"));
  }
  ck_assert_int_eq (pages, 29);
}
END_TEST

/* Those that are refused again stay; the others go. */
START_TEST (all_are_tried_again)
{
  char needle[128];
  int i;
  park (6);
  snprintf (needle, sizeof needle, "\"id\":\"%s\"", fake_log_id (fake, "usage", 3));
  ck_assert_int_eq (fake_status (operate ("POST", "/admin/v1/meter/parked/openmeter")), 202);
  for (i = 0; i < 50 && !last_call ()->delivered; i++)
    answer (strstr (last_call ()->body, needle) ? 400 : 204);
  balanced ();
  status_is ("sinks.0.parked", "1");
  status_is ("sinks.0.confirmed", "5");
  ck_assert_int_eq (fake_status (operate ("GET", PLACE (4))), 200);
  use_times (1);
  turn (1100);
  answer (204);
  balanced ();
}
END_TEST

/* New events come between; each that is parked is tried all the same, and only once. */
START_TEST (new_events_come_amid_a_retry)
{
  int i;
  park (6);
  ck_assert_int_eq (fake_status (operate ("POST", "/admin/v1/meter/parked/openmeter")), 202);
  use_times (8);
  for (i = 0; i < 50; i++) {
    turn (1100);
    if (!last_call ()->delivered)
      answer (strcmp (last_call ()->method, "POST") ? 200 : 204);
  }
  balanced ();
  status_is ("sinks.0.parked", "0");
  status_is ("sinks.0.confirmed", "14");
}
END_TEST

START_TEST (one_is_dropped)
{
  park (2);
  ck_assert_int_eq (fake_status (operate ("DELETE", PLACE (1))), 204);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "was dropped by olga"));
  ck_assert_int_eq (fake_status (operate ("DELETE", PLACE (1))), 404);
  ck_assert_int_eq (fake_status (operate ("DELETE", "/admin/v1/meter/parked/x/1")), 404);
  balanced ();
  status_is ("sinks.0.parked", "1");
  status_is ("sinks.0.dropped", "1");
}
END_TEST

/* Another process wrote the tally meanwhile; the operator need not know. */
START_TEST (a_drop_is_overtaken)
{
  park (2);
  fake_store_put (fake, "metering.sinks", "openmeter",
                  "{\"skip\":0,\"dedupe\":0,\"after\":2,\"confirmed\":0,\"counted\":0,\"events\":0}");
  ck_assert_int_eq (fake_status (operate ("DELETE", PLACE (1))), 204);
  ck_assert_int_eq (fake_status (operate ("DELETE", PLACE (1))), 404);
  balanced ();
  status_is ("sinks.0.dropped", "1");
}
END_TEST

START_TEST (a_drop_needs_the_disk)
{
  park (1);
  fake_store_fail (fake, -ENOSPC, -1);
  ck_assert_int_eq (fake_status (operate ("DELETE", PLACE (1))), 503);
  fake_store_fail (fake, 0, 0);
  balanced ();
  status_is ("sinks.0.parked", "1");
}
END_TEST

START_TEST (only_operators_may)
{
  fake_as (fake, &tenant, 1, 0);
  ck_assert_int_eq (get ("/admin/v1/meter/status"), 403);
  ck_assert_int_eq (get ("/admin/v1/meter/parked"), 403);
}
END_TEST

/* ---- Events from outside -------------------------------------------------------- */

static kg_log *usage_log;

static int32_t
sender_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  const struct kg_store *store = NULL;
  (void)conf;
  *ret_data = NULL;
  h->need (self, KG_STORE, sizeof *store, 0, (const void **)&store);
  return store->log (self, "usage", 0, 400, &usage_log);
}

static const struct kg_plugin sender
    = { KG_ABI_TARGET,    sizeof sender,  sizeof (struct kg_opt), 0,
        .name = "sender", .version = "1", .summary = "ingests",   .open = sender_open };

/* They leave as they came, id, time, subject and extensions, with their tenant in the source. */
START_TEST (events_from_outside)
{
  static const char record[]
      = "{\"tenant\":\"acme\",\"time\":1700000000000000000,\"events\":["
        "{\"type\":\"chat.turn\",\"id\":\"e\\u00e9\\\"1\",\"source\":\"crm\","
        "\"time\":\"2026-11-01T10:00:00.5+01:00\",\"subject\":\"acme-eu\","
        "\"ext\":{\"corrects\":\"e0\",\"priority\":3},\"data\":{\"tokens\":-5}},"
        "{\"type\":\"note\",\"id\":\"e2\",\"source\":\"crm\","
        "\"ext\":{\"datacontenttype\":\"text/plain\",\"type\":\"forged\"},\"data\":\"hi\"},"
        "{\"type\":\"ping\",\"id\":\"e3\",\"source\":\"crm\"}]}";
  static const char want[]
      = "[{\"specversion\":\"1.0\",\"id\":\"e\\u00e9\\\"1\",\"source\":\"kgents-api/acme#crm\",\"originsource\":\"crm\","
        "\"type\":\"chat.turn\",\"subject\":\"acme-eu\","
        "\"time\":\"2026-11-01T10:00:00.5+01:00\",\"datacontenttype\":\"application/json\","
        "\"corrects\":\"e0\",\"priority\":3,\"data\":{\"tokens\":-5}},"
        "{\"specversion\":\"1.0\",\"id\":\"e2\",\"source\":\"kgents-api/acme#crm\",\"originsource\":\"crm\",\"type\":\"note\","
        "\"subject\":\"acme\",\"time\":\"2023-11-14T22:13:20.000000+00:00\","
        "\"datacontenttype\":\"text/plain\",\"data\":\"hi\"},"
        "{\"specversion\":\"1.0\",\"id\":\"e3\",\"source\":\"kgents-api/acme#crm\",\"originsource\":\"crm\",\"type\":\"ping\","
        "\"subject\":\"acme\",\"time\":\"2023-11-14T22:13:20.000000+00:00\"}]";
  const struct kg_store *store;
  struct kg_op op = { .kind = KG_OP_APPEND, .value = { record, sizeof record - 1 } };
  fake = fake_new ();
  fake_services (fake);
  ck_assert (!fake_open (fake, &sender, NULL));
  open_with (one);
  store = fake_service (fake, KG_STORE);
  op.log = usage_log;
  ck_assert_int_eq (store->write (fake_self (fake), &op, 1, sizeof op, NULL, NULL), 0);
  fake_store_commit (fake);
  turn (1100);
  ck_assert_str_eq (last_call ()->body, want);
  answer (204);
  balanced ();
  status_is ("sinks.0.confirmed", "3");
  end ();
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("metering-sinks");
  TCase *x = tcase_create ("one"), *own = tcase_create ("configurations");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (x, begin_one, end);
  tcase_add_test (x, how_a_sink_is);
  tcase_add_test (x, the_breaker);
  tcase_add_test (x, counts_stay);
  tcase_add_test (x, one_is_taken_out);
  tcase_add_test (x, one_comes_back);
  tcase_add_test (x, a_loss_shows);
  tcase_add_test (x, two_processes);
  tcase_add_test (x, parked_events_are_listed);
  tcase_add_test (x, pages_cost_the_same);
  tcase_add_test (x, one_is_tried_again);
  tcase_add_test (x, all_are_tried_again);
  tcase_add_test (x, new_events_come_amid_a_retry);
  tcase_add_test (x, one_is_dropped);
  tcase_add_test (x, a_drop_is_overtaken);
  tcase_add_test (x, a_drop_needs_the_disk);
  tcase_add_test (x, only_operators_may);
  tcase_add_test (own, events_from_outside);
  tcase_add_test (own, each_sink_by_itself);
  tcase_add_loop_test (own, wrong_sinks, 0, (int)(sizeof wrong / sizeof wrong[0]));
  suite_add_tcase (s, x);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
